"""Suggested contracts: kept by the data they come from, each check with its reason."""

import datetime
import decimal
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.data import suggest


def drafted(data: Any) -> list[tuple[str, str, str | None]]:
    return [
        (check.title, check.bound_text, check.description)
        for check in suggest(data).checks
        if check.kind not in ("schema", "row_count")
    ]


def test_numbers() -> None:
    table = pa.table(
        {
            "i": pa.array([0, 50, 100, None]),
            "f": [-1.0, -2.0, -3.0, -4.0],
            "x": pa.array([1.0, math.nan, 2.0, 3.0], from_pandas=False),
            "c": [7, 7, 7, 7],
            "d": [decimal.Decimal("1.00"), decimal.Decimal("2.00")] * 2,
        }
    )
    contract = suggest(table, name="numbers")
    assert contract.name == "numbers"
    assert contract.schema == inlay.Schema.of(table)
    limits = {c.columns[0]: c.parameters for c in contract.checks if c.kind == "in_range"}
    assert limits["i"] == {"minimum": 0, "maximum": 110}
    assert limits["f"] == {"minimum": pytest.approx(-4.3), "maximum": pytest.approx(-0.7)}
    assert limits["c"] == {"minimum": 6, "maximum": 8}
    assert limits["d"] == {
        "minimum": decimal.Decimal("0.90"),
        "maximum": decimal.Decimal("2.10"),
    }
    assert "x" not in limits  # a range would refuse its NaN
    assert [c.columns for c in contract.checks if c.kind == "finite"] == [("f",)]
    nulls = {
        c.columns[0]: (c.bound_text, c.description) for c in contract.checks if c.kind == "nulls"
    }
    assert nulls["i"] == ("at most 51 percent", "25 % of the rows were null")
    assert nulls["f"] == ("at most 0 rows", "none of 4 rows was null")


def test_text() -> None:
    table = {
        "unit": ["kg", "lb"] * 100,
        "code": [f"{i:05d}" for i in range(200)],
        "note": [f"note {'x' * (i % 50)} {i // 3}" for i in range(200)],
    }
    found = {title: (bound, why) for title, bound, why in drafted(table)}
    assert found["in_set(unit)"] == ("at most 0 rows", "these 2 values were all there were")
    assert found["length(code)"] == ("at most 0 rows", "all had 5 characters")
    assert found["unique(code)"] == ("at most 0 rows", "no value of 200 repeated")
    assert "length(note)" in found
    assert "unique(unit)" not in found


def test_times_in_order() -> None:
    start = datetime.datetime(2024, 1, 1)
    times = [start + datetime.timedelta(hours=i) for i in range(5)]
    assert ("monotonic(t)", "at most 0 rows", "times were in order") in drafted({"t": times})
    assert "monotonic(t)" not in [title for title, _, _ in drafted({"t": times[::-1]})]


def test_medians_of_enough_rows() -> None:
    found = {title: bound for title, bound, _ in drafted({"a": np.arange(1000)})}
    assert found["quantile(a)"].startswith("between 249")
    assert "quantile(a)" not in [t for t, _, _ in drafted({"a": np.arange(50)})]


def test_of_no_rows_only_the_schema_is_agreed() -> None:
    contract = suggest(pa.table({"a": pa.array([], pa.int8())}))
    assert [check.kind for check in contract.checks] == ["schema"]
    nothing = suggest(pa.table({"a": pa.nulls(3)}))
    assert [check.kind for check in nothing.checks] == ["schema", "row_count"]


def test_a_profile_serves_as_well_as_data() -> None:
    table = pa.table({"a": [1, 2, 3], "tags": [["x"], [], None], "s": [{"p": 1}] * 3})
    assert suggest(inlay.Profile.of(table)) == suggest(table)
    assert suggest(table).check(table).passed is True


COLUMN = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=40).map(
        lambda v: pa.array(v, pa.int64())
    ),
    st.lists(st.floats() | st.none(), min_size=1, max_size=40).map(
        lambda v: pa.array(v, pa.float64(), from_pandas=False)
    ),
    st.lists(st.sampled_from(["a", "b", "é", ""]) | st.none(), min_size=1, max_size=40).map(
        lambda v: pa.array(v, pa.utf8())
    ),
    st.lists(st.booleans(), min_size=1, max_size=5).map(pa.array),
    st.lists(st.dates() | st.none(), min_size=1, max_size=20).map(
        lambda v: pa.array(v, pa.date32())
    ),
    st.lists(st.decimals(-999, 999, places=2) | st.none(), min_size=1, max_size=20).map(
        lambda v: pa.array(v, pa.decimal128(5, 2))
    ),
)


@settings(max_examples=40, deadline=None)
@given(COLUMN)
def test_data_keeps_what_is_suggested_of_it(column: pa.Array) -> None:
    table = pa.table({"a": column})
    report = suggest(table).check(table)
    assert report.failed_results == ()
    if column.null_count < len(column):
        assert report.failing_rows_total == column.null_count


def test_uniqueness_is_confirmed_by_the_rows() -> None:
    ids = np.arange(100_000)
    ids[70_000] = 5
    table = pa.table({"id": ids, "key": np.arange(100_000)})
    contract = suggest(table)
    assert [c.columns for c in contract.checks if c.kind == "unique"] == [("key",)]
    assert contract.check(table).passed is True


def test_uniqueness_that_cannot_be_confirmed_must_be_certain() -> None:
    table = pa.table({"id": np.arange(100_000)})
    for data in (inlay.Profile.of(table), table.to_reader()):
        assert "unique" not in [check.kind for check in suggest(data).checks]
    few = inlay.Profile.of({"id": list(range(120))})
    assert "unique" in [check.kind for check in suggest(few).checks]


@pytest.mark.parametrize(
    "columns",
    [
        [["x", "y"] * 60, [1.5, 2.0] * 60],
        [[1, 2] * 60, ["x", "y"] * 60, [None, 1.0] * 60],
        [[{"p": 1}] * 3, [{"p": "a"}] * 3],
    ],
)
def test_a_draft_of_columns_of_one_name_can_be_read(columns: list[Any]) -> None:
    table = pa.Table.from_arrays([pa.array(c) for c in columns], names=["a"] * len(columns))
    contract = suggest(table)
    again = inlay.Contract.from_yaml(contract.to_yaml())
    assert again.check(table).passed is True
    assert again.schema == contract.schema
    assert set(again.names) == set(contract.names)
