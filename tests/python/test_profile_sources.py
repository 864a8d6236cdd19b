"""Whatever holds a table is read as Arrow batches, or refused by name."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import inlay
from inlay import InvalidArgumentError, SerializationError
from inlay.data.sources import BATCH_ROWS, Source, open_source

TABLE = pa.table({"a": [1, 2, 3, None], "b": ["x", None, "y", "z"], "c": [1.5, 2.5, None, 0.0]})


def read(data: Any, **options: Any) -> pa.Table:
    source = open_source(data, **options)
    return pa.Table.from_batches(source.batches(), schema=source.schema)


class Stream:
    """Nothing but a stream, as a library that nobody knows would offer it."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Array:
    def __init__(self, array: Any) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._array.__arrow_c_array__(requested_schema)


# ---- in memory -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "is_repeatable"),
    [
        (lambda: TABLE, True),
        (lambda: TABLE.to_batches()[0], True),
        (lambda: TABLE.to_reader(), False),
        (lambda: pyarrow.dataset.dataset(TABLE), False),
        (lambda: inlay.Table(TABLE), True),
        (lambda: Stream(TABLE), False),
        (lambda: Array(TABLE.to_batches()[0]), True),
        (lambda: TABLE.to_struct_array().chunk(0), True),
        (lambda: {name: TABLE[name] for name in TABLE.column_names}, True),
        (lambda: {name: TABLE[name].to_pylist() for name in TABLE.column_names}, True),
    ],
)
def test_arrow_in_all_its_forms(make: Any, is_repeatable: bool) -> None:
    data = make()
    source = open_source(data)
    assert source.is_repeatable == is_repeatable or isinstance(data, pyarrow.dataset.Dataset)
    assert pa.Table.from_batches(source.batches(), schema=source.schema) == TABLE
    if source.is_repeatable:
        assert pa.Table.from_batches(source.batches(), schema=source.schema) == TABLE
    else:
        with pytest.raises(InvalidArgumentError, match="once"):
            next(source.batches())
    assert read(make(), columns=["c", "a"]) == TABLE.select(["c", "a"])


def test_polars_and_duckdb() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(TABLE)
    assert read(frame).to_pylist() == TABLE.to_pylist()
    assert read(frame, columns=["b"]).to_pylist() == TABLE.select(["b"]).to_pylist()
    source = open_source(frame)
    assert source.num_rows == 4
    assert source.is_repeatable
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.register("given", TABLE)
        relation = connection.sql("select * from given order by a")
        assert read(relation).num_rows == 4


def test_batches_are_bounded() -> None:
    source = open_source({"a": np.arange(2 * BATCH_ROWS + 1)})
    assert [batch.num_rows for batch in source.batches()] == [BATCH_ROWS, BATCH_ROWS, 1]
    one = pa.RecordBatch.from_pydict({"a": np.arange(BATCH_ROWS + 1)})
    reader = pa.RecordBatchReader.from_batches(one.schema, [one])
    assert [batch.num_rows for batch in open_source(reader).batches()] == [BATCH_ROWS, 1]


def test_run_ends_are_decoded() -> None:
    import pyarrow.compute as pc

    encoded = pc.run_end_encode(pa.array([1, 1, 1, 2, None]))
    assert read({"a": encoded}).column("a").to_pylist() == [1, 1, 1, 2, None]


@pytest.mark.parametrize("data", [3, None, object(), [1, 2], b"abc", ["a", 3], []])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=f"got {type(data).__name__}"):
        open_source(data)


@pytest.mark.parametrize("data", [pa.array([1, 2]), pa.chunked_array([[1, 2]])])
def test_a_column_alone_is_no_table(data: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="no table"):
        open_source(data)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (["a", "nope"], InvalidArgumentError, r"it has 'a', 'b', 'c'.*'nope'"),
        (["a", "a"], InvalidArgumentError, "different: 'a'"),
        ("a", TypeError, "sequence of names"),
        ([1], TypeError, "int: 1"),
    ],
)
def test_wrong_columns_are_refused(columns: Any, error: type[Exception], message: str) -> None:
    for data in (TABLE, TABLE.to_reader(), Stream(TABLE)):
        with pytest.raises(error, match=message):
            open_source(data, columns=columns)


def test_a_failing_producer_is_heard() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise ZeroDivisionError("in the middle")

    with pytest.raises(ZeroDivisionError, match="in the middle"):
        read(pa.RecordBatchReader.from_batches(TABLE.schema, broken()))


# ---- numpy -----------------------------------------------------------------------------------
def test_numpy_of_one_and_two_dimensions() -> None:
    assert read(np.array([1.0, np.nan])).column("0").null_count == 0
    table = read(np.arange(6, dtype=np.int16).reshape(3, 2))
    assert table.to_pydict() == {"0": [0, 2, 4], "1": [1, 3, 5]}
    assert table.schema.field("0").type == pa.int16()
    assert read(np.arange(6).reshape(3, 2)[::2, ::-1]).to_pydict() == {"0": [1, 5], "1": [0, 4]}
    assert read(np.zeros((3, 0))).num_columns == 0
    assert read(np.zeros(0)).num_rows == 0


def test_numpy_of_records() -> None:
    records = np.array([(1, 2.5, b"ab")], dtype=[("n", ">i4"), ("x", "f4"), ("s", "S3")])
    table = read(records)
    assert table.to_pylist() == [{"n": 1, "x": 2.5, "s": b"ab"}]
    assert table.schema.field("n").type == pa.int32()
    assert read(records, columns=["x"]).column_names == ["x"]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([True, False]), [True, False]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([1.5], dtype=np.float16), [1.5]),
        (np.array(["2024-02-03", "NaT"], dtype="datetime64[s]"), [dt.datetime(2024, 2, 3), None]),
        (np.array([3], dtype="timedelta64[ms]"), [dt.timedelta(milliseconds=3)]),
        (np.array([1, 2], dtype=">u8"), [1, 2]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, None]),
        (np.array([1, None], dtype=object), [1, None]),
        (np.array([decimal.Decimal("1.5")], dtype=object), [decimal.Decimal("1.5")]),
    ],
)
def test_numpy_types(array: np.ndarray, expected: list[Any]) -> None:
    assert read(array).column("0").to_pylist() == expected
    assert read({"x": array}).column("x").to_pylist() == expected


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.array(3.0), r"shape \(\)"),
        (np.array([1j]), "'0' .complex128"),
        (np.array([1, "a"], dtype=object), "'0' .object"),
        (np.zeros(2, dtype=[("v", "f4", (2,))]), r"'v'.*\(2, 2\)"),
    ],
)
def test_numpy_without_a_table_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        open_source(array)


def test_a_mapping_of_unequal_columns_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'a' has 2 rows.*'b' has 3"):
        open_source({"a": [1, 2], "b": [1, 2, 3]})
    with pytest.raises(TypeError, match=r"names of columns are text.*: 1"):
        open_source({1: [1]})
    with pytest.raises(TypeError, match="'a' is no sequence"):
        open_source({"a": "text"})
    with pytest.raises(InvalidArgumentError, match=r"'a' .list"):
        open_source({"a": [1, "x"]})
    with pytest.raises(InvalidArgumentError, match=r"'a' .list.*"):
        open_source({"a": [2**70]})


# ---- pandas ----------------------------------------------------------------------------------
def test_pandas_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "number": [1.5, np.nan],
            "text": ["a", None],
            "object": [b"x", None],
            "category": pandas.Categorical(["u", "v"]),
            "time": pandas.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin"),
            "nullable": pandas.array([1, None], dtype="Int64"),
        },
        index=[7, 9],
    )
    table = read(frame)
    assert table.column_names == list(frame.columns)  # no index
    assert [table.column(name).null_count for name in frame.columns] == [1, 1, 1, 0, 1, 1]
    assert pa.types.is_dictionary(table.schema.field("category").type)
    assert table.schema.field("time").type.tz == "Europe/Berlin"
    assert read(frame.rename_axis("id")).column("id").to_pylist() == [7, 9]
    assert read(frame["number"]).column_names == ["number"]
    assert read(frame, columns=["text"]).column_names == ["text"]


def test_pandas_frames_of_strange_columns() -> None:
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame([[1, 2, 3]], columns=["a", "a", 0])
    assert read(twice).column_names == ["a", "a", "0"]
    assert read(twice, columns=["a"]).column_names == ["a", "a"]
    mixed = pandas.DataFrame({"fine": [1, 2], "mixed": pandas.Series([1, "x"], dtype=object)})
    with pytest.raises(InvalidArgumentError, match=r"column 'mixed' .object. has no Arrow type"):
        open_source(mixed)
    assert read(mixed, columns=["fine"]).num_rows == 2
    index = pandas.MultiIndex.from_tuples([("u", 1)], names=["key", None])
    assert read(pandas.DataFrame({"a": [1]}, index=index)).column_names == ["key", "a"]


def test_an_index_does_not_take_the_name_of_a_column() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, 2.5]}, index=pandas.Index([7, 9], name="x"))
    assert read(frame).to_pydict() == {"x": [1.5, 2.5]}
    assert inlay.Profile.of(frame).columns == ("x",)
    assert read(frame, columns=["x"]).to_pydict() == {"x": [1.5, 2.5]}


def test_sparse_pandas_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": pandas.arrays.SparseArray([0, 0, 3])})
    assert read(frame).to_pydict() == {"x": [0, 0, 3]}


def test_a_series_of_polars_is_told_to_take_a_name() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(InvalidArgumentError, match=r'Series is no table.*\{"x": column\}'):
        open_source(polars.Series("a", [1, 2]))


# ---- files -----------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    big = pa.table({"a": list(range(1000)), "b": [str(i % 7) for i in range(1000)]})
    for part in range(3):
        pq.write_table(big.slice(part * 300, 300), tmp_path / f"{part}.parquet", row_group_size=64)
    return tmp_path


def test_parquet_files_globs_and_directories(folder: Path) -> None:
    one = open_source(folder / "0.parquet")
    assert one.num_rows == 300
    assert one.is_repeatable
    assert read(str(folder / "0.parquet")).column("a").to_pylist() == list(range(300))
    for several in (folder, str(folder / "*.parquet"), [folder / f"{i}.parquet" for i in range(3)]):
        assert read(several).column("a").to_pylist() == list(range(900))
        assert open_source(several).num_rows == 900
    assert read(folder, columns=["b"]).column_names == ["b"]
    (folder / "_hidden").mkdir()
    (folder / "_hidden" / "x.parquet").write_bytes(b"nothing")
    (folder / "deep").mkdir()
    (folder / "0.parquet").rename(folder / "deep" / "0.parquet")
    assert open_source(folder).num_rows == 900


def test_columns_whose_names_have_dots(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1], "a.b": [2], "s": [{"t": 3}]}), path)
    assert read(path, columns=["a"]).to_pydict() == {"a": [1]}
    assert read(path, columns=["a.b"]).to_pydict() == {"a.b": [2]}
    assert read(path, columns=["s"]).to_pydict() == {"s": [{"t": 3}]}
    with pytest.raises(InvalidArgumentError, match=r"'s.t'"):
        open_source(path, columns=["s.t"])


def test_arrow_files_and_streams(tmp_path: Path) -> None:
    with (
        pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file,
        pa.ipc.new_file(file, TABLE.schema) as writer,
    ):
        writer.write_table(TABLE, max_chunksize=2)
    with (
        pa.OSFile(str(tmp_path / "x.arrows"), "wb") as file,
        pa.ipc.new_stream(file, TABLE.schema) as writer,
    ):
        writer.write_table(TABLE, max_chunksize=2)
    pyarrow.feather.write_feather(TABLE, str(tmp_path / "x.feather"))
    (tmp_path / "nosuffix").write_bytes((tmp_path / "x.arrow").read_bytes())
    for name in ("x.arrow", "x.arrows", "x.feather", "nosuffix"):
        assert read(tmp_path / name) == TABLE
        assert read(tmp_path / name, columns=["c", "a"]) == TABLE.select(["c", "a"])


def test_csv_files(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pyarrow.csv.write_csv(TABLE, path)
    assert read(path).column("a").to_pylist() == [1, 2, 3, None]
    assert read(path, columns=["c"]).column_names == ["c"]
    assert open_source(path).num_rows is None
    (tmp_path / "y.tsv").write_text("a\tb\n1\tu\n")
    assert read(tmp_path / "y.tsv").to_pydict() == {"a": [1], "b": ["u"]}
    with pa.CompressedOutputStream(str(tmp_path / "z.csv.gz"), "gzip") as file:
        file.write(path.read_bytes())
    assert read(tmp_path / "z.csv.gz") == read(path)
    # The second file is read as the first one's types.
    (tmp_path / "p1.csv").write_text("a\n1.5\n")
    (tmp_path / "p2.csv").write_text("a\n2\n")
    assert read(tmp_path / "p*.csv").column("a").to_pylist() == [1.5, 2.0]


def test_csv_columns_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for blanks in ("", "\n\r\n"):
        path.write_text(blanks + "a,a,b\n1,x,2.5\n2,y,3.5\n", newline="")
        table = read(path)
        assert table.column_names == ["a", "a", "b"]
        assert [column.to_pylist() for column in table.columns] == [[1, 2], ["x", "y"], [2.5, 3.5]]
        table = read(path, columns=["b", "a"])
        assert table.column_names == ["b", "a", "a"]
        assert [column.to_pylist() for column in table.columns] == [[2.5, 3.5], [1, 2], ["x", "y"]]
    assert inlay.Profile.of(path).columns == ("a", "a#2", "b")


def test_empty_cells_of_csv_are_null_unless_quoted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('n,t,u\n1,Rome,NA\n,,SE\nNA,"",\n')
    assert read(path).to_pydict() == {
        "n": [1, None, None],
        "t": ["Rome", None, ""],
        "u": ["NA", "SE", None],  # what is a word is no number, but a text
    }
    assert read(path, columns=["t"]).to_pydict() == {"t": ["Rome", None, ""]}


def test_csv_of_several_blocks_keeps_its_rows_together(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("i,t\n" + "".join(f"{i},text {i}\n" for i in range(400_000)))
    assert path.stat().st_size > 5 << 20
    table = read(path)
    assert table.column("i").to_pylist() == list(range(400_000))
    assert table.column("t").to_pylist() == [f"text {i}" for i in range(400_000)]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_the_delimiter_of_csv_is_what_parts_its_header(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(delimiter.join(['"a;,"', "b"]) + "\n" + delimiter.join(["1", "x"]) + "\n")
    assert read(path).to_pydict() == {"a;,": [1], "b": ["x"]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"caf\xe9,b\n1,x\n", r"x\.csv: the header is not UTF-8; convert"),
        (b"a,caf\xc3\xa9\n1,\xe9\n", r"x\.csv: column 'caf\u00e9' is not UTF-8; convert"),
        (b"a,b\n" + b"1,x\n" * 2_000_000 + b"1,\xe9\n", r"column 'b' is not UTF-8"),
        (b"b,a\n" + b"x,1\n" * 2_000_000 + b"x,two\n", r"column 'a' has a value.*column_types"),
    ],
)
def test_csv_of_other_encodings_and_types_is_refused_by_column(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    with pytest.raises(SerializationError, match=message):
        read(path)


def test_folders_that_name_columns_are_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "x": [1, 2, 3, 4],
            "city": ["Rome", "S\u00e3o Paulo/1", None, "Rome"],
            "day": [1, 2, 2, None],
            "code": ["007", "1", "1", "1"],
        }
    )
    root = tmp_path / "k=v"  # above the directory: no column
    pq.write_to_dataset(table, root, partition_cols=["city", "day", "code"])
    expected = sorted(map(str, table.to_pylist()))
    found = read(root)
    assert found.schema.field("day").type == pa.int64()
    assert sorted(map(str, found.to_pylist())) == expected
    globbed = read(str(root / "city=*" / "*" / "**" / "*.parquet"))
    assert sorted(map(str, globbed.to_pylist())) == expected
    chosen = read(root, columns=["city", "x"])
    assert sorted(map(str, chosen.to_pylist())) == sorted(
        map(str, table.select(["city", "x"]).to_pylist())
    )
    assert sorted(map(str, read(root, columns=["day"]).column("day").to_pylist())) == [
        "1",
        "2",
        "2",
        "None",
    ]
    profile = inlay.Profile.of(root, by="city", redact=False, reference=True)
    assert profile.counted_from == "rows"
    assert profile.groups[("Rome",)].rows == 2


def test_a_column_in_the_file_goes_before_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a=9").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a=9" / "x.parquet")
    assert read(tmp_path).to_pydict() == {"a": [1]}


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"no such file.*nope.parquet"):
        open_source(tmp_path / "nope.parquet")
    with pytest.raises(InvalidArgumentError, match=r"no file matches.*\*.parquet"):
        open_source(str(tmp_path / "*.parquet"))
    with pytest.raises(InvalidArgumentError, match="holds no Parquet file"):
        open_source(tmp_path)
    with pytest.raises(InvalidArgumentError, match="must not be empty: ''"):
        open_source("")
    (tmp_path / "strange.bin").write_bytes(b"1234567")
    with pytest.raises(InvalidArgumentError, match=r"told by its suffix.*strange.bin"):
        open_source(tmp_path / "strange.bin")


def test_foreign_and_truncated_parquet_is_refused_with_file_and_offset(folder: Path) -> None:
    whole = (folder / "1.parquet").read_bytes()
    for content in (whole[:-20], whole[: len(whole) // 2], b"", b"x" * 100, b"PAR1"):
        (folder / "1.parquet").write_bytes(content)
        for data in (folder, folder / "1.parquet"):
            with pytest.raises(SerializationError, match=r"1\.parquet at byte \d+"):
                open_source(data)  # before any row is read


def test_damaged_pages_are_refused_with_file_row_group_and_offset(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    numbers = np.random.default_rng(5).normal(size=20_000)
    pq.write_table(
        pa.table({"x": numbers}), path, row_group_size=5_000, write_page_checksum=True,
        use_dictionary=False, compression="none",
    )  # fmt: skip
    start = pq.read_metadata(path).row_group(2).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start + 20_000] ^= 0xFF
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(SerializationError, match=rf"x\.parquet at byte {start}: row group 2"):
        for _ in source.batches():
            pass


def test_damaged_arrow_and_csv_is_refused_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.arrows"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-120])
    with pytest.raises(SerializationError, match=r"x\.arrows at byte \d+"):
        read(path)
    path.write_bytes(whole[:20])
    with pytest.raises(SerializationError, match=r"x\.arrows at byte 0"):
        open_source(path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(SerializationError, match=r"x\.csv"):
        read(tmp_path / "x.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SerializationError, match=r"empty\.csv"):
        open_source(tmp_path / "empty.csv")


def test_files_that_differ_are_refused_by_name(folder: Path) -> None:
    def third(table: pa.Table) -> None:
        pq.write_table(table, folder / "2.parquet")

    third(pa.table({"b": ["x"], "a": [1]}))  # another order is fine
    assert read(folder).num_rows == 601
    third(pa.table({"a": [1]}))
    with pytest.raises(InvalidArgumentError, match=r"2\.parquet lacks a column.*'b'"):
        open_source(folder)
    assert open_source(folder, columns=["a"]).num_rows == 601
    third(pa.table({"a": [1], "b": ["x"], "c": [1]}))
    with pytest.raises(InvalidArgumentError, match=r"2\.parquet has a column.*'c'"):
        open_source(folder)
    third(pa.table({"a": [1.5], "b": ["x"]}))
    with pytest.raises(InvalidArgumentError, match=r"2\.parquet has column 'a'.*double"):
        open_source(folder)


def test_a_file_that_changed_between_readings_is_refused(folder: Path) -> None:
    source = open_source(folder / "0.parquet")
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), folder / "0.parquet")
    with pytest.raises(SerializationError, match=r"0\.parquet changed"):
        next(source.batches())


def test_a_source_is_a_source() -> None:
    source = open_source(TABLE)
    assert isinstance(source, Source)
    assert open_source(source) is source
    assert read(source, columns=["b"]) == TABLE.select(["b"])


def test_texts_that_a_parquet_file_holds_as_a_dictionary_count_alike(tmp_path):
    few = [f"name {i % 7}" if i % 11 else None for i in range(5000)]
    table = pa.table({"few": few, "many": [f"text {i}" for i in range(5000)], "n": range(5000)})
    path = tmp_path / "texts.parquet"
    pq.write_table(table, path, row_group_size=2000)
    batches = list(open_source(path, encoded=True).batches())
    assert [pa.types.is_dictionary(t) for t in batches[0].schema.types] == [True, False, False]
    assert [b.schema for b in open_source(path).batches()] == [table.schema] * 1
    read, plain = inlay.Profile.of(path), inlay.Profile.of(table)
    assert read.schema == plain.schema
    assert read["few"].to_dict() == plain["few"].to_dict()
    assert read["many"].cardinality == plain["many"].cardinality
