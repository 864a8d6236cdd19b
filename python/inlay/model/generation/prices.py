"""What tokens cost, by a table that the user gives."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["ANY_MODEL", "Prices", "prices_of"]

ANY_MODEL = "*"
"""The entry of models that have none of their own."""

Prices = tuple[float, float, float, float]
"""Of one token: of the prompt, of the output, cached, of reasoning."""

_KINDS = ("input", "output", "cached", "reasoning")
_TABLE_UNIT = 1e6  # tables are per so many tokens


def prices_of(table: Mapping[str, Mapping[str, float]] | None) -> dict[str, Prices]:
    """Return the prices of one token by model.

    Parameters
    ----------
    table : mapping of str to mapping of str to float
        By model the prices per 1e6 tokens: ``input`` and ``output``, and where they differ
        ``cached`` (else as input) and ``reasoning`` (else as output).

    Raises
    ------
    TypeError
        If it is no such mapping.
    InvalidArgumentError
        If a price is negative, not finite, unknown or missing.
    """
    if table is None:
        return {}
    return {_name(model): _of_model(model, prices) for model, prices in _items("prices", table)}


def _items(what: str, table: Any) -> list[tuple[Any, Any]]:
    if not isinstance(table, Mapping):
        message = f"{what} must be a mapping: {table!r}"
        raise TypeError(message)
    return list(table.items())


def _name(model: Any) -> str:
    if not isinstance(model, str):
        message = f"prices are by the name of a model, a str: {model!r}"
        raise TypeError(message)
    return model


def _of_model(model: str, prices: Any) -> Prices:
    given: dict[str, float] = {}
    for kind, price in _items(f"the prices of {model!r}", prices):
        if kind not in _KINDS:
            message = f"prices of {model!r} are {', '.join(_KINDS)}, not {kind!r}"
            raise InvalidArgumentError(message)
        if isinstance(price, bool) or not isinstance(price, (int, float)):
            message = f"the price {kind!r} of {model!r} must be a number: {price!r}"
            raise TypeError(message)
        if not (price >= 0 and isfinite(price)):
            message = f"the price {kind!r} of {model!r} must be finite and at least 0: {price!r}"
            raise InvalidArgumentError(message)
        given[kind] = price / _TABLE_UNIT
    for kind in ("input", "output"):
        if kind not in given:
            message = f"the prices of {model!r} lack {kind!r}: {prices!r}"
            raise InvalidArgumentError(message)
    given.setdefault("cached", given["input"])
    given.setdefault("reasoning", given["output"])
    return given["input"], given["output"], given["cached"], given["reasoning"]
