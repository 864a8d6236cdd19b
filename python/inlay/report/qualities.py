"""What is said of a model's quality: the same words in pages and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.comparisons import short
from inlay.report.formats import escape_controls, number
from inlay.report.model_charts import percent_of, segment_name

__all__ = [
    "CHANGE_HEADINGS",
    "CHANGE_NUMBERS",
    "SEGMENT_HEADINGS",
    "SEGMENT_NUMBERS",
    "change_class",
    "change_row",
    "change_word",
    "headline",
    "quality_class",
    "quality_name",
    "segment_rows",
    "with_interval",
]

CHANGE_HEADINGS = ("metric", "said", "before", "after", "change", "rows before", "rows after")
CHANGE_NUMBERS = (2, 3, 4, 5, 6)
SEGMENT_HEADINGS = (
    "segment",
    "of the change",
    "adds",
    "within it",
    "by its size",
    "before",
    "after",
    "rows before",
    "rows after",
)
SEGMENT_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8)
#: So much of a change has to be named.
_ENOUGH, _LEAST, _MOST_NAMED = 0.67, 0.1, 3


def quality_name(quality: Mapping[str, Any]) -> str:
    """Name it."""
    return escape_controls(str(quality["name"])) or "(no name)"


def with_interval(figure: Mapping[str, Any] | None) -> str:
    """Write a figure with its interval, or why it has no value."""
    if figure is None:
        return "-"
    if figure["value"] is None:
        return escape_controls(str(figure["reason"] or "undefined")).replace("_", " ")
    if figure["low"] is None or figure["high"] is None:
        return short(figure["value"])
    return f"{short(figure['value'])} ({short(figure['low'])} to {short(figure['high'])})"


def _is_clear(change: Mapping[str, Any] | None) -> bool:
    """Return whether a change is beyond chance: its interval does not hold 0."""
    if change is None or change["low"] is None or change["high"] is None:
        return False
    return bool(change["low"] > 0.0 or change["high"] < 0.0)


def _is_worse(metric: Mapping[str, Any]) -> bool:
    change = metric["change"]
    return _is_clear(change) and change["value"] * metric["direction"] < 0.0


def change_word(metric: Mapping[str, Any]) -> str:
    """Say how a metric changed."""
    change = metric["change"]
    if change is None or change["value"] is None:
        return "? undefined"
    if change["low"] is None or change["high"] is None:
        return "~ no interval"
    if not _is_clear(change):
        return "= as before"
    if not metric["direction"]:
        return "~ changed"
    return "✗ worse" if _is_worse(metric) else "✓ better"


def change_class(metric: Mapping[str, Any]) -> str:
    """Name the class in which the page shows it."""
    return {"✗": "bad", "✓": "good", "=": "good"}.get(change_word(metric)[0], "open")


def change_row(metric: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a metric's row under `CHANGE_HEADINGS`, all of it plain text."""
    before, after = metric["earlier"], metric["later"]
    return (
        escape_controls(str(metric["metric"])),
        change_word(metric),
        with_interval(before),
        with_interval(after),
        with_interval(metric["change"]),
        number(before["n"] if before else None),
        number(after["n"] if after else None),
    )


def segment_rows(grouped: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Make a row for each segment under `SEGMENT_HEADINGS`."""
    return [
        (
            segment_name(row["segment"]),
            percent_of(row["share"]),
            *(short(row[key]) for key in ("total", "within", "mix")),
            with_interval(row["earlier"]),
            with_interval(row["later"]),
            number(row["earlier"]["n"]),
            number(row["later"]["n"]),
        )
        for row in grouped["rows"]
    ]


def _told(quality: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Choose the metric to speak of, and its segments: one that got worse, else the first."""
    segments = {each["metric"]: each for each in quality["segments"]}
    metrics = {each["metric"]: each for each in quality["metrics"]}
    explained = [metrics[name] for name in segments]
    for candidates in (explained, quality["metrics"]):
        for metric in candidates:
            if _is_worse(metric):
                return metric, segments.get(metric["metric"])
    known = [
        metric
        for metric in [*explained, *quality["metrics"]]
        if metric["change"] is not None and metric["change"]["value"] is not None
    ]
    metric = known[0] if known else None
    return metric, None if metric is None else segments.get(metric["metric"])


def quality_class(quality: Mapping[str, Any]) -> str:
    """Name the class of its banner."""
    metric, _ = _told(quality)
    return "open" if metric is None else change_class(metric)


def headline(quality: Mapping[str, Any]) -> str:
    """Say in a line how a model does, and which segments are behind a change."""
    metric, segments = _told(quality)
    if metric is None:
        return _only_value(quality["metrics"])
    before, after = metric["earlier"], metric["later"]
    change = metric["change"]
    told = (
        f"{metric['metric']} {short(before['value'])} → {short(after['value'])}, "
        f"a change of {with_interval(change)}"
    )
    if change["low"] is not None and not _is_clear(change):
        return f"{told}: within chance"
    names = [] if segments is None else _named(segments["by"])
    return f"{told}; {' and '.join(names)}" if names else told


def _named(by: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the segments of the most telling attribute that bring most of a change."""
    if not by:
        return []
    named, explained = [], 0.0
    for row in by[0]["rows"][:_MOST_NAMED]:
        if row["share"] is None or row["share"] < _LEAST:
            break
        named.append(f"{segment_name(row['segment'])} brings {percent_of(row['share'])} of it")
        explained += row["share"]
        if explained >= _ENOUGH:
            break
    # Where most segments have their part, none of them is the one.
    is_few = 2 * len(named) <= max(len(by[0]["rows"]), 2)
    return named if explained >= _ENOUGH and is_few else []


def _only_value(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Tell the figure of the one side that has one; without sides, of the last pane."""
    for metric in metrics:
        for figure in (metric["later"], metric["earlier"], *reversed(metric["points"])):
            if figure is not None and figure["value"] is not None:
                return f"{metric['metric']} {with_interval(figure)}, nothing to compare it with"
    return "no figure has a value"
