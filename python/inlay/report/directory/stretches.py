"""Stretches of time of one length, into which rows are put as they are read.

A stretch is 2**shift microseconds long and begins at a multiple of that in Unix time, so that
shorter ones can be put together into longer ones exactly, whatever was read when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.report.directory.estimates import iso

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Seen", "Timeline", "microseconds_of", "shift_for", "timeline_of"]

#: Most stretches of a page's axis.
MOST_STRETCHES = 128
_LONGEST = 50  # a shift beyond all times


class Timeline(NamedTuple):
    """The axis that all charts of a report's pages share, in microseconds of Unix time.

    Attributes
    ----------
    start, end : int
    shift : int
        A stretch is 2**shift long.
    first : int
        The number of the first stretch.
    length : int
        How many there are.
    """

    start: int
    end: int
    shift: int
    first: int
    length: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for a report."""
        return {
            "start": iso(self.start),
            "end": iso(self.end),
            "origin": (self.first << self.shift) / 1e6,
            "width": (1 << self.shift) / 1e6,
            "count": self.length,
        }


def timeline_of(start: int, end: int, usual: float) -> Timeline:
    """Choose stretches for a time.

    Parameters
    ----------
    start, end : int
    usual : float
        How long windows usually are; a stretch is no shorter, so that none is without a window.
    """
    end = max(end, start + 1)
    shift = shift_for(end - start, MOST_STRETCHES)
    while (1 << shift) < usual and shift < _LONGEST:
        shift += 1
    first = start >> shift
    return Timeline(start, end, shift, first, ((end - 1) >> shift) - first + 1)


def shift_for(length: int, most: int) -> int:
    """Return the smallest shift of which at most `most` stretches and one cover a length."""
    shift = 0
    while (length >> shift) >= most:
        shift += 1
    return shift


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
