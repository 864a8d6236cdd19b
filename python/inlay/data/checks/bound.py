"""What a number is compared with: eight operators, one or two limits."""

from __future__ import annotations

import dataclasses
import decimal
import math
import numbers
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["OPERATORS", "Bound"]

OPERATORS = {
    "equals": "exactly {0}",
    "not_equals": "not {0}",
    "less_than": "less than {0}",
    "at_most": "at most {0}",
    "greater_than": "more than {0}",
    "at_least": "at least {0}",
    "between": "between {0} and {1}",
    "not_between": "not between {0} and {1}",
}
"""The operators by keyword, and how each reads."""


def _limit(operator: str, value: Any) -> int | float | decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, decimal.Decimal)):
        message = f"{operator} takes a number, got {value!r}"
        raise TypeError(message)
    if value.is_nan() if isinstance(value, decimal.Decimal) else math.isnan(value):
        message = f"{operator} takes a number that can be compared, got {value!r}"
        raise InvalidArgumentError(message)
    if isinstance(value, decimal.Decimal):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """An operator and its limits.

    Attributes
    ----------
    operator : str
        One of `OPERATORS`; both limits of ``between`` and ``not_between`` belong to the interval.
    limits : tuple of int, float or Decimal
        One, or two with the smaller first.

    Raises
    ------
    InvalidArgumentError
        If there is no such operator, a limit is NaN, the number of limits is wrong, or the first
        exceeds the second.
    TypeError
        If a limit is no number.

    Examples
    --------
    >>> bound = Bound("between", (1, 10))
    >>> bound.holds(10), bound.holds(11), bound.text("rows")
    (True, False, 'between 1 and 10 rows')
    """

    operator: str
    limits: tuple[int | float | decimal.Decimal, ...]

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            message = f"there is no such operator: {self.operator!r}"
            raise InvalidArgumentError(message)
        wanted = 2 if "between" in self.operator else 1
        if len(self.limits) != wanted:
            message = f"{self.operator} takes {wanted} limits, got {self.limits!r}"
            raise InvalidArgumentError(message)
        limits = tuple(_limit(self.operator, value) for value in self.limits)
        if wanted == 2 and limits[0] > limits[1]:
            message = (
                f"{self.operator} takes the smaller limit first, got {limits[0]} and {limits[1]}"
            )
            raise InvalidArgumentError(message)
        object.__setattr__(self, "limits", limits)

    @classmethod
    def of(cls, keywords: dict[str, Any], default: Bound | None) -> Bound:
        """Take the bound out of keyword arguments, of which at most one may be an operator."""
        given = [name for name in OPERATORS if name in keywords]
        if len(given) > 1:
            message = f"a check takes one bound, got {' and '.join(given)}"
            raise InvalidArgumentError(message)
        if not given:
            if default is None:
                message = f"a bound is missing: one of {', '.join(OPERATORS)}"
                raise InvalidArgumentError(message)
            return default
        (name,) = given
        value = keywords.pop(name)
        if "between" not in name:
            return cls(name, (value,))
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            message = f"{name} takes two limits, got {value!r}"
            raise TypeError(message)
        return cls(name, tuple(value))

    @property
    def is_zero(self) -> bool:
        """Whether it allows no failing row."""
        return self.operator in ("at_most", "equals") and self.limits[0] == 0

    def holds(self, value: Any) -> bool:
        """Return whether a number is within the bound; whole and decimal ones exactly."""
        first, *others = self.limits
        last = others[0] if others else first
        if isinstance(value, decimal.Decimal):
            # A float that meets decimals means the digits it is written with.
            first, last = (decimal.Decimal(str(v)) for v in (first, last))
        match self.operator:
            case "equals":
                return bool(value == first)
            case "not_equals":
                return bool(value != first)
            case "less_than":
                return bool(value < first)
            case "at_most":
                return bool(value <= first)
            case "greater_than":
                return bool(value > first)
            case "at_least":
                return bool(value >= first)
            case "between":
                return bool(first <= value <= last)
            case _:
                return not first <= value <= last

    def text(self, unit: str = "") -> str:
        """Return the bound in words, such as ``"at most 0 rows"``."""
        shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in self.limits]
        words = OPERATORS[self.operator].format(*shown)
        return f"{words} {unit}" if unit else words
