"""A sink that Prometheus scrapes."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InlayError, StoppedError
from inlay.sinks import Sink
from inlay.sinks._prometheus_http import AsgiApp, Server, WsgiApp

if TYPE_CHECKING:
    from pathlib import Path

    from inlay.observer import Observer
    from inlay.semconv import Renamed
    from inlay.table import Batch

    _Peek = tuple[_core.Table, _core.Table, int, int]

__all__ = ["Prometheus"]

# How long a scrape waits for a window that was cut but has not been written yet, in seconds.
_CATCH_UP_S = 0.25

# Publishing may take this share of the time: with very many series it happens less often.
_PUBLISH_SHARE = 0.02

# Exponents of the edges of durations, 122 µs to 256 s, and their resolution.
_SECONDS = (-13, 8, 0)

_GAUGE_MERGES = ("pid", "sum", "min", "max", "last")


class _Totals:
    """What one process has accumulated. Thread-safe."""

    def __init__(self, accumulator: _core.PrometheusAccumulator) -> None:
        self.pid = os.getpid()
        self.accumulator = accumulator
        self.written = threading.Condition()
        self.described: set[tuple[str, str, str, str]] = set()
        self.shared = False  # whether a directory is open
        self.closed = False
        self.stop = threading.Event()
        self.publisher: threading.Thread | None = None


# Totals that a forked child inherited. Their locks may be held by threads that the child does not
# have, so they are never touched again, not even to free them.
_inherited: list[_Totals] = []

# Held while totals are made or shared. A fork may happen while another thread holds it.
_making = threading.RLock()


def _after_fork() -> None:
    global _making
    _making = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


class Prometheus(Sink):
    """Accumulates windows into running totals and shows them to Prometheus.

    A scrape shows what was written plus what the open window holds, and turns no window. Which
    form it takes is for the scraper to say: protobuf with native histograms, OpenMetrics or the
    older text with classic ones. Mount `asgi` or `wsgi` in an app, give a `port`, or call
    `scrape`. Thread-safe.

    Parameters
    ----------
    port : int, optional
        Listen for scrapes there, from `attach` on; 0 takes any free port. Without it there is no
        server.
    host : str
        The address to listen on: this machine alone unless told otherwise.
    path : str
        Where the server has the metrics.
    expire : float, optional
        After how many seconds without data a series is no longer shown; None: never.
    directory : path-like, optional
        A directory that all worker processes of a service share, made if there is none. Any of
        them then answers for all. Counters and histograms of workers that died are kept, their
        gauges are not.
    run : str
        Names the run. What dead workers of another run left in the directory is thrown away; by
        default totals go on when the service restarts, until the machine does.
    gauges : str or mapping of str to str
        What becomes of a gauge that several workers have: ``"pid"`` (each is shown, with its
        process id as label), ``"sum"``, ``"min"``, ``"max"`` or ``"last"``. A mapping says so by
        metric; all others are ``"pid"``.
    buckets : mapping of str to tuple, optional
        For classic histograms, by metric: lowest and highest edge, and how many edges to a
        doubling (1 unless given). Edges are powers of two, widened to hold both ends. By default
        they depend on the unit: 122 µs to 256 s for durations.
    max_buckets : int
        A native histogram that spans more buckets on a side is shown at half the resolution.
    exemplars : int
        How many of the latest exemplars are kept for each series.
    classic : bool
        Whether protobuf has classic buckets beside the native ones, for servers that ask for
        protobuf and do not store native histograms.
    created : bool
        Whether OpenMetrics text has ``_created`` samples. Protobuf always tells when a series
        began.
    publish : float
        How often a worker shows its totals to the others, in seconds. It also does after each
        window and before each answer of its own.
    semconv : str, optional
        Under which conventions streams of generations are shown, a version of `inlay.semconv`; by
        default each as `Observer.generation` was told, or under inlay's own names.

    Raises
    ------
    ValueError
        If a number or a word is out of range.

    Examples
    --------
    >>> import inlay
    >>> prometheus = inlay.sinks.Prometheus()
    >>> obs = inlay.Observer(sinks=[prometheus])
    >>> obs.counter("jobs.done", unit="{job}", description="Jobs done.").bind().add(3)
    >>> body, content_type = prometheus.scrape("text/plain")
    >>> [line for line in body.decode().splitlines() if line.startswith("jobs")]
    ['jobs_done_total 3']
    """

    name = "prometheus"

    def __init__(
        self,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        path: str = "/metrics",
        expire: float | None = 3600.0,
        directory: str | Path | None = None,
        run: str = "",
        gauges: str | Mapping[str, str] = "pid",
        buckets: Mapping[str, tuple[float, ...]] | None = None,
        max_buckets: int = 160,
        exemplars: int = 4,
        classic: bool = True,
        created: bool = False,
        publish: float = 1.0,
        semconv: str | None = None,
    ) -> None:
        if port is not None and not 0 <= port <= 65535:
            message = f"port must be between 0 and 65535, got {port!r}"
            raise ValueError(message)
        if not path.startswith("/"):
            message = f"path must begin with '/', got {path!r}"
            raise ValueError(message)
        if expire is not None and not expire > 0:
            message = f"expire must be a positive number of seconds or None, got {expire!r}"
            raise ValueError(message)
        if not (publish > 0 and math.isfinite(publish)):
            message = f"publish must be a positive number of seconds, got {publish!r}"
            raise ValueError(message)
        if semconv is not None:
            from inlay.semconv import checked_version

            checked_version(semconv)
        self._semconv = semconv
        self._port, self._host, self._path = port, host, path
        self._directory = None if directory is None else os.fspath(directory)
        self._run = run
        self._publish_s = publish
        self._gauges = {"": gauges} if isinstance(gauges, str) else dict(gauges)
        for metric, merge in self._gauges.items():
            if merge not in _GAUGE_MERGES:
                message = f"gauges must be one of {', '.join(_GAUGE_MERGES)}, got {merge!r}"
                raise ValueError(message + (f" for {metric!r}" if metric else ""))
        self._edges = {metric: _edges(metric, given) for metric, given in (buckets or {}).items()}
        self._options: dict[str, Any] = {
            "expire_s": 0.0 if expire is None else float(expire),
            "max_buckets": max_buckets,
            "max_exemplars": exemplars,
            "classic_in_protobuf": classic,
            "created_samples": created,
        }
        self._resource: Mapping[str, str] = {}
        self._observer: weakref.ref[Observer] | None = None
        self._server: Server | None = None
        self._pid = os.getpid()
        self._totals = self._make()
        self.asgi = AsgiApp(self)
        self.wsgi = WsgiApp(self)

    # ---- the sink ----------------------------------------------------------------------------
    def attach(self, observer: Observer) -> None:
        """Scrapes show what this observer's open window holds; the server starts.

        Parameters
        ----------
        observer : Observer
            The observer; it is not kept alive.

        Raises
        ------
        OSError
            If the port cannot be had, unless workers share a directory: then another worker may
            have it, and this one takes over when that one ends.
        """
        self._observer = weakref.ref(observer)
        self._serve(must=self._directory is None)

    def open(self, resource: Mapping[str, str], origin: int) -> None:  # noqa: ARG002
        """Begin; in a forked child, forget what was inherited."""
        self._resource = dict(resource)
        totals = self._current()
        with _making:
            if totals.closed:  # the other workers have added up what it had
                self._renew()
            else:
                totals.accumulator.set_resource(_core.canonical_json(self._resource))
                self._share(totals)
        if self._directory is not None:
            self._serve(must=False)

    def write(self, batch: Batch) -> None:
        """Add a window. One that comes a second time is not added twice."""
        totals = self._current()
        self._describe(totals)
        totals.accumulator.add(*self._tables(batch))
        if totals.shared:
            totals.accumulator.publish(None, _now_us())
        with totals.written:
            totals.written.notify_all()

    def close(self, deadline: float) -> None:
        """Tell the other workers, and stop the server."""
        totals = self._current()
        totals.stop.set()
        if totals.publisher is not None:
            totals.publisher.join(max(0.0, deadline - time.monotonic()))
        if totals.shared:
            totals.closed = True
            totals.shared = False
            totals.accumulator.close_directory(_now_us())
        if self._server is not None:
            self._server.close()
            self._server = None

    def stats(self) -> Mapping[str, int]:
        """Return running totals of what happened here.

        Returns
        -------
        dict of str to int
        """
        stats = self._current().accumulator.stats()
        names = (
            "scrapes",
            "duplicates",
            "lost_windows",
            "refused_rows",
            "expired",
            "folded_workers",
            "unreadable_files",
            "directory_errors",
        )
        return {name: stats[name] for name in names}

    # ---- the scrape --------------------------------------------------------------------------
    @property
    def port(self) -> int | None:
        """The port the server listens on; None while this process has none."""
        server = self._server
        return None if server is None or os.getpid() != self._pid else server.port

    @property
    def status(self) -> dict[str, Any]:
        """What is held (series, families, workers …) and what went wrong last."""
        return self._current().accumulator.stats()

    def renamed(self) -> dict[str, str]:
        """Return metrics whose Prometheus name was taken by another metric.

        Returns
        -------
        dict of str to str
            By metric, the name it is shown under instead.
        """
        return dict(self._current().accumulator.renamed())

    def scrape(self, accept: str = "", /) -> tuple[bytes, str]:
        """Write all series.

        Parameters
        ----------
        accept : str
            An HTTP Accept header. What cannot be read in it is passed over.

        Returns
        -------
        body : bytes
            In the form the header prefers; the older text form if it prefers none we have.
        content_type : str
            Its Content-Type.

        Raises
        ------
        RuntimeError
            If the sink was closed and shared a directory: other workers answer for it.
        """
        totals = self._current()
        if totals.closed:
            message = "the observer has stopped; ask another worker"
            raise RuntimeError(message)
        if self._observer is not None and not totals.shared:
            # The thread that opens the sink may not have come to it; what is shown must be shared.
            with _making, contextlib.suppress(InlayError):  # opening tries again, and tells
                self._share(totals)
        form, content_type = _core.negotiate_exposition(accept)
        peek = self._peek()
        self._describe(totals)
        if peek is not None:
            self._catch_up(totals, peek)
        return totals.accumulator.render(form, peek, _now_us()), content_type

    def _peek(self) -> _Peek | None:
        observer = None if self._observer is None else self._observer()
        if observer is None:
            return None
        try:
            return self._tables(observer.peek())
        except StoppedError:  # its last window was written, or will be in a moment
            return None

    def _tables(self, batch: Batch) -> _Peek:
        points: Any = batch.points
        semconv = self._conventions()
        if semconv:
            from inlay.semconv import renamed_points

            points = renamed_points(batch.points.to_pyarrow(), semconv)
        return _core.Table(points), _core.Table(batch.exemplars), batch.origin, batch.window_seq

    def _conventions(self) -> str | dict[str, str] | None:
        """Return the version for all streams of generations, or by the name of each."""
        if self._semconv is not None:
            return self._semconv
        observer = None if self._observer is None else self._observer()
        streams = None if observer is None else observer._generations
        return None if streams is None else streams.semconv()

    @staticmethod
    def _catch_up(totals: _Totals, peek: _Peek) -> None:
        """Wait a moment for windows on their way: between cut and write they are nowhere."""
        origin, window_seq = peek[2:]
        deadline = time.monotonic() + _CATCH_UP_S
        with totals.written:
            while totals.accumulator.is_behind(origin, window_seq):
                left = deadline - time.monotonic()
                if left <= 0.0 or not totals.written.wait(left):
                    return

    def _describe(self, totals: _Totals) -> None:
        observer = None if self._observer is None else self._observer()
        if observer is None:
            return
        for instrument in observer.core.instruments():
            if instrument not in totals.described:
                totals.accumulator.describe(*instrument)
                self._describe_renamed(totals, *instrument)
                totals.described.add(instrument)

    def _describe_renamed(
        self, totals: _Totals, metric: str, kind: str, unit: str, description: str
    ) -> None:
        """Give what a convention calls a figure its help text, and the edges that it advises."""
        semconv = self._conventions()
        if not semconv:
            return
        from inlay.semconv import renamed_metric

        named = renamed_metric(metric, kind, {}, semconv)
        if named is None:
            return
        totals.accumulator.describe(named.metric, named.kind, named.unit, description)
        edges = _edges_of(named, unit)
        if edges is not None and named.metric not in self._edges:
            totals.accumulator.set_edges(named.metric, *edges)

    # ---- processes ---------------------------------------------------------------------------
    def _make(self) -> _Totals:
        accumulator = _core.PrometheusAccumulator(**self._options)
        for metric, merge in self._gauges.items():
            accumulator.set_gauge_merge(metric, merge)
        for metric, edges in self._edges.items():
            accumulator.set_edges(metric, *edges)
        return _Totals(accumulator)

    def _current(self) -> _Totals:
        """Return this process' totals: a forked child has none of its parent's."""
        totals = self._totals
        if totals.pid == os.getpid():
            return totals
        with _making:
            if self._totals is totals:
                _inherited.append(totals)
                self._server = None
                self._pid = os.getpid()
                self._renew()
            return self._totals

    def _renew(self) -> None:
        """Start from nothing."""
        totals = self._make()
        totals.accumulator.set_resource(_core.canonical_json(dict(self._resource)))
        self._share(totals)
        self._totals = totals

    def _share(self, totals: _Totals) -> None:
        if self._directory is None or totals.publisher is not None:
            return
        totals.accumulator.open_directory(self._directory, self._run)
        totals.shared = True
        totals.publisher = threading.Thread(
            target=self._publish,
            args=(weakref.ref(self), totals),
            name="inlay-prometheus-publish",
            daemon=True,
        )
        totals.publisher.start()

    @staticmethod
    def _publish(self_ref: weakref.ref[Prometheus], totals: _Totals) -> None:
        """Show the totals to the other workers, again and again."""
        cost = 0.0
        while True:
            sink = self_ref()
            if sink is None:
                return
            interval = max(sink._publish_s, cost / _PUBLISH_SHARE)
            started = time.perf_counter()
            totals.accumulator.publish(sink._peek(), _now_us())
            cost = time.perf_counter() - started
            sink._serve(must=False)  # the worker that had the port may be gone
            del sink
            if totals.stop.wait(interval):
                return

    def _serve(self, *, must: bool) -> None:
        if self._port is None or self._server is not None:
            return
        try:
            self._server = Server(self, self._host, self._port, self._path)
        except OSError:
            if must:
                raise
        self._pid = os.getpid()


def _edges_of(named: Renamed, unit: str) -> tuple[int, int, int] | None:
    """Return edges for a figure under another name, as `set_edges` takes them."""
    edges = named.boundaries
    if edges is not None and edges[0] == 1.0 and edges[1] == 4.0:  # powers of 4: ours, too
        return 0, len(edges) - 1, -1
    # A name that ends otherwise than its unit has none here, and would get the edges of numbers.
    return _SECONDS if unit == "s" and named.kind == "histogram" else None


def _now_us() -> int:
    return time.time_ns() // 1000


def _edges(metric: str, given: tuple[float, ...]) -> tuple[int, int, int]:
    """Return exponents of the lowest and highest edge and the resolution."""
    low, high, *rest = given
    density = rest[0] if rest else 1
    resolution = math.log2(density) if density > 0 else math.nan
    if not (0 < low < high < math.inf) or len(rest) > 1 or not resolution.is_integer():
        message = (
            "buckets must be (lowest, highest) or (lowest, highest, edges to a doubling: a power "
            f"of two), got {given!r} for {metric!r}"
        )
        raise ValueError(message)
    return (
        math.floor(math.log2(low) * density),
        math.ceil(math.log2(high) * density),
        int(resolution),
    )
