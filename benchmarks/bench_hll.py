"""Distinct counts of whole columns, and what a user would otherwise call for them."""

from __future__ import annotations

import functools
from typing import Any

from harness import Bench, Run

bench = Bench("hll")
LARGE = 1_000_000
#: Four standard errors of any of the sketches.
TOLERANCE = 4 * 0.0163


def ids(n: int) -> Any:
    import numpy as np

    return np.random.default_rng(1).permutation(n).astype(np.int64) * 7


def names(n: int) -> list[str]:
    return [f"user-{1_000_000 + i}" for i in range(n)]  # 12 bytes each


def _per_value(seconds: list[float], n: int) -> list[float]:
    return [s * 1e9 / n for s in seconds]


def _near(run: Run, estimate: float, n: int) -> None:
    run.check(abs(estimate / n - 1) < TOLERANCE, True, "a near estimate")


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    import inlay

    n = run.size(LARGE)
    integers = ids(n)
    texts = pa.array(names(n))
    few = pa.array(np.array(names(1000), dtype=object)[integers % 1000]).dictionary_encode()
    columns = {
        "int64": (integers, n),
        "int32": (integers.astype(np.int32), n),
        "float64": (integers.astype(np.float64), n),
        "text": (texts, n),
        "dictionary": (few, min(n, 1000)),
    }
    for work, (column, distinct) in columns.items():
        sketch = inlay.Hll()
        call = functools.partial(sketch.update, column)
        run.report(work, _per_value(run.time_each(call, before=sketch.reset, inner=5), n))
        _near(run, sketch.estimate, distinct)
    small = names(1000)
    samples = run.per_call("f(v)", small * run.size(50, quick=1), f=inlay.Hll().update)
    run.report("one", samples)
    parts = [inlay.Hll(part) for part in np.array_split(integers, 100)]

    def merged() -> Any:
        total = inlay.Hll()
        for part in parts:
            total.merge(part)
        return total

    run.report("merge", [s * 1e6 / len(parts) for s in run.time_each(merged)])
    _near(run, merged().estimate, n)


@bench.case("datasketches hll", needs=["datasketches", "numpy"])
def _datasketches(run: Run) -> None:
    import numpy as np
    from datasketches import hll_sketch, hll_union, tgt_hll_type

    n = run.size(LARGE // 5)  # it has no batch call
    integers = ids(n).tolist()
    columns = {
        "int64": integers,
        "int32": integers,
        "float64": [float(value) for value in integers],
        "text": names(n),
    }
    for work, column in columns.items():
        sketch = hll_sketch(12, tgt_hll_type.HLL_8)

        def loop(sketch: Any = sketch, column: Any = column) -> None:
            update = sketch.update
            for value in column:
                update(value)

        run.report(work, _per_value(run.time_each(loop, before=sketch.reset), n))
        _near(run, sketch.get_estimate(), n)
    update = hll_sketch(12, tgt_hll_type.HLL_8).update
    run.report("one", run.per_call("f(v)", names(1000) * run.size(50, quick=1), f=update))
    parts = []
    for part in np.array_split(ids(n), 100):
        sketch = hll_sketch(12, tgt_hll_type.HLL_8)
        for value in part.tolist():
            sketch.update(value)
        parts.append(sketch)

    def merged() -> Any:
        total = hll_union(12)
        for part in parts:
            total.update(part)
        return total

    run.report("merge", [s * 1e6 / len(parts) for s in run.time_each(merged)])
    _near(run, merged().get_estimate(), n)


@bench.case("numpy unique (exact)", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(LARGE)
    integers = ids(n)
    for work, column in (("int64", integers), ("float64", integers.astype(np.float64))):
        run.check(len(np.unique(column)), n, "distinct values")
        run.report(work, _per_value(run.time_each(lambda c=column: np.unique(c)), n))


@bench.case("pyarrow count_distinct (exact)", needs=["pyarrow"])
def _pyarrow(run: Run) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    n = run.size(LARGE)
    for work, column in (("int64", pa.array(ids(n))), ("text", pa.array(names(n)))):
        run.check(pc.count_distinct(column).as_py(), n, "distinct values")
        run.report(work, _per_value(run.time_each(lambda c=column: pc.count_distinct(c)), n))


@bench.case("duckdb approx_count_distinct", needs=["duckdb", "pyarrow"])
def _duckdb(run: Run) -> None:
    import duckdb
    import pyarrow as pa

    n = run.size(LARGE)
    connection = duckdb.connect(config={"threads": 1})
    for work, column in (("int64", pa.array(ids(n))), ("text", pa.array(names(n)))):
        connection.register("t", pa.table({"v": column}))

        def query() -> float:
            (found,) = connection.sql("select approx_count_distinct(v) from t").fetchone()
            return float(found)

        run.check(abs(query() / n - 1) < 0.25, True, "an estimate of the right size")
        run.report(work, _per_value(run.time_each(query), n))


if __name__ == "__main__":
    bench.main()
