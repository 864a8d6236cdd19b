"""Columns of items, read through Hll, which tells few of them apart exactly."""

from __future__ import annotations

import array
import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from inlay import Hll


def check(column: Any, expected: list[Any]) -> None:
    """Compare what a column holds with a list of its items, None being null."""
    sketch = Hll(column)
    items = {item for item in expected if item is not None}
    one_by_one = Hll()
    for item in items:
        one_by_one.update(item)
    assert sketch == one_by_one
    assert sketch.estimate == len(items)
    assert sketch.null_count == expected.count(None)
    assert sketch.count == len(expected) - expected.count(None)


INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_every_width(dtype: Any) -> None:
    info = np.iinfo(dtype)
    values = np.array([info.min, info.max, 0, 1, 100, 100, info.max - 1], dtype=dtype)
    check(values, values.tolist())
    check(values[::-2], values[::-2].tolist())
    check(memoryview(values), values.tolist())
    check(np.frombuffer(b"x" + values.tobytes(), dtype=dtype, offset=1), values.tolist())
    check(pa.array(values), values.tolist())
    check(values.tolist(), values.tolist())
    check(tuple(values), values.tolist())
    check(values.astype(object), values.tolist())


def test_unsigned_integers_above_signed_ones() -> None:
    values = [2**63 - 1, 2**63, 2**64 - 1, 5]
    check(np.array(values, dtype=np.uint64), values)
    check(pa.array(values, pa.uint64()), values)
    check([*values, -7, None], [*values, -7, None])
    assert Hll([2**64 - 1]) == Hll([-1])  # the same eight bytes, as documented


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_every_width(dtype: Any) -> None:
    values = np.array([0.0, -0.0, 1.5, -2.25, 1.0, 65504, 6e-8, 0.1], dtype=dtype)
    exact = [float(value) for value in values]
    check(values, exact)
    check(values[1::3], exact[1::3])
    check(pa.array(values), exact)
    check(list(values), exact)
    check(values.astype(object), exact)
    special = np.array([np.nan, np.inf, -np.inf, 1], dtype=dtype)
    for column in (special, special[::-1], pa.array(special), list(special)):
        sketch = Hll(column)
        assert (sketch.estimate, sketch.count, sketch.nan_count) == (1, 1, 1)
        assert (sketch.pos_inf_count, sketch.neg_inf_count) == (1, 1)


def test_booleans() -> None:
    values = [True, False, True, True]
    for column in (np.array(values), np.array(values)[::2], pa.array(values), values):
        expected = [bool(x) for x in column] if not isinstance(column, pa.Array) else values
        check(column, expected)
    check([np.True_, np.False_, True], [True, False, True])
    check(pa.array([None, True, None]), [None, True, None])


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 5000])
def test_blocks_join_without_loss(size: int) -> None:
    numbers = np.arange(size) % 300
    check(numbers, numbers.tolist())
    check(numbers.astype(np.int16), numbers.tolist())
    texts = [f"name {i}" for i in numbers.tolist()]
    mixed = [None if i % 7 == 0 else text for i, text in enumerate(texts)]
    check(pa.array(mixed, pa.string()), mixed)
    check(pa.array(mixed, pa.string()).dictionary_encode(), mixed)
    check(mixed, mixed)
    check(np.array(texts), texts)


def test_items_one_by_one() -> None:
    for item in ("text", b"bytes", 5, 2**63, True, 2.5, np.int8(3), np.float32(0.5), np.str_("s")):
        check(item, [item.item() if isinstance(item, np.generic) else item])
    nothing = Hll()
    nothing.update(None)
    assert (nothing.null_count, nothing.estimate) == (1, 0)
    assert Hll(np.True_) == Hll(True)
    assert Hll(np.uint64(2**63)) == Hll(2**63)


TEXTS = ["", "a", "é", "日本語", "🎉" * 5, "twelve bytes", "a text of more than twelve bytes", "a"]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()],
    ids=str,
)
def test_arrow_texts_of_every_layout(kind: pa.DataType) -> None:
    values = [*TEXTS, None, "b", None]
    if not pa.types.is_string(kind) and "string" not in str(kind):
        values = [None if v is None else v.encode() for v in values]
    column = pa.array(values, kind)
    check(column, values)
    for start in range(len(values)):
        check(column.slice(start, 4), values[start : start + 4])
    check(pa.chunked_array([column, column.slice(3, 5), column.slice(0, 0)]), values + values[3:8])
    check(pa.array([], kind), [])
    check(pa.array([None, None], kind), [None, None])
    check(pa.array(["" if kind == pa.string() else b""] * 2, kind), [""] * 2)


def test_binary_views_and_fixed_binary() -> None:
    values = [b"abcd", b"a\0\0\0", None, b"\0\0\0\0", b"abcd"]
    check(pa.array(values, pa.binary(4)), values)
    check(pa.array(values, pa.binary(4)).slice(1, 3), values[1:4])
    if hasattr(pa, "binary_view"):
        longer = [*values, b"longer than twelve bytes", None]
        check(pa.array(longer, pa.binary_view()), longer)


def test_arrow_numbers_with_nulls_and_offsets() -> None:
    values = [None if i % 3 == 1 else i for i in range(40)]
    for kind in (pa.int8(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64()):
        column = pa.array(values, kind)
        for start in (0, 1, 7, 8, 9, 39):
            check(column.slice(start, 17), values[start : start + 17])
        check(pa.chunked_array([column.slice(5), column.slice(0, 3)]), values[5:] + values[:3])
    floats = [None if v is None else v / 2 for v in values]
    for kind in (pa.float32(), pa.float64()):
        check(pa.array(floats, kind).slice(3, 30), floats[3:33])
    bools = [None, True, False, None, True] * 5
    check(pa.array(bools).slice(3, 15), bools[3:18])
    check(pa.nulls(5), [None] * 5)
    check(pa.array(values).slice(4), values[4:])


@pytest.mark.parametrize(
    "index", [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64()]
)
def test_dictionaries_with_nulls(index: pa.DataType) -> None:
    entries = pa.array(["x", None, "y", "never used", "zzz zzz zzz zzz"])
    positions = [0, 1, 2, None, 4, 0, 0, 2, 1]
    expected = [None if p is None else entries[p].as_py() for p in positions]
    column = pa.DictionaryArray.from_arrays(pa.array(positions, index), entries)
    check(column, expected)
    check(column.slice(2, 5), expected[2:7])
    check(column.slice(4, 1), expected[4:5])  # fewer items than entries
    many = pa.chunked_array([column] * 300)
    check(many, expected * 300)


@pytest.mark.parametrize("kind", [pa.int32(), pa.uint64(), pa.bool_(), pa.binary(1), pa.date32()])
def test_dictionaries_of_other_items(kind: pa.DataType) -> None:
    plain: list[Any] = [1, 0, 1, None, 0, 1] * 3
    if kind == pa.bool_():
        plain = [None if v is None else bool(v) for v in plain]
    if kind == pa.binary(1):
        plain = [None if v is None else bytes([v]) for v in plain]
    entries = pa.array(sorted({v for v in plain if v is not None}), kind)
    places = {v.as_py() if kind != pa.date32() else v.value: i for i, v in enumerate(entries)}
    positions = [None if v is None else places[v] for v in plain]
    check(pa.DictionaryArray.from_arrays(pa.array(positions, pa.int8()), entries), plain)
    sliced = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), entries.slice(0, 2))
    assert Hll(sliced).estimate == 2


def test_dictionaries_of_floats_count_every_nan() -> None:
    entries = pa.array([1.5, float("nan"), float("inf"), -0.0])
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, 2, 3, 1] * 2, pa.int8()), entries)
    sketch = Hll(column)
    assert (sketch.estimate, sketch.count, sketch.nan_count, sketch.pos_inf_count) == (2, 4, 6, 2)


def test_empty_dictionaries_and_those_of_nulls() -> None:
    empty = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], "utf8"))
    check(empty, [None, None])
    nothing = pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), pa.nulls(1))
    check(nothing, [None, None])


def test_dates_and_times_are_their_integers() -> None:
    days = [datetime.date(2024, 1, 1), None, datetime.date(1969, 12, 31)]
    for kind, unit in ((pa.date32(), 1), (pa.date64(), 86_400_000)):
        check(pa.array(days, kind), [19723 * unit, None, -unit])
    moments = pa.array([1, None, 2**40], pa.int64())
    for kind in (
        pa.timestamp("s"),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("us", "Europe/Berlin"),
        pa.duration("ms"),
        pa.time64("us"),
    ):
        values = [1, None, 2**40 if kind != pa.time64("us") else 2**36]
        check(pa.array(values, pa.int64()).cast(kind), values)
    check(pa.array([1, 2], pa.int32()).cast(pa.time32("s")), [1, 2])
    assert Hll(moments).estimate == 2


@pytest.mark.parametrize("width", [1, 5, 40])
def test_padded_numpy_texts(width: int) -> None:
    values = [text[:width] for text in TEXTS]
    column = np.array(values, dtype=f"U{width}")
    check(column, values)
    check(column[::-2], values[::-2])
    check(column.reshape(2, 2, 2), values)
    check(column.reshape(4, 2)[:, ::-1], values)
    check(np.array(values[1]), values[1:2])
    raw = [text.encode()[:width].rstrip(b"\0") for text in TEXTS]
    check(np.array(raw, dtype=f"S{width}"), raw)
    check(np.array(raw, dtype=f"S{width}")[1::3], raw[1::3])
    check(np.array(raw, dtype=f"S{width}").reshape(4, 2).T, raw)
    check(np.array([b"a\0b", b"\0"], dtype="S5"), [b"a\0b", b""])


def test_code_points_that_are_no_characters_are_refused() -> None:
    for code in (0xD800, 0xDFFF, 0x110000):
        column = np.array([0x61, code], dtype=np.uint32).view("U1")
        with pytest.raises(ValueError, match=str(code)):
            Hll(column)
    with pytest.raises(UnicodeEncodeError):
        Hll(["\ud800"])


def test_numpy_objects_and_texts_of_any_length() -> None:
    values = ["text", None, 5, 2.5, True, b"bytes", 2**63, "text"]
    check(np.array(values, dtype=object), values)
    check(np.array(values, dtype=object)[::2], values[::2])
    column = np.array(TEXTS, dtype=np.dtypes.StringDType())
    check(column, TEXTS)


def test_arrays_of_any_shape() -> None:
    values = np.arange(24, dtype=np.int32)
    for column in (
        values.reshape(2, 3, 4),
        values.reshape(4, 6).T,
        np.asfortranarray(values.reshape(4, 6)),
    ):
        check(column, values.tolist())
    check(values.reshape(4, 6)[:, 1::2], values.reshape(4, 6)[:, 1::2].ravel().tolist())
    check(np.array(7), [7])
    check(np.zeros((3, 0)), [])
    read_only = values.copy()
    read_only.flags.writeable = False
    check(read_only, values.tolist())


def test_other_buffers() -> None:
    check(array.array("h", [1, -2, 1]), [1, -2, 1])
    check(array.array("Q", [2**63, 1]), [2**63, 1])
    check(array.array("d", [0.5]), [0.5])
    check(bytearray(b"aab"), [97, 97, 98])
    check(range(5), list(range(5)))


def test_mixed_sequences_keep_their_kinds() -> None:
    values = [None, None, "a", "b", None, 1, 2**63, 2.5, True, "a", b"a", None, 1, 1.0, -0.0]
    sketch = Hll(values)
    # "a" and b"a" are one item; True and 1 are one; 1 and 1.0 are two.
    assert sketch.estimate == len({"a", "b", 1, 2**63, 2.5}) + len([1.0, -0.0])
    assert (sketch.count, sketch.null_count) == (11, 4)


def test_a_sequence_that_changes_meanwhile() -> None:
    values: list[Any] = []

    class Item:
        def __index__(self) -> int:
            values.clear()
            return 7

    values.extend(["kept " * 9, Item(), "also kept " * 9])
    assert Hll(values).estimate == 3


def test_other_libraries_columns() -> None:
    pandas = pytest.importorskip("pandas", reason="whose columns these are")
    polars = pytest.importorskip("polars", reason="whose columns these are")
    values = ["x", None, "a text of more than twelve bytes", "x"]
    check(polars.Series(values), values)
    check(polars.Series(values, dtype=polars.Categorical), values)
    check(polars.Series([1, None, 3]), [1, None, 3])
    check(pandas.Series(values, dtype="string"), values)
    check(pandas.Series(["x", "y", "x"], dtype="category"), ["x", "y", "x"])
    check(pandas.Series([1, 2, 1], dtype=np.int16), [1, 2, 1])


REFUSED = {
    "decimals": pa.array([decimal.Decimal("1.5")]),
    "a list of decimals": [decimal.Decimal("1.5")],
    "lists": pa.array([[1, 2]]),
    "a table": pa.table({"a": [1]}),
    "structs": pa.array([{"a": 1}]),
    "months": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    "runs": pa.RunEndEncodedArray.from_arrays([2], ["a"]),
    "swapped": np.array([1, 2], dtype=">i4"),
    "swapped text": np.array(["a"], dtype=">U3"),
    "complex": np.array([1j]),
    "a complex": 1j,
    "dates of numpy": np.array(["2024-01-01"], dtype="datetime64[D]"),
    "a list of dates": [datetime.date(2024, 1, 1)],
    "long doubles": np.array([1], dtype=np.longdouble),
    "records": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "a set": {1, 2},
    "a mapping": {"a": 1},
    "an object": object(),
    "a class": int,
    "nested": [[1, 2], [3]],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_item_is_refused(what: str) -> None:
    sketch = Hll([1])
    with pytest.raises(TypeError):
        sketch.update(REFUSED[what])
    assert sketch == Hll([1])
    assert sketch.count == 1


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (np.array([1], dtype=">i4"), r"byte-swapped values of format '>i'"),
        (pa.array([decimal.Decimal("1.5")]), "a decimal"),
        (pa.array([[1]]), "a nested type"),
        ([1, 2j], r"item 2j"),
        (1j, "complex"),
    ],
)
def test_refusals_name_what_they_got(column: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        Hll(column)


def test_bfloat16_is_refused() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="whose type it is")
    with pytest.raises(TypeError):
        Hll(np.array([1.5], dtype=ml_dtypes.bfloat16))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**30])
def test_integers_beyond_64_bits_are_refused_by_value(value: int) -> None:
    for column in (value, [value], np.array([value], dtype=object)):
        with pytest.raises(ValueError, match=f"{value}$"):
            Hll(column)
