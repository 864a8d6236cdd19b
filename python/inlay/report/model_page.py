"""The page of models: how well each does, for whom, and how that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.report.drawn import chart_table, figure
from inlay.report.formats import count, counted, escape_controls, moment, number
from inlay.report.model_charts import history_drawing, parts_drawing, reliability_drawing
from inlay.report.page import details, document, escape, facts, table
from inlay.report.qualities import (
    CHANGE_HEADINGS,
    CHANGE_NUMBERS,
    SEGMENT_HEADINGS,
    SEGMENT_NUMBERS,
    change_class,
    change_row,
    headline,
    quality_class,
    quality_name,
    segment_rows,
)
from inlay.report.verdict_page import verdict_table

__all__ = ["model_page"]

#: Metrics that are drawn; every one is in the table.
_MOST_CHARTS = 8
_MOST_SEGMENTS = 200
_MOST_SERIES = 500
_DISTRIBUTION_HEADINGS = ("series", "unit", "values", "mean", "median", "95 %", "99 %")
_TOTAL_HEADINGS = ("series", "unit", "total", "before", "after")


def model_page(
    report: Mapping[str, Any], *, title: str = "Models", pages: Sequence[tuple[str, str]] = ()
) -> str:
    """Make the page of models: one file without a script that loads nothing from elsewhere.

    Parameters
    ----------
    report : mapping
        What `stored_report` gave.
    title : str, default: "Models"
        The page's heading.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML. Of each model the figures over time with their intervals, the segments by their part
        in what changed, reliability, fairness, how many predictions have a label, and what was
        kept apart; a part that is not there says why.

    Raises
    ------
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    body, links = [], []
    for place, quality in enumerate(report["quality"]):
        links.append((f"q{place}", quality_name(quality)))
        body.append(_quality(quality, report, place))
    if not report["quality"]:
        body.append(
            '<p class="note">No model\'s quality: the directory has no rows of kind '
            "<code>estimate</code>. <code>Observer.quality</code> writes them when labels come, "
            "<code>inlay label</code> from labels that lie elsewhere.</p>"
        )
    body.append(_measured(report))
    links.append(("measured", "Generation and other measurements"))
    return document(
        title=title,
        subtitle=f"{counted(len(report['quality']), 'model')} with known outcomes",
        body="\n".join(body),
        links=links,
        pages=pages,
    )


def _quality(quality: Mapping[str, Any], report: Mapping[str, Any], place: int) -> str:
    split = report["split"]
    parts = [
        f'<p class="banner {quality_class(quality)}">{escape(escape_controls(headline(quality)))}'
        "</p>",
        facts(_overview(quality, split)),
        _over_time(quality, split),
        _figures(quality, split),
        _segments(quality, split),
        _reliability(quality),
        _fairness(quality),
        _coverage(quality, split),
        _apart(quality),
    ]
    return (
        f'<section aria-labelledby="q{place}"><h2 id="q{place}">'
        f"<bdi>{escape(quality_name(quality))}</bdi></h2>{''.join(parts)}</section>"
    )


def _overview(quality: Mapping[str, Any], split: str | None) -> Iterable[tuple[str, str]]:
    yield "panes", count(quality["panes"])
    yield "from", moment(quality["start"])
    yield "to", moment(quality["end"])
    if split is not None:
        yield "before and after part at", moment(split)
    yield "processes", count(quality["processes"])
    if quality["attributes"]:
        yield "segments by", escape_controls(", ".join(quality["attributes"]))


def _part(heading: str, *content: str) -> str:
    return f'<section class="column"><h3>{escape(heading)}</h3>{"".join(content)}</section>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _over_time(quality: Mapping[str, Any], split: str | None) -> str:
    shown: list[str] = []
    undefined: list[Mapping[str, Any]] = []
    for metric in quality["metrics"]:
        if metric["metric"] == "coverage":
            continue
        drawn = history_drawing(metric, split) if len(shown) < _MOST_CHARTS else None
        if drawn is not None:
            shown.append(f"<div>{figure(drawn)}{chart_table(drawn, words=(6,))}</div>")
        elif all(point["value"] is None for point in metric["points"]):
            undefined.append(metric)
    content = [f'<div class="charts">{"".join(shown)}</div>'] if shown else []
    if not shown:
        content.append(_note("No figure has a value in any pane."))
    drawable = len(quality["metrics"]) - len(undefined)
    if drawable > len(shown) >= _MOST_CHARTS:
        content.append(_note(f"The first {_MOST_CHARTS} figures are drawn; all are in the table."))
    if undefined:
        reasons = ", ".join(
            f"{metric['metric']} ({_reason(metric)})" for metric in undefined if metric["points"]
        )
        if reasons:
            content.append(_note(f"Undefined throughout: {escape_controls(reasons)}."))
    return _part("Over time", *content)


def _reason(metric: Mapping[str, Any]) -> str:
    reasons = [point["reason"] for point in metric["points"] if point["reason"]]
    return str(reasons[-1] if reasons else "undefined").replace("_", " ")


def _figures(quality: Mapping[str, Any], split: str | None) -> str:
    if split is None:
        return _part("Before and after", _note("There is one pane only: nothing to compare."))
    return _part(
        "Before and after",
        _changes(quality["metrics"]),
        _note(
            "A figure changed if the 95 % interval of its difference does not hold 0. Panes are "
            "put together where a figure is a mean over rows; one that is not says so."
        ),
    )


def _changes(metrics: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for metric in metrics:
        name, word, *rest = change_row(metric)
        rows.append(
            (name, f'<span class="verdict {change_class(metric)}">{escape(word)}</span>', *rest)
        )
    return table(CHANGE_HEADINGS, rows, label="Before and after", numbers=CHANGE_NUMBERS, raw=(1,))


def _segments(quality: Mapping[str, Any], split: str | None) -> str:
    heading = "Segments by their part in the change"
    if not quality["attributes"]:
        return _part(heading, _note("The rows have no attributes to tell segments by."))
    if split is None:
        return _part(heading, _note("There is one pane only: nothing changed in it."))
    if not quality["segments"]:
        return _part(
            heading,
            _note("No figure that adds up over segments has a value both before and after."),
        )
    parts = []
    for place, explained in enumerate(quality["segments"]):
        content = "".join(_grouped(explained["metric"], each) for each in explained["by"])
        parts.append(content if not place else details(explained["metric"], content))
    parts.append(
        _note(
            "A segment adds w̄·Δm within it and (m̄ - M̄)·Δw by its size: m is the figure in the "
            "segment, w its share of the rows, M the figure of all, Δ after less before, a bar the "
            "mean of both. They add up to the whole change. The attribute whose values tell it "
            "best stands first."
        )
    )
    return _part(heading, *parts)


def _grouped(metric: str, grouped: Mapping[str, Any]) -> str:
    rows = segment_rows(grouped)
    by = escape_controls(" and ".join(grouped["attributes"]))
    label = f"{metric} by {by}"
    more = len(rows) - _MOST_SEGMENTS
    return "".join(
        (
            f"<h4>{escape(label)}</h4>",
            figure(parts_drawing(metric, grouped)),
            table(SEGMENT_HEADINGS, rows[:_MOST_SEGMENTS], label=label, numbers=SEGMENT_NUMBERS),
            _note(f"… and {count(more)} more.") if more > 0 else "",
        )
    )


def _reliability(quality: Mapping[str, Any]) -> str:
    calibration = quality["calibration"]
    drawn = reliability_drawing(calibration)
    if drawn is None:
        return _part("Reliability", _note(calibration["reason"]))
    return _part("Reliability", figure(drawn), chart_table(drawn))


def _fairness(quality: Mapping[str, Any]) -> str:
    verdicts = quality["fairness"]
    if not verdicts:
        return _part(
            "Fairness",
            _note("No verdicts: give the quality a FairnessJudge, or run inlay judge --fairness."),
        )
    return _part("Fairness", verdict_table(verdicts, label="Fairness"))


def _coverage(quality: Mapping[str, Any], split: str | None) -> str:
    found = [metric for metric in quality["metrics"] if metric["metric"] == "coverage"]
    drawn = history_drawing(found[0], split) if found else None
    if drawn is None:
        why = (
            "No coverage: predictions were not announced by id, so how many have no label is "
            "unknown."
        )
        return _part("Labels", _note(why))
    return _part("Labels", figure(drawn), chart_table(drawn, words=(6,)))


def _apart(quality: Mapping[str, Any]) -> str:
    apart = quality["apart"]
    if not apart:
        return _part("Kept apart", _note("Nothing: every row was counted."))
    rows = [
        (escape_controls(name).replace("_", " "), number(total)) for name, total in apart.items()
    ]
    return _part("Kept apart", table(("why", "rows"), rows, label="Kept apart", numbers=(1,)))


def _measured(report: Mapping[str, Any]) -> str:
    heading = (
        '<section aria-labelledby="measured"><h2 id="measured">'
        "Generation and other measurements</h2>"
    )
    series = report["measured"]
    rates = _rates(report["rates"], report["split"])
    if not series:
        return f"{heading}{rates}{_note('No histograms or counters of layer model.')}</section>"
    histograms = [_distribution(each) for each in series if each["kind"] == "histogram"]
    counters = [_total(each) for each in series if each["kind"] == "counter"]
    tables = [
        table(headings, rows[:_MOST_SERIES], label=label, numbers=range(2, len(headings)))
        for label, headings, rows in (
            ("Distributions", _DISTRIBUTION_HEADINGS, histograms),
            ("Counts", _TOTAL_HEADINGS, counters),
        )
        if rows
    ]
    more = sum(max(len(rows) - _MOST_SERIES, 0) for rows in (histograms, counters))
    rest = _note(f"… and {count(more)} more series.") if more else ""
    return f"{heading}{rates}{'<p></p>'.join(tables)}{rest}</section>"


def _rates(rates: Sequence[Mapping[str, Any]], split: str | None) -> str:
    if not rates:
        return ""
    drawn = [history_drawing(rate, split) for rate in rates[:_MOST_CHARTS]]
    charts = "".join(
        f"<div>{figure(each)}{chart_table(each, words=(6,))}</div>" for each in drawn if each
    )
    return _part("Judged answers", f'<div class="charts">{charts}</div>', _changes(rates))


def _distribution(each: Mapping[str, Any]) -> tuple[str, ...]:
    pairs = (_pair(each, key) for key in ("mean", "0.5", "0.95", "0.99"))
    return (_series(each), each["unit"] or "", number(each["all"]["count"]), *pairs)


def _total(each: Mapping[str, Any]) -> tuple[str, ...]:
    sides = (each[side] or {} for side in ("all", "earlier", "later"))
    return (_series(each), each["unit"] or "", *(number(side.get("count")) for side in sides))


def _series(each: Mapping[str, Any]) -> str:
    attrs = ", ".join(f"{name}={of}" for name, of in sorted(each["attrs"].items()))
    return escape_controls(f"{each['metric']} {{{attrs}}}" if attrs else each["metric"])


def _pair(each: Mapping[str, Any], key: str) -> str:
    def of(side: Mapping[str, Any] | None) -> str:
        if side is None:
            return "-"
        found = side["mean"] if key == "mean" else side["quantiles"].get(key)
        return number(None if found is None else float(f"{found:.3g}"))

    return f"{of(each['earlier'])} → {of(each['later'])}" if each["earlier"] else of(each["all"])
