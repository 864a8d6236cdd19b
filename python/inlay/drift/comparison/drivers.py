"""Which groups bring a column's shift."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inlay.drift.comparison.column import Driver
from inlay.drift.comparison.matching import Cells, name_of
from inlay.drift.comparison.sides import ColumnSide, Side
from inlay.summary.categories import Categories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inlay.data.groups import GroupKey

__all__ = ["drivers_of"]


def drivers_of(
    path: str,
    cells: Cells,
    reference: Mapping[GroupKey, Side],
    current: Mapping[GroupKey, Side],
) -> list[tuple[GroupKey, float]]:
    """Share a column's shift out among the groups, the largest share first.

    With d the differences of the cells' shares and m their means, the divergence is about the sum
    of d² / m / 8. As d is the sum of the groups' own differences, ``d · d_g / m`` is what a group
    adds to it: by a distribution of its own that changed, or by rows that came and went.
    """
    import numpy as np

    keys = list(dict.fromkeys([*reference, *current]))
    sides = [
        np.array([_counts(cells, groups.get(key), path) for key in keys])
        for groups in (reference, current)
    ]
    totals = [float(counts.sum()) for counts in sides]
    if not keys or not all(totals):
        return []
    per_group = sides[1] / totals[1] - sides[0] / totals[0]
    middle = 0.5 * (sides[1].sum(axis=0) / totals[1] + sides[0].sum(axis=0) / totals[0])
    whole = per_group.sum(axis=0)
    weights = np.divide(whole, middle, out=np.zeros_like(whole), where=middle > 0.0)
    parts = per_group @ weights
    total = float(parts.sum())
    if total <= 0.0:
        return []
    shares = [(key, float(part) / total) for key, part in zip(keys, parts, strict=True)]
    return sorted(shares, key=lambda each: -each[1])


def _counts(cells: Cells, side: Side | None, path: str) -> NDArray[np.float64]:
    """Return a group's counts in the cells of the whole, as its sketches know them."""
    import numpy as np

    nothing = np.zeros(len(cells.reference))
    column = None if side is None else side.columns.get(path)
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
