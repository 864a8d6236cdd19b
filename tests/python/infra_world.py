"""Synthetic windows of a host with eight GPUs: points of many series, and events put among them.

Made with numpy, window by window, as `Batch` objects that a ring keeps and a `Files` sink writes.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from inlay import Batch, Context
from inlay._core import canonical_json, series_id
from inlay.joined.asking import Asked, ask
from inlay.joined.source import RecentSource
from inlay.table import arrow_schema

T0_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
WINDOW_US = 10_000_000
SERVICE = "ranker"
TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "11111111111111112222222222222222"  # of nothing
GPUS = tuple(f"GPU-{number:08x}" for number in range(8))
TIMES = pa.timestamp("us", "UTC")

_GAUGES = (
    ("gpu.utilization", "1", 0.8, 0.05),
    ("gpu.power", "W", 450.0, 15.0),
    ("gpu.clock", "Hz", 1.7e9, 1.0e7),
    ("gpu.temperature", "Cel", 62.0, 1.5),
    ("gpu.memory.used", "By", 6.0e10, 1.0e8),
    ("gpu.sm.activity", "1", 0.7, 0.05),
)


class World:
    """A process on one host, its windows, and what happened meanwhile.

    `per_gpu` gauges of each GPU; the first six have names that matter.
    """

    def __init__(
        self,
        windows: int = 40,
        *,
        seed: int = 0,
        per_gpu: int = 10,
        host: str = "node0",
        origin: int = 77,
        start_us: int = T0_US,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.windows = windows
        self.host = host
        self.origin = origin
        self.start_us = start_us
        self.resource = canonical_json({"host.name": host, "service.name": SERVICE})
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.uses: str | None = None
        names: list[tuple[str, str, str, str, float, float]] = []
        for gpu in GPUS:
            for number in range(per_gpu):
                if number < len(_GAUGES):
                    metric, unit, mean, sd = _GAUGES[number]
                else:
                    metric, unit, mean, sd = f"gpu.other_{number}", "1", 10.0, 1.0
                names.append((metric, "gauge", unit, canonical_json({"gpu": gpu}), mean, sd))
        for route in ("chat", "rank"):
            attrs = canonical_json({"route": route})
            names.append(("request.latency", "histogram", "s", attrs, 0.2, 0.01))
        for mode in ("user", "system"):
            attrs = canonical_json({"mode": mode})
            names.append(("host.cpu.time", "counter", "s", attrs, 40.0, 1.0))
        self.names = names
        # One value a window and series; those of a test change single ones.
        self.values = np.array([n[4] for n in names]) + np.array(
            [n[5] for n in names]
        ) * self.rng.standard_normal((windows, len(names)))

    # ---- what happens ------------------------------------------------------------------------
    def at(self, seconds: float) -> int:
        return self.start_us + round(seconds * 1e6)

    def event(
        self,
        name: str,
        start: float,
        end: float | None = None,
        *,
        layer: str = "infra",
        severity: int = 13,
        trace_id: str | None = None,
        body: str | None = None,
        **attrs: str,
    ) -> None:
        row = {
            "time": self.at(start),
            "end_time": None if end is None else self.at(end),
            "layer": layer,
            "name": name,
            "severity": severity,
            "body": body,
            "attrs": canonical_json(attrs),
            "trace_id": trace_id,
        }
        self.tables.setdefault("events", []).append(row)

    def span(
        self,
        name: str,
        trace_id: str,
        start: float,
        end: float,
        *,
        span_id: str = "00000000000000aa",
        parent_id: str | None = None,
        status: str | None = None,
        **attrs: str,
    ) -> None:
        row = {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_id": parent_id,
            "name": name,
            "start_time": self.at(start),
            "time": self.at(end),
            "layer": "app",
            "status": status,
            "attrs": canonical_json(attrs),
        }
        self.tables.setdefault("spans", []).append(row)

    def exemplar(self, trace_id: str, at: float, value: float, metric: str, **attrs: str) -> None:
        text = canonical_json(attrs)
        row = {
            "time": self.at(at),
            "layer": "app",
            "series_id": series_id(metric, text, SERVICE),
            "value": value,
            "trace_id": trace_id,
            "attrs": "{}",
        }
        self.tables.setdefault("exemplars", []).append(row)

    def verdict(
        self,
        metric: str,
        start: float,
        end: float,
        *,
        verdict: str = "yes",
        layer: str = "data",
        effect: float | None = 0.2,
        revision: int = 0,
        **attrs: str,
    ) -> None:
        text = canonical_json(attrs)
        row = {
            "time": self.at(end),
            "start_time": self.at(start),
            "revision": revision,
            "series_id": series_id(metric, text, SERVICE),
            "layer": layer,
            "metric": metric,
            "attrs": text,
            "method": "jensen_shannon",
            "scope": "process",
            "verdict": verdict,
            "effect": effect,
            "threshold": 0.05,
            "judge": "test",
            "judge_version": "1",
        }
        self.tables.setdefault("verdicts", []).append(row)

    def step(self, number: int, rank: int, start: float, end: float, **phases: float) -> None:
        row = {
            "time": self.at(end),
            "start_time": self.at(start),
            "rank": rank,
            "step": number,
            "attrs": "{}",
            **phases,
        }
        self.tables.setdefault("steps", []).append(row)

    def unusual(self, metric: str, at: float, value: float, **attrs: str) -> None:
        """Give a series another value in the window at a moment."""
        text = canonical_json(attrs)
        column = next(i for i, n in enumerate(self.names) if (n[0], n[3]) == (metric, text))
        self.values[int(at * 1e6) // WINDOW_US, column] = value

    # ---- as batches --------------------------------------------------------------------------
    def batches(self) -> list[Batch]:
        rows: list[dict[str, list[dict[str, Any]]]] = [{} for _ in range(self.windows)]
        for name, members in self.tables.items():
            for row in members:
                number = min(self.windows - 1, max(0, self._turn(row)))
                rows[number].setdefault(name, []).append(row)
        made = []
        for number in range(self.windows):
            start = self.start_us + number * WINDOW_US
            tables: dict[str, object] = {"points": self._points(number, start)}
            tables.update(
                (name, self._table(name, members, start + WINDOW_US))
                for name, members in rows[number].items()
            )
            made.append(
                Batch.from_tables(
                    tables,
                    window_seq=number,
                    origin=self.origin,
                    start_time_us=start,
                    time_us=start + WINDOW_US,
                    observed_time_us=start + WINDOW_US,
                    resource=self.resource,
                )
            )
        return made

    def _turn(self, row: dict[str, Any]) -> int:
        """Return in which window a row is emitted: that in which it ends."""
        end = row.get("end_time") or row["time"]
        return int((end - self.start_us - 1) // WINDOW_US)

    def _points(self, number: int, start: int) -> pa.Table:
        names = list(self.names)
        values = self.values[number]
        if self.uses is not None:
            attrs = canonical_json({"gpu": self.uses})
            names.append(("gpu.process.memory", "gauge", "By", attrs, 1e10, 0.0))
            values = np.append(values, 1e10)
        n = len(names)
        kind = np.array([name[1] for name in names])
        histogram = kind == "histogram"
        columns: dict[str, Any] = {
            "time": _constant(start + WINDOW_US, n, TIMES),
            "start_time": _constant(start, n, TIMES),
            "observed_time": _constant(start + WINDOW_US, n, TIMES),
            "revision": _constant(0, n, pa.int32()),
            "form": _constant("delta", n, pa.utf8()),
            "origin": _constant(self.origin, n, pa.int64()),
            "window_seq": _constant(number, n, pa.int64()),
            "layer": pa.array([_layer(name[0]) for name in names]),
            "metric": pa.array([name[0] for name in names]),
            "kind": pa.array(kind.tolist()),
            "unit": pa.array([name[2] for name in names]),
            "series_id": pa.array([series_id(name[0], name[3], SERVICE) for name in names]),
            "attrs": pa.array([name[3] for name in names]),
            "resource": _constant(self.resource, n, pa.utf8()),
            "status": _constant("ok", n, pa.utf8()),
            "value": pa.array(values, mask=histogram),
            "count": pa.array(np.full(n, 100), mask=~histogram),
            "sum": pa.array(values * 100, mask=~histogram),
        }
        schema = arrow_schema("points")
        return pa.Table.from_arrays(
            [columns.get(f.name, pa.nulls(n, f.type)) for f in schema], schema=schema
        )

    def _table(self, name: str, rows: list[dict[str, Any]], observed: int) -> pa.Table:
        full = [
            {
                "observed_time": observed,
                "origin": self.origin,
                "resource": self.resource,
                "window_seq": 0,
                **row,
            }
            for row in rows
        ]
        if name != "steps":
            schema = arrow_schema(name)
        else:
            fields = [("time", TIMES), ("start_time", TIMES), ("observed_time", TIMES)]
            fields += [("origin", pa.int64()), ("rank", pa.int32()), ("step", pa.int64())]
            fields += [(phase, pa.float64()) for phase in ("data_wait", "forward", "communication")]
            fields += [("resource", pa.utf8()), ("attrs", pa.utf8())]
            schema = pa.schema(fields)
        return pa.Table.from_pylist(full, schema=schema)


def _layer(metric: str) -> str:
    return "infra" if metric.startswith(("gpu.", "host.")) else "app"


def _constant(value: Any, n: int, kind: pa.DataType) -> pa.Array:
    return pa.array([value] * n, kind)


def members(text: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(text)
    return found


def throttled() -> World:
    """Return a world in which the GPU of a slow answer was throttled, among decoys."""
    world = World(40, seed=5)
    world.span("answer", TRACE, 300, 303, gpu=GPUS[2])
    world.event(
        "gpu.throttle", 300.5, 302.9, gpu=GPUS[2], index="2", cause="hw_thermal", seconds="2.2"
    )
    world.event("deploy", 280, layer="app", severity=9, version="<7>")
    world.verdict("price", 0, 300.5, column="price")
    world.unusual("gpu.clock", 305, 0.9e9, gpu=GPUS[2])
    return world


def ask_ring(world: World, **asked: Any) -> Context:
    """Ask a ring that holds the world's windows."""
    return ask(RecentSource(world.batches(), "the ring"), Asked(**asked))


def names(context: Context) -> list[str]:
    """Return what the evidence is called, best first."""
    return [one.name for one in context.evidence]
