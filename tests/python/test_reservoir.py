"""Reservoir: uniformity, determinism, merges and forms."""

from __future__ import annotations

import copy
import math
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import InlayWarning, InvalidArgumentError, Reservoir, SerializationError

DATA = Path(__file__).parent.parent / "data"

anything = st.floats(allow_nan=True, allow_infinity=True)
seeds = st.integers(0, 2**64 - 1)


def chi_square_limit(degrees: int) -> float:
    """Return what a chi-square variable exceeds with probability 1e-6 (Wilson and Hilferty)."""
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + 4.7534 * math.sqrt(spread)) ** 3)


def chi_square(counts: Any, k: int, rounds: int) -> float:
    """Compare inclusions with ``rounds * k / n``; n - 1 degrees if all sets of k are as likely."""
    n = len(counts)
    p = k / n
    return float(((counts - rounds * p) ** 2).sum() / (rounds * p * (1 - p) * n / (n - 1)))


# False alarms: one in a million for each of the following; the seeds are fixed.
ROUNDS = 1500


@pytest.mark.parametrize(("n", "k"), [(50, 5), (200, 20), (300, 1)])
def test_sorted_input_is_sampled_uniformly(n: int, k: int) -> None:
    counts = np.zeros(n)
    values = np.arange(n, dtype=np.float64)
    for seed in range(ROUNDS):
        counts[Reservoir(values, k=k, seed=seed).sample().astype(int)] += 1
    assert counts.sum() == k * ROUNDS
    assert chi_square(counts, k, ROUNDS) < chi_square_limit(n - 1)


@pytest.mark.parametrize("parts", [(190, 10), (4, 96), (30, 1, 69), (60, 60)])
def test_merges_of_unequal_parts_are_sampled_uniformly(parts: tuple[int, ...]) -> None:
    n, k = sum(parts), 10
    counts = np.zeros(n)
    edges = np.cumsum((0, *parts))
    for seed in range(ROUNDS):
        merged = Reservoir(k=k, seed=seed * 10)
        for i, (low, high) in enumerate(pairwise(edges), 1):
            merged.merge(Reservoir(np.arange(low, high), k=k, seed=seed * 10 + i))
        counts[merged.sample().astype(int)] += 1
    assert chi_square(counts, k, ROUNDS) < chi_square_limit(n - 1)


@given(st.lists(anything, max_size=300), st.integers(1, 20), seeds, st.data())
@settings(deadline=None)
def test_splits_do_not_matter(values: list[float], k: int, seed: int, data: st.DataObject) -> None:
    whole = Reservoir(np.array(values, dtype=np.float64), k=k, seed=seed)
    split = Reservoir(k=k, seed=seed)
    at = 0
    while at < len(values):
        size = data.draw(st.integers(1, len(values) - at))
        split.update(values[at] if size == 1 else values[at : at + size])
        at += size
    assert split == whole
    assert split.to_bytes() == whole.to_bytes()
    finite = [value for value in values if math.isfinite(value)]
    assert whole.count == len(finite)
    assert len(whole) == len(whole.sample()) == min(k, len(finite))
    assert whole.nan_count == sum(map(math.isnan, values))
    assert whole.pos_inf_count == values.count(math.inf)
    assert whole.neg_inf_count == values.count(-math.inf)
    remaining = list(finite)
    for value in whole.sample().tolist():
        remaining.remove(value)  # none is there more often than in the stream


def test_a_seed_decides_the_sample() -> None:
    values = np.random.default_rng(1).normal(size=50_000)
    assert Reservoir(values, seed=3) == Reservoir(values, seed=3)
    assert set(Reservoir(values, seed=3).sample()) != set(Reservoir(values, seed=4).sample())
    left = [Reservoir(values, k=50, seed=seed) for seed in (1, 2)]
    right = [Reservoir(values, k=50, seed=seed) for seed in (1, 2)]
    left[0].merge(left[1])
    right[0].merge(right[1])
    assert left[0] == right[0]
    assert left[0].count == 100_000


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, np.bool_])
def test_columns_of_any_number_are_read(dtype: Any) -> None:
    values = (np.arange(5000) % 100).astype(dtype)
    expected = Reservoir(values.astype(np.float64), k=30, seed=2)
    assert Reservoir(values, k=30, seed=2) == expected
    assert Reservoir(values.tolist(), k=30, seed=2) == expected
    assert Reservoir(pa.array(values), k=30, seed=2) == expected


def test_nulls_are_counted() -> None:
    reservoir = Reservoir(pa.array([1.0, None, 2.0, None]))
    reservoir.update([None, 3.0])
    assert reservoir.null_count == 3
    assert sorted(reservoir.sample()) == [1.0, 2.0, 3.0]


def test_integers_that_are_rounded_warn() -> None:
    with pytest.warns(InlayWarning, match="rounded"):
        assert Reservoir(np.array([2**60 + 1])).sample()[0] == 2.0**60
    with pytest.raises(TypeError, match="4w"):
        Reservoir(np.array(["text"]))


def test_samples_are_copies() -> None:
    reservoir = Reservoir([1.0, 2.0])
    reservoir.sample()[0] = 9
    assert list(reservoir.sample()) == [1.0, 2.0]


@pytest.mark.parametrize("argument", [{"k": 0}, {"k": 2**24 + 1}, {"k": -1}, {"seed": -7}])
def test_arguments_out_of_range_are_refused_by_value(argument: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError, match=str(*argument.values())):
        Reservoir(**argument)


def test_other_sizes_merge_only_if_they_hold_all() -> None:
    reservoir = Reservoir(range(30), k=10)
    with pytest.raises(InvalidArgumentError, match="10, there: 20"):
        reservoir.merge(Reservoir(range(30), k=20))
    reservoir.merge(Reservoir(range(15), k=20, seed=1))
    assert (reservoir.count, len(reservoir)) == (45, 10)
    before = reservoir.copy()
    reservoir.merge(Reservoir(k=99))
    assert reservoir == before


@given(st.lists(anything, max_size=50), st.integers(1, 20), seeds)
def test_bytes_rows_copies_and_pickles_are_equal(values: list[float], k: int, seed: int) -> None:
    reservoir = Reservoir(values, k=k, seed=seed)
    assert Reservoir.from_bytes(reservoir.to_bytes()) == reservoir
    (row,) = reservoir.to_arrow().to_pylist()
    assert Reservoir.from_row(row) == reservoir
    assert row["count"] == reservoir.count
    assert row["summary_type"] == "reservoir_inlay"
    for other in (reservoir.copy(), copy.copy(reservoir), copy.deepcopy(reservoir)):
        assert other == reservoir
        other.update(1.0)
        assert other != reservoir
        reservoir_too = reservoir.copy()
        reservoir_too.update(1.0)
        assert other == reservoir_too
    assert pickle.loads(pickle.dumps(reservoir)) == reservoir


def test_rows_that_hold_no_sample_are_refused() -> None:
    row = Reservoir([1.0]).to_arrow().to_pylist()[0]
    with pytest.raises(InvalidArgumentError, match="None"):
        Reservoir.from_row({**row, "summary_type": None})
    with pytest.raises(SerializationError, match="missing"):
        Reservoir.from_row({**row, "summary": row["summary"][:10]})


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    for candidate in (data, b"inRS\x01" + data, b"inRS\x01\x03\x02\x00\x00\x00\x00" + data):
        try:
            reservoir = Reservoir.from_bytes(candidate)
        except SerializationError:
            continue
        assert reservoir.to_bytes() == candidate
        reservoir.merge(reservoir)
        repr(reservoir)


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "reservoir_v1.bin").read_bytes()
    expected = Reservoir(np.arange(20) * 0.5 - 2, k=4, seed=7)
    expected.update([math.nan, math.inf, None, None, None])
    assert Reservoir.from_bytes(data) == expected


def test_forms_for_people() -> None:
    reservoir = Reservoir(range(100), k=10, seed=5)
    assert repr(reservoir) == "<inlay.Reservoir of 10 of 100 values, seed 5>"
    assert "<th>count</th><td>100</td>" in reservoir._repr_html_()
    assert Reservoir()
    with pytest.raises(TypeError, match="unhashable"):
        hash(reservoir)
    assert (reservoir == 1) is False
    reservoir.reset()
    assert reservoir == Reservoir(k=10, seed=5)
