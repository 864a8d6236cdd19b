"""A tally counts a table's rows in a reference's cells, exactly."""

import datetime
import decimal
import itertools
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import _core
from inlay.data import Tally
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

UTC = datetime.UTC
TIME = datetime.datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


def batch_of(seed: int = 0, rows: int = 5000) -> pa.RecordBatch:
    rng = np.random.default_rng(seed)
    real = rng.normal(size=rows)
    real[::97] = np.nan
    real[5::211] = np.inf
    real[7::401] = -np.inf
    words = np.array(["red", "green", "blue", "größe", "a much longer colour than others"])
    texts = pa.array(words[rng.integers(0, 5, rows)], mask=rng.random(rows) < 0.05)
    return pa.RecordBatch.from_pydict(
        {
            "real": pa.array(real, mask=rng.random(rows) < 0.1),
            "single": pa.array(rng.normal(size=rows).astype(np.float32)),
            "whole": pa.array(rng.integers(-1000, 1000, rows)),
            "code": pa.array(rng.integers(0, 7, rows).astype(np.int16)),
            "at": pa.array(rng.integers(0, 10**15, rows)).cast(pa.timestamp("us", tz="UTC")),
            "flag": pa.array(rng.random(rows) < 0.3, mask=rng.random(rows) < 0.01),
            "text": texts,
            "coded": texts.dictionary_encode(),
        }
    )


@pytest.fixture(scope="module")
def reference() -> inlay.Profile:
    rows = batch_of()
    return inlay.Profile.of(rows).freeze(rows)


def test_freeze_counts_what_numpy_counts(reference):
    batch = batch_of()
    for name in ("real", "single", "whole"):
        cells = reference[name].edges
        values = batch[name].drop_null().to_numpy().astype(np.float64)
        finite = values[np.isfinite(values)]
        place = np.searchsorted(cells.edges, finite, side="left")
        assert cells.counts == np.bincount(place, minlength=len(cells.edges) + 1).tolist()
        assert cells.nan_count == np.isnan(values).sum()
        assert cells.null_count == batch[name].null_count


def test_a_tally_of_the_reference_rows_has_the_reference_counts(reference):
    tally = Tally.of(reference)
    assert tally.update(batch_of()) == 5000
    for path, cell in tally.cells.items():
        column = reference[path]
        assert cell == (column.edges or column.categories), path
    assert tally.cells.keys() == {
        p for p in reference if reference[p].edges or reference[p].categories
    }
    assert Tally.of(reference, counted=True).cells == tally.cells
    assert Tally.of(reference, counted=True).rows == 5000


NUMBERS = {
    "int8": pa.array([1, None, -3, 100], pa.int8()),
    "uint8": pa.array([1, None, 3, 200], pa.uint8()),
    "int16": pa.array([1, None, -3, 30000], pa.int16()),
    "uint16": pa.array([1, None, 3, 60000], pa.uint16()),
    "int32": pa.array([1, None, -3, 2**30], pa.int32()),
    "uint32": pa.array([1, None, 3, 2**31], pa.uint32()),
    "int64": pa.array([1, None, -3, 2**62], pa.int64()),
    "uint64": pa.array([1, None, 3, 2**63], pa.uint64()),
    "half": pa.array(np.array([1.5, -3, 60000, np.nan], np.float16)),
    "float": pa.array([1.5, None, math.inf, math.nan], pa.float32()),
    "double": pa.array([0.1, None, -math.inf, 1e300], pa.float64()),
    "date32": pa.array([1, None, 20000, -5], pa.int32()).cast(pa.date32()),
    "date64": pa.array([0, None, 86400000, -86400000], pa.int64()).cast(pa.date64()),
    "time32": pa.array([1, None, 5, 80000], pa.int32()).cast(pa.time32("s")),
    "time64": pa.array([1, None, 5, 80000], pa.int64()).cast(pa.time64("ns")),
    "timestamp": pa.array([1, None, 5, -80000], pa.int64()).cast(pa.timestamp("ms")),
    "duration": pa.array([1, None, 5, -80000], pa.int64()).cast(pa.duration("ns")),
    "dictionary": pa.array([1.5, None, 7.0, 1.5]).dictionary_encode(),
    "bool": pa.array([True, None, False, True]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_type_are_counted_as_a_histogram_counts_them(kind):
    array = NUMBERS[kind]
    edges = EdgeHistogram([-4.0, 0.0, 1.0, 1.5, 5.0, 2.0**31])
    for values in (array, array.slice(1), array.slice(2, 1), array.slice(0, 0)):
        batch = pa.RecordBatch.from_arrays([values], ["x"])
        tally = Tally(batch.schema, cells={"x": edges})
        tally.update(batch)
        expected = edges.copy()
        plain = values.dictionary_decode() if kind == "dictionary" else values
        if pa.types.is_temporal(plain.type):
            plain = plain.cast(pa.int64() if plain.type.bit_width == 64 else pa.int32())
        expected.update(plain)
        assert tally.cells["x"] == expected
        assert tally.moments["x"].count == expected.count
        if kind != "bool":
            assert tally.quantiles["x"].count == expected.count
        counts = tally.missing_counts()["x"]
        assert counts["rows"] == len(values)
        assert counts["null_count"] == values.null_count == tally.moments["x"].null_count
        assert counts["nan_count"] == expected.nan_count


@pytest.mark.parametrize("bits", [32, 64, 128, 256])
def test_decimals_are_counted_as_the_nearest_double(bits):
    kind = {32: pa.decimal32, 64: pa.decimal64, 128: pa.decimal128, 256: pa.decimal256}[bits]
    values = [decimal.Decimal("1.10"), None, decimal.Decimal("-2.35"), decimal.Decimal("7.00")]
    batch = pa.RecordBatch.from_arrays([pa.array(values, kind(7, 2))], ["x"])
    tally = Tally(batch.schema, cells={"x": EdgeHistogram([-2.35, 1.1, 5.0])})
    tally.update(batch)
    assert tally.cells["x"].counts == [1, 1, 0, 1]
    assert tally.cells["x"].null_count == 1


TEXTS = ["red", None, "blue", "", "größe", "x" * 300, "red"]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()],
    ids=str,
)
@pytest.mark.parametrize("as_dictionary", [False, True])
def test_texts_of_every_type_are_counted_by_name(kind, as_dictionary):
    array = pa.array(TEXTS * 20, pa.string()).cast(kind)
    if as_dictionary:
        if kind == pa.string_view():
            pytest.skip("no dictionaries of views here")
        array = array.dictionary_encode()
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    tally = Tally(batch.schema, cells={"x": Categories(["red", "größe", "gone"])})
    tally.update(batch.slice(1))
    cells = tally.cells["x"]
    assert cells.counts == [39, 20, 0]
    assert (cells.other, cells.null_count) == (60, 20)
    names = {entry.item: entry.low for entry in tally.unseen["x"].top(9)}
    long = [name for name in names if len(name) > 100]
    assert len(long) == 1
    assert len(long[0]) < 300
    assert names == {"blue": 20, "": 20, long[0]: 20}


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.int64()], ids=str)
def test_integers_are_counted_by_their_digits_and_new_ones_named(kind):
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, None, 9, 9], kind)], ["x"])
    tally = Tally(batch.schema, cells={"x": Categories(["2", "1"])})
    tally.update(batch)
    assert tally.cells["x"].counts == [1, 1]
    assert [(e.item, e.low) for e in tally.unseen["x"].top(9)] == [(9, 2)]
    row = next(
        row for row in tally.to_arrow(time=TIME).to_pyarrow().to_pylist() if row["kind"] == "top_k"
    )
    assert (row["metric"], row["categories"], row["counts"]) == ("data.column.unseen", ["9"], [2])


def test_bytes_that_are_no_text_are_shown_by_their_digits():
    batch = pa.RecordBatch.from_pydict(
        {"x": [b"a", b"\xe2\x82!", b"\xff", b"\xff", "größe".encode()]}
    )
    tally = Tally(batch.schema, cells={"x": Categories(["a"])})
    tally.update(batch)
    row = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()[1]
    expected = tally.unseen["x"]._row()
    assert {name: row[name] for name in expected} == expected
    assert dict(zip(row["categories"], row["counts"], strict=True)) == {
        "\\xff": 2,
        "\\xe2\\x82!": 1,
        "größe": 1,
    }


def test_new_names_beyond_the_counters_keep_their_bounds():
    rng = np.random.default_rng(5)
    words = np.array([f"user {i}" for i in rng.integers(0, 10**6, 30_000)])
    words[rng.random(30_000) < 0.2] = "new one"
    batch = pa.RecordBatch.from_pydict({"x": words.tolist()})
    tally = Tally(batch.schema, cells={"x": Categories(["user 1"])}, unseen=8)
    tally.update(batch)
    found = tally.unseen["x"]
    first = found.top(1)[0]
    count = int((words == "new one").sum())
    assert first.item == "new one"
    assert first.low <= count <= first.high
    assert found.count == tally.cells["x"].other == 30_000 - int((words == "user 1").sum())


def test_floats_and_booleans_are_counted_by_name():
    batch = pa.RecordBatch.from_pydict(
        {"x": [1.0, 2.5, math.nan, None], "y": [True, False, None, True]}
    )
    cells = {"x": Categories(["1", "2.5"]), "y": Categories(["True"])}
    tally = Tally(batch.schema, cells=cells, moments=False, quantiles=False)
    tally.update(batch)
    assert tally.cells["x"].counts == [1, 1]
    assert tally.cells["x"].missing == 2
    assert tally.missing_counts()["x"]["nan_count"] == 1
    assert (tally.cells["y"].counts, tally.cells["y"].other) == ([2], 1)
    assert tally.moments == {}


def test_without_cells_there_are_counts_moments_and_quantiles():
    batch = batch_of()
    tally = Tally(batch.schema)
    tally.update(batch)
    values = batch["real"].drop_null().to_numpy()
    finite = values[np.isfinite(values)]
    assert tally.cells == {}
    assert tally.moments["real"].mean == pytest.approx(finite.mean())
    assert tally.quantiles["real"].count == len(finite)
    assert tally.missing_counts()["text"]["null_count"] == batch["text"].null_count
    bare = Tally(batch.schema, moments=False, quantiles=False)
    bare.update(batch)
    counts = bare.missing_counts()["real"]
    assert counts["nan_count"] == np.isnan(values).sum()
    assert counts["pos_inf_count"] == (values == np.inf).sum()
    assert counts["neg_inf_count"] == (values == -np.inf).sum()


def test_nested_leaves_are_counted():
    rows = [
        {"s": {"a": 1.0, "t": "x"}, "l": [1, 2], "m": [("k", 1)]},
        {"s": None, "l": None, "m": None},
        {"s": {"a": 3.0, "t": None}, "l": [], "m": []},
    ]
    schema = pa.schema(
        [
            ("s", pa.struct([("a", pa.float64()), ("t", pa.string())])),
            ("l", pa.list_(pa.int32())),
            ("m", pa.map_(pa.string(), pa.int64())),
        ]
    )
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    cells = {"s.a": EdgeHistogram([2.0]), "s.t": Categories(["x"]), "l[]": EdgeHistogram([1.0])}
    tally = Tally(schema, cells=cells)
    tally.update(batch)
    assert tally.columns == ("s.a", "s.t", "l", "l[]", "m", "m.key", "m.value")
    assert tally.cells["s.a"].counts == [1, 1]
    assert tally.cells["s.a"].null_count == 1
    assert tally.cells["s.t"].null_count == 2
    assert tally.cells["l[]"].counts == [1, 1]
    assert tally.missing_counts()["l"]["null_count"] == 1


@given(
    st.lists(st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1.0])), max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_parts_merge_into_the_whole_and_bytes_hold_all(values, cuts, threads):
    batch = pa.RecordBatch.from_arrays([pa.array(values, pa.float64())], ["x"])
    cells = {"x": EdgeHistogram([-1.0, 0.0, 1.0, 1e9])}
    whole = Tally(batch.schema, cells=cells)
    whole.update(batch, threads=threads)
    merged = Tally(batch.schema, cells=cells)
    bounds = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    for begin, end in itertools.pairwise(bounds):
        part = Tally(batch.schema, cells=cells)
        part.update(batch.slice(begin, end - begin))
        merged.merge(part)
    assert merged.rows == whole.rows == len(values)
    assert merged.cells == whole.cells
    assert merged.missing_counts() == whole.missing_counts()
    again = Tally.from_bytes(whole.to_bytes())
    assert again.to_bytes() == whole.to_bytes()
    assert again.cells == whole.cells
    assert again.missing_counts() == whole.missing_counts()


def test_threads_and_order_of_columns_do_not_matter(reference):
    batch = pa.concat_batches([batch_of(seed) for seed in range(6)])
    alone, many = Tally.of(reference), Tally.of(reference)
    alone.update(batch, threads=1)
    names = list(reversed(batch.schema.names))
    many.update(batch.select(names), threads=4)
    assert alone == many
    assert alone.to_bytes() == many.to_bytes()


def test_columns_that_do_not_fit_are_named_and_the_others_go_on(reference):
    batch = batch_of(1)
    union = pa.UnionArray.from_sparse(
        pa.array([0] * len(batch), pa.int8()), [pa.array(range(len(batch)))]
    )
    other = (
        batch.drop_columns(["whole", "at"])
        .set_column(1, "single", pa.array(["x"] * len(batch)))
        .append_column("new", pa.array(range(len(batch))))
        .append_column("union", union)
        .append_column("at", union)
    )
    tally = Tally.of(reference)
    assert tally.update(other) == len(batch)
    problems = dict(tally.fit(other.schema))
    assert problems.keys() == {"whole", "at", "single", "new", "union"}
    assert problems["whole"] == "missing"
    assert problems["new"] == problems["union"] == "added"
    assert problems["single"] == "has the type float32, but values are of another: utf8"
    assert problems["at"].startswith("has a type that is not supported: sparse_union")
    assert tally.fit(batch.schema) == []
    rows = {path: counts["rows"] for path, counts in tally.missing_counts().items()}
    assert rows["real"] == rows["text"] == len(batch)
    assert rows["whole"] == rows["at"] == rows["single"] == 0
    said = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
    whole = [row for row in said if row["attrs"] == '{"column":"whole"}']
    assert [(row["status"], row["count"], sum(row["counts"])) for row in whole] == [
        ("absent", 0, 0)
    ]
    tally.update(batch)  # another schema again
    assert tally.missing_counts()["whole"]["rows"] == len(batch)


def test_a_column_of_nulls_fits_and_counts_nulls(reference):
    tally = Tally.of(reference)
    batch = batch_of(2, 50)
    nulls = batch.set_column(0, "real", pa.nulls(50))
    tally.update(nulls)
    assert tally.cells["real"].null_count == 50
    assert tally.cells["real"].count == 0


def test_what_is_no_table_or_schema_is_told_by_its_type(reference):
    tally = Tally.of(reference)
    with pytest.raises(TypeError, match=r"pyarrow.table\(\) makes, got dict"):
        tally.update({"real": [1.0]})
    with pytest.raises(TypeError, match=r"got Table: its schema is .schema"):
        tally.fit(pa.table({"real": [1.0]}))
    with pytest.raises(TypeError, match="expected a schema of Arrow, got int"):
        tally.fit(3)


def test_indices_outside_the_dictionary_count_as_nulls():
    indices = pa.array([0, 1, 5, -1, None], pa.int8())
    array = pa.DictionaryArray.from_arrays(indices, pa.array(["a", None]), safe=False)
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    tally = Tally(batch.schema, cells={"x": Categories(["a"])})
    tally.update(batch)
    assert tally.cells["x"].counts == [1]
    assert tally.cells["x"].null_count == 4


def test_rows_of_points_are_those_of_the_summaries(reference):
    tally = Tally.of(reference)
    tally.update(batch_of(3).append_column("more", pa.array(range(5000))))
    table = tally.to_arrow(
        time=TIME,
        start_time=TIME - datetime.timedelta(minutes=5),
        observed_time=TIME + datetime.timedelta(seconds=9),
        revision=2,
        origin=7,
        window_seq=11,
        resource={"service.name": "shop"},
        attrs={"watch": "orders"},
    ).to_pyarrow()
    table.validate(full=True)
    assert table.schema.equals(inlay.table.arrow_schema("points"))
    rows = table.to_pylist()
    for row in rows:
        assert row["time"] == TIME
        assert row["start_time"] == TIME - datetime.timedelta(minutes=5)
        assert (row["revision"], row["origin"], row["window_seq"]) == (2, 7, 11)
        assert (row["layer"], row["form"], row["status"]) == ("data", "delta", "ok")
        assert row["resource"] == '{"service.name":"shop"}'
    sources = {
        ("edges", "categories"): tally.cells,
        ("moments",): tally.moments,
        ("quantiles",): tally.quantiles,
        ("top_k",): {path: top for path, top in tally.unseen.items() if len(top)},
    }
    seen = 0
    for kinds, summaries in sources.items():
        for path, summary in summaries.items():
            attrs = _core.canonical_json({"watch": "orders", "column": path})
            found = [r for r in rows if r["kind"] in kinds and r["attrs"] == attrs]
            assert len(found) == 1, (kinds, path)
            expected = summary._row()
            assert {name: found[0][name] for name in expected} == expected
            seen += 1
    assert seen == len(rows)
    assert len({row["series_id"] for row in rows}) == len(reference)


def test_series_are_numbered_as_those_of_a_profile(reference):
    tally = Tally.of(reference)
    tally.update(batch_of())
    numbers = {
        (row["metric"], row["attrs"]): row["series_id"]
        for row in reference.to_arrow().to_pyarrow().to_pylist()
    }
    for row in tally.to_arrow(time=TIME).to_pyarrow().to_pylist():
        assert numbers[row["metric"], row["attrs"]] == row["series_id"]


def test_units_are_those_of_a_profile(reference):
    tally = Tally.of(reference)
    tally.update(batch_of())
    units = {row["unit"] for row in tally.to_arrow(time=TIME).to_pyarrow().to_pylist()}
    assert units == {None, "us"}


def test_without_rows_the_cells_are_insufficient(reference):
    rows = Tally.of(reference).to_arrow(time=TIME).to_pyarrow().to_pylist()
    assert {row["kind"] for row in rows} == {"edges", "categories"}
    assert {row["status"] for row in rows} == {"insufficient"}
    assert all(sum(row["counts"]) == 0 for row in rows)


def test_bad_arguments_are_refused(reference):
    schema = pa.schema([("x", pa.string()), ("l", pa.list_(pa.int64())), ("d", pa.decimal128(5))])
    edges, names = EdgeHistogram([1.0]), Categories(["a"])
    for path, cell in (("x", edges), ("l", edges), ("l", names), ("d", names)):
        with pytest.raises(inlay.InvalidArgumentError, match=f"'{path}'"):
            Tally(schema, cells={path: cell})
    with pytest.raises(inlay.InvalidArgumentError, match="'y'"):
        Tally(schema, cells={"y": edges})
    with pytest.raises(TypeError, match="'x'"):
        Tally(schema, cells={"x": [1.0]})
    with pytest.raises(inlay.InvalidArgumentError, match="leaves, none with number: 9"):
        _core.Tally(schema, {9: edges._native})
    with pytest.raises(inlay.InvalidArgumentError, match="k must"):
        Tally(schema, k=1)
    with pytest.raises(inlay.InvalidArgumentError, match="union"):
        Tally(pa.schema([("x", pa.sparse_union([pa.field("a", pa.int8())]))]))
    tally = Tally.of(reference)
    with pytest.raises(TypeError, match="list"):
        tally.update([1])
    with pytest.raises(inlay.InvalidArgumentError, match="zone"):
        tally.to_arrow(time=datetime.datetime(2026, 1, 1))
    with pytest.raises(inlay.InvalidArgumentError, match="start_time"):
        tally.to_arrow(time=TIME, start_time=TIME + datetime.timedelta(1))
    with pytest.raises(inlay.InvalidArgumentError, match="'mine'"):
        tally.to_arrow(time=TIME, attrs={"column": "mine"})
    with pytest.raises(inlay.InvalidArgumentError, match="freeze"):
        Tally.of(inlay.Profile.of(batch_of(0, 10)))


def test_tallies_that_differ_do_not_merge(reference):
    batch = batch_of(0, 100)
    tally = Tally.of(reference)
    tally.update(batch)
    before = tally.to_bytes()
    cells = tally.cells
    others = [
        (Tally.of(reference, k=100), "another k"),
        (Tally.of(reference, unseen=3), "another unseen"),
        (Tally.of(reference, moments=False), "another moments"),
        (Tally(batch.schema), "column 'real' is counted in other cells"),
        (Tally(batch.drop_columns(["text"]).schema), "7"),
        (Tally(batch.rename_columns([*"abcdefgh"]).schema), "column 'real' has another path"),
        (Tally(batch.schema, cells={**cells, "text": Categories(["no"])}), "column 'text'"),
    ]
    for other, message in others:
        with pytest.raises(inlay.InvalidArgumentError, match=message):
            tally.merge(other)
    with pytest.raises(TypeError, match="int"):
        tally.merge(3)
    assert tally.to_bytes() == before


def test_damaged_bytes_are_refused(reference):
    tally = Tally.of(reference)
    tally.update(batch_of())
    data = tally.to_bytes()
    for cut in range(0, len(data), 977):
        with pytest.raises(inlay.SerializationError):
            Tally.from_bytes(data[:cut])
    with pytest.raises(inlay.SerializationError, match="newer"):
        Tally.from_bytes(data[:4] + b"\x09" + data[5:])
    rng = np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(data)
        broken[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            found = Tally.from_bytes(bytes(broken))
        except inlay.SerializationError:
            continue
        assert found.to_bytes() == bytes(broken)
    with pytest.raises(inlay.InvalidArgumentError, match="columns"):
        Tally.from_bytes(Tally(pa.schema([("x", pa.int8())])).to_bytes(), like=tally)


def test_a_reset_tally_is_a_new_one(reference):
    tally = Tally.of(reference)
    twin = tally.copy()
    tally.update(batch_of())
    assert twin.rows == 0
    tally.reset()
    assert tally == twin == Tally.of(reference)


def test_hidden_names_are_counted_hidden():
    words = [f"name {i % 150}" for i in range(2000)]
    table = pa.table({"word": words, "s": [{"w": w} for w in words], "x": list(range(2000))})
    clear = inlay.Profile.of(table).freeze(names=120)
    known = inlay.Profile.from_bytes(clear.to_bytes())
    batch = table.to_batches()[0]
    tallies = [Tally.of(clear), Tally.of(known)]
    for tally in tallies:
        tally.update(batch)
        tally.update(batch.append_column("extra", pa.array(range(2000))))
    assert all(name.startswith("name") for name in tallies[0].cells["word"].names)
    assert all(name.startswith("sha256:") for name in tallies[1].cells["word"].names)
    rows = [
        {
            (row["attrs"], row["kind"]): (
                sorted(zip(row["categories"], row["counts"], strict=False)),
                row["null_count"],
            )
            for row in tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
            if row["kind"] in ("categories", "top_k")
        }
        for tally in tallies
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 4
    assert "name" not in str(rows[0]).replace("names", "")
    tallies[1].update(batch.drop_columns(["word"]))
    assert tallies[1].missing_counts()["word"]["rows"] == 4000
    assert tallies[1].missing_counts()["s.w"]["rows"] == 6000


def test_a_table_and_a_stream_are_read_batch_by_batch(reference):
    table = pa.Table.from_batches([batch_of(1), batch_of(2)])
    tally, twin = Tally.of(reference), Tally.of(reference)
    assert tally.update(table) == 10000
    assert twin.update(table.to_reader()) == 10000
    assert tally == twin
    by_hand = pc.sum(pc.less_equal(table["whole"], tally.cells["whole"].edges[0])).as_py()
    assert tally.cells["whole"].counts[0] == by_hand


def test_the_state_of_a_column_is_small():
    rng = np.random.default_rng(4)
    data = {"x": rng.normal(size=200_000), "y": rng.normal(size=200_000).astype(np.float32)}
    batch = pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in data.items()})
    tally = Tally.of(inlay.Profile.of(batch).freeze())
    empty = tally._native.column(0).memory_bytes
    tally.update(batch)
    assert empty < 10_000
    assert tally._native.column(0).memory_bytes <= 10_000


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"time": "x"}, "time is a datetime with a zone, got str: 'x'"),
        ({"time": TIME, "start_time": 5}, "start_time is a datetime with a zone, got int: 5"),
        ({"time": TIME, "attrs": {"a": 5}}, "attrs holds text by text: 'a': 5"),
        ({"time": TIME, "attrs": 5}, "attrs is a mapping of text to text, got int: 5"),
        ({"time": TIME, "resource": {1: "a"}}, "resource holds text by text: 1: 'a'"),
    ],
)
def test_rows_of_what_is_no_text_or_time_are_refused(reference, options, problem):
    with pytest.raises(TypeError, match=problem):
        Tally.of(reference).to_arrow(**options)


@pytest.mark.parametrize("wrong", [None, "ref.inlay", pa.table({"x": [1]})])
def test_only_a_profile_is_a_reference(wrong):
    with pytest.raises(TypeError, match="a reference is a Profile, got"):
        Tally.of(wrong)
