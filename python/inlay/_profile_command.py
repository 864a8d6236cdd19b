"""``inlay profile``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay._command_line import command_line
from inlay._data_arguments import (
    STANDARD_INPUT,
    add_data,
    is_profile,
    load_profiles,
    source,
)
from inlay._report_output import write_arrow, write_json, write_text
from inlay._terminal_table import write_line, write_table

if TYPE_CHECKING:
    from inlay import Profile

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  inlay profile orders.parquet
  inlay profile "day=*/*.parquet" --by region --save orders.inlay
  inlay profile orders.parquet --reference --save reference.inlay
  inlay profile monday.inlay tuesday.inlay --html week.html
  inlay query "select * from points" telemetry --arrow - | inlay profile -
"""


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "profile",
        help="tell what is in a table, column by column",
        description="Read data once and tell, column by column, what is in it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, or_profile=True)
    parser.add_argument(
        "--by",
        metavar="COL",
        action="append",
        default=[],
        help="a profile for each value of COL too; may be repeated",
    )
    parser.add_argument(
        "--columns",
        metavar="COL",
        action="append",
        help="read only this column; may be repeated",
    )
    parser.add_argument("--save", metavar="FILE", help="keep the profile (*.inlay)")
    parser.add_argument(
        "--reference",
        action="store_true",
        help="freeze it as a reference: its edges and categories are counted too",
    )
    parser.add_argument(
        "--redact",
        metavar="COL",
        action="append",
        default=[],
        help="show this column's values hashed; may be repeated",
    )
    parser.add_argument(
        "--clear",
        metavar="COL",
        action="append",
        default=[],
        help="show this column's values as they are; may be repeated",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON document")
    forms.add_argument(
        "--arrow", metavar="FILE", help="write points as an Arrow stream; - is standard output"
    )
    forms.add_argument("--html", metavar="FILE", help="write a page; - is standard output")
    parser.add_argument(
        "--interactive", action="store_true", help="with --html: charts that tell their values"
    )
    parser.add_argument("--title", help="with --html: the page's heading")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    for option in ("interactive", "title"):
        if getattr(arguments, option) and arguments.html is None:
            arguments.refuse(f"--{option} needs --html")
    profile = _profile(arguments)
    if arguments.save is not None:
        profile.save(arguments.save)
    if arguments.json:
        write_json(profile.to_dict())
    elif arguments.arrow is not None:
        write_arrow(profile.to_arrow(), arguments.arrow)
    elif arguments.html is not None:
        _write_page(profile.to_dict(), arguments)
    else:
        _write_tables(profile.to_dict())
        _say_next(arguments)
    sys.stdout.flush()
    return 0


def _profile(arguments: argparse.Namespace) -> Profile:
    redact = _redaction(arguments.redact, arguments.clear)
    if is_profile(arguments.data):
        for option in ("by", "columns"):
            if getattr(arguments, option):
                arguments.refuse(f"--{option} is for data; a saved profile has what it has")
        profile = load_profiles(arguments.data, redact=redact)
        return profile.freeze() if arguments.reference and not profile.is_reference else profile
    from inlay import Profile

    return Profile.of(
        source(arguments.data),
        by=tuple(arguments.by),
        columns=arguments.columns,
        reference=arguments.reference,
        redact=redact,
        progress=False if arguments.no_progress else None,
    )


def _redaction(redact: Sequence[str], clear: Sequence[str]) -> dict[str, bool] | None:
    return {**dict.fromkeys(redact, True), **dict.fromkeys(clear, False)} or None


def _write_page(profile: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from inlay.report import profile_page

    title = arguments.title or f"Profile of {', '.join(arguments.data)}"
    write_text(
        profile_page(profile, title=title, interactive=arguments.interactive), arguments.html
    )
    if arguments.html != STANDARD_INPUT:
        write_line(f"wrote {arguments.html}; open it in a browser")


def _write_tables(profile: Mapping[str, Any]) -> None:
    from inlay.report.columns import HEADINGS, NUMBERS, OPTIONAL, column_row, group_rows
    from inlay.report.formats import count

    columns = profile["columns"]
    write_line(f"{count(profile['rows'])} rows, {count(len(columns))} columns")
    if profile.get("reference_id"):
        write_line(
            f"reference {profile['reference_id']}, counted from the {profile['counted_from']}"
        )
    write_line("")
    write_table(
        HEADINGS, [column_row(column) for column in columns], numbers=NUMBERS, optional=OPTIONAL
    )
    if profile.get("groups"):
        headings, rows, numbers = group_rows(profile)
        write_line("")
        write_table(headings, rows, numbers=numbers)


def _say_next(arguments: argparse.Namespace) -> None:
    write_line("")
    if arguments.save is not None:
        words: list[str] = ["suggest", arguments.save, "-o", "contract.yaml"]
        purpose = "checks that this profile suggests"
    elif arguments.data == [STANDARD_INPUT]:
        words, purpose = ["profile", STANDARD_INPUT, "--save", "data.inlay"], "keep the profile"
    else:
        words = ["profile", *arguments.data, "--html", "profile.html"]
        purpose = "the same as a page with charts"
    write_line(f"next: {command_line(words)}  # {purpose}")
