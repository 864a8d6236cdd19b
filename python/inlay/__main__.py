"""``python -m inlay``: where the parts an embedder needs lie, one answer a line."""

from __future__ import annotations

import argparse

import inlay

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Print the asked-for paths, in the order of the options below.

    Parameters
    ----------
    arguments : list of str, optional
        The command line; ``sys.argv[1:]`` if None.

    Returns
    -------
    int
        0, the exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m inlay", description=inlay.__doc__)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--include", action="store_true", help="directory of the C and C++ headers")
    parser.add_argument("--library", action="store_true", help="path of libinlay.so.0")
    parser.add_argument("--cmake-dir", action="store_true", help="directory for CMake's inlay_DIR")
    parser.add_argument(
        "--pkg-config-dir", action="store_true", help="directory for PKG_CONFIG_PATH"
    )
    asked = parser.parse_args(arguments)
    if not any(vars(asked).values()):
        parser.error("nothing was asked for; see --help")
    if asked.version:
        print(inlay.__version__)
    if asked.include:
        print(inlay.get_include())
    if asked.library:
        print(inlay.get_library())
    if asked.cmake_dir:
        print(inlay.get_cmake_dir())
    if asked.pkg_config_dir:
        print(inlay.get_pkg_config_dir())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
