"""Training steps whose loss and norm lie on a device."""

from __future__ import annotations

import math
from typing import Any

import pytest

import inlay
from inlay.training import Recorder


def collected(observer: inlay.Observer) -> list[dict[str, Any]]:
    batch = observer.collect()
    return batch["steps"].to_pylist() if "steps" in list(batch) else []


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_steps_wait_for_nothing(torch: Any, stream: Any, dtype: str) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    weight = torch.tensor(2.0, device="cuda", dtype=getattr(torch, dtype), requires_grad=True)
    with recorder.step():
        recorder.loss(weight * 0)  # pinned memory is made here
    torch.cuda.set_sync_debug_mode("error")
    try:
        for n in range(1, 64):
            with recorder.step():
                loss = weight * n
                recorder.loss(loss)
                recorder.gradient_norm(loss.detach().reshape(1))
        with pytest.raises(RuntimeError):
            loss.item()  # what the mode refuses
    finally:
        torch.cuda.set_sync_debug_mode("default")
    stream.synchronize()
    rows = collected(observer)
    assert [row["loss"] for row in rows] == [2.0 * n for n in range(64)]
    assert [row["gradient_norm"] for row in rows[1:]] == [2.0 * n for n in range(1, 64)]


def test_a_loss_that_has_not_arrived_is_not_waited_for(torch: Any, stream: Any) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    with recorder.step():
        recorder.loss(torch.zeros((), device="cuda"))
    stream.synchronize()
    assert len(collected(observer)) == 1
    torch.cuda._sleep(2_000_000_000)  # about a second
    with recorder.step():
        recorder.loss(torch.full((), math.nan, device="cuda"))
    assert collected(observer) == []
    stream.synchronize()
    (row,) = collected(observer)
    assert row["nonfinite"]


def test_losses_of_two_streams_are_both_read(torch: Any, streams: tuple[Any, Any]) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    with recorder.step():
        with torch.cuda.stream(streams[0]):
            recorder.loss(torch.full((), 3.0, device="cuda"))
        with torch.cuda.stream(streams[1]):
            recorder.gradient_norm(torch.full((), 4.0, device="cuda"))
    for one in streams:
        one.synchronize()
    (row,) = collected(observer)
    assert (row["loss"], row["gradient_norm"]) == (3.0, 4.0)


def test_nothing_joins_a_captured_graph(torch: Any, stream: Any) -> None:
    recorder = Recorder(inlay.Observer())
    value = torch.ones((), device="cuda")
    with recorder.step():
        recorder.loss(value)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorder.begin_step()
        recorder.loss(value * 2)
        recorder.end_step()
    assert recorder._readback.unreadable == 1
    graph.replay()


def test_memory_of_the_device_is_recorded(torch: Any) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    kept = torch.ones(1 << 20, device="cuda")
    with recorder.step():
        pass
    rows = observer.collect().points.to_pylist()
    used = {row["attrs"]: row["value"] for row in rows if row["metric"] == "training.memory"}
    assert used['{"device":"cuda:0","kind":"allocated"}'] >= 4 << 20
    del kept
