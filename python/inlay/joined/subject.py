"""What a question is about: from an id, a step or a moment to a span of time and a place."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._arguments import moment_us, non_empty
from inlay._exceptions import InvalidArgumentError
from inlay.joined.entity import entity_of, members
from inlay.joined.intervals import Interval
from inlay.joined.scoring import Focus
from inlay.joined.source import EVENT_COLUMNS, Wanted
from inlay.report.formats import counted

if TYPE_CHECKING:
    from inlay.joined.source import Source

__all__ = [
    "Subject",
    "checked_trace_id",
    "clock",
    "microseconds",
    "subject_of_step",
    "subject_of_time",
    "subject_of_trace",
]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# Dates end before this and the longest history do.
_FURTHEST_US = 50_000_000_000_000_000
_HEX = re.compile(r"[0-9a-f]{1,32}")
_DIGITS = 32
# What people paste of an id; shorter ones fit too many.
_LEAST_PREFIX = 8
_MOST_NAMED = 5
_EXEMPLAR = ("time", "origin", "series_id", "value", "trace_id", "attrs")


class Subject(NamedTuple):
    """What is explained.

    Attributes
    ----------
    text : str
        How it is called.
    span : Interval
        When it was.
    focus : Focus
        Where it was.
    notes : tuple of str
        What was taken for granted.
    step : int or None
        Of a training step.
    """

    text: str
    span: Interval
    focus: Focus
    notes: tuple[str, ...] = ()
    step: int | None = None


def microseconds(name: str, moment: float | datetime.datetime) -> int:
    """Return a moment as microseconds of Unix time.

    Raises
    ------
    TypeError
        If it is neither a number nor a datetime.
    InvalidArgumentError
        If it is not finite, centuries away, or has no time zone.
    """
    found = moment_us(name, moment)
    if abs(found) > _FURTHEST_US:
        message = f"{name} must be within 1,500 years of 1970: {moment}"
        raise InvalidArgumentError(message)
    return found


def clock(time_us: int) -> str:
    """Return a moment for people, in UTC, to the millisecond."""
    return f"{_EPOCH + datetime.timedelta(microseconds=time_us):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def subject_of_time(start: int, end: int | None, margin: float) -> Subject:
    """Return a moment, widened by a margin in seconds, or what lies between two."""
    last = start if end is None else end
    wide = round(margin * 1e6) if end is None else 0
    said = f"time {clock(start)}" if end is None else f"{clock(start)} to {clock(last)}"
    return Subject(said, Interval(start - wide, max(last + wide, start - wide + 1)), Focus())


def checked_trace_id(trace_id: str) -> str:
    """Return a trace id, or the beginning of one, as rows have it.

    Raises
    ------
    TypeError
        If it is no string.
    InvalidArgumentError
        If it is no id, or too little of one.
    """
    wanted = non_empty("trace_id", trace_id).strip().lower()
    if not _HEX.fullmatch(wanted):
        message = f"trace_id must be up to 32 hexadecimal digits: {trace_id!r}"
        raise InvalidArgumentError(message)
    if len(wanted) < _LEAST_PREFIX:
        message = f"trace_id must be {_LEAST_PREFIX} digits of an id at least: {trace_id!r}"
        raise InvalidArgumentError(message)
    return wanted


def subject_of_trace(source: Source, wanted_id: str) -> Subject:
    """Return when and where a request was, by its trace id.

    Its spans tell; without any its exemplars, one of a duration in seconds having begun so long
    before it was recorded; and without these its events.

    Raises
    ------
    InvalidArgumentError
        If there is none of that id, or the beginning of an id fits several.
    """
    is_prefix = len(wanted_id) < _DIGITS
    values = (wanted_id,) if is_prefix else (wanted_id, wanted_id.upper())
    wanted = Wanted(column="trace_id", values=values, prefix=is_prefix)
    spans = _rows(source, "spans", None, wanted)
    events = _rows(source, "events", EVENT_COLUMNS, wanted)
    exemplars = _rows(source, "exemplars", _EXEMPLAR, wanted)
    found = sorted({row["trace_id"].lower() for row in (*spans, *events, *exemplars)})
    if not found:
        message = (
            f"no span, event or exemplar in {source.place} has the trace id {wanted_id!r}; of "
            "spans and exemplars a sample is kept, the slowest and those with errors first"
        )
        raise InvalidArgumentError(message)
    if len(found) > 1:
        more = ", …" if len(found) > _MOST_NAMED else ""
        message = (
            f"{len(found)} traces begin like this: {', '.join(found[:_MOST_NAMED])}{more}; "
            f"got {wanted_id!r}"
        )
        raise InvalidArgumentError(message)
    if spans:
        intervals = [Interval(_us(row["start_time"]), _us(row["time"])) for row in spans]
        rows: Sequence[Any] = spans
        by = counted(len(spans), "span")
    elif exemplars:
        seconds = _durations(source, {row["series_id"] for row in exemplars})
        intervals = [
            Interval(
                _us(row["time"])
                - (max(0, round(row["value"] * 1e6)) if row["series_id"] in seconds else 0),
                _us(row["time"]),
            )
            for row in exemplars
        ]
        rows, by = exemplars, f"{counted(len(exemplars), 'exemplar')}, without a span"
    else:
        intervals = [
            Interval(_us(row["time"]), _us(row["end_time"] or row["time"])) for row in events
        ]
        rows, by = events, f"{counted(len(events), 'event')}, without a span"
    span = _hull(intervals)
    focus = _focus((*rows, *events), frozenset(found))
    notes = () if spans else (f"when it was is known by its {by}",)
    return Subject(f"trace {found[0]}", span, focus, notes)


def subject_of_step(source: Source, step: int, *, rank: int | None, near: int | None) -> Subject:
    """Return when and where a training step was.

    Raises
    ------
    InvalidArgumentError
        If there is no such step, or a rank ran it more than once and no moment says which.
    """
    rows = _rows(source, "steps", None, Wanted(column="step", values=(step,)))
    where = "" if rank is None else f" of rank {rank}"
    if rank is not None:
        rows = [row for row in rows if row.get("rank") == rank]
    if not rows:
        message = f"no row of the table steps in {source.place} is of step {step}{where}"
        raise InvalidArgumentError(message)
    by_rank: dict[Any, list[Any]] = {}
    for row in rows:
        by_rank.setdefault(row.get("rank"), []).append(row)
    notes: tuple[str, ...] = ()
    if any(len(runs) > 1 for runs in by_rank.values()):
        if near is None:
            times = sorted({clock(_us(row["time"])) for row in rows})
            message = (
                f"step {step}{where} was run more than once, until {', '.join(times)}: "
                f"time= says which, got {step!r}"
            )
            raise InvalidArgumentError(message)
        rows = [min(runs, key=lambda row: _gap(row, near)) for runs in by_rank.values()]
        notes = ("it was run more than once: the run nearest to the time given",)
    span = _hull([Interval(_us(row["start_time"]), _us(row["time"])) for row in rows])
    focus = _focus(rows, frozenset())
    ranks = frozenset(str(row["rank"]) for row in rows if row.get("rank") is not None)
    return Subject(f"step {step}{where}", span, focus._replace(ranks=ranks), notes, step)


def _rows(
    source: Source, name: str, columns: Sequence[str] | None, wanted: Wanted
) -> list[dict[str, Any]]:
    table = source.read(name, columns, wanted)
    if table is None:
        return []
    # The same row delivered twice is one.
    return list({repr(row): row for row in table.to_pylist()}.values())


def _durations(source: Source, series: set[int]) -> set[int]:
    """Return which series are durations in seconds."""
    wanted = Wanted(column="series_id", values=tuple(sorted(series)))
    table = source.read("points", ("series_id", "unit"), wanted)
    if table is None:
        return set()
    pairs = table.group_by(["series_id", "unit"]).aggregate([]).to_pylist()
    return {pair["series_id"] for pair in pairs if pair["unit"] == "s"}


def _focus(rows: Iterable[dict[str, Any]], traces: frozenset[str]) -> Focus:
    entities, origins = set(), set()
    for row in rows:
        entities.add(entity_of(members(row["attrs"] or "{}"), members(row.get("resource") or "{}")))
        origins.add(row["origin"])
    return Focus(
        frozenset(e.host for e in entities if e.host is not None),
        frozenset(e.gpu for e in entities if e.gpu is not None),
        frozenset(e.rank for e in entities if e.rank is not None),
        frozenset(origins),
        traces,
    )


def _hull(intervals: Sequence[Interval]) -> Interval:
    start = min(one.start for one in intervals)
    return Interval(start, max(max(one.end for one in intervals), start + 1))


def _gap(row: dict[str, Any], moment: int) -> int:
    return max(_us(row["start_time"]) - moment, moment - _us(row["time"]), 0)


def _us(moment: datetime.datetime) -> int:
    return microseconds("a time", moment)
