"""The command ``inlay``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from inlay._exceptions import InlayError

__all__ = ["COMMANDS", "main"]

#: Command -> the module that defines it, by add_parser(subparsers) and run(arguments) -> exit
#: status, and what it says of itself. Only the module of the command that runs is loaded.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("inlay.bench", "tell the overhead on this machine"),
    "demo": ("inlay.demo", "serve a model, send it requests, show what was measured"),
    "profile": ("inlay._profile_command", "tell what is in a table, column by column"),
    "compare": ("inlay._compare_command", "tell what drifted between two sets of data"),
    "check": ("inlay._check_command", "check data against a contract"),
    "judge": ("inlay._judge_command", "judge what several processes wrote into a directory"),
    "suggest": ("inlay._suggest_command", "suggest a contract from data that is good"),
    "report": ("inlay._report_command", "make pages of what is in a directory of tables"),
    "label": ("inlay._label_command", "join labels to the predictions in a directory"),
    "context": ("inlay._context_command", "tell what was known of a request, a step or a moment"),
    "query": ("inlay._query_command", "run SQL over the tables in a directory"),
    "compact": ("inlay._compact_command", "tidy what dead processes left in a directory"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``inlay`` on the command line; by default the process's own.

    Returns
    -------
    int
        The exit status: 0, 1 if the command failed, 2 if it was called wrongly, 130 if interrupted;
        ``inlay check`` has more.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="inlay", description="Full-stack AI observability that you import."
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    command = next((word for word in words if not word.startswith("-")), None)
    module: Any = None
    for name, (home, summary) in COMMANDS.items():
        if name == command:
            module = importlib.import_module(home)
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        # The usage that helps is the command's.
        of = parser if command is None else subparsers.choices[command]
        of.error(f"unrecognized arguments: {' '.join(unknown)}")
    if parsed.version:
        from inlay._core import __version__

        print(f"inlay {__version__}")
        return 0
    if module is None:
        parser.print_help()
        return 2
    try:
        return int(module.run(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (InlayError, ImportError, OSError) as error:
        print(f"inlay {command}: {error}", file=sys.stderr)
        return 1
