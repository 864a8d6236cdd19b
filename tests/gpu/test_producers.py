"""Tensors of any library, by DLPack or __cuda_array_interface__, without torch or CuPy of ours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from libraries import imported
from monitors import mixed_values, of_exp_histogram

import inlay

VALUES = mixed_values(21, (1_003, 7))
EXPECTED = of_exp_histogram(inlay.ExpHistogram(VALUES))


class OnlyDlpack:
    """What speaks DLPack and nothing else."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self.asked: list[Any] = []

    def __dlpack__(self, **how: Any) -> Any:
        self.asked.append(how.get("stream"))
        return self._tensor.__dlpack__(stream=how.get("stream"))

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = self._tensor.__dlpack_device__()
        return device


class OnlyArrayInterface:
    """What has __cuda_array_interface__ and nothing else; keeps its memory alive itself."""

    def __init__(self, array: Any, **changed: Any) -> None:
        self._array = array
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, **changed}


def counted(values: Any, **how: Any) -> dict[str, Any]:
    histogram = inlay.ExpHistogram()
    histogram.update(values, **how)
    return of_exp_histogram(histogram)


def test_torch(torch: Any) -> None:
    assert counted(torch.from_numpy(VALUES).cuda()) == EXPECTED


def test_a_tensor_that_requires_grad(torch: Any) -> None:
    leaf = torch.from_numpy(VALUES).cuda().requires_grad_()
    assert counted(leaf) == EXPECTED
    assert counted(leaf * 1.0) == EXPECTED
    assert counted(torch.nn.Parameter(leaf)) == EXPECTED


def test_cupy(cupy: Any) -> None:
    assert counted(cupy.asarray(VALUES)) == EXPECTED
    assert counted(cupy.asarray(VALUES)[::-1, ::-1]) == EXPECTED
    assert counted(cupy.asfortranarray(cupy.asarray(VALUES))) == EXPECTED


def test_cupy_memory_of_its_allocator_dies_in_stream_order(cupy: Any) -> None:
    with cupy.cuda.Stream(non_blocking=True):
        histogram = inlay.ExpHistogram()
        for _ in range(20):
            histogram.update(cupy.asarray(VALUES))
    assert histogram.count == 20 * EXPECTED["count"]


def test_numba() -> None:
    numba = imported("numba.cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = numba.to_device(VALUES)
    assert counted(array) == EXPECTED


def test_jax() -> None:
    jax = imported("jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if jax.default_backend() != "gpu":
            pytest.skip(f"JAX runs on {jax.default_backend()}")
        array = jax.device_put(VALUES)
        assert counted(array) == EXPECTED
        assert (
            counted(jax.numpy.asarray(VALUES).astype("bfloat16"))["nan_count"]
            == (EXPECTED["nan_count"])
        )


def test_dlpack_alone(torch: Any) -> None:
    tensor = torch.from_numpy(VALUES).cuda()
    assert counted(OnlyDlpack(tensor)) == EXPECTED


def test_dlpack_is_never_asked_for_the_forbidden_stream(torch: Any, stream: Any) -> None:
    lent = OnlyDlpack(torch.from_numpy(VALUES).cuda())
    assert counted(lent, stream=stream) == EXPECTED
    assert lent.asked
    assert 0 not in lent.asked
    assert None not in lent.asked  # would mean the legacy default stream


def test_a_capsule_kept_by_nobody_else_lives_until_the_kernel_ran(cupy: Any) -> None:
    class Lender:
        def __dlpack__(self, **how: Any) -> Any:
            # The array dies with the capsule.
            return cupy.asarray(VALUES).__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    histogram = inlay.ExpHistogram()
    for _ in range(30):
        histogram.update(Lender())
    assert histogram.count == 30 * EXPECTED["count"]


def test_cuda_array_interface_alone(cupy: Any) -> None:
    array = cupy.asarray(VALUES)
    assert counted(OnlyArrayInterface(array)) == EXPECTED
    assert counted(OnlyArrayInterface(array[::2])) == of_exp_histogram(
        inlay.ExpHistogram(VALUES[::2])
    )


def test_the_stream_of_a_cuda_array_interface_is_followed(torch: Any, cupy: Any) -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    array = cupy.zeros_like(cupy.asarray(VALUES))
    source = cupy.asarray(VALUES)
    cupy.cuda.Device().synchronize()
    with torch.cuda.stream(torch.cuda.ExternalStream(stream.ptr)):
        torch.cuda._sleep(20_000_000)
    with stream:
        array[...] = source
    assert counted(OnlyArrayInterface(array, stream=stream.ptr, version=3)) == EXPECTED


def test_managed_memory(cupy: Any) -> None:
    with cupy.cuda.using_allocator(cupy.cuda.malloc_managed):
        array = cupy.asarray(VALUES)
        assert counted(array) == EXPECTED


def test_tensors_on_the_host_go_the_way_of_the_host(torch: Any) -> None:
    assert counted(torch.from_numpy(VALUES)) == EXPECTED
    assert counted(torch.from_numpy(VALUES).pin_memory()) == EXPECTED


def test_scalars_and_many_dimensions(torch: Any) -> None:
    assert counted(torch.tensor(3.5, device="cuda"))["count"] == 1
    deep = np.arange(720, dtype=np.float32).reshape(2, 3, 4, 5, 6)
    tensor = torch.from_numpy(deep).cuda().permute(4, 0, 3, 1, 2)
    assert counted(tensor) == of_exp_histogram(inlay.ExpHistogram(deep))
