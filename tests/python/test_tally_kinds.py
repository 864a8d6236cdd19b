"""A tally counts on where the kind of a column changes without a change of its values."""

import datetime
import decimal
import math

import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay.data import Tally
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

TIME = datetime.datetime(2026, 1, 2, 3, 5, tzinfo=datetime.UTC)


NUMBER_TYPES = [
    pa.int8(),
    pa.uint16(),
    pa.int64(),
    pa.uint64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.decimal128(12, 2),
    pa.decimal256(20, 3),
]


def numbers_of(values: list[int | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array([None if v is None else decimal.Decimal(v) for v in values], kind)
    if pa.types.is_float16(kind):
        values = [None if v is None else np.float16(v) for v in values]
    return pa.array(values, kind)


@pytest.mark.parametrize("of", NUMBER_TYPES, ids=str)
@pytest.mark.parametrize("come", NUMBER_TYPES, ids=str)
@pytest.mark.parametrize("by_name", [False, True])
def test_numbers_go_into_a_column_of_any_kind_of_number(of, come, by_name):
    if by_name and pa.types.is_decimal(of):
        pytest.skip("decimals have no names")
    values = [0, 1, 2, 2, 3, None, 9, 9, 100]
    expected = [values.count(1), values.count(2), values.count(3)]
    cells = Categories(["1", "2", "3"]) if by_name else EdgeHistogram([0.5, 1.5, 2.5, 3.5])
    tally = Tally(pa.schema([("x", of)]), cells={"x": cells})
    array = numbers_of(values, come)
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    assert tally.fit(batch.schema) == []
    tally.update(batch)
    counted = tally.cells["x"]
    assert counted.null_count == 1
    assert counted.counts[0 if by_name else 1 :][:3] == expected
    assert tally.moments["x"].max == 100
    assert tally.moments["x"].null_count == tally.quantiles["x"].null_count == 1
    assert tally.quantiles["x"].count == 8
    if tally.unseen:
        assert {e.item: e.low for e in tally.unseen["x"].top(9)} == {0: 1, 9: 2, 100: 1}
    assert Tally.from_bytes(tally.to_bytes()) == tally
    same = Tally(pa.schema([("x", of)]), cells={"x": cells})
    same.update(pa.RecordBatch.from_arrays([numbers_of(values, of)], ["x"]))
    assert same == tally


def test_an_integer_column_that_pandas_made_real_is_counted_on():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    ages = rng.integers(0, 9, 2000)
    reference = inlay.Profile.of({"age": ages.repeat(3), "code": ages.repeat(3)}).freeze()
    tally, whole = Tally.of(reference), Tally.of(reference)
    real = ages.astype(float)
    real[::10] = np.nan
    real[1::400] = 0.5
    real[3::400] = np.inf
    real[5::400] = -np.inf
    tally.update(pa.RecordBatch.from_pandas(pd.DataFrame({"age": real, "code": real})))
    whole.update(pa.RecordBatch.from_pydict({"age": ages, "code": ages}))
    kept = np.isfinite(real) & (real == np.trunc(real))
    only = Tally.of(reference)
    only.update(pa.RecordBatch.from_pydict({"age": ages[kept], "code": ages[kept]}))
    for path in ("age", "code"):
        cells = tally.cells[path]
        assert tally.missing_counts()[path]["rows"] == 2000
        if isinstance(cells, Categories):
            assert cells.counts == only.cells[path].counts
            others = {str(e.item): e.low for e in tally.unseen[path].top(9)}
            assert others == {"0.5": 5, "inf": 5, "-inf": 5}
        assert cells.count + tally.missing_counts()[path]["null_count"] > 0
    assert Tally.from_bytes(tally.to_bytes()) == tally
    rows = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
    named = [row["categories"] for row in rows if row["kind"] == "top_k"]
    assert all(sorted(names) == ["-inf", "0.5", "inf"] for names in named)


def test_reals_outside_the_names_of_integers_are_named():
    tally = Tally(pa.schema([("x", pa.int32())]), cells={"x": Categories(["1", "2"])})
    values = [1.0, 2.0, 2.0, 7.0, 0.5, math.inf, -math.inf, math.nan, None, 2.0**70]
    tally.update(pa.RecordBatch.from_arrays([pa.array(values, pa.float64())], ["x"]))
    cells = tally.cells["x"]
    assert (cells.counts, cells.other) == ([1, 2], 5)
    assert (cells.nan_count, cells.null_count) == (1, 1)
    items = {e.item for e in tally.unseen["x"].top(9)}
    assert items == {7, 0.5, "inf", "-inf", 2.0**70}
    assert tally.missing_counts()["x"] == {
        "rows": 10,
        "null_count": 1,
        "nan_count": 1,
        "pos_inf_count": 1,
        "neg_inf_count": 1,
    }
    assert Tally.from_bytes(tally.to_bytes()) == tally
    rows = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
    (names,) = [row["categories"] for row in rows if row["kind"] == "top_k"]
    assert set(names) == {"7", "0.5", "inf", "-inf", "1.1805916207174113e+21"}


def test_booleans_and_times_do_not_go_into_a_column_of_numbers():
    tally = Tally(pa.schema([("x", pa.int64())]), cells={"x": EdgeHistogram([1.0])})
    for other in (pa.bool_(), pa.timestamp("us"), pa.date32(), pa.string()):
        assert [path for path, _ in tally.fit(pa.schema([("x", other)]))] == ["x"]
    tally = Tally(pa.schema([("x", pa.bool_())]))
    assert [path for path, _ in tally.fit(pa.schema([("x", pa.int64())]))] == ["x"]


def test_of_a_column_of_nulls_it_is_counted_whether_values_come():
    tally = Tally(pa.schema([("x", pa.null())]))
    for array, missing in (
        (pa.array([1, None, 3]), (1, 0)),
        (pa.array([1.0, math.nan, None]), (2, 1)),
        (pa.array(["a", None]), (3, 1)),
        (pa.array(["a", None, "a"]).dictionary_encode(), (4, 1)),
        (pa.array([[1], None, []]), (5, 1)),
        (pa.array([True, None]), (6, 1)),
        (pa.nulls(2), (8, 1)),
    ):
        assert tally.fit(pa.schema([("x", array.type)])) in ([], [("x[]", "added")])
        tally.update(pa.RecordBatch.from_arrays([array], ["x"]))
        counts = tally.missing_counts()["x"]
        assert (counts["null_count"], counts["nan_count"]) == missing
    assert counts["rows"] == tally.rows == 18
    assert Tally.from_bytes(tally.to_bytes()) == tally


def test_of_columns_without_cells_it_is_told_how_many_values_are_there():
    batch = pa.RecordBatch.from_pydict(
        {"text": ["a", None, "c", None], "real": [1.0, math.inf, math.nan, None]}
    )
    tally = Tally(batch.schema)
    empty = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
    assert {(row["kind"], row["status"], row["count"]) for row in empty} == {
        ("presence", "insufficient", 0)
    }
    tally.update(batch)
    rows = tally.to_arrow(time=TIME).to_pyarrow().to_pylist()
    text, real = (row for row in rows if row["kind"] == "presence")
    assert (text["attrs"], text["count"], text["counts"]) == ('{"column":"text"}', 2, [2])
    assert (text["null_count"], text["nan_count"], text["status"]) == (2, 0, "ok")
    assert (real["count"], real["null_count"], real["nan_count"]) == (1, 1, 1)
    assert (real["pos_inf_count"], real["reference_id"]) == (1, None)
    celled = Tally(batch.schema, cells={"text": Categories(["a"]), "real": EdgeHistogram([1.0])})
    celled.update(batch)
    kinds = {row["kind"] for row in celled.to_arrow(time=TIME).to_pyarrow().to_pylist()}
    assert "presence" not in kinds
