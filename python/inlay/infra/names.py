"""Names of infrastructure figures in the conventions of others, by version.

inlay's own names stay as they are; what leaves through a sink may go under others. A table says,
for one version of one convention, what each figure is called there, in what unit, and how many of
its units one of ours is.

Versions: ``"otel-1.38"``, OpenTelemetry's ``hw.*`` and ``system.*`` (status: development), and
``"dcgm-exporter-4"``, the metrics of NVIDIA's exporter. A figure that a convention has no name for
is None there: throttle time by cause, for one, is nowhere in OpenTelemetry's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VERSIONS", "Renamed", "renamed"]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A figure under the name of a convention.

    Attributes
    ----------
    metric, unit : str
        As there.
    factor : float
        What a value of ours is multiplied by.
    attributes : dict of str to str
        As there.
    """

    metric: str
    unit: str
    factor: float = 1.0
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Name:
    """What a figure is called; ``when`` are attributes of ours that say which one it is."""

    metric: str
    unit: str
    factor: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Convention:
    names: Mapping[str, tuple[_Name, ...]]
    attributes: Mapping[str, Mapping[str, str]]  # by the first part of our name


def _one(
    metric: str,
    unit: str,
    factor: float = 1.0,
    attributes: Mapping[str, str] | None = None,
    **when: str,
) -> _Name:
    return _Name(metric, unit, factor, attributes or {}, when)


_GPU = {"hw.type": "gpu"}


def _error(kind: str, **when: str) -> _Name:
    return _one("hw.errors", "{error}", 1.0, {**_GPU, "error.type": kind}, **when)


_OTEL = {
    "gpu.utilization": (_one("hw.gpu.utilization", "1", 1.0, _GPU),),
    "gpu.memory.used": (_one("hw.gpu.memory.usage", "By", 1.0, _GPU),),
    "gpu.memory.total": (_one("hw.gpu.memory.limit", "By", 1.0, _GPU),),
    "gpu.power": (_one("hw.power", "W", 1.0, _GPU),),
    "gpu.energy": (_one("hw.energy", "J", 1.0, _GPU),),
    "gpu.temperature": (_one("hw.temperature", "Cel", 1.0, {"hw.type": "temperature"}),),
    "gpu.fan.speed": (_one("hw.fan.speed_ratio", "1", 1.0, {"hw.type": "fan"}),),
    "gpu.pcie.io": (
        _one(
            "hw.gpu.io",
            "By",
            1.0,
            {**_GPU, "network.io.direction": "transmit"},
            direction="transmit",
        ),
        _one(
            "hw.gpu.io", "By", 1.0, {**_GPU, "network.io.direction": "receive"}, direction="receive"
        ),
    ),
    "gpu.ecc.errors": (
        _error("corrected", type="corrected", location="total"),
        _error("uncorrected", type="uncorrected", location="total"),
    ),
    "host.cpu.time": (_one("system.cpu.time", "s"),),
    "host.cpu.utilization": (_one("system.cpu.utilization", "1"),),
    "host.memory.used": (_one("system.memory.usage", "By", 1.0, {"system.memory.state": "used"}),),
    "host.memory.available": (_one("system.memory.linux.available", "By"),),
    "host.memory.total": (_one("system.memory.limit", "By"),),
    "host.disk.io": (_one("system.disk.io", "By"),),
    "host.disk.operations": (_one("system.disk.operations", "{operation}"),),
    "host.disk.time": (_one("system.disk.operation_time", "s"),),
    "host.network.io": (_one("system.network.io", "By"),),
    "host.network.packets": (_one("system.network.packet.count", "{packet}"),),
    "host.network.errors": (_one("system.network.errors", "{error}"),),
    "host.network.dropped": (_one("system.network.packet.dropped", "{packet}"),),
    "host.temperature": (_one("hw.temperature", "Cel", 1.0, {"hw.type": "temperature"}),),
    "host.energy": (_one("hw.energy", "J", 1.0, {"hw.type": "cpu"}),),
}
_OTEL_ATTRIBUTES = {
    "gpu": {
        "gpu": "hw.id",
        "sensor": "hw.sensor_location",
        "fan": "hw.name",
        "parent": "hw.parent",
    },
    "host": {
        "device": "system.device",
        "interface": "network.interface.name",
        "mode": "cpu.mode",
        "sensor": "hw.id",
        "zone": "hw.id",
    },
}
# Which word for a direction: of disks and of networks.
_OTEL_DIRECTIONS = {"host.disk": "disk.io.direction", "host.network": "network.io.direction"}

_MIB = 1.0 / 1048576.0
_NS = 1e9


def _dcgm(name: str, unit: str, factor: float = 1.0, **when: str) -> _Name:
    return _one(f"DCGM_FI_{name}", unit, factor, None, **when)


_DCGM = {
    "gpu.utilization": (_dcgm("DEV_GPU_UTIL", "%", 100.0),),
    "gpu.memory.utilization": (_dcgm("DEV_MEM_COPY_UTIL", "%", 100.0),),
    "gpu.memory.used": (_dcgm("DEV_FB_USED", "MiBy", _MIB),),
    "gpu.memory.free": (_dcgm("DEV_FB_FREE", "MiBy", _MIB),),
    "gpu.memory.reserved": (_dcgm("DEV_FB_RESERVED", "MiBy", _MIB),),
    "gpu.memory.total": (_dcgm("DEV_FB_TOTAL", "MiBy", _MIB),),
    "gpu.power": (_dcgm("DEV_POWER_USAGE", "W"),),
    "gpu.power.limit": (_dcgm("DEV_POWER_MGMT_LIMIT", "W"),),
    "gpu.energy": (_dcgm("DEV_TOTAL_ENERGY_CONSUMPTION", "mJ", 1e3),),
    "gpu.temperature": (
        _dcgm("DEV_GPU_TEMP", "Cel", sensor="gpu"),
        _dcgm("DEV_MEMORY_TEMP", "Cel", sensor="memory"),
    ),
    "gpu.clock": (
        _dcgm("DEV_SM_CLOCK", "MHz", 1e-6, domain="sm"),
        _dcgm("DEV_MEM_CLOCK", "MHz", 1e-6, domain="memory"),
        _dcgm("DEV_VIDEO_CLOCK", "MHz", 1e-6, domain="video"),
    ),
    "gpu.pstate": (_dcgm("DEV_PSTATE", "1"),),
    "gpu.fan.speed": (_dcgm("DEV_FAN_SPEED", "%", 100.0),),
    "gpu.throttle": (
        _dcgm("DEV_POWER_VIOLATION", "ns", _NS, cause="sw_power_cap"),
        _dcgm("DEV_THERMAL_VIOLATION", "ns", _NS, cause="thermal"),
        _dcgm("DEV_SYNC_BOOST_VIOLATION", "ns", _NS, cause="sync_boost"),
        _dcgm("DEV_BOARD_LIMIT_VIOLATION", "ns", _NS, cause="board_limit"),
        _dcgm("DEV_LOW_UTIL_VIOLATION", "ns", _NS, cause="low_utilization"),
        _dcgm("DEV_RELIABILITY_VIOLATION", "ns", _NS, cause="reliability"),
    ),
    "gpu.ecc.errors": (
        _dcgm("DEV_ECC_SBE_VOL_TOTAL", "{error}", type="corrected", location="total"),
        _dcgm("DEV_ECC_DBE_VOL_TOTAL", "{error}", type="uncorrected", location="total"),
    ),
    "gpu.rows.remapped": (
        _dcgm("DEV_CORRECTABLE_REMAPPED_ROWS", "{row}", cause="corrected"),
        _dcgm("DEV_UNCORRECTABLE_REMAPPED_ROWS", "{row}", cause="uncorrected"),
        _dcgm("DEV_ROW_REMAP_PENDING", "1", cause="pending"),
        _dcgm("DEV_ROW_REMAP_FAILURE", "1", cause="failure"),
    ),
    "gpu.pages.retired": (
        _dcgm("DEV_RETIRED_SBE", "{page}", cause="corrected"),
        _dcgm("DEV_RETIRED_DBE", "{page}", cause="uncorrected"),
        _dcgm("DEV_RETIRED_PENDING", "{page}", cause="pending"),
    ),
    "gpu.pcie.io": (
        _dcgm("PROF_PCIE_TX_BYTES", "By", direction="transmit"),
        _dcgm("PROF_PCIE_RX_BYTES", "By", direction="receive"),
    ),
    "gpu.pcie.replays": (_dcgm("DEV_PCIE_REPLAY_COUNTER", "{replay}"),),
    "gpu.pcie.generation": (_dcgm("DEV_PCIE_LINK_GEN", "1"),),
    "gpu.pcie.width": (_dcgm("DEV_PCIE_LINK_WIDTH", "{lane}"),),
    "gpu.nvlink.io": (
        _dcgm("PROF_NVLINK_TX_BYTES", "By", direction="transmit"),
        _dcgm("PROF_NVLINK_RX_BYTES", "By", direction="receive"),
    ),
    "gpu.sm.activity": (_dcgm("PROF_SM_ACTIVE", "1"),),
    "gpu.sm.occupancy": (_dcgm("PROF_SM_OCCUPANCY", "1"),),
    "gpu.tensor.activity": (_dcgm("PROF_PIPE_TENSOR_ACTIVE", "1"),),
    "gpu.dram.activity": (_dcgm("PROF_DRAM_ACTIVE", "1"),),
    "gpu.fp16.activity": (_dcgm("PROF_PIPE_FP16_ACTIVE", "1"),),
    "gpu.fp32.activity": (_dcgm("PROF_PIPE_FP32_ACTIVE", "1"),),
    "gpu.fp64.activity": (_dcgm("PROF_PIPE_FP64_ACTIVE", "1"),),
    "gpu.int.activity": (_dcgm("PROF_PIPE_INT_ACTIVE", "1"),),
}

_CONVENTIONS = {
    "otel-1.38": _Convention(_OTEL, _OTEL_ATTRIBUTES),
    "dcgm-exporter-4": _Convention(_DCGM, {"gpu": {"gpu": "UUID", "gpu_instance": "GPU_I_ID"}}),
}

VERSIONS = tuple(_CONVENTIONS)
"""The versions there are tables of."""


def renamed(metric: str, attributes: Mapping[str, str], version: str) -> Renamed | None:
    """Return what a series is called in a convention.

    Parameters
    ----------
    metric : str
        Our name: ``"gpu.power"``.
    attributes : mapping of str to str
        Of the series.
    version : str
        One of `VERSIONS`.

    Returns
    -------
    Renamed or None
        None where the convention has no name for it.

    Raises
    ------
    InvalidArgumentError
        If there is no such version.

    Examples
    --------
    >>> from inlay.infra.names import renamed
    >>> name = renamed("gpu.energy", {"gpu": "GPU-1"}, "dcgm-exporter-4")
    >>> name.metric, name.unit, name.factor, name.attributes
    ('DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION', 'mJ', 1000.0, {'UUID': 'GPU-1'})
    >>> renamed("gpu.energy", {"gpu": "GPU-1"}, "otel-1.38").metric
    'hw.energy'
    """
    convention = _CONVENTIONS.get(version)
    if convention is None:
        message = f"version must be one of {', '.join(VERSIONS)}, got {version!r}"
        raise InvalidArgumentError(message)
    for name in convention.names.get(metric, ()):
        if not name.when.items() <= attributes.items():
            continue
        words = dict(convention.attributes.get(metric.split(".", 1)[0], {}))
        if convention.names is _OTEL:
            for prefix, word in _OTEL_DIRECTIONS.items():
                if metric.startswith(prefix):
                    words["direction"] = word
        kept = {
            words.get(key, key): value for key, value in attributes.items() if key not in name.when
        }
        return Renamed(name.metric, name.unit, name.factor, {**kept, **name.attributes})
    return None
