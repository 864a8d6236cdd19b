"""Eight Python threads on one metric: calls per second, and what one call takes at worst.

Under a GIL eight threads share one core, so a lock held across a switch shows as a collapse; on a
free-threaded build they run side by side. Latencies include about two clock reads.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from itertools import repeat
from typing import Any

from harness import Bench, Run
from workload import inlay_rows

from inlay._timing import hammer

bench = Bench("threads")
THREADS = 8
CALLS = 400_000


def measure(run: Run, kind: str, call: Callable[[Any], object], value: Any, *, calls: int) -> int:
    """Report rate and latency of one method under eight threads; return how often it ran."""
    each = run.size(calls) // THREADS
    made = 0

    def loop() -> None:
        for v in repeat(value, each):
            call(v)

    rates = []
    for turn in range(run.repeats + 1):
        seconds = hammer(THREADS, loop)
        made += each * THREADS
        if turn:
            rates.append(each * THREADS / seconds / 1e6)
    run.report(f"{kind}_rate", rates)

    timed = max(each // 2, 2_000)
    logs: list[array[int]] = []

    def loop_timed() -> None:
        log = array("q", bytes(8 * timed))
        clock = time.perf_counter_ns
        for i in range(timed):
            start = clock()
            call(value)
            log[i] = clock() - start
        logs.append(log)

    p99, p999, worst = [], [], []
    for turn in range(run.repeats + 1):
        logs.clear()
        hammer(THREADS, loop_timed)
        made += timed * THREADS
        ordered = sorted(ns for log in logs for ns in log)
        if turn:
            p99.append(ordered[int(0.99 * len(ordered))] / 1e3)
            p999.append(ordered[int(0.999 * len(ordered))] / 1e3)
            worst.append(ordered[-1] / 1e3)
    run.report(f"{kind}_p99", p99)
    run.report(f"{kind}_p999", p999, worst_us=max(worst))
    return made


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay

    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    hits, spent = obs.counter("hits").bind(), obs.histogram("spent", unit="s").bind()
    with obs:
        added = measure(run, "counter", hits.add, 1, calls=CALLS * 8)
        recorded = measure(run, "histogram", spent.record, 0.0123, calls=CALLS * 8)
        rows = inlay_rows(obs.collect())
    run.check(rows["hits"]["value"], added, "none lost of the counter")
    run.check(rows["spent"]["count"], recorded, "none lost of the histogram")
    run.check(sum(rows["spent"]["pos_counts"]), recorded, "none lost of the buckets")


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    hits = Counter("hits", "n", registry=registry)
    spent = Histogram("spent", "s", registry=registry)
    added = measure(run, "counter", hits.inc, 1, calls=CALLS)
    recorded = measure(run, "histogram", spent.observe, 0.0123, calls=CALLS // 2)
    run.check(registry.get_sample_value("hits_total"), float(added), "none lost of the counter")
    run.check(registry.get_sample_value("spent_count"), float(recorded), "none lost")


@bench.case("opentelemetry", needs=["opentelemetry.sdk"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("bench")
    added = measure(run, "counter", meter.create_counter("hits").add, 1, calls=CALLS // 4)
    measure(run, "histogram", meter.create_histogram("spent").record, 0.0123, calls=CALLS // 4)
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    total = sum(p.value for m in metrics if m.name == "hits" for p in m.data.data_points)
    run.check(total, added, "none lost of the counter")


@bench.case("datasketches kll", needs=["datasketches"])
def _datasketches(run: Run) -> None:
    from datasketches import kll_doubles_sketch

    sketch = kll_doubles_sketch(200)  # safe here only because the GIL serialises the calls
    measured = measure(run, "histogram", sketch.update, 0.0123, calls=CALLS * 4)
    run.check(sketch.n, measured, "none lost of the sketch")


if __name__ == "__main__":
    bench.main()
