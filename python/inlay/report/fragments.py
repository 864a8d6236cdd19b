"""Tables for notebooks: HTML that stands in a page of someone else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inlay.report.columns import HEADINGS as COLUMN_HEADINGS
from inlay.report.columns import NUMBERS as COLUMN_NUMBERS
from inlay.report.columns import column_row
from inlay.report.comparisons import HEADINGS as COMPARISON_HEADINGS
from inlay.report.comparisons import NUMBERS as COMPARISON_NUMBERS
from inlay.report.comparisons import comparison_row, comparison_summary, drifted_first
from inlay.report.formats import count, escape_controls, shorten
from inlay.report.given import check_comparison, check_profile, check_report
from inlay.report.page import escape
from inlay.report.results import HEADINGS as CHECK_HEADINGS
from inlay.report.results import NUMBERS as CHECK_NUMBERS
from inlay.report.results import first_violated, result_row, summary, verdict

__all__ = ["check_table", "comparison_table", "profile_table"]

_MOST_ROWS, _MOST_TEXT = 100, 60


def profile_table(profile: Mapping[str, Any]) -> str:
    """Make a table of a profile's columns, the first 100, as a fragment of HTML.

    Parameters
    ----------
    profile : mapping
        What ``Profile.to_dict()`` gave.

    Returns
    -------
    str
        A caption and a table; no script, no style sheet, no chart, nothing from elsewhere.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    """
    check_profile(profile)
    columns: Sequence[Mapping[str, Any]] = profile["columns"]
    groups = profile.get("groups") or ()
    caption = f"Profile of {count(profile['rows'])} rows, {count(len(columns))} columns"
    if groups:
        by = ", ".join(str(name) for name in profile["by"])
        caption += f", {count(len(groups))} groups by {by}"
    if profile.get("reference_id"):
        caption += f", reference {profile['reference_id']}"
    return _fragment(
        caption,
        COLUMN_HEADINGS,
        (column_row(column) for column in columns),
        COLUMN_NUMBERS,
        left_out=len(columns) - _MOST_ROWS,
    )


def check_table(report: Mapping[str, Any]) -> str:
    """Make a table of a contract's checks, the violated first, as a fragment of HTML.

    Parameters
    ----------
    report : mapping
        What ``CheckReport.to_dict()`` gave.

    Returns
    -------
    str
        A caption and a table; no script, no style sheet, nothing from elsewhere.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    """
    check_report(report)
    results = first_violated(report)
    name = f"{report['name']}: " if report.get("name") else ""
    return _fragment(
        f"{name}{verdict(report['passed'])}; {summary(report)}; {count(report['rows'])} rows",
        CHECK_HEADINGS,
        (result_row(result) for result in results),
        CHECK_NUMBERS,
        left_out=len(results) - _MOST_ROWS,
    )


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """Make a table of compared columns, the drifted ones first, as a fragment of HTML.

    Parameters
    ----------
    comparison : mapping
        What ``Comparison.to_dict()`` gave.

    Returns
    -------
    str
        A caption and a table; no script, no style sheet, no chart, nothing from elsewhere.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    """
    check_comparison(comparison)
    columns = drifted_first(comparison["columns"])
    return _fragment(
        comparison_summary(comparison),
        COMPARISON_HEADINGS,
        (comparison_row(column) for column in columns),
        COMPARISON_NUMBERS,
        left_out=len(columns) - _MOST_ROWS,
    )


def _fragment(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[int],
    *,
    left_out: int,
) -> str:
    # Notebooks that are shown elsewhere lose style sheets, so each cell carries its own.
    sides = [f"text-align:{'right' if i in numbers else 'left'}" for i in range(len(headings))]
    head = "".join(
        f'<th scope="col" style="{side}">{escape(text)}</th>'
        for side, text in zip(sides, headings, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{side}"><bdi>{_short(cell)}</bdi></td>'
            for side, cell in zip(sides, row, strict=True)
        )
        + "</tr>"
        for _, row in zip(range(_MOST_ROWS), rows, strict=False)
    )
    rest = f"<p>… and {count(left_out)} more.</p>" if left_out > 0 else ""
    return (
        f'<div><table><caption style="text-align:left">{escape(escape_controls(caption))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}</div>"
    )


def _short(text: str) -> str:
    return escape(shorten(escape_controls(text), _MOST_TEXT))
