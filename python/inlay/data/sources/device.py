"""A tensor on a CUDA device as record batches, copied to the host piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay import _cuda_runtime
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pyarrow as pa

    from inlay.data.sources import Source

__all__ = ["host_type", "named_columns", "open_device"]

# Of a piece on the host: what is there of a tensor of any size.
_PIECE_BYTES = 1 << 23

# What the host gets; numpy has none of the others.
_HOST_TYPES = {"bfloat16": "float32", "float8_e4m3fn": "float32", "float8_e5m2": "float32"}


def open_device(data: Any, *, names: Sequence[str] | None = None, stream: Any = None) -> Source:
    """Read the rows of a tensor on a device.

    Parameters
    ----------
    data : tensor on a CUDA device, shape (n,) or (n, columns)
    names : sequence of str, optional
        Of the columns, in their order; ``"0"``, ``"1"``, … by default.
    stream : int or object, optional
        In whose order they are read; the producer's current one by default.

    Returns
    -------
    Source
        At most 8 MiB (but a row at least) are on the host at a time. Each piece waits for the
        device.

    Raises
    ------
    InvalidArgumentError
        If it has no or more than two dimensions, or another number of columns than names.
    CudaUnavailableError
        If the device cannot be used from here.
    """
    import numpy as np
    import pyarrow as pa

    from inlay.data.sources import BATCH_ROWS, Source

    cuda = _cuda_runtime.native()
    _, shape, kind = cuda.tensor_facts(data)
    rows, columns = named_columns(shape, names)
    dtype = host_type(kind)
    arrow = pa.from_numpy_dtype(dtype)
    schema = pa.schema([pa.field(name, arrow) for name in columns])
    room = max(1, _PIECE_BYTES // max(1, len(columns) * dtype.itemsize))
    piece = min(BATCH_ROWS, room)

    def read() -> Iterator[pa.RecordBatch]:
        for first in range(0, rows, piece):
            count = min(piece, rows - first)
            copied = cuda.columns_to_host(data, first, count, stream)
            values = np.frombuffer(copied, dtype=dtype).reshape(len(columns), count)
            arrays = [pa.array(column) for column in values]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Source(
        type(data).__name__,
        schema,
        read,
        num_rows=rows,
        is_repeatable=True,
    )


def host_type(kind: str) -> np.dtype[Any]:
    """Return the type that elements have on the host."""
    import numpy as np

    return np.dtype(_HOST_TYPES.get(kind, kind))


def named_columns(shape: Sequence[int], names: Sequence[str] | None) -> tuple[int, tuple[str, ...]]:
    """Return the rows of a tensor and the names of its columns.

    Raises
    ------
    InvalidArgumentError
        If it has no or more than two dimensions, or another number of columns than names.
    """
    if len(shape) not in (1, 2):
        message = f"a tensor must have one or two dimensions to be a table: shape {tuple(shape)}"
        raise InvalidArgumentError(message)
    columns = shape[1] if len(shape) == 2 else 1
    if names is None:
        return shape[0], tuple(map(str, range(columns)))
    if len(names) != columns:
        shown = ", ".join(map(repr, list(names)[:20])) + (", …" if len(names) > 20 else "")
        message = (
            f"a tensor's columns are those of the schema in their order, {len(names)} "
            f"({shown}); its shape is {tuple(shape)}"
        )
        raise InvalidArgumentError(message)
    return shape[0], tuple(names)
