"""What a process runs on: GPUs, hosts, fabric and jobs."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.infra.all_reduce import AllReduceProbe
    from inlay.infra.fabric import Fabric
    from inlay.infra.gpu import Gpu, GpuDevice, GpuEvent
    from inlay.infra.host import Host
    from inlay.infra.job import Job
    from inlay.infra.job_facts import JobFacts
    from inlay.infra.ping_mesh import PingMesh

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "AllReduceProbe": "inlay.infra.all_reduce",
    "Fabric": "inlay.infra.fabric",
    "Gpu": "inlay.infra.gpu",
    "GpuDevice": "inlay.infra.gpu",
    "GpuEvent": "inlay.infra.gpu",
    "Host": "inlay.infra.host",
    "Job": "inlay.infra.job",
    "JobFacts": "inlay.infra.job_facts",
    "PingMesh": "inlay.infra.ping_mesh",
}

__all__ = [
    "AllReduceProbe",
    "Fabric",
    "Gpu",
    "GpuDevice",
    "GpuEvent",
    "Host",
    "Job",
    "JobFacts",
    "PingMesh",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
