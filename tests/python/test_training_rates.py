"""What passes between steps: rates, beginnings of steps, time that was measured elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest

import inlay
from inlay.training import Recorder


class Run:
    """A recorder whose clock only passes when told."""

    def __init__(self, **options: Any) -> None:
        self.observer = inlay.Observer()
        self.recorder = Recorder(self.observer, **options)
        self._now = 0
        self.recorder._clock = lambda: self._now
        self.recorder._mark = 0

    def sleep(self, seconds: float) -> None:
        self._now += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        with self.recorder.step():
            self.sleep(seconds)

    def window(self) -> tuple[dict[str, float], inlay.Batch]:
        batch = self.observer.collect()
        rows = batch.points.to_pylist()
        return {row["metric"]: row["value"] for row in rows if row["layer"] == "training"}, batch


def test_rates_are_over_the_time_from_step_to_step() -> None:
    run = Run(tokens_per_step=100, samples_per_step=10, flops_per_token=1.0, peak_flops=1e3)
    run.sleep(50.0)  # before the first step the training has not begun
    for _ in range(4):
        run.step(1.0)
        run.sleep(3.0)  # a loader that nobody measures, or whatever
    found, batch = run.window()
    assert found["training.sample_rate"] == pytest.approx(40 / 13)
    assert found["training.token_rate"] == pytest.approx(400 / 13)
    assert found["training.mfu"] == pytest.approx(0.4 / 13)
    assert [row["other"] for row in batch["steps"].to_pylist()] == [1.0] * 4
    run.step(1.0)
    found, _ = run.window()  # what passed before the window was cut counts to its step
    assert found["training.sample_rate"] == pytest.approx(10 / 4)


def test_pauses_and_checkpoints_are_no_part_of_the_rates() -> None:
    run = Run(samples_per_step=10)
    recorder = run.recorder
    run.step(1.0)
    for pause in (
        recorder.checkpoint(),
        recorder.evaluation(),
        recorder.restore(),
        recorder.lost("custom_badput_events"),
    ):
        with pause:
            run.sleep(20.0)
    run.sleep(5.0)
    recorder.evaluation().ended(2.0)
    recorder.checkpoint().ended(1.0)
    with recorder.phase("data_wait"):
        run.sleep(0.5)
    run.step(1.0)
    found, _ = run.window()
    assert found["training.sample_rate"] == pytest.approx(20 / (1.0 + 2.0 + 0.5 + 1.0))


def test_a_step_that_was_given_up_costs_its_time() -> None:
    run = Run(samples_per_step=10)
    run.step(1.0)
    run.recorder.begin_step()
    run.sleep(2.0)
    run.recorder.abandon_step()
    run.step(1.0)
    found, _ = run.window()
    assert found["training.sample_rate"] == pytest.approx(20 / 4)


def test_an_utilization_above_one_is_told_once() -> None:
    run = Run(tokens_per_step=100, flops_per_token=1.0, peak_flops=1.0)
    told = []
    for _ in range(2):
        run.step(1.0)
        found, batch = run.window()
        assert found["training.mfu"] == pytest.approx(100.0)
        told += [row for row in batch.events.to_pylist() if "mfu" in row["name"]]
    (event,) = told
    assert (event["name"], event["severity"]) == ("training.mfu_above_one", 13)
    assert "100" in event["body"]


def test_a_step_begins_after_the_evaluation_before_it() -> None:
    run = Run()
    recorder = run.recorder
    run.step(1.0)
    with recorder.checkpoint():
        run.sleep(4.0)
    with recorder.evaluation():
        run.sleep(60.0)
    with recorder.phase("data_wait"):
        run.sleep(0.25)
    run.step(1.0)
    with recorder.step():
        run.sleep(1.0)
        with recorder.evaluation():
            run.sleep(8.0)
    _, batch = run.window()
    rows = batch["steps"].to_pylist()
    lengths = [(row["time"] - row["start_time"]).total_seconds() for row in rows]
    assert lengths == [1.0, 1.25, 9.0]
    assert [row["checkpoint"] for row in rows] == [0.0, 4.0, 0.0]
    assert rows[2]["other"] == 1.0


def test_a_window_without_steps_has_the_table_too() -> None:
    run = Run()
    _, batch = run.window()
    assert len(batch["steps"]) == 0
    run.step(1.0)
    _, batch = run.window()
    filled = batch["steps"]
    _, batch = run.window()
    assert batch["steps"].column_names == filled.column_names


def test_time_that_the_step_has_not_is_left_out_and_counted() -> None:
    run = Run()
    with run.recorder.step():
        run.sleep(0.1)
        run.recorder.add("forward", 5.0)
        run.sleep(0.1)
    found = run.observer.collect()
    (row,) = found["steps"].to_pylist()
    assert (row["forward"], row["other"]) == (0.1, 0.1)
    counted = [
        (one["attrs"], one["value"])
        for one in found.points.to_pylist()
        if one["metric"] == "inlay.host.failures"
    ]
    assert counted == [('{"host":"training","operation":"add"}', 1.0)]


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_no_time_is_less_than_none(seconds: float) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=f"seconds.*{seconds!r}"):
        Run().recorder.add("forward", seconds)
