"""Which groups bring a column's shift."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inlay.drift.comparison.matching import Cells, name_of
from inlay.drift.comparison.sides import ColumnSide, Side
from inlay.summary.categories import Categories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inlay.data.groups import GroupKey

__all__ = ["drivers_of"]


def drivers_of(
    aspect: str,
    path: str,
    cells: Cells | str,
    reference: Mapping[GroupKey, Side],
    current: Mapping[GroupKey, Side],
    ends: tuple[float | None, float | None],
) -> list[tuple[GroupKey, float]]:
    """Share the shift of a column's aspect out among the groups, the largest share first.

    With d the differences of the cells' shares and m their means, the divergence is about the sum
    of d² / m / 8. As d is the sum of the groups' own differences, ``d · d_g / m`` is what a group
    adds to it: by a distribution of its own that changed, or by rows that came and went.

    Parameters
    ----------
    aspect : {"values", "missing", "range"}
    path : str
    cells : Cells or str
        Of the whole.
    reference, current : mapping of key to Side
    ends : tuple of float or None
        The smallest and largest value of the whole reference.

    Returns
    -------
    list of (key, float)
        The shares sum to 1.
    """
    import numpy as np

    def counts(side: Side | None) -> NDArray[np.float64]:
        column = None if side is None else side.columns.get(path)
        if aspect == "values":
            assert not isinstance(cells, str)  # or there were no verdict on values
            return _counts(cells, column)
        if column is None:
            return np.zeros(2)
        if aspect == "missing":
            return np.array([column.missing, column.count], dtype=np.float64)
        outside = _outside(column, *ends)
        return np.array([outside, column.count - outside])

    keys = list(dict.fromkeys([*reference, *current]))
    mine = np.array([counts(reference.get(key)) for key in keys])
    theirs = np.array([counts(current.get(key)) for key in keys])
    if not mine.sum() or not theirs.sum():
        return []
    per_group = theirs / theirs.sum() - mine / mine.sum()
    middle = 0.5 * (theirs.sum(axis=0) / theirs.sum() + mine.sum(axis=0) / mine.sum())
    whole = per_group.sum(axis=0)
    weights = np.divide(whole, middle, out=np.zeros_like(whole), where=middle > 0.0)
    parts = per_group @ weights
    total = float(parts.sum())
    if total <= 0.0:
        return []
    shares = [(key, float(part) / total) for key, part in zip(keys, parts, strict=True)]
    return sorted(shares, key=lambda each: -each[1])


def _outside(column: ColumnSide, low: float | None, high: float | None) -> float:
    sketch = column.quantiles
    infinite = column.neg_inf_count + column.pos_inf_count
    if sketch is None or not sketch.count or low is None or high is None:
        return infinite
    ranks = sketch.cdf([math.nextafter(low, -math.inf), high])
    assert ranks is not None  # there are values
    return (1.0 - (ranks[1] - ranks[0])) * sketch.count + infinite


def _counts(cells: Cells, column: ColumnSide | None) -> NDArray[np.float64]:
    """Return a group's counts in the cells of the whole, as its sketches know them."""
    import numpy as np

    nothing = np.zeros(len(cells.reference))
    if column is None:
        return nothing
    if cells.edges is not None:
        sketch = column.quantiles
        ranks = None if sketch is None else sketch.cdf(cells.edges)
        if sketch is None or ranks is None:
            return nothing
        counts = [(b - a) * sketch.count for a, b in itertools.pairwise([0.0, *ranks])]
        counts[0] += column.neg_inf_count
        counts[-1] += column.pos_inf_count
        return np.array(counts)
    return np.array(_named(column, cells.names or []), dtype=np.float64)


def _named(column: ColumnSide, names: list[str]) -> list[int]:
    known: dict[str | None, int] = {}
    for top_k in (column.top_k, column.unseen):
        if top_k is not None:
            known |= {name_of(entry.item): entry.low for entry in top_k.top(top_k.size)}
    if isinstance(column.cells, Categories):
        known |= dict(zip(column.cells.names, column.cells.counts, strict=True))
    counts = [known.get(name, 0) for name in names]
    return [*counts, max(column.count - sum(counts), 0)]
