"""The mergeable summary of embeddings: against the rows themselves, and as bytes."""

from __future__ import annotations

import contextlib
import copy
import pickle
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.detect import frechet, mahalanobis, mmd


def rows(n: int, d: int = 4, *, shift: float = 0.0, seed: int = 1) -> Any:
    return np.random.default_rng([seed, n, d]).normal(shift, 1.0, size=(n, d))


def made(data: Any, **options: Any) -> inlay.Embedding:
    return inlay.Embedding.of(data, **{"bandwidth": 2.0, "frequencies": 64, **options})


def test_mean_and_covariance_are_those_of_the_rows() -> None:
    data = rows(5_000) + 1e6
    full = made(data)
    assert full.mean == pytest.approx(data.mean(axis=0), rel=1e-14)
    assert full.cov == pytest.approx(np.cov(data.T), rel=1e-9, abs=1e-9)
    diagonal = made(data, covariance="diagonal")
    assert diagonal.cov == pytest.approx(data.var(axis=0, ddof=1), rel=1e-9)
    assert (full.count, len(full), full.dims) == (5_000, 5_000, 4)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_merging_parts_is_updating_with_all(sizes: list[int]) -> None:
    data = rows(sum(sizes))
    whole = made(rows(3)).like()
    whole.update(data)
    parts = whole.like()
    at = 0
    for size in sizes:
        part = whole.like()
        part.update(data[at : at + size])
        parts.merge(part)
        at += size
    assert parts.count == whole.count
    if whole.count:
        assert parts.mean == pytest.approx(whole.mean, abs=1e-12)
        assert parts._sums.cosines == pytest.approx(whole._sums.cosines, abs=1e-12)
        assert parts._sums.scatter == pytest.approx(whole._sums.scatter, abs=1e-9)


def test_merging_is_the_same_either_way_round() -> None:
    a, b = made(rows(100)), made(rows(70, shift=3.0))
    one, other = a.copy(), b.copy()
    one.merge(b)
    other.merge(a)
    assert one == other
    one.merge(one)  # with itself
    assert one.count == 340


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_mmd_lies_within_its_interval(shift: float) -> None:
    x, y = rows(800), rows(600, shift=shift)
    known = mmd(x, y, bandwidth=2.0, permutations=0).value
    inside = 0
    for seed in range(20):
        a, b = (made(side, frequencies=256, seed=seed) for side in (x, y))
        found = a.mmd(b)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= known <= found.high
    # At 95 % fewer than 15 of 20 have a chance of 0.03 %.
    assert inside >= 15


def test_frechet_and_mahalanobis_are_those_of_the_rows() -> None:
    x, y = rows(300), rows(200, shift=0.4) * 1.5
    a, b = made(x), made(y)
    assert a.frechet(b).value == pytest.approx(frechet(x, y).value, rel=1e-9)
    found, known = a.mahalanobis(b), mahalanobis(x, y)
    assert found.value == pytest.approx(known.value, rel=1e-9)
    assert found.p_value == pytest.approx(known.p_value, rel=1e-6)
    one, other = (made(side, covariance="diagonal") for side in (x, y))
    apart = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    assert one.frechet(other).value == pytest.approx(
        apart + ((x.std(axis=0, ddof=1) - y.std(axis=0, ddof=1)) ** 2).sum()
    )
    assert one.mahalanobis(other).p_value is None


def test_what_has_no_value_says_why() -> None:
    full = made(rows(10))
    empty = full.like()
    assert (empty.mean, empty.cov) == (None, None)
    assert full.mmd(empty).reason == "insufficient"
    assert full.frechet(empty).reason == "insufficient"
    assert full.mahalanobis(empty).reason == "insufficient"
    same = np.ones((20, 4))
    assert made(same).mahalanobis(made(same)).reason == "singular"
    with pytest.raises(inlay.InvalidArgumentError, match="rows: 20"):
        inlay.Embedding.of(same)


def test_rows_with_gaps_are_counted_apart() -> None:
    data = rows(50)
    plain = made(data)
    gaps = made(np.concatenate([data, [[np.nan] * 4, [np.inf, 0.0, 0.0, 0.0]]]))
    assert gaps.left_out == 2
    assert gaps.mean == pytest.approx(plain.mean)
    with pytest.raises(inlay.InvalidArgumentError, match="1e\\+200"):
        gaps.update(np.full((2, 4), [[1e200], [-1e200]]))
    assert gaps.count == 50  # a refused update changes nothing


def test_parameters_must_be_equal() -> None:
    data = rows(20)
    plain = made(data)
    for name, value in (
        ("seed", 1),
        ("bandwidth", 3.0),
        ("frequencies", 32),
        ("covariance", "diagonal"),
    ):
        other = made(data, **{name: value})
        with pytest.raises(inlay.InvalidArgumentError, match=f"another {name}"):
            plain.merge(other)
        with pytest.raises(inlay.InvalidArgumentError, match=f"another {name}"):
            plain.mmd(other)
    with pytest.raises(inlay.InvalidArgumentError, match="another dims"):
        plain.merge(made(rows(20, 3)))
    with pytest.raises(TypeError, match="list"):
        plain.merge([])  # type: ignore[arg-type]
    with pytest.raises(inlay.InvalidArgumentError, match="4 columns: 3"):
        plain.update(rows(5, 3))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dims": 0}, "dims.*0"),
        ({"frequencies": 70_000}, "frequencies.*70000"),
        ({"bandwidth": float("nan")}, "bandwidth.*nan"),
        ({"seed": -1}, "seed.*-1"),
        ({"covariance": "none"}, "covariance.*'none'"),
    ],
)
def test_wrong_parameters_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=said):
        inlay.Embedding(**{"dims": 3, "bandwidth": 1.0, **options})


def test_covariance_is_diagonal_beyond_1024_dimensions() -> None:
    assert inlay.Embedding(1_024, bandwidth=1.0).covariance == "full"
    assert inlay.Embedding(1_025, bandwidth=1.0).covariance == "diagonal"


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
@pytest.mark.parametrize("size", [0, 1, 30])
def test_bytes_and_rows_of_points_hold_the_state(covariance: str, size: int) -> None:
    state = inlay.Embedding(3, bandwidth=1.5, frequencies=8, seed=9, covariance=covariance)
    state.update(rows(size, 3))
    state.update([[1.0, np.nan, 1.0]])
    again = inlay.Embedding.from_bytes(state.to_bytes())
    assert again == state
    assert again.to_bytes() == state.to_bytes()
    assert pickle.loads(pickle.dumps(state)) == state
    assert copy.deepcopy(state) == state
    row = state.to_arrow().to_pylist()[0]
    assert (row["kind"], row["count"], row["nan_count"]) == ("embedding", size, 1)
    assert inlay.Embedding.from_row(row) == state
    again.update(rows(5, 3))
    state.update(rows(5, 3))
    assert again == state  # the frequencies are the same too
    with pytest.raises(inlay.InvalidArgumentError, match="kll"):
        inlay.Embedding.from_row({**row, "summary_type": "kll"})


def test_frequencies_never_change() -> None:
    state = inlay.Embedding(2, bandwidth=1.0, frequencies=2, seed=7)
    state.update([[1.0, 2.0]])
    # By numpy's legacy generator: (1.69, -0.466), (0.0328, 0.408) are its first of seed 7.
    assert state._sums.cosines == pytest.approx([-0.18430992, 0.93968258], abs=1e-8)


def test_bytes_of_the_first_version_are_read() -> None:
    data = (Path(__file__).parents[1] / "data" / "embedding_v1.bin").read_bytes()
    state = inlay.Embedding.from_bytes(data)
    assert state.to_bytes() == data
    assert (state.count, state.left_out, state.dims, state.frequencies) == (4, 1, 2, 3)
    assert (state.seed, state.bandwidth, state.covariance) == (7, 2.5, "full")
    assert state.mean == pytest.approx([2.5, 5.0])
    assert state.cov == pytest.approx(np.array([[5 / 3, 10 / 3], [10 / 3, 20 / 3]]))
    fresh = state.like()
    fresh.update([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0], [np.nan, 1.0]])
    assert state._sums.cosines == pytest.approx(fresh._sums.cosines, abs=1e-12)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_bytes_are_refused_or_are_a_state(data: st.DataObject) -> None:
    state = made(
        rows(6, 2), frequencies=3, covariance=data.draw(st.sampled_from(["full", "diagonal"]))
    )
    damaged = bytearray(state.to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
    try:
        found = inlay.Embedding.from_bytes(bytes(damaged[:cut]))
    except inlay.SerializationError:
        return
    # What is taken for a state can be used and gives its bytes again.
    assert found.to_bytes() == bytes(damaged[:cut])
    found.mmd(found)
    with contextlib.suppress(inlay.InvalidArgumentError):  # numbers that are too far from zero
        found.update(np.zeros((2, found.dims)))


def test_rows_too_far_apart_are_refused_and_change_nothing() -> None:
    state = made(np.full((3, 2), 1e160), frequencies=3)
    before = state.to_bytes()
    with pytest.raises(inlay.InvalidArgumentError, match="overflow"):
        state.update(np.zeros((2, 2)))
    assert state.to_bytes() == before


def test_a_few_bytes_take_no_gigabytes() -> None:
    head = struct.Struct("<5sIIIdBQQ")
    for dims, frequencies in ((60_000, 4), (2**32 - 1, 4), (3, 2**32 - 1), (0, 1)):
        data = head.pack(b"inEM\x01", dims, frequencies, 0, 1.0, 1, 0, 0)
        with pytest.raises(inlay.SerializationError):
            inlay.Embedding.from_bytes(data)
    with pytest.raises(inlay.SerializationError, match="version than 1: 2"):
        inlay.Embedding.from_bytes(head.pack(b"inEM\x02", 1, 1, 0, 1.0, 1, 0, 0))
    with pytest.raises(inlay.SerializationError, match="do not begin"):
        inlay.Embedding.from_bytes(b"")


def test_threads_share_one() -> None:
    shared = made(rows(3)).like()
    parts = [rows(200, seed=seed) for seed in range(8)]
    threads = [threading.Thread(target=shared.update, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.count == 1_600
    assert shared.mean == pytest.approx(np.concatenate(parts).mean(axis=0), abs=1e-12)


def test_reset_and_repr() -> None:
    state = made(rows(7))
    assert "7 rows of 4" in repr(state)
    state.reset()
    assert state == state.like()
    assert state
