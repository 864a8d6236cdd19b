"""Tests that need a CUDA device: ``make test-gpu``. Without one each is skipped and says why.

With ``INLAY_REQUIRE_GPU=1`` a missing device is an error, so that a machine that has one cannot
pass by skipping.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libraries import imported

HERE = Path(__file__).parent
# JAX would take most of the memory at its first use.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


@functools.cache
def missing() -> str | None:
    """Return what keeps these tests from running, or None."""
    try:
        from inlay import _cuda_runtime
    except ImportError as error:
        return f"inlay has no CUDA part: {error}"
    import inlay

    try:
        _cuda_runtime.native()
    except inlay.CudaUnavailableError as error:
        return str(error)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torch
        except ImportError:
            return "PyTorch is not installed"
        if not torch.cuda.is_available():
            return f"PyTorch {torch.__version__} finds no CUDA device"
    return None


def pytest_report_header(config: pytest.Config) -> str:
    reason = missing()
    if reason is not None:
        return f"gpu tests: skipped, {reason}"
    import torch

    return f"gpu tests: {torch.cuda.get_device_name(0)}, torch {torch.__version__}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = missing()
    if reason is None:
        return
    if os.environ.get("INLAY_REQUIRE_GPU") == "1":
        pytest.fail(f"INLAY_REQUIRE_GPU=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def torch() -> Any:
    return imported("torch")


@pytest.fixture(scope="session")
def cupy() -> Any:
    return imported("cupy")


@pytest.fixture
def stream(torch: Any) -> Iterator[Any]:
    """A stream that is not the default one, and torch's current one while the test runs."""
    made = torch.cuda.Stream()
    made.wait_stream(torch.cuda.default_stream())
    with torch.cuda.stream(made):
        yield made
    made.synchronize()


@pytest.fixture
def streams(torch: Any) -> Iterator[tuple[Any, Any]]:
    """Two streams that are not the default one; neither is current."""
    made = (torch.cuda.Stream(), torch.cuda.Stream())
    yield made
    for one in made:
        one.synchronize()


@pytest.fixture(scope="session")
def watch(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Counts the CUDA calls of a block; torch is loaded first, so that both share one CUPTI."""
    from watched_calls import NoCupti, Watch

    try:
        made = Watch(tmp_path_factory.mktemp("cupti"))
    except NoCupti as error:
        if os.environ.get("INLAY_REQUIRE_GPU") == "1":
            pytest.fail(f"INLAY_REQUIRE_GPU=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    yield made
    made.close()
