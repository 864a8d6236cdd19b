"""`Intervals`: numbers seen, as stretches without a hole wider than a step."""

from __future__ import annotations

import numpy as np

__all__ = ["Intervals"]


class Intervals:
    """A set of integers kept as closed intervals; neighbours closer than a step are one.

    With a step of 1 the set is exact. With `adaptive` the step grows as soon as there are too many
    intervals, by joining those that lie closest: the widest hole is then still known exactly, as
    long as it is wider than those joined.

    Parameters
    ----------
    max_intervals : int
        How many intervals it keeps.
    adaptive : bool
        Whether the step grows; if not, `overflowed` says that there were too many.
    """

    def __init__(self, *, max_intervals: int, adaptive: bool) -> None:
        self._low = np.empty(0, np.int64)
        self._high = np.empty(0, np.int64)
        self._max = max_intervals
        self._adaptive = adaptive
        self.widest_joined = 0
        self.overflowed = False

    def add(self, values: np.ndarray) -> None:
        """Add integers, shape (n,), int64, in any order."""
        if len(values) == 0 or self.overflowed:
            return
        points = np.unique(values)
        low, high = np.concatenate((self._low, points)), np.concatenate((self._high, points))
        order = np.argsort(low, kind="stable")
        low, high = low[order], np.maximum.accumulate(high[order])
        # Differences as unsigned: those of int64 may need 64 bits.
        holes = _distance(low[1:], high[:-1])
        step = np.uint64(1 if not self._adaptive else self.widest_joined)
        self._split(low, high, holes > step)
        if len(self._low) <= self._max:
            return
        if not self._adaptive:
            self.overflowed = True
            self._low, self._high = self._low[:0], self._high[:0]
            return
        # Half as many are kept, so that this happens seldom.
        holes = _distance(self._low[1:], self._high[:-1])
        joined = len(holes) - min(self._max // 2, self._max - 1) - 1
        step = np.partition(holes, joined)[joined]
        self.widest_joined = int(step)
        self._split(self._low, self._high, holes > step)

    def _split(self, low: np.ndarray, high: np.ndarray, apart: np.ndarray) -> None:
        where = np.flatnonzero(apart)
        self._low = np.concatenate((low[:1], low[where + 1]))
        self._high = np.concatenate((high[where], high[-1:]))

    @property
    def is_empty(self) -> bool:
        """Whether no integer was added."""
        return len(self._low) == 0 and not self.overflowed

    @property
    def span(self) -> int:
        """The largest minus the smallest."""
        return int(self._high[-1]) - int(self._low[0])

    @property
    def count(self) -> int:
        """How many different integers there are; exact if not adaptive."""
        return int(_distance(self._high, self._low).sum(dtype=np.uint64)) + len(self._low)

    @property
    def widest_hole(self) -> int:
        """The widest distance between neighbours; never less than it is."""
        holes = _distance(self._low[1:], self._high[:-1])
        return max(int(holes.max()) if len(holes) else 0, self.widest_joined)


def _distance(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    return np.where(high > low, high.astype(np.uint64) - low.astype(np.uint64), np.uint64(0))
