"""A part of one table of a directory: some columns, some days, rows that fit a filter."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inlay._exceptions import SerializationError
from inlay._files.layout import Piece, TableFiles, date_of, list_table, without_covered
from inlay._files.stream import read_stream

__all__ = ["Decoded", "Slice", "first_texts", "read_slice"]

# A file that moves on while it is read; each time the table is listed anew.
_MOST_TRIES = 20


class Decoded(NamedTuple):
    """The batches of a stream with their window numbers, and what is wrong with it."""

    batches: list[tuple[int | None, pa.RecordBatch]]
    damage: str | None


class Slice(NamedTuple):
    """Rows of one table.

    Attributes
    ----------
    tables : list of pyarrow.Table
        A table per file that has some; a row that was delivered twice may come twice.
    known : bool
        Whether the table has any file.
    notes : tuple of str
        What was damaged, a sentence each.
    """

    tables: list[pa.Table]
    known: bool
    notes: tuple[str, ...]


def read_slice(
    root: Path,
    name: str,
    *,
    choose: Callable[[pa.Table], pa.Table],
    columns: Sequence[str] | None = None,
    days: tuple[int, int] | None = None,
    filters: Sequence[tuple[str, str, Any]] = (),
    decoded: dict[Path, Decoded] | None = None,
    origins: Container[str] | None = None,
) -> Slice:
    """Read rows of one table.

    Parameters
    ----------
    root : Path
        The directory.
    name : str
        The table.
    choose : callable
        Takes a table with the columns and returns the rows wanted.
    columns : sequence of str, optional
        Which columns, as far as a file has them; all unless given.
    days : tuple of int, optional
        Microseconds of Unix time: Parquet files of other days are not opened.
    filters : sequence of (column, operator, value), optional
        What lets whole row groups of Parquet be left out; a part of what `choose` does.
    decoded : dict, optional
        Streams that were read with the same columns before; what is read is added.
    origins : container of str, optional
        Whose files are read, as 16 hexadecimal digits; all unless given.

    Returns
    -------
    Slice

    Raises
    ------
    SerializationError
        If a Parquet file is damaged.
    OSError
        If a file cannot be read.
    """
    for tries in range(_MOST_TRIES):
        try:
            known = {} if decoded is None else decoded
            return _read(root, name, choose, columns, days, filters, known, origins)
        except FileNotFoundError:
            if tries + 1 == _MOST_TRIES:
                raise
    raise AssertionError  # the last try returns or raises


def first_texts(
    root: Path, name: str, column: str, days: tuple[int, int] | None = None
) -> dict[str, str | None]:
    """Return by origin the first text in a column of one of its files; None if there is none.

    Of a column that is the same in all rows of a process, such as ``resource``. Origins that have
    files of other `days` alone are left out, and one whose files move on meanwhile.
    """
    files = _listed(root / name)
    paths = {path.name[:16]: path for path in files.live}
    paths.update(
        (piece.origin, piece.path) for piece in (*files.sealed, *_of_days(files.parquet, days))
    )
    found: dict[str, str | None] = {}
    for origin, path in paths.items():
        try:
            found[origin] = _first_text(path, column)
        except FileNotFoundError:
            continue
    return found


def _first_text(path: Path, column: str) -> str | None:
    if path.suffix == ".arrows":
        batches = (entry.batch for entry in read_stream(path))
    else:
        try:
            file = pq.ParquetFile(path)
            if column not in file.schema_arrow.names:
                return None
            batches = file.iter_batches(batch_size=1, row_groups=[0], columns=[column])
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            message = f"{path}: {error}"
            raise SerializationError(message) from error
    for batch in batches:
        if batch.num_rows and column in batch.schema.names:
            text: str | None = batch[column][0].as_py()
            return text
    return None


def _read(
    root: Path,
    name: str,
    choose: Callable[[pa.Table], pa.Table],
    columns: Sequence[str] | None,
    days: tuple[int, int] | None,
    filters: Sequence[tuple[str, str, Any]],
    decoded: dict[Path, Decoded],
    origins: Container[str] | None,
) -> Slice:
    files = _listed(root / name)
    if origins is not None:
        files = TableFiles(
            tuple(path for path in files.live if path.name[:16] in origins),
            tuple(piece for piece in files.sealed if piece.origin in origins),
            tuple(piece for piece in files.parquet if piece.origin in origins),
        )
    kept, _ = without_covered(files.parquet, files.sealed)
    tables = [
        rows
        for piece in _of_days(kept, days)
        if (rows := choose(_read_parquet(piece.path, columns, filters))).num_rows
    ]
    notes: list[str] = []
    # What one origin delivered twice is read once.
    seen: set[tuple[str, int]] = set()
    ranges = [(piece.origin, piece.first, piece.last) for piece in kept]
    for path in (*(piece.path for piece in files.sealed), *files.live):
        stream = decoded.get(path)
        if stream is None:
            stream = decoded[path] = _decode(path, columns)
        if stream.damage is not None:
            notes.append(f"{path.relative_to(root)} {stream.damage}")
        origin = path.name[:16]
        batches = []
        for window_seq, batch in stream.batches:
            if window_seq is not None:
                if (origin, window_seq) in seen or any(
                    of == origin and first <= window_seq <= last for of, first, last in ranges
                ):
                    continue
                seen.add((origin, window_seq))
            batches.append(batch)
        if batches:
            rows = choose(pa.Table.from_batches(batches))
            if rows.num_rows:
                tables.append(rows)
    return Slice(tables, any(files), tuple(notes))


def _decode(path: Path, columns: Sequence[str] | None) -> Decoded:
    reader = read_stream(path)
    entries = reader if columns is None else reader.chosen(columns)
    batches = [(entry.window_seq, entry.batch) for entry in entries]
    if reader.damage is None:
        return Decoded(batches, None)
    damage = (
        f"is damaged at byte {reader.whole_bytes} ({reader.damage}): the rest of it is left out"
    )
    return Decoded(batches, damage)


def _listed(folder: Path) -> TableFiles:
    """List until two listings agree: one taken while files move may miss both names."""
    files = list_table(folder)
    for _ in range(_MOST_TRIES):
        again = list_table(folder)
        if again == files:
            break
        files = again
    return files


def _of_days(pieces: Sequence[Piece], days: tuple[int, int] | None) -> list[Piece]:
    if days is None:
        return list(pieces)
    first, last = date_of(days[0]).isoformat(), date_of(days[1]).isoformat()
    return [piece for piece in pieces if first <= _day(piece) <= last]


def _day(piece: Piece) -> str:
    text = piece.partition.partition("/")[0].removeprefix("date=")
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        return text


def _read_parquet(
    path: Path, columns: Sequence[str] | None, filters: Sequence[tuple[str, str, Any]]
) -> pa.Table:
    try:
        if columns is not None:
            have = set(pq.read_schema(path).names)
            columns = [column for column in columns if column in have]
            filters = [part for part in filters if part[0] in have]
        return pq.read_table(
            path, columns=columns, partitioning=None, filters=list(filters) or None
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's own errors are both of these
        message = f"{path}: {error}"
        raise SerializationError(message) from error
