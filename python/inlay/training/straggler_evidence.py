"""Events of the machine that may explain why a rank is late."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inlay.observer import Observer

__all__ = ["EVIDENCE", "evidence_of_window", "evidence_text"]

EVIDENCE = (
    "gpu.lost",
    "gpu.xid",
    "gpu.throttle",
    "gpu.ecc",
    "gpu.recovery",
    "nvlink.errors",
    "ib.link_down",
    "ib.congestion",
    "net.pause",
    "host.cpu_throttled",
    "host.pressure",
)
"""Names of events, the likelier causes first."""


def evidence_of_window(observer: Observer, start: float, end: float) -> list[Mapping[str, Any]]:
    """Return the events of an observer's open window that overlap a time.

    Parameters
    ----------
    observer : Observer
    start, end : float
        In Unix seconds.

    Returns
    -------
    list of dict
        ``name``, ``time``, ``end_time`` (Unix seconds), ``attrs`` (a dict) and ``body``; the
        likelier causes first.
    """
    found: list[Mapping[str, Any]] = []
    for row in observer.peek().events.to_pylist():
        if row["name"] not in EVIDENCE:
            continue
        begins = row["time"].timestamp()
        ends = begins if row["end_time"] is None else row["end_time"].timestamp()
        if begins <= end and ends >= start:
            found.append(
                {
                    "name": row["name"],
                    "time": begins,
                    "end_time": ends,
                    "attrs": json.loads(row["attrs"]),
                    "body": row["body"],
                }
            )
    return sorted(found, key=lambda one: (EVIDENCE.index(one["name"]), one["time"]))


def evidence_text(found: Iterable[Mapping[str, Any]]) -> str:
    """Return a line for people."""
    texts = []
    for one in found:
        attrs = one.get("attrs") or {}
        told = ", ".join(f"{name} {value}" for name, value in attrs.items())
        texts.append(f"{one.get('name', 'event')} ({told})" if told else str(one.get("name")))
    if not texts:
        return "nothing was found on its machine in this time"
    more = f" and {len(texts) - 8} more" if len(texts) > 8 else ""
    return "in this time: " + "; ".join(texts[:8]) + more
