"""What the environment and the cgroups say of the job that a process belongs to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inlay.infra.job_gpus import gpus_of_process

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LATEST_S", "JobFacts", "job_facts"]

LATEST_S = 60.0
"""How far in the future a moment that has been may lie, by clocks that differ."""

# Unix seconds before and after which nothing is a time of a job, but milliseconds are, say.
_FIRST_S, _LAST_S = 1e8, 1e11
# Longer ones are no names, and would be in every row.
_LONGEST = 256
_POD_UID = re.compile(
    r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})"
    r"(?:\.slice)?(?=/|$)",
    re.IGNORECASE,
)
_CONTAINER = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?=/|$)")
_SLURM = {
    "slurm.job.id": "SLURM_JOB_ID",
    "slurm.job.name": "SLURM_JOB_NAME",
    "slurm.job.partition": "SLURM_JOB_PARTITION",
    "slurm.job.account": "SLURM_JOB_ACCOUNT",
    "slurm.cluster.name": "SLURM_CLUSTER_NAME",
    "slurm.step.id": "SLURM_STEP_ID",
    "slurm.node.name": "SLURMD_NODENAME",
    "slurm.array.job.id": "SLURM_ARRAY_JOB_ID",
    "slurm.array.task.id": "SLURM_ARRAY_TASK_ID",
}
# Kubernetes' downward API fills variables whose names the pod's author chooses; these are usual.
_KUBERNETES = {
    "k8s.pod.name": ("POD_NAME", "K8S_POD_NAME", "MY_POD_NAME"),
    "k8s.pod.uid": ("POD_UID", "K8S_POD_UID", "MY_POD_UID"),
    "k8s.namespace.name": ("POD_NAMESPACE", "K8S_NAMESPACE", "MY_POD_NAMESPACE"),
    "k8s.node.name": ("NODE_NAME", "K8S_NODE_NAME", "MY_NODE_NAME"),
    "k8s.job.name": ("K8S_JOB_NAME", "JOB_NAME"),
}


class JobFacts(NamedTuple):
    """What is known of a job; None where nothing says it.

    Attributes
    ----------
    scheduler : str or None
        ``"slurm"`` or ``"kubernetes"``.
    job_id : str or None
        Slurm's number, or the pod's uid.
    rank, ranks, nodes : int or None
        Of this process, and how many there are.
    gpus : int or None
        Those that this process holds: of the GPUs that it shares with others of its node its part.
        See `inlay.infra.job_gpus.gpus_of_process` for what is asked.
    restarts : int or None
        How often the scheduler has begun the job anew.
    submitted, started, ends : float or None
        When it was handed in, begun, and will be ended, in Unix seconds.
    attributes : dict of str to str
        For the resource.
    ignored : dict of str to str
        By variable a line on what says nothing that can be used.
    """

    scheduler: str | None
    job_id: str | None
    rank: int | None
    ranks: int | None
    nodes: int | None
    gpus: int | None
    restarts: int | None
    submitted: float | None
    started: float | None
    ends: float | None
    attributes: dict[str, str]
    ignored: dict[str, str]


def job_facts(
    environ: Mapping[str, str] | None = None, *, root: str | os.PathLike[str] = "/"
) -> JobFacts:
    """Read the environment and the cgroups. What is malformed is in `ignored`; nothing is raised.

    Parameters
    ----------
    environ : mapping of str to str, optional
        ``os.environ`` unless given.
    root : str or os.PathLike, default "/"
        Where ``proc`` and ``var`` lie.
    """
    env = os.environ if environ is None else environ
    attributes: dict[str, str] = {}
    slurm = "SLURM_JOB_ID" in env
    if slurm:
        for name, variable in _SLURM.items():
            _put(attributes, name, env.get(variable))
    pod = _kubernetes(env, Path(root))
    attributes |= pod
    job_id = attributes.get("slurm.job.id") or attributes.get("k8s.pod.uid")
    scheduler = "slurm" if slurm else "kubernetes" if pod else None
    ignored: dict[str, str] = {}
    latest = time.time() + LATEST_S
    return JobFacts(
        scheduler=scheduler,
        job_id=job_id,
        rank=_first(env, ignored, "RANK", "SLURM_PROCID", "JOB_COMPLETION_INDEX"),
        ranks=_first(env, ignored, "WORLD_SIZE", "SLURM_NTASKS"),
        nodes=_first(env, ignored, "SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
        gpus=gpus_of_process(env, Path(root), ignored),
        restarts=_first(env, ignored, "SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"),
        submitted=_moment(env, ignored, "INLAY_JOB_SUBMITTED", latest),
        started=_moment(env, ignored, "SLURM_JOB_START_TIME", latest),
        ends=_moment(env, ignored, "SLURM_JOB_END_TIME", _LAST_S),
        attributes=attributes,
        ignored=ignored,
    )


def _put(attributes: dict[str, str], name: str, text: str | None) -> None:
    if text and len(text) <= _LONGEST and text.isprintable():
        attributes[name] = text


def _first(env: Mapping[str, str], ignored: dict[str, str], *names: str) -> int | None:
    for name in names:
        text = env.get(name, "").strip()
        if text.isascii() and text.isdecimal() and len(text) <= 9:
            return int(text)
        if text:
            ignored[name] = f"{name} is no number: {text[:_LONGEST]!r}"
    return None


def _moment(
    env: Mapping[str, str], ignored: dict[str, str], name: str, latest: float
) -> float | None:
    """Return Unix seconds; 0, which Slurm says where it does not know, is no moment."""
    text = env.get(name, "").strip()
    if text in ("", "0"):
        return None
    try:
        moment = float(text)
    except ValueError:
        moment = 0.0
    if _FIRST_S < moment < latest:
        return moment
    what = "lies in the future, as" if latest <= moment < _LAST_S else "says no"
    ignored[name] = f"{name} {what} Unix seconds: {text[:_LONGEST]!r}"
    return None


def _kubernetes(env: Mapping[str, str], root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    cgroup = _read(root / "proc/self/cgroup")
    uid = _POD_UID.search(cgroup) if "kubepods" in cgroup else None
    if uid is None:
        mounts = _read(root / "proc/self/mountinfo")  # where the cgroups have a namespace
        uid = _POD_UID.search(mounts.replace(" ", "/")) if "kubepods" in mounts else None
    if "KUBERNETES_SERVICE_HOST" not in env and uid is None:
        return found
    for name, variables in _KUBERNETES.items():
        _put(found, name, next((env[one] for one in variables if env.get(one)), None))
    if uid is not None:
        found.setdefault("k8s.pod.uid", _uid_text(uid.group(1)))
    container = _CONTAINER.search(cgroup.replace("\n", "/"))
    if container is not None:
        found["container.id"] = container.group(1)
    account = root / "var/run/secrets/kubernetes.io/serviceaccount/namespace"
    if "k8s.namespace.name" not in found:
        _put(found, "k8s.namespace.name", _read(account).strip())
    if "k8s.pod.name" not in found:
        _put(found, "k8s.pod.name", env.get("HOSTNAME"))
    return found


def _uid_text(text: str) -> str:
    plain = text.lower().replace("_", "-")
    if "-" in plain:
        return plain
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
