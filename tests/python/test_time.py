"""`Histogram.time()` around blocks and as a decorator."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import inlay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def rows(batch: inlay.Batch, metric: str) -> list[dict[str, Any]]:
    return [row for row in batch.points.to_pylist() if row["metric"] == metric]


def row_of(obs: inlay.Observer, metric: str) -> dict[str, Any]:
    (row,) = rows(obs.collect(), metric)
    return row


@pytest.fixture
def obs() -> inlay.Observer:
    return inlay.Observer({"service.name": "ranker"}, clock=inlay.ManualClock())


def counts(obs: inlay.Observer, metric: str = "latency") -> int:
    return sum(row["count"] for row in rows(obs.collect(), metric))


def test_time_measures_a_block(obs: inlay.Observer) -> None:
    latency = obs.histogram("latency", attributes=("route",))
    with latency.time(route="chat") as timer:
        pass
    assert 0 <= timer.seconds < 10
    with pytest.raises(KeyError), latency.bind(route="chat").time():
        raise KeyError
    row = row_of(obs, "latency")
    assert row["count"] == 2
    assert row["max"] >= timer.seconds


def test_time_measures_every_call_of_a_function(obs: inlay.Observer) -> None:
    latency = obs.histogram("latency", attributes=("route",))

    @latency.time(route="chat")
    def double(x: int, *, fail: bool = False) -> int:
        """Double it."""
        if fail:
            raise ValueError
        return 2 * x

    assert double.__name__ == "double"
    assert double.__doc__ == "Double it."
    assert [double(x) for x in range(3)] == [0, 2, 4]
    with pytest.raises(ValueError):  # noqa: PT011
        double(1, fail=True)
    assert counts(obs) == 4


def test_time_measures_recursion(obs: inlay.Observer) -> None:
    @obs.histogram("latency").time()
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    assert down(5) == 5
    assert counts(obs) == 6


def test_time_measures_coroutines_until_they_end(obs: inlay.Observer) -> None:
    running = asyncio.Event()

    @obs.histogram("latency").bind().time()
    async def wait(gate: asyncio.Event) -> str:
        running.set()
        await gate.wait()
        return "done"

    async def both() -> None:
        gates = [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(wait(gate)) for gate in gates]
        await running.wait()
        assert counts(obs) == 0
        gates[1].set()
        assert await tasks[1] == "done"
        assert counts(obs) == 1
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert counts(obs) == 1

    assert inspect.iscoroutinefunction(wait)
    asyncio.run(both())


def test_time_measures_generators_until_they_end(obs: inlay.Observer) -> None:
    @obs.histogram("latency").time()
    def echo() -> Iterator[Any]:
        got = yield "first"
        while got != "end":
            got = yield got
        return "result"

    assert inspect.isgeneratorfunction(echo)
    items = echo()
    assert counts(obs) == 0
    assert next(items) == "first"
    assert items.send(3) == 3  # type: ignore[attr-defined]
    assert counts(obs) == 0
    with pytest.raises(StopIteration) as stop:
        items.send("end")  # type: ignore[attr-defined]
    assert stop.value.value == "result"
    assert counts(obs) == 1
    closed = echo()
    next(closed)
    closed.close()  # type: ignore[attr-defined]
    assert counts(obs) == 1


def test_time_measures_asynchronous_generators_until_they_end(obs: inlay.Observer) -> None:
    caught: list[BaseException] = []

    @obs.histogram("latency").time()
    async def echo() -> AsyncIterator[Any]:
        got: Any = "first"
        while got != "end":
            try:
                got = yield got
            except KeyError as error:
                caught.append(error)
                got = "caught"

    async def use() -> None:
        items: Any = echo()
        assert await items.asend(None) == "first"
        assert await items.asend(3) == 3
        assert await items.athrow(KeyError("k")) == "caught"
        assert counts(obs) == 0
        with pytest.raises(StopAsyncIteration):
            await items.asend("end")
        assert counts(obs) == 1
        closed: Any = echo()
        await closed.asend(None)
        await closed.aclose()
        assert counts(obs) == 1

    async def managed() -> None:
        @contextlib.asynccontextmanager
        @obs.histogram("latency").time()
        async def swallow() -> AsyncIterator[None]:
            with contextlib.suppress(ValueError):
                yield

        async with swallow():
            raise ValueError
        assert counts(obs) == 1

    assert inspect.isasyncgenfunction(echo)
    asyncio.run(managed())

    asyncio.run(use())
    assert len(caught) == 1


def test_time_measures_callable_objects_and_methods(obs: inlay.Observer) -> None:
    latency = obs.histogram("latency").bind()

    class Model:
        def __call__(self, x: int) -> int:
            return x + 1

        @latency.time()
        def predict(self, x: int) -> int:
            return x + 2

    class AsyncModel:
        async def __call__(self, x: int) -> int:
            return x + 3

    assert latency.time()(Model())(1) == 2
    assert Model().predict(1) == 3
    assert asyncio.run(latency.time()(AsyncModel())(1)) == 4
    assert counts(obs) == 3
    with pytest.raises(TypeError, match="not 3"):
        latency.time()(3)  # type: ignore[type-var]
