"""Tables that are made outside the core and join the rows of a window."""

from __future__ import annotations

import pyarrow as pa
import pytest
from batches import START, table

import inlay
from inlay import _core

ROW = {
    "time": START,
    "start_time": START,
    "observed_time": START,
    "revision": 0,
    "form": "delta",
    "origin": 1,
    "window_seq": 1,
    "layer": "data",
    "metric": "m",
    "kind": "counter",
    "series_id": 1,
    "attrs": "{}",
    "resource": "{}",
    "status": "ok",
    "value": 1.0,
}


def native(rows: pa.Table) -> _core.Table:
    return _core.Table(rows)


def found(batch: inlay.Batch) -> list[float]:
    return [row["value"] for row in batch.points.to_pylist() if row["metric"] == "m"]


def test_slices_and_chunks_are_taken_as_they_are() -> None:
    observer = inlay.Observer()
    whole = table("points", [{**ROW, "value": float(i), "counts": [i]} for i in range(10)])
    chunks = pa.concat_tables([whole.slice(2, 3), whole.slice(7, 1), whole.slice(0, 0)])
    assert observer.core.add_table("points", native(chunks))
    batch = observer.collect()
    assert found(batch) == [2.0, 3.0, 4.0, 7.0]
    rows = [row for row in batch.points.to_pylist() if row["metric"] == "m"]
    assert [row["counts"] for row in rows] == [[2], [3], [4], [7]]
    assert {row["origin"] for row in rows} == {batch.origin}


def test_other_columns_types_and_nulls_are_refused() -> None:
    observer = inlay.Observer()
    whole = table("points", [ROW])
    add = observer.core.add_table
    with pytest.raises(inlay.InvalidArgumentError, match="number of columns"):
        add("points", native(whole.select(["time"])))
    names = [name if name != "value" else "x" for name in whole.column_names]
    with pytest.raises(inlay.InvalidArgumentError, match="value"):
        add("points", native(whole.rename_columns(names)))
    wrong = whole.set_column(16, "value", pa.array([1.0], pa.float32()))
    with pytest.raises(inlay.InvalidArgumentError, match="value"):
        add("points", native(wrong))
    empty = whole.set_column(11, pa.field("unit", pa.utf8()), pa.array([None], pa.utf8()))
    assert add("points", native(empty))
    nulls = whole.set_column(9, pa.field("metric", pa.utf8()), pa.array([None], pa.utf8()))
    with pytest.raises(inlay.InvalidArgumentError, match="metric"):
        add("points", native(nulls))
    with pytest.raises(inlay.InvalidArgumentError, match="events"):
        add("events", native(whole))


def test_a_stopped_observer_counts_what_it_refuses() -> None:
    observer = inlay.Observer()
    observer.stop()
    assert not observer.core.add_table("points", native(table("points", [ROW, ROW])))
    assert observer.stats()["dropped_points"] == 2
