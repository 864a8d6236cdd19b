"""Waits inside collectives that run on a CUDA device, measured there."""

from __future__ import annotations

from typing import Any

__all__ = ["DeviceWaits"]


class DeviceWaits:
    """Pairs of timing events around collectives; nothing waits for them.

    A collective that is not asynchronous has the current stream wait for its end, so the time
    between an event before and one after it is that of the collective with all its waits. Pairs
    are begun and ended by one thread at a time.
    """

    def __init__(self) -> None:
        import torch

        self._make: Any = torch.cuda.Event
        self._free: list[Any] = []
        self._open: list[tuple[Any, Any]] = []

    def begin(self) -> Any:
        """Record an event on the current stream, and return it for `end`."""
        event = self._free.pop() if self._free else self._make(enable_timing=True)
        event.record()
        return event

    def end(self, begin: Any) -> None:
        """Record the event that ends a pair."""
        self._open.append((begin, self.begin()))

    def cut(self) -> list[tuple[Any, Any]]:
        """Return the pairs since the last cut."""
        pairs, self._open = self._open, []
        return pairs

    def seconds(self, pairs: list[tuple[Any, Any]]) -> float | None:
        """Return the time between the events of all pairs; None while one has not passed."""
        if not all(end.query() for _, end in pairs):
            return None
        total = sum(begin.elapsed_time(end) for begin, end in pairs) / 1e3
        for begin, end in pairs:
            self._free += (begin, end)
        return float(total)
