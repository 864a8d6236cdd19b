"""Gauge callbacks and probes run before each cut; a bad one costs its own value alone."""

from __future__ import annotations

import gc
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

import inlay
from inlay.sinks import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 30.0  # a bound for what happens at once; reaching it fails the test
START = 1_700_000_003.0


def rows(batch: inlay.Batch, metric: str) -> list[dict[str, Any]]:
    return [row for row in batch.points.to_pylist() if row["metric"] == metric]


def own_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("inlay")}


@pytest.fixture
def clock() -> inlay.ManualClock:
    return inlay.ManualClock(START)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = own_threads()
    yield
    gc.collect()
    for thread in own_threads() - before:
        thread.join(SOON)
        assert not thread.is_alive(), f"{thread.name} is left"


def test_gauge_callback_runs_before_each_cut(clock: inlay.ManualClock) -> None:
    values = iter([1.0, 2.0, 3.0, 4.0])
    memory = Memory()
    obs = inlay.Observer(window=1.0, sinks=[memory], clock=clock)
    obs.gauge("load", callback=lambda: next(values))
    with obs:
        clock.advance(1)
        clock.advance(1)
        obs.collect()
    assert [row["value"] for batch in memory.batches for row in rows(batch, "load")] == [1, 2, 3, 4]


def test_gauge_callback_gives_values_with_attributes(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)

    def depths() -> Iterator[tuple[int, dict[str, str]]]:
        yield 3, {"priority": "high"}
        yield 41, {"priority": "low"}

    obs.gauge("depth", attributes=("priority",), callback=depths)
    found = {
        json.loads(row["attrs"])["priority"]: row["value"] for row in rows(obs.collect(), "depth")
    }
    assert found == {"high": 3, "low": 41}
    assert obs.stop(SOON)


def failures(batch: inlay.Batch) -> dict[tuple[str, str], float]:
    found = {}
    for row in rows(batch, "inlay.observe.failures"):
        attributes = json.loads(row["attrs"])
        found[attributes["callback"], attributes["reason"]] = row["value"]
    return found


def test_callback_that_raises_is_counted_and_the_others_go_on(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    broken = [True, True, False, True]

    def load() -> float:
        if broken.pop(0):
            message = "no sensor"
            raise OSError(message)
        return 0.5

    obs.gauge("load", callback=load)
    obs.gauge("depth", callback=lambda: 7)
    first, second, third, fourth = (obs.collect() for _ in range(4))
    for batch in (first, second, fourth):
        assert failures(batch) == {("load", "raised"): 1}
    for batch in (first, second, third, fourth):
        assert [row["value"] for row in rows(batch, "depth")] == [7]
    assert rows(first, "load") == []
    assert [row["value"] for row in rows(third, "load")] == [0.5]
    # One event for each time that it begins to fail, not one for each window.
    assert [len(batch.events) for batch in (first, second, third, fourth)] == [1, 0, 0, 1]
    assert "no sensor" in first.events.to_pylist()[0]["body"]
    obs.stop(SOON)


@pytest.mark.parametrize(
    "result",
    [
        "three",
        b"3",
        None,
        [3],
        [(3, 4)],
        [(1, {"priority": "low"}, 2)],
        [(1, {"colour": "red"})],
        [("3", {"priority": "low"})],
        object(),
    ],
)
def test_callback_that_returns_no_value_is_counted(clock: inlay.ManualClock, result: Any) -> None:
    obs = inlay.Observer(clock=clock)
    obs.gauge("depth", attributes=("priority",), callback=lambda: result)
    batch = obs.collect()
    assert failures(batch) == {("depth", "raised"): 1}
    assert rows(batch, "depth") == []
    obs.stop(SOON)


def test_bad_value_of_a_callback_does_not_cost_the_good_ones(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    obs.gauge("depth", attributes=("p",), callback=lambda: [(1, {"p": "a"}), 2, (3, {"p": "b"})])
    batch = obs.collect()
    assert sorted(row["value"] for row in rows(batch, "depth")) == [1, 3]
    assert failures(batch) == {("depth", "raised"): 1}
    obs.stop(SOON)


def test_callback_that_is_late_is_counted_and_not_started_again(clock: inlay.ManualClock) -> None:
    gate, inside, runs = threading.Event(), threading.Event(), []

    def stuck() -> float:
        runs.append(1)
        inside.set()
        gate.wait(SOON)
        return 99.0

    obs = inlay.Observer(clock=clock, callback_timeout=0.5)
    obs.gauge("load", callback=stuck)
    obs.gauge("depth", callback=lambda: 7)
    first, second = obs.collect(), obs.collect()
    assert inside.is_set()
    for batch in (first, second):
        assert failures(batch) == {("load", "timeout"): 1}
        assert [row["value"] for row in rows(batch, "depth")] == [7]
    assert runs == [1]
    assert len(first.events) == 1
    gate.set()
    (late,) = obs._observables._late.values()
    assert late.done.wait(SOON)
    third = obs.collect()  # what the late one returned is not used; a new run is
    assert [row["value"] for row in rows(third, "load")] == [99.0]
    assert len(runs) == 2
    obs.stop(SOON)


def test_timer_does_not_wait_for_a_late_callback(clock: inlay.ManualClock) -> None:
    gate, memory = threading.Event(), Memory()

    def stuck() -> float:
        gate.wait(SOON)
        return 0.0

    obs = inlay.Observer(window=1.0, sinks=[memory], clock=clock, callback_timeout=0.01)
    obs.gauge("load", callback=stuck)
    with obs:
        clock.advance(1)
        clock.advance(1)
    gate.set()
    assert len(memory.batches) == 3
    assert failures(memory.batches[0]) == {("load", "timeout"): 1}


def test_same_callback_again_is_the_same_gauge() -> None:
    obs = inlay.Observer()

    def load() -> float:
        return 1.0

    assert obs.gauge("load", callback=load) is obs.gauge("load", callback=load)
    with pytest.raises(ValueError, match="'load' has the callback"):
        obs.gauge("load", callback=lambda: 2.0)
    assert [row["value"] for row in rows(obs.collect(), "load")] == [1.0]


def test_callback_must_be_an_ordinary_function() -> None:
    async def load() -> float:
        return 1.0

    obs = inlay.Observer()
    with pytest.raises(TypeError, match="must be a function"):
        obs.gauge("load", callback=load)
    with pytest.raises(TypeError, match="must be a function, not 3"):
        obs.gauge("load", callback=3)  # type: ignore[arg-type]


def test_probe_is_polled_before_each_cut(clock: inlay.ManualClock) -> None:
    class Probe:
        polls = 0

        def observe(self, observer: inlay.Observer) -> None:
            self.polls += 1
            observer.gauge("temperature", layer="infra").set(40 + self.polls)

    memory, probe = Memory(), Probe()
    obs = inlay.Observer(window=1.0, sinks=[memory], clock=clock)
    obs.probe(probe)
    with obs:
        clock.advance(1)
        clock.advance(1)
    assert [row["value"] for batch in memory.batches for row in rows(batch, "temperature")] == [
        41,
        42,
        43,
    ]
    with pytest.raises(TypeError, match="a probe is an object with a method observe"):
        obs.probe(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got <class .*Probe'>"):
        obs.probe(Probe)  # type: ignore[arg-type]


def test_probe_is_told_of_the_end_after_its_last_poll(clock: inlay.ManualClock) -> None:
    told: list[object] = []

    class Probe:
        def observe(self, observer: inlay.Observer) -> None:
            told.append("polled")

        def observer_stopped(self, observer: inlay.Observer) -> None:
            told.append(observer)
            message = "no end"
            raise RuntimeError(message)

    memory = Memory()
    obs = inlay.Observer(sinks=[memory], clock=clock)
    obs.probe(Probe())
    assert obs.stop(SOON)
    assert told == ["polled", obs]
    assert failures(memory.batches[-1]) == {("Probe", "raised"): 1}
    obs.stop(SOON)
    assert len(told) == 2


def test_probe_that_raises_is_counted(clock: inlay.ManualClock) -> None:
    class Broken:
        def observe(self, observer: inlay.Observer) -> None:
            message = "no driver"
            raise RuntimeError(message)

    obs = inlay.Observer(clock=clock)
    obs.probe(Broken())
    assert failures(obs.collect()) == {("Broken", "raised"): 1}
    obs.stop(SOON)


def test_callback_that_collects_does_not_wait_for_itself(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    inner: list[inlay.Batch] = []

    def load() -> float:
        inner.append(obs.collect())
        return 1.0

    obs.gauge("load", callback=load)
    outer = obs.collect()
    assert inner[0].window_seq == 0
    assert outer.window_seq == 1
    assert [row["value"] for row in rows(outer, "load")] == [1.0]
    obs.stop(SOON)
