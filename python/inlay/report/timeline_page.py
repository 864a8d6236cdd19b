"""What pages that share one time axis have in common: the headline, the axis, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.charts import Drawing
from inlay.report.drawn import chart_table, figure
from inlay.report.formats import count, counted, escape_controls
from inlay.report.infra_words import EVENT_HEADINGS, event_rows
from inlay.report.lane_charts import lanes_drawing
from inlay.report.page import document, escape, facts, table
from inlay.report.timeline_charts import Axis, instant

__all__ = ["charts", "events_part", "note", "timeline_page"]

_MOST_EVENTS = 300


def timeline_page(
    report: Mapping[str, Any],
    parts: Sequence[tuple[str, str, str]],
    *,
    title: str,
    subtitle: str,
    headline: str,
    kind: str,
    more: Sequence[tuple[str, str]] = (),
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make a page of what lies on the time axis of a report.

    Parameters
    ----------
    report : mapping
        What `stored_report` gave; its ``timeline`` is not None.
    parts : sequence of (str, str, str)
        Anchor, heading and HTML of what follows what happened.
    title, subtitle, headline : str
        Plain text.
    kind : str
        The class in which the headline is shown.
    more : sequence of (str, str)
        Facts beside those of the axis.
    pages : sequence of (str, str)
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML.
    """
    parts = [("happened", "What happened when", _lanes(report["timeline"])), *parts]
    body = [
        f'<p class="banner {kind}">{escape(escape_controls(headline))}</p>',
        facts([*_axis_facts(report["timeline"]), *more]),
        *(
            f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(heading)}</h2>'
            f"{content}</section>"
            for anchor, heading, content in parts
        ),
    ]
    return document(
        title=title,
        subtitle=subtitle,
        body="\n".join(body),
        links=[(anchor, heading) for anchor, heading, _ in parts],
        pages=pages,
    )


def _axis_facts(timeline: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("from", instant(timeline["start"])),
        ("to", instant(timeline["end"])),
        ("a point of a line is", f"{timeline['width']:.4g} s"),
    ]


def _lanes(timeline: Mapping[str, Any]) -> str:
    """Draw what happened, of all layers, with the table behind it."""
    drawn = lanes_drawing(Axis(timeline), timeline["lanes"])
    if drawn is None:
        return note("Nothing: no events, and no judge said yes.")
    outside = timeline["outside"]
    rest = note(f"{counted(outside, 'event')} beyond the time of the axis.") if outside else ""
    return (
        '<div class="lanes" role="region" tabindex="0" aria-label="What happened when">'
        f"{figure(drawn)}</div>{chart_table(drawn, words=(1, 3, 4))}{rest}"
    )


def events_part(events: Sequence[Mapping[str, Any]], report: Mapping[str, Any], layer: str) -> str:
    """Make the table of events, the most severe first."""
    if not events:
        return note(f"There are no events of layer {layer}.")
    shown = events[:_MOST_EVENTS]
    more = len(events) - len(shown) + report["timeline"]["more_events"]
    rest = note(f"… and up to {count(more)} more, of lower severity or shorter.") if more else ""
    rows = event_rows(shown)
    return table(EVENT_HEADINGS, rows, label=f"Events of layer {layer}", numbers=(3,)) + rest


def note(text: str) -> str:
    """Say something beside a chart or a table."""
    return f'<p class="note">{escape(escape_controls(text))}</p>'


def charts(drawn: Sequence[Drawing | None], *, with_tables: bool = True) -> str:
    """Put charts side by side; nothing if there is none."""
    shown = [each for each in drawn if each is not None]
    if not shown:
        return ""
    made = (f"{figure(each)}{chart_table(each) if with_tables else ''}" for each in shown)
    return f'<div class="charts">{"".join(f"<div>{each}</div>" for each in made)}</div>'
