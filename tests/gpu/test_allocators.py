"""Where a monitor's memory comes from: the caller's pool, or the driver's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from monitors import CASES, Case, assert_same, on_device, on_host


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    from inlay.cuda import set_allocator

    yield
    set_allocator("cuda")


def test_memory_of_torch(torch: Any) -> None:
    from inlay._cuda_runtime import native
    from inlay.cuda import set_allocator

    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    set_allocator("torch")
    monitor = native().ColumnMonitor(100, device=0)
    assert torch.cuda.memory_allocated() > before
    del monitor
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() == before


def test_memory_of_cupy(torch: Any, cupy: Any) -> None:
    from inlay._cuda_runtime import native
    from inlay.cuda import set_allocator

    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    set_allocator("cupy")
    monitor = native().ColumnMonitor(100, device=0)
    assert pool.used_bytes() > before
    del monitor
    assert pool.used_bytes() == before


def test_memory_of_the_driver_is_none_of_torchs(torch: Any) -> None:
    from inlay._cuda_runtime import native
    from inlay.cuda import set_allocator

    set_allocator("cuda")
    before = torch.cuda.memory_allocated()
    monitor = native().ColumnMonitor(100, device=0)
    assert torch.cuda.memory_allocated() == before
    del monitor


@pytest.mark.parametrize("allocator", ["torch", "cupy", "cuda"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_do_not_depend_on_it(torch: Any, case: Case, allocator: str) -> None:
    from inlay.cuda import set_allocator

    if allocator == "cupy":
        pytest.importorskip("cupy", reason="cupy is not installed")
    set_allocator(allocator)
    made = case.make()
    for seed in range(3):
        case.update(made, on_device(torch, case, seed))
    assert_same(case.results(made), on_host(case, [0, 1, 2]))


def test_a_name_that_is_none() -> None:
    from inlay.cuda import set_allocator

    with pytest.raises(ValueError, match="heap"):
        set_allocator("heap")
