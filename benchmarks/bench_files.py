"""Bytes on disk of one metric's window, once the files have been compacted to Parquet.

An hour of ten-second windows on a clock that is moved by hand: metrics as a server has them, with
values that change like a server's. The difference of two directories, with and without a kind of
metric, is what that kind costs: what every file has once is not charged to it.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness import Bench, Run

bench = Bench("files")
WINDOW, WINDOWS, SERIES = 10.0, 360, 100
#: A registration: makes the series and returns what each window calls.
Fill = Callable[[object, random.Random, int], Callable[[], None]]


def _counters(observer: object, draw: random.Random, series: int) -> Callable[[], None]:
    hits = observer.counter("http.requests", attributes=("method", "route"))  # type: ignore[attr-defined]
    rates = [draw.uniform(1, 500) for _ in range(series)]
    adds = [hits.bind(method="POST", route=f"/v1/route-{i}").add for i in range(series)]

    def window() -> None:
        for add, rate in zip(adds, rates, strict=True):
            add(max(1, round(draw.gauss(rate, rate**0.5))))

    return window


def _gauges(observer: object, draw: random.Random, series: int) -> Callable[[], None]:
    depth = observer.gauge("queue.depth", attributes=("model", "replica"))  # type: ignore[attr-defined]
    sets = [depth.bind(model="m", replica=str(i)).set for i in range(series)]
    levels = [draw.uniform(0, 200) for _ in range(series)]

    def window() -> None:
        for i, put in enumerate(sets):
            for _ in range(3):
                levels[i] = max(0.0, levels[i] + draw.gauss(0, 5))
                put(float(round(levels[i])))

    return window


def _histograms(observer: object, draw: random.Random, series: int) -> Callable[[], None]:
    spent = observer.histogram("http.duration", unit="s", attributes=("method", "route"))  # type: ignore[attr-defined]
    records = [spent.bind(method="POST", route=f"/v1/route-{i}").record for i in range(series)]

    def window() -> None:
        for record in records:
            for _ in range(100):
                record(draw.lognormvariate(-3.9, 1.0))

    return window


def _nothing(observer: object, draw: random.Random, series: int) -> Callable[[], None]:
    del observer, draw, series
    return lambda: None


def parquet_bytes(run: Run, fill: Fill, *, series: int, windows: int, seed: int) -> int:
    """Record the windows into a fresh directory and return the bytes of its Parquet files."""
    import pyarrow.parquet as pq

    import inlay

    with tempfile.TemporaryDirectory() as folder:
        clock = inlay.ManualClock()
        sink = inlay.sinks.Files(folder)
        observer = inlay.Observer(
            {"service.name": "bench"}, window=WINDOW, sinks=[sink], clock=clock
        )
        window = fill(observer, random.Random(seed), series)
        with observer:
            for _ in range(windows):
                window()
                clock.advance(WINDOW)
                observer.flush(timeout=30)
        command = "import sys; from inlay.cli import main; sys.exit(main())"
        tidy = [sys.executable, "-c", command, "compact", folder, "--grace", "0s"]
        subprocess.run(tidy, check=True, capture_output=True)
        files = [path for path in Path(folder, "points").rglob("*.parquet") if path.is_file()]
        rows = sum(pq.read_metadata(path).num_rows for path in files)
        expected = 0 if fill is _nothing else series * windows
        run.check(rows >= expected and rows > 0, True, "rows in the Parquet files")
        return sum(path.stat().st_size for path in files)


@bench.case("inlay", needs=["pyarrow"])
def _inlay(run: Run) -> None:
    series, windows = run.size(SERIES, quick=5), run.size(WINDOWS, quick=6)
    for work, fill in (("counter", _counters), ("gauge", _gauges), ("histogram", _histograms)):
        samples = []
        for seed in range(1 if run.quick else 3):
            size = {"series": series, "windows": windows, "seed": seed}
            taken = parquet_bytes(run, fill, **size) - parquet_bytes(run, _nothing, **size)
            samples.append(taken / (series * windows))
        run.report(work, samples)


if __name__ == "__main__":
    bench.main()
