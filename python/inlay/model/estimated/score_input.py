"""Scores and labels as they are handed in: checked, and what cannot count kept apart by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay.detect.rows import matrix_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

__all__ = [
    "KINDS",
    "binary_labels",
    "class_labels",
    "column_of",
    "count_left_out",
    "matrix_of_scores",
    "on_host",
    "same_length",
    "vector_of_scores",
]

KINDS = ("probability", "logit")
"""What a score may be."""


def on_host(data: Any, name: str) -> Any:
    """Return data; TypeError if they are on a device."""
    if is_device_array(data):
        message = f"{name} must be in the memory of the host: {type(data).__name__}"
        raise TypeError(message)
    return data


def column_of(data: Any, name: str) -> Floats:
    """Return one column of numbers as float64, shape (n,); nulls are NaN.

    Raises
    ------
    InvalidArgumentError
        If it has several columns.
    TypeError
        If it does not hold real numbers, or is on a device.
    """
    import numpy as np

    if isinstance(data, np.ndarray) and data.ndim == 1 and data.dtype.kind in "fiub":
        return data.astype(np.float64, copy=False)
    rows, _, _ = matrix_of(on_host(data, name), name)
    if rows.shape[1] != 1:
        hint = "; of two columns give that of the positive class" if rows.shape[1] == 2 else ""
        message = f"{name} must be one column{hint}: {rows.shape}"
        raise InvalidArgumentError(message)
    return rows[:, 0].astype(np.float64, copy=False)


def same_length(name: str, length: int, other: str, expected: int) -> None:
    """Refuse columns that do not go together.

    Raises
    ------
    InvalidArgumentError
        If the lengths differ.
    """
    if length != expected:
        message = f"{name} must have as many rows as {other}: {length} and {expected}"
        raise InvalidArgumentError(message)


def vector_of_scores(
    data: Any, kind: str, left_out: dict[str, int], *, name: str = "y_score"
) -> tuple[Floats, Flags | None]:
    """Return the scores of a binary task as probabilities, and which of all they are.

    Parameters
    ----------
    data : array-like of numbers, shape (n,)
        Probabilities or logits of the positive class.
    kind : {"probability", "logit"}
    left_out : dict of str to int
        Where ``nan_score`` and ``out_of_range`` are counted up.
    name : str
        What messages call it.

    Returns
    -------
    scores : ndarray of float64
        Of the rows that are kept.
    kept : ndarray of bool, shape (n,), or None
        Which they are; None if all.
    """
    import numpy as np

    scores = column_of(data, name)
    good = np.isfinite(scores) if kind == "logit" else (scores >= 0.0) & (scores <= 1.0)
    kept = None
    if not good.all():
        nans = int(np.isnan(scores).sum())
        count_left_out(left_out, nan_score=nans, out_of_range=int((~good).sum()) - nans)
        scores, kept = scores[good], good
    if kind == "logit":
        # Each side by the exponential that cannot overflow.
        decayed = np.exp(-np.abs(scores))
        scores = np.where(scores >= 0.0, 1.0, decayed) / (1.0 + decayed)
    return scores, kept


def matrix_of_scores(
    data: Any, kind: str, classes: Sequence[str], left_out: dict[str, int], *, name: str = "y_score"
) -> tuple[Floats, Flags | None]:
    """Return the scores of a multiclass task as probabilities, and which rows they are of.

    Parameters
    ----------
    data : array-like of numbers, shape (n, classes); or a table
        Probabilities, each of its own, or logits, which a softmax of the row turns into some.
        Columns of a table are matched by the names of the classes if it has them.
    kind : {"probability", "logit"}
    classes : sequence of str
        Their names.
    left_out : dict of str to int
        Where ``nan_score`` and ``out_of_range`` are counted up, a row once.
    name : str
        What messages call it.

    Returns
    -------
    scores : ndarray of float64, shape (kept rows, classes)
    kept : ndarray of bool, shape (n,), or None
        Which they are; None if all.
    """
    import numpy as np

    rows, nulls, names = matrix_of(on_host(data, name), name)
    if names is not None and set(names) >= set(classes):
        rows = rows[:, [names.index(one) for one in classes]]
    if rows.shape[1] != len(classes):
        message = f"{name} must have a column for each of {len(classes)} classes: {rows.shape}"
        raise InvalidArgumentError(message)
    if nulls:
        message = f"{name} must have no null rows: {nulls}"
        raise InvalidArgumentError(message)
    scores = rows.astype(np.float64, copy=False)
    each = np.isfinite(scores) if kind == "logit" else (scores >= 0.0) & (scores <= 1.0)
    good: Flags = np.all(each, axis=1)
    kept: Flags | None = None
    if not good.all():
        nans = int(np.isnan(scores).any(axis=1).sum())
        count_left_out(left_out, nan_score=nans, out_of_range=int((~good).sum()) - nans)
        scores, kept = scores[good], good
    if kind == "logit":
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    return scores, kept


def binary_labels(data: Any) -> Floats:
    """Return labels as 0.0 and 1.0, and NaN where one is neither."""
    import numpy as np

    labels = column_of(data, "y_true")
    return np.where((labels == 0.0) | (labels == 1.0), labels, np.nan)


def class_labels(data: Any, classes: Sequence[str], places: Mapping[str, int]) -> Floats:
    """Return labels as numbers of classes, and NaN where one is none of them.

    Parameters
    ----------
    data : array-like of int or str, shape (n,)
        Numbers of classes, or their names.
    classes : sequence of str
    places : mapping of str to int
        The number of each name.
    """
    import numpy as np

    on_host(data, "y_true")
    array = data if isinstance(data, np.ndarray) else _texts_or_numbers(data)
    if array.dtype.kind in "OUST":
        if array.ndim != 1:
            message = f"y_true must be one column: {array.shape}"
            raise InvalidArgumentError(message)
        nowhere = float("nan")
        found = [places.get(one, nowhere) for one in array.tolist()]
        return np.array(found, dtype=np.float64)
    labels = column_of(array, "y_true")
    good = (labels >= 0.0) & (labels < len(classes)) & (labels == np.floor(labels))
    return np.where(good, labels, np.nan)


def _texts_or_numbers(data: Any) -> npt.NDArray[Any]:
    """Return an array of objects of what holds texts, and of numbers of what holds numbers."""
    import numpy as np

    package = type(data).__module__.partition(".")[0]
    if package in ("pyarrow", "pandas", "polars"):
        listed = data.to_list() if hasattr(data, "to_list") else data.to_pylist()
        if any(isinstance(one, str) for one in listed):
            return np.array(listed, dtype=object)
        return column_of(data, "y_true")
    listed = list(data) if isinstance(data, (list, tuple)) else data
    if isinstance(listed, list) and any(isinstance(one, str) for one in listed):
        return np.array(listed, dtype=object)
    return column_of(listed, "y_true")


def count_left_out(left_out: dict[str, int], **more: int) -> None:
    """Add rows that are not counted to those of the same reason."""
    for name, rows in more.items():
        if rows:
            left_out[name] = left_out.get(name, 0) + rows
