"""Requests that took long are kept as spans, by the trace id that their client sent."""

from __future__ import annotations

import re
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["SlowRequests"]

# As W3C's trace context has it: version, trace id, span id, flags.
_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
# What is usual: the median of so many requests, looked at anew after every few.
_USUAL, _EVERY = 201, 20
_TIMES = 2.5


class SlowRequests:
    """Keeps a span of each request that took much longer than usual.

    A server with OpenTelemetry has these spans from `inlay.integrations.otel`; here there is no
    tracer. Belongs to one event loop.

    Parameters
    ----------
    app : ASGI application
        What answers.
    observer : Observer
        Where the spans go.
    """

    def __init__(self, app: Any, observer: Observer) -> None:
        self._app = app
        self._observer = observer
        self._last: deque[float] = deque(maxlen=_USUAL)
        self._limit = float("inf")
        self._seen = 0

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer, and keep the request if it was slow."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
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
        if took > self._limit:
            self._observer.span(
                path,
                trace_id=found[1].decode(),
                span_id=found[2].decode(),
                start=start,
                end=end,
                kind="server",
            )
        self._last.append(took)
        self._seen += 1
        if self._seen >= _USUAL and self._seen % _EVERY == 0:
            self._limit = _TIMES * statistics.median(self._last)
