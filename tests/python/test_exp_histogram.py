"""ExpHistogram: buckets, quantiles, merges and forms."""

from __future__ import annotations

import bisect
import copy
import math
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import ExpHistogram, InvalidArgumentError, SerializationError
from inlay.summary import CountBounds

DATA = Path(__file__).parent.parent / "data"

anything = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6)


def bucket_of(value: float, scale: int) -> int:
    """Find the index i with 2**(i / 2**s) < |value| <= 2**((i + 1) / 2**s) by integers alone."""
    magnitude = Fraction(abs(value))
    if scale <= 0:
        exponent = math.frexp(abs(value))[1] - 1  # 2**exponent <= |value|
        exponent -= magnitude == Fraction(2) ** exponent
        return exponent >> -scale
    power = magnitude ** (2**scale)  # compared with powers of two, exactly
    exponent = power.numerator.bit_length() - power.denominator.bit_length()
    while Fraction(2) ** exponent > power:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= power:
        exponent += 1
    return exponent - (power == Fraction(2) ** exponent)


def reference(values: list[float], scale: int) -> tuple[dict[int, int], dict[int, int]]:
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for value in values:
        if value == 0 or not math.isfinite(value):
            continue
        side = sides[value < 0]
        index = bucket_of(value, scale)
        side[index] = side.get(index, 0) + 1
    return sides


def buckets(offset: int, counts: list[int]) -> dict[int, int]:
    return {offset + i: n for i, n in enumerate(counts) if n}


def check(histogram: ExpHistogram, values: list[float]) -> None:
    plus, minus = reference(values, histogram.scale)
    assert buckets(histogram.pos_offset, histogram.pos_counts) == plus
    assert buckets(histogram.neg_offset, histogram.neg_counts) == minus
    assert histogram.count == sum(map(math.isfinite, values))
    assert histogram.zero_count == values.count(0)
    assert histogram.nan_count == sum(map(math.isnan, values))
    assert histogram.pos_inf_count == values.count(math.inf)
    assert histogram.neg_inf_count == values.count(-math.inf)


@given(st.lists(anything, max_size=60), st.integers(-4, 8))
@settings(deadline=None)
def test_every_value_lands_in_its_exact_bucket(values: list[float], scale: int) -> None:
    check(ExpHistogram(values, scale=scale), values)


@pytest.mark.parametrize("scale", range(-4, 9))
def test_powers_of_two_are_upper_bounds(scale: int) -> None:
    values = [2.0**k for k in (-1074, -1022, -100, -1, 0, 1, 52, 1023)]
    for value in values:
        for near in (value, math.nextafter(value, 0), math.nextafter(value, math.inf)):
            if near == 0:
                continue
            for signed in (near, -near):
                histogram = ExpHistogram(signed, scale=scale)
                check(histogram, [signed])


@given(st.lists(anything, max_size=80), st.data())
@settings(deadline=None)
def test_order_and_splits_do_not_matter(values: list[float], data: st.DataObject) -> None:
    whole = ExpHistogram(values)
    shuffled = data.draw(st.permutations(values))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=2, max_size=2)))
    parts = [shuffled[: cuts[0]], shuffled[cuts[0] : cuts[1]], shuffled[cuts[1] :]]
    a, b, c = (ExpHistogram(np.array(part, dtype=np.float64)) for part in parts)
    left, right = a.copy(), c.copy()
    left.merge(b)
    left.merge(c)
    right.merge(a)
    right.merge(b)
    assert left == right == whole
    assert left.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16, 1000, 5000])
def test_arrays_count_as_their_values(dtype: Any, size: int) -> None:
    random = np.random.default_rng(size)
    for sign in ("plus", "minus", "both", "zeros", "special"):
        values = random.lognormal(sigma=2, size=size)
        if sign == "minus":
            values = -values
        if sign in ("both", "zeros", "special"):
            values *= random.choice([-1, 1], size)
        if sign in ("zeros", "special"):
            values[random.random(size) < 0.4] = 0
        if sign == "special":
            kind = random.random(size)
            values[kind < 0.1] = np.nan
            values[(kind > 0.1) & (kind < 0.2)] = np.inf
            values[(kind > 0.2) & (kind < 0.3)] = -np.inf
            values[(kind > 0.3) & (kind < 0.4)] *= 1e-42
        array = values.astype(dtype)
        one_by_one = ExpHistogram()
        for value in array.tolist():
            one_by_one.update(value)
        assert ExpHistogram(array) == one_by_one, sign
        assert ExpHistogram(array[::-1]) == one_by_one, sign
        assert ExpHistogram(pa.array(array)) == one_by_one, sign


def test_nulls_are_passed_over() -> None:
    column = pa.array([1.0, None, 2.0, None])
    assert ExpHistogram(column) == ExpHistogram([1.0, 2.0]) == ExpHistogram([1.0, None, 2.0])


def test_an_empty_one_is_undefined_rather_than_zero() -> None:
    histogram = ExpHistogram()
    assert histogram.count == 0
    assert histogram.quantile(0.5) is None
    assert histogram.cdf(1.0) is None
    assert histogram.pos_counts == []
    assert histogram.scale == 5
    assert histogram
    assert "no values" in repr(histogram)


@pytest.mark.parametrize("scale", [-5, 9, 100])
def test_scales_out_of_range_are_refused_by_value(scale: int) -> None:
    with pytest.raises(InvalidArgumentError, match=str(scale)):
        ExpHistogram(scale=scale)


@given(
    st.lists(moderate, min_size=1, max_size=200),
    st.floats(0, 1),
    st.integers(2, 8),
)
@settings(deadline=None)
def test_quantiles_are_within_the_stated_error(values: list[float], q: float, scale: int) -> None:
    histogram = ExpHistogram(values, scale=scale)
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    estimate = histogram.quantile(q)
    assert estimate is not None
    # The bound holds for exact arithmetic; the estimate itself is rounded a few times.
    assert abs(estimate - exact) <= histogram.relative_error * abs(exact) * (1 + 1e-11)


def test_the_default_error_is_as_documented() -> None:
    assert ExpHistogram().relative_error == pytest.approx(0.01083, abs=1e-5)
    assert ExpHistogram(scale=6).relative_error == pytest.approx(0.00542, abs=1e-5)


@pytest.mark.parametrize("q", [-0.1, 1.5, math.nan])
def test_quantiles_out_of_range_are_refused(q: float) -> None:
    with pytest.raises(InvalidArgumentError, match="0 to 1"):
        ExpHistogram([1.0]).quantile(q)


@given(st.lists(moderate, max_size=100), st.lists(moderate, min_size=2, max_size=20))
@settings(deadline=None)
def test_cdf_grows_and_bounds_hold(values: list[float], points: list[float]) -> None:
    histogram = ExpHistogram(values)
    ordered = sorted(values)
    points.sort()
    last = 0.0
    for x in points:
        exact = bisect.bisect_right(ordered, x)
        bounds = histogram.count_between(-math.inf, x)
        assert bounds.low <= exact <= bounds.high
        if values:
            fraction = histogram.cdf(x)
            assert fraction is not None
            assert last <= fraction <= 1
            assert fraction * len(values) == pytest.approx(bounds.estimate)
            last = fraction
    low, high = points[0], points[-1]
    exact = bisect.bisect_right(ordered, high) - bisect.bisect_right(ordered, low)
    between = histogram.count_between(low, high)
    assert between.low <= exact <= between.high


def test_cdf_is_exact_at_upper_bounds() -> None:
    values = np.random.default_rng(2).lognormal(size=2000)
    histogram = ExpHistogram(values)
    for k in range(-3, 4):
        assert histogram.cdf(2.0**k) == (values <= 2.0**k).mean()
    assert histogram.cdf(math.inf) == 1
    assert histogram.cdf(-math.inf) == 0
    assert histogram.count_between(1.0, 1.0) == CountBounds(0, 0.0, 0)
    with pytest.raises(InvalidArgumentError, match="nan"):
        histogram.cdf(math.nan)
    with pytest.raises(InvalidArgumentError, match="low must not exceed high"):
        histogram.count_between(2, 1)


@given(st.lists(moderate, max_size=60), st.integers(-4, 8), st.integers(-4, 8))
def test_downscaling_equals_having_been_made_coarse(
    values: list[float], fine: int, coarse: int
) -> None:
    fine, coarse = max(fine, coarse), min(fine, coarse)
    histogram = ExpHistogram(values, scale=fine)
    if coarse > histogram.scale:
        return
    histogram.downscale_to(coarse)
    direct = ExpHistogram(values, scale=coarse)
    assert histogram._row() == direct._row()
    assert histogram.downscales == fine - coarse
    with pytest.raises(InvalidArgumentError):
        histogram.downscale_to(coarse + 1)


def test_wide_data_lower_the_scale_visibly() -> None:
    histogram = ExpHistogram([1e-200, 1.0, 1e200])
    assert histogram.scale == 0
    assert histogram.downscales == 5
    assert histogram.count == 3
    histogram.reset()
    assert (histogram.scale, histogram.count) == (5, 0)


def test_memory_is_as_documented() -> None:
    histogram = ExpHistogram(np.random.default_rng(1).lognormal(size=1000))
    assert histogram.memory_bytes < 1700


@given(st.lists(anything, max_size=50), st.integers(-4, 8))
def test_rows_become_histograms_again(values: list[float], scale: int) -> None:
    histogram = ExpHistogram(values, scale=scale)
    table = histogram.to_arrow()
    assert table.num_rows == 1
    (row,) = table.to_pylist()
    again = ExpHistogram.from_row(row)
    assert again._row() == histogram._row()
    assert table.schema.field("pos_counts").type == pa.list_(pa.int64())
    assert table.schema.field("scale").type == pa.int32()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"zero_threshold": 1e-9}, "1e-09"),
        ({"scale": 12}, "12"),
        ({"pos_offset": 2**20}, str(2**20)),
        ({"zero_count": 2**63}, str(2**63)),
    ],
)
def test_rows_that_cannot_be_are_refused(change: dict[str, Any], name: str) -> None:
    row = ExpHistogram([1.0, 2.0]).to_arrow().to_pylist()[0]
    with pytest.raises(InvalidArgumentError, match=name):
        ExpHistogram.from_row({**row, **change})


def test_rows_of_billions_keep_their_counts() -> None:
    row = ExpHistogram([1.0, -2.0]).to_arrow().to_pylist()[0]
    row["pos_counts"] = [2**40]
    row["count"] = 2**40 + 1
    histogram = ExpHistogram.from_row(row)
    histogram.update(np.full(100, 1.0))
    assert histogram.pos_counts == [2**40 + 100]
    assert ExpHistogram.from_bytes(histogram.to_bytes()) == histogram


@given(st.lists(anything, max_size=50), st.integers(-4, 8))
def test_bytes_copies_and_pickles_are_equal(values: list[float], scale: int) -> None:
    histogram = ExpHistogram(values, scale=scale)
    data = histogram.to_bytes()
    assert ExpHistogram.from_bytes(data) == histogram
    for other in (histogram.copy(), copy.copy(histogram), copy.deepcopy(histogram)):
        assert other == histogram
        other.update(1.0)
        assert other != histogram
    assert pickle.loads(pickle.dumps(histogram)) == histogram


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    for candidate in (data, b"inEH\x01" + data, b"inEH\x01\x05\x05\x00\x00\x00\x00" + data):
        try:
            histogram = ExpHistogram.from_bytes(candidate)
        except SerializationError:
            continue
        assert histogram.to_bytes() == candidate
        histogram.merge(histogram)
        repr(histogram)


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "exp_histogram_v1.bin").read_bytes()
    values = [0.25, 0.25, 1.0, -3.5, 1e-300, 0.0, math.nan, math.inf, -math.inf, -math.inf]
    assert ExpHistogram.from_bytes(data) == ExpHistogram(values)


def test_forms_for_people() -> None:
    histogram = ExpHistogram([1.0] * 100)
    assert (
        repr(histogram)
        == "<inlay.ExpHistogram of 100: p50 0.9892, p90 0.9892, p99 0.9892, scale 5>"
    )
    assert "<th>scale</th><td>5</td>" in histogram._repr_html_()
    assert "buckets]" in ExpHistogram(list(range(1, 100)))._repr_html_()
    with pytest.raises(TypeError, match="unhashable"):
        hash(histogram)
    assert (histogram == 1) is False
    assert len(histogram) == 100
