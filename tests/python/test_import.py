"""What `import inlay` does to a process: little."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import inlay

HEAVY = ["numpy", "pyarrow", "pandas", "torch", "cupy", "pynvml", "duckdb", "sklearn", "rich"]


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, inlay; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert run(code) == "[]"


def test_import_adds_few_modules() -> None:
    # A bound on the cost that does not depend on the machine. The finder of an editable install
    # brings importlib's two modules along, so they are there before counting starts.
    code = (
        "import importlib.machinery, importlib.util, sys; before = set(sys.modules); import inlay;"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('inlay')))"
    )
    assert run(code) == "[]"


def test_every_public_name_resolves_and_is_listed() -> None:
    for name in inlay.__all__:
        assert getattr(inlay, name) is not None
        assert name in dir(inlay)
    assert len(set(inlay.__all__)) == len(inlay.__all__)


def test_a_name_whose_package_is_not_installed_is_no_attribute() -> None:
    code = """
import inspect, sys
sys.modules |= dict.fromkeys(("keras", "lightning", "transformers"))
import inlay.training
assert not hasattr(inlay.training, "KerasCallback")
inspect.getmembers(inlay.training)
try:
    inlay.training.KerasCallback
except AttributeError as error:
    print(error)
try:
    from inlay.training import KerasCallback
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    said = "inlay.training.KerasCallback needs keras, which is not installed: install 'keras'"
    assert done.stdout.splitlines() == [said, said]


def test_lazy_names_and_all_agree() -> None:
    code = "import inlay; print(sorted(inlay._HOMES) == sorted(inlay.__all__))"
    assert run(code) == "True"


def test_unknown_name_is_an_attribute_error_naming_it() -> None:
    with pytest.raises(AttributeError, match="no attribute 'histogramm'"):
        inlay.histogramm  # noqa: B018


def test_a_name_is_resolved_once() -> None:
    code = (
        "import inlay; assert 'build_info' not in vars(inlay); inlay.build_info;"
        "print('build_info' in vars(inlay))"
    )
    assert run(code) == "True"


def test_rooms_do_not_import_each_other() -> None:
    rooms = ("data", "model", "infra", "training")
    found = re.compile(rf"^\s*(?:from|import) inlay\.({'|'.join(rooms)})\b", re.MULTILINE)
    crossing = [
        f"{path}: {other}"
        for room in rooms
        for path in (Path(inlay.__file__).parent / room).rglob("*.py")
        for other in found.findall(path.read_text(encoding="utf-8"))
        if other != room
    ]
    assert not crossing
