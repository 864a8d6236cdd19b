"""Where the event times of a batch lie, and how old they are: as numpy says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay import _core

TIMES = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=300)


@given(TIMES, st.booleans(), st.sampled_from([0.0, 0.5, 0.99, 1.0]))
def test_the_extent_is_numpys(times: list[int], ordered: bool, quantile: float) -> None:
    array = np.array(sorted(times) if ordered else times, np.int64)
    rank = int(quantile * (len(array) - 1))
    expected = array.min(), array.max(), np.partition(array, rank)[rank]
    assert _core.time_extent(array, quantile) == tuple(map(int, expected))


def test_no_times_have_no_extent_and_what_are_none_are_refused() -> None:
    assert _core.time_extent(np.zeros(0, np.int64), 0.99) == (0, 0, 0)
    for wrong in (np.zeros(3, np.int32), np.zeros((2, 2), np.int64), np.zeros(4, np.int64)[::2]):
        with pytest.raises(inlay.InvalidArgumentError):
            _core.time_extent(wrong, 0.99)
    with pytest.raises(inlay.InvalidArgumentError, match="quantile"):
        _core.time_extent(np.zeros(3, np.int64), 1.5)


def test_ages_are_recorded_as_their_seconds() -> None:
    times = np.random.default_rng(1).integers(0, 10**9, 1000)
    observer = inlay.Observer(clock=inlay.ManualClock(0))
    ages, seconds = (observer.histogram(name, layer="data").bind() for name in ("a", "b"))
    ages._record_ages(times, 10**9)
    seconds.record_many((10**9 - times) * 1e-6)
    rows = {row["metric"]: row for row in observer.collect().points.to_pylist()}
    for name in ("count", "sum", "min", "max", "pos_offset", "pos_counts"):
        assert rows["a"].get(name) == pytest.approx(rows["b"].get(name)), name
    with pytest.raises(TypeError):
        ages._record_ages(np.zeros(2, np.int32), 0)
    with pytest.raises(TypeError):
        ages._record_ages(times)
