"""The native profile over batches: threads, slices, merges, time and bytes."""

from __future__ import annotations

import datetime
import itertools
import threading
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_profiles import DATA, column_of, profile_of

from inlay import _core
from inlay._exceptions import InvalidArgumentError, OutOfRangeError, SerializationError

# ---- batches ---------------------------------------------------------------------------------


def mixed_batch(n: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 40, n)
    mask = rng.random(n) < 0.2
    return pa.record_batch(
        {
            "f": pa.array(rng.normal(size=n), mask=mask),
            "g": pa.array(rng.lognormal(size=n).astype(np.float32)),
            "i": pa.array(rng.integers(-(2**62), 2**62, n), mask=~mask),
            "b": pa.array(mask),
            "s": pa.array(
                [f"städte {c}" if c % 3 else f"item {c}" for c in codes.tolist()], mask=mask
            ),
            "d": pa.array([f"code {c}" for c in codes.tolist()]).dictionary_encode(),
            "t": pa.array(np.sort(rng.integers(0, 10**12, n)), pa.timestamp("us", "UTC")),
            "l": pa.array([[int(c)] * (c % 3) for c in codes.tolist()]),
            "x": pa.array([Decimal(int(c)).scaleb(-2) for c in codes], pa.decimal128(10, 2)),
        }
    )


EXACT = [
    "rows",
    "null_count",
    "nan_count",
    "zero_count",
    "empty_count",
    "exact_min",
    "exact_max",
    "exact_sum",
    "min_text",
    "max_text",
    "coverage",
    "ordered",
    "steps_back",
    "largest_gap",
]


def assert_same_exact_parts(a: _core.Profile, b: _core.Profile) -> None:
    assert a.rows == b.rows
    for i, path in enumerate(a.paths):
        left, right = a.column(i), b.column(i)
        for name in EXACT:
            assert getattr(left, name) == getattr(right, name), (path, name)
        if left.cardinality is not None:
            assert left.cardinality.equals(right.cardinality), path  # type: ignore[arg-type]
        if left.histogram is not None:
            assert left.histogram.equals(right.histogram), path  # type: ignore[arg-type]
        if left.length_histogram is not None:
            assert left.length_histogram.equals(right.length_histogram), path  # type: ignore[arg-type]
        if left.moments is not None:
            ours, theirs = left.moments.values(), right.moments.values()  # type: ignore[union-attr]
            assert ours[0] == theirs[0]
            assert ours[2:4] == theirs[2:4]
            # One value or none has no distance from the mean; nothing else is lost.
            assert (ours[5] or 0) == pytest.approx(theirs[5] or 0, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2047, 2048, 2049, 16384, 16385, 40_000])
def test_threads_and_bytes_do_not_matter(n: int) -> None:
    batch = mixed_batch(n)
    alone = profile_of(batch)
    for threads in (2, 4, 7, 0):
        assert profile_of(batch, threads=threads).to_bytes() == alone.to_bytes()
    again = _core.Profile.from_bytes(alone.to_bytes())
    assert again.equals(alone)
    assert again.to_bytes() == alone.to_bytes()
    assert_same_exact_parts(again, alone)
    assert again.column(0).quantiles.null_count == alone.column(0).null_count  # type: ignore[union-attr]
    assert again.column(0).cardinality.counts == alone.column(0).cardinality.counts  # type: ignore[union-attr]


def test_slices_chunks_and_merges_are_the_whole() -> None:
    batch = mixed_batch(20_011)
    whole = profile_of(batch)
    cuts = [0, 1, 2, 9, 1000, 1001, 3049, 20_000, 20_011]
    parts = [batch.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    assert_same_exact_parts(profile_of(*parts), whole)
    merged = profile_of(parts[0])
    for part in parts[1:]:
        merged.merge(profile_of(part))
    assert_same_exact_parts(merged, whole)
    # And what a slice says does not depend on what lies around it.
    taken = parts[5].take(pa.array(np.arange(parts[5].num_rows)))
    assert profile_of(taken).to_bytes() == profile_of(parts[5]).to_bytes()


def test_a_merge_in_the_wrong_order_is_not_ordered() -> None:
    early, late = (
        profile_of(pa.record_batch({"t": pa.array(range(a, a + 10), pa.timestamp("s"))}))
        for a in (0, 10)
    )
    both = early.copy()
    both.merge(late)
    assert (both.column(0).ordered, both.column(0).steps_back) == (True, 0)
    late.merge(early)
    assert (late.column(0).ordered, late.column(0).steps_back) == (False, 1)


def test_physical_types_of_a_kind_are_welcome() -> None:
    profile = profile_of(
        pa.record_batch({"i": pa.array([1], pa.int64()), "s": ["a"], "t": pa.array([1.5])})
    )
    profile.update(
        pa.record_batch(
            {
                "t": pa.array([2.5], pa.float32()),
                "s": pa.array(["b"]).dictionary_encode(),
                "i": pa.array([2], pa.int8()),
            }
        )
    )
    profile.update(pa.record_batch({"i": pa.nulls(1), "s": pa.nulls(1), "t": pa.nulls(1)}))
    assert profile.rows == 3
    assert profile.column(0).exact_sum == 3
    assert profile.column(1).max_text == b"b"
    assert [profile.column(i).null_count for i in range(3)] == [1, 1, 1]
    assert profile.column(1).type == "utf8"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([1]), pa.array([1.0])),
        (pa.array([1]), pa.array([1], pa.uint64())),
        (pa.array(["a"]), pa.array([b"a"], pa.binary())),
        (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("ms"))),
        (pa.array([1], pa.timestamp("us", "UTC")), pa.array([1], pa.timestamp("us"))),
        (pa.array([Decimal("1.0")]), pa.array([Decimal("1.00")])),
        (pa.array([1], pa.float32()), pa.array([1.0])),
    ],
    ids=str,
)
def test_other_kinds_are_refused_by_name(first: Any, second: Any) -> None:
    a, b = (pa.record_batch({"ok": pa.array(["x"]), "odd": array}) for array in (first, second))
    profile = profile_of(a)
    before = profile.to_bytes()
    with pytest.raises(InvalidArgumentError, match=r"'odd'"):
        profile.update(b)
    with pytest.raises(InvalidArgumentError, match=r"'odd'"):
        profile.merge(profile_of(b))
    assert profile.to_bytes() == before


def test_columns_too_many_and_too_few_are_named() -> None:
    one, two = pa.record_batch({"a": [1]}), pa.record_batch({"a": [1], "b": [2]})
    with pytest.raises(InvalidArgumentError, match=r"lacks: 'b'"):
        profile_of(one).update(two)
    with pytest.raises(InvalidArgumentError, match=r"lacks a column.*'b'"):
        profile_of(two).update(one)
    with pytest.raises(InvalidArgumentError, match=r"'b'"):
        profile_of(one).merge(profile_of(two))
    with pytest.raises(InvalidArgumentError, match=r"'b'"):
        profile_of(two).merge(profile_of(one))
    with pytest.raises(InvalidArgumentError, match=r"another k, not 200: 100"):
        profile_of(one).merge(profile_of(one, k=100))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="__arrow_c_schema__"):
        _core.Profile(3)
    profile = profile_of(pa.record_batch({"a": [1]}))
    with pytest.raises(TypeError, match="__arrow_c_array__"):
        profile.update([1, 2])
    with pytest.raises(InvalidArgumentError, match="struct"):
        profile.update(pa.array([1, 2]))
    with pytest.raises(InvalidArgumentError, match="k must"):
        _core.Profile(pa.schema([]), k=1)
    with pytest.raises(OutOfRangeError, match=r"1 columns.*: 1"):
        profile.column(1)


def test_an_index_out_of_the_dictionary_is_counted() -> None:
    codes = pa.array([0, 1, 5, -1, None, 2], pa.int8())
    for values in (pa.array(["a", "b", None]), pa.array([1.0, 2.0, None])):
        for repeats in (1, 10):
            array = pa.DictionaryArray.from_arrays(
                pa.concat_arrays([codes] * repeats), values, safe=False
            )
            column = column_of(array)
            assert (column.invalid_index_count, column.null_count) == (2 * repeats, 2 * repeats)
            assert column.rows == 6 * repeats
            assert column.cardinality is not None
            assert column.cardinality.estimate == 2


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (1, 3)])
def test_offsets_that_go_backwards_are_refused(start: int, stop: int) -> None:
    offsets = pa.py_buffer(np.array([0, 3, 1, 4], np.int32))
    array = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"abcd")])
    profile = profile_of(pa.record_batch({"s": ["x"]}))
    before = profile.to_bytes()
    with pytest.raises(InvalidArgumentError, match=r"'s'.*backwards, from 3 to: 1"):
        profile.update(pa.record_batch({"s": array.slice(start, stop - start)}))
    assert profile.to_bytes() == before


def test_values_at_odd_addresses() -> None:
    raw = np.arange(1000, dtype=np.float64)
    buffer = pa.py_buffer(b"x" + raw.tobytes())[1:]
    array = pa.Array.from_buffers(pa.float64(), 1000, [None, buffer])
    assert column_of(array).moments.values()[1] == raw.sum()  # type: ignore[union-attr]


# ---- time ------------------------------------------------------------------------------------


def gap_of(points: list[int]) -> int:
    ordered = sorted(set(points))
    return max(b - a for a, b in itertools.pairwise(ordered))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(-(2**63), 2**63 - 1), st.integers(-3000, 3000), st.integers(0, 10**15)
        ),
        min_size=1,
        max_size=200,
    ),
    st.integers(0, 200),
)
def test_coverage_bounds_the_largest_gap(points: list[int], cut: int) -> None:
    def profile(values: list[int]) -> _core.Profile:
        return profile_of(pa.record_batch({"t": pa.array(values, pa.timestamp("us"))}))

    whole = profile(points).column(0)
    merged = profile(points[cut:])
    merged.merge(profile(points[:cut][::-1]))
    assert merged.column(0).coverage == whole.coverage
    assert whole.coverage is not None
    width, begin, runs = whole.coverage
    assert width.bit_count() == 1
    occupied = {first + i for first, size in runs for i in range(size)}
    assert occupied == {(p - begin) // width for p in points}
    assert (max(points) // width) - (min(points) // width) < 2048
    if len(set(points)) == 1:
        assert whole.largest_gap is None
        return
    assert whole.largest_gap is not None
    low, high, after, before = whole.largest_gap
    assert low <= gap_of(points) <= high
    assert high - low <= 2 * width
    assert not any(after <= p < before for p in points)


# ---- bytes -----------------------------------------------------------------------------------


def frozen_profile() -> _core.Profile:
    return profile_of(mixed_batch(3000, seed=9), k=64, lg_k=8, top=32, numeric_top=16, scale=3)


def test_frozen_bytes_are_read_for_good() -> None:
    data = (DATA / "profile_v1.bin").read_bytes()
    profile = _core.Profile.from_bytes(data)
    assert profile.to_bytes() == data
    assert profile.rows == 3000
    assert profile.paths == ["f", "g", "i", "b", "s", "d", "t", "l", "l[]", "x"]
    assert (profile.k, profile.lg_k, profile.top) == (64, 8, 32)
    assert profile.column(6).timezone == "UTC"
    assert profile.column(5).null_count == 0


def test_damaged_bytes_are_refused() -> None:
    data = frozen_profile().to_bytes()
    for size in [*range(0, 200), len(data) // 2, len(data) - 1]:
        with pytest.raises(SerializationError):
            _core.Profile.from_bytes(data[:size])
    with pytest.raises(SerializationError, match="left over"):
        _core.Profile.from_bytes(data + b"x")
    with pytest.raises(SerializationError, match="newer version"):
        _core.Profile.from_bytes(data[:4] + b"\x02" + data[5:])
    rng = np.random.default_rng(5)
    for _ in range(150):
        damaged = bytearray(data)
        damaged[int(rng.integers(0, len(data)))] ^= 1 << int(rng.integers(0, 8))
        try:
            profile = _core.Profile.from_bytes(bytes(damaged))
        except SerializationError:
            continue
        # A number that is another one: a state like any other.
        again = _core.Profile.from_bytes(profile.to_bytes())
        assert again.to_bytes() == profile.to_bytes()


def test_python_threads_share_a_profile() -> None:
    batch = mixed_batch(5000)
    profile = _core.Profile(batch.schema)
    threads = [threading.Thread(target=lambda: profile.update(batch, threads=2)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert profile.rows == 4 * 5000
    assert profile.column(2).exact_sum == 4 * profile_of(batch).column(2).exact_sum  # type: ignore[operator]


def test_memory_does_not_grow_with_rows() -> None:
    profile = _core.Profile(mixed_batch(1).schema)
    for seed in range(4):
        profile.update(mixed_batch(20_000, seed))
    before = profile.memory_bytes
    for seed in range(4, 12):
        profile.update(mixed_batch(20_000, seed))
    assert profile.memory_bytes < 1.3 * before


def test_frequent_items_keep_their_bounds_among_many_others() -> None:
    rng = np.random.default_rng(8)
    n = 200_000
    values = rng.normal(size=n)
    values[rng.random(n) < 0.06] = 42.0
    values[rng.random(n) < 0.04] = -7.5
    texts = pa.array([f"{v:.17g}" for v in values.tolist()])
    profile = profile_of(pa.record_batch({"x": values, "s": texts}))
    for column, name in ((profile.column(0), 42.0), (profile.column(1), "42")):
        top_k = column.top_k
        assert top_k is not None
        assert top_k.total == n
        true = int((values == 42.0).sum())
        _, low, high = top_k.bounds(name)
        assert low <= true <= high
        assert high - low <= top_k.max_error <= n // (top_k.capacity // 2 + 1)
        assert top_k.top(1)[0][0] == name
        counted = (
            Counter(values.tolist()) if isinstance(name, float) else Counter(texts.to_pylist())
        )
        for item, _, low, high in top_k.top(top_k.size):
            assert low <= counted[item] <= high


def test_days_and_dates_of_python() -> None:
    day = datetime.date(1969, 12, 31)
    column = column_of(pa.array([day]))
    assert (column.exact_min, column.unit) == (-1, "D")
