"""Dicts as `Comparison.to_dict()` gives them, for tests of pages and tables."""

import itertools
import math

DISTANCES = (
    "psi",
    "jensen_shannon",
    "kl",
    "hellinger",
    "total_variation",
    "l_infinity",
    "chi2",
)
ORDERED = ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy")


def distance(value, p_value=None, reason=None):
    return {"value": value, "low": value, "high": value, "p_value": p_value, "reason": reason}


def side(**over):
    return {
        "rows": 1000,
        "count": 1000,
        "null_count": 0,
        "nan_count": 0,
        "mean": None,
        "std": None,
        "min": None,
        "max": None,
    } | over


def column(name, verdict="no", **over):
    """A column that was compared."""
    effects = {"yes": (0.25, 0.2, 0.3), "no": (0.003, 0.0, 0.012), "undefined": (None,) * 3}
    effect, low, high = effects[verdict]
    reasons = {
        "yes": "mean 1 → 2, most from (1, 2]: 10.0 % → 30.0 %",
        "no": "effect 0.003 does not exceed 0.02",
        "undefined": "the column is not in the current data",
    }
    return {
        "name": name,
        "type": None if verdict == "undefined" else "float64",
        "reference_type": "float64",
        "verdict": verdict,
        "reason": reasons[verdict],
        "aspect": None if verdict == "undefined" else "values",
        "effect": effect,
        "low": low,
        "high": high,
        "p_value": {"yes": 0.0, "no": 0.4, "undefined": None}[verdict],
        "threshold": 0.02,
        "contribution": {"yes": 0.99, "no": 0.01, "undefined": None}[verdict],
        "distances": {},
        "cells": [],
        "new_names": [],
        "vanished": [],
        "missing": None if verdict == "undefined" else {"reference": 0.0, "current": 0.0},
        "outside": None,
        "reference": side(),
        "current": {} if verdict == "undefined" else side(),
        "drivers": [],
        "overlay": None,
    } | over


def numeric(name="price", verdict="yes", cells=30, **over):
    """Two bells of numbers, one moved."""
    bounds = [round(-3.0 + 0.2 * i, 6) for i in range(cells + 1)]

    def bell(at):
        weights = [math.exp(-(((a + b) / 2 - at) ** 2) / 2) for a, b in itertools.pairwise(bounds)]
        return [weight / sum(weights) for weight in weights]

    edges = [-1.0, 0.0, 1.0, 2.0]
    names = ["≤ -1", "(-1, 0]", "(0, 1]", "(1, 2]", "> 2"]
    assert len(names) == len(edges) + 1
    counts = ((200, 300, 300, 150, 50), (100, 200, 300, 250, 150))
    return (
        column(
            name,
            verdict,
            distances={
                **{each: distance(0.125, 1e-9) for each in DISTANCES},
                **{each: {**distance(0.25, 1e-6), "low": 0.2, "high": 0.3} for each in ORDERED},
            },
            cells=[
                {"name": each, "reference": a, "current": b, "part": (a - b) ** 2 / 1e6}
                for each, a, b in zip(names, *counts, strict=True)
            ],
            outside=0.015,
            reference=side(mean=0.0, std=1.0, min=-3.5, max=3.25),
            current=side(mean=0.5, std=1.0, min=-2.75, max=4.0),
            overlay={
                "bounds": bounds,
                "reference": bell(0.0),
                "current": bell(0.5),
                "log": False,
                "outside": [0.001, 0.01],
            },
        )
        | over
    )


def text(name="device", verdict="yes", names=("phone", "desktop", "tablet"), **over):
    """Names of which one grew, one is new and one is gone."""
    cells = [
        {"name": each, "reference": max(300 - 50 * i, 1), "current": 250 + 50 * i, "part": 0.01 * i}
        for i, each in enumerate(names)
    ]
    return (
        column(
            name,
            verdict,
            type="utf8",
            reference_type="utf8",
            reason="share of 'tablet' 0.20 → 0.35",
            distances={each: distance(0.1, 0.0) for each in DISTANCES},
            cells=[
                *cells,
                {"name": "(other names)", "reference": 0, "current": 50, "part": 0.02},
            ],
            new_names=[{"name": "watch", "low": 40, "high": 50}],
            vanished=["pager"],
            drivers=[{"group": ["eu"], "share": 1.25}, {"group": ["us"], "share": -0.25}],
        )
        | over
    )


def timestamp(name="at", verdict="yes", **over):
    """Hours of a day, later ones now."""
    hours = [f"2026-05-01T{hour:02}:00:00" for hour in range(24)]
    shares = [hour / 253 for hour in range(23)]
    return (
        column(
            name,
            verdict,
            type="timestamp[us]",
            reference_type="timestamp[us]",
            overlay={
                "bounds": hours,
                "reference": shares[::-1],
                "current": shares,
                "log": False,
                "outside": [0.0, 0.0],
            },
            cells=[
                {"name": f"≤ {hours[12]}", "reference": 700, "current": 300, "part": 0.05},
                {"name": f"> {hours[12]}", "reference": 300, "current": 700, "part": 0.05},
            ],
        )
        | over
    )


def comparison(columns, **over):
    """A comparison of some columns."""
    columns = list(columns)
    verdicts = [each["verdict"] for each in columns]
    drifted = [each["name"] for each in columns if each["verdict"] == "yes"]
    return {
        "verdict": "yes" if drifted else "no" if "no" in verdicts else "undefined",
        "drifted": drifted,
        "reference": {"name": "train.parquet", "rows": 1000, "reference_id": "5c0f3a"},
        "current": {"name": "today.parquet", "rows": 1000},
        "level": 0.05,
        "threshold": 0.02,
        "columns": columns,
        "changes": [],
        "by": [],
        "groups": [],
    } | over


def two():
    """Numbers and names that drifted."""
    return comparison([numeric(), text()], by=["region"])


def full():
    """Columns of every kind, with groups and a schema that changed."""
    columns = [numeric(), text(), timestamp(), column("calm"), column("gone", "undefined")]
    return comparison(
        columns,
        changes=[
            {
                "kind": "column_removed",
                "column": "gone",
                "old": "float64",
                "new": None,
                "compatible": False,
                "text": "gone: column removed, was float64 (breaking)",
            }
        ],
        by=["region"],
        groups=[
            {
                "group": {"region": name},
                "verdict": verdict,
                "drifted": ["price"] if verdict == "yes" else [],
                "rows": 500,
                "reference_rows": 500,
                "columns": [column("price", verdict)],
            }
            for name, verdict in (("eu", "yes"), ("us", "no"))
        ],
    )
