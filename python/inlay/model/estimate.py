"""A figure with its interval, and how intervals of proportions, differences and means are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, sqrt
from typing import Self

from inlay._exceptions import InvalidArgumentError

__all__ = [
    "Estimate",
    "clopper_pearson",
    "newcombe_difference",
    "normal_interval",
    "normal_mean",
    "normal_quantile",
    "ratio_interval",
    "wilson",
]

_WILSON = "wilson"
_KISH = " with Kish's n"
# Sums of weights are rounded: a part may exceed the whole by this much of it.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a sample and the interval in which that of the population is believed to lie.

    Attributes
    ----------
    value : float or None
        The figure; None where it is undefined.
    low, high : float or None
        Ends of the interval; None where it is undefined. An end may be infinite.
    n : int
        Rows that it rests on: its denominator's. With weights Kish's effective number of rows,
        ``(Σw)² / Σw²``, rounded.
    reason : str or None
        Why the value, or the interval alone, is undefined: ``"no_rows"``, ``"one_class"``,
        ``"no_positives"``, ``"insufficient"`` and the like.
    method : str
        How the interval was made, such as ``"wilson"``; empty where there is none.

    Raises
    ------
    InvalidArgumentError
        By ``float(estimate)``, if the value is undefined; the message names the reason.

    Examples
    --------
    >>> from inlay.model.estimate import wilson
    >>> wilson(45, 50)
    Estimate(0.9 [0.786398, 0.956524], n=50, wilson)
    >>> wilson(0, 0).reason
    'no_rows'
    """

    __module__ = "inlay.model"

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None
    method: str = ""

    @classmethod
    def undefined(cls, reason: str, n: float = 0) -> Self:
        """Return one without a value, and say why."""
        return cls(None, None, None, round(n), reason)

    def __float__(self) -> float:
        if self.value is None:
            message = f"the figure is undefined: {self.reason}"
            raise InvalidArgumentError(message)
        return self.value

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.value is None:
            return f"{name}(undefined: {self.reason}, n={self.n})"
        if self.low is None or self.high is None:
            why = "" if self.reason is None else f", {self.reason}"
            return f"{name}({self.value:.6g}, n={self.n}{why})"
        interval = f"[{self.low:.6g}, {self.high:.6g}]"
        return f"{name}({self.value:.6g} {interval}, n={self.n}, {self.method})"


@lru_cache(maxsize=64)
def normal_quantile(confidence: float) -> float:
    """Return how many standard deviations to both sides hold this share of a normal distribution.

    Raises
    ------
    InvalidArgumentError
        If it does not lie between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        message = f"confidence must lie between 0 and 1: {confidence!r}"
        raise InvalidArgumentError(message)
    if confidence == 0.95:
        return 1.959963984540054  # statistics takes long to import
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _effective(n: float, squares: float | None) -> float:
    """Return Kish's number of rows, of the sums of weights and of their squares."""
    if squares is None:
        return n
    if not 0.0 <= squares < inf:
        message = f"a sum of squared weights is finite and at least 0: {squares!r}"
        raise InvalidArgumentError(message)
    return n * n / squares if squares else 0.0


def _check_share(k: float, n: float) -> None:
    if not (0.0 <= k <= n * (1.0 + _ROUNDING) and n < inf):
        message = f"a proportion is of 0 to n rows, n at least 0: {k!r} of {n!r}"
        raise InvalidArgumentError(message)


def _wilson(
    k: float, n: float, squares: float | None, confidence: float
) -> tuple[float, float, float, float]:
    """Return a proportion, its ends and the number of rows, which is 0 if all are undefined."""
    _check_share(k, n)
    z = normal_quantile(confidence)
    rows = _effective(n, squares)
    if not rows:
        return 0.0, 0.0, 1.0, 0.0
    share = min(k / n, 1.0)
    whole = 1.0 + z * z / rows
    middle = (share + z * z / (2 * rows)) / whole
    half = z * sqrt(share * (1.0 - share) / rows + z * z / (4 * rows * rows)) / whole
    low = 0.0 if share == 0.0 else min(max(middle - half, 0.0), share)
    high = 1.0 if share == 1.0 else max(min(middle + half, 1.0), share)
    return share, low, high, rows


def wilson(
    k: float,
    n: float,
    *,
    squares: float | None = None,
    confidence: float = 0.95,
    reason: str = "no_rows",
) -> Estimate:
    """Return a proportion with Wilson's score interval.

    Parameters
    ----------
    k, n : int or float
        Rows of the kind that is counted, and all rows; with weights the sums of theirs.
    squares : float, optional
        The sum of all rows' squared weights, where rows have weights.
    confidence : float, default 0.95
        Of the two-sided interval.
    reason : str, default "no_rows"
        Given if n is 0.

    Raises
    ------
    InvalidArgumentError
        If k does not lie in 0 to n, or the confidence between 0 and 1.

    Notes
    -----
    With weights n is Kish's, so that k and n need not be whole numbers.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927). L. Kish, "Survey Sampling" (1965), for the effective number of rows.

    Examples
    --------
    >>> float(wilson(3, 4))
    0.75
    """
    share, low, high, rows = _wilson(k, n, squares, confidence)
    if not rows:
        return Estimate.undefined(reason)
    method = _WILSON if squares is None else _WILSON + _KISH
    return Estimate(share, low, high, round(rows), None, method)


def newcombe_difference(
    k1: float,
    n1: float,
    k2: float,
    n2: float,
    *,
    squares: tuple[float, float] | None = None,
    confidence: float = 0.95,
    reason: str = "no_rows",
) -> Estimate:
    """Return the difference of two independent proportions, k1 / n1 - k2 / n2.

    Parameters
    ----------
    k1, n1, k2, n2 : int or float
        Both proportions, as `wilson` takes them.
    squares : tuple of two floats, optional
        Sums of squared weights of both, where rows have weights.
    confidence : float, default 0.95
        Of the two-sided interval.
    reason : str, default "no_rows"
        Given if a denominator is 0.

    Raises
    ------
    InvalidArgumentError
        As by `wilson`.

    Notes
    -----
    The hybrid score interval: the ends are those of two Wilson intervals, put together. The n of
    the estimate is the smaller one's.

    References
    ----------
    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), method 10.
    """
    of1, of2 = (None, None) if squares is None else squares
    p1, l1, u1, rows1 = _wilson(k1, n1, of1, confidence)
    p2, l2, u2, rows2 = _wilson(k2, n2, of2, confidence)
    rows = round(min(rows1, rows2))
    if not (rows1 and rows2):
        return Estimate.undefined(reason, rows)
    value = p1 - p2
    low = value - sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = value + sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    method = "newcombe" if squares is None else "newcombe" + _KISH
    return Estimate(value, max(low, -1.0), min(high, 1.0), rows, None, method)


def ratio_interval(
    k1: float,
    n1: float,
    k2: float,
    n2: float,
    *,
    squares: tuple[float, float] | None = None,
    confidence: float = 0.95,
    reason: str = "no_rows",
) -> Estimate:
    """Return the ratio of two independent proportions, (k1 / n1) / (k2 / n2).

    Parameters
    ----------
    k1, n1, k2, n2 : int or float
        Both proportions, as `wilson` takes them.
    squares : tuple of two floats, optional
        Sums of squared weights of both, where rows have weights.
    confidence : float, default 0.95
        Of the two-sided interval.
    reason : str, default "no_rows"
        Given if a denominator is 0.

    Returns
    -------
    Estimate
        Undefined for the reason ``"zero_denominator"`` if the second proportion is 0.

    Raises
    ------
    InvalidArgumentError
        As by `wilson`.

    Notes
    -----
    MOVER-R on Wilson's ends: the ratio's ends are those at which the interval of
    ``p1 - ratio * p2``, made of both intervals by their distances, just reaches 0.

    References
    ----------
    A. Donner and G. Y. Zou, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", Statistical Methods in Medical Research 21 (2012).
    """
    of1, of2 = (None, None) if squares is None else squares
    p1, l1, u1, rows1 = _wilson(k1, n1, of1, confidence)
    p2, l2, u2, rows2 = _wilson(k2, n2, of2, confidence)
    rows = round(min(rows1, rows2))
    if not (rows1 and rows2):
        return Estimate.undefined(reason, rows)
    if p2 == 0.0:
        return Estimate.undefined("zero_denominator", rows)
    product = p1 * p2
    below, above = l1 * (2 * p1 - l1), u1 * (2 * p1 - u1)
    # The root that stays finite where its factor of x² goes through 0: c / (b + √(b² - ac)).
    low = below / (product + sqrt(max(product**2 - below * (u2 * (2 * p2 - u2)), 0.0)) or inf)
    factor = l2 * (2 * p2 - l2)
    high = (product + sqrt(max(product**2 - above * factor, 0.0))) / factor if factor else inf
    value = p1 / p2
    method = "mover-r" if squares is None else "mover-r" + _KISH
    return Estimate(value, min(low, value), max(high, value), rows, None, method)


def normal_interval(
    value: float,
    variance: float,
    n: float,
    *,
    confidence: float = 0.95,
    within: tuple[float, float] = (-inf, inf),
    method: str = "normal",
) -> Estimate:
    """Return a value with the interval of a normal distribution of this variance.

    Parameters
    ----------
    value, variance : float
        The figure and the variance of it (not of one row).
    n : int or float
        Rows that it rests on.
    confidence : float, default 0.95
        Of the two-sided interval.
    within : tuple of two floats, optional
        What the figure can be: the interval is cut there.
    method : str, default "normal"
        What the estimate says.

    Raises
    ------
    InvalidArgumentError
        If the variance is negative or NaN, or the confidence does not lie between 0 and 1.
    """
    if not variance >= 0.0:
        message = f"a variance is at least 0: {variance!r}"
        raise InvalidArgumentError(message)
    half = normal_quantile(confidence) * sqrt(variance)
    low, high = max(value - half, within[0]), min(value + half, within[1])
    return Estimate(value, min(low, value), max(high, value), round(n), None, method)


def normal_mean(
    total: float,
    total_of_squares: float,
    n: float,
    *,
    shift: float = 0.0,
    squares: float | None = None,
    confidence: float = 0.95,
    within: tuple[float, float] = (-inf, inf),
    reason: str = "no_rows",
) -> Estimate:
    """Return a mean with its normal interval, from sums.

    Parameters
    ----------
    total, total_of_squares : float
        Sums of x - shift and of (x - shift)² over the rows, each times its weight if there are any.
    n : int or float
        Number of rows, or the sum of weights.
    shift : float, default 0.0
        What the sums are about: near the mean, they lose no digits.
    squares : float, optional
        The sum of squared weights, where rows have weights.
    confidence : float, default 0.95
        Of the two-sided interval.
    within : tuple of two floats, optional
        What the mean can be: the interval is cut there.
    reason : str, default "no_rows"
        Given if n is 0.

    Returns
    -------
    Estimate
        Without an interval, for the reason ``"insufficient"``, of fewer than two rows.

    Raises
    ------
    InvalidArgumentError
        If n is negative or not finite, or the confidence does not lie between 0 and 1.

    Notes
    -----
    The variance of one row is the unbiased one; that of the mean is it by n, with weights by
    Kish's n.
    """
    if not (n >= 0.0 and isfinite(n)):
        message = f"a number of rows is finite and at least 0: {n!r}"
        raise InvalidArgumentError(message)
    rows = _effective(n, squares)
    if not rows:
        return Estimate.undefined(reason)
    mean = total / n
    if rows <= 1.0 + _ROUNDING:
        return Estimate(shift + mean, None, None, round(rows), "insufficient")
    spread = max(total_of_squares / n - mean * mean, 0.0)
    return normal_interval(
        shift + mean,
        spread / (rows - 1.0),
        rows,
        confidence=confidence,
        within=within,
        method="normal" if squares is None else "normal" + _KISH,
    )


def clopper_pearson(
    k: int, n: int, *, confidence: float = 0.95, reason: str = "no_rows"
) -> Estimate:
    """Return a proportion with the exact interval, which holds at least its confidence.

    Parameters
    ----------
    k, n : int
        Rows of the kind that is counted, and all rows.
    confidence : float, default 0.95
        Of the two-sided interval.
    reason : str, default "no_rows"
        Given if n is 0.

    Raises
    ------
    InvalidArgumentError
        If k does not lie in 0 to n, or the confidence between 0 and 1.

    References
    ----------
    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934).

    Examples
    --------
    >>> clopper_pearson(0, 10)
    Estimate(0 [0, 0.308497], n=10, clopper-pearson)
    """
    _check_share(k, n)
    normal_quantile(confidence)
    if not n:
        return Estimate.undefined(reason)
    from inlay.model.beta_quantile import beta_quantile

    tail = (1.0 - confidence) / 2
    low = beta_quantile(tail, k, n - k + 1) if k else 0.0
    high = 1.0 - beta_quantile(tail, n - k, k + 1) if k < n else 1.0
    return Estimate(k / n, low, high, n, None, "clopper-pearson")
