"""Libraries that a test needs and a machine may lack."""

from __future__ import annotations

import warnings
from typing import Any

import pytest


def imported(name: str) -> Any:
    """Import a library whose own warnings are not ours to mend, or skip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed")
