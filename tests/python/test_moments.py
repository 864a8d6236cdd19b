"""Moments: the state, its inputs and its forms."""

from __future__ import annotations

import copy
import math
import pickle
import struct
import threading
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import InvalidArgumentError, Moments, SerializationError

DATA = Path(__file__).parent.parent / "data"

# A block is summed in 16 lanes of up to 64 values and merged with others: fewer than 100 roundings
# on the way of any value, each of half an ulp of something no larger than the sum of magnitudes.
ROUNDING = 100 * 2.0**-53

moderate = st.floats(-1e12, 1e12, allow_subnormal=False)
anything = st.floats(allow_nan=True, allow_infinity=True)


def exact(values: list[float]) -> tuple[Fraction, list[Fraction]]:
    numbers = [Fraction(v) for v in values]
    mean = sum(numbers) / len(numbers)
    return mean, [sum((v - mean) ** k for v in numbers) for k in (2, 3, 4)]


def close(found: float | None, expected: Fraction, scale: float, tolerance: float) -> bool:
    assert found is not None
    return abs(Fraction(found) - expected) <= Fraction(tolerance) * Fraction(scale)


def test_an_empty_one_is_undefined_rather_than_zero() -> None:
    moments = Moments()
    assert moments.count == 0
    assert moments.sum == 0
    for name in ("min", "max", "mean", "m2", "m3", "m4"):
        assert getattr(moments, name) is None
    assert moments.variance() is None
    assert moments.std(ddof=0) is None
    assert moments.skewness() is None
    assert moments.kurtosis() is None
    assert moments  # a state, not a container
    assert len(moments) == 0
    assert "no values" in repr(moments)


def test_one_value_has_no_sample_variance_and_no_shape() -> None:
    moments = Moments(3.5)
    assert (moments.count, moments.mean, moments.min, moments.max, moments.sum) == (
        1,
        3.5,
        3.5,
        3.5,
        3.5,
    )
    assert moments.variance() is None
    assert moments.variance(ddof=0) == 0
    assert moments.skewness() is None
    assert moments.kurtosis() is None


def test_what_is_not_finite_is_counted_apart() -> None:
    moments = Moments([1.0, math.nan, math.inf, -math.inf, -math.inf, None, 0.0, -0.0])
    assert moments.count == 3
    assert (moments.nan_count, moments.pos_inf_count, moments.neg_inf_count) == (1, 1, 2)
    assert (moments.null_count, moments.zero_count) == (1, 2)
    assert moments.sum == 1.0
    assert math.copysign(1, moments.min or 1) == 1  # one zero, whichever came first


def test_negative_ddof_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        Moments([1.0]).variance(ddof=-1)


def test_figures_agree_with_numpy() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=10_000)
    moments = Moments(values)
    assert moments.mean == pytest.approx(values.mean(), rel=1e-14)
    assert moments.variance() == pytest.approx(values.var(ddof=1), rel=1e-13)
    assert moments.std(ddof=0) == pytest.approx(values.std(), rel=1e-13)
    standard = (values - values.mean()) / values.std()
    assert moments.skewness() == pytest.approx((standard**3).mean(), rel=1e-11)
    assert moments.kurtosis() == pytest.approx((standard**4).mean() - 3, rel=1e-11)


@given(st.lists(moderate, min_size=1, max_size=200))
def test_moments_agree_with_rational_arithmetic(values: list[float]) -> None:
    mean, (m2, m3, m4) = exact(values)
    spread = max(values) - min(values)
    n = len(values)
    for moments in (Moments(values), Moments(np.array(values))):
        assert moments.count == n
        assert (moments.min, moments.max) == (min(values), max(values))
        magnitude = float(sum(abs(Fraction(v)) for v in values))
        assert close(moments.sum, sum(map(Fraction, values)), magnitude + 1e-300, ROUNDING)
        assert close(moments.mean, mean, magnitude + 1e-300, ROUNDING)
        # Distances are at most the spread, known to an ulp of the largest value.
        ulp = max(map(abs, values)) * 2.0**-52
        assert close(moments.m2, m2, n * (spread + ulp) ** 2 + 1e-280, n * ROUNDING)
        assert close(moments.m3, m3, n * (spread + ulp) ** 3 + 1e-280, n * ROUNDING)
        assert close(moments.m4, m4, n * (spread + ulp) ** 4 + 1e-280, n * ROUNDING)


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=3000), st.integers(0, 3000))
@settings(max_examples=40)
def test_sums_of_integers_are_exact_however_split(values: list[int], cut: int) -> None:
    parts = [np.array(part, dtype=np.int64) for part in (values[:cut], values[cut:])]
    moments = Moments(parts[0])
    moments.merge(Moments(parts[1]))
    assert moments.sum == sum(values)
    single = Moments()
    for value in values:
        single.update(value)
    assert single.sum == sum(values)


@given(st.lists(anything, max_size=100), st.lists(anything, max_size=100))
def test_merging_is_commutative_bit_for_bit(a: list[float], b: list[float]) -> None:
    left, right = Moments(a), Moments(b)
    left.merge(Moments(b))
    right.merge(Moments(a))
    assert left == right
    assert left.to_bytes() == right.to_bytes()


@given(st.lists(moderate, min_size=3, max_size=300), st.data())
def test_merging_parts_equals_one_pass(values: list[float], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(values)))
    second = data.draw(st.integers(first, len(values)))
    whole = Moments(values)
    merged = Moments(values[:first])
    merged.merge(Moments(values[first:second]))
    merged.merge(Moments(values[second:]))
    assert merged.count == whole.count
    assert (merged.min, merged.max) == (whole.min, whole.max)
    n = len(values)
    spread = max(values) - min(values) + max(map(abs, values)) * 2.0**-52
    assert merged.m2 == pytest.approx(whole.m2, rel=1e-9, abs=n * n * ROUNDING * spread**2 + 1e-280)


@pytest.mark.parametrize("outlier", [1e12, -1e15, 1e20])
@pytest.mark.parametrize("place", [0, 1, 5_000])
def test_an_outlier_anywhere_does_not_spoil_the_rest(outlier: float, place: int) -> None:
    values = np.random.default_rng(3).normal(5.0, 1.0, size=20_000)
    values[place] = outlier
    mean, (m2, _, m4) = exact(values.tolist())
    scalar = Moments()
    for value in values.tolist():
        scalar.update(value)
    for moments in (Moments(values), scalar):
        assert moments.m2 == pytest.approx(float(m2), rel=1e-11)
        assert moments.m4 == pytest.approx(float(m4), rel=1e-10)
        assert moments.mean == pytest.approx(float(mean), rel=1e-12)


def test_far_from_zero_the_moments_keep_nine_digits() -> None:
    values = np.random.default_rng(4).normal(1e8, 1.0, size=30_000)
    _, (m2, _, m4) = exact(values.tolist())
    parts = Moments()
    for part in np.array_split(values, 77):
        parts.merge(Moments(part))
    for moments in (Moments(values), parts):
        assert moments.m2 == pytest.approx(float(m2), rel=1e-9)
        assert moments.m4 == pytest.approx(float(m4), rel=1e-9)


@pytest.mark.parametrize("size", [3, 40, 3000])
def test_huge_values_overflow_moments_but_not_the_mean(size: int) -> None:
    values = np.full(size, 1.5e308)
    values[::3] = -1e308
    for moments in (Moments(values), Moments(values.tolist())):
        assert moments.count == size
        assert moments.overflowed
        assert moments.m2 is None
        assert moments.m3 is None
        assert moments.m4 is None
        assert moments.variance() is None
        assert moments.kurtosis() is None
        assert (moments.min, moments.max) == (-1e308, 1.5e308)
        expected = sum(map(Fraction, values.tolist())) / size
        assert moments.mean == pytest.approx(float(expected), rel=1e-13)
        again = Moments.from_bytes(moments.to_bytes())
        assert again == moments
        moments.update([1.0, 2.0])
        assert moments.m2 is None  # for good
        assert moments.count == size + 2


def test_a_sum_beyond_a_double_is_infinite_and_comes_back() -> None:
    moments = Moments([1.7e308, 1.7e308])
    assert moments.sum == math.inf
    assert moments.mean == 1.7e308
    moments.update([-1.7e308, -1.7e308])
    assert moments.sum == 0


def test_the_first_integer_and_boolean_types_are_read_exactly() -> None:
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "?"):
        values = np.array([0, 1, 1, 0, 1], dtype=dtype)
        moments = Moments(values)
        assert (moments.count, moments.sum, moments.max) == (5, 3.0, 1.0), dtype
    assert Moments(np.array([1e-7, 6e-8, np.nan, np.inf, -0.0], dtype=np.float16)).count == 3


@pytest.mark.parametrize(
    ("values", "rounded"),
    [
        (np.array([2**63 - 1, 2**53 + 1, 2**53, -(2**53) - 1, 5], dtype=np.int64), 3),
        (np.array([2**64 - 1, 2**63, 2**63 + 1], dtype=np.uint64), 2),
        ([2**53 + 1, 2**53 + 2, 1.5], 1),
        (2**53 + 1, 1),
        (-(2**63), 0),
        (np.array([-(2**63), 2**62, 3 << 60], dtype=np.int64), 0),
        (pa.array([2**60 + 1, None, 7]), 1),
    ],
)
def test_numbers_of_more_than_53_bits_are_rounded_and_said_so(values: Any, rounded: int) -> None:
    moments = Moments()
    if rounded:
        with pytest.warns(inlay.InlayWarning, match=f"nearest double: {rounded}$"):
            moments.update(values)
    else:
        moments.update(values)
    listed = values.to_pylist() if isinstance(values, pa.Array) else np.ravel(values).tolist()
    flat = [float(value) for value in listed if value is not None]
    assert moments.max == max(flat)
    assert moments.count == len(flat)


def test_dictionaries_of_numbers_are_read_by_their_entries() -> None:
    values = [1.5, None, 2.5, 1.5, 1.5]
    column = pa.array(values).dictionary_encode()
    assert Moments(column) == Moments(pa.array(values))
    assert Moments(column.slice(1, 3)) == Moments(pa.array(values[1:4]))


def test_half_precision_is_widened_exactly() -> None:
    bits = np.arange(2**16, dtype=np.uint16)
    halves = bits.view(np.float16)
    finite = halves[np.isfinite(halves)]
    moments = Moments(halves)
    assert moments.count == len(finite)
    assert moments.nan_count == np.isnan(halves).sum()
    assert (moments.min, moments.max) == (float(finite.min()), float(finite.max()))
    assert moments.zero_count == 2
    assert Moments(finite[finite > 0]) == Moments(finite[finite > 0].astype(np.float64))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_strides_shapes_and_read_only_arrays_are_read(dtype: Any) -> None:
    base = np.arange(7 * 11 * 6, dtype=dtype).reshape(7, 11, 6)
    base.flags.writeable = False
    for view in (base, base[::2], base[:, 3, :], base[::-1, 1:, ::3], base.T, base[0, 0, ::-1]):
        assert Moments(view) == Moments(np.ascontiguousarray(view).ravel()) or view.ndim > 1
        moments = Moments(view)
        assert moments.count == view.size
        assert moments.sum == float(view.sum(dtype=np.float64))
        assert (moments.min, moments.max) == (float(view.min()), float(view.max()))
    assert Moments(base[:0]).count == 0
    assert Moments(np.float64(2.5)).mean == 2.5
    assert Moments(np.float32(2.5)).mean == 2.5
    assert Moments(np.array(2.5)).mean == 2.5


def test_unaligned_arrays_are_read() -> None:
    raw = np.zeros(8 * 100 + 1, dtype=np.uint8)
    view = raw[1:].view(np.float64)
    view[:] = np.arange(100)
    assert Moments(view).sum == 4950
    record = np.zeros(50, dtype=[("a", "u1"), ("b", "<f4")])
    record["b"] = 1.5
    assert Moments(record["b"]).sum == 75


def test_any_buffer_and_sequence_is_read() -> None:
    expected = Moments([1.0, 2.0, 4.0])
    assert Moments(array("d", [1, 2, 4])) == expected
    assert Moments(array("f", [1, 2, 4])) == expected
    assert Moments(memoryview(array("q", [1, 2, 4]))) == expected
    assert Moments((1, 2.0, Fraction(4))) == expected
    assert Moments(range(1, 3)).sum == 3
    assert Moments(True).sum == 1


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ("text", "str"),
        ({"a": 1}, "dict"),
        ({1.0}, "set"),
        (None.__class__, "type"),
        (["a"], "'a'"),
        ([1.0, [2.0]], r"\[2.0\]"),
        (np.array([1j]), "Zd"),
        (np.array(["a"]), "w"),
        (np.array([1.0], dtype=">f8"), "byte-swapped"),
        (np.array([1], dtype=">i4"), "byte-swapped"),
        (np.array(["2020-01-01"], dtype="M8[s]"), "M"),
        (pa.array(["a"]), "'u'"),
        (pa.array(["a"]).dictionary_encode(), "'u'"),
        (pa.table({"a": [1.0]}), "table"),
        (pa.array([1], pa.timestamp("us")), "tsu"),
    ],
)
def test_what_is_no_number_is_refused_by_name(values: object, name: str) -> None:
    moments = Moments([1.0])
    with pytest.raises(TypeError, match=name):
        moments.update(values)
    assert moments == Moments([1.0])


def test_an_error_of_the_object_itself_is_passed_on() -> None:
    class Bad:
        def __array__(self) -> np.ndarray[Any, Any]:
            message = "on a device"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="on a device"):
        Moments(Bad())
    with pytest.raises(OverflowError):
        Moments([10**400])


def test_a_list_that_shrinks_while_read_is_safe() -> None:
    values: list[Any] = []

    class Sly:
        def __float__(self) -> float:
            values.clear()
            return 1.0

    values.extend([Sly(), 2.0, 3.0])
    assert Moments(values).count == 1


@pytest.mark.parametrize(
    "kind",
    [pa.float64(), pa.float32(), pa.float16(), pa.int8(), pa.uint64(), pa.int32(), pa.bool_()],
)
def test_arrow_arrays_with_nulls_slices_and_chunks(kind: pa.DataType) -> None:
    values = [1, None, 0, 1, None, 0, 1, 1, 1, None, 0] * 300
    plain = [np.float16(v) if v is not None and kind == pa.float16() else v for v in values]
    if kind == pa.bool_():
        plain = [None if v is None else bool(v) for v in values]
    whole = pa.array(plain, kind)
    for start, length in ((0, 3300), (1, 50), (3, 2000), (9, 1), (17, 0), (1029, 2100)):
        cut = whole.slice(start, length)
        expected = [v for v in values[start : start + length] if v is not None]
        for column in (cut, pa.chunked_array([cut.slice(0, 7), cut.slice(7)], kind)):
            moments = Moments(column)
            assert moments.count == len(expected)
            assert moments.sum == sum(expected)
            assert moments.null_count == length - len(expected)
    assert Moments(pa.nulls(5)).null_count == 5
    assert Moments(pa.chunked_array([], pa.float64())).count == 0


def test_rows_become_moments_again() -> None:
    moments = Moments([1.0, 2.0, 5.0, math.nan, None, 0.0])
    table = moments.to_arrow()
    assert table.num_rows == 1
    (row,) = table.to_pylist()
    again = Moments.from_row(row)
    assert again == moments
    assert table.schema.field("count").type == pa.int64()
    assert table.schema.field("m2").type == pa.float64()
    assert Moments.from_row(Moments().to_arrow().to_pylist()[0]) == Moments()
    assert Moments().to_arrow()["mean"].to_pylist() == [None]
    huge = Moments([1.7e308, 1.7e308, -1e308])
    back = Moments.from_row(huge.to_arrow().to_pylist()[0])
    assert back.mean == pytest.approx(huge.mean, rel=1e-15)
    assert back.overflowed


@pytest.mark.parametrize(
    "change",
    [
        {"min": 9.0},
        {"mean": 7.0},
        {"mean": None},
        {"m2": -1.0},
        {"m4": math.nan},
        {"sum": math.nan},
        {"zero_count": 5},
        {"min": 0.5, "zero_count": 1},
        {"max": math.inf},
    ],
)
def test_rows_that_contradict_themselves_are_refused(change: dict[str, float | None]) -> None:
    row = Moments([1.0, 2.0]).to_arrow().to_pylist()[0]
    with pytest.raises(InvalidArgumentError):
        Moments.from_row({**row, **change})


@given(st.lists(anything, max_size=50))
def test_bytes_copies_and_pickles_are_equal(values: list[float]) -> None:
    moments = Moments(values)
    data = moments.to_bytes()
    assert Moments.from_bytes(data) == moments
    assert Moments.from_bytes(memoryview(data)).to_bytes() == data
    for other in (moments.copy(), copy.copy(moments), copy.deepcopy(moments)):
        assert other == moments
        other.update(1.0)
        assert other != moments
    assert pickle.loads(pickle.dumps(moments)) == moments


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    for candidate in (data, b"inMO\x01" + data):
        try:
            moments = Moments.from_bytes(candidate)
        except SerializationError:
            continue
        assert moments.to_bytes() == candidate


@given(st.data())
def test_damaged_bytes_are_refused_or_valid(data: st.DataObject) -> None:
    valid = bytearray(Moments([1.0, -2.0, 0.0, math.nan]).to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(valid[: data.draw(st.integers(0, len(valid)))])
    try:
        moments = Moments.from_bytes(cut)
    except SerializationError:
        return
    assert Moments.from_bytes(moments.to_bytes()) == moments
    repr(moments)
    moments.to_arrow()
    moments.merge(moments)


def test_a_newer_version_is_named() -> None:
    data = bytearray(Moments([1.0]).to_bytes())
    data[4] = 2
    with pytest.raises(SerializationError, match="newer version: 2"):
        Moments.from_bytes(bytes(data))


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "moments_v1.bin").read_bytes()
    moments = Moments.from_bytes(data)
    assert (moments.count, moments.null_count, moments.nan_count) == (6, 3, 1)
    assert (moments.pos_inf_count, moments.neg_inf_count, moments.zero_count) == (1, 2, 1)
    assert (moments.min, moments.max, moments.sum) == (-3.5, 6.0, 4.0)
    assert moments.to_bytes() == data
    assert struct.unpack_from("<d", data, 12) == (-3.5,)


def test_many_threads_on_one_object_lose_nothing() -> None:
    moments, histogram = Moments(), inlay.ExpHistogram()
    values = np.random.default_rng(5).normal(size=20_000) * np.geomspace(1e-9, 1e9, 20_000)

    def work() -> None:
        for part in np.array_split(values, 5):
            moments.update(part)
            histogram.update(part)
            histogram.quantile(0.5)
            for value in part[:50].tolist():
                moments.update(value)
            repr(moments)
            histogram.merge(histogram)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert moments.count == 4 * (20_000 + 250)
    assert histogram.count == sum(histogram.pos_counts) + sum(histogram.neg_counts)


def test_forms_for_people() -> None:
    moments = Moments([1.0, 3.0])
    assert repr(moments) == "<inlay.Moments of 2: 2 ± 1.41421, 1 to 3>"
    html = moments._repr_html_()
    assert html.startswith("<table>")
    assert "<th>mean</th><td>2</td>" in html
    assert "<em>undefined</em>" in Moments()._repr_html_()
    with pytest.raises(TypeError, match="unhashable"):
        hash(moments)
    assert (moments == 1) is False
    moments.reset()
    assert moments == Moments()
