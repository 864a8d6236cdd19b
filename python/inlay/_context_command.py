"""``inlay context``."""

from __future__ import annotations

import argparse
import datetime
import sys
from typing import TYPE_CHECKING, Any

from inlay._data_arguments import moment_of
from inlay._exceptions import InvalidArgumentError
from inlay._report_output import write_arrow, write_json
from inlay._terminal_table import write_line, write_table

if TYPE_CHECKING:
    from inlay.joined.evidence import Context

__all__ = ["add_parser", "run"]

_EPILOG = """\
exit status: 0 there is evidence or nothing unusual was seen, 1 the command failed (no such id or
step among them), 2 it was called wrongly, 3 nothing is known of that time

examples:
  inlay context telemetry/ --trace-id 0af7651916cd43dd
  inlay context telemetry/ --step 1200
  inlay context telemetry/ --time 2026-03-01T12:00:05Z --host node7 --json
"""

UNKNOWN = 3
"""Exit status when nothing is known of that time."""

_NUMBERS = (0, 1, 7)
_OPTIONAL = (6, 7, 2)
_WHY = 8


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "context",
        help="tell what was known of a request, a step or a moment",
        description="Join all layers that a directory holds at the time of a request, a training "
        "step or a moment, and rank what may explain it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="what inlay.sinks.Files writes")
    parser.add_argument("--trace-id", metavar="HEX", help="a request; 8 digits or more of its id")
    parser.add_argument("--step", type=int, metavar="N", help="a training step")
    parser.add_argument(
        "--time",
        type=_moment,
        metavar="TIME",
        help="a moment: ISO 8601, UTC unless it names a zone, or Unix seconds",
    )
    parser.add_argument(
        "--end", type=_moment, metavar="TIME", help="with --time: until then (the same)"
    )
    parser.add_argument("--rank", type=int, metavar="N", help="the rank of a distributed job")
    parser.add_argument("--host", help="where it was, if no row tells")
    parser.add_argument("--gpu", metavar="UUID", help="the same")
    parser.add_argument(
        "--margin", type=float, metavar="SECONDS", help="by how much clocks may differ"
    )
    parser.add_argument(
        "--most", type=int, default=20, metavar="N", help="pieces of evidence shown (default: 20)"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON document")
    forms.add_argument(
        "--arrow", metavar="FILE", help="write an Arrow stream; - is standard output"
    )
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    asked = {
        "--trace-id": arguments.trace_id,
        "--step": arguments.step,
        "--time": arguments.time,
    }
    given = [name for name, value in asked.items() if value is not None]
    if len(given) != 1 and given != ["--step", "--time"]:
        arguments.refuse(
            "exactly one of --trace-id, --step and --time says what is asked for, got "
            f"{' and '.join(given) or 'none'}"
        )
    if arguments.end is not None and given != ["--time"]:
        arguments.refuse("--end needs --time")
    from inlay.joined.asking import Asked
    from inlay.joined.directory import ask_directory

    names = ("trace_id", "time", "step", "end", "rank", "host", "gpu", "margin", "most")
    try:
        question = Asked(**{name: getattr(arguments, name) for name in names})
    except InvalidArgumentError as error:
        arguments.refuse(str(error))
    found = ask_directory(arguments.directory, question)
    if arguments.json:
        write_json(_document(found))
    elif arguments.arrow is not None:
        write_arrow(found.to_arrow(), arguments.arrow)
    else:
        _show(found)
    sys.stdout.flush()
    return UNKNOWN if found.status != "ok" else 0


def _moment(text: str) -> datetime.datetime:
    """Read Unix seconds or a time; argparse puts the option before what is said."""
    try:
        seconds = float(text)
    except ValueError:
        return moment_of(text)
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        message = f"must be Unix seconds within dates, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _document(found: Context) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "status": found.status,
        "reason": found.reason,
        "left_out": found.left_out,
        "start": None if found.start is None else found.start.isoformat(),
        "end": None if found.end is None else found.end.isoformat(),
        "focus": {
            name: sorted(members) for name, members in found.focus._asdict().items() if members
        },
        "notes": list(found.notes),
        "evidence": [
            {**row, "start": row["start"].isoformat(), "end": row["end"].isoformat()}
            for row in found.to_arrow().to_pylist()
        ],
    }


def _show(found: Context) -> None:
    from inlay.joined.evidence import HEADINGS

    for note in found.notes:
        write_line(f"inlay context: {note}", out=sys.stderr)
    if found.evidence:
        rows = [one.cells() for one in found.evidence]
        write_table(HEADINGS, rows, numbers=_NUMBERS, optional=_OPTIONAL, rest=_WHY)
        write_line("")
    write_line(str(found).splitlines()[0])
