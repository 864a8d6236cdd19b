"""Posts what fired as JSON to a URL."""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InlayError, InvalidArgumentError
from inlay.sinks._retry import Pacer, Retry

if TYPE_CHECKING:
    from inlay._threads import Condition

__all__ = ["Webhook", "WebhookError"]

# What may be better the next time, beside 5xx and no answer at all.
_TRY_AGAIN = (408, 425, 429)


class WebhookError(InlayError, RuntimeError):
    """A webhook answered with an error, or not at all."""

    __module__ = "inlay.alert"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, or elsewhere: it is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""
        return


class Webhook:
    """Where a firing is posted to. Immutable.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``.
    headers : mapping of str to str, optional
        Sent along, such as ``Authorization``.
    timeout : float
        What one try may take, in seconds.
    retry : Retry, optional
        How a failed try is repeated: no answer, 408, 425, 429 and 5xx. Other answers than 2xx are
        final.

    Raises
    ------
    InvalidArgumentError
        If the URL is none of these, or the time-out is not positive.

    Examples
    --------
    >>> from inlay.alert import Webhook
    >>> Webhook("https://ops.example/hooks/retrain?token=secret")
    <inlay.alert.Webhook https://ops.example>
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        retry: Retry | None = None,
    ) -> None:
        given: object = url
        try:
            parts = urllib.parse.urlsplit(url) if isinstance(given, str) else None
            port = None if parts is None else parts.port
        except ValueError:
            parts, port = None, None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            message = f"a webhook needs a URL that begins with http:// or https://, got {url!r}"
            raise InvalidArgumentError(message)
        if not (math.isfinite(timeout) and timeout > 0.0):
            message = f"timeout must be a positive number of seconds, got {timeout!r}"
            raise InvalidArgumentError(message)
        self._url = url
        self._headers = dict(headers or {})
        self._timeout = float(timeout)
        self._retry = Retry() if retry is None else retry
        # Paths and queries of webhooks are secrets.
        shown = parts.hostname if port is None else f"{parts.hostname}:{port}"
        self.place = f"{parts.scheme}://{shown}"

    def __repr__(self) -> str:
        return f"<inlay.alert.Webhook {self.place}>"

    def post(
        self,
        document: Mapping[str, Any],
        *,
        key: str,
        stop: Condition,
        stopping: Any,
        pacer: Pacer | None = None,
    ) -> int:
        """Post a document, again after pauses.

        Parameters
        ----------
        document : mapping
            What JSON can hold.
        key : str
            Sent as ``Idempotency-Key``, the same in each try.
        stop : Condition
            Notified when a pause is to end.
        stopping : callable
            Returns until when there is time, as `time.monotonic` counts; infinity if there is.
        pacer : Pacer, optional
            Where the pauses come from.

        Returns
        -------
        int
            How many tries it took.

        Raises
        ------
        WebhookError
            If the last try failed, or there was no time for another one.
        """
        pace = Pacer() if pacer is None else pacer
        data = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        pauses = self._retry.pauses(pace.random)
        tries = 0
        while True:
            left = stopping() - time.monotonic()
            if left <= 0.0:
                message = f"{self.place}: no time was left for try {tries + 1}"
                raise WebhookError(message)
            tries += 1
            problem, final = self._try(data, key, min(self._timeout, left))
            if problem is None:
                return tries
            pause = None if final else next(pauses, None)
            if pause is None:
                message = f"{self.place}: {problem}, after {tries} tries"
                raise WebhookError(message)
            with stop:
                if math.isinf(stopping()):
                    pace.wait(stop, pause)

    def _try(self, data: bytes, key: str, timeout: float) -> tuple[str | None, bool]:
        """Post once; return what is wrong, if anything, and whether that is final."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "inlay",
            "Idempotency-Key": key,
            **self._headers,
        }
        try:
            request = urllib.request.Request(self._url, data=data, headers=headers, method="POST")
            opener = urllib.request.build_opener(_NoRedirect)
            with opener.open(request, timeout=timeout) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except Exception as error:  # whatever a network can do
            return f"{type(error).__name__}: {getattr(error, 'reason', error)}", False
        if 200 <= status < 300:
            return None, True
        return f"status {status}", not (status in _TRY_AGAIN or status >= 500)
