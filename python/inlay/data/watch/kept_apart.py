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
        """Return the rows of a reason; columns that some lack are null there.

        A column whose types have no other in common is text.
        """
        import pyarrow as pa

        parts = [pa.Table.from_batches([part]) for part in self._parts[reason]]
        if not parts:
            return pa.table({})
        try:
            return pa.concat_tables(parts, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            return pa.concat_tables(_with_texts(parts), promote_options="permissive")


def _with_texts(parts: list[pa.Table]) -> list[pa.Table]:
    """Return tables whose columns of types that do not go together are text."""
    import pyarrow as pa

    types: dict[str, list[pa.Schema]] = {}
    for part in parts:
        for field in part.schema:
            types.setdefault(field.name, []).append(pa.schema([field.remove_metadata()]))
    clashing = set()
    for name, schemas in types.items():
        try:
            pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            clashing.add(name)
    made = []
    for part in parts:
        for place, name in enumerate(part.column_names):
            if name in clashing:
                values = [None if v is None else str(v) for v in part.column(place).to_pylist()]
                part = part.set_column(place, name, pa.array(values, pa.utf8()))
        made.append(part.replace_schema_metadata(None))
    return made
