"""A snapshot of ten thousand counters, and how late another thread's timer is meanwhile."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable

from harness import Bench, Run, Wrong

bench = Bench("collect")
SERIES = 10_000
TICK = 0.0002  # seconds the other thread means to sleep
MINIMUM_TICKS = 200  # a 99th percentile of fewer would be one bad moment
PATIENCE = 10.0  # seconds to wait for them


def measure(
    run: Run, touch: Callable[[], None], collect: Callable[[], object], *, seconds: float
) -> None:
    """Time the collection, every series touched before it, then again beside a ticking thread."""
    figures = run.time_each(collect, before=touch, inner=run.size(9, quick=1))
    run.report("snapshot", [s * 1e3 for s in figures])
    ticks = run.size(MINIMUM_TICKS, quick=5)
    if run.quick:
        seconds = 0.01
    samples = [_late_p99(touch, collect, seconds, ticks) for _ in range(run.repeats)]
    run.report("lateness", samples, alone_ms=_late_p99(_rest, _rest, seconds, ticks))


def _rest() -> None:
    time.sleep(0.0005)


def _late_p99(
    touch: Callable[[], None], collect: Callable[[], object], seconds: float, minimum: int
) -> float:
    """Return in ms the 99th percentile of lateness of the ticks that fell due while collecting.

    Ticks due while the series are being touched belong to the load, not to the collection.
    """
    ticks: list[tuple[float, float]] = []
    stop = threading.Event()

    def tick() -> None:
        clock, sleep = time.perf_counter, time.sleep
        while not stop.is_set():
            due = clock() + TICK
            sleep(TICK)
            ticks.append((due, clock()))

    starts: list[float] = []
    ends: list[float] = []
    thread = threading.Thread(target=tick)
    thread.start()
    deadline = time.perf_counter() + seconds
    late: list[float] = []
    while time.perf_counter() < deadline or len(late) < minimum:
        if time.perf_counter() > deadline + PATIENCE:
            break  # so few ticks come through that waiting for more tells nothing
        touch()
        starts.append(time.perf_counter())
        collect()
        ends.append(time.perf_counter())
        if len(starts) % 64 == 0 or time.perf_counter() >= deadline:
            late = _during(ticks, starts, ends)
    stop.set()
    thread.join()
    late = sorted(_during(ticks, starts, ends))
    if not late:
        raise Wrong(f"no tick fell due during {len(starts)} collections")
    return late[int(0.99 * len(late))] * 1e3


def _during(
    ticks: list[tuple[float, float]], starts: list[float], ends: list[float]
) -> list[float]:
    found = []
    for due, woke in list(ticks):
        at = bisect_right(starts, due) - 1
        if at >= 0 and at < len(ends) and due <= ends[at]:
            found.append(woke - due)
    return found


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay

    n = run.size(SERIES)
    obs = inlay.Observer({"service.name": "bench"}, window=3600.0, max_series=n + 1)
    hits = obs.counter("hits", attributes=("method", "user"))
    adds = [hits.bind(method="POST", user=f"user-{i}").add for i in range(n)]

    def touch() -> None:
        for add in adds:
            add(1)

    with obs:
        touch()
        batch = obs.collect()
        rows = [r for r in batch.points.to_pylist() if r["metric"] == "hits"]
        run.check((len(rows), {r["value"] for r in rows}), (n, {1.0}), "rows of one snapshot")
        measure(run, touch, obs.collect, seconds=0.5)


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, generate_latest

    n = run.size(SERIES)
    registry = CollectorRegistry()
    hits = Counter("hits", "n", ["method", "user"], registry=registry)
    incs = [hits.labels("POST", f"user-{i}").inc for i in range(n)]

    def touch() -> None:
        for inc in incs:
            inc()

    touch()
    lines = generate_latest(registry).splitlines()
    run.check(sum(line.startswith(b"hits_total{") for line in lines), n, "series rendered")
    measure(run, touch, lambda: generate_latest(registry), seconds=0.5)


@bench.case("opentelemetry", needs=["opentelemetry.sdk"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.view import View

    n = run.size(SERIES)
    reader = InMemoryMetricReader()
    view = View(instrument_name="hits", aggregation_cardinality_limit=n + 1)  # else 2,000
    meter = MeterProvider([reader], views=[view]).get_meter("bench")
    hits = meter.create_counter("hits")
    attributes = [{"method": "POST", "user": f"user-{i}"} for i in range(n)]

    def touch() -> None:
        for each in attributes:
            hits.add(1, each)

    touch()
    data = reader.get_metrics_data()
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    run.check(len(points), n, "series collected")
    # Cumulative: everything is collected without being touched again.
    measure(run, _nothing, reader.get_metrics_data, seconds=0.5)


def _nothing() -> None:
    pass


if __name__ == "__main__":
    bench.main()
