"""Whether a share of rows is another one than in a reference: its size and its certainty."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

from inlay.drift.log_gamma import log_beta

__all__ = ["ShareTest", "share_test"]

_JEFFREYS = 0.5


class ShareTest(NamedTuple):
    """Arrays of shape (n,).

    Attributes
    ----------
    difference : numpy.ndarray of float64
        The share less that of the reference; NaN where one of them has no rows.
    low, high : numpy.ndarray of float64
        Its interval.
    certain : numpy.ndarray of float64
        The end of the interval that is nearer to 0, as a distance from it; 0 if 0 is inside.
    log_e : numpy.ndarray of float64
        Logarithm of the e-value against equal shares.
    """

    difference: Any
    low: Any
    high: Any
    certain: Any
    log_e: Any


def share_test(k: Any, n: Any, k_reference: Any, n_reference: Any, *, level: float) -> ShareTest:
    """Compare shares k / n with those of a reference, which is itself a sample.

    Parameters
    ----------
    k, n, k_reference, n_reference : array-like of int64, shape (n,)
        0 <= k <= n.
    level : float
        The interval covers the difference with a chance of 1 - level.

    Returns
    -------
    ShareTest

    Notes
    -----
    The interval is Newcombe's, from Wilson's of each share. The e-value is the ratio of two
    probabilities of the rows: with Jeffreys' prior for a share of their own, and with the
    posterior that the reference leaves of the common share. Its expectation over the posterior is
    1 if nothing changed.

    References
    ----------
    Newcombe (1998), "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, method 10.
    """
    import numpy as np

    k, n, k0, n0 = (np.asarray(each, np.float64) for each in (k, n, k_reference, n_reference))
    z = NormalDist().inv_cdf(1.0 - level / 2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, of_reference = k / n, k0 / n0
        low, high = _wilson(share, n, z)
        low0, high0 = _wilson(of_reference, n0, z)
        difference = share - of_reference
        below = difference - np.sqrt((share - low) ** 2 + (high0 - of_reference) ** 2)
        above = difference + np.sqrt((high - share) ** 2 + (of_reference - low0) ** 2)
    certain = np.maximum(np.maximum(below, -above), 0.0)
    own = log_beta(k + _JEFFREYS, n - k + _JEFFREYS) - log_beta(_JEFFREYS, _JEFFREYS)
    common = log_beta(k0 + k + _JEFFREYS, n0 - k0 + n - k + _JEFFREYS)
    common -= log_beta(k0 + _JEFFREYS, n0 - k0 + _JEFFREYS)
    return ShareTest(difference, below, above, np.nan_to_num(certain), own - common)


def _wilson(share: Any, n: Any, z: float) -> tuple[Any, Any]:
    import numpy as np

    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half
