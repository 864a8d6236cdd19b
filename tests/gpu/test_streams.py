"""Updates on any stream, in any order of streams, count what they would on the host."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from monitors import CASES, Case, assert_same, on_device, on_host

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def delay(torch: Any, stream: Any) -> None:
    """Keep a stream busy for some milliseconds, so that whoever does not wait for it is early."""
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)


@cases
def test_the_current_stream_of_torch_is_used(torch: Any, case: Case) -> None:
    made = case.make()
    other = torch.cuda.Stream()
    parts = on_device(torch, case, 1)
    landing = tuple(torch.zeros_like(part) for part in parts)
    torch.cuda.synchronize()
    with torch.cuda.stream(other):
        torch.cuda._sleep(20_000_000)
        for to, part in zip(landing, parts, strict=True):
            to.copy_(part, non_blocking=True)
        # Only on `other` are the values there when the kernel runs.
        case.update(made, landing)
    assert_same(case.results(made), on_host(case, [1]))


@cases
def test_a_given_stream_follows_the_producers(torch: Any, case: Case, streams: Any) -> None:
    producer, consumer = streams
    made = case.make()
    parts = on_device(torch, case, 2)
    landing = tuple(torch.zeros_like(part) for part in parts)
    torch.cuda.synchronize()
    with torch.cuda.stream(producer):
        torch.cuda._sleep(20_000_000)
        for to, part in zip(landing, parts, strict=True):
            to.copy_(part, non_blocking=True)
        case.update(made, landing, stream=consumer)
    assert_same(case.results(made), on_host(case, [2]))


@cases
def test_updates_from_streams_in_turn_lose_nothing(torch: Any, case: Case, streams: Any) -> None:
    made = case.make()
    batches = [on_device(torch, case, seed) for seed in range(6)]
    torch.cuda.synchronize()
    delay(torch, streams[0])
    for i, parts in enumerate(batches):
        with torch.cuda.stream(streams[i % 2]):
            case.update(made, parts)
    assert_same(case.results(made), on_host(case, list(range(6))))


@cases
@pytest.mark.parametrize("handle", [1, 2], ids=["legacy", "per thread"])
def test_default_streams_by_their_handles(torch: Any, case: Case, handle: int) -> None:
    made = case.make()
    parts = on_device(torch, case, 3)
    torch.cuda.synchronize()
    case.update(made, parts, stream=handle)
    assert_same(case.results(made), on_host(case, [3]))


@cases
def test_per_thread_default_streams_of_many_threads(torch: Any, case: Case) -> None:
    made = case.make()
    batches = [on_device(torch, case, seed) for seed in range(8)]
    torch.cuda.synchronize()
    failures: list[BaseException] = []

    def feed(seed: int) -> None:
        try:
            case.update(made, batches[seed], stream=2)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=feed, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert_same(case.results(made), on_host(case, list(range(8))))


@cases
def test_streams_of_cupy(torch: Any, cupy: Any, case: Case) -> None:
    made = case.make()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        parts = tuple(cupy.asarray(part) for part in case.batch(4))
        case.update(made, parts)
    with cupy.cuda.Stream.ptds:
        parts = tuple(cupy.asarray(part) for part in case.batch(5))
        case.update(made, parts)
    assert_same(case.results(made), on_host(case, [4, 5]))


@cases
def test_two_objects_on_one_stream_do_not_mix(torch: Any, case: Case, stream: Any) -> None:
    one, other = case.make(), case.make()
    for seed in range(4):
        case.update(one if seed % 2 else other, on_device(torch, case, seed))
    assert_same(case.results(one), on_host(case, [1, 3]))
    assert_same(case.results(other), on_host(case, [0, 2]))


@cases
def test_memory_that_torch_reuses_in_stream_order(torch: Any, case: Case, stream: Any) -> None:
    made = case.make()
    for seed in range(20):
        # Freed at once; the next batch lands in the same memory, after the kernel.
        case.update(made, on_device(torch, case, seed))
    assert_same(case.results(made), on_host(case, list(range(20))))
