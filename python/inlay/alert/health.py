"""Whether a process is well: what fails now, and what it makes of the whole."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay._arguments import LAYERS, one_of, seconds_of, texts
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.alert.trigger import When

if TYPE_CHECKING:
    from inlay.observer import Observer
    from inlay.table import Batch

__all__ = ["Health", "HealthPolicy", "HealthState", "HealthWatch", "Reason"]

_EFFECTS = ("degraded", "not_ready", "not_live")
_SEVERITIES = {"ok": "info", "degraded": "warning", "not_ready": "error", "not_live": "error"}
_ERROR = 17
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# What is remembered of each kind; the oldest goes first.
_MOST_EVENTS, _MOST_SUBJECTS = 1000, 10_000
_MOST_IN_BODY = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not as it should be.

    Attributes
    ----------
    source : str
        ``"observer"``, ``"sink"``, ``"window"``, ``"probe"``, ``"verdict"`` or ``"event"``.
    name : str
        Which: of a sink, a probe, a metric, an event.
    effect : str
        ``"degraded"``, ``"not_ready"`` or ``"not_live"``.
    text : str
        A line for people.
    since : datetime or None
        Since when, or when it was, in UTC: of a verdict the start of the first ``yes`` without
        another one between.
    """

    source: str
    name: str
    effect: str
    text: str
    since: datetime.datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        since = None if self.since is None else self.since.isoformat()
        return {**dataclasses.asdict(self), "since": since}


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """What `Observer.health` says.

    Attributes
    ----------
    live : bool
        Whether the process is worth keeping; False asks for a restart.
    ready : bool
        Whether it should be given work.
    reasons : tuple of Reason
        What is wrong, the worst first; also what changes neither.
    """

    live: bool
    ready: bool
    reasons: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, reasons: Iterable[Reason]) -> Health:
        """Return what reasons make: the worst effect decides."""
        found = sorted(
            reasons, key=lambda one: (-_EFFECTS.index(one.effect), one.source, one.name, one.text)
        )
        effects = {one.effect for one in found}
        live = "not_live" not in effects
        return cls(live, live and "not_ready" not in effects, tuple(found))

    @property
    def status(self) -> str:
        """``"ok"``, ``"degraded"``, ``"not_ready"`` or ``"not_live"``."""
        return self.reasons[0].effect if self.reasons else "ok"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "status": self.status,
            "live": self.live,
            "ready": self.ready,
            "reasons": [one.to_dict() for one in self.reasons],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthPolicy:
    """What makes a process degraded, not ready or not live.

    An effect is ``"degraded"`` (said, and nothing more), ``"not_ready"`` (give it no work),
    ``"not_live"`` (restart it) or None (not looked at).

    Parameters
    ----------
    sinks : str or None
        A sink whose last write failed, or whose queue is full.
    windows : str or None
        Windows that do not come, or that a sink has not got, when they are `late`.
    probes : str or None
        Probes and callbacks that raised, or were late, when they last ran.
    verdicts : str or None
        Subjects whose latest verdict says yes.
    errors : str or None
        Events of severity error in the last `within` seconds.
    fatal : str or None
        Those among them that have one of the names `fatal_names`.
    fatal_names : tuple of str
        What no retry mends.
    layers : tuple of str
        Of the events that are looked at: ``"app"``, ``"data"``, ``"model"``, ``"infra"``,
        ``"training"``, ``"self"``.
    when : When, optional
        Which verdicts; all unless given.
    within : float or timedelta
        For how long an event counts, in seconds; a verdict so long, too, or for three times what
        it covers, if no later one takes its place.
    late : float
        After how many windows one that does not come, or is not written, is late.

    Raises
    ------
    InvalidArgumentError
        If a value is none of these.
    """

    sinks: str | None = "degraded"
    windows: str | None = "degraded"
    probes: str | None = "degraded"
    verdicts: str | None = "degraded"
    errors: str | None = "not_ready"
    fatal: str | None = "not_live"
    fatal_names: tuple[str, ...] = ("gpu.lost",)
    layers: tuple[str, ...] = ("infra", "training")
    when: When | None = None
    within: float = 300.0
    late: float = 3.0

    def __post_init__(self) -> None:
        for name in ("sinks", "windows", "probes", "verdicts", "errors", "fatal"):
            effect = getattr(self, name)
            if effect is not None and effect not in _EFFECTS:
                message = f"{name} must be None or one of {', '.join(_EFFECTS)}, got {effect!r}"
                raise InvalidArgumentError(message)
        object.__setattr__(self, "within", seconds_of("within", self.within))
        late: object = self.late
        if not (isinstance(late, (int, float)) and math.isfinite(late) and late > 0.0):
            message = f"late must be a positive number of windows, got {late!r}"
            raise InvalidArgumentError(message)
        for name in ("fatal_names", "layers"):
            object.__setattr__(self, name, texts(name, getattr(self, name)))
        for layer in self.layers:
            one_of("layers", layer, LAYERS)
        when: object = self.when
        if when is not None and not isinstance(when, When):
            message = f"when must be an inlay.alert.When, got {when!r}"
            raise InvalidArgumentError(message)


class HealthState:
    """What windows said that still matters: a function of their rows. Not thread-safe."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        self._events: dict[tuple[Any, ...], Mapping[str, Any]] = {}

    def copy(self) -> HealthState:
        """Return one that can take more without changing this one."""
        other = HealthState()
        other._verdicts, other._events = dict(self._verdicts), dict(self._events)
        return other

    def take(self, batch: Batch) -> None:
        """Take a window's verdicts and errors."""
        if batch.verdicts.num_rows:
            from inlay.alert.stored import plain_verdicts

            for row in plain_verdicts(batch.verdicts.to_pyarrow()):
                self._take_verdict(row)
        if batch.events.num_rows:
            self._take_events(batch.events.to_pyarrow())

    def _take_verdict(self, row: Mapping[str, Any]) -> None:
        key = tuple(row[name] for name in ("origin", "series_id", "method", "judge", "scope"))
        known = self._verdicts.pop(key, None)
        if known is not None and (row["time"], row["revision"]) < (
            known["time"],
            known["revision"],
        ):
            row = known
        elif known is not None and known["verdict"] == row["verdict"]:
            row = {**row, "since": min(known["since"], row["start_time"])}
        else:
            row = {**row, "since": row["start_time"]}
        self._verdicts[key] = row
        if len(self._verdicts) > _MOST_SUBJECTS:
            del self._verdicts[next(iter(self._verdicts))]

    def _take_events(self, events: Any) -> None:
        import pyarrow.compute as pc

        names = ["time", "end_time", "layer", "name", "severity", "body", "attrs"]
        errors = events.select(names).filter(pc.greater_equal(events["severity"], _ERROR))
        for row in errors.to_pylist():
            key = (row["layer"], row["name"], row["attrs"])
            known = self._events.pop(key, None)
            if known is not None and _end(known) > _end(row):
                row = known
            self._events[key] = row
            if len(self._events) > _MOST_EVENTS:
                del self._events[next(iter(self._events))]

    def reasons(self, policy: HealthPolicy, now: datetime.datetime) -> list[Reason]:
        """Return what counts at a moment."""
        found: list[Reason] = []
        for row in self._events.values():
            age = (now - _end(row)).total_seconds()
            fatal = row["name"] in policy.fatal_names
            effect = policy.fatal if fatal else policy.errors
            if effect is not None and age <= policy.within and row["layer"] in policy.layers:
                said = _attributes(row["attrs"])
                body = f": {row['body']}" if row["body"] else ""
                text = f"{row['name']}{said}{body}"
                found.append(Reason("event", row["name"], effect, text, row["time"]))
        if policy.verdicts is None:
            return found
        for row in self._verdicts.values():
            if row["verdict"] != "yes":
                continue
            if policy.when is not None and not (policy.when.covers(row) and policy.when.holds(row)):
                continue
            covered = (row["time"] - row["start_time"]).total_seconds()
            age = (now - max(row["time"], row["observed_time"])).total_seconds()
            if age <= max(policy.within, 3.0 * covered):
                text = f"{row['metric']}{_attributes(row['attrs'])}: {row['method']} says yes"
                found.append(Reason("verdict", row["metric"], policy.verdicts, text, row["since"]))
        return found


class HealthWatch:
    """Follows an observer's windows, and tells when its health changes. Thread-safe."""

    def __init__(self, policy: HealthPolicy) -> None:
        self.policy = policy
        self._lock = new_lock()
        self._state = HealthState()
        self._seen: set[int] = set()
        self._status = "ok"
        self._last_cut_us: int | None = None

    def forked(self) -> None:
        """Begin anew in a forked child."""
        self._lock = new_lock()
        self._state = HealthState()
        self._seen = set()
        self._status = "ok"
        self._last_cut_us = None

    def take(self, batch: Batch) -> None:
        """Take a window; once, however often it comes."""
        with self._lock:
            if batch.window_seq in self._seen:
                return
            self._seen.add(batch.window_seq)
            if len(self._seen) > 1024:  # they come nearly in order
                self._seen = {seq for seq in self._seen if seq > batch.window_seq - 512}
            self._last_cut_us = max(self._last_cut_us or 0, batch.time_us)
            self._state.take(batch)

    def check(self, observer: Observer, *, peek: Batch | None = None) -> Health:
        """Return the health now, by the windows and what `peek` shows of the open one."""
        now_us = observer.core.now_us()
        now = _moment(now_us)
        with self._lock:
            state = self._state
            if peek is not None and (peek.verdicts.num_rows or peek.events.num_rows):
                state = state.copy()
                state.take(peek)
            reasons = state.reasons(self.policy, now)
            if self._last_cut_us is None:
                self._last_cut_us = now_us
            cut_us = self._last_cut_us
        return Health.of((*reasons, *_of_observer(observer, self.policy, now_us, cut_us)))

    def announce(self, observer: Observer) -> None:
        """Make it an event if the status has changed since the window before.

        By whole windows alone and from one thread, so that a question between two of them cannot
        make it seem to change back and forth.
        """
        health = self.check(observer)
        with self._lock:
            before, self._status = self._status, health.status
        if before == health.status:
            return
        said = [one.text for one in health.reasons[:_MOST_IN_BODY]]
        more = len(health.reasons) - len(said)
        if more:
            said.append(f"and {more} more")
        observer.event(
            "health.changed",
            severity=_SEVERITIES[health.status],
            body="; ".join(said) or "all is well",
            status=health.status,
            previous=before,
            live=health.live,
            ready=health.ready,
        )


def _moment(time_us: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(microseconds=time_us)


def _of_observer(
    observer: Observer, policy: HealthPolicy, now_us: int, cut_us: int
) -> Iterable[Reason]:
    if observer._stopped:
        yield Reason("observer", "observer", "not_ready", "the observer has stopped")
        return
    if policy.sinks is not None:
        for channel in observer._delivery.channels:
            stats = channel.stats()
            failure = observer._self.failing_sinks.get(channel.name) if stats["failing"] else None
            if failure is not None:
                text = f"sink {channel.name} fails: {failure.text}; {stats['queued']} windows wait"
                since = _moment(failure.since_us)
                yield Reason("sink", channel.name, policy.sinks, text, since)
            elif channel.full:
                text = f"sink {channel.name} is too slow: its queue is full"
                yield Reason("sink", channel.name, policy.sinks, text)
    if policy.probes is not None:
        for name, failure in sorted(observer._self.failing_callbacks.items()):
            text, since = f"{name} {failure.text}", _moment(failure.since_us)
            yield Reason("probe", name, policy.probes, text, since)
    if policy.windows is not None:
        yield from _of_windows(observer, policy, policy.windows, now_us, cut_us)


def _of_windows(
    observer: Observer, policy: HealthPolicy, effect: str, now_us: int, cut_us: int
) -> Iterable[Reason]:
    longest_us = policy.late * observer._window * 1e6
    for channel in observer._delivery.channels:
        oldest_us = channel.oldest_us
        if oldest_us is not None and now_us - oldest_us > longest_us:
            seconds, count = (now_us - oldest_us) / 1e6, channel.stats()["queued"]
            text = f"sink {channel.name} is {seconds:.1f} s behind: {count} windows wait"
            yield Reason("window", channel.name, effect, text, _moment(oldest_us))
    if not observer._started:
        return
    if now_us - cut_us > longest_us:
        text = f"no window for {(now_us - cut_us) / 1e6:.1f} s; each lasts {observer._window:g} s"
        yield Reason("window", "cut", effect, text, _moment(cut_us))
    behind = observer._delivery.behind
    if behind > policy.late:
        text = f"delivery is {behind} windows behind"
        yield Reason("window", "delivery", effect, text)


def _end(row: Mapping[str, Any]) -> datetime.datetime:
    end: datetime.datetime = row["end_time"] or row["time"]
    return end


def _attributes(attrs: str) -> str:
    found = json.loads(attrs)
    said = ", ".join(f"{name}={value}" for name, value in sorted(found.items()))
    return f"{{{said}}}" if said else ""
