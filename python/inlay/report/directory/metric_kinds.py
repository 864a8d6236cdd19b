"""What is known of metrics by their names: which add up, which are better when lower."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "HEADLINES",
    "adds_up",
    "base_of",
    "direction",
    "explained",
    "is_explained",
    "is_of_class",
    "is_share",
    "label_of",
]

#: The order in which metrics are shown; others follow by name.
HEADLINES = (
    "accuracy",
    "balanced_accuracy",
    "auroc",
    "average_precision",
    "precision",
    "recall",
    "f1",
    "macro_f1",
    "mcc",
    "subset_accuracy",
    "hamming",
    "mae",
    "rmse",
    "bias",
    "r2",
    "mrr",
    "map",
    "ndcg",
    "ece",
    "brier",
    "log_loss",
)
_SHARES = frozenset(
    {
        "accuracy",
        "coverage",
        "fnr",
        "fpr",
        "npv",
        "precision",
        "predicted_positive_rate",
        "prevalence",
        "rate",
        "recall",
        "specificity",
        "subset_accuracy",
    }
)
_MEANS = frozenset({"bias", "brier", "hamming", "log_loss", "mae", "map", "mape", "mrr", "mse"})
_MEANS_AT_K = ("hit", "hit_rate", "ndcg", "precision", "recall", "top")
_LOWER = frozenset(
    {
        "auroc_error_bound",
        "average_precision_error_bound",
        "brier",
        "crossing",
        "ece",
        "ece_equal_mass",
        "fnr",
        "fpr",
        "hamming",
        "hamming_loss",
        "log_loss",
        "mae",
        "mape",
        "max_error",
        "mce",
        "mse",
        "pinball",
        "rmse",
        "smape",
    }
)
_NEITHER = frozenset(
    {
        "bias",
        "corrected_rate",
        "coverage",
        "mean_confidence",
        "mean_score",
        "predicted_positive_rate",
        "prevalence",
        "quantile_coverage",
        "rate",
    }
)
# Whose change is shared out among segments, in this order.
_EXPLAINED = (
    "accuracy",
    "recall",
    "precision",
    "subset_accuracy",
    "mae",
    "ndcg",
    "mrr",
    "coverage",
)


def label_of(metric: str, variant: Mapping[str, str]) -> str:
    """Name a metric of one class, threshold or the like."""
    if not variant:
        return metric
    told = ", ".join(f"{name} {of}" for name, of in sorted(variant.items()))
    return f"{metric} ({told})"


def base_of(metric: str) -> str:
    """Return a metric's name without what follows it: a class, a threshold, a depth."""
    for mark in (" (", "@", "[", "."):
        metric = metric.partition(mark)[0]
    return metric


def is_share(metric: str) -> bool:
    """Return whether a metric is a share of rows that add up, its n the rows it is a share of."""
    # At a depth it is a mean of shares, each of one query.
    return "@" not in metric and (base_of(metric) in _SHARES or metric.startswith("top_"))


def adds_up(metric: str) -> bool:
    """Return whether value times n is a sum over rows, so that rows of two times pool exactly."""
    at_k = "@" in metric and base_of(metric) in _MEANS_AT_K
    return is_share(metric) or base_of(metric) in _MEANS or at_k


def direction(metric: str) -> int:
    """Return 1 if a metric is better when higher, -1 when lower, 0 if neither."""
    base = base_of(metric)
    return 0 if base in _NEITHER else -1 if base in _LOWER else 1


def is_of_class(metric: str) -> bool:
    """Return whether a metric is that of one class or label among several."""
    return " (class " in metric or " (label " in metric


def is_explained(metric: str) -> bool:
    """Return whether segments explain the change of a metric."""
    return base_of(metric) in _EXPLAINED and adds_up(metric) and not is_of_class(metric)


def explained(metrics: list[str]) -> list[str]:
    """Return those metrics whose change segments explain, the most telling first."""
    return [
        metric
        for wanted in _EXPLAINED
        for metric in metrics
        if base_of(metric) == wanted and is_explained(metric)
    ]
