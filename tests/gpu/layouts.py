"""Element types and memory layouts of tensors on a device, and the same values on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FLOATS = ("float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "bool")
ELEMENTS = (*FLOATS, *INTEGERS)


def tensor(torch: Any, element: str, seed: int, shape: tuple[int, ...]) -> Any:
    """A tensor on the device; floats hold zeros, NaN and what infinities the type has."""
    rng = np.random.default_rng(seed)
    kind = getattr(torch, element)
    if element == "bool":
        return torch.from_numpy(rng.random(shape) < 0.3).to("cuda")
    if element in INTEGERS:
        limits = np.iinfo(element)
        small = rng.integers(-9 if limits.min else 0, 10, size=shape)
        wide = rng.integers(limits.min, limits.max, size=shape, endpoint=True)
        if element == "int64":
            wide >>= 10  # a double must hold each exactly
        return torch.from_numpy(np.where(rng.random(shape) < 0.5, small, wide)).to("cuda", kind)
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 2, size=shape)
    mark = rng.integers(0, 30, size=shape)
    values[mark == 0] = 0.0
    values[mark == 1] = np.nan
    if element != "float8_e4m3fn":
        values[mark == 2] = np.inf
        values[mark == 3] = -np.inf
    return torch.from_numpy(values).to("cuda").to(kind)


def host(torch: Any, on_device: Any) -> np.ndarray[Any, Any]:
    """The same values as an array of numpy, of the same layout of the values, each exactly."""
    on_device = on_device.detach()
    if on_device.dtype.is_floating_point and on_device.dtype != torch.float64:
        on_device = on_device.to(torch.float32)
    array: np.ndarray[Any, Any] = on_device.cpu().numpy()
    return array


#: Views of a two-dimensional tensor of at least 40 rows and 12 columns.
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "row major": lambda t: t,
    "column major": lambda t: t.t().contiguous().t(),
    "every third row": lambda t: t[::3],
    "every second column": lambda t: t[:, ::2],
    "columns 3 to 9, not aligned": lambda t: t[1:, 3:9],
    "a transposed view": lambda t: t.t(),
    "one row": lambda t: t[5:6],
    "one column": lambda t: t[:, 4:5],
    "one value for all": lambda t: t[7:8, 2:3].expand(50, 6),
    "one row for all": lambda t: t[9:10].expand(64, t.shape[1]),
    "no rows": lambda t: t[:0],
}
