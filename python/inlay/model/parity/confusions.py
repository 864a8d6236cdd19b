"""Rows of points of kind ``confusion`` as the counts of a decision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["COLUMNS", "KIND", "Confusion", "confusion_of", "confusions_of"]

KIND = "confusion"

COLUMNS = ("metric", "kind", "attrs", "bounds", "categories", "counts")


class Confusion(NamedTuple):
    """The counts of one row.

    Attributes
    ----------
    metric : str
    attributes : dict of str to str
    thresholds : tuple of float or None
        One None for a decision between classes.
    counts : numpy.ndarray of int64, shape (thresholds, 4)
        True negatives, false positives, false negatives, true positives.
    """

    metric: str
    attributes: dict[str, str]
    thresholds: tuple[float | None, ...]
    counts: np.ndarray[Any, Any]


def confusions_of(points: Any, *, positive: str | None = None) -> list[Confusion]:
    """Read the rows of points that hold the counts of a decision; others are passed over.

    Parameters
    ----------
    points : Table or any Arrow-capable table
    positive : str, optional
        Of rows of more than two classes, the one whose prediction is the decision.

    Raises
    ------
    InvalidArgumentError
        If a row's counts are none of its thresholds or classes.
    """
    import pyarrow as pa

    from inlay.drift.keys import is_any
    from inlay.drift.references import points_columns

    rows = points_columns(points, COLUMNS)
    rows = rows.filter(pa.array(is_any(rows["kind"], (KIND,))))
    found = []
    for row in rows.to_pylist():
        four = confusion_of(row, positive)
        if four is not None:
            thresholds, counts = four
            found.append(Confusion(row["metric"], json.loads(row["attrs"]), thresholds, counts))
    return found


def confusion_of(
    row: dict[str, Any], positive: str | None
) -> tuple[tuple[float | None, ...], np.ndarray[Any, Any]] | None:
    """Return thresholds and counts of a row, None if it is of classes without the one asked for."""
    import numpy as np

    counts = np.asarray(row["counts"] or (), np.int64)
    thresholds = row["bounds"]
    if thresholds:
        if len(counts) != 4 * len(thresholds):
            raise _odd(row, f"{len(thresholds)} thresholds")
        return tuple(thresholds), counts.reshape(-1, 4)
    classes = row["categories"] or ()
    if positive is None or positive not in classes:
        return None
    if len(counts) != len(classes) ** 2:
        raise _odd(row, f"{len(classes)} classes")
    at = classes.index(positive)
    matrix = counts.reshape(len(classes), len(classes))
    tp, true, predicted = matrix[at, at], matrix[at].sum(), matrix[:, at].sum()
    four = (matrix.sum() - true - predicted + tp, predicted - tp, true - tp, tp)
    return (None,), np.asarray([four], np.int64)


def _odd(row: dict[str, Any], what: str) -> InvalidArgumentError:
    message = (
        f"the confusion counts of {row['metric']} {row['attrs']} are not those of {what}: "
        f"{len(row['counts'] or ())}"
    )
    return InvalidArgumentError(message)
