"""Limits and lists of values as the native plan takes them: in the column's own integers."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import numbers
import re
import struct
from typing import TYPE_CHECKING, Any

from inlay.data.checks.measure import UnfitError
from inlay.data.type_names import unit_and_zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inlay.data.columns import Column

__all__ = ["RANGED", "decimal_scale", "number_of", "range_parameters", "rounded", "value_type_fits"]

WHOLE = frozenset(("integer", "unsigned"))
TEMPORAL = frozenset(("date", "time", "timestamp", "duration"))
RANGED = WHOLE | TEMPORAL | frozenset(("float", "decimal", "null"))
"""The kinds of column that have a smaller and a larger."""

_NARROW = {"float32": "f", "float16": "e"}
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MICROSECOND = datetime.timedelta(microseconds=1)
_EPOCH = datetime.datetime(1970, 1, 1)
_DECIMAL_PATTERN = re.compile(r"decimal\d+\((\d+), (-?\d+)\)")


def _unfit(value: Any, column: Column, why: str = "") -> UnfitError:
    return UnfitError(
        f"{value!r} is no value of column {column.path!r}, {column.type}{': ' if why else ''}{why}"
    )


def _parse_text(text: str, column: Column) -> Any:
    try:
        match column.kind:
            case "date":
                return datetime.date.fromisoformat(text)
            case "time":
                return datetime.time.fromisoformat(text)
            case "timestamp":
                return datetime.datetime.fromisoformat(text)
            case "decimal":
                return decimal.Decimal(text)
    except (ValueError, decimal.InvalidOperation):
        pass
    raise _unfit(text, column)


def _hold_against_zone(text: str, value: datetime.datetime, column: Column) -> None:
    zone = unit_and_zone(column.type)[1]
    if zone is not None and value.tzinfo is None:
        meant = value.replace(tzinfo=datetime.UTC).isoformat()
        raise _unfit(text, column, f"it has no time zone, write {meant!r} if UTC is meant")
    if zone is None and value.tzinfo is not None:
        meant = value.replace(tzinfo=None).isoformat()
        raise _unfit(text, column, f"the column has no time zone, write {meant!r}")


def _microseconds(value: Any, column: Column) -> int:
    """Return a time of the calendar as microseconds since the epoch, midnight or zero."""
    if isinstance(value, datetime.timedelta) and column.kind == "duration":
        return value // _MICROSECOND
    if isinstance(value, datetime.datetime) and column.kind == "timestamp":
        zone = unit_and_zone(column.type)[1]
        if (zone is None) != (value.tzinfo is None):
            raise _unfit(value, column, "one has a time zone and the other has none")
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return int((value - _EPOCH) // _MICROSECOND)
    if isinstance(value, datetime.time) and column.kind == "time" and value.tzinfo is None:
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return seconds * 10**6 + value.microsecond
    if (
        isinstance(value, datetime.date)
        and not isinstance(value, datetime.datetime)
        and (column.kind == "date" or column.type.startswith("timestamp"))
    ):
        # A day is where it begins; in a column with a zone, where it begins in UTC.
        return (value - _EPOCH.date()).days * 86_400 * 10**6
    raise _unfit(value, column)


def decimal_scale(column: Column) -> int:
    """Return how many digits after the point the integers of a column hold; 0 if no decimal."""
    match = _DECIMAL_PATTERN.search(column.type)
    return int(match[2]) if match else 0


def number_of(value: Any, column: Column) -> fractions.Fraction | float:
    """Return a value exactly in the integers of the column: days, ticks, unscaled decimals.

    Parameters
    ----------
    value : int, float, Decimal, str, date, datetime, time or timedelta
        Text is ISO 8601 for times and digits for decimals. Of a float that meets decimals its
        shortest digits count.
    column : Column
        Of one of the kinds in `RANGED`.

    Returns
    -------
    Fraction, or float where it is infinite

    Raises
    ------
    UnfitError
        If it is no value of such a column.
    """
    if isinstance(value, str):
        text, value = value, _parse_text(value, column)
        if isinstance(value, datetime.datetime):
            _hold_against_zone(text, value, column)
    if isinstance(value, bool) or (isinstance(value, (float, decimal.Decimal)) and value != value):
        raise _unfit(value, column)
    if isinstance(value, (float, decimal.Decimal)) and math.isinf(value):
        return float(value)
    if isinstance(value, (numbers.Rational, float, decimal.Decimal)):
        # A float that meets decimals means the digits it is written with: 0.1 is one tenth.
        written = isinstance(value, float) and column.kind == "decimal"
        exact = fractions.Fraction(str(value)) if written else fractions.Fraction(value)
        if column.kind in TEMPORAL:
            if column.kind == "duration":
                return exact * (column.ticks_per_second or 1)
            raise _unfit(value, column)
        return exact * fractions.Fraction(10) ** decimal_scale(column)
    if column.kind not in TEMPORAL:
        raise _unfit(value, column)
    microseconds = fractions.Fraction(_microseconds(value, column))
    if column.type == "date32":
        return microseconds / (86_400 * 10**6)
    unit = unit_and_zone(column.type)[0] or "us"
    return microseconds * _PER_SECOND[unit] / 10**6


def _limits_of_type(column: Column) -> tuple[int, int]:
    if column.kind in WHOLE:
        name = column.type.removeprefix("dictionary<").rsplit(", ", 1)[-1].rstrip(">")
        bits = int(name.lstrip("uint"))
        signed = column.kind == "integer"
        return (-(2 ** (bits - 1)) if signed else 0), 2 ** (bits - signed) - 1
    if column.kind == "decimal":
        match = _DECIMAL_PATTERN.search(column.type)
        most = 10 ** int(match[1]) - 1 if match else 0
        return -most, most
    return -(2**63), 2**63 - 1


def range_parameters(
    column: Column,
    *,
    minimum: Any = None,
    maximum: Any = None,
    exclusive_minimum: Any = None,
    exclusive_maximum: Any = None,
) -> dict[str, Any]:
    """Return what the native rule ``range`` takes for these limits.

    Whatever is no float is compared as integers: limits between two of them move inwards, limits
    beyond the type are cut to it, and an interval without any value becomes one that is empty.
    """
    lows = [(value, strict) for value, strict in ((minimum, 0), (exclusive_minimum, 1))]
    highs = [(value, strict) for value, strict in ((maximum, 0), (exclusive_maximum, 1))]
    if column.kind == "float":
        return _float_range(column, lows, highs)
    low, high = _limits_of_type(column)
    for value, strict in lows:
        number = None if value is None else number_of(value, column)
        if isinstance(number, float):
            low = low if number < 0 else high + 1
        elif number is not None:
            low = max(low, math.floor(number) + 1 if strict else math.ceil(number))
    for value, strict in highs:
        number = None if value is None else number_of(value, column)
        if isinstance(number, float):
            high = high if number > 0 else low - 1
        elif number is not None:
            high = min(high, math.ceil(number) - 1 if strict else math.floor(number))
    if low > high:
        return {"min": 1, "max": 0}
    return {"min": low, "max": high}


def rounded(value: Any, column: Column) -> Any:
    """Return a float as a column of narrower ones holds it: in float32, 0.1 is the nearest such."""
    letter = next((code for name, code in _NARROW.items() if name in column.type), None)
    if letter is None or not isinstance(value, float) or not math.isfinite(value):
        return value
    try:
        near: float = struct.unpack(letter, struct.pack(letter, value))[0]
    except OverflowError:
        return value
    return near


def _float_range(column: Column, lows: Any, highs: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for limits, name, towards in ((lows, "min", math.inf), (highs, "max", -math.inf)):
        for value, strict in limits:
            if value is None:
                continue
            exact = number_of(rounded(value, column), column)
            try:
                nearest = float(exact)
            except OverflowError:
                nearest = math.copysign(math.inf, exact)
            moved = (
                isinstance(exact, float) or fractions.Fraction(nearest) != exact
                if (math.isfinite(nearest))
                else False
            )
            if moved and (nearest < exact) == (towards > 0):
                # The limit lies between two doubles: the next one inside stands for it.
                nearest = math.nextafter(nearest, towards)
                strict = 0
            parameters[name] = nearest
            if strict:
                parameters[f"{name}_exclusive"] = True
    return parameters


def value_type_fits(values: Iterable[Any], column: Column) -> list[Any]:
    """Return a list of values as the native rules on sets take them.

    Raises
    ------
    UnfitError
        Naming the first value that no row of the column could have.
    """
    found: list[Any] = []
    for value in values:
        # Whole numbers too as they are: foreign keys may be many.
        whole = column.kind in WHOLE and type(value) is int
        if whole or (column.kind == "text" and isinstance(value, str)):
            found.append(value)
        elif column.kind == "binary" and isinstance(value, (bytes, bytearray)):
            found.append(bytes(value))
        elif column.kind == "boolean" and isinstance(value, bool):
            found.append(value)
        elif column.kind in RANGED - {"float"}:
            number = number_of(value, column)
            if isinstance(number, float) or number.denominator != 1:
                raise _unfit(value, column)
            found.append(int(number))
        elif column.kind == "float" and not isinstance(value, str):
            found.append(float(number_of(rounded(value, column), column)))
        else:
            raise _unfit(value, column)
    return found
