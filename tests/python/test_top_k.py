"""TopK: bounds, kinds, weights, merges and forms."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import InvalidArgumentError, SerializationError, TopK
from inlay.summary import ItemBounds

DATA = Path(__file__).parent.parent / "data"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
items = (
    st.integers(-(2**63), 2**64 - 1)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | texts
)
few = st.integers(0, 12) | st.sampled_from([0.0, 1.0, "0", "1", "a", True, False])
capacities = st.integers(1, 12)


def key(item: Any) -> tuple[str, Any]:
    """Tell kinds apart, which Python's equality does not."""
    return type(item).__name__, item


def check(top_k: TopK, truth: Counter[tuple[str, Any]]) -> None:
    """Compare every bound with the truth, and what is stated of all of them."""
    assert top_k.count == truth.total()
    assert top_k.max_error <= top_k.count // (top_k.capacity // 2 + 1)
    assert top_k.size <= top_k.capacity
    for (_, item), weight in truth.items():
        _, estimate, low, high = top_k.bounds(item)
        assert low <= weight <= high
        assert high - low <= top_k.max_error
        assert estimate == low
    entries = top_k.top(top_k.capacity)
    assert len(entries) == top_k.size
    for entry in entries:
        assert entry == top_k.bounds(entry.item)
        assert entry.low <= truth[key(entry.item)] <= entry.high
        assert entry.low >= 1
    assert [e.estimate for e in entries] == sorted((e.estimate for e in entries), reverse=True)
    if len(truth) <= top_k.capacity:
        assert top_k.max_error == 0
        assert {key(e.item): e.low for e in entries} == truth


@given(st.lists(items, max_size=60), st.integers(1, 80))
def test_items_of_all_kinds_are_exact_while_there_is_room(values: list[Any], capacity: int) -> None:
    check(TopK(values, capacity=capacity), Counter(map(key, values)))


@given(st.lists(st.tuples(few, st.integers(0, 9)), max_size=150), capacities)
def test_bounds_hold_with_weights(pairs: list[tuple[Any, int]], capacity: int) -> None:
    truth: Counter[tuple[str, Any]] = Counter()
    one_by_one = TopK(capacity=capacity)
    for item, weight in pairs:
        truth[key(item)] += weight
        one_by_one.update(item, weights=weight)
    top_k = TopK(capacity=capacity)
    top_k.update([item for item, _ in pairs], weights=[weight for _, weight in pairs])
    assert top_k == one_by_one
    check(top_k, +truth)


@given(st.data(), st.lists(st.lists(few, max_size=60), min_size=1, max_size=8), capacities)
@settings(deadline=None)
def test_bounds_hold_after_any_tree_of_merges(
    data: st.DataObject, parts: list[list[Any]], capacity: int
) -> None:
    truth = Counter(key(item) for part in parts for item in part)
    sketches = [TopK(part, capacity=capacity) for part in parts]
    while len(sketches) > 1:
        first = sketches.pop(data.draw(st.integers(0, len(sketches) - 1)))
        second = sketches.pop(data.draw(st.integers(0, len(sketches) - 1)))
        other = second.copy()
        other.merge(first)
        first.merge(second)
        assert first == other
        assert first.to_bytes() == other.to_bytes()
        sketches.append(first)
    check(sketches[0], truth)


@given(st.lists(few, max_size=80), st.lists(few, max_size=80), capacities, capacities)
def test_of_different_capacities_the_smaller_bound_holds(
    left: list[Any], right: list[Any], capacity: int, other: int
) -> None:
    merged = TopK(left, capacity=capacity)
    merged.merge(TopK(right, capacity=other))
    assert merged.capacity == min(capacity, other)
    check(merged, Counter(map(key, left + right)))


@given(st.data(), st.lists(few, max_size=300), capacities)
def test_splits_do_not_matter(data: st.DataObject, values: list[Any], capacity: int) -> None:
    whole = TopK(values, capacity=capacity)
    split = TopK(capacity=capacity)
    while values:
        size = data.draw(st.integers(1, len(values)))
        split.update(values[:size])
        values = values[size:]
    assert split.to_bytes() == whole.to_bytes()


@given(st.lists(few, max_size=200), capacities, st.integers(0, 40))
def test_heavy_hitters_keep_their_rule(values: list[Any], capacity: int, threshold: int) -> None:
    truth = Counter(map(key, values))
    heavy = {item for item, weight in truth.items() if weight > threshold}
    top_k = TopK(values, capacity=capacity)
    certain = top_k.heavy_hitters(threshold)
    assert certain is not None
    assert {key(hit.item) for hit in certain} <= heavy
    complete = top_k.heavy_hitters(threshold, rule="no_false_negatives")
    if threshold < top_k.max_error:
        assert complete is None
    else:
        assert complete is not None
        assert {key(hit.item) for hit in complete} >= heavy


def zipf(size: int, distinct: int, seed: int = 1) -> Any:
    weights = 1 / np.arange(1, distinct + 1)
    return np.random.default_rng(seed).choice(distinct, size, p=weights / weights.sum())


def test_bounds_contain_the_truth_that_datasketches_bounds_too() -> None:
    datasketches = pytest.importorskip("datasketches", reason="the peer is not installed")
    ids = zipf(30_000, 5_000)
    names = [f"item {i}" for i in ids]
    ours = TopK(names, capacity=256)
    theirs = datasketches.frequent_strings_sketch(8)  # 256 slots
    for name in names:
        theirs.update(name)
    assert ours.count == theirs.total_weight
    truth = Counter(names)
    for name, weight in truth.items():
        assert ours.lower_bound(name) <= weight <= ours.upper_bound(name)
        # Two intervals with the truth in both.
        assert ours.lower_bound(name) <= theirs.get_upper_bound(name)
        assert theirs.get_lower_bound(name) <= ours.upper_bound(name)
    false_negatives = datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES
    threshold = max(ours.max_error, math.ceil(theirs.epsilon * theirs.total_weight))
    listed = {entry[0] for entry in theirs.get_frequent_items(false_negatives, threshold)}
    heavy = {name for name, weight in truth.items() if weight > threshold}
    assert heavy
    assert listed >= heavy
    hits = ours.heavy_hitters(threshold, rule="no_false_negatives")
    assert hits is not None
    assert {hit.item for hit in hits} >= heavy


@pytest.mark.parametrize(
    "column",
    [
        np.array([3, 1, 3], np.int64),
        np.array([3, 1, 3], np.uint64),
        np.array([3, 0, 1, 0, 3], np.int8)[::2],
        np.array([3, 1, 3], object),
        pa.array([3, 1, 3, None], pa.int32()),
        pa.chunked_array([[3, 1], [None, 3]]),
        pa.array([3, None, 1, 3]).dictionary_encode(),
        (3, 1, 3),
        memoryview(b"\x03\x01\x03"),
    ],
    ids=lambda column: type(column).__name__,
)
def test_columns_of_integers_are_one_kind(column: Any) -> None:
    top_k = TopK(column)
    assert top_k.top() == [ItemBounds(3, 2, 2, 2), ItemBounds(1, 1, 1, 1)]
    assert top_k.null_count == (1 if isinstance(column, (pa.Array, pa.ChunkedArray)) else 0)


def test_columns_of_text_are_one_kind() -> None:
    words = ["b", "a", "b", ""]
    expected = TopK(words)
    for column in (
        np.array(words),
        np.array(words, object),
        pa.array(words),
        pa.array(words, pa.large_utf8()),
        pa.array(words, pa.string_view()),
        [word.encode() for word in words],
        tuple(words),
    ):
        assert TopK(column) == expected
    assert expected.top(1)[0].item == "b"


def test_what_is_not_utf8_comes_back_as_bytes() -> None:
    top_k = TopK([b"\xff\x00", "ÿ"])
    assert {entry.item for entry in top_k.top()} == {b"\xff\x00", "ÿ"}
    assert top_k.bounds(b"\xff\x00").low == 1
    row = top_k.to_arrow().to_pylist()[0]
    assert sorted(row["categories"]) == ["\\xff\x00", "ÿ"]
    assert TopK.from_row(row) == top_k


def test_kinds_are_apart() -> None:
    top_k = TopK([1, 1.0, True, "1", 1, 2**63, -0.0, 0.0])
    kinds = {(type(entry.item), entry.item): entry.low for entry in top_k.top()}
    assert kinds == {
        (int, 1): 2,
        (float, 1.0): 1,
        (bool, True): 1,
        (str, "1"): 1,
        (int, 2**63): 1,
        (float, 0.0): 2,
    }


def test_what_is_not_finite_is_counted_apart() -> None:
    top_k = TopK([1.0, math.nan, math.inf, None, -math.inf, math.nan])
    top_k.update(np.array([math.nan, 2.0]), weights=[3, 1])
    top_k.update([None, 5], weights=[7, 1])
    assert (top_k.count, top_k.nan_count, top_k.null_count) == (3, 5, 8)
    assert (top_k.pos_inf_count, top_k.neg_inf_count) == (1, 1)
    assert top_k.bounds(math.inf).low == 1
    assert top_k.upper_bound(math.nan) == 5


@pytest.mark.parametrize("column", [["a", "b", None], np.arange(6), pa.array(["a", None] * 3000)])
def test_weights_come_in_any_form(column: Any) -> None:
    size = len(column)
    expected = TopK()
    for _ in range(3):
        expected.update(column)
    for weights in (
        3,
        np.int64(3),
        [3] * size,
        np.full(size, 3, np.uint8),
        pa.array([3] * size),
        np.full(2 * size, 3)[::2],
    ):
        top_k = TopK()
        top_k.update(column, weights=weights)
        assert top_k == expected


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([1, 2], InvalidArgumentError, "one for each of 3 items; there are: 2"),
        ([1, -2, 1], InvalidArgumentError, "negative: -2"),
        (-1, InvalidArgumentError, "negative: -1"),
        ([1, None, 1], InvalidArgumentError, "null; nulls: 1"),
        ([1, 1.5, 1], TypeError, "integers"),
        (2.0, TypeError, "integers"),
        ([True, True, True], TypeError, "integers"),
        ([2**62, 2**62, 1], InvalidArgumentError, "below 2^63"),
        (2**63, InvalidArgumentError, "below 2^63"),
        (2**64, ValueError, "64 bits"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: Any, error: Any, text: str) -> None:
    top_k = TopK(["a"])
    with pytest.raises(error, match=text.replace("^", r"\^")):
        top_k.update(["a", "b", "c"], weights=weights)
    assert top_k == TopK(["a"])


def test_counts_stay_below_two_to_the_63() -> None:
    top_k = TopK()
    top_k.update("a", weights=2**63 - 1)
    with pytest.raises(InvalidArgumentError, match="below 2"):
        top_k.update("b")
    with pytest.raises(InvalidArgumentError, match="cannot be added: 1"):
        top_k.merge(TopK(["b"]))
    assert top_k.top() == [ItemBounds("a", 2**63 - 1, 2**63 - 1, 2**63 - 1)]


@pytest.mark.parametrize("capacity", [0, -1, 2**20 + 1, 2**40])
def test_capacities_out_of_range_are_refused_by_value(capacity: int) -> None:
    with pytest.raises(InvalidArgumentError, match=str(capacity)):
        TopK(capacity=capacity)


def test_questions_that_make_no_sense_are_refused() -> None:
    top_k = TopK([1])
    with pytest.raises(InvalidArgumentError, match="-1"):
        top_k.top(-1)
    with pytest.raises(InvalidArgumentError, match="-5"):
        top_k.heavy_hitters(-5)
    with pytest.raises(ValueError, match="no_false_hope"):
        top_k.heavy_hitters(1, rule="no_false_hope")  # type: ignore[arg-type]
    for item in (None, [1, 2], []):
        with pytest.raises(TypeError, match="one item"):
            top_k.bounds(item)
    with pytest.raises(TypeError):
        top_k.update(1j)
    assert top_k.top(0) == []


def test_an_empty_one() -> None:
    top_k = TopK()
    assert top_k
    assert (len(top_k), top_k.size, top_k.max_error, top_k.top()) == (0, 0, 0, [])
    assert top_k.bounds("a") == ItemBounds("a", 0, 0, 0)
    assert "no items" in repr(top_k)


def test_memory_is_as_documented() -> None:
    top_k = TopK(np.arange(100_000), capacity=1000)
    assert top_k.memory_bytes <= 64 * 1001 + 600
    assert top_k.max_error > 0


@given(st.lists(items, max_size=40), st.integers(1, 20))
def test_rows_become_sketches_again(values: list[Any], capacity: int) -> None:
    top_k = TopK(values, capacity=capacity)
    table = top_k.to_arrow()
    (row,) = table.to_pylist()
    assert TopK.from_row(row) == top_k
    assert row["counts"] == [entry.low for entry in top_k.top(capacity)]
    assert len(row["categories"]) == top_k.size
    assert row["count"] == len(values)
    assert table.schema.field("categories").type == pa.list_(pa.string())


def test_rows_name_items_by_their_text() -> None:
    (row,) = TopK([True, True, True, "x", "x", -5]).to_arrow().to_pylist()
    assert row["categories"] == ["true", "x", "-5"]
    assert row["counts"] == [3, 2, 1]
    assert row["summary_type"] == "top_k_inlay"
    assert TopK([0.1]).to_arrow().to_pylist()[0]["categories"] == ["0.1"]


def test_rows_that_hold_no_sketch_are_refused() -> None:
    row = TopK([1]).to_arrow().to_pylist()[0]
    with pytest.raises(InvalidArgumentError, match="other"):
        TopK.from_row({**row, "summary_type": "other"})
    with pytest.raises(InvalidArgumentError, match="top_k_inlay"):
        TopK.from_row({**row, "summary": None})
    with pytest.raises(SerializationError, match="missing"):
        TopK.from_row({**row, "summary": row["summary"][:-1]})


@given(st.lists(items, max_size=40), st.integers(1, 20))
def test_bytes_copies_and_pickles_are_equal(values: list[Any], capacity: int) -> None:
    top_k = TopK(values, capacity=capacity)
    assert TopK.from_bytes(top_k.to_bytes()) == top_k
    for other in (top_k.copy(), copy.copy(top_k), copy.deepcopy(top_k)):
        assert other == top_k
        other.update("one more")
        assert other != top_k
    assert pickle.loads(pickle.dumps(top_k)) == top_k


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    for candidate in (data, b"inTK\x01" + data, b"inTK\x01\x04\x09\x00\x00\x00\x00\x01" + data):
        try:
            top_k = TopK.from_bytes(candidate)
        except SerializationError:
            continue
        assert top_k.to_bytes() == candidate
        repr(top_k)


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "top_k_v1.bin").read_bytes()
    top_k = TopK.from_bytes(data)
    assert top_k.to_bytes() == data
    assert (top_k.capacity, top_k.lower_bound("text"), top_k.lower_bound(2**64 - 1)) == (8, 100, 90)
    assert (top_k.null_count, top_k.nan_count, top_k.neg_inf_count) == (2, 1, 5)


def test_threads_share_one() -> None:
    top_k = TopK(capacity=64)
    values = zipf(20_000, 1000)

    def work() -> None:
        for _ in range(5):
            top_k.update(values)
            top_k.top(3)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    truth = Counter({key(int(item)): 20 * int(n) for item, n in Counter(values).items()})
    check(top_k, truth)


def test_forms_for_people() -> None:
    top_k = TopK(["a<b"] * 3 + [1] * 2 + [0.5], capacity=2)
    assert repr(top_k) == "<inlay.TopK of 6: 'a<b' 3, error 2>"
    assert "a&lt;b" in top_k._repr_html_()
    assert "<th>max_error</th><td>2</td>" in top_k._repr_html_()
    assert len(repr(TopK(["long" * 100]))) < 100
    with pytest.raises(TypeError, match="unhashable"):
        hash(top_k)
    assert (top_k == 1) is False
    assert len(top_k) == 6
    top_k.reset()
    assert top_k == TopK(capacity=2)
