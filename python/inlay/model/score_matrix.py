"""Scores of several columns a row, as one column of numbers that lie row by row."""

from __future__ import annotations

from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["score_matrix"]


def score_matrix(scores: Any, columns: int) -> Any:
    """Return scores in a form that the native states read, checked for their shape.

    Parameters
    ----------
    scores : array-like, shape (n, columns)
        An array; nested sequences; a column of fixed-size lists of Arrow; a table or a data frame.
    columns : int
        How many there must be.

    Raises
    ------
    InvalidArgumentError
        If there are others.
    """
    shape = getattr(scores, "shape", None)
    if shape is not None and len(shape) == 2 and shape[1] == columns and hasattr(scores, "strides"):
        return scores  # an array: the usual case, and quick
    if hasattr(scores, "flatten") and hasattr(scores, "type") and hasattr(scores, "null_count"):
        return _of_lists(scores, columns)
    if shape is None or hasattr(scores, "columns"):
        import numpy as np

        if hasattr(scores, "to_pandas") and hasattr(scores, "column_names"):  # a table of Arrow
            scores = np.column_stack([column.to_numpy() for column in scores.columns])
        scores = np.asarray(scores)
        if scores.dtype == object:
            message = f"y_score has rows of different lengths, or no numbers, not {columns} a row"
            raise InvalidArgumentError(message)
        if scores.size == 0:
            scores = scores.reshape(0, columns)
        shape = scores.shape
    if len(shape) != 2 or shape[1] != columns:
        message = f"y_score has the shape (rows, {columns}), not {tuple(shape)}"
        raise InvalidArgumentError(message)
    return scores


def _of_lists(column: Any, columns: int) -> Any:
    """Return the numbers of a column of Arrow's fixed-size lists."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != columns:
        message = f"y_score has fixed-size lists of {columns}, not {column.type}"
        raise InvalidArgumentError(message)
    if column.null_count:
        import pyarrow.compute as pc

        # A null row's numbers are dropped by flatten(); as NaN they keep the rows together.
        empty = pa.array([[float("nan")] * columns], column.type)[0]
        column = pc.if_else(column.is_valid(), column, empty)
    return column.flatten()
