"""Peers that cannot live in our environment (they need an old numpy): one of their own for them.

``make bench`` makes it at ``.venv-elsewhere``; ``elsewhere_peers.py`` is what runs in it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from harness import CASE_SECONDS, Run

__all__ = ["elsewhere"]

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parent / ".venv-elsewhere" / "bin" / "python"


def elsewhere(run: Run, work: str, **options: Any) -> dict[str, Any]:
    """Run one function of ``elsewhere_peers.py`` there and return what it printed as JSON."""
    if not PYTHON.exists():
        raise FileNotFoundError(f"no environment for {run.peer}: make .venv-elsewhere/stamp")
    command = [str(PYTHON), str(HERE / "elsewhere_peers.py"), work, json.dumps(options)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CASE_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [work])[-1])
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
