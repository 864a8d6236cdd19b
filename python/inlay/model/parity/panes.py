"""Confusion counts of the last panes, so that what comes late is judged with what came before."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from inlay._exceptions import SerializationError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ConfusionPanes"]

_HELD = 512

Stream: TypeAlias = tuple[int, str]
"""Origin and metric."""

Pane: TypeAlias = tuple[int, int]
"""Start and end."""


class ConfusionPanes:
    """Counts by series of the panes that end latest, 512 of each stream. Not thread-safe."""

    def __init__(self) -> None:
        # Stream -> pane -> reference_id -> attributes -> counts.
        self._streams: dict[Stream, dict[Pane, dict[str, dict[str, np.ndarray[Any, Any]]]]] = {}
        self._floors: dict[Stream, int] = {}
        # Of a state that was loaded, the metrics of one origin alone: the next one goes on with it.
        self._inherited: dict[str, Stream] = {}

    def add(
        self, stream: Stream, pane: Pane, reference_id: str, counts: Mapping[str, Any]
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Add counts by attributes to a pane; return those of all its series, with these cells."""
        self._inherit(stream)
        panes = self._streams.setdefault(stream, {})
        series = panes.setdefault(pane, {}).setdefault(reference_id, {})
        for attrs, more in counts.items():
            known = series.get(attrs)
            series[attrs] = more if known is None else known + more
        if len(panes) > _HELD:
            oldest = min(panes, key=lambda each: (each[1], each[0]))
            del panes[oldest]
            self._floors[stream] = max(oldest[1], self._floors.get(stream, oldest[1]))
        return series

    def _inherit(self, stream: Stream) -> None:
        """Let a process go on where the one ended whose state was loaded."""
        before = self._inherited.pop(stream[1], None)
        if before is not None and stream not in self._streams:
            self._streams[stream] = self._streams.pop(before)
            if before in self._floors:
                self._floors[stream] = self._floors.pop(before)

    def is_forgotten(self, stream: Stream, pane: Pane) -> bool:
        """Tell whether what was written of a pane before is no longer here."""
        self._inherit(stream)
        floor = self._floors.get(stream)
        return floor is not None and pane[1] <= floor

    def to_bytes(self) -> bytes:
        """Return the counts."""
        streams = [
            [
                *stream,
                self._floors.get(stream),
                [[*pane, _listed(of)] for pane, of in panes.items()],
            ]
            for stream, panes in self._streams.items()
        ]
        if not streams:
            return b""
        return zlib.compress(json.dumps(streams, separators=(",", ":")).encode(), 1)

    def load(self, data: Any) -> None:
        """Take over what `to_bytes` gave.

        Raises
        ------
        SerializationError
            If it did not.
        """
        import numpy as np

        if not isinstance(data, bytes | bytearray | memoryview):
            message = f"the state of a judge is bytes, got {type(data).__name__}: {data!r}"
            raise TypeError(message)
        if not data:
            return
        try:
            for origin, metric, floor, panes in json.loads(_inflated(data)):
                stream = (int(origin), str(metric))
                if floor is not None:
                    self._floors[stream] = int(floor)
                held = self._streams[stream] = {}
                for start, end, kinds in panes:
                    held[int(start), int(end)] = {
                        str(reference_id): {
                            str(attrs): np.asarray(counts, np.int64).reshape(-1, 4)
                            for attrs, counts in of
                        }
                        for reference_id, of in kinds
                    }
            metrics = [metric for _, metric in self._streams]
            self._inherited = {
                stream[1]: stream for stream in self._streams if metrics.count(stream[1]) == 1
            }
        except (zlib.error, ValueError, TypeError, OverflowError) as error:
            message = f"the state of a judge is malformed: {error!r}"
            raise SerializationError(message) from error


def _listed(kinds: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    return [
        [reference_id, [[attrs, counts.tolist()] for attrs, counts in series.items()]]
        for reference_id, series in kinds.items()
    ]


def _inflated(data: Any) -> bytes:
    """Return what was compressed; refuse what would fill the memory."""
    most = 1 << 28
    inflate = zlib.decompressobj()
    text = inflate.decompress(data, most)
    if inflate.unconsumed_tail or not inflate.eof:
        message = "cut short, or too large"
        raise ValueError(message)
    return text
