"""Summaries fed tensors that are on a device: what waits, what does not, what is added up."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeCuda, FakeTensor, SilentTensor, fake_cuda

import inlay

RNG = np.random.default_rng(5)
REALS = RNG.normal(size=500).astype(np.float32)
REALS[::50] = [np.nan, np.inf, -np.inf, 0, -0.0, 1e30, -1e-30, 3, 3, 3]
INTEGERS = RNG.zipf(1.5, size=500).clip(0, 400).astype(np.int64)
EDGES = [-1.0, 0.0, 0.5, 2.0]

KINDS: dict[str, tuple[Callable[[], Any], np.ndarray[Any, Any]]] = {
    "moments": (inlay.Moments, REALS),
    "exp_histogram": (lambda: inlay.ExpHistogram(scale=3), REALS),
    "edge_histogram": (lambda: inlay.EdgeHistogram(EDGES), REALS),
    "hll": (lambda: inlay.Hll(lg_k=8), INTEGERS),
    "hll of reals": (inlay.Hll, REALS),
    "top_k": (lambda: inlay.TopK(capacity=600, vocabulary=401), INTEGERS),
    "categories": (lambda: inlay.Categories(["1", "7", "red", "-3", "True"]), INTEGERS),
}


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    with fake_cuda() as module:
        yield module


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> tuple[Callable[[], Any], np.ndarray[Any, Any]]:
    return KINDS[request.param]


def expected(make: Callable[[], Any], *batches: np.ndarray[Any, Any]) -> Any:
    summary = make()
    for batch in batches:
        summary.update(batch)
    return summary


def assert_same(found: Any, wanted: Any) -> None:
    if not isinstance(wanted, inlay.Moments):
        assert found == wanted
    for name, value in wanted._row().items():
        other = found._row()[name]
        if isinstance(value, float):
            assert other == pytest.approx(value, rel=1e-9), name
        elif name != "summary":
            assert other == value, name


def test_a_tensor_is_counted_where_it_is(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(FakeTensor(values))
    summary.update(FakeTensor(values[:100]))
    assert cuda.waits == 0
    assert len(cuda.monitors) == 1
    assert_same(summary, expected(make, values, values[:100]))
    assert cuda.waits > 0


def test_host_and_device_add_up(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(values[:200])
    summary.update(FakeTensor(values[200:300]))
    summary.update(values[300:400])
    assert cuda.waits == 0
    summary.update(FakeTensor(values[400:]))
    assert cuda.waits == 0
    wanted = expected(make, values[:200], values[200:300], values[300:400], values[400:])
    assert_same(summary, wanted)
    summary.update(FakeTensor(values))
    wanted.update(values)
    assert_same(summary, wanted)


def test_several_devices_add_up(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    for device in (0, 3, 0):
        summary.update(FakeTensor(values, device))
    assert [monitor.device for monitor in cuda.monitors] == [0, 3]
    assert_same(summary, expected(make, values, values, values))


def test_the_stream_is_handed_on(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(FakeTensor(values), stream=7)
    summary.update(FakeTensor(values))
    summary.update(values, stream=7)
    assert cuda.monitors[0].streams == [7, None]


def test_merging_in_both_directions(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    on_device, on_host = make(), make()
    on_device.update(FakeTensor(values))
    on_host.update(values[:50])
    on_host.merge(on_device)
    assert_same(on_host, expected(make, values[:50], values))
    on_device.merge(on_host)
    assert_same(on_device, expected(make, values, values[:50], values))


def test_copies_and_bytes_hold_what_was_on_the_device(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(FakeTensor(values))
    wanted = expected(make, values)
    for twin in (
        copy.deepcopy(summary),
        pickle.loads(pickle.dumps(summary)),
        type(summary).from_bytes(summary.to_bytes()),
    ):
        assert twin.to_bytes() == wanted.to_bytes()
        twin.update(FakeTensor(values))
        assert twin.to_bytes() == expected(make, values, values).to_bytes()


def test_reset_forgets_what_was_on_the_device(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(FakeTensor(values))
    summary.reset()
    assert_same(summary, make())
    summary.update(FakeTensor(values))
    assert_same(summary, expected(make, values))


def test_first_values_may_be_a_tensor(cuda: FakeCuda) -> None:
    assert inlay.Moments(FakeTensor(REALS)).count == inlay.Moments(REALS).count
    assert inlay.EdgeHistogram(EDGES, FakeTensor(REALS)) == inlay.EdgeHistogram(EDGES, REALS)


def test_no_silent_copy_to_the_host(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    summary.update(SilentTensor(values))
    assert_same(summary, expected(make, values))


def test_weights_of_tensors_are_refused(cuda: FakeCuda) -> None:
    for summary in (inlay.TopK(), inlay.EdgeHistogram(EDGES), inlay.Categories(["1"])):
        with pytest.raises(TypeError, match="take no weights, got int"):
            summary.update(FakeTensor([1, 2]), weights=2)
        summary.update(FakeTensor([1, 2]))
        summary.update([1], weights=2)
        assert summary.count == 4
        with pytest.raises(TypeError, match="take no weights"):
            summary.update(FakeTensor([1, 2]), weights=2)


def test_ids_are_no_floats(cuda: FakeCuda) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="integers"):
        inlay.TopK().update(FakeTensor([1.5]))


def test_categories_name_what_they_cannot_count(cuda: FakeCuda) -> None:
    halves = inlay.Categories(["1", "0.5"])
    with pytest.raises(TypeError, match=r"'0\.5'"):
        halves.update(FakeTensor([0.5, 1.0]))
    halves.update(FakeTensor([1, 2]))
    assert halves.counts == [1, 0]
    whole = inlay.Categories(["1", "red"])
    whole.update(FakeTensor([1.0, 2.0, np.nan]))
    assert (whole.counts, whole.other, whole.missing) == ([1, 0], 1, 1)
    whole.update(FakeTensor([True, False]))
    assert whole.other == 3
    truths = inlay.Categories(["True", "1"])
    truths.update(FakeTensor([True, False, True]))
    assert (truths.counts, truths.other) == ([2, 0], 1)


def test_a_host_value_of_no_kind_is_refused_as_before(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    with pytest.raises(TypeError):
        summary.update(object())
    summary.update(FakeTensor(values))
    with pytest.raises(TypeError):
        summary.update(object())
    assert cuda.waits == 0


def test_an_error_of_the_device_is_told_and_keeps_the_rest(cuda: FakeCuda, kind: Any) -> None:
    make, values = kind
    summary = make()
    assert summary.device_error is None
    summary.update(FakeTensor(values))
    assert_same(summary, expected(make, values))
    cuda.monitors[0].disabled, cuda.monitors[0].error = True, "an illegal address"
    summary.update(FakeTensor(values))
    summary.update(values)
    assert summary.device_error == "an illegal address"
    assert_same(summary, expected(make, values, values))


def test_values_for_which_the_device_had_no_room_are_told(cuda: FakeCuda) -> None:
    histogram = inlay.ExpHistogram()
    histogram.update(FakeTensor(REALS))
    cuda.monitors[0].lost = 3
    with pytest.warns(inlay.InlayWarning, match="3 values are in no bucket"):
        assert histogram.count > 0
    histogram.update(FakeTensor(REALS))
    cuda.monitors[0].lost = 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(inlay.InlayWarning, match="3 values"):
            _ = histogram.count
    assert histogram == inlay.ExpHistogram(np.concatenate([REALS, REALS]))  # and not once more


def test_a_vocabulary_is_pickled(cuda: FakeCuda) -> None:
    for twin in (
        pickle.loads(pickle.dumps(inlay.TopK(vocabulary=50))),
        copy.deepcopy(inlay.TopK(vocabulary=50)),
    ):
        twin.update(FakeTensor(np.arange(7)))
        assert cuda.monitors[-1].vocabulary == 50
        assert twin.count == 7


def test_without_a_device_the_error_says_so() -> None:
    moments = inlay.Moments([1.0])
    with pytest.raises(inlay.CudaUnavailableError):
        moments.update(FakeTensor(REALS))
    moments.update([2.0])
    assert moments.count == 2
