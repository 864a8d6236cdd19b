"""What `Host` and `Fabric` share: a native thread that reads the kernel's files."""

from __future__ import annotations

import math
import os
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from inlay import _core
from inlay._arguments import at_least, observer_given, one_or_more, path_text
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_rlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inlay.observer import Observer

__all__ = ["KernelReader", "checked_root", "checked_seconds"]

# Shorter periods would read files more often than the kernel renews them.
_SHORTEST_S = 0.001
_LONGEST_S = 86_400.0
_RESCAN_S = 30.0


def checked_seconds(name: str, seconds: float, least: float = 0.0) -> float:
    """Return a span of time, above 0 and not below `least`.

    Raises
    ------
    InvalidArgumentError
        If it is not such a number.
    """
    good = isinstance(seconds, (int, float)) and math.isfinite(seconds)
    if not good or not max(least, 1e-9) <= seconds <= _LONGEST_S:
        message = f"{name} must be {least:g} to {_LONGEST_S:g} seconds: {seconds!r}"
        raise InvalidArgumentError(message)
    return float(seconds)


def checked_root(root: str | os.PathLike[str]) -> str:
    """Return the directory that file systems lie below.

    Raises
    ------
    InvalidArgumentError
        If it is no directory.
    TypeError
        If it is no path.
    """
    path = path_text("root", root)
    if not Path(path).is_dir():
        message = f"root must be a directory, as of a file system with /proc and /sys: {path!r}"
        raise InvalidArgumentError(message)
    return path


def _checked_families(families: Iterable[str] | None, known: tuple[str, ...]) -> list[str]:
    if families is None:
        return list(known)
    chosen = list(dict.fromkeys(one_or_more("families", families)))
    for family in chosen:
        if family not in known:
            message = f"families are of {', '.join(known)}: {family!r}"
            raise InvalidArgumentError(message)
    if not chosen:
        message = "families must name one at least: []"
        raise InvalidArgumentError(message)
    return chosen


class KernelReader:
    """A probe that a native thread feeds from procfs and sysfs. Thread-safe."""

    def __init__(
        self,
        *,
        period: float,
        slow: float | None,
        rescan: float | None,
        root: str | os.PathLike[str],
        families: Iterable[str] | None,
        known: tuple[str, ...],
        pressure: float,
        congestion: float,
        held_files: int | None,
    ) -> None:
        self._period = checked_seconds("period", period, _SHORTEST_S)
        if slow is None:
            slow = min(10.0 * self._period, _LONGEST_S)
        self._slow = checked_seconds("slow", slow, self._period)
        if rescan is None:
            rescan = max(_RESCAN_S, self._period)
        self._rescan = checked_seconds("rescan", rescan, self._period)
        self._root = checked_root(root)
        self._families = _checked_families(families, known)
        if held_files is not None:
            held_files = at_least("held_files", held_files, 1)
        self._native = _core.HostReader(
            root=self._root,
            families=self._families,
            pressure=pressure,
            congestion=congestion,
            held_files=held_files or 0,
        )
        self._lock = new_rlock()
        self._observer: weakref.ref[Observer] | None = None
        self._stopped = False
        self._pid = os.getpid()
        # Before the interpreter ends: a thread that still reads would outlive what it reads into.
        self._finalizer = weakref.finalize(self, self._native.stop)

    @property
    def period(self) -> float:
        """How often it is read, in seconds."""
        return self._period

    @property
    def root(self) -> str:
        """What the file systems lie below."""
        return self._root

    @property
    def families(self) -> tuple[str, ...]:
        """The families that are read."""
        return tuple(each["name"] for each in self._native.families() if each["enabled"])

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._native.running

    def start(self, observer: Observer) -> Self:
        """Start the thread that reads; nothing happens if it runs.

        The first `observe` does it too.

        Parameters
        ----------
        observer : Observer
            Whose windows get what is read.

        Returns
        -------
        Self
            This one.

        Raises
        ------
        InvalidArgumentError
            If it was started for another observer.
        TypeError
            If it is no observer.
        """
        observer_given(observer)
        if not observer.enabled:
            return self  # a no-op costs nothing
        with self._lock:
            known = self.check_observer(observer)
            if known is None:
                self._observer = weakref.ref(observer)
            in_child = self._pid != os.getpid()
            if known is None or in_child:
                self._pid = os.getpid()
                self._native.begin(observer.core.now_us())
            self._stopped = False
            self._attach(observer)
            if not self._native.running:
                self.tick()  # the bases of counters, and gauges for a window that ends soon
                self._native.start(
                    period_us=round(self._period * 1e6),
                    slow_us=round(self._slow * 1e6),
                    scan_us=round(self._rescan * 1e6),
                )
        return self

    def check_observer(self, observer: Observer) -> Observer | None:
        """Return the observer that it was started for, if any; ``observer.probe(…)`` asks.

        Raises
        ------
        InvalidArgumentError
            If it was started for another one.
        """
        known = None if self._observer is None else self._observer()
        if known is not None and known is not observer:
            message = f"this {type(self).__name__} belongs to another observer: {known!r}"
            raise InvalidArgumentError(message)
        return known

    def stop(self) -> None:
        """End the thread; what it read since the last window is kept for the next `observe`."""
        with self._lock:
            self._stopped = True
            self._native.stop()
            self._detach()

    def observer_stopped(self, observer: Observer, /) -> None:
        """End with the observer that it was started for, and be free for another.

        Parameters
        ----------
        observer : Observer
            Which one has stopped: `Observer.stop` calls it.
        """
        with self._lock:
            if self._observer is not None and self._observer() is observer:
                self.stop()
                self._observer, self._stopped = None, False

    def tick(self) -> None:
        """Read everything now, beside what the thread does."""
        now_us, steady_ns = time.time_ns() // 1000, time.monotonic_ns()
        self._native.tick(now_us, steady_ns)
        self._native.tick(now_us, steady_ns, slow=True)

    def rescan(self) -> None:
        """Look now for devices that came or are back."""
        self._native.scan()

    def observe(self, observer: Observer, /) -> None:
        """Hand what was read since the last call to an observer's window: makes it a probe.

        ``observer.probe(…)`` calls it before each cut; the first call starts the thread.

        Parameters
        ----------
        observer : Observer
            Points and events of layer ``infra`` go to its window.
        """
        observer_given(observer)
        if not self._stopped:
            self.start(observer)
        self._native.hand_over(observer.core)

    def stats(self) -> dict[str, Any]:
        """Return what reading costs.

        Returns
        -------
        dict
            ``families``: for each its ``name``, ``ticks``, ``total_ns``, ``last_ns`` and
            ``scan_ns``; ``tasks`` of the thread: ``period``, ``period_now`` (longer while it backs
            off), ``ticks``, ``missed``, ``backoffs`` and ``cpu`` seconds; ``series``; ``restarts``
            and ``wraps`` of counters.
        """
        restarts, wraps, not_finite = self._native.counts()
        return {
            "families": self._native.families(),
            "tasks": self._native.tasks(),
            "series": self._native.series,
            "restarts": restarts,
            "wraps": wraps,
            "not_finite": not_finite,
        }

    def _attach(self, observer: Observer) -> None:
        """Do what else a start needs."""

    def _detach(self) -> None:
        """Undo it."""

    def __repr__(self) -> str:
        """Show what it reads and how often."""
        state = "running" if self.running else "stopped" if self._stopped else "idle"
        return (
            f"<inlay.infra.{type(self).__name__} of {self._root!r}, "
            f"every {self._period:g} s: {state}>"
        )
