"""Parquet, Arrow and CSV files as sources: read batch by batch, checked before the first one."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.data.sources import BATCH_ROWS, Source, select
from inlay.data.sources.file import File, unreadable
from inlay.data.sources.hive import keys_of, with_keys

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_files"]

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
}
_COMPRESSED = {".gz", ".bz2", ".zst", ".lz4"}
_MAGIC = {b"PAR1": "parquet", b"PARE": "parquet", b"ARRO": "arrow", b"\xff\xff\xff\xff": "arrow"}
# Column chunks are read in pieces of this many bytes, not whole: a row group may be huge.
_PIECE = 1 << 20
_MOST_BYTES_A_TEXT = 3


def open_files(where: Any, wanted: Sequence[str] | None, *, encoded: bool = False) -> Source:
    """Open one path or several: files, a glob, or a directory of Parquet files.

    Parameters
    ----------
    where : str, Path or sequence of them
        Files are read in the order of their paths. Folders of a directory are searched too, except
        those whose names start with ``.`` or ``_``; what those called ``name=value`` say is a
        column.
    wanted : sequence of str, optional
        Columns to read.
    encoded : bool
        Whether texts that a Parquet file holds as a dictionary may come as one, which the schema
        does not say.

    Returns
    -------
    Source

    Raises
    ------
    InvalidArgumentError
        If there is no such file, a glob or directory holds none, the format is unknown, a column is
        not there, or a file's columns differ from those of the first.
    SerializationError
        If a file is cut short or foreign.
    """
    import pyarrow as pa

    name = str(where) if isinstance(where, (str, Path)) else f"{len(where)} paths"
    found = _paths(where)
    files = with_keys([_open(path, encoded) for path, _ in found], [keys for _, keys in found])
    first = files[0]
    positions = select(first.schema.names, wanted, str(first.path))
    schema = pa.schema([first.schema.field(i).remove_metadata() for i in positions])
    for file in files[1:]:
        _check_schema(file, schema, first, wanted is None)

    def read() -> Iterator[pa.RecordBatch]:
        for file in files:
            yield from _aligned(file, schema)

    counts = [file.num_rows for file in files]
    total = None if None in counts else sum(count for count in counts if count is not None)
    return Source(name, schema, read, num_rows=total, is_repeatable=True)


def _paths(where: Any) -> list[tuple[Path, dict[str, str | None]]]:
    """Return the files that are meant, and what the folders say that were searched for them."""
    if not isinstance(where, (str, Path)):
        return [path for item in where for path in _paths(item)]
    if where == "":
        message = f"the path of a file or directory must not be empty: {where!r}"
        raise InvalidArgumentError(message)
    path = Path(where)
    if path.is_dir():
        found = sorted(
            entry
            for pattern in ("*.parquet", "*.pq")
            for entry in path.rglob(pattern)
            if entry.is_file()
            and not any(part[0] in "._" for part in entry.relative_to(path).parts)
        )
        if not found:
            message = f"the directory holds no Parquet file: {str(path)!r}"
            raise InvalidArgumentError(message)
        return [(entry, keys_of(entry.relative_to(path).parts[:-1])) for entry in found]
    if path.exists():
        return [(path, {})]
    if glob.has_magic(str(where)):
        found = sorted(Path(each) for each in glob.glob(str(where), recursive=True))  # noqa: PTH207  absolute patterns too
        found = [each for each in found if each.is_file()]
        if found:
            fixed = next(i for i, part in enumerate(path.parts) if glob.has_magic(part))
            return [(each, keys_of(each.parts[fixed:-1])) for each in found]
        message = f"no file matches: {str(where)!r}"
        raise InvalidArgumentError(message)
    message = f"there is no such file: {str(where)!r}"
    raise InvalidArgumentError(message)


def _open(path: Path, encoded: bool) -> File:
    try:
        kind = _format(path)
        if kind == "parquet":
            return _open_parquet(path, encoded)
        if kind == "arrow":
            return _open_arrow(path)
        from inlay.data.sources.csv_files import open_csv

        return open_csv(path)
    except OSError as error:
        if isinstance(error, SerializationError):
            raise
        message = f"{path} cannot be read: {error}"
        raise SerializationError(message) from error


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    known = _FORMATS.get(suffixes[-1]) if suffixes else None
    if known is not None:
        return known
    with path.open("rb") as file:
        begin = file.read(4)
    if begin in _MAGIC:
        return _MAGIC[begin]
    message = (
        "the format of a file is told by its suffix "
        f"({', '.join(_FORMATS)}) or its first bytes: {str(path)!r}"
    )
    raise InvalidArgumentError(message)


# ---- Parquet ---------------------------------------------------------------------------------
def _open_parquet(path: Path, encoded: bool) -> File:
    import pyarrow as pa

    try:
        with _parquet(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        size = path.stat().st_size
        unreadable(path, f"no whole Parquet file of {size} bytes", max(size - 8, 0), error)

    dictionaries = _encoded_texts(metadata, schema) if encoded else []

    def read(names: Sequence[str], _: pa.Schema) -> Iterator[pa.RecordBatch]:
        done = 0
        try:
            with _parquet(path, dictionaries) as file:
                if file.metadata.num_rows != metadata.num_rows:
                    message = f"{path} changed while it was read: {file.metadata.num_rows} rows"
                    raise SerializationError(message)
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names)):
                    done += batch.num_rows
                    yield batch
        except (pa.ArrowException, OSError) as error:
            group, offset = _damaged_group(path, list(names), done)
            unreadable(path, f"row group {group} cannot be read", offset, error)

    return File(path, schema, metadata.num_rows, read)


def _parquet(path: Path, dictionaries: Sequence[str] = ()) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        path,
        read_dictionary=list(dictionaries),
        buffer_size=_PIECE,
        pre_buffer=False,
        page_checksum_verification=True,
    )


def _encoded_texts(metadata: Any, schema: pa.Schema) -> list[str]:
    """Return the columns of text whose chunks are small enough to be dictionary-encoded throughout.

    A text that is written plainly takes four bytes for its length alone.
    """
    import pyarrow as pa

    names = [
        f.name for f in schema if pa.types.is_string(f.type) and schema.names.count(f.name) == 1
    ]
    small = set(names)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.total_uncompressed_size > _MOST_BYTES_A_TEXT * chunk.num_values:
                small.discard(chunk.path_in_schema)
    return [name for name in names if name in small]


def _damaged_group(path: Path, names: list[str], row: int) -> tuple[int, int | None]:
    """Return which row group from a row on cannot be read, and where in the file it begins."""
    import pyarrow as pa

    with _parquet(path) as file:
        metadata = file.metadata
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            row -= group.num_rows
            if row >= 0:  # it was read whole
                continue
            try:
                for _ in file.iter_batches(row_groups=[index], columns=names):
                    pass
            except (pa.ArrowException, OSError):
                chunks = [group.column(i) for i in range(group.num_columns)]
                starts = [c.dictionary_page_offset or c.data_page_offset for c in chunks]
                return index, min(starts, default=None)
    return metadata.num_row_groups, None  # it can be read now


# ---- Arrow -----------------------------------------------------------------------------------
def _open_arrow(path: Path) -> File:
    import pyarrow as pa

    with path.open("rb") as file:
        begin = file.read(6)
    is_file = begin == b"ARROW1"
    try:
        with pa.OSFile(str(path)) as source, _arrow_reader(source, is_file, None) as reader:
            schema = reader.schema
            rows = reader.count_rows() if is_file and hasattr(reader, "count_rows") else None
    except (pa.ArrowException, OSError) as error:
        unreadable(path, "no Arrow file or stream", 0, error)

    def read(names: Sequence[str], _: pa.Schema) -> Iterator[pa.RecordBatch]:
        chosen = [i for i, name in enumerate(schema.names) if name in set(names)]
        position = 0
        try:
            with pa.OSFile(str(path)) as source, _arrow_reader(source, is_file, chosen) as reader:
                if is_file:
                    for position in range(reader.num_record_batches):
                        yield reader.get_batch(position)
                    return
                position = source.tell()
                for batch in reader:
                    position = source.tell()
                    yield batch
        except (pa.ArrowException, OSError) as error:
            if is_file:
                unreadable(path, f"record batch {position} cannot be read", None, error)
            unreadable(path, "the stream is cut short or damaged", position, error)

    return File(path, schema, rows, read)


def _arrow_reader(source: Any, is_file: bool, chosen: list[int] | None) -> Any:
    import pyarrow.ipc as ipc

    options = ipc.IpcReadOptions() if chosen is None else ipc.IpcReadOptions(included_fields=chosen)
    return (ipc.open_file if is_file else ipc.open_stream)(source, options=options)


# ---- several files ---------------------------------------------------------------------------
def _check_schema(file: File, expected: pa.Schema, first: File, is_whole: bool) -> None:
    """Refuse a file that lacks a column, has one more, or has one of another type."""
    is_csv = _format(file.path) == "csv"
    for field in expected:
        count = file.schema.names.count(field.name)
        if count != expected.names.count(field.name):
            problem = "lacks a column" if count == 0 else f"has {count} columns of one name"
            message = f"{file.path} {problem} that {first.path} has: {field.name!r}"
            raise InvalidArgumentError(message)
        # What a CSV file holds is read as the first one's types.
        if count == 1 and not is_csv and file.schema.field(field.name).type != field.type:
            found = file.schema.field(field.name).type
            message = (
                f"{file.path} has column {field.name!r} as another type than {first.path} "
                f"({field.type}): {found}"
            )
            raise InvalidArgumentError(message)
    more = [name for name in file.schema.names if name not in expected.names]
    if is_whole and more:
        message = f"{file.path} has a column that {first.path} has not: {more[0]!r}"
        raise InvalidArgumentError(message)


def _aligned(file: File, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read a file's batches with the columns in the order of the schema."""
    import pyarrow as pa

    names = list(dict.fromkeys(schema.names))
    for batch in file.read(names, schema):
        if batch.schema.names == schema.names:
            yield batch
            continue
        # A name with dots may bring others that begin like it; equal names keep their order.
        taken: dict[str, int] = {}
        arrays = []
        for name in schema.names:
            same = [i for i, present in enumerate(batch.schema.names) if present == name]
            arrays.append(batch.column(same[taken.get(name, 0)]))
            taken[name] = taken.get(name, 0) + 1
        yield pa.RecordBatch.from_arrays(arrays, names=schema.names)
