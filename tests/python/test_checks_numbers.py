"""Volume, freshness and distribution: numbers of the data as a whole."""

import datetime
import decimal
import itertools
import math
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import checks
from inlay.data.checks.intervals import Intervals

EPOCH = datetime.datetime(1970, 1, 1)


def value_of(check: checks.Check, array: Any, **options: Any) -> Any:
    """Return the number of a check on column `a`, the same in one batch and in many."""
    table = pa.table({"a": array})
    (result,) = inlay.Contract([check]).check(table, **options).results
    one_each = pa.Table.from_batches(
        [b for i in range(len(table)) for b in table.slice(i, 1).to_batches()], table.schema
    )
    (again,) = inlay.Contract([check]).check(one_each, **options).results
    assert again.value == result.value or math.isclose(again.value, result.value, rel_tol=1e-12)
    assert again.reason == result.reason
    return result.reason if result.value is None else result.value


def test_rows_and_bytes() -> None:
    assert value_of(checks.row_count(at_least=0), [1, 2, 3]) == 3
    batch = pa.record_batch({"a": np.zeros(100)})
    contract = inlay.Contract([checks.byte_count(at_most=800), checks.row_count(equals=100)])
    report = contract.check(batch)
    assert [(r.value, r.unit, r.passed) for r in report.results] == [
        (800, "bytes", True),
        (100, "rows", True),
    ]
    assert contract.check(pa.table({"a": pa.array([], pa.int8())})).passed is False


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, 2, None, 6]), (3.0, 1, 6, 9)),
        (pa.array([2**63 - 1, 2**63 - 1]), (float(2**63 - 1), 2**63 - 1, 2**63 - 1, 2**64 - 2)),
        (pa.array([2**64 - 1], pa.uint64()), (float(2**64 - 1), 2**64 - 1, 2**64 - 1, 2**64 - 1)),
        (pa.array([1.5, math.nan, math.inf, None, 2.5]), (2.0, 1.5, 2.5, 4.0)),
        (pa.array([0.5], pa.float32()), (0.5, 0.5, 0.5, 0.5)),
        (
            pa.array([decimal.Decimal("0.10"), decimal.Decimal("0.30")]),
            tuple(map(decimal.Decimal, ("0.2", "0.1", "0.3", "0.4"))),
        ),
        (pa.array([1500, 500], pa.duration("ms")), (1.0, 0.5, 1.5, 2.0)),
        (pa.array([3, 3]).dictionary_encode(), (3.0, 3, 3, 6)),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_mean_extremes_and_sum(array: pa.Array, expected: tuple[Any, ...]) -> None:
    makers = (checks.mean, checks.minimum, checks.maximum, checks.sum)
    found = [value_of(make("a", at_least=0), array) for make in makers]
    assert found == list(expected)


def test_of_no_finite_value_there_is_no_mean() -> None:
    for array in (
        pa.array([], pa.float64()),
        pa.array([math.nan, math.inf]),
        pa.array([None], pa.int8()),
    ):
        for make in (checks.mean, checks.minimum, checks.maximum, checks.std):
            assert value_of(make("a", at_least=0), array) == "column 'a' has no finite value"
        assert value_of(checks.quantile("a", 0.5, at_least=0), array).endswith("no finite value")
        assert value_of(checks.sum("a", at_least=0), array) == 0
    assert value_of(checks.std("a", at_least=0), [1.0]) == "column 'a' has too few finite values"


def test_a_sum_beyond_float64_is_undefined() -> None:
    found = value_of(checks.sum("a", at_least=0), [1.7e308, 1.7e308])
    assert found == "the sum of column 'a' overflows"


def test_sums_of_integers_are_compared_exactly() -> None:
    array = pa.array([2**62, 2**62, 1])
    contract = inlay.Contract([checks.sum("a", equals=2**63 + 1)])
    assert contract.check({"a": array}).passed is True
    assert inlay.Contract([checks.sum("a", equals=2**63)]).check({"a": array}).passed is False


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_std_agrees_with_the_standard_library(values: list[float]) -> None:
    found = value_of(checks.std("a", at_least=0), values)
    assert math.isclose(found, statistics.stdev(values), rel_tol=1e-9, abs_tol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=200), st.floats(0, 1))
def test_quantiles_of_few_values_are_exact(values: list[int], q: float) -> None:
    found = value_of(checks.quantile("a", q, at_least=0), values)
    ordered = sorted(values)
    assert found == ordered[max(0, math.ceil(q * len(values)) - 1)]


def test_quantile_is_within_its_error() -> None:
    array = np.random.default_rng(7).permutation(100_000).astype(float)
    contract = inlay.Contract([checks.quantile("a", 0.99, at_most=0)])
    (result,) = contract.check({"a": array}).results
    assert abs(result.value / 100_000 - 0.99) < 0.0035


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan, "x", True])
def test_a_quantile_lies_within_0_and_1(q: Any) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="lies within 0 to 1"):
        checks.quantile("a", q, at_most=1)


@pytest.mark.parametrize(
    ("arrow_type", "now", "expected"),
    [
        (pa.timestamp("s"), 1000.0, 400.0),
        (pa.timestamp("ns", "Europe/Paris"), 1000.0, 400.0),
        (pa.timestamp("ms", "UTC"), 0.0, -600.0),
        (pa.date32(), 86_400.0 * 3, 86_400.0 * 3),
        (pa.date64(), 86_400.0 * 3, 86_400.0 * 3),
    ],
)
def test_fresh(arrow_type: pa.DataType, now: float, expected: float) -> None:
    times: list[Any] = [EPOCH, None, EPOCH + datetime.timedelta(seconds=600)]
    if pa.types.is_date(arrow_type):
        times = [None, EPOCH.date()]
    array = pa.array(times, arrow_type)
    if getattr(arrow_type, "tz", None):
        array = pa.array(times, pa.timestamp("ns", "UTC")).cast(arrow_type)
    assert value_of(checks.fresh("a", at_most=0), array, now=now) == expected


def test_fresh_without_a_time_is_undefined_and_takes_the_clock() -> None:
    empty = pa.array([None], pa.timestamp("us"))
    assert value_of(checks.fresh("a", at_most=1), empty) == "column 'a' has no time"
    now = datetime.datetime.now(datetime.UTC)
    contract = inlay.Contract([checks.fresh("a", between=(-1, 3600))])
    assert contract.check({"a": [now]}).passed is True


@pytest.mark.parametrize(
    ("arrow_type", "ticks", "expected"),
    [
        (pa.timestamp("s"), [0, 60, None, 10], 50.0),
        (pa.timestamp("ms"), [5000, 0, 1000], 4.0),
        (pa.timestamp("ns"), [-(2**63), 2**63 - 1], (2**64 - 1) / 1e9),
        (pa.date32(), [10, 3, 4], 6 * 86_400),
        (pa.timestamp("us"), [7], 0.0),
    ],
)
def test_gap(arrow_type: pa.DataType, ticks: list[Any], expected: float) -> None:
    integer = pa.int32() if arrow_type == pa.date32() else pa.int64()
    array = pa.array(ticks, integer).cast(arrow_type)
    assert value_of(checks.gap("a", at_most=0), array) == expected


def test_gap_of_no_time_is_undefined() -> None:
    empty = pa.array([None], pa.timestamp("us"))
    assert value_of(checks.gap("a", at_most=1), empty) == "column 'a' has no time"


def test_sequence_counts_what_is_missing() -> None:
    assert value_of(checks.sequence("a"), [3, 1, 2, 2, None]) == 0
    assert value_of(checks.sequence("a"), [1, 5, 9]) == 6
    assert value_of(checks.sequence("a"), [-(2**63), 2**63 - 1]) == 2**64 - 2
    assert value_of(checks.sequence("a"), pa.array([], pa.int8())) == "column 'a' has no number"
    many = list(range(0, 140_000, 2))
    (result,) = inlay.Contract([checks.sequence("a")]).check({"a": many}).results
    assert result.reason == "column 'a' has more than 65536 stretches"
    with pytest.raises(inlay.ContractError, match="is uint64"):
        inlay.Contract([checks.sequence("a")]).check({"a": pa.array([1], pa.uint64())})


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 40)), max_size=5),
    st.integers(1, 6),
)
def test_intervals_count_exactly_and_bound_the_widest_hole(
    parts: list[list[int]], most: int
) -> None:
    exact = Intervals(max_intervals=10_000, adaptive=False)
    coarse = Intervals(max_intervals=most, adaptive=True)
    for part in parts:
        exact.add(np.array(part, np.int64))
        coarse.add(np.array(part, np.int64))
    seen = sorted({value for part in parts for value in part})
    assert exact.is_empty == coarse.is_empty == (not seen)
    if not seen:
        return
    assert exact.count == len(seen)
    assert exact.span == coarse.span == seen[-1] - seen[0]
    widest = max((b - a for a, b in itertools.pairwise(seen)), default=0)
    assert coarse.widest_hole >= widest
    assert coarse.widest_hole == widest or coarse.widest_joined == coarse.widest_hole


def test_intervals_that_are_too_many_say_so() -> None:
    few = Intervals(max_intervals=3, adaptive=False)
    few.add(np.arange(0, 20, 2))
    assert few.overflowed
    assert not few.is_empty


def test_gap_over_more_stretches_than_are_kept() -> None:
    rng = np.random.default_rng(1)
    ticks = np.cumsum(rng.integers(2, 50, 200_000))
    ticks[100_000:] += 10_000  # the one wide gap
    array = pa.array(rng.permutation(ticks)).cast(pa.timestamp("s"))
    report = inlay.Contract([checks.gap("a", at_most=0)]).check(
        pa.table(
            {"a": pa.chunked_array([array.slice(i, 20_000) for i in range(0, 200_000, 20_000)])}
        )
    )
    assert report.results[0].value == np.diff(ticks).max()
