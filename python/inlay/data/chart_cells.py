"""Cells of a column's distribution to draw: few, whatever the number of rows."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from inlay.data.leaf_values import TEMPORAL_KINDS, json_value

if TYPE_CHECKING:
    from inlay.data.column_profile import ColumnProfile
    from inlay.summary.kll import Kll

__all__ = ["chart_cells"]

_CELLS = 40
_TAIL = 0.005
# A range of three decades, all of it positive, is read better on a logarithmic scale.
_LOG_RATIO = 1_000.0


def chart_cells(column: ColumnProfile) -> dict[str, Any] | None:
    """Cut the middle 99 % of a column into cells, and estimate how many values lie in each.

    Parameters
    ----------
    column : ColumnProfile

    Returns
    -------
    dict or None
        ``bounds`` of n + 1 numbers (times as ISO 8601), ``counts`` of n, ``below`` and ``above``
        them, and whether the cells are equally wide on a logarithmic scale (``log``). Few whole
        numbers have a cell each. Counts are the sketch's, so that each may be off by its error.
        None for kinds without a sketch and without values.
    """
    sketch = column.sketch
    if sketch is None or sketch.count == 0:
        return None
    ends = sketch.quantiles([_TAIL, 1.0 - _TAIL])
    low, high = sketch.min, sketch.max
    if ends is None or low is None or high is None:
        return None
    if column.kind in {"integer", "unsigned"} and high - low < _CELLS and abs(high) < 2.0**52:
        bounds = [low - 0.5 + i for i in range(round(high - low) + 2)]
        return _filled(column, sketch, bounds, is_log=False)
    bounds, is_log = _bounds(ends[0], ends[1], low)
    if column.kind in TEMPORAL_KINDS:
        bounds = sorted({math.floor(bound) + 0.0 for bound in bounds})
        is_log = False
        if len(bounds) < 2:
            bounds = [bounds[0] - 1.0, bounds[0] + 1.0]
    return _filled(column, sketch, bounds, is_log=is_log)


def _bounds(first: float, last: float, low: float) -> tuple[list[float], bool]:
    if last <= first:  # nearly all are one value
        reach = abs(first) * 0.5 or 0.5
        return [first - reach, first + reach], False
    if low > 0.0 and last / first > _LOG_RATIO:
        begin, end = math.log(first), math.log(last)
        inner = [math.exp(begin + (end - begin) * i / _CELLS) for i in range(1, _CELLS)]
        is_log = True
    else:
        # In halves, as the difference of the ends may be beyond a double.
        step = last / _CELLS - first / _CELLS
        inner = [first + step * i for i in range(1, _CELLS)]
        is_log = False
    bounds = [first, *(x for x in inner if first < x < last), last]
    return sorted(set(bounds)), is_log


def _filled(
    column: ColumnProfile, sketch: Kll, bounds: list[float], *, is_log: bool
) -> dict[str, Any]:
    # The first cell includes its lower end, where the 0.5 % quantile itself lies.
    points = [math.nextafter(bounds[0], -math.inf), *bounds[1:]]
    ranks = sketch.cdf(points)
    assert ranks is not None  # there are values
    at_most = [round(rank * sketch.count) for rank in ranks[:-1]]
    is_time = column.kind in TEMPORAL_KINDS
    return {
        "bounds": [json_value(column._native, x) for x in bounds] if is_time else bounds,
        "counts": [b - a for a, b in itertools.pairwise(at_most)],
        "below": at_most[0],
        "above": sketch.count - at_most[-1],
        "log": is_log,
    }
