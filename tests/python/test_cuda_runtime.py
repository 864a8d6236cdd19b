"""What is said where kernels cannot run, and how a device error is told."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import pytest
from dlpack_producer import CPU, CUDA, CUDA_HOST, MANAGED, Producer, tensor

import inlay
from inlay import _cuda_runtime


def run(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


# ---- which arrays --------------------------------------------------------------------------------
class Interface:
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        raise AssertionError  # that it is there says enough


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Producer(tensor(device=(CUDA, 1))), True),
        (Producer(tensor(device=(MANAGED, 0))), True),
        (Producer(tensor(device=(CPU, 0))), False),
        (Producer(tensor(device=(CUDA_HOST, 0))), False),
        (Interface(), True),
        (Interface, False),
        (SimpleNamespace(__cuda_array_interface__={}), True),
        ([1.0], False),
        (None, False),
    ],
)
def test_device_arrays_are_told_apart(value: Any, expected: bool) -> None:
    assert _cuda_runtime.is_device_array(value) is expected


def test_a_device_that_cannot_be_told_is_none() -> None:
    class Odd:
        def __dlpack_device__(self) -> Any:
            raise ValueError

    assert not _cuda_runtime.is_device_array(Odd())


def test_a_mock_with_any_attribute_is_no_device_array() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            return True

    assert not _cuda_runtime.is_device_array(Anything())


def test_telling_imports_nothing() -> None:
    code = """
        import sys
        from inlay._cuda_runtime import is_device_array
        before = set(sys.modules)
        assert not is_device_array(object())
        print(sorted(set(sys.modules) - before), "inlay._cuda" in sys.modules)
    """
    assert run(code) == "[] False"


# ---- where kernels cannot run --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ((0, 13000, 0, "driver version is insufficient"),
         "no NVIDIA driver is loaded; one for CUDA 13.0 (R580 or newer) is needed"),
        ((12080, 13000, 0, "driver version is insufficient"),
         "the NVIDIA driver is too old: it knows CUDA 12.8, one for CUDA 13.0 (R580 or newer) is"
         " needed"),
        ((11040, 12040, 0, ""),
         "the NVIDIA driver is too old: it knows CUDA 11.4, one for CUDA 12.0 (R525 or newer) is"
         " needed"),
        ((13000, 13000, 0, ""), "there is no CUDA device: the driver is loaded and lists none"),
        ((13010, 13000, 0, "system not yet initialized"),
         "the CUDA devices cannot be used: system not yet initialized"),
        ((13000, 13000, 1, ""), None),
        ((13020, 13000, 8, ""), None),
    ],
)  # fmt: skip
def test_reasons_are_told_apart(facts: tuple[int, int, int, str], message: str | None) -> None:
    driver, runtime, devices, error = facts
    reason = _cuda_runtime._unusable(driver=driver, runtime=runtime, devices=devices, error=error)
    assert reason == message


def test_a_build_without_a_toolkit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cuda_runtime, "_usable", None)
    monkeypatch.delattr(inlay, "_cuda", raising=False)
    monkeypatch.setitem(sys.modules, "inlay._cuda", None)
    with pytest.raises(inlay.CudaUnavailableError, match="built without a CUDA toolkit"):
        _cuda_runtime.native()


def test_the_error_is_a_runtime_error_of_inlay() -> None:
    assert issubclass(inlay.CudaUnavailableError, RuntimeError)
    assert issubclass(inlay.CudaUnavailableError, inlay.InlayError)


def test_build_info_tells_the_toolkit() -> None:
    cuda = inlay.build_info()["cuda"]
    if cuda is None:
        assert importlib.util.find_spec("inlay._cuda") is None
    else:
        assert set(cuda) == {"toolkit", "architectures"}
        assert cuda["architectures"]


def test_an_unknown_pool_is_named() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="'torch', 'cupy' or 'cuda': 'jax'"):
        inlay.cuda.set_allocator("jax")  # type: ignore[arg-type]


def test_an_allocator_is_two_callables() -> None:
    _cuda = pytest.importorskip("inlay._cuda", reason="inlay was built without a CUDA toolkit")
    with pytest.raises(TypeError, match="two callables, or None twice"):
        _cuda.set_allocator(print, None)
    with pytest.raises(TypeError, match="not callable: 5"):
        _cuda.set_allocator(print, 5)
    _cuda.set_allocator(print, print)
    _cuda.set_allocator(None, None)


# ---- forks ---------------------------------------------------------------------------------------
def test_a_child_forked_after_cuda_was_used_is_told_so() -> None:
    code = """
        import os
        import inlay
        from inlay import _cuda_runtime
        _cuda_runtime._usable = object()  # as if kernels had run
        child = os.fork()
        if child == 0:
            try:
                _cuda_runtime.native()
            except inlay.CudaUnavailableError as error:
                os._exit(0 if "in use when this process was forked" in str(error) else 1)
            os._exit(2)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    pytest.importorskip("inlay._cuda", reason="inlay was built without a CUDA toolkit")
    assert run(code) == "0"


def test_a_child_forked_before_is_not() -> None:
    code = """
        import os
        from inlay import _cuda_runtime
        child = os.fork()
        if child == 0:
            os._exit(int(_cuda_runtime._inherited))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run(code) == "0"


# ---- device errors -------------------------------------------------------------------------------
def test_a_disabled_monitor_is_an_event_and_a_warning() -> None:
    obs = inlay.Observer().install()
    try:
        with pytest.warns(inlay.InlayWarning, match="cuda:1 disabled a ColumnMonitor.*: illegal"):
            _cuda_runtime.monitor_disabled("ColumnMonitor", 1, "illegal address")
        (event,) = obs.collect().events.to_pylist()
    finally:
        obs.uninstall()
    assert event["name"] == "inlay.cuda.disabled"
    assert event["body"] == "illegal address"
    assert '"device":"cuda:1"' in event["attrs"].replace(" ", "")


def test_a_disabled_monitor_raises_nothing_where_warnings_are_errors() -> None:
    _cuda_runtime.monitor_disabled("ColumnMonitor", 0, "illegal address")


@pytest.mark.parametrize("disabled", ["0", "1"])
def test_importing_and_observing_never_touch_the_driver(disabled: str) -> None:
    code = """
        import sys
        import inlay
        with inlay.Observer() as obs:
            obs.counter("c").add(1)
        print("inlay._cuda" in sys.modules)
    """
    assert run(code, INLAY_DISABLED=disabled) == "False"


def test_importing_the_kernels_opens_no_driver() -> None:
    pytest.importorskip("inlay._cuda", reason="inlay was built without a CUDA toolkit")
    code = """
        import inlay._cuda
        from pathlib import Path
        print("libcuda.so" in Path("/proc/self/maps").read_text())
    """
    assert run(code) == "False"
