"""Vega-Lite specifications of charts that share one time axis: lines and stacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from inlay.report.charts import CONFIG, HEIGHT, WIDTH, Drawing, distinct_labels
from inlay.report.comparisons import short
from inlay.report.formats import counted, escape_controls, moment

__all__ = [
    "Axis",
    "Line",
    "Values",
    "colors_of",
    "instant",
    "layered",
    "lines_drawing",
    "stack_drawing",
    "written",
]

#: Colours of what is told apart in one chart, and how lines of them are dashed.
_COLORS = [f"var(--c{number})" for number in range(1, 9)]
_DASHES: list[list[int]] = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
_LABEL = 44
#: A line goes over so few stretches without a value.
_GAP = 1
_HOUR = 3_600_000.0
#: Between ticks, in milliseconds.
_STEPS = (
    *(1e3 * of for of in (1, 2, 5, 10, 15, 30)),
    *(6e4 * of for of in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * of for of in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720)),
)
_FORMS = ((0.1 * _HOUR, "%H:%M:%S"), (36 * _HOUR, "%H:%M"), (2400 * _HOUR, "%b %d"))

Values = Sequence[float | None]


class Line(NamedTuple):
    """One of the lines of a chart.

    Attributes
    ----------
    name : str
    mean : sequence of float or None
        Of each stretch.
    low, high : sequence of float or None, optional
        Its band.
    """

    name: str
    mean: Values
    low: Values | None = None
    high: Values | None = None


class Axis:
    """The time axis of a report's pages.

    Parameters
    ----------
    timeline : mapping
        The ``timeline`` of a report.
    """

    def __init__(self, timeline: Mapping[str, Any]) -> None:
        self.start = datetime.fromisoformat(timeline["start"]).timestamp() * 1e3
        self.end = max(datetime.fromisoformat(timeline["end"]).timestamp() * 1e3, self.start + 1e-3)
        self._origin: float = timeline["origin"] * 1e3
        self._width: float = timeline["width"] * 1e3
        self.count: int = timeline["count"]

    def edge(self, place: int) -> float:
        """Return where a stretch begins, in milliseconds."""
        return min(max(self._origin + place * self._width, self.start), self.end)

    def middle(self, place: int) -> float:
        """Return the middle of a stretch."""
        return 0.5 * (self.edge(place) + self.edge(place + 1))

    def place(self, milliseconds: float) -> int | None:
        """Return in which stretch a moment lies; None if in none."""
        if not self.start <= milliseconds <= self.end:
            return None
        return min(int((milliseconds - self._origin) // self._width), self.count - 1)

    def until(self, place: int) -> str:
        """Write when a stretch ends, to the second if it is longer than two."""
        edge = self.edge(place + 1)
        return written(1e3 * round(edge / 1e3) if self._width >= 2e3 else edge)

    def x(self, field: str = "t", *, ticks: int = 4) -> dict[str, Any]:
        """Encode times; the same on all charts."""
        length = self.end - self.start
        form = next((form for most, form in _FORMS if length <= most), "%Y-%m-%d")
        few = ticks - 1 if form.endswith("S") else ticks
        step = next((of for of in _STEPS if length / of <= few), None)
        axis: dict[str, Any] = {"labelOverlap": True, "labelSeparation": 6, "format": form}
        if step is None:
            axis["tickCount"] = few
        else:
            first = math.ceil(self.start / step)
            axis["values"] = [i * step for i in range(first, math.floor(self.end / step) + 1)]
        return {
            "field": field,
            "type": "temporal",
            "axis": axis,
            "scale": {"type": "utc", "nice": False, "domain": [self.start, self.end]},
        }


def instant(text: str) -> str:
    """Write a time that is given in ISO 8601, to the second or as exactly as it needs."""
    return written(datetime.fromisoformat(text).timestamp() * 1e3)


def written(milliseconds: float) -> str:
    """Write a time, to the second or as exactly as it needs."""
    at = datetime.fromtimestamp(round(milliseconds) / 1e3, UTC)
    return moment(at.isoformat(timespec="seconds" if at.microsecond == 0 else "milliseconds"))


# ---- lines -------------------------------------------------------------------------------------
def lines_drawing(
    axis: Axis,
    lines: Sequence[Line],
    *,
    title: str,
    unit: str,
    factor: float = 1.0,
    zero: bool = False,
    moments: Sequence[tuple[float, str]] = (),
) -> Drawing | None:
    """Draw lines with their bands.

    Parameters
    ----------
    axis : Axis
    lines : sequence of Line
    title, unit : str
    factor : float
        What values are multiplied by.
    zero : bool
        Whether the vertical axis begins at 0.
    moments : sequence of (float, str), optional
        Milliseconds and names of what a vertical line marks.

    Returns
    -------
    Drawing or None
        None if no line has a value.
    """
    shown = [line for line in lines if any(of is not None for of in line.mean)]
    if not shown:
        return None
    names = distinct_labels([line.name for line in shown], width=28)
    most = max(of for line in shown for of in (line.high or line.mean) if of is not None) * factor
    y = {
        "field": "v",
        "type": "quantitative",
        "axis": _value_axis(most),
        "scale": {"zero": zero},
    }
    color = colors_of(names)
    dash = {
        "field": "s",
        "type": "nominal",
        "scale": {"domain": names, "range": [_DASHES[i % len(_DASHES)] for i in range(len(names))]},
        "legend": None,
    }
    layers: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number, (name, line) in enumerate(zip(names, shown, strict=True)):
        runs = _runs(axis, line, factor, number)
        bands = [each for each in runs if "l" in each]
        if bands and len(shown) == 1 and any(each["l"] < each["h"] for each in bands):
            layers.append(
                {
                    "data": {"values": bands},
                    "mark": {"type": "area", "color": "var(--band)"},
                    "encoding": {
                        "x": axis.x(),
                        "y": {**y, "field": "l"},
                        "y2": {"field": "h"},
                        "detail": {"field": "r", "type": "nominal"},
                    },
                }
            )
        rows += [{**each, "s": name} for each in runs]
    plain = [{k: of for k, of in each.items() if k in "tvrs"} for each in rows]
    layers.append(
        {
            "data": {"values": plain},
            "mark": {"type": "line", "strokeWidth": 1.8},
            "encoding": {
                "x": axis.x(),
                "y": y,
                "color": color,
                "strokeDash": dash,
                "detail": {"field": "r", "type": "nominal"},
            },
        }
    )
    alone = _alone(plain)
    if alone:
        layers.append(
            {
                "data": {"values": alone},
                "mark": {"type": "circle", "size": 22},
                "encoding": {"x": axis.x(), "y": y, "color": color},
            }
        )
    if moments:
        layers.append(_marks(axis, moments))
    values = [each["v"] for each in plain]
    of = f" {unit}" if unit else ""
    single = names[0] if len(shown) == 1 and names[0] != title else ""
    band = ", mean with least and most" if layers[0]["mark"]["type"] == "area" else ""
    return Drawing(
        spec=layered(layers, height=HEIGHT),
        label=(
            f"{escape_controls(title)} over time, from {short(min(values))} to "
            f"{short(max(values))}{of}, {counted(len(shown), 'line')}"
        ),
        note=f"{title}{f' ({unit})' if unit else ''}{single and f': {single}'}{band}.",
        headings=("until", *names),
        rows=_line_rows(axis, shown, factor),
    )


def _line_rows(axis: Axis, lines: Sequence[Line], factor: float) -> list[tuple[str, ...]]:
    rows = []
    for place in range(axis.count):
        values = [line.mean[place] for line in lines]
        if any(of is not None for of in values):
            rows.append(
                (axis.until(place), *(short(None if of is None else of * factor) for of in values))
            )
    return rows


def _runs(axis: Axis, line: Line, factor: float, number: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    last, run = None, 0
    for place, of in enumerate(line.mean):
        if of is None:
            continue
        if last is not None and place - last > 1 + _GAP:
            run += 1
        last = place
        at: dict[str, Any] = {"t": axis.middle(place), "v": of * factor, "r": f"{number} {run}"}
        low = None if line.low is None else line.low[place]
        high = None if line.high is None else line.high[place]
        if low is not None and high is not None:
            at |= {"l": low * factor, "h": high * factor}
        made.append(at)
    return made


def _alone(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    lengths: dict[str, int] = {}
    for each in rows:
        lengths[each["r"]] = lengths.get(each["r"], 0) + 1
    return [each for each in rows if lengths[each["r"]] == 1]


def _marks(axis: Axis, moments: Iterable[tuple[float, str]]) -> dict[str, Any]:
    return {
        "data": {"values": [{"t": min(max(at, axis.start), axis.end)} for at, _ in moments]},
        "mark": {"type": "rule", "color": "var(--bad)", "strokeDash": [3, 3]},
        "encoding": {"x": axis.x()},
    }


def _value_axis(most: float) -> dict[str, Any]:
    # As wide on all charts, so that their times stand below each other.
    size = abs(most)
    form = "~s" if size >= 10_000 else ",~r" if size >= 1e-3 else "~g"
    return {"tickCount": 4, "minExtent": _LABEL, "format": form}


def colors_of(names: Sequence[str]) -> dict[str, Any]:
    """Encode names by colours, with a legend if there are several."""
    legend = {"title": None, "orient": "top", "columns": 2, "labelLimit": 150, "labelFontSize": 11}
    return {
        "field": "s",
        "type": "nominal",
        "sort": None,
        "scale": {
            "domain": list(names),
            "range": [_COLORS[i % len(_COLORS)] for i in range(len(names))],
        },
        "legend": legend if len(names) > 1 else None,
    }


# ---- stacks ------------------------------------------------------------------------------------
def stack_drawing(
    axis: Axis,
    parts: Mapping[str, Values],
    *,
    title: str,
    unit: str,
    factor: float = 1.0,
    most: float | None = None,
) -> Drawing | None:
    """Draw parts on top of each other, a bar for each stretch.

    Parameters
    ----------
    axis : Axis
    parts : mapping of str to sequence of float or None
    title, unit : str
    factor : float
        What values are multiplied by.
    most : float, optional
        How far the vertical axis goes at least.

    Returns
    -------
    Drawing or None
        None if no part has a value above 0.
    """
    shown = {name: of for name, of in parts.items() if any(of)}
    if not shown:
        return None
    names = distinct_labels(list(shown), width=28)
    bars = []
    top = 0.0
    for place in range(axis.count):
        height = 0.0
        for name, of in zip(names, shown.values(), strict=True):
            value = (of[place] or 0.0) * factor
            if value > 0:
                bars.append(
                    {
                        "t": axis.edge(place),
                        "u": axis.edge(place + 1),
                        "l": height,
                        "h": height + value,
                        "s": name,
                    }
                )
                height += value
        top = max(top, height)
    y = {
        "field": "l",
        "type": "quantitative",
        "axis": _value_axis(top),
        "scale": {"domain": [0, max(top, most or 0.0)]},
    }
    layer = {
        "data": {"values": bars},
        "mark": {"type": "bar"},
        "encoding": {
            "x": axis.x(),
            "x2": {"field": "u"},
            "y": y,
            "y2": {"field": "h"},
            "color": colors_of(names),
        },
    }
    totals = {name: sum(value or 0.0 for value in of) for name, of in shown.items()}
    largest = max(totals, key=lambda name: totals[name])
    lines = [Line(name, of) for name, of in shown.items()]
    return Drawing(
        spec=layered([layer], height=HEIGHT),
        label=(
            f"{escape_controls(title)} over time, up to {short(top)} {unit}; most of it "
            f"{escape_controls(largest)}"
        ),
        note=f"{title} ({unit}), one on top of the other.",
        headings=("until", *names),
        rows=_line_rows(axis, lines, factor),
    )


def layered(layers: list[dict[str, Any]], *, height: int, width: int = WIDTH) -> dict[str, Any]:
    """Return the specification of layers on top of each other."""
    return {
        "width": width,
        "height": height,
        "background": "transparent",
        "config": CONFIG,
        "layer": layers,
    }
