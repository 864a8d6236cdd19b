"""Rows counted in the cells of a reference, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.data.columns import columns_of
from inlay.data.groups import Groups
from inlay.data.redaction import HASH
from inlay.data.reference import Cells, count_batch, emptied
from inlay.data.sources import Source
from inlay.data.type_names import unit_and_zone
from inlay.drift.comparison.sides import ColumnSide, Side

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.groups import GroupKey

__all__ = ["counted", "mismatch"]

_NUMBERS = frozenset({"integer", "unsigned", "float", "decimal"})
_TIMES = frozenset({"time", "timestamp", "duration", "date"})


def mismatch(reference: ColumnSide, kind: str, type_name: str) -> str:
    """Say why values of a type cannot be compared with a reference's; nothing if they can.

    Numbers of any width and kind compare; times if their unit is the same.
    """
    if not reference.kind or not kind or (reference.kind in _NUMBERS and kind in _NUMBERS):
        return ""
    if reference.kind != kind:
        return f"the type changed from {reference.type} to {type_name}"
    if kind in _TIMES:
        was, now = unit_and_zone(reference.type)[0], unit_and_zone(type_name)[0]
        if was != now:
            return f"the unit changed from {was} to {now}"
    return ""


class _Counter:
    """Counts batches of one schema in the cells of a reference's columns."""

    def __init__(self, reference: Mapping[str, ColumnSide], schema: pa.Schema) -> None:
        self.native = _core.Profile(schema, top=256)
        self.reference = reference
        self.cells: Cells = {}
        self.renames: dict[int, Any] = {}
        for number, path in enumerate(self.native.paths):
            known = reference.get(path)
            if known is None or known.cells is None:
                continue
            native = self.native.column(number)
            if mismatch(known, native.kind, native.type):
                continue
            self.cells[number] = known.cells
            if known.is_hidden:
                self.renames[number] = known.hide or HASH.rename
        self.cells = emptied(self.cells)

    def update(self, batch: pa.RecordBatch, threads: int) -> None:
        self.native.update(batch, threads=threads)
        count_batch(self.cells, batch, self.renames)

    def columns(self) -> dict[str, ColumnSide]:
        return {
            path: ColumnSide.of_native(self.native.column(number), cells=self.cells.get(number))
            for number, path in enumerate(self.native.paths)
        }


def counted(
    reference: Side, source: Source, *, by: Sequence[str], threads: int | None, name: str
) -> Side:
    """Read rows once and count them in the cells of a reference, and in those of its groups.

    Parameters
    ----------
    reference : Side
    source : Source
        The rows. Columns that the reference has not are only named, of other kinds only counted.
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

    tops = {
        column.steps[0]
        for path, column in columns_of(source.schema).items()
        if column.steps and path in reference.columns
    }
    chosen = [i for i, field in enumerate(source.schema) if i in tops or field.name in by]
    schema = pa.schema([source.schema.field(i) for i in chosen])
    whole = _Counter(reference.columns, schema)
    splitter = _Splitter(reference, schema, tuple(by)) if by else None
    rows = 0
    for batch in source.batches():
        part = batch.select(chosen)
        rows += batch.num_rows
        whole.update(part, threads or 0)
        if splitter is not None:
            splitter.update(part, threads or 0)
    groups = {} if splitter is None else splitter.sides(name)
    return Side(
        name=name,
        rows=rows,
        columns=whole.columns(),
        schema=source.schema,
        by=tuple(by),
        groups=groups,
        shown_keys={} if splitter is None else splitter.shown_keys(),
    )


class _Splitter:
    """Counts the rows of each group apart; groups that the reference has not, too."""

    _MOST = 1_000

    def __init__(self, reference: Side, schema: pa.Schema, by: tuple[str, ...]) -> None:
        self.reference = reference
        self.by = by
        self.counters: dict[GroupKey, _Counter] = {}
        self.groups = Groups(by, schema, self._MOST, _core.Profile)
        hidden = {
            name: side.hide or HASH.rename
            for name in by
            if (side := reference.columns.get(name)) is not None and side.is_hidden
        }
        self.groups.hide_later(hidden)

    def update(self, batch: pa.RecordBatch, threads: int) -> None:
        for key, rows in self.groups.split(batch, admit=True):
            counter = self.counters.get(key)
            if counter is None:
                side = self.reference.groups.get(key)
                columns = self.reference.columns if side is None else side.columns
                counter = self.counters[key] = _Counter(columns, rows.schema)
            counter.update(rows, threads)

    def sides(self, name: str) -> dict[GroupKey, Side]:
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
        known = self.reference.shown_keys
        sides = [self.reference.columns.get(name) for name in self.by]
        shown = {}
        for key in self.counters:
            if key in known:
                shown[key] = known[key]
            else:
                shown[key] = tuple(
                    text if side is None else side.name(text, side)
                    for text, side in zip(key, sides, strict=True)
                )
        return shown
