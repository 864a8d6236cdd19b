"""What the figures of binary predictions come to, with intervals."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING, Any

from inlay.model.estimate import (
    Estimate,
    newcombe_difference,
    normal_interval,
    normal_mean,
    normal_quantile,
    wilson,
)
from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["confusion_metrics", "derive"]

# In the order of a confusion.
_TN, _FP, _FN, _TP = range(4)
_ALL = (_TN, _FP, _FN, _TP)
_PROPORTIONS = (
    ("accuracy", (_TN, _TP), _ALL, "no_rows"),
    ("precision", (_TP,), (_TP, _FP), "no_predicted_positives"),
    ("recall", (_TP,), (_TP, _FN), "no_positives"),
    ("specificity", (_TN,), (_TN, _FP), "no_negatives"),
    ("fpr", (_FP,), (_TN, _FP), "no_negatives"),
    ("fnr", (_FN,), (_TP, _FN), "no_positives"),
    ("npv", (_TN,), (_TN, _FN), "no_predicted_negatives"),
    ("predicted_positive_rate", (_TP, _FP), _ALL, "no_rows"),
)


def _sum(values: Sequence[float], cells: tuple[int, ...]) -> float:
    return sum(values[cell] for cell in cells)


def confusion_metrics(
    confusion: Sequence[float],
    *,
    squares: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Return what a confusion comes to.

    Parameters
    ----------
    confusion : sequence of 4 numbers
        True negatives, false positives, false negatives, true positives: rows, or their weights.
    squares : sequence of 4 floats, optional
        The sums of squared weights of each, where rows have weights.
    confidence : float, default 0.95
        Of the two-sided intervals.

    Returns
    -------
    dict of str to Estimate
        accuracy, precision, recall, specificity, fpr, fnr, npv, predicted_positive_rate, f1,
        informedness, balanced_accuracy and mcc.

    Raises
    ------
    InvalidArgumentError
        If a count is negative, or the confidence does not lie between 0 and 1.

    Notes
    -----
    Proportions have Wilson's interval. F1 is ``2 J / (1 + J)`` of the proportion
    ``J = TP / (TP + FP + FN)``, so that its interval is that of J. Informedness is the difference
    of the proportions recall and fpr, with Newcombe's interval, and balanced accuracy
    ``(1 + informedness) / 2``. The interval of MCC is normal, with the variance by the delta method
    of counts that half a row was added to each of, which keeps it open at 1.

    Examples
    --------
    >>> confusion_metrics((50, 10, 5, 35))["f1"]
    Estimate(0.823529 [0.719997, 0.894395], n=50, wilson of J)
    """
    found: dict[str, Estimate] = {}
    empty = not _sum(confusion, _ALL)

    def proportion(k: tuple[int, ...], n: tuple[int, ...], reason: str) -> Estimate:
        return wilson(
            _sum(confusion, k),
            _sum(confusion, n),
            squares=None if squares is None else _sum(squares, n),
            confidence=confidence,
            reason="no_rows" if empty else reason,
        )

    for name, k, n, reason in _PROPORTIONS:
        found[name] = proportion(k, n, reason)
    overlap = proportion((_TP,), (_TP, _FP, _FN), "no_positives")
    found["f1"] = _mapped(overlap, lambda j: 2 * j / (1 + j), " of J")
    informedness = newcombe_difference(
        confusion[_TP],
        confusion[_TP] + confusion[_FN],
        confusion[_FP],
        confusion[_FP] + confusion[_TN],
        squares=None if squares is None else (_sum(squares, (_TP, _FN)), _sum(squares, (_FP, _TN))),
        confidence=confidence,
        reason="no_rows" if empty else "one_class",
    )
    found["informedness"] = informedness
    found["balanced_accuracy"] = _mapped(informedness, lambda j: (1 + j) / 2, "")
    found["mcc"] = _mcc(confusion, squares, confidence)
    return found


def _mapped(estimate: Estimate, rising: Any, method: str) -> Estimate:
    """Return the estimate of a rising function of a figure."""
    if estimate.value is None:
        return estimate
    low, high = estimate.low, estimate.high
    return replace(
        estimate,
        value=rising(estimate.value),
        low=None if low is None else rising(low),
        high=None if high is None else rising(high),
        method=estimate.method + method,
    )


def _mcc(
    confusion: Sequence[float], squares: Sequence[float] | None, confidence: float
) -> Estimate:
    rows = _sum(confusion, _ALL)
    if not rows:
        return Estimate.undefined("no_rows")
    value = _correlation(confusion)
    n = rows if squares is None else rows * rows / (_sum(squares, _ALL) or inf)
    if value is None:
        return Estimate.undefined("zero_variance", n)
    tn, fp, fn, tp = (count + 0.5 for count in confusion)
    smoothed = _correlation((tn, fp, fn, tp)) or 0.0
    root = sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    predicted, positives, negatives, left = tp + fp, tp + fn, tn + fp, tn + fn
    slopes = (
        tp / root - smoothed / 2 * (1 / negatives + 1 / left),
        -fn / root - smoothed / 2 * (1 / predicted + 1 / negatives),
        -fp / root - smoothed / 2 * (1 / positives + 1 / left),
        tn / root - smoothed / 2 * (1 / predicted + 1 / positives),
    )
    # A correlation does not change if all counts are multiplied, so that the slopes times the
    # counts add up to 0, and the multinomial's covariances drop out.
    spreads = (tn, fp, fn, tp) if squares is None else [square + 0.5 for square in squares]
    variance = sum(slope * slope * spread for slope, spread in zip(slopes, spreads, strict=True))
    return normal_interval(
        value,
        variance,
        n,
        confidence=confidence,
        within=(-1.0, 1.0),
        method="delta" if squares is None else "delta with Kish's n",
    )


def _correlation(confusion: Sequence[float]) -> float | None:
    tn, fp, fn, tp = (float(count) for count in confusion)
    product = 1.0
    for margin in (tp + fp, tp + fn, tn + fp, tn + fn):
        if not margin:
            return None
        product *= sqrt(margin)
    return max(-1.0, min((tp * tn - fp * fn) / product, 1.0))


def derive(
    figures: Mapping[str, Any], settings: Mapping[str, Any], confidence: float = 0.95
) -> Metrics:
    """Return the metrics of a segment's figures.

    Parameters
    ----------
    figures : mapping
        What ``figures(segment)`` of the native state returned.
    settings : mapping
        ``settings`` of the native state, of which ``thresholds`` are looked at.
    confidence : float, default 0.95
        Of the two-sided intervals.

    Returns
    -------
    Metrics
        prevalence; what `confusion_metrics` returns, of several thresholds each as
        ``recall@0.25``; and with scores auroc, auroc_error_bound, average_precision,
        average_precision_error_bound, brier with its parts, log_loss, ece, ece_equal_mass, mce and
        mean_score.

    Raises
    ------
    InvalidArgumentError
        If the confidence does not lie between 0 and 1.
    """
    thresholds = settings["thresholds"]
    weighted = figures["weighted"]
    confusions, squares = figures["confusions"], figures["squares"]
    tn, fp, fn, tp = confusions[0]
    found = {
        "prevalence": wilson(
            fn + tp,
            tn + fp + fn + tp,
            squares=_sum(squares[0], _ALL) if weighted else None,
            confidence=confidence,
        )
    }
    for i, threshold in enumerate(thresholds):
        each = confusion_metrics(
            confusions[i], squares=squares[i] if weighted else None, confidence=confidence
        )
        suffix = "" if len(thresholds) == 1 else f"@{threshold:g}"
        for name, estimate in each.items():
            found[name + suffix] = estimate
    if "auroc" in figures:
        found.update(_score_metrics(figures, confidence))
    return Metrics(found, title="Binary")


def _score_metrics(figures: Mapping[str, Any], confidence: float) -> dict[str, Estimate]:
    weighted = figures["weighted"]
    tn, fp, fn, tp = figures["confusions"][0]
    negatives, positives = float(tn + fp), float(fn + tp)
    rows = negatives + positives
    kish_negatives, kish_positives, squares = negatives, positives, None
    if weighted:
        of = figures["squares"][0]
        kish_negatives = _kish(negatives, of[_TN] + of[_FP])
        kish_positives = _kish(positives, of[_FN] + of[_TP])
        squares = _sum(of, _ALL)
    n = rows if squares is None else _kish(rows, squares)

    def mean(total: float, of_squares: float, within: tuple[float, float]) -> Estimate:
        return normal_mean(
            total, of_squares, rows, squares=squares, confidence=confidence, within=within
        )

    found = _rank_metrics(figures, kish_negatives, kish_positives, confidence)
    found["brier"] = mean(figures["squared_errors"], figures["squared_errors_squared"], (0.0, 1.0))
    found.update(_brier_parts(figures, rows, positives, n))
    found["log_loss"] = mean(figures["log_loss"], figures["log_losses_squared"], (0.0, inf))
    found.update(_calibration_metrics(figures, rows, n, confidence))
    scores = sum(bin[2] for bin in figures["calibration"])
    of_squares = figures["squared_errors"] + 2 * figures["positive_scores"] - positives
    found["mean_score"] = mean(scores, of_squares, (0.0, 1.0))
    return found


def _kish(total: float, squares: float) -> float:
    return total * total / squares if squares else 0.0


def _plain(value: float, n: float) -> Estimate:
    """Return a figure that has no interval."""
    return Estimate(value, None, None, round(n))


def _rank_metrics(
    figures: Mapping[str, Any], negatives: float, positives: float, confidence: float
) -> dict[str, Estimate]:
    n = round(negatives + positives)
    names = ("auroc", "auroc_error_bound", "average_precision", "average_precision_error_bound")
    reason = "no_rows" if not n else "one_class"
    if not (negatives and positives):
        return dict.fromkeys(names, Estimate.undefined(reason, n))
    area, bound = figures["auroc"], figures["auroc_bound"]
    tn, fp, fn, tp = figures["confusions"][0]
    auroc = _plain(area, n)
    if min(negatives, positives) <= 1.0:
        auroc = replace(auroc, reason="insufficient")
    else:
        variance = figures["positive_spread"] / (fn + tp) / (positives - 1.0)
        variance += figures["negative_spread"] / (tn + fp) / (negatives - 1.0)
        auroc = _on_logit_scale(
            area, sqrt(variance), min(negatives, positives), n, confidence, "delong"
        )
    precision = figures["average_precision"]
    error = max(
        precision - figures["average_precision_low"], figures["average_precision_high"] - precision
    )
    spread = sqrt(precision * (1.0 - precision) / positives)
    return dict(
        zip(
            names,
            (
                _widened(auroc, bound),
                _plain(bound, n),
                _widened(
                    _on_logit_scale(precision, spread, positives, n, confidence, "logit"), error
                ),
                _plain(error, n),
            ),
            strict=True,
        )
    )


def _on_logit_scale(
    value: float, deviation: float, least: float, n: int, confidence: float, method: str
) -> Estimate:
    """Return a figure from 0 to 1 with an interval that is normal on the scale of its logit.

    Where the sample shows no deviation, at 0 or 1, it is Wilson's of as many rows as `least`.
    """
    spread = value * (1.0 - value)
    if deviation == 0.0 or spread == 0.0:
        return replace(wilson(value * least, least, confidence=confidence), n=n, method="wilson")
    half = normal_quantile(confidence) * deviation / spread
    odds = log(value / (1.0 - value))
    low, high = (
        1.0 / (1.0 + exp(-min(max(end, -700.0), 700.0))) for end in (odds - half, odds + half)
    )
    return Estimate(value, low, high, n, None, method)


def _widened(estimate: Estimate, error: float) -> Estimate:
    """Return an estimate whose interval holds an error of the value, too."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(
        estimate, low=max(estimate.low - error, 0.0), high=min(estimate.high + error, 1.0)
    )


def _brier_parts(
    figures: Mapping[str, Any], rows: float, positives: float, n: float
) -> dict[str, Estimate]:
    names = ("reliability", "resolution", "uncertainty", "within_bins")
    if not rows:
        return {f"brier_{name}": Estimate.undefined("no_rows") for name in names}
    base = positives / rows
    reliability = resolution = of_means = of_products = 0.0
    for count, hits, scores, _ in figures["calibration"]:
        if not count:
            continue
        share, score = hits / count, scores / count
        reliability += count * (share - score) ** 2 / rows
        resolution += count * (share - base) ** 2 / rows
        of_means += count * score * score
        of_products += count * score * share
    of_squares = figures["squared_errors"] + 2 * figures["positive_scores"] - positives
    within = (of_squares - of_means - 2 * (figures["positive_scores"] - of_products)) / rows
    parts = (reliability, resolution, base * (1.0 - base), within)
    return {f"brier_{name}": _plain(part, n) for name, part in zip(names, parts, strict=True)}


def _calibration_metrics(
    figures: Mapping[str, Any], rows: float, n: float, confidence: float
) -> dict[str, Estimate]:
    names = ("ece", "ece_equal_mass", "mce")
    if not rows:
        return dict.fromkeys(names, Estimate.undefined("no_rows"))
    error = variance = worst = 0.0
    mce = Estimate.undefined("no_rows")
    for count, hits, scores, squares in figures["calibration"]:
        if not count:
            continue
        gap = abs(hits - scores) / count
        error += gap * count / rows
        kish = _kish(count, squares)
        share = (hits / count * kish + 0.5) / (kish + 1.0)  # of none is not certainly none
        variance += share * (1.0 - share) * squares / (rows * rows)
        if mce.value is None or gap > worst:
            worst = gap
            mce = _gap(hits, count, scores / count, squares, figures["weighted"], confidence)
    equal_mass = figures["equal_mass_error"] / rows
    spread = figures["equal_mass_spread"] / (rows * n) if n else 0.0
    estimates = [
        normal_interval(value, of, n, confidence=confidence, within=(0.0, 1.0), method="delta")
        for value, of in ((error, variance), (equal_mass, spread))
    ]
    return dict(zip(names, (*estimates, mce), strict=True))


def _gap(
    hits: float, count: float, score: float, squares: float, weighted: bool, confidence: float
) -> Estimate:
    """Return the distance of a bin's share of positives from its mean score."""
    share = wilson(hits, count, squares=squares if weighted else None, confidence=confidence)
    if share.value is None or share.low is None or share.high is None:
        return share
    ends = abs(share.low - score), abs(share.high - score)
    low = 0.0 if share.low <= score <= share.high else min(ends)
    return replace(
        share, value=abs(share.value - score), low=low, high=max(ends), method="wilson of the bin"
    )
