"""An update enqueues and nothing else: CUPTI sees every call of the runtime and the driver."""

from __future__ import annotations

from typing import Any

import pytest
from monitors import CASES, Case, assert_same, on_device, on_host

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_the_watch_sees_what_it_is_there_for(torch: Any, watch: Any) -> None:
    tensor = torch.ones(1_000, device="cuda")
    stream = torch.cuda.Stream()
    tensor.mul_(2.0)  # its kernel is loaded now, which waits
    torch.cuda.synchronize()
    with watch.calls() as seen:
        torch.cuda.synchronize()
    assert seen.waits > 0
    with watch.calls() as seen, torch.cuda.stream(stream):
        tensor.mul_(2.0)
    assert (seen.waits, seen.legacy_stream) == (0, 0), seen
    assert seen.launches == 1
    with watch.calls() as seen:
        tensor.mul_(2.0)
    assert seen.legacy_stream > 0
    with watch.calls() as seen:
        torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
        torch.cuda.empty_cache()
    assert seen.allocations > 0


@cases
def test_updates_neither_wait_nor_allocate_nor_touch_the_legacy_stream(
    torch: Any, watch: Any, case: Case, stream: Any
) -> None:
    made = case.make()
    batches = [on_device(torch, case, seed) for seed in range(4)]
    case.update(made, batches[0])
    torch.cuda.synchronize()
    with watch.calls() as seen:
        for parts in batches[1:]:
            case.update(made, parts)
    assert seen.calls > 0
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names
    assert_same(case.results(made), on_host(case, [0, 1, 2, 3]))


@cases
def test_an_update_has_few_launches(torch: Any, watch: Any, case: Case, stream: Any) -> None:
    made = case.make()
    parts = on_device(torch, case, 0)
    case.update(made, parts)
    torch.cuda.synchronize()
    with watch.calls() as seen:
        case.update(made, parts)
    assert 1 <= seen.launches <= 3, seen


@cases
def test_updates_on_a_second_stream_do_not_wait_on_the_host(
    torch: Any, watch: Any, case: Case, streams: Any
) -> None:
    made = case.make()
    parts = on_device(torch, case, 0)
    torch.cuda.synchronize()
    for one in streams:
        with torch.cuda.stream(one):
            case.update(made, parts)
    with torch.cuda.stream(streams[0]):
        torch.cuda._sleep(50_000_000)
        case.update(made, parts)
    with watch.calls() as seen, torch.cuda.stream(streams[1]):
        case.update(made, parts)
    # The first stream is still asleep, so an update that waited for it would have been seen here.
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names
    assert_same(case.results(made), on_host(case, [0, 0, 0, 0]))


@cases
def test_what_cupy_lends_is_read_without_a_wait(
    torch: Any, cupy: Any, watch: Any, case: Case
) -> None:
    made = case.make()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        parts = tuple(cupy.asarray(part) for part in case.batch(0))
        case.update(made, parts)
        stream.synchronize()
        with watch.calls() as seen:
            case.update(made, parts)
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names


def test_hundreds_of_tensors_take_three_launches(torch: Any, watch: Any, stream: Any) -> None:
    from inlay.model import TensorStats

    tensors = [torch.randn(100 + i, device="cuda") for i in range(400)]
    stats = TensorStats()
    stats.update(tensors)
    torch.cuda.synchronize()
    with watch.calls() as seen:
        stats.update(tensors)
    assert seen.launches <= 3, seen
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names


def test_turning_and_polling_do_not_wait(torch: Any, watch: Any, stream: Any) -> None:
    from inlay._cuda_runtime import native

    monitor = native().ColumnMonitor(3, device=torch.cuda.current_device())
    values = torch.randn(1_000, 3, device="cuda")
    for _ in range(2):
        monitor.update(values)
        monitor.collect()
    torch.cuda._sleep(50_000_000)
    monitor.update(values)
    with watch.calls() as seen:
        monitor.turn()
        arrived = monitor.poll()
    assert not arrived, "the stream still sleeps, so nothing can have arrived"
    assert (seen.waits, seen.allocations, seen.legacy_stream) == (0, 0, 0), seen.names
    monitor.collect()
