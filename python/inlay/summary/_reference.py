"""Content hashes of what a summary's counts refer to, so that only like rows are added up."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from inlay._exceptions import InvalidArgumentError

_DIGITS = 16  # 64 bits: a million references collide with a chance below 1e-7


def hash_of_edges(edges: Sequence[float]) -> str:
    """Hash ``"edges"``, 0x1f and the edges as little-endian float64."""
    content = b"edges\x1f" + struct.pack(f"<{len(edges)}d", *edges)
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def hash_of_names(names: Sequence[str]) -> str:
    """Hash ``"categories"``, 0x1f and the names as canonical JSON (RFC 8785)."""
    text = json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(b"categories\x1f" + text.encode()).hexdigest()[:_DIGITS]


def check_reference_id(row: Mapping[str, Any], expected: str) -> None:
    """Refuse a row whose ``reference_id`` is not that of its own edges or names."""
    found = row.get("reference_id")
    if found is not None and found != expected:
        message = f"reference_id must be that of the row's reference, {expected!r}: {found!r}"
        raise InvalidArgumentError(message)


def counts_of(row: Mapping[str, Any]) -> list[int]:
    """Return the ``counts`` of a row; refuse a null or negative one by its position."""
    counts: list[int] = row.get("counts") or []
    for position, count in enumerate(counts):
        if count is None or count < 0:
            message = f"counts must be 0 or more; at position {position}: {count!r}"
            raise InvalidArgumentError(message)
    return counts
