"""Whether a process is well: what fails now, and what it makes of the whole."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

if TYPE_CHECKING:
    from inlay.alert.trigger import When
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
        Since when, or when it was, in UTC.
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
        Windows, or their delivery, that are `late`.
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
        Of the events that are looked at.
    when : When, optional
        Which verdicts; all unless given.
    within : float
        For how long an event counts, in seconds; a verdict so long, too, or for three times what
        it covers, if no later one takes its place.
    late : float
        After how many windows without a new one they are late.

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
        for name in ("within", "late"):
            number = getattr(self, name)
            if not (math.isfinite(number) and number > 0.0):
                message = f"{name} must be a positive number, got {number!r}"
                raise InvalidArgumentError(message)
        for name in ("fatal_names", "layers"):
            if isinstance(getattr(self, name), str):
                message = f"{name} must be a tuple of str, got {getattr(self, name)!r}"
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
                found.append(
                    Reason("verdict", row["metric"], policy.verdicts, text, row["start_time"])
                )
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
        now = _EPOCH + datetime.timedelta(microseconds=now_us)
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


def _of_observer(
    observer: Observer, policy: HealthPolicy, now_us: int, cut_us: int
) -> Iterable[Reason]:
    if observer._stopped:
        yield Reason("observer", "observer", "not_ready", "the observer has stopped")
        return
    if policy.sinks is not None:
        for channel in observer._delivery.channels:
            stats = channel.stats()
            if stats["failing"]:
                text = f"sink {channel.name} fails; {stats['queued']} windows wait"
                yield Reason("sink", channel.name, policy.sinks, text)
            elif channel.full:
                text = f"sink {channel.name} is too slow: its queue is full"
                yield Reason("sink", channel.name, policy.sinks, text)
    if policy.probes is not None:
        for name in sorted(observer._self.failing_callbacks):
            yield Reason("probe", name, policy.probes, f"{name} raised or was late")
    if policy.windows is not None and observer._started:
        seconds = (now_us - cut_us) / 1e6
        if seconds > policy.late * observer._window:
            text = f"no window for {seconds:.0f} s; each lasts {observer._window:g} s"
            yield Reason("window", "cut", policy.windows, text)
        behind = observer._delivery.behind
        if behind > policy.late:
            text = f"delivery is {behind} windows behind"
            yield Reason("window", "delivery", policy.windows, text)


def _end(row: Mapping[str, Any]) -> datetime.datetime:
    end: datetime.datetime = row["end_time"] or row["time"]
    return end


def _attributes(attrs: str) -> str:
    found = json.loads(attrs)
    said = ", ".join(f"{name}={value}" for name, value in sorted(found.items()))
    return f"{{{said}}}" if said else ""
