"""Whether tensors on CUDA devices can be read here, and where the memory for it comes from."""

from __future__ import annotations

import contextlib
import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

from inlay._exceptions import CudaUnavailableError, InlayWarning, InvalidArgumentError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["is_device_array", "monitor_disabled", "native", "set_allocator"]

# DLPack's numbers for memory that a CUDA kernel reads: of a device, and managed.
_CUDA = (2, 13)

# The first driver that knows CUDA 13, as cudaDriverGetVersion and as its releases are called.
_NEWEST_NEEDED = {13: "R580", 12: "R525"}

_usable: ModuleType | None = None

# Whether this process forked after it had used the driver, which works in no child.
_inherited = False


def is_device_array(value: object) -> bool:
    """Say whether a value is an array or a tensor on a CUDA device; imports nothing.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True where ``__dlpack_device__`` names a CUDA device or managed memory, or there is a
        ``__cuda_array_interface__`` and no ``__dlpack_device__``.
    """
    kind = type(value)
    # Looked up on the type, as special methods are; torch has the interface on CPU tensors too,
    # where it raises, and knows is_cuda much faster than its device.
    if hasattr(kind, "is_cuda") and value.is_cuda is True:  # type: ignore[attr-defined]
        return True
    device = getattr(kind, "__dlpack_device__", None)
    if device is not None:
        try:
            return device(value)[0] in _CUDA
        except Exception:
            # A meta tensor, a wrapper without memory: whoever reads it says what is wrong.
            return False
    name = "__cuda_array_interface__"
    # Also set on one object, as is the way to hand over a bare pointer; getattr would ask mocks.
    return hasattr(kind, name) or (
        name in getattr(value, "__dict__", ()) and not isinstance(value, type)
    )


def native() -> ModuleType:
    """Return the module of the kernels once it is known that they can run.

    Returns
    -------
    module
        ``inlay._cuda``. The first call in a process is the first that touches the driver.

    Raises
    ------
    CudaUnavailableError
        If inlay was built without a CUDA toolkit, or there is no driver, a driver that is too
        old, or no device.
    """
    if _usable is None:
        _load()
    assert _usable is not None
    return _usable


def _load() -> None:
    global _usable
    try:
        # "from inlay import" would turn its absence into an ImportError of inlay's.
        _cuda = importlib.import_module("inlay._cuda")
    except ModuleNotFoundError as error:
        if error.name != "inlay._cuda":
            raise
        message = "inlay was built without a CUDA toolkit: install a wheel with inlay._cuda"
        raise CudaUnavailableError(message) from None
    if _inherited:
        message = (
            "CUDA was in use when this process was forked, and works in no forked child: start it "
            "by multiprocessing's 'spawn' or 'forkserver'"
        )
        raise CudaUnavailableError(message)
    reason = _unusable(**_cuda.availability())
    if reason is not None:
        raise CudaUnavailableError(reason)
    _usable = _cuda


def _after_fork_in_child() -> None:
    global _usable, _inherited
    _inherited = _inherited or _usable is not None
    _usable = None


os.register_at_fork(after_in_child=_after_fork_in_child)


def _unusable(*, driver: int, runtime: int, devices: int, error: str) -> str | None:
    """Return why kernels cannot run here, None if they can."""
    major = runtime // 1000
    release = _NEWEST_NEEDED.get(major, "")
    needed = f"CUDA {major}.0" + (f" ({release} or newer)" if release else "")
    if driver == 0:
        return f"no NVIDIA driver is loaded; one for {needed} is needed"
    if driver < major * 1000:
        has = f"{driver // 1000}.{driver % 1000 // 10}"
        return f"the NVIDIA driver is too old: it knows CUDA {has}, one for {needed} is needed"
    if error:
        return f"the CUDA devices cannot be used: {error}"
    if devices == 0:
        return "there is no CUDA device: the driver is loaded and lists none"
    return None


def set_allocator(source: Literal["torch", "cupy", "cuda"]) -> None:
    """Choose where device memory comes from, for what is made from now on.

    Parameters
    ----------
    source : {'torch', 'cupy', 'cuda'}
        The pool of a library that is imported, or the driver's own (the default).

    Raises
    ------
    InvalidArgumentError
        If it is none of these.
    CudaUnavailableError
        If kernels cannot run here.

    Examples
    --------
    >>> import inlay
    >>> try:
    ...     inlay.cuda.set_allocator("cuda")
    ... except inlay.CudaUnavailableError:
    ...     pass  # no toolkit at the build, no driver or no device
    """
    makers = {"torch": _torch_pool, "cupy": _cupy_pool, "cuda": _own_pool}
    if source not in makers:
        message = f"source must be 'torch', 'cupy' or 'cuda': {source!r}"
        raise InvalidArgumentError(message)
    native().set_allocator(*makers[source]())


def _own_pool() -> tuple[Any, Any]:
    return None, None


def _torch_pool() -> tuple[Any, Any]:
    import torch

    return torch.cuda.caching_allocator_alloc, torch.cuda.caching_allocator_delete


def _cupy_pool() -> tuple[Any, Any]:
    import cupy

    held: dict[int, Any] = {}

    class Lent:  # the CUDA stream protocol, which takes the place of ExternalStream since CuPy 14
        def __init__(self, stream: int) -> None:
            self._stream = stream

        def __cuda_stream__(self) -> tuple[int, int]:
            return 0, self._stream

    def adopt(stream: int) -> Any:
        if hasattr(cupy.cuda.Stream, "from_external"):
            return cupy.cuda.Stream.from_external(Lent(stream))
        return cupy.cuda.ExternalStream(stream)

    def allocate(size: int, device: int, stream: int) -> int:
        with cupy.cuda.Device(device), adopt(stream):
            memory = cupy.cuda.alloc(size)
        held[memory.ptr] = memory
        return int(memory.ptr)

    def release(address: int) -> None:
        del held[address]

    return allocate, release


def monitor_disabled(monitor: str, device: int, error: str) -> None:
    """Tell of a device error that disabled a monitor: an event, and a warning.

    Called by the extension from within an update, so it never raises.
    """
    from inlay._installed import get_observer

    with contextlib.suppress(Exception):
        own = getattr(get_observer(), "_self", None)
        if own is not None:
            own.monitor_disabled(monitor, device, error)
    # From a model's step, which goes on also where warnings are errors.
    with contextlib.suppress(InlayWarning):
        warnings.warn(
            f"an error of device cuda:{device} disabled a {monitor}, which counts no more: {error}",
            InlayWarning,
            stacklevel=2,
        )
