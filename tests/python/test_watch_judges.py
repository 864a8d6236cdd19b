"""What the judges of a watch say as panes close, and that a replay of its points says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from watched import BEGAN, Watched, rows

import inlay
from inlay.drift import DriftJudge, MissingnessJudge, backtest


class Recorder:
    """Keeps the points it sees, and raises when it is told."""

    name = "recorder"
    version = "1"

    def __init__(self) -> None:
        self.seen: list[list[dict[str, Any]]] = []
        self.references: list[int] = []
        self.fail = False

    def judge(
        self, points: inlay.Table, references: Any = None, *, scope: str = "process"
    ) -> inlay.Table:
        assert scope == "process"
        if self.fail:
            message = "out of order"
            raise RuntimeError(message)
        self.seen.append(points.to_pylist())
        self.references.append(len(references))
        return inlay.Table.empty("verdicts")

    def save_state(self) -> bytes:
        return b""

    def load_state(self, data: bytes) -> None:
        del data


def reference(n: int = 20_000) -> inlay.Profile:
    rng = np.random.default_rng(1)
    return inlay.Profile.of(
        {"x": rng.normal(size=n), "y": rng.normal(size=n), "city": rng.choice(["a", "b"], n)},
        reference=True,
    )


def feed(watched: Watched, panes: int, *, drifts_at: int = 10**9, n: int = 2000) -> None:
    """Give panes of n rows, of which `y` shifts by half a standard deviation from one on."""
    rng = np.random.default_rng(2)
    for pane in range(panes):
        watched.at(60 * pane + 60)
        times = np.sort(rng.uniform(60 * pane, 60 * pane + 60, n))
        shift = 0.5 if pane >= drifts_at else 0.0
        values = {"x": rng.normal(size=n), "y": rng.normal(shift, 1.0, n)}
        watched.watch.update(rows(times, **values, city=rng.choice(["a", "b"], n)))
        watched.collect()
    watched.finish()


def verdicts(watched: Watched) -> list[dict[str, Any]]:
    return [row for batch in watched.batches for row in batch.verdicts.to_pylist()]


def test_judges_see_what_is_written() -> None:
    judge = Recorder()
    watched = Watched(reference(), event_time="at", disorder=0, judges=[judge])
    feed(watched, 4)
    seen = [row for points in judge.seen for row in points]
    metrics = {"data.column", "data.pane", "data.column.unseen"}
    written = [row for row in watched.points if row["metric"] in metrics]
    for row in [*seen, *written]:
        for name in ("observed_time", "window_seq"):  # those of the turn come later
            del row[name]
    assert seen == written
    assert judge.references == [3] * len(judge.seen)


def test_a_judge_that_raises_is_an_event_and_the_others_go_on() -> None:
    bad, good = Recorder(), DriftJudge()
    watched = Watched(reference(), event_time="at", disorder=0, judges=[bad, good])
    bad.fail = True
    feed(watched, 3)
    failed = [attrs for name, attrs in watched.events if name == "data.judge.failed"]
    assert failed == [{"judge": "recorder", "watch": "orders"}]
    assert verdicts(watched)


def test_the_default_judges_find_a_shift_and_nothing_else() -> None:
    watched = Watched(reference(), event_time="at", disorder=0, judges=None)
    feed(watched, 12, drifts_at=6)
    found = verdicts(watched)
    assert {row["judge"] for row in found} == {"DriftJudge", "MissingnessJudge"}
    fired = {
        (json.loads(row["attrs"])["column"], round(row["start_time"].timestamp() - BEGAN) // 60)
        for row in found
        if row["verdict"] == "yes"
    }
    assert {column for column, _ in fired} == {"y"}
    assert 6 <= min(pane for _, pane in fired) <= 7
    assert {row["origin"] for row in found} == {watched.batches[0].origin}


def test_an_empty_pane_is_undefined_and_the_next_is_judged() -> None:
    judges = [DriftJudge(), MissingnessJudge()]
    watched = Watched(reference(), event_time="at", disorder=0, judges=judges)
    rng = np.random.default_rng(0)
    watched.at(240)
    for start in (0, 120, 180):
        times = np.full(2000, float(start))
        values = {"x": rng.normal(size=2000), "y": rng.normal(size=2000)}
        watched.watch.update(rows(times, **values, city=rng.choice(["a", "b"], 2000)))
    watched.collect()
    found = {
        (row["judge"], json.loads(row["attrs"])["column"], row["start_time"].timestamp() - BEGAN): (
            row["verdict"],
            row["reason"],
        )
        for row in verdicts(watched)
    }
    for judge in ("DriftJudge", "MissingnessJudge"):
        for column in ("x", "y", "city"):
            assert found[judge, column, 60] == ("undefined", "empty")
            assert found[judge, column, 120] == ("no", None)


def test_min_rows_is_the_default_judges() -> None:
    watched = Watched(reference(), event_time="at", disorder=0, judges=None, min_rows=50)
    feed(watched, 3, n=100)
    assert {row["verdict"] for row in verdicts(watched)} == {"no"}


@pytest.mark.parametrize("late", [False, True])
def test_a_replay_of_the_points_gives_the_same_verdicts(tmp_path: Path, late: bool) -> None:
    watched = Watched(
        reference(), event_time="at", disorder=0, lateness=600, by="city", judges=None
    )
    watched.observer.add_sink(inlay.sinks.Files(tmp_path))
    rng = np.random.default_rng(3)
    n = 3000
    for pane in range(10):
        watched.at(60 * pane + 60)
        times = np.sort(rng.uniform(60 * pane, 60 * pane + 60, n))
        if late:
            times[: n // 3] -= 90
        y = rng.normal(0.4 if pane > 5 else 0.0, 1.0, n)
        if pane != 4:
            watched.watch.update(
                rows(times, x=rng.normal(size=n), y=y, city=rng.choice(["a", "b"], n))
            )
        watched.collect()
    watched.finish()
    watched.observer.stop()
    live = verdicts(watched)
    judges = [DriftJudge(min_rows=1000), MissingnessJudge(min_rows=1000)]
    replayed = backtest(tmp_path, judges).verdicts.to_pylist()
    names = [name for name in live[0] if name not in ("observed_time", "origin")]

    def sortable(found: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps({n: str(row[n]) for n in names}, sort_keys=True) for row in found)

    assert any(row["verdict"] == "yes" for row in live)
    assert any(row["revision"] > 0 for row in live) == late
    assert sortable(replayed) == sortable(live)


def test_a_reference_of_a_sketch_is_uncalibrated_live_and_from_its_points() -> None:
    counted = reference()
    sketched = inlay.Profile.from_bytes(
        inlay.Profile.of({"x": np.random.default_rng(1).normal(size=20_000)}).to_bytes()
    ).freeze()
    assert (counted.counted_from, sketched.counted_from) == ("rows", "sketch")
    watched = Watched(sketched, event_time="at", judges=[DriftJudge()])
    feed(watched, 3)
    watched.finish()
    told = {row["reason"] for row in verdicts(watched) if row["verdict"] != "no"}
    assert told == {"uncalibrated"}, told
    values = {row["value"] for row in watched.points if row["metric"] == "data.reference"}
    assert values == {0.0}


def missing_of(watched: Watched, column: str) -> list[tuple[str, float | None]]:
    """The verdicts of missingness about a column."""
    return [
        (row["verdict"], row["value"])
        for batch in watched.batches
        for row in batch.verdicts.to_pylist()
        if row["method"] == "missingness" and json.loads(row["attrs"])["column"] == column
    ]


@pytest.mark.parametrize("stored", [False, True])
def test_columns_without_cells_are_judged_by_what_is_missing(tmp_path: Path, stored: bool) -> None:
    n = 2000
    ids = [f"id {i}" for i in range(n)]
    good = {"id": ids * 6, "dead": np.full(6 * n, np.nan), "none": [None] * 6 * n}
    watched = Watched(
        inlay.Profile.of({**good, "x": np.arange(6.0 * n)}, reference=True), judges=None
    )
    if stored:
        watched.observer.add_sink(inlay.sinks.Files(tmp_path))
    for pane in range(4):
        half = [None if i % 2 else text for i, text in enumerate(ids)]
        lively = pane >= 2
        watched.at(60 * pane + 60)
        watched.watch.update(
            {
                "id": half if lively else ids,
                "dead": np.arange(n, dtype=float) if lively else np.full(n, np.nan),
                "none": np.arange(n) if lively else [None] * n,
                "x": np.arange(float(n)),
            }
        )
        watched.at(60 * pane + 100)
        watched.collect()
        if stored:
            watched.observer.flush()
    watched.finish()
    for column, change in (("id", 0.5), ("dead", -1.0), ("none", -1.0)):
        said = [each for each in missing_of(watched, column) if each[0] != "undefined"]
        assert [verdict for verdict, _ in said] == ["no", "no", "yes", "yes"], column
        assert said[-1][1] == pytest.approx(change)
    if stored:
        assert watched.observer.stop()
        assert backtest(tmp_path).against_stored().differ == 0
        found = backtest(tmp_path, [MissingnessJudge()], reference=watched.reference)
        fired = {json.loads(row.attrs)["column"] for row in found.fired}
        assert fired == {"id", "dead", "none"}


def test_without_a_reference_of_it_a_column_without_cells_is_not_judged() -> None:
    watched = Watched(judges=None)
    watched.at(60)
    watched.watch.update({"id": [None, "a"] * 1000})
    watched.at(100)
    watched.collect()
    watched.finish()
    (row,) = (r for r in watched.points if r["kind"] == "presence" and r["status"] == "ok")
    assert (row["count"], row["null_count"]) == (1000, 1000)
    assert missing_of(watched, "id") == []


def test_integers_with_a_gap_are_judged_on() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    watched = Watched(
        inlay.Profile.of({"age": rng.integers(0, 80, 20_000)}, reference=True), judges=None
    )
    for pane in range(3):
        ages = rng.integers(0, 80, 2000).astype(float)
        ages[rng.random(2000) < 0.3] = np.nan
        watched.at(60 * pane + 60)
        watched.watch.update(pd.DataFrame({"age": ages}))
        watched.at(60 * pane + 100)
        watched.collect()
    watched.finish()
    assert [verdict for verdict, _ in missing_of(watched, "age")].count("yes") == 3
    assert [name for name, _ in watched.events].count("data.schema_change") == 1
    drift = [
        row["verdict"]
        for batch in watched.batches
        for row in batch.verdicts.to_pylist()
        if row["method"] == "drift"
    ]
    assert set(drift) <= {"no", "undefined"}
    assert "no" in drift


def test_a_column_that_is_gone_has_a_verdict_in_each_pane_and_a_replay_says_so(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(3)
    watched = Watched(reference(), event_time="at", disorder=0, judges=None)
    for pane in range(4):
        watched.at(60 * pane + 60)
        values = {"x": rng.normal(size=2000), "city": rng.choice(["a", "b"], 2000)}
        if pane in (0, 3):
            values["y"] = rng.normal(size=2000)
        watched.watch.update(rows(np.sort(rng.uniform(60 * pane, 60 * pane + 60, 2000)), **values))
        watched.collect()
    watched.finish()
    said = [
        (row["method"], row["verdict"], row["reason"])
        for row in verdicts(watched)
        if '"y"' in row["attrs"]
    ]
    gone = [("drift", "undefined", "absent"), ("missingness", "undefined", "absent")]
    fine = [("drift", "no", None), ("missingness", "no", None)]
    assert said == [*fine, *gone, *gone, *fine]
    sink = inlay.sinks.Files(tmp_path)
    sink.open({}, watched.observer.core.origin)
    for batch in watched.batches:
        sink.write(batch)
    sink.close(float("inf"))
    assert backtest(tmp_path).against_stored() == (4 * 3 * 2, 0, 0, 0)


def test_a_column_of_which_the_reference_has_no_value_is_undefined() -> None:
    empty = {"x": pa.nulls(20_000, pa.float64()), "y": pa.nulls(20_000, pa.float64())}
    empty["city"] = pa.nulls(20_000, pa.utf8())
    watched = Watched(
        inlay.Profile.of(pa.table(empty), reference=True), event_time="at", disorder=0, judges=None
    )
    feed(watched, 2)
    drift = [row for row in verdicts(watched) if row["method"] == "drift"]
    assert [(row["verdict"], row["reason"]) for row in drift] == [
        ("undefined", "empty_reference")
    ] * 6
    assert {row["verdict"] for row in verdicts(watched) if row["method"] == "missingness"} == {
        "yes"  # all was missing, and is no more
    }
    nothing = pa.table({"x": pa.array([], pa.float64())})
    bare = Watched(
        inlay.Profile.of(nothing, reference=True), event_time="at", disorder=0, judges=None
    )
    bare.watch.update(rows(np.arange(2000) * 0.01, x=np.ones(2000)))
    bare.finish()
    assert {(row["method"], row["reason"]) for row in verdicts(bare)} == {
        ("drift", "empty_reference"),
        ("missingness", "empty_reference"),
    }
