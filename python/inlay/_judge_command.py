"""``inlay judge``."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._judge_triggers import HELP, fired, parse_trigger
from inlay._report_output import write_json
from inlay._terminal_table import write_line, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.alert.trigger import Firing
    from inlay.drift.directory_judge import Judged

__all__ = ["DRIFTS", "add_parser", "run"]

DRIFTS = 3
"""Exit status when something drifts."""

_EPILOG = """\
exit status: 0 nothing drifts, or another process judges this directory already; 1 the command
failed; 2 it was called wrongly; 3 a new verdict, or the newest yes or no of a column, is yes, also
if nothing is new, or what came since is undefined

examples:
  inlay judge telemetry/
  inlay judge telemetry/ --reference train.inlay --dry-run
  inlay judge telemetry/ --fairness sex,age
  inlay judge telemetry/ --follow 60
  inlay judge telemetry/ --trigger retrain,layer=data,hold=1h
  inlay judge telemetry/ --json | jq '.latest[] | select(.verdict == "yes")'
"""

_HEADINGS = (
    "column",
    "of",
    "method",
    "verdict",
    "effect",
    "threshold",
    "rows",
    "until",
    "reason",
    "undefined since",
)
_NUMBERS = (4, 5, 6)
_OPTIONAL = (5, 6, 7)
_SIGNS = {"yes": "✗ drifts", "no": "✓ no", "undefined": "? undefined"}
_ORDER = {"yes": 0, "undefined": 1, "no": 2}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "judge",
        help="judge what several processes wrote into a directory",
        description="Add up what all processes counted in the same windows, judge what is new "
        "against the reference, and write the verdicts into the directory.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="what inlay.sinks.Files writes")
    parser.add_argument(
        "--reference", metavar="FILE", help="a saved profile, instead of what the points bring"
    )
    parser.add_argument(
        "--level", type=float, default=0.05, help="false alarms allowed (default: 0.05)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.02,
        help="Jensen-Shannon distance that a drift must exceed (default: 0.02)",
    )
    parser.add_argument(
        "--min-rows",
        type=int,
        default=1000,
        metavar="N",
        help="say nothing of fewer rows (default: 1000)",
    )
    parser.add_argument(
        "--fairness",
        metavar="NAME[,NAME]",
        help="judge, too, whether the groups that these attributes make are treated apart, of what "
        "qualities count with them",
    )
    parser.add_argument(
        "--trigger",
        action="append",
        type=parse_trigger,
        default=[],
        metavar="NAME[,SETTING=VALUE]",
        help=HELP,
    )
    parser.add_argument(
        "--scope", choices=("fleet", "host"), default="fleet", help="add up over all, or by host"
    )
    parser.add_argument(
        "--idle",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="wait so long for a process that writes nothing (default: 900)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document a run")
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing, neither verdicts nor state"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="judge everything anew; the verdicts supersede those of earlier runs",
    )
    parser.add_argument(
        "--follow",
        type=float,
        metavar="SECONDS",
        help="judge again whenever so many seconds have passed, until interrupted; wait for the "
        "directory if it is not there yet",
    )
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    if arguments.follow is not None and not 0.0 < arguments.follow < math.inf:
        arguments.refuse(f"--follow needs seconds above 0: {arguments.follow}")
    if not 0.0 <= arguments.idle < math.inf:
        arguments.refuse(f"--idle needs seconds of 0 or more: {arguments.idle}")
    from inlay.drift.directory_judge import DirectoryJudge
    from inlay.drift.references import References

    try:
        judges = _judges_of(arguments)
    except InvalidArgumentError as error:
        arguments.refuse(str(error))
    references = None if arguments.reference is None else References.of(Path(arguments.reference))
    directory = Path(arguments.directory)
    if arguments.follow is not None:
        _wait_for_points(directory, arguments.follow)
    judge = DirectoryJudge(
        directory,
        judges,
        scope=arguments.scope,
        references=references,
        idle=arguments.idle,
    )
    if not arguments.dry_run:
        leader = judge.lead()
        if leader is not None:
            write_line(f"inlay judge: {leader} judges {arguments.directory} already")
            return 0
    try:
        if arguments.fresh:
            judge.forget()
        while True:
            judged = judge.run(dry=arguments.dry_run)
            _show(judged, arguments, fired(arguments.trigger, arguments.directory, judged.verdicts))
            if arguments.follow is None:
                return DRIFTS if judged.drifts else 0
            time.sleep(arguments.follow)
    finally:
        judge.resign()


def _judges_of(arguments: argparse.Namespace) -> tuple[Any, ...]:
    from inlay.drift.run import default_judges

    judges = default_judges(
        level=arguments.level, threshold=arguments.threshold, min_rows=arguments.min_rows
    )
    if arguments.fairness is None:
        return judges
    from inlay.model import FairnessJudge

    return (*judges, FairnessJudge(arguments.fairness.split(","), level=arguments.level))


def _wait_for_points(directory: Path, seconds: float) -> None:
    """Wait until a writer begins, who may be started after this command."""
    from inlay._files.layout import list_table

    if any(list_table(directory / "points")) or directory.is_file():
        return
    write_line(f"inlay judge: waits for points in {directory}", out=sys.stderr)
    while not any(list_table(directory / "points")):
        time.sleep(seconds)


def _show(judged: Judged, arguments: argparse.Namespace, firings: list[Firing]) -> None:
    for note in judged.notes:
        write_line(f"inlay judge: {note}", out=sys.stderr)
    since = {_subject(row): row["reason"] for row in judged.undefined.to_pylist()}
    latest = sorted(judged.latest.to_pylist(), key=_rank)
    for row in latest:
        row["then"] = since.get(_subject(row))
    words = judged.verdicts["verdict"].to_pylist()
    counts = {word: words.count(word) for word in ("yes", "no", "undefined")}
    if arguments.json:
        write_json(
            {
                "points": judged.rows,
                "waiting": judged.pending,
                "too_late": judged.too_late,
                "verdicts": counts,
                "drifts": judged.drifts,
                "notes": list(judged.notes),
                "latest": [_plain(row) for row in latest],
                "fired": [one.to_dict() for one in firings],
            }
        )
    else:
        if latest:
            rows = [_cells(row) for row in latest]
            write_table(_HEADINGS, rows, numbers=_NUMBERS, optional=_OPTIONAL)
            write_line("")
        said = ", ".join(f"{count} {word}" for word, count in counts.items())
        waiting = f"; {judged.pending} wait for a process" if judged.pending else ""
        write_line(f"{judged.rows} new points, new verdicts: {said}{waiting}")
        for one in firings:
            write_line(f"{one.trigger}: {one.event} at {one.time:%Y-%m-%d %H:%M:%S}: {one.body}")
        names = {one.trigger for one in firings}
        for trigger in arguments.trigger:
            if trigger.name not in names:
                write_line(f"{trigger.name}: did not fire")
    sys.stdout.flush()


def _subject(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("series_id", "attrs", "resource", "method", "judge"))


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (_ORDER.get(row["verdict"], 1), -(row["effect"] or 0.0), row["attrs"], row["method"])


def _cells(row: Mapping[str, Any]) -> list[str]:
    members = json.loads(row["attrs"])
    column = members.pop("column", row["metric"])
    of = ", ".join(f"{name}={value}" for name, value in sorted(members.items()))
    return [
        column,
        of,
        row["method"],
        _SIGNS.get(row["verdict"], row["verdict"]),
        "" if row["effect"] is None else f"{row['effect']:.4f}",
        "" if row["threshold"] is None else f"{row['threshold']:.4g}",
        "" if row["n"] is None else f"{row['n']:,}",
        f"{row['time']:%Y-%m-%d %H:%M:%S}",
        row["reason"] or "",
        row["then"] or "",
    ]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is null; times as ISO 8601."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if value is not None
    }
