"""`Table` and `Batch` against everything that speaks Arrow."""

import datetime as dt
import gc
import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.table import arrow_schema

UTC = dt.UTC
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def make_points(n: int) -> pa.Table:
    """Rows of the points schema: a counter and a histogram by turns."""
    rows = []
    for i in range(n):
        row: dict[str, Any] = {
            "time": NOW,
            "start_time": NOW - dt.timedelta(seconds=10),
            "observed_time": NOW,
            "revision": 0,
            "form": "delta",
            "origin": -(2**63) + i,
            "window_seq": 1,
            "layer": "app",
            "metric": "requests",
            "kind": "counter",
            "series_id": i,
            "attrs": '{"route":"/ü"}',
            "resource": '{"service.name":"shop"}',
            "status": "ok",
            "value": i / 2,
        }
        if i % 2:
            row.update(kind="histogram", value=None, count=i, scale=5, pos_offset=-i)
            row.update(pos_counts=[1, 0, i], summary=b"\0\xff", categories=["a", "", "\0"])
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=arrow_schema("points"))


class ArrayOnly:
    """Offers one array and no stream."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self.array.__arrow_c_array__(requested_schema)


# ---- round trips ----------------------------------------------------------------------------

SCALARS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.utf8(): st.text(),
    pa.large_utf8(): st.text(),
    pa.binary(): st.binary(),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.string_view(): st.text(),
    pa.timestamp("us", "UTC"): st.integers(-(2**53), 2**53),
}


@st.composite
def tables(draw: st.DrawFn, kinds: list[pa.DataType] | None = None) -> pa.Table:
    """Tables of a few columns, with nulls, in chunks, possibly sliced."""
    kinds = kinds or list(SCALARS)
    rows = draw(st.integers(0, 20))
    columns = []
    for i in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(kinds))
        values = st.none() | SCALARS[kind]
        shape = draw(st.sampled_from(["plain", "list", "large_list", "struct", "nulls"]))
        match shape:
            case "list":
                kind, values = pa.list_(kind), st.none() | st.lists(values, max_size=4)
            case "large_list":
                kind, values = pa.large_list(kind), st.none() | st.lists(values, max_size=4)
            case "struct":
                kind = pa.struct([("x", kind)])
                values = st.none() | st.fixed_dictionaries({"x": values})
            case "nulls":
                values = st.none()
        data = draw(st.lists(values, min_size=rows, max_size=rows))
        columns.append((f"c{i}", pa.array(data, kind)))
    table = pa.table(dict(columns))
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=3)))
    starts = [0, *cuts]
    pieces = [table.slice(a, b - a) for a, b in zip(starts, [*cuts, rows], strict=True)]
    chunked = pa.concat_tables(pieces)
    first = draw(st.integers(0, rows))
    return chunked.slice(first, draw(st.integers(0, rows - first)))


def same(left: pa.Table, right: pa.Table) -> bool:
    # `equals` holds NaN unequal to itself; reprs of the values do not.
    return left.schema == right.schema and repr(left.to_pylist()) == repr(right.to_pylist())


@settings(deadline=None, max_examples=60)
@given(tables())
def test_stream_round_trip(source: pa.Table) -> None:
    table = inlay.Table(source)
    assert len(table) == table.num_rows == source.num_rows
    assert table.column_names == source.column_names
    back = table.to_pyarrow()
    back.validate(full=True)
    assert same(back, source)
    assert table.nbytes >= 0


# String views inside several chunks cannot become one array; see the test of that error.
CONCATENABLE = [kind for kind in SCALARS if kind != pa.string_view()]


@settings(deadline=None, max_examples=60)
@given(tables(CONCATENABLE))
def test_array_round_trip_concatenates_chunks(source: pa.Table) -> None:
    batch = pa.record_batch(ArrayOnly(inlay.Table(source)))
    batch.validate(full=True)
    assert same(pa.Table.from_batches([batch]), source)
    again = inlay.Table(ArrayOnly(batch))
    assert same(again.to_pyarrow(), source)


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a", "b", "a", None]).dictionary_encode(),
        pa.array([{"k": [1, None]}, None]),
        pa.array([[("k", 1)], None], pa.map_(pa.utf8(), pa.int64())),
        pa.array([1, 1, 2]).cast(pa.int64()),
        pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", None])),
        pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()),
            pa.array([0, 0, 1], pa.int32()),
            [pa.array([1, 2]), pa.array(["x"])],
        ),
        pa.array([1, None], pa.decimal128(20, 3)),
        pa.array([1, None], pa.decimal256(40, 3)),
        pa.array([0, 1], pa.date32()),
        pa.array([0, 1], pa.time64("ns")),
        pa.array([0, 1], pa.duration("s")),
        pa.array([np.float16(1.5), None], pa.float16()),
        pa.array([[1, 2], None], pa.list_(pa.int64(), 2)),
        pa.nulls(3),
    ],
    ids=lambda array: str(array.type),
)
def test_types_we_never_write_pass_through(array: pa.Array) -> None:
    source = pa.table({"x": array})
    table = inlay.Table(source)
    assert table.to_pyarrow().equals(source)
    assert pa.record_batch(ArrayOnly(table)).equals(source.combine_chunks().to_batches()[0])
    assert table.nbytes >= 0


def test_dictionaries_in_several_chunks_stay_streams() -> None:
    chunk = pa.table({"x": pa.array(["a", "b"]).dictionary_encode()})
    source = pa.concat_tables([chunk, chunk])
    table = inlay.Table(source)
    assert table.to_pyarrow().equals(source)
    with pytest.raises(inlay.InvalidArgumentError, match=r"dictionary.*'x'"):
        table.__arrow_c_array__()


def test_string_views_in_several_chunks_stay_streams() -> None:
    chunk = pa.table({"x": pa.array(["a", "b" * 20], pa.string_view())})
    source = pa.concat_tables([chunk, chunk])
    table = inlay.Table(source)
    assert table.to_pyarrow().equals(source)
    with pytest.raises(inlay.InvalidArgumentError, match="'vu'"):
        table.__arrow_c_array__()


def test_large_sources_are_not_copied() -> None:
    source = pa.table({"x": np.arange(100_000)})
    table = inlay.Table(source)
    there = source.column("x").chunk(0).buffers()[1].address
    assert table.to_pyarrow().column("x").chunk(0).buffers()[1].address == there
    assert table.nbytes == 800_000


def test_metadata_of_fields_survives() -> None:
    schema = pa.schema([pa.field("x", pa.int64(), metadata={"k": "v"})], metadata={"a": "b"})
    source = pa.table({"x": [1]}, schema=schema)
    assert inlay.Table(source).to_pyarrow().schema.equals(schema, check_metadata=True)


# ---- lifetimes ------------------------------------------------------------------------------


def test_exports_outlive_the_table() -> None:
    source = make_points(100)
    table = inlay.Table(source)
    exported = table.to_pyarrow()
    stream = pa.RecordBatchReader.from_stream(table)
    del table
    gc.collect()
    assert exported.equals(source)
    assert stream.read_all().equals(source)


def test_capsules_nobody_takes_release_what_they_hold() -> None:
    before = pa.total_allocated_bytes()
    table = inlay.Table(pa.table({"x": pa.array(range(10_000))}))
    for _ in range(10):
        table.__arrow_c_stream__()
        table.__arrow_c_array__()
        table.__arrow_c_schema__()
    del table
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_a_capsule_is_taken_once() -> None:
    capsule = inlay.Table(make_points(2)).__arrow_c_stream__()

    class Once:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return capsule

    assert len(inlay.Table(Once())) == 2
    with pytest.raises(inlay.InvalidArgumentError, match="ArrowArrayStream was already released"):
        inlay.Table(Once())
    pair = inlay.Table(make_points(2)).__arrow_c_array__()

    class OnceArray:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return pair

    assert len(inlay.Table(OnceArray())) == 2
    with pytest.raises(inlay.InvalidArgumentError, match="was already released"):
        inlay.Table(OnceArray())


def test_many_threads_share_a_table() -> None:
    source = make_points(500)
    table = inlay.Table(pa.concat_tables([source, source]))
    expected = table.to_pyarrow()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert pa.table(table).equals(expected)
                assert pa.record_batch(ArrayOnly(table)).num_rows == 1000
                assert len(inlay.Table(source)) == 500
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize("source", [None, 3, "points", [1, 2], {"a": [1]}, object()])
def test_objects_without_the_interface_are_refused(source: object) -> None:
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        inlay.Table(source)


@pytest.mark.parametrize("array", [pa.array([1, 2]), pa.array([[1]]), pa.array(["x"])])
def test_arrays_that_are_no_struct_are_refused(array: pa.Array) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="struct"):
        inlay.Table(array)
    with pytest.raises(inlay.InvalidArgumentError, match="struct"):
        inlay.Table(pa.chunked_array([array]))


def test_struct_arrays_are_tables_unless_a_row_is_null() -> None:
    assert inlay.Table(pa.array([{"a": 1}, {"a": 2}])).to_pylist() == [{"a": 1}, {"a": 2}]
    with pytest.raises(inlay.InvalidArgumentError, match="row 1"):
        inlay.Table(pa.array([{"a": 1}, None]))
    # the null is outside the slice
    assert len(inlay.Table(pa.array([None, {"a": 1}]).slice(1))) == 1


def test_capsules_of_the_wrong_kind_are_refused() -> None:
    class Wrong:
        def __init__(self, value: object) -> None:
            self.value = value

        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return self.value

    table = inlay.Table(make_points(1))
    schema, array = table.__arrow_c_array__()
    for value in (None, (), (schema,), (schema, array, array), [schema, array], (1, 2)):
        with pytest.raises(TypeError):
            inlay.Table(Wrong(value))
    with pytest.raises(ValueError, match="incorrect name"):
        inlay.Table(Wrong((array, schema)))


def test_errors_of_a_stream_are_told() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        message = "the disk is gone"
        raise OSError(message)

    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    with pytest.raises(inlay.InvalidArgumentError, match="the disk is gone"):
        inlay.Table(reader)


def test_errors_of_the_producer_pass_through() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            message = "no data yet"
            raise LookupError(message)

    with pytest.raises(LookupError, match="no data yet"):
        inlay.Table(Broken())


def test_a_requested_schema_may_change_encodings_but_not_columns() -> None:
    table = inlay.Table(pa.table({"a": [1], "b": ["x"]}))

    def request(schema: pa.Schema) -> pa.Table:
        capsule = schema.__arrow_c_schema__()
        array = table.__arrow_c_array__(capsule)
        assert len(array) == 2
        stream = table.__arrow_c_stream__(schema.__arrow_c_schema__())

        class Stream:
            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                return stream

        return pa.table(Stream())

    same_columns = pa.schema([("a", pa.int64()), ("b", pa.large_utf8())])
    assert request(same_columns).to_pylist() == [{"a": 1, "b": "x"}]
    with pytest.raises(inlay.InvalidArgumentError, match="1"):
        request(pa.schema([("a", pa.int64())]))
    with pytest.raises(inlay.InvalidArgumentError, match="'c'"):
        request(pa.schema([("a", pa.int64()), ("c", pa.utf8())]))
    with pytest.raises(TypeError, match="arrow_schema"):
        table.__arrow_c_stream__(7)


# ---- consumers ------------------------------------------------------------------------------


def test_duckdb_reads_a_table() -> None:
    duckdb = pytest.importorskip("duckdb")
    table = inlay.Table(make_points(10))
    with duckdb.connect() as connection:
        connection.register("p", table)
        query = (
            "select kind, count(*), sum(value), sum(len(pos_counts)) from p group by 1 order by 1"
        )
        assert connection.execute(query).fetchall() == [
            ("counter", 5, 10.0, None),
            ("histogram", 5, None, 15),
        ]


def test_polars_reads_a_table() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(inlay.Table(make_points(10)))
    assert frame["pos_counts"].to_list()[1] == [1, 0, 1]
    assert frame["time"][0] == NOW
    assert inlay.Table(frame).num_rows == 10
    two = inlay.Table(pa.concat_tables([make_points(3), make_points(4)]))
    assert pl.DataFrame(two).height == 7


def test_pandas_reads_a_table() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame.from_arrow(inlay.Table(make_points(10)))
    assert frame["series_id"].tolist() == list(range(10))
    assert inlay.Table(frame[["series_id", "value"]]).num_rows == 10


def test_nanoarrow_reads_a_table() -> None:
    na = pytest.importorskip("nanoarrow")
    array = na.Array(inlay.Table(make_points(10)))
    assert len(array) == 10
    assert na.Schema(inlay.Table.empty("points")).n_fields == 42


def test_record_batches_and_readers_take_a_table() -> None:
    source = make_points(5)
    table = inlay.Table(source)
    assert pa.record_batch(table).num_rows == 5
    assert pa.RecordBatchReader.from_stream(table).read_all().equals(source)
    assert pc.sum(pa.table(table)["series_id"]).as_py() == 10


# ---- what Table says of itself --------------------------------------------------------------


def test_flat_turns_lists_into_json_and_keeps_the_rest() -> None:
    nan = math.nan
    source = pa.table(
        {
            "i": pa.array([[1, -2], [], None], pa.list_(pa.int64())),
            "n": pa.array([[1, None], [None], None], pa.list_(pa.int64())),
            "f": pa.array([[0.5, nan, math.inf, -math.inf], None, []], pa.list_(pa.float64())),
            "s": pa.array([['a"b', "ü", None], None, ["\n"]], pa.list_(pa.utf8())),
            "b": pa.array([b"\0", None, b""], pa.binary()),
            "t": pa.array([NOW, None, NOW], pa.timestamp("us", "UTC")),
        }
    )
    flat = inlay.Table(source).flat()
    assert flat.column_names == source.column_names
    columns = flat.to_pyarrow().to_pydict()
    assert columns["i"] == ["[1,-2]", "[]", None]
    assert columns["n"] == ["[1,null]", "[null]", None]
    assert columns["f"] == ['[0.5,"NaN","Infinity","-Infinity"]', None, "[]"]
    assert columns["s"] == ['["a\\"b","ü",null]', None, '["\\n"]']
    assert columns["b"] == [b"\0", None, b""]
    assert columns["t"] == [NOW, None, NOW]


@settings(deadline=None, max_examples=50)
@given(tables())
def test_flat_keeps_rows_nulls_and_scalars(source: pa.Table) -> None:
    flat = inlay.Table(source).flat().to_pyarrow()
    flat.validate(full=True)
    assert not any(pa.types.is_nested(field.type) for field in flat.schema)
    for left, right in zip(source.columns, flat.columns, strict=True):
        assert left.is_null().to_pylist() == right.is_null().to_pylist()


@pytest.mark.parametrize("rows", [0, 3])
def test_flat_points_have_no_lists(rows: int) -> None:
    flat = inlay.Table(make_points(rows)).flat().to_pyarrow()
    assert flat.num_rows == rows
    assert flat.schema.field("pos_counts") == pa.field("pos_counts", pa.utf8())
    assert not flat.schema.field("time").nullable


def test_html_escapes_names_and_values() -> None:
    text = inlay.Table(pa.table({"<b>": ["<script>alert(1)</script>"]}))._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<b>" not in text


def test_html_leaves_out_empty_columns_and_further_rows() -> None:
    text = inlay.Table(make_points(30))._repr_html_()
    assert text.count("<tr>") == 21
    assert "30 rows, 42 columns; the first 20 are shown" in text
    assert "<th>bounds</th>" not in text
    assert "bounds" in text
    assert "<th>bounds</th>" in inlay.Table.empty("points")._repr_html_()


def test_repr_and_size() -> None:
    table = inlay.Table(pa.table({"a": [1, 2, 3]}))
    assert repr(table) == "inlay.Table(num_rows=3, num_columns=1, nbytes=24)"
    assert repr(inlay.Table) == "<class 'inlay.Table'>"
    assert inlay.Table(table).num_rows == 3
    assert inlay.Table(inlay.Table.empty("points")).nbytes == 0


def test_tables_load_no_pyarrow() -> None:
    code = (
        "import sys, inlay; t = inlay.Table.empty('points'); "
        "b = inlay.Batch.from_tables({'points': t}); repr(b); t.__arrow_c_stream__(); "
        "print('pyarrow' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


# ---- Batch ----------------------------------------------------------------------------------


def test_batch_always_has_the_five_tables_in_order() -> None:
    batch = inlay.Batch.from_tables(
        {"predictions": pa.table({"y": [1]}), "points": make_points(2)},
        window_seq=4,
        origin=-5,
        start_time_us=1,
        time_us=2,
        observed_time_us=3,
        resource='{"a":"b"}',
    )
    names = ["points", "verdicts", "events", "exemplars", "spans", "predictions"]
    assert batch.names() == list(batch) == list(batch.keys()) == names
    assert len(batch) == 6
    assert "points" in batch
    assert batch["predictions"].to_pylist() == [{"y": 1}]
    assert [len(batch[name]) for name in names] == [2, 0, 0, 0, 0, 1]
    assert (batch.points, batch.spans) == (batch["points"], batch["spans"])
    assert [batch.verdicts.num_columns, batch.events.num_columns] == [28, 13]
    assert batch.exemplars.num_columns == 10
    facts = (batch.window_seq, batch.origin, batch.start_time_us, batch.time_us)
    assert facts == (4, -5, 1, 2)
    assert (batch.observed_time_us, batch.resource) == (3, '{"a":"b"}')
    with pytest.raises(KeyError):
        batch["nothing"]


def test_batch_with_table_leaves_the_first_as_it_was() -> None:
    batch = inlay.Batch.from_tables({"points": make_points(2)}, window_seq=4, resource="{}")
    more = batch.with_table("scores", pa.table({"s": [0.5]}))
    fewer = more.with_table("points", inlay.Table.empty("points"))
    assert "scores" not in batch
    assert len(more["scores"]) == 1
    assert (len(more.points), len(fewer.points)) == (2, 0)
    assert fewer.window_seq == 4
    assert fewer.names()[-1] == "scores"
    with pytest.raises(TypeError):
        batch.with_table("x", 3)


def test_batch_as_plain_data_and_text() -> None:
    batch = inlay.Batch.from_tables({"events": inlay.Table.empty("events")}, window_seq=9)
    assert batch.to_dict()["events"] == []
    assert list(batch.to_dict()) == batch.names()
    assert repr(batch) == (
        "inlay.Batch(window_seq=9, rows: points=0, verdicts=0, events=0, exemplars=0, spans=0)"
    )
    assert batch == batch
    assert batch != inlay.Batch.from_tables({})
    assert len({batch, batch}) == 1
