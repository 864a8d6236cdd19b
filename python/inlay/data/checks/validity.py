"""Validity: values that are there but may not be."""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING, Any, Unpack

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.completeness import list_of
from inlay.data.checks.measure import Context, NativeRule, PythonMeasure, RowMeasure, register
from inlay.data.checks.native_values import RANGED, range_parameters, value_type_fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow

    from inlay.data.columns import Column

__all__ = [
    "finite",
    "in_range",
    "in_set",
    "length",
    "matches",
    "monotonic",
    "not_in_set",
    "unique",
    "utf8",
]

_LISTED = frozenset(("text", "binary", "boolean", "integer", "unsigned", "float", "decimal"))
_LISTED |= frozenset(("date", "time", "timestamp", "duration", "null"))
_MAX_PATTERN = 10_000


def _rows_check(kind: str, columns: Iterable[str], parameters: Any, options: Options) -> Check:
    return new_check(kind, columns, parameters, options, unit="rows", default=NO_FAILURES)


def in_range(
    column: str,
    /,
    minimum: Any = None,
    maximum: Any = None,
    *,
    exclusive_minimum: Any = None,
    exclusive_maximum: Any = None,
    **options: Unpack[Options],
) -> Check:
    """Count the rows whose value lies outside a range. NaN lies outside any.

    Parameters
    ----------
    column : str
        Its path: numbers, decimals, dates, times, timestamps or durations.
    minimum, maximum : number, Decimal, date, datetime, time, timedelta or str, optional
        The limits, which belong to the range. A text is ISO 8601, or the digits of a decimal.
        Compared exactly, whatever the type of the column; durations also take seconds.
    exclusive_minimum, exclusive_maximum : optional
        Limits that do not belong to it.
    **options
        A bound of the number of such rows (``at_most=0`` if none), ``unit`` (``"rows"`` or
        ``"percent"`` of all rows), ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If no limit is given, two for one side, or the smaller exceeds the larger.

    Notes
    -----
    Null is not in question here: `nulls` counts it. So for all checks of this family.

    Examples
    --------
    >>> import inlay
    >>> from inlay import checks
    >>> contract = inlay.Contract([checks.in_range("age", 0, 150)])
    >>> contract.check({"age": [31, None, 212]}).failing_rows
    [2]
    """
    limits = {
        "minimum": minimum,
        "maximum": maximum,
        "exclusive_minimum": exclusive_minimum,
        "exclusive_maximum": exclusive_maximum,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    if not given:
        message = f"in_range needs a limit, got none for column {column!r}"
        raise InvalidArgumentError(message)
    for side in ("minimum", "maximum"):
        if side in given and f"exclusive_{side}" in given:
            message = f"in_range takes one {side}, got {given[side]!r} and "
            raise InvalidArgumentError(message + repr(given[f"exclusive_{side}"]))
    for name, value in given.items():
        if isinstance(value, (float, decimal.Decimal)) and value != value:
            message = f"in_range: {name} must be comparable, got {value!r}"
            raise InvalidArgumentError(message)
        if isinstance(value, bool) or not isinstance(value, _LIMITS):
            message = f"in_range: {name} is a number, a time or a text, got {value!r}"
            raise TypeError(message)
    _check_order(given)
    return _rows_check("in_range", (column,), given, options)


_LIMITS = (
    int,
    float,
    str,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
)


def _check_order(given: dict[str, Any]) -> None:
    low = given.get("minimum", given.get("exclusive_minimum"))
    high = given.get("maximum", given.get("exclusive_maximum"))
    if low is None or high is None or isinstance(low, str) != isinstance(high, str):
        return
    try:
        wrong = low > high
    except TypeError:
        message = f"in_range takes limits of one type, got {low!r} and {high!r}"
        raise InvalidArgumentError(message) from None
    if wrong and not isinstance(low, str):
        message = f"in_range: the minimum exceeds the maximum: {low!r} > {high!r}"
        raise InvalidArgumentError(message)


def in_set(column: str, /, values: Iterable[Any], **options: Unpack[Options]) -> Check:
    """Count the rows whose value is none of a set.

    Parameters
    ----------
    column : str
        Its path.
    values : iterable
        The set: texts, numbers, booleans, dates …, of the column's type.
    **options
        As for `in_range`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If `values` is empty, a single text, or holds NaN.
    """
    return _set_check("in_set", column, values, options)


def not_in_set(column: str, /, values: Iterable[Any], **options: Unpack[Options]) -> Check:
    """Count the rows whose value is one of a set.

    Parameters
    ----------
    column, values, **options
        As for `in_set`.

    Returns
    -------
    Check
    """
    return _set_check("not_in_set", column, values, options)


def _set_check(kind: str, column: str, values: Iterable[Any], options: Options) -> Check:
    found = [value for value in list_of(values, kind) if value is not None]
    if not found:
        message = f"{kind} needs at least one value, got {values!r}"
        raise InvalidArgumentError(message)
    return _rows_check(kind, (column,), {"values": found}, options)


def matches(column: str, /, pattern: str, **options: Unpack[Options]) -> Check:
    """Count the rows whose text has no match of a regular expression.

    Parameters
    ----------
    column : str
        Its path: text. Of a dictionary each value is matched once.
    pattern : str
        In RE2's syntax: no look-ahead and no back-references, hence linear in the text. It may
        match anywhere: ``^`` and ``$`` tie it to the ends.
    **options
        As for `in_range`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If it is no such pattern.
    """
    if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN:
        message = f"matches takes a pattern of at most {_MAX_PATTERN} characters, got {pattern!r}"
        raise InvalidArgumentError(message[:300])
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        message = f"matches: {str(error).splitlines()[0]}: {pattern!r}"
        raise InvalidArgumentError(message) from None
    return _rows_check("matches", (column,), {"pattern": pattern}, options)


def length(
    column: str,
    /,
    minimum: int | None = None,
    maximum: int | None = None,
    **options: Unpack[Options],
) -> Check:
    """Count the rows whose value is too short or too long.

    Parameters
    ----------
    column : str
        Its path: text in characters (code points), binary in bytes, lists in items.
    minimum, maximum : int, optional
        The limits, both allowed.
    **options
        As for `in_range`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If no limit is given, one is negative, or the smaller exceeds the larger.
    """
    given = {}
    for name, value in (("minimum", minimum), ("maximum", maximum)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            message = f"length: {name} is a whole number from 0, got {value!r}"
            raise InvalidArgumentError(message)
        given[name] = value
    if not given:
        message = f"length needs a limit, got none for column {column!r}"
        raise InvalidArgumentError(message)
    if minimum is not None and maximum is not None and minimum > maximum:
        message = f"length: the minimum exceeds the maximum: {minimum} > {maximum}"
        raise InvalidArgumentError(message)
    return _rows_check("length", (column,), given, options)


def utf8(column: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows whose bytes are no UTF-8.

    Parameters
    ----------
    column : str
        Its path: text, whose producer may have broken its promise, or binary.
    **options
        As for `in_range`.

    Returns
    -------
    Check
    """
    return _rows_check("utf8", (column,), {}, options)


def unique(column: str, /, *columns: str, **options: Unpack[Options]) -> Check:
    """Count the rows whose values were seen in an earlier row.

    Parameters
    ----------
    column, *columns : str
        The paths of the columns that make the key. A key with a null in it equals none.
    **options
        As for `in_range`.

    Returns
    -------
    Check

    Notes
    -----
    The keys of one run are remembered, up to the contract's `max_keys`; beyond that the number is
    undefined, for it could only be guessed.
    """
    if len({column, *columns}) != 1 + len(columns):
        message = f"unique takes each column once, got {(column, *columns)!r}"
        raise InvalidArgumentError(message)
    return _rows_check("unique", (column, *columns), {}, options)


def monotonic(
    column: str,
    /,
    *,
    strict: bool = False,
    decreasing: bool = False,
    **options: Unpack[Options],
) -> Check:
    """Count the rows whose value is smaller than the one before.

    Parameters
    ----------
    column : str
        Its path: numbers or times. Nulls are passed over; NaN is in no order, so it fails.
    strict : bool
        Whether equal neighbours fail too.
    decreasing : bool
        Whether values are to fall instead.
    **options
        As for `in_range`.

    Returns
    -------
    Check
    """
    parameters = {"strict": bool(strict), "decreasing": bool(decreasing)}
    return _rows_check("monotonic", (column,), parameters, options)


def finite(column: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows whose number is NaN or infinite.

    Parameters
    ----------
    column : str
        Its path: floating-point numbers; others are always finite.
    **options
        As for `in_range`.

    Returns
    -------
    Check
    """
    return _rows_check("finite", (column,), {}, options)


@register("in_range", "validity", RANGED)
def _in_range(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("range", columns[0].path, range_parameters(columns[0], **check.parameters))


@register("in_set", "validity", _LISTED)
def _in_set(check: Check, columns: tuple[Column, ...], context: Context) -> Any:  # noqa: ARG001
    return set_step(check, columns[0], "set")


@register("not_in_set", "validity", _LISTED)
def _not_in_set(check: Check, columns: tuple[Column, ...], context: Context) -> Any:  # noqa: ARG001
    return set_step(check, columns[0], "not_in_set")


def set_step(check: Check, column: Column, rule: str) -> NativeRule:
    """Return the native rule for a set of values."""
    values = value_type_fits(check.parameters["values"], column)
    return NativeRule(rule, column.path, {"values": values})


@register("matches", "validity", frozenset(("text", "null")))
def _matches(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    import pyarrow as pa
    import pyarrow.compute as pc

    column, pattern = columns[0], check.parameters["pattern"]

    def fails(batch: pyarrow.RecordBatch) -> Any:
        array = column.array(batch)
        if pa.types.is_dictionary(array.type):
            matched = pc.match_substring_regex(_plain(array.dictionary), pattern)
            return pc.invert(matched.take(array.indices))
        return pc.invert(pc.match_substring_regex(_plain(array), pattern))

    return PythonMeasure(lambda max_rows: RowMeasure(fails, max_rows))


def _plain(array: pyarrow.Array) -> pyarrow.Array:
    """Return text in a layout that the kernels for text know; views are rewritten."""
    import pyarrow as pa

    return array.cast(pa.large_utf8()) if str(array.type) == "string_view" else array


@register("length", "validity", frozenset(("text", "binary", "list", "null")))
def _length(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    names = {"minimum": "min", "maximum": "max"}
    parameters = {names[name]: value for name, value in check.parameters.items()}
    return NativeRule("length", columns[0].path, parameters)


@register("utf8", "validity", frozenset(("text", "binary", "null")))
def _utf8(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("utf8", columns[0].path, {})


@register("unique", "validity", _LISTED)
def _unique(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("unique", columns[0].path, {"columns": [c.path for c in columns]})


@register("monotonic", "validity", RANGED)
def _monotonic(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("monotonic", columns[0].path, dict(check.parameters))


@register("finite", "validity", RANGED | frozenset(("boolean",)))
def _finite(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return NativeRule("finite", columns[0].path, {})
