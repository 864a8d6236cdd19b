"""A probe of the fake driver library, and its rows: what the tests of GPUs share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import fake_nvml
import pytest

import inlay
from inlay.infra import Gpu

Row = dict[str, Any]


@pytest.fixture(scope="module")
def fake() -> fake_nvml.Fake:
    return fake_nvml.Fake(fake_nvml.library())


@pytest.fixture
def made() -> Iterator[list[Gpu]]:
    probes: list[Gpu] = []
    yield probes
    for probe in probes:
        probe.stop()


@pytest.fixture
def start(fake: fake_nvml.Fake, made: list[Gpu]) -> Callable[..., tuple[inlay.Observer, Gpu]]:
    def begin(scenario: str, **options: Any) -> tuple[inlay.Observer, Gpu]:
        fake.load_text(scenario)
        gpu = Gpu(library=fake_nvml.library(), **options)
        made.append(gpu)
        obs = inlay.Observer(resource={"service.name": "tests"}, window=3600)
        obs.probe(gpu)
        gpu.start(obs)
        assert gpu.status == "ok", gpu.reason
        return obs, gpu

    return begin


def rows(batch: inlay.Batch, metric: str, **attributes: str) -> list[Row]:
    found = []
    for row in batch.points.to_pylist():
        attrs = json.loads(row["attrs"])
        if row["metric"] == metric and attributes.items() <= attrs.items():
            found.append({**row, "attrs": attrs})
    return found


def events(batch: inlay.Batch, name: str) -> list[Row]:
    return [
        {**row, "attrs": json.loads(row["attrs"])}
        for row in batch.events.to_pylist()
        if row["name"] == name
    ]


def wait_for(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.005)
    return found


def ticks(gpu: Gpu, tier: str = "fast") -> int:
    return int(gpu.stats()["tasks"].get(tier, {"ticks": 0})["ticks"])
