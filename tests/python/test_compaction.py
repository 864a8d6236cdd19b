"""Compaction: what supersedes what, what is left alone, and readers meanwhile."""

import datetime
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import batches
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay._files import compaction, layout
from inlay._files.compaction import compact
from inlay._files.layout import Piece, without_covered
from inlay.sinks.files import Files

OTHER = 0x0BAD_CAFE_0000_0001


def dead_writer(root: Path, origin: int, turns: int, *, each_own_file: bool = False) -> None:
    """Leave what a process leaves that is killed after some windows."""
    sink = Files(root, max_file_bytes=1 if each_own_file else 1 << 30, max_file_age=1e9)
    sink.open({}, origin)
    for seq in range(turns):
        sink.write(batches.batch(seq, origin=origin))
    # As the kernel does for the dead: nothing is sealed, the lock is free, its file stays.
    sink.open({}, origin + 1)
    sink.close(time.monotonic() + 5)


def piece(first: int, last: int, partition: str = "p", origin: str = "a") -> Piece:
    return Piece(origin, first, last, partition, Path(f"{origin}/{partition}/{first}-{last}"))


def test_a_wider_range_supersedes_those_within_it():
    wide, narrow, beside = piece(0, 9), piece(3, 5), piece(10, 12)
    other_partition, other_origin = piece(3, 5, "q"), piece(3, 5, origin="b")
    every = [narrow, beside, other_partition, wide, other_origin]
    kept, covered = without_covered(every)
    assert set(covered) == {narrow}
    assert set(kept) == set(every) - {narrow}


def test_a_sealed_stream_supersedes_its_unfinished_conversion():
    done, half = piece(0, 4), piece(5, 9)
    kept, covered = without_covered([done, half], [piece(5, 9, partition="")])
    assert (kept, covered) == ([done], [half])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), min_size=1, max_size=12, unique=True)
)
@settings(max_examples=200, deadline=None)
def test_what_is_covered_is_what_another_one_contains(ranges):
    pieces = [piece(first, first + length) for first, length in ranges]
    kept, covered = without_covered(pieces)
    assert sorted(kept + covered) == sorted(pieces)
    for p in pieces:
        assert (p in covered) == any(q != p and q.covers(p) for q in pieces)


def test_dead_writers_are_tidied_and_living_ones_left_alone(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 5)
    living = Files(tmp_path, max_file_age=1e9)
    living.open({}, OTHER)
    living.write(batches.batch(0, origin=OTHER))
    done = compact(tmp_path)
    assert (done.origins, done.alive, done.converted) == (1, 1, 1)
    names = {p.name for p in tmp_path.rglob("*.arrows")}
    assert names == {"0badcafe00000001-0.arrows"}
    assert batches.windows(tmp_path) == sorted([*range(5)] * 2)
    living.write(batches.batch(1, origin=OTHER))
    assert batches.windows(tmp_path, origin=OTHER) == [0, 0, 1, 1]
    assert not (tmp_path / "locks" / "123456789abcdef0.lock").exists()
    assert compact(tmp_path).converted == 0


def test_small_files_of_the_dead_become_one_and_raw_patterns_exact_after_grace(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 6, each_own_file=True)
    assert len(list(tmp_path.rglob("*.parquet"))) == 6
    done = compact(tmp_path, grace=0.0)
    assert (done.merged, done.removed) == (1, 6)
    (path,) = tmp_path.rglob("*.parquet")
    assert path.name == "123456789abcdef0-0000000000-0000000005.parquet"
    assert pq.read_metadata(path).num_rows == 12


def test_superseded_files_stay_for_the_grace_time(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 3, each_own_file=True)
    assert compact(tmp_path, grace=1000.0).removed == 0
    assert len(list(tmp_path.rglob("*.parquet"))) == 4
    assert batches.windows(tmp_path) == [0, 0, 1, 1, 2, 2]
    assert compact(tmp_path, grace=1000.0, now=time.time() + 1001.0).removed == 3


def test_merging_stops_at_a_size_that_fits_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "_MERGED_ROWS", 5)
    dead_writer(tmp_path, batches.ORIGIN, 6, each_own_file=True)  # 2 rows each
    compact(tmp_path, grace=0.0)
    assert sorted(p.name[17:38] for p in tmp_path.rglob("*.parquet")) == [
        "0000000000-0000000001",
        "0000000002-0000000003",
        "0000000004-0000000005",
    ]
    assert batches.windows(tmp_path) == sorted([*range(6)] * 2)


def test_a_crash_between_conversion_and_removal_shows_rows_once_and_is_finished(tmp_path):
    rows = [batches.point(0, 0), batches.point(0, 1, layer="self")]
    sink = Files(tmp_path, max_file_age=1e9)
    sink.open({}, batches.ORIGIN)
    sink.write(batches.batch(0, {"points": batches.table("points", rows)}))
    sink.close(time.monotonic() - 1.0)  # sealed, not converted
    (sealed,) = tmp_path.rglob("*.arrows")
    content = sealed.read_bytes()
    compact(tmp_path)
    sealed.write_bytes(content)
    (tmp_path / "points/date=2026-03-01/layer=self").joinpath(
        "123456789abcdef0-0000000000-0000000000.parquet"
    ).unlink()
    assert batches.windows(tmp_path) == [0, 0]
    compact(tmp_path)
    assert not list(tmp_path.rglob("*.arrows"))
    assert batches.windows(tmp_path) == [0, 0]


def test_a_torn_stream_of_the_dead_gives_its_whole_windows(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 4)
    (path,) = tmp_path.rglob("*.arrows")
    path.write_bytes(path.read_bytes()[:-7])
    compact(tmp_path)
    assert batches.windows(tmp_path) == [0, 0, 1, 1, 2, 2]
    assert not list(tmp_path.rglob("*.damaged"))


def test_a_damaged_stream_is_converted_up_to_the_damage_and_kept(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 4)
    (path,) = tmp_path.rglob("*.arrows")
    data = bytearray(path.read_bytes())
    data[-7] ^= 0x10
    path.write_bytes(data)
    compact(tmp_path)
    assert batches.windows(tmp_path) == [0, 0, 1, 1, 2, 2]
    (kept,) = tmp_path.rglob("*.damaged")
    assert kept.read_bytes() == bytes(data)


def test_a_stream_without_a_whole_window_is_removed(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 1)
    (path,) = tmp_path.rglob("*.arrows")
    path.write_bytes(path.read_bytes()[:900])
    assert compact(tmp_path).removed == 1
    assert not list(tmp_path.rglob("*.arrows"))


def test_half_written_files_of_the_dead_are_removed_when_stale(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 1, each_own_file=True)
    (path,) = tmp_path.rglob("*.parquet")
    stale = path.with_name(".x.parquet.1.tmp")
    stale.write_bytes(b"half")
    assert compact(tmp_path).removed == 0
    assert compact(tmp_path, now=time.time() + 4000.0).removed == 1
    assert not stale.exists()


def test_retention_removes_whole_days(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 1, each_own_file=True)
    ended = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC).timestamp()
    assert compact(tmp_path, retention=3600.0, now=ended + 3599.0).removed == 0
    assert compact(tmp_path, retention=3600.0, now=ended + 3601.0).removed == 1
    assert not list((tmp_path / "points").glob("date=*"))


def test_one_compaction_at_a_time(tmp_path):
    lock = layout_lock(tmp_path)
    with pytest.raises(BlockingIOError, match="another compaction"):
        compact(tmp_path)
    lock.release()
    compact(tmp_path)


def layout_lock(root: Path) -> compaction.Lock:
    lock = compaction.Lock(root / "locks" / "compact.lock")
    assert lock.acquire()
    return lock


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        compact(tmp_path / "nowhere")


def test_files_of_different_schemas_merge(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 2, each_own_file=True)
    _, second = sorted(tmp_path.rglob("*.parquet"))
    table = pq.ParquetFile(second).read()
    pq.write_table(table.append_column("novel", pa.array([1.5] * len(table))), second)
    compact(tmp_path, grace=0.0)
    assert sorted(row["novel"] or 0.0 for row in batches.stored(tmp_path)) == [0, 0, 1.5, 1.5]


WRITER = """
import sys, time
import batches
from inlay.sinks.files import Files
root, origin, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sink = Files(root, max_file_bytes=4000, grace=0.0)
sink.open({}, origin)
for seq in range(turns):
    sink.write(batches.batch(seq, origin=origin))
    print(seq, flush=True)
sink.close(time.monotonic() + 60.0)
"""


def test_two_writers_readers_and_compaction_at_once_never_lose_or_repeat_a_window(tmp_path):
    turns = 60
    told = {batches.ORIGIN: -1, OTHER: -1}

    def follow(origin: int, process: subprocess.Popen) -> None:
        for line in process.stdout:
            told[origin] = int(line)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = {
        origin: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(origin), str(turns)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for origin in told
    }
    threads = [threading.Thread(target=follow, args=item) for item in writers.items()]
    for thread in threads:
        thread.start()
    reads = 0
    killed_at = random.Random(3).randrange(turns // 3, turns // 2)
    try:
        while any(writer.poll() is None for writer in writers.values()):
            if told[OTHER] >= killed_at:
                writers[OTHER].send_signal(signal.SIGKILL)
            before = dict(told)
            rows = read_patiently(tmp_path)
            for origin in told:
                shown = sorted(r["window_seq"] for r in rows if r["origin"] == origin)
                last = len(shown) // 2
                assert shown == sorted([*range(last)] * 2)  # none twice, none missing between
                assert last >= before[origin] + 1  # nothing that was written is hidden
            if (tmp_path / "locks").exists():
                compact(tmp_path, grace=0.0)
            reads += 1
    finally:
        for writer in writers.values():
            writer.kill()
        for thread in threads:
            thread.join()
        for writer in writers.values():
            writer.stdout.close()
            writer.wait()
    assert writers[batches.ORIGIN].returncode == 0
    compact(tmp_path, grace=0.0)
    assert reads > 3
    assert batches.windows(tmp_path) == sorted([*range(turns)] * 2)
    shown = batches.windows(tmp_path, origin=OTHER)
    assert shown == sorted([*range(len(shown) // 2)] * 2)
    assert len(shown) // 2 > killed_at
    assert not list(tmp_path.rglob("*.arrows"))


def read_patiently(root: Path) -> list[dict]:
    """Read, again when a file moved on meanwhile, as `inlay.query` does."""
    while True:
        try:
            return batches.stored(root)
        except FileNotFoundError:
            continue


def test_a_listing_ignores_what_is_not_ours(tmp_path):
    dead_writer(tmp_path, batches.ORIGIN, 1, each_own_file=True)
    (tmp_path / "README").write_text("notes")
    (tmp_path / ".git").mkdir()
    (tmp_path / "points" / "date=2026-03-01" / "layer=app" / "mine.parquet").write_text("x")
    (tmp_path / "points" / "live").mkdir(exist_ok=True)
    (tmp_path / "points" / "live" / "x.arrows").write_text("x")
    listing = layout.list_directory(tmp_path)
    assert list(listing.tables) == ["points"]
    assert len(listing.tables["points"].parquet) == 1
    assert listing.tables["points"].live == ()
