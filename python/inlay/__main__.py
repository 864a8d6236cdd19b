"""``python -m inlay``: where the parts an embedder needs lie, one answer a line; and commands."""

from __future__ import annotations

import argparse
import sys

import inlay
from inlay.cli import COMMANDS
from inlay.cli import main as run_command

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Print the asked-for paths, in the order of the options below; or run a command of ``inlay``.

    Parameters
    ----------
    arguments : list of str, optional
        The command line; ``sys.argv[1:]`` if None.

    Returns
    -------
    int
        The exit status: 0, or the command's.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        return run_command(words)
    parser = argparse.ArgumentParser(
        prog="python -m inlay",
        description=inlay.__doc__,
        epilog=f"commands, as of the program inlay: {', '.join(COMMANDS)}",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--include", action="store_true", help="directory of the C and C++ headers")
    parser.add_argument("--library", action="store_true", help="path of libinlay.so.0")
    parser.add_argument("--cmake-dir", action="store_true", help="directory for CMake's inlay_DIR")
    parser.add_argument(
        "--pkg-config-dir", action="store_true", help="directory for PKG_CONFIG_PATH"
    )
    asked = parser.parse_args(words)
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
