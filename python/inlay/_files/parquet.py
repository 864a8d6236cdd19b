"""From streams to Parquet: partitioned by date and layer, sorted, written whole."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inlay._files.layout import Piece, date_of, partition
from inlay._files.stream import StreamReader, read_stream

__all__ = ["convert", "merge", "sync_folder", "write_parquet"]

_ROW_GROUP = 1 << 17
_ORDER = ("kind", "metric", "series_id", "time")


def convert(sealed: Piece, root: Path, table: str, *, compression: str = "zstd") -> list[Piece]:
    """Convert a sealed stream to Parquet, one file per date and layer, then remove it.

    Doing it again after a crash gives the same files.

    Parameters
    ----------
    sealed : Piece
        The stream.
    root : Path
        The directory of all tables.
    table : str
        The table's name.
    compression : str
        Parquet's name of a codec.

    Returns
    -------
    list of Piece
        The files made.

    Raises
    ------
    OSError
        If a file cannot be written; the stream is then still there.
    """
    reader = read_stream(sealed.path)
    made = []
    for where, rows in _partitions(reader):
        name = f"{sealed.origin}-{sealed.first:010d}-{sealed.last:010d}.parquet"
        path = root / table / where / name
        write_parquet(rows, path, compression=compression)
        made.append(Piece(sealed.origin, sealed.first, sealed.last, where, path))
    if reader.damage is None:
        sealed.path.unlink(missing_ok=True)
    else:  # somebody may want to look at what could not be read
        sealed.path.replace(sealed.path.with_suffix(".damaged"))
    sync_folder(sealed.path.parent)
    return made


def merge(pieces: Sequence[Piece], root: Path, table: str, *, compression: str = "zstd") -> Piece:
    """Merge files of one origin and partition, neighbours in order, into one that covers them.

    The files themselves stay: readers may be at them.

    Returns
    -------
    Piece
        The file made.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    rows = pa.concat_tables(
        [pq.ParquetFile(piece.path).read() for piece in pieces], promote_options="permissive"
    )
    first, last = pieces[0].first, max(piece.last for piece in pieces)
    where, origin = pieces[0].partition, pieces[0].origin
    path = root / table / where / f"{origin}-{first:010d}-{last:010d}.parquet"
    write_parquet(rows, path, compression=compression)
    return Piece(origin, first, last, where, path)


def write_parquet(
    rows: pa.Table, path: Path, *, compression: str = "zstd", is_sorted: bool = False
) -> None:
    """Write rows, sorted, so that others see the file whole or not at all.

    Parameters
    ----------
    rows : pyarrow.Table
    path : Path
    compression : str
        Parquet's name of a codec.
    is_sorted : bool
        Whether they are sorted already.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    keys = [(name, "ascending") for name in _ORDER if name in rows.column_names]
    if keys and not is_sorted:
        rows = rows.sort_by(keys)
    texts = [
        field.name
        for field in rows.schema
        if pa.types.is_string(field.type) or field.name in {"origin", "series_id", "window_seq"}
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            pq.write_table(
                rows,
                file,
                compression=compression,
                use_dictionary=texts,
                row_group_size=_ROW_GROUP,
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See the names in a folder onto the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _partitions(reader: StreamReader) -> list[tuple[str, pa.Table]]:
    seen: set[int] = set()
    batches: list[pa.RecordBatch] = []
    emitted: list[tuple[int, int]] = []
    for entry in reader:
        if entry.window_seq is not None:
            if entry.window_seq in seen:
                continue
            seen.add(entry.window_seq)
        batches.append(entry.batch)
        emitted.append((entry.observed_time_us or 0, entry.batch.num_rows))
    if not batches:
        return []
    rows = pa.Table.from_batches(batches)
    dates = _dates(rows, emitted)
    layers = (
        rows.column("layer").combine_chunks()
        if "layer" in rows.column_names
        else pa.nulls(rows.num_rows, pa.utf8())
    )
    keys = pa.table({"date": dates, "layer": pc.fill_null(layers, "")})
    groups = keys.group_by(["date", "layer"]).aggregate([]).to_pylist()
    parts: list[tuple[str, pa.Table]] = []
    for group in groups:
        mask = pc.and_(
            pc.equal(keys["date"], group["date"]), pc.equal(keys["layer"], group["layer"])
        )
        parts.append((partition(group["date"], group["layer"]), rows.filter(mask)))
    return parts


def _dates(rows: pa.Table, emitted: list[tuple[int, int]]) -> pa.ChunkedArray | pa.Array:
    """Return the date of each row's observed_time, else when its batch was emitted."""
    if "observed_time" in rows.column_names:
        column = rows.column("observed_time")
        if pa.types.is_timestamp(column.type) and column.null_count == 0:
            return column.cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    days: list[datetime.date] = []
    for time_us, num_rows in emitted:
        days.extend([date_of(time_us)] * num_rows)
    return pa.array(days, pa.date32())
