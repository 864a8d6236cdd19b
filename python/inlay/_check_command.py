"""``inlay check``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._command_line import command_line
from inlay._data_arguments import STANDARD_INPUT, add_data, source
from inlay._report_output import replacing, write_arrow, write_json, write_text
from inlay._terminal_table import write_line, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

__all__ = ["VIOLATED", "add_parser", "run"]

VIOLATED = 3
"""Exit status when a check is violated."""

_EPILOG = """\
exit status: 0 all checks hold, 1 the command failed, 2 it was called wrongly, 3 a check is violated
(with --strict also: one is undefined, the contract has unknown keys or no check)

examples:
  inlay check orders.parquet --contract contract.yaml
  inlay check "day=*/*.parquet" --contract contract.yaml --html checks.html --failing bad.parquet
  inlay check orders.parquet --contract contract.yaml --json | jq .results
"""


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="check data against a contract",
        description="Check data against a contract, and tell by the exit status what came of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser)
    parser.add_argument(
        "--contract", metavar="FILE", required=True, help="YAML, as inlay suggest writes it"
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="which of the contract's datasets, if it has several"
    )
    parser.add_argument(
        "--max-rows",
        metavar="N",
        type=int,
        default=100,
        help="list so many failing rows, unless the contract says (default: 100)",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON document")
    forms.add_argument(
        "--arrow", metavar="FILE", help="write points as an Arrow stream; - is standard output"
    )
    forms.add_argument("--html", metavar="FILE", help="write a page; - is standard output")
    parser.add_argument("--title", help="with --html: the page's heading")
    parser.add_argument(
        "--failing", metavar="FILE", help="write the failing rows that the report lists as Parquet"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help=(
            "a check that is undefined counts as violated; so do unknown keys of the contract, "
            "and a contract without checks"
        ),
    )
    parser.add_argument(
        "--openlineage", metavar="FILE", help="write OpenLineage's data-quality facets as JSON"
    )
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
    if arguments.failing is not None:
        if STANDARD_INPUT in arguments.data:
            arguments.refuse(
                "--failing reads the data once more, which standard input does not allow"
            )
        if Path(arguments.failing).resolve() in {Path(word).resolve() for word in arguments.data}:
            arguments.refuse(f"--failing would replace the data: {arguments.failing!r}")
    from inlay import Contract

    contract = Contract.from_yaml(
        Path(arguments.contract), dataset=arguments.dataset, max_rows=arguments.max_rows
    )
    for fault in contract.ignored:
        write_line(f"inlay check: ignored: {fault}", out=sys.stderr)
    if not contract.checks:
        write_line("inlay check: the contract has no checks", out=sys.stderr)
    report = contract.check(source(arguments.data))
    said = report.to_dict()
    if arguments.openlineage is not None:
        facets = json.dumps(report.to_openlineage(), indent=2, ensure_ascii=False, allow_nan=False)
        write_text(facets + "\n", arguments.openlineage)
    if arguments.failing is not None:
        _write_failing(arguments.data, said["failing_rows"], arguments.failing)
    if arguments.json:
        ignored = [{"message": fault.message, "line": fault.line} for fault in contract.ignored]
        write_json({**said, "ignored": ignored})
    elif arguments.arrow is not None:
        write_arrow(report.to_arrow(), arguments.arrow)
    elif arguments.html is not None:
        _write_page(said, arguments)
    else:
        _write_table(said, arguments)
    sys.stdout.flush()
    doubtful = (
        not contract.checks
        or any(fault.is_unknown for fault in contract.ignored)
        or any(result["passed"] is None for result in said["results"])
    )
    return VIOLATED if said["passed"] is False or (arguments.strict and doubtful) else 0


def _write_page(report: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from inlay.report import check_page
    from inlay.report.results import summary

    write_text(check_page(report, title=arguments.title), arguments.html)
    if arguments.html != STANDARD_INPUT:
        write_line(f"{summary(report)}; wrote {arguments.html}, open it in a browser")


def _write_table(report: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from inlay.report.formats import count
    from inlay.report.results import (
        HEADINGS,
        NUMBERS,
        OPTIONAL,
        first_violated,
        result_row,
        summary,
    )

    rows = [result_row(result) for result in first_violated(report)]
    write_table(HEADINGS, rows, numbers=NUMBERS, optional=OPTIONAL)
    write_line("")
    write_line(f"{count(report['rows'])} rows, {summary(report)}")
    words = ["check", *arguments.data, "--contract", arguments.contract]
    if report["failing_rows"] and arguments.failing is None:
        write_line(
            f"next: {command_line([*words, '--failing', 'failing.parquet'])}  # the failing rows"
        )
    else:
        write_line(f"next: {command_line([*words, '--html', 'checks.html'])}  # the same as a page")


def _write_failing(data: Sequence[str], rows: Sequence[int], target: str) -> None:
    """Read the data once more and write the rows with these numbers, which are sorted."""
    import pyarrow.parquet as pq

    from inlay.data.sources import open_source

    opened = open_source(source(data))
    with replacing(target) as path, pq.ParquetWriter(path, opened.schema) as writer:
        for batch in _taken(opened.batches(), rows):
            writer.write_batch(batch)


def _taken(batches: Iterator[pa.RecordBatch], rows: Sequence[int]) -> Iterator[pa.RecordBatch]:
    start = place = 0
    for batch in batches:
        end = start + batch.num_rows
        here = []
        while place < len(rows) and rows[place] < end:
            here.append(rows[place] - start)
            place += 1
        if here:
            yield batch.take(here)
        if place == len(rows):
            return
        start = end
