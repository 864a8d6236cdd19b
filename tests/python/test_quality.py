"""Qualities: rows to panes of prediction time, late labels, coverage, segments, what is written."""

from __future__ import annotations

import datetime
import json
import threading
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from measured import BEGAN, Measured, written

import inlay
from inlay import InvalidArgumentError, StoppedError, _core
from inlay.model import FairnessJudge

RIGHT = ([1, 0, 1, 0], [0.9, 0.2, 0.8, 0.1])
WRONG = ([1, 0], [0.4, 0.6])


def test_rows_are_counted_in_the_pane_of_the_prediction() -> None:
    m = Measured()
    assert m.quality.observed(*RIGHT) == 4
    m.at(61)
    m.quality.observed(*WRONG)
    m.quality.observed(*WRONG, predicted_at=BEGAN + 30)
    m.collect()
    assert m.counts() == {(0, "{}"): [2, 1, 1, 2], (60, "{}"): [0, 1, 1, 0]}
    assert m.figures("accuracy") == {0: pytest.approx(4 / 6), 60: 0.0}


def test_what_is_written_of_a_pane() -> None:
    m = Measured(thresholds=(0.5, 0.85), classes=None)
    m.quality.observed(*RIGHT)
    rows = m.collect()
    (row,) = [row for row in rows if row["kind"] == "confusion"]
    assert (row["metric"], row["attrs"], row["form"], row["status"]) == (
        "click",
        "{}",
        "delta",
        "ok",
    )
    assert (row["bounds"], row["counts"]) == ([0.5, 0.85], [2, 0, 0, 2, 2, 0, 1, 1])
    assert row["series_id"] == _core.series_id("click", "{}", "tests")
    assert row["time"] - row["start_time"] == datetime.timedelta(seconds=60)
    (state,) = [row for row in rows if row["kind"] == "scores"]
    assert state["summary_type"] == "binary_inlay"
    assert _core.BinaryStates.from_bytes(state["summary"]).rows(0) == 4
    estimates = [row for row in rows if row["kind"] == "estimate"]
    assert {row["form"] for row in estimates} == {"derived"}
    assert {row["status"] for row in estimates} <= {"ok", "undefined"}
    known = [row for row in estimates if row["metric"] == "click.recall"]
    one = next(row for row in known if json.loads(row["attrs"]).get("threshold") == "0.85")
    assert (one["value"], one["count"]) == (0.5, 2)
    assert one["min"] < 0.5 < one["max"]
    keys = [tuple(row[name] for name in inlay.points.KEYS["points"]) for row in rows]
    assert len(keys) == len(set(keys))


def test_a_pane_is_written_again_with_what_is_new_alone() -> None:
    m = Measured()
    m.quality.observed(*RIGHT)
    assert written(m.collect()) == [(0, 0, 4)]
    m.at(10)
    assert m.collect() == []  # nothing is new
    m.quality.observed(*WRONG)
    assert written(m.collect()) == [(0, 1, 2)]
    m.at(65)
    m.quality.observed(*WRONG, predicted_at=BEGAN + 1)
    rows = m.collect()
    assert written(rows) == [(0, 2, 2)]
    assert m.figures("accuracy") == {0: 0.5}
    m.at(70)
    m.quality.observed(*WRONG, predicted_at=BEGAN + 1)
    assert written(m.collect()) == []  # over, and written 5 s ago
    m.at(126)
    assert written(m.collect()) == [(0, 3, 2)]
    assert m.counts() == {(0, "{}"): [2, 3, 3, 2]}


def test_refresh_says_how_often_a_pane_that_is_over_is_written() -> None:
    m = Measured(refresh=0)
    m.at(120)
    for revision in range(3):
        m.quality.observed(*RIGHT, predicted_at=BEGAN)
        assert written(m.collect()) == [(0, revision, 4)]


def test_stopping_writes_everything() -> None:
    m = Measured()
    sink = inlay.sinks.Memory()
    m.observer.add_sink(sink)
    m.quality.observed(*RIGHT)
    m.collect()
    m.at(61)
    m.quality.observed(*RIGHT, predicted_at=BEGAN)
    m.collect()
    m.quality.observed(*WRONG, predicted_at=BEGAN)
    assert m.observer.stop()
    assert m.quality.closed
    rows = [row for batch in sink.batches for row in batch.points.to_pylist()]
    assert written(rows) == [(0, 0, 4), (0, 1, 4), (0, 2, 2)]
    with pytest.raises(StoppedError, match="'click'"):
        m.quality.observed(*RIGHT)
    for call in (m.quality.predicted, m.quality.labelled):
        with pytest.raises(StoppedError, match="'click'"):
            call([1], [1])
    m.quality.close()


def test_predictions_beyond_the_horizon_and_in_the_future_are_counted() -> None:
    m = Measured(horizon=120)
    m.at(200)  # in the pane of 180, so that panes from 60 on take rows
    times = [59.0, 60.0, 180.0, 259.0, 261.0]
    y = [1, 1, 0, 1, 1]
    assert m.quality.observed(y, [0.9] * 5, predicted_at=[BEGAN + t for t in times]) == 3
    assert m.quality.observed([1], [0.9], predicted_at=BEGAN) == 0
    assert m.quality.observed([1], [0.9], predicted_at=BEGAN + 1000) == 0
    m.collect()
    assert m.rejected() == {"too_late": 2, "future": 2}
    assert m.counts() == {
        (60, "{}"): [0, 0, 0, 1],
        (180, "{}"): [0, 1, 0, 0],
        (240, "{}"): [0, 0, 0, 1],
    }


@pytest.mark.parametrize(
    "times",
    [
        [BEGAN + 1.5, BEGAN + 61],
        np.array([BEGAN + 1.5, BEGAN + 61]),
        pa.array([(BEGAN + 1) * 1000, (BEGAN + 61) * 1000], pa.timestamp("ms")),
        [datetime.datetime.fromtimestamp(BEGAN + s, datetime.UTC) for s in (1, 61)],
        np.array([BEGAN + 1, BEGAN + 61], "datetime64[s]"),
    ],
)
def test_times_of_predictions_may_be_of_any_kind(times: Any) -> None:
    m = Measured(attributes=("region",))
    m.at(100)
    m.quality.observed(
        [1, 0], [0.9, 0.9], predicted_at=times, weights=[1.0, 1.0], region=["a", "b"]
    )
    m.collect()
    assert m.counts() == {(0, '{"region":"a"}'): [0, 0, 0, 1], (60, '{"region":"b"}'): [0, 1, 0, 0]}


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ([BEGAN], InvalidArgumentError, "must have 2 values"),
        ([BEGAN, None], InvalidArgumentError, "no missing times"),
        ([BEGAN, float("inf")], InvalidArgumentError, "inf"),
        (["a", "b"], TypeError, "times or Unix seconds"),
        (float("nan"), InvalidArgumentError, "finite Unix seconds"),
        (datetime.datetime(2026, 1, 1), InvalidArgumentError, "time zone"),
    ],
)
def test_times_that_are_none_are_refused(times: Any, error: Any, message: str) -> None:
    m = Measured()
    with pytest.raises(error, match=message):
        m.quality.observed([1, 0], [0.9, 0.9], predicted_at=times)
    assert m.quality.compute()["accuracy"].n == 0


def test_labels_are_counted_in_the_pane_of_their_prediction() -> None:
    m = Measured()
    assert m.quality.predicted([1, 2, 3, 4], [0.9, 0.2, 0.8, 0.3]) == 4
    rows = m.collect()
    assert {row["metric"] for row in rows} == {"click.coverage", "click.predictions"}
    m.at(200)
    assert m.quality.pending == 4
    assert m.quality.labelled([1, 2, 3], [1, 0, 0]) == 3
    m.collect()
    assert m.counts() == {(0, "{}"): [1, 1, 0, 1]}
    assert m.figures("coverage") == {0: 0.75}
    counters = [row for row in m.points if row["kind"] == "counter"]
    assert [(row["metric"], row["value"], row["revision"]) for row in counters] == [
        ("click.predictions", 4.0, 0),
        ("click.labels", 3.0, 1),
    ]
    assert {row["form"] for row in counters} == {"delta"}


def test_a_label_may_come_before_its_prediction() -> None:
    m = Measured(attributes=("region",))
    assert m.quality.labelled(["a", "b"], [1, 0]) == 0
    m.at(60)
    assert m.quality.predicted(["a", "b", "c"], [0.9, 0.9, 0.9], region=["x", "y", "y"]) == 3
    m.collect()
    assert m.counts() == {
        (60, '{"region":"x"}'): [0, 0, 0, 1],
        (60, '{"region":"y"}'): [0, 1, 0, 0],
    }
    assert m.figures("coverage", region="y") == {60: 0.5}
    assert m.figures("coverage") == {60: pytest.approx(2 / 3)}


def test_predictions_that_come_twice_count_once() -> None:
    m = Measured(attributes=("region",))
    m.quality.predicted([1, 2], [0.9, 0.9], region="x")
    assert m.quality.predicted([2, 3, 4], [0.1, 0.9, 0.9], region=["y", "y", "x"]) == 2
    m.quality.labelled([1, 2, 3, 4], [1, 1, 1, 1])
    m.collect()
    assert m.counts() == {(0, '{"region":"x"}'): [0, 0, 0, 3], (0, '{"region":"y"}'): [0, 0, 0, 1]}
    assert m.rejected() == {"duplicate_predictions": 1}
    assert m.figures("coverage", region="x") == {0: 1.0}


def test_labels_that_never_come_are_told_when_the_horizon_has_passed() -> None:
    m = Measured(horizon=120)
    m.quality.predicted([1, 2], [0.9, 0.9])
    m.quality.labelled([1, 99], [1, 0])
    m.collect()
    m.at(240)
    m.collect()
    assert m.rejected() == {"expired_predictions": 1, "orphan_labels": 1}
    assert m.quality.pending == 0
    assert m.quality.labelled([2], [1]) == 0
    m.collect()
    assert m.rejected()["late_labels"] == 1
    assert m.figures("coverage") == {0: 0.5}
    assert m.quality.compute()["accuracy"].n == 0  # the pane is no longer held


def test_a_label_after_the_horizon_is_late_though_no_cut_came_between() -> None:
    m = Measured(horizon=120)
    m.quality.predicted([1], [0.9])
    m.at(240)
    assert m.quality.labelled([1], [1]) == 0
    m.collect()
    assert m.rejected() == {"expired_predictions": 1, "late_labels": 1}
    assert m.figures("coverage") == {0: 0.0}


def test_rows_that_cannot_be_counted_are_told_by_reason() -> None:
    m = Measured()
    m.quality.observed([1, 0, 1, 1], [0.9, float("nan"), 1.5, 0.9])
    m.collect()
    assert m.rejected() == {"nan_score": 1, "out_of_range": 1}
    assert m.counts() == {(0, "{}"): [0, 0, 0, 2]}


@pytest.mark.parametrize("kind", [list, np.array, pa.array])
def test_a_label_that_is_none_leaves_its_prediction_waiting(kind: Any) -> None:
    m = Measured()
    m.quality.predicted(kind([1, 2, 3]), [0.9, 0.2, 0.7])
    assert m.quality.labelled(kind([2, 3]), kind([7, 1])) == 1
    assert m.quality.labelled([2], [0.5]) == 0
    assert m.quality.labelled([2], [0]) == 1
    m.collect()
    assert m.rejected() == {"bad_label": 2}
    assert m.figures("coverage") == {0: pytest.approx(2 / 3)}
    assert m.figures("accuracy") == {0: 1.0}


@pytest.mark.parametrize("times", [None, [BEGAN] * 5])
def test_predictions_that_cannot_count_do_not_wait(times: Any) -> None:
    m = Measured()
    scores = [0.9, float("nan"), 1.5, None, 0.2]
    assert m.quality.predicted(["a", "b", "c", "d", "e"], scores, predicted_at=times) == 2
    assert m.quality.labelled(["a", "b", "c", "d", "e"], [1, 1, 1, 1, 0]) == 2
    assert m.quality.predicted(["b"], [0.7]) == 1  # its label has come
    m.collect()
    assert m.rejected() == {"nan_score": 2, "out_of_range": 1}
    assert m.figures("coverage") == {0: 1.0}


def test_few_rows_are_insufficient_and_none_are_undefined() -> None:
    m = Measured(min_n=3)
    m.quality.observed([0, 0, 0], [0.9, 0.2, 0.1])
    rows = {row["metric"]: row for row in m.collect()}
    assert rows["click.accuracy"]["status"] == "ok"
    row = rows["click.recall"]
    assert (row["status"], row["value"], row["min"], row["categories"]) == (
        "undefined",
        None,
        None,
        ["no_positives"],
    )
    m.at(60)
    m.quality.observed([1, 0], [0.9, 0.2])
    rows = {row["metric"]: row for row in m.collect()}
    row = rows["click.accuracy"]
    assert (row["status"], row["value"], row["count"], row["categories"]) == (
        "insufficient",
        None,
        2,
        ["insufficient"],
    )


def test_segments_are_counted_apart_and_together() -> None:
    m = Measured(attributes=("region", "device"))
    m.quality.observed(*RIGHT, region="eu", device=1)
    m.quality.observed(*WRONG, region=["eu", "us"], device=[1, 2])
    m.collect()
    assert m.counts() == {
        (0, '{"device":"1","region":"eu"}'): [2, 0, 1, 2],
        (0, '{"device":"2","region":"us"}'): [0, 1, 0, 0],
    }
    assert m.figures("accuracy", region="eu", device="1") == {0: 0.8}
    assert m.figures("accuracy") == {0: pytest.approx(4 / 6)}
    assert m.quality.segments == [
        {"region": "eu", "device": "1"},
        {"region": "us", "device": "2"},
    ]
    assert m.quality.compute(region="us")["accuracy"].value == 0.0
    assert m.quality.compute(device=1)["accuracy"].n == 5
    assert m.quality.compute(region="nowhere")["accuracy"].reason == "no_rows"
    with pytest.raises(InvalidArgumentError, match="'city'"):
        m.quality.compute(city="x")


def test_rows_beyond_the_cap_go_to_one_more_segment() -> None:
    m = Measured(attributes=("user",), cap=2)
    m.quality.observed([1] * 5, [0.9] * 5, user=["a", "b", "c", "d", "a"])
    m.quality.observed([1], [0.9], user="e")
    m.quality.observed([1], [0.9], user="b")
    m.collect()
    assert m.counts() == {
        (0, '{"otel.metric.overflow":"true"}'): [0, 0, 0, 3],
        (0, '{"user":"a"}'): [0, 0, 0, 2],
        (0, '{"user":"b"}'): [0, 0, 0, 2],
    }
    assert m.quality.overflowed == 3
    assert m.quality.compute()["accuracy"].n == 7


def test_a_judge_sees_each_pane_as_it_is_written() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 4_000)
    sex = rng.choice(["f", "m"], 4_000)
    score = np.where((y == 1) & ((sex == "m") | (rng.random(4_000) < 0.5)), 0.9, 0.1)
    m = Measured(attributes=("sex",), judges=[FairnessJudge("sex", reference={"sex": "m"})])
    m.quality.observed(y[:3_000], score[:3_000], sex=sex[:3_000])
    m.collect()
    verdicts = m.batches[-1].verdicts.to_pylist()
    (row,) = [
        row
        for row in verdicts
        if row["method"] == "fairness.sex.equal_opportunity_difference" and row["attrs"] != "{}"
    ]
    assert (row["verdict"], row["metric"], row["attrs"]) == ("yes", "click", '{"sex":"f"}')
    assert row["value"] == pytest.approx(-0.5, abs=0.05)
    table = m.quality.fairness(reference={"sex": "m"})
    assert table.compared["sex=f"].equal_opportunity_difference.value == row["value"]
    m.quality.observed(y[3_000:], score[3_000:], sex=sex[3_000:])
    m.collect()
    late = [row for row in m.batches[-1].verdicts.to_pylist() if row["attrs"] == "{}"]
    assert {row["revision"] for row in late} == {1}
    whole = m.quality.fairness("sex").overall["sex"].equal_opportunity_difference
    assert whole.value in [row["value"] for row in late]


def test_a_judge_that_raises_is_an_event() -> None:
    class Broken:
        name, version = "broken", "1"

        def judge(self, points: Any, references: Any = None, *, scope: str = "process") -> Any:
            raise RuntimeError(points.num_rows, references, scope)

        def save_state(self) -> bytes:
            return b""

        def load_state(self, data: bytes) -> None:
            assert data == b""

    m = Measured(judges=[Broken()])
    m.quality.observed(*RIGHT)
    m.collect()
    (event,) = [row for row in m.batches[-1].events.to_pylist() if row["layer"] == "model"]
    assert event["name"] == "model.judge.failed"
    assert json.loads(event["attrs"]) == {"judge": "broken", "quality": "click"}


@pytest.mark.parametrize(
    ("ids", "same"),
    [
        ([1, 2], [1, 2]),
        (["a", "b"], ["a", "b"]),
        ([uuid.UUID(int=1), uuid.UUID(int=2)], [uuid.UUID(int=1), uuid.UUID(int=2)]),
        ([b"a", b"b"], [b"a", b"b"]),
        (np.array([1, 2]), pa.array([1, 2])),
    ],
)
def test_ids_may_be_of_any_kind(ids: Any, same: Any) -> None:
    m = Measured()
    assert m.quality.predicted(ids, [0.9, 0.2]) == 2
    assert m.quality.labelled(same, [1, 0]) == 2


def test_threads_may_count_at_once() -> None:
    m = Measured(attributes=("worker",))

    def work(worker: int) -> None:
        for turn in range(50):
            m.quality.observed(*RIGHT, worker=worker)
            ids = [worker * 1_000 + turn]
            m.quality.predicted(ids, [0.9], worker=worker)
            m.quality.labelled(ids, [1])
            if turn % 20 == 0:
                m.quality.tick()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    m.collect()
    assert list(m.counts().values()) == [[100, 0, 0, 150]] * 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task": "other"}, InvalidArgumentError, "'other'"),
        ({"task": "binary", "quantiles": (0.5,)}, InvalidArgumentError, "no setting quantiles"),
        ({"task": "binary", "every": 0}, InvalidArgumentError, "every"),
        ({"task": "binary", "every": "1"}, TypeError, "every"),
        ({"task": "binary", "every": 1, "horizon": 10_001}, InvalidArgumentError, "horizon"),
        ({"task": "binary", "refresh": -1}, InvalidArgumentError, "refresh"),
        ({"task": "binary", "cap": 0}, InvalidArgumentError, "cap"),
        ({"task": "binary", "cap": 70_000}, InvalidArgumentError, "cap"),
        ({"task": "binary", "capacity": 0.5}, TypeError, "capacity"),
        ({"task": "binary", "min_n": 0}, InvalidArgumentError, "min_n"),
        ({"task": "binary", "confidence": 1.0}, InvalidArgumentError, "confidence"),
        ({"task": "binary", "attributes": "region"}, TypeError, "'region'"),
        ({"task": "binary", "attributes": ("a", "a")}, InvalidArgumentError, "twice"),
        ({"task": "binary", "attributes": ("weights",)}, InvalidArgumentError, "'weights'"),
        ({"task": "binary", "attributes": (1,)}, TypeError, "int"),
        ({"task": "binary", "thresholds": (0.7, 0.5)}, InvalidArgumentError, "threshold"),
        ({"task": "binary", "kind": "odds"}, InvalidArgumentError, "odds"),
        ({"task": "binary", "judges": [1]}, TypeError, "judge"),
    ],
)
def test_settings_out_of_range_are_refused(options: Any, error: Any, message: str) -> None:
    observer = inlay.Observer()
    with pytest.raises(error, match=message):
        observer.quality("click", **options)
    assert observer.quality("click", task="binary").name == "click"


@pytest.mark.parametrize("name", ["", "1a", "a b", 5])
def test_names_that_are_none_are_refused(name: Any) -> None:
    with pytest.raises((InvalidArgumentError, TypeError)):
        inlay.Observer().quality(name, task="binary")


def test_one_open_quality_has_a_name() -> None:
    observer = inlay.Observer()
    first = observer.quality("click", task="binary")
    with pytest.raises(InvalidArgumentError, match="open quality of that name: 'click'"):
        observer.quality("click", task="binary")
    first.close()
    assert repr(first) == "<inlay.model.Quality 'click': binary, closed>"
    again = observer.quality("click", task="binary", attributes=["a"])
    assert (again.task, again.attributes) == ("binary", ("a",))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, InvalidArgumentError, "'region' is not given"),
        ({"region": "a", "city": "b"}, InvalidArgumentError, "'city'"),
        ({"region": ["a"]}, InvalidArgumentError, "must have 2 values"),
        ({"region": 0.5}, TypeError, "'region'"),
        ({"region": [0.5, 0.7]}, TypeError, "double"),
        ({"region": None}, TypeError, "'region'"),
    ],
)
def test_attributes_that_are_none_are_refused(given: Any, error: Any, message: str) -> None:
    m = Measured(attributes=("region",))
    with pytest.raises(error, match=message):
        m.quality.observed([1, 0], [0.9, 0.2], **given)
    assert m.collect() == []


def test_rows_of_other_lengths_are_refused_and_change_nothing() -> None:
    m = Measured()
    with pytest.raises((InvalidArgumentError, ValueError)):
        m.quality.observed([1, 0, 1], [0.9, 0.2])
    with pytest.raises((InvalidArgumentError, ValueError)):
        m.quality.predicted([1, 0, 1], [0.9, 0.2])
    with pytest.raises(TypeError, match="float"):
        m.quality.observed(1, 0.5)
    assert [row for row in m.collect() if row["kind"] == "confusion"] == []
