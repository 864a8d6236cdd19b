"""What the tables say of a column: the same words in pages, notebooks and terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inlay.report.formats import count, detail, moment, number, seconds, share, value

__all__ = [
    "HEADINGS",
    "NUMBERS",
    "OPTIONAL",
    "column_facts",
    "column_row",
    "group_rows",
    "undefined",
]

HEADINGS = ("column", "type", "null", "distinct", "min", "mean", "max", "top", "also")
#: Which of them hold numbers.
NUMBERS = (2, 3, 4, 5, 6)
#: Which a narrow terminal does without, in this order.
OPTIONAL = (7, 5, 1)

# A count that is worth a word only if it is not 0: its key, and how it is called.
_COUNTED = (
    ("nan_count", "NaN"),
    ("pos_inf_count", "+∞"),
    ("neg_inf_count", "-∞"),
    ("zero_count", "zero"),
    ("empty_count", "empty"),
    ("invalid_utf8_count", "invalid UTF-8"),
    ("invalid_index_count", "invalid index"),
)
# Those of them that are no fault stay out of the short row.
_ORDINARY = frozenset({"zero_count", "empty_count"})
_MOMENTS = (
    ("min", "min"),
    ("max", "max"),
    ("sum", "sum"),
    ("mean", "mean"),
    ("std", "standard deviation"),
    ("skewness", "skewness"),
    ("kurtosis", "kurtosis"),
)


def column_row(column: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a column's row under `HEADINGS`, all of it plain text."""
    top = column.get("top") or ()
    redacted = " (hashed)" if column.get("redacted") and top else ""
    also = [
        f"{count(column[key])} {name}"
        for key, name in _COUNTED
        if key not in _ORDINARY and column.get(key)
    ]
    return (
        str(column["name"]),
        str(column["type"]),
        share(column.get("null_count"), column.get("rows")),
        _distinct(column),
        *(moment(detail(column, key)) for key in ("min", "mean", "max")),
        f"{value(top[0]['value'])}{redacted}" if top else "",
        ", ".join(also),
    )


def column_facts(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say everything of a column that is one line: names and plain text."""
    rows, nulls = column.get("rows"), column.get("null_count")
    facts = [
        ("rows", count(rows)),
        ("null", f"{count(nulls)} ({share(nulls, rows)})" if nulls else count(nulls)),
    ]
    facts += [(name, count(column[key])) for key, name in _COUNTED if column.get(key)]
    if column.get("distinct"):
        facts.append(("distinct", _distinct_range(column["distinct"])))
    facts += [
        (name, detail(column, key))
        for key, name in _MOMENTS
        if column.get(key) is not None or key in (column.get("undefined") or {})
    ]
    length = column.get("length")
    if length:
        facts.append(
            (
                "length",
                f"{number(length['min'])} to {number(length['max'])}, "
                f"mean {number(length['mean'])}",
            )
        )
    span = column.get("span")
    if span:
        facts += [
            ("from", value(span["start"])),
            ("to", value(span["end"])),
            ("span", seconds(span["seconds"])),
        ]
    gap = column.get("gap")
    if gap:
        facts.append(("largest gap", _gap(gap)))
    if column.get("ordered") is not None:
        facts.append(("in row order", "never falls" if column["ordered"] else "falls somewhere"))
    return facts


def group_rows(profile: Mapping[str, Any]) -> tuple[list[str], list[list[str]], tuple[int, int]]:
    """Tell the groups' sizes: headings, rows, and which columns of these hold numbers."""
    by = [str(name) for name in profile["by"]]
    rows = [
        [
            *(value(group["by"].get(name)) for name in by),
            count(group["rows"]),
            share(group["rows"], profile["rows"]),
        ]
        for group in profile["groups"]
    ]
    return [*by, "rows", "share"], rows, (len(by), len(by) + 1)


def undefined(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what a column has no value for, each with the reason."""
    return [(str(key), str(reason)) for key, reason in (column.get("undefined") or {}).items()]


def _distinct(column: Mapping[str, Any]) -> str:
    distinct = column.get("distinct")
    if not distinct:
        return number(None)
    about = "" if distinct["low"] == distinct["high"] else "≈ "
    return about + number(round(distinct["estimate"]))


def _distinct_range(distinct: Mapping[str, Any]) -> str:
    estimate, low, high = (round(distinct[key]) for key in ("estimate", "low", "high"))
    if low == high:
        return number(estimate)
    return f"≈ {number(estimate)} ({number(low)} to {number(high)})"


def _gap(gap: Mapping[str, Any]) -> str:
    low, high = seconds(gap["low_seconds"]), seconds(gap["high_seconds"])
    length = low if low == high else f"{low} to {high}"
    return f"{length}, after {value(gap['start'])}"
