"""The page of verdicts: what judges say of everything in a directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.comparisons import p_value, short, verdict_class
from inlay.report.formats import count, counted, escape_controls, moment, number
from inlay.report.page import document, escape, table

__all__ = ["verdict_page", "verdict_table", "verdicts_summary"]

_WORDS = {"yes": "✗ yes", "undefined": "? undefined", "no": "✓ no"}
_HEADINGS = (
    "of",
    "verdict",
    "method",
    "value",
    "effect",
    "threshold",
    "p-value",
    "rows",
    "yes in",
    "first yes",
    "until",
    "reason",
)
_NUMBERS = (3, 4, 5, 6, 7)
_MOST_ROWS, _MOST_PARTS = 1000, 5


def verdict_page(
    verdicts: Sequence[Mapping[str, Any]],
    *,
    title: str = "Verdicts",
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Make the page of verdicts: one file without a script that loads nothing from elsewhere.

    Parameters
    ----------
    verdicts : sequence of mapping
        The ``verdicts`` of what `stored_report` gave.
    title : str, default: "Verdicts"
        The page's heading.
    pages : sequence of (str, str), optional
        Addresses and names of the pages beside it.

    Returns
    -------
    str
        HTML: the newest decided verdict of each subject and method, those that say yes first.
    """
    body: list[str] = []
    links: list[tuple[str, str]] = []
    for layer in dict.fromkeys(str(each["layer"]) for each in verdicts):
        of_layer = [each for each in verdicts if each["layer"] == layer]
        anchor = f"l{len(links)}"
        links.append((anchor, layer))
        body.append(
            f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(layer)}</h2>'
            f"{verdict_table(of_layer, label=f'Verdicts of layer {layer}')}</section>"
        )
    if not verdicts:
        body.append('<p class="note">No judge said anything: there are no rows of verdicts.</p>')
    return document(
        title=title,
        subtitle=verdicts_summary(verdicts),
        body="\n".join(body),
        links=links,
        pages=pages,
    )


def verdicts_summary(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Say in a line what judges said last."""
    yes = sum(each["verdict"] == "yes" for each in verdicts)
    return f"{counted(len(verdicts), 'newest verdict')}, {count(yes)} of them yes"


def verdict_table(verdicts: Sequence[Mapping[str, Any]], *, label: str) -> str:
    """Make a table of verdicts, as a report has them."""
    rows = []
    for each in verdicts[:_MOST_ROWS]:
        verdict = str(each["verdict"])
        mark = (
            f'<span class="verdict {verdict_class(verdict)}">{_WORDS[verdict]}</span>'
            if verdict in _WORDS
            else escape(verdict)
        )
        rows.append(
            (
                _subject(each),
                mark,
                escape_controls(str(each["method"])),
                *(_with_interval(each, name) for name in ("value", "effect")),
                short(each["threshold"]),
                p_value(each["p_value"]),
                number(each["n"]),
                f"{count(each['yes'])} of {count(each['windows'])}",
                "" if each["first_yes"] is None else moment(each["first_yes"]),
                moment(each["end"]),
                _reason(each),
            )
        )
    more = len(verdicts) - _MOST_ROWS
    rest = f'<p class="note">… and {count(more)} more.</p>' if more > 0 else ""
    return table(_HEADINGS, rows, label=label, numbers=_NUMBERS, raw=(1,), wide=True) + rest


def _subject(verdict: Mapping[str, Any]) -> str:
    attrs = ", ".join(f"{name}={of}" for name, of in sorted(verdict["attrs"].items()))
    metric = verdict["metric"]
    return escape_controls(f"{metric} {{{attrs}}}" if attrs else str(metric))


def _with_interval(verdict: Mapping[str, Any], name: str) -> str:
    """Write a number, with its interval if it is the one that has it."""
    low, high = verdict["low"], verdict["high"]
    text = short(verdict[name])
    if verdict.get("interval_of", "value") != name or (low is None and high is None):
        return text
    return f"{text} ({short(low)} to {short(high)})"


def _reason(verdict: Mapping[str, Any]) -> str:
    parts = [f"{name} {short(of)}" for name, of in list(verdict["parts"].items())[:_MOST_PARTS]]
    reason = str(verdict["reason"] or "")
    then = f"since then undefined: {verdict['then']}" if verdict["then"] else ""
    return escape_controls("; ".join(part for part in (reason, ", ".join(parts), then) if part))
