"""How far event time has come: the least of what the sources have passed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay._restored import integer, integer_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Watermark"]

# Sources beyond so many are forgotten, those that were silent longest first.
_MOST_SOURCES = 10_000


@dataclasses.dataclass(slots=True)
class _Source:
    """What is known of a source, times in microseconds."""

    seen: int  # when it last gave rows, by the observer's clock
    mark: int | None = None  # how far its event times have come


class Watermark:
    """Tells up to which event time rows are taken to be complete. Not thread-safe.

    Each source has a mark: a high quantile of the event times of its batches less the disorder that
    is expected, never backwards. The watermark is the least mark of the
    sources that are not idle. Once all are idle it goes on as fast as the clock: panes of a stream
    that fell silent close, and one that is replayed and paused loses little.

    Parameters
    ----------
    disorder : int
        By how much rows of a source may come out of order, in microseconds.
    idle : int
        After how long without rows a source holds nothing back, in microseconds.
    sources : iterable of str
        Sources that are waited for from the beginning.
    began : int
        When that was, in microseconds of Unix time.
    """

    __slots__ = ("_disorder", "_farthest", "_idle", "_sources", "value")

    def __init__(self, *, disorder: int, idle: int, sources: Iterable[str], began: int) -> None:
        self._disorder = disorder
        self._idle = idle
        self._sources = {name: _Source(began) for name in sources}
        self._farthest: int | None = None  # the highest mark of any source, past ones included
        self.value: int | None = None

    def observe(self, source: str, high: int, *, now: int) -> None:
        """Take a high quantile of the event times of a batch.

        Parameters
        ----------
        source : str
        high : int
            Not of those from the future, so that no mark passes the arrival and its skew.
        now : int
            The observer's clock.
        """
        self.mark(source, high - self._disorder, now=now)

    def mark(self, source: str, mark: int, *, now: int) -> None:
        """Take that a source has come to a time, in microseconds."""
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= _MOST_SOURCES:
                del self._sources[min(self._sources, key=lambda name: self._sources[name].seen)]
            known = self._sources[source] = _Source(now)
        known.seen = now
        if known.mark is None or mark > known.mark:
            known.mark = mark
        if self._farthest is None or known.mark > self._farthest:
            self._farthest = known.mark

    def advance(self, now: int) -> int | None:
        """Return the watermark at a time of the observer's clock; None before any is known."""
        least: int | None = None
        latest: int | None = None
        for source in self._sources.values():
            if latest is None or source.seen > latest:
                latest = source.seen
            if now - source.seen > self._idle:
                continue
            if source.mark is None:
                return self.value  # one that is waited for has not begun
            if least is None or source.mark < least:
                least = source.mark
        if least is None and self._farthest is not None and latest is not None:
            least = self._farthest + (now - latest - self._idle)
        if least is not None and (self.value is None or least > self.value):
            self.value = least
        return self.value

    def state(self) -> dict[str, Any]:
        """Return the state as JSON can hold it."""
        return {
            "value": self.value,
            "farthest": self._farthest,
            "sources": [[name, s.seen, s.mark] for name, s in self._sources.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a state."""
        self.value = integer_or_none(state["value"])
        self._farthest = integer_or_none(state["farthest"])
        self._sources = {
            str(name): _Source(integer(seen), integer_or_none(mark))
            for name, seen, mark in state["sources"]
        }
