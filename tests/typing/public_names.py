"""Checked by mypy, never run: what a user's type checker sees of the lazy names."""

from typing import Any, assert_type

import inlay

assert_type(inlay.__version__, str)
assert_type(inlay.build_info(), dict[str, Any])
assert_type(inlay.get_include(), str)


def refines(error: inlay.InvalidArgumentError) -> ValueError:
    return error
