"""How many GPUs a process holds, by what its environment says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GPU_VARIABLES", "gpus_of_process"]

GPU_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "SLURM_GPUS_PER_TASK",
    "SLURM_STEP_GPUS",
    "SLURM_JOB_GPUS",
    "SLURM_GPUS_ON_NODE",
    "SLURM_GPUS_PER_NODE",
    "SLURM_GPUS",
    "NVIDIA_VISIBLE_DEVICES",
)
"""What is asked, in this order: the first that says a number counts."""

_MOST = 4096
_DEVICE = re.compile(r"\d{1,9}|(?:GPU|MIG)-[0-9A-Za-z/-]+")
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_TYPED = re.compile(r"(?:[\w.-]+:)*(\d{1,9})")
_TASKS = re.compile(r"(\d{1,9})(?:\(x\d{1,9}\))?")

# Of which GPUs a variable speaks.
_OWN = {"SLURM_GPUS_PER_TASK"}
_NODE = {"SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_NODE"}


def gpus_of_process(env: Mapping[str, str], root: Path, ignored: dict[str, str]) -> int | None:
    """Return how many GPUs a process holds, or None if nothing says it.

    GPUs that several processes of a node see alike are shared out between them.

    Parameters
    ----------
    env : mapping of str to str
        `GPU_VARIABLES`, and how many processes a node has: ``LOCAL_WORLD_SIZE``, else
        ``SLURM_NTASKS_PER_NODE``, ``SLURM_STEP_TASKS_PER_NODE`` or ``SLURM_TASKS_PER_NODE``.
    root : Path
        Where ``proc`` lies, in which all GPUs of a container are counted.
    ignored : dict of str to str
        Gets a line by variable of what says no number.

    Notes
    -----
    1. ``CUDA_VISIBLE_DEVICES``, as CUDA reads it. They are shared where there are as many as
       processes, or more, and not fewer than the node has for the job.
    2. ``SLURM_GPUS_PER_TASK``, shared by what ``torchrun`` started in the task.
    3. The node's, shared by its processes: ``SLURM_STEP_GPUS`` and ``SLURM_JOB_GPUS`` (numbers and
       ranges of them), ``SLURM_GPUS_ON_NODE``, ``SLURM_GPUS_PER_NODE``, and ``SLURM_GPUS`` by the
       number of nodes.
    4. ``NVIDIA_VISIBLE_DEVICES`` of a container, shared by its processes.

    Where they cannot be shared out evenly it is not known.
    """
    counts: dict[str, int] = {}
    for name in GPU_VARIABLES:
        text = env.get(name)
        if text is None or (not text.strip() and name != "CUDA_VISIBLE_DEVICES"):
            continue
        try:
            count = _READERS[name](text.strip(), env, root)
        except ValueError:
            ignored[name] = f"{name} says no number of GPUs: {text[:256]!r}"
            continue
        if count is not None:
            counts[name] = min(_MOST, count)
    if not counts:
        return None
    name, count = next(iter(counts.items()))
    processes = _processes(env, name)
    if name == "CUDA_VISIBLE_DEVICES":
        node = max((counts[one] for one in _NODE if one in counts), default=0)
        if count < processes or count < node:
            return count
    if processes == 0 or count % processes:
        return None
    return count // processes


def _processes(env: Mapping[str, str], name: str) -> int:
    """Return how many processes share the GPUs that a variable speaks of; 0: it is not known."""
    of_torchrun = _TASKS.fullmatch(env.get("LOCAL_WORLD_SIZE", "").strip())
    if of_torchrun:
        return max(1, int(of_torchrun[1]))
    if name in _OWN:
        return 1
    for variable in ("SLURM_NTASKS_PER_NODE", "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"):
        text = env.get(variable, "").strip()
        if text:
            alike = _TASKS.fullmatch(text)
            return int(alike[1]) if alike else 0
    return 1


def _visible(text: str, _env: Mapping[str, str], _root: Path) -> int:
    """Count as CUDA does: up to the first that is no device, and none if one is named twice."""
    devices: list[str] = []
    for part in text.split(","):
        device = part.strip()
        if not _DEVICE.fullmatch(device):
            break
        devices.append(device)
    return len(devices) if len(set(devices)) == len(devices) else 0


def _listed(text: str, _env: Mapping[str, str], _root: Path) -> int:
    """Count numbers and ranges: ``0-3,7``."""
    found: set[int] = set()
    for part in text.split(","):
        ends = _RANGE.fullmatch(part.strip())
        if ends is None:
            raise ValueError(text)
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if last < first or last - first >= _MOST:
            raise ValueError(text)
        found.update(range(first, last + 1))
    return len(found)


def _number(text: str, _env: Mapping[str, str], _root: Path) -> int:
    """Add up numbers, which may have types before them: ``a100:2,v100:1``."""
    parts = [_TYPED.fullmatch(part.strip()) for part in text.split(",")]
    if any(part is None for part in parts):
        raise ValueError(text)
    return sum(int(part[1]) for part in parts if part is not None)


def _of_job(text: str, env: Mapping[str, str], root: Path) -> int | None:
    """Return a node's part of all GPUs of a job."""
    total = _number(text, env, root)
    nodes = _TASKS.fullmatch(env.get("SLURM_NNODES", env.get("SLURM_JOB_NUM_NODES", "1")).strip())
    count = max(1, int(nodes[1])) if nodes else 1
    return total // count if total % count == 0 else None


def _of_container(text: str, env: Mapping[str, str], root: Path) -> int | None:
    if text == "void":
        return None
    if text == "none":
        return 0
    if text == "all":
        try:
            return sum(1 for _ in (root / "proc/driver/nvidia/gpus").iterdir()) or None
        except OSError:
            return None
    count = _visible(text, env, root)
    if count != len(text.split(",")):
        raise ValueError(text)
    return count


_READERS: dict[str, Callable[[str, Mapping[str, str], Path], int | None]] = {
    "CUDA_VISIBLE_DEVICES": _visible,
    "SLURM_GPUS_PER_TASK": _number,
    "SLURM_STEP_GPUS": _listed,
    "SLURM_JOB_GPUS": _listed,
    "SLURM_GPUS_ON_NODE": _number,
    "SLURM_GPUS_PER_NODE": _number,
    "SLURM_GPUS": _of_job,
    "NVIDIA_VISIBLE_DEVICES": _of_container,
}
