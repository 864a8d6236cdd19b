"""Profiles of a whole table: time, peak memory and size."""

from __future__ import annotations

from typing import Any

from elsewhere import elsewhere
from harness import Bench, Run
from peak_memory import peak_mib
from wide_table import FLOATS, ROWS, TEXTS
from workload import mixed_table

bench = Bench("profile")
BATCH, SMALL = 65_536, 1_024


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:

    import inlay

    rows = run.size(ROWS, quick=20_000)
    table = mixed_table(rows)
    parts = [table.slice(at, BATCH) for at in range(0, rows, BATCH)]
    made: list[inlay.Profile] = []

    def whole(threads: int | None = None) -> None:
        made[:] = [inlay.Profile.of(table, threads=threads, progress=False)]

    def in_batches() -> None:
        made[:] = [inlay.Profile(table.schema)]
        for part in parts:
            made[0].update(part)

    inlay.Profile.of(parts[0].slice(0, 10), progress=False)  # what it imports is not its peak
    peak = peak_mib(whole)
    if not run.quick:  # of a short table the interpreter's own memory is most
        run.report("peak", [peak])
    for work, profile_it in (
        ("whole", whole),
        ("one_thread", lambda: whole(1)),
        ("batches", in_batches),
    ):
        run.report(work, run.time_each(profile_it, inner=1))
        run.check(made[0].rows, rows, "rows")
    profile = made[0]
    file = profile.to_bytes()
    run.report("disk", [len(file) / len(profile)])
    other = profile.copy()
    seconds = run.time_each(lambda: profile.merge(other), inner=10)
    run.report("merge", [s * 1e6 for s in seconds])
    small = table.slice(0, SMALL)
    seconds = run.time_each(lambda: profile.update(small), inner=10)
    run.report("small", [s * 1e6 for s in seconds])


@bench.case("whylogs")
def _whylogs(run: Run) -> None:
    rows = run.size(ROWS, quick=20_000)
    result = elsewhere(run, "whylogs_profile", rows=rows)
    run.check(result["rows"], rows, "rows")
    run.report("whole", [result["seconds"]])
    run.report("one_thread", [result["seconds"]])
    if not run.quick:
        run.report("peak", [result["extra_mib"]])
    run.report("disk", [result["bytes"] / (FLOATS + TEXTS)])


@bench.case("numpy, floats alone", needs=["numpy", "pyarrow"])
def _numpy(run: Run) -> None:
    import numpy as np

    rows = run.size(ROWS, quick=20_000)
    table = mixed_table(rows)
    floats: list[Any] = [table.column(i).to_numpy() for i in range(20)]

    def summarise_all() -> None:
        for values in floats:
            values.mean(), values.std(), values.min(), values.max()
            np.quantile(values, [0.25, 0.5, 0.75])

    run.report("one_thread", run.time_each(summarise_all, inner=1))


if __name__ == "__main__":
    bench.main()
