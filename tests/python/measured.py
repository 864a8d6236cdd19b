"""A quality on a clock that moves by hand, and what it wrote, for tests of qualities."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import inlay

BEGAN = 1_700_000_040  # a multiple of 60


class Measured:
    """An observer with one quality and a clock; keeps the batches it turned."""

    def __init__(self, task: str = "binary", *, began: float = BEGAN, **options: Any) -> None:
        self.clock = inlay.ManualClock(began)
        self.observer = inlay.Observer(resource={"service.name": "tests"}, clock=self.clock)
        self.options = {"every": 60, "horizon": 600, "min_n": 1, **options}
        self.quality = self.observer.quality("click", task=task, **self.options)
        self.batches: list[inlay.Batch] = []

    def at(self, second: float) -> None:
        """Move the clock to so many seconds after the beginning."""
        self.clock.advance(max(0.0, BEGAN + second - self.clock.now()))

    def collect(self) -> list[dict[str, Any]]:
        """Turn the window and return its points of layer model."""
        self.batches.append(self.observer.collect())
        return [row for row in self.batches[-1].points.to_pylist() if row["layer"] == "model"]

    @property
    def points(self) -> list[dict[str, Any]]:
        """All points of layer model so far."""
        rows = (row for batch in self.batches for row in batch.points.to_pylist())
        return [row for row in rows if row["layer"] == "model"]

    def rejected(self) -> dict[str, int]:
        """Rows kept apart, by reason."""
        found: dict[str, int] = {}
        for row in self.points:
            if row["metric"] == "click.rejected":
                reason = json.loads(row["attrs"])["reason"]
                found[reason] = found.get(reason, 0) + int(row["value"])
        return found

    def figures(self, metric: str, **attributes: str) -> dict[int, float | None]:
        """The last value of a figure by pane, in seconds from the beginning."""
        found: dict[int, tuple[int, float | None]] = {}
        for row in self.points:
            wanted = row["metric"] == f"click.{metric}" and row["form"] == "derived"
            if wanted and json.loads(row["attrs"]) == attributes:
                pane = second_of(row["start_time"])
                if row["revision"] >= found.get(pane, (-1, None))[0]:
                    found[pane] = (row["revision"], row["value"])
        return {pane: value for pane, (_, value) in sorted(found.items())}

    def counts(self) -> dict[tuple[int, str], list[int]]:
        """Confusion counts by pane and attributes, all revisions added up."""
        found: dict[tuple[int, str], Any] = {}
        for row in self.points:
            if row["kind"] == "confusion":
                key = (second_of(row["start_time"]), row["attrs"])
                found[key] = found.get(key, 0) + np.array(row["counts"])
        return {key: counts.tolist() for key, counts in sorted(found.items())}


def second_of(time: Any) -> int:
    """Seconds from the beginning."""
    return round(time.timestamp() - BEGAN)


def written(rows: list[dict[str, Any]], kind: str = "confusion") -> list[tuple[int, int, int]]:
    """Pane, revision and count of rows of a kind, in the order in which they are."""
    return [
        (second_of(row["start_time"]), row["revision"], row["count"])
        for row in rows
        if row["kind"] == kind
    ]
