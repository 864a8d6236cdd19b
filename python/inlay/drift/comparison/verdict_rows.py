"""A comparison as rows of the table ``verdicts``."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from inlay.drift.comparison.column import ColumnComparison
    from inlay.drift.comparison.result import Comparison
    from inlay.table import Table

__all__ = ["verdicts_table"]

_METRIC, _METHOD = "data.column", "compare"
_JUDGE, _VERSION = "Comparison", "1"
_NO_THRESHOLD = "no threshold: a distance alone gives no verdict"


def verdicts_table(
    comparison: Comparison,
    *,
    time: datetime.datetime | None,
    start_time: datetime.datetime | None,
    origin: int,
    resource: Mapping[str, str],
) -> Table:
    """Make the table; see `Comparison.to_arrow`."""
    import pyarrow as pa

    from inlay.table import Table, arrow_schema

    time = datetime.datetime.now(datetime.UTC) if time is None else time
    start_time = time if start_time is None else start_time
    for name, moment in (("time", time), ("start_time", start_time)):
        if moment.tzinfo is None:
            message = f"{name} must have a zone: {moment!r}"
            raise InvalidArgumentError(message)
    if start_time > time:
        message = f"start_time must not be after time, {time}: {start_time}"
        raise InvalidArgumentError(message)
    shared = {
        "time": time,
        "start_time": start_time,
        "observed_time": time,
        "revision": 0,
        "origin": origin,
        "layer": "data",
        "metric": _METRIC,
        "resource": _core.canonical_json(dict(resource)),
        "scope": "process",
        "reference_id": comparison.reference_id,
        "judge": _JUDGE,
        "judge_version": _VERSION,
    }
    service = resource.get("service.name", "")
    rows = [
        {**shared, **row, "series_id": _series_id(row["attrs"], service)}
        for attrs, part in _parts(comparison)
        for column in part.columns
        for row in _rows(column, attrs)
    ]
    return Table(pa.Table.from_pylist(rows, schema=arrow_schema("verdicts")))


def _parts(comparison: Comparison) -> Iterator[tuple[dict[str, str], Comparison]]:
    yield {}, comparison
    for key, group in comparison.groups.items():
        # A column of by may be called "column" itself.
        yield (
            {
                f"by.{name}" if name == "column" else name: text
                for name, text in zip(comparison.by, key, strict=True)
            },
            group,
        )


def _rows(column: ColumnComparison, attrs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    subject = {
        "attrs": _core.canonical_json({**attrs, "column": column.name}),
        "n": column.current.get("rows"),
        "n_reference": column.reference.get("rows"),
    }
    yield {
        **subject,
        "method": _METHOD,
        "verdict": column.verdict,
        "reason": column.reason or None,
        "value": column.effect,
        "low": column.low,
        "high": column.high,
        "threshold": column.threshold,
        "effect": column.effect,
        "p_value": column.p_value,
        "part_names": [cell.name for cell in column.cells] or None,
        "part_values": [cell.part for cell in column.cells] or None,
    }
    for name, distance in column.distances.items():
        yield {
            **subject,
            "method": name,
            "verdict": "undefined",
            "reason": distance.reason or _NO_THRESHOLD,
            "value": distance.value,
            "low": distance.low,
            "high": distance.high,
            "p_value": distance.p_value,
        }


def _series_id(attrs: str, service: str) -> int:
    text = "\x1f".join((_METRIC, attrs, service)).encode()
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
