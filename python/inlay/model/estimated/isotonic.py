"""Isotonic regression of outcomes on scores: the calibration of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["Isotonic", "isotonic", "sorted_outcomes"]

# Passes over all blocks before one pass over a stack takes the rest. Rows in random order of
# outcome need about 15; an order made for it would need one for each block.
_PASSES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Isotonic:
    """A calibration: blocks of scores, in ascending order, each with its share of positives.

    Attributes
    ----------
    lows, highs : ndarray of float64, shape (blocks,)
        The smallest and the largest score of each.
    positives, rows : ndarray of int64, shape (blocks,)
        Of the reference; the shares `positives / rows` ascend.
    """

    lows: Floats
    highs: Floats
    positives: Integers
    rows: Integers

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what it holds, in the order of its bytes."""
        return [self.lows, self.highs, self.positives, self.rows]

    def knots(self) -> tuple[Floats, Floats]:
        """Return where the calibration bends, and its values there.

        It is constant within a block, a straight line between two, and constant beyond both ends.
        """
        import numpy as np

        shares = self.positives / self.rows
        x = np.stack([self.lows, self.highs], axis=1).ravel()
        keep = np.append(True, np.diff(x) > 0.0)  # a block of one score has one knot
        return x[keep], np.repeat(shares, 2)[keep]

    def __call__(self, scores: Any) -> Floats:
        """Return the calibrated probabilities of scores; a NaN stays one."""
        import numpy as np

        found: Floats = np.interp(scores, *self.knots())
        return found


def sorted_outcomes(scores: Floats, outcomes: Any) -> tuple[Floats, Integers]:
    """Return scores within 0 to 1 in ascending order, and their outcomes, which are 0 or 1.

    Notes
    -----
    The bits of floats that are not negative ascend as they do, and those of at most 1 leave the
    uppermost two at 0: the outcome fits in below, and numbers sort several times faster than rows.
    """
    import numpy as np

    bits = np.ascontiguousarray(scores, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    keys = (bits.view(np.int64) << 1) | np.asarray(outcomes, dtype=np.int64)
    keys.sort()
    return (keys >> 1).view(np.float64), keys & 1


def isotonic(scores: Floats, outcomes: Integers) -> Isotonic:
    """Fit a calibration by pooling adjacent violators.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        In ascending order; n at least 1.
    outcomes : ndarray of int64, shape (n,)
        0 or 1 of each.

    Returns
    -------
    Isotonic
        Of all functions that do not fall the one with the least squared error. Neighbouring blocks
        of one share are one. The same whatever the order of equal scores.

    Notes
    -----
    O(n log n) as a rule. Each pass pools all runs of blocks whose shares do not rise, which end in
    one block in whatever order they are pooled; shares are compared as fractions of integers.

    References
    ----------
    M. Ayer et al., "An empirical distribution function for sampling with incomplete information",
    Annals of Mathematical Statistics 26 (1955).
    """
    import numpy as np

    starts = np.flatnonzero(np.append(True, np.diff(scores) > 0.0))
    positives = np.add.reduceat(outcomes, starts)
    rows = np.diff(np.append(starts, len(scores)))
    for _ in range(_PASSES):
        rises = positives[:-1] * rows[1:] < positives[1:] * rows[:-1]
        if rises.all():
            break
        first = np.flatnonzero(np.append(True, rises))
        starts = starts[first]
        positives = np.add.reduceat(positives, first)
        rows = np.add.reduceat(rows, first)
    else:
        first = np.array(_pooled(positives.tolist(), rows.tolist()))
        starts = starts[first]
        positives = np.add.reduceat(positives, first)
        rows = np.add.reduceat(rows, first)
    ends = np.append(starts[1:], len(scores)) - 1
    return Isotonic(scores[starts], scores[ends], positives, rows)


def _pooled(positives: list[int], rows: list[int]) -> list[int]:
    """Return the first of each block's parts, from one pass with a stack."""
    stack: list[tuple[int, int, int]] = []
    for at, (k, m) in enumerate(zip(positives, rows, strict=True)):
        first = at
        while stack and stack[-1][1] * m >= k * stack[-1][2]:
            first, k0, m0 = stack.pop()
            k += k0
            m += m0
        stack.append((first, k, m))
    return [first for first, _, _ in stack]
