"""Exact statistics of two samples, all numeric columns of a table: time and peak memory."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run
from peak_memory import peak_mib
from wide_table import FLOATS, ROWS, wide_columns

bench = Bench("two_sample")
# The two sides are draws of one law, as on most days.
SEEDS = (7, 8)


def _sides(run: Run) -> list[dict[str, Any]]:
    rows = run.size(ROWS, quick=20_000)
    return [{name: values for name, values in _floats(rows, seed).items()} for seed in SEEDS]


def _floats(rows: int, seed: int) -> dict[str, Any]:
    columns = wide_columns(rows, seed=seed)
    return {f"f{number}": columns[f"f{number}"] for number in range(FLOATS)}


def _finite(sides: list[dict[str, Any]]) -> list[list[Any]]:
    import numpy as np

    return [[values[~np.isnan(values)] for values in side.values()] for side in sides]


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import inlay.detect

    reference, current = _sides(run)
    tables = inlay.detect.two_sample_table
    found: list[Any] = []

    def compare(**options: Any) -> None:
        found[:] = [tables(reference, current, **options)]

    tables({"x": [1.0]}, {"x": [2.0]})  # what it imports is not its peak
    peak = peak_mib(lambda: compare(threads=2))
    if not run.quick:
        run.report("peak", [peak])
    run.report("table", run.time_each(lambda: compare(threads=2)))
    run.check(len(found[0]), FLOATS, "columns")
    run.report("one_thread", run.time_each(lambda: compare(threads=1)))
    whole = found[0]
    fitted = {name: inlay.detect.Sorted(values) for name, values in reference.items()}
    run.report(
        "fitted", run.time_each(lambda: found.__setitem__(0, tables(fitted, current, threads=2)))
    )
    run.check(found[0] == whole, True, "statistics of a fitted side")


@bench.case("scipy", needs=["scipy", "numpy"])
def _scipy(run: Run) -> None:
    from scipy import stats

    reference, current = _finite(_sides(run))

    def ks() -> None:
        for x, y in zip(reference, current, strict=True):
            stats.ks_2samp(x, y, method="asymp")

    def wasserstein() -> None:
        for x, y in zip(reference, current, strict=True):
            stats.wasserstein_distance(x, y)

    run.report("ks", run.time_each(ks))
    run.report("wasserstein", run.time_each(wasserstein))


@bench.case("numpy", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    reference, current = _finite(_sides(run))

    def both() -> None:
        for x, y in zip(reference, current, strict=True):
            x_sorted, y_sorted = np.sort(x), np.sort(y)
            every = np.concatenate([x_sorted, y_sorted])
            every.sort(kind="stable")
            below_x = np.searchsorted(x_sorted, every, "right") / len(x)
            below_y = np.searchsorted(y_sorted, every, "right") / len(y)
            apart = np.abs(below_x - below_y)
            apart.max(), (apart[:-1] * np.diff(every)).sum()

    run.report("one_thread", run.time_each(both))


if __name__ == "__main__":
    bench.main()
