"""What changed, in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from inlay.drift.comparison.aspects import Aspect
from inlay.drift.comparison.column import Cell, NewName
from inlay.drift.comparison.matching import Cells
from inlay.drift.comparison.shift import cell_parts
from inlay.drift.comparison.sides import ColumnSide
from inlay.drift.summary_distances import is_just_below

__all__ = ["OTHER_NAMES", "cell_names", "no_drift", "said"]

OTHER_NAMES = "(other names)"
"""What the last cell of names is called."""

_MOST_NAMES, _MOST_TEXT = 3, 40
# They tell any two float64 apart.
_DIGITS = 17


def cell_names(cells: Cells, reference: ColumnSide) -> list[str]:
    """Name the cells: ``(1.5, 2]``, or by the names they count as these may leave."""
    if cells.names is not None:
        return [*(reference.name(name, reference) for name in cells.names), OTHER_NAMES]
    edges = _numbers([reference.value(edge) for edge in cells.edges or ()])
    if not edges:
        return []
    names = [f"({low}, {high}]" for low, high in itertools.pairwise(edges)]
    names = [f"≤ {edges[0]}", *names, f"> {edges[-1]}"]
    if is_just_below(first := (cells.edges or [0.0])[0]):
        # The least value of the reference, which the next cell includes.
        bottom = reference.value(math.nextafter(first, math.inf) + 0.0)
        least, *edges = _numbers([bottom, *map(reference.value, cells.edges or ())])
        names[0] = f"< {least}"
        if len(edges) > 1:
            names[1] = f"[{least}, {edges[1]}]"
    return names


def said(
    aspect: Aspect,
    reference: ColumnSide,
    current: ColumnSide,
    cells: Sequence[Cell],
    new_names: Sequence[NewName],
) -> str:
    """Say what an aspect found."""
    if aspect.name == "missing":
        return f"missing {_share(aspect.shares[0])} → {_share(aspect.shares[1])}"
    if aspect.name == "range":
        ends = ""
        if reference.moments is not None and reference.moments.min is not None:
            extremes = (reference.moments.min, reference.moments.max or 0.0)
            low, high = _numbers([reference.value(end) for end in extremes])
            ends = f" of {low}" if low == high else f" of {low} to {high}"
        return f"{_share(aspect.shares[1])} of the values lie outside{ends}"
    assert aspect.cells is not None  # it is about values
    mine, theirs = aspect.cells.reference, aspect.cells.current
    parts = cell_parts(mine, theirs)
    largest = parts.index(max(parts))
    before, after = mine[largest] / sum(mine), theirs[largest] / sum(theirs)
    names = aspect.cells.names
    if names is not None:
        if largest < len(names):
            name = _quoted(reference.name(names[largest], reference))
            return f"share of {name} {_share(before)} → {_share(after)}"
        if largest == len(names):
            return f"share of the rarer names {_share(before)} → {_share(after)}"
        return f"share of other names {_share(before)} → {_share(after)}{_examples(new_names)}"
    most = f"most from {cells[largest].name}: {_share(before)} → {_share(after)}"
    means = _means(reference, current)
    return f"{means}, {most}" if means else most


def no_drift(aspect: Aspect, corrected: float, threshold: float, level: float) -> str:
    """Say why an aspect is no drift."""
    effect = aspect.effect
    if effect.value <= threshold:
        return f"effect {effect.value:.3g} does not exceed {threshold:g}"
    if corrected > level:
        return f"p-value {corrected:.2g} is above {level:g}"
    return f"effect {effect.value:.3g} may be as small as {effect.low:.3g}, threshold {threshold:g}"


def _means(reference: ColumnSide, current: ColumnSide) -> str:
    moments = reference.moments, current.moments
    if moments[0] is None or moments[1] is None:
        return ""
    before, after = moments[0].mean, moments[1].mean
    if before is None or after is None:
        return ""
    return "mean " + " → ".join(_numbers([reference.value(before), current.value(after)]))


def _examples(new_names: Sequence[NewName]) -> str:
    if not new_names:
        return ""
    shown = ", ".join(_quoted(entry.name) for entry in new_names[:_MOST_NAMES])
    more = ", …" if len(new_names) > _MOST_NAMES else ""
    return f", new are {shown}{more}"


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _MOST_TEXT else name[: _MOST_TEXT - 1] + "…")


def _numbers(of: Sequence[Any]) -> list[str]:
    """Write numbers with as many digits, four at least, as tell them from their neighbours."""
    texts = []
    for place, each in enumerate(of):
        beside = [other for other in of[max(place - 1, 0) : place + 2] if other != each]
        for digits in range(4, _DIGITS + 1):
            text = _number(each, digits)
            if text not in [_number(other, digits) for other in beside]:
                break
        texts.append(text)
    return texts


def _number(of: Any, digits: int) -> str:
    if isinstance(of, bool) or not isinstance(of, (int, float)):
        return str(of)
    return f"{of:.{digits}g}"


def _share(of: float) -> str:
    percent = 100.0 * of
    if percent in {0.0, 100.0}:
        return f"{percent:.0f} %"
    if percent < 0.1:
        return f"{percent:.2g} %"
    return f"{percent:.2f} %" if percent > 99.0 else f"{percent:.1f} %"
