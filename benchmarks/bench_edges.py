"""Whole arrays into fixed cells: a million numbers between edges, a million texts under names."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness import Bench, Run

bench = Bench("edges")
VALUES = 1_000_000
FEW, MANY = 10, 100


def normals(n: int, dtype: str) -> Any:
    """Return n normal values of shape (n,)."""
    import numpy as np

    return np.random.default_rng(7).normal(size=n).astype(dtype)


def deciles(values: Any, num_edges: int) -> Any:
    """Return the inner edges of num_edges + 1 cells of equal counts: members of the values."""
    import numpy as np

    order = np.arange(1, num_edges + 1) / (num_edges + 1)
    return np.unique(np.quantile(values, order, method="inverted_cdf").astype(np.float64))


def words(n: int) -> Any:
    """Return n texts of 12 bytes, drawn evenly from 100, as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    names = np.array([f"category{i:04}" for i in range(100)])
    return pa.array(names[np.random.default_rng(8).integers(0, 100, n)])


def _per_value(seconds: list[float], n: int) -> list[float]:
    return [s * 1e9 / n for s in seconds]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import numpy as np

    import inlay

    n = run.size(VALUES)
    for dtype in ("float32", "float64"):
        values = normals(n, dtype)
        for num_edges in (FEW, MANY):
            edges = deciles(values, num_edges)
            histogram = inlay.EdgeHistogram(edges)
            figures = run.time_each(lambda h=histogram, v=values: h.update(v), inner=15)
            run.report(f"{'f' + dtype[-2:]}_{num_edges}", _per_value(figures, n))
            once = inlay.EdgeHistogram(edges, values).counts
            cells = np.searchsorted(edges, values.astype(np.float64))
            run.check(once, np.bincount(cells, minlength=len(edges) + 1).tolist(), "counts")
    column = words(n)
    categories = inlay.Categories.of(column)
    run.check(sum(categories.counts), n, "texts counted")
    for work, values in (
        ("text", column),
        ("dictionary", column.dictionary_encode()),
        ("text_list", column.to_pylist()),
    ):
        figures = run.time_each(lambda v=values: categories.update(v), inner=5)
        run.report(work, _per_value(figures, n))


@bench.case("np.histogram", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    n = run.size(VALUES)
    for dtype in ("float32", "float64"):
        values = normals(n, dtype)
        for num_edges in (FEW, MANY):
            edges = deciles(values, num_edges)
            counts, _ = np.histogram(values, edges)
            run.check(bool(0 < counts.sum() < n), True, "some values lie outside")
            figures = run.time_each(lambda v=values, e=edges: np.histogram(v, e), inner=3)
            run.report(f"{'f' + dtype[-2:]}_{num_edges}", _per_value(figures, n))


@bench.case("boost-histogram", needs=["boost_histogram", "numpy"])
def _boost(run: Run) -> None:
    import boost_histogram as bh

    n = run.size(VALUES)
    for dtype in ("float32", "float64"):
        values = normals(n, dtype)
        for num_edges in (FEW, MANY):
            histogram = bh.Histogram(bh.axis.Variable(deciles(values, num_edges)))
            histogram.fill(values)
            run.check(histogram.sum(flow=True), float(n), "values in cells")
            figures = run.time_each(lambda h=histogram, v=values: h.fill(v), inner=3)
            run.report(f"{'f' + dtype[-2:]}_{num_edges}", _per_value(figures, n))


@bench.case("pyarrow value_counts", needs=["pyarrow", "numpy"])
def _pyarrow(run: Run) -> None:
    import pyarrow.compute as pc

    n = run.size(VALUES)
    column = words(n)
    run.check(sum(pc.value_counts(column).field("counts").to_pylist()), n, "texts counted")
    for work, values in (("text", column), ("dictionary", column.dictionary_encode())):
        figures = run.time_each(lambda v=values: pc.value_counts(v), inner=3)
        run.report(work, _per_value(figures, n))


@bench.case("pandas value_counts", needs=["pandas", "pyarrow"])
def _pandas(run: Run) -> None:
    import pandas as pd

    n = run.size(VALUES)
    series = pd.Series(words(n).to_pylist())
    run.check(int(series.value_counts().sum()), n, "texts counted")
    run.report("text", _per_value(run.time_each(series.value_counts, inner=3), n))
    coded = series.astype("category")
    run.report("dictionary", _per_value(run.time_each(coded.value_counts, inner=3), n))


@bench.case("collections.Counter", needs=["pyarrow", "numpy"])
def _counter(run: Run) -> None:
    n = run.size(VALUES)
    values = words(n).to_pylist()
    run.check(Counter(values).total(), n, "texts counted")
    run.report("text_list", _per_value(run.time_each(lambda: Counter(values)), n))


if __name__ == "__main__":
    bench.main()
