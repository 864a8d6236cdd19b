"""Arguments that are checked alike wherever they are taken."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping
from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["at_least", "check_order", "moment_us", "non_empty", "not_negative"]


def at_least(name: str, number: Any, least: int | None = None) -> int:
    """Return an argument that must be an integer and not below `least`.

    Raises
    ------
    InvalidArgumentError
        If it is below.
    TypeError
        If it is no integer; a bool is none.
    """
    try:
        if isinstance(number, bool):
            raise TypeError
        found = index(number)
    except TypeError as error:
        message = f"{name} must be an integer: {number!r}"
        raise TypeError(message) from error
    if least is not None and found < least:
        message = f"{name} must be at least {least}: {number!r}"
        raise InvalidArgumentError(message)
    return found


def moment_us(name: str, moment: float | datetime.datetime) -> int:
    """Return a moment as microseconds of Unix time.

    Raises
    ------
    TypeError
        If it is neither a number nor a datetime.
    InvalidArgumentError
        If it is not finite or has no time zone.
    """
    given: Any = moment
    if isinstance(given, datetime.datetime):
        if given.tzinfo is None:
            message = f"{name} must have a time zone: {given!r}"
            raise InvalidArgumentError(message)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return (given - epoch) // datetime.timedelta(microseconds=1)
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        message = f"{name} must be Unix seconds or a datetime, got {type(given).__name__}"
        raise TypeError(message)
    if not math.isfinite(given) or abs(given) > 9e12:
        message = f"{name} must be finite Unix seconds: {given!r}"
        raise InvalidArgumentError(message)
    return round(given * 1_000_000)


def check_order(moments: Mapping[str, datetime.datetime | None]) -> None:
    """See that moments have a zone and each lies before the next; None is left out.

    Raises
    ------
    InvalidArgumentError
        If one is no such moment, or does not; the message names both.
    """
    given = [(name, moment) for name, moment in moments.items() if moment is not None]
    for name, moment in given:
        if not isinstance(moment, datetime.datetime) or moment.tzinfo is None:
            message = f"{name} must be a datetime with a zone: {moment!r}"
            raise InvalidArgumentError(message)
    for (first, earlier), (second, later) in itertools.pairwise(given):
        if not earlier < later:
            message = f"{first} must be before {second}, {later}: {earlier}"
            raise InvalidArgumentError(message)


def not_negative(name: str, number: Any, unit: str) -> float:
    """Return an argument that must be a finite number and not below 0.

    Raises
    ------
    TypeError
        If it is no number; a bool is none.
    InvalidArgumentError
        If it is negative or not finite.
    """
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        message = f"{name} must be a number of {unit}: {number!r}"
        raise TypeError(message)
    if not (math.isfinite(number) and number >= 0.0):
        message = f"{name} must be 0 {unit} or more: {number!r}"
        raise InvalidArgumentError(message)
    return float(number)


def non_empty(name: str, given: Any) -> str:
    """Return an argument that must be a string, and not an empty one.

    Raises
    ------
    TypeError
        If it is no string.
    InvalidArgumentError
        If it is empty.
    """
    if not isinstance(given, str):
        message = f"{name} must be a string: {given!r}"
        raise TypeError(message)
    if not given:
        message = f"{name} must not be empty: {given!r}"
        raise InvalidArgumentError(message)
    return given
