"""Command lines of this program, to be shown and copied."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["command_line", "program"]


def program() -> str:
    """Give this program's name, or its path where the shell would not find it by name."""
    beside = Path(sys.executable).with_name("inlay")
    if shutil.which("inlay") is None and beside.exists():
        here = Path.cwd()
        return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))
    return "inlay"


def command_line(words: Iterable[object]) -> str:
    """Give a command line for a POSIX shell that runs this program with some words."""
    return f"{program()} {shlex.join(str(word) for word in words)}"
