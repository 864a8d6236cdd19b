"""Numbers of a state that was kept somewhere: what they must be before they are used."""

from __future__ import annotations

from typing import Any

__all__ = ["integer", "integer_or_none"]

# Sums of two of them do not overflow 64 bits.
_FARTHEST = 1 << 62


def integer(value: Any) -> int:
    """Return an integer that is one.

    Raises
    ------
    ValueError
        If it is another thing, or beyond 62 bits.
    """
    if type(value) is not int or not -_FARTHEST <= value <= _FARTHEST:
        message = f"an integer: {value!r}"
        raise ValueError(message)
    return value


def integer_or_none(value: Any) -> int | None:
    """Return an integer that is one, or None."""
    return None if value is None else integer(value)
