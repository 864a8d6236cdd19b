"""Logits and lists of tensors on CUDA devices, counted there: against a native module without a
GPU."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fake_cuda import FakeCuda, FakeTensor, fake_cuda

import inlay
from inlay.data import Tally
from inlay.model import Logits, TensorStats

Logits().to_arrow()  # pyarrow imports what it needs here, not while a probe is timed
ROWS = np.random.default_rng(5).normal(size=(6, 40)).astype(np.float32)


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    with fake_cuda() as module:
        yield module


class OnlyInterface:
    """What has no more than the array interface says which device it is on to the kernels alone."""

    def __init__(self, values: Any, device: int) -> None:
        self.values = np.asarray(values)
        self.shape = self.values.shape
        self.on = device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        raise AssertionError("only kernels read it")


def test_logits_of_several_devices_add_up(cuda: FakeCuda) -> None:
    found, expected = Logits(vocabulary=40), Logits()
    for device in (0, 1, 0):
        found.update(FakeTensor(ROWS, device))
        expected.update(ROWS)
    found.update(ROWS)
    expected.update(ROWS)
    assert cuda.waits == 0
    assert [monitor.device for monitor in cuda.monitors] == [0, 1]
    assert (found.rows, found.entries) == (expected.rows, expected.entries)
    assert found.entropy.histogram == expected.entropy.histogram


def test_a_device_is_asked_of_what_lends_memory(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "tensor_facts", lambda a: (a.on, a.shape, "float32"), raising=False)
    with pytest.raises(AttributeError):  # of the stand-in, which reads none
        Logits().update(OnlyInterface(ROWS, 1))
    assert [monitor.device for monitor in cuda.monitors] == [1]


def test_bad_logits_are_refused_and_nothing_counted(cuda: FakeCuda) -> None:
    logits = Logits(vocabulary=41, per_row=True)
    with pytest.raises(inlay.InvalidArgumentError, match="40"):
        logits.update(FakeTensor(ROWS), out=FakeTensor(np.zeros((6, 8), np.float32)))
    with pytest.raises(inlay.InvalidArgumentError, match="out="):
        logits.update(FakeTensor(ROWS))
    with pytest.raises(TypeError, match="chosen must be on the logits' CUDA device"):
        logits.update(FakeTensor(ROWS), [1] * 6)
    assert logits.rows == 0


def test_tensors_of_several_devices_and_the_host(cuda: FakeCuda) -> None:
    found, expected = TensorStats(["a", "b", "c", "d"]), TensorStats(["a", "b", "c", "d"])
    for _ in range(2):
        found.update([FakeTensor(ROWS, 1), None, ROWS[0], FakeTensor(ROWS[1:3])], stream=7)
        expected.update([ROWS, None, ROWS[0], ROWS[1:3]])
    assert cuda.waits == 0
    assert [monitor.streams for monitor in cuda.monitors] == [[7, 7], [7, 7]]
    assert found.to_dict() == expected.to_dict()
    assert found["b"].max_abs is None
    found.merge(found)
    expected.merge(expected)
    assert found.to_dict() == expected.to_dict()
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), found.copy()):
        assert twin.to_dict() == expected.to_dict()
        assert twin.updates == found.updates == 4
        twin.update([None, None, None, FakeTensor(ROWS)])
        assert twin["d"].count == found["d"].count + ROWS.size
    assert copy.copy(TensorStats(name="a")).names == ()
    found.reset()
    assert found.total() == inlay.model.TensorSums()


def _feed(made: Any, device: int = 0) -> None:
    tensor = FakeTensor(ROWS, device)
    made.update([tensor] if isinstance(made, TensorStats) else tensor)


@pytest.mark.parametrize("make", [Logits, TensorStats])
def test_a_probe_takes_in_what_arrives(cuda: FakeCuda, make: Callable[[], Any]) -> None:
    made = make()
    figure = "model.logits.rows" if make is Logits else "model.tensors.norm"
    with inlay.Observer() as observer:
        observer.probe(made)
        _feed(made)
        first = observer.collect().points.to_pylist()
        again = observer.collect().points.to_pylist()
    assert [row["metric"] for row in first].count(figure) == 1
    assert figure not in [row["metric"] for row in again]
    assert cuda.waits == 0


@pytest.mark.parametrize("make", [Logits, TensorStats])
def test_what_arrives_late_is_in_the_next_window(
    cuda: FakeCuda, make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inlay.summary._device._ARRIVAL_S", 0.0)
    made = make()
    figure = "model.logits.rows" if make is Logits else "model.tensors.norm"
    with inlay.Observer() as observer:
        observer.probe(made)
        _feed(made)
        cuda.monitors[0].polls_needed = 3
        windows = [observer.collect().points.to_pylist() for _ in range(4)]
    seen = [[row["metric"] for row in rows].count(figure) for rows in windows]
    assert sum(seen) == 1
    assert seen[0] == 0


def _tally() -> Any:
    columns = [(str(i), pa.float32()) for i in range(40)]
    return Tally(pa.schema(columns), quantiles=False, unseen=0)


@pytest.mark.parametrize("make", [Logits, TensorStats, _tally])
def test_an_error_of_the_device_is_told_and_keeps_the_rest(
    cuda: FakeCuda, make: Callable[[], Any]
) -> None:
    made = make()
    assert made.device_error is None
    _feed(made)
    assert made.device_error is None
    cuda.monitors[0].disabled, cuda.monitors[0].error = True, "an illegal address"
    _feed(made)
    assert made.device_error == "an illegal address"


@pytest.mark.parametrize("make", [Logits, TensorStats, inlay.Moments, inlay.ExpHistogram, _tally])
def test_memory_on_a_device_goes_with_the_object(cuda: FakeCuda, make: Callable[[], Any]) -> None:
    made = make()
    _feed(made)
    held = weakref.ref(cuda.monitors.pop())
    gc.collect()
    gc.disable()  # so that what refers to itself would stay
    try:
        del made
        assert held() is None
    finally:
        gc.enable()
