"""Checked by mypy, never run: what a user's type checker sees of the lazy names."""

from pathlib import Path
from typing import Any, assert_type

import inlay

assert_type(inlay.__version__, str)
assert_type(inlay.build_info(), dict[str, Any])
assert_type(inlay.get_include(), str)
assert_type(inlay.Kll([1.0]).quantile(0.5), float | None)
assert_type(inlay.Kll([1.0]).cdf([0.5]), list[float] | None)


def refines(error: inlay.InvalidArgumentError) -> ValueError:
    return error


def of_a_path(directory: Path) -> inlay.sinks.Files:
    inlay.query(directory, "select 1", parameters={"a": 1})
    return inlay.sinks.Files(directory, max_file_age=60.0, retention=None)
