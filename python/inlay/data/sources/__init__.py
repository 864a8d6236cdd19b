"""Any table, frame, array, stream or file as Arrow record batches of one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay._host_tensor import host_array

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH_ROWS", "Source", "check_names", "open_source"]

BATCH_ROWS = 1 << 17
"""Most rows of a batch: a few MiB a column, and long enough for the sketches to sort in blocks."""

# Whose tables give the same rows again when they are asked again; of others it is not known.
_REPEATABLE = {"polars", "inlay", "pandas", "duckdb", "_duckdb"}


class Source:
    """A stream of record batches of one schema.

    Raises
    ------
    InvalidArgumentError
        If the name of a column holds NUL.

    Attributes
    ----------
    name : str
        What messages call it: a path, or the kind of object.
    schema : pyarrow.Schema
        That of every batch.
    num_rows : int or None
        The rows of all batches where that is known before they are read.
    is_repeatable : bool
        Whether `batches` may be called again and gives the same rows.
    is_in_memory : bool
        Whether all rows are there, so that reading them on cannot fail.
    """

    __slots__ = ("_read", "_taken", "is_in_memory", "is_repeatable", "name", "num_rows", "schema")

    def __init__(
        self,
        name: str,
        schema: pa.Schema,
        read: Callable[[], Iterable[pa.RecordBatch]],
        *,
        num_rows: int | None = None,
        is_repeatable: bool = False,
        is_in_memory: bool = False,
    ) -> None:
        self.name = name
        check_names(schema)
        self.schema = _decoded_schema(schema)
        self.num_rows = num_rows
        self.is_repeatable = is_repeatable
        self.is_in_memory = is_in_memory
        self._read = read
        self._taken = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the batches, in order; run-end encoded columns are decoded.

        Yields
        ------
        pyarrow.RecordBatch
            Of at most `BATCH_ROWS` rows.

        Raises
        ------
        InvalidArgumentError
            If it was read before and is not repeatable.
        SerializationError
            If a file cannot be read on; the message names it.
        """
        if self._taken and not self.is_repeatable:
            message = f"the stream was read before and gives its rows once: {self.name}"
            raise InvalidArgumentError(message)
        self._taken = True
        for batch in self._read():
            for start in range(0, batch.num_rows, BATCH_ROWS):
                part = batch.slice(start, BATCH_ROWS) if batch.num_rows > BATCH_ROWS else batch
                yield _decoded(part, self.schema)


def open_source(
    data: Any,
    *,
    columns: Sequence[str] | None = None,
    encoded: bool = False,
    stream: Any = None,
) -> Source:
    """Find out how to read data, without reading it yet where it is a stream or a file.

    Parameters
    ----------
    data : object
        A pyarrow table, batch, reader or dataset; what has ``__arrow_c_stream__`` or
        ``__arrow_c_array__`` (polars, duckdb, nanoarrow, `inlay.Table`, …); a pandas DataFrame,
        whose index levels are left out if unnamed; a numpy array (of one dimension: a column
        ``"0"``; of two: ``"0"``, ``"1"``, …; structured: its fields), or a tensor of one or two
        dimensions on a CUDA device, which is copied piece by piece; a mapping of names to
        columns; the path of a Parquet, Arrow or CSV file, of a directory of Parquet files, a glob,
        or a list of paths.
    columns : sequence of str, optional
        Top-level columns to read; all by default.
    encoded : bool
        Whether texts that a Parquet file holds as a dictionary may come as one, for readers who
        take either whatever the schema says.
    stream : int or object, optional
        For a tensor on a CUDA device: in whose order it is read, by default the producer's current
        one.

    Returns
    -------
    Source

    Raises
    ------
    TypeError
        If it is none of these.
    InvalidArgumentError
        If a column is not there or cannot be turned into Arrow, a path is not there, a glob matches
        nothing, or files differ in their schema.
    SerializationError
        If a file is cut short or of another format.
    """
    wanted = _wanted(columns)
    if isinstance(data, Source):
        if wanted is None:
            return data
        return _of_batches(data.name, data.schema, data, wanted)
    if isinstance(data, (str, Path)) or _is_paths(data):
        from inlay.data.sources.files import open_files

        return open_files(data, wanted, encoded=encoded)
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return _of_table(data, wanted)
    if isinstance(data, pa.RecordBatch):
        return _of_table(pa.Table.from_batches([data]), wanted)
    if isinstance(data, pa.RecordBatchReader):
        return _of_stream("RecordBatchReader", data, wanted)
    dataset = _dataset_source(data, wanted)
    if dataset is not None:
        return dataset
    from inlay.data.sources.frames import table_of_array, table_of_columns, table_of_pandas

    package = _package(data)
    if package == "pandas" and hasattr(data, "iloc") and hasattr(data, "columns"):
        return _of_table(table_of_pandas(data, wanted), wanted)
    if package == "pandas" and hasattr(data, "to_frame") and hasattr(data, "iloc"):
        return _of_table(table_of_pandas(data.to_frame(), wanted), wanted)
    if isinstance(data, Mapping):
        return _of_table(table_of_columns(data, wanted), wanted)
    if hasattr(data, "__arrow_c_stream__"):
        return _of_capsules(data, wanted)
    if hasattr(data, "__arrow_c_array__"):
        return _of_table(pa.Table.from_batches([_record_batch(data)]), wanted)
    if is_device_array(data):
        from inlay.data.sources.device import open_device

        source = open_device(data, stream=stream)
        return source if wanted is None else _of_batches(source.name, source.schema, source, wanted)
    if hasattr(data, "__array__"):
        tensor = host_array(data)
        return _of_table(table_of_array(data if tensor is None else tensor), wanted)
    message = (
        "expected a table, a frame, an array, a mapping of columns, an Arrow stream or a path, "
        f"got {type(data).__name__}"
    )
    raise TypeError(message)


def check_names(schema: pa.Schema) -> None:
    """Refuse names of columns, and of fields within them, that hold NUL.

    Arrow hands names on as C strings, which end there: two columns could have one name then.

    Raises
    ------
    InvalidArgumentError
        The message has the name.
    """
    fields = list(schema)
    for field in fields:
        if "\0" in field.name:
            message = f"the name of a column must not hold NUL: {field.name!r}"
            raise InvalidArgumentError(message)
        if field.type.num_fields:
            fields += [field.type.field(number) for number in range(field.type.num_fields)]


def select(names: Sequence[str], wanted: Sequence[str] | None, where: str) -> list[int]:
    """Return the positions of the wanted names, all of those that share one.

    Raises
    ------
    InvalidArgumentError
        If a name is not there.
    """
    if wanted is None:
        return list(range(len(names)))
    found: list[int] = []
    for name in wanted:
        positions = [i for i, present in enumerate(names) if present == name]
        if not positions:
            shown = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
            message = f"{where} has no such column (it has {shown or 'none'}): {name!r}"
            raise InvalidArgumentError(message)
        found += positions
    return found


def _wanted(columns: Any) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, str):
        message = f"columns is a sequence of names, got one: {columns!r}"
        raise TypeError(message)
    wanted = tuple(columns)
    for position, name in enumerate(wanted):
        if not isinstance(name, str):
            message = f"columns are names, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        if name in wanted[:position]:
            message = f"columns must be different: {name!r}"
            raise InvalidArgumentError(message)
    return wanted


def _is_paths(data: Any) -> bool:
    return (
        isinstance(data, (list, tuple))
        and len(data) > 0
        and all(isinstance(item, (str, Path)) for item in data)
    )


def _package(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _of_table(table: pa.Table, wanted: Sequence[str] | None) -> Source:
    if wanted is not None:
        table = table.select(select(table.column_names, wanted, "the table"))
    return Source(
        "the table",
        table.schema,
        lambda: table.to_batches(max_chunksize=BATCH_ROWS),
        num_rows=table.num_rows,
        is_repeatable=True,
        is_in_memory=True,
    )


def _of_stream(name: str, reader: pa.RecordBatchReader, wanted: Sequence[str] | None) -> Source:
    return _of_batches(name, reader.schema, _Once(reader), wanted)


class _Once:
    """A reader in the shape of a source; a failure of its producer becomes ours."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self.is_repeatable = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._reader


def _of_batches(
    name: str, schema: pa.Schema, source: Source | _Once, wanted: Sequence[str] | None
) -> Source:
    import pyarrow as pa

    if wanted is None:
        return Source(name, schema, source.batches)
    positions = select(schema.names, wanted, name)

    def read() -> Iterator[pa.RecordBatch]:
        for batch in source.batches():
            yield batch.select(positions)

    chosen = pa.schema([schema.field(i) for i in positions])
    return Source(name, chosen, read, is_repeatable=source.is_repeatable)


def _of_capsules(data: Any, wanted: Sequence[str] | None) -> Source:
    """Read a producer of streams; ask it again for a second reading where it is known to allow."""
    import pyarrow as pa

    name = type(data).__name__
    try:
        first = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        message = f'{name} is no table; give a column a name, as {{"x": column}}: {error}'
        raise InvalidArgumentError(message) from error
    if _package(data) not in _REPEATABLE:
        return _of_stream(name, first, wanted)
    positions = select(first.schema.names, wanted, name)
    chosen = pa.schema([first.schema.field(i) for i in positions])
    ready = [first]

    def read() -> Iterator[pa.RecordBatch]:
        reader = ready.pop() if ready else pa.RecordBatchReader.from_stream(data)
        for batch in reader:
            yield batch if wanted is None else batch.select(positions)

    size = getattr(data, "num_rows", None) or getattr(data, "height", None)
    return Source(
        name,
        chosen,
        read,
        num_rows=size if isinstance(size, int) else None,
        is_repeatable=True,
        # Frames are in memory; a relation of DuckDB is a query that runs as it is read.
        is_in_memory=_package(data) in {"polars", "inlay"},
    )


def _record_batch(data: Any) -> pa.RecordBatch:
    import pyarrow as pa

    try:
        return pa.record_batch(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        message = f'{type(data).__name__} is no table; give a column a name, as {{"x": column}}'
        raise InvalidArgumentError(message) from error


def _dataset_source(data: Any, wanted: Sequence[str] | None) -> Source | None:
    """Return the source of a pyarrow dataset, without importing that module for other data."""
    if not (
        _package(data) == "pyarrow" and hasattr(data, "to_batches") and hasattr(data, "count_rows")
    ):
        return None
    positions = select(data.schema.names, wanted, "the dataset")
    import pyarrow as pa

    schema = pa.schema([data.schema.field(i) for i in positions])
    return Source(
        "the dataset",
        schema,
        lambda: data.to_batches(columns=schema.names, batch_size=BATCH_ROWS),
        num_rows=data.count_rows(),
        is_repeatable=True,
    )


def _decoded_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    for position, field in enumerate(schema):
        if pa.types.is_run_end_encoded(field.type):
            schema = schema.set(position, field.with_type(field.type.value_type))
    return schema


def _decoded(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if not any(pa.types.is_run_end_encoded(kind) for kind in batch.schema.types):
        return batch
    import pyarrow.compute as pc

    arrays = [
        pc.run_end_decode(array) if pa.types.is_run_end_encoded(array.type) else array
        for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
