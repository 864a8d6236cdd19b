"""Frames and arrays of other libraries as Arrow tables, with an error that names the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay._host_tensor import host_array

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["table_of_array", "table_of_columns", "table_of_pandas"]


def table_of_pandas(frame: Any, wanted: Sequence[str] | None = None) -> pa.Table:
    """Turn a pandas frame into a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of objects become what their values are; NaN and NaT are nulls, as pandas means
        them. Levels of the index that have a name come first; those without one, or with that of a
        column, are left out.
    wanted : sequence of str, optional
        Of these columns only.

    Returns
    -------
    pyarrow.Table
        Names that are not text become text; equal names stay as they are.

    Raises
    ------
    InvalidArgumentError
        If a column holds values of several types, or of one that Arrow has not.
    """
    import pyarrow as pa

    columns = set(map(str, frame.columns))
    parts: list[tuple[str, Any]] = [
        (str(name), frame.index.get_level_values(level).to_series())
        for level, name in enumerate(frame.index.names)
        if name is not None and str(name) not in columns
    ]
    # By position, since several columns may share a name.
    parts += [(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    if wanted is not None:
        parts = [part for part in parts if part[0] in wanted]
    names = [name for name, _ in parts]
    arrays = [_from_pandas(name, values) for name, values in parts]
    return pa.Table.from_arrays(arrays, names=names)


def _from_pandas(name: str, values: Any) -> Any:
    import pyarrow as pa

    try:
        if hasattr(values.dtype, "fill_value"):  # a sparse column
            values = values.sparse.to_dense()
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unfit(name, values, error) from error


def table_of_columns(columns: Mapping[Any, Any], wanted: Sequence[str] | None = None) -> pa.Table:
    """Turn a mapping of names to columns into a table.

    Parameters
    ----------
    columns : mapping of str to array-like, shape (n,)
        Arrow arrays, chunked arrays and what offers their capsules are taken as they are; numpy
        arrays, tensors on the host, pandas series and sequences are converted. In numpy arrays and
        tensors NaN stays NaN.
    wanted : sequence of str, optional
        Of these columns only.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InvalidArgumentError
        If columns differ in length, one has no Arrow type, or a wanted one is not there.
    TypeError
        If a name is not text, a column is a single value, or a tensor that cannot be read here.
    """
    import pyarrow as pa

    from inlay.data.sources import select

    names: list[str] = []
    arrays: list[Any] = []
    select([name for name in columns if isinstance(name, str)], wanted, "the table")
    for name, values in columns.items():
        if not isinstance(name, str):
            message = f"names of columns are text, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        if wanted is not None and name not in wanted:
            continue
        array = _column(name, values)
        if arrays and len(array) != len(arrays[0]):
            message = (
                f"columns must be equally long ({names[0]!r} has {len(arrays[0])} rows); "
                f"{name!r} has {len(array)}"
            )
            raise InvalidArgumentError(message)
        names.append(name)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, names=names)


def table_of_array(values: Any) -> pa.Table:
    """Turn a numpy array, or what has ``__array__``, into a table.

    Parameters
    ----------
    values : array-like, shape (n,) or (n, columns)
        Columns are named ``"0"``, ``"1"``, …; those of a structured array by its fields. Masked
        entries and NaT are nulls, NaN stays NaN.

    Returns
    -------
    pyarrow.Table
        Native, contiguous columns share memory with the array, others are copied.

    Raises
    ------
    InvalidArgumentError
        If it has no or more than two dimensions, or a type that Arrow has not.
    """
    import numpy as np
    import pyarrow as pa

    array = np.asanyarray(values)
    if array.ndim not in (1, 2):
        message = f"an array must have one or two dimensions to be a table: shape {array.shape}"
        raise InvalidArgumentError(message)
    if array.dtype.names is not None:
        rows = array.reshape(-1)
        parts = {name: rows[name] for name in array.dtype.names}
    elif array.ndim == 1:
        parts = {"0": array}
    else:
        parts = {str(i): array[:, i] for i in range(array.shape[1])}
    if not parts:  # so that the rows are not lost
        return pa.table({})
    return pa.Table.from_arrays(
        [_from_numpy(name, column) for name, column in parts.items()], names=list(parts)
    )


def _column(name: str, values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if type(values).__module__.partition(".")[0] == "pandas":
        return _from_pandas(name, values)
    if is_device_array(values):
        message = f"column {name!r} is on a CUDA device: give a matrix of all, or a copy by .cpu()"
        raise TypeError(message)
    try:
        tensor = host_array(values)
    except TypeError as error:
        message = f"column {name!r}: {error}"
        raise TypeError(message) from None
    if tensor is not None:
        return _from_numpy(name, tensor)
    try:
        if hasattr(values, "__arrow_c_array__"):
            return pa.array(values)
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _unfit(name, values, error) from error
    if hasattr(values, "__array__"):
        import numpy as np

        return _from_numpy(name, np.asanyarray(values))
    if isinstance(values, (str, bytes, int, float)) or not hasattr(values, "__iter__"):
        message = f"column {name!r} is no sequence of values: {values!r}"
        raise TypeError(message)
    try:
        return pa.array(values if isinstance(values, (list, tuple)) else list(values))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unfit(name, values, error) from error


def _from_numpy(name: str, column: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if column.ndim != 1:
        message = f"column {name!r} must have one dimension: shape {column.shape}"
        raise InvalidArgumentError(message)
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
    plain = np.asarray(column)
    if not plain.dtype.isnative:
        plain = plain.astype(plain.dtype.newbyteorder("="))
    try:
        return pa.array(plain, mask=mask)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unfit(name, column, error) from error


def _unfit(name: str, values: Any, error: Exception) -> InvalidArgumentError:
    kind = getattr(values, "dtype", type(values).__name__)
    reason = " ".join(str(error).split())
    return InvalidArgumentError(f"column {name!r} ({kind}) has no Arrow type: {reason}")
