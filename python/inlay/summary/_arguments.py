"""Checks of what summaries are made with and asked for."""

from __future__ import annotations

from operator import index


def whole(name: str, value: int, limit: int) -> int:
    """Return an integer from 0 to below the limit, so that the core can take it as unsigned."""
    try:
        value = index(value)
    except TypeError:
        message = f"{name} must be a whole number, got {type(value).__name__}: {value!r}"
        raise TypeError(message) from None
    if not 0 <= value < limit:
        from inlay._exceptions import InvalidArgumentError

        message = f"{name} must lie within 0 to {limit - 1}: {value}"
        raise InvalidArgumentError(message)
    return value
