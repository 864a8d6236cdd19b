"""What sums over the errors of predicted numbers come to, with intervals."""

from __future__ import annotations

from dataclasses import replace
from math import atanh, inf, isfinite, nan, sqrt, tanh
from typing import TYPE_CHECKING, Any

from inlay.model.estimate import (
    Estimate,
    normal_interval,
    normal_mean,
    normal_quantile,
    wilson,
)
from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["derive"]

_ERROR_QUANTILES = (0.5, 0.9, 0.95, 0.99)
_POINT = (
    "bias",
    "mae",
    "mse",
    "rmse",
    "max_error",
    "r2",
    "explained_variance",
    "correlation",
)
_RELATIVE = ("mape", "smape")
_DISTRIBUTION = tuple(f"absolute_error_p{round(100 * q)}" for q in _ERROR_QUANTILES)


def derive(
    figures: Mapping[str, Any], settings: Mapping[str, Any], confidence: float = 0.95
) -> Metrics:
    """Return the metrics of a segment of `RegressionStates`.

    Parameters
    ----------
    figures : mapping
        What ``figures(segment)`` returned. ``rows``; ``weighted``; ``weight`` and
        ``weight_squares``, sums over rows; with one prediction a row ``label_mean``, ``label_m2``,
        ``error_mean``, ``error_m2`` (sums of squared distances from the means), ``co_moment`` (of
        both distances), ``absolute`` and ``fourth`` (sums of abs(e) and of e⁴), ``max_absolute``;
        ``zero_labels``, ``weight_of_zeros``, ``relative``, ``relative_squares``, ``symmetric``,
        ``symmetric_squares``; ``distribution``, an ExpHistogram of abs(e); with quantiles
        ``quantiles``, of each (rows covered, their weight, pinball loss, its squares), ``between``
        (rows, weight) and ``crossings``.
    settings : mapping
        ``settings`` of the states.
    confidence : float, default 0.95
        Of the two-sided intervals.

    Returns
    -------
    Metrics
        See `Regression.compute`.

    Raises
    ------
    InvalidArgumentError
        If the confidence does not lie between 0 and 1.
    """
    if not isfinite(figures["weight_squares"]):
        empty = {**figures, "rows": 0, "weighted": False, "weight": 0.0, "weight_squares": 0.0}
        empty |= {"weight_of_zeros": 0.0, "crossings": 0, "between": (0, 0.0)}
        empty |= {"quantiles": [(0, 0.0, 0.0, 0.0)] * len(settings["quantiles"])}
        all_names = derive(empty, settings, confidence)
        return Metrics(dict.fromkeys(all_names, Estimate.undefined("overflow")), title="Regression")
    found: dict[str, Estimate] = {}
    normal_quantile(confidence)  # where no figure has an interval, it is checked all the same
    names = [*_POINT]
    names += _RELATIVE if settings["relative"] else ()
    names += _DISTRIBUTION if settings["distribution"] else ()
    if "label_mean" in figures:
        found |= _point_metrics(figures, confidence)
        if settings["relative"]:
            found |= _relative_metrics(figures, confidence)
        if settings["distribution"]:
            found |= _distribution_metrics(figures, confidence)
    else:
        found |= dict.fromkeys(names, Estimate.undefined("no_point_prediction", figures["rows"]))
    if settings["quantiles"]:
        found |= _quantile_metrics(figures, settings["quantiles"], confidence)
    return Metrics(found, title="Regression")


def _squares(figures: Mapping[str, Any]) -> float | None:
    return figures["weight_squares"] if figures["weighted"] else None


def _rows(figures: Mapping[str, Any]) -> float:
    """Return the effective number of rows."""
    weight, squares = figures["weight"], _squares(figures)
    if squares is None:
        return float(weight)
    return float(weight * weight / squares) if squares else 0.0


def _mean(
    total: float,
    total_of_squares: float,
    weight: float,
    *,
    squares: float | None,
    confidence: float,
    shift: float = 0.0,
    least: float = 0.0,
    reason: str = "no_rows",
) -> Estimate:
    """Return a mean, undefined where a sum overflowed."""
    if not all(map(isfinite, (total, total_of_squares, weight, shift))):
        return Estimate.undefined("overflow")
    return normal_mean(
        total,
        total_of_squares,
        weight,
        shift=shift,
        squares=squares,
        confidence=confidence,
        within=(least, inf),
        reason=reason,
    )


def _plain(value: float, n: float) -> Estimate:
    return Estimate(value, None, None, round(n))


def _point_metrics(figures: Mapping[str, Any], confidence: float) -> dict[str, Estimate]:
    weight, squares, n = figures["weight"], _squares(figures), _rows(figures)
    mean, m2 = figures["error_mean"], figures["error_m2"]
    if not n:
        return dict.fromkeys(_POINT, Estimate.undefined("no_rows"))
    total = m2 + weight * mean * mean  # of squared errors

    def average(of: float, of_squares: float, shift: float = 0.0, least: float = 0.0) -> Estimate:
        return _mean(
            of,
            of_squares,
            weight,
            squares=squares,
            confidence=confidence,
            shift=shift,
            least=least,
        )

    mse = average(total, figures["fourth"])
    return {
        "bias": average(0.0, m2, mean, -inf),
        "mae": average(figures["absolute"], total),
        "mse": mse,
        "rmse": _root(mse),
        "max_error": _plain(figures["max_absolute"], n),
        **_shares_of_variance(figures, total, n, confidence),
    }


def _root(mse: Estimate) -> Estimate:
    if mse.value is None:
        return mse
    if mse.low is None or mse.high is None:
        return replace(mse, value=sqrt(mse.value))
    return replace(
        mse, value=sqrt(mse.value), low=sqrt(mse.low), high=sqrt(mse.high), method="root of mse's"
    )


def _shares_of_variance(
    figures: Mapping[str, Any], total: float, n: float, confidence: float
) -> dict[str, Estimate]:
    names = ("r2", "explained_variance", "correlation")
    of_labels, of_errors = figures["label_m2"], figures["error_m2"]
    co_moment = figures["co_moment"]
    if not all(map(isfinite, (total, of_labels, co_moment))):
        return dict.fromkeys(names, Estimate.undefined("overflow", n))
    if n <= 1.0:
        return dict.fromkeys(names, Estimate.undefined("insufficient", n))
    if not of_labels:
        return dict.fromkeys(names, Estimate.undefined("zero_variance", n))
    # A prediction is its label and its error.
    of_predictions = max(of_labels + 2 * co_moment + of_errors, 0.0)
    scale = sqrt(of_labels) * sqrt(of_predictions)
    # What is left of a constant prediction is rounding.
    if of_predictions <= 1e-14 * (of_labels + of_errors):
        correlation = Estimate.undefined("zero_variance", n)
    else:
        value = min(max((of_labels + co_moment) / scale, -1.0), 1.0)
        correlation = _correlation(value, n, confidence)
    return {
        "r2": _plain(1.0 - total / of_labels, n),
        "explained_variance": _plain(1.0 - of_errors / of_labels, n),
        "correlation": correlation,
    }


def _correlation(value: float, n: float, confidence: float) -> Estimate:
    """Return a correlation with Fisher's interval."""
    if n <= 3.0 or abs(value) == 1.0:
        return Estimate(value, None, None, round(n), "insufficient")
    on_scale = normal_interval(atanh(value), 1.0 / (n - 3.0), n, confidence=confidence)
    low, high = (nan if end is None else tanh(end) for end in (on_scale.low, on_scale.high))
    return Estimate(value, min(low, value), max(high, value), round(n), None, "fisher z")


def _relative_metrics(figures: Mapping[str, Any], confidence: float) -> dict[str, Estimate]:
    squares, n = _squares(figures), _rows(figures)
    weight = figures["weight"] - figures["weight_of_zeros"]
    share = weight / figures["weight"] if figures["weight"] else 0.0
    return {
        "mape": _mean(
            figures["relative"],
            figures["relative_squares"],
            weight,
            squares=None if squares is None else squares * share,
            confidence=confidence,
            reason="zero_labels" if n else "no_rows",
        ),
        "smape": _mean(
            figures["symmetric"],
            figures["symmetric_squares"],
            figures["weight"],
            squares=squares,
            confidence=confidence,
        ),
    }


def _distribution_metrics(figures: Mapping[str, Any], confidence: float) -> dict[str, Estimate]:
    histogram, n = figures["distribution"], figures["rows"]
    if figures["weighted"]:
        return dict.fromkeys(_DISTRIBUTION, Estimate.undefined("unweighted", n))
    if not histogram.count or not n:
        reason = "overflow" if n else "no_rows"
        return dict.fromkeys(_DISTRIBUTION, Estimate.undefined(reason, n))
    found = {}
    for name, q in zip(_DISTRIBUTION, _ERROR_QUANTILES, strict=True):
        rank = normal_interval(q, q * (1.0 - q) / n, n, confidence=confidence, within=(0.0, 1.0))
        value, low, high = map(histogram.quantile, (q, rank.low, rank.high))
        found[name] = Estimate(value, low, high, n, None, "order statistics")
    return found


def _quantile_metrics(
    figures: Mapping[str, Any], quantiles: tuple[float, ...], confidence: float
) -> dict[str, Estimate]:
    weight, squares = figures["weight"], _squares(figures)
    found: dict[str, Estimate] = {}
    losses = []
    for q, (covered, covered_weight, loss, loss_squares) in zip(
        quantiles, figures["quantiles"], strict=True
    ):
        pinball = _mean(loss, loss_squares, weight, squares=squares, confidence=confidence)
        found[f"pinball@{q:g}"] = pinball
        losses.append(pinball.value)
        found[f"coverage@{q:g}"] = _share(figures, covered, covered_weight, confidence)
    n = _rows(figures)
    if None in losses:
        found["pinball"] = Estimate.undefined("overflow" if n else "no_rows", n)
    else:
        found["pinball"] = _plain(sum(x for x in losses if x is not None) / len(losses), n)
    rows, rows_weight = figures["between"]
    found["coverage"] = _share(figures, rows, rows_weight, confidence)
    found["crossing"] = wilson(figures["crossings"], figures["rows"], confidence=confidence)
    return found


def _share(figures: Mapping[str, Any], rows: int, weight: float, confidence: float) -> Estimate:
    if not figures["weighted"]:
        return wilson(rows, figures["rows"], confidence=confidence)
    return wilson(
        weight, figures["weight"], squares=figures["weight_squares"], confidence=confidence
    )
