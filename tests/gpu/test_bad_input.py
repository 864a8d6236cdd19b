"""What cannot be read is refused by an error that names it, and nothing counted is lost."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from monitors import CASES, Case, assert_same, on_device, on_host

import inlay


def refused(values: Any, match: str, kind: type[Exception] | tuple[type[Exception], ...]) -> None:
    """Refusing changes nothing of what was counted."""
    summary = inlay.Moments([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(kind, match=match):
            summary.update(values)
    assert summary.count == 2


KINDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sparse": (lambda torch: torch.eye(3, device="cuda").to_sparse(), "sparse"),
    "sparse by rows": (lambda torch: torch.eye(3, device="cuda").to_sparse_csr(), "sparse"),
    "complex": (lambda torch: torch.ones(3, dtype=torch.complex64, device="cuda"), "complex64"),
    "conjugated": (
        lambda torch: torch.ones(3, dtype=torch.complex64, device="cuda").conj(),
        "conj|complex64",
    ),
    "negated": (
        lambda torch: torch.ones(3, dtype=torch.complex64, device="cuda").conj().imag,
        "neg",
    ),
    "meta": (lambda torch: torch.ones(3, device="meta"), "meta"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_that_are_no_plain_memory(torch: Any, kind: str) -> None:
    make, match = KINDS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = make(torch)
    refused(values, f"(?i){match}", (TypeError, ValueError))


def test_a_quantised_tensor(torch: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = torch.quantize_per_tensor(
                torch.ones(3, device="cuda"), scale=0.1, zero_point=0, dtype=torch.quint8
            )
        except (RuntimeError, NotImplementedError) as error:
            pytest.skip(f"this PyTorch makes none on a device: {error}")
    refused(values, "(?i)quanti|quint8", (TypeError, ValueError))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("stream", [0, -3, "main", 1.5], ids=str)
def test_streams_that_are_none(torch: Any, case: Case, stream: Any) -> None:
    made = case.make()
    parts = on_device(torch, case, 0)
    case.update(made, parts)
    with pytest.raises((TypeError, ValueError), match=str(stream)):
        case.update(made, parts, stream=stream)
    assert_same(case.results(made), on_host(case, [0]))


def test_a_stream_of_a_cuda_array_interface_that_is_forbidden(cupy: Any) -> None:
    from test_producers import OnlyArrayInterface

    refused(OnlyArrayInterface(cupy.ones(3), stream=0, version=3), "stream.*0", ValueError)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"typestr": "<U4"}, "U4"),
        ({"typestr": ">f4"}, ">f4"),
        ({"typestr": "<c8"}, "c8"),
        ({"shape": (-1,)}, "-1"),
        ({"shape": "three"}, "shape"),
        ({"strides": (4, 4)}, "strides"),
        ({"data": (12345, False)}, "aligned"),
        ({"data": None}, "data"),
        ({"mask": "another array"}, "mask"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_cuda_array_interface_that_is_wrong(
    cupy: Any, changed: dict[str, Any], match: str
) -> None:
    from test_producers import OnlyArrayInterface

    refused(OnlyArrayInterface(cupy.ones(3, "float32"), **changed), match, (TypeError, ValueError))


def test_dlpack_of_another_kind_of_device() -> None:
    from inlay._cuda_runtime import native

    class Elsewhere:
        def __dlpack__(self, **how: Any) -> Any:
            raise AssertionError("must not be asked")

        def __dlpack_device__(self) -> tuple[int, int]:
            return (10, 0)

    with pytest.raises((TypeError, ValueError), match="ROCm"):
        native().ColumnMonitor(1, device=0).update(Elsewhere())
    refused(Elsewhere(), "", (TypeError, ValueError))


def test_what_a_producer_raises_passes_through(torch: Any) -> None:
    class Broken:
        def __dlpack__(self, **how: Any) -> Any:
            raise BufferError("lent already")

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    refused(Broken(), "lent already", BufferError)


def test_a_capsule_that_was_used(torch: Any) -> None:
    capsule = torch.ones(3, device="cuda").__dlpack__()

    class Once:
        def __dlpack__(self, **how: Any) -> Any:
            return capsule

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    summary = inlay.Moments()
    summary.update(Once())
    with pytest.raises((TypeError, ValueError), match="used"):
        summary.update(Once())
    assert summary.count == 3


def test_another_number_of_columns(torch: Any) -> None:
    from inlay._cuda_runtime import native

    monitor = native().ColumnMonitor(3, device=0)
    monitor.update(torch.ones(5, 3, device="cuda"))
    for wrong in ((5, 4), (5, 2), (5, 3, 1), (7,)):
        with pytest.raises(ValueError, match=str(wrong[-1])):
            monitor.update(torch.ones(wrong, device="cuda"))
    monitor.collect()
    assert inlay.Moments.from_bytes(monitor.moments(0)).count == 5


@pytest.mark.parametrize("columns", [0, -1])
def test_a_number_of_columns_that_is_none(columns: int) -> None:
    from inlay._cuda_runtime import native

    with pytest.raises((ValueError, TypeError, OverflowError), match=str(columns)):
        native().ColumnMonitor(columns, device=0)


def test_a_device_that_is_not_there(torch: Any) -> None:
    from inlay._cuda_runtime import native

    absent = torch.cuda.device_count()
    with pytest.raises((ValueError, RuntimeError), match=str(absent)):
        native().ColumnMonitor(3, device=absent)


def test_a_tensor_on_another_device_than_the_state(torch: Any) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two devices, there is {torch.cuda.device_count()}")
    from inlay._cuda_runtime import native

    monitor = native().ColumnMonitor(3, device=0)
    with pytest.raises(ValueError, match=r"1.*0"):
        monitor.update(torch.ones(5, 3, device="cuda:1"))


def test_a_stream_of_another_device(torch: Any) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two devices, there is {torch.cuda.device_count()}")
    foreign = torch.cuda.Stream(device="cuda:1")
    summary = inlay.Moments()
    with pytest.raises(ValueError, match="device"):
        summary.update(torch.ones(5, device="cuda:0"), stream=foreign)


def test_one_summary_fed_from_several_devices(torch: Any) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two devices, there is {torch.cuda.device_count()}")
    summary = inlay.ExpHistogram()
    for device in range(torch.cuda.device_count()):
        summary.update(torch.full((1_000,), 2.0**device, device=f"cuda:{device}"))
    assert summary.count == 1_000 * torch.cuda.device_count()


def test_logits_of_another_width_and_other_misfits(torch: Any) -> None:
    from inlay.model import Logits

    logits = Logits(vocabulary=100)
    good = torch.randn(8, 100, device="cuda")
    logits.update(good)
    with pytest.raises(ValueError, match="99"):
        logits.update(good[:, :99])
    with pytest.raises(ValueError, match="7"):
        logits.update(good, torch.zeros(7, dtype=torch.int64, device="cuda"))
    with pytest.raises((TypeError, ValueError), match="float"):
        logits.update(good, torch.zeros(8, device="cuda"))
    with pytest.raises(ValueError, match="mask"):
        logits.update(good, mask=torch.ones(8, 99, dtype=torch.bool, device="cuda"))
    with pytest.raises((TypeError, ValueError), match=r"(?i)device|cpu"):
        logits.update(good, torch.zeros(8, dtype=torch.int64))
    assert logits.rows == 8


def test_a_row_of_logits_that_is_all_masked_is_undefined_and_counted(torch: Any) -> None:
    from inlay.model import Logits

    logits = Logits(vocabulary=10)
    mask = torch.ones(4, 10, dtype=torch.bool, device="cuda")
    mask[2] = False
    logits.update(torch.randn(4, 10, device="cuda"), mask=mask)
    assert logits.rows == 4
    assert logits.undefined_rows == 1
    assert logits.masked_count == 10
