"""Dicts as profiles and check reports give them, for tests of pages and commands."""

import math


def column(name, kind="float", **over):
    """A column of 1,000 numbers without a fault."""
    made = {
        "name": name,
        "type": {"float": "float64", "integer": "int64", "text": "utf8"}.get(kind, kind),
        "kind": kind,
        "rows": 1000,
        "count": 1000,
        **dict.fromkeys(
            (
                "null_count",
                "nan_count",
                "pos_inf_count",
                "neg_inf_count",
                "zero_count",
                "empty_count",
                "invalid_utf8_count",
                "invalid_index_count",
            ),
            0,
        ),
        **dict.fromkeys(
            (
                "min",
                "max",
                "sum",
                "mean",
                "std",
                "skewness",
                "kurtosis",
                "quantiles",
                "rank_error",
                "distinct",
                "length",
                "span",
                "gap",
                "ordered",
                "chart",
                "edges",
                "categories",
            )
        ),
        "top": [],
        "redacted": False,
        "undefined": {},
    }
    return made | over


def numeric(name="price", cells=40, **over):
    """A bell of numbers."""
    counts = [round(1000 * math.exp(-(((i - cells / 2) / (cells / 6)) ** 2))) for i in range(cells)]
    bounds = [round(-12.5 + 1.3125 * i, 6) for i in range(cells + 1)]
    return (
        column(
            name,
            min=-14.25,
            max=41.0,
            sum=13_500.0,
            mean=13.5,
            std=8.25,
            skewness=0.125,
            kurtosis=0.0625,
            quantiles={q: -10.0 + 40 * float(q) for q in ("0.01", "0.25", "0.5", "0.75", "0.99")},
            rank_error=0.0133,
            distinct={"estimate": 988.4, "low": 970.0, "high": 1007.0},
            chart={"bounds": bounds, "counts": counts, "log": False, "below": 5, "above": 5},
            top=[{"value": 12.5, "low": 3, "high": 4}],
            ordered=False,
        )
        | over
    )


def text(name="colour", values=("red", "green", "blue"), **over):
    """A column of few texts."""
    top = [
        {"value": v, "low": 500 // (i + 1), "high": 500 // (i + 1)} for i, v in enumerate(values)
    ]
    return (
        column(
            name,
            "text",
            distinct={"estimate": float(len(values)), "low": len(values), "high": len(values)},
            length={"min": 3, "max": 5, "mean": 3.9, "std": 0.8},
            top=top,
            undefined={"mean": "text has no mean"},
        )
        | over
    )


def timestamp(name="at", **over):
    """Hours of a day."""
    hours = [f"2026-03-01T{hour:02}:00:00+00:00" for hour in range(24)]
    return (
        column(
            name,
            "timestamp",
            type="timestamp[us, UTC]",
            min=hours[0],
            max=hours[-1],
            span={"start": hours[0], "end": hours[-1], "seconds": 82800.0},
            gap={"low_seconds": 3600.0, "high_seconds": 4100.0, "start": hours[3], "end": hours[4]},
            ordered=True,
            chart={
                "bounds": hours,
                "counts": [10 + i for i in range(23)],
                "log": False,
                "below": 0,
                "above": 0,
            },
        )
        | over
    )


def profile(columns, rows=1000, **over):
    """A profile of some columns."""
    return {
        "rows": rows,
        "reference_id": None,
        "counted_from": None,
        "by": [],
        "columns": list(columns),
        "groups": [],
    } | over


def result(name, passed=True, **over):
    """What came of a check of a column's nulls."""
    failed = {True: 0, False: 3, None: None}[passed]
    return {
        "name": name,
        "family": "completeness",
        "check": "nulls",
        "columns": ["age"],
        "value": None if failed is None else float(failed),
        "unit": "rows",
        "bound": "at most 0 rows",
        "passed": passed,
        "reason": "the column is not there" if passed is None else None,
        "failed_rows": failed,
        "rows": [5, 17, 90] if passed is False else [],
        "severity": "error",
    } | over


def report(results, **over):
    """A report of some results."""
    verdicts = [r["passed"] for r in results]
    rows = sorted({row for r in results for row in r["rows"]})
    return {
        "name": "orders",
        "rows": 1000,
        "passed": False if False in verdicts else None if None in verdicts else True,
        "failing_rows": rows,
        "failing_rows_total": len(rows),
        "results": list(results),
    } | over
