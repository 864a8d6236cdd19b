"""Rows that belong to no pane: the last of each kind, for people to look at."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["REASONS", "KeptApart"]

REASONS = ("too_late", "future", "missing")
"""Why a row belongs to no pane: beyond `lateness`, ahead of its arrival, or without a time."""

_MOST_ROWS = 1_000


class KeptApart:
    """Holds copies of the last 1,000 rows of each reason. Not thread-safe."""

    __slots__ = ("_parts", "counts")

    def __init__(self) -> None:
        self.counts = dict.fromkeys(REASONS, 0)
        self._parts: dict[str, collections.deque[pa.RecordBatch]] = {
            reason: collections.deque() for reason in REASONS
        }

    def add(self, reason: str, rows: pa.RecordBatch) -> None:
        """Keep rows that no larger batch keeps in memory."""
        parts = self._parts[reason]
        self.counts[reason] += rows.num_rows
        if rows.num_rows > _MOST_ROWS:
            rows = rows.take(list(range(rows.num_rows - _MOST_ROWS, rows.num_rows)))
        parts.append(rows)
        over = sum(part.num_rows for part in parts) - _MOST_ROWS
        while over > 0:
            first = parts.popleft()
            if first.num_rows > over:
                parts.appendleft(first.slice(over))
            over -= first.num_rows

    def table(self, reason: str) -> pa.Table:
        """Return the rows of a reason.

        Columns that some lack are null there; those whose types do not go together are text.
        """
        import pyarrow as pa

        parts = [pa.Table.from_batches([part]) for part in self._parts[reason]]
        if not parts:
            return pa.table({})
        try:
            return pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException:
            fields = [field for part in parts for field in part.schema]
            odd = {field.name for field in fields if not _go_together(field.name, fields)}
            texts = [_as_text(part, odd) for part in parts]
            return pa.concat_tables(texts, promote_options="permissive")


def _go_together(name: str, fields: list[pa.Field]) -> bool:
    """Return whether the columns of a name have one type that holds all their values."""
    import pyarrow as pa

    schemas = [pa.schema([field]) for field in fields if field.name == name]
    try:
        pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def _as_text(part: pa.Table, names: set[str]) -> pa.Table:
    """Return a table with some of its columns as text."""
    import pyarrow as pa

    for index, name in enumerate(part.column_names):
        if name in names:
            values = part.column(index).to_pylist()
            texts = pa.array([None if v is None else str(v) for v in values], pa.string())
            part = part.set_column(index, name, texts)
    return part
