"""The score that ranks evidence: the same numbers for the same evidence, always.

::

    score = directness · specificity · (0.40 · severity + 0.35 · overlap + 0.25 · size)

All five are between 0 and 1. *Directness* says whether evidence of this kind causes, or is a
consequence of something else; *specificity* whether it happened where the request was. They
multiply: what happened on another GPU is no explanation, however bad it was. The others weigh how
bad it was, how well it fits in time, and how much of it there was. Of a happening that lasted
longer than the request and a second, *overlap* is divided by 1 + log10 of how many times: what went
on all the while explains less of what was slow just then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "CONSEQUENCES",
    "Focus",
    "brevity",
    "directness_of_event",
    "directness_of_point",
    "directness_of_verdict",
    "score",
    "severity_share",
    "specificity",
]

_SEVERITY, _OVERLAP, _SIZE = 0.40, 0.35, 0.25

CONSEQUENCES = ("health.changed", "retrain.requested", "checkpoint.advised")
"""Events that follow from what was seen; they explain nothing."""

# Changes that somebody made; named by whoever makes them, in any layer, with or without a prefix.
_CHANGES = (
    "deploy",
    "deployment",
    "rollout",
    "release",
    "maintenance",
    "config.changed",
    "model.version",
    "dataset.version",
)
_PREFIXED_CHANGES = tuple(f".{name}" for name in _CHANGES)

_EVENTS = {"infra": 1.0, "training": 0.8, "data": 0.7, "model": 0.6, "app": 0.5}
_POINTS = {"infra": 0.5, "training": 0.45, "data": 0.4, "model": 0.35, "app": 0.35}


class Focus(NamedTuple):
    """Where the request, or step, was: what is known of it. Empty sets where nothing is.

    Attributes
    ----------
    hosts, gpus, ranks : frozenset of str
        Names of hosts, UUIDs of GPUs, ranks of a distributed job.
    origins : frozenset of int
        Process incarnations.
    traces : frozenset of str
        Trace ids.
    """

    hosts: frozenset[str] = frozenset()
    gpus: frozenset[str] = frozenset()
    ranks: frozenset[str] = frozenset()
    origins: frozenset[int] = frozenset()
    traces: frozenset[str] = frozenset()


def severity_share(number: int) -> float:
    """Return OpenTelemetry's severity, 1 to 24, as a share: 0.45 info, 0.65 warning, 0.85 error."""
    return min(1.0, max(0.0, number / 20.0))


def specificity(
    focus: Focus,
    *,
    host: str | None,
    gpu: str | None,
    rank: str | None,
    origin: int | None,
    trace: str | None = None,
) -> float:
    """Return how surely something happened where the request was.

    ======================================================  =====
    what is known                                           value
    ======================================================  =====
    it carries the request's own trace id                   1
    the same GPU, or the same rank                          1
    the same process, and it is of no GPU or rank           0.85
    the same process, and of which GPU is not known         0.75
    the same host                                           0.7
    nothing that can be compared                            0.5
    another GPU or rank                                     0.2
    another host                                            0.1
    ======================================================  =====
    """
    if trace is not None and trace in focus.traces:
        return 1.0
    if gpu is not None and gpu in focus.gpus:
        return 1.0
    if host is not None and focus.hosts and host not in focus.hosts:
        return 0.1
    if gpu is not None and focus.gpus:
        return 0.2
    if rank is not None and focus.ranks:
        return 1.0 if rank in focus.ranks else 0.2
    if origin is not None and origin in focus.origins:
        return 0.85 if gpu is None and rank is None else 0.75
    if host is not None and focus.hosts:
        return 0.7
    return 0.5


def brevity(span_us: int, length_us: int) -> float:
    """Return 1 of what lasted no longer than the request, or than a second, and less of longer."""
    return 1.0 / (1.0 + math.log10(max(1.0, length_us / max(span_us, 1_000_000))))


def directness_of_event(layer: str, name: str, *, own_trace: bool) -> float:
    """Return how directly an event of this name can be a cause.

    Those of GPUs, hosts and the fabric 1; a straggler 0.9; changes that somebody made (a deploy, a
    new version, maintenance) 0.8, as what training does; schema changes and the like 0.7; those of
    a model 0.6; others 0.5; what the request itself logged, a symptom, 0.45; what the library says
    of itself, and what follows from other evidence, 0.1.
    """
    if layer == "self" or name.startswith("inlay.") or name in CONSEQUENCES:
        return 0.1
    if name in _CHANGES or name.endswith(_PREFIXED_CHANGES):
        return 0.8
    if name == "training.straggler":
        return 0.9
    if own_trace and layer == "app":
        return 0.45
    return _EVENTS.get(layer, 0.5)


def directness_of_point(layer: str) -> float:
    """Return how directly an unusual value explains: 0.5 for infra, less above it."""
    return _POINTS.get(layer, 0.3)


def directness_of_verdict(layer: str) -> float:
    """Return how directly a verdict explains: 0.6 for data, whose drift has a cause elsewhere."""
    return {"infra": 0.7, "training": 0.6, "data": 0.6, "model": 0.45}.get(layer, 0.45)


def score(factors: Mapping[str, float]) -> float:
    """Return the score of ``directness``, ``specificity``, ``severity``, ``overlap``, ``size``."""
    weighed = (
        _SEVERITY * factors["severity"] + _OVERLAP * factors["overlap"] + _SIZE * factors["size"]
    )
    return round(factors["directness"] * factors["specificity"] * weighed, 6)
