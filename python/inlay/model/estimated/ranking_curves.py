"""AUROC and average precision from expected positives in cells of ascending score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from inlay.model.estimate import Estimate, normal_interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["Curve", "average_precision", "roc_area"]


@dataclass(frozen=True, eq=False)
class Curve:
    """Rows, expected positives, and the variance of their number, by cells of ascending score."""

    counts: Integers
    positives: Floats
    variances: Floats

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    @cached_property
    def total_positives(self) -> float:
        """Expected positives among them."""
        return float(self.positives.sum())

    @cached_property
    def total_variance(self) -> float:
        """Of the number of positives."""
        return float(self.variances.sum())


def roc_area(curve: Curve, confidence: float, method: str) -> Estimate:
    """Return the area under the ROC curve, rows of a cell counted as ties.

    Notes
    -----
    The interval has what ties of a cell may hide, half the share of pairs within cells, added on
    both sides.
    """
    import numpy as np

    if curve.rows == 0:
        return Estimate.undefined("no_rows")
    p, q = curve.positives, curve.counts - curve.positives
    n_p, n_q = curve.total_positives, curve.rows - curve.total_positives
    if min(n_p, n_q) <= 0.0:
        return Estimate.undefined("one_class", curve.rows)
    if min(n_p, n_q) < 1.0:
        return Estimate.undefined("insufficient", curve.rows)
    negatives_below = np.cumsum(q) - q / 2
    positives_above = n_p - (np.cumsum(p) - p / 2)
    area = float(p @ negatives_below) / (n_p * n_q)
    by_label = (negatives_below - positives_above) / (n_p * n_q) - area / n_p + area / n_q
    hidden = float(p @ q) / (2 * n_p * n_q)
    found = normal_interval(
        area, float(curve.variances @ by_label**2), curve.rows, confidence=confidence, method=method
    )
    return _widened(found, hidden)


def average_precision(curve: Curve, confidence: float, method: str) -> Estimate:
    """Return the sum of precisions where recall rises, by the cell's midpoint.

    Notes
    -----
    The interval has half of what the precision changes within cells added on both sides.
    """
    import numpy as np

    if curve.rows == 0:
        return Estimate.undefined("no_rows")
    total = curve.total_positives
    if total <= 0.0:
        return Estimate.undefined("no_positives", curve.rows)
    if total < 1.0:
        return Estimate.undefined("insufficient", curve.rows)
    filled = np.flatnonzero(curve.counts)[::-1]  # from the highest score down
    n, p, v = curve.counts[filled], curve.positives[filled], curve.variances[filled]
    n_end, p_end = np.cumsum(n), np.cumsum(p)
    n_middle = n_end - n / 2
    precision = (p_end - p / 2) / n_middle
    value = float(p @ precision) / total
    later = p / n_middle
    by_label = (precision + (np.cumsum(later[::-1])[::-1] - later / 2) - value) / total
    at_ends = p_end / n_end
    change = np.abs(np.diff(at_ends, prepend=at_ends[0]))
    found = normal_interval(
        value, float(v @ by_label**2), curve.rows, confidence=confidence, method=method
    )
    return _widened(found, float(p @ change) / (2 * total))


def _widened(estimate: Estimate, by: float) -> Estimate:
    """Return an estimate of a share with its interval longer at both ends."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return estimate
    return replace(estimate, low=max(low - by, 0.0), high=min(high + by, 1.0))
