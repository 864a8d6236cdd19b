"""Points as a watch writes them, drawn from a seeded generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import inlay
from inlay import _core
from inlay.summary._reference import hash_of_edges, hash_of_names
from inlay.table import arrow_schema

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, Unix microseconds
EVERY = 60_000_000
SCHEMA = arrow_schema("points")
EDGES = [-1.2815515655446004, -0.8416212335729143, -0.5244005127080407, -0.2533471031357997, 0.0]
EDGES += [-edge for edge in reversed(EDGES[:-1])]
NAMES = ["a", "b", "c", "d"]
TENTHS = np.full(10, 0.1)


def shares(shift: float = 0.0, edges: list[float] = EDGES) -> np.ndarray:
    """Return what a shifted standard normal puts into the cells between the edges."""
    from math import erf, sqrt

    cdf = [0.5 * (1 + erf((edge - shift) / sqrt(2))) for edge in edges]
    return np.diff([0.0, *cdf, 1.0])


def resource(service: str = "ranker", host: str = "h1") -> str:
    return _core.canonical_json({"service.name": service, "host.name": host, "process.pid": "7"})


def attrs(column: str, watch: str | None = "features", **by: str) -> str:
    members = {"column": column, **by}
    if watch is not None:
        members["watch"] = watch
    return _core.canonical_json(members)


def complete(rows: list[dict[str, Any]]) -> pa.Table:
    """Fill in what all rows of these tests share, and the ids."""
    shared = {"revision": 0, "form": "delta", "origin": 1, "window_seq": 0, "layer": "data"}
    shared |= {"metric": "data.column", "status": "ok", "resource": resource(), "nan_count": 0}
    shared |= {"null_count": 0, "pos_inf_count": 0, "neg_inf_count": 0}
    made = []
    for row in rows:
        full = {**shared, **row}
        service = json.loads(full["resource"]).get("service.name", "")
        full.setdefault("series_id", _core.series_id(full["metric"], full["attrs"], service))
        made.append(full)
    return pa.Table.from_pylist(made, schema=SCHEMA)


def edges_row(
    counts: Any, *, pane: int = 0, column: str = "x", edges: list[float] = EDGES, **more: Any
) -> dict[str, Any]:
    """Return a row of kind ``edges``; `by`, `watch` enter the attributes."""
    counts = [int(count) for count in counts]
    by, watch = more.pop("by", {}), more.pop("watch", "features")
    return {
        "kind": "edges",
        "start_time": START + pane * EVERY,
        "time": START + (pane + 1) * EVERY,
        "observed_time": START + (pane + 2) * EVERY,
        "window_seq": pane,
        "attrs": attrs(column, watch, **by),
        "bounds": edges,
        "counts": counts,
        "count": sum(counts),
        "reference_id": hash_of_edges(edges),
        **more,
    }


def names_row(
    counts: Any, *, pane: int = 0, column: str = "c", names: list[str] = NAMES, **more: Any
) -> dict[str, Any]:
    """Return a row of kind ``categories``: counts of the names and of all others."""
    row = edges_row(counts, pane=pane, column=column, **more)
    del row["bounds"]
    return row | {"kind": "categories", "categories": names, "reference_id": hash_of_names(names)}


def reference_row(row: dict[str, Any], counts: Any, **more: Any) -> dict[str, Any]:
    """Return the row of metric ``data.reference`` to which a row of points belongs."""
    counts = [int(count) for count in counts]
    moments = {"start_time": START, "time": START, "observed_time": START, "window_seq": 0}
    same = {**row, **moments, "metric": "data.reference", "form": "derived", "revision": 0}
    return {**same, "counts": counts, "count": sum(counts), **more}


def pane_row(rows: int, *, pane: int = 0, watch: str = "features", **more: Any) -> dict[str, Any]:
    """Return the row that says how many rows a pane has."""
    row = edges_row([], pane=pane)
    for name in ("bounds", "counts", "reference_id"):
        del row[name]
    status = "ok" if rows else "insufficient"
    pane_attrs = _core.canonical_json({"watch": watch})
    said = {"metric": "data.pane", "kind": "counter", "attrs": pane_attrs, "status": status}
    return {**row, **said, "value": float(rows), "count": rows, **more}


def unseen_row(counts: dict[str, int], *, pane: int = 0, column: str = "c", **more: Any) -> Any:
    """Return the row that holds the names outside a reference."""
    top = inlay.TopK(capacity=32)
    for name, count in counts.items():
        top.update([name], weights=[count])
    row = edges_row([], pane=pane, column=column, **more)
    for name in ("bounds", "reference_id"):
        del row[name]
    return {**row, "metric": "data.column.unseen", "kind": "top_k", **top._row()}


def month(
    panes: int,
    columns: int,
    *,
    rows: int = 1_000,
    seed: int = 1,
    origin: int = 1,
    shift_from: int | None = None,
    shifted: int = 1,
    reference_rows: int = 100_000,
    first: int = 0,
) -> pa.Table:
    """Return panes of many columns at once, the first `shifted` of them off from a pane on."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(rows, TENTHS, size=(panes, columns))
    if shift_from is not None and shift_from < panes:
        size = (panes - shift_from, shifted)
        drawn[shift_from:, :shifted] = rng.multinomial(rows, shares(0.3), size=size)
    names = [f"x{number:03d}" for number in range(columns)]
    texts = [attrs(name) for name in names]
    ids = [_core.series_id("data.column", text, "ranker") for text in texts]
    total = panes * columns
    at = np.repeat(np.arange(first, first + panes), columns)
    constant = {"revision": 0, "form": "delta", "origin": origin, "layer": "data"}
    constant |= {"metric": "data.column", "kind": "edges", "status": "ok", "resource": resource()}
    constant |= {"count": rows, "null_count": 0, "nan_count": 0, "pos_inf_count": 0}
    constant |= {"neg_inf_count": 0, "reference_id": hash_of_edges(EDGES)}
    edges = pa.array(np.tile(EDGES, total))
    places = np.arange(total + 1, dtype=np.int32)
    varying = {
        "start_time": START + at * EVERY,
        "time": START + (at + 1) * EVERY,
        "observed_time": START + (at + 2) * EVERY,
        "window_seq": at,
        "series_id": np.tile(ids, panes),
        "attrs": pa.array(texts).take(pa.array(np.tile(np.arange(columns), panes))),
        "bounds": pa.ListArray.from_arrays(places * len(EDGES), edges),
        "counts": pa.ListArray.from_arrays(places * 10, pa.array(drawn.reshape(-1))),
    }
    arrays = []
    for field in SCHEMA:
        if field.name in varying:
            value = varying[field.name]
            array = value if isinstance(value, pa.Array) else pa.array(value)
            arrays.append(array if array.type == field.type else array.cast(field.type))
        elif field.name in constant:
            arrays.append(pa.repeat(pa.scalar(constant[field.name], field.type), total))
        else:
            arrays.append(pa.nulls(total, field.type))
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    if first:
        return table
    counts = rng.multinomial(reference_rows, TENTHS, size=columns)
    references = [
        reference_row(edges_row(count, column=name), count, origin=origin)
        for name, count in zip(names, counts, strict=True)
    ]
    return pa.concat_tables([complete(references), table])


def write(directory: Path, table: pa.Table, **given: Any) -> None:
    """Write points as the sink of an observer does, a batch for each origin and window."""
    from inlay.sinks.files import Files

    origins = table["origin"].unique().to_pylist()
    for origin in origins:
        mine = table.filter(pa.compute.equal(table["origin"], origin))
        sink = Files(directory, **given)
        sink.open({}, origin)
        for sequence in mine["window_seq"].unique().to_pylist():
            rows = mine.filter(pa.compute.equal(mine["window_seq"], sequence))
            observed = rows["observed_time"].cast(pa.int64()).to_pylist()
            sink.write(
                inlay.Batch.from_tables(
                    {"points": rows},
                    window_seq=sequence,
                    origin=origin,
                    observed_time_us=max(observed),
                )
            )
        sink.close(float("inf"))
