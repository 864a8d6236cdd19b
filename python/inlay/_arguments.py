"""Arguments that are checked alike wherever they are taken."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = [
    "LAYERS",
    "at_least",
    "check_order",
    "moment_us",
    "non_empty",
    "not_negative",
    "one_of",
    "optional_text",
    "real",
    "seconds_of",
    "text",
    "texts",
]

LAYERS = ("app", "data", "model", "infra", "training", "self")
"""What the core takes as a layer."""

# Readers of the tables know no years beyond 9999; milliseconds taken for seconds lie beyond, too.
_FARTHEST_S = 9e10


def at_least(name: str, number: Any, least: int | None = None, *, most: int | None = None) -> int:
    """Return an argument that must be an integer, not below `least` and not above `most`.

    Raises
    ------
    InvalidArgumentError
        If it is below or above.
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
    if most is not None and found > most:
        message = f"{name} must be at most {most}: {number!r}"
        raise InvalidArgumentError(message)
    return found


def text(name: str, given: Any) -> str:
    """Return an argument that must be a text, without halves of surrogate pairs.

    Raises
    ------
    TypeError
        If it is none.
    InvalidArgumentError
        If it is no valid Unicode, so that UTF-8 cannot hold it.
    """
    if not isinstance(given, str):
        message = f"{name} must be a str: {given!r}"
        raise TypeError(message)
    if not given.isascii():
        try:
            given.encode()
        except UnicodeEncodeError as error:
            message = f"{name} must be valid Unicode: {given!r}"
            raise InvalidArgumentError(message) from error
    return given


def optional_text(name: str, given: Any) -> str | None:
    """Return an argument that must be a text or None.

    Raises
    ------
    TypeError
        If it is neither.
    """
    return None if given is None else text(name, given)


def texts(name: str, given: Any) -> tuple[str, ...]:
    """Return an argument that must be several texts.

    Raises
    ------
    InvalidArgumentError
        If it is a single one, or not all of them are texts.
    """
    if not isinstance(given, str) and isinstance(given, Iterable):
        found = tuple(given)
        if all(isinstance(one, str) for one in found):
            return found
    message = f"{name} must be a tuple of str, got {given!r}"
    raise InvalidArgumentError(message)


def one_of(name: str, given: Any, known: Sequence[str]) -> str:
    """Return an argument that must be one of a few words.

    Raises
    ------
    InvalidArgumentError
        If it is none of them.
    """
    if isinstance(given, str) and given in known:
        return given
    message = f"{name} must be one of {', '.join(known)}, got {given!r}"
    raise InvalidArgumentError(message)


def real(name: str, given: Any) -> float:
    """Return an argument that must be a number; a bool is none.

    Raises
    ------
    TypeError
        If it is none.
    """
    try:
        if isinstance(given, (bool, str, bytes)):
            raise TypeError
        return float(given)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"{name} must be a number: {given!r}"
        raise TypeError(message) from error


def seconds_of(name: str, given: float | datetime.timedelta, *, or_zero: bool = False) -> float:
    """Return a span of time, above 0 unless `or_zero`, in seconds.

    Raises
    ------
    InvalidArgumentError
        If it is neither a number of seconds nor a timedelta, or out of range.
    """
    if isinstance(given, datetime.timedelta):
        found = given.total_seconds()
    else:
        try:
            found = real(name, given)
        except TypeError:
            found = math.nan
    if math.isfinite(found) and (found > 0.0 or (or_zero and found == 0.0)):
        return found
    least = "0 seconds or more" if or_zero else "a positive number of seconds"
    message = f"{name} must be {least}, or a timedelta, got {given!r}"
    raise InvalidArgumentError(message)


def moment_us(name: str, moment: float | datetime.datetime) -> int:
    """Return a moment as microseconds of Unix time.

    Raises
    ------
    TypeError
        If it is neither a number nor a datetime.
    InvalidArgumentError
        If it is not finite, thousands of years away, or has no time zone.
    """
    given: Any = moment
    if isinstance(given, datetime.datetime):
        if given.tzinfo is None:
            message = f"{name} must have a time zone: {given!r}"
            raise InvalidArgumentError(message)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return (given - epoch) // datetime.timedelta(microseconds=1)
    try:
        found = real(name, given)
    except TypeError as error:
        message = f"{name} must be Unix seconds or a datetime, got {given!r}"
        raise TypeError(message) from error
    if not math.isfinite(found) or abs(found) > _FARTHEST_S:
        message = f"{name} must be finite Unix seconds within a few thousand years: {given!r}"
        raise InvalidArgumentError(message)
    return round((given if isinstance(given, int) else found) * 1_000_000)


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
