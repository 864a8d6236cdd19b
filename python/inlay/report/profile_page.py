"""The page of a profile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.report.charts import Drawing, drawing
from inlay.report.columns import HEADINGS, NUMBERS, column_facts, column_row, group_rows, undefined
from inlay.report.drawn import chart_table
from inlay.report.formats import count, escape_controls, number, share, value
from inlay.report.given import check_profile
from inlay.report.page import details, document, escape, facts, table
from inlay.report.svg import draw, interactive_bundle

__all__ = ["profile_page"]

#: Columns that get a chart: a page of a thousand would take a browser seconds to lay out.
_MOST_CHARTS = 100
#: Rows in the tables of all groups together.
_MOST_GROUP_ROWS = 2_000

_SHOW = """\
for (const [id, spec] of Object.entries(JSON.parse(document.getElementById('specs').textContent)))
  vegaEmbed('#' + id, spec, {mode: 'vega-lite', renderer: 'svg', actions: false});
"""


def profile_page(
    profile: Mapping[str, Any],
    *,
    title: str = "Data profile",
    interactive: bool = False,
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make a page of a profile: one file without a script that loads nothing from elsewhere.

    Parameters
    ----------
    profile : mapping
        What ``Profile.to_dict()`` gave.
    title : str, default: "Data profile"
        The page's heading.
    interactive : bool, default: False
        Whether the charts tell values under the pointer. That puts Vega, about 0.9 MB of script,
        into the page; it loads nothing from elsewhere either.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML. Its size depends on the number of columns, not of rows. The first 100 columns get a
        chart where there is something to draw; every column is in the tables.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    check_profile(profile)
    columns: Sequence[Mapping[str, Any]] = profile["columns"]
    specs: dict[str, Any] = {}
    sections = [_section(column, i, specs) for i, column in enumerate(columns)]
    body = [
        facts(_overview(profile)),
        '<section aria-labelledby="all"><h2 id="all">All columns</h2>',
        _columns_table(columns, "All columns", linked=True)
        if columns
        else '<p class="note">The data has no columns.</p>',
        "</section>",
    ]
    links = [("all", "All columns")]
    groups = profile.get("groups") or ()
    if groups:
        body.append(_groups(profile, groups))
        links.append(("groups", "Groups"))
    if columns:
        body += ['<section aria-labelledby="each"><h2 id="each">Each column</h2>']
        if len(columns) > _MOST_CHARTS:
            body.append(
                f'<p class="note">Charts are drawn for the first {_MOST_CHARTS} columns; '
                f"the numbers are there for all {count(len(columns))}.</p>"
            )
        body += [*sections, "</section>"]
        links.append(("each", "Each column"))
    scripts = _scripts(specs) if interactive and specs else ""
    return document(
        title=title,
        subtitle=_subtitle(profile),
        body="\n".join(body),
        links=links,
        pages=pages,
        scripts=scripts,
    )


def _subtitle(profile: Mapping[str, Any]) -> str:
    columns = len(profile["columns"])
    return (
        f"{count(profile['rows'])} row{'' if profile['rows'] == 1 else 's'}, "
        f"{count(columns)} column{'' if columns == 1 else 's'}"
    )


def _overview(profile: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "rows", count(profile["rows"])
    yield "columns", count(len(profile["columns"]))
    if profile.get("by"):
        yield "grouped by", ", ".join(str(name) for name in profile["by"])
        yield "groups", count(len(profile.get("groups") or ()))
    if profile.get("reference_id"):
        yield "reference", str(profile["reference_id"])
    if profile.get("counted_from"):
        yield "its counts come from", f"the {profile['counted_from']}"
    hashed = sum(bool(column.get("redacted")) for column in profile["columns"])
    if hashed:
        yield "columns with hashed values", count(hashed)


def _columns_table(
    columns: Sequence[Mapping[str, Any]], label: str, *, linked: bool = False
) -> str:
    rows = []
    for i, column in enumerate(columns):
        name, *rest = column_row(column)
        shown = escape(escape_controls(name)) or "<i>(no name)</i>"
        rows.append((f'<a href="#c{i}">{shown}</a>' if linked else shown, *rest))
    return table(HEADINGS, rows, label=label, numbers=NUMBERS, raw=(0,))


def _groups(profile: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> str:
    headings, rows, numbers = group_rows(profile)
    sizes = table(headings, rows, label="Groups", numbers=numbers)
    parts: list[str] = []
    left = _MOST_GROUP_ROWS
    for group in groups:
        left -= len(group["columns"])
        if left < 0:
            parts.append(
                f'<p class="note">The columns of {count(len(groups) - len(parts))} more groups '
                "are left out here.</p>"
            )
            break
        name = ", ".join(f"{key} = {value(of)}" for key, of in group["by"].items())
        parts.append(details(name, _columns_table(group["columns"], f"Columns where {name}")))
    return (
        f'<section aria-labelledby="groups"><h2 id="groups">Groups</h2>{sizes}'
        f"{''.join(parts)}</section>"
    )


def _section(column: Mapping[str, Any], place: int, specs: dict[str, Any]) -> str:
    name = escape(escape_controls(str(column["name"]))) or "<i>(no name)</i>"
    hashed = '<span class="mark">values hashed</span>' if column.get("redacted") else ""
    drawn = drawing(column)
    return "".join(
        (
            f'<section class="column" id="c{place}" aria-labelledby="h{place}">'
            f'<h3 id="h{place}"><bdi>{name}</bdi> '
            f'<span class="type">{escape(column["type"])}</span>{hashed}</h3>',
            f'<div class="split">{facts(column_facts(column))}{_figure(drawn, place, specs)}</div>',
            chart_table(drawn),
            _quantiles(column),
            _top(column, drawn),
            _edges(column),
            _categories(column),
            _reasons(column),
            "</section>",
        )
    )


def _figure(drawn: Drawing | None, place: int, specs: dict[str, Any]) -> str:
    if drawn is None or place >= _MOST_CHARTS:
        return ""
    specs[f"v{place}"] = drawn.spec
    return (
        f'<figure><div id="v{place}">{draw(drawn.spec, drawn.label)}</div>'
        f"<figcaption>{escape(drawn.note)}</figcaption></figure>"
    )


def _quantiles(column: Mapping[str, Any]) -> str:
    quantiles = column.get("quantiles")
    if not quantiles:
        return ""
    error = column.get("rank_error")
    within = f", within {100 * error:.2g} % of rank" if error else ""
    rows = [(f"{100 * float(q):g} %", number(of)) for q, of in quantiles.items()]
    return details(
        f"Quantiles{within}",
        table(("of the values", "are at most"), rows, label="Quantiles", numbers=(1,)),
    )


def _top(column: Mapping[str, Any], drawn: Drawing | None) -> str:
    top = column.get("top")
    if not top or (drawn is not None and drawn.headings[0] == "value"):
        return ""
    rows = [(value(entry["value"]), count(entry["low"]), count(entry["high"])) for entry in top]
    return details(
        "Most frequent values",
        table(
            ("value", "times, at least", "at most"),
            rows,
            label="Most frequent values",
            numbers=(1, 2),
        ),
    )


def _edges(column: Mapping[str, Any]) -> str:
    edges = column.get("edges")
    if not edges:
        return ""
    bounds, counts = list(edges["bounds"]), list(edges["counts"])
    if len(counts) == len(bounds) + 1:  # with what lies outside of the first and last edge
        bounds = ["below", *bounds, "above"]
    rows = [
        (number(low), number(high), count(n), share(n, sum(counts)))
        for low, high, n in zip(bounds[:-1], bounds[1:], counts, strict=True)
    ]
    return details(
        "Edges of the reference",
        table(("from", "to", "values", "share"), rows, label="Edges", numbers=(0, 1, 2, 3)),
    )


def _categories(column: Mapping[str, Any]) -> str:
    categories = column.get("categories")
    if not categories:
        return ""
    other = categories.get("other") or 0
    total = sum(categories["counts"]) + other
    rows = [
        (value(name), count(n), share(n, total))
        for name, n in zip(categories["names"], categories["counts"], strict=True)
    ]
    rows.append(("(every other value)", count(other), share(other, total)))
    return details(
        "Categories of the reference",
        table(("value", "times", "share"), rows, label="Categories", numbers=(1, 2)),
    )


def _reasons(column: Mapping[str, Any]) -> str:
    reasons = undefined(column)
    if not reasons:
        return ""
    return details("Undefined, and why", table(("what", "why"), reasons, label="Undefined"))


def _scripts(specs: Mapping[str, Any]) -> str:
    # No "<" remains in the JSON, so nothing in it can end the element.
    plain = json.dumps(specs, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<script type="application/json" id="specs">{plain}</script>'
        f"<script>{interactive_bundle()}</script><script>{_SHOW}</script>"
    )
