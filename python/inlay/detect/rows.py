"""Rows of numbers from arrays, tables and columns of lists; rows with gaps left out and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._host_tensor import host_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Matrix", "matrix_of", "named_rows", "refuse_columns", "rows_of", "two_sides"]

if TYPE_CHECKING:
    Matrix = npt.NDArray[np.floating[Any]]
else:
    Matrix = Any


def rows_of(data: Any, name: str, *, columns: tuple[str, ...] | None = None) -> tuple[Matrix, int]:
    """Turn data into a matrix of finite rows.

    Parameters
    ----------
    data : array-like of numbers, shape (n, d); table; or Arrow column of lists
        A column of lists of one length, as embeddings are stored, gives a row each; of a table each
        numeric column gives a column. One dimension is taken for one column.
    name : str
        What messages call it.
    columns : tuple of str, optional
        The names in the order wanted. Columns of a table are brought into it; what has no names is
        taken as it is.

    Returns
    -------
    rows : ndarray of float32 or float64, shape (n, d)
        Perhaps the memory of `data`; not to be written to.
    left_out : int
        Rows with NaN, an infinity or a null.

    Raises
    ------
    InvalidArgumentError
        If it has more than two dimensions, lists of several lengths, no columns, or a table's have
        other names than `columns`.
    TypeError
        If it does not hold numbers.
    """
    rows, left_out, _ = named_rows(data, name, columns=columns)
    return rows, left_out


def named_rows(
    data: Any, name: str, *, columns: tuple[str, ...] | None = None
) -> tuple[Matrix, int, tuple[str, ...] | None]:
    """Return what `rows_of` does, and the names of the columns; None if they have none."""
    import numpy as np

    array, nulls, names = matrix_of(data, name, columns=columns)
    finite = np.isfinite(array).all(axis=1)
    if finite.all():
        return array, nulls, names
    return array[finite], nulls + int(array.shape[0] - finite.sum()), names


def matrix_of(
    data: Any, name: str, *, columns: tuple[str, ...] | None = None
) -> tuple[Matrix, int, tuple[str, ...] | None]:
    """Turn data into a matrix as `rows_of` does, rows that are not finite among them.

    Returns
    -------
    rows : ndarray of float32 or float64, shape (n, d)
        NaN where a table or a column has a null.
    nulls : int
        Rows that a column of lists lacks.
    names : tuple of str or None
        Of a table's columns.

    Raises
    ------
    InvalidArgumentError, TypeError
        As by `rows_of`.
    """
    import numpy as np

    array, nulls, names = _array(data, name)
    if names is not None and columns is not None and names != columns:
        array, names = array.take(_places(names, columns, name), axis=1), columns
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
    return array, nulls, names


def _places(names: tuple[str, ...], columns: tuple[str, ...], side: str) -> list[int]:
    """Return where each of `columns` is among `names`, which must be the same ones."""
    for mine, theirs, has in ((columns, names, "lacks"), (names, columns, "alone has")):
        odd = next((column for column in mine if column not in theirs), None)
        if odd is not None:
            message = f"columns of tables are matched by name; {side} {has} one: {odd!r}"
            raise InvalidArgumentError(message)
    for column in names:
        if names.count(column) > 1 or columns.count(column) > 1:
            message = f"columns of tables are matched by name; {side} has two of one: {column!r}"
            raise InvalidArgumentError(message)
    return [names.index(column) for column in columns]


def refuse_columns(values: Any) -> Any:
    """Return values, unless they are an array of several columns or bytes.

    Raises
    ------
    InvalidArgumentError
        If they have more than one dimension.
    TypeError
        If they are bytes.
    """
    if isinstance(values, (str, bytes, bytearray)):
        message = f"expected a column of numbers, got {type(values).__name__}"
        raise TypeError(message)
    dimensions = getattr(values, "ndim", 1)
    if isinstance(dimensions, int) and dimensions > 1:
        shape = tuple(values.shape)
        message = f"expected one column, got an array of shape {shape}: pass one of its columns"
        raise InvalidArgumentError(message)
    return values


def two_sides(reference: Any, current: Any) -> tuple[Matrix, Matrix, tuple[int, int]]:
    """Turn two sides into matrices of the same columns, and count the rows left out of each.

    Columns of two tables are matched by name, all others by place.

    Raises
    ------
    InvalidArgumentError
        If they differ in their columns; and as `rows_of`.
    """
    x, x_left, columns = named_rows(reference, "reference")
    y, y_left = rows_of(current, "current", columns=columns)
    if x.shape[1] != y.shape[1]:
        message = f"reference has {x.shape[1]} columns; current has {y.shape[1]}"
        raise InvalidArgumentError(message)
    return x, y, (x_left, y_left)


def _array(data: Any, name: str) -> tuple[Any, int, tuple[str, ...] | None]:
    import numpy as np

    package = type(data).__module__.partition(".")[0]
    if isinstance(data, np.ma.MaskedArray):
        if data.dtype.kind not in "fiub":
            return np.asarray(data), 0, None
        return np.ma.filled(data.astype(np.float64), np.nan), 0, None
    if isinstance(data, np.ndarray) and data.dtype.names is None:
        return data, 0, None
    if package in ("pyarrow", "polars", "pandas") or isinstance(data, Mapping):
        return _of_arrow(data, name, package)
    tensor = host_array(data)
    if tensor is not None:
        return tensor, 0, None
    try:
        return np.asarray(data), 0, None
    except ValueError as error:  # rows of several lengths
        message = f"{name} must be rows of one length: {type(data).__name__}"
        raise InvalidArgumentError(message) from error


def _of_arrow(data: Any, name: str, package: str) -> tuple[Any, int, tuple[str, ...] | None]:
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
            return *_of_lists(column, name), None
        if pa.types.is_fixed_size_list(kind):
            return *_of_lists(column, name), None
        return _numbers(column, name), 0, None
    from inlay.data.sources import open_source

    source = open_source(data)
    table = pa.Table.from_batches(list(source.batches()), source.schema)
    names = tuple(table.column_names)
    # A pandas frame made without names has numbers for them.
    is_named = package != "pandas" or any(isinstance(column, str) for column in data.columns)
    columns = [
        _numbers(column, f"column {each!r} of {name}")
        for each, column in zip(names, table.columns, strict=True)
    ]
    return (
        (np.column_stack(columns) if columns else np.empty((0, 0))),
        0,
        names if is_named else None,
    )


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
