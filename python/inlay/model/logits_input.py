"""Arrays that go with logits on the CPU, as the core reads them and as results are written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._host_tensor import host_array, host_tensor
from inlay.model.logits_rows import OUT_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["chosen_array", "logits_array", "mask_array", "mask_of", "out_array"]


def logits_array(logits: Any) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """Return logits of shape (rows, columns), and the shape in which they were given.

    They are float16, float32, float64, or bfloat16 as uint16. An empty list is no rows.

    Raises
    ------
    TypeError
        If they are no floats.
    InvalidArgumentError
        If they have no dimension.
    """
    import numpy as np

    array = _as_array(logits)
    if array.shape == (0,):
        return np.empty((0, 0), np.float32), (0, 0)
    if array.dtype.name == "bfloat16":  # as ml_dtypes and JAX call it
        array = array.view(np.uint16)
    elif array.dtype.kind != "f" and not _is_torch_brain(logits):
        message = f"logits are float16, bfloat16, float32 or float64, not {array.dtype}"
        raise TypeError(message)
    if array.dtype.itemsize > 8 or not array.dtype.isnative:
        message = f"logits are float16, bfloat16, float32 or float64, not {array.dtype}"
        raise TypeError(message)
    if array.ndim == 0:
        message = f"logits have at least one dimension, the last for the tokens: {array.shape}"
        raise InvalidArgumentError(message)
    if any(stride % array.itemsize for stride in array.strides):
        array = np.ascontiguousarray(array)
    rows = 1
    for size in array.shape[:-1]:
        rows *= size
    return array.reshape(rows, array.shape[-1]), array.shape


def chosen_array(chosen: Any, shape: tuple[int, ...], rows: int) -> npt.NDArray[Any]:
    """Return chosen tokens as packed int64, one a row; -1 where they are masked or missing.

    `shape` is that of the logits.

    Raises
    ------
    TypeError
        If they are no integers.
    InvalidArgumentError
        If they are not one a row.
    """
    import numpy as np

    array = _as_array(chosen)
    if array.size == 0:  # of no rows, whatever numpy makes of a list
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        message = f"chosen tokens are integers, not {array.dtype}"
        raise TypeError(message)
    if array.size != rows:
        message = f"chosen tokens are one a row of logits, for {rows} rows, not {array.size}"
        raise InvalidArgumentError(message)
    if array.shape not in (shape[:-1], (*shape[:-1], 1), (rows,)):
        message = f"chosen tokens are one a row of logits of shape {shape}, not of {array.shape}"
        raise InvalidArgumentError(message)
    if array.dtype == np.uint64:  # beyond every vocabulary stays so
        array = np.minimum(array, np.uint64(2**63 - 1))
    packed = np.ascontiguousarray(array, np.int64).reshape(rows)
    masked = mask_of(chosen)
    return packed if masked is None else np.where(masked.reshape(rows), -1, packed)


def mask_array(mask: Any, shape: tuple[int, ...], rows: int) -> npt.NDArray[Any]:
    """Return a mask of shape (rows, columns), from one that broadcasts to the logits' shape.

    Raises
    ------
    TypeError
        If it is not of booleans.
    InvalidArgumentError
        If its shape does not fit.
    """
    import numpy as np

    array = _as_array(mask)
    if array.dtype != np.bool_ and array.dtype != np.uint8:
        message = f"a mask is of bool or uint8, not {array.dtype}"
        raise TypeError(message)
    try:
        spread = np.broadcast_to(array, shape)
    except ValueError:
        message = f"a mask broadcasts to the shape of its logits, {shape}: {array.shape}"
        raise InvalidArgumentError(message) from None
    return spread.reshape(rows, shape[-1]).view(np.uint8)


def mask_of(values: Any) -> npt.NDArray[np.bool_] | None:
    """Return where a masked array of numpy is masked; None for whatever is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(values, numpy.ma.MaskedArray):
        return None
    found: npt.NDArray[np.bool_] = numpy.ma.getmaskarray(values)
    return found


def out_array(out: Any, rows: int) -> npt.NDArray[np.float32]:
    """Return the memory that results of rows go to, of shape (rows, 8).

    Raises
    ------
    TypeError
        If it is no array of float32.
    InvalidArgumentError
        If its shape is another, or it cannot be written to.
    """
    import numpy as np

    tensor = host_tensor(out)
    array = out if tensor is None else tensor.numpy()
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = getattr(out, "dtype", None) or type(out).__name__
        message = f"results of rows go to an array of float32, not {kind}"
        raise TypeError(message)
    if array.shape != (rows, len(OUT_COLUMNS)):
        message = f"results of rows go to an array of shape ({rows}, 8), not {array.shape}"
        raise InvalidArgumentError(message)
    if not array.flags.writeable:
        message = "results of rows go to an array that can be written to; it is read-only"
        raise InvalidArgumentError(message)
    return array


def _is_torch_brain(values: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and getattr(values, "dtype", None) is torch.bfloat16


def _as_array(values: Any) -> npt.NDArray[Any]:
    import numpy as np

    tensor = host_tensor(values)
    if tensor is None:
        if isinstance(values, (list, tuple)) and any(
            hasattr(v, "__torch_function__") for v in values
        ):
            return np.stack([v if (a := host_array(v)) is None else a for v in values])
        return np.asarray(values)
    if tensor.is_floating_point() and tensor.dtype.itemsize == 1:
        message = f"logits are float16, bfloat16, float32 or float64, not {tensor.dtype}"
        raise TypeError(message)
    if _is_torch_brain(tensor):
        bits: npt.NDArray[Any] = tensor.view(sys.modules["torch"].int16).numpy()
        return bits.view(np.uint16)
    array: npt.NDArray[Any] = tensor.numpy()
    return array
