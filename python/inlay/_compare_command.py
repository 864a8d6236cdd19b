"""``inlay compare``."""

from __future__ import annotations

import argparse
import datetime
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inlay._command_line import command_line
from inlay._data_arguments import STANDARD_INPUT, moment_of, source
from inlay._report_output import write_arrow, write_json, write_text
from inlay._terminal_table import write_line, write_table

__all__ = ["DRIFTED", "add_parser", "run"]

DRIFTED = 3
"""Exit status when a column drifted."""

_EPILOG = """\
exit status: 0 no column drifted, 1 the command failed or no column could be judged,
  2 it was called wrongly, 3 a column drifted

examples:
  inlay compare train.parquet serving.parquet
  inlay compare reference.inlay "day=2026-05-*/*.parquet" --html drift.html
  inlay compare reference.inlay telemetry --from 2026-05-01 --to 2026-05-08
  inlay compare last.csv this.csv --by region --json | jq .drifted
"""


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compare",
        help="tell what drifted between two sets of data",
        description="Compare data with a reference, column by column, and tell what drifted.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, what in (("reference", "what it was"), ("current", "what it is")):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help=(
                f"{what}: a saved profile (*.inlay), a Parquet, Arrow or CSV file, a directory of "
                "Parquet files, a glob in quotes, a directory that inlay wrote points to"
                + ("" if name == "reference" else "; - reads an Arrow stream from standard input")
            ),
        )
    parser.add_argument(
        "--columns", metavar="COL", action="append", help="only this column; may be repeated"
    )
    parser.add_argument(
        "--by",
        metavar="COL",
        action="append",
        default=[],
        help="compare each value of COL too; may be repeated",
    )
    parser.add_argument(
        "--exact", action="store_true", help="distances between ordered values from all rows"
    )
    parser.add_argument(
        "--threshold",
        type=_part,
        default=0.02,
        metavar="X",
        help="effect above which a column has drifted (default: 0.02)",
    )
    parser.add_argument(
        "--level",
        type=_part,
        default=0.05,
        metavar="P",
        help="false discovery rate (default: 0.05)",
    )
    for prefix, whose in (("", "CURRENT"), ("reference-", "REFERENCE")):
        for word, what in (("from", "start"), ("to", "end")):
            parser.add_argument(
                f"--{prefix}{word}",
                dest=f"{prefix.replace('-', '_')}{word}",
                metavar="TIME",
                type=moment_of,
                help=f"{what} of the points to take, where {whose} is a directory of them (UTC)",
            )
    parser.add_argument("--watch", metavar="NAME", help="whose points, if there are several")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON document")
    forms.add_argument(
        "--arrow", metavar="FILE", help="write verdicts as an Arrow stream; - is standard output"
    )
    forms.add_argument("--html", metavar="FILE", help="write a page; - is standard output")
    parser.add_argument("--title", help="with --html: the page's heading")
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    if arguments.title and arguments.html is None:
        arguments.refuse("--title needs --html")
    if arguments.reference == STANDARD_INPUT:
        arguments.refuse("the reference is a file or a directory; standard input is for CURRENT")
    from inlay import compare
    from inlay.drift.comparison.stored_points import StoredPoints

    reference = _side(arguments, "reference", arguments.reference_from, arguments.reference_to)
    current = _side(arguments, "current", getattr(arguments, "from"), arguments.to)
    if arguments.watch is not None and not any(
        isinstance(side, StoredPoints) for side in (reference, current)
    ):
        arguments.refuse("--watch is for a directory of points, and neither side is one")
    comparison = compare(
        reference,
        current,
        by=tuple(arguments.by),
        columns=arguments.columns,
        exact=arguments.exact,
        threshold=arguments.threshold,
        level=arguments.level,
    )
    said = comparison.to_dict()
    if arguments.json:
        write_json(said)
    elif arguments.arrow is not None:
        write_arrow(comparison.to_arrow(), arguments.arrow)
    elif arguments.html is not None:
        _write_page(said, arguments)
    else:
        _write_tables(said, arguments)
    sys.stdout.flush()
    if said["verdict"] == "undefined":
        sys.stderr.write("inlay compare: no column could be judged\n")
        return 1
    return DRIFTED if said["verdict"] == "yes" else 0


def _side(
    arguments: argparse.Namespace,
    name: str,
    start: datetime.datetime | None,
    end: datetime.datetime | None,
) -> Any:
    from inlay.drift.comparison.stored_points import StoredPoints, is_points_directory

    word: str = getattr(arguments, name)
    if word != STANDARD_INPUT and is_points_directory(Path(word)):
        return StoredPoints(word, start=start, end=end, watch=arguments.watch)
    if start is not None or end is not None:
        prefix = "--reference-" if name == "reference" else "--"
        arguments.refuse(
            f"{prefix}from and {prefix}to are for a directory of points; the {name} is {word!r}"
        )
    return source([word])


def _part(text: str) -> float:
    """Read a number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < 1.0:
        message = f"must lie between 0 and 1, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return number


def _write_page(comparison: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from inlay.report import comparison_page
    from inlay.report.comparisons import comparison_summary

    title = arguments.title or f"{arguments.current} against {arguments.reference}"
    write_text(comparison_page(comparison, title=title), arguments.html)
    if arguments.html != STANDARD_INPUT:
        write_line(
            f"{comparison_summary(comparison)}; wrote {arguments.html}, open it in a browser"
        )


def _write_tables(comparison: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from inlay.report.comparisons import (
        HEADINGS,
        NUMBERS,
        OPTIONAL,
        comparison_row,
        comparison_summary,
    )
    from inlay.report.formats import escape_controls

    # Reasons are sentences, which a table would cut.
    rows = [comparison_row(column)[:-1] for column in comparison["columns"]]
    write_table(HEADINGS[:-1], rows, numbers=NUMBERS, optional=OPTIONAL)
    write_line("")
    for column in comparison["columns"]:
        if column["verdict"] != "no":
            write_line(escape_controls(f"{column['name']}: {column['reason']}"))
    for change in comparison["changes"]:
        if not change["compatible"]:
            write_line(escape_controls(f"schema: {change['text']}"))
    if comparison["groups"]:
        _write_groups(comparison["groups"])
    write_line("")
    write_line(comparison_summary(comparison))
    words = ["compare", arguments.reference, arguments.current, *_options(arguments)]
    if arguments.current != STANDARD_INPUT:
        write_line(
            f"next: {command_line([*words, '--html', 'drift.html'])}  # both sides as charts"
        )


def _options(arguments: argparse.Namespace) -> list[str]:
    """Give the options that say what is compared, and how, as they were given."""
    words = []
    for name in ("columns", "by"):
        for column in getattr(arguments, name) or ():
            words += [f"--{name}", column]
    if arguments.exact:
        words.append("--exact")
    for name, default in (("threshold", 0.02), ("level", 0.05)):
        number = getattr(arguments, name)
        if number != default:
            words += [f"--{name}", f"{number:g}"]
    for name in ("from", "to", "reference_from", "reference_to"):
        moment = getattr(arguments, name)
        if moment is not None:
            words += [f"--{name.replace('_', '-')}", moment.isoformat()]
    return words if arguments.watch is None else [*words, "--watch", arguments.watch]


def _write_groups(groups: Sequence[Mapping[str, Any]]) -> None:
    from inlay.report.comparisons import group_name, verdict_word
    from inlay.report.formats import count

    rows = [
        (
            verdict_word(group["verdict"]),
            group_name(group),
            count(group["reference_rows"]),
            count(group["rows"]),
            ", ".join(map(str, group["drifted"])),
        )
        for group in groups
    ]
    write_line("")
    write_table(("verdict", "group", "were", "rows", "drifted"), rows, numbers=(2, 3))
