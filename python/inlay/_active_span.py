"""The span that is active where a record is made, if OpenTelemetry is in use."""

from __future__ import annotations

import sys

__all__ = ["active_span"]


def active_span() -> tuple[str, str] | None:
    """Return trace and span id of the active sampled span.

    OpenTelemetry is asked when, and only when, the program has loaded it already.

    Returns
    -------
    tuple of (str, str) or None
        Trace id (32 hex digits) and span id (16 hex digits); None without an active span, or
        with one that is not sampled (nobody could look it up).
    """
    trace = sys.modules.get("opentelemetry.trace")
    # The module is there before its body has run, when another thread is importing it.
    current = getattr(trace, "get_current_span", None)
    if current is None:
        return None
    try:
        context = current().get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return None
        return format(context.trace_id, "032x"), format(context.span_id, "016x")
    except Exception:  # a tracer's error is not the error of the program that records
        return None
