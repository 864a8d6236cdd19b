"""Metrics of binary predictions: against scikit-learn, and where others err in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from binary_samples import THRESHOLDS, counted, sample

from inlay import InvalidArgumentError
from inlay.model import Binary

sk = pytest.importorskip("sklearn.metrics")

# Scores and squared errors are rounded to 2^-40 each; the rest is rounding of sums.
CLOSE = 1e-11


def numpy_ece(y: Any, s: Any, w: Any, bins: int = 15) -> tuple[float, float]:
    place = np.minimum((s[:, None] >= np.arange(1, bins) / bins).sum(1), bins - 1)
    n = np.bincount(place, w, bins)
    gap = np.abs(np.bincount(place, w * y, bins) - np.bincount(place, w * s, bins))
    return gap.sum() / n.sum(), np.max(gap[n > 0] / n[n > 0])


# ---- against scikit-learn ------------------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [40, 5000])
def test_metrics_are_those_of_scikit_learn(rows: int, dtype: Any, weighted: bool) -> None:
    y, s = sample(rows, seed=rows, dtype=dtype)
    w = np.random.default_rng(1).uniform(0, 3, rows) if weighted else None
    each = np.ones(rows) if w is None else w
    metrics = counted(y, s, w, thresholds=THRESHOLDS).compute()
    wide = s.astype(np.float64)
    for threshold in THRESHOLDS:
        predicted = (wide >= threshold).astype(int)
        tn, fp, fn, tp = sk.confusion_matrix(y, predicted, sample_weight=w, labels=[0, 1]).ravel()
        expected = {
            "accuracy": (tp + tn) / each.sum(),
            "precision": sk.precision_score(y, predicted, sample_weight=w),
            "recall": sk.recall_score(y, predicted, sample_weight=w),
            "specificity": tn / (tn + fp),
            "fpr": fp / (tn + fp),
            "fnr": fn / (tp + fn),
            "npv": tn / (tn + fn) if tn + fn else None,
            "predicted_positive_rate": (tp + fp) / each.sum(),
            "f1": sk.f1_score(y, predicted, sample_weight=w),
            "informedness": tp / (tp + fn) - fp / (tn + fp),
            "balanced_accuracy": sk.balanced_accuracy_score(y, predicted, sample_weight=w),
            "mcc": sk.matthews_corrcoef(y, predicted, sample_weight=w),
        }
        for name, value in expected.items():
            found = metrics[f"{name}@{threshold:g}"]
            assert found.value == pytest.approx(value, abs=CLOSE), name
            if found.value is not None:
                assert found.low is not None
                assert found.high is not None
                assert found.low <= found.value <= found.high
    assert metrics["brier"].value == pytest.approx(
        sk.brier_score_loss(y, wide, sample_weight=w), abs=CLOSE
    )
    assert metrics["log_loss"].value == pytest.approx(
        sk.log_loss(y, np.clip(wide, 2.0**-53, 1), sample_weight=w), rel=CLOSE
    )
    ece, mce = numpy_ece(y, wide, each)
    assert metrics["ece"].value == pytest.approx(ece, abs=CLOSE)
    assert metrics["mce"].value == pytest.approx(mce, abs=CLOSE)
    assert metrics["mean_score"].value == pytest.approx(np.average(wide, weights=w), abs=CLOSE)
    exact = sk.roc_auc_score(y, wide, sample_weight=w)
    assert abs(float(metrics["auroc"]) - exact) <= float(metrics["auroc_error_bound"]) + 1e-14
    exact = sk.average_precision_score(y, wide, sample_weight=w)
    error = abs(float(metrics["average_precision"]) - exact)
    assert error <= float(metrics["average_precision_error_bound"]) + 1e-12


def test_parts_of_the_brier_score_add_up() -> None:
    for weights in (None, np.random.default_rng(2).uniform(0, 2, 3000)):
        m = counted(*sample(3000), weights).compute()
        total = float(m.brier_reliability) - float(m.brier_resolution)
        total += float(m.brier_uncertainty) + float(m.brier_within_bins)
        assert total == pytest.approx(float(m.brier), abs=1e-12)


def test_equal_mass_error_is_near_that_of_sorted_rows() -> None:
    y, s = sample(30_000, dtype=np.float64)
    order = np.argsort(s)
    groups = np.array_split(order, 15)
    expected = sum(abs((y[g] - s[g]).sum()) for g in groups) / len(y)
    found = counted(y, s).compute().ece_equal_mass
    assert found.value == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_area_is_within_1e_4_of_skewed_scores_where_a_grid_is_not(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = 200_000
    z = random.normal(0, 1.5, rows)
    sets = {
        "logistic": (z, random.random(rows) < 1 / (1 + np.exp(-z))),
        "fraud": (z - 9 + 4 * (rare := random.random(rows) < 0.005), rare),
        "confident": (z + 9, random.random(rows) < 0.5 + 0.2 * np.tanh(z)),
    }
    for logits, y in sets.values():
        s = (1 / (1 + np.exp(-logits))).astype(np.float32)
        binary = counted(y, s)
        metrics = binary.compute()
        exact = sk.roc_auc_score(y, s)
        assert abs(float(metrics.auroc) - exact) <= 1e-4
        assert abs(float(metrics.auroc) - exact) <= float(metrics.auroc_error_bound)
        exact = sk.average_precision_score(y, s)
        assert abs(float(metrics.average_precision) - exact) <= 2e-3
        assert abs(float(metrics.average_precision) - exact) <= float(
            metrics.average_precision_error_bound
        )
        assert binary._native.memory <= 128 * 1024


def test_points_of_the_curve_lie_on_that_of_all_scores() -> None:
    y, s = sample(2000)
    table = counted(y, s).curve()
    for threshold, fpr, recall, precision in zip(*(c.to_pylist() for c in table), strict=True):
        above = s >= threshold
        assert recall == pytest.approx(y[above].sum() / y.sum(), abs=1e-14)
        assert fpr == pytest.approx((1 - y[above]).sum() / (1 - y).sum(), abs=1e-14)
        assert precision == pytest.approx(y[above].mean(), abs=1e-14)
    assert table["recall"][-1].as_py() == 1.0
    assert Binary().curve().num_rows == 0


# ---- where others err in silence -----------------------------------------------------------------
def test_one_nan_changes_no_other_row() -> None:
    y, s = [1, 0] * 5, [0.9, 0.1] * 5
    clean = counted(y, s)
    for bad in (float("nan"), 1.0000001, -1e-9, float("inf"), None):
        binary = counted([*y, 1], [*s, bad])
        assert float(binary.compute().accuracy) == 1.0
        assert binary.compute() == clean.compute()
        assert sum(binary.rejected.values()) == 1
        why = "nan_score" if bad is None or bad != bad else "out_of_range"
        assert binary.rejected[why] == 1


def test_a_score_of_one_falls_into_the_last_bin() -> None:
    binary = counted([1, 0], [0.95, 1.0])
    assert float(binary.compute().ece) == pytest.approx(0.475)
    table = binary.reliability()
    assert table.num_rows == 15
    assert table["n"].to_pylist() == [0.0] * 14 + [2.0]
    assert table["mean_score"][14].as_py() == pytest.approx(0.975)


@pytest.mark.parametrize(("label", "reason"), [(0, "no_positives"), (1, "no_negatives")])
def test_one_class_is_undefined_for_a_reason(label: int, reason: str) -> None:
    metrics = counted([label] * 4, [0.2, 0.4, 0.6, 0.8]).compute()
    for name in ("auroc", "average_precision", "informedness", "balanced_accuracy"):
        assert metrics[name].value is None
        assert metrics[name].reason == "one_class"
    names = ("recall", "fnr") if label == 0 else ("specificity", "fpr")
    for name in names:
        assert metrics[name].value is None
        assert metrics[name].reason == reason
    assert metrics.mcc.reason == "zero_variance"
    assert metrics.accuracy.value == 0.5


def test_no_rows_are_undefined_for_that_reason() -> None:
    for binary in (Binary(), counted([], []), counted([3], [0.5])):
        for estimate in binary.compute().values():
            assert estimate.value is None
            assert estimate.reason in {"no_rows", "no_positives"}
    metrics = counted([0, 0], [0.1, 0.2]).compute()
    assert metrics.precision.reason == "no_predicted_positives"
    assert counted([1, 0], [0.9, 0.8]).compute().npv.reason == "no_predicted_negatives"


def test_logits_near_certainty_keep_their_order() -> None:
    z = np.linspace(97, 99, 64)
    y = np.arange(64) % 3 == 0
    binary = counted(y, z, kind="logit")
    metrics = binary.compute()
    exact = sk.roc_auc_score(y, z)
    assert float(metrics.auroc) == pytest.approx(exact, abs=0.02)
    assert abs(float(metrics.auroc) - exact) <= float(metrics.auroc_error_bound) + 1e-14
    assert float(counted([0, 1, 1], [97.0, 98.0, 99.0], kind="logit").compute().auroc) == 1.0
    assert float(counted([0, 1, 1], [-99.0, -98.0, -97.0], kind="logit").compute().auroc) == 1.0
    assert binary.clipped == (~y).sum()


def test_logits_are_as_their_probabilities() -> None:
    random = np.random.default_rng(5)
    z = random.normal(0, 3, 4000)
    s = 1 / (1 + np.exp(-z))
    y = random.random(4000) < s
    of_logits = counted(y, z, kind="logit", thresholds=THRESHOLDS).compute()
    of_probabilities = counted(y, s, thresholds=THRESHOLDS).compute()
    for name, estimate in of_logits.items():
        near = 1e-3 if "auroc" in name or "average" in name or "equal_mass" in name else 1e-11
        assert estimate.value == pytest.approx(of_probabilities[name].value, abs=near), name
    exact = sk.roc_auc_score(y, z)
    assert abs(float(of_logits.auroc) - exact) <= float(of_logits.auroc_error_bound)
    bad = counted([1, 1, 1], [np.inf, -np.inf, np.nan], kind="logit")
    assert bad.rejected == {"bad_label": 0, "nan_score": 1, "out_of_range": 2, "bad_weight": 0}


def test_log_loss_of_certainty_is_clipped_and_counted() -> None:
    binary = counted([1, 0, 1], [0.0, 1.0, 1.0])
    assert binary.clipped == 2
    assert float(binary.compute().log_loss) == pytest.approx(2 * 53 * np.log(2) / 3)
    logits = counted([0, 1], [30.0, -30.0], kind="logit")  # 1 - sigmoid(30) has few digits
    assert float(logits.compute().log_loss) == pytest.approx(30 + np.log1p(np.exp(-30)), rel=1e-14)


def test_predicted_labels_are_counted_as_they_are() -> None:
    binary = counted([1, 0, 1, 0, 1], [1, 0, 0, 0, 0.5], kind="label")
    assert binary.confusion() == (2, 0, 1, 1)
    assert binary.rejected["out_of_range"] == 1
    assert "auroc" not in binary.compute()
    for call in (binary.reliability, binary.curve, binary.score_histogram):
        with pytest.raises(InvalidArgumentError, match="scores=False"):
            call()


def test_each_bad_row_is_counted_once_by_name() -> None:
    y = [1, 2, None, 0.5, float("nan"), 1, 1, 0, 0, 0, 0, -1]
    s = [0.5, 0.5, 0.5, 0.5, 0.5, None, 1.5, 0.1, 0.1, 0.1, 0.1, float("nan")]
    w = [1, 1, 1, 1, 1, 1, 1, -1, None, float("inf"), 0, 1]
    binary = counted(y, s, w)
    assert binary.rejected == {"bad_label": 5, "nan_score": 1, "out_of_range": 1, "bad_weight": 3}
    assert binary.rows == 2
    assert binary.confusion() == (0.0, 0.0, 0.0, 1.0)


def test_rows_before_the_first_weights_weigh_one() -> None:
    y, s = sample(500)
    binary = counted(y, s)
    w = np.random.default_rng(3).uniform(0, 2, 500)
    binary.update(y, s, weights=w)
    binary.update(y[:9], s[:9])
    both = np.concatenate([y, y, y[:9]]), np.concatenate([s, s, s[:9]])
    weights = np.concatenate([np.ones(500), w, np.ones(9)])
    expected = counted(*both, weights).compute()
    for name, estimate in binary.compute().items():
        assert estimate.value == pytest.approx(expected[name].value, rel=1e-12), name
    merged = counted(y, s)
    merged.merge(counted(y, s, w))
    merged.merge(counted(y[:9], s[:9]))
    for name, estimate in merged.compute().items():
        assert estimate.value == pytest.approx(expected[name].value, rel=1e-12), name


def test_weights_of_one_are_as_no_weights() -> None:
    y, s = sample(2000)
    plain, weighted = counted(y, s).compute(), counted(y, s, np.ones(2000)).compute()
    for name, estimate in plain.items():
        assert weighted[name].value == pytest.approx(estimate.value, abs=1e-4), name
        assert weighted[name].n == estimate.n
        if estimate.low is not None:
            assert weighted[name].low == pytest.approx(estimate.low, abs=1e-3), name


def test_total_weight_of_zero_is_undefined() -> None:
    metrics = counted([0, 1, 1], [0.2, 0.7, 0.4], [0, 0, 0]).compute()
    assert all(estimate.value is None for estimate in metrics.values())


# ---- intervals -----------------------------------------------------------------------------------
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """95 % of 200 samples: fewer than 178 or more than 199 hits by chance in 3 of 10,000."""
    random = np.random.default_rng(11)
    z = random.normal(0, 1.5, 400_000)
    y = random.random(400_000) < 1 / (1 + np.exp(-z))
    s = 1 / (1 + np.exp(-1.2 * z))
    names = ("auroc", "average_precision", "brier", "log_loss", "f1", "mcc", "balanced_accuracy")
    truth = counted(y, s).compute()
    hits = dict.fromkeys(names, 0)
    for rows in np.arange(200 * 500).reshape(200, 500) * 4:
        metrics = counted(y[rows], s[rows]).compute()
        for name in names:
            low, high = metrics[name].low, metrics[name].high
            assert low is not None
            assert high is not None
            hits[name] += low <= float(truth[name]) <= high
    assert all(178 <= hit <= 199 for hit in hits.values()), hits


def test_perfect_order_leaves_room_below_one() -> None:
    metrics = counted([0] * 5 + [1] * 5, np.linspace(0.05, 0.95, 10)).compute()
    for name in ("auroc", "average_precision"):
        assert metrics[name].value == 1.0
        assert metrics[name].low is not None
        assert metrics[name].low < 0.7
    assert metrics.mcc.low is not None
    assert metrics.mcc.low < 1.0
    one = counted([0, 1, 1], [0.1, 0.2, 0.3]).compute().auroc
    assert (one.value, one.low, one.reason) == (1.0, None, "insufficient")
