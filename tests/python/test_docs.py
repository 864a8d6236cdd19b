"""Every example in the guide and in the docstrings runs and shows what it says."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
from pathlib import Path
from unittest import mock

import pytest

import inlay

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
# Examples that need an extra, by page or module.
EXTRAS = {
    "asgi": "fastapi",
    "checks": "yaml",
    "edges": "duckdb",
    "files": "duckdb",
    "inlay._query": "duckdb",
    "inlay.integrations.otel": "opentelemetry.sdk",
    "inlay.model.estimated.dle": "sklearn",
    "otel": "opentelemetry.sdk",
    "query": "duckdb",
    "report": "vl_convert",
    "triggers": "duckdb",
    "without_labels": "sklearn",
}
PACKAGES = [Path(path) for path in inlay.__path__]
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def modules_with_examples() -> list[str]:
    """Find them by their text, so that nothing is imported that an example does not need."""
    found = set()
    for package in PACKAGES:
        for source in package.rglob("*.py"):
            if ">>> " in source.read_text():
                parts = source.relative_to(package).with_suffix("").parts
                found.add(".".join(("inlay", *parts)).removesuffix(".__init__"))
    return sorted(found)


def examples(name: str) -> list[doctest.DocTest]:
    """Take the docstrings from the text: classes name another module as their home."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    source = Path(module.__file__)
    parser = doctest.DocTestParser()
    tests = []
    for node in ast.walk(ast.parse(source.read_text())):
        text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if text is not None and ">>> " in text:
            title = f"{name}.{getattr(node, 'name', '')}"
            tests.append(parser.get_doctest(text, dict(vars(module)), title, str(source), 0))
    return tests


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.stem)
def test_examples_of_the_guide(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem in EXTRAS:
        pytest.importorskip(EXTRAS[page.stem], reason=f"the page needs {EXTRAS[page.stem]}")
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ):  # what a page sets is of that page
        result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"the examples need {EXTRAS[name]}")
    monkeypatch.chdir(tmp_path)
    tests = examples(name)
    assert tests
    for test in tests:
        assert doctest.DocTestRunner(optionflags=FLAGS).run(test).failed == 0, test.name
