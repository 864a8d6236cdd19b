"""``inlay label``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._report_output import write_json
from inlay._terminal_table import write_line, write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.model.offline_labels import JoinedOffline

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  inlay label telemetry/ labels.parquet
  inlay label telemetry/ labels.parquet --name click --id request_id --outcome clicked
  inlay label telemetry/ labels.csv --dry-run --json
"""

_WORDS = {
    "orphan_labels": "without a prediction here",
    "duplicate_labels": "joined before, the same",
    "conflicting_labels": "joined before, another",
    "null_labels": "without an outcome",
    "null_ids": "without an id",
    "bad_label": "no label of this task",
}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "label",
        help="join labels to the predictions in a directory",
        description="Join labels to the predictions that a quality made with log=True wrote into a "
        "directory, and write there what they say of the windows of those predictions. A label "
        "counts once, however often it is given.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="what inlay.sinks.Files writes")
    parser.add_argument("labels", metavar="LABELS", help="a Parquet, Arrow or CSV file")
    parser.add_argument("--name", help="of the quality, where predictions are of several")
    parser.add_argument(
        "--id", default="id", metavar="COLUMN", help="the column of ids (default: id)"
    )
    parser.add_argument(
        "--outcome",
        default="outcome",
        metavar="COLUMN",
        help="the column of what turned out to be true (default: outcome)",
    )
    parser.add_argument(
        "--time",
        metavar="COLUMN",
        help="when each label was given: of two of one id the earlier stands (default: the first)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    from inlay.model.offline_labels import OfflineLabels

    labels = OfflineLabels(Path(arguments.directory), name=arguments.name)
    joined = labels.run(
        _read(arguments.labels, [arguments.id, arguments.outcome, arguments.time]),
        id=arguments.id,
        outcome=arguments.outcome,
        time_column=arguments.time,
        dry=arguments.dry_run,
    )
    for note in joined.notes:
        write_line(f"inlay label: {note}", out=sys.stderr)
    if arguments.json:
        write_json(
            {
                "name": joined.name,
                "predictions": joined.predictions,
                "labels": joined.labels,
                "joined": joined.joined,
                "coverage": _share(joined),
                "panes": joined.panes,
                "apart": joined.apart,
                "points": joined.points.num_rows,
                "notes": list(joined.notes),
            }
        )
    else:
        _show(joined)
    return 0


def _read(path: str, names: list[str | None]) -> pa.Table:
    """Read columns of a file."""
    import pyarrow as pa

    from inlay.data.sources import open_source

    columns = list(dict.fromkeys(name for name in names if name is not None))
    source = open_source(path, columns=columns)
    return pa.Table.from_batches(list(source.batches()), source.schema)


def _share(joined: JoinedOffline) -> float:
    return joined.known / joined.predictions if joined.predictions else 0.0


def _show(joined: JoinedOffline) -> None:
    share = _share(joined)
    write_line(
        f"{joined.name}: {joined.joined:,} of {joined.labels:,} labels joined, in {joined.panes:,} "
        f"panes; {joined.known:,} of {joined.predictions:,} predictions ({share:.1%}) have one now"
    )
    apart = [
        (words, f"{joined.apart[what]:,}") for what, words in _WORDS.items() if joined.apart[what]
    ]
    if apart:
        write_line("")
        write_table(("labels left out", "labels"), [list(row) for row in apart], numbers=(1,))
    if joined.labels and joined.apart["orphan_labels"] == joined.labels:
        write_line("no label found a prediction: are the ids of the type that was predicted with?")
