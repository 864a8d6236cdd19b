"""Profiles of Parquet files: time and peak memory of ten against one, and bytes on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Bench, Run

bench = Bench("profile_files")
ROWS, FILES = 1_000_000, 10

# In a process of its own, since the peak of a process never falls.
_PROGRAM = """
import json, resource, sys, time
import pyarrow.parquet
import inlay

inlay.Profile.of({"loaded": [1.0, 2.0], "text": ["a", "b"]})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
profile = inlay.Profile.of(sys.argv[1:], progress=False)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([profile.rows, seconds, peak / 1024, len(profile.to_bytes()) / len(profile)]))
"""


def _write(path: Path, rows: int, seed: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    columns = {f"number {i}": pa.array(random.lognormal(size=rows)) for i in range(20)}
    names = pa.array([f"category {n:04d}" for n in range(1000)])
    for i in range(3):
        codes = pa.array(random.integers(0, 1000, rows).astype(np.int32))
        columns[f"category {i}"] = pa.DictionaryArray.from_arrays(codes, names).dictionary_decode()
    for i in range(2):
        users = random.integers(0, 10**7, rows).astype(str)
        columns[f"user {i}"] = pa.array(np.char.add("user ", users))
    pq.write_table(pa.table(columns), path)


def _profile(paths: list[Path]) -> tuple[int, float, float, float]:
    command = [sys.executable, "-c", _PROGRAM, *map(str, paths)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    rows, seconds, peak, size = json.loads(result.stdout)
    return rows, seconds, peak, size


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    rows = run.size(ROWS, quick=20_000)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{part}.parquet" for part in range(FILES)]
        for seed, path in enumerate(paths):
            _write(path, rows, seed)
        one = [_profile(paths[:1]) for _ in range(run.repeats)]
        ten = [_profile(paths) for _ in range(min(run.repeats, 3))]  # half a minute each
    run.check(one[0][0], rows, "rows of one file")
    run.check(ten[0][0], FILES * rows, "rows of ten files")
    run.report("one", [seconds for _, seconds, _, _ in one])
    run.report("ten", [seconds for _, seconds, _, _ in ten])
    run.report("one_peak", [peak for _, _, peak, _ in one])
    run.report("ten_peak", [peak for _, _, peak, _ in ten])
    run.report("bytes", [one[0][3]])


if __name__ == "__main__":
    bench.main()
