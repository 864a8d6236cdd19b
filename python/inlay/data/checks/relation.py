"""Cross-column: what the values of a row, or of two tables, owe each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.completeness import list_of
from inlay.data.checks.measure import (
    Context,
    NativeRule,
    PythonMeasure,
    RowMeasure,
    UnfitError,
    register,
)
from inlay.data.checks.native_values import RANGED, TEMPORAL, number_of, rounded
from inlay.data.checks.row_rule import parse_rule
from inlay.data.checks.validity import set_step

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow

    from inlay.data.checks.row_rule import RowRule
    from inlay.data.columns import Column

__all__ = ["foreign_key", "rule", "sums"]

_KEYS = frozenset(("text", "binary", "boolean", "integer", "unsigned", "decimal", "null"))
_KEYS |= TEMPORAL
_NUMBERS = frozenset(("integer", "unsigned", "float", "decimal", "null"))


def rule(expression: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows for which an expression over their columns is false.

    Parameters
    ----------
    expression : str
        Column names (in back-quotes where they are no identifiers), numbers, texts in quotes,
        ``true``, ``false``; ``and``, ``or``, ``not``; ``<``, ``<=``, ``==``, ``!=``, ``>``,
        ``>=``; ``+``, ``-``, ``*``, ``/``; ``abs()``, ``len()``; ``is null``, ``is not null``;
        ``in (…)``, ``not in (…)``. A text set against a time is ISO 8601.
    **options
        A bound of the number of such rows (``at_most=0`` if none), ``unit`` (``"rows"`` or
        ``"percent"`` of all rows), ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If the expression is anything else. It is parsed, never run as code.

    Notes
    -----
    As with SQL's CHECK a rule that a null leaves open is kept: ``a < b`` is violated only where
    both are there. NaN compares false with everything but ``!=``. Integers that overflow on the
    way make the number undefined.

    Examples
    --------
    >>> import inlay
    >>> from inlay import checks
    >>> contract = inlay.Contract([checks.rule("end >= start and amount > 0")])
    >>> contract.check({"start": [1, 5, 7], "end": [2, 4, None], "amount": [9, 9, 9]}).failing_rows
    [1]
    """
    parsed = parse_rule(expression)
    return _rows_check("rule", parsed.columns, {"expression": expression}, options)


def foreign_key(column: str, /, values: Iterable[Any], **options: Unpack[Options]) -> Check:
    """Count the rows whose value is no key of another table.

    Parameters
    ----------
    column : str
        Its path; null refers to nothing and is passed over.
    values : iterable
        The keys: an Arrow, numpy or pandas column, or any iterable.
    **options
        As for `rule`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If `values` is a single text.
    """
    found = [value for value in list_of(values, "foreign_key") if value is not None]
    return _rows_check("foreign_key", (column,), {"values": found}, options)


def sums(
    total: str, parts: Iterable[str], /, *, tolerance: float = 0, **options: Unpack[Options]
) -> Check:
    """Count the rows whose total differs from the sum of its parts.

    Parameters
    ----------
    total : str
        The path of the total.
    parts : iterable of str
        Those of the parts; a row with any null is passed over.
    tolerance : float
        By how much they may differ.
    **options
        As for `rule`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If there is no part, or the tolerance is negative or not finite.
    """
    if isinstance(parts, str):
        message = f"sums takes a list of columns, got {parts!r}"
        raise InvalidArgumentError(message)
    columns = tuple(parts)
    if not columns:
        message = f"sums needs at least one part, got none for {total!r}"
        raise InvalidArgumentError(message)
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)):
        message = f"sums: tolerance is a number, got {tolerance!r}"
        raise TypeError(message)
    if not 0 <= tolerance < float("inf"):
        message = f"sums: tolerance is finite and at least 0, got {tolerance!r}"
        raise InvalidArgumentError(message)
    return _rows_check("sums", (total, *columns), {"tolerance": tolerance}, options)


def _rows_check(kind: str, columns: Iterable[str], parameters: Any, options: Options) -> Check:
    return new_check(kind, columns, parameters, options, unit="rows", default=NO_FAILURES)


@register("foreign_key", "cross-column", _KEYS)
def _foreign_key(check: Check, columns: tuple[Column, ...], context: Context) -> NativeRule:  # noqa: ARG001
    return set_step(check, columns[0], "set")


@register("rule", "cross-column")
def _rule(check: Check, columns: tuple[Column, ...], context: Context) -> Any:
    import pyarrow as pa

    parsed = parse_rule(check.parameters["expression"])
    by_path = {column.path: column for column in columns}
    native = _native_comparison(parsed, by_path)
    empty = context.arrow_schema.empty_table().combine_chunks().to_batches()
    batch = empty[0] if empty else pa.RecordBatch.from_pylist([], context.arrow_schema)

    def holds(batch: pyarrow.RecordBatch) -> Any:
        return parsed.evaluate(lambda path: by_path[path].array(batch), batch.num_rows)

    try:
        holds(batch)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        why = str(error).splitlines()[0]
        types = ", ".join(f"{column.path} is {column.type}" for column in columns)
        message = f"{why} ({types})"
        raise UnfitError(message) from None
    if native is not None:
        return native

    def fails(batch: pyarrow.RecordBatch) -> Any:
        import pyarrow.compute as pc

        return pc.invert(holds(batch))

    return PythonMeasure(lambda max_rows: RowMeasure(fails, max_rows))


def _native_comparison(parsed: RowRule, columns: dict[str, Column]) -> NativeRule | None:
    """Return the native rule for one comparison of numbers or times, None for what is more."""
    simple = parsed.simple()
    if simple is None:
        return None
    path, operator, (sort, other) = simple
    column = columns[path]
    if column.kind not in RANGED - {"null"}:
        return None
    if sort == "column":
        second = columns[other]
        # Times of one unit, and numbers; what mixes the two is pyarrow's to convert or refuse.
        alike = column.type == second.type or {column.kind, second.kind} <= {
            "integer",
            "unsigned",
            "float",
        }
        if not alike:
            return None
        return NativeRule("compare", path, {"op": operator, "other": second.path})
    if isinstance(other, bool) or (isinstance(other, str) != (column.kind in TEMPORAL)):
        return None
    other = rounded(other, column)
    number = number_of(other, column)
    if isinstance(number, float) or number.denominator != 1:
        if column.kind != "float" or not isinstance(other, float):
            return None
        return NativeRule("compare", path, {"op": operator, "value": float(other)})
    value: Any = float(number) if column.kind == "float" else int(number)
    if value != number or not -(2**63) <= value < 2**63:
        return None
    return NativeRule("compare", path, {"op": operator, "value": value})


@register("sums", "cross-column", _NUMBERS)
def _sums(check: Check, columns: tuple[Column, ...], context: Context) -> Any:  # noqa: ARG001
    total, *parts = columns
    tolerance = check.parameters["tolerance"]
    if all(c.type == total.type for c in parts) or all(c.kind != "decimal" for c in columns):
        native = {"parts": [part.path for part in parts], "tolerance": tolerance}
        return NativeRule("sums", total.path, native)

    def fails(batch: pyarrow.RecordBatch) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        arrays = [column.array(batch) for column in (total, *parts)]
        arrays = [
            array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            for array in arrays
        ]
        if any(pa.types.is_null(array.type) for array in arrays):
            return pa.nulls(batch.num_rows, pa.bool_())
        if not all(pa.types.is_decimal(a.type) or pa.types.is_integer(a.type) for a in arrays):
            arrays = [array.cast(pa.float64(), safe=False) for array in arrays]
        added = arrays[1]
        for array in arrays[2:]:
            added = pc.add_checked(added, array)
        difference = pc.abs_checked(pc.subtract_checked(arrays[0], added))
        if pa.types.is_decimal(difference.type):
            difference = difference.cast(pa.float64())
        # Not "greater": what is NaN differs.
        return pc.invert(pc.less_equal(difference, tolerance))

    return PythonMeasure(lambda max_rows: RowMeasure(fails, max_rows))
