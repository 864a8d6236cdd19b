"""Sliding windows: the last panes merged, each time one closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._restored import integer
from inlay.data.watch.panes import Pane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inlay.data.watch.tallies import Tallies

__all__ = ["MergedPanes", "SlidingWindow"]


class _Kept(NamedTuple):
    """A closed pane that later windows need."""

    pane: Pane
    start: int
    end: int


class MergedPanes(NamedTuple):
    """Some panes in a row as one."""

    tallies: Tallies
    rows: int
    start: int
    end: int
    revision: int


class SlidingWindow:
    """Merges the last panes whenever one closes. Not thread-safe.

    Parameters
    ----------
    panes : int
        How many make a window.
    late : int
        How many panes may get rows after they have closed. Windows that hold such a pane are merged
        again, while all of their panes are kept.
    """

    __slots__ = ("_kept", "_late", "panes", "revisions")

    def __init__(self, panes: int, *, late: int) -> None:
        self.panes = panes
        self._late = late
        self._kept: dict[int, _Kept] = {}
        self.revisions: dict[int, int] = {}

    def close(self, number: int, pane: Pane, start: int, end: int) -> Iterator[MergedPanes]:
        """Take a pane that closed, and give the window that ends with it if it is whole."""
        self._kept[number] = _Kept(pane, start, end)
        for old in [old for old in self._kept if old <= number - self.panes - self._late]:
            del self._kept[old]
            self.revisions.pop(old, None)
        yield from self._merge(number)

    def revise(self, number: int, pane: Pane) -> Iterator[MergedPanes]:
        """Take what came late for a pane, and give the windows that hold it again."""
        kept = self._kept.get(number)
        if kept is None:
            return
        kept.pane.rows += pane.rows
        if kept.pane.tallies is None:
            kept = self._kept[number] = kept._replace(pane=pane)
        elif pane.tallies is not None:
            kept.pane.tallies.merge(pane.tallies)
        for end in range(number, number + self.panes):
            if end in self._kept:
                self.revisions[end] = self.revisions.get(end, 0) + 1
                yield from self._merge(end)

    def skip(self) -> None:
        """Take that panes were passed over: no window reaches across them."""
        self._kept.clear()
        self.revisions.clear()

    def _merge(self, number: int) -> Iterator[MergedPanes]:
        parts = [self._kept.get(one) for one in range(number - self.panes + 1, number + 1)]
        whole = [part for part in parts if part is not None]
        if len(whole) < self.panes:
            return
        merged: Tallies | None = None
        for part in whole:
            if part.pane.tallies is None:
                continue
            if merged is None:
                merged = part.pane.tallies.copy()
            else:
                merged.merge(part.pane.tallies)
        if merged is not None:
            rows = sum(part.pane.rows for part in whole)
            revision = self.revisions.get(number, 0)
            yield MergedPanes(merged, rows, whole[0].start, whole[-1].end, revision)

    @property
    def kept(self) -> list[Pane]:
        """The panes that are kept, in order."""
        return [kept.pane for kept in self._kept.values()]

    def state(self) -> dict[str, Any]:
        """Return what JSON can hold of the state; the tallies are those of `kept`."""
        return {
            "kept": [[number, k.pane.rows, k.start, k.end] for number, k in self._kept.items()],
            "revisions": [list(pair) for pair in self.revisions.items()],
        }

    def restore(self, state: dict[str, Any], tallies: Iterator[Tallies | None]) -> None:
        """Take over a state."""
        self._kept = {}
        for number, rows, start, end in state["kept"]:
            pane = Pane(next(tallies))
            pane.rows = integer(rows)
            self._kept[integer(number)] = _Kept(pane, integer(start), integer(end))
        self.revisions = {integer(pane): integer(count) for pane, count in state["revisions"]}
