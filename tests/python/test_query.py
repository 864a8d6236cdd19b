"""SQL over a directory: views, what is read of damaged and newer ones, and the macros."""

import datetime
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import batches
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay._files.compaction import compact
from inlay.sinks.files import Files

duckdb = pytest.importorskip("duckdb", reason="inlay.query needs DuckDB")

HISTOGRAM = (
    "scale, zero_count, zero_threshold, pos_offset, pos_counts, neg_offset, neg_counts,"
    " sum, min, max"
)
# Float rounding of 2^x and of the products in a bucket's value.
ROUNDING = 1e-12


def write(root: Path, turns: int = 4, *, converted: bool = False, **options) -> Files:
    sink = Files(root, **{"max_file_bytes": 1 if converted else 1 << 30, **options})
    sink.open({}, batches.ORIGIN)
    for seq in range(turns):
        tables = {
            "points": batches.table("points", [batches.point(seq, s) for s in range(2)]),
            "events": batches.table("events", [batches.event(seq)]),
        }
        sink.write(batches.batch(seq, tables))
    return sink


def count(root: Path, table: str = "points") -> int:
    return inlay.query(root, f'select count(*) as n from "{table}"').to_pylist()[0]["n"]


def test_every_view_is_there_and_typed_before_there_is_a_file(tmp_path):
    from inlay.points import SCHEMAS
    from inlay.table import arrow_schema

    for name in SCHEMAS:
        table = inlay.query(tmp_path, f"select * from {name}")
        wanted = arrow_schema(name)
        assert table.num_rows == 0
        assert table.column_names == wanted.names
        for field in wanted:
            if pa.types.is_list(field.type):
                assert table.schema.field(field.name).type.value_type == field.type.value_type
            else:
                assert table.schema.field(field.name).type == field.type
    assert inlay.query(tmp_path, "select * from latest").column_names == list(
        arrow_schema("points").names
    )
    assert inlay.query(tmp_path, "select h from histograms").num_rows == 0


@pytest.mark.parametrize("converted", [False, True])
def test_types_are_those_of_the_schema_when_there_are_files(tmp_path, converted):
    from inlay.table import arrow_schema

    write(tmp_path, converted=converted)
    table = inlay.query(tmp_path, "select * from points")
    for field in arrow_schema("points"):
        if not pa.types.is_list(field.type):
            assert table.schema.field(field.name).type == field.type
    assert table.num_rows == 8
    first = min(table.to_pylist(), key=lambda row: (row["time"], row["series_id"]))
    expected = {name: None for name in arrow_schema("points").names} | batches.point(0, 0)
    assert first == expected


def test_growing_sealed_and_parquet_files_are_read_together(tmp_path):
    sink = write(tmp_path, 3, converted=True)
    sink.close(time.monotonic() + 60)
    sealed = Files(tmp_path)
    sealed.open({}, 1)
    sealed.write(batches.batch(0, origin=1))
    sealed.close(time.monotonic() - 1)
    growing = Files(tmp_path)
    growing.open({}, 2)
    growing.write(batches.batch(0, origin=2))
    rows = inlay.query(
        tmp_path, "select origin, count(*) as n from points group by all order by origin"
    ).to_pylist()
    assert rows == [
        {"origin": 1, "n": 2},
        {"origin": 2, "n": 2},
        {"origin": batches.ORIGIN, "n": 6},
    ]
    assert count(tmp_path, "events") == 3


def test_a_torn_stream_shows_its_whole_windows(tmp_path, recwarn):
    write(tmp_path)
    for path in tmp_path.rglob("*.arrows"):
        path.write_bytes(path.read_bytes()[:-5])
    assert count(tmp_path) == 6
    assert not recwarn.list  # the end of a stream under construction is no damage


def test_a_damaged_stream_shows_what_precedes_and_says_so(tmp_path):
    write(tmp_path)
    (path,) = (tmp_path / "points").rglob("*.arrows")
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.warns(inlay.InlayWarning, match=r"points/live/.* is damaged at byte \d+"):
        assert count(tmp_path) == 6


def test_rows_delivered_twice_appear_once(tmp_path):
    write(tmp_path)
    (stream,) = (tmp_path / "points" / "live").iterdir()
    (tmp_path / "points" / "live" / "123456789abcdef0-7.arrows").write_bytes(stream.read_bytes())
    assert count(tmp_path) == 8


@pytest.mark.parametrize("table", ["points", "events"])
def test_overlapping_parquet_files_are_told_apart_by_key(tmp_path, table):
    write(tmp_path, converted=True)
    files = sorted((tmp_path / table).rglob("*.parquet"))
    rows = pa.concat_tables([pq.ParquetFile(path).read() for path in files[1:3]])
    # Windows 1 and 2 again, in a range that neither covers nor is covered.
    (files[1].parent / "123456789abcdef0-0000000001-0000000002.parquet").unlink(missing_ok=True)
    for path in files[1:3]:
        path.unlink()
    pq.write_table(rows, files[1].parent / "123456789abcdef0-0000000001-0000000002.parquet")
    both = pa.concat_tables([rows, pq.ParquetFile(files[3]).read()])
    files[3].unlink()
    pq.write_table(both, files[1].parent / "123456789abcdef0-0000000002-0000000003.parquet")
    assert count(tmp_path, table) == {"points": 8, "events": 4}[table]


def test_latest_takes_the_highest_revision_of_derived_rows_and_all_deltas(tmp_path):
    rows = [
        batches.point(0, 0, revision=revision, form=form, value=float(revision), kind=form)
        for form in ("delta", "derived")
        for revision in (0, 2, 1)
    ]
    sink = Files(tmp_path)
    sink.open({}, batches.ORIGIN)
    sink.write(batches.batch(0, {"points": batches.table("points", rows)}))
    shown = inlay.query(tmp_path, "select form, revision from latest order by all").to_pylist()
    assert [(row["form"], row["revision"]) for row in shown] == [
        ("delta", 0),
        ("delta", 1),
        ("delta", 2),
        ("derived", 2),
    ]


def test_a_newer_directory_is_read_as_far_as_known_and_the_rest_is_said(tmp_path):
    write(tmp_path, converted=True)
    (tmp_path / "inlay.json").write_text(json.dumps({"format": 2, "novel": True}))
    newer = batches.table("points", [batches.point(9)]).append_column("novel", pa.array(["x"]))
    day = tmp_path / "points" / "date=2026-03-01" / "layer=app"
    pq.write_table(newer, day / "0000000000000009-0000000009-0000000009.parquet")
    live = tmp_path / "points" / "live" / "000000000000000a-0.arrows"
    fewer = batches.table("points", [batches.point(10)]).drop_columns(["rank", "m4"])
    place = fewer.column_names.index("revision")
    fewer = fewer.set_column(place, "revision", pa.array([0], pa.int64()))
    with pa.ipc.new_stream(live, fewer.schema) as writer:
        writer.write_table(fewer)
    hunches = tmp_path / "hunches" / "live" / "000000000000000a-0.arrows"
    hunches.parent.mkdir(parents=True)
    with pa.ipc.new_stream(hunches, pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(pa.table({"a": [7]}))
    with pytest.warns(inlay.InlayWarning) as caught:
        assert count(tmp_path) == 10
    said = " | ".join(str(warning.message) for warning in caught)
    assert "newer version (format 2; this one knows 1)" in said
    assert "table 'points' has columns this version does not know: 'novel'" in said
    assert "table 'hunches' is not known" in said
    assert "'revision' of table 'points' is stored as BIGINT and read as INTEGER" in said
    with pytest.warns(inlay.InlayWarning):
        assert inlay.query(tmp_path, "select * from hunches").to_pylist() == [{"a": 7}]


def test_tables_of_other_components_are_views_without_ado(tmp_path):
    sink = Files(tmp_path)
    sink.open({}, batches.ORIGIN)
    sink.write(batches.batch(0, {"predictions": pa.table({"score": [0.25, 0.75]})}))
    assert inlay.query(tmp_path, "select sum(score) as s from predictions").to_pylist() == [
        {"s": 1.0}
    ]
    sink.close(time.monotonic() + 60)
    assert count(tmp_path, "predictions") == 2


@pytest.mark.parametrize(
    "name", ["a'; drop view points; --", "star*", "what?", "[ab]", 'quote"', "date=2", "%20"]
)
def test_a_directory_of_any_name_is_read_and_nothing_else(tmp_path, name):
    write(tmp_path / name, converted=True).close(time.monotonic() + 60)
    write(tmp_path / "starry", 1, converted=True)
    write(tmp_path / "a", 1, converted=True)
    assert count(tmp_path / name) == 8


def test_large_streams_go_to_disk_instead_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("inlay._files.snapshot._MEMORY_BYTES", 100)
    write(tmp_path)
    assert count(tmp_path) == 8
    assert count(tmp_path, "events") == 4


def test_parameters_are_passed_by_position_and_name(tmp_path):
    write(tmp_path)
    sql = "select count(*) as n from points where series_id = ?"
    assert inlay.query(tmp_path, sql, parameters=[1]).to_pylist() == [{"n": 4}]
    sql = "select count(*) as n from points where series_id = $id"
    assert inlay.query(tmp_path, sql, parameters={"id": 5}).to_pylist() == [{"n": 0}]


def test_bad_input_gets_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        inlay.query(tmp_path / "nowhere", "select 1")
    with pytest.raises(inlay.InvalidArgumentError, match="empty: '  '"):
        inlay.query(tmp_path, "  ")
    with pytest.raises(duckdb.Error, match="nonsense"):
        inlay.query(tmp_path, "select nonsense from points")


def test_nothing_is_downloaded(tmp_path):
    with pytest.raises(duckdb.Error, match=r"(?i)extension|autoload|httpfs"):
        inlay.query(tmp_path, "select * from read_parquet('https://127.0.0.1:9/x.parquet')")


def test_without_duckdb_the_error_names_the_extra(tmp_path):
    code = (
        "import sys; sys.modules['duckdb'] = None; import inlay\n"
        "try: inlay.query(sys.argv[1], 'select 1')\n"
        "except ImportError as error: print(error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "inlay.query needs DuckDB: pip install 'inlay[query]'"


def test_queries_go_on_while_a_writer_compacts(tmp_path):
    """A window once shown stays, and none is shown twice."""
    sink = Files(tmp_path, max_file_bytes=4000, grace=0.0)
    sink.open({}, batches.ORIGIN)
    sink.write(batches.batch(0))
    written = [0]
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set() and written[0] < 400:
            written[0] += 1
            sink.write(batches.batch(written[0]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(6):
            before = written[0]
            (row,) = inlay.query(
                tmp_path,
                "select count(*) as n, count(distinct window_seq) as w, max(window_seq) as m"
                " from points",
            ).to_pylist()
            assert row["n"] == 2 * row["w"] == 2 * (row["m"] + 1)
            assert before <= row["w"] <= written[0] + 1
    finally:
        stop.set()
        thread.join()


# ---- macros -----------------------------------------------------------------------------------


def macros() -> object:
    connection = duckdb.connect()
    connection.execute((Path(inlay.__file__).parent / "sql" / "macros.sql").read_text("utf-8"))
    return connection


CONNECTION = macros()


def histogram(values: np.ndarray, scale: int) -> dict:
    """The row of an exponential histogram, straight from its definition."""

    def side(magnitudes: np.ndarray) -> tuple[int, list[int]]:
        if len(magnitudes) == 0:
            return 0, []
        index = np.ceil(np.log2(magnitudes) * 2.0**scale).astype(np.int64) - 1
        return int(index.min()), np.bincount(index - index.min()).tolist()

    pos_offset, pos_counts = side(values[values > 0])
    neg_offset, neg_counts = side(-values[values < 0])
    return {
        "scale": scale,
        "zero_count": int(np.sum(values == 0)),
        "zero_threshold": 0.0,
        "pos_offset": pos_offset,
        "pos_counts": pos_counts,
        "neg_offset": neg_offset,
        "neg_counts": neg_counts,
        "sum": float(values.sum()),
        "min": float(values.min()) if len(values) else None,
        "max": float(values.max()) if len(values) else None,
        "count": len(values),
    }


def merge_in_python(rows: list[dict]) -> dict:
    """What merging must give, bucket by bucket with Python's integers."""
    scale = min(row["scale"] for row in rows)
    merged = {"scale": scale, "zero_count": sum(row["zero_count"] for row in rows)}
    for side in ("pos", "neg"):
        counts: dict[int, int] = {}
        for row in rows:
            for k, n in enumerate(row[f"{side}_counts"]):
                index = (row[f"{side}_offset"] + k) >> (row["scale"] - scale)
                counts[index] = counts.get(index, 0) + n
        merged[side] = {index: n for index, n in counts.items() if n}
    return merged


def store(root: Path, rows: list[dict], **columns) -> None:
    sink = Files(root)
    sink.open({}, batches.ORIGIN)
    for seq, row in enumerate(rows):
        point = batches.point(seq, kind="histogram", value=None, **columns, **row)
        sink.write(batches.batch(seq, {"points": batches.table("points", [point])}))
    sink.close(time.monotonic() - 1)


def as_columns(rows: list[dict]) -> pa.Table:
    schema = batches.arrow_schema("points")
    names = [name.strip() for name in HISTOGRAM.split(",")]
    return pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in names]))


def error_of(scale: int) -> float:
    base = 2.0**2.0**-scale
    return (base - 1) / (base + 1)


@pytest.mark.parametrize("scale", [-1, 0, 3, 5, 8])
@pytest.mark.parametrize("shape", ["lognormal", "normal", "zeros", "one", "huge"])
def test_quantiles_are_within_the_error_of_the_scale(scale, shape):
    rng = np.random.default_rng([scale + 1, len(shape)])
    if shape == "huge":
        scale = min(scale, 0)  # the core keeps to 2,048 buckets a side, which bounds the scale
    values = {
        "lognormal": lambda: rng.lognormal(-3, 1.5, 3000),
        "normal": lambda: rng.normal(0.3, 1, 3000) * rng.choice([0, 1, 1], 3000),
        "zeros": lambda: np.zeros(7),
        "one": lambda: np.array([-2.5]),
        "huge": lambda: np.array([3e-308, 1e-300, 1.0, 1e300, 1.7e308, -1.7e308]),
    }[shape]()
    rows = [histogram(part, scale) for part in np.array_split(values, 5) if len(part)]
    qs = [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]
    fields = ", ".join(f"eh_quantile(m, {q})" for q in qs)
    with CONNECTION.cursor() as cursor:
        cursor.register("given", as_columns(rows))
        merged = f"select eh_merge(eh({HISTOGRAM})) as m from given"
        (results,) = cursor.sql(f"select {fields} from ({merged})").fetchall()
    for q, got in zip(qs, results, strict=True):
        exact = np.quantile(values, q, method="inverted_cdf")
        assert abs(got - exact) <= abs(exact) * (error_of(scale) + ROUNDING), q


sides = st.tuples(st.integers(-600, 600), st.lists(st.integers(0, 2**40), max_size=40))


@given(
    st.lists(
        st.tuples(st.integers(-3, 12), st.integers(0, 9), sides, sides), min_size=1, max_size=6
    )
)
@settings(max_examples=25, deadline=None)
def test_merging_equals_merging_in_python(parts):
    rows = [
        {
            "scale": scale,
            "zero_count": zeros,
            "zero_threshold": 0.0,
            "pos_offset": pos[0],
            "pos_counts": pos[1],
            "neg_offset": neg[0],
            "neg_counts": neg[1],
            "sum": 1.0,
            "min": -1.0,
            "max": 1.0,
        }
        for scale, zeros, pos, neg in parts
    ]
    with CONNECTION.cursor() as cursor:
        cursor.register("given", as_columns(rows))
        merged = cursor.sql(f"select eh_merge(eh({HISTOGRAM})) as m from given").fetchall()[0][0]
    expected = merge_in_python(rows)
    assert merged["scale"] == expected["scale"]
    assert merged["zero_count"] == expected["zero_count"]
    assert merged["sum"] == len(rows)
    for side in ("pos", "neg"):
        offset, counts = merged[f"{side}_offset"], merged[f"{side}_counts"]
        assert {offset + k: n for k, n in enumerate(counts) if n} == expected[side]


def test_merging_groups_and_skips_rows_without_a_histogram(tmp_path):
    rows = [histogram(np.full(n, float(n)), 5) for n in (1, 2, 4, 8)]
    for i, row in enumerate(rows):
        row["attrs"] = json.dumps({"half": str(i % 2)})
    store(tmp_path, rows)
    shown = inlay.query(
        tmp_path,
        "select attrs, eh_count(eh_merge(h)) as n, eh_mean(eh_merge(h)) as mean"
        " from histograms group by attrs order by attrs",
    ).to_pylist()
    assert [(row["n"], row["mean"]) for row in shown] == [(5, 17 / 5), (10, 68 / 10)]
    (row,) = inlay.query(
        tmp_path,
        "select eh_merge(eh(null, 0, 0, 0, [], 0, [], 0, 0, 0)) as m, eh_quantile(null, 0.5) as q,"
        " eh_count(null) as n",
    ).to_pylist()
    assert row == {"m": None, "q": None, "n": None}


def test_an_empty_histogram_has_no_quantile_and_a_bad_q_is_refused(tmp_path):
    store(tmp_path, [histogram(np.array([]), 5)])
    sql = "select eh_quantile(eh_merge(h), {}) as q, eh_count(eh_merge(h)) as n from histograms"
    assert inlay.query(tmp_path, sql.format(0.5)).to_pylist() == [{"q": None, "n": 0}]
    for bad in ("1.5", "-0.1", "'nan'::double"):
        with pytest.raises(duckdb.Error, match=r"q must lie in \[0, 1\]"):
            inlay.query(tmp_path, sql.format(bad))


def test_a_merge_of_many_histograms_is_computed_once_and_soon():
    with CONNECTION.cursor() as cursor:
        cursor.execute(
            "create or replace temp table many as select i % 20 as g,"
            " eh(5, 0, 0, i % 50, range(150), 0, [], 0, null, null) as h from range(2000) t(i)"
        )
        begin = time.monotonic()
        rows = cursor.sql("select g, eh_quantile(eh_merge(h), 0.9) from many group by g").fetchall()
        assert len(rows) == 20
        # About 0.3 s; a macro that pasted the merge into each of its uses took minutes.
        assert time.monotonic() - begin < 60.0


def test_recorded_values_come_back_as_quantiles_of_any_span_and_group(tmp_path):
    rng = np.random.default_rng(7)
    values = {route: rng.lognormal(-4, 1, (3, 700)) for route in ("/a", "/b")}
    obs = inlay.Observer(sinks=[Files(tmp_path)], clock=inlay.ManualClock())
    latency = obs.histogram("latency", unit="s", attributes=("route",))
    for window in range(3):
        for route, parts in values.items():
            latency.bind(route=route).record_many(parts[window])
        obs.collect()
    assert obs.stop(timeout=60)
    sql = (
        "select attrs->>'$.route' as route, eh_count(eh_merge(h)) as n,"
        " eh_quantile(eh_merge(h), 0.99) as p99 from histograms where metric = 'latency'"
        " group by {} order by all"
    )
    (a, b) = inlay.query(tmp_path, sql.format("attrs")).to_pylist()
    for row, parts in ((a, values["/a"]), (b, values["/b"])):
        exact = np.quantile(parts, 0.99, method="inverted_cdf")
        assert row["n"] == parts.size
        assert abs(row["p99"] - exact) <= exact * (error_of(5) + ROUNDING)
    assert len(inlay.query(tmp_path, sql.format("attrs, window_seq"))) == 6


def test_rate_is_the_increase_per_second_of_any_group(tmp_path):
    write(tmp_path, 6)  # values seq*1000 + series, windows of 10 s, two series
    (row,) = inlay.query(
        tmp_path,
        "select rate(value, start_time, time) as r, max(window_seconds(start_time, time)) as w"
        " from points",
    ).to_pylist()
    assert row == {"r": (2 * 15_000 + 6) / 60.0, "w": 10.0}
    shown = inlay.query(
        tmp_path,
        "select series_id, time_bucket(interval 1 minute, start_time) as t,"
        " rate(value, start_time, time) as r from points group by all order by all",
    ).to_pylist()
    assert [(row["series_id"], row["r"]) for row in shown] == [(0, 250.0), (1, 250.1)]
    assert shown[0]["t"] == datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)


def test_compacted_and_fresh_directories_give_the_same_answers(tmp_path):
    sink = write(tmp_path, 9, converted=True)
    sql = "select attrs, sum(value) as s, count(*) as n from points group by all order by all"
    fresh = inlay.query(tmp_path, sql).to_pylist()
    sink.close(time.monotonic() + 60)
    compact(tmp_path, grace=0.0)
    assert inlay.query(tmp_path, sql).to_pylist() == fresh
    assert not list((tmp_path / "locks").iterdir())
