"""Every example in the guide and in the docstrings runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import inlay

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
# Examples that need an extra, by page or module.
EXTRAS = {"query": "duckdb", "files": "duckdb", "inlay._query": "duckdb"}
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    """Find them by their text, so that nothing is imported that an example does not need."""
    found = []
    for module in pkgutil.walk_packages(inlay.__path__, "inlay."):
        path = getattr(module.module_finder, "path", "")
        source = Path(path) / f"{module.name.rpartition('.')[2]}.py"
        if module.ispkg:
            source = source.with_suffix("") / "__init__.py"
        if source.is_file() and ">>> " in source.read_text():
            found.append(module.name)
    return found


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.stem)
def test_examples_of_the_guide(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem in EXTRAS:
        pytest.importorskip(EXTRAS[page.stem], reason=f"the page needs {EXTRAS[page.stem]}")
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"the examples need {EXTRAS[name]}")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.attempted > 0
    assert result.failed == 0
