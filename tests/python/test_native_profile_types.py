"""The native profile of each Arrow type, against numpy and pyarrow."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from native_profiles import INTEGERS, ROUNDING, column_of, holes, integer_limits, profile_of

from inlay import _core
from inlay._exceptions import InvalidArgumentError


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_are_exact(dtype: Any) -> None:
    low, high = integer_limits(dtype)
    rng = np.random.default_rng(3)
    values = rng.integers(low, high, 20_000, dtype=dtype.to_pandas_dtype(), endpoint=True)
    array = pa.array(holes([low, high, 0, *values.tolist()]), dtype)
    column = column_of(array)
    there = array.drop_null().to_pylist()
    assert column.kind == ("unsigned" if low == 0 else "integer")
    assert column.type == str(dtype)
    assert (column.rows, column.null_count) == (len(array), array.null_count)
    assert (column.exact_min, column.exact_max) == (min(there), max(there))
    assert column.exact_sum == sum(there)
    assert not column.sum_overflowed
    assert column.zero_count == there.count(0)
    moments = column.moments
    assert moments is not None
    assert moments.count == len(there)
    assert moments.values()[1] == pytest.approx(sum(there), rel=ROUNDING)
    sketch = column.quantiles
    assert isinstance(sketch, _core.KllDouble)
    assert (sketch.count, sketch.null_count) == (len(there), array.null_count)
    histogram = column.histogram
    assert histogram is not None
    assert histogram.count == len(there)
    cardinality = column.cardinality
    assert cardinality is not None
    assert cardinality.bounds(3)[0] <= len(set(there)) <= cardinality.bounds(3)[1]
    assert cardinality.counts[0] == len(there)


def test_integers_above_two_to_the_53_are_not_rounded() -> None:
    values = [2**63 - 1, 2**63 - 1, 2**53 + 1, -(2**63)]
    column = column_of(pa.array(values, pa.int64()))
    assert column.exact_sum == sum(values)
    assert (column.exact_min, column.exact_max) == (-(2**63), 2**63 - 1)
    column = column_of(pa.array([2**64 - 1] * 5, pa.uint64()))
    assert column.exact_sum == 5 * (2**64 - 1)
    assert column.top_k is not None
    assert column.top_k.top(1) == [(2**64 - 1, 5, 5, 5)]


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_floats_count_what_is_no_number_apart(bits: int) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=30_000).astype(f"float{bits}")
    values[::100] = np.nan
    values[1::1000] = np.inf
    values[2::2000] = -np.inf
    values[3::500] = 0
    values[4::500] = -0.0
    mask = rng.random(30_000) < 0.1
    column = column_of(pa.array(values, mask=mask))
    there = values[~mask].astype(float)
    finite = there[np.isfinite(there)]
    assert (column.kind, column.type) == ("float", f"float{bits}")
    assert column.null_count == mask.sum()
    assert column.nan_count == np.isnan(there).sum()
    assert column.pos_inf_count == (there == np.inf).sum()
    assert column.neg_inf_count == (there == -np.inf).sum()
    assert column.zero_count == (finite == 0).sum()
    assert column.exact_sum is None
    moments = column.moments
    assert moments is not None
    count, total, low, high, mean, m2 = moments.values()[:6]
    assert (count, low, high) == (finite.size, finite.min(), finite.max())
    assert total == pytest.approx(math.fsum(finite), abs=1e-9)
    assert mean == pytest.approx(finite.mean(), abs=ROUNDING)
    assert m2 == pytest.approx(finite.var() * finite.size, rel=1e-9)
    sketch = column.quantiles
    assert isinstance(sketch, _core.KllDouble if bits == 64 else _core.KllFloat)
    assert (sketch.count, sketch.nan_count) == (finite.size, column.nan_count)
    for q in (0.01, 0.5, 0.99):
        estimate = sketch.quantiles([q])[0]
        assert abs((finite <= estimate).mean() - q) < 3 * sketch.normalized_rank_error(False)
    cardinality = column.cardinality
    assert cardinality is not None
    assert cardinality.bounds(3)[0] <= len(np.unique(finite)) <= cardinality.bounds(3)[1]


def test_booleans_count_both() -> None:
    array = pa.array(holes([i % 3 == 0 for i in range(1000)]))
    column = column_of(array)
    trues = pc.sum(array).as_py()
    falses = 1000 - array.null_count - trues
    assert (column.kind, column.null_count, column.zero_count) == ("boolean", 143, falses)
    assert column.moments is not None
    assert column.moments.values()[:4] == (trues + falses, float(trues), 0.0, 1.0)
    assert column.top_k is not None
    assert dict((item, low) for item, _, low, _ in column.top_k.top(2)) == {
        True: trues,
        False: falses,
    }
    assert column.cardinality is not None
    assert column.cardinality.estimate == 2
    assert column.quantiles is None


@pytest.mark.parametrize(
    "dtype",
    [
        pa.decimal32(7, 2),
        pa.decimal64(16, 2),
        pa.decimal128(30, 2),
        pa.decimal256(60, 2),
        pa.decimal128(30, 0),
        pa.decimal128(30, -2),
        pa.decimal128(38, 30),
    ],
    ids=str,
)
def test_decimals_are_exact(dtype: Any) -> None:
    def decimal(number: int) -> Decimal:  # without the rounding of a context
        return Decimal(f"{number}e{-dtype.scale}")

    unscaled = [0, 7, -9_999_999, 1_234_567, *range(-400, 2000, 3)]
    if dtype.precision >= 30:
        unscaled += [10**29 + 1, -(10**29) + 3]
    values = holes([decimal(number) for number in unscaled])
    array = pa.array(values, dtype)
    column = column_of(array)
    there = [number for number, value in zip(unscaled, values, strict=True) if value is not None]
    assert (column.kind, column.precision, column.scale) == (
        "decimal",
        dtype.precision,
        dtype.scale,
    )
    assert (column.exact_min, column.exact_max, column.exact_sum) == (
        min(there),
        max(there),
        sum(there),
    )
    assert column.moments is not None
    smallest, largest = column.moments.values()[2:4]
    assert smallest == float(decimal(min(there)))
    assert largest == float(decimal(max(there)))
    top_k = column_of(pa.array([decimal(1250)] * 3, dtype)).top_k
    assert top_k is not None
    ((text, *_),) = top_k.top(1)
    assert Decimal(text) == decimal(1250)
    assert "E" not in text


def test_a_sum_of_decimals_beyond_256_bits_is_undefined() -> None:
    largest = 10**76 - 1
    array = pa.array([Decimal(largest)] * 5, pa.decimal256(76, 0))
    assert column_of(array).exact_sum == 5 * largest
    column = column_of(pa.array([Decimal(largest)] * 6, pa.decimal256(76, 0)))
    assert column.exact_sum is None
    assert column.sum_overflowed
    assert column.exact_max == largest


TEMPORAL = [
    (pa.date32(), "date", "D"),
    (pa.date64(), "date", "ms"),
    (pa.time32("s"), "time", "s"),
    (pa.time32("ms"), "time", "ms"),
    (pa.time64("us"), "time", "us"),
    (pa.time64("ns"), "time", "ns"),
    (pa.timestamp("s"), "timestamp", "s"),
    (pa.timestamp("us", "UTC"), "timestamp", "us"),
    (pa.timestamp("ns", "Europe/Paris"), "timestamp", "ns"),
    (pa.duration("ms"), "duration", "ms"),
]


@pytest.mark.parametrize(("dtype", "kind", "unit"), TEMPORAL, ids=lambda x: str(x))
def test_times_are_their_integers(dtype: Any, kind: str, unit: str) -> None:
    day = 86_400_000 if dtype == pa.date64() else 1
    numbers = [day * n for n in (40, 11, 11, 30, 20_000, 7)]
    whole = pa.array(holes(numbers), pa.int32() if dtype.bit_width == 32 else pa.int64())
    column = column_of(whole.cast(dtype))
    there = whole.drop_null().to_pylist()
    assert (column.kind, column.unit) == (kind, unit)
    assert column.timezone == getattr(dtype, "tz", None)
    assert (column.exact_min, column.exact_max) == (min(there), max(there))
    assert column.exact_sum == (sum(there) if kind == "duration" else None)
    assert column.top_k is not None
    assert column.top_k.top(1)[0][0] == 11 * day
    assert (column.histogram is None) == (kind != "duration")
    assert (column.coverage is None) == (kind not in {"date", "timestamp"})
    if kind == "duration":
        assert column.ordered is None
    else:
        assert column.ordered is False
        steps = sum(b < a for a, b in itertools.pairwise(there))
        assert column.steps_back == steps


TEXTS = [
    "",
    "a",
    "abc",
    "größe",
    "日本語テキスト",
    "🙂" * 3,
    "x" * 63,
    "y" * 64,
    "y" * 65,
    "z" * 300,
]


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts(dtype: Any) -> None:
    values = holes(TEXTS * 100)
    column = column_of(pa.array(values, dtype))
    there = [value for value in values if value is not None]
    lengths = [len(value) for value in there]
    assert column.kind == "text"
    assert (column.empty_count, column.invalid_utf8_count) == (there.count(""), 0)
    assert column.lengths is not None
    count, total, low, high = column.lengths.values()[:4]
    assert (count, total, low, high) == (len(there), sum(lengths), min(lengths), max(lengths))
    assert column.length_histogram is not None
    assert column.length_histogram.count == len(there)
    assert column.cardinality is not None
    assert column.cardinality.estimate == len(TEXTS)
    assert column.top_k is not None
    found = {item: low for item, _, low, _ in column.top_k.top(100)}
    expected = Counter(there)
    long = [item for item in found if len(item) > 200]
    assert len(long) == 1
    assert long[0].startswith("z" * 200 + "…")
    assert found.pop(long[0]) == expected.pop("z" * 300)
    assert found == expected
    encoded = [value.encode() for value in there]
    assert column.min_text == min(encoded)
    assert column.max_text == max(encoded)[:64]
    assert not column.min_text_truncated
    assert not column.max_text_truncated


def test_texts_beyond_64_bytes_are_cut_and_say_so() -> None:
    column = column_of(pa.array(["m" * 65, "n" * 64, "n" * 70, "m" * 66]))
    assert (column.min_text, column.min_text_truncated) == (b"m" * 64, True)
    assert (column.max_text, column.max_text_truncated) == (b"n" * 64, True)


@pytest.mark.parametrize("dtype", [pa.string(), pa.string_view()], ids=str)
def test_invalid_utf8_is_an_item_without_a_length(dtype: Any) -> None:
    raw = pa.array([b"fine", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"", None])
    offsets, data = raw.buffers()[1:]
    array = pa.Array.from_buffers(pa.string(), 6, [raw.buffers()[0], offsets, data])
    if dtype != pa.string():
        array = raw.cast(pa.binary_view()).view(dtype)
    column = column_of(array)
    assert (column.invalid_utf8_count, column.empty_count, column.null_count) == (3, 1, 1)
    assert column.lengths is not None
    assert column.lengths.count == 2
    assert column.cardinality is not None
    assert column.cardinality.estimate == 5
    assert column.top_k is not None
    assert (b"\xff\xfe", 1, 1, 1) in column.top_k.top(9)


@pytest.mark.parametrize(
    "dtype", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)], ids=str
)
def test_binary_has_lengths_but_no_frequent_values(dtype: Any) -> None:
    fixed = dtype == pa.binary(3)
    values = holes(
        [b"\x00\xff%c" % (i % 50) + (b"" if fixed else b"!" * (i % 4)) for i in range(500)]
    )
    column = column_of(pa.array(values, dtype))
    there = [value for value in values if value is not None]
    assert (column.kind, column.top_k) == ("binary", None)
    assert column.lengths is not None
    assert column.lengths.values()[:2] == (len(there), sum(map(len, there)))
    assert column.cardinality is not None
    assert column.cardinality.estimate == len(set(there))
    assert (column.min_text, column.max_text) == (min(there), max(there))


@pytest.mark.parametrize("index", INTEGERS, ids=str)
@pytest.mark.parametrize("few", [True, False], ids=["few", "many"])
def test_a_dictionary_is_as_its_values(index: Any, few: bool) -> None:
    entries = [*TEXTS, None, "unused"]
    codes = holes([i % (len(entries) - 1) for i in range(1200 if few else 20)])
    array = pa.DictionaryArray.from_arrays(pa.array(codes, index), pa.array(entries))
    column = column_of(array)
    plain = column_of(array.cast(pa.string()))
    assert column.type == f"dictionary<{index}, utf8>"
    assert column.kind == plain.kind
    for name in ("rows", "null_count", "empty_count", "min_text", "max_text"):
        assert getattr(column, name) == getattr(plain, name), name
    for name in ("cardinality", "top_k"):
        assert getattr(column, name).equals(getattr(plain, name)), name
    assert column.cardinality.counts == plain.cardinality.counts  # type: ignore[union-attr]
    assert column.lengths.values()[:4] == plain.lengths.values()[:4]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.5, math.nan, None, -2.0]),
        pa.array([7, 8, None, 2**60]),
        pa.array([True, False, None, True]),
        pa.array([Decimal("1.25"), Decimal("-7.00"), None, Decimal("3.50")]),
        pa.array([10, 20, None, 5], pa.timestamp("ms")),
        pa.array([b"a", b"bc", None, b""], pa.binary()),
        pa.array([b"ab", b"cd", None, b"ef"], pa.binary(2)),
    ],
    ids=lambda v: str(v.type),
)
def test_dictionaries_of_any_leaf_type(values: Any) -> None:
    codes = pa.array(holes([i % 4 for i in range(100)]), pa.int8())
    array = pa.DictionaryArray.from_arrays(codes, values)
    coded = profile_of(pa.record_batch({"x": array}))
    plain = profile_of(pa.record_batch({"x": values.take(codes)}))
    merged = profile_of(pa.record_batch({"x": array}))
    merged.merge(plain)
    a, b = coded.column(0), plain.column(0)
    for name in (
        "rows",
        "null_count",
        "nan_count",
        "exact_sum",
        "exact_min",
        "min_text",
        "steps_back",
    ):
        assert getattr(a, name) == getattr(b, name), name
    assert a.cardinality.equals(b.cardinality)  # type: ignore[union-attr, arg-type]


def test_nested_columns_are_summarised_by_leaf() -> None:
    rows = [
        {"a": 1, "tags": ["x", None], "m": [("k", 1.5)], "fix": [1, 2]},
        {"a": None, "tags": [], "m": [], "fix": [3, None]},
        None,
        {"a": 4, "tags": None, "m": None, "fix": None},
    ]
    dtype = pa.struct(
        {
            "a": pa.int32(),
            "tags": pa.list_(pa.string()),
            "m": pa.map_(pa.string(), pa.float64()),
            "fix": pa.list_(pa.int64(), 2),
        }
    )
    batch = pa.record_batch({"s": pa.array(rows, dtype)})
    profile = profile_of(batch)
    found = {
        path: (c.kind, c.rows, c.null_count)
        for path, c in ((p, profile.column(i)) for i, p in enumerate(profile.paths))
    }
    assert found == {
        "s.a": ("integer", 4, 2),
        "s.tags": ("list", 4, 2),
        "s.tags[]": ("text", 2, 1),
        "s.m": ("list", 4, 2),
        "s.m.key": ("text", 1, 0),
        "s.m.value": ("float", 1, 0),
        "s.fix": ("list", 4, 2),
        "s.fix[]": ("integer", 4, 1),
    }
    lengths = profile.column(1).moments
    assert lengths is not None
    assert lengths.values()[:4] == (2, 2.0, 0.0, 2.0)
    assert profile.column(1).empty_count == 1
    assert profile.column(7).exact_sum == 6


@pytest.mark.parametrize(
    "make",
    [
        lambda v: pa.array(v, pa.list_(pa.int64())),
        lambda v: pa.array(v, pa.large_list(pa.int64())),
        lambda v: pa.array(v, pa.list_view(pa.int64())),
        lambda v: pa.array(v, pa.large_list_view(pa.int64())),
    ],
)
def test_lists_and_their_slices(make: Any) -> None:
    values = [None if i % 5 == 2 else list(range(i, i + i % 4)) for i in range(300)]
    batch = pa.record_batch({"l": make(values)})
    for start, length in ((0, 300), (7, 200), (299, 1), (10, 0)):
        part = values[start : start + length]
        profile = profile_of(batch.slice(start, length))
        lists, items = profile.column(0), profile.column(1)
        assert (lists.rows, lists.null_count) == (length, part.count(None))
        flat = [item for entry in part if entry is not None for item in entry]
        assert (items.rows, items.null_count) == (len(flat), 0)
        assert items.exact_sum == sum(flat)
        assert lists.empty_count == part.count([])


def test_items_of_null_lists_do_not_exist() -> None:
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 4, 6], pa.int32()),
        pa.array([1, 2, 100, 200, 3, None]),
        mask=pa.array([False, True, False]),
    )
    items = profile_of(pa.record_batch({"l": lists})).column(1)
    assert (items.rows, items.null_count, items.exact_sum) == (4, 1, 6)


def test_types_without_values() -> None:
    column = column_of(pa.nulls(50))
    assert (column.kind, column.type, column.rows, column.null_count) == ("null", "null", 50, 50)
    assert column.moments is None
    empty = pa.record_batch({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())})
    profile = profile_of(empty)
    assert profile.rows == 0
    column = profile.column(1)
    assert (column.rows, column.min_text, column.lengths.count) == (0, None, 0)  # type: ignore[union-attr]
    assert profile.column(0).exact_min is None
    column = column_of(pa.array([None, None], pa.timestamp("us")))
    assert (column.coverage, column.largest_gap, column.ordered) == (None, None, True)


def test_an_extension_type_is_its_storage() -> None:
    array = pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([b"0123456789abcdef"], pa.binary(16))
    )
    column = column_of(array)
    assert (column.kind, column.type) == ("binary", "fixed_size_binary[16]")


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (
            pa.UnionArray.from_dense(
                pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]
            ),
            "union",
        ),
        (pa.RunEndEncodedArray.from_arrays([2], [1]), "run_end_encoded"),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "interval"),
        (pa.DictionaryArray.from_arrays([0], pa.array([[1]])), "dictionary<int64, list<int64>>"),
    ],
)
def test_unsupported_types_are_named(array: Any, name: str) -> None:
    batch = pa.record_batch(
        {"fine": pa.array([1]).take(pa.nulls(len(array), pa.int8())), "odd": array}
    )
    with pytest.raises(InvalidArgumentError, match=f"'odd'.*{name}"):
        _core.Profile(batch.schema)


def test_equal_names_and_dots() -> None:
    struct = pa.array([{"b": 1}])
    batch = pa.RecordBatch.from_arrays(
        [struct, pa.array([2]), pa.array([3]), pa.array([4])], ["a", "a.b", "x", "x"]
    )
    profile = profile_of(batch)
    assert profile.paths == ["a.b", "a.b#2", "x", "x#2"]
    assert [profile.column(i).exact_sum for i in range(4)] == [1, 2, 3, 4]
