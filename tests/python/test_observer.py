"""The observer: windows, sinks, callbacks, probes, events, and its end."""

from __future__ import annotations

import array
import gc
import itertools
import json
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import inlay
from inlay.sinks import Callback, Memory, Retry, Sink

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


# ---- windows -----------------------------------------------------------------------------------
def test_windows_turn_on_the_clock_at_multiples_of_their_length(clock: inlay.ManualClock) -> None:
    memory = Memory()
    obs = inlay.Observer(window=10.0, sinks=[memory], clock=clock)
    orders = obs.counter("orders").bind()
    with obs:
        orders.add(1)
        clock.advance(7)  # …010
        orders.add(2)
        clock.advance(10)  # …020
        clock.advance(4)
        orders.add(4)
    batches = memory.batches
    assert [batch.window_seq for batch in batches] == [0, 1, 2]
    assert [batch.start_time_us / 1e6 - START for batch in batches] == [0.0, 7.0, 17.0]
    assert [batch.time_us / 1e6 - START for batch in batches] == [7.0, 17.0, 21.0]
    assert [row["value"] for batch in batches for row in rows(batch, "orders")] == [1, 2, 4]
    assert {batch.origin for batch in batches} == {obs.core.origin}


def test_collect_turns_now_and_queues_the_same_batch(clock: inlay.ManualClock) -> None:
    memory = Memory()
    obs = inlay.Observer(sinks=[memory], clock=clock)
    obs.counter("orders").add(3)
    clock.advance(1.5)
    batch = obs.collect()
    assert obs.flush(SOON)
    (kept,) = memory.batches
    assert kept.points.to_pyarrow().equals(batch.points.to_pyarrow())
    assert (batch.start_time_us, batch.time_us) == (int(START * 1e6), int((START + 1.5) * 1e6))
    assert rows(obs.collect(), "orders") == []
    assert obs.stop(SOON)


def test_peek_does_not_turn(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    obs.counter("orders").add(3)
    for _ in range(2):
        assert [row["value"] for row in rows(obs.peek(), "orders")] == [3]
    assert [row["value"] for row in rows(obs.collect(), "orders")] == [3]
    assert rows(obs.peek(), "orders") == []


def test_collect_without_sinks_needs_no_thread_and_drops_nothing(clock: inlay.ManualClock) -> None:
    before = own_threads()
    obs = inlay.Observer(clock=clock, queue=2)
    for i in range(10):
        obs.counter("orders").add(1)
        assert obs.collect().window_seq == i
    assert obs.stats()["dropped_batches"] == 0
    assert obs.stats()["queue_depth"] == 0
    assert own_threads() <= before


def test_every_window_has_a_heartbeat(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    for _ in range(3):
        clock.advance(1)
        (beat,) = rows(obs.collect(), "inlay.window.duration")
        assert beat["layer"] == "self"


def test_after_a_stall_there_is_one_long_window(clock: inlay.ManualClock) -> None:
    memory = Memory()
    obs = inlay.Observer(window=10.0, sinks=[memory], clock=clock)
    with obs:
        obs.counter("orders").add(1)
        clock.advance(3600)
        obs.counter("orders").add(1)
        clock.advance(10)
    lengths = [(batch.time_us - batch.start_time_us) / 1e6 for batch in memory.batches]
    assert lengths[0] == pytest.approx(3600)
    assert len(lengths) <= 3
    assert (
        sum(row["value"] for row in memory.table("points").to_pylist() if row["metric"] == "orders")
        == 2
    )


@pytest.mark.parametrize("jump", [-7200.0, -15.0, 15.0, 7200.0])
def test_wall_clock_that_jumps_leaves_windows_ordered_and_loses_nothing(
    clock: inlay.ManualClock, jump: float
) -> None:
    memory = Memory()
    obs = inlay.Observer(window=10.0, sinks=[memory], clock=clock)
    orders = obs.counter("orders").bind()
    with obs:
        for step in range(12):
            orders.add(1)
            clock.advance(5)
            if step == 5:
                clock.jump(jump)
                orders.add(100)
    batches = memory.batches
    assert [batch.window_seq for batch in batches] == list(range(len(batches)))
    for before, after in itertools.pairwise(batches):
        assert before.start_time_us < before.time_us <= after.start_time_us < after.time_us
        assert before.observed_time_us <= after.observed_time_us
    total = sum(row["value"] for batch in batches for row in rows(batch, "orders"))
    assert total == 112


def test_real_timer_turns_windows() -> None:
    seen: list[inlay.Batch] = []
    three = threading.Event()

    def take(batch: inlay.Batch) -> None:
        seen.append(batch)
        if len(seen) == 3:
            three.set()

    obs = inlay.Observer(window=0.05, sinks=[Callback(take)])
    orders = obs.counter("orders").bind()
    added = 0
    with obs:
        while not three.is_set():
            orders.add(1)
            added += 1
            three.wait(0.001)
    assert obs.stats()["dropped_batches"] == 0
    for before, after in itertools.pairwise(seen):
        assert before.time_us == after.start_time_us
    for batch in seen[:-1]:  # cut when due, at a multiple of the length; the last by stop()
        assert batch.time_us // 50_000 > batch.start_time_us // 50_000
    total = sum(row["value"] for batch in seen for row in rows(batch, "orders"))
    assert total == added


# ---- sinks -------------------------------------------------------------------------------------
class Gate(Sink):
    """Blocks in write until let through."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.inside = threading.Event()
        self.written: list[inlay.Batch] = []

    def write(self, batch: inlay.Batch) -> None:
        self.inside.set()
        assert self.gate.wait(SOON)
        self.written.append(batch)


def test_slow_sink_delays_no_other(clock: inlay.ManualClock) -> None:
    gate, memory = Gate(), Memory()
    with inlay.Observer(window=1.0, sinks=[gate, memory], clock=clock) as obs:
        for _ in range(5):
            clock.advance(1)
        deadline = time.monotonic() + SOON
        while len(memory.batches) < 5:
            assert time.monotonic() < deadline
            time.sleep(0)
        assert gate.written == []
        gate.gate.set()
        assert obs.flush(SOON)
        assert len(gate.written) == 5


def test_sink_that_raises_is_counted_and_the_others_go_on(clock: inlay.ManualClock) -> None:
    def refuse(batch: inlay.Batch) -> None:
        message = "disk full"
        raise OSError(message)

    memory = Memory()
    obs = inlay.Observer(
        sinks=[Callback(refuse, name="bad"), memory], clock=clock, retry=Retry(tries=2, first=0.0)
    )
    obs.counter("orders").add(1)
    first = obs.collect()
    assert obs.flush(SOON)
    second = obs.collect()
    (retries,) = rows(second, "inlay.sink.retries")
    assert (retries["value"], json.loads(retries["attrs"])) == (1, {"sink": "bad"})
    dropped = {json.loads(row["attrs"])["table"]: row for row in rows(second, "inlay.sink.dropped")}
    assert dropped["points"]["value"] == first.points.num_rows
    assert dropped["points"]["layer"] == "self"
    (failing,) = second.events.to_pylist()
    assert failing["name"] == "inlay.sink.failing"
    assert "disk full" in failing["body"]
    obs.flush(SOON)
    assert [batch.window_seq for batch in memory.batches] == [0, 1]
    assert not obs.stop(SOON)
    stats = obs.stats()["sinks"]
    assert stats["bad"]["delivered"] == 0
    assert stats["bad"]["failing"]
    assert stats["memory"] == {
        "queued": 0,
        "delivered": 3,
        "retries": 0,
        "dropped": {},
        "failing": False,
    }


def test_sink_totals_become_counters_of_layer_self(clock: inlay.ManualClock) -> None:
    class Counting(Sink):
        name = "counting"
        total = 0

        def write(self, batch: inlay.Batch) -> None:
            self.total += 100

        def stats(self) -> dict[str, int]:
            return {"bytes": self.total}

    obs = inlay.Observer(sinks=[Counting()], clock=clock)
    for _ in range(3):
        batch = obs.collect()
        assert obs.flush(SOON)
    (row,) = rows(batch, "inlay.sink.bytes")
    assert (row["value"], row["layer"], row["unit"]) == (100, "self", "By")
    assert json.loads(row["attrs"]) == {"sink": "counting"}
    assert obs.stop(SOON)


def test_stop_drains_all_sinks_and_closes_them(clock: inlay.ManualClock) -> None:
    calls: list[str] = []

    class Noting(Sink):
        def open(self, resource: Any, origin: int) -> None:
            calls.append("open")

        def write(self, batch: inlay.Batch) -> None:
            calls.append(f"write {batch.window_seq}")

        def close(self, deadline: float) -> None:
            assert deadline > time.monotonic()
            calls.append("close")

    with inlay.Observer(window=1.0, sinks=[Noting()], clock=clock):
        clock.advance(1)
        clock.advance(1)
    assert calls == ["open", "write 0", "write 1", "write 2", "close"]


def test_stop_counts_what_a_stuck_sink_leaves(clock: inlay.ManualClock) -> None:
    gate, memory = Gate(), Memory()
    obs = inlay.Observer(sinks=[gate, memory], clock=clock).start()
    first = obs.collect()
    assert gate.inside.wait(SOON)
    began = time.monotonic()
    assert not obs.stop(timeout=0.05)
    assert time.monotonic() - began < SOON
    left = obs.stats()["sinks"]["gate"]["dropped"]["points"]
    assert left >= first.points.num_rows
    assert len(memory.batches) == 2
    gate.gate.set()


def outrun(obs: inlay.Observer, gate: Gate, windows: int) -> None:
    """Turn windows while a sink stands, then let it go on."""
    for _ in range(windows):
        obs.collect()
    gate.gate.set()
    assert obs.flush(SOON)


def test_a_loop_that_outruns_a_sink_is_warned_of_once_and_stop_says_so(
    clock: inlay.ManualClock,
) -> None:
    gate = Gate()
    obs = inlay.Observer(sinks=[gate], clock=clock, queue=2).start()
    obs.collect()
    assert gate.inside.wait(SOON)
    with pytest.warns(inlay.InlayWarning, match="sink 'gate'.* 2 of them waited") as told:
        outrun(obs, gate, 6)
    assert len(told) == 1
    assert len(gate.written) < 7
    assert not obs.stop(SOON)


def test_an_overflow_stops_no_delivery_where_warnings_are_errors(clock: inlay.ManualClock) -> None:
    gate, memory = Gate(), Memory()
    obs = inlay.Observer(sinks=[gate, memory], clock=clock, queue=2).start()
    outrun(obs, gate, 8)
    assert memory.batches[-1].window_seq == gate.written[-1].window_seq == 7
    assert not obs.stop(SOON)


def test_windows_turned_before_there_was_a_sink_are_not_missed(clock: inlay.ManualClock) -> None:
    obs = inlay.Observer(clock=clock)
    for _ in range(3):
        obs.collect()
    memory = Memory()
    obs.add_sink(memory)
    obs.collect()
    assert obs.stop(SOON)
    assert [batch.window_seq for batch in memory.batches] == [3, 4]


def test_stop_again_does_nothing(clock: inlay.ManualClock) -> None:
    memory = Memory()
    obs = inlay.Observer(sinks=[memory], clock=clock).start()
    assert obs.stop(SOON)
    assert obs.stop(SOON)
    assert len(memory.batches) == 1
    with pytest.raises(inlay.StoppedError, match="cannot start again"):
        obs.start()
    for act in (obs.collect, obs.peek):
        with pytest.raises(inlay.StoppedError, match="has stopped"):
            act()


@pytest.mark.parametrize("sinks", [(), (Memory(),)])
def test_a_stopped_observer_still_knows_its_last_window(
    sinks: tuple[inlay.sinks.Sink, ...],
) -> None:
    obs = inlay.Observer(sinks=sinks)
    now = obs.core.now_us() / 1e6
    obs.span("answer", trace_id="a" * 32, span_id="b" * 16, start=now - 1.0, end=now)
    assert obs.stop()
    assert obs.context(trace_id="a" * 32).status == "ok"


def test_record_after_stop_is_counted_as_dropped(clock: inlay.ManualClock) -> None:
    memory = Memory()
    obs = inlay.Observer(sinks=[memory], clock=clock).start()
    orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()
    orders.add(1)
    obs.stop(SOON)
    orders.add(1)
    latency.record(1.0)
    latency.record_many(array.array("d", [1.0, 2.0]))
    assert not obs.event("late")
    assert obs.stats()["dropped_after_stop"] == 4
    assert len(memory.batches) == 1


def test_sink_added_later_gets_what_is_turned_from_then_on(clock: inlay.ManualClock) -> None:
    early, late = Memory(), Memory()
    obs = inlay.Observer(sinks=[early], clock=clock).start()
    obs.collect()
    assert obs.flush(SOON)
    obs.add_sink(late)
    obs.collect()
    assert obs.stop(SOON)
    assert [batch.window_seq for batch in early.batches] == [0, 1, 2]
    assert [batch.window_seq for batch in late.batches] == [1, 2]
    assert set(obs.stats()["sinks"]) == {"memory", "memory-2"}
    assert obs.sinks == (early, late)


def test_sink_is_attached_before_it_is_opened(clock: inlay.ManualClock) -> None:
    class Asked(Memory):
        def __init__(self) -> None:
            super().__init__()
            self.order: list[str] = []

        def attach(self, observer: inlay.Observer) -> None:
            self.order.append("attach")
            self.observer = weakref.ref(observer)

        def open(self, resource: Any, origin: int) -> None:
            self.order.append("open")
            assert resource["service.name"] == "ranker"

    sink = Asked()
    obs = inlay.Observer({"service.name": "ranker"}, sinks=[sink], clock=clock).start()
    assert sink.observer() is obs
    obs.stop(SOON)
    assert sink.order == ["attach", "open"]


def test_object_without_the_methods_is_no_sink() -> None:
    with pytest.raises(TypeError, match="a sink has a method open; 3 has none"):
        inlay.Observer(sinks=[3])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"window": 0}, "window must be a positive number, got 0"),
        ({"window": float("nan")}, "window must be a positive number, got nan"),
        ({"expire": -1.0}, "expire must be a positive number, got -1.0"),
        ({"queue": 0}, "queue must be a positive number, got 0"),
        ({"max_series": 0}, "max_series must be a positive number, got 0"),
        ({"callback_timeout": 0}, "callback_timeout must be a positive number, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        inlay.Observer(**options)


# ---- several observers, and their end ----------------------------------------------------------
def test_observers_are_independent(clock: inlay.ManualClock) -> None:
    one, two = inlay.Observer(clock=clock), inlay.Observer(clock=clock)
    one.counter("orders").add(1)
    two.gauge("orders").set(5)
    assert [(row["kind"], row["value"]) for row in rows(one.collect(), "orders")] == [
        ("counter", 1)
    ]
    assert [(row["kind"], row["value"]) for row in rows(two.collect(), "orders")] == [("gauge", 5)]
    assert one.core.origin != two.core.origin
    one.stop()
    two.counter("clicks").add(1)
    assert [row["value"] for row in rows(two.collect(), "clicks")] == [1]


def test_forgotten_observer_ends_its_threads_and_writes_what_it_had() -> None:
    memory = Memory()
    before = own_threads()
    obs = inlay.Observer(sinks=[memory])
    obs.gauge("load", callback=lambda: 1.0)
    obs.counter("orders").add(1)
    obs.collect()
    obs.counter("orders").add(2)
    gone = weakref.ref(obs)
    threads = own_threads() - before
    assert {thread.name for thread in threads} >= {
        "inlay-delivery",
        "inlay-sink-memory",
        "inlay-observe",
    }
    del obs
    gc.collect()
    assert gone() is None
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    values = [
        row["value"] for row in memory.table("points").to_pylist() if row["metric"] == "orders"
    ]
    assert values == [1, 2]


def test_started_observer_lives_until_it_is_stopped(clock: inlay.ManualClock) -> None:
    memory = Memory()
    orders = (obs := inlay.Observer(window=1.0, sinks=[memory], clock=clock)).counter("orders")
    gone = weakref.ref(obs.start())
    del obs
    gc.collect()
    orders.add(1)
    clock.advance(1)
    found = gone()
    assert found is not None
    assert found.stop(SOON)
    del found
    gc.collect()
    assert gone() is None
    assert rows(memory.batches[0], "orders")[0]["value"] == 1


def test_many_observers_leave_no_threads() -> None:
    before = own_threads()
    for _ in range(30):
        with inlay.Observer(sinks=[Memory()]) as obs:
            obs.gauge("load", callback=lambda: 1.0)
            obs.counter("orders").add(1)
        inlay.Observer(sinks=[Memory()]).collect()
    gc.collect()
    deadline = time.monotonic() + SOON
    while own_threads() - before:
        assert time.monotonic() < deadline, own_threads()
        time.sleep(0.001)


def test_repr_says_the_state() -> None:
    obs = inlay.Observer({"service.name": "ranker"})
    assert repr(obs) == "<inlay.Observer 'ranker': idle>"
    obs.start()
    assert repr(obs) == "<inlay.Observer 'ranker': started>"
    obs.stop()
    assert repr(obs) == "<inlay.Observer 'ranker': stopped>"
