"""What a directory holds at one moment, ready to be queried."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inlay._files.layout import (
    FORMAT,
    Piece,
    TableFiles,
    list_directory,
    read_format,
    without_covered,
)
from inlay._files.stream import read_stream

__all__ = ["Snapshot", "TableSnapshot", "take_snapshot"]

# Streams decoded beyond this many bytes go to temporary Parquet files instead of memory.
_MEMORY_BYTES = 256 << 20


class TableSnapshot(NamedTuple):
    """The rows of one table.

    Attributes
    ----------
    streams : tuple of pyarrow.Table
        Rows of growing and sealed streams; one table per schema.
    parquet : tuple of Path
        Parquet files, superseded ones left out.
    overlaps : bool
        Whether some window may lie in two of them, so that rows must be told apart by their key.
    """

    streams: tuple[pa.Table, ...]
    parquet: tuple[Path, ...]
    overlaps: bool


class Snapshot(NamedTuple):
    """All tables of a directory, and what could not be read of it."""

    tables: dict[str, TableSnapshot]
    notes: tuple[str, ...]
    is_newer: bool


def take_snapshot(root: Path, scratch: Path) -> Snapshot:
    """List a directory and read its streams.

    Parameters
    ----------
    root : Path
        The directory.
    scratch : Path
        An empty folder for streams that are too large for memory.

    Returns
    -------
    Snapshot

    Raises
    ------
    FileNotFoundError
        If a file moved on after it was listed: take another one.
    OSError
        If a file cannot be read.
    """
    version = read_format(root)
    listing = list_directory(root)
    notes = [f"table {name!r} has a name that is none, it is left out" for name in listing.strange]
    is_newer = version is not None and version > FORMAT
    if is_newer:
        notes.append(
            f"{root} was written by a newer version (format {version}; this one knows {FORMAT}): "
            "what is known is read"
        )
    tables = {
        name: _snapshot_table(root, name, files, scratch, notes)
        for name, files in listing.tables.items()
    }
    return Snapshot(tables, tuple(notes), is_newer)


def _snapshot_table(
    root: Path, name: str, files: TableFiles, scratch: Path, notes: list[str]
) -> TableSnapshot:
    kept, _ = without_covered(files.parquet, files.sealed)
    paths: list[Path] = [piece.path for piece in kept]
    # Windows seen in a stream, per origin: the same delivery twice is read once.
    seen: set[tuple[str, int]] = set()
    overlaps = _overlap(kept)
    groups: list[tuple[pa.Schema, list[pa.RecordBatch]]] = []
    in_memory = 0
    for path in (*(piece.path for piece in files.sealed), *files.live):
        reader = read_stream(path)
        batches: list[pa.RecordBatch] = []
        for window_seq, _, batch in reader:
            origin = path.name[:16]
            if window_seq is None:
                overlaps = True
            elif (origin, window_seq) in seen:
                continue
            else:
                seen.add((origin, window_seq))
                overlaps = overlaps or _within(kept, origin, window_seq)
            batches.append(batch)
        if reader.damage is not None:
            notes.append(
                f"{path.relative_to(root)} is damaged at byte {reader.whole_bytes} "
                f"({reader.damage}): the rest of it is left out"
            )
        if reader.schema is None or not batches:
            continue
        size = sum(batch.nbytes for batch in batches)
        if in_memory + size > _MEMORY_BYTES:
            spilled = scratch / f"{name}-{len(paths)}.parquet"
            pq.write_table(pa.Table.from_batches(batches), spilled, compression="lz4")
            paths.append(spilled)
            continue
        in_memory += size
        for schema, members in groups:
            if schema.equals(reader.schema):
                members.extend(batches)
                break
        else:
            groups.append((reader.schema, batches))
    streams = tuple(pa.Table.from_batches(members, schema) for schema, members in groups)
    return TableSnapshot(streams, tuple(paths), overlaps)


def _overlap(pieces: Sequence[Piece]) -> bool:
    """Return whether two files of a partition and origin share windows without one covering."""
    last: dict[tuple[str, str], int] = {}
    for piece in sorted(pieces):
        key = (piece.partition, piece.origin)
        if piece.first <= last.get(key, -1):
            return True
        last[key] = max(piece.last, last.get(key, -1))
    return False


def _within(pieces: Sequence[Piece], origin: str, window_seq: int) -> bool:
    return any(p.origin == origin and p.first <= window_seq <= p.last for p in pieces)
