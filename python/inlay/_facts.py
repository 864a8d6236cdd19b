"""How an observer takes single facts: events, finished spans and verdicts."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inlay._active_span import active_span
from inlay._arguments import at_least, moment_us, optional_text, real, text
from inlay._core import canonical_json
from inlay._exceptions import InvalidArgumentError
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


def _severity(given: str | int) -> int:
    number = _SEVERITIES.get(given.lower(), 0) if isinstance(given, str) else given
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 24:
        known = ", ".join(_SEVERITIES)
        message = f"severity must be 1 to 24 or one of {known}, got {given!r}"
        raise InvalidArgumentError(message)
    return number


def _moment_us(name: str, moment: float | datetime.datetime | None) -> int | None:
    return None if moment is None else moment_us(name, moment)


def _count(name: str, count: int | None) -> int | None:
    return None if count is None else at_least(name, count, -(2**63), most=2**63 - 1)


def _number(name: str, number: float) -> float:
    found = real(name, number)
    if math.isnan(found):
        message = f"{name} must be a number, or None if there is none, got {number!r}"
        raise InvalidArgumentError(message)
    return found


def _optional(name: str, number: float | None) -> float | None:
    return None if number is None else _number(name, number)


def _mapping(name: str, given: object) -> None:
    if not isinstance(given, Mapping):
        message = f"{name} must be a mapping: {given!r}"
        raise TypeError(message)


def _of_event(attributes: Mapping[str, object]) -> str:
    for name, value in attributes.items():
        if isinstance(value, datetime.datetime):
            message = (
                f"attribute {name!r} must be str, int, float or bool, not {value!r}; time= and "
                "end_time= say when it was"
            )
            raise TypeError(message)
    return canonical_json(text_attributes(attributes, floats=True))


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
        **attributes: str | float | bool,
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
            32 and 16 lower-case hex digits, not all of them 0; those of OpenTelemetry's active
            span unless given.
        **attributes : str, int, float or bool
            What else there is to say. It is kept as text, a float by its shortest digits.

        Returns
        -------
        bool
            False if it was not kept: the window holds its fill of events, or the observer has
            stopped. Both are counted.

        Raises
        ------
        InvalidArgumentError
            If the name is empty, a severity, a layer, a time or an id is none, a time lies more
            than a few thousand years away, or the end before the beginning.
        TypeError
            If an argument is of another type, or an attribute none of str, int, float and bool.
        """
        if trace_id is None and span_id is None:
            trace_id, span_id = active_span() or (None, None)
        return self._core.event(
            text("name", name),
            time_us=_moment_us("time", time),
            end_time_us=_moment_us("end_time", end_time),
            severity=_severity(severity),
            body=optional_text("body", body),
            attrs=_of_event(attributes),
            trace_id=optional_text("trace_id", trace_id),
            span_id=optional_text("span_id", span_id),
            series_id=None,
            layer=text("layer", layer),
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
        **attributes: str | float | bool,
    ) -> bool:
        """Keep one finished span of a tracer; the library traces nothing itself.

        Parameters
        ----------
        name : str
            What the span is called.
        trace_id, span_id, parent_id : str
            32, 16 and 16 lower-case hex digits, not all of them 0.
        start, end : float or datetime
            In Unix seconds or with a time zone.
        kind, status : str, optional
            As OpenTelemetry names them.
        layer : str
            As for `counter`.
        **attributes : str, int, float or bool
            The span's attributes, kept as text.

        Returns
        -------
        bool
            False if it was not kept, which is counted.

        Raises
        ------
        InvalidArgumentError
            If a layer, a time or an id is none, a time lies more than a few thousand years away,
            or the end before the start.
        TypeError
            If an argument is of another type, or an attribute none of str, int, float and bool.
        """
        return self._core.span(
            trace_id=text("trace_id", trace_id),
            span_id=text("span_id", span_id),
            parent_id=optional_text("parent_id", parent_id),
            name=text("name", name),
            kind=optional_text("kind", kind),
            start_us=moment_us("start", start),
            end_us=moment_us("end", end),
            status=optional_text("status", status),
            attrs=canonical_json(text_attributes(attributes, floats=True)),
            layer=text("layer", layer),
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
        InvalidArgumentError
            If the metric is empty, a verdict, a scope, a layer or a time is none, the start after
            the end, an undefined verdict has no reason, or a number is NaN.
        TypeError
            If an argument is of another type, or an attribute none of str, int and bool.

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
        if attributes is not None:
            _mapping("attributes", attributes)
        values = None
        if parts is not None:
            _mapping("parts", parts)
            values = [_number(f"part {part!r}", number) for part, number in parts.items()]
        return self._core.add_verdict(
            text("metric", metric),
            text("verdict", verdict),
            method=text("method", method),
            judge=text("judge", judge),
            judge_version=text("judge_version", judge_version),
            layer=text("layer", layer),
            attrs=canonical_json(text_attributes(attributes or {})),
            scope=text("scope", scope),
            reason=optional_text("reason", reason),
            value=_optional("value", value),
            low=_optional("low", low),
            high=_optional("high", high),
            threshold=_optional("threshold", threshold),
            effect=_optional("effect", effect),
            p_value=_optional("p_value", p_value),
            log_e=_optional("log_e", log_e),
            n=_count("n", n),
            n_reference=_count("n_reference", n_reference),
            reference_id=optional_text("reference_id", reference_id),
            part_names=None if parts is None else [text("a part", part) for part in parts],
            part_values=values,
            time_us=_moment_us("time", time),
            start_us=_moment_us("start_time", start_time),
            revision=at_least("revision", revision, 0, most=2**31 - 1),
            series_id=_count("series_id", series_id),
        )
