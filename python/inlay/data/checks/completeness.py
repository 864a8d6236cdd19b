"""Completeness: values that are not there, or stand for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.measure import Context, NativeRule, register
from inlay.data.checks.native_values import value_type_fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inlay.data.columns import Column

__all__ = ["missing", "nulls"]


def nulls(column: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows whose value is null.

    Parameters
    ----------
    column : str
        Its path.
    **options
        A bound (``at_most=0`` if none), ``unit`` (``"rows"`` or ``"percent"`` of all rows),
        ``name``, ``description`` and ``severity``, as for every check.

    Returns
    -------
    Check

    Examples
    --------
    >>> from inlay import checks
    >>> checks.nulls("age", at_most=1, unit="percent")
    <check nulls(age): at most 1 percent>
    """
    return new_check("nulls", (column,), {}, options, unit="rows", default=NO_FAILURES)


def missing(column: str, /, *, values: Iterable[Any], **options: Unpack[Options]) -> Check:
    """Count the rows whose value is null or one that stands for nothing, such as ``"n/a"``.

    Parameters
    ----------
    column : str
        Its path.
    values : iterable
        What stands for nothing, beside null.
    **options
        As for `nulls`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If `values` is a single text.
    """
    return new_check(
        "missing",
        (column,),
        {"values": list_of(values, "missing")},
        options,
        unit="rows",
        default=NO_FAILURES,
    )


def list_of(values: Iterable[Any], kind: str) -> list[Any]:
    """Return the values of a set as a list; an Arrow array gives Python values."""
    if isinstance(values, (str, bytes)):
        message = f"{kind} takes a list of values, got {values!r}"
        raise InvalidArgumentError(message)
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    elif hasattr(values, "tolist"):
        values = values.tolist()
    found = list(values)
    for value in found:
        if isinstance(value, float) and value != value:
            message = f"{kind}: NaN equals nothing, so no list of values can hold it: {value!r}"
            if kind != "foreign_key":
                message += "; use finite()"
            raise InvalidArgumentError(message)
    return found


@register("nulls", "completeness")
def _nulls(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("null", columns[0].path, {})


@register("missing", "completeness")
def _missing(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    column = columns[0]
    values = [value for value in check.parameters["values"] if value is not None]
    if column.kind == "null" or not values:
        return NativeRule("null", column.path, {})
    return NativeRule("missing", column.path, {"values": value_type_fits(values, column)})
