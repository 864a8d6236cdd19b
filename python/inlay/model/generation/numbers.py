"""Numbers that are checked alike wherever a stream of generations takes them."""

from __future__ import annotations

from math import inf, isnan
from typing import Any

__all__ = ["count_fault_of", "fault_of", "number_of"]


def number_of(field: str, value: Any) -> float:
    """Return an argument as a number.

    Raises
    ------
    TypeError
        If it is none.
    """
    try:
        if isinstance(value, (str, bytes)):  # float() would read them
            raise TypeError
        return float(value)
    except OverflowError:
        return inf
    except (TypeError, ValueError) as error:
        message = f"{field} must be a number: {value!r}"
        raise TypeError(message) from error


def fault_of(field: str, value: Any) -> str | None:
    """Return why a number is not at least 0 and finite; None if it is.

    Raises
    ------
    TypeError
        If it is no number.
    """
    number = number_of(field, value)
    if isnan(number):
        return "nan"
    if number < 0.0:
        return "negative"
    return "infinite" if number == inf else None


def count_fault_of(field: str, value: Any) -> str | None:
    """Return why a number is no count; None if it is.

    Raises
    ------
    TypeError
        If it is no number.
    """
    fault = fault_of(field, value)
    if fault is None and not number_of(field, value).is_integer():
        return "not_whole"
    return fault
