"""A chart in a page: its picture, and the numbers behind it as a table."""

from __future__ import annotations

from inlay.report.charts import Drawing
from inlay.report.page import details, escape, table
from inlay.report.svg import draw

__all__ = ["chart_table", "figure"]


def figure(drawn: Drawing | None) -> str:
    """Draw it; nothing if there is nothing to draw."""
    if drawn is None:
        return ""
    return (
        f"<figure>{draw(drawn.spec, drawn.label)}"
        f"<figcaption>{escape(drawn.note)}</figcaption></figure>"
    )


def chart_table(drawn: Drawing | None, *, words: tuple[int, ...] = ()) -> str:
    """Make the table behind a chart, which opens on demand; ``words`` are columns of text."""
    if drawn is None:
        return ""
    first = 0 if drawn.headings[0] == "from" else 1
    numbers = [place for place in range(first, len(drawn.headings)) if place not in words]
    return details(
        "Numbers of the chart",
        table(drawn.headings, drawn.rows, label=drawn.note, numbers=numbers),
    )
