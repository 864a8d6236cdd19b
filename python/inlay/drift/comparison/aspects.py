"""What of a column may drift: its values, how many are missing, the range they lie in."""

from __future__ import annotations

import math
from typing import NamedTuple

from inlay.drift.comparison.frequent_names import frequent_names
from inlay.drift.comparison.matching import Cells
from inlay.drift.comparison.measures import p_value_of
from inlay.drift.comparison.shift import Effect, effect_between, range_p_value
from inlay.drift.comparison.sides import ColumnSide, rank_error

__all__ = ["Aspect", "ends_of", "missing_aspect", "range_aspect", "values_aspect"]


class Aspect(NamedTuple):
    """One comparison of a column.

    Attributes
    ----------
    name : {"values", "missing", "range"}
    effect : Effect
    p_value : float
        Not corrected.
    shares : tuple of float
        Of what it is about, in the reference and now; of values (0.0, 0.0).
    cells : Cells or None
        Those compared, of values.
    """

    name: str
    effect: Effect
    p_value: float
    shares: tuple[float, float]
    cells: Cells | None = None


def values_aspect(cells: Cells, reference: ColumnSide, *, level: float) -> Aspect | None:
    """Compare the shares of the cells; None if there are too few rows to tell."""
    filled = _filled(cells)
    if cells.names is not None:
        cells = frequent_names(
            cells, chosen_within=None if reference.top_k is None else reference.top_k.max_error
        )
        if filled > 1 and _filled(cells) < 2:
            return None
    effect = effect_between(
        cells.reference,
        cells.current,
        level=level,
        error=cells.error,
        ordered=cells.is_ordered,
        bounded=cells.is_bounded,
    )
    p_value = p_value_of(cells)
    return None if p_value is None else Aspect("values", effect, p_value, (0.0, 0.0), cells)


def _filled(cells: Cells) -> int:
    return sum(1 for a, b in zip(cells.reference, cells.current, strict=True) if a + b)


def missing_aspect(reference: ColumnSide, current: ColumnSide, *, level: float) -> Aspect | None:
    """Compare the shares of nulls and NaN; None if a side has no rows."""
    if not reference.rows or not current.rows:
        return None
    mine = [reference.missing, reference.count]
    theirs = [current.missing, current.count]
    effect = effect_between(mine, theirs, level=level)
    p_value = p_value_of(Cells(mine, theirs, None, ["missing"], 0.0))
    shares = (reference.missing / reference.rows, current.missing / current.rows)
    return Aspect("missing", effect, 1.0 if p_value is None else p_value, shares)


def range_aspect(reference: ColumnSide, current: ColumnSide, *, level: float) -> Aspect | None:
    """Compare the shares of values outside of the reference's smallest and largest.

    Cells that do not end at the extremes cannot tell them, and cells that are joined with their
    neighbours for a p-value do not. None if either side has no sketch, or the reference fewer than
    two values.

    Notes
    -----
    The current share is the sketch's, less its error.
    """
    low, high = ends_of(reference)
    sketch = current.quantiles
    if sketch is None or not sketch.count or low is None or high is None or reference.count < 2:
        return None
    ranks = sketch.cdf([math.nextafter(low, -math.inf), high])
    assert ranks is not None  # there are values
    below, above = ranks[0], 1.0 - ranks[1]
    error = rank_error(sketch)
    infinite = current.neg_inf_count + current.pos_inf_count
    if reference.neg_inf_count + reference.pos_inf_count:
        infinite = 0  # the reference has some too, the cells compare them
    certain = max(below - error, 0.0) + max(above - error, 0.0)
    n = sketch.count + infinite
    outside = round(certain * sketch.count) + infinite
    share = (round((below + above) * sketch.count) + infinite) / n
    m = reference.count
    effect = effect_between([0, m], [outside, n - outside], level=level)
    return Aspect("range", effect, range_p_value(outside, n, m), (0.0, share))


def ends_of(side: ColumnSide) -> tuple[float | None, float | None]:
    """Return the smallest and largest finite value as doubles."""
    if side.moments is not None and side.moments.count:
        return side.moments.min, side.moments.max
    if side.quantiles is not None and side.quantiles.count:
        return side.quantiles.min, side.quantiles.max
    return None, None
