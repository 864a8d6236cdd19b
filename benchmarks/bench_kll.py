"""KLL sketches: whole arrays, small batches, single values, merges and bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run
from workload import seconds_array

bench = Bench("kll")
LARGE, SMALL, PARTS = 1_000_000, 256, 64


def _report(
    run: Run,
    make: Callable[[str], Any],
    count: Callable[[Any], int],
    to_bytes: Callable[[Any], bytes],
) -> None:
    n = run.size(LARGE, quick=50_000)
    sketch: list[Any] = []

    def fresh(dtype: str) -> Callable[[], None]:
        def make_one() -> None:
            sketch[:] = [make(dtype)]

        return make_one

    for dtype, short in (("float32", "f32"), ("float64", "f64")):
        values = seconds_array(n, dtype)
        seconds = run.time_each(
            lambda values=values: sketch[0].update(values), before=fresh(dtype), inner=3
        )
        run.check(count(sketch[0]), n, "values counted")
        run.report(short, [s * 1e9 / n for s in seconds])
    # A sketch that goes on, as one does that is kept for hours.
    for _ in range(3):
        sketch[0].update(values)
    seconds = run.time_each(lambda: sketch[0].update(values), inner=3)
    run.report("f64_on", [s * 1e9 / n for s in seconds])

    small = seconds_array(SMALL)
    fresh("float32")()
    samples = run.per_call("f(a)", [None] * run.size(1_000, quick=50), f=sketch[0].update, a=small)
    run.check(count(sketch[0]) % SMALL, 0, "whole batches")
    run.report("small", [ns / 1e3 for ns in samples])

    fresh("float64")()
    numbers = seconds_array(run.size(20_000), "float64").tolist()
    run.report("single", run.per_call("f(v)", numbers, f=sketch[0].update))

    parts = []
    for part in range(PARTS):
        fresh("float64")()
        sketch[0].update(values[part : n // 4 + part])
        parts.append(sketch[0])

    def merge_all() -> None:
        for part in parts:
            sketch[0].merge(part)

    seconds = run.time_each(merge_all, before=fresh("float64"), inner=3)
    run.check(count(sketch[0]), PARTS * (n // 4), "values merged")
    run.report("merge", [s * 1e6 / PARTS for s in seconds])
    fresh("float32")()
    sketch[0].update(seconds_array(n))
    run.report("bytes", [len(to_bytes(sketch[0]))])
    seconds = run.time_each(lambda: to_bytes(sketch[0]), inner=30)
    run.report("to_bytes", [s * 1e6 for s in seconds])


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import inlay

    _report(
        run,
        lambda dtype: inlay.Kll(dtype=dtype),
        lambda sketch: sketch.count,
        lambda sketch: sketch.to_bytes(),
    )


@bench.case("datasketches", needs=["datasketches", "numpy"])
def _datasketches(run: Run) -> None:
    import datasketches

    kinds = {
        "float32": datasketches.kll_floats_sketch,
        "float64": datasketches.kll_doubles_sketch,
    }
    _report(
        run,
        lambda dtype: kinds[dtype](200),
        lambda sketch: sketch.n,
        lambda sketch: sketch.serialize(),
    )


@bench.case("numpy quantiles", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(LARGE, quick=50_000)
    quantiles = [0.5, 0.9, 0.99]
    for dtype, short in (("float32", "f32"), ("float64", "f64")):
        values = seconds_array(n, dtype)
        seconds = run.time_each(
            lambda values=values: np.quantile(values, [0.5, 0.9, 0.99]), inner=3
        )
        run.report(short, [s * 1e9 / n for s in seconds])
    small = seconds_array(SMALL)
    samples = run.per_call(
        "f(a, q)",
        [None] * run.size(1_000, quick=20),
        f=np.quantile,
        a=small,
        q=quantiles,
    )
    run.report("small", [ns / 1e3 for ns in samples])


if __name__ == "__main__":
    bench.main()
