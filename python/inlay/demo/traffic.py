"""The client of the demo: a fixed mixture of requests, right ones and wrong ones."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from inlay.demo.features import SCANNERS, STRANGER, moved_right

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Outcome", "Planned", "Tally", "plan", "send_all"]

# Requests under way at a time.
_CLIENTS = 16
_BATCH = 16

#: Method, route template and status code of a request.
Outcome = tuple[str, str, int]


@dataclass(frozen=True)
class Planned:
    """A request, and how it should end."""

    method: str
    route: str
    path: str
    status: int
    body: Any = None

    @property
    def is_strange(self) -> bool:
        """Whether it brings an image from the scanner that joins half-way."""
        images = (self.body or {}).get("images", (self.body,)) or ()
        return any(image and image.get("scanner") == STRANGER for image in images)


@dataclass
class Tally:
    """What the client saw. Belongs to one event loop."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    images: int = 0
    strange: float | None = None  # Unix time of the first image from the new scanner
    elapsed: float = 0.0


def plan(count: int, images: NDArray[np.float64], *, seed: int = 0) -> Iterator[Planned]:
    """Make up requests. Half-way a third scanner joins, which sends half of the images from there.

    Parameters
    ----------
    count : int
        How many.
    images : ndarray of float64, shape (n, 64)
        Images to send.
    seed : int
        The same seed gives the same requests.

    Yields
    ------
    Planned
        A request.
    """
    chance = random.Random(seed)
    rows = images.tolist()
    moved = moved_right(images).tolist()
    joined = False

    def one() -> dict[str, Any]:
        if joined and chance.random() < 0.5:
            return {"pixels": chance.choice(moved), "scanner": STRANGER}
        return {"pixels": chance.choice(rows), "scanner": chance.choice(SCANNERS)}

    def body(number: int) -> dict[str, Any]:
        return {"images": [one() for _ in range(number)]}

    def predict() -> Planned:
        return Planned("POST", "/predict", "/predict", 200, one())

    def batch() -> Planned:
        return Planned("POST", "/predict/batch", "/predict/batch", 200, body(_BATCH))

    def stream() -> Planned:
        return Planned("POST", "/predict/stream", "/predict/stream", 200, body(4))

    def image() -> Planned:
        path = f"/images/{chance.randrange(len(rows))}"
        return Planned("GET", "/images/{number}", path, 200)

    def health() -> Planned:
        return Planned("GET", "/health", "/health", 200)

    def too_few_pixels() -> Planned:
        return Planned("POST", "/predict", "/predict", 422, {"pixels": [0.0] * 7})

    def no_such_image() -> Planned:
        path = f"/images/{len(rows) + chance.randrange(1000)}"
        return Planned("GET", "/images/{number}", path, 500)

    def no_such_path() -> Planned:
        return Planned("GET", "unmatched", f"/wp-admin/{chance.getrandbits(32):x}", 404)

    def wrong_method() -> Planned:
        return Planned("DELETE", "/predict", "/predict", 405)

    weights = {
        predict: 50,
        batch: 12,
        stream: 4,
        image: 14,
        health: 12,
        too_few_pixels: 3,
        no_such_image: 1,
        no_such_path: 3,
        wrong_method: 1,
    }
    kinds = chance.choices(list(weights), list(weights.values()), k=count)
    for number, kind in enumerate(kinds):
        joined = number >= count // 2
        yield kind()


async def send_all(
    base_url: str,
    requests: Iterator[Planned],
    tally: Tally,
    advance: Callable[[], None],
) -> None:
    """Send requests, several at a time, and count what comes back.

    Parameters
    ----------
    base_url : str
        Where the server is.
    requests : iterator of Planned
        What to send.
    tally : Tally
        What is counted into, request by request, so that it holds after a cancellation too.
    advance : callable
        Called after each request.
    """
    limits = httpx.Limits(max_connections=_CLIENTS, max_keepalive_connections=_CLIENTS)
    begun = time.perf_counter()
    async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=30.0) as client:

        async def work() -> None:
            for planned in requests:  # one iterator for all: each takes the next
                if tally.strange is None and planned.is_strange:
                    tally.strange = time.time()
                start = time.perf_counter()
                try:
                    response = await _ask(client, planned)
                except httpx.HTTPError as error:
                    tally.unexpected.append(f"{planned.method} {planned.path}: {error!r}")
                    continue
                tally.seconds.append(time.perf_counter() - start)
                tally.outcomes[planned.method, planned.route, response.status_code] += 1
                if response.status_code == 200 and planned.body is not None:
                    tally.images += len(planned.body.get("images", (None,)))
                if response.status_code != planned.status:
                    tally.unexpected.append(
                        f"{planned.method} {planned.path}: expected {planned.status}, "
                        f"got {response.status_code}"
                    )
                advance()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_CLIENTS):
                    group.create_task(work())
        finally:
            tally.elapsed = time.perf_counter() - begun


async def _ask(client: httpx.AsyncClient, planned: Planned) -> httpx.Response:
    """Send a request; as browsers do, again if a kept connection was closed meanwhile.

    Uvicorn closes the connection on which an application raised, just after its answer.
    """
    try:
        return await client.request(planned.method, planned.path, json=planned.body)
    except (httpx.ReadError, httpx.RemoteProtocolError):
        if planned.body is not None:
            raise
        return await client.request(planned.method, planned.path)
