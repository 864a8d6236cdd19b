"""``inlay suggest``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from inlay._command_line import command_line
from inlay._data_arguments import add_data, is_profile, load_profiles, source
from inlay._exceptions import InvalidArgumentError
from inlay._report_output import write_text
from inlay._terminal_table import write_line

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  inlay suggest orders.parquet -o contract.yaml
  inlay suggest reference.inlay --name orders
"""


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "suggest",
        help="suggest a contract from data that is good",
        description=(
            "Suggest a contract that the data fulfils, to be read and changed: YAML after the "
            "Open Data Contract Standard."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, or_profile=True)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write it there (default: standard output)"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.add_argument("--name", help="the contract's name (default: the first DATA's)")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    InvalidArgumentError
        If the file is there: someone may have worked on it.
    """
    output = arguments.output
    if output is not None and not arguments.force and Path(output).exists():
        message = f"the file is there already; --force replaces it: {output!r}"
        raise InvalidArgumentError(message)
    from inlay.data import suggest

    words = arguments.data
    data = load_profiles(words) if is_profile(words) else source(words)
    contract = suggest(data, name=arguments.name or _name(words[0]))
    text = contract.to_yaml()
    write_text(text, "-" if output is None else output)
    if output is not None:
        number = len(contract.checks)
        write_line(
            f"wrote {output}: {number} check{'' if number == 1 else 's'}; read it, change it"
        )
        checked = words if not is_profile(words) else ["DATA"]
        write_line(f"next: {command_line(['check', *checked, '--contract', output])}")
    sys.stdout.flush()
    return 0


def _name(word: str) -> str:
    """Name the contract after a file: what stands before its first dot."""
    return Path(word).name.partition(".")[0].strip("*?[]") or "data"
