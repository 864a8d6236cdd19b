"""Counts of both sides in the same cells: as they were counted, or as sketches estimate them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from inlay.drift.comparison.sides import ColumnSide, rank_error, sketch_error
from inlay.drift.references import are_bounded
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

__all__ = ["Cells", "matched", "name_of"]


class Cells(NamedTuple):
    """Two counts of the same cells.

    Attributes
    ----------
    reference, current : list of int
        Infinities are in the outer cells, names beyond the list in the last one.
    edges : list of float or None
        Between the cells, where they are ordered.
    names : list of str or None
        Of the cells but the last, where they are not.
    error : float
        By how much shares may be off, see `effect_between`.
    """

    reference: list[int]
    current: list[int]
    edges: list[float] | None
    names: list[str] | None
    error: float

    @property
    def is_bounded(self) -> bool:
        """Whether the outer cells lie beyond the extremes of the reference."""
        return self.is_ordered and are_bounded(self.reference)

    @property
    def is_ordered(self) -> bool:
        """Whether the cells are in the order of their values."""
        return self.edges is not None


def matched(reference: ColumnSide, current: ColumnSide) -> Cells | str:
    """Find the counts of both sides in the cells of the reference, whose kinds are the same.

    Returns
    -------
    Cells or str
        Or the reason why there are none.
    """
    cells = reference.cells
    if cells is None:
        return reference.problem or "the reference has no cells"
    if not sum(reference.counts):
        return _nothing("the reference", reference)
    if current.count == 0:
        return _nothing("the current data", current)
    found = _same(cells, current) or _estimated(cells, current)
    if found is None:
        return current.problem or "the current data was counted in other cells, without sketches"
    counts, error = found
    if not sum(counts):
        return _nothing("the current data", current)
    return Cells(
        reference.counts,
        counts,
        cells.edges if isinstance(cells, EdgeHistogram) else None,
        cells.names if isinstance(cells, Categories) else None,
        min(reference.error + error, 1.0),
    )


def _nothing(whose: str, side: ColumnSide) -> str:
    if side.rows == 0:
        return f"empty: {whose} has no rows"
    return f"empty: {whose} has no values, all are missing"


def _same(cells: EdgeHistogram | Categories, current: ColumnSide) -> tuple[list[int], float] | None:
    mine = current.cells
    if isinstance(cells, EdgeHistogram):
        if isinstance(mine, EdgeHistogram) and mine.edges == cells.edges:
            return current.counts, current.error
    elif isinstance(mine, Categories) and set(mine.names) == set(cells.names):
        by_name = dict(zip(mine.names, mine.counts, strict=True))
        return [*(by_name[name] for name in cells.names), mine.other], current.error
    return None


def _estimated(
    cells: EdgeHistogram | Categories, current: ColumnSide
) -> tuple[list[int], float] | None:
    if isinstance(cells, EdgeHistogram):
        sketch = current.quantiles
        ranks = None if sketch is None else sketch.cdf(cells.edges)
        if sketch is None or ranks is None:
            return _only_infinite(cells, current)
        at_most = [0, *(round(rank * sketch.count) for rank in ranks)]
        counts = [b - a for a, b in itertools.pairwise(at_most)]
        counts[0] += current.neg_inf_count
        counts[-1] += current.pos_inf_count
        return counts, rank_error(sketch)
    top_k = current.top_k
    if top_k is None:
        return None
    entries = {name_of(entry.item): entry.low for entry in top_k.top(top_k.size)}
    counts = [entries.get(name, 0) for name in cells.names]
    return [*counts, max(top_k.count - sum(counts), 0)], sketch_error(current, cells)


def _only_infinite(cells: EdgeHistogram, current: ColumnSide) -> tuple[list[int], float] | None:
    if not current.neg_inf_count + current.pos_inf_count:
        return None
    inner: Sequence[int] = [0] * (len(cells.edges) - 1)
    return [current.neg_inf_count, *inner, current.pos_inf_count], 0.0


def name_of(item: object) -> str | None:
    """Name an item as `Categories` do."""
    if isinstance(item, bool):
        return str(item)
    if isinstance(item, float):
        return str(int(item)) if item.is_integer() and abs(item) < 1e16 else str(item)
    return str(item) if isinstance(item, (int, str)) else None
