"""Names of figures of the infrastructure elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import inlay
from inlay.infra import names

ROOT = Path(__file__).parents[2]


def test_units_are_converted() -> None:
    found = names.renamed("gpu.memory.used", {"gpu": "GPU-1"}, "dcgm-exporter-4")
    assert found == names.Renamed("DCGM_FI_DEV_FB_USED", "MiBy", 2**-20, {"UUID": "GPU-1"})


def test_attributes_that_choose_the_name_are_not_repeated() -> None:
    attributes = {"gpu": "GPU-1", "cause": "thermal"}
    found = names.renamed("gpu.throttle", attributes, "dcgm-exporter-4")
    assert found is not None
    assert found.metric == "DCGM_FI_DEV_THERMAL_VIOLATION"
    assert found.factor == 1e9
    assert found.attributes == {"UUID": "GPU-1"}


def test_directions_are_those_of_the_device() -> None:
    disk = names.renamed("host.disk.io", {"device": "sda", "direction": "read"}, "otel-1.38")
    assert disk is not None
    assert disk.attributes == {"system.device": "sda", "disk.io.direction": "read"}
    gpu = names.renamed("gpu.pcie.io", {"gpu": "GPU-1", "direction": "receive"}, "otel-1.38")
    assert gpu is not None
    assert gpu.metric == "hw.gpu.io"
    assert gpu.attributes == {
        "hw.id": "GPU-1",
        "hw.type": "gpu",
        "network.io.direction": "receive",
    }


@pytest.mark.parametrize("version", names.VERSIONS)
def test_what_has_no_name_there_is_none(version: str) -> None:
    assert names.renamed("gpu.nothing", {}, version) is None


def test_throttle_time_has_no_name_in_opentelemetry() -> None:
    assert names.renamed("gpu.throttle", {"cause": "thermal"}, "otel-1.38") is None


def test_another_version_is_refused() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="'dcgm'"):
        names.renamed("gpu.power", {}, "dcgm")


def test_every_gpu_metric_of_the_tables_is_one_of_ours() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "cpp/src/infra").glob("gpu_*.?pp")))
    ours = set(re.findall(r'"(gpu\.[a-z0-9_.]+)"', text))
    tables = {name for table in (names._OTEL, names._DCGM) for name in table}
    assert {name for name in tables if name.startswith("gpu.")} <= ours
