"""A scrape of ten thousand counters, of ten thousand histograms, and of eight worker processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator

from harness import Bench, Run

bench = Bench("prometheus")
SERIES = 10_000
VALUES = 1_000
WORKERS = 8
WORKER_HISTOGRAMS = 1_000
TEXT = "text/plain;version=0.0.4"
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)


@contextlib.contextmanager
def _workers(code: str, number: int, *arguments: str, **env: str) -> Iterator[None]:
    """Run `number` processes until all have said that they are ready, and end them afterwards."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        for _ in range(number)
    ]
    try:
        for process in processes:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                message = "a worker did not get ready"
                raise RuntimeError(message)
        yield
    finally:
        for process in processes:
            process.communicate("end\n", timeout=60)


def _count(text: bytes, start: bytes) -> int:
    return sum(line.startswith(start) for line in text.splitlines())


def _time(run: Run, work: str, scrape: Callable[[], object]) -> None:
    run.report(work, [seconds * 1e3 for seconds in run.time_each(scrape, inner=3)])


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import numpy as np

    import inlay
    from inlay.sinks import Prometheus

    n = run.size(SERIES)
    sink = Prometheus()
    obs = inlay.Observer(sinks=[sink], window=3600.0, max_series=n + 1)
    hits = obs.counter("hits", attributes=("method", "user"))
    for i in range(n):
        hits.bind(method="POST", user=f"user-{i}").add(1)
    obs.collect()
    obs.flush(timeout=60)
    run.check(_count(sink.scrape(TEXT)[0], b"hits_total{"), n, "series in a scrape")
    for form, accept in (("", TEXT), ("_protobuf", PROTOBUF)):
        _time(run, f"counters{form}", lambda accept=accept: sink.scrape(accept))
    obs.stop()

    sink = Prometheus()
    obs = inlay.Observer(sinks=[sink], window=3600.0, max_series=n + 1)
    latency = obs.histogram("latency", unit="s", attributes=("method", "user"))
    rng = np.random.default_rng(1)
    for i in range(n):
        latency.bind(method="POST", user=f"user-{i}").record_many(rng.lognormal(-3, 1, VALUES))
    obs.collect()
    obs.flush(timeout=60)
    text = sink.scrape(TEXT)[0]
    run.check(_count(text, b"latency_seconds_count{"), n, "series in a scrape")
    for form, accept in (("", TEXT), ("_protobuf", PROTOBUF)):
        _time(run, f"histograms{form}", lambda accept=accept: sink.scrape(accept))
    obs.stop()

    counters, histograms = run.size(SERIES), run.size(WORKER_HISTOGRAMS)
    worker = """
        import sys
        import inlay
        import numpy as np
        from inlay.sinks import Prometheus
        directory, counters, histograms, values = sys.argv[1], *map(int, sys.argv[2:])
        sink = Prometheus(directory=directory)
        obs = inlay.Observer(sinks=[sink], window=3600.0, max_series=counters + 1).start()
        hits = obs.counter("hits", attributes=("user",))
        latency = obs.histogram("latency", unit="s", attributes=("user",))
        for i in range(counters):
            hits.bind(user=f"user-{i}").add(1)
        rng = np.random.default_rng(1)
        for i in range(histograms):
            latency.bind(user=f"user-{i}").record_many(rng.lognormal(-3, 1, values))
        obs.collect()
        obs.flush(timeout=60)
        print("ready", flush=True)
        sys.stdin.readline()
        obs.stop()
        """
    with tempfile.TemporaryDirectory() as directory:
        sizes = (str(counters), str(histograms), str(VALUES))
        with _workers(worker, WORKERS - 1, directory, *sizes):
            sink = Prometheus(directory=directory)
            obs = inlay.Observer(sinks=[sink], window=3600.0, max_series=counters + 1).start()
            hits = obs.counter("hits", attributes=("user",))
            latency = obs.histogram("latency", unit="s", attributes=("user",))
            for i in range(counters):
                hits.bind(user=f"user-{i}").add(1)
            for i in range(histograms):
                values = rng.lognormal(-3, 1, VALUES)
                latency.bind(user=f"user-{i}").record_many(values)
            obs.collect()
            obs.flush(timeout=60)
            text = sink.scrape(TEXT)[0]
            run.check(f'hits_total{{user="user-0"}} {WORKERS}\n'.encode() in text, True, "one sum")
            run.check(_count(text, b"hits_total{"), counters, "series in a scrape")
            for form, accept in (("", TEXT), ("_protobuf", PROTOBUF)):
                _time(run, f"workers{form}", lambda accept=accept: sink.scrape(accept))
            obs.stop()


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus_client(run: Run) -> None:
    import numpy as np
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    n = run.size(SERIES)
    registry = CollectorRegistry()
    hits = Counter("hits", "n", ["method", "user"], registry=registry)
    for i in range(n):
        hits.labels("POST", f"user-{i}").inc()
    run.check(_count(generate_latest(registry), b"hits_total{"), n, "series in a scrape")
    _time(run, "counters", lambda: generate_latest(registry))

    registry = CollectorRegistry()
    latency = Histogram("latency_seconds", "n", ["method", "user"], registry=registry)
    rng = np.random.default_rng(1)
    for i in range(n):
        series = latency.labels("POST", f"user-{i}")
        for value in rng.lognormal(-3, 1, 10):  # its buckets are fixed: more values cost no more
            series.observe(value)
    run.check(_count(generate_latest(registry), b"latency_seconds_count{"), n, "series")
    _time(run, "histograms", lambda: generate_latest(registry))

    worker = """
        import sys
        from prometheus_client import Counter, Histogram
        counters, histograms = map(int, sys.argv[1:])
        hits = Counter("hits", "n", ["user"])
        latency = Histogram("latency_seconds", "n", ["user"])
        for i in range(counters):
            hits.labels(f"user-{i}").inc()
        for i in range(histograms):
            latency.labels(f"user-{i}").observe(0.05)
        print("ready", flush=True)
        sys.stdin.readline()
        """
    counters, histograms = run.size(SERIES), run.size(WORKER_HISTOGRAMS)
    with (
        tempfile.TemporaryDirectory() as directory,
        _workers(
            worker, WORKERS, str(counters), str(histograms), PROMETHEUS_MULTIPROC_DIR=directory
        ),
    ):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=directory)
        run.check(_count(generate_latest(registry), b"hits_total{"), counters, "series")
        _time(run, "workers", lambda: generate_latest(registry))


if __name__ == "__main__":
    bench.main()
