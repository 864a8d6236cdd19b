"""The native checks against pyarrow.compute, numpy and plain Python."""

from __future__ import annotations

import concurrent.futures
import datetime
import decimal
import itertools
import math
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import strategies as st

import inlay
from inlay._core import CheckPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay._core import CheckOutcome

# Rows round the size of a block, a word and a vector.
SIZES = (0, 1, 2, 7, 63, 64, 65, 1_023, 1_024, 1_025, 2_500)


def batch_of(**columns: Any) -> pa.RecordBatch:
    arrays = {k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()}
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def check(array: pa.Array, kind: str, **parameters: Any) -> CheckOutcome:
    batch = batch_of(x=array)
    return CheckPlan(batch.schema, [(kind, "x", parameters)], max_rows=10**6).check(
        batch, mask=True
    )


def rows(array: pa.Array, kind: str, **parameters: Any) -> list[int]:
    """Return the rows that fail, and see that counts and mask say the same."""
    out = check(array, kind, **parameters)
    found = out.rows_of(0)
    assert out.failed(0) == len(found) == out.counts[0]
    assert out.failing_rows() == found
    bits = np.unpackbits(np.frombuffer(out.mask() or b"", np.uint8), bitorder="little")
    assert np.flatnonzero(bits).tolist() == found
    return found


def where(array: pa.Array, fails: Callable[[Any], bool]) -> list[int]:
    return [i for i, v in enumerate(array.to_pylist()) if v is not None and fails(v)]


def sliced(array: pa.Array, before: int) -> pa.Array:
    """Return an equal array that starts inside of a larger one."""
    head = pa.concat_arrays([pa.nulls(before, array.type), array, pa.nulls(3, array.type)])
    return head.slice(before, len(array))


# ---- numbers -----------------------------------------------------------------------------------
INTEGERS = {
    pa.int8(): st.integers(-(2**7), 2**7 - 1),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint8(): st.integers(0, 2**8 - 1),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
}
FLOATS = {
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
}
BOUNDS = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -1, 2**53 + 1, 2**63, 2**63 - 1, -(2**63), 2**64 - 1, 127, 128]),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 0.5, -0.5, math.inf, -math.inf, 5e-324]),
)


@st.composite
def number_arrays(draw: st.DrawFn) -> pa.Array:
    """Draw numbers of any type with nulls, somewhere inside of a larger array."""
    type_, values = draw(st.sampled_from(list((INTEGERS | FLOATS).items())))
    items = draw(st.lists(st.one_of(st.none(), values), max_size=40))
    return sliced(pa.array(items, type_), draw(st.integers(0, 9)))


def inside(value: float, low: Any, high: Any, *, over: bool, under: bool) -> bool:
    """Say whether a number lies in a range, as Python compares: exactly."""
    if math.isnan(value):
        return False
    if low is not None and (value <= low if over else value < low):
        return False
    return high is None or not (value >= high if under else value > high)


@hypothesis.given(number_arrays(), BOUNDS, BOUNDS, st.booleans(), st.booleans())
def test_range_is_exact_for_all_numbers(
    array: pa.Array, low: Any, high: Any, over: bool, under: bool
) -> None:
    hypothesis.assume(low is not None or high is not None)
    found = rows(array, "range", min=low, max=high, min_exclusive=over, max_exclusive=under)
    assert found == where(array, lambda v: not inside(v, low, high, over=over, under=under))


@hypothesis.given(number_arrays(), BOUNDS, st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]))
def test_comparison_with_a_constant_is_exact(array: pa.Array, value: Any, op: str) -> None:
    hypothesis.assume(value is not None)
    holds: dict[str, Callable[[Any], bool]] = {
        "<": lambda v: v < value,
        "<=": lambda v: v <= value,
        "==": lambda v: v == value,
        "!=": lambda v: v != value,
        ">=": lambda v: v >= value,
        ">": lambda v: v > value,
    }
    found = rows(array, "compare", op=op, value=value)
    assert found == where(array, lambda v: not holds[op](v))


@hypothesis.given(number_arrays())
def test_stats_agree_with_python(array: pa.Array) -> None:
    values = [v for v in array.to_pylist() if v is not None]
    finite = [v for v in values if math.isfinite(v)]
    batch = batch_of(x=array)
    plan = CheckPlan(batch.schema, [("stats", 0, {})])
    total, nulls, nans, pos_infs, neg_infs, low, high, sum_ = plan.check(batch).stats("x")
    assert (total, nulls) == (len(array), array.null_count)
    assert nans == sum(map(math.isnan, values))
    assert (pos_infs, neg_infs) == (values.count(math.inf), values.count(-math.inf))
    assert low == min(finite, default=None)
    assert high == max(finite, default=None)
    if pa.types.is_integer(array.type):
        assert sum_ == sum(finite)
    elif sum_ is not None:
        scale = math.fsum(map(abs, finite)) if max(map(abs, finite), default=0) < 1e300 else 1e308
        assert abs(sum_ - math.fsum(finite)) <= 1e-15 * 40 * scale


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("type_", [*INTEGERS, *FLOATS, pa.bool_()], ids=str)
def test_numbers_of_many_blocks_agree_with_pyarrow(type_: pa.DataType, size: int) -> None:
    random = np.random.default_rng(size)
    mask = random.random(size) < 0.2
    array = sliced(pa.array(random.integers(0, 2, size).astype(float), mask=mask).cast(type_), 5)
    assert rows(array, "null") == np.flatnonzero(mask).tolist()
    wrong = pc.equal(array.cast(pa.float64()), 1.0).fill_null(False).to_numpy(False)
    assert rows(array, "range", max=0) == np.flatnonzero(wrong).tolist()
    assert rows(array, "set", values=[0]) == np.flatnonzero(wrong).tolist()
    assert rows(array, "not_in_set", values=[1, 7]) == np.flatnonzero(wrong).tolist()
    out = check(array, "stats")
    assert out.stats(0)[7] == np.sum(wrong)
    assert out.evaluated(0) == size - np.sum(mask)


def test_nan_and_infinities_fail_as_the_rules_say() -> None:
    array = pa.array([1.0, math.nan, math.inf, None, -math.inf, -0.0])
    assert rows(array, "finite") == [1, 2, 4]
    assert rows(array, "nan") == [1]
    assert rows(array, "range", min=-math.inf) == [1]
    assert rows(array, "range", min=0) == [1, 4]
    assert rows(array, "set", values=[1, math.nan, 0.0]) == [2, 4]
    assert rows(array, "not_in_set", values=[0]) == [5]
    assert rows(pa.array([1, 2]), "finite") == []


def test_a_sum_no_double_holds_is_none() -> None:
    out = check(pa.array([1.7e308] * 40), "stats")
    assert out.stats("x")[7] is None
    assert out.stats("x")[5:7] == (1.7e308, 1.7e308)


def test_extremes_of_integers_are_exact() -> None:
    array = pa.array([2**64 - 1] * 3_000, pa.uint64())
    assert check(array, "stats").stats("x")[5:] == (2**64 - 1, 2**64 - 1, 3_000 * (2**64 - 1))
    array = pa.array([-(2**63)] * 3_000)
    assert check(array, "stats").stats("x")[5:] == (-(2**63), -(2**63), -3_000 * 2**63)


def test_decimals_count_in_unscaled_integers() -> None:
    for type_ in (
        pa.decimal32(9, 2),
        pa.decimal64(18, 2),
        pa.decimal128(38, 2),
        pa.decimal256(76, 2),
    ):
        texts = ["1.50", "-2.25", None, "999.99", "1.50"]
        array = sliced(pa.array([t and decimal.Decimal(t) for t in texts]).cast(type_), 2)
        assert rows(array, "range", min=-225, max=99_998) == [3]
        assert rows(array, "set", values=[150, -225]) == [3]
        assert rows(array, "unique") == [4]
        assert rows(array, "monotonic") == [1, 4]
        assert check(array, "stats").stats("x")[5:] == (-225, 99_999, 100_074)
        with pytest.raises(inlay.InvalidArgumentError, match=r"unscaled.*0\.5"):
            check(array, "range", min=0.5)
    largest = pa.array([decimal.Decimal(10**76 - 1)], pa.decimal256(76, 0))
    assert check(largest, "stats").stats("x")[6:] == (10**76 - 1, 10**76 - 1)
    assert rows(largest, "range", max=10**76 - 2) == [0]
    with pytest.raises(inlay.InvalidArgumentError, match="more than 256 bits"):
        check(largest, "range", max=2**255)


def test_times_count_in_their_units() -> None:
    day = datetime.date(1970, 1, 11)
    moment = datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    for array, count in (
        (pa.array([day], pa.date32()), 10),
        (pa.array([day], pa.date64()), 10 * 86_400_000),
        (pa.array([moment], pa.timestamp("us", "UTC")), 1_000_000),
        (pa.array([datetime.time(0, 0, 2)], pa.time32("s")), 2),
        (pa.array([datetime.timedelta(seconds=3)], pa.duration("ns")), 3_000_000_000),
    ):
        assert rows(array, "range", min=count, max=count) == []
        assert rows(array, "range", min=count + 1) == [0]
        assert check(array, "stats").stats("x")[5:7] == (count, count)


# ---- text --------------------------------------------------------------------------------------
TEXTS = st.text(alphabet="ab\0é☃😀", max_size=20)
TEXT_TYPES = (pa.string(), pa.large_string(), pa.string_view())
BYTE_TYPES = (pa.binary(), pa.large_binary(), pa.binary_view())


@st.composite
def text_arrays(draw: st.DrawFn) -> pa.Array:
    """Draw texts of any layout, dictionaries too."""
    items = draw(st.lists(st.one_of(st.none(), TEXTS), max_size=40))
    type_ = draw(st.sampled_from([*TEXT_TYPES, "dictionary"]))
    array = pa.array(items, pa.string() if type_ == "dictionary" else type_)
    if type_ == "dictionary":
        return array.dictionary_encode().slice(draw(st.integers(0, len(items))))
    return sliced(array, draw(st.integers(0, 9)))


@hypothesis.given(text_arrays(), st.integers(0, 8), st.integers(0, 20))
def test_lengths_count_code_points(array: pa.Array, low: int, high: int) -> None:
    hypothesis.assume(low <= high)
    found = rows(array, "length", min=low, max=high)
    assert found == where(array, lambda v: not low <= len(v) <= high)
    assert rows(array, "utf8") == []


@hypothesis.given(text_arrays(), st.lists(TEXTS, max_size=40))
def test_sets_of_text_agree_with_python(array: pa.Array, values: list[str]) -> None:
    assert rows(array, "set", values=values) == where(array, lambda v: v not in values)
    assert rows(array, "not_in_set", values=values) == where(array, lambda v: v in values)
    missing = [i for i, v in enumerate(array.to_pylist()) if v is None or v in values]
    assert rows(array, "missing", values=values) == missing


def repeats(items: list[Any]) -> list[int]:
    seen = set()
    out = []
    for i, item in enumerate(items):
        if item is None or (isinstance(item, tuple) and None in item):
            continue
        if item in seen:
            out.append(i)
        seen.add(item)
    return out


@hypothesis.given(text_arrays())
def test_repeats_and_order_of_text_agree_with_python(array: pa.Array) -> None:
    items = array.to_pylist()
    assert rows(array, "unique") == repeats(items)
    there = [(i, v.encode()) for i, v in enumerate(items) if v is not None]
    pairs = list(itertools.pairwise(there))
    assert rows(array, "monotonic") == [b[0] for a, b in pairs if b[1] < a[1]]
    found = rows(array, "monotonic", strict=True, decreasing=True)
    assert found == [b[0] for a, b in pairs if not b[1] < a[1]]


@hypothesis.given(st.lists(st.one_of(st.none(), st.binary(max_size=24)), max_size=40))
def test_bytes_agree_with_python(items: list[bytes | None]) -> None:
    def broken(value: bytes) -> bool:
        try:
            value.decode()
        except UnicodeDecodeError:
            return True
        return False

    for type_ in BYTE_TYPES:
        array = sliced(pa.array(items, type_), 3)
        assert rows(array, "utf8") == where(array, broken)
        assert rows(array, "length", max=7) == where(array, lambda v: len(v) > 7)
        assert rows(array, "set", values=[b"", b"\0"]) == where(
            array, lambda v: v not in (b"", b"\0")
        )
        assert rows(array, "unique") == repeats(items)


def test_text_cut_inside_of_a_code_point_is_found_among_its_neighbours() -> None:
    # All the bytes in a row are UTF-8, two of the texts are not.
    array = pa.array([b"abc" * 9, b"\xe2\x98", b"\x83", b"xyz" * 9], pa.binary())
    assert rows(array, "utf8") == [1, 2]
    assert rows(array.cast(pa.binary_view()), "utf8") == [1, 2]


@pytest.mark.parametrize("size", SIZES)
def test_text_of_many_blocks_agrees_with_pyarrow(size: int) -> None:
    random = np.random.default_rng(size)
    words = ["", "n/a", "é" * 3, "short", "a text of more than fifteen bytes", "x" * 70]
    items = [words[i] for i in random.integers(0, len(words), size)]
    mask = random.random(size) < 0.2
    for type_ in TEXT_TYPES:
        plain = pa.array(items, pa.string(), mask=mask)
        array = sliced(plain.cast(type_), 5)
        for candidate in (array, plain.dictionary_encode()):
            wrong = pc.greater(pc.utf8_length(plain), 4).fill_null(False).to_numpy(False)
            assert rows(candidate, "length", max=4) == np.flatnonzero(wrong).tolist()
            member = pc.is_in(plain, pa.array(words[3:5])).to_numpy(False)
            assert (
                rows(candidate, "not_in_set", values=words[3:5]) == np.flatnonzero(member).tolist()
            )
            assert rows(candidate, "unique") == repeats(plain.to_pylist())


# ---- several columns ---------------------------------------------------------------------------
@st.composite
def pairs(draw: st.DrawFn) -> tuple[pa.Array, pa.Array]:
    """Draw two columns of numbers, of types that may differ, with equal values among them."""
    size = draw(st.integers(0, 30))
    out = []
    for _ in range(2):
        type_, values = draw(st.sampled_from(list((INTEGERS | FLOATS).items())))
        near = st.sampled_from([0, 1, 2, 127])
        item = st.one_of(st.none(), values, near if pa.types.is_integer(type_) else near.map(float))
        items = draw(st.lists(item, min_size=size, max_size=size))
        out.append(sliced(pa.array(items, type_), draw(st.integers(0, 5))))
    return out[0], out[1]


@hypothesis.given(pairs(), st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]))
def test_columns_compare_exactly(arrays: tuple[pa.Array, pa.Array], op: str) -> None:
    left, right = arrays
    batch = batch_of(a=left, b=right)
    plan = CheckPlan(batch.schema, [("compare", "a", {"op": op, "other": 1})], max_rows=1000)
    holds: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        ">=": lambda a, b: a >= b,
        ">": lambda a, b: a > b,
    }
    zipped = list(zip(left.to_pylist(), right.to_pylist(), strict=True))
    there = [i for i, (a, b) in enumerate(zipped) if a is not None and b is not None]
    out = plan.check(batch)
    assert out.evaluated(0) == len(there)
    assert out.rows_of(0) == [i for i in there if not holds[op](*zipped[i])]


@hypothesis.given(pairs())
def test_keys_of_two_columns_repeat_as_in_python(arrays: tuple[pa.Array, pa.Array]) -> None:
    def items(array: pa.Array) -> list[Any]:
        # A NaN is one value here.
        return ["nan" if v is not None and v != v else v for v in array.to_pylist()]

    batch = batch_of(a=arrays[0], b=arrays[1])
    plan = CheckPlan(batch.schema, [("unique", 0, {"columns": ["a", 1]})], max_rows=1000)
    zipped = list(zip(items(arrays[0]), items(arrays[1]), strict=True))
    assert plan.check(batch).rows_of(0) == repeats(zipped)


def test_sums_of_columns() -> None:
    total = [6, 6, None, 7]
    parts = {"a": [1, 1, 1, 1], "b": [5, 4, 5, 5]}
    for type_ in (pa.int64(), pa.uint64(), pa.float64(), pa.decimal128(20, 0)):
        batch = batch_of(
            total=pa.array(total).cast(type_),
            **{name: pa.array(values).cast(type_) for name, values in parts.items()},
        )
        for tolerance, wrong in ((0, [1, 3]), (1, [])):
            rule = ("sums", 0, {"parts": ["a", "b"], "tolerance": tolerance})
            out = CheckPlan(batch.schema, [rule]).check(batch)
            assert (out.evaluated(0), out.rows_of(0)) == (3, wrong)
    batch = batch_of(total=[math.nan, math.inf, 1.0], a=[1.0, math.inf, 1.0])
    out = CheckPlan(batch.schema, [("sums", 0, {"parts": [1]})]).check(batch)
    assert out.rows_of(0) == [0, 1]


# ---- from batch to batch -----------------------------------------------------------------------
def test_state_carries_keys_and_last_values_over() -> None:
    first = batch_of(n=[1, 2, 5], s=["a", "b", None], x=[1.0, 2.0, math.nan])
    second = batch_of(n=[4, 2, 9], s=["c", "a", "d"], x=[1.5, 3.0, 3.0])
    rules: list[tuple[str, int | str, dict[str, Any]]] = [
        ("unique", "n", {}),
        ("unique", "s", {}),
        ("monotonic", "n", {}),
        ("monotonic", "x", {"strict": True}),
        ("unique", "n", {"columns": ["n", "s"]}),
        ("stats", "x", {}),
    ]
    plan = CheckPlan(first.schema, rules)
    state = plan.state()
    out = plan.check(first, state=state, mask=True)
    out.merge(plan.check(second, state=state, first_row=3, mask=True))
    assert [out.rows_of(i) for i in range(5)] == [[4], [4], [3, 4], [2, 3, 5], []]
    assert out.rows == 6
    assert out.mask() == bytes([0b111100])
    assert out.stats("x") == (6, 0, 1, 0, 0, 1.0, 3.0, 10.5)
    assert state.memory_bytes > 0
    # Without a state each batch stands alone.
    assert plan.check(second).failed(0) == 0


@hypothesis.given(st.lists(st.integers(0, 60), max_size=200), st.integers(1, 50))
def test_batches_with_a_state_are_as_good_as_one(items: list[int], size: int) -> None:
    whole = batch_of(x=pa.array(items, pa.int64()))
    plan = CheckPlan(whole.schema, [("unique", 0, {}), ("monotonic", 0, {})], max_rows=1000)
    state = plan.state()
    out = plan.check(whole.slice(0, 0), state=state, mask=True)
    for at in range(0, len(items), size):
        out.merge(plan.check(whole.slice(at, size), state=state, first_row=at, mask=True))
    alone = plan.check(whole, mask=True)
    for rule in (0, 1):
        assert out.rows_of(rule) == alone.rows_of(rule)
    assert out.mask() == alone.mask()
    assert out.rows_of(0) == repeats(items)


def test_more_keys_than_remembered_is_undefined() -> None:
    batch = batch_of(x=list(range(100)))
    plan = CheckPlan(batch.schema, [("unique", 0, {"max_keys": 150})])
    state = plan.state()
    assert plan.check(batch, state=state).undefined(0) is None
    assert plan.check(batch, state=state).failed(0) == 100
    more = batch_of(x=list(range(100, 200)))
    assert plan.check(more, state=state).undefined(0) == "more different values than max_keys"
    assert plan.check(batch, state=state).undefined(0) is not None


def test_a_state_belongs_to_its_plan() -> None:
    batch = batch_of(x=[1])
    plan, other = (CheckPlan(batch.schema, [("unique", 0, {})]) for _ in range(2))
    with pytest.raises(inlay.InvalidArgumentError, match="state belongs to another plan"):
        plan.check(batch, state=other.state())
    with pytest.raises(inlay.InvalidArgumentError, match="outcomes of two plans"):
        plan.check(batch).merge(other.check(batch))


def test_rows_are_capped_and_counts_are_not() -> None:
    batch = batch_of(x=pa.nulls(5_000, pa.int64()), y=list(range(5_000)))
    rules: list[tuple[str, int | str, dict[str, Any]]] = [
        ("null", 0, {}),
        ("range", 1, {"max": 10}),
    ]
    plan = CheckPlan(batch.schema, rules, max_rows=3)
    out = plan.check(batch, first_row=1_000)
    assert out.counts == [5_000, 4_989]
    assert out.rows_of(0) == [1_000, 1_001, 1_002]
    assert out.rows_of(1) == [1_011, 1_012, 1_013]
    assert out.failing_rows() == [1_000, 1_001, 1_002]
    assert out.mask() is None
    assert (out.first_row, out.rows) == (1_000, 5_000)


def test_threads_share_a_plan_and_a_state() -> None:
    random = np.random.default_rng(7)
    batches = [
        batch_of(x=random.integers(0, 10**6, 4_000), s=[f"{i}" for i in range(4_000)])
        for _ in range(16)
    ]
    plan = CheckPlan(
        batches[0].schema, [("unique", "x", {}), ("length", "s", {"max": 3})], max_rows=10
    )
    state = plan.state()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(plan.check, batches))
        shared = list(pool.map(lambda b: plan.check(b, state=state).failed(0), batches))
    for batch, out in zip(batches, alone, strict=True):
        assert out.failed(0) == 4_000 - len(np.unique(batch["x"].to_numpy()))
        assert out.failed(1) == 3_000
    values = np.concatenate([batch["x"].to_numpy() for batch in batches])
    assert sum(shared) == len(values) - len(np.unique(values))


# ---- nested, dictionaries and what is wrong ----------------------------------------------------
def test_parts_of_structs_and_lengths_of_lists() -> None:
    batch = batch_of(
        address=pa.array([{"city": "x"}, None, {"city": None}, {"city": "long"}]),
        tags=pa.array([[1, 2], None, [], [1, 2, 3]]),
    )
    rules: list[tuple[str, int | str, dict[str, Any]]] = [
        ("null", "address.city", {}),
        ("length", "address.city", {"max": 3}),
        ("length", 1, {"min": 1, "max": 2}),
        ("null", "tags", {}),
    ]
    out = CheckPlan(batch.schema, rules).check(batch)
    assert [out.rows_of(i) for i in range(4)] == [[1, 2], [3], [2, 3], [1]]
    with pytest.raises(inlay.InvalidArgumentError, match=r"name one by its path: 'address\.city'"):
        CheckPlan(batch.schema, [("null", 0, {})])
    with pytest.raises(inlay.InvalidArgumentError, match=r"items of lists .*'tags\[\]'"):
        CheckPlan(batch.schema, [("null", "tags[]", {})])


def test_an_index_outside_of_the_dictionary_takes_part_in_nothing_else() -> None:
    indices = pa.array([0, 5, -1, None, 1, 0], pa.int8())
    array = pa.DictionaryArray.from_arrays(indices, pa.array(["a", None]), safe=False)
    batch = batch_of(x=array)
    rules: list[tuple[str, int | str, dict[str, Any]]] = [
        ("dictionary", 0, {}),
        ("null", 0, {}),
        ("set", 0, {"values": ["b"]}),
        ("unique", 0, {}),
        ("missing", 0, {"values": ["a"]}),
        ("stats", 0, {}),
    ]
    out = CheckPlan(batch.schema, rules).check(batch, mask=True)
    assert [out.rows_of(i) for i in range(5)] == [[1, 2], [3, 4], [0, 5], [5], [0, 3, 4, 5]]
    assert [out.evaluated(i) for i in range(5)] == [4, 4, 2, 2, 4]
    assert out.stats("x")[:2] == (6, 2)


def test_dictionaries_of_numbers() -> None:
    array = pa.array([1.5, None, 3.0, 1.5, math.nan]).dictionary_encode()
    assert rows(array, "range", max=2) == [2, 4]
    assert rows(array, "finite") == [4]
    assert rows(array, "unique") == [3]
    assert check(array, "stats").stats("x") == (5, 1, 1, 0, 0, 1.5, 3.0, 6.0)
    # More values than rows: they are judged row by row.
    large = pa.DictionaryArray.from_arrays(pa.array([7, None]), pa.array(list(range(100))))
    assert rows(large, "range", max=6) == [0]


def test_null_columns_have_nothing_but_nulls() -> None:
    assert rows(pa.nulls(3), "null") == [0, 1, 2]
    assert rows(pa.nulls(3), "missing", values=[]) == [0, 1, 2]
    assert check(pa.nulls(3), "stats").stats("x") == (3, 3, 0, 0, 0, None, None, None)


@pytest.mark.parametrize(
    ("array", "rule", "message"),
    [
        ([1], ("odd", "x", {}), "no such kind of rule: 'odd'"),
        ([1], ("null", "y", {}), r"rule 0 \(null\): no such column: 'y'"),
        ([1], ("null", 1, {}), "no such column: 1"),
        ([1], ("null", 0, {"depth": 1}), "no such parameter: 'depth'"),
        ([1], ("range", 0, {}), r"column 'x' \(int64\): a range needs a bound"),
        ([1], ("range", 0, {"min": math.nan}), "a bound must be a number: nan"),
        ([1], ("range", 0, {"min": "a"}), "the bound is a text"),
        ([1], ("set", 0, {"values": [None]}), "null is no value"),
        ([1], ("set", 0, {"values": ["a"]}), "the value is a text, which no int64 equals: 'a'"),
        (["a"], ("set", 0, {"values": [1]}), "the value is no text: 1"),
        (["a"], ("range", 0, {"min": 1}), "only numbers and times have a range"),
        (["a"], ("length", 0, {"min": -1}), "a length must be an integer from 0 on: -1"),
        (["a"], ("length", 0, {"min": 0.5}), r"a length must be an integer from 0 on: 0\.5"),
        (["a"], ("length", 0, {"min": 3, "max": 2}), "smallest length is above the largest: 3"),
        ([1], ("length", 0, {"min": 1}), "only text, bytes and lists"),
        ([1], ("utf8", 0, {}), "only text and bytes"),
        ([1], ("dictionary", 0, {}), "it is no dictionary"),
        ([1], ("compare", 0, {"op": "~", "value": 1}), "an operator must be one of"),
        ([1], ("compare", 0, {"op": "<"}), "needs a second column or a value"),
        ([1], ("sums", 0, {}), "a sum needs its parts"),
        ([1], ("sums", 0, {"parts": ["x"], "tolerance": -1.0}), "not negative: -1"),
        ([1], ("null", 0, {"columns": ["x", "x"]}), "it takes one column: 2"),
    ],
)
def test_rules_that_make_no_sense_are_refused(array: list[Any], rule: Any, message: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        CheckPlan(batch_of(x=array).schema, [rule])


def test_columns_that_do_not_go_together_are_refused() -> None:
    batch = batch_of(
        s=pa.array([0], pa.timestamp("s")), us=pa.array([0], pa.timestamp("us")), n=[1], t=["a"]
    )
    for left, right in (("s", "us"), ("n", "t"), ("s", "n")):
        with pytest.raises(
            inlay.InvalidArgumentError, match=f"not go together: '{left}' .*'{right}'"
        ):
            CheckPlan(batch.schema, [("compare", left, {"op": "<", "other": right})])


def test_objects_that_are_no_batches_are_refused() -> None:
    batch = batch_of(x=[1])
    plan = CheckPlan(batch.schema, [])
    with pytest.raises(TypeError, match="__arrow_c_schema__, got int"):
        CheckPlan(1, [])
    with pytest.raises(TypeError, match="__arrow_c_array__, got list"):
        plan.check([1])
    with pytest.raises(
        inlay.InvalidArgumentError, match=r"expected 'x' \(int64\), got 'x' \(utf8\)"
    ):
        plan.check(batch_of(x=["a"]))
    with pytest.raises(inlay.InvalidArgumentError, match=r"expected no column, got 'y' \(int64\)"):
        plan.check(batch_of(x=[1], y=[1]))
    with pytest.raises(inlay.OutOfRangeError, match="no such rule: 0"):
        plan.check(batch).failed(0)
    with pytest.raises(inlay.InvalidArgumentError, match="no stats rule for column: 'x'"):
        plan.check(batch).stats("x")


def test_offsets_that_go_backwards_are_refused() -> None:
    offsets = pa.py_buffer(np.array([0, 5, 2], np.int32).tobytes())
    array = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abcdefgh")])
    with pytest.raises(inlay.InvalidArgumentError, match="column 'x': offsets go backwards"):
        check(array, "utf8")
