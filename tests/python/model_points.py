"""Points of a model's quality as an observer writes them, in panes of a minute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from drift_points import EVERY, START, complete, resource

import inlay
from inlay import _core
from inlay.model.estimate import Estimate, wilson
from inlay.table import arrow_schema

REGIONS = ("eu", "us", "asia")
#: Right of so many rows in a pane, by region; eu is worse from the sixth pane on.
GOOD, BAD, ROWS = 180, 120, 200


def estimate_row(
    metric: str, estimate: Estimate, *, pane: int = 0, name: str = "click", **more: Any
) -> dict[str, Any]:
    """Return a row of kind ``estimate``; `by` are the segment's attributes."""
    by: Mapping[str, str] = more.pop("by", {})
    status = "ok" if estimate.value is not None else "undefined"
    return {
        "form": "derived",
        "layer": "model",
        "metric": f"{name}.{metric}",
        "kind": "estimate",
        "attrs": _core.canonical_json(dict(by)),
        "start_time": START + pane * EVERY,
        "time": START + (pane + 1) * EVERY,
        "observed_time": START + (pane + 2) * EVERY,
        "window_seq": pane,
        "status": "insufficient" if estimate.reason == "insufficient" else status,
        "value": estimate.value,
        "min": estimate.low,
        "max": estimate.high,
        "count": estimate.n,
        "categories": None if estimate.reason is None else [estimate.reason],
        **more,
    }


def counter_row(metric: str, total: float, *, pane: int = 0, **by: str) -> dict[str, Any]:
    row = estimate_row("x", wilson(1, 1), pane=pane, by=by)
    for key in ("min", "max", "count", "categories"):
        row[key] = None
    return {**row, "form": "delta", "metric": metric, "kind": "counter", "value": total}


def degrading(panes: int = 10, *, whole: bool = True) -> list[dict[str, Any]]:
    """Return panes of accuracy by region; eu falls from 0.9 to 0.6 half-way."""
    rows = []
    for pane in range(panes):
        right = {region: GOOD for region in REGIONS}
        if pane >= panes // 2:
            right["eu"] = BAD
        for region, k in right.items():
            rows.append(estimate_row("accuracy", wilson(k, ROWS), pane=pane, by={"region": region}))
        if whole:
            total = wilson(sum(right.values()), ROWS * len(REGIONS))
            rows.append(estimate_row("accuracy", total, pane=pane))
    return rows


def verdict(method: str, verdict: str = "yes", **more: Any) -> dict[str, Any]:
    """Return a verdict about the quality ``click``."""
    attrs = _core.canonical_json(more.pop("attrs", {}))
    metric = more.pop("metric", "click")
    pane = more.pop("pane", 0)
    return {
        "time": START + (pane + 1) * EVERY,
        "start_time": START + pane * EVERY,
        "observed_time": START + (pane + 2) * EVERY,
        "revision": 0,
        "origin": 1,
        "series_id": _core.series_id(metric, attrs, "ranker"),
        "layer": "model",
        "metric": metric,
        "attrs": attrs,
        "resource": resource(),
        "method": method,
        "scope": "process",
        "verdict": verdict,
        "judge": "FairnessJudge",
        "judge_version": "1",
        **more,
    }


def write(directory: Path, rows: list[dict[str, Any]], verdicts: Any = ()) -> Path:
    """Write rows as the sink of an observer does."""
    from inlay.sinks.files import Files

    points = complete(rows)
    said = pa.Table.from_pylist(list(verdicts), schema=arrow_schema("verdicts"))
    for origin in sorted(set(points["origin"].to_pylist()) | {1}):
        sink = Files(directory)
        sink.open(json.loads(resource()), origin)
        mine = points.filter(pa.compute.equal(points["origin"], origin))
        judged = said.filter(pa.compute.equal(said["origin"], origin))
        sink.write(
            inlay.Batch.from_tables(
                {"points": mine, "verdicts": judged},
                window_seq=1,
                origin=origin,
                observed_time_us=START + 1000 * EVERY,
            )
        )
        sink.close(float("inf"))
    return directory


CALIBRATION = {
    "bins": [
        {
            "from": number / 10,
            "to": (number + 1) / 10,
            "n": 0 if number == 9 else 100,
            "mean_score": (number + 0.5) / 10,
            "rate": number / 10,
            "low": max(0.0, number / 10 - 0.05),
            "high": number / 10 + 0.05,
        }
        for number in range(10)
    ],
    "reason": None,
}


def everything() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return points and verdicts of which every part of the page has something to show."""
    rows = degrading()
    for pane in range(10):
        for region in REGIONS:
            k = BAD // 2 if region == "eu" and pane >= 5 else GOOD // 2
            for device in ("phone", "desk"):
                by = {"region": region, "device": device}
                rows.append(estimate_row("accuracy", wilson(k, 100), pane=pane, by=by, name="ad"))
        rows.append(estimate_row("auroc", wilson(80, 100), pane=pane))
        rows.append(estimate_row("estimated.accuracy", wilson(88, 100), pane=pane))
        rows.append(estimate_row("coverage", wilson(90 - 8 * pane, 100), pane=pane))
        rows.append(estimate_row("mcc", Estimate.undefined("zero_variance", 5), pane=pane))
        rate = {"evaluation": "refusal", "evaluator": "judge", "evaluator_version": "2"}
        of = wilson(5 + pane, 100)
        rows.append(estimate_row("evaluation.rate", of, pane=pane, by=rate, name="chat"))
    rows.append(counter_row("click.rejected", 12.0, reason="nan_score"))
    rows.append(counter_row("chat.output_tokens", 4096.0))
    said = [
        verdict(
            "fairness.region.disparate_impact",
            value=0.6,
            low=0.5,
            high=0.7,
            effect=0.4,
            threshold=0.2,
            n=900,
            attrs={"region": "eu"},
            part_names=["region=eu", "region=us"],
            part_values=[0.3, 0.5],
        ),
        verdict("fairness.region.equalized_odds_difference", "undefined", reason="insufficient"),
    ]
    return rows, said
