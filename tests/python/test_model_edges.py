"""Rows at the ends of what numbers hold."""

from __future__ import annotations

import math

import pytest

from inlay import _core
from inlay._exceptions import InvalidArgumentError


def test_regression_moments_that_overflow_are_not_zero() -> None:
    states = _core.RegressionStates()
    states.update([1e200, -1e200, 1e200], [0.0, 0.0, 0.0])
    assert not math.isfinite(states.figures()["label_m2"])
    assert not math.isfinite(states.figures()["error_m2"])


def test_ranking_gain_of_the_smallest_relevance() -> None:
    states = _core.RankingStates(k=[1])
    states.update([1e-17, 0.0], [1.0, 0.0], groups=[0, 0])
    assert states.figures()["at_k"][0]["ndcg"] == (1.0, 1.0)


def test_label_join_refused_panes_leave_the_ids_open() -> None:
    join = _core.LabelJoin("binary", 10, 100)
    with pytest.raises(InvalidArgumentError, match="too far"):
        join.predicted([1], [0.5], 2**62)
    assert join.predicted(["a"], [0.5], 1).accepted == 1


def test_binary_weights_whose_squares_overflow_survive_their_bytes() -> None:
    states = _core.BinaryStates()
    states.update([0, 1], [0.2, 0.7], [1e200, 1.0])
    assert _core.BinaryStates.from_bytes(states.to_bytes()).equals(states)
