"""The summaries fed a million values by each set of loops, merged, and as bytes.

A process of its own per set, since INLAY_FORCE_ISA is read when the library loads; a set that the
machine lacks has no figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from harness import Bench, Run, Wrong
from workload import seconds_array

bench = Bench("summary")
SIZE = 1_000_000
STATES = 1_000
PASSES = 15


def best_ns(call: Callable[[], object], n: int) -> float:
    """Return the nanoseconds a value of the quickest of some passes over n values."""
    best = float("inf")
    for _ in range(PASSES):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e9 / n


def figures(n: int, repeats: int) -> dict[str, list[float]]:
    """Return the figures of the set of loops this process has loaded."""
    import inlay

    values = seconds_array(n)
    moments, histogram = inlay.Moments(), inlay.ExpHistogram()
    obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
    both = obs.histogram("both").bind()
    calls: dict[str, Callable[[Any], None]] = {
        "moments": moments.update,
        "exp_histogram": histogram.update,
        "both": both.record_many,
    }
    out = {
        name: [best_ns(lambda call=call: call(values), n) for _ in range(repeats)]  # type: ignore[misc]
        for name, call in calls.items()
    }
    counts = {moments.count, histogram.count, obs.collect().points.to_pylist()[0]["count"]}
    if counts != {PASSES * repeats * n}:
        raise Wrong(f"values counted: {counts}")
    return out


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import numpy as np

    import inlay

    n = run.size(SIZE)
    for isa in ("avx512", "avx2", "scalar"):
        done = subprocess.run(
            [sys.executable, __file__, "--figures", isa, str(n), str(run.repeats)],
            env=os.environ | {"INLAY_FORCE_ISA": isa},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Wrong(f"{isa}: {done.stderr.strip().splitlines()[-1]}")
        for name, samples in json.loads(done.stdout).items():
            run.report(f"{name}_{isa}", samples)

    values = seconds_array(1_000, "float64")
    words = [f"name-{i}" for i in range(20)]
    kinds: list[Callable[[], Any]] = [
        lambda: inlay.Moments(values),
        lambda: inlay.ExpHistogram(values),
        lambda: inlay.EdgeHistogram(np.linspace(0.1, 4, 10), values),
        lambda: inlay.Categories(words, words * 50),
        lambda: inlay.Kll(values),
        lambda: inlay.Hll(values),
        lambda: inlay.TopK(words * 50),
        lambda: inlay.Reservoir(values),
    ]
    states = [[make() for _ in range(run.size(STATES))] for make in kinds]

    def merge_all() -> float:
        start = time.perf_counter()
        for column in states:
            into = column[0].copy()
            for other in column[1:]:
                into.merge(other)
        return (time.perf_counter() - start) * 1e3

    merge_all()
    run.report("merge", [merge_all() for _ in range(run.repeats)])
    octaves = inlay.ExpHistogram(np.exp2(np.random.default_rng(1).uniform(-5, 5, 100_000)))
    run.report("exp_histogram_bytes", [float(len(octaves.to_bytes()))])
    run.report("hll_bytes", [float(len(inlay.Hll(np.arange(100)).to_bytes()))])


@bench.case("numpy", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(SIZE)
    values = seconds_array(n)

    def moments() -> tuple[Any, ...]:
        nan = np.isnan(values).sum()
        return values.mean(), values.std(), values.min(), values.max(), nan

    def buckets() -> Any:
        return np.bincount(values.view(np.uint32) >> 18)

    calls: dict[str, Callable[[], object]] = {
        "moments": moments,
        "exp_histogram": buckets,
        "both": lambda: (moments(), buckets()),
    }
    for name, call in calls.items():
        samples = [best_ns(call, n) for _ in range(run.repeats)]
        for isa in ("avx512", "avx2", "scalar"):
            run.report(f"{name}_{isa}", samples)
    run.check(int(buckets().sum()), n, "values in buckets")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--figures"]:
        isa_text, size_text, repeats_text = sys.argv[2:5]
        from inlay import build_info

        chosen = build_info()["isa"]
        print(json.dumps(figures(int(size_text), int(repeats_text)) if chosen == isa_text else {}))
    else:
        bench.main()
