"""The client of the demo: a fixed mixture of requests, right ones and wrong ones."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from inlay.demo.features import SCANNERS, SITES, STRANGER, STRANGER_SITE, moved_right

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Outcome", "Planned", "Tally", "plan", "send_all"]

# Requests under way at a time.
_CLIENTS = 16
_BATCH = 16
# People look at this share of the images, so long after they were read.
_LOOKED_AT, _LABELS_AFTER_S, _LABELS_EVERY_S = 0.9, 1.5, 0.2

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
    truths: tuple[int, ...] = ()  # the digits that its images are of

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
    labels: int = 0  # sent, and of images that were answered
    strange: float | None = None  # Unix time of the first image from the new scanner
    elapsed: float = 0.0


def plan(
    count: int, images: NDArray[np.float64], labels: NDArray[np.int64], *, seed: int = 0
) -> Iterator[Planned]:
    """Make up requests. Half-way one of the two sites changes to a new scanner.

    Parameters
    ----------
    count : int
        How many.
    images : ndarray of float64, shape (n, 64)
        Images to send.
    labels : ndarray of int64, shape (n,)
        The digits that they are of.
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
    truths = labels.tolist()
    joined = False

    def one() -> tuple[dict[str, Any], int]:
        number, site = chance.randrange(len(rows)), chance.choice(SITES)
        if joined and site == STRANGER_SITE:
            image = {"pixels": moved[number], "scanner": STRANGER, "site": site}
        else:
            image = {"pixels": rows[number], "scanner": chance.choice(SCANNERS), "site": site}
        return image, truths[number]

    def several(route: str, number: int) -> Planned:
        images, digits = zip(*(one() for _ in range(number)), strict=True)
        return Planned("POST", route, route, 200, {"images": list(images)}, digits)

    def predict() -> Planned:
        body, digit = one()
        return Planned("POST", "/predict", "/predict", 200, body, (digit,))

    def batch() -> Planned:
        return several("/predict/batch", _BATCH)

    def stream() -> Planned:
        return several("/predict/stream", 4)

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
    looking = _Looking(tally)
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
                    tally.images += len(planned.truths)
                    looking.at(_ids(response), planned.truths)
                if response.status_code != planned.status:
                    tally.unexpected.append(
                        f"{planned.method} {planned.path}: expected {planned.status}, "
                        f"got {response.status_code}"
                    )
                advance()

        try:
            async with asyncio.TaskGroup() as group:
                labels = group.create_task(looking.send(client))
                workers = [group.create_task(work()) for _ in range(_CLIENTS)]
                await asyncio.gather(*workers)
                tally.elapsed = time.perf_counter() - begun
                looking.is_over = True
                await labels
        finally:
            tally.elapsed = tally.elapsed or time.perf_counter() - begun


class _Looking:
    """People who look at images after they were read, and say what most of them are."""

    def __init__(self, tally: Tally, *, seed: int = 0) -> None:
        self.is_over = False
        self._tally = tally
        self._chance = random.Random(seed)
        self._waiting: deque[tuple[float, str, int]] = deque()

    def at(self, ids: list[str], digits: Iterable[int]) -> None:
        now = time.monotonic()
        for name, digit in zip(ids, digits, strict=True):
            if self._chance.random() < _LOOKED_AT:
                self._waiting.append((now + _LABELS_AFTER_S, name, digit))

    async def send(self, client: httpx.AsyncClient) -> None:
        """Send labels once they are due, until all requests and labels are sent."""
        while self._waiting or not self.is_over:
            due = []
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, name, digit = self._waiting.popleft()
                due.append({"id": name, "digit": digit})
            if not due:
                await asyncio.sleep(_LABELS_EVERY_S)
                continue
            try:
                response = await client.post("/labels", json={"labels": due})
            except httpx.HTTPError as error:
                self._tally.unexpected.append(f"{len(due)} labels: {error!r}")
                continue
            self._tally.labels += len(due)
            if response.status_code != 200 or response.json()["joined"] != len(due):
                self._tally.unexpected.append(f"{len(due)} labels: {response.text}")


def _ids(response: httpx.Response) -> list[str]:
    """Return the ids of answers: of one, of a list, of a line each."""
    if response.headers["content-type"].startswith("application/x-ndjson"):
        return [json.loads(line)["id"] for line in response.text.splitlines()]
    answered = response.json()
    return [each["id"] for each in (answered if isinstance(answered, list) else [answered])]


def _hex(bits: int) -> str:
    return format(random.getrandbits(bits), f"0{bits // 4}x")


async def _ask(client: httpx.AsyncClient, planned: Planned) -> httpx.Response:
    """Send a request.

    Uvicorn closes the connection on which an application raised, just after its answer: that one is
    not kept for another request, which might be lost with it.
    """
    headers = {"traceparent": f"00-{_hex(128)}-{_hex(64)}-01"}
    if planned.status == 500:
        headers["connection"] = "close"
    return await client.request(planned.method, planned.path, json=planned.body, headers=headers)
