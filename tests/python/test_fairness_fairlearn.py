"""Fairness measures against those of fairlearn, and where both differ on purpose."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay.model import fairness

metrics = pytest.importorskip("fairlearn.metrics", reason="compares with fairlearn")


def drawn(seed: int, rows: int, groups: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    return y, (rng.random(rows) < 0.3 + 0.4 * y).astype(int), rng.integers(0, groups, rows)


@settings(max_examples=8)
@given(st.integers(0, 2**32), st.integers(200, 600), st.integers(2, 6))
def test_measures_are_those_of_fairlearn(seed: int, rows: int, groups: int) -> None:
    y, chosen, group = drawn(seed, rows, groups)
    found = fairness(y, chosen, kind="label", attributes={"g": group}, min_n=1)
    overall = found.overall["g"]
    given = {"sensitive_features": group}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, theirs in (
            ("demographic_parity_difference", metrics.demographic_parity_difference),
            ("demographic_parity_ratio", metrics.demographic_parity_ratio),
            ("equalized_odds_difference", metrics.equalized_odds_difference),
            ("equal_opportunity_difference", metrics.equal_opportunity_difference),
        ):
            expected = theirs(y, chosen, **given)
            one = overall[name]
            if one.value is None:
                assert one.reason == "zero_denominator"
            else:
                assert one.value == pytest.approx(expected, abs=1e-12)
        frame = metrics.MetricFrame(
            metrics={
                "predicted_positive_rate": metrics.selection_rate,
                "recall": metrics.true_positive_rate,
                "fpr": metrics.false_positive_rate,
            },
            y_true=y,
            y_pred=chosen,
            **given,
        ).by_group
    for number in frame.index:
        for name in frame.columns:
            one = found.groups[f"g={number}"][name]
            if one.value is not None:
                assert one.value == pytest.approx(frame.loc[number, name], abs=1e-12)


def test_where_there_is_no_rate_fairlearn_says_0() -> None:
    y, chosen, group = [1] * 40 + [0, 1] * 20, [1] * 40 + [0, 1] * 20, ["a"] * 40 + ["b"] * 40
    found = fairness(y, chosen, kind="label", attributes={"g": group})
    assert found.groups["g=a"].fpr.reason == "no_negatives"
    assert found.groups["g=a"].fpr.value is None
    frame = metrics.MetricFrame(
        metrics={"fpr": metrics.false_positive_rate, "tnr": metrics.true_negative_rate},
        y_true=y,
        y_pred=chosen,
        sensitive_features=group,
    ).by_group
    # Both at once, though they are the shares of one whole.
    assert frame.loc["a"].tolist() == [0.0, 0.0]
