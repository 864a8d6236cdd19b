"""Rows of tensors on devices, on their way to the panes of a watch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from inlay.data.device_columns import CountedRows, DeviceColumns, why_copied

if TYPE_CHECKING:
    from inlay import _core

__all__ = ["Arrived", "DeviceRows"]

Arrived: TypeAlias = tuple[int, CountedRows]


class DeviceRows:
    """Windows on devices, one a pane. Not thread-safe.

    What is enqueued belongs to the pane of its arrival. Once the clock is in a later pane the
    window is closed, without a wait, and what it held arrives some calls later. While one is on its
    way the next stays open, so that of panes shorter than that, rows come to the earlier one.

    Parameters
    ----------
    tally : inlay._core.Tally
        Whose columns and cells rows are counted in; it is not changed.
    """

    __slots__ = ("_closing", "_columns", "_open", "_reasons", "_tally")

    def __init__(self, tally: _core.Tally) -> None:
        self._tally = tally
        self._reasons: dict[str, str | None] = {}
        self._columns = DeviceColumns(tally)
        self._open: int | None = None
        self._closing: int | None = None

    def counts(self, dtype: str) -> bool:
        """Return whether tensors of a type are counted on their device, not on the host."""
        if dtype not in self._reasons:
            self._reasons[dtype] = why_copied(self._tally, dtype)
        return self._reasons[dtype] is None

    def takes(self, number: int) -> bool:
        """Return whether rows of a pane can be enqueued: not if a later pane's window is open."""
        return self._open is None or number >= self._open

    def update(self, number: int, values: Any, stream: Any) -> None:
        """Enqueue rows of a pane."""
        self.turn(number)
        self._columns.monitors.update(values, stream)
        if self._open is None:
            self._open = number

    def turn(self, number: int) -> None:
        """Close the window if the clock has come to a later pane; never waits."""
        if self._open is None or number <= self._open or self._closing is not None:
            return
        self._columns.monitors.turn()
        self._closing, self._open = self._open, None

    def poll(self) -> Iterator[Arrived]:
        """Give what has arrived, with the number of its pane; never waits."""
        if self._closing is not None and self._columns.monitors.poll():
            yield from self._taken(self._closing)
            self._closing = None

    def collect(self) -> Iterator[Arrived]:
        """Wait for all rows and give them."""
        if self._closing is not None:
            # It arrives first, and what is open after it: they are two panes.
            self._columns.monitors.wait()
            yield from self._taken(self._closing)
            self._closing = None
        if self._open is not None:
            self._columns.monitors.settle()
            yield from self._taken(self._open)
            self._open = None

    def pending(self, number: int) -> int | None:
        """Return the earliest pane before `number` whose rows are on their way, if it waits.

        No pane waits longer than its own length: what comes then is a late part of it.
        """
        waiting = [
            pane
            for pane in (self._closing, self._open)
            if pane is not None and number - 1 <= pane < number
        ]
        return min(waiting, default=None)

    def _taken(self, number: int) -> Iterator[Arrived]:
        for counted in self._columns.taken():
            yield number, counted
