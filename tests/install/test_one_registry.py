"""Python and plugins written in C, in one process, record into one registry."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from stranger import Installed, run

SOURCE = Path(__file__).with_name("plugin") / "plugin.c"
PKG_CONFIG = Path(sys.executable).with_name("pkgconf")

RECORD = """
import ctypes, json, sys
import inlay
first, second = (ctypes.CDLL(path) for path in sys.argv[1:3])
amount = ctypes.c_longlong
before = [first.plugin_count(amount(1)), second.plugin_count(amount(1))]
obs = inlay.Observer(window=3600.0).install()
calls = obs.counter("shared.calls")
calls.add(1)
after = [first.plugin_count(amount(10)), second.plugin_count(amount(100))]
rows = [r for r in obs.collect().points.to_pylist() if r["metric"] == "shared.calls"]
maps = {line.split()[-1] for line in open("/proc/self/maps") if "libinlay.so" in line}
print(json.dumps([before, after, [r["value"] for r in rows], sorted(maps)]))
"""


@pytest.fixture(scope="session")
def plugins(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two plugins: one finds the library by its run path, one only because it is loaded."""
    directory = tmp_path_factory.mktemp("plugins")
    environment = {"PKG_CONFIG_PATH": installed("-m", "inlay", "--pkg-config-dir")}
    flags = shlex.split(
        run(PKG_CONFIG, "--cflags", "--libs", "inlay", cwd=directory, **environment)
    )
    libdir = run(PKG_CONFIG, "--variable=libdir", "inlay", cwd=directory, **environment)
    built = []
    for name, extra in (("with_rpath.so", [f"-Wl,-rpath,{libdir}"]), ("without.so", [])):
        run(
            os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC",
            "-shared", "-o", name, SOURCE, *flags, *extra, cwd=directory,
        )  # fmt: skip
        built.append(directory / name)
    return built


def test_plugins_and_python_share_one_series(installed: Installed, plugins: list[Path]) -> None:
    before, after, values, maps = json.loads(installed("-c", RECORD, *plugins))
    assert before == [-1, -1]  # nobody had installed an observer
    assert after == [0, 0]
    assert values == [111.0]  # one row: one registry
    assert maps == [installed("-m", "inlay", "--library")]


def test_plugin_may_come_before_python(installed: Installed, plugins: list[Path]) -> None:
    code = (
        "import ctypes, sys; plugin = ctypes.CDLL(sys.argv[1]); import inlay\n"
        "obs = inlay.Observer(window=3600.0).install(); plugin.plugin_count(ctypes.c_longlong(7))\n"
        "rows = obs.collect().points.to_pylist()\n"
        "print([r['value'] for r in rows if r['metric'] == 'shared.calls'])"
    )
    assert installed("-c", code, plugins[0]) == "[7.0]"
