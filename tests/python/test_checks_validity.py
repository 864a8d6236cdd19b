"""Completeness and validity: which rows fail, column type by column type."""

import datetime
import decimal
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay import checks

UTC = datetime.UTC
DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12)


def failing(check: checks.Check, array: Any, *others: Any) -> list[int]:
    """Return the failing rows of a check on column `a` (and `b`, `c` …)."""
    data = pa.table(dict(zip("abcd", (array, *others), strict=False)))
    report = inlay.Contract([check]).check(data)
    (result,) = report.results
    assert list(result.rows) == report.failing_rows
    assert result.value == result.failed_rows == len(result.rows) == report.failing_rows_total
    assert result.passed is (not result.rows)
    batch_report = inlay.Contract([check]).check(data.combine_chunks().to_batches()[0])
    assert batch_report.to_dict() == report.to_dict()
    return report.failing_rows


def test_nulls_of_any_type() -> None:
    for array in (
        pa.array([1, None]),
        pa.array(["a", None]),
        pa.array([[1], None]),
        pa.array([True, None]),
        pa.array(["a", None]).dictionary_encode(),
        pa.array([b"a", None]),
        pa.array([1.5, None]),
        pa.array([decimal.Decimal("1.5"), None]),
        pa.array([NOON, None]),
    ):
        assert failing(checks.nulls("a"), array) == [1]
    assert failing(checks.nulls("a"), pa.nulls(2)) == [0, 1]
    # NaN is a number, and not null.
    assert failing(checks.nulls("a"), pa.array([math.nan, None], from_pandas=False)) == [1]


def test_nulls_of_a_sliced_column_and_in_a_struct() -> None:
    assert failing(checks.nulls("a"), pa.array([None, 1, None, 3]).slice(1, 2)) == [1]
    column = pa.array([{"x": 1}, None, {"x": None}])
    report = inlay.Contract([checks.nulls("a.x")]).check({"a": column})
    assert report.failing_rows == [1, 2]


def test_missing() -> None:
    check = checks.missing("a", values=[None, "", "n/a"])
    assert failing(check, ["x", "", "n/a", None, "N/A"]) == [1, 2, 3]
    assert failing(check, pa.array(["x", "", None]).dictionary_encode()) == [1, 2]
    assert failing(checks.missing("a", values=[-1, 0]), [-1, 0, 1, None]) == [0, 1, 3]
    assert failing(checks.missing("a", values=[]), [-1, None]) == [1]
    assert failing(checks.missing("a", values=["x"]), pa.nulls(1)) == [0]


@pytest.mark.parametrize(
    ("arrow_type", "values", "limits", "expected"),
    [
        (pa.int64(), [-1, 0, 5, 6, None], (0, 5), [0, 3]),
        (pa.int8(), [-128, 127, 3], (-1000, 1000), []),
        (pa.int8(), [-128, 127, 3], (500, 1000), [0, 1, 2]),
        (pa.uint64(), [2**64 - 1, 2**63, 0], (0, 2**63), [0]),
        (pa.uint8(), [0, 255], (-5, -1), [0, 1]),
        (pa.int64(), [2**53, 2**53 + 1], (0, 2**53), [1]),
        (pa.int64(), [1, 2, 3], (1.5, 2.5), [0, 2]),
        (pa.int64(), [1, 2], (-math.inf, math.inf), []),
        (pa.float64(), [0.0, -0.0, 1.0, 1.0000000000000002], (0, 1), [3]),
        (pa.float64(), [math.inf, -math.inf, 5e-324], (0, 1e308), [0, 1]),
        (pa.float32(), [0.1, 0.2], (0, 0.1), [1]),
        (pa.float16(), [1.0, 2.0], (0, 1.5), [1]),
        (pa.float64(), [2.0**53, 2.0**53 + 2], (0, 2**53 + 1), [1]),
        (pa.date32(), [DAY, DAY + datetime.timedelta(1)], (None, DAY), [1]),
        (pa.date64(), [DAY, DAY + datetime.timedelta(1)], (None, "2024-02-29"), [1]),
        (pa.timestamp("s"), [NOON], (NOON, NOON), []),
        (pa.timestamp("ms"), [NOON], (NOON + datetime.timedelta(microseconds=1), None), [0]),
        (pa.timestamp("ns"), [NOON], (None, "2024-02-29T11:59:59.999999"), [0]),
        (pa.timestamp("us"), [NOON], (DAY, None), []),
        (pa.time32("s"), [datetime.time(9), datetime.time(18)], ("08:00", "17:00"), [1]),
        (pa.time64("us"), [datetime.time(9)], (None, datetime.time(8, 59, 59, 999999)), [0]),
        (pa.duration("ms"), [1500, 2500], (0, 2), [1]),
        (pa.duration("us"), [1500], (None, datetime.timedelta(milliseconds=1)), [0]),
    ],
)
def test_in_range(arrow_type: Any, values: Any, limits: Any, expected: list[int]) -> None:
    assert failing(checks.in_range("a", *limits), pa.array(values, arrow_type)) == expected


def test_in_range_of_decimals_is_exact() -> None:
    array = pa.array([decimal.Decimal("0.10"), decimal.Decimal("0.11")], pa.decimal128(5, 2))
    assert failing(checks.in_range("a", maximum="0.10"), array) == [1]
    assert failing(checks.in_range("a", maximum=decimal.Decimal("0.1099")), array) == [1]
    assert failing(checks.in_range("a", minimum=0.1), array) == []
    big = pa.array([decimal.Decimal(10**37), decimal.Decimal(10**37 + 1)], pa.decimal128(38, 0))
    assert failing(checks.in_range("a", maximum=10**37), big) == [1]
    huge = pa.array([decimal.Decimal(10**60), None], pa.decimal256(70, 0))
    assert failing(checks.in_range("a", maximum=10**60 - 1), huge) == [0]


def test_in_range_with_limits_that_do_not_belong() -> None:
    check = checks.in_range("a", exclusive_minimum=0, exclusive_maximum=1)
    assert failing(check, [0.0, 0.5, 1.0]) == [0, 2]
    assert failing(checks.in_range("a", exclusive_minimum=0.5), [0, 1]) == [0]
    assert failing(checks.in_range("a", exclusive_maximum=1), [0, 1]) == [1]
    zoned = pa.array([datetime.datetime(2024, 1, 1, tzinfo=UTC)])
    assert failing(checks.in_range("a", exclusive_minimum="2024-01-01T01:00+01:00"), zoned) == [0]


def test_nan_lies_outside_any_range() -> None:
    assert failing(checks.in_range("a", -math.inf), pa.array([math.nan, math.inf, None])) == [0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: checks.in_range("a"), "needs a limit"),
        (lambda: checks.in_range("a", 5, 1), "minimum exceeds the maximum: 5 > 1"),
        (lambda: checks.in_range("a", 1, exclusive_minimum=1), "takes one minimum"),
        (lambda: checks.in_range("a", math.nan), "must be comparable"),
        (lambda: checks.in_range("a", DAY, 5), "limits of one type"),
        (lambda: checks.in_set("a", []), "at least one value"),
        (lambda: checks.in_set("a", "abc"), "takes a list of values, got 'abc'"),
        (lambda: checks.in_set("a", [1.0, math.nan]), "NaN equals nothing"),
        (lambda: checks.matches("a", "("), "matches: .*missing .*: '\\('"),
        (lambda: checks.matches("a", "(?=x)"), "invalid perl operator"),
        (lambda: checks.length("a"), "needs a limit"),
        (lambda: checks.length("a", -1), "whole number from 0, got -1"),
        (lambda: checks.length("a", 3, 2), "minimum exceeds"),
        (lambda: checks.unique("a", "a"), "each column once"),
        (lambda: checks.nulls("a", unit="kg"), "unit must be 'rows' or 'percent', got 'kg'"),
        (lambda: checks.nulls("a", at_most=1, at_least=0), "one bound, got at_most and at_least"),
        (lambda: checks.nulls("a", between=(5, 1)), "smaller limit first, got 5 and 1"),
        (lambda: checks.nulls("a", at_most=math.nan), "can be compared, got nan"),
        (lambda: checks.nulls("a", severity="dire"), "severity must be one of"),
        (lambda: checks.nulls("a", name=""), "1 to 255 characters"),
        (lambda: checks.row_count(), "a bound is missing"),
        (lambda: checks.row_count(at_least=1, unit="percent"), "unit must be 'rows'"),
        (lambda: checks.mean("a", at_most=1, unit="rows"), "unit must be ''"),
    ],
)
def test_faulty_checks_are_refused_when_made(make: Any, message: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: checks.nulls(3), "named by a text, got 3"),
        (lambda: checks.in_range("a", True), "got True"),
        (lambda: checks.in_range("a", [1]), r"got \[1\]"),
        (lambda: checks.nulls("a", at_most="1"), "takes a number, got '1'"),
        (lambda: checks.nulls("a", between=5), "two limits, got 5"),
        (lambda: checks.nulls("a", most=1), "takes no 'most'"),
        (lambda: checks.nulls("a", description=3), "description must be a text"),
    ],
)
def test_checks_of_wrong_types_are_refused_when_made(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("values", "members", "expected"),
    [
        (pa.array(["red", "blue", None, "RED"]), ["red", "green"], [1, 3]),
        (pa.array(["red", "blue", None]).dictionary_encode(), ["red"], [1]),
        (pa.array(["é", "e"]), ["é"], [1]),
        (pa.array([1, 2, None, 3]), [1, 3], [1]),
        (pa.array([1, 2], pa.uint64()), [2], [0]),
        (pa.array([1.0, 2.5, math.nan]), [1, 2.5], [2]),
        (pa.array([True, False]), [True], [1]),
        (pa.array([DAY, None]), [datetime.date(2024, 1, 1)], [0]),
        (pa.array([NOON]), [NOON], []),
        (pa.array([decimal.Decimal("1.50")]), ["1.5"], []),
        (pa.array([b"a", b"b"]), [b"a"], [1]),
        (pa.array(["a", "b"], pa.string_view()), ["a"], [1]),
        (pa.array(["a", "b"], pa.large_utf8()), ["a"], [1]),
        (pa.array(range(1000)), list(range(0, 1000, 2)), list(range(1, 200, 2))),
    ],
    ids=lambda value: str(getattr(value, "type", ""))[:20],
)
def test_in_set(values: Any, members: list[Any], expected: list[int]) -> None:
    report = inlay.Contract([checks.in_set("a", members)]).check({"a": values})
    assert report.failing_rows == expected
    inverse = inlay.Contract([checks.not_in_set("a", members)]).check({"a": values})
    there = len(values) - values.null_count
    assert report.failing_rows_total + inverse.failing_rows_total == there


def test_a_set_of_another_type_is_a_fault() -> None:
    for array, values in (
        (["x"], [1]),
        ([1], ["x"]),
        ([1], [1.5]),
        ([True], [1]),
        ([1.5], ["x"]),
        ([DAY], [1]),
        ([NOON], [datetime.datetime(2024, 1, 1, tzinfo=UTC)]),
    ):
        with pytest.raises(inlay.ContractError, match="is no value of column 'a'"):
            inlay.Contract([checks.in_set("a", values)]).check({"a": array})


def test_matches() -> None:
    check = checks.matches("a", r"^[A-Z]{2}\d+$")
    texts = ["AB1", "ab1", None, "AB", "xAB1"]
    for arrow_type in (pa.utf8(), pa.large_utf8(), pa.string_view()):
        assert failing(check, pa.array(texts, arrow_type)) == [1, 3, 4]
    assert failing(check, pa.array(texts).dictionary_encode()) == [1, 3, 4]
    assert failing(checks.matches("a", "b"), ["abc", "ac"]) == [1]  # anywhere
    nulls = pa.DictionaryArray.from_arrays([0, 1, None], ["AB1", None])
    assert failing(check, nulls) == []


def test_length_counts_characters_bytes_and_items() -> None:
    assert failing(checks.length("a", 1, 3), ["", "äöü", "abcd", None, "😀😀😀"]) == [0, 2]
    assert failing(checks.length("a", 2), pa.array([b"\xff", b"ab"])) == [0]
    assert failing(checks.length("a", maximum=1), pa.array([[1, 2], [], None, [3]])) == [0]
    encoded = pa.array(["a", "abc"]).dictionary_encode()
    assert failing(checks.length("a", maximum=2), encoded) == [1]


def test_utf8_finds_broken_text() -> None:
    broken = pa.array([b"ok", b"\xff", b"\xed\xa0\x80", None, "é".encode()])
    assert failing(checks.utf8("a"), broken) == [1, 2]
    claimed = pa.Array.from_buffers(pa.utf8(), 5, broken.buffers())
    assert failing(checks.utf8("a"), claimed) == [1, 2]


def test_unique() -> None:
    assert failing(checks.unique("a"), [1, 2, 1, None, None, 1]) == [2, 5]
    assert failing(checks.unique("a"), ["a", "b", "a"]) == [2]
    assert failing(checks.unique("a", "b"), [1, 1, 1, None], ["x", "y", "x", "x"]) == [2]
    assert failing(checks.unique("a"), pa.array(["a", "a"]).dictionary_encode()) == [1]
    assert failing(checks.unique("a"), pa.array([DAY, DAY])) == [1]
    # The parts of a key do not run together.
    assert failing(checks.unique("a", "b"), ["ab", "a"], ["c", "bc"]) == []


def test_unique_beyond_max_keys_is_undefined() -> None:
    contract = inlay.Contract([checks.unique("a")], max_keys=100)
    report = contract.check({"a": list(range(1000))})
    (result,) = report.results
    assert report.passed is None
    assert result.value is None
    assert result.reason == "there are more than 100 keys, the most remembered"
    assert contract.check({"a": list(range(100))}).passed is True


def test_monotonic() -> None:
    assert failing(checks.monotonic("a"), [1, 2, None, 2, 1, 3]) == [4]
    assert failing(checks.monotonic("a", strict=True), [1, 2, None, 2, 1, 3]) == [3, 4]
    assert failing(checks.monotonic("a", decreasing=True), [3, 3, 4, 1]) == [2]
    assert failing(checks.monotonic("a"), [NOON, NOON - datetime.timedelta(seconds=1)]) == [1]
    assert failing(checks.monotonic("a"), pa.array([2**64 - 1, 0], pa.uint64())) == [1]
    assert failing(checks.monotonic("a"), pa.array([1.0, math.nan, 0.5, 2.0])) == [1, 2]


def test_monotonic_goes_on_from_batch_to_batch() -> None:
    batches = [pa.record_batch({"a": values}) for values in ([1, 5], [4, 6], [], [6, 2])]
    empty = pa.record_batch({"a": pa.array([], pa.int64())})
    batches[2] = empty
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    contract = inlay.Contract([checks.monotonic("a"), checks.unique("a")])
    report = contract.check(reader)
    assert report.results[0].rows == (2, 5)
    assert report.results[1].rows == (4,)
    assert report.failing_rows == [2, 4, 5]


def test_finite() -> None:
    values = pa.array([1.0, math.nan, math.inf, -math.inf, None])
    assert failing(checks.finite("a"), values) == [1, 2, 3]
    assert failing(checks.finite("a"), values.cast(pa.float32())) == [1, 2, 3]
    assert failing(checks.finite("a"), [1, 2]) == []


def test_a_column_of_nulls_alone_is_valid() -> None:
    table = {"a": pa.nulls(3)}
    for check in (
        checks.in_range("a", 0, 1),
        checks.in_set("a", [1]),
        checks.matches("a", "x"),
        checks.length("a", 1),
        checks.unique("a"),
        checks.finite("a"),
    ):
        assert inlay.Contract([check]).check(table).passed is True
    mean = inlay.Contract([checks.mean("a", at_most=1)]).check(table).results[0]
    assert (mean.passed, mean.reason) == (None, "column 'a' holds nulls alone")


def test_percent_is_of_all_rows() -> None:
    contract = inlay.Contract([checks.nulls("a", at_most=25, unit="percent")])
    assert contract.check({"a": [1, None, 3, 4]}).passed is True
    report = contract.check({"a": [1, None, None, 4]})
    assert (report.results[0].value, report.passed) == (50.0, False)
    empty = contract.check({"a": pa.array([], pa.int64())}).results[0]
    assert (empty.value, empty.passed, empty.reason) == (None, None, "there are no rows")


@pytest.mark.parametrize(
    ("bound", "good", "bad"),
    [
        ({"equals": 2}, [2], [1, 3]),
        ({"not_equals": 2}, [1, 3], [2]),
        ({"less_than": 2}, [1], [2]),
        ({"at_most": 2}, [2], [3]),
        ({"greater_than": 2}, [3], [2]),
        ({"at_least": 2}, [2], [1]),
        ({"between": (1, 2)}, [1, 2], [0, 3]),
        ({"not_between": (1, 2)}, [0, 3], [1, 2]),
    ],
)
def test_operators(bound: Any, good: list[int], bad: list[int]) -> None:
    contract = inlay.Contract([checks.row_count(**bound)])
    for rows in good:
        assert contract.check({"a": [1] * rows if rows else pa.nulls(0)}).passed is True
    for rows in bad:
        assert contract.check({"a": [1] * rows if rows else pa.nulls(0)}).passed is False


def test_floats_that_meet_decimals_mean_their_digits() -> None:
    prices = pa.array([decimal.Decimal(p) for p in ("0.10", "0.20", "0.30")], pa.decimal128(6, 2))
    assert failing(checks.in_range("a", 0.1, 0.3), prices) == []
    assert failing(checks.in_range("a", exclusive_minimum=0.1), prices) == [0]
    assert failing(checks.in_set("a", [0.1, 0.3]), prices) == [1]
    assert failing(checks.not_in_set("a", [np.float64(0.2)]), prices) == [1]
    assert failing(checks.missing("a", values=[0.3]), prices) == [2]
    table = pa.table({"a": prices})
    for check in (
        checks.minimum("a", at_least=0.1),
        checks.maximum("a", equals=0.3),
        checks.sum("a", between=(0.6, 0.6)),
    ):
        assert inlay.Contract([check]).check(table).passed is True


@pytest.mark.parametrize("narrow", [pa.float32(), pa.float16()])
def test_floats_that_meet_narrower_ones_are_rounded_to_them(narrow: pa.DataType) -> None:
    values = pa.array(np.array([0.1, 0.2, 0.7], narrow.to_pandas_dtype()), narrow)
    assert failing(checks.in_range("a", 0.1, 0.7), values) == []
    assert failing(checks.in_range("a", maximum=0.2), values) == [2]
    assert failing(checks.in_range("a", exclusive_minimum=0.1), values) == [0]
    assert failing(checks.in_set("a", [0.1, 0.7]), values) == [1]
    assert failing(checks.in_range("a", -1e300, 1e300), values) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at_most": -1}, "nulls: at_most of rows is at least 0, got -1"),
        ({"at_most": 150, "unit": "percent"}, "at_most of percent is from 0 to 100, got 150"),
        ({"between": (-1, 5)}, "between of rows is at least 0, got -1"),
    ],
)
def test_bounds_that_no_count_can_meet_are_refused(options: Any, message: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        checks.nulls("a", **options)


def test_nan_is_no_key() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="NaN equals nothing") as found:
        checks.foreign_key("a", [1.0, math.nan])
    assert "finite" not in str(found.value)
    with pytest.raises(inlay.InvalidArgumentError, match="use finite"):
        checks.in_set("a", [math.nan])
