"""Rows counted in the cells of a reference, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.data.cell_counts import cell_of, count_rows
from inlay.data.columns import columns_of
from inlay.data.groups import Groups
from inlay.data.redaction import CLEAR_NAMES, HASH, NAMED_KINDS
from inlay.data.sources import Source
from inlay.data.type_names import unit_and_zone
from inlay.drift.comparison.sides import ColumnSide, Side

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.groups import GroupKey

__all__ = ["counted", "mismatch"]

_NUMBERS = frozenset({"integer", "unsigned", "float", "decimal"})
_TIMES = frozenset({"time", "timestamp", "duration", "date"})
NO_TYPE = "null"
_MOST_GROUPS = 1_000
# Enough counters to tell whether there are more names than may leave in clear.
_UNSEEN = CLEAR_NAMES + 28


def mismatch(reference: ColumnSide, kind: str | None, type_name: str) -> str:
    """Say why values of a type cannot be compared with a reference's; nothing if they can.

    Numbers of any width and kind compare; times if their unit is the same; what has only nulls, and
    no type therefore, with all.
    """
    if NO_TYPE in {reference.kind, kind}:
        return ""
    if not reference.kind or kind == "" or (reference.kind in _NUMBERS and kind in _NUMBERS):
        return ""
    if reference.kind != kind:
        return f"the type changed from {reference.type} to {type_name}"
    if kind in _TIMES:
        was, now = unit_and_zone(reference.type)[0], unit_and_zone(type_name)[0]
        if was != now:
            return f"the unit changed from {was} to {now}"
    return ""


def counted(
    reference: Side, source: Source, *, by: Sequence[str], threads: int | None, name: str
) -> Side:
    """Read rows once and count them in the cells of a reference, and in those of its groups.

    Parameters
    ----------
    reference : Side
    source : Source
        The rows. Columns that the reference has not, or of another kind, are not looked at.
    by : sequence of str
        Columns that make the groups.
    threads : int, optional
    name : str

    Returns
    -------
    Side

    Raises
    ------
    InvalidArgumentError
        If a column of `by` is not there.
    SerializationError
        If a file cannot be read on.
    """
    import pyarrow as pa

    tops = set()
    unread: dict[str, ColumnSide] = {}
    for path, column in columns_of(source.schema).items():
        side = reference.columns.get(path)
        if side is None or not column.steps:
            continue
        if mismatch(side, column.kind, column.type):
            unread[path] = ColumnSide(path=path, kind=column.kind or "other", type=column.type)
        else:
            tops.add(column.steps[0])
    chosen = [i for i, field in enumerate(source.schema) if i in tops or field.name in by]
    schema = pa.schema([source.schema.field(i) for i in chosen])
    splitter = _Splitter(reference, schema, tuple(by)) if by else None
    whole = _Counter(reference.columns, schema.remove_metadata())
    rows = 0
    for batch in source.batches():
        part = batch.select(chosen)
        rows += batch.num_rows
        whole.update(part, threads or 0)
        if splitter is not None:
            splitter.update(part, threads or 0)
    return Side(
        name=name,
        rows=rows,
        columns={**unread, **whole.columns()},
        schema=source.schema,
        by=tuple(by),
        groups={} if splitter is None else splitter.sides(name),
        shown_keys={} if splitter is None else splitter.shown_keys(),
    )


class _Counter:
    """Counts batches of one schema in the cells of a reference's columns."""

    def __init__(self, reference: Mapping[str, ColumnSide], schema: pa.Schema) -> None:
        leaves = _core.Tally(schema, {}, moments=False, quantiles=False, unseen=0)
        cells: dict[Any, Any] = {}
        self.renames: dict[int, Any] = {}
        for number, path in enumerate(leaves.paths):
            known = reference.get(path)
            if known is None or known.cells is None:
                continue
            column = leaves.column(number)
            if column.kind == NO_TYPE or mismatch(known, column.kind, column.type):
                continue
            cells[number] = known.cells._native
            if known.is_hidden and column.kind in NAMED_KINDS:
                self.renames[number] = known.hide or HASH.rename
        self.native = _core.Tally(schema, cells, unseen=_UNSEEN)

    def update(self, batch: pa.RecordBatch, threads: int) -> None:
        """Count a batch."""
        count_rows(self.native, batch, self.renames, threads)

    def columns(self) -> dict[str, ColumnSide]:
        """Return what was counted."""
        found = {}
        for number, path in enumerate(self.native.paths):
            column = self.native.column(number)
            cells = None if column.cells is None else cell_of(column.cells)
            found[path] = ColumnSide.of_native(
                column, cells=cells, is_hidden=number in self.renames
            )
        return found


class _Splitter:
    """Counts the rows of each group apart; groups that the reference has not, too."""

    def __init__(self, reference: Side, schema: pa.Schema, by: tuple[str, ...]) -> None:
        self.reference = reference
        self.by = by
        self.counters: dict[GroupKey, _Counter] = {}
        self.groups = Groups(by, schema, _MOST_GROUPS, _core.Profile)
        self.groups.hide_later(
            {
                name: side.hide or HASH.rename
                for name in by
                if (side := reference.columns.get(name)) is not None and side.is_hidden
            }
        )

    def update(self, batch: pa.RecordBatch, threads: int) -> None:
        """Count a batch's rows, each in its group."""
        for key, rows in self.groups.split(batch, admit=True):
            counter = self.counters.get(key)
            if counter is None:
                side = self.reference.groups.get(key)
                columns = self.reference.columns if side is None else side.columns
                counter = self.counters[key] = _Counter(columns, rows.schema)
            counter.update(rows, threads)

    def sides(self, name: str) -> dict[GroupKey, Side]:
        """Return what was counted of each group."""
        return {
            key: Side(
                name=name,
                rows=counter.native.rows,
                columns=counter.columns(),
                schema=self.groups.schema,
            )
            for key, counter in self.counters.items()
        }

    def shown_keys(self) -> dict[GroupKey, GroupKey]:
        """Return the keys as they may leave."""
        sides = [self.reference.columns.get(name) for name in self.by]
        return {
            key: self.reference.shown_keys.get(key)
            or tuple(
                text if side is None else side.name(text, side)
                for text, side in zip(key, sides, strict=True)
            )
            for key in self.counters
        }
