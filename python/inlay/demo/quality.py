"""How well the demo's model did, by site, read back from the files; and the pages of it all."""

from __future__ import annotations

import datetime
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from inlay.demo.features import STRANGER, STRANGER_SITE
from inlay.demo.server import QUALITY
from inlay.report import stored_report
from inlay.report.qualities import SEGMENT_HEADINGS, SEGMENT_NUMBERS, headline, segment_rows

if TYPE_CHECKING:
    from rich.console import Console

    from inlay.demo.traffic import Tally

__all__ = ["disagreements", "read", "show", "write_pages"]

# With fewer labels chance hides what the site adds.
_ENOUGH = 1000
# Of the columns that a report has: a terminal is narrow.
_SHOWN = (0, 1, 2, 5, 6)


def read(folder: Path, begun: float) -> dict[str, Any]:
    """Read what was written since a time.

    Parameters
    ----------
    folder : Path
        Where the files are.
    begun : float
        Unix time: earlier runs may have written to the same folder.

    Returns
    -------
    dict
        As `inlay.report.stored_report` gives it.
    """
    start = datetime.datetime.fromtimestamp(int(begun), datetime.UTC)
    return stored_report(folder, start=start)


def _of_the_model(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((each for each in report["quality"] if each["name"] == QUALITY), None)


def _by_site(quality: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how the sites share the change of the accuracy."""
    explained = [each for each in quality["segments"] if each["metric"] == "accuracy"]
    return explained[0]["by"][0] if explained else None


def disagreements(report: Mapping[str, Any], tally: Tally) -> list[str]:
    """Compare what the files say with what the client sent.

    Returns
    -------
    list of str
        A line for each difference; none when all is well.
    """
    quality = _of_the_model(report)
    if quality is None:
        return [f"the files have no quality {QUALITY!r}"] if tally.labels else []
    lines = [
        f"{what}: the files say {found}, the client counted {sent}"
        for what, found, sent in (
            ("predictions", quality["predictions"], tally.images),
            ("labels", quality["labels"], tally.labels),
        )
        if found != sent
    ]
    by_site = _by_site(quality)
    if tally.labels >= _ENOUGH:
        first = by_site["rows"][0]["segment"] if by_site is not None else {}
        if first != {"site": STRANGER_SITE}:
            lines.append(f"the site that got worse is {STRANGER_SITE}, found was {first}")
    return lines


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print how well the model did before and after the middle of the time, by site."""
    quality = _of_the_model(report)
    if quality is None:
        return
    labels, predictions = quality["labels"], quality["predictions"]
    console.print(
        f"People looked at {labels:,} of the {predictions:,} images, later: {headline(quality)}.",
        highlight=False,
        markup=False,
    )
    by_site = _by_site(quality)
    if by_site is None:
        return
    table = Table(title="Who brings the change of the accuracy", title_justify="left")
    for place in _SHOWN:
        table.add_column(
            SEGMENT_HEADINGS[place], justify="right" if place in SEGMENT_NUMBERS else "left"
        )
    for row in segment_rows(by_site):
        table.add_row(*(row[place] for place in _SHOWN))
    console.print(table)
    console.print(f"It is the site {STRANGER_SITE!r} that the scanner {STRANGER!r} joined at.")


def write_pages(report: Mapping[str, Any], folder: Path) -> Path | None:
    """Write the pages of a report.

    Parameters
    ----------
    report : mapping
        As `read` gives it.
    folder : Path
        Made if it is not there.

    Returns
    -------
    Path or None
        The first page; None if there is nothing installed that draws.
    """
    if importlib.util.find_spec("vl_convert") is None:
        return None
    from inlay.report import report_pages

    folder.mkdir(parents=True, exist_ok=True)
    pages = report_pages(report, title="The demo")
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / next(iter(pages))
