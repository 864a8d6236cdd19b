"""Runs a script in a process of its own: what spoils a CUDA context must not spoil the others."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(script: str, *, seconds: float = 120) -> str:
    """Return what the script printed; fail with what it said if it ended otherwise than by 0."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
    return done.stdout.strip()
