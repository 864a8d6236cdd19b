"""Request metrics of any ASGI application, under the names of OpenTelemetry's conventions.

The middleware adds one closure for each direction and a few native calls to a request; the
handles are bound once for each route, method and status.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from inlay._core import now_ns
from inlay.integrations._routes import UNMATCHED, RouteOf, Scope, key_of, template_of

if TYPE_CHECKING:
    from inlay._core import BoundCounter, BoundHistogram
    from inlay.observer import Observer

__all__ = ["Middleware"]

Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# RFC 9110 and PATCH. A client may send any word as a method, so the others share one value.
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_OTHER = "_OTHER"

_METHOD = "http.request.method"
_STATUS = "http.response.status_code"
_ROUTE = "http.route"
_ERROR = "error.type"

#: Status of a request whose client left before the response began; no server ever sends it.
_CLIENT_CLOSED = 499
_DISCONNECTED = "client_disconnect"

# Extensions of ASGI that send a file in place of a body.
_FILE_MESSAGES = ("http.response.pathsend", "http.response.zerocopysend")

# Frameworks that make a route object for each request must not make this table grow.
_MAX_KEYS = 4096

# What one outcome records into: `_record_request` of the duration, `add` of the count.
_Series = tuple[Callable[[int, Scope], None], Callable[[float], None]]
_Outcomes = dict[object, _Series]


class _Method:
    """What belongs to one request method: its in-flight gauge and its routes."""

    __slots__ = ("active", "by_key", "by_mount", "by_template", "name")

    def __init__(self, name: str, active: Callable[[float], None]) -> None:
        self.name = name
        self.active = active
        # id of a route -> its outcomes. Routes are unhashable (they define only equality), so
        # their ids are the keys, and `kept` of the middleware keeps them alive meanwhile.
        self.by_key: dict[int, _Outcomes] = {}
        self.by_mount: dict[tuple[int, str], _Outcomes] = {}
        self.by_template: dict[str, _Outcomes] = {}

    def of_template(self, template: str) -> _Outcomes:
        outcomes = self.by_template.get(template)
        if outcomes is None:
            if len(self.by_template) >= _MAX_KEYS:
                # Only a `route` that answers with paths comes here; the observer's own cap on
                # series has long put them into one, and this table need not know them apart.
                template = UNMATCHED
            outcomes = self.by_template.setdefault(template, {})
        return outcomes


class Middleware:
    """Count and time the requests of an ASGI application.

    Parameters
    ----------
    app : ASGI application
        Whatever is called with ``(scope, receive, send)``: Starlette, FastAPI, a plain
        function.
    observer : Observer, optional
        Where the metrics go; by default the installed one (`inlay.get_observer`).
    route : callable, optional
        Gives the route template for a scope, after the application ran; None for "no route".
        By default it is read from what Starlette's or FastAPI's router left in the scope.
        It must answer from a bounded set, never with the path itself.
    status : {"code", "class"}, default "code"
        Whether ``http.response.status_code`` holds the code (``"404"``) or its class
        (``"4xx"``).
    exclude : iterable of str, optional
        Exact paths that are not observed, such as ``"/metrics"``.
    body_size : bool, default False
        Record the bytes of the request and response bodies too.
    layer : str, default "app"
        The layer of the metrics.

    Raises
    ------
    ValueError
        If `status` is neither ``"code"`` nor ``"class"``.
    TypeError
        If `exclude` is a string or `route` is not callable.

    Notes
    -----
    What is recorded:

    ======================================  =========  ====================================
    metric                                  kind       attributes
    ======================================  =========  ====================================
    ``http.server.request.duration`` (s)    histogram  method, route, status, error.type
    ``http.server.requests``                counter    method, route, status, error.type
    ``http.server.active_requests``         gauge      method
    ``http.server.time_to_first_byte`` (s)  histogram  method, route; streamed responses only
    ``http.server.request.body.size`` (By)  histogram  method, route; with `body_size`
    ``http.server.response.body.size``      histogram  method, route; with `body_size`
    ======================================  =========  ====================================

    Methods that RFC 9110 does not know are ``_OTHER``, paths without a route are
    ``unmatched``: neither can be used to make series. ``error.type`` is empty unless the
    application raised (the class of the exception), answered 5xx (the code) or the client
    left before the end (``client_disconnect``; status 499 if no response had begun). An
    exception is always raised again. A response cut short by an exception keeps the status
    it was sent with. Requests other than HTTP (WebSockets, lifespan) pass untouched.

    One instance may serve any number of requests and event loops at once.

    Examples
    --------
    >>> import asyncio, inlay
    >>> from inlay.integrations.asgi import Middleware
    >>> async def hello(scope, receive, send):
    ...     await send({"type": "http.response.start", "status": 200, "headers": []})
    ...     await send({"type": "http.response.body", "body": b"hello"})
    >>> observer = inlay.Observer()
    >>> app = Middleware(hello, observer=observer, route=lambda scope: "/hello")
    >>> async def send(message): ...
    >>> scope = {"type": "http", "method": "GET", "path": "/hello"}
    >>> asyncio.run(app(scope, None, send))
    >>> rows = observer.collect().points.to_pylist()
    >>> next(r["count"] for r in rows if r["metric"] == "http.server.request.duration")
    1
    """

    def __init__(
        self,
        app: Application,
        *,
        observer: Observer | None = None,
        route: RouteOf | None = None,
        status: Literal["code", "class"] = "code",
        exclude: Iterable[str] = (),
        body_size: bool = False,
        layer: str = "app",
    ) -> None:
        if status not in ("code", "class"):
            message = f"status must be 'code' or 'class', not {status!r}"
            raise ValueError(message)
        if isinstance(exclude, str):
            message = f"exclude must be an iterable of paths, not the string {exclude!r}"
            raise TypeError(message)
        given: object = route
        if given is not None and not callable(given):
            message = f"route must be callable, not {given!r}"
            raise TypeError(message)
        if observer is None:
            import inlay

            observer = inlay.get_observer()
        self.app = app
        self._route_of = route
        self._status_class = status == "class"
        self._exclude = frozenset(exclude)
        self._kept: dict[int, object] = {}

        outcome = (_METHOD, _ROUTE, _STATUS, _ERROR)
        self._duration = observer.histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP requests, until the application returned.",
            attributes=outcome,
            layer=layer,
        )
        self._requests = observer.counter(
            "http.server.requests",
            unit="{request}",
            description="HTTP requests answered or given up.",
            attributes=outcome,
            layer=layer,
        )
        self._first_byte = observer.histogram(
            "http.server.time_to_first_byte",
            unit="s",
            description="Time until a streamed response handed over its first bytes.",
            attributes=(_METHOD, _ROUTE),
            layer=layer,
        )
        active = observer.gauge(
            "http.server.active_requests",
            unit="{request}",
            description="HTTP requests being worked on.",
            attributes=(_METHOD,),
            layer=layer,
        )
        self._sizes = None
        if body_size:
            self._sizes = tuple(
                observer.histogram(
                    f"http.server.{which}.body.size",
                    unit="By",
                    description=f"Bytes of {which} bodies as the application saw them.",
                    attributes=(_METHOD, _ROUTE),
                    layer=layer,
                )
                for which in ("request", "response")
            )
        self._methods = {
            name: _Method(name, active.bind(**{_METHOD: name}).add) for name in (*_METHODS, _OTHER)
        }
        self._other = self._methods.pop(_OTHER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application and record how the request went.

        Parameters
        ----------
        scope, receive, send
            As ASGI 3 defines them.

        Raises
        ------
        BaseException
            Whatever the application raised.
        """
        if scope["type"] != "http" or (self._exclude and scope["path"] in self._exclude):
            await self.app(scope, receive, send)
            return
        start = now_ns()
        method = self._methods.get(scope["method"], self._other)
        status = 0
        first_byte = 0
        ended = left = False

        # Not a coroutine: it hands on the awaitable of the server, which saves a frame a message.
        def observed_send(message: Message) -> Awaitable[None]:
            nonlocal status, first_byte, ended
            kind = message["type"]
            if kind == "http.response.body":
                if not message.get("more_body"):
                    ended = True
                elif not first_byte and message.get("body"):
                    first_byte = now_ns()
            elif kind == "http.response.start":
                # What is answered to a client that has left reaches nobody.
                status = _CLIENT_CLOSED if left else message["status"]
            elif kind in _FILE_MESSAGES:
                ended = not message.get("more_body")
            return send(message)

        async def observed_receive() -> Message:
            nonlocal left
            message = await receive()
            # After the end of a response every client "disconnects".
            if message["type"] == "http.disconnect" and not ended:
                left = True
            return message

        sizes = None
        if self._sizes is not None:
            sizes = _BodySizes(observed_receive, observed_send)
        active = method.active
        active(1)
        try:
            if sizes is None:
                await self.app(scope, observed_receive, observed_send)
            else:
                await self.app(scope, sizes.receive, sizes.send)
        except BaseException as error:
            active(-1)
            name = _DISCONNECTED if left else type(error).__qualname__
            outcome: object = (status or (_CLIENT_CLOSED if left else 500), name)
            self._record(scope, method, outcome, start, first_byte, sizes)
            raise
        active(-1)
        if left or not ended:
            # An application that just returns leaves the server to answer 500.
            error_type = _DISCONNECTED if left else "incomplete_response"
            outcome = (status or (_CLIENT_CLOSED if left else 500), error_type)
            self._record(scope, method, outcome, start, first_byte, sizes)
            return
        if first_byte or sizes is not None:
            self._record(scope, method, status, start, first_byte, sizes)
            return
        # The way nearly all requests go; `_record` does the same for all of them.
        try:
            if "app_root_path" in scope or self._route_of is not None:
                record, count = self._outcomes(scope, method)[status]
            elif "fastapi" in scope:
                record, count = method.by_key[id(key_of(scope))][status]
            else:
                record, count = method.by_key[id(scope["route"])][status]
        except KeyError:
            record, count = self._series(scope, method, status)
        record(start, scope)
        count(1)

    def _record(
        self,
        scope: Scope,
        method: _Method,
        outcome: object,
        start: int,
        first_byte: int,
        sizes: _BodySizes | None,
    ) -> None:
        """Record a request that had an error, was streamed, or whose bytes are counted."""
        record, count = self._series(scope, method, outcome)
        record(start, scope)
        count(1)
        if first_byte or sizes is not None:
            where = {_METHOD: method.name, _ROUTE: self._template(scope)[0]}
            if first_byte:
                self._first_byte.record((first_byte - start) * 1e-9, **where)
            if sizes is not None and self._sizes is not None:
                self._sizes[0].record(sizes.received, **where)
                self._sizes[1].record(sizes.sent, **where)

    def _series(self, scope: Scope, method: _Method, outcome: object) -> _Series:
        outcomes = self._outcomes(scope, method)
        series = outcomes.get(outcome)
        if series is None:
            series = outcomes[outcome] = self._bind(method.name, self._template(scope)[0], outcome)
        return series

    def _outcomes(self, scope: Scope, method: _Method) -> _Outcomes:
        """Find the outcomes of the request's route, by the cheapest key that is right."""
        if self._route_of is not None:
            return method.of_template(self._template(scope)[0])
        key = key_of(scope)
        if "app_root_path" in scope:
            place = (id(key), scope.get("root_path", ""))
            outcomes = method.by_mount.get(place)
            if outcomes is None:
                template, stable = self._template(scope)
                outcomes = method.of_template(template)
                if stable:
                    self._keep(key)
                    # Mounts with parameters have as many root paths as the parameters have values.
                    if len(method.by_mount) >= _MAX_KEYS:
                        method.by_mount.clear()
                    method.by_mount[place] = outcomes
            return outcomes
        if key is None:
            return method.of_template(UNMATCHED)
        outcomes = method.by_key.get(id(key))
        if outcomes is None:
            template, stable = self._template(scope)
            outcomes = method.of_template(template)
            if stable:
                self._keep(key)
                method.by_key[id(key)] = outcomes
        return outcomes

    def _keep(self, key: object) -> None:
        """Hold the route, so that its id cannot come to mean another one."""
        if len(self._kept) >= _MAX_KEYS and id(key) not in self._kept:
            for method in (*self._methods.values(), self._other):
                method.by_key.clear()
                method.by_mount.clear()
            self._kept.clear()
        self._kept[id(key)] = key

    def _template(self, scope: Scope) -> tuple[str, bool]:
        try:
            if self._route_of is not None:
                return self._route_of(scope) or UNMATCHED, False
            template, stable = template_of(scope)
        except Exception:  # what reads a foreign framework's objects must not fail its requests
            return UNMATCHED, False
        return template or UNMATCHED, stable

    def _bind(self, method: str, template: str, outcome: object) -> _Series:
        if isinstance(outcome, tuple):
            status, error = outcome
        else:
            status = outcome
            error = str(status) if isinstance(status, int) and status >= 500 else ""
        attributes = {
            _METHOD: method,
            _ROUTE: template,
            _STATUS: f"{status // 100}xx" if self._status_class else str(status),
            _ERROR: error,
        }
        duration: BoundHistogram = self._duration.bind(**attributes)
        requests: BoundCounter = self._requests.bind(**attributes)
        return duration._record_request, requests.add


class _BodySizes:
    """Bytes of both bodies of one request. Not thread-safe; a request has one task."""

    __slots__ = ("_receive", "_send", "received", "sent")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.received = 0
        self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        return self._send(message)
