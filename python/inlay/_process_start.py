"""When this process began, in Unix time."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["process_start"]


def process_start(root: str | os.PathLike[str] = "/") -> float | None:
    """Return when this process was started, in Unix seconds.

    Parameters
    ----------
    root : str or os.PathLike, default "/"
        Where ``proc`` lies.

    Returns
    -------
    float or None
        Within a hundredth of a second; None where ``/proc`` does not say.
    """
    proc = Path(root) / "proc"
    try:
        # The name of the command stands in parentheses and may hold anything.
        fields = (proc / "self/stat").read_text().rpartition(")")[2].split()
        age = float((proc / "uptime").read_text().split()[0])
        ticks = int(fields[19])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - max(0.0, age - ticks / os.sysconf("SC_CLK_TCK"))
