"""What the middleware adds to a request, measured in this process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import inlay
from inlay.integrations.asgi import Middleware

__all__ = ["Overhead", "measure"]

_ROUND = 50  # requests; short, so that a disturbance seldom hits only one of a pair


@dataclass(frozen=True)
class Overhead:
    """Medians, in microseconds."""

    request: float
    added: float


def measure(app: Any, path: str, *, seconds: float = 1.0) -> Overhead:
    """Time an application with and without the middleware.

    Parameters
    ----------
    app : ASGI application
        What is timed; called directly, without sockets.
    path : str
        What is asked for, by GET.
    seconds : float
        How long to measure.

    Returns
    -------
    Overhead
        Microseconds of a request without the middleware, and what it adds.
    """
    wrapped = Middleware(app, observer=inlay.Observer())
    bare: list[float] = []
    added: list[float] = []

    async def pairs() -> None:
        for _ in range(4):
            await _drive(app, path), await _drive(wrapped, path)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            # Both in turn, so that a busy machine slows both alike; who is first alternates.
            if len(bare) % 2:
                without, with_it = await _drive(app, path), await _drive(wrapped, path)
            else:
                with_it, without = await _drive(wrapped, path), await _drive(app, path)
            bare.append(without)
            added.append(with_it - without)

    asyncio.run(pairs())
    return Overhead(request=median(bare), added=median(added))


async def _drive(app: Any, path: str) -> float:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }
    # Processor time: nothing here waits, and what other processes take does not count.
    start = time.thread_time_ns()
    for _ in range(_ROUND):
        await app(dict(scope), _receive, _send)
    return (time.thread_time_ns() - start) / _ROUND / 1000


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    pass
