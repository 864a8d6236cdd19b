"""What the tables say of a check: the same words in pages, notebooks and terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.formats import count, number

__all__ = [
    "HEADINGS",
    "NUMBERS",
    "OPTIONAL",
    "failing_rows",
    "first_violated",
    "result_row",
    "summary",
    "verdict",
    "verdict_class",
]

HEADINGS = ("verdict", "check", "columns", "number", "bound", "failing rows", "note")
#: Which of them hold numbers.
NUMBERS = (3,)
#: Which a narrow terminal does without, in this order.
OPTIONAL = (2,)

# A sign and a word each, so that no one has to tell colours apart; then the colour's class.
_VERDICTS: dict[bool | None, tuple[str, str]] = {
    False: ("✗ violated", "bad"),
    None: ("? undefined", "open"),
    True: ("✓ holds", "good"),
}
_ORDER = {False: 0, None: 1, True: 2}
_SHOWN_ROWS = 10


def verdict(passed: bool | None) -> str:
    """Say what came of a check."""
    return _VERDICTS[passed][0]


def verdict_class(passed: bool | None) -> str:
    """Name the class in which the page shows it."""
    return _VERDICTS[passed][1]


def first_violated(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Order the results: violated, undefined, then those that hold; as declared within each."""
    return sorted(report["results"], key=lambda result: _ORDER[result["passed"]])


def result_row(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a check's row under `HEADINGS`, all of it plain text."""
    unit = {"percent": " %", None: "", "": ""}.get(result["unit"], f" {result['unit']}")
    measured = result["value"]
    shown = int(measured) if isinstance(measured, float) and measured.is_integer() else measured
    severity = result.get("severity")
    notes = [
        result.get("reason") or "",
        f"severity {severity}" if severity and severity != "error" else "",
    ]
    return (
        verdict(result["passed"]),
        str(result["name"]),
        ", ".join(str(column) for column in result["columns"]),
        f"{number(shown)}{unit}" if measured is not None else number(None),
        str(result["bound"]),
        failing_rows(result.get("rows") or (), result.get("failed_rows")),
        "; ".join(note for note in notes if note),
    )


def failing_rows(rows: Sequence[int], total: int | None) -> str:
    """Say how many rows fail, and which are the first of them; nothing if none does."""
    if not total and not rows:
        return ""
    listed = ", ".join(str(row) for row in rows[:_SHOWN_ROWS])
    known = total if total is not None else len(rows)
    if not rows:
        return count(known)
    more = ", …" if known > min(len(rows), _SHOWN_ROWS) else ""
    return f"{count(known)}: {listed}{more}"


def summary(report: Mapping[str, Any]) -> str:
    """Say in a line what came of all checks."""
    by_verdict = Counter(result["passed"] for result in report["results"])
    total = sum(by_verdict.values())
    if not total:
        return "no checks"
    parts = [
        f"{count(by_verdict[passed])} {word}"
        for passed, word in ((False, "violated"), (None, "undefined"), (True, "held"))
        if by_verdict[passed]
    ]
    return f"{count(total)} check{'' if total == 1 else 's'}: {', '.join(parts)}"
