"""``inlay report``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from inlay._arguments import check_order
from inlay._command_line import command_line
from inlay._data_arguments import moment_of
from inlay._exceptions import InvalidArgumentError
from inlay._report_output import write_json, write_text
from inlay._terminal_table import write_line, write_table

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  inlay report telemetry
  inlay report telemetry -o week --from 2026-05-01 --to 2026-05-08
  inlay report telemetry --split 2026-05-04T12:00
  inlay report telemetry --json | jq '.quality[].segments'
"""

# What the terminal shows: the first of each, and which columns a narrow one does without.
_MOST_GPUS, _MOST_STEPS = 8, 5
_MOST_FIGURES = 16
_OPTIONAL_OF_GPUS = (12, 11, 10, 8, 9, 4, 3)


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "report",
        help="make pages of what is in a directory of tables",
        description="Tell how models did, for whom and since when, what drifted, how GPUs, hosts "
        "and trainings did and what judges said, from the tables that inlay wrote into a "
        "directory, as pages for a browser.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="what inlay.sinks.Files writes")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        default="report",
        help="directory for the pages, made if it is not there (default: report)",
    )
    for name, what in (
        ("from", "take what begins at TIME or later (UTC)"),
        ("to", "take what ends at TIME or earlier (UTC)"),
        ("split", "compare what is before TIME with what follows (default: the middle)"),
    ):
        parser.add_argument(f"--{name}", metavar="TIME", type=moment_of, help=what)
    parser.add_argument("--json", action="store_true", help="print one JSON document, no pages")
    parser.add_argument("--title", help="heading of the first page")
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    if arguments.title and arguments.json:
        arguments.refuse("--title is for pages; --json makes none")
    start, split, end = getattr(arguments, "from"), arguments.split, arguments.to
    try:
        check_order({"--from": start, "--split": split, "--to": end})
    except InvalidArgumentError as error:
        arguments.refuse(str(error))
    from inlay.report import report_pages, stored_report
    from inlay.report.page_set import missed

    report = stored_report(arguments.directory, start=start, end=end, split=split)
    if (said := missed(report)) is not None:
        sys.stderr.write(f"inlay report: {said}\n")
    if arguments.json:
        write_json(report)
        return 0
    pages = report_pages(report, title=arguments.title)
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        write_text(text, str(output / name))
    _remove_others(output, pages)
    _write_summary(report)
    for note in report["notes"]:
        sys.stderr.write(f"inlay report: {note}\n")
    write_line("")
    first = output / next(iter(pages))
    write_line(f"wrote {len(pages)} pages; open {first} in a browser")
    write_line(f"next: {command_line(_as_json(arguments))}  # the same as one JSON document")
    sys.stdout.flush()
    return 0


def _remove_others(output: Path, pages: Collection[str]) -> None:
    """Remove pages of an earlier report that this one has none of."""
    from inlay.report.page_set import is_page

    for path in output.glob("*.html"):
        if path.name not in pages and is_page(path.name, path.read_text("utf-8", "replace")):
            path.unlink()


def _as_json(arguments: argparse.Namespace) -> list[str]:
    words = ["report", arguments.directory]
    for name in ("from", "to", "split"):
        moment = getattr(arguments, name)
        if moment is not None:
            words += [f"--{name}", moment.isoformat()]
    return [*words, "--json"]


def _write_summary(report: Mapping[str, Any]) -> None:
    from inlay.report.comparisons import comparison_summary
    from inlay.report.formats import escape_controls
    from inlay.report.qualities import (
        CHANGE_HEADINGS,
        CHANGE_NUMBERS,
        change_row,
        headline,
        quality_name,
    )
    from inlay.report.verdict_page import verdicts_summary

    if not report["quality"]:
        write_line("models: no rows of kind estimate")
    for quality in report["quality"]:
        write_line(escape_controls(f"{quality_name(quality)}: {headline(quality)}"))
        if report["split"] is not None:
            # The pages have all of them: of a class each there are too many for a terminal.
            whole = [each for each in quality["metrics"] if " (" not in str(each["metric"])]
            shown = (whole or quality["metrics"])[:_MOST_FIGURES]
            rows = [change_row(metric) for metric in shown]
            write_table(CHANGE_HEADINGS, rows, numbers=CHANGE_NUMBERS, optional=(5, 6))
            left = len(quality["metrics"]) - len(shown)
            write_line(f"and {left} more figures on the page\n" if left else "")
    if report["rates"] and report["split"] is not None:
        rows = [change_row(rate) for rate in report["rates"]]
        write_table(CHANGE_HEADINGS, rows, numbers=CHANGE_NUMBERS, optional=(5, 6))
        write_line("")
    for each in report["comparisons"]:
        said = each["comparison"]
        text = f"not compared: {each['reason']}" if said is None else comparison_summary(said)
        write_line(escape_controls(f"{each['watch'] or 'columns'}: {text}"))
    _write_layers(report)
    write_line(f"verdicts: {verdicts_summary(report['verdicts'])}")


def _write_layers(report: Mapping[str, Any]) -> None:
    from inlay.report.formats import escape_controls
    from inlay.report.infra_words import (
        GPU_HEADINGS,
        GPU_NUMBERS,
        gpu_row,
        gpus_first,
        infra_headline,
    )
    from inlay.report.training_words import (
        SLOW_HEADINGS,
        SLOW_NUMBERS,
        slow_rows,
        training_headline,
    )

    infra, training = report["infra"], report["training"]
    if infra is not None:
        write_line(escape_controls(f"infrastructure: {infra_headline(report)}"))
        if infra["gpus"]:
            rows = [gpu_row(gpu) for gpu in gpus_first(infra["gpus"])[:_MOST_GPUS]]
            write_table(GPU_HEADINGS, rows, numbers=GPU_NUMBERS, optional=_OPTIONAL_OF_GPUS)
            write_line("")
    if training is not None:
        write_line(escape_controls(f"training: {training_headline(training)}"))
        if training["slowest"]:
            rows = slow_rows(training["slowest"][:_MOST_STEPS])
            write_table(SLOW_HEADINGS, rows, numbers=SLOW_NUMBERS, optional=(4, 3, 2))
            write_line("")
