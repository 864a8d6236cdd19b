"""GPUs, read by native threads at a rate that sees a 50 ms throttle."""

from __future__ import annotations

import atexit
import json
import math
import os
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from inlay import _core
from inlay._arguments import callable_or_none, flag, observer_given, path_text
from inlay._exceptions import InvalidArgumentError
from inlay._threads import Thread, new_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from inlay.observer import Observer

__all__ = ["Gpu", "GpuDevice", "GpuEvent"]

# How long the thread of callbacks waits before it looks whether it is still wanted.
_WAIT_US = 500_000

# How long properties wait for the first look at the driver, in microseconds.
_FIRST_LOOK_US = 10_000_000

_SEVERITIES = {9: "info", 13: "warning", 17: "error"}

# What must end before the interpreter does: threads that call the driver's library or Python.
_callers: weakref.WeakSet[_Caller] = weakref.WeakSet()
_probes: weakref.WeakSet[Gpu] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """A GPU that is watched.

    Attributes
    ----------
    uuid : str
        What its series are known by: the attribute ``gpu``.
    name : str
        The model.
    index : int
        By the order of the PCI bus, as ``nvidia-smi`` counts.
    cuda : int or None
        By the order of ``CUDA_VISIBLE_DEVICES``; None if it is not among them.
    pci_bus_id : str
        As sysfs spells it: ``"0000:3b:00.0"``.
    numa_node : int or None
        The host's memory that is nearest.
    nvlinks : int
        How many links it has.
    mig : bool
        Whether it is split into instances.
    topology : mapping of str to str
        How near each other GPU is, by UUID: ``internal``, ``single``, ``multiple``,
        ``hostbridge``, ``node`` or ``system``.
    """

    __module__ = "inlay.infra"

    uuid: str
    name: str
    index: int
    cuda: int | None
    pci_bus_id: str
    numa_node: int | None
    nvlinks: int
    mig: bool
    topology: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GpuEvent:
    """Something that happened to a GPU.

    Attributes
    ----------
    name : str
        ``"gpu.xid"``, ``"gpu.lost"``, ``"gpu.recovery"`` or ``"gpu.ecc"``.
    time : float
        When the driver told it, in Unix seconds.
    severity : str
        ``"info"``, ``"warning"`` or ``"error"``.
    body : str
        A line for people.
    attributes : mapping of str to str
        ``gpu`` (UUID), ``index``, and what the event is about: ``xid``, ``action`` …
    """

    __module__ = "inlay.infra"

    name: str
    time: float
    severity: str
    body: str
    attributes: Mapping[str, str]


def _microseconds(name: str, seconds: float, least: float) -> int:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not (number and math.isfinite(seconds) and least <= seconds <= 3600):
        message = f"{name} must be a number of seconds from {least:g} to 3600, got {seconds!r}"
        raise InvalidArgumentError(message)
    return round(seconds * 1_000_000)


def _names(devices: Iterable[int | str] | int | str | None) -> list[str] | None:
    if devices is None:
        return None
    if isinstance(devices, (int, str)):
        devices = [devices]
    if isinstance(devices, (bytes, Mapping)) or not isinstance(devices, Iterable):
        message = f"devices must be indices or UUIDs: {devices!r}"
        raise InvalidArgumentError(message)
    names = []
    for device in devices:
        if isinstance(device, bool) or not isinstance(device, (int, str)):
            message = f"devices must be indices or UUIDs: {device!r}"
            raise InvalidArgumentError(message)
        names.append(str(device))
    return names


class _Caller:
    """Runs a callback for each event, in a thread that waits without the GIL."""

    def __init__(self, native: _core.GpuPoller, callback: Callable[[GpuEvent], Any]) -> None:
        self._native = native
        self._callback = callback
        self._wanted = True
        self._thread = Thread(self._run, name="inlay-gpu-events")
        _callers.add(self)

    def _run(self) -> None:
        while self._wanted:
            found = self._native.next_event(_WAIT_US)
            if found is None or not self._wanted:
                continue
            name, time_us, severity, body, attrs = found
            event = GpuEvent(
                name,
                time_us / 1e6,
                _SEVERITIES.get(severity, str(severity)),
                body,
                json.loads(attrs),
            )
            try:
                self._callback(event)
            except Exception as error:
                _report(error, self._callback)

    def alive(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self._wanted = False
        self._native.interrupt()
        if not self._thread.is_current():
            self._thread.join(2.0)


def _report(error: Exception, callback: object) -> None:
    import warnings

    from inlay._exceptions import InlayWarning

    warnings.warn(f"on_event {callback!r} raised {error!r}", InlayWarning, stacklevel=2)


@atexit.register
def _end_threads() -> None:
    for probe in list(_probes):
        probe.stop()
    for caller in list(_callers):
        caller.end()


def _forked() -> None:
    _callers.clear()  # their threads stayed in the parent
    for probe in list(_probes):
        probe._forked()


os.register_at_fork(after_in_child=_forked)


class Gpu:
    """Health and load of NVIDIA GPUs: a probe, ``observer.probe(inlay.infra.Gpu())``.

    Threads of the core read the driver's management library (NVML), which is looked for at run
    time; they never take the GIL, so a busy interpreter delays nothing. Where there is no driver
    every metric has the status ``absent``, once, and nothing else happens.

    Parameters
    ----------
    devices : int, str, or iterable of them, optional
        Which GPUs: indices by the order of the PCI bus, UUIDs (``"GPU-…"``, or how they begin) or
        instances (``"MIG-…"``). ``"all"`` for all of the machine. Unless given those that
        ``CUDA_VISIBLE_DEVICES`` names, or all if it is not set.
    fast : float, default 0.1
        Seconds between readings of throttle time, power, energy, bytes and activity: at most three
        calls of the driver for each GPU.
    medium : float, default 1.0
        Seconds between readings of temperatures, memory, clocks, buffered samples of power and
        load, and links' errors.
    slow : float, default 30.0
        Seconds between readings of memory errors and repairs, fabric, fans, processes, instances,
        and looks for GPUs that came back.
    library : str or path, optional
        The library, if not ``libnvidia-ml.so.1`` wherever the loader finds it.
    gpm : bool, default True
        Whether to read the activity of SMs, tensor cores and memory where the GPU can tell it
        (Hopper and later). Turn it off while a profiler measures the same counters.
    process : bool, default True
        Whether to read this process's memory and share.
    on_event : callable, optional
        Called with a `GpuEvent` as soon as the driver tells of an error, an advice to reset or a
        lost GPU, in a thread of its own.

    Raises
    ------
    InvalidArgumentError
        If a period is out of range, or a device is none.
    TypeError
        If another argument is of another kind.

    Notes
    -----
    Causes of ``gpu.throttle`` overlap: ``thermal`` is all of ``sw_thermal`` and ``hw_thermal``, and
    several causes may hold at the same time. Take the causes apart; their sum is no time.

    What is read at a tick that takes more than a tenth of its period three times in a row is read
    half as often from then on, and told by an event ``inlay.collector.backoff``. Totals are kept
    by the driver, so throttling, energy and bytes are exact whatever the rate.

    A fork leaves the threads with the parent; in the child they start with the first window.
    Thread-safe.

    Examples
    --------
    >>> import inlay
    >>> gpu = inlay.infra.Gpu(library="/nowhere/libnvidia-ml.so.1")
    >>> obs = inlay.Observer()
    >>> obs.probe(gpu)
    >>> gpu.start(obs).status
    'absent'
    >>> batch = obs.collect()
    >>> gpu.stop()
    >>> {r["status"] for r in batch.points.to_pylist() if r["metric"] == "gpu.power"}
    {'absent'}
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        devices: Iterable[int | str] | int | str | None = None,
        *,
        fast: float = 0.1,
        medium: float = 1.0,
        slow: float = 30.0,
        library: str | os.PathLike[str] | None = None,
        gpm: bool = True,
        process: bool = True,
        on_event: Callable[[GpuEvent], Any] | None = None,
    ) -> None:
        callable_or_none("on_event", on_event)
        everything = devices == "all"
        names = None if everything else _names(devices)
        visible = None if everything else os.environ.get("CUDA_VISIBLE_DEVICES")
        self._native = _core.GpuPoller(
            devices=names,
            visible=visible,
            fast_us=_microseconds("fast", fast, 0.001),
            medium_us=_microseconds("medium", medium, 0.1),
            slow_us=_microseconds("slow", slow, 1.0),
            library="" if library is None else path_text("library", library),
            gpm=flag("gpm", gpm),
            process=flag("process", process),
        )
        self._on_event = on_event
        self._caller: _Caller | None = None
        self._lock = new_lock()
        self._wanted = True  # False once it was stopped by hand
        self._by_hand = False  # started for nobody in particular
        self._observers: weakref.WeakSet[Observer] = weakref.WeakSet()
        self._finalizer = weakref.finalize(self, _close, self._native, {})
        self._finalizer.atexit = False
        _probes.add(self)

    # ---- life --------------------------------------------------------------------------------
    def start(self, observer: Observer | None = None) -> Self:
        """Start to read, before the first window turns.

        Parameters
        ----------
        observer : Observer, optional
            Where events go from now on, as soon as they happen.

        Returns
        -------
        Gpu
            This one.
        """
        if observer is not None:
            observer_given(observer)
            if not observer.enabled:
                return self  # a no-op costs nothing
        self._wanted = True
        if observer is None:
            self._by_hand = True
        else:
            self._observers.add(observer)
            self._native.attach(observer.core)
        self._run()
        return self

    def stop(self) -> None:
        """End the threads; `start` goes on."""
        self._wanted = self._by_hand = False
        self._end()

    def _end(self) -> None:
        with self._lock:
            caller, self._caller = self._caller, None
        if caller is not None:
            caller.end()
        self._native.stop()

    def observe(self, observer: Observer, /) -> None:
        """Hand what was read since the last call to an observer's window: makes it a probe.

        ``observer.probe(gpu)`` calls it before each cut; the first call starts the threads.

        Parameters
        ----------
        observer : Observer
            Rows of layer ``infra`` go to its ``points``, throttle and error intervals to its
            ``events``.
        """
        observer_given(observer)
        self._observers.add(observer)
        self._native.attach(observer.core)
        if self._wanted:
            self._run()
        self._native.observe(observer.core)

    def observer_stopped(self, observer: Observer, /) -> None:
        """End with the last observer, unless it was started without one; `Observer.stop` calls it.

        Parameters
        ----------
        observer : Observer
            Which one has stopped.
        """
        self._observers.discard(observer)
        if not self._observers and not self._by_hand:
            self._end()

    def _run(self) -> None:
        with self._lock:
            self._native.start()
            if self._on_event is not None and (self._caller is None or not self._caller.alive()):
                self._caller = _Caller(self._native, self._on_event)
                self._finalizer.detach()
                self._finalizer = weakref.finalize(
                    self, _close, self._native, {"caller": self._caller}
                )
                self._finalizer.atexit = False

    def _forked(self) -> None:
        self._lock = new_lock()  # the old one may be held by a thread of the parent's
        self._caller = None
        self._finalizer.detach()
        self._finalizer = weakref.finalize(self, _close, self._native, {})
        self._finalizer.atexit = False

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    # ---- what there is -----------------------------------------------------------------------
    @property
    def devices(self) -> tuple[GpuDevice, ...]:
        """The GPUs that are watched. Waits for the first look once started; empty before."""
        return tuple(GpuDevice(**device) for device in self._found()["devices"])

    @property
    def status(self) -> str:
        """``"ok"``, why nothing can be read, or ``"undefined"`` before `start`."""
        status: str = self._found()["status"]
        return status

    @property
    def reason(self) -> str:
        """A line on why the status is not ok, or which GPUs asked for are missing; else empty."""
        reason: str = self._found()["reason"]
        return reason

    @property
    def driver(self) -> str:
        """The driver's version; empty where there is none."""
        driver: str = self._found()["driver"]
        return driver

    def _found(self) -> dict[str, Any]:
        return self._native.discovery(_FIRST_LOOK_US if self._native.running else 0)

    def stats(self) -> dict[str, Any]:
        """Return what reading costs.

        Returns
        -------
        dict
            ``tasks``: for each tier its ``period`` and ``period_now`` in seconds, ``ticks``,
            ``missed`` ones, ``backoffs``, ``failed`` ones, ``cpu`` seconds, and medians and 99th
            percentiles of how late ticks began (``jitter_p50``, ``jitter_p99``) and how long they
            took (``cost_p50``, ``cost_p99``), in seconds. ``dropped_events`` that no callback took
            in time, ``dropped_intervals`` that were too many for a window, and ``missing``, the
            driver's functions that its library lacks.
        """
        tasks = {row.pop("name"): row for row in self._native.stats()}
        return {
            "tasks": tasks,
            "dropped_events": self._native.dropped_events,
            "dropped_intervals": self._native.dropped_intervals,
            "missing": tuple(self._native.discovery(0)["missing"].split()),
        }

    def __repr__(self) -> str:
        """Show what is watched."""
        found = self._native.discovery(0)
        state = "running" if self._native.running else "idle"
        return f"<inlay.infra.Gpu {len(found['devices'])} GPUs, {found['status']}: {state}>"


def _close(native: _core.GpuPoller, holder: dict[str, _Caller]) -> None:
    """End what belongs to a probe that nobody holds."""
    for caller in holder.values():
        caller.end()
    native.stop()
