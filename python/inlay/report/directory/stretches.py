"""Stretches of time of one length, into which rows are put.

A stretch begins at a multiple of its length in Unix time, as windows do, and holds whole windows
where they are of one length.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.report.directory.estimates import iso

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Grid", "Seen", "Timeline", "microseconds_of", "timeline_of"]

#: Most stretches of a page's axis.
MOST_STRETCHES = 128
# A stretch is made so many times longer, so that it holds whole windows.
_MOST_LENGTHENED = 2


class Grid:
    """Which multiples times are rounded down to where there are too many rows to keep them all.

    Attributes
    ----------
    fine : int
        In microseconds. It only grows to multiples of itself, so that what was rounded before
        still lies in stretches exactly.
    """

    def __init__(self) -> None:
        self.fine = 1

    def coarsen(self, length: int, usual: float) -> None:
        """Grow until a time of a length has at most two multiples for each stretch of an axis.

        Parameters
        ----------
        length : int
            Microseconds.
        usual : float
            How long windows usually are, 0 without any; it is begun with.
        """
        if self.fine == 1:
            self.fine = _plain(usual)
        while length // self.fine >= 2 * MOST_STRETCHES:
            self.fine *= 2


def _plain(usual: float) -> int:
    """Return the length that windows have which are cut a few milliseconds sooner or later."""
    to = next((to for to in (10_000, 1_000) if usual >= 20 * to), 1)
    return max(1, round(usual / to) * to)


class Timeline(NamedTuple):
    """The axis that all charts of a report's pages share, in microseconds of Unix time.

    Attributes
    ----------
    start, end : int
    width : int
        How long a stretch is.
    first : int
        The number of the first stretch.
    length : int
        How many there are.
    """

    start: int
    end: int
    width: int
    first: int
    length: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for a report."""
        return {
            "start": iso(self.start),
            "end": iso(self.end),
            "origin": self.first * self.width / 1e6,
            "width": self.width / 1e6,
            "count": self.length,
        }


def timeline_of(
    start: int, end: int, usual: float, *, least: float = 0.0, fine: int = 1
) -> Timeline:
    """Choose stretches for a time.

    Parameters
    ----------
    start, end : int
    usual : float
        How long windows usually are; a stretch is no shorter, so that none is without a window,
        and holds whole ones unless it would be twice as long.
    least : float
        What else a stretch is not to be shorter than.
    fine : int
        What its length is a multiple of.
    """
    end = max(end, start + 1)
    window = _plain(usual)
    width = max(math.ceil((end - start) / MOST_STRETCHES), math.ceil(least), window)
    whole = _up(width, math.lcm(fine, window))
    width = whole if whole <= _MOST_LENGTHENED * width else _up(width, fine)
    first = start // width
    return Timeline(start, end, width, first, (end - 1) // width - first + 1)


def _up(number: int, to: int) -> int:
    return -(-number // to) * to


def microseconds_of(times: pa.ChunkedArray) -> np.ndarray:
    """Return times as integers."""
    import numpy as np
    import pyarrow as pa

    whole = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(whole.to_numpy(), dtype=np.int64)


class Seen:
    """Which deliveries were read: a window's rows that come again are those of before."""

    def __init__(self) -> None:
        self._known: set[tuple[int, ...]] = set()

    def fresh(
        self, origins: np.ndarray, numbers: np.ndarray, observed: np.ndarray, layers: np.ndarray
    ) -> np.ndarray | None:
        """Return which rows are of deliveries that no table before had; None for all.

        Parameters
        ----------
        origins, numbers : numpy.ndarray
            Who delivered, and which delivery of theirs.
        observed : numpy.ndarray
            When, in microseconds: a file holds the rows of one day.
        layers : numpy.ndarray
            Of which layer the rows are: a file holds those of one.
        """
        import numpy as np

        days = observed // 86_400_000_000
        stacked = np.stack([origins, numbers, days, layers])
        order = np.lexsort(stacked[::-1])
        ordered = stacked[:, order]
        begins = np.ones(len(order), bool)
        begins[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
        keys = [tuple(each) for each in ordered[:, begins].T.tolist()]
        is_old = np.array([key in self._known for key in keys], bool)
        self._known.update(keys)
        if not is_old.any():
            return None
        kept = np.empty(len(order), bool)
        kept[order] = ~is_old[np.cumsum(begins) - 1]
        return kept
