"""Intervals of proportions, differences, ratios and means, and the mapping that holds them."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inlay import InvalidArgumentError
from inlay.model.estimate import (
    Estimate,
    clopper_pearson,
    newcombe_difference,
    normal_interval,
    normal_mean,
    ratio_interval,
    wilson,
)
from inlay.model.metrics import Metrics

stats = pytest.importorskip("scipy.stats")

# Bisection of exact intervals ends within 1e-13 of the value; the rest is rounding.
CLOSE = 1e-10
PROPORTIONS = [(0, 10), (1, 10), (5, 10), (10, 10), (3, 7), (450, 1000), (1, 100_000), (0, 1)]
CONFIDENCES = [0.95, 0.8, 0.99]


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(("k", "n"), PROPORTIONS)
def test_wilson_and_exact_intervals_are_those_of_scipy(k: int, n: int, confidence: float) -> None:
    test = stats.binomtest(k, n)
    for estimate, method in (
        (wilson(k, n, confidence=confidence), "wilson"),
        (clopper_pearson(k, n, confidence=confidence), "exact"),
    ):
        expected = test.proportion_ci(confidence, method=method)
        assert ends(estimate) == pytest.approx((expected.low, expected.high), abs=CLOSE)
        assert estimate.value == k / n
        assert estimate.n == n
        assert estimate.reason is None


def test_exact_interval_of_many_rows_is_that_of_scipy() -> None:
    expected = stats.binomtest(499_123, 1_000_000).proportion_ci(0.95, method="exact")
    assert ends(clopper_pearson(499_123, 1_000_000)) == pytest.approx(
        (expected.low, expected.high), rel=1e-9
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
    ],
)
def test_differences_are_those_of_the_published_table(
    counts: tuple[int, int, int, int], expected: tuple[float, float]
) -> None:
    assert ends(newcombe_difference(*counts)) == pytest.approx(expected, abs=6e-5)


def test_ratio_ends_are_where_the_difference_reaches_zero() -> None:
    """MOVER-R by its definition: solve for r at which the interval of p1 - r p2 ends at 0."""
    optimize = pytest.importorskip("scipy.optimize")
    for k1, n1, k2, n2 in [(56, 70, 48, 80), (9, 10, 3, 10), (2, 200, 1, 50), (0, 10, 5, 10)]:
        p1, p2 = k1 / n1, k2 / n2
        l1, u1 = ends(wilson(k1, n1))
        l2, u2 = ends(wilson(k2, n2))

        def lower(r: float, p1=p1, p2=p2, l1=l1, u2=u2) -> float:  # type: ignore[no-untyped-def]
            return float(p1 - r * p2 - math.hypot(p1 - l1, r * (u2 - p2)))

        def upper(r: float, p1=p1, p2=p2, u1=u1, l2=l2) -> float:  # type: ignore[no-untyped-def]
            return float(p1 - r * p2 + math.hypot(u1 - p1, r * (p2 - l2)))

        estimate = ratio_interval(k1, n1, k2, n2)
        low, high = ends(estimate)
        assert estimate.value == pytest.approx(p1 / p2)
        if k1:
            assert low == pytest.approx(optimize.brentq(lower, 1e-9, p1 / p2), rel=1e-7)
        else:
            assert low == 0.0
        assert high == pytest.approx(optimize.brentq(upper, p1 / p2, 1e6), rel=1e-7)


def test_undefined_figures_name_their_reason() -> None:
    for estimate in (
        wilson(0, 0, reason="no_positives"),
        clopper_pearson(0, 0, reason="no_positives"),
        newcombe_difference(0, 0, 1, 2, reason="no_positives"),
        ratio_interval(1, 2, 0, 0, reason="no_positives"),
        normal_mean(0.0, 0.0, 0, reason="no_positives"),
    ):
        assert estimate.value is estimate.low is estimate.high is None
        assert estimate.reason == "no_positives"
        assert "no_positives" in repr(estimate)
        with pytest.raises(InvalidArgumentError, match="no_positives"):
            float(estimate)
    assert ratio_interval(1, 2, 0, 5).reason == "zero_denominator"


def test_mean_is_that_of_the_rows_and_its_interval_normal() -> None:
    values = np.random.default_rng(3).normal(1e8, 2.0, 500)
    moved = values - values[0]
    estimate = normal_mean(moved.sum(), (moved**2).sum(), len(values), shift=values[0])
    half = stats.norm.ppf(0.975) * values.std(ddof=1) / math.sqrt(len(values))
    assert estimate.value == pytest.approx(values.mean(), abs=1e-6)
    assert ends(estimate) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-6)
    one = normal_mean(3.0, 9.0, 1)
    assert (one.value, one.low, one.reason) == (3.0, None, "insufficient")
    cut = normal_mean(1.0, 1.0, 4, within=(0.0, 1.0))
    assert cut.low == 0.0


def test_weights_count_by_kish() -> None:
    weights = np.array([1.0, 1.0, 4.0, 2.0])
    effective = weights.sum() ** 2 / (weights**2).sum()
    weighted = wilson(5.0, 8.0, squares=float((weights**2).sum()))
    plain = wilson(0.625 * effective, effective)
    assert ends(weighted) == pytest.approx(ends(plain))
    assert weighted.n == round(effective)
    assert "Kish" in weighted.method
    equal = newcombe_difference(2.0, 10.0, 3.0, 10.0, squares=(10.0, 10.0))
    assert ends(equal) == pytest.approx(ends(newcombe_difference(2, 10, 3, 10)))
    assert wilson(0.0, 0.0, squares=0.0).reason == "no_rows"


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (math.nan, 5), (1, math.nan), (1, math.inf)])
def test_impossible_proportions_are_refused(k: float, n: float) -> None:
    with pytest.raises(InvalidArgumentError, match=str(k)):
        wilson(k, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidArgumentError, match=str(confidence)):
        wilson(1, 2, confidence=confidence)
    with pytest.raises(InvalidArgumentError, match=str(confidence)):
        clopper_pearson(1, 2, confidence=confidence)
    with pytest.raises(InvalidArgumentError, match="variance"):
        normal_interval(0.0, -1.0, 3)
    with pytest.raises(InvalidArgumentError, match="squared"):
        wilson(1, 2, squares=-1.0)


@given(
    n1=st.integers(1, 10**9),
    n2=st.integers(1, 10**9),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_intervals_hold_their_value(n1: int, n2: int, shares: tuple[float, float]) -> None:
    k1, k2 = round(shares[0] * n1), round(shares[1] * n2)
    estimates = [wilson(k1, n1), newcombe_difference(k1, n1, k2, n2)]
    if k2:
        estimates.append(ratio_interval(k1, n1, k2, n2))
    for estimate in estimates:
        low, high = ends(estimate)
        assert low <= float(estimate) <= high
        assert low < high


# ---- the mapping ---------------------------------------------------------------------------------
def metrics() -> Metrics:
    return Metrics(
        {
            "recall": wilson(45, 50),
            "fpr": Estimate.undefined("no_negatives"),
            "mean": normal_mean(2.0, 4.0, 1),
        },
        title="Binary",
    )


def test_metrics_are_a_mapping_with_attributes() -> None:
    found = metrics()
    assert list(found) == ["recall", "fpr", "mean"]
    assert found["recall"] is found.recall
    assert "recall" in dir(found)
    assert found == dict(found)
    assert copy.deepcopy(found) == found
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(KeyError, match="recall, fpr"):
        found["reacll"]
    with pytest.raises(AttributeError, match="recall, fpr"):
        _ = found.reacll


def test_metrics_become_a_table() -> None:
    table = metrics().to_arrow()
    assert table.schema == pa.schema(
        [
            ("metric", pa.string()),
            ("value", pa.float64()),
            ("low", pa.float64()),
            ("high", pa.float64()),
            ("n", pa.int64()),
            ("reason", pa.string()),
            ("method", pa.string()),
        ]
    )
    rows = table.to_pylist()
    assert rows[0]["value"] == 0.9
    assert rows[0]["reason"] is None
    assert (rows[1]["value"], rows[1]["reason"]) == (None, "no_negatives")
    assert (rows[2]["low"], rows[2]["reason"]) == (None, "insufficient")


def test_metrics_are_shown_with_intervals_and_reasons() -> None:
    shown = repr(metrics())
    assert "recall  0.9  [0.786398, 0.956524]  n=50" in shown
    assert "undefined: no_negatives" in shown
    table = Metrics({"<b>": wilson(1, 2)})._repr_html_()
    assert "&lt;b&gt;" in table
    assert "<b>" not in table
