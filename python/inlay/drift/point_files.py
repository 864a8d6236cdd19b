"""Rows of points out of Parquet files: what is wanted of them, in their types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.drift.keys import is_any
from inlay.points import POINTS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ANY_METRIC",
    "TEXTS",
    "cast_rows",
    "named_columns",
    "read_columns",
    "read_judged",
    "schema_of",
    "wanted_rows",
]

ANY_METRIC = "*"
"""Among wanted metrics: rows of its kinds, whatever their metric."""

TEXTS = ("layer", "metric", "kind", "attrs", "resource", "status", "reference_id")
"""Columns of points that are read as dictionaries."""

_REQUIRED = frozenset(column.name for column in POINTS if not column.nullable)


def read_judged(
    path: Path, wanted: Mapping[str, tuple[str, ...]], columns: tuple[str, ...]
) -> pa.Table:
    """Read the rows of some metrics and kinds; of row groups without any nothing is decoded."""
    return cast_rows(wanted_rows(read_columns(path, columns, wanted), wanted), columns, str(path))


def read_columns(
    path: Path, columns: tuple[str, ...], wanted: Mapping[str, tuple[str, ...]] | None = None
) -> pa.Table:
    """Read columns of the row groups that may hold some metrics and kinds, or of all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [name for name in TEXTS if name in columns]
    try:
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            _check_names(file.schema_arrow.names, columns, str(path))
            groups = [
                number
                for number in range(file.metadata.num_row_groups)
                if wanted is None or _may_hold(file.metadata.row_group(number), wanted)
            ]
            return file.read_row_groups(groups, columns=list(columns)).select(list(columns))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        message = f"{path} cannot be read: {error}"
        raise SerializationError(message) from error


def _may_hold(group: object, wanted: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell by the extremes of a row group, which is sorted by kind and metric, what it may hold."""
    kinds, metrics = _extremes(group, "kind"), _extremes(group, "metric")
    return any(
        (metric == ANY_METRIC or _lies_within(metrics, metric))
        and any(_lies_within(kinds, kind) for kind in some)
        for metric, some in wanted.items()
    )


def _lies_within(extremes: tuple[str, str] | None, text: str) -> bool:
    return extremes is None or extremes[0] <= text <= extremes[1]


def _extremes(group: object, name: str) -> tuple[str, str] | None:
    for number in range(group.num_columns):  # type: ignore[attr-defined]
        column = group.column(number)  # type: ignore[attr-defined]
        if column.path_in_schema == name:
            statistics = column.statistics
            if statistics is None or not statistics.has_min_max:
                return None
            return statistics.min, statistics.max
    return None


def wanted_rows(rows: pa.Table, wanted: Mapping[str, tuple[str, ...]]) -> pa.Table:
    """Return the rows of some metrics and kinds."""
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(rows.num_rows, bool)
    for metric, kinds in wanted.items():
        fits = is_any(rows["kind"], kinds)
        mask |= fits if metric == ANY_METRIC else fits & is_any(rows["metric"], (metric,))
    return rows if mask.all() else rows.filter(pa.array(mask))


def _check_names(found: Collection[str], columns: tuple[str, ...], where: str) -> None:
    for name in columns:
        if name not in found:
            message = f"{where}: points have a column that is not there: {name!r}"
            raise InvalidArgumentError(message)


def named_columns(rows: pa.Table, columns: tuple[str, ...], where: str) -> pa.Table:
    """Return some columns, in their order.

    Raises
    ------
    InvalidArgumentError
        If one is not there; the message says where.
    """
    _check_names(rows.column_names, columns, where)
    return rows.select(list(columns))


def schema_of(columns: tuple[str, ...]) -> pa.Schema:
    """Return the types of some columns of points, text as dictionaries."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    points = arrow_schema("points")
    text = pa.dictionary(pa.int32(), pa.utf8())
    return pa.schema(
        [pa.field(name, text if name in TEXTS else points.field(name).type) for name in columns]
    )


def cast_rows(rows: pa.Table, columns: tuple[str, ...], where: str) -> pa.Table:
    """Give columns the types of points, text as dictionaries; refuse forbidden nulls."""
    import pyarrow as pa

    made = []
    for field, column in zip(schema_of(columns), rows.columns, strict=True):
        if field.name in _REQUIRED and column.null_count:
            message = f"{where}: column {field.name!r} must not have nulls: {column.null_count}"
            raise InvalidArgumentError(message)
        try:
            if field.name in TEXTS and not pa.types.is_dictionary(column.type):
                column = column.cast(pa.utf8()).dictionary_encode()
            made.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowException as error:
            message = f"{where}: column {field.name!r} has another type: {column.type}"
            raise SerializationError(message) from error
    return pa.Table.from_arrays(made, schema=schema_of(columns))
