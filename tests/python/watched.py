"""A watch on a clock that moves by hand, and what it wrote, for tests of watches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

import inlay

BEGAN = 1_700_000_040  # a multiple of 60


class Watched:
    """An observer with one watch and a clock; keeps the batches it turned."""

    def __init__(self, reference: Any = None, **options: Any) -> None:
        self.clock = inlay.ManualClock(BEGAN)
        self.observer = inlay.Observer(resource={"service.name": "tests"}, clock=self.clock)
        self.reference, self.options = reference, {"every": 60, "judges": (), **options}
        self.watch = self.observer.watch("orders", reference, **self.options)
        self.batches: list[inlay.Batch] = []

    def at(self, second: float) -> None:
        """Move the clock to so many seconds after the beginning."""
        now = self.clock.now()
        self.clock.advance(max(0.0, BEGAN + second - now))

    def collect(self) -> list[dict[str, Any]]:
        """Turn the window and return its points."""
        self.batches.append(self.observer.collect())
        return self.batches[-1].points.to_pylist()

    def finish(self) -> None:
        """Close the watch and turn the window."""
        self.watch.close()
        self.collect()

    @property
    def points(self) -> list[dict[str, Any]]:
        """All points so far."""
        return [row for batch in self.batches for row in batch.points.to_pylist()]

    @property
    def panes(self) -> list[tuple[int, int, int]]:
        """Seconds from the beginning, revision and rows of each pane, as they were written."""
        return [
            (round(row["start_time"].timestamp() - BEGAN), row["revision"], int(row["value"]))
            for row in self.points
            if row["metric"] == "data.pane"
        ]

    @property
    def events(self) -> list[tuple[str, dict[str, str]]]:
        """Names and attributes of all events of layer data."""
        return [
            (row["name"], json.loads(row["attrs"]))
            for batch in self.batches
            for row in batch.events.to_pylist()
            if row["layer"] == "data"
        ]

    def metric(self, name: str) -> float:
        """The sum of a counter over all windows and sources."""
        return sum(row["value"] for row in self.points if row["metric"] == name)

    def cells(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Counts and missing values of each series and pane, all revisions added up."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.points:
            if row["metric"] != "data.column" or row["kind"] not in ("edges", "categories"):
                continue
            key = (row["attrs"], row["start_time"].isoformat())
            one = {"counts": np.array(row["counts"]), "null_count": row["null_count"]}
            if key in found:
                one = {name: found[key][name] + value for name, value in one.items()}
            found[key] = one
        return {
            key: {"counts": one["counts"].tolist(), "null_count": one["null_count"]}
            for key, one in found.items()
        }


def seconds(*times: float | None) -> pa.Array:
    """Event times, in seconds from the beginning."""
    whole = [None if t is None else round((BEGAN + t) * 1e6) for t in times]
    return pa.array(whole, pa.timestamp("us", "UTC"))


def rows(times: Any, **columns: Any) -> Mapping[str, Any]:
    """A table of rows with event times."""
    return {"at": seconds(*times), **columns}
