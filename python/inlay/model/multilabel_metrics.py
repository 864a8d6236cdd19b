"""What the figures of rows with several yes-or-no labels come to, with intervals."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from inlay.model.binary_metrics import confusion_metrics
from inlay.model.binary_metrics import derive as derive_binary
from inlay.model.estimate import Estimate, wilson
from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["derive"]

_AT_THRESHOLD = ("precision", "recall", "f1")
_OF_SCORES = ("auroc", "average_precision", "brier", "log_loss", "ece")


def derive(
    figures: Mapping[str, Any],
    settings: Mapping[str, Any],
    confidence: float = 0.95,
    *,
    names: Sequence[Any] | None = None,
    per_label: bool = True,
) -> Metrics:
    """Return the metrics of a segment of `MultilabelStates`.

    Parameters
    ----------
    figures : mapping
        What ``figures(segment)`` returned. ``rows``; ``complete`` ones, of which each label has a
        score; ``weighted``, ``weight`` and ``weight_squares``, sums over complete rows; of each
        threshold ``exact`` complete rows with all labels right, and ``exact_weight``; ``cells``,
        a BinaryStates with the labels as segments.
    settings : mapping
        ``settings`` of the states.
    confidence : float, default 0.95
        Of the two-sided intervals.
    names : sequence, optional
        Of the labels; their indices unless given.
    per_label : bool, default True
        Whether the binary metrics of each label are among them.

    Returns
    -------
    Metrics
        See `Multilabel.compute`.

    Raises
    ------
    InvalidArgumentError
        If the confidence does not lie between 0 and 1.
    """
    count, thresholds = settings["labels"], settings["thresholds"]
    cells = [figures["cells"].figures(label) for label in range(count)]
    each = [derive_binary(of, {"thresholds": thresholds}, confidence) for of in cells]
    found: dict[str, Estimate] = {}
    for i, threshold in enumerate(thresholds):
        suffix = f"@{threshold:g}" if len(thresholds) > 1 else ""
        found[f"subset_accuracy{suffix}"] = _exact(figures, i, confidence)
        wrong = [_complement(metrics[f"accuracy{suffix}"]) for metrics in each]
        found[f"hamming_loss{suffix}"] = _mean(wrong, "no_rows")
        pooled = _pooled([of["confusions"][i] for of in cells])
        # As if the labels of a row were one: they depend on each other in ways that are not kept.
        micro = confusion_metrics(
            pooled, squares=[cell * count for cell in pooled], confidence=confidence
        )
        for name in _AT_THRESHOLD:
            found[f"micro_{name}{suffix}"] = micro[name]
            found[f"macro_{name}{suffix}"] = _mean(
                [metrics[f"{name}{suffix}"] for metrics in each], "no_positives"
            )
    if settings["scores"]:
        for name in _OF_SCORES:
            found[f"macro_{name}"] = _mean([metrics[name] for metrics in each], "one_class")
    if per_label:
        for name, metrics in zip(names or range(count), each, strict=True):
            found |= {f"{metric}[{name}]": one for metric, one in metrics.items()}
    return Metrics(found, title="Multilabel")


def _exact(figures: Mapping[str, Any], threshold: int, confidence: float) -> Estimate:
    if not figures["weighted"]:
        return wilson(figures["exact"][threshold], figures["complete"], confidence=confidence)
    if not isfinite(figures["weight_squares"]):
        return Estimate.undefined("overflow")
    return wilson(
        figures["exact_weight"][threshold],
        figures["weight"],
        squares=figures["weight_squares"],
        confidence=confidence,
    )


def _pooled(confusions: Sequence[Sequence[float]]) -> list[float]:
    return [sum(cell) for cell in zip(*confusions, strict=True)]


def _complement(share: Estimate) -> Estimate:
    if share.value is None or share.low is None or share.high is None:
        return share
    return Estimate(
        1.0 - share.value, 1.0 - share.high, 1.0 - share.low, share.n, None, share.method
    )


def _mean(estimates: Sequence[Estimate], reason: str) -> Estimate:
    """Return the mean of those that are defined.

    Its interval is between the means of the ends, which is wide enough however they depend on each
    other: a mean of figures deviates by no more than the mean of their deviations.
    """
    defined = [one for one in estimates if one.value is not None]
    if not defined:
        reasons = {one.reason for one in estimates}
        return Estimate.undefined("no_rows" if "no_rows" in reasons else reason)
    count, n = len(defined), min(one.n for one in defined)
    value = sum(one.value or 0.0 for one in defined) / count
    if any(one.low is None or one.high is None for one in defined):
        return Estimate(value, None, None, n, "insufficient")
    low = sum(one.low or 0.0 for one in defined) / count
    high = sum(one.high or 0.0 for one in defined) / count
    return Estimate(value, min(low, value), max(high, value), n, None, "mean of ends")
