"""The ASGI middleware over Starlette, FastAPI and plain applications, without sockets."""

import asyncio
import json
import tracemalloc
from contextlib import asynccontextmanager

import pytest

httpx = pytest.importorskip("httpx", reason="the client of these tests")
pytest.importorskip("fastapi", reason="an application of these tests")

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware as With
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute

import inlay
from inlay.integrations.asgi import Middleware

DURATION = "http.server.request.duration"
REQUESTS = "http.server.requests"
ACTIVE = "http.server.active_requests"
FIRST_BYTE = "http.server.time_to_first_byte"


def points(observer, metric):
    """Rows of one metric, attributes decoded: a list of (attributes, row)."""
    rows = observer.collect().points.to_pylist()
    return [(json.loads(row["attrs"]), row) for row in rows if row["metric"] == metric]


def outcomes(observer):
    """Count of requests by (method, route, status, error); duration and count must agree."""
    rows = observer.collect().points.to_pylist()
    names = ("http.request.method", "http.route", "http.response.status_code", "error.type")

    def by_key(metric, column):
        found = {}
        for row in rows:
            if row["metric"] == metric:
                attributes = json.loads(row["attrs"])
                found[tuple(attributes[name] for name in names)] = row[column]
        return found

    counted, timed = by_key(REQUESTS, "value"), by_key(DURATION, "count")
    assert counted == timed
    return {key: int(value) for key, value in counted.items()}


def http_scope(path="/", method="GET", **more):
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        **more,
    }


async def no_more():
    return {"type": "http.request", "body": b"", "more_body": False}


async def discard(message):
    pass


def call(app, path="/", method="GET", *, receive=no_more, send=discard, **more):
    scope = http_scope(path, method, **more)
    asyncio.run(app(scope, receive, send))
    return scope


async def answer(send, status=200, body=b"ok"):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def plain(scope, receive, send):
    await answer(send)


class Client:
    """Whole requests to an application in this process."""

    def __init__(self, app):
        self.app = app

    def __getattr__(self, method):
        async def request(path, **options):
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method.upper(), path, **options)

        return lambda path, **options: asyncio.run(request(path, **options))


def text(request):
    return PlainTextResponse("ok")


def boom(request):
    message = "on purpose"
    raise LookupError(message)


@pytest.fixture
def observer():
    return inlay.Observer()


# ---- routes ----------------------------------------------------------------------------------


def test_starlette_requests_are_counted_by_template_method_and_status(observer):
    app = Starlette(
        routes=[
            Route("/users/{id:int}", text, methods=["GET", "POST"]),
            Route("/other", text),
        ]
    )
    client = Client(Middleware(app, observer=observer))
    for number in range(5):
        client.get(f"/users/{number}")
    client.post("/users/7")
    client.get("/other")
    client.delete("/other")
    assert outcomes(observer) == {
        ("GET", "/users/{id}", "200", ""): 5,
        ("POST", "/users/{id}", "200", ""): 1,
        ("GET", "/other", "200", ""): 1,
        ("DELETE", "/other", "405", ""): 1,
    }


def test_fastapi_included_routers_keep_their_prefix(observer):
    router = APIRouter(prefix="/items")

    @router.get("/{item}")
    async def item(item: int):
        return {"item": item}

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")

    @app.get("/top/{name}")
    async def top(name: str):
        return name

    client = Client(Middleware(app, observer=observer))
    for version, times in (("v1", 3), ("v2", 2), ("v1", 1)):
        for number in range(times):
            assert client.get(f"/{version}/items/{number}").status_code == 200
    client.get("/v1/items/word")
    client.get("/top/a")
    client.get("/docs")
    assert outcomes(observer) == {
        ("GET", "/v1/items/{item}", "200", ""): 4,
        ("GET", "/v2/items/{item}", "200", ""): 2,
        ("GET", "/v1/items/{item}", "422", ""): 1,
        ("GET", "/top/{name}", "200", ""): 1,
        ("GET", "/docs", "200", ""): 1,
    }


def test_mounts_give_templates_not_what_they_matched(observer):
    shared = Router(routes=[Route("/in/{z}", text)])
    deep = Starlette(routes=[Mount("/deep/{b}", app=shared)])
    app = Starlette(
        routes=[
            Route("/in/{z}", text),
            Mount("/tenant/{tenant}", app=shared),
            Mount("/a/{a}", app=deep),
            Mount("/raw", app=plain),
        ]
    )
    client = Client(Middleware(app, observer=observer))
    for number in range(4):
        client.get(f"/tenant/t{number}/in/{number}")
        client.get(f"/a/{number}/deep/{number}/in/9")
    client.get("/in/1")
    client.get("/tenant/x/nothing")
    client.get("/raw/some/file")
    assert outcomes(observer) == {
        ("GET", "/tenant/{tenant}/in/{z}", "200", ""): 4,
        ("GET", "/a/{a}/deep/{b}/in/{z}", "200", ""): 4,
        ("GET", "/in/{z}", "200", ""): 1,
        ("GET", "/tenant/{tenant}/{path}", "404", ""): 1,
        ("GET", "/raw/{path}", "200", ""): 1,
    }


def test_mounted_fastapi_gives_whole_template(observer):
    inner = FastAPI()

    @inner.get("/deep/{i}")
    async def deep(i: int):
        return i

    app = FastAPI()
    app.mount("/mnt/{w}", inner)
    client = Client(Middleware(app, observer=observer))
    for number in range(3):
        assert client.get(f"/mnt/{number}/deep/{number}").status_code == 200
    client.get("/mnt/1/nothing")
    assert outcomes(observer) == {
        ("GET", "/mnt/{w}/deep/{i}", "200", ""): 3,
        ("GET", "/mnt/{w}/{path}", "404", ""): 1,
    }


def test_middleware_inside_the_application_sees_the_route(observer):
    app = FastAPI()

    @app.get("/users/{id}")
    async def user(id: int):
        return id

    app.add_middleware(Middleware, observer=observer)
    Client(app).get("/users/3")
    assert outcomes(observer) == {("GET", "/users/{id}", "200", ""): 1}


def test_a_router_without_scope_route_is_matched_by_endpoint(observer):
    """As older routers do, which leave only the endpoint behind."""
    router = Router(routes=[Route("/one/{id}", text), Route("/two/{id}", boom), Route("/3", boom)])

    async def older(scope, receive, send):
        for route in router.routes:
            match, child = route.matches(scope)
            if match.value:
                scope.update(child, router=router)
        await answer(send)

    app = Middleware(older, observer=observer)
    for path in ("/one/1", "/one/2", "/two/1", "/3", "/3", "/none"):
        call(app, path)
    assert outcomes(observer) == {
        ("GET", "/one/{id}", "200", ""): 2,
        ("GET", "/two/{id}", "200", ""): 1,
        ("GET", "/3", "200", ""): 2,
        ("GET", "unmatched", "200", ""): 1,
    }


def test_unknown_paths_and_methods_share_one_series(observer):
    app = Starlette(routes=[Route("/known", text)])
    wrapped = Middleware(app, observer=observer)
    for number in range(300):
        call(wrapped, f"/attack/{number}", f"M{number}")
    found = outcomes(observer)
    assert found == {("_OTHER", "unmatched", "404", ""): 300}
    assert [a for a, _ in points(observer, ACTIVE)] == [{"http.request.method": "_OTHER"}]


def test_a_route_for_each_request_does_not_grow_the_table(observer):
    class Passing:
        path_format = "/same/{id}"

    def fresh(scope, receive, send):
        scope["route"] = Passing()
        return answer(send)

    app = Middleware(fresh, observer=observer)

    async def many(count):
        for _ in range(count):
            await app(http_scope(), no_more, discard)

    asyncio.run(many(5_000))
    tracemalloc.start()
    asyncio.run(many(9_000))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 2_000_000
    assert outcomes(observer) == {("GET", "/same/{id}", "200", ""): 14_000}


def test_plain_application_takes_the_route_given(observer):
    def route(scope):
        head = scope["path"].split("/")[1]
        if head == "bad":
            raise KeyError(head)
        return f"/{head}/{{rest}}" if head == "api" else None

    app = Middleware(plain, observer=observer, route=route)
    for path in ("/api/1", "/api/2", "/else", "/bad"):
        call(app, path)
    assert outcomes(observer) == {
        ("GET", "/api/{rest}", "200", ""): 2,
        ("GET", "unmatched", "200", ""): 2,
    }


def test_status_class_and_excluded_paths(observer):
    async def by_path(scope, receive, send):
        await answer(send, int(scope["path"][1:]))

    app = Middleware(by_path, observer=observer, status="class", exclude=["/204"])
    for path in ("/200", "/201", "/204", "/404", "/503", "/500"):
        call(app, path)
    assert outcomes(observer) == {
        ("GET", "unmatched", "2xx", ""): 2,
        ("GET", "unmatched", "4xx", ""): 1,
        ("GET", "unmatched", "5xx", "503"): 1,
        ("GET", "unmatched", "5xx", "500"): 1,
    }


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"status": "family"}, ValueError, "'family'"),
        ({"exclude": "/metrics"}, TypeError, "'/metrics'"),
        ({"route": "/x"}, TypeError, "'/x'"),
    ],
)
def test_bad_arguments_are_named(observer, arguments, error, words):
    with pytest.raises(error, match=words):
        Middleware(plain, observer=observer, **arguments)


# ---- errors and clients that leave -----------------------------------------------------------


def test_exceptions_are_counted_and_raised_again(observer):
    app = Starlette(routes=[Route("/boom/{n}", boom)])
    client = Client(Middleware(app, observer=observer))
    with pytest.raises(LookupError, match="on purpose"):
        client.get("/boom/1")

    async def bare(scope, receive, send):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(Middleware(bare, observer=observer))
    assert outcomes(observer) == {
        ("GET", "/boom/{n}", "500", "LookupError"): 1,
        ("GET", "unmatched", "500", "ZeroDivisionError"): 1,
    }


def test_exception_after_the_response_began_keeps_its_status(observer):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        call(Middleware(broken, observer=observer))
    assert outcomes(observer) == {("GET", "unmatched", "200", "RuntimeError"): 1}


def test_application_that_never_answers_is_an_error(observer):
    async def silent(scope, receive, send):
        pass

    call(Middleware(silent, observer=observer))
    assert outcomes(observer) == {("GET", "unmatched", "500", "incomplete_response"): 1}


def test_cancelled_request_is_counted_and_stays_cancelled(observer):
    async def slow(scope, receive, send):
        await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(
            Middleware(slow, observer=observer)(http_scope(), no_more, discard)
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    rows = observer.collect().points.to_pylist()
    errors = [json.loads(r["attrs"])["error.type"] for r in rows if r["metric"] == REQUESTS]
    assert errors == ["CancelledError"]
    assert [r["value"] for r in rows if r["metric"] == ACTIVE] == [0]


def messages(*sequence):
    queue = list(sequence)

    async def receive():
        if queue:
            return queue.pop(0)
        return await asyncio.Event().wait()

    return receive


GONE = {"type": "http.disconnect"}


def test_client_that_leaves_while_sending_its_body(observer):
    async def upload(request):
        return PlainTextResponse(str(len(await request.body())))

    app = Middleware(Starlette(routes=[Route("/up", upload, methods=["POST"])]), observer=observer)
    begun = {"type": "http.request", "body": b"half", "more_body": True}
    with pytest.raises(ClientDisconnect):
        call(app, "/up", "POST", receive=messages(begun, GONE))
    assert outcomes(observer) == {("POST", "/up", "499", "client_disconnect"): 1}


def test_answer_to_a_client_that_left_is_not_its_status(observer):
    async def unaware(scope, receive, send):
        await receive()
        await answer(send)

    call(Middleware(unaware, observer=observer), receive=messages(GONE))
    assert outcomes(observer) == {("GET", "unmatched", "499", "client_disconnect"): 1}


def test_client_that_leaves_during_a_stream(observer):
    async def forever():
        while True:
            yield b"more"
            await asyncio.sleep(0)

    async def stream(request):
        return StreamingResponse(forever())

    app = Starlette(routes=[Route("/s", stream)])
    call(Middleware(app, observer=observer), "/s", receive=messages(GONE))
    ((attributes, _),) = points(observer, REQUESTS)
    assert attributes["error.type"] == "client_disconnect"
    assert attributes["http.response.status_code"] in ("200", "499")


def test_client_that_leaves_after_the_response_is_no_error(observer):
    async def lingering(scope, receive, send):
        await answer(send)
        assert (await receive())["type"] == "http.disconnect"

    call(Middleware(lingering, observer=observer), receive=messages(GONE))
    assert outcomes(observer) == {("GET", "unmatched", "200", ""): 1}


# ---- streams, bodies, in flight --------------------------------------------------------------


def test_streams_give_time_to_first_byte_and_whole_duration(observer):
    async def parts():
        yield b"first"
        await asyncio.sleep(0.03)
        yield b"last"

    async def stream(request):
        return StreamingResponse(parts())

    app = Starlette(routes=[Route("/stream/{n}", stream), Route("/whole", text)])
    client = Client(Middleware(app, observer=observer))
    assert client.get("/stream/1").text == "firstlast"
    client.get("/whole")
    rows = observer.collect().points.to_pylist()
    (first,) = [r for r in rows if r["metric"] == FIRST_BYTE]
    assert json.loads(first["attrs"]) == {
        "http.request.method": "GET",
        "http.route": "/stream/{n}",
    }
    (whole,) = [r for r in rows if r["metric"] == DURATION and "stream" in r["attrs"]]
    assert first["count"] == whole["count"] == 1
    assert 0 < first["sum"] < whole["sum"]
    assert whole["sum"] - first["sum"] >= 0.03


def test_body_sizes_are_recorded_when_asked(observer):
    async def echo(request):
        return PlainTextResponse(await request.body() * 3)

    app = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
    client = Client(Middleware(app, observer=observer, body_size=True))
    client.post("/echo", content=b"x" * 100)
    client.post("/echo", content=b"")
    rows = {r["metric"]: r for r in observer.collect().points.to_pylist()}
    request, response = (rows[f"http.server.{w}.body.size"] for w in ("request", "response"))
    assert (request["count"], request["sum"], request["unit"]) == (2, 100, "By")
    assert (response["count"], response["sum"]) == (2, 300)
    assert rows[DURATION]["count"] == 2


def test_files_sent_by_path_are_complete_responses(observer, tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("text")

    def download(request):
        return FileResponse(file)

    app = Starlette(routes=[Route("/file", download)])
    call(
        Middleware(app, observer=observer),
        "/file",
        extensions={"http.response.pathsend": {}},
    )
    assert outcomes(observer) == {("GET", "/file", "200", ""): 1}


def test_in_flight_follows_concurrent_requests(observer):
    gate = asyncio.Event()

    async def waiting(scope, receive, send):
        await gate.wait()
        await answer(send)

    app = Middleware(waiting, observer=observer)

    async def main():
        tasks = [asyncio.ensure_future(app(http_scope(), no_more, discard)) for _ in range(7)]
        await asyncio.sleep(0)
        ((_, during),) = points(observer, ACTIVE)
        gate.set()
        await asyncio.gather(*tasks)
        return during

    assert asyncio.run(main())["value"] == 7
    ((_, after),) = points(observer, ACTIVE)
    assert after["value"] == 0


# ---- everything else -------------------------------------------------------------------------


def test_websockets_and_lifespan_pass_untouched(observer):
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        seen.append("up")
        yield
        seen.append("down")

    async def chat(websocket):
        await websocket.accept()
        await websocket.send_text("hi " + await websocket.receive_text())
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/chat", chat)], lifespan=lifespan)
    wrapped = Middleware(app, observer=observer)

    async def converse(scope, *incoming):
        sent = []

        async def send(message):
            sent.append(message["type"])

        await wrapped(scope, messages(*incoming), send)
        return sent

    async def main():
        assert await converse(
            {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}},
            {"type": "lifespan.startup"},
            {"type": "lifespan.shutdown"},
        ) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert await converse(
            http_scope("/chat", type="websocket", subprotocols=[]),
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "you"},
        ) == ["websocket.accept", "websocket.send", "websocket.close"]

    asyncio.run(main())
    assert seen == ["up", "down"]
    assert outcomes(observer) == {}


def test_works_under_other_middleware(observer):
    async def tag(request, call_next):
        response = await call_next(request)
        response.headers["x-tag"] = "1"
        return response

    app = Starlette(
        routes=[Route("/users/{id}", text)],
        middleware=[With(Middleware, observer=observer), With(BaseHTTPMiddleware, dispatch=tag)],
    )
    response = Client(app).get("/users/1")
    assert (response.text, response.headers["x-tag"]) == ("ok", "1")
    assert outcomes(observer) == {("GET", "/users/{id}", "200", ""): 1}


def test_messages_reach_the_server_unchanged(observer):
    sent = []

    async def collect(message):
        sent.append(message)

    call(Middleware(plain, observer=observer), send=collect)
    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b"ok"},
    ]


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traced(*values, route="/x"):
    """Return the exemplars of a request with such headers `traceparent`."""
    observer = inlay.Observer({"service.name": "ranker"})

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        pass

    wrapped = Middleware(app, observer=observer, route=lambda _: route)
    headers = [(b"host", b"a"), *((b"traceparent", value.encode()) for value in values)]
    asyncio.run(wrapped(http_scope(headers=headers), None, send))
    return observer, observer.peek().exemplars.to_pylist()


def test_a_request_is_found_by_the_trace_that_its_caller_sent():
    observer, exemplars = traced(f"00-{TRACE}-{SPAN}-01")
    assert [(row["trace_id"], row["span_id"]) for row in exemplars] == [(TRACE, SPAN)]
    found = observer.context(trace_id=TRACE[:8])
    assert found.subject == f"trace {TRACE}"
    assert found.notes == ("when it was is known by its 1 exemplar, without a span",)
    _, later_version = traced(f"cc-{TRACE}-{SPAN}-09-more")
    assert len(later_version) == 1


@pytest.mark.parametrize(
    "values",
    [
        (),
        (f"00-{TRACE}-{SPAN}-00",),  # not sampled
        (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE.upper()}-{SPAN}-01",),
        (f"00-{'0' * 32}-{SPAN}-01",),
        (f"00-{TRACE}-{'0' * 16}-01",),
        (f"ff-{TRACE}-{SPAN}-01",),
        (f"00-{TRACE}-{SPAN}-01-more",),
        (f"00-{TRACE}-{SPAN}",),
        ("",),
        ("é" * 55,),
    ],
)
def test_a_header_that_names_no_trace_is_passed_over(values):
    _, exemplars = traced(*values)
    assert exemplars == []


def test_the_span_of_a_tracer_comes_before_that_of_the_caller(monkeypatch):
    import sys
    import types

    own = types.SimpleNamespace(
        is_valid=True, trace_id=1, span_id=2, trace_flags=types.SimpleNamespace(sampled=True)
    )
    span = types.SimpleNamespace(get_span_context=lambda: own)
    module = types.SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    _, exemplars = traced(f"00-{TRACE}-{SPAN}-01")
    assert [row["trace_id"] for row in exemplars] == [format(1, "032x")]
    own.is_valid = False
    _, exemplars = traced(f"00-{TRACE}-{SPAN}-01")
    assert [row["trace_id"] for row in exemplars] == [TRACE]
