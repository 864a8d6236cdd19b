"""Which predictions and labels can count, told before they wait for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._host_tensor import host_array

if TYPE_CHECKING:
    import numpy as np

    from inlay.model.quality.task import Task

__all__ = ["numbers_of", "score_faults"]


def numbers_of(values: Any) -> np.ndarray[Any, Any] | None:
    """Return a column of numbers as doubles, NaN for null; None if it is none that numpy reads."""
    import numpy as np

    if type(values) is np.ndarray and values.dtype.kind in "biuf":
        return values.astype(np.float64, copy=False)
    tensor = host_array(values)
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.ma.filled(values.astype(np.float64), np.nan)
        if hasattr(values, "isna"):  # a null of pandas is no number to numpy
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(values if tensor is None else tensor, np.float64)
    except (TypeError, ValueError, AttributeError):
        return None


def score_faults(task: Task, scores: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return by reason which predictions cannot count, whatever their label will be."""
    import numpy as np

    is_nan = np.isnan(scores)
    return {"nan_score": is_nan, "out_of_range": ~is_nan & ~task.are_scores(scores)}
