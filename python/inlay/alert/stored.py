"""The verdicts of a directory, in the order in which they were emitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inlay.alert.trigger import VERDICT_COLUMNS

if TYPE_CHECKING:
    import os

__all__ = ["plain_verdicts", "stored_verdicts"]

_ORDER = ("observed_time", "time", "revision", "origin", "series_id", "method", "judge", "scope")


def stored_verdicts(directory: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the rows; the same order whichever files they lie in.

    Raises
    ------
    FileNotFoundError
        If there is no such directory.
    SerializationError
        If a file is damaged.
    """
    from inlay._files.slices import read_slice

    root = Path(directory).absolute()
    if not root.is_dir():
        text = "no such directory"
        raise FileNotFoundError(2, text, str(root))
    found = read_slice(root, "verdicts", columns=VERDICT_COLUMNS, choose=lambda rows: rows)
    if not found.tables:
        return []
    return plain_verdicts(pa.concat_tables(found.tables, promote_options="permissive"))


def plain_verdicts(table: pa.Table) -> list[dict[str, Any]]:
    """Return verdicts as dictionaries, in the order in which they were emitted."""
    columns = [name for name in VERDICT_COLUMNS if name in table.column_names]
    rows: list[dict[str, Any]] = table.select(columns).to_pylist()
    rows.sort(key=lambda row: tuple(row[name] for name in _ORDER))
    return rows
