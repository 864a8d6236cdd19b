"""Posts what fired as JSON to a URL."""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay._arguments import seconds_of
from inlay._exceptions import InlayError, InvalidArgumentError
from inlay.sinks._retry import Pacer, Retry

if TYPE_CHECKING:
    from inlay._threads import Condition

__all__ = ["Webhook", "WebhookError"]

# What may be better the next time, beside 5xx and no answer at all.
_TRY_AGAIN = (408, 425, 429)

# RFC 9110: what a header may be called, and what its value may not have in it.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class WebhookError(InlayError, RuntimeError):
    """A webhook answered with an error, or not at all."""

    __module__ = "inlay.alert"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, or elsewhere: it is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""
        return


def _parts(url: Any) -> urllib.parse.SplitResult:
    if isinstance(url, str) and url.isprintable() and " " not in url:
        try:
            parts = urllib.parse.urlsplit(url)
            # A host may have any letters; what else is sent as it is.
            sendable = parts.port != 0 and f"{parts.path}{parts.query}".isascii()
            if parts.scheme in ("http", "https") and parts.hostname and sendable:
                return parts
        except ValueError:  # a port that is none
            pass
    message = (
        "a webhook needs a URL that begins with http:// or https:// and has no spaces, line breaks "
        f"or letters beyond ASCII in its path, got {url!r}"
    )
    raise InvalidArgumentError(message)


def _checked_headers(headers: Any) -> dict[str, str]:
    if headers is not None and not isinstance(headers, Mapping):
        message = f"headers must be a mapping of str to str, got {headers!r}"
        raise InvalidArgumentError(message)
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            message = f"a header needs a name of letters, digits and hyphens, got {name!r}"
            raise InvalidArgumentError(message)
        # What the value is may be a secret.
        if not isinstance(value, str) or _NOT_IN_VALUES.search(value) or not _is_latin(value):
            message = f"a header's value must be a str, one line of Latin-1: that of {name!r}"
            raise InvalidArgumentError(message)
    return dict(headers or {})


def _is_latin(text: str) -> bool:
    return not text or max(text) <= "\xff"


def _basic(user: str, password: str) -> str:
    given = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    return f"Basic {base64.b64encode(given.encode()).decode()}"


class Webhook:
    """Where a firing is posted to. Immutable.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``. A user and password in it, as in ``https://user:word@host``,
        are sent as basic authentication.
    headers : mapping of str to str, optional
        Sent along, such as ``Authorization``: text in Latin-1 of one line.
    timeout : float or timedelta
        What one try may take, in seconds.
    retry : Retry, optional
        How a failed try is repeated: no answer, 408, 425, 429 and 5xx. Other answers than 2xx are
        final.

    Raises
    ------
    InvalidArgumentError
        If the URL is none of these or has a space or a line break in it, a header cannot be sent,
        the time-out is not positive, or `retry` is none.

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
        timeout: float | datetime.timedelta = 5.0,
        retry: Retry | None = None,
    ) -> None:
        parts = _parts(url)
        self._url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._headers = _checked_headers(headers)
        if parts.username is not None:
            if any(name.lower() == "authorization" for name in self._headers):
                message = "a user in the URL and a header Authorization exclude each other"
                raise InvalidArgumentError(message)
            self._headers["Authorization"] = _basic(parts.username, parts.password or "")
        self._timeout = seconds_of("timeout", timeout)
        repeats: object = retry
        if repeats is not None and not isinstance(repeats, Retry):
            message = f"retry must be an inlay.sinks.Retry, got {retry!r}"
            raise InvalidArgumentError(message)
        self._retry = Retry() if retry is None else retry
        # Users, paths and queries of webhooks are secrets.
        shown = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
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
