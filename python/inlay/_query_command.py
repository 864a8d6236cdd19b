"""``inlay query``."""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from inlay._exceptions import InlayError, InlayWarning

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["add_parser", "run"]

_EPILOG = """\
views: points, latest, histograms, verdicts, events, exemplars, spans

examples:
  inlay query "select metric, sum(value) from points where kind = 'counter' group by all"
  inlay query "select attrs, eh_quantile(eh_merge(h), 0.99) from histograms group by all" telemetry/
  inlay query "select * from events order by time desc limit 20" --json
"""
_MAX_CELL = 60


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "query",
        help="run SQL over the tables in a directory",
        description="Run SQL (DuckDB's) over everything a directory holds, live windows included.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sql", metavar="SQL", help="a statement; - reads it from standard input")
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", default=".", help="where the tables lie (default: .)"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON object per row")
    forms.add_argument("--csv", action="store_true", help="print comma-separated values")
    forms.add_argument(
        "--arrow", metavar="FILE", help="write an Arrow stream; - is standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit status.
    """
    from inlay._query import query

    sql = sys.stdin.read() if arguments.sql == "-" else arguments.sql
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InlayWarning)
        try:
            table = query(arguments.directory, sql)
        except Exception as error:
            if not type(error).__module__.lstrip("_").startswith("duckdb"):
                raise
            raise InlayError(str(error)) from error
    for warning in caught:
        if issubclass(warning.category, InlayWarning):
            sys.stderr.write(f"inlay query: {warning.message}\n")
    if arguments.json:
        _write_json(table, sys.stdout)
    elif arguments.csv:
        _write_csv(table, sys.stdout)
    elif arguments.arrow is not None:
        _write_arrow(table, arguments.arrow)
    else:
        _write_text(table, sys.stdout)
    sys.stdout.flush()
    return 0


def _write_json(table: pa.Table, out: TextIO) -> None:
    for row in table.to_pylist():
        plain = {name: _plain(value) for name, value in row.items()}
        out.write(json.dumps(plain, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def _write_csv(table: pa.Table, out: TextIO) -> None:
    import csv

    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow(
            [
                json.dumps(_plain(value), default=str)
                if isinstance(value, (list, dict))
                else _plain(value)
                for value in row.values()
            ]
        )


def _write_arrow(table: pa.Table, target: str) -> None:
    import pyarrow as pa

    if target == "-":
        with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as writer:
            writer.write_table(table)
        return
    with Path(target).open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def _write_text(table: pa.Table, out: TextIO) -> None:
    """Write aligned columns: text to the left, numbers to the right."""
    import pyarrow as pa

    names = table.column_names
    rows = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    if len(set(names)) < len(names):  # dictionaries would lose columns of the same name
        columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
        rows = [list(row) for row in zip(*columns, strict=True)]
    right = [
        pa.types.is_integer(field.type)
        or pa.types.is_floating(field.type)
        or pa.types.is_decimal(field.type)
        for field in table.schema
    ]
    widths = [max(len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(names)]

    def line(cells: list[str]) -> str:
        parts = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return "  ".join(parts).rstrip() + "\n"

    out.write(line(names))
    out.write("  ".join("-" * width for width in widths) + "\n")
    for row in rows:
        out.write(line(row))
    out.write(f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = json.dumps(plain, default=str) if isinstance(plain, (list, dict)) else str(plain)
    text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\x1b", "\\x1b")
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601, bytes in hex, NaN and infinity in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value
