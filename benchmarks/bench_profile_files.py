"""Profiles of Parquet files: time and peak memory of ten against one, and bytes on disk."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Bench, Run

bench = Bench("profile_files")
ROWS, FILES = 1_000_000, 10

# In a process of its own, since memory that was freed is not always given back.
_PROGRAM = """
import json, pathlib, sys, time
import pyarrow.parquet
import inlay

def kib(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

data = sys.argv[2:]
if sys.argv[1] == "memory":
    data = pyarrow.parquet.read_table(data[0])
inlay.Profile.of({"loaded": [1.0, 2.0], "text": ["a", "b"]})
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the high-water mark
before = kib("VmRSS")
start = time.perf_counter()
profile = inlay.Profile.of(data, progress=False)
seconds = time.perf_counter() - start
peak = kib("VmHWM") - before
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


def _profile(how: str, paths: list[Path]) -> tuple[int, float, float, float]:
    command = [sys.executable, "-c", _PROGRAM, how, *map(str, paths)]
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
        memory = [_profile("memory", paths[:1]) for _ in range(run.repeats)]
        one = [_profile("files", paths[:1]) for _ in range(run.repeats)]
        ten = [_profile("files", paths) for _ in range(min(run.repeats, 3))]
    run.check(one[0][0], rows, "rows of one file")
    run.check(ten[0][0], FILES * rows, "rows of ten files")
    run.report("memory", [seconds for _, seconds, _, _ in memory])
    run.report("one", [seconds for _, seconds, _, _ in one])
    run.report("ten", [seconds for _, seconds, _, _ in ten])
    in_memory = statistics.median(seconds for _, seconds, _, _ in memory)
    run.report("ten_over_memory", [seconds / in_memory for _, seconds, _, _ in ten])
    run.report("one_peak", [peak for _, _, peak, _ in one])
    run.report("ten_peak", [peak for _, _, peak, _ in ten])
    run.report("bytes", [one[0][3]])


if __name__ == "__main__":
    bench.main()
