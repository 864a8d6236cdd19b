"""How far a piece of work raises the resident memory of the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["peak_mib"]


def _status_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise ValueError(f"no such line in /proc/self/status: {field!r}")


def peak_mib(work: Callable[[], object]) -> float:
    """Return by how much the resident memory rose above its start while `work` ran."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark
    before = _status_kib("VmRSS")
    work()
    return (_status_kib("VmHWM") - before) / 1024
