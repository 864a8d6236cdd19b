"""How an observer takes single facts: events and finished spans."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from inlay._active_span import active_span
from inlay._core import canonical_json
from inlay._resource import text_attributes

if TYPE_CHECKING:
    from inlay._core import ObserverCore

__all__ = ["Facts"]

_SEVERITIES = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "critical": 21,
    "fatal": 21,
}


def _severity(severity: str | int) -> int:
    number = _SEVERITIES.get(severity.lower(), 0) if isinstance(severity, str) else severity
    if not 1 <= number <= 24:
        known = ", ".join(_SEVERITIES)
        message = f"severity must be 1 to 24 or one of {known}, got {severity!r}"
        raise ValueError(message)
    return number


def _microseconds(name: str, moment: float | datetime.datetime) -> int:
    if isinstance(moment, datetime.datetime):
        if moment.tzinfo is None:
            message = f"{name} must have a time zone, got {moment!r}"
            raise ValueError(message)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return (moment - epoch) // datetime.timedelta(microseconds=1)
    if not math.isfinite(moment):
        message = f"{name} must be finite, got {moment!r}"
        raise ValueError(message)
    return round(moment * 1_000_000)


class Facts:
    """The part of an observer that takes events and spans. Thread-safe."""

    _core: ObserverCore

    def event(
        self,
        name: str,
        *,
        severity: str | int = "info",
        body: str | None = None,
        layer: str = "app",
        time: float | datetime.datetime | None = None,
        end_time: float | datetime.datetime | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        **attributes: str | int | bool,
    ) -> bool:
        """Note something that happened: a deploy, a new dataset, an error.

        Parameters
        ----------
        name : str
            What happened.
        severity : str or int
            ``"trace"``, ``"debug"``, ``"info"``, ``"warning"``, ``"error"``, ``"critical"``, or
            1 to 24 as OpenTelemetry counts.
        body : str, optional
            A line for people.
        layer : str
            As for `counter`.
        time, end_time : float or datetime, optional
            When, in Unix seconds or with a time zone: now unless given; `end_time` makes it an
            interval.
        trace_id, span_id : str, optional
            Hex digits; those of OpenTelemetry's active span unless given.
        **attributes : str, int or bool
            What else there is to say.

        Returns
        -------
        bool
            False if it was not kept: the window holds its fill of events, or the observer has
            stopped. Both are counted.

        Raises
        ------
        ValueError
            If a severity, a time or an id is not one.
        TypeError
            If an attribute is none of str, int and bool.
        """
        if trace_id is None and span_id is None:
            trace_id, span_id = active_span() or (None, None)
        return self._core.event(
            name,
            time_us=None if time is None else _microseconds("time", time),
            end_time_us=None if end_time is None else _microseconds("end_time", end_time),
            severity=_severity(severity),
            body=body,
            attrs=canonical_json(text_attributes(attributes)),
            trace_id=trace_id,
            span_id=span_id,
            series_id=None,
            layer=layer,
        )

    def span(
        self,
        name: str,
        *,
        trace_id: str,
        span_id: str,
        start: float | datetime.datetime,
        end: float | datetime.datetime,
        parent_id: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        layer: str = "app",
        **attributes: str | int | bool,
    ) -> bool:
        """Keep one finished span of a tracer; the library traces nothing itself.

        Parameters
        ----------
        name : str
            What the span is called.
        trace_id, span_id, parent_id : str
            Hex digits.
        start, end : float or datetime
            In Unix seconds or with a time zone.
        kind, status : str, optional
            As OpenTelemetry names them.
        layer : str
            As for `counter`.
        **attributes : str, int or bool
            The span's attributes.

        Returns
        -------
        bool
            False if it was not kept, which is counted.

        Raises
        ------
        ValueError
            If a time or an id is not one.
        TypeError
            If an attribute is none of str, int and bool.
        """
        return self._core.span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=parent_id,
            name=name,
            kind=kind,
            start_us=_microseconds("start", start),
            end_us=_microseconds("end", end),
            status=status,
            attrs=canonical_json(text_attributes(attributes)),
            layer=layer,
        )
