"""Schema: whether the columns are those agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.measure import Context, Fixed, Measured, register
from inlay.data.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.data.columns import Column

__all__ = ["LOGICAL_TYPES", "column_types", "schema"]

LOGICAL_TYPES: dict[str, frozenset[str]] = {
    "string": frozenset(("text",)),
    "date": frozenset(("date",)),
    "timestamp": frozenset(("timestamp",)),
    "time": frozenset(("time",)),
    "number": frozenset(("float", "decimal", "integer", "unsigned")),
    "integer": frozenset(("integer", "unsigned")),
    "object": frozenset(("struct",)),
    "array": frozenset(("list",)),
    "map": frozenset(("list",)),
    "boolean": frozenset(("boolean",)),
}
"""The logical types of the Open Data Contract Standard, and the kinds of column that are such."""

_MAX_SHOWN = 20


def schema(expected: object, /, *, allow: str = "compatible", **options: Unpack[Options]) -> Check:
    """Count the changes of the schema that are not allowed.

    Parameters
    ----------
    expected : Schema or object
        What is agreed on; anything `Schema.of` takes.
    allow : {"compatible", "nothing"}
        Whether changes are allowed that a reader of the expected schema does not notice.
    **options
        A bound (``at_most=0`` if none), ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If `allow` is neither.

    Examples
    --------
    >>> import inlay
    >>> from inlay import checks
    >>> expected = inlay.Schema.of({"id": [1], "name": ["a"]})
    >>> report = inlay.Contract([checks.schema(expected)]).check({"id": [1.5], "name": ["b"]})
    >>> report.results[0].passed, report.results[0].reason
    (False, 'id: type changed from int64 to float64 (breaking)')
    """
    if allow not in ("compatible", "nothing"):
        message = f"schema: allow must be 'compatible' or 'nothing', got {allow!r}"
        raise InvalidArgumentError(message)
    parameters = {"expected": Schema.of(expected), "allow": allow}
    return new_check("schema", (), parameters, options, default=NO_FAILURES)


def column_types(types: Mapping[str, str], /, **options: Unpack[Options]) -> Check:
    """Count the columns that are absent or not of the logical type agreed on.

    Parameters
    ----------
    types : mapping of str to str
        The logical type of each column: ``"string"``, ``"integer"``, ``"number"``, ``"boolean"``,
        ``"date"``, ``"timestamp"``, ``"time"``, ``"array"``, ``"map"`` or ``"object"``; empty for
        any.
    **options
        As for `schema`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If a type is none of these.
    """
    for column, name in types.items():
        if name and name not in LOGICAL_TYPES:
            message = f"column_types: {name!r} of column {column!r} is no logical type"
            raise InvalidArgumentError(message)
    return new_check("column_types", (), {"types": dict(types)}, options, default=NO_FAILURES)


def _reason(texts: list[str]) -> str | None:
    more = len(texts) - _MAX_SHOWN
    return "; ".join([*texts[:_MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]) or None


@register("schema", "schema")
def _schema(check: Check, columns: tuple[Column, ...], context: Context) -> Fixed:  # noqa: ARG001
    changes = check.parameters["expected"].diff(context.schema)
    if check.parameters["allow"] == "compatible":
        changes = [change for change in changes if not change.compatible]
    return Fixed(Measured(len(changes), reason=_reason([str(change) for change in changes])))


@register("column_types", "schema")
def _column_types(check: Check, columns: tuple[Column, ...], context: Context) -> Fixed:  # noqa: ARG001
    wrong = []
    fields = {field.name: field for field in context.schema}
    for name, logical in check.parameters["types"].items():
        field = fields.get(name)
        if field is None:
            wrong.append(f"there is no column {name!r}")
        elif logical and field.kind != "null" and field.kind not in LOGICAL_TYPES[logical]:
            wrong.append(f"column {name!r} is {field.type}, no {logical}")
    return Fixed(Measured(len(wrong), reason=_reason(wrong)))
