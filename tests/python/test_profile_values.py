"""What the integers of columns mean, in Python and in JSON; checked against pyarrow and numpy."""

from __future__ import annotations

import datetime as dt
import decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.data.leaf_arrays import leaf_arrays
from inlay.data.leaf_values import json_value, python_value, seconds_of


def column(kind: str, **fields: Any) -> Any:
    empty = {"kind": kind, "unit": None, "timezone": None, "scale": None}
    return SimpleNamespace(**{**empty, **fields})


@given(
    st.integers(-(2**62), 2**62),
    st.sampled_from(["s", "ms", "us"]),
    st.sampled_from([None, "UTC", "Europe/Berlin", "America/New_York", "+05:30", "-03:00"]),
)
def test_timestamps_are_what_pyarrow_reads(number: int, unit: str, zone: str | None) -> None:
    number //= {"s": 10**9, "ms": 10**6, "us": 10**2}[unit]  # most lie in Python's years
    leaf = column("timestamp", unit=unit, timezone=zone)
    value = python_value(leaf, number)
    if isinstance(value, np.datetime64):
        assert int(value.astype(np.int64)) == number
        return
    try:
        expected = pa.scalar(number, pa.timestamp(unit, tz=zone)).as_py()
    except (ValueError, OverflowError):  # beyond year 9999 in that zone
        return
    assert value == expected
    assert value.utcoffset() == expected.utcoffset()
    assert dt.datetime.fromisoformat(json_value(leaf, number)) == expected


@pytest.mark.parametrize(
    ("kind", "unit", "number", "value", "json"),
    [
        ("date", "D", 19_000, dt.date(2022, 1, 8), "2022-01-08"),
        ("date", "ms", 86_400_000, dt.date(1970, 1, 2), "1970-01-02"),
        ("date", "D", -719_162, dt.date(1, 1, 1), "0001-01-01"),
        ("date", "D", 4_000_000, np.datetime64(4_000_000, "D"), "12921-08-18"),
        ("time", "s", 3_661, dt.time(1, 1, 1), "01:01:01"),
        ("time", "us", 1, dt.time(0, 0, 0, 1), "00:00:00.000001"),
        ("time", "ns", 1_000, dt.time(0, 0, 0, 1), "00:00:00.000001"),
        ("time", "ns", 1_001, np.timedelta64(1_001, "ns"), "00:00:00.000001001"),
        ("duration", "ms", 1_500, dt.timedelta(seconds=1.5), 1.5),
        ("duration", "s", -3, dt.timedelta(seconds=-3), -3),
        ("duration", "ns", 7, np.timedelta64(7, "ns"), 7e-9),
        ("timestamp", "ns", 1_001, np.datetime64(1_001, "ns"), "1970-01-01T00:00:00.000001001"),
        ("boolean", None, 1.0, True, True),
        ("integer", None, 2**63 - 1, 2**63 - 1, 2**63 - 1),
        ("unsigned", None, 2**64 - 1, 2**64 - 1, 2**64 - 1),
        ("float", None, 0.1, 0.1, 0.1),
    ],
)
def test_values_of_each_kind(
    kind: str, unit: str | None, number: float, value: Any, json: Any
) -> None:
    leaf = column(kind, unit=unit)
    found = python_value(leaf, number)
    assert found == value
    assert type(found) is type(value)
    assert json_value(leaf, number) == json
    assert type(json_value(leaf, number)) is type(json)


def test_nanoseconds_of_a_zone_say_that_they_are_utc() -> None:
    leaf = column("timestamp", unit="ns", timezone="Europe/Berlin")
    assert json_value(leaf, 1) == "1970-01-01T00:00:00.000000001Z"
    unknown = column("timestamp", unit="s", timezone="Mars/Olympus")
    assert json_value(unknown, 0) == "1970-01-01T00:00:00+00:00"


@given(st.integers(-(10**75), 10**75), st.integers(-10, 60))
def test_decimals_are_exact(unscaled: int, scale: int) -> None:
    value = python_value(column("decimal", scale=scale), unscaled)
    assert isinstance(value, decimal.Decimal)
    with decimal.localcontext() as context:
        context.prec = 200
        assert value == decimal.Decimal(unscaled).scaleb(-scale)
    assert decimal.Decimal(json_value(column("decimal", scale=scale), unscaled)) == value


def test_seconds_stay_whole() -> None:
    assert seconds_of(2, "D") == 172_800
    assert seconds_of(2**62 - 2**62 % 1000, "ms") == 2**62 // 1000
    assert seconds_of(1.5, "ms") == 0.0015


# ---- leaves of a batch -----------------------------------------------------------------------
NESTED = pa.table(
    {
        "s": pa.array([{"x": 1, "l": [1, 2]}, None, {"x": None, "l": None}]),
        "l": pa.array([[{"u": "a"}, None], None, [{"u": "b"}]]),
        "m": pa.array([[("k", 1)], None, [("q", 2), ("r", None)]], pa.map_(pa.utf8(), pa.int8())),
        "f": pa.array([[1, 2], None, [5, 6]], pa.list_(pa.int8(), 2)),
        "v": pa.array([[1], None, [3]], pa.list_view(pa.int16())),
        "d": pa.array(["a", "b", "a"]).dictionary_encode(),
        "n": pa.array([1, 2, 3]),
    }
)
# s.x, s.l, s.l[], l, l[].u, m, m.key, m.value, f, f[], v, v[], d, n
EXPECTED = {
    0: [1, None, None],
    2: [1, 2],
    4: ["a", None, "b"],
    6: ["k", "q", "r"],
    7: [1, 2, None],
    9: [1, 2, 5, 6],
    11: [1, 3],
    12: ["a", "b", "a"],
    13: [1, 2, 3],
}


def test_leaves_of_nested_columns_heed_nulls() -> None:
    batch = NESTED.to_batches()[0]
    found = {number: array.to_pylist() for number, array in leaf_arrays(batch, range(14))}
    assert found == EXPECTED
    assert {number for number, _ in leaf_arrays(batch, {4, 13})} == {4, 13}


@pytest.mark.parametrize(("start", "size"), [(0, 1), (1, 2), (2, 1), (1, 0)])
def test_leaves_of_slices_are_those_of_the_rows(start: int, size: int) -> None:
    part = NESTED.slice(start, size)
    again = pa.Table.from_pylist(part.to_pylist(), schema=NESTED.schema)
    sliced = dict(leaf_arrays(part.combine_chunks().to_batches()[0], range(14))) if size else {}
    copied = dict(leaf_arrays(again.to_batches()[0], range(14))) if size else {}
    assert {n: a.to_pylist() for n, a in sliced.items()} == {
        n: a.to_pylist() for n, a in copied.items()
    }


def test_dense_times_have_no_gap_but_a_bound() -> None:
    start = dt.datetime(2024, 1, 1)
    dense = [start + dt.timedelta(seconds=30 * i) for i in range(20_000)]
    column = inlay.Profile.of(pa.table({"t": pa.array(dense, pa.timestamp("us"))}))["t"]
    assert column.gap is None
    bound = column.widest_gap_seconds
    assert bound is not None
    assert 30 <= bound < column.span_seconds / 256
    entry = column.to_dict()
    assert entry["gap"] is None
    assert entry["undefined"]["gap"] == f"no stretch without rows is wider than {bound} s"
    del dense[8_000:12_000]
    gap = inlay.Profile.of(pa.table({"t": pa.array(dense, pa.timestamp("us"))}))["t"].gap
    assert gap is not None
    assert 0 < gap.low_seconds <= 30 * 4_001 <= gap.high_seconds < 2 * 30 * 4_001


def test_days_one_after_the_other_have_a_gap_of_a_day() -> None:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(60)]
    gap = inlay.Profile.of({"d": days})["d"].gap
    assert gap is not None
    assert gap[:2] == (86400, 86400)
    assert inlay.Profile.of({"d": days[:1]})["d"].widest_gap_seconds is None


def test_the_sum_of_floats_is_near_beside_the_magnitudes() -> None:
    values = [1e16, 1.0, -1e16]
    found = inlay.Profile.of({"x": values})["x"].sum
    assert abs(found - 1) <= 1e-15 * sum(map(abs, values))


def test_single_batches_count_as_tables_do_and_refused_ones_not_at_all():
    table = pa.table({"x": [1.0, None, 3.0, float("nan")], "s": ["a", "b", None, "a"]})
    whole, parts = inlay.Profile(table.schema), inlay.Profile(table.schema)
    whole.update(table)
    for batch in table.to_batches(max_chunksize=2):
        parts.update(batch)
    assert parts.to_dict() == whole.to_dict()
    with pytest.raises(inlay.InvalidArgumentError, match="'x'"):
        parts.update(pa.record_batch({"x": ["text"], "s": ["a"]}))
    assert parts.to_dict() == whole.to_dict()
