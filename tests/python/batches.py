"""Batches made by hand, for tests of what comes after the core."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import inlay
from inlay._files.snapshot import take_snapshot
from inlay.table import arrow_schema

START = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
ORIGIN = 0x1234_5678_9ABC_DEF0
RESOURCE = '{"service.name":"ranker"}'


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of one of the five tables; columns left out are null."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(name))


def times(seq: int, start: datetime.datetime = START, window: float = 10.0) -> dict[str, Any]:
    begin = start + datetime.timedelta(seconds=seq * window)
    end = begin + datetime.timedelta(seconds=window)
    return {"start_time": begin, "time": end, "observed_time": end}


def point(seq: int, series: int = 0, **columns: Any) -> dict[str, Any]:
    row = {
        **times(seq),
        "revision": 0,
        "form": "delta",
        "origin": ORIGIN,
        "window_seq": seq,
        "layer": "app",
        "metric": "requests",
        "kind": "counter",
        "unit": "1",
        "series_id": series,
        "attrs": json.dumps({"route": f"/{series}"}, separators=(",", ":")),
        "resource": RESOURCE,
        "status": "ok",
        "value": float(seq * 1000 + series),
    }
    return {**row, **columns}


def event(seq: int, **columns: Any) -> dict[str, Any]:
    moment = times(seq)
    row = {
        "time": moment["time"],
        "observed_time": moment["observed_time"],
        "origin": ORIGIN,
        "layer": "app",
        "name": "deploy",
        "severity": 9,
        "body": f"number {seq}",
        "attrs": "{}",
        "resource": RESOURCE,
    }
    return {**row, **columns}


def batch(seq: int, tables: Mapping[str, Any] | None = None, origin: int = ORIGIN) -> inlay.Batch:
    """A window with two counters, unless tables are given."""
    if tables is None:
        tables = {"points": table("points", [point(seq, s, origin=origin) for s in range(2)])}
    moment = times(seq)
    return inlay.Batch.from_tables(
        tables,
        window_seq=seq,
        origin=origin,
        start_time_us=int(moment["start_time"].timestamp() * 1e6),
        time_us=int(moment["time"].timestamp() * 1e6),
        observed_time_us=int(moment["observed_time"].timestamp() * 1e6),
        resource=RESOURCE,
    )


def stored(root: Path, name: str = "points") -> list[dict[str, Any]]:
    """All rows a directory shows of a table, read without DuckDB."""
    with tempfile.TemporaryDirectory() as scratch:
        snapshot = take_snapshot(root, Path(scratch))
        files = snapshot.tables.get(name)
        if files is None:
            return []
        tables = [*files.streams, *(pq.ParquetFile(path).read() for path in files.parquet)]
        return [row for part in tables for row in part.to_pylist()]


def windows(root: Path, name: str = "points", origin: int = ORIGIN) -> list[int]:
    """The window numbers a directory shows of an origin, with repetitions, sorted."""
    return sorted(row["window_seq"] for row in stored(root, name) if row["origin"] == origin)
