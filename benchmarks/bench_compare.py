"""A comparison of two whole tables: time, peak memory, and the size of its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Bench, Run
from wide_table import FLOATS, ROWS, TEXTS, wide_columns
from workload import mixed_table

bench = Bench("compare")
SEEDS = (7, 8)
BINS = 10


def _status_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise ValueError(f"no such line in /proc/self/status: {field!r}")


def _peak_mib(work: Callable[[], object]) -> float:
    """Return by how much the resident memory rose above its start while `work` ran."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark
    before = _status_kib("VmRSS")
    work()
    return (_status_kib("VmHWM") - before) / 1024


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import inlay

    rows = run.size(ROWS, quick=20_000)
    before, after = (mixed_table(rows, seed=seed) for seed in SEEDS)
    reference = inlay.Profile.of(before, reference=True, progress=False)
    made: list[inlay.drift.Comparison] = []

    def fitted(threads: int | None = None) -> None:
        made[:] = [inlay.compare(reference, after, threads=threads)]

    inlay.compare(reference, after.slice(0, 10))  # what it imports is not its peak
    peak = _peak_mib(fitted)
    if not run.quick:  # of a short table the interpreter's own memory is most
        run.report("peak", [peak])
    for work, compare_it in (
        ("fitted", fitted),
        ("one_thread", lambda: fitted(1)),
        ("both", lambda: inlay.compare(before, after)),
    ):
        run.report(work, run.time_each(compare_it, inner=1))
    run.check(len(made[0]), FLOATS + TEXTS, "columns")
    run.check(made[0].drifted, (), "drifted")  # the tables differ in their seed alone
    profile = inlay.Profile.of(after, progress=False)
    run.report(
        "profiles",
        [s * 1e3 for s in run.time_each(lambda: inlay.compare(reference, profile), inner=1)],
    )


@bench.case("inlay, page", needs=["numpy", "pyarrow", "vl_convert"])
def _page(run: Run) -> None:
    import inlay

    rows = run.size(ROWS, quick=20_000)
    before, after = (mixed_table(rows, seed=seed) for seed in SEEDS)
    said = inlay.compare(before, after).to_dict()
    run.report("page", run.time_each(lambda: inlay.report.comparison_page(said), inner=1))
    run.report("page_bytes", [len(inlay.report.comparison_page(said).encode()) / 1e6])


@bench.case("inlay, exact", needs=["numpy", "pyarrow"])
def _exact(run: Run) -> None:
    import inlay

    rows = run.size(ROWS, quick=20_000)
    before, after = (mixed_table(rows, seed=seed) for seed in SEEDS)
    run.report("exact", run.time_each(lambda: inlay.compare(before, after, exact=True), inner=1))


@bench.case("numpy and pandas", needs=["numpy", "pandas", "scipy"])
def _numpy(run: Run) -> None:
    """The plain loop: PSI between the reference's deciles, KS and W1 by sorting, chi-square."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    rows = run.size(ROWS, quick=20_000)
    before, after = (wide_columns(rows, seed=seed) for seed in SEEDS)
    floats = [name for name in before if name.startswith("f")]
    texts = [name for name in before if name.startswith("s")]
    strings = [
        {name: pd.Series(table[name], dtype="str") for name in texts} for table in (before, after)
    ]

    def compare_it() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in floats:
            x, y = (table[name][~np.isnan(table[name])] for table in (before, after))
            edges = np.unique(np.quantile(x, np.arange(1, BINS) / BINS))
            p, q = (
                np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) / len(v)
                for v in (x, y)
            )
            pooled = np.sort(np.concatenate((x, y)))
            x.sort()
            y.sort()
            cdfs = [np.searchsorted(v, pooled, side="right") / len(v) for v in (x, y)]
            gap = np.abs(cdfs[0] - cdfs[1])
            found[name] = (
                float(np.sum((q - p) * np.log(q / p))),
                float(gap.max()),
                float(np.sum(gap[:-1] * np.diff(pooled))),
            )
        for name in texts[:3]:  # the others have nothing but rare names
            counts = pd.DataFrame([side[name].value_counts() for side in strings]).fillna(0)
            found[name] = stats.chi2_contingency(counts.to_numpy()).pvalue
        return found

    run.report("one_thread", run.time_each(compare_it, inner=1))
    run.report("both", run.time_each(compare_it, inner=1))


if __name__ == "__main__":
    bench.main()
