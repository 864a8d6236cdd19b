"""How an observer takes single facts: events, finished spans and verdicts."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from inlay._active_span import active_span
from inlay._core import canonical_json
from inlay._resource import text_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _no_nan(numbers: Mapping[str, float | None]) -> None:
    for name, number in numbers.items():
        if number is not None and math.isnan(number):
            message = f"{name} must be a number, or None if there is none, got {number!r}"
            raise ValueError(message)


class Facts:
    """The part of an observer that takes events, spans and verdicts. Thread-safe."""

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

    def verdict(
        self,
        metric: str,
        verdict: str,
        *,
        method: str,
        judge: str,
        judge_version: str = "1",
        layer: str = "app",
        attributes: Mapping[str, str | int | bool] | None = None,
        scope: str = "process",
        reason: str | None = None,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        threshold: float | None = None,
        effect: float | None = None,
        p_value: float | None = None,
        log_e: float | None = None,
        n: int | None = None,
        n_reference: int | None = None,
        reference_id: str | None = None,
        parts: Mapping[str, float] | None = None,
        time: float | datetime.datetime | None = None,
        start_time: float | datetime.datetime | None = None,
        revision: int = 0,
        series_id: int | None = None,
    ) -> bool:
        """Keep what a judge says of a series, in the table of verdicts of the open window.

        Parameters
        ----------
        metric : str
            The subject: the metric judged.
        verdict : str
            ``"yes"``, ``"no"`` or ``"undefined"``, which needs a `reason`.
        method : str
            Which distance, test or check.
        judge, judge_version : str
            Who says so.
        layer : str
            As for `counter`.
        attributes : mapping of str to str, int or bool, optional
            The attributes of the subject.
        scope : str
            What was judged: ``"process"``, ``"host"`` or ``"fleet"``.
        reason : str, optional
            Why it is undefined.
        value, low, high : float, optional
            The statistic and its interval.
        effect, threshold : float, optional
            The size found, and what it has to exceed.
        p_value, log_e : float, optional
            The certainty; `log_e` is the natural logarithm of an e-value.
        n, n_reference : int, optional
            Values judged, and values in the reference.
        reference_id : str, optional
            The reference compared with.
        parts : mapping of str to float, optional
            Bins or segments and what each contributes.
        time, start_time : float or datetime, optional
            The ends of what was judged, in Unix seconds or with a time zone: those of the window
            unless given.
        revision : int
            0, or the n-th time that this verdict is given again.
        series_id : int, optional
            That of the metric and attributes unless given.

        Returns
        -------
        bool
            False if it was not kept: the window holds its fill of verdicts, or the observer has
            stopped. Both are counted.

        Raises
        ------
        ValueError
            If a verdict, a scope or a time is not one, an undefined verdict has no reason, or a
            number is NaN.
        TypeError
            If an attribute is none of str, int and bool.

        Examples
        --------
        >>> import inlay
        >>> obs = inlay.Observer()
        >>> obs.verdict("price", "yes", method="psi", judge="nightly", value=0.31, threshold=0.2)
        True
        >>> row = obs.collect().verdicts.to_pylist()[0]
        >>> row["metric"], row["verdict"], row["value"]
        ('price', 'yes', 0.31)
        """
        _no_nan(
            {
                "value": value,
                "low": low,
                "high": high,
                "threshold": threshold,
                "effect": effect,
                "p_value": p_value,
                "log_e": log_e,
            }
        )
        if parts is not None:
            _no_nan({f"part {name!r}": number for name, number in parts.items()})
        return self._core.add_verdict(
            metric,
            verdict,
            method=method,
            judge=judge,
            judge_version=judge_version,
            layer=layer,
            attrs=canonical_json(text_attributes(attributes or {})),
            scope=scope,
            reason=reason,
            value=value,
            low=low,
            high=high,
            threshold=threshold,
            effect=effect,
            p_value=p_value,
            log_e=log_e,
            n=n,
            n_reference=n_reference,
            reference_id=reference_id,
            part_names=None if parts is None else list(parts),
            part_values=None if parts is None else list(parts.values()),
            time_us=None if time is None else _microseconds("time", time),
            start_us=None if start_time is None else _microseconds("start_time", start_time),
            revision=revision,
            series_id=series_id,
        )
