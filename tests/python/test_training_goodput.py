"""How the time of a run is accounted for, live and from files."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.training import CAUSES, Recorder, goodput
from inlay.training.ledger import Ledger


def step(ledger: Ledger, end: float, duration: float, **options: Any) -> None:
    told = {"data_wait": 0.0, "checkpoint": 0.0, "replayed": False, **options}
    ledger.step(end, duration, **told)


def test_a_run_without_trouble() -> None:
    ledger = Ledger(100.0)
    ledger.interval("accelerator_initialization", 100.0, 102.0)
    for n in range(10):  # the first compiles for three seconds
        end = 108.0 + n * 2.0
        step(ledger, end, 5.0 if n == 0 else 2.0, data_wait=0.5)
    ledger.interval("unproductive_checkpoint_save_time", 126.0, 129.0)
    found = ledger.goodput(130.0)
    assert found.elapsed == 30.0
    assert found.productive == pytest.approx(15.0)
    lost = {cause: seconds for cause, seconds in found.badput.items() if seconds}
    assert lost == pytest.approx(
        {
            "accelerator_initialization": 2.0,
            "training_prep": 1.0,
            "program_startup": 3.0,
            "data_loading_sync": 5.0,
            "unproductive_checkpoint_save_time": 3.0,
            "other": 1.0,
        }
    )
    assert found.ratio == pytest.approx(0.5)
    assert found.named_as_elsewhere()["TPU_INITIALIZATION"] == 2.0
    assert found.to_arrow().num_rows == 1 + len(CAUSES)
    assert "50.0% of 30 s, 10 steps" in repr(found)
    assert "goodput" in found._repr_html_()


def test_a_run_that_is_begun_again() -> None:
    ledger = Ledger(0.0)
    for n in range(10):
        step(ledger, 1.0 + n, 1.0)
    ledger.process(25.0, 10.0)
    ledger.interval("unproductive_checkpoint_restore_time", 26.0, 28.0)
    for n in range(10):
        step(ledger, 30.0 + n, 1.0, replayed=n < 4)
    found = ledger.goodput(39.0)
    lost = {cause: seconds for cause, seconds in found.badput.items() if seconds}
    assert lost == pytest.approx(
        {
            "training_prep": 2.0,
            "unproductive_checkpoint_restore_time": 2.0,
            "infrastructure_recovery_from_disruption": 15.0,
            "wasted_progress_from_disruption": 4.0,
        }
    )
    assert (found.steps, found.replayed, found.restarts) == (16, 4, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(("step", "replay", "gap", *CAUSES[:-1])), st.floats(0.001, 50.0)),
        max_size=60,
    )
)
def test_time_adds_up_whatever_happens(happenings: list[tuple[str, float]]) -> None:
    ledger = Ledger(1000.0)
    now = 1000.0
    for what, seconds in happenings:
        start, now = now, now + seconds
        if what in ("step", "replay"):
            step(ledger, now, seconds, data_wait=seconds / 4, replayed=what == "replay")
        elif what != "gap":
            ledger.interval(what, start, now)
        found = ledger.goodput(now)
        total = found.productive + sum(found.badput.values())
        assert math.isclose(total, found.elapsed, rel_tol=1e-9, abs_tol=1e-6)
        assert all(lost >= 0.0 for lost in found.badput.values())
        assert found.ratio is not None
        assert 0.0 <= found.ratio <= 1.0


def test_nothing_is_said_of_no_time() -> None:
    found = Ledger(5.0).goodput(5.0)
    assert found.ratio is None
    assert repr(found) == "<inlay.training.Goodput of no time>"
    with pytest.raises(inlay.InvalidArgumentError, match="bad_luck"):
        Ledger(0.0).interval("bad_luck", 0.0, 1.0)


def test_badput_is_counted_window_by_window() -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer, started=time.time())
    total = {"data_loading_sync": 0.0, "other": 0.0}
    for _ in range(3):
        recorder.add("data_wait", 0.01)
        recorder.begin_step()
        time.sleep(0.01)
        recorder.end_step()
        time.sleep(0.05)
        for row in observer.collect().points.to_pylist():
            for cause in total:
                if row["metric"] == "training.badput" and cause in row["attrs"]:
                    total[cause] += row["value"]
    assert total["data_loading_sync"] == pytest.approx(0.03)
    assert total["other"] > 0.0


def run(directory: Path, steps: range, *, save: bool = False, **options: Any) -> None:
    observer = inlay.Observer(sinks=[inlay.sinks.Files(directory)])
    recorder = Recorder(observer, started=time.time(), **options)
    if steps.start > 1:
        with recorder.restore(step=steps.start - 1):
            time.sleep(0.02)
    for _ in steps:
        with recorder.step():
            time.sleep(0.005)
    if save:
        with recorder.checkpoint("c"):
            time.sleep(0.03)
    with recorder.lost("custom_badput_events", "tea"):
        time.sleep(0.01)
    observer.stop()


def test_files_over_restarts_say_the_same(tmp_path: Path) -> None:
    run(tmp_path, range(1, 21), save=True)
    time.sleep(0.05)
    run(tmp_path, range(11, 31))
    found = goodput(tmp_path)
    assert (found.steps, found.replayed, found.restarts) == (30, 10, 1)
    assert found.productive >= 30 * 0.005
    assert found.badput["wasted_progress_from_disruption"] >= 10 * 0.005
    assert found.badput["unproductive_checkpoint_save_time"] >= 0.03
    assert found.badput["unproductive_checkpoint_restore_time"] >= 0.02
    assert found.badput["infrastructure_recovery_from_disruption"] >= 0.05
    assert found.badput["custom_badput_events"] >= 0.02
    total = found.productive + sum(found.badput.values())
    assert total == pytest.approx(found.elapsed, abs=1e-3)


def killed(directory: Path, *, seen: int) -> None:
    """Leave what a process leaves that ends after 20 steps, `seen` of them in windows."""
    observer = inlay.Observer(sinks=[inlay.sinks.Files(directory / "files")])
    recorder = Recorder(observer, started=time.time(), state=directory / "state")
    for n in range(20):
        if n == seen:
            observer.flush()
        with recorder.step():
            time.sleep(0.005)
    recorder._pid = -1  # nothing more of it reaches a window
    observer.stop()


@pytest.mark.parametrize("seen", [3, 13])
def test_what_a_killed_process_did_last_is_known(tmp_path: Path, seen: int) -> None:
    killed(tmp_path, seen=seen)
    observer = inlay.Observer(sinks=[inlay.sinks.Files(tmp_path / "files")])
    recorder = Recorder(observer, started=time.time(), state=tmp_path / "state")
    with recorder.restore(step=10):
        pass
    for _ in range(20):
        with recorder.step():
            time.sleep(0.005)
    live = recorder.goodput
    observer.stop()
    stored = goodput(tmp_path / "files")
    for found in (live, stored):
        assert (found.steps, found.replayed, found.restarts) == (30, 10, 1)
        assert found.productive >= 30 * 0.005 * 0.999
        assert found.badput["wasted_progress_from_disruption"] >= 10 * 0.005 * 0.999
    assert stored.productive == pytest.approx(live.productive, abs=0.01)
    assert stored.badput["infrastructure_recovery_from_disruption"] == pytest.approx(
        live.badput["infrastructure_recovery_from_disruption"], abs=0.01
    )


def test_the_first_step_of_a_killed_process_is_no_progress_whole(tmp_path: Path) -> None:
    clock = [0]
    recorder = Recorder(inlay.Observer(), state=tmp_path / "state")
    recorder._clock = lambda: clock[0]
    recorder._mark = 0
    for seconds in (60, 1, 1, 1):  # the first compiles
        with recorder.step():
            clock[0] += seconds * 10**9
    again = Recorder(inlay.Observer(), state=tmp_path / "state")
    found = again.goodput
    assert found.productive == pytest.approx(4.0)
    assert found.badput["program_startup"] == pytest.approx(59.0)


def test_badput_of_earlier_processes_is_counted_once(tmp_path: Path) -> None:
    counted: dict[str, float] = {}
    for _ in range(3):
        observer = inlay.Observer()
        recorder = Recorder(observer, started=time.time(), state=tmp_path / "state")
        recorder.resumed(0)
        time.sleep(0.02)  # preparing
        with recorder.evaluation():
            time.sleep(0.02)
        with recorder.step():
            time.sleep(0.002)
        for row in observer.collect().points.to_pylist():
            if row["metric"] == "training.badput":
                cause = json.loads(row["attrs"])["cause"]
                counted[cause] = counted.get(cause, 0.0) + row["value"]
        recorder.close()
    lost = recorder.goodput.badput
    assert counted["custom_badput_events"] == pytest.approx(lost["custom_badput_events"])
    for cause in ("wasted_progress_from_disruption", "training_prep"):
        assert lost[cause] > 0.0
        assert counted[cause] == pytest.approx(lost[cause])


def test_starting_over_without_a_word_is_told(tmp_path: Path) -> None:
    def process(**options: Any) -> tuple[list[str], list[tuple[int, bool]]]:
        observer = inlay.Observer()
        recorder = Recorder(observer, state=tmp_path / "state")
        if options:
            recorder.resumed(**options)
        for _ in range(3):
            with recorder.step():
                pass
        recorder.close()
        batch = observer.collect()
        rows = [(row["step"], row["replayed"]) for row in batch["steps"].to_pylist()]
        return [row["name"] for row in batch.events.to_pylist()], rows

    assert process()[0] == ["training.start"]
    assert process() == (
        ["training.restart", "training.not_resumed"],
        [(4, False), (5, False), (6, False)],
    )
    assert process(step=0) == (["training.restart"], [(1, True), (2, True), (3, True)])


def test_files_of_one_rank_are_chosen(tmp_path: Path) -> None:
    run(tmp_path, range(1, 4), rank=0)
    run(tmp_path, range(1, 8), rank=1)
    assert goodput(tmp_path).steps == 3
    assert goodput(tmp_path, rank=1).steps == 7
    with pytest.raises(inlay.InvalidArgumentError, match="5"):
        goodput(tmp_path, rank=5)


def test_a_directory_without_steps(tmp_path: Path) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="no training steps"):
        goodput(tmp_path)
    with pytest.raises(FileNotFoundError):
        goodput(tmp_path / "none")


def test_steps_can_be_asked_with_sql(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    run(tmp_path, range(1, 5))
    rows = inlay.query(tmp_path, "select count(*) as n, max(step) as last from steps")
    assert rows.to_pylist() == [{"n": 4, "last": 4}]
