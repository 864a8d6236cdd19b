"""Kll against Apache DataSketches: the same bytes, the same answers, no larger errors."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import Kll, SerializationError

datasketches = pytest.importorskip("datasketches", reason="the other implementation is absent")

DATA = Path(__file__).parent.parent / "data"
SIZES = [0, 1, 2, 7, 199, 200, 201, 333, 334, 1000, 4097, 30_000, 400_000]
THEIRS = {
    "float32": datasketches.kll_floats_sketch,
    "float64": datasketches.kll_doubles_sketch,
}


def values_of(size: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(size).lognormal(size=size).astype(dtype)


def theirs_of(values: np.ndarray, k: int = 200) -> Any:
    sketch = THEIRS[str(values.dtype)](k)
    sketch.update(values)
    return sketch


def agree(ours: Kll, theirs: Any) -> None:
    """Compare what both say of one state; ours here are always read from the other's bytes."""
    assert theirs.n == ours.count
    assert theirs.k == ours.k
    assert theirs.num_retained == ours.num_retained
    if theirs.is_empty():
        assert ours.min is None
        return
    assert (theirs.get_min_value(), theirs.get_max_value()) == (ours.min, ours.max)
    for q in (0.001, 0.25, 0.5, 0.77, 0.999):
        assert theirs.get_quantile(q, True) == ours.quantile(q)
    points = [0.1, 0.5, 1.0, 2.0, 30.0]
    for x in points:
        assert theirs.get_rank(x, True) == pytest.approx(ours.rank(x), abs=1e-12)
    assert theirs.get_cdf(points, True) == pytest.approx(ours.cdf(points), abs=1e-12)
    assert theirs.get_pmf(points, True) == pytest.approx(ours.pmf(points), abs=1e-12)


@pytest.mark.parametrize("dtype", THEIRS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", [8, 200, 777])
def test_they_read_ours_and_write_the_same_bytes(dtype: str, size: int, k: int) -> None:
    data = Kll(values_of(size, dtype), k=k, dtype=dtype).to_bytes()
    theirs = THEIRS[dtype].deserialize(data)
    assert theirs.serialize() == data
    agree(Kll.from_bytes(data, dtype=dtype), theirs)


@pytest.mark.parametrize("dtype", THEIRS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", [8, 200, 777])
def test_we_read_theirs(dtype: str, size: int, k: int) -> None:
    theirs = theirs_of(values_of(size, dtype), k)
    data = theirs.serialize()
    for buffer in (data, memoryview(data), np.frombuffer(data, np.uint8)):
        ours = Kll.from_bytes(buffer, dtype=dtype)
        agree(ours, theirs)
    again = Kll.from_bytes(ours.to_bytes(), dtype=dtype)
    assert again.count == size
    assert again.to_bytes() == ours.to_bytes()


@given(
    st.lists(st.integers(0, 4000), min_size=1, max_size=8),
    st.sampled_from(sorted(THEIRS)),
    st.data(),
)
@settings(deadline=None, max_examples=40)
def test_merges_may_happen_on_either_side(
    sizes: list[int], dtype: str, data: st.DataObject
) -> None:
    everything = [values_of(size + i, dtype)[:size] for i, size in enumerate(sizes)]
    total = THEIRS[dtype](200)
    for i, values in enumerate(everything):
        part = Kll(values, dtype=dtype, seed=i).to_bytes()
        if data.draw(st.booleans()):
            total.merge(THEIRS[dtype].deserialize(part))
        else:
            ours = Kll.from_bytes(total.serialize(), dtype=dtype, seed=i)
            ours.merge(Kll.from_bytes(part, dtype=dtype))
            total = THEIRS[dtype].deserialize(ours.to_bytes())
    ordered = np.sort(np.concatenate(everything))
    assert total.n == len(ordered)
    if len(ordered):
        assert total.get_min_value() == ordered[0]
        for q in (0.1, 0.5, 0.9):
            found = total.get_quantile(q, True)
            rank = np.searchsorted(ordered, found, side="right") / len(ordered)
            assert abs(rank - q) < 2 * 0.0133 + 1 / len(ordered)


@pytest.mark.parametrize("n", [20_000, 300_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_errors_are_no_larger_at_no_more_bytes(n: int, dtype: str) -> None:
    ordered = np.sort(values_of(n, dtype))
    points = ordered[(np.arange(1, 100) / 100 * n).astype(int)].tolist()
    exact = np.searchsorted(ordered, points, side="right") / n
    random = np.random.default_rng(1)
    squares: dict[str, list[float]] = {"ours": [], "theirs": []}
    for seed in range(40):
        shuffled = random.permutation(ordered)
        data = Kll(shuffled, dtype=dtype, seed=seed).to_bytes()
        cdf = Kll.from_bytes(data, dtype=dtype).cdf(points)
        assert cdf is not None
        squares["ours"].append(np.square(np.array(cdf[:-1]) - exact).mean())
        theirs = theirs_of(shuffled)
        assert len(data) <= len(theirs.serialize()) + 8 * np.dtype(dtype).itemsize
        squares["theirs"].append(
            np.square(np.array(theirs.get_cdf(points, True)[:-1]) - exact).mean()
        )
    # The mean square error is about half of theirs; that 40 trials each turn that round has a
    # probability below 1e-6 (the ratio's standard deviation is 0.1).
    assert np.mean(squares["ours"]) < np.mean(squares["theirs"])


@pytest.mark.parametrize("dtype", THEIRS)
def test_their_infinities_stay_values(dtype: str) -> None:
    values = values_of(5000, dtype)
    values[::100] = np.inf
    values[1::1000] = -np.inf
    theirs = theirs_of(values)
    assert theirs.n == 5000
    ours = Kll.from_bytes(theirs.serialize(), dtype=dtype)
    agree(ours, theirs)
    assert (ours.min, ours.max) == (-math.inf, math.inf)
    assert ours.pos_inf_count == 0
    ours.update(values)
    ours.merge(ours)
    assert ours.pos_inf_count == 2 * 50
    repr(ours)
    assert THEIRS[dtype].deserialize(ours.to_bytes()).n == ours.count


def test_a_merge_of_smaller_k_is_told() -> None:
    large = theirs_of(values_of(10_000, "float64"), 400)
    large.merge(theirs_of(values_of(10_000, "float64"), 100))
    ours = Kll.from_bytes(large.serialize())
    assert (ours.k, ours.min_k) == (400, 100)
    assert ours.normalized_rank_error() == pytest.approx(large.normalized_rank_error(False))
    assert THEIRS["float64"].deserialize(ours.to_bytes()).normalized_rank_error(
        True
    ) == pytest.approx(ours.normalized_rank_error(pmf=True))


@pytest.mark.parametrize("k", [8, 100, 200, 4000, 65535])
@pytest.mark.parametrize("pmf", [False, True])
def test_the_stated_error_is_theirs(k: int, pmf: bool) -> None:
    theirs = datasketches.kll_doubles_sketch.get_normalized_rank_error(k, pmf)
    assert Kll(k=k).normalized_rank_error(pmf=pmf) == pytest.approx(theirs, rel=1e-12)


def test_sketches_of_other_items_are_refused_by_size() -> None:
    data = theirs_of(values_of(1000, "float32")).serialize()
    with pytest.raises(SerializationError):
        Kll.from_bytes(data, dtype="float64")
    items = datasketches.kll_items_sketch()
    items.update("longer than a number")
    with pytest.raises(SerializationError):
        Kll.from_bytes(items.serialize(datasketches.PyStringsSerDe()))


def test_weights_that_do_not_add_up_are_refused_where_they_are_not() -> None:
    data = bytearray(Kll(np.arange(3000.0)).to_bytes())
    struct.pack_into("<Q", data, 8, 2999)
    with pytest.raises(SerializationError, match="byte 8"):
        Kll.from_bytes(bytes(data))


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "kll_v1.bin").read_bytes()
    theirs = datasketches.kll_doubles_sketch.deserialize(data)
    assert theirs.serialize() == data
    agree(Kll.from_bytes(data), theirs)
    assert Kll.from_bytes(data).to_bytes() == data
