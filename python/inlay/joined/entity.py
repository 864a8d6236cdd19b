"""What a row is about: a host, a GPU, a rank, a link; read from its attributes and resource."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Entity", "cause_of", "entity_of", "members"]

_GPU = ("gpu", "gpu.uuid", "hw.id")
_HOST = ("host", "host.name", "node", "k8s.node.name")
_RANK = ("rank", "process.rank")
# What else tells one thing from another on a host, in the order in which it is shown.
_PARTS = ("device", "port", "link", "node", "sensor", "zone", "interface", "column", "route")
_CAUSES = ("cause", "kind", "reason", "phase", "error.type", "resource")


class Entity(NamedTuple):
    """What something happened to; None where the row does not say.

    Attributes
    ----------
    host, gpu, rank : str or None
    text : str
        For people.
    """

    host: str | None
    gpu: str | None
    rank: str | None
    text: str


@functools.lru_cache(maxsize=4096)
def members(canonical: str) -> Mapping[str, str]:
    """Return the members of canonical JSON; none of what is no object. Not to be changed."""
    try:
        found = json.loads(canonical)
    except ValueError:
        return {}
    return {k: str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def entity_of(attrs: Mapping[str, str], resource: Mapping[str, str]) -> Entity:
    """Return what a row with these attributes is about.

    The attributes come before the resource, which is that of the process that wrote the row.
    """
    gpu, host, rank = (_first(attrs, names) for names in (_GPU, _HOST, _RANK))
    host = host or _first(resource, _HOST)
    rank = rank or _first(resource, _RANK)
    if gpu is None:
        gpu = _first(resource, _GPU)
    words = []
    if gpu is not None:
        words.append(f"GPU {gpu}")
    words.extend(f"{name} {attrs[name]}" for name in _PARTS if name in attrs)
    if rank is not None:
        words.append(f"rank {rank}")
    if host is not None:
        words.append(f"on {host}" if words else f"host {host}")
    return Entity(host, gpu, rank, " ".join(words) or "this service")


def cause_of(attrs: Mapping[str, str]) -> str:
    """Return the attribute that says why, or nothing."""
    if "xid" in attrs:
        return f"Xid {attrs['xid']}"
    return _first(attrs, _CAUSES) or ""


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((found[name] for name in names if found.get(name)), None)
