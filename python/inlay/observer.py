"""The observer: it wires instruments, probes and sinks to the core, and lives and dies."""

from __future__ import annotations

import math
import time
import weakref
from typing import TYPE_CHECKING, Any, Self

from inlay import _process
from inlay._active_span import active_span
from inlay._core import ObserverCore, canonical_json
from inlay._exceptions import InvalidArgumentError, StoppedError
from inlay._facts import Facts
from inlay._generating import Generating
from inlay._held_weakly import abandon, observe_of, restart_of, turned_of
from inlay._joining import Joining
from inlay._measuring import Measuring
from inlay._observables import Observables
from inlay._probe import ProbeTask
from inlay._resource import resource_attributes, text_attributes
from inlay._self import SelfMetrics
from inlay._threads import new_rlock
from inlay._watching import Watching
from inlay.joined.recent import Recent
from inlay.metric._gauge_callback import GaugeCallback
from inlay.metric._making import Instruments
from inlay.sinks._channel import Channel
from inlay.sinks._delivery import Delivery
from inlay.sinks._retry import Pacer, Retry
from inlay.table import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from inlay._core import Clock, Gauge
    from inlay._probe import Probe
    from inlay.sinks import Sink

__all__ = ["Observer"]

# Events of one window; the excess is counted.
_MOST_EVENTS = 10_000

# How much longer than one late callback takes a cut waits for all of them, in seconds.
_OBSERVE_S = 1.0


def _positive(name: str, value: float) -> float:
    if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
        message = f"{name} must be a positive number, got {value!r}"
        raise ValueError(message)
    return float(value)


class Observer(Instruments, Facts, Watching, Measuring, Generating, Joining):
    """Collects what a process records and hands it to sinks, window by window.

    Thread-safe. With ``INLAY_DISABLED=1`` in the environment a no-op with the same interface
    is made instead.

    Parameters
    ----------
    resource : mapping of str to str, int or bool, optional
        What the process is: ``service.name``, ``service.version`` … ``host.name`` and
        ``process.pid`` are added, and what ``OTEL_SERVICE_NAME`` and
        ``OTEL_RESOURCE_ATTRIBUTES`` say where it is not given here.
    window : float
        How long a window is, in seconds. Cuts aim at multiples of it in Unix time.
    sinks : iterable of Sink
        Where each window goes.
    max_series : int
        Attribute sets that one metric may have; what is over it goes to one overflow series.
    expire : float
        After how many seconds without a record a series is forgotten.
    clock : Clock, optional
        The time, for tests: `ManualClock`.
    queue : int
        Windows that may wait for each sink; one more drops the oldest, counted and with an
        `InlayWarning` the first time.
    retry : Retry, optional
        How a failed write is repeated.
    callback_timeout : float
        What one callback or probe may take before a cut goes on without it, in seconds.
    recent : float
        For how many seconds turned windows are kept for `context` and `health`, by reference and
        up to 128 MiB; 0 keeps none.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        If a resource value is none of str, int and bool, or a sink lacks a method.

    Examples
    --------
    >>> import inlay
    >>> obs = inlay.Observer(resource={"service.name": "ranker"})
    >>> latency = obs.histogram("request.latency", unit="s", attributes=("route",))
    >>> latency.bind(route="chat").record(0.0123)
    >>> batch = obs.collect()
    >>> [row["count"] for row in batch.points.to_pylist() if row["metric"] == "request.latency"]
    [1]
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG004
        """Make an observer, or a no-op where the environment says so."""
        if cls is Observer and _process.is_disabled():
            from inlay._noop import NoopObserver

            return object.__new__(NoopObserver)  # type: ignore[return-value]
        return object.__new__(cls)

    def __init__(
        self,
        resource: Mapping[str, str | int | bool] | None = None,
        *,
        window: float = 10.0,
        sinks: Iterable[Sink] = (),
        max_series: int = 2000,
        expire: float = 3600.0,
        clock: Clock | None = None,
        queue: int = 64,
        retry: Retry | None = None,
        callback_timeout: float = 1.0,
        recent: float = 600.0,
    ) -> None:
        window = _positive("window", window)
        expire = _positive("expire", expire)
        callback_timeout = _positive("callback_timeout", callback_timeout)
        self._window = window
        self._recent = Recent(recent)
        self._queue = int(_positive("queue", queue))
        self._retry = Retry() if retry is None else retry
        self._given = dict(resource or {})
        self._resource = resource_attributes(self._given)
        self._core = ObserverCore(
            resource=canonical_json(self._resource),
            service_name=self._resource["service.name"],
            window_us=round(window * 1_000_000),
            max_series=int(_positive("max_series", max_series)),
            expire_us=round(expire * 1_000_000),
            clock=clock,
            queue_capacity=self._queue,
            max_events=_MOST_EVENTS,
            observe_timeout_us=round((callback_timeout + _OBSERVE_S) * 1_000_000),
        )
        self._self = SelfMetrics(self._core)
        self._observables = Observables(timeout=callback_timeout, report=self._self)
        self._delivery = Delivery(
            self._core,
            observe=observe_of(weakref.ref(self)),
            failed=self._self.delivery_failed,
            passed=turned_of(weakref.ref(self)),
        )
        self._lock = new_rlock()
        self._callbacks: dict[str, Callable[[], Any]] = {}
        self._stopped = False
        self._started = False
        self._restarts = False  # in a forked child, until its first record
        self._core.set_exemplar_source(active_span)
        self._core.set_restart_hook(restart_of(weakref.ref(self)))
        self._finalizer = weakref.finalize(self, abandon, self._core, self._observables)
        self._finalizer.atexit = False
        _process.track(self)
        for sink in sinks:
            self.add_sink(sink)

    # ---- what it is --------------------------------------------------------------------------
    @property
    def core(self) -> ObserverCore:
        """The native core, for integrations."""
        return self._core

    @property
    def enabled(self) -> bool:
        """Whether records are kept; False for a no-op."""
        return True

    @property
    def resource(self) -> Mapping[str, str]:
        """The attributes of this process, a copy."""
        return dict(self._resource)

    def extend_resource(self, attributes: Mapping[str, str | int | bool]) -> None:
        """Add to the attributes of this process, for the rows made from now on.

        Parameters
        ----------
        attributes : mapping of str to str, int or bool
            What is there already is replaced. ``service.name`` cannot be: series are known by it.

        Raises
        ------
        InvalidArgumentError
            If ``service.name`` is among them.
        TypeError
            If a value is none of str, int and bool.
        """
        if "service.name" in attributes:
            message = f"service.name cannot change: {attributes['service.name']!r}"
            raise InvalidArgumentError(message)
        with self._lock:
            given = {**self._given, **attributes}
            self._resource = {**self._resource, **text_attributes(attributes)}
            self._given = given
            self._core.set_resource(canonical_json(self._resource))

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The sinks, in the order in which they were added."""
        return tuple(channel.sink for channel in self._delivery.channels)

    def stats(self) -> dict[str, Any]:
        """Return counts of the observer's own doings since it was made.

        Returns
        -------
        dict
            What the core counts (records, folds, series, drops …), and under ``"sinks"`` for
            each sink by name: batches ``queued`` and ``delivered``, ``retries``, rows
            ``dropped`` by table, and whether it is ``failing``.
        """
        sinks = {channel.name: channel.stats() for channel in self._delivery.channels}
        return {**self._core.stats(), "sinks": sinks}

    def probe(self, *probes: Probe) -> None:
        """Poll probes before each cut.

        Parameters
        ----------
        *probes : Probe
            Objects with ``observe(observer)``. One that raises or is late is counted. One that has
            a method ``check_observer(observer)`` may refuse, by raising.

        Raises
        ------
        TypeError
            If an object has no such method, or is a class.
        InvalidArgumentError
            If one runs for another observer.
        """
        for probe in probes:
            if isinstance(probe, type) or not callable(getattr(probe, "observe", None)):
                message = f"a probe is an object with a method observe(observer), got {probe!r}"
                raise TypeError(message)
            check = getattr(probe, "check_observer", None)
            if check is not None:
                check(self)
        for probe in probes:
            self._observables.add(ProbeTask(weakref.ref(self), probe))
            self._core.set_observing(True)

    # ---- windows -----------------------------------------------------------------------------
    def collect(self) -> Batch:
        """Turn the window now.

        Callbacks and probes run first; the batch is queued to all sinks. Up to ``queue`` windows
        wait for each: a loop that turns them faster than sinks write calls `flush` after each.

        Returns
        -------
        Batch
            What the window held: a short window with its real bounds.

        Raises
        ------
        StoppedError
            If the observer has stopped.
        """
        self._check_running()
        self._revive()
        self._observables.run()
        delivery = self._delivery
        if delivery.channels:
            delivery.start(self._resource, self._core.origin)
        batch = Batch(self._core.turn())
        self._recent.keep(batch)
        if not delivery.started:
            delivery.discard()
            self._turned(batch)
        return batch

    def peek(self) -> Batch:
        """Look at the open window without turning it.

        Returns
        -------
        Batch
            What was recorded since the last turn. Nothing is queued to the sinks.

        Raises
        ------
        StoppedError
            If the observer has stopped.
        """
        self._check_running()
        return Batch(self._core.peek())

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the sinks have what was turned so far.

        Parameters
        ----------
        timeout : float
            How long, in seconds.

        Returns
        -------
        bool
            False if it took longer.
        """
        delivery = self._delivery
        return not delivery.started or delivery.flush(time.monotonic() + timeout)

    # ---- life --------------------------------------------------------------------------------
    def add_sink(self, sink: Sink, *, queue: int | None = None, retry: Retry | None = None) -> None:
        """Add a sink; it gets the windows that are turned from now on.

        Parameters
        ----------
        sink : Sink
            Where they go.
        queue : int, optional
            Windows that may wait for it; the observer's number unless given.
        retry : Retry, optional
            How a failed write is repeated; the observer's way unless given.

        Raises
        ------
        TypeError
            If `sink` lacks one of ``open``, ``write`` and ``close``.
        """
        for method in ("open", "write", "close"):
            if not callable(getattr(sink, method, None)):
                message = f"a sink has a method {method}; {sink!r} has none"
                raise TypeError(message)
        attach = getattr(sink, "attach", None)
        if attach is not None:
            attach(self)
        with self._lock:
            taken = {channel.name for channel in self._delivery.channels}
            base = str(getattr(sink, "name", None) or type(sink).__name__.lower())
            name, number = base, 1
            while name in taken:
                number += 1
                name = f"{base}-{number}"
            self._delivery.add(
                Channel(
                    sink,
                    name,
                    capacity=self._queue if queue is None else int(_positive("queue", queue)),
                    retry=self._retry if retry is None else retry,
                    pacer=Pacer(),
                    report=self._self,
                )
            )

    def start(self) -> Self:
        """Start to turn windows on the clock.

        A started observer lives until it is stopped. Starting it again does nothing.

        Returns
        -------
        Observer
            This one.

        Raises
        ------
        StoppedError
            If it was stopped.
        """
        with self._lock:
            if self._stopped:
                message = "a stopped observer cannot start again; make a new one"
                raise StoppedError(message)
            self._restarts = False
            self._started = True
            _process.keep(self)
            self._delivery.start(self._resource, self._core.origin)
            self._core.start()
        return self

    def stop(self, timeout: float = 5.0) -> bool:
        """Turn the last window, let all sinks write what they have, and close them.

        Probes that read in threads of their own, as those of `inlay.infra` do, are stopped too.
        A record made later is counted as dropped; it raises nothing.

        Parameters
        ----------
        timeout : float
            What all sinks together may take, in seconds; what is not written by then is dropped
            and counted (`stats`).

        Returns
        -------
        bool
            Whether everything was written; False also if a sink's queue overflowed before.
        """
        deadline = time.monotonic() + timeout
        self._begin_stop(deadline)
        return self._join(deadline)

    def install(self) -> Self:
        """Make this the observer that `get_observer` gives.

        Instruments that libraries made before are attached to it.

        Returns
        -------
        Observer
            This one.
        """
        from inlay._installed import install

        install(self)
        return self

    def uninstall(self) -> None:
        """Undo `install`; nothing happens if another observer is installed."""
        from inlay._installed import uninstall

        uninstall(self)

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

    def __repr__(self) -> str:
        """Show the service and the state."""
        state = "stopped" if self._stopped else "started" if self._started else "idle"
        return f"<inlay.Observer {self._resource['service.name']!r}: {state}>"

    # ---- for the process ---------------------------------------------------------------------
    def _begin_stop(self, deadline: float) -> None:
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        if not self._idle_child():
            now = time.monotonic()
            self._observables.finish(now + (deadline - now) / 2)  # the sinks need the rest
            self._close_watches()
            self._finish_joining(deadline)
        self._delivery.finish(deadline)
        self._core.observed()  # a cut that waits for a callback does not wait any longer
        last = self._core.stop()
        if last is not None:
            self._recent.keep(Batch(last))  # delivery brings it too, if there is any
        self._self.closed = True
        self._observables.close()

    def _close_watches(self) -> None:
        for what, watches in (("watches", self._watches), ("qualities", self._qualities)):
            if watches is not None:
                try:
                    watches.close()
                except Exception as error:
                    self._self.observe_failed(what, "raised", error)

    def _join(self, deadline: float) -> bool:
        delivery = self._delivery
        if delivery.channels and not delivery.started and not self._idle_child():
            try:
                delivery.start(self._resource, self._core.origin)
            except RuntimeError:  # the interpreter is ending and starts no threads
                delivery.run_here(self._resource, self._core.origin)
        complete = delivery.join(deadline)
        self._join_joining()
        _process.release(self)
        self._finalizer.detach()
        return complete

    def _begin_exit(self, deadline: float) -> bool:
        """Begin to stop if there is something to deliver."""
        if self._stopped or self._idle_child():
            return False
        if not (self._started or self._delivery.channels):
            return False
        self._begin_stop(deadline)
        return True

    def _hold_sinks(self, seconds: float) -> list[Channel]:
        return self._delivery.hold(seconds)

    def _forked(self) -> None:
        """Begin anew in a forked child: no thread of the parent's is here."""
        self._lock = new_rlock()
        self._restarts = self._started and not self._stopped
        self._self.renew()
        self._observables = self._observables.renew()
        self._delivery = self._delivery.renew()
        self._forked_joining()
        self._resource = resource_attributes(self._given)
        self._core.set_resource(canonical_json(self._resource))
        for watches in (self._watches, self._qualities, self._generations):
            if watches is not None:
                watches.forked()
        self._finalizer.detach()
        self._finalizer = weakref.finalize(self, abandon, self._core, self._observables)
        self._finalizer.atexit = False

    def _check_running(self) -> None:
        if self._stopped:
            message = "the observer has stopped: its last window went to the sinks"
            raise StoppedError(message)

    def _idle_child(self) -> bool:
        """Whether this is a forked child that has recorded nothing: it has nothing to deliver."""
        return self._restarts and not self._core.started

    def _revive(self) -> None:
        """Start again in a forked child, if its parent was started."""
        if self._restarts:
            self.start()

    def _observe_gauge(self, gauge: Gauge, callback: Callable[[], Any]) -> None:
        with self._lock:
            known = self._callbacks.setdefault(gauge.name, callback)
            if known != callback:
                message = f"gauge {gauge.name!r} has the callback {known!r}, not {callback!r}"
                raise ValueError(message)
            if all(task.name != gauge.name for task in self._observables.tasks):
                self._observables.add(GaugeCallback(gauge, callback))
                self._core.set_observing(True)
