"""What the installation tests share: the wheel, and a fresh environment outside the tree."""

from __future__ import annotations

import os
import shlex
import sys
import venv
from pathlib import Path

import pytest

from stranger import ROOT, Installed, run

# The first test that asks for a fixture compiles everything.
BUILD_TIMEOUT_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


def compiling() -> dict[str, str]:
    """Return how this run compiles, which changes nothing in what a stranger gets."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "CMAKE_ARGS" or name.endswith("_COMPILER_LAUNCHER") or name.startswith("CCACHE_")
    }


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Build the wheel as `pip install .` does, with build requirements of its own."""
    directory = ROOT / "dist"
    for old in directory.glob("inlay-*.whl"):
        old.unlink()
    # The build folder of an editable install is configured for that one's temporary paths.
    run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", directory, ".",
        "-Cbuild-dir=build/wheel-{wheel_tag}", cwd=ROOT, **compiling(),
    )  # fmt: skip
    (built,) = directory.glob("inlay-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, cwd=home)
    return Installed(python, home)


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cmake --install` into a prefix, which is then moved: no path in it may be absolute."""
    directory = tmp_path_factory.mktemp("prefix")
    build = ROOT / "build" / "release"
    options = shlex.split(os.environ.get("CMAKE_ARGS", ""))
    run("cmake", "--preset", "release", *options, cwd=ROOT, **compiling())
    run("cmake", "--build", build, cwd=ROOT, **compiling())
    run("cmake", "--install", build, "--prefix", directory / "first", cwd=ROOT)
    return (directory / "first").rename(directory / "moved")
