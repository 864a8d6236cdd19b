"""Reads a tree of files by hand: ticks at times of the test's choice, rows as a test wants them."""

from __future__ import annotations

import json
import math
from typing import Any

import inlay
from inlay import _core

BEGIN_US = 1_700_000_000_000_000


class HostReading:
    """A native reader without its thread, and an observer that gets what it reads."""

    def __init__(self, root: Any, families: Any = (), **settings: Any) -> None:
        given = {"pressure": 0.25, "congestion": 0.1, "held_files": 0, **settings}
        self.native = _core.HostReader(root=str(root), families=list(families), **given)
        self.obs = inlay.Observer({"service.name": "test"})
        self.time_us = BEGIN_US
        self.events: list[dict[str, Any]] = []
        self.points: list[dict[str, Any]] = []

    def tick(self, seconds: float = 1.0) -> None:
        self.time_us += round(seconds * 1e6)
        self.native.tick(self.time_us, self.time_us * 1000)
        self.native.tick(self.time_us, self.time_us * 1000, slow=True)

    def take(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """Turn the window; return its rows by metric and the values of their attributes."""
        self.native.hand_over(self.obs.core)
        batch = self.obs.collect()
        self.events = [
            {**row, "attrs": json.loads(row["attrs"])} for row in batch.events.to_pylist()
        ]
        self.points = [row for row in batch.points.to_pylist() if row["layer"] == "infra"]
        for row in self.points:
            check_row(row)
        return {(row["metric"], *json.loads(row["attrs"]).values()): row for row in self.points}

    def names(self) -> list[str]:
        """Return the names of the events of the window taken last."""
        return [event["name"] for event in self.events]


def check_row(row: dict[str, Any]) -> None:
    """Fail for a row that no reading may make."""
    for column in ("value", "min", "max", "mean", "sum"):
        assert row[column] is None or math.isfinite(row[column]), row
    if row["kind"] == "counter" and row["value"] is not None:
        assert row["value"] >= 0.0, row
    assert (row["status"] == "ok") == (row["value"] is not None), row
