"""Arguments that are checked alike wherever they are taken."""

from __future__ import annotations

import datetime
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = [
    "LAYERS",
    "at_least",
    "callable_or_none",
    "check_order",
    "flag",
    "moment_us",
    "non_empty",
    "number_between",
    "observer_given",
    "one_of",
    "one_or_more",
    "optional_text",
    "path_text",
    "real",
    "seconds_of",
    "text",
    "texts",
    "with_methods",
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


def number_between(
    name: str,
    number: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: float | None = None,
) -> float:
    """Return an argument that must be a finite number, not below `least` and not over `most`.

    Parameters
    ----------
    name : str
        Of the argument.
    number : float
        What was given; numpy's numbers are taken too.
    least, most : float
        The bounds, which are allowed.
    above : float, optional
        Instead of `least`: a bound that is not allowed.

    Raises
    ------
    InvalidArgumentError
        If it is out of range, NaN or infinite.
    TypeError
        If it is no number; a bool is none, and neither is a text.
    """
    found = real(name, number)
    low = least if above is None else above
    if math.isfinite(found) and found <= most and (found >= low if above is None else found > low):
        return found
    bounds = []
    if low > -math.inf:
        bounds.append(f"{'at least' if above is None else 'above'} {low:g}")
    if most < math.inf:
        bounds.append(f"at most {most:g}")
    message = f"{name} must be {' and '.join(bounds) or 'finite'}: {number!r}"
    raise InvalidArgumentError(message)


def flag(name: str, given: Any) -> bool:
    """Return an argument that must be True or False.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(given, bool):
        message = f"{name} must be True or False: {given!r}"
        raise TypeError(message)
    return given


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


def non_empty(name: str, given: Any) -> str:
    """Return an argument that must be a text, and not an empty one.

    Raises
    ------
    TypeError
        If it is no text.
    InvalidArgumentError
        If it is empty.
    """
    found = text(name, given)
    if not found:
        message = f"{name} must not be empty: {given!r}"
        raise InvalidArgumentError(message)
    return found


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


def one_or_more(name: str, given: Any) -> tuple[str, ...]:
    """Return an argument that must be several texts; a single one is one of them.

    Raises
    ------
    TypeError
        If it cannot be gone through, or something in it is no text.
    """
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable):
        message = f"{name} must be texts: {given!r}"
        raise TypeError(message)
    found = tuple(given)
    for one in found:
        if not isinstance(one, str):
            message = f"{name} must be texts: {one!r}"
            raise TypeError(message)
    return found


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


def path_text(name: str, given: Any) -> str:
    """Return an argument that must be a path, as text.

    Raises
    ------
    TypeError
        If it is none.
    """
    try:
        return os.fsdecode(given)
    except TypeError as error:
        message = f"{name} must be a path: {given!r}"
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


def callable_or_none(name: str, given: Any) -> None:
    """Look whether an argument can be called, if there is one.

    Raises
    ------
    TypeError
        If it cannot.
    """
    if given is not None and not callable(given):
        message = f"{name} must be callable: {given!r}"
        raise TypeError(message)


def with_methods(name: str, given: Any, *methods: str) -> None:
    """Look whether an argument is an object, not a class, with these methods.

    Raises
    ------
    TypeError
        If it is not.
    """
    for method in methods:
        if isinstance(given, type) or not callable(getattr(given, method, None)):
            message = f"{name} must be an object with the methods {', '.join(methods)}: {given!r}"
            raise TypeError(message)


def observer_given(given: Any) -> None:
    """Look whether an argument is an observer, or a no-op in its place.

    Raises
    ------
    TypeError
        If it is not.
    """
    if isinstance(given, type) or not isinstance(getattr(given, "enabled", None), bool):
        message = f"observer must be an inlay.Observer: {given!r}"
        raise TypeError(message)
