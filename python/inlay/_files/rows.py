"""Some rows of a directory's tables, from growing, sealed and Parquet files alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inlay._exceptions import SerializationError
from inlay._files.snapshot import take_snapshot

__all__ = ["ChosenRows", "chosen_rows"]

# A file that moves on while it is read; each time the directory is listed anew.
_MOST_TRIES = 20


class ChosenRows(NamedTuple):
    """Rows by table, and what could not be read.

    Attributes
    ----------
    tables : dict of str to list of pyarrow.Table
        By table name; schemas of several writers may differ, so they are not put together.
    notes : tuple of str
        What was damaged or unknown, a sentence each.
    """

    tables: dict[str, list[pa.Table]]
    notes: tuple[str, ...]


def chosen_rows(
    root: Path,
    choose: Mapping[str, Callable[[pa.Table], pa.Table]],
    *,
    filters: Mapping[str, Sequence[tuple[str, str, Any]]] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    starting: Callable[[], None] | None = None,
) -> ChosenRows:
    """Read rows of tables.

    Parameters
    ----------
    root : Path
        The directory.
    choose : dict of str to callable
        Table name to what takes a table and returns the rows and columns wanted. A row that was
        delivered twice may come twice.
    filters : dict of str to sequence of (column, operator, value), optional
        What lets whole row groups of Parquet be left out; a part of what `choose` does.
    columns : dict of str to sequence of str, optional
        All columns that `choose` looks at, so that no others are read from Parquet; those that a
        file lacks are left out.
    starting : callable, optional
        Called before the first table is read, and again if all is read anew.

    Returns
    -------
    ChosenRows

    Raises
    ------
    SerializationError
        If a Parquet file is damaged.
    OSError
        If a file cannot be read.
    """
    for tries in range(_MOST_TRIES):
        with tempfile.TemporaryDirectory(prefix="inlay-") as scratch:
            try:
                snapshot = take_snapshot(root, Path(scratch))
                if starting is not None:
                    starting()
                tables = {}
                for name, chosen in choose.items():
                    found = snapshot.tables.get(name)
                    if found is None:
                        continue
                    parts = list((filters or {}).get(name, ()))
                    only = (columns or {}).get(name)
                    tables[name] = [
                        *map(chosen, found.streams),
                        *(chosen(_read_parquet(path, parts, only)) for path in found.parquet),
                    ]
                return ChosenRows(tables, snapshot.notes)
            except FileNotFoundError:
                if tries + 1 == _MOST_TRIES:
                    raise
    raise AssertionError  # the last try returns or raises


def _read_parquet(
    path: Path, filters: list[tuple[str, str, Any]], only: Sequence[str] | None
) -> pa.Table:
    try:
        columns = None
        if only is not None:
            known = set(pq.read_schema(path).names)
            columns = [name for name in only if name in known]
        return pq.read_table(path, columns=columns, partitioning=None, filters=filters or None)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's own errors are both of these
        message = f"{path}: {error}"
        raise SerializationError(message) from error
