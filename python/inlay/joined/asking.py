"""From a question to ranked evidence, over whichever source has the rows."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from inlay._arguments import at_least, non_empty, number_between
from inlay._exceptions import InvalidArgumentError
from inlay.joined.candidate import Candidate, Question, ranked
from inlay.joined.entity import entity_of, known_places, members
from inlay.joined.evidence import Context
from inlay.joined.happenings import events, happenings, spans, straggling_ranks, verdicts
from inlay.joined.intervals import Interval
from inlay.joined.measures import STEP_COLUMNS, slow_steps, unusual_points
from inlay.joined.scoring import Focus
from inlay.joined.source import Wanted, filtered
from inlay.joined.subject import (
    Subject,
    checked_trace_id,
    clock,
    microseconds,
    subject_of_step,
    subject_of_time,
    subject_of_trace,
)
from inlay.joined.unusual import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.joined.happenings import Happening
    from inlay.joined.source import Source

__all__ = ["Asked", "ask"]

# How far clocks of one job may be apart, and what a request drags along, in seconds.
_MARGIN = 1.0
_TIME_MARGIN = 5.0
_MOST_SECONDS = 1e10
_STEP_BITS = 63
_MOST_NAMED = 16
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_USED_MEMORY = "gpu.process.memory"
_PLACE = ["time", "start_time", "origin", "metric", "attrs", "resource", "value"]


class Asked:
    """A question, checked. Immutable.

    Parameters
    ----------
    trace_id, time, step, end, rank, host, gpu, margin, lookback, history, most
        As `inlay.context` takes them.

    Raises
    ------
    InvalidArgumentError
        If it is none, or several at once, or a value is out of range.
    TypeError
        If a value is of the wrong kind.
    """

    def __init__(
        self,
        *,
        trace_id: str | None = None,
        time: float | datetime.datetime | None = None,
        step: int | None = None,
        end: float | datetime.datetime | None = None,
        rank: int | None = None,
        host: str | None = None,
        gpu: str | None = None,
        margin: float | None = None,
        lookback: float = 60.0,
        history: float = 3600.0,
        most: int = 50,
    ) -> None:
        given = {"trace_id": trace_id, "step": step, "time": time}
        named = [name for name, value in given.items() if value is not None]
        # A time beside a step says which of several runs of it.
        if len(named) != 1 and named != ["step", "time"]:
            message = (
                "exactly one of trace_id=, time= and step= says what is asked for, got "
                f"{', '.join(f'{name}={given[name]!r}' for name in named) or 'none'}"
            )
            raise InvalidArgumentError(message)
        if end is not None and (time is None or step is not None):
            message = f"end= needs time= alone, got end={end!r}"
            raise InvalidArgumentError(message)
        self.trace_id = None if trace_id is None else checked_trace_id(trace_id)
        self.step = None if step is None else at_least("step", step)
        if self.step is not None and self.step.bit_length() > _STEP_BITS:
            message = f"step must be an integer of 64 bits: {step!r}"
            raise InvalidArgumentError(message)
        self.rank = None if rank is None else at_least("rank", rank)
        self.host = None if host is None else non_empty("host", host)
        self.gpu = None if gpu is None else non_empty("gpu", gpu)
        self.time = None if time is None else microseconds("time", time)
        self.end = None if end is None else microseconds("end", end)
        if self.time is not None and self.end is not None and self.end < self.time:
            message = f"end must not be before time, {clock(self.time)}: {clock(self.end)}"
            raise InvalidArgumentError(message)
        self.margin = None if margin is None else _seconds("margin", margin)
        self.lookback = _seconds("lookback", lookback)
        self.history = _seconds("history", history)
        self.most = at_least("most", most, 1)

    def resolve(self, source: Source) -> Subject:
        """Return the span of time and the place, as far as rows tell."""
        if self.trace_id is not None:
            return subject_of_trace(source, self.trace_id)
        if self.step is not None:
            return subject_of_step(source, self.step, rank=self.rank, near=self.time)
        assert self.time is not None
        wide = _TIME_MARGIN if self.margin is None else self.margin
        return subject_of_time(self.time, self.end, wide)

    def narrowed(self, focus: Focus) -> Focus:
        """Return the focus with what the caller knows in the place of what rows tell."""
        if self.host is not None:
            focus = focus._replace(hosts=frozenset((self.host,)))
        if self.gpu is not None:
            focus = focus._replace(gpus=frozenset((self.gpu,)))
        if self.rank is not None:
            focus = focus._replace(ranks=frozenset((str(self.rank),)))
        return focus


def _seconds(name: str, number: float) -> float:
    """Check a length of time; longer ones than there are dates are as good as these."""
    return min(number_between(name, number, 0.0), _MOST_SECONDS)


def ask(source: Source, asked: Asked) -> Context:
    """Gather the evidence and rank it.

    Raises
    ------
    InvalidArgumentError
        If an id or a step is not there, or fits several.
    """
    subject = asked.resolve(source)
    span = subject.span
    past = round(asked.history * 1e6)
    margin = round((_MARGIN if asked.margin is None else asked.margin) * 1e6)
    lookback = round(asked.lookback * 1e6)
    question = Question(
        span,
        subject.focus,
        margin,
        lookback,
        Interval(span.start - max(past, margin, lookback), span.end + max(past, margin)),
    )
    wanted = Wanted(within=question.history)
    hosts = frozenset[str]() if asked.host is None else source.hosts(question.history)
    source.look_near(asked.narrowed(subject.focus), question.history)
    points = source.read("points", COLUMNS, wanted)
    steps = source.read("steps", STEP_COLUMNS, wanted)
    found = happenings(source, question)
    near = _near(points, span)
    notes = [*subject.notes, *_unplaced(asked, subject.focus, hosts, (points, steps), found)]

    focus = subject.focus
    if subject.step is not None and asked.rank is None and len(focus.ranks) > 1:
        slow = straggling_ranks(found, question) & focus.ranks
        if slow:
            origins = _origins_of(steps, slow)
            focus = _of_origins(focus, origins, near, steps)._replace(ranks=slow)
            notes.append(f"rank {', '.join(sorted(slow))} straggles: it is looked at")
    focus = asked.narrowed(_completed(focus, near, points))
    question = question._replace(focus=focus)

    candidates: list[Candidate] = [
        *events(found, question),
        *verdicts(source, question),
        *spans(source, question),
        *slow_steps(steps, question),
        *(() if points is None else unusual_points(points, question)),
    ]
    evidence, left_out = ranked(candidates, asked.most)
    notes.extend(source.notes)
    start, end = (_EPOCH + datetime.timedelta(microseconds=us) for us in span)
    context = Context(
        subject.text, start, end, focus, evidence, notes=tuple(notes), left_out=left_out
    )
    if not evidence and (near is None or near.num_rows == 0):
        return Context(
            subject.text,
            start,
            end,
            focus,
            status="undefined",
            reason=_no_data(source),
            notes=tuple(notes),
        )
    return context


def _unplaced(
    asked: Asked,
    focus: Focus,
    hosts: frozenset[str],
    tables: Sequence[pa.Table | None],
    found: Sequence[Happening],
) -> list[str]:
    """Return notes on the places asked for where no row around names any of their kind.

    Raises
    ------
    InvalidArgumentError
        If rows do, and it is none of them.
    """
    given = {"host": asked.host, "gpu": asked.gpu, "rank": asked.rank}
    if all(place is None for place in given.values()):
        return []
    known = known_places(tables, found, focus)
    known = known._replace(hosts=known.hosts | hosts)
    notes = []
    for (name, place), names in zip(given.items(), known, strict=True):
        if place is None or str(place) in names:
            continue
        if names:
            message = f"no row around that time is of {name} {place!r}; known: {_some(names)}"
            raise InvalidArgumentError(message)
        notes.append(f"no row around that time names a {name}: {name} {place!r} tells nothing")
    return notes


def _some(names: frozenset[str]) -> str:
    """Return the first of some names, in their order."""
    first = sorted(names, key=lambda name: (len(name), name))[:_MOST_NAMED]
    return ", ".join(first) + (", …" if len(names) > len(first) else "")


def _no_data(source: Source) -> str:
    extent = source.extent()
    if extent is None:
        return f"{source.place} has no windows"
    first, last = (_EPOCH + datetime.timedelta(microseconds=us) for us in extent)
    return f"{source.place} has no window of that time; there is {first:%F %T} to {last:%F %T} UTC"


def _near(points: pa.Table | None, span: Interval) -> pa.Table | None:
    """Return the points of the windows that meet the span."""
    if points is None:
        return None
    return filtered(points.select(_PLACE), Wanted(within=span))


def _completed(focus: Focus, near: pa.Table | None, points: pa.Table | None) -> Focus:
    """Add the hosts and GPUs of the processes that are known, as their points tell.

    Those of the windows at the time, or of any where these do not tell: not every gauge is read in
    every window.
    """
    for table in (near, points):
        if table is None or table.num_rows == 0 or not focus.origins:
            continue
        if not focus.hosts:
            focus = focus._replace(hosts=_hosts(focus.origins, table))
        if not focus.gpus:
            focus = focus._replace(gpus=_gpus(focus.origins, table))
    return focus


def _hosts(origins: frozenset[int], points: pa.Table) -> frozenset[str]:
    texts = points.select(["resource"]).filter(_of(origins, points))["resource"]
    hosts = {entity_of({}, members(text)).host for text in pc.unique(texts).to_pylist()}
    return frozenset(host for host in hosts if host is not None)


def _gpus(origins: frozenset[int], points: pa.Table) -> frozenset[str]:
    """Return the GPUs on which the processes have memory."""
    rows = points.select(["origin", "attrs", "value"]).filter(
        pc.equal(points["metric"], _USED_MEMORY)
    )
    used = pc.and_(_of(origins, rows), pc.fill_null(pc.greater(rows["value"], 0.0), False))
    texts = pc.unique(rows.filter(used)["attrs"]).to_pylist()
    gpus = {entity_of(members(text), {}).gpu for text in texts}
    return frozenset(gpu for gpu in gpus if gpu is not None)


def _of(origins: frozenset[int], rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["origin"], pa.array(sorted(origins), pa.int64()))


def _origins_of(steps: pa.Table | None, ranks: frozenset[str]) -> frozenset[int]:
    if steps is None:
        return frozenset()
    pairs = steps.group_by(["origin", "rank"]).aggregate([]).to_pylist()
    return frozenset(pair["origin"] for pair in pairs if str(pair["rank"]) in ranks)


def _of_origins(
    focus: Focus, origins: frozenset[int], points: pa.Table | None, steps: pa.Table | None
) -> Focus:
    """Return the focus of some of its processes alone."""
    if not origins:
        return focus
    hosts: set[str] = set()
    gpus: set[str] = set()
    for table in (steps, points):
        if table is None or table.num_rows == 0:
            continue
        ours = table.select(["origin", "resource"]).filter(_of(origins, table))
        for text in pc.unique(ours["resource"]).to_pylist():
            entity = entity_of({}, members(text))
            hosts.update(() if entity.host is None else (entity.host,))
            gpus.update(() if entity.gpu is None else (entity.gpu,))
    return focus._replace(hosts=frozenset(hosts), gpus=frozenset(gpus), origins=origins)
