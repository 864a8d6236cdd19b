"""A training run recorded step by step."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.training import PHASES, STEPS, Recorder, palm_flops_per_token
from inlay.training.restart_file import RestartFile


class Clock:
    """Nanoseconds that only pass when told."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def made(**options: Any) -> tuple[inlay.Observer, Recorder, Clock]:
    observer = inlay.Observer()
    recorder = Recorder(observer, **options)
    clock = Clock()
    recorder._clock = clock
    recorder._mark = 0
    return observer, recorder, clock


def points(batch: inlay.Batch) -> dict[str, dict[str, Any]]:
    return {
        row["metric"] + row["attrs"].replace("{}", ""): row
        for row in batch.points.to_pylist()
        if row["layer"] == "training"
    }


def events(batch: inlay.Batch, name: str) -> list[dict[str, Any]]:
    return [row for row in batch.events.to_pylist() if row["name"] == name]


def test_each_moment_of_a_step_counts_to_one_phase() -> None:
    observer, recorder, clock = made()
    with recorder.step():
        clock.sleep(1.0)
        with recorder.phase("forward"):
            clock.sleep(2.0)
            with recorder.phase("communication"):
                clock.sleep(3.0)
            clock.sleep(4.0)
        with recorder.phase("backward"):
            clock.sleep(5.0)
        with recorder.phase("optimizer"):
            clock.sleep(6.0)
    row = observer.collect()["steps"].to_pylist()[0]
    assert [row[phase] for phase in PHASES] == [0.0, 6.0, 5.0, 6.0, 3.0, 0.0, 1.0]
    assert (row["time"] - row["start_time"]).total_seconds() == 21.0


def test_waits_and_checkpoints_between_steps_count_to_the_later_step() -> None:
    observer, recorder, clock = made()

    def slow() -> Any:
        for _ in range(2):
            clock.sleep(0.5)
            yield 1

    for _ in recorder.data(slow()):
        with recorder.step():
            clock.sleep(1.0)
        with recorder.checkpoint("a"):
            clock.sleep(0.25)
        clock.sleep(9.0)  # of no step
    rows = observer.collect()["steps"].to_pylist()
    assert [(row["data_wait"], row["checkpoint"], row["other"]) for row in rows] == [
        (0.5, 0.0, 1.0),
        (0.5, 0.25, 1.0),
    ]


@given(st.lists(st.tuples(st.sampled_from(PHASES[:5]), st.floats(0.0, 10.0)), max_size=20))
def test_phases_add_up_to_the_step(parts: list[tuple[str, float]]) -> None:
    observer, recorder, clock = made()
    with recorder.step():
        for phase, seconds in parts:
            clock.sleep(0.125)
            with recorder.phase(phase):
                clock.sleep(seconds)
    row = observer.collect()["steps"].to_pylist()[0]
    assert math.isclose(sum(row[phase] for phase in PHASES), clock.now / 1e9, abs_tol=1e-9)
    for name in PHASES[:5]:
        told = sum(round(s * 1e9) for phase, s in parts if phase == name) / 1e9
        assert math.isclose(row[name], told, abs_tol=1e-9)


def test_the_table_has_the_columns_that_are_told() -> None:
    observer, recorder, _ = made(rank=3, attributes={"model": "m"})
    with recorder.step(7, tokens=10, samples=2):
        recorder.loss(0.5)
        recorder.gradient_norm(2)
        recorder.epoch(4)
    batch = observer.collect()
    table = batch["steps"]
    assert table.column_names == [column.name for column in STEPS]
    row = table.to_pylist()[0]
    assert (row["step"], row["tokens"], row["samples"], row["epoch"]) == (7, 10, 2, 4)
    assert (row["loss"], row["gradient_norm"], row["rank"]) == (0.5, 2.0, 3)
    assert (row["attrs"], row["origin"]) == ('{"model":"m"}', batch.origin)
    assert not row["nonfinite"]
    assert not row["replayed"]


def test_rates_and_utilization_of_a_window() -> None:
    observer, recorder, clock = made(
        tokens_per_step=1000,
        samples_per_step=10,
        flops_per_token=palm_flops_per_token(100),
        peak_flops=1e7,
    )
    for _ in range(4):
        with recorder.step():
            clock.sleep(0.5)
            recorder.learning_rate(0.01)
    found = points(observer.collect())
    assert found["training.tokens"]["value"] == 4000.0
    assert found["training.samples"]["value"] == 40.0
    assert found["training.token_rate"]["value"] == 2000.0
    assert found["training.sample_rate"]["value"] == 20.0
    assert found["training.mfu"]["value"] == pytest.approx(2000 * 600 / 1e7)
    assert found["training.learning_rate"]["value"] == 0.01
    assert found["training.step_time"]["count"] == 4
    assert found['training.phase{"phase":"other"}']["sum"] == 2.0
    assert found['training.memory{"device":"host","kind":"resident"}']["value"] > 1e6


def test_palms_formula() -> None:
    assert palm_flops_per_token(7, layers=2, heads=3, head_size=4, sequence=5) == 42 + 12 * 120
    with pytest.raises(inlay.InvalidArgumentError, match="0"):
        palm_flops_per_token(0)


def test_a_loss_that_is_not_finite_is_an_event_once_and_never_a_nan() -> None:
    seen: list[int] = []
    observer, recorder, _ = made(on_nonfinite=seen.append)
    for loss in (1.0, math.nan, math.inf, 2.0, math.nan):
        with recorder.step():
            recorder.loss(loss)
    batch = observer.collect()
    rows = batch["steps"].to_pylist()
    assert [row["nonfinite"] for row in rows] == [False, True, True, False, True]
    assert [row["loss"] for row in rows] == [1.0, None, None, 2.0, None]
    told = events(batch, "training.nonfinite")
    assert [row["attrs"] for row in told] == ['{"step":"2"}', '{"step":"5"}']
    assert told[0]["severity"] == 17
    assert seen == [2, 3, 5]
    assert points(batch)["training.nonfinite"]["value"] == 3.0


def test_what_a_callback_raises_is_counted_and_kept_from_the_training() -> None:
    def fail(step: int) -> None:
        raise ValueError(step)

    observer, recorder, _ = made(on_nonfinite=fail)
    for _ in range(20):
        with recorder.step():
            recorder.loss(math.nan)
    rows = observer.collect().points.to_pylist()
    (count,) = [row["value"] for row in rows if row["metric"] == "inlay.host.failures"]
    assert count == 20.0


def test_a_loss_given_after_the_step_is_that_steps() -> None:
    observer, recorder, _ = made()
    for n in range(20):
        with recorder.step():
            pass
        recorder.loss(n + 0.25)
        recorder.gradient_norm(n + 0.5)
    rows = observer.collect()["steps"].to_pylist()
    assert [(row["loss"], row["gradient_norm"]) for row in rows] == [
        (n + 0.25, n + 0.5) for n in range(20)
    ]


def test_a_step_that_raises_is_none() -> None:
    observer, recorder, _ = made()
    with pytest.raises(KeyError), recorder.step(), recorder.phase("forward"):
        raise KeyError
    with recorder.step():
        pass
    assert [row["step"] for row in observer.collect()["steps"].to_pylist()] == [1]


def test_a_step_may_end_within_a_phase() -> None:
    observer, recorder, clock = made()
    with recorder.phase("communication"):
        recorder.begin_step()
        clock.sleep(1.0)
        recorder.end_step()
        clock.sleep(1.0)
    recorder.end_step()
    with recorder.step():
        clock.sleep(2.0)
    rows = observer.collect()["steps"].to_pylist()
    assert [row["other"] for row in rows] == [1.0, 2.0]


def test_time_measured_elsewhere_is_taken_from_what_is_in_no_phase() -> None:
    observer, recorder, clock = made()
    recorder.add("data_wait", 0.5)
    with recorder.step():
        clock.sleep(2.0)
        recorder.add("communication", 0.75)
    row = observer.collect()["steps"].to_pylist()[0]
    assert (row["data_wait"], row["communication"], row["other"]) == (0.5, 0.75, 1.25)


def test_passes_over_the_data_are_epochs() -> None:
    observer, recorder, _ = made()
    data = recorder.data([1, 2])
    assert len(data) == 2
    for _ in range(2):
        for _batch in data:
            with recorder.step():
                pass
    assert [row["epoch"] for row in observer.collect()["steps"].to_pylist()] == [0, 0, 1, 1]


def test_checkpoints_restores_and_evaluations_are_events() -> None:
    observer, recorder, clock = made()
    with recorder.checkpoint("c1"):
        clock.sleep(2.0)
    with recorder.checkpoint("c2", blocking=False):
        clock.sleep(3.0)
    with recorder.restore("c1", step=5):
        clock.sleep(1.0)
    with recorder.evaluation("held"):
        clock.sleep(4.0)
    with pytest.raises(OSError, match="full"), recorder.checkpoint("c3"):
        raise OSError("full")
    with recorder.step():
        pass
    batch = observer.collect()
    saved = events(batch, "training.checkpoint")
    assert '"blocking":"true","checkpoint":"c1"' in saved[0]["attrs"]
    assert (saved[0]["end_time"] - saved[0]["time"]).total_seconds() == 2.0
    assert '"error.type":"OSError"' in saved[2]["attrs"]
    assert saved[2]["severity"] == 17
    assert len(events(batch, "training.restore")) == len(events(batch, "training.eval")) == 1
    found = points(batch)
    assert found["training.checkpoint.duration"]["count"] == 2
    assert found["training.restore.duration"]["sum"] == 1.0
    row = batch["steps"].to_pylist()[0]
    assert (row["step"], row["checkpoint"]) == (6, 2.0)
    lost = recorder.goodput.badput
    assert lost["unproductive_checkpoint_save_time"] == pytest.approx(2.0, abs=0.1)
    assert lost["unproductive_checkpoint_restore_time"] == pytest.approx(1.0, abs=0.1)
    assert lost["custom_badput_events"] == pytest.approx(4.0, abs=0.1)


def test_a_later_process_knows_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "run.state"
    observer, recorder, _ = made(state=path)
    for _ in range(5):
        with recorder.step():
            pass
    observer.collect()
    recorder.close()
    second, again, _ = made(state=path)
    assert again.restarts == 1
    with again.restore(step=3):
        pass
    for _ in range(4):
        with again.step():
            pass
    batch = second.collect()
    rows = batch["steps"].to_pylist()
    assert [(row["step"], row["replayed"]) for row in rows] == [
        (4, True),
        (5, True),
        (6, False),
        (7, False),
    ]
    (told,) = events(batch, "training.restart")
    said = json.loads(told["attrs"])
    assert (said["highest_step"], said["restarts"], said["steps"]) == ("5", "1", "5")
    assert points(batch)["training.replayed"]["value"] == 2.0
    assert again.goodput.restarts == 1
    assert (again.goodput.steps, again.goodput.replayed) == (7, 2)


def test_ranks_have_files_of_their_own(tmp_path: Path) -> None:
    for rank in (0, 1):
        _, recorder, _ = made(state=tmp_path / "s", rank=rank)
        recorder.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "s.1"]


def test_the_state_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state"
    code = (
        "import os, signal, sys, inlay\n"
        "from inlay.training import Recorder\n"
        "rec = Recorder(inlay.Observer(), state=sys.argv[1])\n"
        "for _ in range(12):\n"
        "    with rec.step():\n"
        "        pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=120)
    before = RestartFile(path).before
    assert before is not None
    assert before.highest == 12
    assert before.incarnations == 1


@given(st.binary(max_size=300))
def test_a_damaged_state_is_begun_anew(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("state") / "s"
    path.write_bytes(data)
    if data:
        with pytest.warns(inlay.InlayWarning, match="begun anew"):
            file = RestartFile(path)
    else:
        file = RestartFile(path)
    assert file.before is None
    file.begin(2_000_000, 1_000_000)
    file.stepped(3, 3_000_000, [2 * 10**9] * len(PHASES), replayed=False)
    file.keep(-1.0, tuple(float(n) for n in range(10)))
    file.close()
    before = RestartFile(path).before
    assert before is not None
    assert (before.highest, before.last_us, before.start_us) == (3, 3_000_000, 1_000_000)
    assert before.seconds == (9.0, 0.0, 1.0, 2.0, 5.0, *(float(n) for n in range(4, 10)))
    assert (before.steps, before.replayed) == (1, 0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"peak_flops": 0.0}, r"peak_flops.*0\.0"),
        ({"flops_per_token": math.nan}, "flops_per_token.*nan"),
        ({"tokens_per_step": -1}, "tokens_per_step.*-1"),
        ({"rank": -1}, "rank.*-1"),
        ({"trackers": ("tensorboard",)}, "tensorboard"),
        ({"started": 1e12}, "started.*1000000000000"),
        ({"started": 4e9}, "started.*4000000000"),
        ({"started": -1.0}, r"started.*-1\.0"),
        ({"started": math.nan}, "started.*nan"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=match):
        Recorder(inlay.Observer(), **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"state": 3}, "state.*3"),
        ({"started": "x"}, "started"),
        ({"attributes": ["a"]}, r"attributes.*\['a'\]"),
        ({"on_nonfinite": 3}, "on_nonfinite.*3"),
        ({"peak_flops": "fast"}, "peak_flops.*'fast'"),
    ],
)
def test_settings_of_another_kind_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        Recorder(inlay.Observer(), **options)
    with pytest.raises(TypeError, match=r"observer.*None"):
        Recorder(None)  # type: ignore[arg-type]


def test_a_rank_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "zero")
    monkeypatch.setenv("SLURM_PROCID", "3")
    with pytest.warns(inlay.InlayWarning, match="RANK.*'zero'"):
        recorder = Recorder(inlay.Observer())
    assert recorder.rank == 3


def test_bad_values_are_refused() -> None:
    _, recorder, _ = made()
    with pytest.raises(inlay.InvalidArgumentError, match="sideways"):
        recorder.phase("sideways")
    with pytest.raises(inlay.InvalidArgumentError, match="other"):
        recorder.lost("other")
    with pytest.raises(TypeError, match=r"loss.*'much'"):
        recorder.loss("much")
    with pytest.raises(TypeError, match=r"learning_rate.*\[1\]"):
        recorder.learning_rate([1])
    with pytest.raises(inlay.InvalidArgumentError, match=r"loss.*none has begun.*1\.0"):
        recorder.loss(1.0)
    with pytest.raises(inlay.InvalidArgumentError, match="-2"):
        recorder.step(-2).__enter__()
    with pytest.raises(TypeError, match="True"):
        recorder.tokens(True)


def test_a_forked_child_hands_nothing_over() -> None:
    observer, recorder, _ = made()
    with recorder.step():
        pass
    recorder._pid = os.getpid() + 1
    recorder.observe(observer)
    recorder._pid = os.getpid()
    assert len(observer.collect()["steps"]) == 1


def test_an_observer_that_keeps_nothing_costs_nothing() -> None:
    observer = inlay.get_observer()
    recorder = Recorder(observer)
    for _ in recorder.data([1, 2]):
        with recorder.step():
            recorder.loss(1.0)
    assert recorder.steps == 2
    assert recorder.goodput.steps == 2


def test_windows_turn_while_steps_go_on() -> None:
    observer, recorder, _ = made()
    rows: list[int] = []
    done = threading.Event()

    def turn() -> None:
        while not done.is_set():
            batch = observer.collect()
            if "steps" in list(batch):
                rows.extend(row["step"] for row in batch["steps"].to_pylist())

    thread = threading.Thread(target=turn)
    thread.start()
    for _ in range(3000):
        with recorder.step():
            recorder.loss(1.0)
    done.set()
    thread.join()
    time.sleep(0.01)
    rest = observer.collect()
    if "steps" in list(rest):
        rows.extend(row["step"] for row in rest["steps"].to_pylist())
    assert rows == list(range(1, 3001))


def test_a_clock_that_jumps_leaves_durations_alone() -> None:
    clock = inlay.ManualClock(1_700_000_000.0)
    observer = inlay.Observer(clock=clock)
    recorder = Recorder(observer, started=1_699_999_990.0)
    for seconds in (1.0, -3600.0, 7200.0):
        with recorder.step():
            clock.jump(seconds)
    with recorder.checkpoint():
        clock.jump(-60.0)
    rows = observer.collect()["steps"].to_pylist()
    assert all(0.0 <= row["other"] < 5.0 for row in rows)
    found = recorder.goodput
    assert found.ratio is not None
    assert 0.0 <= found.ratio <= 1.0
    assert all(lost >= 0.0 for lost in found.badput.values())
