"""How a scrape comes in: as an ASGI app, as a WSGI app, and over a small server of our own."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import threading
import weakref
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

__all__ = ["AsgiApp", "Response", "Server", "WsgiApp", "answer"]

# Below this a compressed body saves nothing that a packet would not hold anyway.
_LEAST_COMPRESSED = 1400

# What a connection may be idle, in seconds.
_IDLE_S = 30.0


class Source(Protocol):
    """What is scraped. Thread-safe."""

    def scrape(self, accept: str = "", /) -> tuple[bytes, str]:
        """Return the body and its Content-Type."""


class Response(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: bytes


def _takes_gzip(accept_encoding: str) -> bool:
    for element in accept_encoding.lower().split(","):
        coding, _, parameters = element.partition(";")
        if coding.strip() not in ("gzip", "*"):
            continue
        name, _, quality = parameters.replace(" ", "").partition("=")
        if name != "q":
            return True
        try:
            return float(quality) > 0.0
        except ValueError:
            return False
    return False


def answer(source: Source, method: str, accept: str, accept_encoding: str) -> Response:
    """Answer one request for the metrics; never raises because of what a client sent."""
    if method not in ("GET", "HEAD"):
        return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD\n", ("Allow", "GET, HEAD"))
    try:
        body, content_type = source.scrape(accept)
    except Exception as error:
        return _plain(HTTPStatus.SERVICE_UNAVAILABLE, f"no metrics: {error}\n")
    headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
    if len(body) >= _LEAST_COMPRESSED and _takes_gzip(accept_encoding):
        # The lowest level: a scrape is read once, over a near network. zlib lets go of the GIL.
        compressor = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
        body = compressor.compress(body) + compressor.flush()
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return Response(HTTPStatus.OK, headers, b"" if method == "HEAD" else body)


def _plain(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    body = text.encode("utf-8", "replace")
    known = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Response(status, known + list(headers), body)


class AsgiApp:
    """The metrics as an ASGI app. An object rather than a function, so that Starlette's `Route`
    takes it for an app. Thread-safe.
    """  # noqa: D205

    def __init__(self, source: Source) -> None:
        self._source = source

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
            return
        if kind != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        arguments = (
            self._source,
            scope["method"],
            headers.get(b"accept", b"").decode("latin-1"),
            headers.get(b"accept-encoding", b"").decode("latin-1"),
        )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another kind of loop (trio): the scrape takes milliseconds
            response = answer(*arguments)
        else:
            response = await loop.run_in_executor(None, answer, *arguments)
        await send(
            {
                "type": "http.response.start",
                "status": int(response.status),
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in response.headers
                ],
            }
        )
        await send({"type": "http.response.body", "body": response.body})


async def _lifespan(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class WsgiApp:
    """The metrics as a WSGI app. Thread-safe."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        response = answer(
            self._source,
            environ.get("REQUEST_METHOD", "GET"),
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )
        start_response(f"{int(response.status)} {response.status.phrase}", response.headers)
        return [response.body]


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers on one connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "inlay"
    sys_version = ""
    timeout = _IDLE_S
    server: _HttpServer

    def _serve(self) -> None:
        path = self.path.partition("?")[0]
        if path != self.server.path:
            response = _plain(HTTPStatus.NOT_FOUND, f"the metrics are at {self.server.path}\n")
        else:
            response = answer(
                self.server.source,
                self.command,
                self.headers.get("Accept", ""),
                self.headers.get("Accept-Encoding", ""),
            )
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a library does not print."""


class _HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Two processes may not both believe that they have the port.
    allow_reuse_port = False

    def __init__(self, address: tuple[str, int], source: Source, path: str) -> None:
        self.source = source
        self.path = path
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that went away."""


class Server:
    """A small HTTP server on a thread of its own.

    Thread-safe. A forked child must call nothing but `close`; its copy of the socket is closed
    right after the fork, so that the port is free when the parent ends.

    Parameters
    ----------
    source : Source
        What is scraped.
    host, port : str, int
        Where to listen; port 0 takes any free one.
    path : str
        Where the metrics are.

    Raises
    ------
    OSError
        If the address cannot be had.
    """

    def __init__(self, source: Source, host: str, port: int, path: str) -> None:
        try:
            self._server = _HttpServer((host, port), source, path)
        except OSError as error:
            message = f"cannot listen for scrapes: {error.strerror}: {host}:{port}"
            raise OSError(error.errno, message) from None
        self.port: int = self._server.server_address[1]
        self._pid = os.getpid()
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.2},
            name="inlay-prometheus",
            daemon=True,
        )
        _servers.add(self)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if os.getpid() == self._pid:
            self._server.shutdown()
        self._server.server_close()

    def abandon(self) -> None:
        """Close the inherited copy of the socket in a forked child."""
        self._server.socket.close()


_servers: weakref.WeakSet[Server] = weakref.WeakSet()


def _after_fork() -> None:
    for server in list(_servers):
        server.abandon()
    _servers.clear()


os.register_at_fork(after_in_child=_after_fork)
