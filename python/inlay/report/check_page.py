"""The page of a check's outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inlay.report.formats import count, value
from inlay.report.given import check_report
from inlay.report.page import details, document, escape, facts, table
from inlay.report.results import (
    HEADINGS,
    NUMBERS,
    first_violated,
    result_row,
    summary,
    verdict,
    verdict_class,
)

__all__ = ["check_page"]


def check_page(report: Mapping[str, Any], *, title: str | None = None) -> str:
    """Make a page of what came of a contract's checks: one file that loads nothing from elsewhere.

    Parameters
    ----------
    report : mapping
        What ``CheckReport.to_dict()`` gave.
    title : str, optional
        The page's heading; by default the contract's name.

    Returns
    -------
    str
        HTML without a script: violated checks first, then undefined ones, then those that hold,
        each with its number, its bound and the rows that fail it.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    """
    check_report(report)
    results = first_violated(report)
    passed = report["passed"]
    word = {True: "✓ All checks hold", False: "✗ Violated", None: "? Undefined"}[passed]
    body = [
        f'<p class="banner {verdict_class(passed)}"><strong>{word}</strong> — '
        f"{escape(summary(report))}</p>",
        facts(_overview(report)),
        '<section aria-labelledby="checks"><h2 id="checks">Checks</h2>',
    ]
    if results:
        rows = []
        for result in results:
            said, name, *rest = result_row(result)
            mark = f'<span class="verdict {verdict_class(result["passed"])}">{said}</span>'
            rows.append((name, mark, *rest))
        headings = (HEADINGS[1], HEADINGS[0], *HEADINGS[2:])
        body.append(table(headings, rows, label="Checks", numbers=NUMBERS, raw=(1,)))
    else:
        body.append('<p class="note">The contract has no checks.</p>')
    body.append("</section>")
    body.append(_failing(report))
    return document(
        title=title or value(report.get("name") or "Data checks"),
        subtitle=f"{count(report['rows'])} rows checked: {verdict(passed)[2:]}",
        body="\n".join(part for part in body if part),
        links=[("checks", "Checks")] + ([("rows", "Failing rows")] if _total(report) else []),
    )


def _overview(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "rows", count(report["rows"])
    yield "checks", count(len(report["results"]))
    yield "rows that fail a check", count(_total(report))


def _total(report: Mapping[str, Any]) -> int:
    total = report.get("failing_rows_total")
    return int(total) if total is not None else len(report.get("failing_rows") or ())


def _failing(report: Mapping[str, Any]) -> str:
    total, rows = _total(report), list(report.get("failing_rows") or ())
    if not total:
        return ""
    lists = [("all checks", rows)] + [
        (str(result["name"]), list(result["rows"]))
        for result in first_violated(report)
        if result.get("rows")
    ]
    parts = "".join(
        details(
            f"{name}: {count(len(listed))} listed",
            f"<p>{', '.join(str(row) for row in listed)}</p>",
        )
        for name, listed in lists
    )
    first = f"the first {count(len(rows))} of {count(total)}" if len(rows) < total else count(total)
    return (
        f'<section aria-labelledby="rows"><h2 id="rows">Failing rows</h2>'
        f'<p class="note">Counted from 0; {first}.</p>{parts}</section>'
    )
