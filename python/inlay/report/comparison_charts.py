"""Vega-Lite specifications of a comparison: both sides over each other, and what cells add."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.charts import (
    CONFIG,
    HEIGHT,
    ROW,
    WIDTH,
    Drawing,
    cell_ends,
    distinct_labels,
    place_axis,
    places_of,
)
from inlay.report.comparisons import percent
from inlay.report.formats import count, escape_controls, number

__all__ = ["overlay_drawing", "parts_drawing"]

_MOST_NAMES, _MOST_PARTS = 10, 12
#: Rows of the table behind a chart of names: a reference may have thousands.
_MOST_ROWS = 50
# Longer than a name's: this chart stands alone, and a cell is named by two times at most.
_CELL_WIDTH = 44
# The page's colours: the reference is grey behind, the current side has the colour of bars.
_REFERENCE, _CURRENT = "var(--behind)", "currentColor"


def overlay_drawing(column: Mapping[str, Any]) -> Drawing | None:
    """Draw the reference's shares in grey and the current ones over them.

    Parameters
    ----------
    column : mapping
        One of the ``columns`` of a comparison's dict.

    Returns
    -------
    Drawing or None
        None if there is nothing to draw.
    """
    return _numbers(column) or _names(column)


def _numbers(column: Mapping[str, Any]) -> Drawing | None:
    overlay = column.get("overlay")
    if not overlay:
        return None
    bounds = overlay["bounds"]
    is_time = isinstance(bounds[0], str)
    places = places_of(bounds, temporal=is_time)
    if places is None or not places[0] < places[-1]:
        return None
    scale = "utc" if is_time else "log" if overlay["log"] and places[0] > 0 else "linear"
    x = place_axis(scale, places[0], places[-1])
    y = {
        "field": "n",
        "type": "quantitative",
        "axis": {"tickCount": 4, "format": "~%"},
    }
    # Each cell's share twice, at either end of it: a line with steps.
    line = [
        {"a": place, "n": share}
        for share, ends in zip(overlay["current"], itertools.pairwise(places), strict=True)
        for place in ends
    ]
    spec = _spec(
        [
            {
                "data": {
                    "values": [
                        {"a": a, "b": b, "n": n}
                        for a, b, n in zip(
                            places[:-1], places[1:], overlay["reference"], strict=True
                        )
                        if n or a == places[0] or b == places[-1]
                    ]
                },
                "mark": {"type": "rect", "color": _REFERENCE},
                "encoding": {"x": x, "x2": {"field": "b"}, "y": y, "y2": {"datum": 0}},
            },
            {
                "data": {"values": line},
                "mark": {"type": "line", "color": _CURRENT, "strokeWidth": 2},
                "encoding": {
                    "x": {key: of for key, of in x.items() if key != "bin"},
                    "y": y,
                    "order": {"value": None},
                },
            },
        ],
        height=HEIGHT,
    )
    lows, highs = cell_ends(_kind(column), bounds, places)
    rows = [
        (low, high, percent(mine), percent(theirs))
        for low, high, mine, theirs in zip(
            lows, highs, overlay["reference"], overlay["current"], strict=True
        )
    ]
    before, after = overlay["outside"]
    outside = (
        f"; {percent(before)} and {percent(after)} lie outside, not drawn"
        if max(before, after) > 0.0005
        else ""
    )
    name = escape_controls(str(column["name"]))
    return Drawing(
        spec=spec,
        label=f"Shares of {name} from {lows[0]} to {highs[-1]}: reference in grey, current as line",
        note=(
            f"Shares from {lows[0]} to {highs[-1]}"
            f"{', logarithmic' if scale == 'log' else ''}: reference grey, current as a line"
            f"{outside}."
        ),
        headings=("from", "to", "reference", "current"),
        rows=rows,
    )


def _names(column: Mapping[str, Any]) -> Drawing | None:
    cells = [cell for cell in column["cells"] if cell["reference"] or cell["current"]]
    if not cells:
        return None
    totals = {side: sum(cell[side] for cell in cells) for side in ("reference", "current")}
    shares = [
        (
            cell["name"],
            cell["reference"] / totals["reference"],
            cell["current"] / totals["current"],
        )
        for cell in cells
    ]
    if len(shares) > _MOST_ROWS:
        shares.sort(key=lambda each: -max(each[1:]))
    shown = sorted(shares, key=lambda each: -max(each[1:]))[:_MOST_NAMES]
    labels = distinct_labels([name for name, _, _ in shown])
    values = [
        {"v": label, "s": side, "n": share}
        for label, (_, mine, theirs) in zip(labels, shown, strict=True)
        for side, share in (("reference", mine), ("current", theirs))
    ]
    spec = _spec(
        [
            {
                "data": {"values": values},
                "mark": {"type": "bar"},
                "encoding": {
                    "x": {
                        "field": "n",
                        "type": "quantitative",
                        "axis": {"tickCount": 4, "format": "~%", "grid": True},
                    },
                    "y": {
                        "field": "v",
                        "type": "nominal",
                        "sort": None,
                        "axis": {"ticks": False, "labelLimit": 0},
                    },
                    "yOffset": {"field": "s", "sort": ["reference", "current"]},
                    "color": {
                        "field": "s",
                        "scale": {
                            "domain": ["reference", "current"],
                            "range": [_REFERENCE, _CURRENT],
                        },
                        "legend": None,
                    },
                },
            }
        ],
        height=ROW * len(shown) + ROW // 2 * len(shown),
    )
    name = escape_controls(str(column["name"]))
    most = "" if len(shown) == len(shares) else f" of the {len(shown)} most frequent values"
    if len(shares) > _MOST_ROWS:
        most += f", {_MOST_ROWS} of {count(len(shares))} listed"
    return Drawing(
        spec=spec,
        label=f"Shares of the values of {name}: reference in grey, current below each",
        note=f"Shares{most}: reference grey, current below each.",
        headings=("value", "reference", "current"),
        rows=[
            (escape_controls(label), percent(mine), percent(theirs))
            for label, mine, theirs in shares[:_MOST_ROWS]
        ],
    )


def parts_drawing(column: Mapping[str, Any]) -> Drawing | None:
    """Draw what the cells add to the Jensen-Shannon divergence, the largest first.

    Parameters
    ----------
    column : mapping
        One of the ``columns`` of a comparison's dict.

    Returns
    -------
    Drawing or None
        None if nothing differs.
    """
    cells = column["cells"]
    total = sum(cell["part"] for cell in cells)
    if total <= 0.0:
        return None
    shown = sorted(cells, key=lambda cell: -cell["part"])[:_MOST_PARTS]
    shown = [cell for cell in shown if cell["part"] > 0.0]
    labels = distinct_labels([cell["name"] for cell in shown], width=_CELL_WIDTH)
    spec = _spec(
        [
            {
                "data": {
                    "values": [
                        {"v": label, "n": cell["part"] / total}
                        for label, cell in zip(labels, shown, strict=True)
                    ]
                },
                "mark": {"type": "bar"},
                "encoding": {
                    "x": {
                        "field": "n",
                        "type": "quantitative",
                        "axis": {"tickCount": 4, "format": "~%", "grid": True},
                    },
                    "y": {
                        "field": "v",
                        "type": "nominal",
                        "sort": None,
                        "axis": {"ticks": False, "labelLimit": 0},
                    },
                },
            }
        ],
        height=ROW * len(shown),
    )
    sums = [sum(cell[side] for cell in cells) for side in ("reference", "current")]
    most = "" if len(shown) == len(cells) else f"; the {len(shown)} that add most are drawn"
    listed = cells
    if len(cells) > _MOST_ROWS:
        listed = sorted(cells, key=lambda cell: -cell["part"])[:_MOST_ROWS]
        most += f", {_MOST_ROWS} of {count(len(cells))} listed"
    return Drawing(
        spec=spec,
        label=f"What each cell adds to the difference of {escape_controls(str(column['name']))}",
        note=f"What each cell adds to the difference{most}.",
        headings=("cell", "reference", "share", "current", "share", "adds"),
        rows=_part_rows(listed, sums, total),
    )


def _part_rows(
    cells: Sequence[Mapping[str, Any]], sums: Sequence[int], total: float
) -> list[tuple[str, ...]]:
    return [
        (
            escape_controls(str(cell["name"])),
            number(cell["reference"]),
            percent(cell["reference"] / sums[0]),
            number(cell["current"]),
            percent(cell["current"] / sums[1]),
            percent(cell["part"] / total),
        )
        for cell in cells
    ]


def _kind(column: Mapping[str, Any]) -> str:
    """Whole numbers that have a cell each are named themselves."""
    name = str(column.get("reference_type") or "")
    return "integer" if name.lstrip("u").startswith("int") else name


def _spec(layers: list[dict[str, Any]], *, height: int) -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": height,
        "background": "transparent",
        "config": CONFIG,
        "layer": layers,
    }
