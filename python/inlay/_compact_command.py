"""``inlay compact``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from inlay._durations import duration_of

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compact",
        help="tidy what dead processes left in a directory",
        description="Turn the streams of dead writers into Parquet, merge their small files and "
        "remove superseded ones. Living writers tidy their own files and are left alone.",
    )
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", default=".", help="where the tables lie (default: .)"
    )
    parser.add_argument(
        "--grace",
        type=duration_of,
        default=900.0,
        metavar="TIME",
        help="keep superseded files so long, for readers that are at them (default: 15m)",
    )
    parser.add_argument(
        "--retention",
        type=duration_of,
        metavar="TIME",
        help="remove whole days that ended longer ago, for instance 30d (default: keep all)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    from inlay._files.compaction import compact

    done = compact(Path(arguments.directory), grace=arguments.grace, retention=arguments.retention)
    sys.stdout.write(
        f"{done.origins} dead writers: {done.converted} streams converted, {done.merged} files "
        f"merged, {done.removed} removed; {done.alive} living writers left alone\n"
    )
    return 0
