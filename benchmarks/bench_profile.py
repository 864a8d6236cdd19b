"""Profiles of a whole table: time, peak memory and size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Bench, Run
from workload import mixed_table

bench = Bench("profile")
ROWS, BATCH, SMALL = 1_000_000, 65_536, 1_024
ZSTD_LEVEL = 3


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
    import pyarrow as pa

    from inlay._core import Profile

    rows = run.size(ROWS, quick=20_000)
    table = mixed_table(rows)
    parts = [table.slice(at, BATCH) for at in range(0, rows, BATCH)]
    profile: list[Profile] = []

    def fresh() -> None:
        profile[:] = [Profile(table.schema)]

    def in_batches() -> None:
        for part in parts:
            profile[0].update(part)

    fresh()
    peak = _peak_mib(lambda: profile[0].update(table))
    if not run.quick:  # of a short table the interpreter's own memory is most
        run.report("peak", [peak])
    for work, update in (
        ("whole", lambda: profile[0].update(table)),
        ("one_thread", lambda: profile[0].update(table, threads=1)),
        ("batches", in_batches),
    ):
        run.report(work, run.time_each(update, before=fresh, inner=1))
        run.check(profile[0].rows, rows, "rows")
    other = profile[0].copy()
    data = profile[0].to_bytes()
    columns = len(profile[0].paths)
    run.report("bytes", [len(data) / columns])
    packed = pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data)
    run.report("bytes_zstd", [len(packed) / columns])
    seconds = run.time_each(lambda: profile[0].merge(other), inner=10)
    run.report("merge", [s * 1e6 for s in seconds])
    small = table.slice(0, SMALL)
    seconds = run.time_each(lambda: profile[0].update(small), inner=10)
    run.report("small", [s * 1e6 for s in seconds])


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
