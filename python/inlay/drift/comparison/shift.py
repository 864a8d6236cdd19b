"""How far two counts of the same cells lie apart, and what of it is certain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts: TypeAlias = Sequence[float] | NDArray[np.float64]

__all__ = ["Effect", "cell_parts", "effect_between", "nearest_counts", "range_p_value"]


class Effect(NamedTuple):
    """A Jensen-Shannon distance to base 2, less what chance and sketches add to it.

    Attributes
    ----------
    value : float
        The debiased distance, within 0 to 1.
    low, high : float
        Within which it lies, each with the confidence that was asked for.
    """

    value: float
    low: float
    high: float


def effect_between(
    reference: Counts,
    current: Counts,
    *,
    level: float,
    error: float = 0.0,
    ordered: bool = True,
    bounded: bool = False,
) -> Effect:
    """Return the debiased Jensen-Shannon distance of two counts.

    Parameters
    ----------
    reference, current : sequence of float, shape (k,)
        Counts of the same cells, neither of them all 0.
    level : float
        The share of cases in which `low` may be too high, and `high` too low.
    error : float, default 0.0
        By how much a cumulative share (`ordered`), or the share of a cell, may be off because
        sketches estimated it.
    ordered : bool, default True
        Whether the cells are in the order of their values.
    bounded : bool, default False
        Whether the outer cells lie beyond the extremes of the reference.

    Returns
    -------
    Effect

    Notes
    -----
    Two samples of one distribution over k cells have a Jensen-Shannon divergence of about
    ``(k - 1) (1/n + 1/m) / 8`` nats. That is subtracted, so that the distance does not depend on
    the sizes. The variance is that of the delta method, and that of a chi-square where there is no
    difference. `low` is the distance to the counts nearest to the reference's that `error` allows.
    Beyond its extremes a sample has no values, and what it was drawn from has one of its n + 1
    spacings on each side: of `bounded` cells, one value is added to each that current ones lie in,
    which counts as less of a degree of freedom the fewer are expected.
    """
    if bounded:
        ends = [int(current[0] > 0), *([0] * (len(reference) - 2)), int(current[-1] > 0)]
        reference = [count + more for count, more in zip(reference, ends, strict=True)]
    found = _divergence(reference, current, bounded=bounded)
    z = NormalDist().inv_cdf(1.0 - level)
    high = found.high(z)
    low = found
    slack = 0.0
    if error > 0.0:
        nearest = nearest_counts(reference, current, error, ordered=ordered)
        low = _divergence(reference, nearest, bounded=bounded)
        slack = _distance(found.value) - _distance(low.value)
    return Effect(
        _distance(found.value),
        _distance(low.low(z)),
        min(_distance(high) + slack, 1.0),
    )


def nearest_counts(
    reference: Counts, current: Counts, error: float, *, ordered: bool
) -> NDArray[np.float64]:
    """Return the counts nearest to the reference's shares that estimated counts may stand for.

    Parameters
    ----------
    reference, current, error, ordered
        As for `effect_between`.

    Returns
    -------
    numpy.ndarray of float64, shape (k,)
        With the sum of `current`.
    """
    import numpy as np

    p, q = _shares(reference), _shares(current)
    total = float(np.sum(np.asarray(current, dtype=np.float64)))
    if ordered:
        below, found = np.cumsum(p)[:-1], np.cumsum(q)[:-1]
        # Both bounds rise with the cells, so what lies between them does.
        moved = np.clip(below, found - error, found + error).clip(0.0, 1.0)
        return np.diff(np.concatenate(([0.0], moved, [1.0]))).clip(0.0) * total
    moved = np.clip(p, q - error, q + error).clip(0.0, 1.0)
    return moved * (total / float(np.sum(moved)))


def cell_parts(reference: Counts, current: Counts) -> list[float]:
    """Return what each cell adds to the Jensen-Shannon divergence, in bits; none is negative."""
    import numpy as np

    p, q = _shares(reference), _shares(current)
    parts = 0.5 * (_terms(p, 0.5 * (p + q)) + _terms(q, 0.5 * (p + q))) / math.log(2.0)
    return [float(part) for part in np.maximum(parts, 0.0)]


def range_p_value(outside: int, n: int, n_reference: int) -> float:
    """Return how likely so many values lie outside another sample's smallest and largest.

    Parameters
    ----------
    outside : int
        Of the `n` values, those below the smallest or above the largest of the reference.
    n, n_reference : int
        Sizes of both samples, of the reference 2 or more.

    Returns
    -------
    float
        The probability of as many or more if all values come from one continuous distribution;
        where values are equal it is less.

    Notes
    -----
    All orders of the pooled values are equally likely then. That at least i are below and j above,
    for i + j = k, has the probability ``r(k) = C(N - k, m) / C(N, m)`` each, and two neighbours
    together ``r(k + 1)``; so that k or more are outside has ``(k + 1) r(k) - k r(k + 1)``.
    """
    if outside <= 0:
        return 1.0
    total = n + n_reference

    def log_ratio(k: int) -> float:
        if k > n:
            return -math.inf
        return (
            math.lgamma(n + 1)
            - math.lgamma(n - k + 1)
            - math.lgamma(total + 1)
            + math.lgamma(total - k + 1)
        )

    first, second = log_ratio(outside), log_ratio(outside + 1)
    p = (outside + 1) * math.exp(first) - outside * math.exp(second)
    return min(max(p, 0.0), 1.0)


class _Divergence(NamedTuple):
    """A debiased divergence in nats, and its variance.

    Attributes
    ----------
    value : float
        It may be below 0 by chance.
    base, slope : float
        The variance of an estimate of x is ``base + slope * x``, as of a noncentral chi-square.
    """

    value: float
    base: float
    slope: float

    def low(self, z: float) -> float:
        """Return the lower end, by the variance of what was found: it errs on the low side."""
        return self.value - z * math.sqrt(self.base + self.slope * max(self.value, 0.0))

    def high(self, z: float) -> float:
        """Return the largest x of which the value is no more than z deviations below."""
        half = 0.5 * z * z * self.slope
        under = self.slope * self.value + 0.5 * half * self.slope + self.base
        return self.value + half + z * math.sqrt(max(under, 0.0))


def _divergence(reference: Counts, current: Counts, *, bounded: bool = False) -> _Divergence:
    import numpy as np

    m, n = float(np.sum(reference)), float(np.sum(current))
    p, q = _shares(reference), _shares(current)
    middle = 0.5 * (p + q)
    freedom = max(float(np.count_nonzero(middle)) - 1.0, 0.0)
    if bounded:
        expected = [n * float(p[end]) for end in (0, -1) if middle[end] > 0.0]
        freedom += sum(rows / (1.0 + rows) - 1.0 for rows in expected)
    unit = (1.0 / n + 1.0 / m) / 8.0
    plain = max(0.5 * float(np.sum(_terms(p, middle)) + np.sum(_terms(q, middle))), 0.0)
    # The derivative by a share is half the logarithm of its ratio to the middle.
    variance = 0.25 * (_spread(p, middle) / m + _spread(q, middle) / n)
    value = plain - freedom * unit
    slope = variance / value if value > freedom * unit else 4.0 * unit
    return _Divergence(value, 2.0 * freedom * unit**2, slope)


def _distance(nats: float) -> float:
    return math.sqrt(min(max(nats, 0.0) / math.log(2.0), 1.0))


def _shares(counts: Counts) -> NDArray[np.float64]:
    import numpy as np

    values = np.asarray(counts, dtype=np.float64)
    shares: NDArray[np.float64] = values / np.sum(values)
    return shares


def _terms(p: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``p log(p / middle)``, 0 where p is 0."""
    import numpy as np

    ratio = np.divide(p, middle, out=np.ones_like(p), where=p > 0.0)
    terms: NDArray[np.float64] = p * np.log(ratio)
    return terms


def _spread(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    """Return the variance of the logarithm of the ratio under p."""
    import numpy as np

    ratio = np.log(np.divide(p, middle, out=np.ones_like(p), where=p > 0.0))
    mean = float(np.sum(p * ratio))
    return max(float(np.sum(p * ratio * ratio)) - mean * mean, 0.0)
