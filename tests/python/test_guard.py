"""Processes in which the core could not work are refused, with the reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import inlay

# Enough of a stranger: the name, and functions that answer otherwise. The second has none at all,
# as a much older library might.
FOREIGN = """
int inlay_abi_version(void) { return 77; }
const char* inlay_version(void) { return "9.9.9"; }
const char* inlay_build_id(void) { return "f0re1gn"; }
"""
SAME_ABI = FOREIGN.replace("77", str(inlay.build_info()["abi"]))


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (FOREIGN, "has ABI 77, version 9.9.9, build f0re1gn"),
        (SAME_ABI, "version 9.9.9, build f0re1gn"),
        ("int inlay_nothing_known;", "has ABI 0, version unknown, build unknown"),
    ],
    ids=["other-abi", "other-build", "no-symbols"],
)
def test_foreign_library_loaded_first_is_an_import_error_naming_both(
    source: str, named: str, tmp_path: Path
) -> None:
    (tmp_path / "foreign.c").write_text(source)
    library = tmp_path / "libinlay.so.0"
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-Wl,-soname,libinlay.so.0", "-o", library, "foreign.c"],
        cwd=tmp_path,
        check=True,
    )
    result = run(f"import ctypes; ctypes.CDLL({str(library)!r}); import inlay")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: another libinlay.so.0 was loaded before inlay's own")
    assert named in last
    assert str(library) in last
    assert inlay.build_info()["build_id"] in last


def test_own_library_loaded_first_is_welcome() -> None:
    result = run(
        f"import ctypes; lib = ctypes.CDLL({inlay.get_library()!r})\n"
        "lib.inlay_build_id.restype = ctypes.c_char_p\n"
        "import inlay; print(lib.inlay_build_id().decode() == inlay.build_info()['build_id'])"
    )
    assert result.stdout.strip() == "True", result.stderr


def test_one_copy_is_mapped_when_a_plugin_links_it_too() -> None:
    result = run(
        "import inlay; inlay.build_info()\n"
        "import ctypes; ctypes.CDLL('libinlay.so.0')\n"
        "maps = open('/proc/self/maps').read().splitlines()\n"
        "print(len({line.split()[-1] for line in maps if 'libinlay.so' in line}))"
    )
    assert result.stdout.strip() == "1", result.stderr


def test_sub_interpreter_is_refused_with_the_reason() -> None:
    if sys.version_info >= (3, 14):
        start = "from concurrent import interpreters\ninterpreters.create().exec(code)"
    elif sys.version_info >= (3, 13):
        start = "import _interpreters as i\nprint(i.exec(i.create(), code))"
    else:
        start = "import _xxsubinterpreters as i\ni.run_string(i.create(), code)"
    code = "try:\n  import inlay\nexcept ImportError as error:\n  print(error, flush=True)\n"
    result = run(f"code = {code!r}\n{start}")
    assert "cannot be imported in a sub-interpreter" in result.stdout, result.stderr
