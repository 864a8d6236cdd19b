"""The rate that an evaluator with known errors stands for."""

from __future__ import annotations

from math import sqrt

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import Estimate, normal_interval, wilson

__all__ = ["rogan_gladen"]

_METHOD = "rogan-gladen, lang-reiczigel"


def rogan_gladen(
    flagged: int,
    n: int,
    *,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    confidence: float = 0.95,
) -> Estimate:
    """Return the true rate behind a rate that was judged with errors.

    Parameters
    ----------
    flagged, n : int
        Answers that the evaluator flagged, and all that it judged.
    sensitivity : tuple of two ints
        Of answers that people flagged: how many the evaluator flagged, and how many there were.
    specificity : tuple of two ints
        Of answers that people did not flag: how many the evaluator did not flag, and how many there
        were.
    confidence : float, default 0.95
        Of the two-sided interval.

    Returns
    -------
    Estimate
        Undefined for ``"no_rows"``, ``"no_positives"``, ``"no_negatives"``, or
        ``"uninformative_evaluator"`` where sensitivity and specificity do not exceed 1 together.

    Raises
    ------
    InvalidArgumentError
        If a part exceeds its whole, or the confidence does not lie between 0 and 1.

    Notes
    -----
    With p the judged rate the value is ``(p + sp - 1) / (se + sp - 1)``, cut to 0 to 1. The
    interval is Lang and Reiczigel's, which counts the errors of all three proportions. The answers
    that people labelled are taken for a random sample of those that are flagged, and of those that
    are not; where they are few, the interval is wide.

    References
    ----------
    W. J. Rogan and B. Gladen, "Estimating prevalence from the results of a screening test",
    American Journal of Epidemiology 107 (1978). Z. Lang and J. Reiczigel, "Confidence limits for
    prevalence of disease adjusted for estimated sensitivity and specificity", Preventive
    Veterinary Medicine 113 (2014).

    Examples
    --------
    >>> from inlay.model.text import rogan_gladen
    >>> rogan_gladen(200, 1000, sensitivity=(45, 50), specificity=(95, 100))
    Estimate(0.176471 [0.113837, 0.229156], n=1000, rogan-gladen, lang-reiczigel)
    """
    hits, positives = _proportion("sensitivity", sensitivity)
    passes, negatives = _proportion("specificity", specificity)
    flagged, n = _proportion("the judged rate", (flagged, n))
    z = normal_interval(0.0, 1.0, 1, confidence=confidence).high
    assert z is not None
    for rows, reason in ((n, "no_rows"), (positives, "no_positives"), (negatives, "no_negatives")):
        if rows == 0:
            return Estimate.undefined(reason, n)
    se, sp = hits / positives, passes / negatives
    if se + sp <= 1.0:
        return Estimate.undefined("uninformative_evaluator", n)
    value = _cut((flagged / n + sp - 1.0) / (se + sp - 1.0))
    # Rows are added to each proportion, so that none has a variance of 0.
    judged = n + z * z
    p = (flagged + z * z / 2) / judged
    se, positives = (hits + 1) / (positives + 2), positives + 2
    sp, negatives = (passes + 1) / (negatives + 2), negatives + 2
    youden = se + sp - 1.0
    if youden <= 0.0:
        return Estimate(value, 0.0, 1.0, n, None, _METHOD)
    middle = _cut((p + sp - 1.0) / youden)
    of_se, of_sp = se * (1.0 - se) / positives, sp * (1.0 - sp) / negatives
    shift = 2 * z * z * (middle * of_se - (1.0 - middle) * of_sp)
    spread = p * (1.0 - p) / judged + middle**2 * of_se + (1.0 - middle) ** 2 * of_sp
    half = z * sqrt(spread) / youden
    low, high = _cut(middle + shift - half), _cut(middle + shift + half)
    return Estimate(value, min(low, value), max(high, value), n, None, _METHOD)


def _proportion(what: str, of: tuple[int, int]) -> tuple[int, int]:
    part, whole = of
    if whole:
        wilson(part, whole)  # refuses what is none
    elif part:
        message = f"{what} is of a part and its whole: {of!r}"
        raise InvalidArgumentError(message)
    return part, whole


def _cut(share: float) -> float:
    return min(1.0, max(0.0, share))
