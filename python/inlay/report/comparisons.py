"""What the tables say of a comparison: the same words in pages, notebooks and terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from inlay.report.formats import count, escape_controls, number, share, value

__all__ = [
    "DISTANCES",
    "DISTANCE_HEADINGS",
    "DISTANCE_NUMBERS",
    "HEADINGS",
    "NUMBERS",
    "OPTIONAL",
    "comparison_row",
    "comparison_summary",
    "distance_rows",
    "drifted_first",
    "group_name",
    "p_value",
    "percent",
    "short",
    "verdict_class",
    "verdict_word",
]

HEADINGS = ("verdict", "column", "effect", "p-value", "of all", "missing", "reason")
#: Which of them hold numbers.
NUMBERS = (2, 3, 4)
#: Which a narrow terminal does without, in this order.
OPTIONAL = (5, 4, 3)

DISTANCE_HEADINGS = ("distance", "value", "at least", "at most", "p-value", "note")
DISTANCE_NUMBERS = (1, 2, 3, 4)
#: What the distances are called.
DISTANCES = {
    "psi": "population stability index",
    "jensen_shannon": "Jensen-Shannon distance",
    "kl": "Kullback-Leibler divergence, nats",
    "hellinger": "Hellinger distance",
    "total_variation": "total variation",
    "l_infinity": "L∞, largest difference of a cell",
    "chi2": "χ² statistic",
    "ks": "Kolmogorov-Smirnov",
    "cramer_von_mises": "Cramér-von Mises",
    "anderson_darling": "Anderson-Darling",
    "wasserstein": "Wasserstein-1",
    "energy": "energy distance",
}

# A sign and a word each, so that no one has to tell colours apart; then the colour's class.
_VERDICTS = {
    "yes": ("✗ drift", "bad"),
    "undefined": ("? undefined", "open"),
    "no": ("✓ no drift", "good"),
}
_ORDER = {"yes": 0, "undefined": 1, "no": 2}


def verdict_word(verdict: str) -> str:
    """Say a verdict."""
    return _VERDICTS[verdict][0]


def verdict_class(verdict: str) -> str:
    """Name the class in which the page shows it."""
    return _VERDICTS[verdict][1]


def drifted_first(columns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Order the columns: drifted, undefined, then the others; as they come within each."""
    return sorted(columns, key=lambda column: _ORDER[column["verdict"]])


def comparison_row(column: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a column's row under `HEADINGS`, all of it plain text."""
    missing = column.get("missing")
    return (
        verdict_word(column["verdict"]),
        str(column["name"]),
        short(column["effect"]),
        p_value(column["p_value"]),
        percent(column["contribution"]),
        ""
        if missing is None or not any(missing.values())
        else f"{percent(missing['reference'])} → {percent(missing['current'])}",
        str(column["reason"]),
    )


def distance_rows(column: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Make a row for each distance under `DISTANCE_HEADINGS`."""
    return [
        (
            DISTANCES.get(name, name),
            *(short(distance[key]) for key in ("value", "low", "high")),
            p_value(distance["p_value"]),
            distance["reason"] or "",
        )
        for name, distance in column["distances"].items()
    ]


def comparison_summary(comparison: Mapping[str, Any]) -> str:
    """Say in a line what came of it."""
    verdicts = Counter(column["verdict"] for column in comparison["columns"])
    total = sum(verdicts.values())
    parts = [
        f"{count(verdicts[verdict])} {word}"
        for verdict, word in (("yes", "drifted"), ("undefined", "undefined"), ("no", "did not"))
        if verdicts[verdict]
    ]
    columns = f"{count(total)} column{'' if total == 1 else 's'}"
    found = f"{columns}: {', '.join(parts)}" if parts else "no columns"
    return (
        f"{found}; {count(comparison['current']['rows'])} rows against "
        f"{count(comparison['reference']['rows'])} of the reference"
    )


def group_name(group: Mapping[str, Any]) -> str:
    """Name a group by its values."""
    return escape_controls(
        ", ".join(f"{name} = {value(of)}" for name, of in group["group"].items())
    )


def percent(of: float | None) -> str:
    """Write a share in percent; a dash without one."""
    if of is None:
        return number(None)
    parts = 1_000_000_000
    # Rounded so that none and all stay apart from nearly none and nearly all.
    part = min(max(round(of * parts), 1), parts - 1) if 0.0 < of < 1.0 else round(of) * parts
    return share(part, parts)


def p_value(of: float | None) -> str:
    """Write a p-value; one that is too small for a double is not 0."""
    return "< 1e-300" if of == 0.0 else short(of)


def short(of: Any) -> str:
    """Write a number in three digits."""
    if not isinstance(of, float):
        return number(of)
    return number(float(f"{of:.3g}")) if of == of else number(of)
