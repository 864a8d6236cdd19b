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
