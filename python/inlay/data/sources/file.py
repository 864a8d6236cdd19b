"""A file whose head was read, and the error of one that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from inlay._exceptions import SerializationError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["File", "unreadable"]


class File(NamedTuple):
    """A file whose head was read.

    Attributes
    ----------
    path : Path
        Where it is.
    schema : pyarrow.Schema
        Of all its columns.
    num_rows : int or None
        Its rows, if the head tells.
    read : callable
        Takes the different names to read and the types to read them as, and gives the batches.
    """

    path: Path
    schema: pa.Schema
    num_rows: int | None
    read: Callable[[Sequence[str], pa.Schema], Iterable[pa.RecordBatch]]


def unreadable(path: Path, what: str, offset: int | None, error: Exception) -> NoReturn:
    """Raise the error of a file that cannot be read.

    Raises
    ------
    SerializationError
        With the path, and the offset where it is known.
    """
    at = "" if offset is None else f" at byte {offset}"
    reason = " ".join(str(error).split())
    message = f"{path}{at}: {what}: {reason}"
    raise SerializationError(message) from error
