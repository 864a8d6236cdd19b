"""Panes of event time: which one a row belongs to, and when each is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from inlay._restored import integer, integer_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inlay.data.watch.tallies import Tallies

__all__ = ["MOST_EMPTY", "MOST_OPEN", "Closing", "Due", "Gap", "Pane", "TimePanes"]

MOST_OPEN = 64
"""Panes that are open at once. The oldest closes early when there are more; what comes for it later
is a revision, so nothing is lost."""

MOST_EMPTY = 100
"""Empty panes that are told one by one each time; after a stall the rest of them is one gap."""


class Pane:
    """Rows of an interval of event time. Not thread-safe.

    Parameters
    ----------
    tallies : Tallies or None
        What they are counted in; None while no table has told its columns.
    """

    __slots__ = ("rows", "tallies")

    def __init__(self, tallies: Tallies | None) -> None:
        self.rows = 0
        self.tallies = tallies


class Closing(NamedTuple):
    """A pane that is complete, or what came later for one that was."""

    number: int
    pane: Pane
    revision: int


class Gap(NamedTuple):
    """Panes without rows, too many to tell one by one: from `first` up to before `end`."""

    first: int
    end: int


Due: TypeAlias = Closing | Gap


class TimePanes:
    """The open panes, and the late parts of closed ones. Not thread-safe.

    Pane k holds the event times of ``[k * every, (k + 1) * every)``. It closes when the watermark
    passes its end. What comes for it afterwards is collected and told as revision 1, 2, …, until
    the watermark is `lateness` beyond its end.

    Parameters
    ----------
    every : int
        How long a pane is, in microseconds.
    lateness : int
        How long after its end a pane takes rows, in microseconds.
    new : callable
        Makes the tallies of an empty pane.
    """

    __slots__ = ("_every", "_lateness", "_new", "empties", "late", "next", "open", "revisions")

    def __init__(self, *, every: int, lateness: int, new: Callable[[], Tallies | None]) -> None:
        self._every = every
        self._lateness = lateness
        self._new = new
        self.open: dict[int, Pane] = {}
        self.late: dict[int, Pane] = {}
        self.revisions: dict[int, int] = {}  # of closed panes that have some
        self.next: int | None = None  # the first pane that is not closed
        self.empties = MOST_EMPTY  # how many more may be told one by one

    def place(self, number: int, watermark: int | None) -> Pane | None:
        """Return the pane that takes rows now, or None if they come too late."""
        panes = self.open
        if self.is_late(number, watermark):
            if watermark is not None and self._is_over(number, watermark):
                return None
            panes = self.late
        pane = panes.get(number)
        if pane is None:
            pane = panes[number] = Pane(self._new())
        return pane

    def is_late(self, number: int, watermark: int | None) -> bool:
        """Return whether a pane is closed, or complete without having had a row."""
        if self.next is not None and number < self.next:
            return True
        return watermark is not None and (number + 1) * self._every <= watermark

    def _is_over(self, number: int, watermark: int) -> bool:
        return (number + 1) * self._every + self._lateness <= watermark

    def due(self, watermark: int | None, *, settle: bool) -> Iterator[Due]:
        """Close what is complete.

        Parameters
        ----------
        watermark : int or None
            In microseconds.
        settle : bool
            Whether to tell late parts although no pane closes.

        Yields
        ------
        Closing or Gap
            Late parts by time, then the panes that close by time.
        """
        end = None if watermark is None else watermark // self._every
        if len(self.open) > MOST_OPEN:
            forced = sorted(self.open)[-MOST_OPEN]
            end = forced if end is None else max(end, forced)
        first = self._first()
        closes = end is not None and first is not None and first < end
        if settle or closes or len(self.late) > MOST_OPEN:
            yield from self._settle()
        if closes:
            assert first is not None
            assert end is not None
            yield from self._close(first, end)
        if watermark is not None:
            gone = [number for number in self.revisions if self._is_over(number, watermark)]
            for number in gone:
                del self.revisions[number]

    def finish(self) -> Iterator[Due]:
        """Close all panes that have rows, and the empty ones between them."""
        yield from self._settle()
        first = self._first()
        if self.open and first is not None:
            yield from self._close(first, max(self.open) + 1)

    def _first(self) -> int | None:
        if self.next is not None:
            return self.next
        return min(self.open) if self.open else None

    def _settle(self) -> Iterator[Due]:
        for number in sorted(self.late):
            pane = self.late.pop(number)
            revision = self.revisions[number] = self.revisions.get(number, 0) + 1
            yield Closing(number, pane, revision)

    def _close(self, first: int, end: int) -> Iterator[Due]:
        for number in sorted(number for number in self.open if number < end):
            yield from self._empty(first, number)
            self.next = first = number + 1
            yield Closing(number, self.open.pop(number), 0)
        yield from self._empty(first, end)
        self.next = end

    def _empty(self, first: int, end: int) -> Iterator[Due]:
        last = min(end, first + self.empties)
        for number in range(first, last):
            self.empties -= 1
            self.next = number + 1
            yield Closing(number, Pane(self._new()), 0)
        if last < end:
            self.next = end
            yield Gap(last, end)

    def state(self) -> dict[str, Any]:
        """Return what JSON can hold of the state; the panes' tallies are the caller's."""
        return {
            "next": self.next,
            "open": [[number, pane.rows] for number, pane in self.open.items()],
            "late": [[number, pane.rows] for number, pane in self.late.items()],
            "revisions": [list(pair) for pair in self.revisions.items()],
        }

    def restore(self, state: dict[str, Any], tallies: Iterator[Tallies | None]) -> None:
        """Take over a state; `tallies` gives those of the open panes, then of the late parts."""
        self.next = integer_or_none(state["next"])
        for panes, listed in ((self.open, state["open"]), (self.late, state["late"])):
            panes.clear()
            for number, rows in listed:
                pane = panes[integer(number)] = Pane(next(tallies))
                pane.rows = integer(rows)
        self.revisions = {integer(pane): integer(count) for pane, count in state["revisions"]}
