"""Resident bytes per series: counters, and histograms after a thousand lognormal values.

A process of its own per figure (what a peer frees would hide what the next one takes), series made
and filled by one thread or spread over 32, which are still alive when the memory is read.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from harness import Bench, Run, Wrong
from workload import latencies

bench = Bench("memory")
COUNTERS, HISTOGRAMS, VALUES = 20_000, 2_000, 1_000
THREADS = (1, 32)

#: Makes `record(series number, value)` for one peer; nothing but the peer's own state is kept.
Setup = Callable[[str, int], Callable[[int, float], object]]


def resident_bytes() -> int:
    """Return the resident set of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fill(
    record: Callable[[int, float], object], series: int, values: list[float], threads: int
) -> int:
    """Record every value into every series, the values dealt out to the threads; bytes taken."""
    ready, done, leave = (threading.Barrier(threads + 1) for _ in range(3))

    def work(share: list[float]) -> None:
        ready.wait()
        for value in share:
            for i in range(series):
                record(i, value)
        done.wait()
        leave.wait()

    shares = [values[i::threads] for i in range(threads)]
    workers = [threading.Thread(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    gc.collect()
    before = resident_bytes()  # with the threads' stacks, which are not the library's
    ready.wait()
    done.wait()
    gc.collect()
    after = resident_bytes()
    leave.wait()
    for worker in workers:
        worker.join()
    return after - before


def _inlay(kind: str, series: int) -> Callable[[int, float], object]:
    import inlay

    obs = inlay.Observer({"service.name": "bench"}, window=3600.0, max_series=series + 1)
    obs.start()
    names = [f"user-{i}" for i in range(series)]
    attributes = ("method", "user")
    if kind == "counter":
        add = obs.counter("hits", attributes=attributes).add
        return lambda i, _: add(1, method="POST", user=names[i])
    record = obs.histogram("spent", unit="s", attributes=attributes).record
    return lambda i, value: record(value, method="POST", user=names[i])


def _prometheus(kind: str, series: int) -> Callable[[int, float], object]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    names = [f"user-{i}" for i in range(series)]
    registry = CollectorRegistry()
    if kind == "counter":
        hits = Counter("hits", "n", ["method", "user"], registry=registry)
        return lambda i, _: hits.labels("POST", names[i]).inc()
    spent = Histogram("spent", "s", ["method", "user"], registry=registry)
    return lambda i, value: spent.labels("POST", names[i]).observe(value)


def _opentelemetry(
    kind: str, series: int, *, exponential: bool = False
) -> Callable[[int, float], object]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.view import (
        DefaultAggregation,
        ExponentialBucketHistogramAggregation,
        View,
    )

    aggregation = ExponentialBucketHistogramAggregation() if exponential else DefaultAggregation()
    view = View(
        instrument_name="m", aggregation=aggregation, aggregation_cardinality_limit=series + 1
    )
    meter = MeterProvider([InMemoryMetricReader()], views=[view]).get_meter("bench")
    names = [f"user-{i}" for i in range(series)]
    if kind == "counter":
        add = meter.create_counter("m").add
        return lambda i, _: add(1, {"method": "POST", "user": names[i]})
    record = meter.create_histogram("m").record
    return lambda i, value: record(value, {"method": "POST", "user": names[i]})


def _otel_exponential(kind: str, series: int) -> Callable[[int, float], object]:
    return _opentelemetry(kind, series, exponential=True)


def _datasketches(kind: str, series: int) -> Callable[[int, float], object]:
    from datasketches import kll_floats_sketch

    del kind
    updates = [kll_floats_sketch(200).update for _ in range(series)]
    return lambda i, value: updates[i](value)


def _ddsketch(kind: str, series: int) -> Callable[[int, float], object]:
    from ddsketch import DDSketch

    del kind
    adds = [DDSketch(0.0108).add for _ in range(series)]
    return lambda i, value: adds[i](value)


SETUPS: dict[str, Setup] = {
    "inlay": _inlay,
    "prometheus_client": _prometheus,
    "opentelemetry": _opentelemetry,
    "opentelemetry, exponential": _otel_exponential,
    "datasketches kll": _datasketches,
    "ddsketch": _ddsketch,
}


def one_figure(peer: str, kind: str, threads: int, series: int) -> float:
    """Fill the series in this process and return the bytes each took."""
    count = 1 if kind == "counter" else VALUES
    values = latencies(max(count, threads))[:count] if threads == 1 else latencies(count)
    if kind == "counter" and threads > 1:
        values = [1.0] * threads  # every thread adds once to every counter
    if peer in {"datasketches kll", "ddsketch"}:
        base = resident_bytes()  # these are made by the setup, so it belongs to the figure
        record = SETUPS[peer](kind, series)
        made = resident_bytes() - base
    else:
        record, made = SETUPS[peer](kind, series), 0
    return (made + fill(record, series, values, threads)) / series


def _report(run: Run, kind: str, threads: int, full: int) -> None:
    series = run.size(full, quick=50)
    command = [sys.executable, __file__, "--figure", run.peer, kind, str(threads), str(series)]
    samples = []
    for _ in range(1 if run.quick else 3):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Wrong(f"{run.peer}/{kind}: {done.stderr.strip().splitlines()[-1]}")
        samples.append(json.loads(done.stdout))
    run.report(f"{kind}_{threads}", samples)


def _case(peer: str, kinds: tuple[str, ...], needs: tuple[str, ...]) -> None:
    @bench.case(peer, needs=needs)
    def case(run: Run) -> None:
        # Only ours keeps state per thread; the peers' figure does not depend on the threads.
        for threads in THREADS if peer == "inlay" else THREADS[:1]:
            for kind in kinds:
                slow = 1 if peer in {"inlay", "datasketches kll"} else 4
                full = COUNTERS if kind == "counter" else HISTOGRAMS // slow
                _report(run, kind, threads, full)


_case("inlay", ("counter", "histogram"), ())
_case("prometheus_client", ("counter", "histogram"), ("prometheus_client",))
_case("opentelemetry", ("counter", "histogram"), ("opentelemetry.sdk",))
_case("opentelemetry, exponential", ("histogram",), ("opentelemetry.sdk",))
_case("datasketches kll", ("histogram",), ("datasketches",))
_case("ddsketch", ("histogram",), ("ddsketch",))

if __name__ == "__main__":
    if sys.argv[1:2] == ["--figure"]:
        name, what, threads_text, series_text = sys.argv[2:6]
        print(json.dumps(one_figure(name, what, int(threads_text), int(series_text))))
    else:
        bench.main()
