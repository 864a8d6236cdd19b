"""Full-stack AI observability that you import.

Public names load on first use: ``import inlay`` itself loads neither numpy nor pyarrow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inlay._build import build_info, get_cmake_dir, get_include, get_library
    from inlay._core import __version__
    from inlay._exceptions import (
        InlayError,
        InvalidArgumentError,
        OutOfRangeError,
        SerializationError,
    )

# Public name -> the module that defines it; a module's own name gives the module itself.
_HOMES = {
    "InlayError": "inlay._exceptions",
    "InvalidArgumentError": "inlay._exceptions",
    "OutOfRangeError": "inlay._exceptions",
    "SerializationError": "inlay._exceptions",
    "__version__": "inlay._core",
    "build_info": "inlay._build",
    "get_cmake_dir": "inlay._build",
    "get_include": "inlay._build",
    "get_library": "inlay._build",
}

__all__ = [
    "InlayError",
    "InvalidArgumentError",
    "OutOfRangeError",
    "SerializationError",
    "__version__",
    "build_info",
    "get_cmake_dir",
    "get_include",
    "get_library",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay' has no attribute {name!r}"
        raise AttributeError(message)
    module = importlib.import_module(home)
    value = module if home == f"inlay.{name}" else getattr(module, name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
