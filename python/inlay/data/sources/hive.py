"""Columns that directories name: ``region=eu/day=3/part.parquet``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inlay.data.sources.file import File

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["keys_of", "with_keys"]

_NULL = "__HIVE_DEFAULT_PARTITION__"


def keys_of(folders: Sequence[str]) -> dict[str, str | None]:
    """Return what folders called ``name=value`` say, percent signs decoded."""
    keys: dict[str, str | None] = {}
    for folder in folders:
        name, sign, value = folder.partition("=")
        if name and sign:
            keys[unquote(name)] = None if value == _NULL else unquote(value)
    return keys


def with_keys(files: Sequence[File], keys: Sequence[dict[str, str | None]]) -> list[File]:
    """Add to files the columns that their folders name.

    Parameters
    ----------
    files : sequence of File
        Of a column that a file has itself, the file's values count.
    keys : sequence of dict
        For each file what `keys_of` found.

    Returns
    -------
    list of File
        The columns come last. They are int64 if all their values are whole numbers, else text.
    """
    types = _types(keys)
    return [
        _with(
            file,
            {name: value for name, value in found.items() if name not in file.schema.names},
            types,
        )
        if found
        else file
        for file, found in zip(files, keys, strict=True)
    ]


def _types(keys: Sequence[dict[str, str | None]]) -> dict[str, Any]:
    import pyarrow as pa

    values: dict[str, list[str]] = {}
    for found in keys:
        for name, value in found.items():
            values.setdefault(name, []).extend([] if value is None else [value])
    return {
        name: pa.int64() if texts and all(map(_is_whole, texts)) else pa.string()
        for name, texts in values.items()
    }


def _is_whole(text: str) -> bool:
    """Return whether a text is a number that is written the same again: 007 is a name."""
    try:
        return str(int(text)) == text and abs(int(text)) < 2**63
    except ValueError:
        return False


def _with(file: File, keys: dict[str, str | None], types: dict[str, Any]) -> File:
    import pyarrow as pa

    schema = file.schema
    values = {}
    for name, value in keys.items():
        schema = schema.append(pa.field(name, types[name]))
        is_whole = value is not None and pa.types.is_integer(types[name])
        values[name] = pa.scalar(int(value) if is_whole else value, types[name])  # type: ignore[arg-type]

    def read(names: Sequence[str], expected: pa.Schema) -> Iterator[pa.RecordBatch]:
        own = [name for name in names if name not in values]
        for batch in file.read(own, expected):
            arrays = [batch.column(i) for i, name in enumerate(batch.schema.names) if name in own]
            found = [name for name in batch.schema.names if name in own]
            for name in names:
                if name in values:
                    arrays.append(pa.repeat(values[name], batch.num_rows))
                    found.append(name)
            yield pa.RecordBatch.from_arrays(arrays, names=found)

    return File(Path(file.path), schema, file.num_rows, read)
