"""Whole arrays into one histogram: a million values, and a small batch as one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from harness import Bench, Run
from workload import inlay_rows, seconds_array

from inlay._timing import hammer

bench = Bench("batch")
LARGE, SMALL = 1_000_000, 256


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay

    n = run.size(LARGE)
    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    spent = obs.histogram("spent", unit="s").bind()
    single, double = seconds_array(n), seconds_array(n, "float64")
    small = seconds_array(SMALL)
    calls = 0

    def counted(values: Any) -> Callable[[], None]:
        def call() -> None:
            nonlocal calls
            calls += len(values)
            spent.record_many(values)

        return call

    with obs:
        run.report("f32", _per_value(run.time_each(counted(single), inner=15), n))
        run.report("f64", _per_value(run.time_each(counted(double), inner=15), n))
        row = inlay_rows(obs.collect())["spent"]
        run.check(row["count"], calls, "values counted")
        run.check(row["min"], min(float(single.min()), float(double.min())), "minimum")
        run.check(sum(row["pos_counts"]) + row["zero_count"], calls, "values in buckets")

        samples = run.per_call(
            "f(a)", [None] * run.size(2_000, quick=50), f=spent.record_many, a=small
        )
        run.report("small", [ns / 1e3 for ns in samples])
        run.check(inlay_rows(obs.collect())["spent"]["count"] % SMALL, 0, "whole batches")
        run.report("two_threads", _scaling(run, spent.record_many, single))


def _per_value(seconds: list[float], n: int) -> list[float]:
    return [s * 1e9 / n for s in seconds]


def _scaling(run: Run, call: Callable[[Any], object], values: Any) -> list[float]:
    """Values per second of two threads over those of one; 2 where the GIL is no bound."""
    rounds = run.size(40, quick=2)

    def work() -> None:
        for _ in range(rounds):
            call(values)

    hammer(2, work)
    return [2 * hammer(1, work) / hammer(2, work) for _ in range(run.repeats)]


@bench.case("numpy passes + bincount", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(LARGE)

    def both(values: Any) -> tuple[Any, ...]:
        # What a careful user writes: the statistics, then 1.6 % wide log buckets from the bits.
        buckets = np.bincount(values.view(np.uint32) >> 18)
        nan = np.isnan(values).sum()
        return values.mean(), values.std(), values.min(), values.max(), nan, buckets

    single, small = seconds_array(n), seconds_array(SMALL)
    run.check(int(both(single)[-1].sum()), n, "values in buckets")
    run.report("f32", _per_value(run.time_each(lambda: both(single), inner=15), n))
    samples = run.per_call("f(a)", [None] * run.size(1_000, quick=20), f=both, a=small)
    run.report("small", [ns / 1e3 for ns in samples])


@bench.case("boost-histogram", needs=["boost_histogram"])
def _boost(run: Run) -> None:
    import boost_histogram as bh

    n = run.size(LARGE)
    axis = bh.axis.Regular(2048, 1e-4, 1e4, transform=bh.axis.transform.log)
    histogram = bh.Histogram(axis)
    single, double = seconds_array(n), seconds_array(n, "float64")
    histogram.fill(single)
    run.check(histogram.sum(flow=True), float(n), "values in buckets")
    run.report("f32", _per_value(run.time_each(lambda: histogram.fill(single), inner=10), n))
    run.report("f64", _per_value(run.time_each(lambda: histogram.fill(double), inner=10), n))
    small = seconds_array(SMALL)
    samples = run.per_call("f(a)", [None] * run.size(1_000, quick=20), f=histogram.fill, a=small)
    run.report("small", [ns / 1e3 for ns in samples])
    run.report("two_threads", _scaling_own(run, bh, axis, single))


def _scaling_own(run: Run, bh: Any, axis: Any, values: Any) -> list[float]:
    own = threading.local()

    def call(array: Any) -> None:
        if not hasattr(own, "histogram"):
            own.histogram = bh.Histogram(axis)  # filling one from two threads is not allowed
        own.histogram.fill(array)

    return _scaling(run, call, values)


@bench.case("datasketches kll", needs=["datasketches", "numpy"])
def _datasketches(run: Run) -> None:
    from datasketches import kll_floats_sketch

    n = run.size(LARGE)
    sketch = kll_floats_sketch(200)
    single, small = seconds_array(n), seconds_array(SMALL)
    sketch.update(single)
    run.check(sketch.n, n, "sketch's count")
    run.report("f32", _per_value(run.time_each(lambda: sketch.update(single), inner=3), n))
    samples = run.per_call("f(a)", [None] * run.size(500, quick=10), f=sketch.update, a=small)
    run.report("small", [ns / 1e3 for ns in samples])


@bench.case("ddsketch", needs=["ddsketch", "numpy"])
def _ddsketch(run: Run) -> None:
    from ddsketch import DDSketch

    n = run.size(100_000)
    sketch = DDSketch(0.0108)
    values = seconds_array(n, "float64").tolist()  # no batch call; floats are what it is fastest on

    def loop() -> None:
        add = sketch.add
        for value in values:
            add(value)

    figures = run.time_each(loop)
    run.check(sketch.count, float(n * (run.repeats + 1)), "sketch's count")
    run.report("f32", _per_value(figures, n))
    run.report("small", [s / n * SMALL * 1e6 for s in figures])


@bench.case("prometheus_client", needs=["prometheus_client", "numpy"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Histogram

    n = run.size(100_000)
    histogram = Histogram("spent", "s", registry=CollectorRegistry())
    values = seconds_array(n, "float64").tolist()

    def loop() -> None:
        observe = histogram.observe
        for value in values:
            observe(value)

    figures = run.time_each(loop)
    run.report("f32", _per_value(figures, n))
    run.report("small", [s / n * SMALL * 1e6 for s in figures])


if __name__ == "__main__":
    bench.main()
