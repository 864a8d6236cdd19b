"""A quality that goes on from its saved state, in a fork, and without an observer that keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measured import BEGAN, Measured

import inlay
from inlay import InlayWarning, InvalidArgumentError, SerializationError, StoppedError
from inlay.model import FairnessJudge

OPTIONS: dict[str, Any] = {"attributes": ("sex",), "thresholds": (0.25, 0.5)}


def play(m: Measured, turns: range, *, judged: bool = True) -> list[Any]:
    """Feed seeded rows, predictions and labels; return all that is written."""
    written: list[Any] = []
    for turn in turns:
        rng = np.random.default_rng(turn)
        m.at(25 * turn)
        y, score = rng.integers(0, 2, 100), rng.random(100)
        m.quality.observed(y, score, sex=rng.choice(["f", "m"], 100))
        ids = np.arange(100) + 100 * turn
        m.quality.predicted(ids, score, sex="f" if turn % 2 else "m")
        m.quality.labelled(rng.permutation(100) + 100 * (turn // 2), rng.integers(0, 2, 100))
        m.collect()
        batch = m.batches[-1]
        for name in ("points", "verdicts") if judged else ("points",):
            for row in batch[name].to_pylist():
                if row["layer"] == "model":
                    written.append({k: v for k, v in row.items() if k not in VARYING})
    return written


VARYING = ("origin", "window_seq", "start_time", "time", "resource")


def test_a_saved_state_goes_on_identically(tmp_path: Path) -> None:
    judge = FairnessJudge("sex", min_n=10)
    whole = Measured(judges=[judge], **OPTIONS)
    expected = play(whole, range(12))
    first = Measured(judges=[FairnessJudge("sex", min_n=10)], **OPTIONS)
    found = play(first, range(5))
    data = first.quality.save_state(tmp_path / "state")
    assert (tmp_path / "state").read_bytes() == data
    first.quality.close(discard=True)
    second = Measured(judges=[FairnessJudge("sex", min_n=10)], **OPTIONS)
    second.at(25 * 4)
    second.quality.load_state(tmp_path / "state")
    assert second.quality.save_state() == data
    found += play(second, range(5, 12))
    assert found == expected
    assert second.quality.compute() == whole.quality.compute()
    assert second.quality.pending == whole.quality.pending


def test_states_of_other_qualities_are_refused() -> None:
    m = Measured(**OPTIONS)
    m.quality.observed([1], [0.9], sex="f")
    data = m.quality.save_state()
    other = Measured(attributes=("sex",), thresholds=(0.5,), every=30, horizon=600)
    with pytest.raises(InvalidArgumentError) as error:
        other.quality.load_state(data)
    for part in ("another quality", "every is 60 s, here it is 30 s", "thresholds is [0.25, 0.5]"):
        assert part in str(error.value)
    judged = Measured(judges=[FairnessJudge("sex")], **OPTIONS)
    with pytest.raises(InvalidArgumentError, match="judges"):
        judged.quality.load_state(data)
    assert other.quality.segments == []


def test_damaged_states_are_refused_and_change_nothing(tmp_path: Path) -> None:
    m = Measured(**OPTIONS)
    m.quality.observed([1], [0.9], sex="f")
    m.quality.predicted([1], [0.9], sex="m")
    data = m.quality.save_state()
    for bad in (b"", data[:40], data[:-1], data[:60] + b"?" + data[61:], b"INLAYWCH" + data[8:]):
        with pytest.raises(SerializationError):
            m.quality.load_state(bad)
    assert m.quality.save_state() == data
    with pytest.raises(FileNotFoundError):
        m.quality.load_state(tmp_path / "nothing")
    m.quality.close()
    with pytest.raises(StoppedError):
        m.quality.load_state(data)


def test_contradictions_in_a_whole_container_are_refused() -> None:
    from inlay._container import pack, unpack

    m = Measured(**OPTIONS)
    m.quality.observed([1], [0.9], sex="f")
    m.quality.predicted([1], [0.9], sex="m")
    header, blobs = unpack(m.quality.save_state(), "here", magic=b"INLAYQLT")

    def refused(blobs: list[bytes] = blobs, **changed: Any) -> None:
        data = pack({**header, **changed}, blobs, magic=b"INLAYQLT")
        with pytest.raises(SerializationError):
            Measured(**OPTIONS).quality.load_state(data)

    refused(version=2)
    refused(settings=None)
    refused(blobs=blobs[:-1])
    refused(blobs=[b"", *blobs[1:]])
    refused(blobs=[blobs[-1], *blobs[1:]])
    refused(segments=[["f"]])
    refused(segments=[["f"], ["f"]])
    refused(segments=[["f", "g"]])
    refused(segments=[[1]])
    refused(segments=5)
    refused(overflowed="x")
    refused(apart={"a": None})
    refused(panes=[{}])
    refused(panes=[{**header["panes"][0], "number": 1 << 70}])
    refused(panes=[{**header["panes"][0], "fresh": [[[0]]]}])


def test_a_state_that_takes_the_place_of_panes_warns() -> None:
    m = Measured(**OPTIONS)
    m.quality.observed([1], [0.9], sex="f")
    data = m.quality.save_state()
    with pytest.warns(InlayWarning, match="held panes"):
        m.quality.load_state(data)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_starts_empty() -> None:
    code = """
import os
import sys
import inlay
obs = inlay.Observer()
quality = obs.quality("click", task="binary", min_n=1)
quality.observed([1, 0], [0.9, 0.2])
child = os.fork()
if child == 0:
    assert quality.compute()["accuracy"].n == 0
    quality.observed([1], [0.9])
    assert quality.compute()["accuracy"].n == 1
    os._exit(0)
_, status = os.waitpid(child, 0)
assert quality.compute()["accuracy"].n == 2
sys.exit(os.waitstatus_to_exitcode(status))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_quality_made_before_install_counts_from_then_on(tmp_path: Path) -> None:
    quality = inlay.get_observer().quality("early", task="binary", attributes=("a",))
    assert quality.observed([1], [0.9], a="x") == 0
    assert quality.predicted([1], [0.9], a="x") == 0
    assert quality.labelled([1], [1]) == 0
    assert (quality.name, quality.task, quality.attributes) == ("early", "binary", ("a",))
    assert (quality.closed, quality.pending, quality.overflowed) == (False, 0, 0)
    assert quality.segments == []
    assert len(quality.compute()) == 0
    assert quality.fairness().groups == {}
    assert quality.save_state() == b""
    quality.load_state(b"")
    quality.tick()
    assert repr(quality) == "<inlay.model.Quality 'early': no-op>"
    observer = inlay.Observer().install()
    try:
        assert quality.observed([1, 0], [0.9, 0.2], a=["x", "y"]) == 2
        assert quality.predicted([1], [0.9], a="x") == 1
        assert quality.pending == 1
        assert quality.labelled([1], [1]) == 1
        assert quality.compute()["accuracy"].n == 3
        assert quality.segments == [{"a": "x"}, {"a": "y"}]
        assert set(quality.fairness().groups) == {"a=x", "a=y"}
        quality.save_state(tmp_path / "state")
        quality.tick()
        assert "1 panes" in repr(quality)
        metrics = {row["metric"] for row in observer.collect().points.to_pylist()}
        assert {"early", "early.accuracy", "early.coverage"} <= metrics
        assert inlay.get_observer().quality("later", task="binary").observed([1], [0.5]) == 1
        quality.close()
        assert quality.closed
    finally:
        observer.uninstall()


def test_a_quality_that_the_target_cannot_have_warns() -> None:
    quality = inlay.get_observer().quality("twice", task="binary")
    observer = inlay.Observer()
    observer.quality("twice", task="binary")
    try:
        with pytest.warns(RuntimeWarning, match="'twice'"):
            observer.install()
        assert quality.observed([1], [0.9]) == 0
    finally:
        observer.uninstall()


def test_a_disabled_process_measures_nothing() -> None:
    code = """
import sys
import inlay
quality = inlay.Observer().quality("a", task="binary")
assert quality.observed([1], [1.0]) == 0
quality.close()
assert quality.closed
assert "pyarrow" not in sys.modules and "numpy" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code], env={"INLAY_DISABLED": "1", "PATH": ""}, check=True
    )


def test_an_observer_without_qualities_loads_nothing_of_them() -> None:
    code = """
import inlay, sys
inlay.Observer().collect()
assert not [name for name in sys.modules if "model" in name or name == "pyarrow"]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_panes_that_rest_take_less_room_and_count_on() -> None:
    m = Measured()
    m.quality.observed([1, 0], [0.9, 0.2])
    m.at(130)
    m.collect()
    m.quality.observed([1, 0], [0.2, 0.9], predicted_at=BEGAN)
    m.at(200)
    m.collect()
    assert m.counts() == {(0, "{}"): [1, 1, 1, 1]}
    assert m.quality.compute()["accuracy"].value == 0.5
