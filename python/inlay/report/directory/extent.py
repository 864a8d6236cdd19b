"""The time that the tables of a directory span."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inlay.report.directory.estimates import iso
from inlay.report.directory.stretches import microseconds_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["extent_of"]

_TABLES = ("points", "steps", "events", "verdicts")
_COLUMNS = ("start_time", "time")


def extent_of(directory: Path) -> list[str | None] | None:
    """Return when the first row of a directory begins and the last ends; None without rows.

    Returns
    -------
    list of str or None
        Both in ISO 8601.

    Raises
    ------
    SerializationError
        If a file is damaged; the message names it.
    OSError
        If a file cannot be read.
    """
    from inlay._files.rows import chosen_rows

    times: list[int] = []

    def look(table: pa.Table) -> pa.Table:
        for name in _COLUMNS:
            if name in table.column_names and table.num_rows:
                found = microseconds_of(table[name].drop_null())
                times.extend([int(found.min()), int(found.max())] if len(found) else [])
        return table.schema.empty_table()

    chosen_rows(
        directory,
        dict.fromkeys(_TABLES, look),
        columns=dict.fromkeys(_TABLES, _COLUMNS),
        starting=times.clear,
    )
    return [iso(min(times)), iso(max(times))] if times else None
