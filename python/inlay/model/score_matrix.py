"""Values of several columns a row, as one column of numbers that lie row by row."""

from __future__ import annotations

from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["score_matrix"]


def score_matrix(values: Any, columns: int, *, name: str = "y_score") -> Any:
    """Return a matrix in a form that the native states read, checked for its shape.

    Parameters
    ----------
    values : array-like, shape (n, columns)
        An array; nested sequences; a column of fixed-size lists of Arrow; a table or a data frame.
    columns : int
        How many there must be.
    name : str, default "y_score"
        What messages call it.

    Raises
    ------
    InvalidArgumentError
        If there are others.
    """
    flags = getattr(values, "flags", None)
    if flags is None or not hasattr(flags, "c_contiguous"):
        values = _array(values, columns, name)
    shape = values.shape
    if len(shape) != 2 or shape[1] != columns:
        message = f"{name} has the shape (rows, {columns}), not {tuple(shape)}"
        raise InvalidArgumentError(message)
    flags = getattr(values, "flags", None)
    if flags is not None and not flags.c_contiguous:
        import numpy as np

        return np.ascontiguousarray(values)
    return values


def _array(values: Any, columns: int, name: str) -> Any:
    """Return what is no array of numpy as something with a shape that lies row by row."""
    if hasattr(values, "is_contiguous"):  # a tensor
        return values.contiguous()
    import numpy as np

    if hasattr(values, "flatten") and hasattr(values, "null_count"):
        return _of_lists(values, columns, name)
    if hasattr(values, "column_names"):  # a table of Arrow
        return np.column_stack([column.to_numpy() for column in values.columns])
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        message = f"{name} has {columns} values in each row: {error}"
        raise InvalidArgumentError(message) from None
    if array.dtype == object:
        array = np.array(values, dtype=np.float64)  # of None NaN
    return array.reshape(0, columns) if array.size == 0 else array


def _of_lists(column: Any, columns: int, name: str) -> Any:
    """Return the numbers of a column of Arrow's fixed-size lists."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != columns:
        message = f"{name} has fixed-size lists of {columns}, not {column.type}"
        raise InvalidArgumentError(message)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # of no chunks, in some versions
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    import numpy as np

    # flatten() drops what null rows hold, which would move the others.
    rows = np.full((len(column), columns), np.nan)
    valid = np.asarray(column.is_valid())
    rows[valid] = (
        column.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False).reshape(-1, columns)
    )
    return rows
