"""Windows that a directory lacks: those that a sink dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["WindowGaps", "distinct_numbers", "windows_of"]

# Of more gaps only the number is told.
_NAMED = 5


class WindowGaps:
    """Finds what is missing among the numbers of each origin's windows. Not thread-safe.

    An observer numbers its windows one after another, and each has rows in ``points``: at least
    how many batches wait for the sink.

    Parameters
    ----------
    after : mapping of int to int
        Origin to the last number that was seen before.
    """

    def __init__(self, after: Mapping[int, int]) -> None:
        self._last = dict(after)
        self._first: dict[int, int] = {}
        # Origin -> first and last number of each gap, up to so many, and how many are missing.
        self._named: dict[int, list[tuple[int, int]]] = {}
        self._missing: dict[int, int] = {}

    def add(self, windows: Mapping[int, Any]) -> None:
        """Take the windows of a day; days come in order.

        Parameters
        ----------
        windows : mapping of int to numpy.ndarray of int64
            Origin to numbers, in any order, as often as one likes.
        """
        import numpy as np

        for origin, numbers in windows.items():
            seen = distinct_numbers(numbers)
            last = self._last.get(origin)
            if last is not None:
                seen = seen[seen > last]
            if not len(seen):
                continue
            self._first.setdefault(origin, int(seen[0]) if last is None else last + 1)
            seen = seen if last is None else np.append(last, seen)
            for place in np.flatnonzero(np.diff(seen) > 1).tolist():
                gap = int(seen[place]) + 1, int(seen[place + 1]) - 1
                self._named.setdefault(origin, []).append(gap)
                self._missing[origin] = self._missing.get(origin, 0) + gap[1] - gap[0] + 1
            self._last[origin] = int(seen[-1])

    def notes(self) -> list[str]:
        """Tell the gaps of each origin."""
        found = []
        for origin, gaps in self._named.items():
            named = [str(a) if a == b else f"{a} to {b}" for a, b in gaps[:_NAMED]]
            more = f" and {len(gaps) - _NAMED} more gaps" if len(gaps) > _NAMED else ""
            whole = self._last[origin] - self._first[origin] + 1
            found.append(
                f"origin {origin} lacks {self._missing[origin]} of {whole} windows (window_seq "
                f"{', '.join(named)}{more}): its sink dropped them, or they held no points"
            )
        return found


def windows_of(rows: pa.Table) -> dict[int, Any]:
    """Return the numbers of the windows of each origin that has rows in a table."""
    if rows.num_rows == 0:
        return {}
    origin, number = rows["origin"].to_numpy(), rows["window_seq"].to_numpy()
    if (origin == origin[0]).all():
        return {int(origin[0]): distinct_numbers(number)}
    return {
        each: distinct_numbers(number[origin == each]) for each in distinct_numbers(origin).tolist()
    }


def distinct_numbers(numbers: Any) -> Any:
    """Return the different ones of some integers, in order; quickly where few differ by much.

    Returns
    -------
    numpy.ndarray of int64
    """
    import numpy as np

    if not len(numbers):
        return np.zeros(0, np.int64)
    least = int(numbers.min())
    span = int(numbers.max()) - least + 1
    if span > 8 * len(numbers):
        return np.unique(numbers)
    seen = np.zeros(span, bool)
    seen[numbers - least] = True
    return np.flatnonzero(seen) + least
