"""What request metrics add to a request: in-process, one event loop, no sockets.

Every peer wraps the same application as a middleware that reads the clock and the status and
keeps neither, and is measured in turn with that one: a figure is the median difference of
alternating rounds, so that a busy machine slows both alike. Times are the thread's processor time
(nothing here waits), so that other processes do not count.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from harness import Bench, Run

bench = Bench("asgi")
ROUND = 200  # requests; short, so that a disturbance seldom hits only one of a pair

SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/users/7",
    "raw_path": b"/users/7",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 50_000),
    "server": ("127.0.0.1", 8_000),
}


class PassThrough:
    """The least a timing middleware can do."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.last = (0, 0.0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = time.perf_counter()
        status = 500

        async def observed(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            self.last = (status, time.perf_counter() - start)


def _starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def user(_request: Any) -> Any:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/users/{id}", user)])


def _fastapi() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/users/{id}")
    async def user(id: int) -> dict[str, int]:
        return {"id": id}

    return app


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    pass


async def _drive(app: Any, requests: int) -> float:
    """Serve so many requests and return the microseconds of one."""
    start = time.thread_time_ns()
    for _ in range(requests):
        await app(dict(SCOPE), _receive, _send)
    return (time.thread_time_ns() - start) / requests / 1e3


async def _pairs(base: Any, wrapped: Any, rounds: int) -> tuple[float, float]:
    """Microseconds of a request to `base`, and what `wrapped` adds to it."""
    bases, added = [], []
    for turn in range(rounds):
        # Who goes first alternates: the second finds warmer caches.
        if turn % 2:
            before, after = await _drive(base, ROUND), await _drive(wrapped, ROUND)
        else:
            after, before = await _drive(wrapped, ROUND), await _drive(base, ROUND)
        bases.append(before)
        added.append(after - before)
    return median(bases), median(added)


#: What wraps an application, and what then tells how many requests it counted.
Wrap = Callable[[Any], tuple[Any, Callable[[], float]]]


def _compare(run: Run, wrap: Wrap) -> None:
    rounds = 12 if run.quick else 120
    for framework, make in (("starlette", _starlette), ("fastapi", _fastapi)):
        app = make()
        base = PassThrough(app)
        wrapped, counted = wrap(app)
        asyncio.run(_pairs(base, wrapped, rounds))  # warms up
        gc.collect()
        pairs = [asyncio.run(_pairs(base, wrapped, rounds)) for _ in range(run.repeats)]
        served = (run.repeats + 1) * rounds * ROUND
        run.check(counted(), served, f"requests counted ({framework})")
        run.report(
            framework,
            [added for _, added in pairs],
            pass_through_us=round(median(before for before, _ in pairs), 2),
        )


@bench.case("inlay", needs=["starlette", "fastapi"])
def _inlay(run: Run) -> None:
    import inlay
    from inlay.integrations.asgi import Middleware

    def wrap(app: Any) -> tuple[Any, Callable[[], float]]:
        observer = inlay.Observer({"service.name": "bench"}, window=3600.0)

        def counted() -> float:
            rows = observer.collect().points.to_pylist()
            (count,) = (r["value"] for r in rows if r["metric"] == "http.server.requests")
            (timed,) = (r["count"] for r in rows if r["metric"] == "http.server.request.duration")
            run.check(timed, count, "latencies over requests")
            return float(count)

        return Middleware(app, observer=observer), counted

    _compare(run, wrap)


@bench.case("prometheus_client", needs=["prometheus_client", "starlette", "fastapi"])
def _prometheus(run: Run) -> None:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    def wrap(app: Any) -> tuple[Any, Callable[[], float]]:
        registry = CollectorRegistry()
        names = ["method", "route", "status"]
        requests = Counter("requests", "n", names, registry=registry)
        seconds = Histogram("seconds", "s", names, registry=registry)

        class Middleware(PassThrough):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await super().__call__(scope, receive, send)
                status, elapsed = self.last
                values = (scope["method"], scope["route"].path, str(status))
                requests.labels(*values).inc()
                seconds.labels(*values).observe(elapsed)

        def counted() -> float:
            samples = [s for metric in registry.collect() for s in metric.samples]
            return sum(s.value for s in samples if s.name == "seconds_count")

        return Middleware(app), counted

    _compare(run, wrap)


@bench.case("opentelemetry", needs=["opentelemetry.sdk", "starlette", "fastapi"])
def _opentelemetry(run: Run) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    def wrap(app: Any) -> tuple[Any, Callable[[], float]]:
        reader = InMemoryMetricReader()
        meter = MeterProvider([reader]).get_meter("bench")
        requests = meter.create_counter("requests")
        seconds = meter.create_histogram("seconds", unit="s")

        class Middleware(PassThrough):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await super().__call__(scope, receive, send)
                status, elapsed = self.last
                attributes = {
                    "http.request.method": scope["method"],
                    "http.route": scope["route"].path,
                    "http.response.status_code": status,
                }
                requests.add(1, attributes)
                seconds.record(elapsed, attributes)

        def counted() -> float:
            (resource,) = reader.get_metrics_data().resource_metrics
            metrics = resource.scope_metrics[0].metrics
            points = next(m.data.data_points for m in metrics if m.name == "seconds")
            return sum(point.count for point in points)

        return Middleware(app), counted

    _compare(run, wrap)


if __name__ == "__main__":
    bench.main()
