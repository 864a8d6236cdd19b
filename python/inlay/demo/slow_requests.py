"""Requests that took long are kept as spans, by the trace id that their client sent."""

from __future__ import annotations

import re
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["SlowRequests"]

# As W3C's trace context has it: version, trace id, span id, flags; neither id is all zeros.
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
# What is usual: the median of so many requests of a path, looked at anew after every few.
_USUAL, _EVERY = 101, 10
_TIMES = 2.5


@dataclass(slots=True)
class _Path:
    """What the last requests of a path took, in seconds."""

    last: deque[float] = field(default_factory=lambda: deque(maxlen=_USUAL))
    usual: float = float("inf")
    seen: int = 0


class SlowRequests:
    """Keeps a span of each request to the model that took much longer than usual for its path.

    A server with OpenTelemetry has these spans from `inlay.integrations.otel`; here there is no
    tracer. Belongs to one event loop.

    Parameters
    ----------
    app : ASGI application
        What answers.
    observer : Observer
        Where the spans go.
    gpu : str, optional
        The UUID of what the model computes on, so that what happens to it is known to matter.
    """

    def __init__(self, app: Any, observer: Observer, *, gpu: str | None = None) -> None:
        self._app = app
        self._observer = observer
        self._where = {} if gpu is None else {"gpu": gpu}
        self._paths: dict[str, _Path] = {}

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer, and keep the request if it was slow."""
        # What the model has no part in is short, and chance alone makes it a multiple.
        of_the_model = scope["type"] == "http" and scope["method"] == "POST"
        headers = dict(scope["headers"]) if of_the_model else {}
        found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        if found is None:
            await self._app(scope, receive, send)
            return
        start = time.time()
        try:
            await self._app(scope, receive, send)
        finally:
            self._ended(found, scope["path"], start, time.time())

    def _ended(self, found: re.Match[bytes], path: str, start: float, end: float) -> None:
        took = end - start
        known = self._paths.setdefault(path, _Path())
        if took > _TIMES * known.usual:
            self._observer.span(
                path,
                trace_id=found[1].decode(),
                span_id=found[2].decode(),
                start=start,
                end=max(start, end),  # clocks step back
                kind="server",
                times_usual=f"{took / known.usual:.1f}",
                **self._where,
            )
        known.last.append(took)
        known.seen += 1
        if known.seen >= _USUAL and known.seen % _EVERY == 0:
            known.usual = statistics.median(known.last)
