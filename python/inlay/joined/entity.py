"""What a row is about: a host, a GPU, a rank, a link; read from its attributes and resource."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.joined.happenings import Happening
    from inlay.joined.scoring import Focus

__all__ = ["Entity", "Places", "cause_of", "entity_of", "known_places", "members", "unsaid"]

_GPU = ("gpu", "gpu.uuid", "hw.id")
_HOST = ("host", "host.name", "node", "k8s.node.name")
_RANK = ("rank", "process.rank")
# What else tells one thing from another on a host, in the order in which it is shown.
_PARTS = ("device", "port", "link", "node", "sensor", "zone", "interface", "column", "route")
_SAID = frozenset((*_GPU, *_HOST, *_RANK, *_PARTS))
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


class Places(NamedTuple):
    """The hosts, GPUs and ranks that rows name."""

    hosts: frozenset[str]
    gpus: frozenset[str]
    ranks: frozenset[str]


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


def unsaid(attrs: Mapping[str, str]) -> str:
    """Return the attributes that the text of their `Entity` does not say, or nothing."""
    return ", ".join(
        f"{name}={value}" for name, value in sorted(attrs.items()) if name not in _SAID
    )


def known_places(
    tables: Iterable[pa.Table | None], found: Iterable[Happening], focus: Focus
) -> Places:
    """Return the places that rows, events and the focus of a question name.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        With columns ``attrs`` and ``resource``, and ``rank`` if it is a column of its own.
    found : iterable of Happening
    focus : Focus
    """
    hosts, gpus, ranks = set(focus.hosts), set(focus.gpus), set(focus.ranks)
    pairs = {(json.dumps(dict(one.attrs)), one.resource) for one in found}
    for table in tables:
        if table is None:
            continue
        rows = table.group_by(["attrs", "resource"]).aggregate([]).to_pylist()
        pairs.update((row["attrs"] or "{}", row["resource"] or "{}") for row in rows)
        if "rank" in table.column_names:
            numbers = table["rank"].unique().to_pylist()
            ranks.update(str(number) for number in numbers if number is not None)
    for attrs, resource in pairs:
        entity = entity_of(members(attrs), members(resource))
        for names, name in ((hosts, entity.host), (gpus, entity.gpu), (ranks, entity.rank)):
            if name is not None:
                names.add(name)
    return Places(frozenset(hosts), frozenset(gpus), frozenset(ranks))


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((found[name] for name in names if found.get(name)), None)
