"""Threads that come and go while windows turn: no count is lost, none is counted twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import inlay
from inlay.sinks import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 60.0


def total(batches: Any, metric: str, column: str = "value") -> float:
    return sum(
        row[column]
        for batch in batches
        for row in batch.points.to_pylist()
        if row["metric"] == metric
    )


def run_together(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    """Start threads that begin at once."""
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait(SOON)
        work(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()


def collect_while(obs: inlay.Observer, threads: list[threading.Thread]) -> list[inlay.Batch]:
    batches = []
    while any(thread.is_alive() for thread in threads):
        batches.append(obs.collect())
    join(threads)
    batches.append(obs.collect())
    return batches


@pytest.mark.parametrize("threads", [1, 4, 7])
def test_totals_are_exact_while_windows_turn(threads: int) -> None:
    obs = inlay.Observer()
    orders = obs.counter("orders", attributes=("thread",))
    shared = obs.counter("shared").bind()
    latency = obs.histogram("latency").bind()
    many = obs.histogram("many").bind()
    values = np.full(100, 0.5)
    each = 20_000

    def work(index: int) -> None:
        own = orders.bind(thread=index)
        for i in range(each):
            own.add(1)
            shared.add(1)
            latency.record(1.0)
            if i % 100 == 0:
                many.record_many(values)

    batches = collect_while(obs, run_together(threads, work))
    assert total(batches, "orders") == threads * each
    assert total(batches, "shared") == threads * each
    assert total(batches, "latency", "count") == threads * each
    assert total(batches, "latency", "sum") == threads * each
    assert total(batches, "many", "count") == threads * each
    for batch in batches:
        for row in batch.points.to_pylist():
            if row["kind"] == "histogram" and row["layer"] == "app":
                buckets = sum(row["pos_counts"] or ()) + sum(row["neg_counts"] or ())
                assert buckets + (row["zero_count"] or 0) == row["count"]


def test_short_lived_threads_lose_nothing() -> None:
    obs = inlay.Observer()
    orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()
    generations, width, each = 40, 6, 37

    def work(index: int) -> None:
        for _ in range(each):
            orders.add(1)
            latency.record(float(index + 1))

    batches = []
    for _ in range(generations):
        batches.extend(collect_while(obs, run_together(width, work)))
    assert total(batches, "orders") == generations * width * each
    assert total(batches, "latency", "count") == generations * width * each
    assert total(batches, "latency", "sum") == generations * each * sum(range(1, width + 1))


def test_record_of_an_object_that_dies_with_its_thread_is_kept() -> None:
    obs = inlay.Observer()
    orders = obs.counter("orders").bind()

    class Late:
        def __del__(self) -> None:
            orders.add(1)

    local = threading.local()

    def work(index: int) -> None:
        local.late = Late()
        orders.add(1)

    join(run_together(4, work))
    assert total([obs.collect()], "orders") == 8


def test_gauge_of_many_threads_has_exact_extremes() -> None:
    obs = inlay.Observer()
    load = obs.gauge("load").bind()

    def work(index: int) -> None:
        for i in range(5_000):
            load.set(index * 10_000 + i)

    join(run_together(4, work))
    (row,) = [row for row in obs.collect().points.to_pylist() if row["metric"] == "load"]
    assert (row["min"], row["max"]) == (0, 34_999)
    assert row["value"] in {4_999, 14_999, 24_999, 34_999}


def test_gauge_adds_of_many_threads_are_exact() -> None:
    obs = inlay.Observer()
    load = obs.gauge("load").bind()

    def work(index: int) -> None:
        for _ in range(5_000):
            load.add(1 if index % 2 else -1)
            load.add(1)

    join(run_together(4, work))
    (row,) = [row for row in obs.collect().points.to_pylist() if row["metric"] == "load"]
    assert row["value"] == 20_000


def test_series_bound_by_many_threads_is_one() -> None:
    obs = inlay.Observer()
    orders = obs.counter("orders", attributes=("route", "code"))

    def work(index: int) -> None:
        for i in range(500):
            orders.bind(route=i % 20, code=200).add(1)
            orders.add(1, route=i % 20, code=200)

    batches = collect_while(obs, run_together(4, work))
    assert total(batches, "orders") == 4_000
    for batch in batches:
        attrs = [row["attrs"] for row in batch.points.to_pylist() if row["metric"] == "orders"]
        assert len(attrs) == len(set(attrs)) <= 20


def test_instrument_made_by_many_threads_is_one() -> None:
    obs = inlay.Observer()
    made: list[set[int]] = [set() for _ in range(6)]
    keep: list[object] = []

    def work(index: int) -> None:
        for i in range(200):
            counter = obs.counter(f"c{i}", attributes=("a",))
            keep.append(counter)
            made[index].add(id(counter))
            counter.add(1, a=1)

    join(run_together(6, work))
    assert len(set.union(*made)) == 200
    assert total([obs.collect()], "c7") == 6


def test_windows_turned_by_many_threads_share_the_records() -> None:
    memory = Memory(batches=100_000)
    obs = inlay.Observer(sinks=[memory], queue=100_000)
    orders = obs.counter("orders").bind()
    turned: list[int] = []

    def work(index: int) -> None:
        for _ in range(200):
            orders.add(1)
            turned.append(obs.collect().window_seq)

    join(run_together(4, work))
    assert obs.stop(SOON)
    assert sorted(turned) == list(range(800))
    assert [batch.window_seq for batch in memory.batches] == list(range(801))
    assert total(memory.batches, "orders") == 800
    for before, after in zip(memory.batches, memory.batches[1:], strict=False):
        assert before.time_us == after.start_time_us


def test_peeks_change_nothing() -> None:
    obs = inlay.Observer()
    orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()

    def work(index: int) -> None:
        for _ in range(5_000):
            orders.add(1)
            latency.record(1.0)

    threads = run_together(3, work)
    batches, last = [], 0.0
    while any(thread.is_alive() for thread in threads):
        seen = total([obs.peek()], "orders")
        assert seen >= last
        last = seen
    join(threads)
    batches.append(obs.collect())
    assert total(batches, "orders") == 15_000
    assert total(batches, "latency", "count") == 15_000


def test_what_is_recorded_around_stop_is_delivered_or_counted() -> None:
    memory = Memory()
    obs = inlay.Observer(sinks=[memory]).start()
    orders = obs.counter("orders").bind()
    latency = obs.histogram("latency").bind()
    going = threading.Event()
    done = [0] * 4

    def work(index: int) -> None:
        for i in range(50_000):
            orders.add(1)
            latency.record(1.0)
            done[index] += 2
            if i == 1_000:
                going.set()

    threads = run_together(4, work)
    assert going.wait(SOON)
    obs.stop(SOON)
    join(threads)
    kept = total(memory.batches, "orders") + total(memory.batches, "latency", "count")
    assert kept + obs.stats()["dropped_after_stop"] == sum(done) == 400_000
    assert kept >= 2_000
