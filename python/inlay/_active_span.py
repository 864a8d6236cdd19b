"""The span that is active where a record is made: OpenTelemetry's, or a request's caller's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["active_span", "caller_span"]

# As W3C's trace context has it: version, trace id, span id, flags; later versions append to it.
_TRACEPARENT = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})"
    rb"-(?!0{16})(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED = 1


def active_span(request: Mapping[str, Any] | None = None) -> tuple[str, str] | None:
    """Return trace and span id of the active sampled span.

    OpenTelemetry is asked when, and only when, the program has loaded it already. Where it knows no
    span, the ids are those that the caller of the request sent.

    Parameters
    ----------
    request : mapping, optional
        The scope of the ASGI request that is worked on.

    Returns
    -------
    tuple of (str, str) or None
        Trace id (32 hex digits) and span id (16 hex digits); None without an active span, or
        with one that is not sampled (nobody could look it up).
    """
    trace = sys.modules.get("opentelemetry.trace")
    # The module is there before its body has run, when another thread is importing it.
    current = getattr(trace, "get_current_span", None)
    try:
        context = None if current is None else current().get_span_context()
        if context is None or not context.is_valid:
            return None if request is None else caller_span(request.get("headers", ()))
        if not context.trace_flags.sampled:
            return None
        return format(context.trace_id, "032x"), format(context.span_id, "016x")
    except Exception:  # a tracer's error is not the error of the program that records
        return None


def caller_span(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str] | None:
    """Return trace and span id of a header ``traceparent``.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        Names in lower case, as ASGI has them.

    Returns
    -------
    tuple of (str, str) or None
        None if there is no such header, more than one, it is no valid one, or the caller does not
        sample the trace.
    """
    found = [text for name, text in headers if name == b"traceparent"]
    parts = _TRACEPARENT.fullmatch(found[0].strip()) if len(found) == 1 else None
    if parts is None or (parts["version"] == b"00" and parts["more"]):
        return None
    sampled = int(parts["flags"], 16) & _SAMPLED
    return (parts["trace"].decode(), parts["span"].decode()) if sampled else None
