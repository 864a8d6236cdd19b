"""``/healthz`` and ``/readyz`` for ASGI and WSGI servers, with the reasons as JSON.

``/healthz`` answers 200 while the process is worth keeping (`Health.live`), ``/readyz`` while it
should be given work (`Health.ready`); else 503. The body says why, also where the answer is 200:

.. code-block:: json

    {"status": "degraded", "live": true, "ready": true, "reasons": [{"source": "sink", "...": ""}]}

`App` and `WsgiApp` are mounted or served alone; `Middleware` and `WsgiMiddleware` answer these two
paths and pass everything else on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from inlay._arguments import seconds_of
from inlay._exceptions import InvalidArgumentError
from inlay._installed import get_observer
from inlay.alert.health import Health, HealthPolicy
from inlay.observer import Observer

__all__ = ["App", "Middleware", "WsgiApp", "WsgiMiddleware"]

Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class _Answers:
    """What the four have in common: from a method and a path to an answer. Thread-safe.

    Parameters
    ----------
    observer : Observer, optional
        Whose health; by default the installed one, looked up at each request. Without one it is
        not ready, unless ``INLAY_DISABLED`` says that there is to be none.
    policy : HealthPolicy, optional
        What makes it degraded, not ready or not live.
    live, ready : str
        The paths.
    cache : float
        For how many seconds an answer is given again, so that probes cost nothing.

    Raises
    ------
    InvalidArgumentError
        If `observer` or `policy` is none, a path does not begin with ``/``, both are the same, or
        `cache` is negative.
    """

    def __init__(
        self,
        observer: Observer | None,
        policy: HealthPolicy | None,
        live: str,
        ready: str,
        cache: float,
    ) -> None:
        given: tuple[object, object] = (observer, policy)
        if given[0] is not None and not isinstance(given[0], Observer):
            message = f"observer must be an inlay.Observer, got {observer!r}"
            raise InvalidArgumentError(message)
        if given[1] is not None and not isinstance(given[1], HealthPolicy):
            message = f"policy must be an inlay.alert.HealthPolicy, got {policy!r}"
            raise InvalidArgumentError(message)
        for name, path in (("live", live), ("ready", ready)):
            if not isinstance(path, str) or not path.startswith("/"):
                message = f"{name} must be a path that begins with /, got {path!r}"
                raise InvalidArgumentError(message)
        if live == ready:
            message = f"live and ready must be two paths, got {live!r}"
            raise InvalidArgumentError(message)
        cache = seconds_of("cache", cache, or_zero=True)
        self._observer = observer
        self._policy = policy
        self._live, self._ready = live, ready
        self._cache = cache
        self._known: tuple[float, Health] | None = None

    def is_ours(self, path: str) -> bool:
        return path in (self._live, self._ready)

    def mounted(self, path: str) -> str:
        """Return the path below wherever this is mounted."""
        for ours in (self._live, self._ready):
            if path.endswith(ours):
                return ours
        return path

    def answer(self, method: str, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body."""
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        if not self.is_ours(path):
            status, document = 404, {"error": f"there is {self._live} and {self._ready}"}
        elif method not in ("GET", "HEAD"):
            status, document = 405, {"error": "GET and HEAD are answered"}
            headers.append(("allow", "GET, HEAD"))
        else:
            health = self._health()
            well = health.live if path == self._live else health.ready
            status, document = 200 if well else 503, health.to_dict()
        body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        headers.append(("content-length", str(len(body))))
        return status, headers, b"" if method == "HEAD" else body

    def _health(self) -> Health:
        now = time.monotonic()
        known = self._known
        if known is not None and now - known[0] < self._cache:
            return known[1]
        observer = self._observer or get_observer()
        health = observer.health(self._policy)
        self._known = (now, health)
        return health


class App:
    """An ASGI application of two paths.

    Parameters
    ----------
    observer : Observer, optional
        Whose health; by default the installed one (`inlay.get_observer`). Without one it is live
        and not ready, unless ``INLAY_DISABLED`` says that there is to be none.
    policy : HealthPolicy, optional
        What makes it degraded, not ready or not live.
    live, ready : str
        The paths. Mounted below another one, these come at the end.
    cache : float
        For how many seconds an answer is given again.

    Raises
    ------
    InvalidArgumentError
        If `observer` or `policy` is none, a path does not begin with ``/``, both are the same, or
        `cache` is negative.

    Examples
    --------
    >>> import asyncio, inlay
    >>> from inlay.integrations.health import App
    >>> app = App(inlay.Observer())
    >>> async def send(message):
    ...     print(message.get("status") or message["body"].decode())
    >>> asyncio.run(app({"type": "http", "method": "GET", "path": "/readyz"}, None, send))
    200
    {"status": "ok", "live": true, "ready": true, "reasons": []}
    """

    def __init__(
        self,
        observer: Observer | None = None,
        *,
        policy: HealthPolicy | None = None,
        live: str = "/healthz",
        ready: str = "/readyz",
        cache: float = 1.0,
    ) -> None:
        self._answers = _Answers(observer, policy, live, ready, cache)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; as ASGI 3 defines it."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif kind == "http":
            path = self._answers.mounted(scope["path"])
            await _send(send, self._answers.answer(scope["method"], path))


class Middleware:
    """Answers two paths before an ASGI application sees them.

    Parameters
    ----------
    app : ASGI application
        What gets everything else.
    observer, policy, live, ready, cache
        As for `App`; the paths are whole ones.
    """

    def __init__(
        self,
        app: Application,
        *,
        observer: Observer | None = None,
        policy: HealthPolicy | None = None,
        live: str = "/healthz",
        ready: str = "/readyz",
        cache: float = 1.0,
    ) -> None:
        self.app = app
        self._answers = _Answers(observer, policy, live, ready, cache)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on; as ASGI 3 defines it."""
        if scope["type"] == "http" and self._answers.is_ours(scope["path"]):
            await _send(send, self._answers.answer(scope["method"], scope["path"]))
        else:
            await self.app(scope, receive, send)


class WsgiApp:
    """A WSGI application of two paths.

    Parameters
    ----------
    observer, policy, live, ready, cache
        As for `App`.
    """

    def __init__(
        self,
        observer: Observer | None = None,
        *,
        policy: HealthPolicy | None = None,
        live: str = "/healthz",
        ready: str = "/readyz",
        cache: float = 1.0,
    ) -> None:
        self._answers = _Answers(observer, policy, live, ready, cache)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """Answer a request; as PEP 3333 defines it."""
        path = self._answers.mounted(environ.get("PATH_INFO", "") or "/")
        return _start(start_response, self._answers.answer(environ["REQUEST_METHOD"], path))


class WsgiMiddleware:
    """Answers two paths before a WSGI application sees them.

    Parameters
    ----------
    app : WSGI application
        What gets everything else.
    observer, policy, live, ready, cache
        As for `App`; the paths are whole ones.
    """

    def __init__(
        self,
        app: WsgiApplication,
        *,
        observer: Observer | None = None,
        policy: HealthPolicy | None = None,
        live: str = "/healthz",
        ready: str = "/readyz",
        cache: float = 1.0,
    ) -> None:
        self.app = app
        self._answers = _Answers(observer, policy, live, ready, cache)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or pass on; as PEP 3333 defines it."""
        path = environ.get("PATH_INFO", "")
        if self._answers.is_ours(path):
            return _start(start_response, self._answers.answer(environ["REQUEST_METHOD"], path))
        return self.app(environ, start_response)


async def _send(send: Send, answer: tuple[int, list[tuple[str, str]], bytes]) -> None:
    status, headers, body = answer
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _start(
    start_response: StartResponse, answer: tuple[int, list[tuple[str, str]], bytes]
) -> list[bytes]:
    status, headers, body = answer
    start_response(f"{status} {_REASONS[status]}", headers)
    return [body]
