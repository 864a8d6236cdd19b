"""Scalars that are read without a wait for their device."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from fake_torch import Device, Tensor, module
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.training import Recorder
from inlay.training.readback import Pending, Readback


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device()
    monkeypatch.setitem(sys.modules, "torch", module(made))
    return made


def losses(observer: inlay.Observer) -> list[float | None]:
    batch = observer.collect()
    return [row["loss"] for row in batch["steps"].to_pylist()] if "steps" in list(batch) else []


def test_a_loss_on_a_device_is_read_when_it_has_arrived(device: Device) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    for value in (1.5, math.nan, 2.5):
        with recorder.step():
            recorder.loss(Tensor(value, device))
            recorder.gradient_norm(Tensor([3.0], device))
    assert losses(observer) == []
    device.run()
    assert losses(observer) == [1.5, None, 2.5]
    assert device.waits == 0
    assert device.events == 3  # one for both scalars of a step


def test_a_thousand_steps_wait_for_nothing_and_share_few_events(device: Device) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    for n in range(1000):
        with recorder.step():
            recorder.loss(Tensor(float(n), device))
        device.run()
    assert losses(observer) == [float(n) for n in range(1000)]
    assert device.waits == 0
    assert device.events < 32


def test_a_step_whose_loss_is_late_does_not_hold_the_rest_up_for_ever(device: Device) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    with recorder.step():
        recorder.loss(Tensor(1.0, device))
    with recorder.step():
        recorder.loss(2.0)
    assert losses(observer) == []
    late = recorder._core_now
    recorder._core_now = lambda: late() + 6_000_000
    assert losses(observer) == [None, 2.0]


def test_places_that_are_needed_again_are_read_first(device: Device) -> None:
    readback = Readback(size=4)
    first = [readback.take(Tensor(float(n), device)) for n in range(4)]
    readback.seal()
    device.run()
    second = [readback.take(Tensor(float(n), device)) for n in range(4, 8)]
    assert [one.value for one in first] == [0.0, 1.0, 2.0, 3.0]
    readback.seal()
    third = [readback.take(Tensor(9.0, device)) for _ in range(4)]  # before those have arrived
    assert [one.value for one in second] == [None] * 4
    assert readback.lost == 4
    readback.seal()
    device.run()
    assert all(readback.ready(one) for one in (*second, *third))
    assert [one.value for one in third] == [9.0] * 4


def test_a_device_that_is_lost_raises_nothing(device: Device) -> None:
    observer = inlay.Observer()
    recorder = Recorder(observer)
    with recorder.step():
        recorder.loss(Tensor(1.0, device))
    device.lost = True
    assert losses(observer) == [None]
    assert recorder._readback.lost == 1


def test_nothing_is_copied_within_a_capture(device: Device) -> None:
    recorder = Recorder(inlay.Observer())
    device.capturing = True
    with recorder.step():
        recorder.loss(Tensor(1.0, device))
    assert not device.queue
    assert recorder._readback.unreadable == 1


def test_arrays_that_say_when_they_are_there() -> None:
    class Array:
        size = 1
        there = False

        def is_ready(self) -> bool:
            return self.there

        def __float__(self) -> float:
            assert self.there
            return 4.0

    observer = inlay.Observer()
    recorder = Recorder(observer)
    array = Array()
    with recorder.step():
        recorder.loss(array)
    assert losses(observer) == []
    array.there = True
    assert losses(observer) == [4.0]


def test_what_cannot_be_read_without_a_wait_is_left_out() -> None:
    class Foreign:
        __cuda_array_interface__ = ()

        def __float__(self) -> float:
            raise AssertionError

    readback = Readback()
    assert readback.take(Foreign()) is None
    assert readback.unreadable == 1


@given(st.lists(st.floats(width=32), min_size=1, max_size=40), st.integers(1, 8))
def test_values_arrive_as_they_were(values: list[float], size: int) -> None:
    made = Device()
    before = sys.modules.get("torch")
    sys.modules["torch"] = module(made)
    try:
        readback = Readback(size=size)
        taken = []
        for value in values:
            taken.append(readback.take(Tensor(value, made)))
            readback.seal()
            made.run()
        for value, one in zip(values, taken, strict=True):
            assert isinstance(one, Pending)
            assert readback.ready(one)
            assert one.value == value or (math.isnan(value) and math.isnan(one.value or 0.0))
    finally:
        if before is None:
            del sys.modules["torch"]
        else:
            sys.modules["torch"] = before


# ---- with torch itself -----------------------------------------------------------------------
def counting() -> Any:
    """Return a mode of torch that counts what reads a tensor's value into Python."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make tensors`")
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        waits = 0
        calls = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.calls += 1
            name = func.name()
            if "_local_scalar_dense" in name or "aten::item" in name or "equal" in name:
                self.waits += 1
            return func(*args, **(kwargs or {}))

    del torch
    return Counting()


def test_steps_with_torch_read_no_value() -> None:
    counter = counting()
    import torch

    observer = inlay.Observer()
    recorder = Recorder(observer)
    weight = torch.tensor(2.0, requires_grad=True)
    with counter:
        for n in range(64):
            with recorder.step():
                loss = weight * n
                recorder.loss(loss)
                recorder.gradient_norm(loss.detach().reshape(1).to(torch.bfloat16))
        assert counter.waits == 0
        assert counter.calls > 64
        float(weight.detach())
        assert counter.waits == 1  # what it would count
    rows = observer.collect()["steps"].to_pylist()
    assert [row["loss"] for row in rows] == [2.0 * n for n in range(64)]
    assert [row["gradient_norm"] for row in rows] == [2.0 * n for n in range(64)]


def test_a_loss_that_changes_later_is_recorded_as_it_was() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make tensors`")
    observer = inlay.Observer()
    recorder = Recorder(observer)
    running = torch.zeros((), dtype=torch.float64)
    for n in range(3):
        running += n
        with recorder.step():
            recorder.loss(running)
    assert losses(observer) == [0.0, 1.0, 3.0]


def test_tensors_of_several_elements_are_refused() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make tensors`")
    recorder = Recorder(inlay.Observer())
    with recorder.step(), pytest.raises(inlay.InvalidArgumentError, match="3"):
        recorder.loss(torch.zeros(3))
    with recorder.step():
        recorder.loss(torch.zeros((), device="meta"))  # neither the host nor CUDA
    assert recorder._readback.unreadable == 1
