"""Quantiles of the beta distribution, for exact intervals of proportions."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

__all__ = ["beta_quantile"]

_TINY = 1e-300


def _share_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function of x.

    By its continued fraction, on the side where that converges fast (Abramowitz and Stegun,
    26.5.8), evaluated forwards by the modified method of Lentz.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _share_below(1.0 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    upper, lower = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or _TINY)
    fraction = lower
    for m in range(1, 100_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            lower = 1.0 / (1.0 + factor * lower or _TINY)
            upper = 1.0 + factor / upper or _TINY
            fraction *= lower * upper
        if abs(lower * upper - 1.0) < 1e-15:
            break
    return front * fraction


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the value below which this share of a beta distribution lies, within 1e-12.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    a, b : float
        The distribution's parameters, both above 0.
    """
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if _share_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
        if high - low <= 1e-13 * high:
            break
    return (low + high) / 2
