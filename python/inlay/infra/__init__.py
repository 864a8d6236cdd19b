"""What a process runs on: GPUs, hosts, fabric and jobs."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.infra.gpu import Gpu, GpuDevice, GpuEvent

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "Gpu": "inlay.infra.gpu",
    "GpuDevice": "inlay.infra.gpu",
    "GpuEvent": "inlay.infra.gpu",
}

__all__ = ["Gpu", "GpuDevice", "GpuEvent"]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
