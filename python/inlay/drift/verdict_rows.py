"""Rows of ``verdicts`` about rows of ``points``, made column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inlay.points import VERDICTS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NO", "SUBJECT", "UNDEFINED", "YES", "verdict_rows"]

YES, NO, UNDEFINED = "yes", "no", "undefined"

SUBJECT = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "origin",
    "series_id",
    "layer",
    "metric",
    "attrs",
    "resource",
)
"""Columns that a verdict takes from the row it is about."""


def verdict_rows(
    points: pa.Table,
    rows: Any = None,
    *,
    judge: str,
    judge_version: str,
    scope: str,
    method: str | pa.Array,
    verdict: Any,
    **given: Any,
) -> pa.Table:
    """Make a verdict for each of some rows of points.

    Parameters
    ----------
    points : pyarrow.Table
        With the columns of `SUBJECT`.
    rows : array-like of int, shape (n,), optional
        Which rows, in the order of the verdicts; all by default.
    judge, judge_version, scope : str
        Of all verdicts.
    method : str or array of str
        Of all, or of each.
    verdict : array-like of str, shape (n,)
        ``"yes"``, ``"no"`` or ``"undefined"``.
    **given
        Further columns of ``verdicts``: a scalar for all, or an array-like of shape (n,). In an
        array of floats NaN means that there is none; None is null.

    Returns
    -------
    pyarrow.Table
        In the schema of ``verdicts``, but for text that is a dictionary in `points`, which stays
        one.
    """
    import pyarrow as pa

    from inlay.table import arrow_schema

    schema = arrow_schema("verdicts")
    subject = points.select(list(SUBJECT))
    if rows is not None:
        subject = subject.take(pa.array(rows, pa.int64()))
    length = subject.num_rows
    values: dict[str, Any] = {name: subject.column(name) for name in SUBJECT}
    given = {
        **given,
        "judge": judge,
        "judge_version": judge_version,
        "scope": scope,
        "method": method,
        "verdict": verdict,
    }
    for name, value in given.items():
        values[name] = _column(value, schema.field(name), length)
    arrays, fields = [], []
    for column in VERDICTS:
        field = schema.field(column.name)
        array = values.get(column.name)
        if array is None:
            array = pa.nulls(length, field.type)
        elif array.type != field.type and pa.types.is_dictionary(array.type):
            field = field.with_type(array.type)
        elif array.type != field.type:
            array = array.cast(field.type)
        arrays.append(array)
        fields.append(field)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _column(value: Any, field: pa.Field, length: int) -> Any:
    import pyarrow as pa

    if value is None:
        return None
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value
    if isinstance(value, (str, int, float)):
        return pa.repeat(pa.scalar(value, field.type), length)
    if isinstance(value, Sequence):
        return pa.array(value, field.type)
    if value.dtype.kind == "f":
        return pa.array(value, field.type, from_pandas=True)  # NaN: there is none
    return pa.array(value).cast(field.type)
