"""Panes of a number of rows, in the order in which they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._restored import integer, integer_or_none
from inlay.data.watch.panes import Pane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inlay.data.watch.tallies import Tallies

__all__ = ["RowPanes"]


class RowPanes:
    """One open pane that closes when it is full. Not thread-safe.

    Parameters
    ----------
    size : int
        Rows of a pane.
    new : callable
        Makes the tallies of an empty pane.
    """

    __slots__ = ("_first", "_last", "_new", "_size", "end", "open")

    def __init__(self, *, size: int, new: Callable[[], Tallies | None]) -> None:
        self._size = size
        self._new = new
        self.open: Pane | None = None
        self._first = 0  # the least and greatest time of its rows
        self._last = 0
        self.end: int | None = None  # of the pane that closed last

    @property
    def room(self) -> int:
        """Rows that the open pane still takes."""
        return self._size - (0 if self.open is None else self.open.rows)

    def place(self, first: int, last: int) -> Pane:
        """Return the pane that takes the next rows, whose times lie within `first` to `last`."""
        if self.open is None:
            self.open = Pane(self._new())
            self._first, self._last = first, last
        else:
            self._first, self._last = min(self._first, first), max(self._last, last)
        return self.open

    def take(self) -> tuple[Pane, int, int] | None:
        """Close the open pane; return it, and where it begins and ends.

        Panes end one after the other, each at least a microsecond later, so that no two are alike.
        """
        pane, self.open = self.open, None
        if pane is None:
            return None
        end = self._last if self.end is None else max(self._last, self.end + 1)
        start = min(self._first, end)
        self.end = end
        return pane, start, end

    def state(self) -> dict[str, Any]:
        """Return what JSON can hold of the state."""
        return {
            "rows": None if self.open is None else self.open.rows,
            "first": self._first,
            "last": self._last,
            "end": self.end,
        }

    def restore(self, state: dict[str, Any], tallies: Iterator[Tallies | None]) -> None:
        """Take over a state; `tallies` gives those of the open pane."""
        self.open = None
        if state["rows"] is not None:
            self.open = Pane(next(tallies))
            self.open.rows = integer(state["rows"])
        self._first, self._last = integer(state["first"]), integer(state["last"])
        self.end = integer_or_none(state["end"])
