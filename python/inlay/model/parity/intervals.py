"""Intervals of many proportions, differences and ratios at once, as arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Intervals", "absolute", "difference", "normal_quantile", "ratio", "shares"]


class Intervals(NamedTuple):
    """Figures and the ends of their intervals; NaN where there is none.

    Attributes
    ----------
    value, low, high : numpy.ndarray of float64
        Of one shape.
    """

    value: np.ndarray[Any, Any]
    low: np.ndarray[Any, Any]
    high: np.ndarray[Any, Any]

    def take(self, index: Any) -> Intervals:
        """Return some of them, by a numpy index."""
        return Intervals(self.value[index], self.low[index], self.high[index])


@lru_cache(maxsize=64)
def normal_quantile(confidence: float) -> float:
    """Return how many standard deviations hold this share of a normal distribution.

    Raises
    ------
    InvalidArgumentError
        If it does not lie between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        message = f"confidence must lie between 0 and 1: {confidence!r}"
        raise InvalidArgumentError(message)
    from statistics import NormalDist

    # By the lower tail, which keeps its digits where many intervals hold together.
    return -NormalDist().inv_cdf((1.0 - confidence) / 2)


def shares(k: Any, n: Any, *, z: float) -> Intervals:
    """Return k / n with Wilson's intervals, NaN where n is 0.

    Parameters
    ----------
    k, n : numpy.ndarray of int64
        Of one shape.
    z : float
        As `normal_quantile` gives it.
    """
    import numpy as np

    known = n > 0
    rows = np.where(known, n, 1).astype(np.float64)
    value = np.where(known, k / rows, np.nan)
    z2 = z * z
    half = np.sqrt(z2 * (value * (1.0 - value) / rows + z2 / (4.0 * rows * rows)))
    middle, whole = value + z2 / (2.0 * rows), 1.0 + z2 / rows
    low = np.where(k == 0, 0.0, np.maximum((middle - half) / whole, 0.0))
    high = np.where(k == n, 1.0, np.minimum((middle + half) / whole, 1.0))
    return Intervals(
        value,
        np.where(known, np.minimum(low, value), np.nan),
        np.where(known, np.maximum(high, value), np.nan),
    )


def difference(first: Intervals, second: Intervals) -> Intervals:
    """Return first - second with Newcombe's hybrid score intervals (1998, method 10)."""
    import numpy as np

    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Intervals(value, np.maximum(value - below, -1.0), np.minimum(value + above, 1.0))


def ratio(first: Intervals, second: Intervals) -> Intervals:
    """Return first / second with MOVER-R intervals on the ends of both (Donner and Zou, 2012).

    NaN where the second is 0; an upper end may be infinite.
    """
    import numpy as np

    p1, l1, u1 = first
    p2, l2, u2 = second
    with np.errstate(divide="ignore", invalid="ignore"):
        product = p1 * p2
        below, above = l1 * (2 * p1 - l1), u1 * (2 * p1 - u1)
        root = product + np.sqrt(np.maximum(product**2 - below * (u2 * (2 * p2 - u2)), 0.0))
        low = np.where(root > 0.0, below / np.where(root > 0.0, root, 1.0), 0.0)
        factor = l2 * (2 * p2 - l2)
        top = product + np.sqrt(np.maximum(product**2 - above * factor, 0.0))
        high = np.where(factor > 0.0, top / np.where(factor > 0.0, factor, 1.0), np.inf)
        value = p1 / p2
    known = p2 > 0.0
    return Intervals(
        np.where(known, value, np.nan),
        np.where(known, np.minimum(low, value), np.nan),
        np.where(known, np.maximum(high, value), np.nan),
    )


def absolute(signed: Intervals) -> Intervals:
    """Return the magnitudes of differences, with what their intervals become."""
    import numpy as np

    ends = np.abs(np.stack([signed.low, signed.high]))
    within = (signed.low <= 0.0) & (signed.high >= 0.0)
    return Intervals(
        np.abs(signed.value), np.where(within, 0.0, ends.min(axis=0)), ends.max(axis=0)
    )
