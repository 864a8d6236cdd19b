"""The examples of the summaries, in their docstrings and in the guide, do what they show."""

import doctest
from pathlib import Path

import pytest

import inlay

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "summaries.md"


@pytest.mark.parametrize("summary", [inlay.Moments, inlay.ExpHistogram])
def test_docstring_examples(summary: type) -> None:
    runner = doctest.DocTestRunner()
    # The classes call themselves part of `inlay`, where they are public; the finder would pass by.
    for example in doctest.DocTestFinder().find(summary, summary.__name__, module=False):
        runner.run(example)
    assert runner.tries > 0
    assert runner.failures == 0


def test_guide_examples() -> None:
    if not GUIDE.exists():
        pytest.skip("the guide is not part of what is installed")
    failures, tries = doctest.testfile(str(GUIDE), module_relative=False)
    assert tries > 10
    assert failures == 0
