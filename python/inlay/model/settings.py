"""Settings that a model's classes share, checked: whole numbers, and what series are called."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["checked_attributes", "checked_name", "checked_number"]


def checked_number(what: str, number: Any, *, least: int | None = None) -> int:
    """Return a whole number that is not below the least.

    Raises
    ------
    TypeError
        If it is none.
    InvalidArgumentError
        If it is too small.
    """
    if type(number) is bool or not isinstance(number, Integral):
        message = f"{what} must be an int: {number!r}"
        raise TypeError(message)
    if least is not None and number < least:
        message = f"{what} must be at least {least}: {number}"
        raise InvalidArgumentError(message)
    return int(number)


def checked_name(name: Any) -> str:
    """Return what metrics begin with.

    Raises
    ------
    TypeError
        If it is no text.
    InvalidArgumentError
        If it is empty.
    """
    if not isinstance(name, str):
        message = f"name must be a str: {name!r}"
        raise TypeError(message)
    if not name:
        message = f"name must not be empty: {name!r}"
        raise InvalidArgumentError(message)
    return name


def checked_attributes(
    attributes: Mapping[str, str] | None, *, taken: Collection[str] = ()
) -> dict[str, str]:
    """Return a copy of a series' attributes.

    Raises
    ------
    TypeError
        If a name or a value is no text.
    InvalidArgumentError
        If a name is one that the series have anyway.
    """
    copied = dict(attributes or {})
    _core.canonical_json(copied)  # refuses what is no text
    for one in taken:
        if one in copied:
            message = f"the attribute {one!r} is set for each series: {copied[one]!r}"
            raise InvalidArgumentError(message)
    return copied
