"""Rows of numbers from arrays, tables and columns of lists; rows with gaps left out and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Matrix", "rows_of", "two_sides"]

if TYPE_CHECKING:
    Matrix = npt.NDArray[np.floating[Any]]
else:
    Matrix = Any


def rows_of(data: Any, name: str) -> tuple[Matrix, int]:
    """Turn data into a matrix of finite rows.

    Parameters
    ----------
    data : array-like of numbers, shape (n, d); table; or Arrow column of lists
        A column of lists of one length, as embeddings are stored, gives a row each; of a table each
        numeric column gives a column. One dimension is taken for one column.
    name : str
        What messages call it.

    Returns
    -------
    rows : ndarray of float32 or float64, shape (n, d)
        Perhaps the memory of `data`; not to be written to.
    left_out : int
        Rows with NaN, an infinity or a null.

    Raises
    ------
    InvalidArgumentError
        If it has more than two dimensions, lists of several lengths, or no columns.
    TypeError
        If it does not hold numbers.
    """
    import numpy as np

    array, nulls = _array(data, name)
    if array.dtype.kind not in "fiub":
        message = f"{name} must hold real numbers: {array.dtype}"
        raise TypeError(message)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] == 0:
        message = f"{name} must have the shape (rows, columns): {array.shape}"
        raise InvalidArgumentError(message)
    finite = np.isfinite(array).all(axis=1)
    if finite.all():
        return array, nulls
    return array[finite], nulls + int(array.shape[0] - finite.sum())


def two_sides(reference: Any, current: Any) -> tuple[Matrix, Matrix, tuple[int, int]]:
    """Turn two sides into matrices of as many columns, and count the rows left out of each.

    Raises
    ------
    InvalidArgumentError
        If they differ in their number of columns; and as `rows_of`.
    """
    x, x_left = rows_of(reference, "reference")
    y, y_left = rows_of(current, "current")
    if x.shape[1] != y.shape[1]:
        message = f"reference has {x.shape[1]} columns; current has {y.shape[1]}"
        raise InvalidArgumentError(message)
    return x, y, (x_left, y_left)


def _array(data: Any, name: str) -> tuple[Any, int]:
    import numpy as np

    package = type(data).__module__.partition(".")[0]
    if isinstance(data, np.ma.MaskedArray):
        if data.dtype.kind not in "fiub":
            return np.asarray(data), 0
        return np.ma.filled(data.astype(np.float64), np.nan), 0
    if isinstance(data, np.ndarray) and data.dtype.names is None:
        return data, 0
    if package in ("pyarrow", "polars", "pandas") or isinstance(data, Mapping):
        return _of_arrow(data, name, package)
    try:
        return np.asarray(data), 0
    except ValueError as error:  # rows of several lengths
        message = f"{name} must be rows of one length: {type(data).__name__}"
        raise InvalidArgumentError(message) from error


def _of_arrow(data: Any, name: str, package: str) -> tuple[Any, int]:
    import numpy as np
    import pyarrow as pa

    if package == "pandas" and not hasattr(data, "columns"):
        data = pa.array(data, from_pandas=True)
    elif package == "polars" and not hasattr(data, "columns"):
        data = pa.chunked_array(data)
    if isinstance(data, (pa.Array, pa.ChunkedArray)):
        column = data.combine_chunks() if isinstance(data, pa.ChunkedArray) else data
        if isinstance(column, pa.ChunkedArray):  # of older releases, without chunks
            column = pa.concat_arrays(column.chunks) if column.num_chunks else column.type
        kind = column.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return _of_lists(column, name)
        if pa.types.is_fixed_size_list(kind):
            return _of_lists(column, name)
        return _numbers(column, name), 0
    from inlay.data.sources import open_source

    source = open_source(data)
    table = pa.Table.from_batches(list(source.batches()), source.schema)
    columns = [_numbers(column, name) for column in table.columns]
    return (np.column_stack(columns) if columns else np.empty((0, 0))), 0


def _numbers(column: Any, name: str) -> Any:
    """Return a column as floats, its nulls as NaN."""
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        message = f"{name} must hold real numbers: {kind}"
        raise TypeError(message)
    wide = pa.float32() if kind == pa.float32() else pa.float64()
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    return column.cast(wide, safe=False).to_numpy(zero_copy_only=False)


def _of_lists(column: Any, name: str) -> tuple[Any, int]:
    import numpy as np
    import pyarrow.compute as pc

    nulls = column.null_count
    column = column.drop_null()
    lengths = set(pc.unique(pc.list_value_length(column)).to_pylist())
    if len(lengths) > 1:
        message = f"{name} must be lists of one length: {sorted(lengths)[:5]}"
        raise InvalidArgumentError(message)
    values = _numbers(column.flatten(), name)
    width = lengths.pop() if lengths else getattr(column.type, "list_size", 1)
    if width == 0:
        return np.empty((len(column), 0)), nulls
    return values.reshape(len(column), width), nulls
