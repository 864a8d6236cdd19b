"""Frequent items of a million values, 100,000 distinct of a Zipf distribution; and a sample."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness import Bench, Run
from workload import seconds_array

bench = Bench("top_k")
LARGE, DISTINCT, CAPACITY = 1_000_000, 100_000, 1024


def _zipf_ids(n: int) -> Any:
    """Return n ids of exponent 1, scattered over 64 bits, as a numpy array of int64."""
    import numpy as np

    weights = 1 / np.arange(1, DISTINCT + 1)
    draws = np.random.default_rng(7).random(n)
    ranks = np.searchsorted(np.cumsum(weights / weights.sum()), draws)
    return (ranks.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)


def _names(ids: Any) -> list[str]:
    return [f"/v1/items/{i}" for i in ids.tolist()]


def _per_value(seconds: list[float], n: int) -> list[float]:
    return [s * 1e9 / n for s in seconds]


def _check_bounds(run: Run, low: int, high: int, item: object, truth: Counter[Any]) -> None:
    run.check(low <= truth[item] <= high, True, "the bounds of the first item")


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import pyarrow as pa

    import inlay

    n = run.size(LARGE)
    ids = _zipf_ids(n)
    names = _names(ids)

    def counted(work: str, values: Any, inner: int) -> None:
        top_k = inlay.TopK(capacity=CAPACITY)
        run.report(
            work,
            _per_value(
                run.time_each(lambda: top_k.update(values), before=top_k.reset, inner=inner), n
            ),
        )
        run.check(top_k.count, n, "weight of all items")
        first = top_k.top(1)[0]
        truth = Counter(values.tolist() if hasattr(values, "tolist") else values)
        _check_bounds(run, first.low, first.high, first.item, truth)

    counted("ids", ids, 5)
    counted("names", names, 3)
    counted("names_arrow", pa.array(names), 3)

    reservoir = inlay.Reservoir()
    values = seconds_array(n, "float64")
    run.report(
        "sample",
        _per_value(
            run.time_each(lambda: reservoir.update(values), before=reservoir.reset, inner=15), n
        ),
    )
    run.check(reservoir.count, n, "values shown")


@bench.case("datasketches", needs=["datasketches", "numpy"])
def _datasketches(run: Run) -> None:
    from datasketches import frequent_items_sketch, frequent_strings_sketch

    n = run.size(200_000)
    ids = _zipf_ids(n).tolist()
    names = _names(_zipf_ids(n))
    for work, kind, values in (
        ("ids", frequent_items_sketch, ids),
        ("names", frequent_strings_sketch, names),
    ):
        truth = Counter(values)

        def loop(kind: Any = kind, values: Any = values) -> Any:
            sketch = kind(11)  # 2,048 slots, of which three quarters are counters
            update = sketch.update  # no batch call
            for value in values:
                update(value)
            return sketch

        run.report(work, _per_value(run.time_each(loop), n))
        sketch = loop()
        run.check(sketch.total_weight, n, "weight of all items")
        item = max(truth, key=truth.__getitem__)
        _check_bounds(run, sketch.get_lower_bound(item), sketch.get_upper_bound(item), item, truth)


@bench.case("Counter, exact", needs=["numpy"])
def _counter(run: Run) -> None:
    n = run.size(LARGE)
    ids = _zipf_ids(n)
    listed, names = ids.tolist(), _names(ids)
    run.check(Counter(listed).total(), n, "weight of all items")
    run.report("ids", _per_value(run.time_each(lambda: Counter(listed)), n))
    run.report("names", _per_value(run.time_each(lambda: Counter(names)), n))


@bench.case("numpy.unique, exact", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(LARGE)
    ids = _zipf_ids(n)
    run.check(int(np.unique(ids, return_counts=True)[1].sum()), n, "weight of all items")
    run.report("ids", _per_value(run.time_each(lambda: np.unique(ids, return_counts=True)), n))


@bench.case("pyarrow value_counts, exact", needs=["numpy", "pyarrow"])
def _pyarrow(run: Run) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    n = run.size(LARGE)
    ids = _zipf_ids(n)
    run.check(pc.sum(pc.value_counts(ids).field(1)).as_py(), n, "weight of all items")
    run.report("ids", _per_value(run.time_each(lambda: pc.value_counts(ids), inner=3), n))
    names = pa.array(_names(ids))
    run.report("names_arrow", _per_value(run.time_each(lambda: pc.value_counts(names), inner=3), n))


@bench.case("numpy, one pass", needs=["numpy"], role="floor")
def _floor(run: Run) -> None:
    n = run.size(LARGE)
    values = seconds_array(n, "float64")
    run.check(bool(values.sum() > 0), True, "sum of positive values")
    run.report("sample", _per_value(run.time_each(values.sum, inner=15), n))


if __name__ == "__main__":
    bench.main()
