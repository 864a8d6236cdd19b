"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.report.comparison_charts import overlay_drawing, parts_drawing
from inlay.report.comparisons import (
    DISTANCE_HEADINGS,
    DISTANCE_NUMBERS,
    HEADINGS,
    NUMBERS,
    comparison_row,
    comparison_summary,
    distance_rows,
    group_name,
    p_value,
    percent,
    short,
    verdict_class,
    verdict_word,
)
from inlay.report.drawn import chart_table, figure
from inlay.report.formats import count, escape_controls, number
from inlay.report.given import check_comparison
from inlay.report.page import details, document, escape, facts, table

__all__ = ["comparison_page"]

#: Columns that get charts, those that contribute most.
_MOST_CHARTS = 60
#: Rows in the tables of all groups together.
_MOST_GROUP_ROWS = 2_000
_ASPECTS = {
    "values": "of its values",
    "missing": "of what is missing",
    "range": "of what lies outside the range",
}
_BESIDE = (
    ("rows", "rows"),
    ("null_count", "null"),
    ("nan_count", "NaN"),
    ("mean", "mean"),
    ("std", "standard deviation"),
    ("min", "min"),
    ("max", "max"),
)


def comparison_page(
    comparison: Mapping[str, Any],
    *,
    title: str = "Comparison",
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make a page of a comparison: one file without a script that loads nothing from elsewhere.

    Parameters
    ----------
    comparison : mapping
        What ``Comparison.to_dict()`` gave.
    title : str, default: "Comparison"
        The page's heading.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML. Its size depends on the number of columns, not of rows. Of the 60 columns that
        contribute most both sides are drawn over each other; every column is in the tables.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    check_comparison(comparison)
    columns: Sequence[Mapping[str, Any]] = comparison["columns"]
    verdict = comparison["verdict"]
    summary = comparison_summary(comparison)
    links = [("all", "All columns")]
    body = [
        f'<p class="banner {verdict_class(verdict)}"><strong>{verdict_word(verdict)}</strong> — '
        f"{escape(summary)}</p>",
        facts(_overview(comparison)),
        '<section aria-labelledby="all"><h2 id="all">All columns</h2>',
        _columns_table(columns, "All columns", linked=True)
        if columns
        else '<p class="note">Neither side has columns.</p>',
        "</section>",
    ]
    if comparison.get("changes"):
        body.append(_changes(comparison["changes"]))
        links.append(("schema", "Schema"))
    if comparison.get("groups"):
        body.append(_groups(comparison["groups"]))
        links.append(("groups", "Groups"))
    if columns:
        body.append('<section aria-labelledby="each"><h2 id="each">Each column</h2>')
        if len(columns) > _MOST_CHARTS:
            body.append(
                f'<p class="note">Charts are drawn for the first {_MOST_CHARTS} columns; '
                f"the numbers are there for all {count(len(columns))}.</p>"
            )
        by = list(comparison.get("by") or ())
        body += [_section(column, place, by) for place, column in enumerate(columns)]
        body.append("</section>")
        links.append(("each", "Each column"))
    return document(title=title, subtitle=summary, body="\n".join(body), links=links, pages=pages)


def _overview(comparison: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for side in ("reference", "current"):
        yield side, escape_controls(str(comparison[side].get("name") or ""))
        yield f"rows of the {side}", count(comparison[side]["rows"])
    yield "threshold of the effect", number(comparison["threshold"])
    yield "level", number(comparison["level"])
    if comparison["reference"].get("reference_id"):
        yield "reference's id", str(comparison["reference"]["reference_id"])


def _columns_table(
    columns: Sequence[Mapping[str, Any]], label: str, *, linked: bool = False
) -> str:
    rows = []
    for place, column in enumerate(columns):
        word, name, *rest = comparison_row(column)
        shown = escape(escape_controls(name)) or "<i>(no name)</i>"
        link = f'<a href="#c{place}">{shown}</a>' if linked else shown
        mark = f'<span class="verdict {verdict_class(column["verdict"])}">{word}</span>'
        rows.append((link, mark, *map(escape_controls, rest)))
    headings = (HEADINGS[1], HEADINGS[0], *HEADINGS[2:])
    return table(headings, rows, label=label, numbers=NUMBERS, raw=(0, 1))


def _changes(changes: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape_controls(str(change["column"])) or "columns",
            str(change["kind"]).replace("_", " "),
            escape_controls(str(change["old"] or "")),
            escape_controls(str(change["new"] or "")),
            "compatible" if change["compatible"] else "breaking",
        )
        for change in changes
    ]
    return (
        '<section aria-labelledby="schema"><h2 id="schema">Changes of the schema</h2>'
        f"{table(('column', 'change', 'was', 'is', 'for readers'), rows, label='Schema')}</section>"
    )


def _groups(groups: Sequence[Mapping[str, Any]]) -> str:
    rows, parts = [], []
    left = _MOST_GROUP_ROWS
    for group in groups:
        name = group_name(group)
        mark = (
            f'<span class="verdict {verdict_class(group["verdict"])}">'
            f"{verdict_word(group['verdict'])}</span>"
        )
        rows.append(
            (
                name,
                mark,
                count(group["reference_rows"]),
                count(group["rows"]),
                escape_controls(", ".join(map(str, group["drifted"]))),
            )
        )
        left -= len(group["columns"])
        if left >= 0:
            parts.append(details(name, _columns_table(group["columns"], f"Columns where {name}")))
    if left < 0:
        parts.append(
            f'<p class="note">The columns of {count(len(groups) - len(parts))} more groups '
            "are left out here.</p>"
        )
    headings = ("group", "verdict", "rows of the reference", "rows", "drifted")
    return (
        '<section aria-labelledby="groups"><h2 id="groups">Groups</h2>'
        f"{table(headings, rows, label='Groups', numbers=(2, 3), raw=(1,))}"
        f"{''.join(parts)}</section>"
    )


def _section(column: Mapping[str, Any], place: int, by: Sequence[str]) -> str:
    name = escape(escape_controls(str(column["name"]))) or "<i>(no name)</i>"
    of_type = escape(escape_controls(str(column["type"] or column["reference_type"] or "")))
    verdict = column["verdict"]
    has_charts = place < _MOST_CHARTS
    overlay = overlay_drawing(column) if has_charts else None
    return "".join(
        (
            f'<section class="column" id="c{place}" aria-labelledby="h{place}">'
            f'<h3 id="h{place}"><bdi>{name}</bdi> <span class="type">{of_type}</span></h3>'
            f'<p><span class="verdict {verdict_class(verdict)}">{verdict_word(verdict)}</span> '
            f"{escape(escape_controls(str(column['reason'])))}</p>",
            f'<div class="split"><div>{facts(_facts(column))}{_beside(column)}</div>'
            f"{figure(overlay)}</div>",
            chart_table(overlay),
            _parts(column, has_charts=has_charts),
            _distances(column),
            _new_names(column),
            _vanished(column),
            _drivers(column, by),
            "</section>",
        )
    )


def _facts(column: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if column["effect"] is not None:
        effect, low, high = (short(column[key]) for key in ("effect", "low", "high"))
        yield f"effect, {_ASPECTS.get(str(column['aspect']), '')}", f"{effect} ({low} to {high})"
        yield "corrected p-value", p_value(column["p_value"])
        yield "contribution", percent(column["contribution"])
    missing = column.get("missing")
    if missing is not None:
        yield "missing", f"{percent(missing['reference'])} → {percent(missing['current'])}"
    if column.get("outside") is not None:
        yield "outside the reference's range", percent(column["outside"])


def _beside(column: Mapping[str, Any]) -> str:
    sides = column["reference"], column["current"]
    rows = [
        (name, *(number(side.get(key)) for side in sides))
        for key, name in _BESIDE
        if any(side.get(key) not in {None, 0} for side in sides)
    ]
    if not rows:
        return ""
    return table(("", "reference", "current"), rows, label="Both sides", numbers=(1, 2))


def _parts(column: Mapping[str, Any], *, has_charts: bool) -> str:
    drawn = parts_drawing(column)
    if drawn is None:
        return ""
    numbers = range(1, len(drawn.headings))
    return details(
        "What each cell adds",
        (figure(drawn) if has_charts else "")
        + table(drawn.headings, drawn.rows, label=drawn.note, numbers=numbers),
    )


def _distances(column: Mapping[str, Any]) -> str:
    rows = distance_rows(column)
    if not rows:
        return ""
    return details(
        "Distances",
        table(DISTANCE_HEADINGS, rows, label="Distances", numbers=DISTANCE_NUMBERS),
    )


def _new_names(column: Mapping[str, Any]) -> str:
    entries = column.get("new_names")
    if not entries:
        return ""
    rows = [
        (escape_controls(str(entry["name"])), count(entry["low"]), count(entry["high"]))
        for entry in entries
    ]
    return details(
        "New names",
        table(("name", "times, at least", "at most"), rows, label="New names", numbers=(1, 2)),
    )


def _vanished(column: Mapping[str, Any]) -> str:
    names = column.get("vanished")
    if not names:
        return ""
    rows = [(escape_controls(str(name)),) for name in names]
    return details("Names that vanished", table(("name",), rows, label="Names that vanished"))


def _drivers(column: Mapping[str, Any], by: Sequence[str]) -> str:
    drivers = column.get("drivers")
    if not drivers:
        return ""
    rows = [
        (*(escape_controls(str(text)) for text in driver["group"]), _signed(driver["share"]))
        for driver in drivers[:100]
    ]
    return details(
        "Which groups bring the shift",
        table(
            (*map(escape_controls, by), "share of the shift"),
            rows,
            label="Groups of the shift",
            numbers=(len(by),),
        ),
    )


def _signed(share: float) -> str:
    """Write a share that may be negative or above 1."""
    return f"{100.0 * share:.1f} %"
