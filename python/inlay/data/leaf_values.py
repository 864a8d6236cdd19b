"""What the integers of a column mean: dates, times, durations and decimals as Python's own."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay import _core

__all__ = ["POINT_KINDS", "TEMPORAL_KINDS", "json_value", "python_value", "seconds_of"]

POINT_KINDS = frozenset({"date", "timestamp"})
"""Kinds whose values are points in time."""

TEMPORAL_KINDS = frozenset({"date", "time", "timestamp", "duration"})
"""Kinds whose values are integers in a unit of time."""

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400
_EPOCH = dt.datetime(1970, 1, 1)


def seconds_of(units: float, unit: str) -> int | float:
    """Turn a length of time into seconds; whole seconds stay exact.

    Parameters
    ----------
    units : int or float
        Its length.
    unit : {"D", "s", "ms", "us", "ns"}

    Returns
    -------
    int or float
    """
    if unit == "D":
        return units * _DAY_SECONDS
    per_second = _PER_SECOND[unit]
    if isinstance(units, int) and units % per_second == 0:
        return units // per_second
    return units / per_second


def python_value(column: _core.ColumnProfile, number: int | float) -> Any:
    """Turn a column's number into the value it stands for.

    Parameters
    ----------
    column : native column
        Its kind, unit, zone and scale say what numbers mean.
    number : int or float
        An integer in the column's unit, unscaled if it is a decimal, or a float.

    Returns
    -------
    bool, int, float, Decimal, date, time, datetime, timedelta, or numpy scalar
        ``numpy.datetime64`` or ``numpy.timedelta64`` where Python's own types cannot hold the value
        exactly: nanoseconds that are no whole microseconds, years beyond 9999.
    """
    kind = column.kind
    if kind == "boolean":
        return bool(number)
    if kind == "decimal" and isinstance(number, int):
        return _decimal(number, column.scale or 0)
    if kind not in TEMPORAL_KINDS:
        return number
    units, unit = _whole(number), column.unit or "s"
    if kind == "duration":
        return _timedelta(units, unit)
    if kind == "time":
        micros, rest = _microseconds(units, unit)
        if rest or not 0 <= micros < _DAY_SECONDS * 1_000_000:
            return _numpy_scalar("timedelta64", units, unit)
        return (_EPOCH + dt.timedelta(microseconds=micros)).time()
    micros, rest = _microseconds(units, unit)
    try:
        moment = _EPOCH + dt.timedelta(microseconds=micros)
    except OverflowError:
        return _numpy_scalar("datetime64", units, unit)
    if rest:
        return _numpy_scalar("datetime64", units, unit)
    if kind == "date":
        return moment.date()
    if column.timezone is None:
        return moment
    try:
        return moment.replace(tzinfo=dt.UTC).astimezone(_zone(column.timezone))
    except OverflowError:  # the zone moves it out of the years that Python has
        return moment.replace(tzinfo=dt.UTC)


def json_value(column: _core.ColumnProfile, number: int | float) -> Any:
    """Turn a column's number into what JSON can hold, as exact as it is.

    Returns
    -------
    bool, int, float or str
        Decimals are text. Points in time are ISO 8601, with their offset where the column has a
        zone and with nine digits where it counts nanoseconds; durations are seconds.
    """
    kind = column.kind
    if kind == "duration":
        return seconds_of(_whole(number), column.unit or "s")
    value = python_value(column, number)
    if isinstance(value, decimal.Decimal):
        return str(value)
    if kind not in TEMPORAL_KINDS:
        return value
    if isinstance(value, (dt.date, dt.time)):  # a datetime is a date
        return value.isoformat()
    return _iso_beyond_python(column, _whole(number))


def _whole(number: int | float) -> int:
    """Round to what an integer of 64 bits holds, whose ends no float is exactly."""
    if isinstance(number, int):
        return number
    return max(min(round(number), 2**63 - 1), 1 - 2**63)


def _iso_beyond_python(column: _core.ColumnProfile, units: int) -> str:
    """Write a point in time that has too many digits for Python's types."""
    unit = column.unit or "s"
    zoned = "Z" if column.kind == "timestamp" and column.timezone is not None else ""
    if column.kind == "time":
        whole, rest = divmod(units, _PER_SECOND[unit])
        digits = len(str(_PER_SECOND[unit])) - 1
        clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        return f"{clock}.{rest:0{digits}d}" if digits else clock
    moment: Any = _numpy_scalar("datetime64", units, unit)
    return f"{moment}{zoned}"


def _decimal(unscaled: int, scale: int) -> decimal.Decimal:
    sign, digits = int(unscaled < 0), tuple(map(int, str(abs(unscaled))))
    return decimal.Decimal((sign, digits, -scale))


def _microseconds(units: int, unit: str) -> tuple[int, int]:
    """Return whole microseconds, and the nanoseconds that are left."""
    if unit == "D":
        return units * _DAY_SECONDS * 1_000_000, 0
    if unit == "ns":
        return divmod(units, 1_000)
    return units * (1_000_000 // _PER_SECOND[unit]), 0


def _timedelta(units: int, unit: str) -> Any:
    micros, rest = _microseconds(units, unit)
    try:
        length = dt.timedelta(microseconds=micros)
    except OverflowError:
        return _numpy_scalar("timedelta64", units, unit)
    return _numpy_scalar("timedelta64", units, unit) if rest else length


def _numpy_scalar(name: str, units: int, unit: str) -> Any:
    import numpy as np

    return getattr(np, name)(units, unit)


def _zone(name: str) -> dt.tzinfo:
    """Return a zone by its name or its offset; UTC for one that this machine does not know."""
    if name[:1] in {"+", "-"}:
        digits = name[1:].replace(":", "")
        if digits.isdigit() and len(digits) == 4:
            offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            if offset < dt.timedelta(days=1):
                return dt.timezone(-offset if name[0] == "-" else offset)
        return dt.UTC
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return dt.UTC
