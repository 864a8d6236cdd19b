"""The sink that writes directories: what lies where, and what failures leave behind."""

import errno
import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import batches
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import inlay
from inlay._files import layout, stream
from inlay._files.parquet import write_parquet
from inlay.sinks.files import Files
from inlay.table import arrow_schema

FOREVER = 1e9
# At most so many bytes of Parquet per series and window of counters and gauges.
MAX_BYTES_PER_ROW = 100


def opened(directory: Path, origin: int = batches.ORIGIN, **options) -> Files:
    sink = Files(directory, **{"max_file_age": FOREVER, **options})
    sink.open({"service.name": "ranker"}, origin)
    return sink


def finish(sink: Files) -> None:
    sink.close(time.monotonic() + 60.0)


def files_of(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_window_is_readable_as_soon_as_it_is_written(tmp_path):
    sink = opened(tmp_path)
    for seq in range(3):
        sink.write(batches.batch(seq))
        path = tmp_path / "points" / "live" / "123456789abcdef0-0.arrows"
        assert sorted({row["window_seq"] for row in batches.stored(tmp_path)}) == list(
            range(seq + 1)
        )
        # Any Arrow reader takes it too, though it has no end yet.
        reader = pa.ipc.open_stream(path.read_bytes())
        assert [reader.read_next_batch().num_rows for _ in range(seq + 1)] == [2] * (seq + 1)
    finish(sink)


def test_rows_come_back_as_they_were_with_every_column(tmp_path):
    row = batches.point(
        0,
        kind="histogram",
        scale=5,
        zero_count=1,
        zero_threshold=0.0,
        pos_offset=-7,
        pos_counts=[1, 0, 2],
        neg_offset=0,
        neg_counts=[],
        bounds=[0.5, float("inf")],
        categories=["a", "ß"],
        summary=b"\x00\xff",
        summary_type="kll",
        rank=3,
        value=None,
    )
    table = batches.table("points", [row])
    sink = opened(tmp_path)
    sink.write(batches.batch(0, {"points": table}))
    assert batches.stored(tmp_path) == table.to_pylist()
    finish(sink)
    assert batches.stored(tmp_path) == table.to_pylist()
    (path,) = tmp_path.glob("points/date=2026-03-01/layer=app/*.parquet")
    assert pq.read_schema(path).equals(arrow_schema("points"))


def test_tables_without_rows_make_no_files(tmp_path):
    sink = opened(tmp_path)
    sink.write(batches.batch(0, {}))
    sink.write(batches.batch(1, {"events": batches.table("events", [batches.event(1)])}))
    finish(sink)
    names = {name.split("/")[0] for name in files_of(tmp_path)}
    assert names == {"inlay.json", "events"}


def test_a_full_stream_becomes_parquet_by_date_and_layer(tmp_path):
    sink = opened(tmp_path, max_file_bytes=1)
    rows = [batches.point(7, 0), batches.point(7, 1, layer="self")]
    late = [batches.point(7, 2, observed_time=batches.times(7 + 8640)["time"])]
    sink.write(batches.batch(7, {"points": batches.table("points", rows + late)}))
    name = "123456789abcdef0-0000000007-0000000007.parquet"
    assert [f for f in files_of(tmp_path) if f.endswith(".parquet")] == [
        f"points/date=2026-03-01/layer=app/{name}",
        f"points/date=2026-03-01/layer=self/{name}",
        f"points/date=2026-03-02/layer=app/{name}",
    ]
    assert not list(tmp_path.rglob("*.arrows"))
    assert len(batches.stored(tmp_path)) == 3


def test_an_old_stream_is_sealed_by_the_time_of_its_windows(tmp_path):
    sink = opened(tmp_path, max_file_age=25.0)  # windows last 10 s
    for seq in range(4):
        sink.write(batches.batch(seq))
    (path,) = tmp_path.rglob("*.parquet")
    assert path.name == "123456789abcdef0-0000000000-0000000003.parquet"


def test_parquet_is_sorted_compressed_and_dictionary_encoded(tmp_path):
    rows = [
        batches.point(seq, s, metric=metric, kind=kind)
        for seq, s, metric, kind in itertools.product(
            range(3), range(3), ("b", "a"), ("gauge", "counter")
        )
    ]
    random.Random(5).shuffle(rows)
    sink = opened(tmp_path, max_file_bytes=1)
    sink.write(batches.batch(2, {"points": batches.table("points", rows)}))
    (path,) = tmp_path.rglob("*.parquet")
    file = pq.ParquetFile(path)
    keys = [(r["kind"], r["metric"], r["series_id"], r["time"]) for r in file.read().to_pylist()]
    assert keys == sorted(keys)
    group = file.metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["attrs"].compression == "ZSTD"
    assert "RLE_DICTIONARY" in columns["attrs"].encodings
    assert "RLE_DICTIONARY" not in columns["value"].encodings


def test_a_counter_or_gauge_takes_few_bytes_in_parquet(tmp_path):
    series, turns = 10_000, 12
    rng = np.random.default_rng(11)
    attrs = [
        f'{{"method":"GET","route":"/v1/items/{i % 500}","status":"{200 + i % 7}","zone":"z{i}"}}'
        for i in range(series)
    ]
    ids = rng.integers(-(2**63), 2**63 - 1, series)
    parts = []
    for seq in range(turns):
        base = batches.table("points", [batches.point(seq)] * series)
        values = np.where(np.arange(series) % 2, rng.poisson(300, series), rng.normal(size=series))
        parts.append(
            base.set_column(base.column_names.index("attrs"), "attrs", [attrs])
            .set_column(base.column_names.index("series_id"), "series_id", [ids])
            .set_column(base.column_names.index("value"), "value", [values])
        )
    path = tmp_path / "x.parquet"
    write_parquet(pa.concat_tables(parts), path)
    assert path.stat().st_size / (series * turns) <= MAX_BYTES_PER_ROW / 4


def test_small_parquet_files_are_merged_and_superseded_ones_removed_after_grace(tmp_path):
    sink = opened(tmp_path, max_file_bytes=1, grace=0.0)
    for seq in range(20):
        sink.write(batches.batch(seq))
        assert batches.windows(tmp_path) == sorted([*range(seq + 1)] * 2)
    assert len(list(tmp_path.rglob("*.parquet"))) < 12
    kept = opened(tmp_path / "kept", max_file_bytes=1, grace=3600.0)
    for seq in range(9):
        kept.write(batches.batch(seq))
    assert len(list((tmp_path / "kept").rglob("*.parquet"))) == 9 + 1
    assert batches.windows(tmp_path / "kept") == sorted([*range(9)] * 2)


def test_whole_days_older_than_the_retention_are_removed(tmp_path):
    sink = opened(tmp_path, max_file_bytes=1, retention=86_400.0)
    per_day = 8640
    for day in range(4):
        sink.write(batches.batch(day * per_day))
    days = sorted(p.name for p in (tmp_path / "points").glob("date=*"))
    # The last window ends on the 4th at noon: a day ago the 3rd had not ended, but the 2nd had.
    assert days == ["date=2026-03-03", "date=2026-03-04"]


def test_a_batch_that_comes_again_is_written_once(tmp_path):
    sink = opened(tmp_path)
    for _ in range(3):
        sink.write(batches.batch(0))
    assert batches.windows(tmp_path) == [0, 0]


def fail_after(monkeypatch, allowed: int, code: int) -> None:
    """Let `allowed` bytes through to streams, then fail half-way as a full disk does."""
    left = [allowed]
    real = os.pwrite

    def pwrite(descriptor, data, offset):
        if left[0] <= 0:
            raise OSError(code, os.strerror(code))
        done = real(descriptor, bytes(data[: left[0]]), offset)
        left[0] -= done
        return done

    monkeypatch.setattr(stream.os, "pwrite", pwrite)


def attempt(sink: Files, window: inlay.Batch) -> OSError | None:
    try:
        sink.write(window)
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize("allowed", [0, 1, 500, 3000])
def test_a_full_disk_leaves_whole_windows_and_writing_resumes(tmp_path, monkeypatch, allowed):
    sink = opened(tmp_path)
    both = {
        "points": batches.table("points", [batches.point(1)]),
        "events": batches.table("events", [batches.event(1)]),
    }
    sink.write(batches.batch(0))
    with monkeypatch.context() as full:
        fail_after(full, allowed, errno.ENOSPC)
        seq = 0
        while (failure := attempt(sink, batches.batch(seq + 1, both))) is None:
            seq += 1
        assert failure.errno == errno.ENOSPC
        seq += 1  # the one that failed
        shown = batches.windows(tmp_path)
        assert shown[:2] == [0, 0]
        assert shown[2:] in (list(range(1, seq)), list(range(1, seq + 1)))
        with pytest.raises(OSError, match="No space left"):
            sink.write(batches.batch(seq, both))
    sink.write(batches.batch(seq, both))
    assert batches.windows(tmp_path)[2:] == list(range(1, seq + 1))
    assert len(batches.stored(tmp_path, "events")) == seq
    # Not one byte of what failed is left: the streams are complete for every reader.
    finish(sink)
    assert batches.windows(tmp_path)[2:] == list(range(1, seq + 1))


def test_the_kernels_file_size_limit_is_survived(tmp_path):
    sink = opened(tmp_path)
    sink.write(batches.batch(0))
    size = next((tmp_path / "points" / "live").iterdir()).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            sink.write(batches.batch(1))
        assert batches.windows(tmp_path) == [0, 0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sink.write(batches.batch(1))
    assert batches.windows(tmp_path) == [0, 0, 1, 1]
    finish(sink)


class Listener:
    """Stands for the observer that a sink reports to."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict]] = []

    def event(self, name, **columns) -> None:
        self.events.append((name, columns))


def test_a_conversion_that_fails_is_reported_once_and_made_up_for(tmp_path, monkeypatch):
    listener = Listener()
    sink = opened(tmp_path, max_file_bytes=1)
    sink.attach(listener)
    monkeypatch.setattr("inlay.sinks.files._UPKEEP_PAUSE", 0.0)
    with monkeypatch.context() as full:

        def write_table(*_args, **_options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(pq, "write_table", write_table)
        for seq in range(3):
            sink.write(batches.batch(seq))  # written all the same
    assert batches.windows(tmp_path) == [0, 0, 1, 1, 2, 2]
    assert sink.stats()["upkeep_errors"] == 3
    ((name, columns),) = listener.events
    assert name == "inlay.files.upkeep_failed"
    assert "No space left" in columns["body"]
    assert not list(tmp_path.rglob("*.tmp"))
    sink.write(batches.batch(3))
    assert not list(tmp_path.rglob("*.arrows"))
    assert batches.windows(tmp_path) == sorted([*range(4)] * 2)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EIO])
def test_lost_permission_is_an_error_and_then_over(tmp_path, monkeypatch, code):
    sink = opened(tmp_path)
    with monkeypatch.context() as lost:
        # Permission bits do not bind the superuser, so the call itself is made to fail.
        def refuse(*_args, **_options):
            raise OSError(code, os.strerror(code))

        lost.setattr(stream.os, "open", refuse)
        with pytest.raises(OSError, match=os.strerror(code)):
            sink.write(batches.batch(0))
    assert not list(tmp_path.rglob("*.arrows"))
    sink.write(batches.batch(0))
    assert batches.windows(tmp_path) == [0, 0]


def test_a_file_in_the_place_of_a_folder_is_an_error_and_then_over(tmp_path):
    (tmp_path / "points").write_text("in the way")
    sink = opened(tmp_path)
    tables = {
        "points": batches.table("points", [batches.point(0)]),
        "events": batches.table("events", [batches.event(0)]),
    }
    with pytest.raises(OSError, match="points"):
        sink.write(batches.batch(0, tables))
    assert len(batches.stored(tmp_path, "events")) == 1  # the others go on
    (tmp_path / "points").unlink()
    sink.write(batches.batch(0, tables))
    assert batches.windows(tmp_path) == [0]
    assert len(batches.stored(tmp_path, "events")) == 1


def test_a_removed_directory_is_an_error_and_then_made_anew(tmp_path):
    root = tmp_path / "telemetry"
    sink = opened(root)
    sink.write(batches.batch(0))
    shutil.rmtree(root)
    with pytest.raises(FileNotFoundError, match="removed"):
        sink.write(batches.batch(1))
    sink.write(batches.batch(1))  # as the delivery does after a pause
    assert batches.windows(root) == [1, 1]
    assert layout.read_format(root) == layout.FORMAT
    finish(sink)
    assert batches.windows(root) == [1, 1]


def test_the_working_directory_may_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = opened(Path("here"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    sink.write(batches.batch(0))
    assert batches.windows(tmp_path / "here") == [0, 0]


def test_other_tables_are_written_and_follow_their_schema(tmp_path):
    sink = opened(tmp_path)
    for seq, rows in enumerate([{"a": [1]}, {"a": [2]}, {"a": ["text"], "b": [1.5]}]):
        sink.write(batches.batch(seq, {"predictions": pa.table(rows)}))
    finish(sink)
    rows = batches.stored(tmp_path, "predictions")
    assert sorted(map(str, rows)) == sorted(map(str, [{"a": 1}, {"a": 2}, {"a": "text", "b": 1.5}]))


@pytest.mark.parametrize("name", ["../evil", "a b", "", "locks", "x" * 64, "ä"])
def test_a_table_name_that_is_no_identifier_is_refused(tmp_path, name):
    root = tmp_path / "root"
    sink = opened(root)
    with pytest.raises(inlay.InvalidArgumentError, match="plain identifier"):
        sink.write(batches.batch(0, {name: pa.table({"a": [1]})}))
    assert files_of(tmp_path) == ["root/inlay.json", "root/locks/123456789abcdef0.lock"]


@pytest.mark.parametrize("layer", ["", "..", "a/b", "x=y", "ü" * 200, "a b%"])
def test_any_layer_is_a_safe_folder(tmp_path, layer):
    sink = opened(tmp_path, max_file_bytes=1)
    table = batches.table("points", [batches.point(0, layer=layer)])
    sink.write(batches.batch(0, {"points": table}))
    (path,) = tmp_path.rglob("*.parquet")
    assert path.parent.parent == tmp_path / "points" / "date=2026-03-01"
    assert [row["layer"] for row in batches.stored(tmp_path)] == [layer]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_file_bytes": 0}, "max_file_bytes .* 0"),
        ({"max_file_age": -1.0}, "max_file_age .* -1"),
        ({"grace": float("nan")}, "grace .* nan"),
        ({"retention": -5.0}, "retention .* -5"),
        ({"compression": "rar"}, "compression .* 'rar'"),
    ],
)
def test_bad_options_are_named(tmp_path, options, message):
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        Files(tmp_path, **options)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_each_codec_reads_back(tmp_path, compression):
    sink = opened(tmp_path, compression=compression)
    sink.write(batches.batch(0))
    before = batches.stored(tmp_path)
    finish(sink)
    assert batches.stored(tmp_path) == before


def test_two_sinks_of_one_observer_cannot_share_a_directory(tmp_path):
    first = opened(tmp_path)
    with pytest.raises(inlay.InvalidArgumentError, match="another sink"):
        opened(tmp_path)
    finish(first)
    finish(opened(tmp_path))


def test_closing_late_leaves_readable_streams(tmp_path):
    sink = opened(tmp_path)
    sink.write(batches.batch(0))
    sink.close(time.monotonic() - 1.0)
    (path,) = tmp_path.rglob("*.arrows")
    assert path.parent.name == "sealed"
    assert batches.windows(tmp_path) == [0, 0]
    assert pa.ipc.open_stream(path.read_bytes()).read_all().num_rows == 2


def test_stats_count_bytes_and_files(tmp_path):
    sink = opened(tmp_path, max_file_bytes=1)
    assert set(sink.stats().values()) == {0}
    sink.write(batches.batch(0))
    (path,) = tmp_path.rglob("*.parquet")
    stats = sink.stats()
    assert stats["bytes"] > 0
    assert stats["files"] == 2  # the stream and its Parquet file
    assert stats["parquet_bytes"] == path.stat().st_size


def test_a_forked_child_writes_files_of_its_own(tmp_path):
    sink = opened(tmp_path)
    sink.write(batches.batch(0))
    child_origin = batches.ORIGIN + 1
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sink.open({}, child_origin)
            sink.write(batches.batch(0, origin=child_origin))
            finish(sink)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sink.write(batches.batch(1))
    assert batches.windows(tmp_path) == [0, 0, 1, 1]
    assert batches.windows(tmp_path, origin=child_origin) == [0, 0]
    assert (tmp_path / "locks" / "123456789abcdef0.lock").exists()
    finish(sink)


WRITER = """
import sys
import batches
from inlay.sinks.files import Files
root, origin, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sink = Files(root, max_file_bytes=6000)
sink.open({}, origin)
import time
for seq in range(100_000):
    sink.write(batches.batch(seq, origin=origin))
    print(seq, flush=True)
    time.sleep(pause)
"""


def start_writer(root: Path, origin: int, pause: float = 0.0) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(origin), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_no_window_it_had_written(tmp_path, seed):
    rng = random.Random(seed)
    writer = start_writer(tmp_path, batches.ORIGIN)
    try:
        told = -1
        until = rng.randrange(5, 120)
        while told < until:
            told = int(writer.stdout.readline())
        time.sleep(rng.random() * 0.01)
    finally:
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split()
    told = int(rest[-1]) if rest else told
    shown = batches.windows(tmp_path)
    # The window being written may be there or not, but never half of it.
    assert shown in (sorted([*range(told + 1)] * 2), sorted([*range(told + 2)] * 2))


def test_an_observer_reports_a_full_disk_and_recovers(tmp_path, monkeypatch):
    clock = inlay.ManualClock(1_772_366_400.0)
    obs = inlay.Observer(
        {"service.name": "shop"},
        sinks=[Files(tmp_path)],
        clock=clock,
        retry=inlay.sinks.Retry(tries=1),
    )
    orders = obs.counter("orders")
    with monkeypatch.context() as full:
        fail_after(full, 0, errno.ENOSPC)
        orders.add(1)
        obs.collect()
        assert obs.flush(timeout=60)
    for value in (2, 4):
        orders.add(value)
        clock.advance(10.0)
        obs.collect()
        assert obs.flush(timeout=60)
    obs.collect()
    assert obs.stop(timeout=60)
    rows = batches.stored(tmp_path)
    assert [r["value"] for r in rows if r["metric"] == "orders"] == [2.0, 4.0]
    dropped = {
        row["attrs"]: row["value"]
        for row in rows
        if row["metric"] == "inlay.sink.dropped" and "files" in row["attrs"]
    }
    assert sum(dropped.values()) >= 1
    assert any("points" in attrs for attrs in dropped)
    names = [row["name"] for row in batches.stored(tmp_path, "events")]
    assert names.count("inlay.sink.failing") == 1
    assert names.count("inlay.sink.recovered") == 1
    written = [r["value"] for r in rows if r["metric"] == "inlay.sink.bytes"]
    assert sum(written) > 0


def test_an_observer_hears_of_a_conversion_that_fails(tmp_path, monkeypatch):
    obs = inlay.Observer(sinks=[Files(tmp_path, max_file_bytes=1)], clock=inlay.ManualClock())
    with monkeypatch.context() as full:

        def write_table(*_args, **_options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(pq, "write_table", write_table)
        obs.counter("orders").add(1)
        obs.collect()
        assert obs.flush(timeout=60)
    (row,) = obs.collect().events.to_pylist()
    assert row["name"] == "inlay.files.upkeep_failed"
    assert "No space left" in row["body"]
    assert obs.stop(timeout=60)
    assert not list(tmp_path.rglob("*.arrows"))


HOST = """
import sys, time
import inlay
obs = inlay.Observer({"service.name": "shop"}, window=0.2, sinks=[inlay.sinks.Files(sys.argv[1])])
orders = obs.counter("orders").bind()
obs.start()
while True:
    orders.add(1)
    print(obs.core.window_seq, flush=True)
    time.sleep(0.002)
"""


def test_a_killed_host_loses_at_most_the_open_window_and_one_queued(tmp_path):
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with host.stdout as lines:
        while not list(tmp_path.rglob("*.arrows")):  # until pyarrow is loaded, windows queue up
            told = int(lines.readline())
        until = told + 12
        while told < until:
            told = int(lines.readline())
        host.send_signal(signal.SIGKILL)
        told = max(told, *map(int, lines.read().split()), 0)
    host.wait()
    shown = {row["window_seq"] for row in batches.stored(tmp_path)}
    assert shown == set(range(max(shown) + 1))
    assert max(shown) >= told - 3  # `told` is the open one: it, one queued, one being written
