"""Rows that come late, twice, in another order, or with other columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched import BEGAN, Watched, rows

import inlay
from inlay import _core


def test_late_rows_are_a_revision_that_holds_them_alone() -> None:
    watched = Watched(event_time="at", disorder=0, lateness=300)
    watched.at(70)
    watched.watch.update(rows([10, 20, 65, 65], x=[1.0, 2.0, 3.0, 3.0]))
    watched.watch.update(rows([30], x=[7.0]))
    watched.watch.update(rows([31], x=[9.0]))  # both wait for the next tick
    watched.collect()
    watched.watch.update(rows([32], x=[5.0]))
    watched.collect()
    assert watched.panes == [(0, 0, 2), (0, 1, 2), (0, 2, 1)]
    moments = [row for row in watched.points if row["kind"] == "moments" and '"x"' in row["attrs"]]
    assert [(row["revision"], row["mean"]) for row in moments] == [(0, 1.5), (1, 8.0), (2, 5.0)]
    assert watched.metric("data.late") == 3


def test_rows_beyond_the_lateness_are_kept_apart_and_counted() -> None:
    got: list[pa.RecordBatch] = []
    watched = Watched(event_time="at", disorder=0, lateness=60, on_too_late=got.append)
    watched.at(200)
    watched.watch.update(rows([10], x=[1.0]))
    watched.watch.update(rows([130, 130], x=[1.0, 1.0]))
    assert watched.watch.update(rows([20, 70, 130], x=[2.0, 3.0, 4.0])) == 2
    watched.collect()
    assert watched.metric("data.late.dropped") == 1
    assert watched.metric("data.late") == 1
    assert watched.watch.too_late["x"].to_pylist() == [2.0]
    assert [batch.num_rows for batch in got] == [1]
    assert watched.watch.counts_apart == {"too_late": 1, "future": 0, "missing": 0}


def test_only_the_last_rows_that_are_too_late_are_kept() -> None:
    watched = Watched(event_time="at", disorder=0, lateness=0)
    watched.at(100)
    watched.watch.update(rows([90, 90], x=[1.0, 1.0]))
    for start in range(0, 3000, 300):
        watched.watch.update(rows([0] * 300, x=np.arange(start, start + 300.0)))
    kept = watched.watch.too_late["x"].to_pylist()
    assert kept == list(np.arange(2000.0, 3000.0))
    assert watched.watch.counts_apart["too_late"] == 3000


def test_a_callback_that_raises_stops_nothing() -> None:
    def fail(_: pa.RecordBatch) -> None:
        message = "no"
        raise OSError(message)

    watched = Watched(event_time="at", disorder=0, lateness=0, on_too_late=fail)
    watched.at(100)
    watched.watch.update(rows([90, 90], x=[1.0, 1.0]))
    watched.watch.update(rows([0, 95], x=[1.0, 1.0]))
    watched.collect()
    assert "data.too_late.failed" in [name for name, _ in watched.events]
    assert watched.watch.counts_apart["too_late"] == 1


def test_many_late_panes_are_written_before_they_are_too_many() -> None:
    watched = Watched(event_time="at", disorder=0, lateness=1e6)
    watched.at(60 * 300)
    watched.watch.update(rows([60 * 299.0] * 2, x=[1.0, 1.0]))
    for _ in range(2):
        watched.watch.update(rows([60.0 * i for i in range(200)], x=np.zeros(200)))
    assert watched.watch.memory_bytes < 130 * 60_000
    watched.finish()
    assert sum(size for _, _, size in watched.panes) == 402


def test_rows_that_come_twice_are_counted_once() -> None:
    watched = Watched(event_time="at", key="id")
    watched.watch.update(rows([1, 2, 3], id=["a", "b", "a"], x=[1.0, 2.0, 3.0]))
    watched.watch.update(rows([1, 2, 3], id=["b", "c", None], x=[1.0, 2.0, 3.0]))
    watched.watch.update(rows([4], id=[None], x=[1.0]))
    watched.finish()
    assert watched.panes == [(0, 0, 5)]
    assert watched.metric("data.duplicates") == 2
    assert watched.metric("data.rows") == 7


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, 1, 3], pa.int32()),
        pa.array([1.5, 0.0, 1.5, -1.0]),
        pa.array(["x", "y", "x", "z"]).dictionary_encode(),
        pa.array(["x", "y", "x", "z"], pa.string_view()),
        pa.array([b"x", b"y", b"x", b"z"]),
        pa.array([1, 2, 1, 3], pa.timestamp("us", "UTC")),
    ],
)
def test_keys_of_every_type(column: pa.Array) -> None:
    watched = Watched(event_time="at", key=["id"])
    table = pa.table({"at": rows([1, 2, 3, 4])["at"], "id": column})
    assert watched.watch.update(table) == 3
    assert watched.watch.update(table) == 0


def test_a_key_is_the_same_in_every_process_and_version() -> None:
    def keys(values: Any) -> list[int]:
        found: list[int] = np.frombuffer(_core.item_keys(values), np.uint64).tolist()
        return found

    assert keys([1, None, 2]) == [811507182322053675, 0, 4412086184306093958]
    assert keys(["", "a", "a text of more than sixteen bytes"]) == [
        2193432386669714361,
        17726747621663146543,
        5858890142790087549,
    ]
    zero, minus, nan, other = keys([0.0, -0.0, float("nan"), -float("nan")])
    assert zero == minus
    assert nan == other != zero


def test_keys_of_several_columns_know_their_order() -> None:
    watched = Watched(event_time="at", key=["a", "b"])
    assert watched.watch.update(rows([1, 1, 1, 1], a=[1, 2, 1, 0], b=[2, 1, 2, 0])) == 3
    assert watched.watch.update(rows([1, 1], a=[0, 0], b=[0, 1])) == 1
    assert watched.watch.update(rows([1], a=[0], b=[1])) == 0


def test_a_row_whose_key_lacks_a_part_repeats_no_other() -> None:
    watched = Watched(event_time="at", key=["a", "b"])
    nones = pa.array([None, None], pa.int64())
    for _ in range(2):
        assert watched.watch.update(rows([1, 1], a=nones, b=[1, 1])) == 2
        assert watched.watch.update(rows([1, 1], a=np.full(2, np.nan), b=[1, 1])) == 2
        assert watched.watch.update(rows([1, 1], b=[1, 1])) == 2  # the column went
    one = Watched(event_time="at", key="a")
    assert one.watch.update(rows([1, 1, 1], a=np.array([np.nan, np.nan, 1.0]))) == 3
    assert one.watch.update(rows([1, 1], a=np.array([np.nan, 1.0]))) == 1
    one.collect()
    assert one.metric("data.duplicates") == 1


def test_an_integer_key_that_pandas_made_real_is_the_same_key() -> None:
    watched = Watched(event_time="at", key="id")
    assert watched.watch.update(rows([1, 1, 1], id=[1, 2, 2**40])) == 3
    assert watched.watch.update(rows([1] * 5, id=[1.0, 2.0, 2.0**40, None, 2.5])) == 2


def test_rows_of_other_types_are_kept_apart_together() -> None:
    watched = Watched(event_time="at")
    watched.watch.update(rows([1], price=[1.0], n=[1]))
    for price in ([1.5], ["x"], [{"a": 1}]):
        watched.watch.update(rows([None], price=price, n=[2]))
    kept = watched.watch.kept_apart("missing")
    assert kept["price"].to_pylist() == ["1.5", "x", "{'a': 1}"]
    assert kept["n"].to_pylist() == [2, 2, 2]


def test_the_last_keys_are_remembered_in_bounded_memory() -> None:
    watched = Watched(event_time="at", key="id", remember=1000)
    watch = watched.watch
    for start in range(0, 20_000, 500):
        ids = np.arange(start, start + 500)
        assert watch.update(rows([1] * 500, id=ids)) == 500
        again = np.arange(max(0, start - 499), start + 500)
        assert watch.update(rows([1] * len(again), id=again)) == 0
    keys = watch._stream.duplicates
    assert keys is not None
    assert keys.memory_bytes <= 2 * 1000 * 8 + 500 * 8


ROWS = 40


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_order_and_cut_gives_the_same_panes(data: st.DataObject) -> None:
    """Rows within the lateness end in the same cells, whatever the order and the batches."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    times = rng.integers(0, 600, ROWS).astype(float)
    values = rng.normal(size=ROWS).round(3)
    values[rng.random(ROWS) < 0.1] = np.nan
    cities = rng.choice(["a", "b", "c", "new"], ROWS)
    reference = inlay.Profile.of(
        {"x": np.linspace(-2, 2, 50), "city": ["a", "b"] * 25}, reference=True
    )
    found: list[Any] = []
    for _ in range(2):
        watched = Watched(reference, event_time="at", disorder=7, lateness=1e5, by="city")
        order = np.array(data.draw(st.permutations(range(ROWS))))
        cuts = data.draw(st.lists(st.integers(0, ROWS), max_size=8))
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), ROWS], strict=True):
            some = order[start:end]
            watched.at(600 + start)
            table = rows(
                times[some],
                x=pa.array(values[some], from_pandas=True),
                city=cities[some],
            )
            watched.watch.update(pa.table(table))
            if data.draw(st.booleans()):
                watched.collect()
        watched.finish()
        totals: dict[int, int] = {}
        for start, _, size in watched.panes:
            totals[start] = totals.get(start, 0) + size
        cells = {key: one for key, one in watched.cells().items() if sum(one["counts"])}
        found.append((cells, {start: size for start, size in totals.items() if size}))
    assert found[0] == found[1]
    assert sum(found[0][1].values()) == ROWS


def test_columns_that_come_and_go_are_events_and_the_rest_goes_on() -> None:
    reference = inlay.Profile.of({"x": np.arange(100.0), "y": np.arange(100)}, reference=True)
    watched = Watched(reference, event_time="at", disorder=0)
    watched.at(300)
    update = watched.watch.update
    assert update(rows([1], x=[1.0], y=[1])) == 1
    assert update(rows([2], x=[1.0])) == 1
    assert update(rows([3], x=[1.0])) == 1  # said before
    assert update(rows([4], x=["text"], y=[3])) == 1
    assert update(rows([5], x=[2.0], y=[3], z=[True])) == 1
    watched.finish()
    changes = [
        (attrs["kind"], attrs["column"], attrs.get("old"), attrs.get("new"))
        for name, attrs in watched.events
        if name == "data.schema_change"
    ]
    assert changes == [
        ("column_removed", "y", "int64", None),
        ("type_changed", "x", "float64", "utf8"),
        ("column_added", "y", None, "int64"),
        ("type_changed", "x", "utf8", "float64"),
        ("column_added", "z", None, "bool"),
    ]
    counted = {
        key[0].split('"')[3]: sum(one["counts"]) + one["null_count"]
        for key, one in watched.cells().items()
    }
    assert counted == {"x": 4, "y": 3}
    assert watched.panes == [(0, 0, 5)]


def test_a_pane_says_which_columns_it_lacks_and_its_late_parts_say_nothing_of_them() -> None:
    reference = inlay.Profile.of({"x": np.arange(100.0), "y": np.arange(100.0)}, reference=True)
    watched = Watched(reference, event_time="at", disorder=0)
    watched.watch.update(rows([1], x=[1.0]))
    watched.at(70)
    watched.watch.update(rows([70], x=[1.0], y=[1.0]))
    watched.watch.update(rows([2], x=[1.0]))  # late
    watched.finish()
    said = {
        (row["start_time"].minute, row["revision"], row["attrs"].split('"')[3]): row["status"]
        for row in watched.points
        if row["metric"] == "data.column" and row["kind"] == "edges"
    }
    first = watched.points[0]["start_time"].minute
    assert said == {
        (first, 0, "x"): "ok",
        (first, 0, "y"): "absent",
        (first, 1, "x"): "ok",
        (first + 1, 0, "x"): "ok",
        (first + 1, 0, "y"): "ok",
    }
    kinds = [
        (row["kind"], row["counts"])
        for row in watched.points
        if row["metric"] == "data.column" and row["status"] == "absent"
    ]
    # Ten cells between the deciles, and one beyond each end of the reference.
    assert kinds == [("edges", [0] * 12)]


def test_a_table_that_lost_its_event_time_is_kept_apart() -> None:
    watched = Watched(event_time="at")
    watched.watch.update(rows([1], x=[1.0]))
    assert watched.watch.update({"x": [1.0, 2.0]}) == 0
    assert watched.watch.update({"at": ["text"], "x": [1.0]}) == 0
    assert watched.watch.counts_apart["missing"] == 3


def schema_changes(watched: Watched) -> list[tuple[str, str]]:
    """What changed and in which column, as events told it."""
    watched.collect()
    return [
        (attrs["kind"], attrs["column"])
        for name, attrs in watched.events
        if name == "data.schema_change"
    ]


@pytest.mark.parametrize("has_reference", [False, True])
def test_an_event_tells_that_the_event_time_or_key_vanished(has_reference: bool) -> None:
    reference = inlay.Profile.of({"x": np.arange(9.0)}, reference=True) if has_reference else None
    watched = Watched(reference, event_time="at", key="id")
    watched.watch.update(rows([1], x=[1.0], id=[1]))
    assert schema_changes(watched) == []  # the reference need not have them
    watched.watch.update({"x": [1.0, 2.0], "id": [2, 3]})
    watched.watch.update({"at": ["2023-11-14T22:14:00"], "x": [1.0], "id": [4]}, source="b")
    watched.watch.update(rows([2], x=[1.0]), source="c")
    changes = schema_changes(watched)
    assert changes == [("column_removed", "at"), ("type_changed", "at"), ("column_removed", "id")]


def test_a_batch_whose_column_is_wholly_null_changes_no_schema() -> None:
    reference = inlay.Profile.of({"x": np.arange(9.0)}, reference=True)
    watched = Watched(reference, event_time="at")
    for x in ([1.0], [None], [None], [2.0]):
        watched.watch.update(rows([1], x=x))
    watched.watch.update(rows([1], x=[None]), source="b")
    watched.watch.update(rows([1], x=["text"]), source="b")
    assert schema_changes(watched) == [("type_changed", "x")]
    watched = Watched(event_time="at")
    for x in ([None], [1.0], ["text"]):
        watched.watch.update(rows([1], x=x))
    assert schema_changes(watched) == [("type_changed", "x")]


def test_numbers_of_another_kind_are_counted_on() -> None:
    table = {"n": np.arange(10), "x": np.arange(10.0)}
    watched = Watched(inlay.Profile.of(table, reference=True), event_time="at")
    watched.watch.update(rows([1, 1, 1], n=np.array([1.0, np.nan, 3.0]), x=[4, 5, 6]))
    watched.watch.update(rows([1], n=[1.5], x=[2.5]))
    assert schema_changes(watched)  # told all the same
    watched.finish()
    counted = {
        json.loads(attrs)["column"]: sum(one["counts"])
        for (attrs, _), one in watched.cells().items()
    }
    assert counted == {"n": 3, "x": 4}


def test_a_resumed_watch_knows_the_event_time() -> None:
    reference = inlay.Profile.of({"x": np.arange(9.0)}, reference=True)
    first = Watched(reference, event_time="at")
    first.watch.update(rows([1], x=[1.0]), source="a")
    watched = Watched(reference, event_time="at")
    watched.watch.load_state(first.watch.save_state())
    watched.watch.update(rows([1], x=[1.0]), source="a")
    watched.watch.update({"x": [1.0]}, source="b")
    assert schema_changes(watched) == [("column_removed", "at")]


def test_sources_of_different_columns_change_nothing_by_taking_turns() -> None:
    watched = Watched(event_time="at")
    watched.watch.update(rows([1], x=[1.0]), source="a")
    for _ in range(5):
        watched.watch.update(rows([1], x=[1.0], y=[1.0]), source="b")
        watched.watch.update(rows([1], x=[1.0]), source="a")
    watched.collect()
    assert [attrs["source"] for name, attrs in watched.events if name == "data.schema_change"] == [
        "b"
    ]


def test_groups_are_counted_apart_under_a_cap() -> None:
    watched = Watched(event_time="at", by="region", max_groups=2)
    regions = ["eu", "us", "eu", "ap", None, "af"]
    watched.watch.update(rows([1] * 6, region=regions, x=np.arange(6.0)))
    watched.finish()
    moments = {
        row["attrs"]: row["count"]
        for row in watched.points
        if row["kind"] == "moments" and row["metric"] == "data.column" and '"x"' in row["attrs"]
    }
    assert moments == {
        '{"column":"x","watch":"orders"}': 6,
        '{"column":"x","region":"eu","watch":"orders"}': 2,
        '{"column":"x","region":"us","watch":"orders"}': 1,
        '{"column":"x","region":"…other…","watch":"orders"}': 3,
    }


def test_references_of_groups_are_written_under_their_attributes() -> None:
    table = {"region": ["eu", "us"] * 50, "x": np.arange(100.0), "watch": ["w"] * 100}
    reference = inlay.Profile.of(table, by="region", reference=True)
    watched = Watched(reference, event_time="at", by="region")
    watched.watch.update(rows([1, 1], region=["eu", "ap"], x=[1.0, 2.0], watch=["w", "w"]))
    watched.finish()
    written = {
        row["attrs"]: sum(row["counts"])
        for row in watched.points
        if row["metric"] == "data.reference" and '"x"' in row["attrs"]
    }
    assert written == {
        '{"column":"x","watch":"orders"}': 100,
        '{"column":"x","region":"eu","watch":"orders"}': 50,
        '{"column":"x","region":"ap","watch":"orders"}': 100,  # the whole's: it has none
    }
    judged = {
        (row["attrs"], row["reference_id"])
        for row in watched.points
        if row["metric"] == "data.column" and row["kind"] in ("edges", "categories")
    }
    known = {
        (row["attrs"], row["reference_id"])
        for row in watched.points
        if row["metric"] == "data.reference"
    }
    assert judged <= known


def test_the_reference_is_written_again_each_day() -> None:
    reference = inlay.Profile.of({"x": np.arange(10.0)}, reference=True)
    watched = Watched(reference, event_time="at")
    for hours in (0, 1, 30, 31, 60):
        watched.at(hours * 3600)
        watched.collect()
    times = [row["time"].timestamp() for row in watched.points if row["metric"] == "data.reference"]
    days = [(BEGAN + hours * 3600) // 86_400 * 86_400 for hours in (30, 60)]
    assert times == [BEGAN, *days]


def test_names_that_may_not_leave_are_counted_under_their_hash() -> None:
    names = [f"user{i}" for i in range(20)]
    reference = inlay.Profile.of({"who": names}, redact=True).freeze()
    watched = Watched(reference, event_time="at")
    watched.watch.update(rows([1, 1, 1], who=["user3", "user3", "stranger"]))
    watched.finish()
    row = next(
        row
        for row in watched.points
        if row["metric"] == "data.column" and row["kind"] == "categories"
    )
    assert all(name.startswith("sha256:") for name in row["categories"])
    assert sorted(row["counts"])[-2:] == [1, 2]
    assert "user3" not in str(watched.points)
    assert "stranger" not in str(watched.points)
