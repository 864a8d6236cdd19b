"""What the poller of GPUs declares of the driver's interface is as the vendor has it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def vendor_header() -> Path:
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    headers = [header for place in places for header in place.glob("cu*/include/nvml.h")]
    if not headers:
        pytest.skip("nvidia-nvml-dev is not installed")
    return headers[0]


def test_sizes_places_and_numbers_are_the_vendors() -> None:
    compiler = shutil.which("c++") or pytest.skip("no C++ compiler")
    folders = [vendor_header().parent, ROOT / "cpp/src"]
    command = [compiler, "-std=c++20", "-fsyntax-only", *(f"-I{folder}" for folder in folders)]
    source = ROOT / "tests/nvml/poller_layouts.cpp"
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
