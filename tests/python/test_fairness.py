"""Rates of groups and what compares them: against values by hand, and what is undefined."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from inlay import InvalidArgumentError
from inlay.model import Fairness, fairness
from inlay.model.estimate import newcombe_difference, ratio_interval, wilson
from inlay.model.parity.intervals import absolute, difference, normal_quantile, ratio, shares
from inlay.model.parity.measures import LIMITS, effect_of

# True negatives, false positives, false negatives, true positives.
F, M = (60, 10, 10, 20), (40, 20, 5, 35)


def two(**given: Any) -> Fairness:
    return Fairness.of_counts({("f",): F, ("m",): M}, "sex", reference={"sex": "f"}, **given)


def test_rates_are_those_computed_by_hand() -> None:
    found = two()
    assert {name: one.value for name, one in found.groups["sex=f"].items()} == pytest.approx(
        {
            "predicted_positive_rate": 30 / 100,
            "recall": 20 / 30,
            "fpr": 10 / 70,
            "precision": 20 / 30,
            "accuracy": 80 / 100,
            "prevalence": 30 / 100,
        }
    )
    assert found.counts["sex=m"] == M
    assert found.references == {"sex": "sex=f"}
    assert list(found.compared) == ["sex=m"]


def test_measures_are_those_computed_by_hand() -> None:
    measures = two().compared["sex=m"]
    assert {name: one.value for name, one in measures.items()} == pytest.approx(
        {
            "demographic_parity_difference": 0.55 - 0.30,
            "disparate_impact": 0.55 / 0.30,
            "equal_opportunity_difference": 35 / 40 - 20 / 30,
            "equalized_odds_difference": max(35 / 40 - 20 / 30, 20 / 60 - 10 / 70),
            "predictive_parity_difference": 35 / 55 - 20 / 30,
        }
    )
    together = two().overall["sex"]
    assert together.demographic_parity_ratio.value == pytest.approx(0.30 / 0.55)
    assert together.demographic_parity_difference.value == pytest.approx(0.25)
    assert together.predictive_parity_difference.value == pytest.approx(20 / 30 - 35 / 55)


def test_intervals_are_those_of_single_estimates() -> None:
    measures = two().compared["sex=m"]
    expected = newcombe_difference(55, 100, 30, 100)
    one = measures.demographic_parity_difference
    assert (one.low, one.high) == pytest.approx((expected.low, expected.high))
    expected = ratio_interval(55, 100, 30, 100)
    one = measures.disparate_impact
    assert (one.low, one.high, one.method) == (
        pytest.approx(expected.low),
        pytest.approx(expected.high),
        "mover-r",
    )
    one = two(confidence=0.9).groups["sex=f"].recall
    expected = wilson(20, 30, confidence=0.9)
    assert (one.low, one.high, one.n) == (
        pytest.approx(expected.low),
        pytest.approx(expected.high),
        30,
    )


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.9999])
def test_arrays_of_intervals_agree_with_single_ones(confidence: float) -> None:
    grid = [
        (k, n) for n in (0, 1, 2, 7, 50, 10**6) for k in {0, 1, n // 3, n - 1, n} if 0 <= k <= n
    ]
    k, n = (np.asarray(each) for each in zip(*grid, strict=True))
    z = normal_quantile(confidence)
    made = shares(k, n, z=z)
    for at, (top, below) in enumerate(grid):
        same(made.take(at), wilson(top, below, confidence=confidence))
    pairs = list(itertools.product(range(len(grid)), repeat=2))
    first, second = (np.asarray(each) for each in zip(*pairs, strict=True))
    differences = difference(made.take(first), made.take(second))
    ratios = ratio(made.take(first), made.take(second))
    for at, (i, j) in enumerate(pairs):
        four = (*grid[i], *grid[j])
        same(differences.take(at), newcombe_difference(*four, confidence=confidence))
        same(ratios.take(at), ratio_interval(*four, confidence=confidence))


def same(mine: Any, theirs: Any) -> None:
    if theirs.value is None:
        assert all(math.isnan(each) for each in mine)
    else:
        expected = (theirs.value, theirs.low, theirs.high)
        # Quantiles of the normal distribution differ in the last digits.
        assert tuple(mine) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_magnitude_keeps_what_its_interval_holds() -> None:
    ends = [(-0.5, -0.6, -0.4), (0.1, -0.2, 0.3), (0.2, 0.1, 0.4)]
    made = absolute(difference(*_apart(ends)))
    assert made.value.tolist() == pytest.approx([0.5, 0.1, 0.2])
    assert made.low.tolist()[1] == 0.0
    assert (made.low <= made.value).all()
    assert (made.value <= made.high).all()


def _apart(ends: Any) -> Any:
    from inlay.model.parity.intervals import Intervals

    columns = [np.asarray(each) for each in zip(*ends, strict=True)]
    zero = np.zeros(len(ends))
    return Intervals(*columns), Intervals(zero, zero, zero)


def test_a_group_without_negatives_has_no_false_positive_rate() -> None:
    found = Fairness.of_counts({("a",): (0, 0, 20, 80), ("b",): (50, 0, 25, 25)}, "g")
    rate = found.groups["g=a"].fpr
    assert (rate.value, rate.reason, rate.n) == (None, "no_negatives", 0)
    odds = found.compared["g=b"].equalized_odds_difference
    assert (odds.value, odds.reason) == (None, "no_negatives")
    assert found.compared["g=b"].equal_opportunity_difference.value == pytest.approx(0.5 - 0.8)
    together = found.overall["g"].equalized_odds_difference
    assert together.value == pytest.approx(0.3)  # of recall, which both groups have


@pytest.mark.parametrize(
    ("counts", "measure", "reason"),
    [
        ((50, 10, 0, 0), "equal_opportunity_difference", "no_positives"),
        ((50, 0, 50, 0), "predictive_parity_difference", "no_predicted_positives"),
        ((5, 5, 5, 5), "demographic_parity_difference", "insufficient"),
        ((0, 0, 0, 0), "demographic_parity_difference", "no_rows"),
    ],
)
def test_what_cannot_be_compared_says_why(counts: Any, measure: str, reason: str) -> None:
    found = Fairness.of_counts({("a",): (200, 100, 100, 200), ("b",): counts}, "g")
    one = found.compared["g=b"][measure]
    assert (one.value, one.low, one.high, one.reason) == (None, None, None, reason)
    assert found.overall["g"][measure].reason == "insufficient"


def test_a_reference_that_selects_nobody_has_no_ratio() -> None:
    counts = {("a",): (50, 0, 50, 0), ("b",): (40, 10, 40, 10)}
    found = Fairness.of_counts(counts, "g", reference={"g": "a"})
    assert found.compared["g=b"].disparate_impact.reason == "zero_denominator"
    one = found.overall["g"].demographic_parity_ratio
    assert (one.value, one.low) == (0.0, 0.0)
    assert effect_of("demographic_parity_ratio", 0.0) == 1.0 > LIMITS["demographic_parity_ratio"]


def test_attributes_make_groups_alone_and_together() -> None:
    counts = {
        ("f", "old"): (10, 10, 10, 10),
        ("f", "new"): (20, 20, 20, 20),
        ("m", "old"): (30, 30, 30, 30),
        ("m", "new"): (5, 10, 15, 20),
    }
    found = Fairness.of_counts(counts, ("sex", "age"))
    assert list(found.overall) == ["sex", "age", "sex,age"]
    assert found.counts["sex=f"] == (30, 30, 30, 30)
    assert found.counts["age=old"] == (40, 40, 40, 40)
    assert found.counts["sex=m,age=new"] == (5, 10, 15, 20)
    assert found.references == {"sex": "sex=m", "age": "age=old", "sex,age": "sex=m,age=old"}
    alone = Fairness.of_counts(counts, ("sex", "age"), intersections=False)
    assert list(alone.overall) == ["sex", "age"]
    table = found.to_arrow()
    assert table.num_rows == 8 * 6 + (8 - 3) * 5 + 3 * 5
    assert set(table["against"].to_pylist()) == {None, "sex=m", "age=old", "sex=m,age=old"}


def test_groups_together_are_judged_for_all_pairs() -> None:
    """That one of 45 pairs of equal groups is apart happens in few of many samples."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        counts = {(str(g),): rng.multinomial(400, [0.4, 0.2, 0.1, 0.3]) for g in range(10)}
        low = Fairness.of_counts(counts, "g").overall["g"].demographic_parity_difference.low
        assert low is not None
        wrong += low > 0.0
    assert wrong <= 20  # 5 % of 200, with room: its chance is below 1e-3


def test_shown_as_text_and_html() -> None:
    found = Fairness.of_counts({("<b>",): F, ("m",): M, ("x",): (1, 0, 0, 0)}, "sex")
    assert "sex: demographic_parity_difference 0.250 [" in repr(found)
    page = found._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "insufficient" in page


@pytest.mark.parametrize(
    ("counts", "names", "given", "message"),
    [
        ({("a", "b"): F}, "g", {}, "has a value of each of g"),
        ({("a",): (1, 2, 3)}, "g", {}, "four whole numbers"),
        ({("a",): (1, 2, 3, -1)}, "g", {}, "four whole numbers"),
        ({("a",): (1, 2, 3, 0.5)}, "g", {}, "four whole numbers"),
        ({("a",): F}, (), {}, "1 to 4 different names"),
        ({("a", "b"): F}, ("g", "g"), {}, "1 to 4 different names"),
        ({("a",): F}, "g", {"min_n": 0}, "min_n must be"),
        ({("a",): F}, "g", {"confidence": 1.0}, "confidence must lie"),
    ],
)
def test_bad_arguments_are_refused(counts: Any, names: Any, given: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Fairness.of_counts(counts, names, **given)


def test_no_groups_are_no_error() -> None:
    found = Fairness.of_counts({}, "g")
    assert found.overall["g"].demographic_parity_difference.reason == "insufficient"
    assert found.to_arrow().num_rows == 5


def test_arrays_are_counted_as_they_are() -> None:
    rng = np.random.default_rng(1)
    y, score = rng.integers(0, 2, 5_000), rng.random(5_000)
    sex, age = rng.choice(["f", "m"], 5_000), rng.integers(1, 4, 5_000)
    found = fairness(y, score, attributes={"sex": sex, "age": age}, threshold=0.7)
    for name, group in (("sex=f,age=2", (sex == "f") & (age == 2)), ("age=3", age == 3)):
        pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
        expected = tuple(
            int(np.sum(group & (y == true) & ((score >= 0.7) == chosen))) for true, chosen in pairs
        )
        assert found.counts[name] == expected
    assert found.left_out == {}


def test_rows_that_cannot_be_counted_are_told() -> None:
    y, score = [1, 0, 2, 1, 1], [0.9, float("nan"), 0.5, 1.5, 1.0]
    found = fairness(y, score, attributes={"g": ["a", "a", "b", "b", "b"]}, min_n=1)
    assert found.left_out == {"nan_score": 1, "bad_label": 1, "out_of_range": 1}
    assert found.counts == {"g=a": (0, 0, 0, 1), "g=b": (0, 0, 0, 1)}


def test_logits_are_compared_with_the_probability() -> None:
    found = fairness([1, 1], [0.5, -0.5], kind="logit", attributes={"g": ["a", "b"]}, min_n=1)
    assert [found.counts[f"g={g}"] for g in "ab"] == [(0, 0, 0, 1), (0, 0, 1, 0)]


@pytest.mark.parametrize(
    ("y", "score", "attributes", "error", "message"),
    [
        ([1], [0.5, 0.7], {"g": ["a", "b"]}, InvalidArgumentError, "y_true"),
        ([1, 0], [0.5, 0.7], {"g": ["a"]}, InvalidArgumentError, "must have 2 values"),
        ([1, 0], [0.5, 0.7], {}, InvalidArgumentError, "1 to 4"),
        ([1, 0], [0.5, 0.7], {"g": [0.5, 0.7]}, TypeError, "'g'"),
        (1, 0.5, {"g": "a"}, TypeError, "float"),
    ],
)
def test_bad_arrays_are_refused(
    y: Any, score: Any, attributes: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        fairness(y, score, attributes=attributes)


def test_too_many_groups_are_refused() -> None:
    ids = np.arange(10_001)
    with pytest.raises(InvalidArgumentError, match="10000 groups; 1 rows more"):
        fairness(ids % 2, ids % 2, kind="label", attributes={"g": ids})
