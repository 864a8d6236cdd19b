"""The checked-in stubs say what the extensions offer."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "tests/stubs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["_core", "_cuda"])
def test_stub_is_what_make_stubs_writes(generator: ModuleType, name: str) -> None:
    if name not in generator.modules():
        pytest.skip("inlay was built without a CUDA toolkit")
    expected = generator.stub(name)
    checked_in = (ROOT / f"python/inlay/{name}.pyi").read_text()
    assert checked_in == expected, f"run `make stubs` and commit python/inlay/{name}.pyi"


def test_hand_written_part_must_fit_the_extension(generator: ModuleType, tmp_path, monkeypatch):
    stale = tmp_path / "by_hand.pyi"
    stale.write_text("class Table:\n    def gone(self) -> int: ...\n")
    monkeypatch.setattr(generator, "BY_HAND", stale)
    with pytest.raises(generator.StubError, match=r"inlay\._core\.Table has not: gone"):
        generator.stub()
