"""Commands run as someone else would, who has the wheel and nothing of the source tree."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command as a stranger would: none of this project's settings in its environment."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "CC", "CXX")
        if name in os.environ
    }
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, **pip, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}"
    return result.stdout.strip()


@dataclass(frozen=True)
class Installed:
    """A fresh virtual environment that holds the wheel and what the wheel asks for."""

    python: Path
    home: Path

    def __call__(self, *arguments: str | Path) -> str:
        return run(self.python, *arguments, cwd=self.home)
