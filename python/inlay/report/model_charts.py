"""Vega-Lite specifications of the model page: figures over time, reliability, segments' parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from inlay.report.charts import CONFIG, HEIGHT, ROW, WIDTH, Drawing, distinct_labels
from inlay.report.comparisons import short
from inlay.report.formats import count, escape_controls, moment, number

__all__ = [
    "history_drawing",
    "parts_drawing",
    "percent_of",
    "reliability_drawing",
    "segment_name",
]

_REALISED, _BEHIND, _BAND = "currentColor", "var(--behind)", "var(--band)"
#: Panes that are drawn and listed; of more the last ones.
MOST_PANES = 500
#: So few are marked by a point each.
_MARKED = 80
_MOST_SEGMENTS = 12
_SEGMENT_WIDTH = 40


def history_drawing(metric: Mapping[str, Any], split: str | None) -> Drawing | None:
    """Draw a metric over time: a line, its interval as a band, what was estimated dashed.

    Parameters
    ----------
    metric : mapping
        One of the ``metrics`` of a report's quality.
    split : str or None
        Where a line parts before from after, in ISO 8601.

    Returns
    -------
    Drawing or None
        None if it has a value in no pane.
    """
    points = metric["points"][-MOST_PANES:]
    estimated = metric["estimated"][-MOST_PANES:]
    realised_runs, estimated_runs = _runs(points), _runs(estimated)
    if not realised_runs and not estimated_runs:
        return None
    layers: list[dict[str, Any]] = []
    drawn = [*realised_runs, *estimated_runs]
    x = _time_axis([*points, *estimated])
    if split is not None and min(run[0]["t"] for run in drawn) < _time(split) < max(
        run[-1]["t"] for run in drawn
    ):
        layers.append(
            {
                "data": {"values": [{"t": _time(split)}]},
                "mark": {"type": "rule", "color": _BEHIND, "strokeDash": [2, 3]},
                "encoding": {"x": x},
            }
        )
    for runs, color, band, dash in (
        (estimated_runs, _BEHIND, None, [5, 4]),
        (realised_runs, _REALISED, _BAND, None),
    ):
        if runs:
            layers += _line(runs, x, color, band, dash)
    return Drawing(
        spec=_spec(_bands_first(layers), height=HEIGHT),
        label=_history_label(metric, drawn),
        note=_history_note(metric, realised_runs, estimated_runs),
        headings=("until", "value", "at least", "at most", "rows", "estimated", "why not"),
        rows=_history_rows(points, estimated),
    )


def _time_axis(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Encode times, said as shortly as their range allows; undefined panes have their place too."""
    first = min(_time(point["start"]) for point in points)
    last = max(_time(point["end"]) for point in points)
    form = next((form for most, form in _FORMS if last - first <= most), "%Y-%m")
    return {
        "field": "t",
        "type": "temporal",
        "axis": {"tickCount": 3 if form.endswith("S") else 5, "labelOverlap": True, "format": form},
        "scale": {"type": "utc", "nice": False, "domain": [first, last]},
    }


_HOUR = 3_600_000.0
_FORMS = ((0.1 * _HOUR, "%H:%M:%S"), (36 * _HOUR, "%H:%M"), (2400 * _HOUR, "%b %d"))
_VALUE: dict[str, Any] = {
    "field": "v",
    "type": "quantitative",
    "axis": {"tickCount": 4},
    "scale": {"zero": False},
}


def _line(
    runs: Sequence[Sequence[Mapping[str, Any]]],
    x: dict[str, Any],
    color: str,
    band: str | None,
    dash: list[int] | None,
) -> list[dict[str, Any]]:
    values = [{**each, "r": number} for number, run in enumerate(runs) for each in run]
    run = {"field": "r", "type": "nominal"}
    made: list[dict[str, Any]] = []
    bounded = [each for each in values if "l" in each]
    if band is not None and bounded:
        made.append(
            {
                "data": {"values": bounded},
                "mark": {"type": "area", "color": band},
                "encoding": {
                    "x": x,
                    "y": {**_VALUE, "field": "l"},
                    "y2": {"field": "h"},
                    "detail": run,
                },
            }
        )
    mark: dict[str, Any] = {"type": "line", "color": color, "strokeWidth": 2}
    if dash is not None:
        mark["strokeDash"] = dash
    made.append(
        {
            "data": {"values": values},
            "mark": mark,
            "encoding": {"x": x, "y": _VALUE, "detail": run},
        }
    )
    alone = [each for run_of in runs if len(run_of) == 1 for each in run_of]
    marked = values if len(values) <= _MARKED and dash is None else alone
    if marked:
        made.append(
            {
                "data": {"values": marked},
                "mark": {"type": "circle", "color": color, "size": 22},
                "encoding": {"x": x, "y": _VALUE},
            }
        )
    return made


def _bands_first(layers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(layers, key=lambda layer: layer["mark"]["type"] != "area")


def _runs(points: Iterable[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """Give values at the middles of their panes, parted where one has none or none follows."""
    runs: list[list[dict[str, Any]]] = []
    last: float | None = None
    for point in points:
        if point["value"] is None:
            last = None
            continue
        start, end = _time(point["start"]), _time(point["end"])
        at: dict[str, Any] = {"t": 0.5 * (start + end), "v": point["value"]}
        if point["low"] is not None and point["high"] is not None:
            at |= {"l": point["low"], "h": point["high"]}
        # A pane without labels leaves a gap, as long as several.
        if last is not None and start - last <= end - start:
            runs[-1].append(at)
        else:
            runs.append([at])
        last = end
    return runs


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1e3


def _history_label(metric: Mapping[str, Any], runs: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    values = [each["v"] for run in runs for each in run]
    return (
        f"{escape_controls(metric['metric'])} over time, from {short(min(values))} "
        f"to {short(max(values))}, {count(len(values))} panes"
    )


def _history_note(
    metric: Mapping[str, Any],
    realised: Sequence[Any],
    estimated: Sequence[Any],
) -> str:
    parts = []
    if realised:
        parts.append("a line with its 95 % interval")
    if estimated:
        parts.append("estimated without labels, dashed grey")
    total = max(len(metric["points"]), len(metric["estimated"]))
    rest = f"; the last {MOST_PANES} of {count(total)} panes" if total > MOST_PANES else ""
    return f"{metric['metric']}: {' and '.join(parts)}{rest}."


def _history_rows(
    points: Sequence[Mapping[str, Any]], estimated: Sequence[Mapping[str, Any]]
) -> list[tuple[str, ...]]:
    by_pane: dict[tuple[str, str], list[Mapping[str, Any] | None]] = {}
    for place, side in enumerate((points, estimated)):
        for point in side:
            by_pane.setdefault((point["start"], point["end"]), [None, None])[place] = point
    rows = []
    for (_, end), (realised, guess) in sorted(by_pane.items()):
        shown: Mapping[str, Any] = realised or {}
        why = shown.get("reason") or (guess or {}).get("reason") or ""
        rows.append(
            (
                moment(end),
                *(short(shown.get(key)) for key in ("value", "low", "high")),
                number(shown.get("n")) if realised else "",
                short(guess["value"]) if guess else "",
                escape_controls(why),
            )
        )
    return rows


def reliability_drawing(calibration: Mapping[str, Any]) -> Drawing | None:
    """Draw how often each range of scores was right, beside the line where both agree.

    Parameters
    ----------
    calibration : mapping
        The ``calibration`` of a report's quality.

    Returns
    -------
    Drawing or None
        None if no range has rows.
    """
    bins = [each for each in calibration["bins"] if each["n"]]
    if not bins:
        return None
    x = {
        "field": "s",
        "type": "quantitative",
        "axis": {"tickCount": 5, "title": "mean score", "titleFontSize": 11},
        "scale": {"domain": [0, 1]},
    }
    y = {
        "field": "r",
        "type": "quantitative",
        "axis": {"tickCount": 5, "title": "share that was so", "titleFontSize": 11},
        "scale": {"domain": [0, 1]},
    }
    values = [
        {"s": each["mean_score"], "r": each["rate"], "l": each["low"], "h": each["high"]}
        for each in bins
    ]
    spec = _spec(
        [
            {
                "data": {"values": [{"s": 0, "r": 0}, {"s": 1, "r": 1}]},
                "mark": {"type": "line", "color": _BEHIND, "strokeDash": [5, 4]},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": values},
                "mark": {"type": "rule", "color": _REALISED},
                "encoding": {"x": x, "y": {**y, "field": "l"}, "y2": {"field": "h"}},
            },
            {
                "data": {"values": values},
                "mark": {"type": "line", "color": _REALISED, "strokeWidth": 2},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": values},
                "mark": {"type": "circle", "color": _REALISED, "size": 30},
                "encoding": {"x": x, "y": y},
            },
        ],
        height=WIDTH,
    )
    rows = [
        (
            f"{short(each['from'])} to {short(each['to'])}",
            number(each["n"]),
            *(short(each[key]) for key in ("mean_score", "rate", "low", "high")),
        )
        for each in bins
    ]
    worst = max(bins, key=lambda each: abs(each["rate"] - each["mean_score"]))
    return Drawing(
        spec=spec,
        label=(
            f"Reliability: the mean score of {len(bins)} ranges against the share that was so; "
            f"farthest apart at {short(worst['mean_score'])}, where it was {short(worst['rate'])}"
        ),
        note="Share that was so by mean score, with 95 % intervals; on the dashed line both agree.",
        headings=("scores", "rows", "mean score", "share that was so", "at least", "at most"),
        rows=rows,
    )


def parts_drawing(metric: str, grouped: Mapping[str, Any]) -> Drawing | None:
    """Draw what each segment adds to the change of a metric, the largest first.

    Parameters
    ----------
    metric : str
    grouped : mapping
        One of the ``by`` of a report's segments.

    Returns
    -------
    Drawing or None
        None if nothing changed.
    """
    rows = sorted(grouped["rows"], key=lambda row: -abs(row["total"]))[:_MOST_SEGMENTS]
    rows = [row for row in rows if row["total"]]
    if not rows:
        return None
    rows.sort(key=lambda row: -(row["share"] or 0.0))
    labels = distinct_labels([segment_name(row["segment"]) for row in rows], width=_SEGMENT_WIDTH)
    spec = _spec(
        [
            {
                "data": {
                    "values": [
                        {"v": label, "n": row["total"]}
                        for label, row in zip(labels, rows, strict=True)
                    ]
                },
                "mark": {"type": "bar"},
                "encoding": {
                    "x": {
                        "field": "n",
                        "type": "quantitative",
                        "axis": {"tickCount": 4, "grid": True},
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
        height=ROW * len(rows),
    )
    is_cut = len(grouped["rows"]) > _MOST_SEGMENTS
    rest = f"; the {_MOST_SEGMENTS} that add most are drawn" if is_cut else ""
    return Drawing(
        spec=spec,
        label=(
            f"What each segment adds to the change of {escape_controls(metric)}; first "
            f"{labels[0]}, {short(rows[0]['total'])}"
        ),
        note=f"What each segment adds to the change of {metric}{rest}.",
        headings=(),
        rows=(),
    )


def segment_name(segment: Mapping[str, Any]) -> str:
    """Name a segment by its attributes."""
    named = ", ".join(f"{name}={of}" for name, of in segment.items())
    return escape_controls(named) or "(all)"


def percent_of(share: float | None) -> str:
    """Write a share of a change, which may be negative or above 1."""
    if share is None:
        return "-"
    return f"{100.0 * share + 0.0:.1f} %"


def _spec(layers: list[dict[str, Any]], *, height: int) -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": height,
        "background": "transparent",
        "config": CONFIG,
        "layer": layers,
    }
