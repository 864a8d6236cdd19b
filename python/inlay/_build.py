"""Where the native library, its headers and its CMake package lie, and how they were built."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

__all__ = ["build_info", "get_cmake_dir", "get_include", "get_library", "get_pkg_config_dir"]


def _native_dir() -> Path:
    # Not the directory of this file: an editable install keeps sources and native parts apart.
    spec = importlib.util.find_spec("inlay._core")
    if spec is None or spec.origin is None:
        message = "inlay was installed without its native module: 'inlay._core'"
        raise ImportError(message)
    return Path(spec.origin).parent


def build_info() -> dict[str, Any]:
    """Return how the native core was built.

    Returns
    -------
    dict
        ``version``, ``abi``, ``build_id``, ``compiler``, ``baseline`` (instruction set every
        machine needs), ``isa`` (the one whose loops are in use: ``scalar``, ``avx2`` or
        ``avx512``), ``asserts``, ``cuda`` (None if built without, else a dict of ``toolkit``, its
        version, and ``architectures``, what the kernels were compiled for).
    """
    from inlay import _core

    return _core.build_info()


def get_include() -> str:
    """Return the directory that holds ``inlay/*.hpp`` and ``inlay/inlay.h``.

    Returns
    -------
    str
        An absolute path for the compiler's ``-I``.
    """
    return str(_native_dir() / "include")


def get_library() -> str:
    """Return the path of ``libinlay.so.0``.

    Returns
    -------
    str
        An absolute path. Link or ``dlopen`` this very file, so that a process has one registry.
    """
    return str(_native_dir() / "libinlay.so.0")


def get_cmake_dir() -> str:
    """Return the directory that holds ``inlayConfig.cmake``.

    Returns
    -------
    str
        An absolute path for CMake's ``inlay_DIR``.
    """
    return str(_native_dir() / "lib" / "cmake" / "inlay")


def get_pkg_config_dir() -> str:
    """Return the directory that holds ``inlay.pc``.

    Returns
    -------
    str
        An absolute path for ``PKG_CONFIG_PATH``.
    """
    return str(_native_dir() / "lib" / "pkgconfig")
