"""What a process runs on: its GPUs, host, fabric and job."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.infra.job import Job
    from inlay.infra.job_facts import JobFacts

# Public name -> the module that defines it.
_HOMES = {
    "Job": "inlay.infra.job",
    "JobFacts": "inlay.infra.job_facts",
}

__all__ = ["Job", "JobFacts"]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
