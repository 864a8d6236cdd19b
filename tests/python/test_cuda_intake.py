"""What is understood of tensors that producers lend, without a device."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from dlpack_producer import (
    BFLOAT,
    BOOL,
    COMPLEX,
    CPU,
    CUDA,
    CUDA_HOST,
    FLOAT,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    INT,
    MANAGED,
    OPAQUE,
    ROCM,
    UINT,
    Lent,
    Producer,
    exchanging_type,
    name_of,
    tensor,
)
from hypothesis import given
from hypothesis import strategies as st

import inlay

_cuda = pytest.importorskip("inlay._cuda", reason="inlay was built without a CUDA toolkit")
describe = _cuda.describe

POINTER = 0x7000_0000_0000


# ---- DLPack ------------------------------------------------------------------------------------
def test_a_producer_is_read_where_it_is() -> None:
    array = Producer(tensor((2, 3), (3, 1), device=(CUDA, 1)))
    assert describe(array) == {
        "route": "dlpack",
        "pointer": POINTER,
        "dtype": "float32",
        "shape": (2, 3),
        "strides": (3, 1),
        "device": 1,
        "stream": "own",
        "after": None,
        "held": True,
        "read_only": False,
    }
    assert array.lent[0].deleted == 1
    assert name_of(array.lent[0].capsule) == b"used_dltensor_versioned"


def test_a_producer_that_knows_no_versions_is_asked_again_without() -> None:
    array = Producer(tensor(), versions=False)
    assert describe(array)["shape"] == (2, 3)
    assert name_of(array.lent[0].capsule) == b"used_dltensor"


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ((FLOAT, 64, 1), "float64"),
        ((FLOAT, 32, 1), "float32"),
        ((FLOAT, 16, 1), "float16"),
        ((BFLOAT, 16, 1), "bfloat16"),
        ((FLOAT8_E4M3FN, 8, 1), "float8_e4m3fn"),
        ((FLOAT8_E5M2, 8, 1), "float8_e5m2"),
        ((INT, 64, 1), "int64"),
        ((INT, 32, 1), "int32"),
        ((INT, 16, 1), "int16"),
        ((INT, 8, 1), "int8"),
        ((UINT, 8, 1), "uint8"),
        ((BOOL, 8, 1), "bool"),
    ],
)
def test_element_types(dtype: tuple[int, int, int], name: str) -> None:
    assert describe(Producer(tensor(dtype=dtype)))["dtype"] == name


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ((COMPLEX, 64, 1), "complex64"),
        ((UINT, 16, 1), "uint16"),
        ((INT, 128, 1), "int128"),
        ((FLOAT, 32, 4), "float32 in 4 lanes"),
        ((FLOAT, 32, 0), "float32 in 0 lanes"),
        ((OPAQUE, 64, 1), "DLPack type 3 of bits 64"),
        ((8, 8, 1), "DLPack type 8 of bits 8"),
        ((17, 4, 1), "DLPack type 17 of bits 4"),
    ],
)
def test_other_element_types_are_named(dtype: tuple[int, int, int], message: str) -> None:
    array = Producer(tensor(dtype=dtype))
    with pytest.raises(TypeError, match=rf"not supported: {message}$"):
        describe(array)
    assert array.lent[0].deleted == 1


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ((CPU, 0), "host memory.*: DLPack device 1"),
        ((CUDA_HOST, 0), "host memory.*: DLPack device 3"),
        ((ROCM, 0), "ROCm.*: DLPack device 10"),
        ((8, 0), "not on a CUDA device: DLPack device 8"),
    ],
)
def test_other_devices_are_named(device: tuple[int, int], message: str) -> None:
    lent = Lent(tensor(device=device))
    for array in (Producer(tensor(device=device)), lent.capsule):
        with pytest.raises(TypeError, match=message):
            describe(array)
    assert lent.deleted == 1


def test_managed_memory_is_of_whichever_device_reads_it() -> None:
    array = Producer(tensor(device=(MANAGED, 0)))
    assert describe(array)["device"] == 0
    assert describe(array, device=3)["device"] == 3


def test_another_device_than_the_state_is_refused_before_anything_is_lent() -> None:
    array = Producer(tensor(device=(CUDA, 1)))
    with pytest.raises(inlay.InvalidArgumentError, match=r"state, which is on 0: 1"):
        describe(array, device=0)
    assert array.streams == []


# ---- capsules ----------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [None, (1, 0), (1, 3), (1, 99)])
def test_a_capsule_alone_is_consumed_once(version: tuple[int, int] | None) -> None:
    lent = Lent(tensor((4,), device=(CUDA, 0)), version=version)
    seen = describe(lent.capsule)
    assert (seen["route"], seen["shape"], seen["strides"]) == ("capsule", (4,), (1,))
    assert (seen["stream"], seen["held"]) == ("own", True)
    assert lent.deleted == 1
    with pytest.raises(inlay.InvalidArgumentError, match=r"can be read once.*: 'used_dltensor"):
        describe(lent.capsule)
    assert lent.deleted == 1


def test_a_capsule_may_say_that_it_is_read_only() -> None:
    lent = Lent(tensor(), version=(1, 1), flags=1)
    assert describe(lent.capsule)["read_only"]
    # Other flags say something else.
    lent = Lent(tensor(), version=(1, 1), flags=6)
    assert not describe(lent.capsule)["read_only"]


def test_a_capsule_of_another_major_version_is_given_back_unread() -> None:
    lent = Lent(tensor(), version=(2, 0))
    with pytest.raises(inlay.InvalidArgumentError, match=r"major version.*: 2"):
        describe(lent.capsule)
    assert lent.deleted == 1


def test_other_capsules_are_refused() -> None:
    import datetime

    with pytest.raises(TypeError, match=r"no DLPack tensor: 'datetime\.datetime_CAPI'"):
        describe(datetime.datetime_CAPI)  # type: ignore[attr-defined]


# ---- fields that cannot be ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("lent", "message"),
    [
        (tensor((-1, 2)), "negative size: -1"),
        (tensor((1,) * 9), "more than 8 dimensions: 9"),
        (tensor((2, 3), ndim=-1), "of dimensions: -1"),
        (tensor(None, ndim=2), "without a shape, of dimensions: 2"),
        (tensor((2,), data=0), "without memory, of elements: 2"),
        (tensor((2,), data=POINTER + 2), "not aligned.*: 2"),
        (tensor((2,), byte_offset=3), "not aligned.*: 3"),
        (tensor((2,), byte_offset=2**63), "byte offset: 9223372036854775808"),
        (tensor((2**62, 2**62)), "larger than memory, of size: 4611686018427387904"),
        (tensor((2, 2), (2**62, 1)), "larger than memory, of stride: 4611686018427387904"),
        (tensor((2, 2), (-(2**63), 1)), "larger than memory, of stride: -9223372036854775808"),
        (tensor((2**57,), (0,)), "larger than memory, of size"),
        (tensor((2,), device=(CUDA, -1)), "of no device: -1"),
    ],
)
def test_impossible_fields_are_named(lent: Any, message: str) -> None:
    made = Lent(lent)
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        describe(made.capsule)
    assert made.deleted == 1


def test_offsets_empty_tensors_and_scalars() -> None:
    def seen(*arguments: Any, **fields: Any) -> dict[str, Any]:
        lent = Lent(tensor(*arguments, **fields))  # kept until its capsule is read
        return describe(lent.capsule)

    assert seen((2,), byte_offset=8)["pointer"] == POINTER + 8
    empty = seen((0, 5), data=0)
    assert (empty["shape"], empty["pointer"]) == ((0, 5), 0)
    assert seen((2**62, 0, 2**62), data=0)["shape"] == (2**62, 0, 2**62)
    assert seen(())["shape"] == ()
    # Where the size is 1 the stride means nothing.
    assert seen((1, 4), (2**62, 1))["shape"] == (1, 4)
    assert seen((3, 2), (-2, 0))["strides"] == (-2, 0)


_sizes = st.one_of(st.integers(-2, 5), st.integers(-(2**63), 2**63 - 1))


@given(
    shape=st.lists(_sizes, max_size=10),
    strides=st.none() | st.lists(_sizes, min_size=10, max_size=10),
    data=st.sampled_from([0, 1, POINTER]) | st.integers(0, 2**64 - 1),
    device=st.tuples(st.integers(-1, 20), st.integers(-(2**31), 2**31 - 1)),
    dtype=st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))
    | st.sampled_from([(FLOAT, 32, 1), (INT, 8, 1), (BOOL, 8, 1)]),
    byte_offset=st.integers(0, 16) | st.integers(0, 2**64 - 1),
    version=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1)),
)
def test_any_struct_is_understood_or_refused(
    shape: list[int],
    strides: list[int] | None,
    data: int,
    device: tuple[int, int],
    dtype: tuple[int, int, int],
    byte_offset: int,
    version: tuple[int, int] | None,
) -> None:
    lent = Lent(
        tensor(
            tuple(shape),
            None if strides is None else tuple(strides),
            data=data, device=device, dtype=dtype, byte_offset=byte_offset,
        ),
        version=version,
    )  # fmt: skip
    try:
        seen = describe(lent.capsule)
    except (TypeError, inlay.InvalidArgumentError):
        pass
    else:
        assert seen["shape"] == tuple(shape)
        assert all(size >= 0 for size in shape)
        assert device[0] in (CUDA, MANAGED)
        if strides is not None:
            assert seen["strides"] == tuple(strides[: len(shape)])
    assert lent.deleted == 1


# ---- streams of DLPack -------------------------------------------------------------------------
def test_the_stream_given_is_handed_to_the_producer() -> None:
    array = Producer(tensor())
    for given_stream, passed in [(1, 1), (2, 2), (0x5550, 0x5550)]:
        seen = describe(array, given_stream)
        assert (seen["stream"], seen["after"], seen["held"]) == (passed, None, True)
        assert array.streams[-1] == passed


def test_no_synchronising_while_capturing() -> None:
    array = Producer(tensor())
    describe(array, 0x5550, capturing=True)
    assert array.streams == [-1]


def test_a_producer_is_never_left_to_guess_the_stream() -> None:
    array = Producer(tensor())
    describe(array)
    assert array.streams[0] not in ("unsaid", None, 0)


class TorchLike:
    def __init__(self, handle: Any) -> None:
        self.cuda_stream = handle


class CupyLike:
    def __init__(self, handle: Any) -> None:
        self.ptr = handle


class Protocol:
    def __init__(self, pair: Any) -> None:
        self.pair = pair

    def __cuda_stream__(self) -> Any:
        return self.pair


@pytest.mark.parametrize("kind", [TorchLike, CupyLike, lambda h: Protocol((0, h))])
def test_streams_of_libraries(kind: Any) -> None:
    array = Producer(tensor())
    assert describe(array, kind(0x99))["stream"] == 0x99
    # An object knows which stream it is: its 0 is the legacy default one.
    assert describe(array, kind(0))["stream"] == 1
    assert describe(array, kind(2))["stream"] == 2


def test_streams_that_cannot_be_are_named() -> None:
    array = Producer(tensor())
    with pytest.raises(inlay.InvalidArgumentError, match=r"which default stream is meant.*: 0"):
        describe(array, 0)
    with pytest.raises(inlay.InvalidArgumentError, match="stream is no stream: -1"):
        describe(array, -1)
    with pytest.raises(inlay.InvalidArgumentError, match=f"stream is no stream: {2**64}"):
        describe(array, 2**64)
    with pytest.raises(TypeError, match="stream is no integer: True"):
        describe(array, True)
    with pytest.raises(TypeError, match="stream is no CUDA stream: 'main'"):
        describe(array, "main")
    with pytest.raises(TypeError, match="handle that is no integer"):
        describe(array, TorchLike("x"))
    with pytest.raises(TypeError, match="no version and handle: 5"):
        describe(array, Protocol(5))
    with pytest.raises(inlay.InvalidArgumentError, match="not understood: 1"):
        describe(array, Protocol((1, 7)))
    assert array.streams == []


# ---- producers that misbehave ------------------------------------------------------------------
def test_what_a_producer_raises_passes() -> None:
    class Refusing(Producer):
        def __dlpack__(self, **_: Any) -> Any:
            message = "it is busy"
            raise BufferError(message)

    with pytest.raises(BufferError, match="it is busy"):
        describe(Refusing(tensor()))


@pytest.mark.parametrize("device", [5, (2,), (2, 2**40), ("cuda", 0)])
def test_devices_that_are_none(device: Any) -> None:
    class Odd(Producer):
        def __dlpack_device__(self) -> Any:
            return device

    with pytest.raises((TypeError, inlay.InvalidArgumentError)):
        describe(Odd(tensor()))


def test_no_capsule() -> None:
    class Odd(Producer):
        def __dlpack__(self, **_: Any) -> Any:
            return 7

    with pytest.raises(TypeError, match="__dlpack__ gives no capsule: 7"):
        describe(Odd(tensor()))


@pytest.mark.parametrize("value", [None, 3, [1.0], b"bytes"])
def test_what_is_no_tensor_is_named(value: Any) -> None:
    with pytest.raises(
        TypeError, match=f"no tensor on a CUDA device: <class '{type(value).__name__}'>"
    ):
        describe(value)


def test_a_numpy_array_is_not_on_a_device() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="host memory"):
        describe(numpy.zeros(3))


# ---- the functions of a type -------------------------------------------------------------------
def test_types_that_lend_without_a_capsule() -> None:
    kind = exchanging_type(0x42)
    array = kind(tensor((3,), (2,), device=(CUDA, 1)))
    seen = describe(array)
    assert (seen["route"], seen["stream"], seen["device"]) == ("exchange", 0x42, 1)
    assert (seen["held"], seen["after"]) == (False, None)
    assert array.streams == []
    # A stream that is given follows the producer's.
    seen = describe(array, 0x43)
    assert (seen["stream"], seen["after"]) == (0x43, 0x42)
    assert describe(array, 0x42)["after"] is None


def test_the_current_stream_may_be_the_legacy_default_one() -> None:
    assert describe(exchanging_type(0)(tensor()))["stream"] == 1


def test_an_older_set_of_functions_is_found() -> None:
    older = exchanging_type(0x42)
    newer = exchanging_type(0x43, version=(2, 0), older=older)
    assert describe(newer(tensor()))["stream"] == 0x42


def test_functions_of_an_unknown_version_are_not_called() -> None:
    array = exchanging_type(0x42, version=(2, 0))(tensor())
    assert describe(array)["route"] == "dlpack"


# ---- __cuda_array_interface__ ------------------------------------------------------------------
class Interface:
    def __init__(self, **fields: Any) -> None:
        self.__cuda_array_interface__ = {
            "version": 3, "shape": (2, 3), "typestr": "<f4", "data": (POINTER, False),
        } | fields  # fmt: skip


class Both(Producer, Interface):
    """Speaks both, as CuPy's arrays do."""

    def __init__(self, lent: Any, **fields: Any) -> None:
        Producer.__init__(self, lent)
        Interface.__init__(self, **fields)


def test_an_interface_with_its_stream() -> None:
    assert describe(Interface(stream=0x77), memory_device=1) == {
        "route": "cuda_array_interface",
        "pointer": POINTER,
        "dtype": "float32",
        "shape": (2, 3),
        "strides": (3, 1),
        "device": 1,
        "stream": 0x77,
        "after": None,
        "held": False,
        "read_only": False,
    }
    assert describe(Interface(stream=0x77, data=(POINTER, True)))["read_only"]
    seen = describe(Interface(stream=0x77), 0x78)
    assert (seen["stream"], seen["after"]) == (0x78, 0x77)


@pytest.mark.parametrize("fields", [{"version": 2}, {"stream": None}, {}])
def test_an_interface_without_a_stream(fields: dict[str, Any]) -> None:
    seen = describe(Interface(**fields))
    assert (seen["stream"], seen["held"]) == ("own", True)
    assert describe(Interface(**fields), 0x10)["stream"] == 0x10


def test_an_interface_that_names_its_stream_goes_before_dlpack() -> None:
    array = Both(tensor(), stream=0x77)
    assert describe(array)["route"] == "cuda_array_interface"
    assert describe(Both(tensor()))["route"] == "dlpack"


def test_an_element_type_without_a_name_comes_by_dlpack_on_the_same_stream() -> None:
    array = Both(tensor(dtype=(BFLOAT, 16, 1)), typestr="<V2", stream=0x77)
    seen = describe(array)
    assert (seen["route"], seen["dtype"], seen["stream"]) == ("dlpack", "bfloat16", 0x77)
    assert array.streams == [-1]
    with pytest.raises(TypeError, match="not supported: <V2"):
        describe(Interface(typestr="<V2"))


def test_strides_of_an_interface_are_bytes() -> None:
    assert describe(Interface(strides=(4, 8)))["strides"] == (1, 2)
    assert describe(Interface(strides=(-12, 0)))["strides"] == (-3, 0)
    assert describe(Interface(strides=None))["strides"] == (3, 1)
    assert describe(Interface(shape=(1, 3), strides=(7, 4)))["strides"][1] == 1


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"stream": 0}, ValueError, "which default stream is meant.*: 0"),
        ({"stream": -1}, ValueError, "no stream: -1"),
        ({"stream": "x"}, TypeError, "no integer: 'x'"),
        ({"version": 1}, ValueError, "version before 2: 1"),
        ({"version": None}, TypeError, "version is no integer"),
        ({"mask": object()}, TypeError, "mask"),
        ({"typestr": ">f4"}, TypeError, "big-endian.*: >f4"),
        ({"typestr": "<c8"}, TypeError, "not supported: <c8"),
        ({"typestr": "<u4"}, TypeError, "not supported: <u4"),
        ({"typestr": "f4"}, ValueError, "typestr 'f4'"),
        ({"typestr": 4}, TypeError, "typestr is no str: 4"),
        ({"shape": [2, 3]}, TypeError, r"shape is no tuple: \[2, 3\]"),
        ({"shape": (2, "x")}, TypeError, "a size is no integer: 'x'"),
        ({"shape": (2, 2**70)}, ValueError, "does not fit 64 bits"),
        ({"shape": (-1,)}, ValueError, "negative size: -1"),
        ({"shape": (1,) * 9}, ValueError, "more than 8 dimensions: 9"),
        ({"strides": (4,)}, ValueError, "as many strides.*: 1"),
        ({"strides": (6, 4)}, ValueError, "no multiple.*: 6"),
        ({"data": POINTER}, TypeError, "data is no tuple"),
        ({"data": (POINTER,)}, ValueError, "data has entries: 1"),
        ({"data": ("x", False)}, TypeError, "pointer is no integer: 'x'"),
        ({"data": (2**70, False)}, ValueError, "no pointer"),
        ({"data": (-4, False)}, ValueError, "no pointer: -4"),
        ({"data": (0, False)}, ValueError, "without memory"),
        ({"data": (POINTER + 1, False)}, ValueError, "not aligned.*: 1"),
    ],
)
def test_interfaces_that_cannot_be(fields: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        describe(Interface(**fields))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "version": st.integers(-3, 9) | st.none(),
            "shape": st.lists(_sizes, max_size=9).map(tuple) | st.none(),
            "strides": st.lists(_sizes, max_size=9).map(tuple) | st.none() | st.integers(),
            "typestr": st.sampled_from(["<f4", "|b1", "|u1", "<f8"]) | st.text(max_size=4),
            "data": st.tuples(st.integers(-5, 2**65), st.booleans()) | st.none(),
            "stream": st.none() | st.integers(-3, 2**65) | st.booleans(),
        },
    )
)
def test_any_interface_is_understood_or_refused(fields: dict[str, Any]) -> None:
    try:
        seen = describe(Interface(**fields))
    except (TypeError, inlay.InvalidArgumentError):
        pass
    else:
        assert seen["shape"] == fields.get("shape", (2, 3))


def test_an_empty_array_of_an_interface_has_no_device_of_its_own() -> None:
    array = Interface(shape=(0,), data=(0, False))
    assert describe(array, device=2, memory_device=1)["device"] == 2
    assert describe(array, memory_device=1)["device"] == 0


# ---- torch -------------------------------------------------------------------------------------
FAKE_TORCH = """
import sys, types

class Tensor:
    is_meta = is_quantized = is_sparse = False
    layout = "torch.strided"
    requires_grad = False
    conj = neg = False
    is_cuda = True
    device = "cuda:1"
    def __init__(self, **fields):
        self.dtype = torch.float32
        self.shape, self._stride, self._data = (2, 3), (3, 1), 0x7000_0000_0000
        self.__dict__.update(fields)
    def get_device(self): return -1 if not self.is_cuda else 1
    def stride(self): return self._stride
    def data_ptr(self): return self._data
    def is_conj(self): return self.conj
    def is_neg(self): return self.neg

class Parameter(Tensor): pass

torch = types.ModuleType("torch")
torch.Tensor = Tensor
for name in ("float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2 int64 int32 int16 int8"
             " uint8 bool complex64 qint8 uint16").split():
    setattr(torch, name, types.SimpleNamespace(name=name, __repr__=None))
class Dtype(str): pass
for name in list(vars(torch)):
    if isinstance(getattr(torch, name), types.SimpleNamespace):
        setattr(torch, name, Dtype("torch." + name))
torch.version = types.SimpleNamespace(hip=None)
torch.cuda = types.SimpleNamespace(
    current_stream=lambda device: types.SimpleNamespace(cuda_stream=0x40 + device))
sys.modules["torch"] = torch
from inlay._cuda import describe

def refused(**fields):
    try:
        describe(Tensor(**fields))
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)
    else:
        print("understood")
"""


def with_fake_torch(code: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", FAKE_TORCH + textwrap.dedent(code)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_torch_tensors_are_read_by_their_attributes() -> None:
    lines = with_fake_torch("""
        seen = describe(Tensor())
        print(seen["route"], seen["shape"], seen["strides"], seen["device"], hex(seen["stream"]))
        print(seen["held"], seen["after"], hex(seen["pointer"]))
        print(describe(Parameter(requires_grad=True, dtype=torch.bfloat16))["dtype"])
        seen = describe(Tensor(), 0x50)
        print(hex(seen["stream"]), hex(seen["after"]))
        print(describe(Tensor(shape=(), _stride=()))["shape"])
    """)
    assert lines == [
        "torch (2, 3) (3, 1) 1 0x41",
        "False None 0x700000000000",
        "bfloat16",
        "0x50 0x41",
        "()",
    ]


def test_torch_tensors_that_cannot_be_read_are_named() -> None:
    lines = with_fake_torch("""
        refused(is_cuda=False, device="cpu")
        refused(is_cuda=False, is_meta=True, device="meta")
        def stride(self): raise RuntimeError("sparse tensors do not have strides")
        Sparse = type("Sparse", (Tensor,), {"stride": stride})
        try: describe(Sparse(layout="torch.sparse_coo"))
        except TypeError as error: print(error)
        refused(dtype=torch.qint8, is_quantized=True)
        refused(dtype=torch.complex64, conj=True)
        refused(dtype=torch.complex64)
        refused(neg=True)
        refused(_data=0)
        refused(dtype=torch.uint16)
    """)
    assert lines == [
        "TypeError a tensor that is not on a CUDA device: cpu",
        "TypeError a meta tensor has no elements",
        "a sparse tensor cannot be read; pass its values(): torch.sparse_coo",
        "TypeError a quantised tensor cannot be read; pass its dequantize(): torch.qint8",
        "TypeError a conjugated tensor cannot be read: torch.complex64",
        "TypeError elements of this type are not supported: torch.complex64",
        "TypeError a tensor whose memory holds its negative; pass tensor.resolve_neg(): is_neg()",
        "InvalidArgumentError a tensor without memory, of elements: 6",
        "TypeError elements of this type are not supported: torch.uint16",
    ]


def test_torch_of_rocm_is_refused() -> None:
    lines = with_fake_torch("torch.version.hip = '6.4'; refused()")
    assert lines == ["TypeError a tensor of ROCm; only CUDA devices are supported: torch for HIP"]


def test_real_torch_on_the_host_is_refused_by_name() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"not on a CUDA device: cpu|host memory"):
        describe(torch.zeros(3))
    with pytest.raises(TypeError, match="meta"):
        describe(torch.zeros(3, device="meta"))
    with pytest.raises(TypeError, match="sparse"):
        describe(torch.zeros(3).to_sparse())
