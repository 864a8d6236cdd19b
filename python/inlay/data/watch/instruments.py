"""What a watch says of the stream itself, through ordinary instruments of layer ``data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from inlay._core import BoundCounter, BoundGauge, BoundHistogram
    from inlay.observer import Observer

__all__ = ["SourceInstruments", "WatchInstruments"]

_MOST_SOURCES = 10_000

# Name in the code, metric and description of each counter of rows.
_COUNTERS = (
    ("rows", "data.rows", "Rows that came."),
    ("late", "data.late", "Rows that came after their pane had closed."),
    ("too_late", "data.late.dropped", "Rows that came too late for their pane."),
    ("duplicates", "data.duplicates", "Rows whose key had come before."),
    ("missing", "data.event_time.missing", "Rows without an event time."),
    ("future", "data.event_time.future", "Rows with an event time ahead of their arrival."),
)


class SourceInstruments:
    """The instruments of one source. Not thread-safe."""

    __slots__ = ("_counters", "_freshness", "_latency", "newest")

    def __init__(
        self,
        counters: dict[str, BoundCounter],
        latency: BoundHistogram,
        freshness: BoundGauge,
    ) -> None:
        self._counters = counters
        self._latency = latency
        self._freshness = freshness
        self.newest: int | None = None  # event time, in microseconds

    def count(self, what: str, rows: int) -> None:
        """Count rows."""
        if rows:
            self._counters[what].add(rows)

    def arrived(self, times: np.ndarray, newest: int, arrival: int) -> None:
        """Take the event times of rows that arrived, in microseconds."""
        self._latency._record_ages(times, arrival)
        if self.newest is None or newest > self.newest:
            self.newest = newest

    def seen(self, arrival: int) -> None:
        """Take rows whose time is that of their arrival: there is no latency to tell."""
        if self.newest is None or arrival > self.newest:
            self.newest = arrival

    def tick(self, now: int) -> None:
        """Say how old the newest row is."""
        if self.newest is not None:
            self._freshness.set((now - self.newest) * 1e-6)


class WatchInstruments:
    """Makes the instruments of a watch, by source. Not thread-safe."""

    __slots__ = ("_lag", "_make", "_sources")

    def __init__(self, observer: Observer, name: str) -> None:
        both = ("watch", "source")
        common: dict[str, Any] = {"attributes": both, "layer": "data"}
        counters = {
            what: observer.counter(metric, unit="{row}", description=text, **common)
            for what, metric, text in _COUNTERS
        }
        latency = observer.histogram(
            "data.latency", unit="s", description="Arrival less event time of rows.", **common
        )
        freshness = observer.gauge(
            "data.freshness", unit="s", description="Age of the newest row.", **common
        )
        self._lag = observer.gauge(
            "data.watermark.lag",
            unit="s",
            description="How far event time is behind the clock.",
            attributes=("watch",),
            layer="data",
        ).bind(watch=name)

        def make(source: str) -> SourceInstruments:
            bound = {
                what: counter.bind(watch=name, source=source) for what, counter in counters.items()
            }
            return SourceInstruments(
                bound,
                latency.bind(watch=name, source=source),
                freshness.bind(watch=name, source=source),
            )

        self._make = make
        self._sources: dict[str, SourceInstruments] = {}

    def of(self, source: str) -> SourceInstruments:
        """Return the instruments of a source."""
        found = self._sources.get(source)
        if found is None:
            if len(self._sources) >= _MOST_SOURCES:
                del self._sources[next(iter(self._sources))]
            found = self._sources[source] = self._make(source)
        return found

    def tick(self, now: int, watermark: int | None) -> None:
        """Say how old the newest rows and the watermark are."""
        for source in self._sources.values():
            source.tick(now)
        if watermark is not None:
            self._lag.set((now - watermark) * 1e-6)

    def newest(self) -> list[tuple[str, int | None]]:
        """Return the newest event time of each source."""
        return [(name, source.newest) for name, source in self._sources.items()]

    def restore(self, newest: list[tuple[str, int | None]]) -> None:
        """Take over the newest event times."""
        for name, time in newest:
            self.of(name).newest = time
