"""The default verdict: what a window of a series costs, and what the judge keeps."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("drift_judge")
CELLS, SERIES, WINDOWS, COLUMNS, ROWS = 10, 100, 2_000, 20, 1_024
# A frozen reference: ten cells, and one beyond the extremes on each side.
REFERENCE = [0, *[10_000] * CELLS, 0]


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    from inlay import _core

    windows = run.size(WINDOWS, quick=50)
    rng = np.random.default_rng(1)
    shares = np.maximum(REFERENCE, 1) / (sum(REFERENCE) + 2)
    counts = rng.multinomial(1_000, shares, windows * SERIES)
    starts = np.arange(windows * SERIES + 1, dtype=np.int32) * len(REFERENCE)
    count = windows * SERIES
    table = pa.table(
        {
            "series_id": np.tile(np.arange(SERIES), windows),
            "kind": pa.array(["edges"] * count).dictionary_encode(),
            "reference_id": pa.array(["r"] * count).dictionary_encode(),
            "start_time": np.repeat(np.arange(windows), SERIES),
            "time": np.repeat(np.arange(1, windows + 1), SERIES),
            "counts": pa.ListArray.from_arrays(starts, pa.array(counts.reshape(-1))),
        }
    )
    points = _core.Table(table)
    judges: list[Any] = []

    def judge_all(threads: int) -> None:
        judge = _core.DriftJudge(level=0.05, threshold=0.02, min_rows=1_000, correct=True)
        for series in range(SERIES):
            judge.add_reference(
                series, "r", REFERENCE, exact=True, ordered=True, bounded=True, family=0
            )
        found = judge.judge(points, threads=threads)
        run.check(found.num_rows, count, "verdicts")
        judges[:] = [judge]

    for work, threads in (("one_thread", 1), ("all_threads", 0)):
        seconds = run.time_each(lambda threads=threads: judge_all(threads), inner=1)
        run.report(work, [s / count * 1e9 for s in seconds])
    run.report("state", [judges[0].memory_bytes / SERIES])
    run.report("saved", [len(judges[0].to_bytes()) / SERIES])


@bench.case("inlay, distances", needs=["numpy", "pyarrow"])
def _distances(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    from inlay import _core
    from inlay.data.profile import Profile
    from inlay.data.tally import Tally

    rng = np.random.default_rng(2)
    names = [f"f{at}" for at in range(COLUMNS)]
    reference = pa.table({name: rng.normal(size=50_000) for name in names})
    batch = pa.table({name: rng.normal(size=ROWS) for name in names}).to_batches()[0]
    frozen = Profile.of(reference, progress=False).freeze()
    tally = Tally.of(frozen, moments=False, quantiles=False)
    fitted = Tally.of(frozen, moments=False, quantiles=False)
    fitted.update(reference)
    psi_and_js = [0, 1]
    found: list[Any] = []

    def again() -> None:
        tally.update(batch)
        found[:] = _core.tally_distances(fitted._native, tally._native, psi_and_js)

    again()
    run.check(len(found), COLUMNS, "columns")
    run.report("small", [s * 1e6 for s in run.time_each(again, inner=20)])


@bench.case("scipy", needs=["numpy", "scipy"])
def _scipy(run: Run) -> None:
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    rng = np.random.default_rng(2)
    reference = rng.normal(size=(COLUMNS, 50_000))
    edges = np.quantile(reference, np.arange(1, 10) / 10, axis=1).T
    shares = np.full(CELLS, 1 / CELLS)
    batch = rng.normal(size=(COLUMNS, ROWS))
    counts = np.zeros((COLUMNS, CELLS))
    found: list[Any] = []

    def again() -> None:
        found.clear()
        for at in range(COLUMNS):
            cells = np.searchsorted(edges[at], batch[at], side="left")
            counts[at] += np.bincount(cells, minlength=CELLS)
            q = counts[at] / counts[at].sum()
            psi = ((q - shares) * np.log(q / shares)).sum()
            found.append((psi, jensenshannon(shares, q, base=2)))

    again()
    run.check(len(found), COLUMNS, "columns")
    run.report("small", [s * 1e6 for s in run.time_each(again, inner=5)])


if __name__ == "__main__":
    bench.main()
