"""CSV files as sources: which delimiter, which cells are missing, which types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from inlay._exceptions import SerializationError
from inlay.data.sources.file import File, unreadable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_csv"]

_BLOCK = 4 << 20
_HEAD = 1 << 16
_DELIMITERS = (",", ";", "\t")
_QUOTED = re.compile(r'"[^"]*"')
_COLUMN = re.compile(r"^In CSV column #(\d+): ")


def open_csv(path: Path) -> File:
    """Open a file of values that commas, semicolons or tabs part.

    Types are those of the first 4 MiB. An empty cell is null unless it is quoted; words such as
    ``NA`` are null among numbers and times, and text among text.

    Parameters
    ----------
    path : Path
        It may be compressed. The delimiter is a tab for ``.tsv``, else what the header has.

    Returns
    -------
    File

    Raises
    ------
    SerializationError
        If it is no such file, or not UTF-8; as it is read, if a value does not fit its column.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    try:
        blanks, header = _header(path)
        is_tabs = ".tsv" in (suffix.lower() for suffix in path.suffixes)
        parse = csv.ParseOptions(delimiter="\t" if is_tabs else _delimiter(header))

        def reader(convert: Any, **names: Any) -> Any:
            block = csv.ReadOptions(block_size=_BLOCK, **names)
            return csv.open_csv(
                path, read_options=block, parse_options=parse, convert_options=convert
            )

        with reader(csv.ConvertOptions()) as stream:
            schema = stream.schema
        columns = schema.names
    except UnicodeDecodeError as error:
        _foreign(path, "the header", error)
    except (pa.ArrowException, OSError) as error:
        unreadable(path, "no table of comma-separated values", 0, error)
    for field in schema:
        if pa.types.is_binary(field.type):
            _foreign(path, f"column {field.name!r}", None)
    # Columns of one name are told apart by numbers, which stand in the place of the header.
    keys, instead = columns, {}
    if len(set(columns)) < len(columns):
        keys = [str(i) for i in range(len(columns))]
        instead = {"column_names": keys, "skip_rows_after_names": blanks + 1}

    def read(names: Sequence[str], types: pa.Schema) -> Iterator[pa.RecordBatch]:
        # The types of the first file hold for all; a value that does not fit is an error with its
        # row, as types inferred anew for each block would differ from one to the next.
        chosen = [i for i, name in enumerate(columns) if name in names]
        if not chosen:  # to the reader no names are all names
            chosen = list(range(len(columns)))
        seen: dict[str, int] = {}
        kinds: dict[int, pa.DataType] = {}
        for i in chosen:
            name = columns[i]
            same = [field.type for field in types if field.name == name]
            kinds[i] = same[seen.get(name, 0)] if same else schema.field(i).type
            seen[name] = seen.get(name, 0) + 1
        texts = [i for i in chosen if pa.types.is_string(kinds[i])]
        others = [i for i in chosen if i not in texts]
        try:
            yield from _together(
                columns,
                chosen,
                [
                    (part, reader(_conversion(part, keys, kinds, is_text=part is texts), **instead))
                    for part in (texts, others)
                    if part
                ],
            )
        except (pa.ArrowException, OSError) as error:
            _misfit(path, columns, error)

    return File(path, schema, None, read)


def _header(path: Path) -> tuple[int, str]:
    """Return how many empty lines there are before the header, and the header."""
    import pyarrow as pa

    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(_HEAD).decode("latin-1")
    body = head.lstrip("\r\n")
    return len(head[: len(head) - len(body)].splitlines()), (body.splitlines() or [""])[0]


def _delimiter(header: str) -> str:
    """Return what parts a header: a comma if it has any outside of quotes."""
    plain = _QUOTED.sub("", header)
    if "," in plain:
        return ","
    return max(_DELIMITERS, key=plain.count)


def _conversion(
    part: Sequence[int], keys: Sequence[str], kinds: dict[int, pa.DataType], *, is_text: bool
) -> Any:
    import pyarrow.csv as csv

    chosen = [keys[i] for i in part]
    options: dict[str, Any] = {
        "include_columns": chosen,
        "column_types": {keys[i]: kinds[i] for i in part},
    }
    if is_text:
        # A country may be called NA: of texts only the empty one is missing.
        options |= {
            "null_values": [""],
            "strings_can_be_null": True,
            "quoted_strings_can_be_null": False,
        }
    return csv.ConvertOptions(**options)


def _together(
    columns: Sequence[str], chosen: Sequence[int], parts: Sequence[tuple[list[int], Any]]
) -> Iterator[pa.RecordBatch]:
    """Read parts of a file's columns side by side: blocks are cut alike, whatever is converted."""
    import pyarrow as pa

    streams: list[Callable[[], pa.RecordBatch]] = [stream for _, stream in parts]
    for batches in zip(*streams, strict=True):
        arrays = {
            i: array
            for (part, _), batch in zip(parts, batches, strict=True)
            for i, array in zip(part, batch.columns, strict=True)
        }
        yield pa.RecordBatch.from_arrays(
            [arrays[i] for i in chosen], names=[columns[i] for i in chosen]
        )


def _foreign(path: Path, what: str, error: Exception | None) -> NoReturn:
    message = f"{path}: {what} is not UTF-8; convert the file, perhaps from latin-1 or UTF-16"
    raise SerializationError(message) from error


def _misfit(path: Path, columns: Sequence[str], error: Exception) -> NoReturn:
    found = _COLUMN.match(str(error))
    if found is None or int(found[1]) >= len(columns):
        unreadable(path, "a row does not fit the first ones", None, error)
    name = columns[int(found[1])]
    if "invalid UTF8" in str(error):
        _foreign(path, f"column {name!r}", error)
    reason = str(error)[found.end() :]
    message = (
        f"{path}: column {name!r} has a value that is not of the type of the first ones; give a "
        f"Parquet file, or the table that pyarrow.csv reads with column_types: {reason}"
    )
    raise SerializationError(message) from error
