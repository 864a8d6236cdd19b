"""Hll: states, estimates, merges, bytes and rows."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import Hll, InvalidArgumentError, SerializationError
from inlay.table import arrow_schema

DATA = Path(__file__).parent.parent / "data"

integers = st.integers(-(2**63), 2**64 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
items = st.one_of(integers, finite, texts, st.binary(max_size=20), st.booleans())


def key(item: Any) -> tuple[str, Any]:
    """Say which items are one, as documented."""
    if isinstance(item, float):
        return "float", item
    if isinstance(item, int):
        return "integer", int(item) % 2**64
    return "text", item.encode() if isinstance(item, str) else item


def test_an_empty_one_holds_nothing() -> None:
    sketch = Hll()
    assert (sketch.estimate, sketch.count, sketch.bounds(3)) == (0.0, 0, (0.0, 0.0))
    assert sketch.is_sparse
    assert sketch.lg_k == 12
    assert "0 distinct" in repr(sketch)


@pytest.mark.parametrize("lg_k", [-1, 3, 22, 10**6])
def test_sizes_out_of_range_are_refused_by_value(lg_k: int) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"{lg_k}$"):
        Hll(lg_k=lg_k)


@given(st.lists(items, max_size=100))
@settings(deadline=None)
def test_few_items_are_counted_exactly(values: list[Any]) -> None:
    sketch = Hll(values)
    distinct = {key(value) for value in values}
    assert sketch.estimate == len(distinct)
    assert sketch.bounds(1) == (len(distinct), len(distinct))
    assert sketch.count == len(values)


@given(st.lists(st.one_of(items, st.none(), st.floats()), max_size=60))
@settings(deadline=None)
def test_one_by_one_makes_the_state_of_a_column(values: list[Any]) -> None:
    single = Hll()
    for value in values:
        single.update(value)
    column = Hll(values)
    assert single == column
    assert single._row() == column._row()


def test_what_is_no_item_is_counted_apart() -> None:
    values = [math.nan, None, 1.5, math.inf, -math.inf, -math.inf, 0.0, -0.0, None, None]
    for column in (values, pa.array(values), Hll(values)._row()):
        sketch = Hll.from_row(column) if isinstance(column, dict) else Hll(column)
        assert sketch.estimate == 2
        assert (sketch.count, sketch.null_count, sketch.nan_count) == (3, 3, 1)
        assert (sketch.pos_inf_count, sketch.neg_inf_count) == (1, 2)


def test_numbers_of_other_widths_are_the_same_items() -> None:
    whole = np.arange(-100, 100)
    expected = Hll(whole.tolist())
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        assert Hll(whole.astype(dtype)) == expected
    real = np.linspace(-3, 3, 97).astype(np.float32)
    assert Hll(real) == Hll(real.astype(np.float64)) == Hll([float(x) for x in real])
    assert Hll([True, False, True]) == Hll([1, 0]) == Hll(np.array([True, False]))
    assert Hll([1]) != Hll([1.0])
    assert Hll(["a", "é"]) == Hll([b"a", "é".encode()])
    assert Hll([""]).estimate == 1


parts = st.lists(st.lists(integers, max_size=40), min_size=3, max_size=3)


@given(parts, st.lists(st.sampled_from([4, 5, 8, 12]), min_size=3, max_size=3))
@settings(deadline=None)
def test_merging_is_commutative_associative_idempotent(
    values: list[list[int]], sizes: list[int]
) -> None:
    a, b, c = (Hll(part, lg_k=lg_k) for part, lg_k in zip(values, sizes, strict=True))
    left, right = a.copy(), c.copy()
    left.merge(b)
    left.merge(c)
    right.merge(a)
    right.merge(b)
    whole = Hll([*itertools.chain(*values)], lg_k=min(sizes))
    assert left == right == whole
    assert left.to_bytes() == right.to_bytes() == whole.to_bytes()
    assert left.estimate == whole.estimate
    assert left.count == whole.count
    again = left.copy()
    again.merge(left)
    again.merge(again)
    assert again == left


@pytest.mark.parametrize("n", [5, 300, 400, 50_000])
def test_folding_equals_having_been_made_smaller(n: int) -> None:
    ids = np.arange(n)
    for lg_k in (4, 7, 10, 12):
        folded = Hll(ids, lg_k=14)
        folded.fold_to(lg_k)
        assert folded == Hll(ids, lg_k=lg_k)
        assert folded.to_bytes() == Hll(ids, lg_k=lg_k).to_bytes()
    with pytest.raises(InvalidArgumentError, match=r"13$"):
        folded.fold_to(13)


def test_reset_forgets_all_but_the_size() -> None:
    sketch = Hll(np.arange(5000), lg_k=10)
    sketch.reset()
    assert sketch == Hll(lg_k=10)
    assert sketch.count == 0


def test_bounds_need_a_confidence_they_have() -> None:
    for deviations in (0, 4):
        with pytest.raises(InvalidArgumentError, match=f"{deviations}$"):
            Hll().bounds(deviations)
    assert Hll(np.arange(9999)).bounds() == Hll(np.arange(9999)).bounds(2)


# ---- errors ------------------------------------------------------------------------------------

SEEDS = np.random.default_rng(20261126)


def spread(n: int, trials: int, lg_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors of the estimates of n random ids, and which of 1 to 3 bounds held."""
    errors, held = np.empty(trials), np.empty((trials, 3))
    for trial in range(trials):
        start = int(SEEDS.integers(-(2**62), 2**62))
        # Consecutive ids under a hash are as good as random ones, and certainly distinct.
        sketch = Hll(np.arange(start, start + n), lg_k=lg_k)
        errors[trial] = sketch.estimate / n - 1
        for k in (1, 2, 3):
            low, high = sketch.bounds(k)
            held[trial, k - 1] = low <= n <= high
    return errors, held


def check_spread(n: int, trials: int, lg_k: int) -> None:
    """Allow what chance does to a correct sketch in 1 of 10^5 checks (4.4 standard errors)."""
    errors, held = spread(n, trials, lg_k)
    stated = Hll(lg_k=lg_k).relative_error
    rms = float(np.sqrt((errors**2).mean()))
    # The squares of t normal errors have mean 1 and variance 2; of few registers the errors are
    # skewed, with a kurtosis of up to 5.
    variance = 2 if lg_k >= 8 else 4
    assert rms <= stated * math.sqrt(1 + 4.4 * math.sqrt(variance / trials)), (n, lg_k, rms)
    assert abs(errors.mean()) <= 4.4 * stated / math.sqrt(trials), (n, lg_k)
    for k, share in enumerate((0.683, 0.954, 0.997)):
        chance = math.sqrt(share * (1 - share) / trials)
        assert held[:, k].mean() >= share - 4.4 * chance, (n, lg_k, k + 1)


@pytest.mark.parametrize("n", [1, 100, 384, 385, 3000, 20_000])
def test_errors_are_within_those_stated(n: int) -> None:
    check_spread(n, trials=120, lg_k=12)


@pytest.mark.slow
@pytest.mark.parametrize("lg_k", [4, 6, 8, 12, 14])
@pytest.mark.parametrize(
    "n", [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
)
def test_error_curve(n: int, lg_k: int) -> None:
    check_spread(n, trials=200 if n <= 100_000 else 100, lg_k=lg_k)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("n", [3_000_000, 10_000_000])
def test_error_curve_of_millions(n: int) -> None:
    check_spread(n, trials=100, lg_k=12)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50_000, 190_000])
def test_large_sparse_sketches_are_nearly_exact(n: int) -> None:
    errors, held = spread(n, trials=40, lg_k=21)
    # About n^2 / 4e8 coupons coincide, 90 of 190,000; that many are added, give or take 4.4 roots.
    assert np.abs(errors).max() <= (4.4 * math.sqrt(n * n / 4e8) + 1) / n
    assert held[:, 2].mean() >= 0.9


# ---- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 7, 8, 100, 384, 385, 5000])
@pytest.mark.parametrize("lg_k", [4, 7, 8, 12, 13])
def test_bytes_and_rows_make_the_same_again(n: int, lg_k: int) -> None:
    sketch = Hll(np.arange(n), lg_k=lg_k)
    data = sketch.to_bytes()
    assert Hll.from_bytes(data) == sketch
    assert Hll.from_bytes(memoryview(data)).to_bytes() == data
    (row,) = sketch.to_arrow().to_pylist()
    again = Hll.from_row(row)
    assert again == sketch
    assert again._row() == sketch._row()
    assert row["value"] == sketch.estimate
    assert row["count"] == n
    for other in (sketch.copy(), copy.copy(sketch), copy.deepcopy(sketch)):
        assert other == sketch
    pickled = pickle.loads(pickle.dumps(sketch))
    assert pickled._row() == sketch._row()


def test_a_hundred_items_take_half_a_kilobyte() -> None:
    assert len(Hll(np.arange(100)).to_bytes()) <= 500


def test_rows_have_the_types_of_points() -> None:
    schema = Hll([1]).to_arrow().schema
    points = arrow_schema("points")
    assert schema.field("value").type == pa.float64()
    assert schema.field("summary").type == pa.binary()
    assert all(schema.field(name).type == points.field(name).type for name in schema.names)


def test_bytes_alone_know_no_counts() -> None:
    sketch = Hll([1, 2, 2])
    alone = Hll.from_bytes(sketch.to_bytes())
    assert (alone.count, alone.null_count) == (None, None)
    assert "unknown count" in repr(alone)
    alone.update(3)
    assert alone.count is None
    assert alone.to_arrow().to_pylist()[0]["count"] is None
    assert Hll.from_row(alone._row()).count is None
    merged = Hll([5])
    merged.merge(alone)
    assert merged.count is None
    assert merged.estimate == 4
    empty = Hll.from_bytes(Hll().to_bytes())  # holds nothing that could have been counted
    assert empty.count == 0
    assert pickle.loads(pickle.dumps(alone)).count is None


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"summary": None}, "None$"),
        ({"summary_type": "inlay.exp_histogram"}, "'inlay.exp_histogram'$"),
        ({"count": 2**63}, f"{2**63}$"),
    ],
)
def test_rows_of_something_else_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match):
        Hll.from_row(Hll([1])._row() | change)


def test_damaged_bytes_are_refused_by_place_and_value() -> None:
    data = bytearray(Hll(np.arange(5000)).to_bytes())
    data[77] = 64
    with pytest.raises(SerializationError, match=r"at byte 77, .* 64$"):
        Hll.from_bytes(data)
    with pytest.raises(SerializationError, match=r"missing: 1$"):
        Hll.from_bytes(data[:-1])
    with pytest.raises(TypeError):
        Hll.from_bytes("text")  # type: ignore[arg-type]


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_are_a_state(data: bytes) -> None:
    head = struct.pack("<4B", 2, 1, 7, 12)
    for candidate in (data, head + data):
        try:
            sketch = Hll.from_bytes(candidate)
        except SerializationError:
            continue
        assert Hll.from_bytes(sketch.to_bytes()) == sketch


def test_frozen_bytes_of_version_one_are_read() -> None:
    for name, n, lg_k in (("hll_v1.bin", 5000, 8), ("hll_sparse_v1.bin", 20, 12)):
        data = (DATA / name).read_bytes()
        assert Hll.from_bytes(data) == Hll(np.arange(n), lg_k=lg_k)
        assert Hll(np.arange(n), lg_k=lg_k).to_bytes() == data


def test_it_shows_as_a_table() -> None:
    text = Hll(np.arange(1000))._repr_html_()
    assert "inlay.Hll" in text
    assert "4136 bytes" in text
    assert repr(Hll(np.arange(1000))).startswith("<inlay.Hll of 1000: ")
    assert Hll([1]) != 1
    with pytest.raises(TypeError):
        hash(Hll())
