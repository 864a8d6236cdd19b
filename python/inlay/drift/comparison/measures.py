"""The distances of a column, from whichever summaries give them best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inlay.drift.comparison.frequent_names import EXPECTED
from inlay.drift.comparison.matching import Cells
from inlay.drift.comparison.shift import nearest_counts
from inlay.drift.comparison.sides import ColumnSide
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    from inlay.detect import TwoSample
    from inlay.drift import Distance

__all__ = ["OF_CELLS", "OF_ORDER", "exact_distances", "measured", "p_value_of"]

OF_CELLS = (
    "psi",
    "jensen_shannon",
    "kl",
    "hellinger",
    "total_variation",
    "l_infinity",
    "chi2",
)
"""Distances between counts of the same cells, in the order in which they are shown."""

OF_ORDER = ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy")
"""Distances between values that have an order."""


def measured(reference: ColumnSide, current: ColumnSide, cells: Cells | str) -> dict[str, Distance]:
    """Return the distances that can be computed.

    Parameters
    ----------
    reference, current : ColumnSide
    cells : Cells or str
        What `matched` found.

    Returns
    -------
    dict of str to Distance
        Those of `OF_CELLS` if there are cells, those of `OF_ORDER` if the values have an order:
        from quantile sketches, with the interval that their rank error leaves, else from the cells.
    """
    from inlay.drift import distances

    found: dict[str, Distance] = {}
    if not isinstance(cells, str):
        of_cells = distances(cells.reference, cells.current)
        found |= {name: _defined(getattr(of_cells, name)) for name in OF_CELLS}
    mine, theirs = reference.quantiles, current.quantiles
    if isinstance(cells, str) or not cells.is_ordered:
        return found
    if (
        mine is not None
        and theirs is not None
        and mine.count
        and theirs.count
        and mine.dtype == theirs.dtype
    ):
        of_order: Any = distances(mine, theirs)
    elif isinstance(reference.cells, EdgeHistogram) and isinstance(current.cells, EdgeHistogram):
        of_order = distances(reference.cells, current.cells)
    else:
        return found
    return found | {name: _defined(getattr(of_order, name)) for name in OF_ORDER}


def _defined(distance: Any) -> Distance:
    """Say of a distance that is no number that it is not defined."""
    from inlay.drift import Distance

    if distance.value is not None and math.isnan(distance.value):
        return Distance(None, None, None, None, "it is no number for these values")
    return Distance(*distance[:5])


def p_value_of(cells: Cells) -> float | None:
    """Return the p-value of equal shares, by chi-square; None where there are too few rows for it.

    Counts that sketches estimated are taken as near to the reference's as their error allows, so
    that the error makes nothing significant; cells that expect few rows are taken together.
    """
    from inlay.drift import distances

    current: Sequence[float] = cells.current
    if cells.error > 0.0:
        current = nearest_counts(
            cells.reference, cells.current, cells.error, ordered=cells.is_ordered
        ).tolist()
    counts = [round(count) for count in current]
    mine, theirs = _pooled(cells.reference, counts)
    if len(mine) < 2:
        filled = sum(1 for a, b in zip(cells.reference, counts, strict=True) if a + b)
        return None if filled > 1 else 1.0
    found: float | None = distances(mine, theirs).chi2.p_value
    return found


def _pooled(reference: Sequence[int], current: Sequence[int]) -> tuple[list[int], list[int]]:
    """Take cells together that expect few rows on the smaller side."""
    total = sum(reference) + sum(current)
    share = min(sum(reference), sum(current)) / total if total else 0.0
    mine, theirs, rest = [], [], [0, 0]
    for a, b in zip(reference, current, strict=True):
        if not a + b:
            continue
        if (a + b) * share < EXPECTED:
            rest[0] += a
            rest[1] += b
        else:
            mine.append(a)
            theirs.append(b)
    if sum(rest):
        mine.append(rest[0])
        theirs.append(rest[1])
    return mine, theirs


def exact_distances(result: TwoSample) -> dict[str, Distance]:
    """Turn what tests on all rows found into distances whose interval is a point.

    Parameters
    ----------
    result : TwoSample

    Returns
    -------
    dict of str to Distance
        Of `OF_ORDER` but Anderson and Darling's, which is standardised otherwise. The statistic of
        Cramer and von Mises is brought to the size of the distance.
    """
    from inlay.drift import Distance

    found = {}
    scale = (result.n + result.m) / (result.n * result.m) if result.n and result.m else 1.0
    for name in OF_ORDER:
        if name == "anderson_darling":
            continue
        value: float | None = getattr(result, name)
        p_value: float | None = getattr(result, f"{name}_p_value", None)
        if value is None:
            found[name] = Distance(None, None, None, None, result.reasons.get(name))
        else:
            exact = value * scale if name == "cramer_von_mises" else value
            found[name] = Distance(exact, exact, exact, p_value, None)
    return found
