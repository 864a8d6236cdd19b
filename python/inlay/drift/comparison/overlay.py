"""Cells in which both sides are drawn over each other."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

from inlay.data.leaf_values import TEMPORAL_KINDS
from inlay.drift.comparison.sides import ColumnSide

__all__ = ["Overlay", "overlay_of"]

_CELLS = 30
_TAIL = 0.005
_LOG_RATIO = 1_000.0
_WHOLE = frozenset({"integer", "unsigned"})


class Overlay(NamedTuple):
    """Shares of both sides in cells of equal width.

    Attributes
    ----------
    bounds : list
        n + 1 numbers, times as ISO 8601.
    reference, current : list of float
        n shares of all values of a side.
    log : bool
        Whether the cells are equally wide on a logarithmic scale.
    outside : tuple of float
        What lies in none of the cells, of either side.
    """

    bounds: list[Any]
    reference: list[float]
    current: list[float]
    log: bool
    outside: tuple[float, float]


def overlay_of(reference: ColumnSide, current: ColumnSide) -> Overlay | None:
    """Cut the middle 99 % of both sides into the same cells, as the sketches know them."""
    mine, theirs = reference.quantiles, current.quantiles
    if mine is None or theirs is None or not mine.count or not theirs.count:
        return None
    kinds = {reference.kind, current.kind} - {""}
    if len(kinds) > 1 and TEMPORAL_KINDS & kinds:
        return None
    ends = [sketch.quantiles([_TAIL, 1.0 - _TAIL]) or [] for sketch in (mine, theirs)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    smallest = min(sketch.min or 0.0 for sketch in (mine, theirs))
    bounds, log = _bounds(reference.kind, low, high, smallest)
    points = [math.nextafter(bounds[0], -math.inf), *bounds[1:]]
    shares, outside = [], []
    for sketch in (mine, theirs):
        ranks = sketch.cdf(points)
        assert ranks is not None  # there are values
        shares.append([b - a for a, b in itertools.pairwise(ranks[: len(points)])])
        outside.append(max(1.0 - sum(shares[-1]), 0.0))
    shown = [reference.value(bound) for bound in bounds]
    return Overlay(shown, shares[0], shares[1], log, (outside[0], outside[1]))


def _bounds(kind: str, low: float, high: float, smallest: float) -> tuple[list[float], bool]:
    if kind in _WHOLE and high - low < _CELLS and abs(high) < 2.0**52 and abs(low) < 2.0**52:
        return [math.floor(low) - 0.5 + i for i in range(math.ceil(high - low) + 2)], False
    if high <= low:
        reach = abs(low) * 0.5 or 0.5
        return [low - reach, low + reach], False
    if smallest > 0.0 and high / low > _LOG_RATIO and kind not in TEMPORAL_KINDS:
        begin, end = math.log(low), math.log(high)
        inner = [math.exp(begin + (end - begin) * i / _CELLS) for i in range(1, _CELLS)]
        return sorted({low, *(x for x in inner if low < x < high), high}), True
    # In parts, as the difference of the ends may be beyond a double.
    step = high / _CELLS - low / _CELLS
    found = {low, *(low + step * i for i in range(1, _CELLS)), high}
    if kind in TEMPORAL_KINDS:
        found = {math.floor(bound) + 0.0 for bound in found} | {math.ceil(high) + 0.0}
    return sorted(found), False
