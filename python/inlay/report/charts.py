"""Vega-Lite specifications of a column's charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.report.formats import count, escape_controls, number, share, shorten, value

if TYPE_CHECKING:
    import altair

__all__ = [
    "CONFIG",
    "HEIGHT",
    "ROW",
    "WIDTH",
    "Drawing",
    "cell_ends",
    "chart",
    "distinct_labels",
    "drawing",
    "place_axis",
    "places_of",
]

# Narrow enough for a telephone, and to stand beside the numbers on a desk.
WIDTH, HEIGHT, ROW = 300, 120, 18
_MOST_NAMES, _NAME_WIDTH = 10, 20
_TEMPORAL_KINDS = frozenset({"date", "time", "timestamp"})
CONFIG: dict[str, Any] = {
    # A bar takes the colour of the text around it, so light and dark are the page's to choose.
    "bar": {"color": "currentColor"},
    "view": {"stroke": None},
    "axis": {"title": None, "labelFontSize": 11, "tickSize": 3, "domain": False},
    "axisX": {"grid": False, "domain": True, "labelFlush": True},
}


@dataclass(frozen=True)
class Drawing:
    """A chart, and what it says in words and in a table."""

    spec: dict[str, Any]
    label: str
    note: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def drawing(column: Mapping[str, Any]) -> Drawing | None:
    """Draw a column: the spread of its numbers or times, else its frequent values.

    Parameters
    ----------
    column : mapping
        One of the ``columns`` of a profile's dict.

    Returns
    -------
    Drawing or None
        None if the column has nothing to draw.
    """
    return _spread(column) or _frequent(column)


def chart(column: Mapping[str, Any]) -> altair.Chart:
    """Give a column's chart as Altair has it, to show in a notebook, to change or to save.

    Parameters
    ----------
    column : mapping
        One of the ``columns`` of a profile's dict.

    Returns
    -------
    altair.Chart
        The chart that the page shows.

    Raises
    ------
    InvalidArgumentError
        If the column has nothing to draw.
    ImportError
        If Altair is missing; the extra ``inlay[report]`` brings it.
    """
    try:
        import altair
    except ImportError as error:
        message = "charts need Altair: pip install 'inlay[report]'"
        raise ImportError(message) from error
    drawn = drawing(column)
    if drawn is None:
        message = f"the column has nothing to draw: {column['name']!r}"
        raise InvalidArgumentError(message)
    made: altair.Chart = altair.Chart.from_dict(drawn.spec)
    return made


def _spread(column: Mapping[str, Any]) -> Drawing | None:
    cells = column.get("chart") or {}
    bounds, counts = list(cells.get("bounds") or ()), list(cells.get("counts") or ())
    if not counts or len(bounds) != len(counts) + 1 or not sum(counts):
        return None
    temporal = column.get("kind") in _TEMPORAL_KINDS and isinstance(bounds[0], str)
    places = places_of(bounds, temporal=temporal)
    if places is None or not places[0] < places[-1]:
        return None
    below, above = int(cells.get("below") or 0), int(cells.get("above") or 0)
    scale = "utc" if temporal else "log" if cells.get("log") and places[0] > 0 else "linear"
    spec = _spec(
        [
            {"a": a, "b": b, "n": n}
            for a, b, n in zip(places[:-1], places[1:], counts, strict=True)
            # An empty cell draws nothing; the first and last keep the axis as wide as the range.
            if n or a == places[0] or b == places[-1]
        ],
        x=place_axis(scale, places[0], places[-1]),
        x2={"field": "b"},
        y={"field": "n", "type": "quantitative", "axis": _count_axis(max(counts))},
        height=HEIGHT,
    )
    lows, highs = cell_ends(column.get("kind"), bounds, places)
    ends = f"from {lows[0]} to {highs[-1]}"
    peak = max(range(len(counts)), key=counts.__getitem__)
    rows = [(low, high, count(n)) for low, high, n in zip(lows, highs, counts, strict=True)]
    if below:
        rows.insert(0, ("below", lows[0], count(below)))
    if above:
        rows.append((highs[-1], "above", count(above)))
    outside = [f"{count(n)} {side} it" for n, side in ((below, "below"), (above, "above")) if n]
    return Drawing(
        spec=spec,
        label=(
            f"Histogram of {_plain(column['name'])} {ends}; most values "
            f"from {lows[peak]} to {highs[peak]}"
        ),
        note="".join(
            (
                f"Values {ends}",
                ", logarithmic" if scale == "log" else "",
                f"; {' and '.join(outside)}, not drawn" if outside else "",
                ".",
            )
        ),
        headings=("from", "to", "values"),
        rows=rows,
    )


def _frequent(column: Mapping[str, Any]) -> Drawing | None:
    entries = [entry for entry in column.get("top") or () if entry.get("high")]
    if not entries:
        return None
    rows = [
        (value(e["value"]), _range(e["low"], e["high"]), share(e["low"], column.get("count")))
        for e in entries
    ]
    shown = entries[:_MOST_NAMES]
    names = distinct_labels([row[0] for row in rows[:_MOST_NAMES]])
    spec = _spec(
        [{"v": name, "n": e["low"]} for name, e in zip(names, shown, strict=True)],
        x={
            "field": "n",
            "type": "quantitative",
            "axis": {**_count_axis(max(e["low"] for e in shown)), "grid": True},
        },
        y={
            "field": "v",
            "type": "nominal",
            "sort": None,
            "axis": {"ticks": False, "labelLimit": 0},
        },
        height=ROW * len(shown),
    )
    of = "hashed value" if column.get("redacted") else "value"
    note = f"The most frequent {of}" if len(shown) == 1 else f"The {len(shown)} most frequent {of}s"
    return Drawing(
        spec=spec,
        label=f"{note} of {_plain(column['name'])}; first {names[0]}, {rows[0][1]} times",
        note=f"{note}.",
        headings=("value", "times", "share"),
        rows=rows,
    )


def _spec(cells: list[dict[str, Any]], *, height: int, **encoding: Any) -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": height,
        "background": "transparent",
        "config": CONFIG,
        "data": {"values": cells},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": encoding,
    }


def places_of(bounds: Sequence[Any], *, temporal: bool) -> list[float] | None:
    """Give bounds as numbers for an axis, times in milliseconds; None if one has no place."""
    found = [_milliseconds(b) if temporal else _finite(b) for b in bounds]
    places = [place for place in found if place is not None]
    return places if len(places) == len(found) else None


def cell_ends(
    kind: Any, bounds: Sequence[Any], places: Sequence[float]
) -> tuple[list[str], list[str]]:
    """Write the ends of the cells; whole numbers that have a cell each are named themselves."""
    if kind in {"integer", "unsigned"} and all(place % 1 == 0.5 for place in places):
        whole = [_end(math.ceil(place)) for place in places[:-1]]
        return whole, [_end(math.floor(place)) for place in places[1:]]
    ends = [_end(bound) for bound in bounds]
    return ends[:-1], ends[1:]


def place_axis(scale: str, first: float, last: float) -> dict[str, Any]:
    """Encode the lower ends of cells on a horizontal axis."""
    axis: dict[str, Any] = {"tickCount": 5, "labelOverlap": True}
    encoding = {"field": "a", "axis": axis, "scale": {"type": scale, "nice": False}}
    if scale == "utc":
        return {**encoding, "type": "temporal"}
    size = max(abs(first), abs(last))
    axis["format"] = "~g" if size >= 1e6 or size < 1e-3 else ",~r"
    return {**encoding, "type": "quantitative", "bin": "binned"}


def _count_axis(most: int) -> dict[str, Any]:
    # Few counts have no fractions between them to name.
    return {"tickCount": min(4, max(1, most)), "format": "~s" if most >= 10_000 else ",d"}


def _finite(bound: Any) -> float | None:
    """Give a bound as a float: a decimal's is text, an integer's may exceed 53 bits."""
    try:
        place = float(bound)
    except (TypeError, ValueError, OverflowError):
        return None
    return place if math.isfinite(place) else None


def _milliseconds(bound: Any) -> float | None:
    """Give an ISO 8601 date, time of day or timestamp as Vega has it, as if it were UTC."""
    try:
        moment = datetime.fromisoformat(bound)
    except (TypeError, ValueError):
        try:
            moment = datetime.combine(date(1970, 1, 1), time.fromisoformat(bound))
        except (TypeError, ValueError):
            return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e3


def _end(bound: Any) -> str:
    return _plain(bound) if isinstance(bound, str) else number(bound)


def _plain(text: object) -> str:
    return escape_controls(str(text))


def _range(low: int, high: int) -> str:
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def distinct_labels(names: Sequence[str], *, width: int = _NAME_WIDTH) -> list[str]:
    """Cut names to what fits beside a bar, and keep apart those that then are equal."""
    seen: dict[str, int] = {}
    labels = []
    for name in names:
        label = shorten(_plain(name), width) or "(empty)"
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return labels
