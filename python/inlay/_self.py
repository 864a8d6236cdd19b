"""What the library says of its own delivery, in layer ``self``."""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, NamedTuple

from inlay._core import canonical_json
from inlay._exceptions import InlayWarning
from inlay._threads import new_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay._core import Counter, Gauge, ObserverCore

__all__ = ["Failure", "SelfMetrics"]

_WARNING = 13
_ERROR = 17
_INFORMATION = 9

# What is remembered of an error's text.
_MOST_CHARACTERS = 200

_log = logging.getLogger("inlay.sinks")


class Failure(NamedTuple):
    """Something that fails since its last success.

    Attributes
    ----------
    text : str
        How, without its name: what was raised, or that it was late.
    since_us : int
        Since when, in microseconds of Unix time.
    """

    text: str
    since_us: int


class SelfMetrics:
    """Counts drops, retries and failures with ordinary instruments of layer ``self``.

    Instruments are made when there is something to say. Thread-safe; nothing here raises.

    Parameters
    ----------
    core : ObserverCore
        Where the instruments live.
    """

    def __init__(self, core: ObserverCore) -> None:
        self._core = core
        self._lock = new_lock()
        self._totals: dict[tuple[str, str], float] = {}
        self._failing: dict[str, Failure] = {}
        self._failing_sinks: dict[str, Failure] = {}
        self.closed = False  # after stop() a record would only count itself as dropped

    @property
    def failing_callbacks(self) -> dict[str, Failure]:
        """The callbacks and probes that failed when they last ran, by name; a copy."""
        with self._lock:
            return dict(self._failing)

    @property
    def failing_sinks(self) -> dict[str, Failure]:
        """The sinks whose last write failed, by name; a copy."""
        with self._lock:
            return dict(self._failing_sinks)

    def renew(self) -> None:
        """Start anew in a forked child, where a lock may be held by a thread that is gone."""
        self._lock = new_lock()
        self._totals = {}
        self._failing = {}
        self._failing_sinks = {}

    def queued(self, sink: str, depth: int) -> None:
        """Take the number of batches that wait for a sink."""
        if not self.closed:
            self._gauge(
                "inlay.sink.queue_depth", "{batch}", "Batches that wait for a sink.", ("sink",)
            ).set(depth, sink=sink)

    def delivered(self, sink: str, stats: Mapping[str, float]) -> None:
        """Take the running totals that a sink gives after a write."""
        for key, total in stats.items():
            with self._lock:
                increase = total - self._totals.get((sink, key), 0)
                self._totals[sink, key] = total
            # A total that fell was started again; what came since is not known.
            if increase > 0 and not self.closed:
                unit = "By" if key == "bytes" else "1"
                self._counter(
                    f"inlay.sink.{key}", unit, "A sink's own running total.", ("sink",)
                ).add(increase, sink=sink)

    def dropped(self, sink: str, table: str, rows: int) -> None:
        """Take rows that a sink will not get."""
        if not self.closed:
            self._counter(
                "inlay.sink.dropped", "{row}", "Rows that a sink did not get.", ("sink", "table")
            ).add(rows, sink=sink, table=table)

    def overflowed(self, sink: str, capacity: int) -> None:
        """Take that a sink's queue was full for the first time: warn, once a sink."""
        # From a thread that must go on, also where warnings are errors.
        with contextlib.suppress(InlayWarning):
            warnings.warn(
                f"sink {sink!r} is slower than windows are turned: {capacity} of them waited, and "
                "the oldest were dropped. A loop that turns windows itself calls flush() after "
                "each; a larger queue= bridges a stall",
                InlayWarning,
                stacklevel=2,
            )

    def retried(self, sink: str) -> None:
        """Take one write that is tried again."""
        if not self.closed:
            self._counter(
                "inlay.sink.retries", "{write}", "Writes that were tried again.", ("sink",)
            ).add(1, sink=sink)

    def failing(self, sink: str, error: BaseException) -> None:
        """Take the first error after all was well: an event, and a line for who reads the log."""
        with self._lock:
            self._failing_sinks[sink] = Failure(_shown(error), self._core.now_us())
        # The event reaches nobody where this is the only sink.
        with contextlib.suppress(Exception):  # a handler's error stops no delivery
            _log.warning("sink %s fails: %s", sink, _shown(error))
        self._event("inlay.sink.failing", _ERROR, repr(error), {"sink": sink})

    def recovered(self, sink: str) -> None:
        """Take the first success after an error."""
        with self._lock:
            self._failing_sinks.pop(sink, None)
        with contextlib.suppress(Exception):
            _log.info("sink %s works again", sink)
        self._event("inlay.sink.recovered", _INFORMATION, None, {"sink": sink})

    def observe_failed(self, name: str, reason: str, error: BaseException | None) -> None:
        """Take one failure of a callback or probe; the first in a row is an event too."""
        if self.closed:
            return
        self._counter(
            "inlay.observe.failures",
            "{call}",
            "Callbacks and probes that raised or were late.",
            ("callback", "reason"),
        ).add(1, callback=name, reason=reason)
        how = _HOW.get(reason, reason) if error is None else f"raised {_shown(error)}"
        now_us = self._core.now_us()
        with self._lock:
            known = self._failing.get(name)
            self._failing[name] = Failure(how, now_us if known is None else known.since_us)
        if known is None:
            body = "timed out" if error is None else repr(error)
            self._event("inlay.observe.failing", _WARNING, body, {"callback": name})

    def observed(self, name: str) -> None:
        """Take that a callback or probe ran well."""
        if name in self._failing:
            with self._lock:
                self._failing.pop(name, None)

    def delivery_failed(self, error: BaseException) -> None:
        """Take an error of delivery itself, which goes on with the next batch."""
        self._event("inlay.delivery.failing", _ERROR, repr(error), {})

    def monitor_disabled(self, monitor: str, device: int, error: str) -> None:
        """Take that an error of a device disabled what counts there."""
        attrs = {"device": f"cuda:{device}", "monitor": monitor}
        self._event("inlay.cuda.disabled", _ERROR, error, attrs)

    def _event(self, name: str, severity: int, body: str | None, attrs: dict[str, str]) -> None:
        if not self.closed:
            self._core.event(
                name,
                time_us=None,
                end_time_us=None,
                severity=severity,
                body=body,
                attrs=canonical_json(attrs),
                trace_id=None,
                span_id=None,
                series_id=None,
                layer="self",
            )

    # The core gives the same instrument for the same arguments, so none is kept here.
    def _counter(self, name: str, unit: str, text: str, attributes: tuple[str, ...]) -> Counter:
        return self._core.counter(name, unit, text, attributes, "self")

    def _gauge(self, name: str, unit: str, text: str, attributes: tuple[str, ...]) -> Gauge:
        return self._core.gauge(name, unit, text, attributes, "self")


_HOW = {"timeout": "was late", "overflow": "fires faster than it is called"}


def _shown(error: BaseException) -> str:
    # Not by repr, which leaves out of an OSError which file it was.
    text = ": ".join(filter(None, (type(error).__name__, str(error))))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
