"""Files larger than what a profile may take are read in a bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inlay import Profile

# What a process takes on top of its imports while it profiles files, in MiB.
PROGRAM = """
import resource, sys
import pyarrow.parquet
import inlay

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

inlay.Profile.of(sys.argv[1]).freeze()  # whatever loads and is allocated at first
before = peak()
profile = inlay.Profile.of(sys.argv[2:], by="g", columns=["x", "c"])
reference = profile.freeze()
assert reference.counted_from == "rows", reference.counted_from
print(profile.rows, peak() - before)
"""


def write(path: Path, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    table = pa.table(
        {
            "x": random.normal(size=rows),
            "c": random.integers(0, 10**6, rows).astype(str),
            "g": random.choice(["a", "b"], rows),
            "unread": random.normal(size=rows),
        }
    )
    pq.write_table(table, path, use_dictionary=False, row_group_size=rows)


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    rows = 400_000
    paths = [tmp_path / f"{part}.parquet" for part in range(10)]
    for seed, path in enumerate(paths):
        write(path, rows, seed)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, (paths[0], *paths))],
        check=True,
        capture_output=True,
        text=True,
    )
    counted, more = result.stdout.split()
    assert int(counted) == 10 * rows
    assert float(more) < 32  # the ten hold some 60 MiB on disk and twice that as Arrow


def test_files_and_tables_have_the_same_profile(tmp_path: Path) -> None:
    for part in range(3):
        write(tmp_path / f"{part}.parquet", 5_000, part)
    streamed = Profile.of(tmp_path, by="g", reference=True)
    whole = pq.read_table(tmp_path)
    in_memory = Profile.of(whole, by="g", reference=True)
    for path in ("x", "c", "unread"):
        for name in ("count", "min", "max", "histogram", "cardinality"):
            assert getattr(streamed[path], name) == getattr(in_memory[path], name)
        assert streamed[path].std == pytest.approx(in_memory[path].std, rel=1e-12)
    edges = streamed["x"].edges
    again = type(edges)(edges.edges, whole["x"])
    assert edges == again
    assert sum(group.rows for group in streamed.groups.values()) == 15_000


def test_a_file_that_fails_half_way_leaves_the_profile_as_it_was(tmp_path: Path) -> None:
    from inlay import SerializationError

    write(tmp_path / "0.parquet", 5_000, 0)
    profile = Profile.of(tmp_path / "0.parquet")
    before = profile.copy()
    pq.write_table(
        pq.read_table(tmp_path / "0.parquet"), tmp_path / "1.parquet",
        write_page_checksum=True, row_group_size=1_000, use_dictionary=False,
    )  # fmt: skip
    content = bytearray((tmp_path / "1.parquet").read_bytes())
    start = pq.read_metadata(tmp_path / "1.parquet").row_group(4).column(0).data_page_offset
    content[start + 2_000] ^= 0xFF
    (tmp_path / "1.parquet").write_bytes(content)
    with pytest.raises(SerializationError, match=r"1\.parquet at byte \d+: row group 4"):
        profile.update([tmp_path / "0.parquet", tmp_path / "1.parquet"])
    assert profile == before
    with pytest.raises(SerializationError, match=r"1\.parquet"):
        Profile.of(tmp_path)
