"""Arguments that are checked alike wherever they are taken."""

from __future__ import annotations

from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["at_least"]


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
