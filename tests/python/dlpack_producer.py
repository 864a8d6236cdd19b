"""Hand-made DLPack tensors: any field may be wrong, and no device is needed."""

from __future__ import annotations

import ctypes
from typing import Any

CPU, CUDA, CUDA_HOST, ROCM, MANAGED = 1, 2, 3, 10, 13
INT, UINT, FLOAT, OPAQUE, BFLOAT, COMPLEX, BOOL = range(7)
FLOAT8_E4M3FN, FLOAT8_E5M2 = 10, 12


class Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("ndim", ctypes.c_int32),
        ("dtype", DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Managed(ctypes.Structure):
    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", DELETER))


class Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", DELETER),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


_new = ctypes.pythonapi.PyCapsule_New
_new.restype = ctypes.py_object
_new.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype = ctypes.c_char_p
_name.argtypes = (ctypes.py_object,)


def capsule(pointer: int, name: bytes) -> Any:
    """Return a capsule; `name` must outlive it."""
    return _new(pointer, name, None)


def name_of(made: Any) -> bytes:
    return _name(made)


def tensor(
    shape: tuple[int, ...] | None = (2, 3),
    strides: tuple[int, ...] | None = None,
    *,
    data: int = 0x7000_0000_0000,
    device: tuple[int, int] = (CUDA, 0),
    dtype: tuple[int, int, int] = (FLOAT, 32, 1),
    ndim: int | None = None,
    byte_offset: int = 0,
) -> Tensor:
    """Return the struct; ctypes keeps what its pointers point to alive."""
    made = Tensor(data, Device(*device), 0, DataType(*dtype), None, None, byte_offset)
    made.ndim = (0 if shape is None else len(shape)) if ndim is None else ndim
    if shape is not None:
        made.shape = (ctypes.c_int64 * max(1, len(shape)))(*shape)
    if strides is not None:
        made.strides = (ctypes.c_int64 * max(1, len(strides)))(*strides)
    return made


class Lent:
    """A capsule of a tensor, and how often its deleter ran."""

    def __init__(
        self, lent: Tensor, *, version: tuple[int, int] | None = None, flags: int = 0
    ) -> None:
        self.deleted = 0
        self._deleter = DELETER(self._delete)  # kept: C calls it
        if version is None:
            self._managed: Any = Managed(lent, None, self._deleter)
            name = b"dltensor"
        else:
            self._managed = Versioned(*version, None, self._deleter, flags, lent)
            name = b"dltensor_versioned"
        self.address = ctypes.addressof(self._managed)
        self.capsule = capsule(self.address, name)

    def _delete(self, address: int) -> None:
        assert address == self.address
        self.deleted += 1


class Producer:
    """An array that speaks DLPack and notes what it was asked."""

    def __init__(self, lent: Tensor, *, versions: bool = True) -> None:
        self.tensor = lent
        self.versions = versions
        self.streams: list[Any] = []
        self.lent: list[Lent] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.device.type, self.tensor.device.id

    def __dlpack__(self, *, stream: Any = "unsaid", **new: Any) -> Any:
        if new and not self.versions:
            message = "__dlpack__() got an unexpected keyword argument 'max_version'"
            raise TypeError(message)
        self.streams.append(stream)
        self.lent.append(Lent(self.tensor, version=(1, 1) if new else None))
        return self.lent[-1].capsule


# ---- the functions of a type ------------------------------------------------------------------
FROM_OBJECT = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(Tensor))
CURRENT_STREAM = ctypes.PYFUNCTYPE(
    ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)
)


class ExchangeApi(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("previous", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("managed_from_object", ctypes.c_void_p),
        ("object_from_managed", ctypes.c_void_p),
        ("tensor_from_object", FROM_OBJECT),
        ("current_stream", CURRENT_STREAM),
    )


def exchanging_type(stream: int, *, version: tuple[int, int] = (1, 3), older: Any = None) -> type:
    """Return a class of arrays whose type lends tensors without a capsule."""

    class Exchanging(Producer):
        pass

    @FROM_OBJECT
    def lend(array: Any, out: Any) -> int:
        out[0] = array.tensor
        return 0

    @CURRENT_STREAM
    def current(_type: int, _device: int, out: Any) -> int:
        out[0] = stream
        return 0

    api = ExchangeApi(*version, None, None, None, None, lend, current)
    if older is not None:
        api.previous = ctypes.addressof(older.api)
    Exchanging.api = api  # type: ignore[attr-defined]
    Exchanging.kept = (lend, current)  # type: ignore[attr-defined]
    Exchanging.__dlpack_c_exchange_api__ = capsule(  # type: ignore[attr-defined]
        ctypes.addressof(api), b"dlpack_exchange_api"
    )
    return Exchanging
