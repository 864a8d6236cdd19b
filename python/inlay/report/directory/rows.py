"""The rows of a directory that a report is made of, each once."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Span", "StoredRows", "as_dicts", "stored_rows"]

_POINTS = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "form",
    "origin",
    "metric",
    "kind",
    "unit",
    "series_id",
    "attrs",
    "resource",
    "status",
    "value",
    "count",
    "min",
    "max",
    "sum",
    "bounds",
    "categories",
    "counts",
    "summary",
    "summary_type",
    "scale",
    "zero_count",
    "zero_threshold",
    "pos_offset",
    "pos_counts",
    "neg_offset",
    "neg_counts",
)


class Span(NamedTuple):
    """A length of time; None leaves an end open."""

    start: datetime.datetime | None = None
    end: datetime.datetime | None = None


class StoredRows(NamedTuple):
    """What a report reads.

    Attributes
    ----------
    points : pyarrow.Table
        Rows of ``points`` of layer ``model`` within the time: of each series, kind and window that
        of a derived row with the highest revision, and every delta row.
    verdicts : pyarrow.Table
        Rows of ``verdicts`` within the time, the highest revision of each.
    events : pyarrow.Table
        Rows of ``events`` of layer ``model`` within the time.
    notes : tuple of str
        What could not be read.
    """

    points: pa.Table
    verdicts: pa.Table
    events: pa.Table
    notes: tuple[str, ...]


def stored_rows(directory: Path, span: Span) -> StoredRows:
    """Read a directory.

    Parameters
    ----------
    directory : Path
        What `sinks.Files` wrote.
    span : Span
        Rows whose whole window lies within are taken; events by their time.

    Raises
    ------
    SerializationError
        If a file is damaged; the message names it.
    OSError
        If a file cannot be read.
    """
    from inlay._files.rows import chosen_rows
    from inlay.points import EVENTS, KEYS, VERDICTS

    verdicts = tuple(column.name for column in VERDICTS)
    events = tuple(column.name for column in EVENTS)
    found = chosen_rows(
        directory,
        {
            "points": lambda table: _within(_of_model(table), _POINTS, "points", span),
            "verdicts": lambda table: _within(table, verdicts, "verdicts", span),
            "events": lambda table: _within(_of_model(table), events, "events", span),
        },
        filters={"points": [("layer", "=", "model")], "events": [("layer", "=", "model")]},
    )

    def whole(name: str, columns: tuple[str, ...]) -> pa.Table:
        import pyarrow as pa

        parts = found.tables.get(name, [])
        return pa.concat_tables([_schema(name, columns).empty_table(), *parts])

    points = _each_once(whole("points", _POINTS), KEYS["points"])
    return StoredRows(
        points=_highest_revision(points, KEYS["points"]),
        verdicts=_last(whole("verdicts", verdicts), _without_revision(KEYS["verdicts"])),
        events=_each_once(whole("events", events), KEYS["events"]),
        notes=found.notes,
    )


def as_dicts(table: pa.Table) -> list[dict[str, Any]]:
    """Give rows as dicts, their attributes as dicts too."""
    rows: list[dict[str, Any]] = table.to_pylist()
    known: dict[str, dict[str, str]] = {}
    for row in rows:
        text = row["attrs"]
        if text not in known:
            known[text] = _members(text)
        row["attrs"] = known[text]
    return rows


def _members(text: str) -> dict[str, str]:
    members = json.loads(text)
    if not isinstance(members, Mapping):
        return {}
    return {str(name): str(value) for name, value in members.items()}


def _schema(name: str, columns: Iterable[str]) -> pa.Schema:
    import pyarrow as pa

    from inlay.table import arrow_schema

    known = arrow_schema(name)
    # Parquet keeps fewer promises than a stream does: a nullable column holds either.
    return pa.schema([pa.field(column, known.field(column).type) for column in columns])


def _of_model(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.equal(table["layer"].cast(pa.utf8()), "model"))


def _within(table: pa.Table, columns: Iterable[str], name: str, span: Span) -> pa.Table:
    import pyarrow.compute as pc

    from inlay._exceptions import SerializationError

    missing = [column for column in columns if column not in table.column_names]
    if missing:
        message = f"table {name!r} lacks the column {missing[0]!r}"
        raise SerializationError(message)
    first = table["start_time" if "start_time" in table.column_names else "time"]
    if span.start is not None:
        kept = pc.greater_equal(first, span.start)
        table, first = table.filter(kept), first.filter(kept)
    if span.end is not None:
        table = table.filter(pc.less_equal(table["time"], span.end))
    return table.select(list(columns)).cast(_schema(name, columns))


def _without_revision(key: Iterable[str]) -> list[str]:
    return [name for name in key if name != "revision"]


def _each_once(table: pa.Table, key: Iterable[str]) -> pa.Table:
    return _last(table, list(key))


def _last(table: pa.Table, key: list[str]) -> pa.Table:
    """Keep of the rows of one key the one of the highest revision, of those the last."""
    import numpy as np
    import pyarrow as pa

    if not table.num_rows:
        return table
    order = np.arange(table.num_rows)
    if "revision" in table.column_names:
        order = np.lexsort((order, table["revision"].to_numpy()))
    numbered = table.select(key).append_column("#", pa.array(np.argsort(order)))
    most = numbered.group_by(key, use_threads=False).aggregate([("#", "max")])
    return table.take(pa.array(np.sort(order[most["#_max"].to_numpy()])))


def _highest_revision(points: pa.Table, key: Iterable[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_derived = pc.equal(points["form"], "derived")
    derived = _last(points.filter(is_derived), _without_revision(key))
    return pa.concat_tables([points.filter(pc.invert(is_derived)), derived])
