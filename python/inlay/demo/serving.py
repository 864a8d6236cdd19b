"""An ASGI application under uvicorn, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Served"]

_HOST = "127.0.0.1"
_START_SECONDS = 20.0
_STOP_SECONDS = 5


class Served:
    """A server on the loopback interface, up inside a ``with`` block.

    Parameters
    ----------
    app : ASGI application
        What is served.
    port : int
        The port; 0 for any that is free.

    Attributes
    ----------
    url : str
        Where it listens.

    Raises
    ------
    OSError
        If the port is taken.

    Notes
    -----
    To be used from one thread.
    """

    def __init__(self, app: Any, *, port: int = 0) -> None:
        # Bound here and not by uvicorn: a port that is taken is told at once and to the caller.
        self._socket = socket.create_server((_HOST, port), backlog=128)
        self.url = f"http://{_HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            # Longer than clients keep an idle connection: one that is closed while it is used again
            # is a request lost.
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="demo-server", daemon=True
        )

    def __enter__(self) -> Self:
        """Start, and wait until requests are answered.

        Returns
        -------
        Served
            This one.

        Raises
        ------
        RuntimeError
            If the application does not come up.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self._stop()
                message = f"the server at {self.url} did not start"
                raise RuntimeError(message)
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, after the requests under way."""
        self._stop()

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _STOP_SECONDS)
        self._socket.close()
