"""Vega-Lite specifications of what happened when, of maps of many series, of shares and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.charts import ROW, Drawing, distinct_labels
from inlay.report.comparisons import short
from inlay.report.formats import count, counted, escape_controls
from inlay.report.timeline_charts import Axis, Values, colors_of, layered, written

__all__ = ["bars_drawing", "lanes_drawing", "map_drawing", "shares_drawing", "sign_of"]

_LEVELS = [f"var(--h{number})" for number in range(1, 6)]
_LANES_WIDTH = 720
_MAP_COLUMNS = 60
_ERROR, _WARNING = 17, 13


def sign_of(severity: int) -> str:
    """Return the sign of a severity, so that no one has to tell colours apart."""
    return "✗" if severity >= _ERROR else "!" if severity >= _WARNING else "·"


# ---- many rows ---------------------------------------------------------------------------------
def map_drawing(
    axis: Axis,
    rows: Sequence[tuple[str, Values]],
    *,
    title: str,
    unit: str,
    factor: float = 1.0,
) -> Drawing | None:
    """Draw many series as rows of a map: the darker the more.

    Returns
    -------
    Drawing or None
        None if none has a value.
    """
    wide = max(1, -(-axis.count // _MAP_COLUMNS))
    kept = [(name, of) for name, of in rows if any(value is not None for value in of)]
    if not kept:
        return None
    labels = distinct_labels([name for name, _ in kept], width=24)
    cells: list[dict[str, Any]] = []
    for label, (_, of) in zip(labels, kept, strict=True):
        for place in range(0, axis.count, wide):
            found = [value for value in of[place : place + wide] if value is not None]
            if found:
                cells.append(
                    {
                        "t": axis.edge(place),
                        "u": axis.edge(min(place + wide, axis.count)),
                        "g": label,
                        "v": sum(found) / len(found) * factor,
                    }
                )
    low, high = min(each["v"] for each in cells), max(each["v"] for each in cells)
    step = (high - low) / len(_LEVELS)
    for each in cells:
        level = int((each["v"] - low) / step) if step > 0 else 0
        each["s"] = str(min(level, len(_LEVELS) - 1))
        del each["v"]
    layer = {
        "data": {"values": cells},
        "mark": {"type": "rect"},
        "encoding": {
            "x": axis.x(),
            "x2": {"field": "u"},
            "y": {
                "field": "g",
                "type": "nominal",
                "sort": None,
                "axis": {"ticks": False, "labelLimit": 0, "labelFontSize": 10},
                "scale": {"paddingInner": 0.1},
            },
            "color": {
                "field": "s",
                "type": "nominal",
                "scale": {"domain": [str(i) for i in range(len(_LEVELS))], "range": _LEVELS},
                "legend": None,
            },
        },
    }
    said = []
    for name, of in kept:
        values = [value * factor for value in of if value is not None]
        mean = sum(values) / len(values)
        said.append((escape_controls(name), short(mean), short(min(values)), short(max(values))))
    return Drawing(
        spec=layered([layer], height=12 * len(kept)),
        label=(
            f"{escape_controls(title)} of {count(len(kept))} over time, from {short(low)} to "
            f"{short(high)} {unit}"
        ),
        note=f"{title} ({unit}): "
        + (f"pale is {short(low)}, dark {short(high)}." if step > 0 else f"always {short(low)}."),
        headings=("of", "mean", "least", "most"),
        rows=said,
    )


# ---- lanes -------------------------------------------------------------------------------------
def lanes_drawing(axis: Axis, lanes: Sequence[Mapping[str, Any]]) -> Drawing | None:
    """Draw what happened, and for how long, a lane for each kind and place.

    Parameters
    ----------
    axis : Axis
    lanes : sequence of mapping
        The ``lanes`` of a report's timeline.

    Returns
    -------
    Drawing or None
        None if there are none.
    """
    if not lanes:
        return None
    names = distinct_labels(
        [f"{sign_of(lane['severity'])} {lane['name']} {lane['where']}".strip() for lane in lanes],
        width=44,
    )
    least = (axis.end - axis.start) / (0.5 * _LANES_WIDTH)
    bars = []
    for name, lane in zip(names, lanes, strict=True):
        for start, end, severity in lane["spans"]:
            first, last = start * 1e3, end * 1e3
            # What is too short to be seen is drawn as long as can be.
            if last - first < least:
                first = min(max(0.5 * (first + last - least), axis.start), axis.end - least)
                last = first + least
            bars.append({"t": first, "u": last, "g": name, "s": sign_of(severity)})
    layer = {
        "data": {"values": bars},
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "x": axis.x(ticks=8),
            "x2": {"field": "u"},
            "y": {
                "field": "g",
                "type": "nominal",
                "sort": None,
                "axis": {"ticks": False, "labelLimit": 0, "grid": True},
            },
            "color": {
                "field": "s",
                "type": "nominal",
                "scale": {
                    "domain": ["✗", "!", "·"],
                    "range": ["var(--bad)", "var(--c2)", "var(--dim)"],
                },
                "legend": None,
            },
        },
    }
    total = sum(lane["count"] for lane in lanes)
    worst = [name for name, lane in zip(names, lanes, strict=True) if lane["severity"] >= _ERROR]
    return Drawing(
        spec={
            **layered([layer], height=ROW * len(lanes), width=_LANES_WIDTH),
            # A browser's letters may be wider than those that were measured.
            "padding": {"left": 40, "right": 20, "top": 5, "bottom": 5},
        },
        label=(
            f"{counted(total, 'event')} in {counted(len(lanes), 'lane')} over time"
            + (f"; errors: {', '.join(worst[:5])}" if worst else "")
        ),
        note="What happened when: ✗ error, ! warning, · for information. UTC.",
        headings=("what", "where", "times", "first", "last"),
        rows=[
            (
                f"{sign_of(lane['severity'])} {escape_controls(lane['name'])}",
                escape_controls(lane["where"]),
                count(lane["count"]),
                written(lane["spans"][0][0] * 1e3),
                written(lane["spans"][-1][1] * 1e3),
            )
            for lane in lanes
        ],
    )


# ---- shares and bars ---------------------------------------------------------------------------
def shares_drawing(parts: Sequence[tuple[str, float]], *, title: str, unit: str) -> Drawing | None:
    """Draw the parts of a whole as one bar."""
    kept = [(name, of) for name, of in parts if of > 0]
    whole = sum(of for _, of in kept)
    if not kept:
        return None
    names = distinct_labels([name for name, _ in kept], width=40)
    bars, at = [], 0.0
    for name, (_, of) in zip(names, kept, strict=True):
        bars.append({"a": at, "b": at + 100.0 * of / whole, "s": name})
        at += 100.0 * of / whole
    layer = {
        "data": {"values": bars},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "a",
                "type": "quantitative",
                "axis": {"tickCount": 5},
                "scale": {"domain": [0, 100]},
            },
            "x2": {"field": "b"},
            "color": colors_of(names),
        },
    }
    said = [
        (name, short(of), f"{100.0 * of / whole:.1f} %")
        for name, (_, of) in zip(names, kept, strict=True)
    ]
    return Drawing(
        spec=layered([layer], height=ROW * 2),
        label=f"{escape_controls(title)}: " + ", ".join(f"{row[0]} {row[2]}" for row in said[:4]),
        note=f"{title} (% of the time).",
        headings=("part", unit, "share"),
        rows=said,
    )


def bars_drawing(
    rows: Sequence[tuple[str, float, bool]], *, title: str, unit: str, factor: float = 1.0
) -> Drawing | None:
    """Draw a bar for each name; those that are true stand out, and say so by a sign."""
    if not rows:
        return None
    names = distinct_labels([f"✗ {name}" if is_marked else name for name, _, is_marked in rows])
    bars = [
        {"g": name, "v": of * factor, "s": "✗" if is_marked else ""}
        for name, (_, of, is_marked) in zip(names, rows, strict=True)
    ]
    layer = {
        "data": {"values": bars},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "v", "type": "quantitative", "axis": {"tickCount": 4, "grid": True}},
            "y": {
                "field": "g",
                "type": "nominal",
                "sort": None,
                "axis": {"ticks": False, "labelLimit": 0},
            },
            "color": {
                "field": "s",
                "type": "nominal",
                "scale": {"domain": ["✗", ""], "range": ["var(--bad)", "var(--c1)"]},
                "legend": None,
            },
        },
    }
    least = min(range(len(bars)), key=lambda i: bars[i]["v"])
    return Drawing(
        spec=layered([layer], height=(ROW if len(rows) <= 16 else 12) * len(rows)),
        label=f"{escape_controls(title)}; least {names[least]}, {short(bars[least]['v'])} {unit}",
        note=f"{title} ({unit}).",
        headings=("of", unit),
        rows=[(name, short(of * factor)) for name, (_, of, _) in zip(names, rows, strict=True)],
    )
