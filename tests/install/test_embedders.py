"""A stranger's C++ project finds, links and runs inlay by each way we offer."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from stranger import Installed, run

CONSUMER = Path(__file__).with_name("consumer")
CXX = os.environ.get("CXX", "c++")
# The pip-installed pkg-config, so that the test needs nothing of the machine.
PKG_CONFIG = Path(sys.executable).with_name("pkgconf")


def check(output: str) -> dict[str, str]:
    facts = dict(line.split(" ", 1) for line in output.splitlines())
    assert facts["records"] == "4"
    assert int(facts["columns"]) > 10
    assert "'not a name'" in facts["error"]
    return facts


def build_by_cmake(directory: Path, *options: str) -> dict[str, str]:
    run("cmake", "-S", CONSUMER, "-B", directory, "-G", "Ninja", *options, cwd=directory)
    run("cmake", "--build", directory, cwd=directory)
    return check(run(directory / "consumer", cwd=directory))


def build_by_pkg_config(directory: Path, pkg_config_dir: str) -> dict[str, str]:
    flags = shlex.split(
        run(
            PKG_CONFIG, "--cflags", "--libs", "inlay", cwd=directory, PKG_CONFIG_PATH=pkg_config_dir
        )
    )
    libdir = run(
        PKG_CONFIG, "--variable=libdir", "inlay", cwd=directory, PKG_CONFIG_PATH=pkg_config_dir
    )
    run(
        CXX, "-std=c++17", "-o", "consumer", CONSUMER / "main.cpp", *flags, f"-Wl,-rpath,{libdir}",
        cwd=directory,
    )  # fmt: skip
    return check(run(directory / "consumer", cwd=directory))


def test_cmake_finds_the_installed_wheel(installed: Installed, tmp_path: Path) -> None:
    facts = build_by_cmake(tmp_path, f"-Dinlay_DIR={installed('-m', 'inlay', '--cmake-dir')}")
    assert facts["version"] == installed("-m", "inlay", "--version")
    # The embedder runs on the very library that Python loads.
    assert facts["build"] == installed("-c", "import inlay; print(inlay.build_info()['build_id'])")


def test_cmake_finds_a_prefix_that_was_moved(prefix: Path, tmp_path: Path) -> None:
    build_by_cmake(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")


def test_cmake_refuses_a_newer_request(prefix: Path, tmp_path: Path) -> None:
    project = tmp_path / "CMakeLists.txt"
    project.write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(newer LANGUAGES CXX)\n"
        "find_package(inlay 99 CONFIG REQUIRED)\n"
    )
    with pytest.raises(AssertionError, match="version found is not compatible"):
        run(
            "cmake",
            "-S",
            tmp_path,
            "-B",
            tmp_path / "b",
            f"-DCMAKE_PREFIX_PATH={prefix}",
            cwd=tmp_path,
        )


def test_pkg_config_finds_the_installed_wheel(installed: Installed, tmp_path: Path) -> None:
    build_by_pkg_config(tmp_path, installed("-m", "inlay", "--pkg-config-dir"))


def test_pkg_config_finds_a_prefix_that_was_moved(prefix: Path, tmp_path: Path) -> None:
    (pc,) = prefix.rglob("inlay.pc")
    build_by_pkg_config(tmp_path, str(pc.parent))


def test_prefix_and_wheel_hold_the_same_headers(installed: Installed, prefix: Path) -> None:
    include = Path(installed("-m", "inlay", "--include"))
    ours = {path.relative_to(include) for path in include.rglob("*") if path.is_file()}
    theirs = prefix / "include"
    assert ours == {path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file()}
