"""A profile as rows of the table ``points``: one for each column and summary, and its state."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.points import KEYS
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    from inlay.data.column_profile import ColumnProfile
    from inlay.table import Table

__all__ = ["SUMMARY_TYPE", "column_rows", "points_table", "state_row", "stored_states"]

SUMMARY_TYPE = "profile_inlay"
"""``summary_type`` of the row that holds a whole profile."""

_METRIC = "data.column"
_LENGTH_METRIC = "data.column.length"
_PROFILE_METRIC = "data.profile"
_UCUM = {"D": "d"}


def column_rows(column: ColumnProfile, attrs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Give a row for each summary that a column has.

    Parameters
    ----------
    column : ColumnProfile
        Of a profile whose names are as they may leave.
    attrs : mapping of str to str
        Of its group.

    Yields
    ------
    dict
        What differs from row to row.
    """
    # A column of by may be called "column" itself.
    named = {f"by.{name}" if name == "column" else name: value for name, value in attrs.items()}
    text = _core.canonical_json({**named, "column": column.name})
    unit = None if column.unit is None else _UCUM.get(column.unit, column.unit)
    cells = column._edges or column._categories
    summaries: tuple[tuple[str, str, str | None, Any], ...] = (
        (_METRIC, "moments", unit, None if column.kind == "list" else column.moments),
        (_METRIC, "histogram", unit, column.histogram),
        (_METRIC, "quantiles", unit, column.sketch),
        (_METRIC, "cardinality", None, column.cardinality),
        (_METRIC, "top_k", None, column.top_k),
        (_LENGTH_METRIC, "moments", None, column.lengths),
        (_LENGTH_METRIC, "histogram", None, column.length_histogram),
        (
            _METRIC,
            "edges" if isinstance(cells, EdgeHistogram) else "categories",
            unit if isinstance(cells, EdgeHistogram) else None,
            cells,
        ),
    )
    for metric, kind, of_unit, summary in summaries:
        if summary is not None:
            yield {
                "metric": metric,
                "kind": kind,
                "unit": of_unit,
                "attrs": text,
                **summary._row(),
            }


def state_row(rows: int, state: bytes) -> dict[str, Any]:
    """Give the row from which the profile can be made again."""
    return {
        "metric": _PROFILE_METRIC,
        "kind": "profile",
        "attrs": "{}",
        "value": float(rows),
        "count": rows,
        "summary": state,
        "summary_type": SUMMARY_TYPE,
    }


def points_table(
    rows: Iterator[dict[str, Any]],
    *,
    time: datetime.datetime,
    start_time: datetime.datetime,
    origin: int,
    resource: Mapping[str, str],
) -> Table:
    """Complete rows by what they share, and make the table."""
    import pyarrow as pa

    from inlay.table import Table, arrow_schema

    shared = {
        "time": time,
        "start_time": start_time,
        "observed_time": time,
        "revision": 0,
        "form": "delta",
        "origin": origin,
        "window_seq": 0,
        "layer": "data",
        "status": "ok",
        "resource": _core.canonical_json(dict(resource)),
    }
    service = resource.get("service.name", "")
    complete = [
        {**shared, **row, "series_id": _series_id(row["metric"], row["attrs"], service)}
        for row in rows
    ]
    return Table(pa.Table.from_pylist(complete, schema=arrow_schema("points")))


def _series_id(metric: str, attrs: str, service: str) -> int:
    text = "\x1f".join((metric, attrs, service)).encode()
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def stored_states(table: Any) -> list[bytes]:
    """Return the profiles that rows of points hold, those delivered twice once.

    Raises
    ------
    InvalidArgumentError
        If the table is none of points, or no row holds a profile.
    """
    from inlay.table import Table

    rows = Table(table).to_pyarrow()
    needed = ("summary", "summary_type")
    missing = [name for name in needed if name not in rows.column_names]
    if missing:
        message = f"a table of points has a column that is not there: {missing[0]!r}"
        raise InvalidArgumentError(message)
    keys = [name for name in KEYS["points"] if name in rows.column_names]
    states: dict[Any, bytes] = {}
    for position, row in enumerate(rows.select([*keys, *needed]).to_pylist()):
        if row["summary_type"] == SUMMARY_TYPE and row["summary"] is not None:
            key = (
                tuple(row[name] for name in keys) if len(keys) == len(KEYS["points"]) else position
            )
            states[key] = row["summary"]
    if not states:
        message = f"no row holds a profile (summary_type {SUMMARY_TYPE!r}): {len(rows)} rows"
        raise InvalidArgumentError(message)
    return list(states.values())
