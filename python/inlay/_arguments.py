"""Arguments that are checked alike wherever they are taken."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Iterable
from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = [
    "at_least",
    "callable_or_none",
    "flag",
    "moment_us",
    "number_between",
    "observer_given",
    "one_or_more",
    "path_text",
    "with_methods",
]


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
    if isinstance(number, (bool, str, bytes)) or not hasattr(number, "__float__"):
        message = f"{name} must be a number: {number!r}"
        raise TypeError(message)
    found = float(number)
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
