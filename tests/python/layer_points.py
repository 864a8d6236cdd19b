"""Rows of the infrastructure and of a training, made as their collectors make them.

A job of some ranks on a host with GPUs: windows of ten seconds, in the middle GPU 3 is throttled,
GPU 2 has an Xid, rank 3 slows the others, a checkpoint is written and the process starts anew.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa

import inlay
from inlay import _core
from inlay.table import arrow_schema

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, Unix microseconds
WINDOW = 10_000_000
PHASES = ("data_wait", "forward", "backward", "optimizer", "communication", "checkpoint", "other")
CAUSES = ("hw_thermal", "sw_power_cap", "low_utilization")


def uuid(index: int, host: str = "h1") -> str:
    return f"GPU-{host}-{index:08x}"


def resource(host: str = "h1") -> str:
    return _core.canonical_json({"host.name": host, "service.name": "trainer"})


def point(
    metric: str,
    window: int,
    *,
    kind: str = "gauge",
    value: float | None = None,
    unit: str = "1",
    host: str = "h1",
    origin: int = 1,
    layer: str = "infra",
    **more: Any,
) -> dict[str, Any]:
    """Return a row; what is in `attrs` are its attributes."""
    attrs = _core.canonical_json(more.pop("attrs", {}))
    start = START + window * WINDOW
    row = {
        "time": start + WINDOW,
        "start_time": start,
        "observed_time": start + WINDOW + 1000,
        "revision": 0,
        "form": "delta",
        "origin": origin,
        "window_seq": window,
        "layer": layer,
        "metric": metric,
        "kind": kind,
        "unit": unit,
        "series_id": _core.series_id(metric, attrs, "trainer"),
        "attrs": attrs,
        "resource": resource(host),
        "status": "ok" if value is not None else "unsupported",
        "value": value,
    }
    if kind == "gauge" and value is not None:
        row |= {"count": 10, "mean": value, "min": 0.9 * value, "max": 1.1 * value}
    return {**row, **more}


def gpu_points(
    windows: int = 60, gpus: int = 4, *, host: str = "h1", origin: int = 1, hot: int = 3
) -> list[dict[str, Any]]:
    """Return points of GPUs; `hot` is throttled in the middle third."""
    rows = []
    for window in range(windows):
        is_late = windows // 3 <= window < 2 * windows // 3
        for index in range(gpus):
            is_hot = index == hot and is_late
            gpu = {"gpu": uuid(index, host)}
            common = {"host": host, "origin": origin}
            for metric, unit, value, more in (
                ("gpu.power", "W", 400.0 + 5 * index + 20 * math.sin(window), {}),
                ("gpu.power.limit", "W", 700.0, {}),
                ("gpu.sm.activity", "1", 0.55 if is_hot else 0.85, {}),
                ("gpu.temperature", "Cel", 92.0 if is_hot else 66.0, {"sensor": "gpu"}),
                ("gpu.temperature.margin", "Cel", 1.0 if is_hot else 25.0, {}),
                ("gpu.clock", "Hz", 1.1e9 if is_hot else 1.9e9, {"domain": "sm"}),
                ("gpu.memory.used", "By", 6e10, {}),
                ("gpu.memory.total", "By", 8.6e10, {}),
            ):
                attrs = {**gpu, **more}
                rows.append(point(metric, window, value=value, unit=unit, attrs=attrs, **common))
            for cause in CAUSES:
                held = {"hw_thermal": 6.0 if is_hot else 0.0, "low_utilization": 0.1}
                rows.append(
                    point(
                        "gpu.throttle",
                        window,
                        kind="counter",
                        unit="s",
                        value=held.get(cause, 0.0),
                        attrs={**gpu, "cause": cause},
                        **common,
                    )
                )
            for metric, unit, value, more in (
                ("gpu.energy", "J", 4000.0, {}),
                ("gpu.pcie.replays", "{replay}", float(index == 1), {}),
                ("gpu.ecc.errors", "{error}", 1.0, {"type": "corrected", "location": "total"}),
                ("gpu.ecc.errors", "{error}", 1.0, {"type": "corrected", "location": "dram"}),
            ):
                rows.append(
                    point(
                        metric,
                        window,
                        kind="counter",
                        unit=unit,
                        value=value,
                        attrs={**gpu, **more},
                        **common,
                    )
                )
    for index in range(gpus):
        gpu = {"gpu": uuid(index, host)}
        rows.append(point("gpu.fan.speed", 0, attrs=gpu, host=host, origin=origin))
        more = {**gpu, "type": "uncorrected", "location": "sram"}
        status = {"kind": "counter", "status": "no_permission"}
        rows.append(point("gpu.ecc.errors", 0, attrs=more, host=host, origin=origin, **status))
    return rows


def host_points(windows: int = 60, *, host: str = "h1", origin: int = 1) -> list[dict[str, Any]]:
    rows = []
    common = {"host": host, "origin": origin}
    for window in range(windows):
        for metric, unit, value in (
            ("host.cpu.utilization", "1", 0.4 + 0.2 * math.sin(window / 5)),
            ("host.memory.used", "By", 1e11),
            ("host.memory.total", "By", 5e11),
        ):
            rows.append(point(metric, window, value=value, unit=unit, **common))
        counters: tuple[tuple[str, str, float, dict[str, str]], ...] = (
            ("host.pressure", "s", 0.5, {"resource": "io", "kind": "some"}),
            ("host.pressure", "s", 0.2, {"resource": "io", "kind": "full"}),
            ("host.pressure", "s", 0.1, {"resource": "memory", "kind": "some"}),
            ("host.cgroup.cpu.throttled", "s", 0.25, {}),
            ("host.network.io", "By", 1e9, {"interface": "eth0", "direction": "receive"}),
            ("host.network.io", "By", 2e9, {"interface": "eth1", "direction": "receive"}),
            ("host.network.io", "By", 9e9, {"interface": "lo", "direction": "receive"}),
            ("host.network.io", "By", 1e8, {"interface": "eth0", "direction": "transmit"}),
            ("host.disk.io", "By", 1e8, {"device": "nvme0n1", "direction": "read"}),
            ("ib.io", "By", 5e10, {"device": "mlx5_0", "port": "1", "direction": "transmit"}),
            ("ib.errors", "{error}", 2.0, {"device": "mlx5_0", "port": "1", "kind": "symbol"}),
            ("ib.wait", "{tick}", 50.0, {"device": "mlx5_0", "port": "1"}),
            ("host.energy", "J", 2000.0, {"zone": "package-0"}),
        )
        for metric, unit, value, attrs in counters:
            rows.append(
                point(metric, window, kind="counter", value=value, unit=unit, attrs=attrs, **common)
            )
    return rows


def training_points(windows: int = 60, ranks: int = 4, *, slow: int = 3) -> list[dict[str, Any]]:
    rows = []
    for window in range(windows):
        common = {"layer": "training"}
        for metric, value in (("training.mfu", 0.41), ("training.goodput", 0.9)):
            rows.append(point(metric, window, value=value, **common))
        for cause, lost in (("data_loading_sync", 0.2), ("other", 0.05)):
            rows.append(
                point(
                    "training.badput",
                    window,
                    kind="counter",
                    unit="s",
                    value=lost,
                    attrs={"cause": cause},
                    **common,
                )
            )
        for rank in range(ranks):
            wait = 0.0006 if rank == slow else 0.0206
            rows.append(
                point(
                    "training.wait",
                    window,
                    kind="histogram",
                    unit="s",
                    attrs={"rank": str(rank)},
                    origin=rank + 1,
                    status="ok",
                    count=10,
                    sum=10 * wait,
                    min=wait,
                    max=wait,
                    **common,
                )
            )
            score = {"rank": str(rank), "section": "backward", "against": "others"}
            value = 0.5 if rank == slow else 1.0
            rows.append(
                point("training.straggler_score", window, value=value, attrs=score, **common)
            )
    return rows


def step_rows(steps: int = 600, ranks: int = 4, *, host: str = "h1") -> list[dict[str, Any]]:
    """Return a step a second; number 250 is slow, 251 is not finite, 260 is done again."""
    rows = []
    for number in range(steps):
        for rank in range(ranks):
            seconds = dict.fromkeys(PHASES, 0.0)
            seconds |= {"data_wait": 0.05, "forward": 0.2, "backward": 0.4, "optimizer": 0.05}
            seconds |= {"communication": 0.2 if rank != 3 else 0.01, "other": 0.02}
            seconds["backward"] += 0.19 if rank == 3 else 0.0
            if number == 250:
                seconds["communication"] += 2.5
            start = START + number * 1_000_000
            rows.append(
                {
                    "time": start + round(1e6 * sum(seconds.values())),
                    "start_time": start,
                    "observed_time": START + (number // 10 + 1) * WINDOW,
                    "origin": rank + 1,
                    "rank": rank,
                    "step": number,
                    "epoch": 0,
                    **seconds,
                    "tokens": 4096,
                    "samples": 8,
                    "loss": None if number == 251 else 2.0 + 8.0 / (1 + number / 50),
                    "gradient_norm": 1.0,
                    "nonfinite": number == 251,
                    "replayed": number == 260,
                    "resource": resource(host),
                    "attrs": "{}",
                }
            )
    return rows


def step_table(rows: list[dict[str, Any]]) -> pa.Table:
    stamp = pa.timestamp("us", "UTC")
    schema = pa.schema(
        [
            *(pa.field(name, stamp) for name in ("time", "start_time", "observed_time")),
            pa.field("origin", pa.int64()),
            pa.field("rank", pa.int32()),
            pa.field("step", pa.int64()),
            pa.field("epoch", pa.int64()),
            *(pa.field(name, pa.float64()) for name in PHASES),
            pa.field("tokens", pa.int64()),
            pa.field("samples", pa.int64()),
            pa.field("loss", pa.float64()),
            pa.field("gradient_norm", pa.float64()),
            pa.field("nonfinite", pa.bool_()),
            pa.field("replayed", pa.bool_()),
            pa.field("resource", pa.utf8()),
            pa.field("attrs", pa.utf8()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def happen(obs: Any, *, host: str = "h1") -> None:
    """Note what happened, through the observer."""
    at = START / 1e6

    def gpu(index: int, **more: Any) -> dict[str, Any]:
        return {"gpu": uuid(index, host), "index": index, **more}

    for index in range(4):
        told = {"gpu": uuid(index, host), "index": str(index), "driver": "580.65.06"}
        told |= {"name": "NVIDIA H100 80GB HBM3", "pci": f"0000:{index:02x}:00.0"}
        attrs = _core.canonical_json(told)
        obs.core.event("gpu.info", layer="infra", time_us=START, attrs=attrs)
    # Two parts of one interval, of which the first was open at the turn.
    for start, end, is_open in ((200, 250, True), (250, 320, False)):
        more = {"cause": "hw_thermal", "seconds": f"{0.6 * (end - start):.3f}"}
        if is_open:
            more["open"] = "true"
        obs.event(
            "gpu.throttle",
            layer="infra",
            severity="warning",
            time=at + start,
            end_time=at + end,
            **gpu(3, **more),
        )
    obs.event(
        "gpu.xid",
        layer="infra",
        severity="error",
        time=at + 250.5,
        body="NVIDIA H100, GPU 2: it fell off the bus",
        **gpu(2, xid=79),
    )
    obs.event(
        "host.pressure",
        layer="infra",
        severity="warning",
        time=at + 100,
        end_time=at + 130,
        resource="io",
        share="0.4",
    )
    obs.event(
        "training.straggler",
        layer="training",
        severity="warning",
        time=at + 210,
        end_time=at + 260,
        rank=3,
        share="0.02",
        body="in this time: gpu.throttle (cause hw_thermal)",
    )
    for start in (120, 240, 480):
        obs.event(
            "training.checkpoint",
            layer="training",
            time=at + start,
            end_time=at + start + 2.5,
            rank=0,
            seconds="2.500000",
        )
    obs.event("training.restore", layer="training", time=at + 10, end_time=at + 14, rank=0)
    obs.event("training.restart", layer="training", time=at + 5, end_time=at + 9, restarts=1)
    obs.event(
        "training.nonfinite",
        layer="training",
        severity="error",
        time=at + 251,
        end_time=at + 252,
        step=251,
        body="loss is nan in step 251",
    )
    obs.event("deploy", time=at + 300, version="7")
    obs.event("something.else", time=at + 300)


def write(
    directory: Path,
    points: list[dict[str, Any]] = (),
    steps: list[dict[str, Any]] = (),
    events: Any = None,
    verdicts: Any = None,
    *,
    host: str = "h1",
) -> Path:
    """Write rows through an observer."""
    observer = inlay.Observer(
        resource={"service.name": "trainer", "host.name": host},
        sinks=[inlay.sinks.Files(directory)],
        window=3600.0,
    )
    with observer as obs:
        if points:
            table = pa.Table.from_pylist(list(points), schema=arrow_schema("points"))
            obs.core.add_table("points", _core.Table(table))
        if steps:
            obs.core.add_table("steps", _core.Table(step_table(list(steps))))
        if events is not None:
            events(obs)
        if verdicts is not None:
            verdicts(obs)
    return directory


def everything(directory: Path) -> Path:
    """Write rows of which every part of both pages has something to show."""
    points = [*gpu_points(), *host_points(), *training_points()]

    def judged(obs: Any) -> None:
        obs.verdict(
            "training.wait",
            "yes",
            method="least_wait",
            judge="StragglerJudge",
            layer="training",
            attributes={"rank": 3},
            value=0.02,
            start_time=START / 1e6 + 210,
            time=START / 1e6 + 260,
        )

    return write(directory, points, step_rows(), happen, judged)
