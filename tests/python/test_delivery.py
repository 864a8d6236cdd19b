"""Delivery: one queue and one thread a sink, retries, drops counted by table."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

from inlay import Batch
from inlay._threads import Condition
from inlay.sinks import Callback, Memory, Retry, Sink
from inlay.sinks._channel import Channel
from inlay.sinks._retry import Pacer

SOON = 30.0  # a bound for what happens at once; reaching it fails the test


def batch_of(points: int, events: int = 0) -> Batch:
    """Make a batch by hand."""
    tables = {"points": pa.table({"value": [float(i) for i in range(points)]})}
    if events:
        tables["events"] = pa.table({"name": ["deploy"] * events})
    return Batch.from_tables(tables)


class ManualPacer(Pacer):
    """Passes the time of every pause at once and notes it."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, condition: Condition, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class HeldPacer(Pacer):
    """Waits until it is woken: a pause that would last for ever."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.pausing = threading.Event()

    def wait(self, condition: Condition, seconds: float) -> None:
        self.pausing.set()
        condition.wait(SOON)


class Notes:
    """Takes a report down."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def queued(self, sink: str, depth: int) -> None:
        self.lines.append(("queued", sink, depth))

    def delivered(self, sink: str, stats: Any) -> None:
        self.lines.append(("delivered", sink, dict(stats)))

    def dropped(self, sink: str, table: str, rows: int) -> None:
        self.lines.append(("dropped", sink, table, rows))

    def overflowed(self, sink: str, capacity: int) -> None:
        self.lines.append(("overflowed", sink, capacity))

    def retried(self, sink: str) -> None:
        self.lines.append(("retried", sink))

    def failing(self, sink: str, error: BaseException) -> None:
        self.lines.append(("failing", sink, str(error)))

    def recovered(self, sink: str) -> None:
        self.lines.append(("recovered", sink))

    def of(self, *kinds: str) -> list[tuple[Any, ...]]:
        return [line for line in self.lines if line[0] in kinds]


class Flaky(Sink):
    """Fails so many writes (and opens), then works."""

    def __init__(self, writes: int = 0, opens: int = 0) -> None:
        self.bad_writes = writes
        self.bad_opens = opens
        self.calls: list[str] = []
        self.opened_with: list[tuple[dict[str, str], int]] = []
        self.written: list[Batch] = []
        self.threads: set[int] = set()

    def open(self, resource: Any, origin: int) -> None:
        self.calls.append("open")
        self.threads.add(threading.get_ident())
        if self.bad_opens:
            self.bad_opens -= 1
            message = "cannot open"
            raise OSError(message)
        self.opened_with.append((dict(resource), origin))

    def write(self, batch: Batch) -> None:
        self.calls.append("write")
        self.threads.add(threading.get_ident())
        if self.bad_writes:
            self.bad_writes -= 1
            message = "disk full"
            raise OSError(message)
        self.written.append(batch)

    def close(self, deadline: float) -> None:
        self.calls.append("close")
        self.threads.add(threading.get_ident())


class Gate(Sink):
    """Blocks in its first write until let through."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.gate = threading.Event()
        self.written: list[Batch] = []
        self.closed = False

    def write(self, batch: Batch) -> None:
        self.inside.set()
        assert self.gate.wait(SOON)
        self.written.append(batch)

    def close(self, deadline: float) -> None:
        self.closed = True


def channel_to(sink: Sink, notes: Notes, **options: Any) -> Channel:
    options = {"capacity": 8, "retry": Retry(tries=3), "pacer": ManualPacer(), **options}
    return Channel(sink, "it", report=notes, **options)


def end(channel: Channel, timeout: float = SOON) -> bool:
    deadline = time.monotonic() + timeout
    channel.finish(deadline)
    return channel.join(deadline)


def test_batches_arrive_in_order_on_one_thread() -> None:
    sink, notes = Flaky(), Notes()
    channel = channel_to(sink, notes, capacity=100)
    channel.start({"service.name": "ranker"}, 42)
    batches = [batch_of(n) for n in range(1, 51)]
    for batch in batches:
        channel.offer(batch)
    assert channel.flush(time.monotonic() + SOON)
    assert sink.written == batches
    assert end(channel)
    assert sink.calls == ["open", *["write"] * 50, "close"]
    assert sink.opened_with == [({"service.name": "ranker"}, 42)]
    assert len(sink.threads) == 1
    assert threading.get_ident() not in sink.threads
    assert channel.stats() == {
        "queued": 0,
        "delivered": 50,
        "retries": 0,
        "dropped": {},
        "failing": False,
    }


def test_failed_write_is_tried_again_after_growing_pauses() -> None:
    sink, notes, pacer = Flaky(writes=3), Notes(), ManualPacer()
    retry = Retry(tries=5, first=1.0, factor=3.0, most=5.0, jitter=0.0)
    channel = channel_to(sink, notes, retry=retry, pacer=pacer)
    channel.start({}, 1)
    channel.offer(batch_of(2))
    assert channel.flush(time.monotonic() + SOON)
    assert pacer.waits == [1.0, 3.0, 5.0]
    assert len(sink.written) == 1
    assert end(channel)
    assert notes.of("failing", "recovered") == [("failing", "it", "disk full"), ("recovered", "it")]
    assert len(notes.of("retried")) == 3
    assert channel.stats()["retries"] == 3


def test_batch_is_dropped_after_last_try_and_counted_by_table() -> None:
    sink, notes = Flaky(writes=3), Notes()
    channel = channel_to(sink, notes, retry=Retry(tries=3))
    channel.start({}, 1)
    channel.offer(batch_of(5, events=2))
    channel.offer(batch_of(7))
    assert channel.flush(time.monotonic() + SOON)
    assert sorted(notes.of("dropped")) == [
        ("dropped", "it", "events", 2),
        ("dropped", "it", "points", 5),
    ]
    assert [written.points.num_rows for written in sink.written] == [7]
    assert channel.stats()["dropped"] == {"points": 5, "events": 2}
    assert end(channel)


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt()])
def test_no_error_of_a_sink_ends_its_thread(error: BaseException) -> None:
    errors = itertools.chain([error], itertools.repeat(None))
    seen: list[Batch] = []

    def function(batch: Batch) -> None:
        if (raised := next(errors)) is not None:
            raise raised
        seen.append(batch)

    notes = Notes()
    channel = channel_to(Callback(function), notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    channel.offer(batch_of(2))
    assert channel.flush(time.monotonic() + SOON)
    assert [batch.points.num_rows for batch in seen] == [1, 2]
    assert end(channel)


def test_open_that_fails_is_called_again_before_the_next_try() -> None:
    sink, notes = Flaky(opens=2), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    assert channel.flush(time.monotonic() + SOON)
    assert sink.calls == ["open", "open", "open", "write"]
    assert end(channel)
    assert sink.calls[-1] == "close"


def test_sink_that_never_opened_is_not_closed() -> None:
    sink, notes = Flaky(opens=100), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    channel.offer(batch_of(3))
    assert channel.flush(time.monotonic() + SOON)
    assert channel.stats()["dropped"] == {"points": 3}
    end(channel)
    assert "close" not in sink.calls
    assert "write" not in sink.calls


def test_full_queue_drops_the_oldest_that_waits() -> None:
    sink, notes = Gate(), Notes()
    channel = channel_to(sink, notes, capacity=2)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    assert sink.inside.wait(SOON)  # the first is in the sink, the queue is empty
    for rows in (2, 3, 4, 5):
        channel.offer(batch_of(rows))
    assert notes.of("dropped") == [("dropped", "it", "points", 2), ("dropped", "it", "points", 3)]
    assert channel.stats()["queued"] == 3
    sink.gate.set()
    assert channel.flush(time.monotonic() + SOON)
    assert [batch.points.num_rows for batch in sink.written] == [1, 4, 5]
    assert notes.of("overflowed") == [("overflowed", "it", 2)]  # once
    assert not end(channel)  # not everything was written


def test_flush_past_its_deadline_says_so() -> None:
    sink, notes = Gate(), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    assert not channel.flush(time.monotonic())
    sink.gate.set()
    assert channel.flush(time.monotonic() + SOON)
    assert end(channel)


def test_finish_drains_what_waits_then_closes() -> None:
    sink, notes = Gate(), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    for rows in (1, 2, 3):
        channel.offer(batch_of(rows))
    channel.finish(time.monotonic() + SOON)
    channel.offer(batch_of(9))  # too late: nobody would read the queue again
    sink.gate.set()
    assert not channel.join(time.monotonic() + SOON)
    assert [batch.points.num_rows for batch in sink.written] == [1, 2, 3]
    assert sink.closed
    assert channel.stats()["dropped"] == {"points": 9}


def test_join_counts_what_a_stuck_sink_leaves() -> None:
    sink, notes = Gate(), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    assert sink.inside.wait(SOON)
    channel.offer(batch_of(2, events=4))
    assert not end(channel, timeout=0.0)
    assert channel.stats()["dropped"] == {"points": 3, "events": 4}
    sink.gate.set()  # lets the thread go


def test_finish_cuts_a_pause_short_for_one_more_try() -> None:
    sink, notes, pacer = Flaky(writes=1), Notes(), HeldPacer()
    channel = channel_to(sink, notes, pacer=pacer, retry=Retry(first=3600.0, most=3600.0))
    channel.start({}, 1)
    channel.offer(batch_of(1))
    assert pacer.pausing.wait(SOON)
    assert end(channel)
    assert len(sink.written) == 1


def test_no_sink_waits_for_another() -> None:
    slow, quick = Gate(), Flaky()
    held, free = channel_to(slow, Notes()), channel_to(quick, Notes())
    for channel in (held, free):
        channel.start({}, 1)
    batches = [batch_of(n) for n in range(1, 6)]
    for batch in batches:
        held.offer(batch)
        free.offer(batch)
    assert free.flush(time.monotonic() + SOON)
    assert quick.written == batches
    assert slow.written == []
    slow.gate.set()
    assert held.flush(time.monotonic() + SOON)
    assert slow.written == batches
    assert end(held)
    assert end(free)


def test_totals_of_a_sink_are_reported_after_each_write() -> None:
    class Counting(Flaky):
        def stats(self) -> dict[str, int]:
            return {"bytes": 100 * len(self.written)}

    notes = Notes()
    channel = channel_to(Counting(), notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    channel.offer(batch_of(1))
    assert end(channel)
    assert notes.of("delivered") == [
        ("delivered", "it", {"bytes": 100}),
        ("delivered", "it", {"bytes": 200}),
    ]


def test_totals_that_raise_cost_no_batch() -> None:
    class Broken(Flaky):
        def stats(self) -> dict[str, int]:
            message = "no totals"
            raise RuntimeError(message)

    sink, notes = Broken(), Notes()
    channel = channel_to(sink, notes)
    channel.start({}, 1)
    channel.offer(batch_of(1))
    channel.offer(batch_of(2))
    assert end(channel)
    assert len(sink.written) == 2
    assert notes.of("failing") == [("failing", "it", "no totals")]


def test_pauses_grow_are_bounded_and_jittered() -> None:
    retry = Retry(tries=8, first=1.0, factor=2.0, most=10.0, jitter=0.5)
    full = [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    drawn = [list(retry.pauses(random.Random(seed))) for seed in range(200)]
    for pauses in drawn:
        assert len(pauses) == len(full)
        for pause, most in zip(pauses, full, strict=True):
            assert most / 2 <= pause <= most
    assert len({pauses[0] for pauses in drawn}) > 190
    steady = Retry(tries=8, first=1.0, factor=2.0, most=10.0, jitter=0.0)
    assert list(steady.pauses(random.Random(1))) == full
    assert list(Retry(tries=1).pauses(random.Random(1))) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tries": 0}, "tries must be at least 1: 0"),
        ({"first": -1.0}, "first .* got -1.0"),
        ({"factor": 0.5}, "factor .* got 0.5"),
        ({"most": float("nan")}, "most .* got nan"),
        ({"jitter": 1.5}, "jitter must be at most 1, got 1.5"),
    ],
)
def test_retry_refuses_what_is_out_of_range(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Retry(**options)


@pytest.mark.parametrize("options", [{"tries": "3"}, {"tries": 2.5}, {"first": "1"}])
def test_retry_names_what_is_no_number(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
        Retry(**options)


def test_memory_keeps_the_last_batches() -> None:
    memory = Memory(batches=2)
    memory.open({}, 1)
    for rows in (1, 2, 3):
        memory.write(batch_of(rows, events=1))
    assert [batch.points.num_rows for batch in memory.batches] == [2, 3]
    assert memory.table("points").num_rows == 5
    assert memory.table("events")["name"].to_pylist() == ["deploy", "deploy"]
    memory.clear()
    assert memory.batches == ()


def test_memory_keeps_the_newest_batch_whatever_its_rows() -> None:
    memory = Memory(rows=10)
    for rows in (4, 5, 6):
        memory.write(batch_of(rows))
    assert [batch.points.num_rows for batch in memory.batches] == [6]
    memory.write(batch_of(4))
    assert [batch.points.num_rows for batch in memory.batches] == [6, 4]
    memory.write(batch_of(50))
    assert [batch.points.num_rows for batch in memory.batches] == [50]


def test_memory_opened_again_is_empty() -> None:
    memory = Memory()
    memory.write(batch_of(3))
    memory.open({}, 2)
    assert memory.batches == ()


def test_memory_without_such_a_table_says_so() -> None:
    memory = Memory()
    assert memory.table("points").num_rows == 0
    assert "series_id" in memory.table("points").column_names
    with pytest.raises(KeyError, match="predictions"):
        memory.table("predictions")
    with pytest.raises(ValueError, match="batches must be at least 1, got 0"):
        Memory(batches=0)


def test_callback_needs_a_function() -> None:
    with pytest.raises(TypeError, match="not 3"):
        Callback(3)  # type: ignore[arg-type]


def test_any_object_with_the_three_methods_is_a_sink() -> None:
    class Own:
        def open(self, resource: Any, origin: int) -> None: ...
        def write(self, batch: Batch) -> None: ...
        def close(self, deadline: float) -> None: ...

    assert isinstance(Own(), Sink)
    assert isinstance(Memory(), Sink)
    assert not isinstance(object(), Sink)
