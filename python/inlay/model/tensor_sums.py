"""What the elements of one tensor come to; counted here where it is on the CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inlay._host_tensor import host_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TensorSums", "sums_on_host"]

# Elements of a tensor on the CPU that are looked at in one go: a few MiB as doubles.
_PIECE = 1 << 19

# Of ml_dtypes and JAX; numpy does not know them for floats.
_NARROW_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


@dataclass(frozen=True, slots=True)
class TensorSums:
    """What the elements of one tensor came to.

    Attributes
    ----------
    count : int
        Finite elements.
    nan_count, pos_inf_count, neg_inf_count : int
        What is counted apart.
    zero_count : int
        Zeros of either sign; `count` includes them.
    sum_of_squares : float
        Of finite elements.
    max_abs : float or None
        Largest magnitude of a finite element; None without any.
    """

    count: int = 0
    nan_count: int = 0
    pos_inf_count: int = 0
    neg_inf_count: int = 0
    zero_count: int = 0
    sum_of_squares: float = 0.0
    max_abs: float | None = None

    @property
    def norm(self) -> float | None:
        """Euclidean norm of all finite elements so far; None without any."""
        return math.sqrt(self.sum_of_squares) if self.count else None

    @property
    def rms(self) -> float | None:
        """Root of the mean square of finite elements; None without any."""
        return math.sqrt(self.sum_of_squares / self.count) if self.count else None

    @property
    def zero_fraction(self) -> float | None:
        """Share of the finite elements that are zero; None without any."""
        return self.zero_count / self.count if self.count else None

    def plus(self, other: TensorSums) -> TensorSums:
        """Return what both came to."""
        largest = [m for m in (self.max_abs, other.max_abs) if m is not None]
        return TensorSums(
            self.count + other.count,
            self.nan_count + other.nan_count,
            self.pos_inf_count + other.pos_inf_count,
            self.neg_inf_count + other.neg_inf_count,
            self.zero_count + other.zero_count,
            self.sum_of_squares + other.sum_of_squares,
            max(largest) if largest else None,
        )


def sums_on_host(tensor: Any) -> TensorSums:
    """Return what a tensor on the CPU comes to."""
    out = TensorSums()
    for piece in _pieces(tensor):
        out = out.plus(_sums_of(piece))
    return out


def _sums_of(values: Any) -> TensorSums:
    """Return what an array of doubles comes to."""
    import numpy as np

    finite = values[np.isfinite(values)]
    rest = values.size - finite.size
    nan = pos_inf = 0
    if rest:
        nan = int(np.count_nonzero(np.isnan(values)))
        pos_inf = int(np.count_nonzero(values == np.inf))
    largest = float(np.max(np.abs(finite))) if finite.size else None
    with np.errstate(over="ignore", under="ignore"):
        squares = float(np.dot(finite, finite))
    return TensorSums(
        int(finite.size),
        nan,
        pos_inf,
        rest - nan - pos_inf,
        int(np.count_nonzero(finite == 0)),
        squares,
        largest,
    )


def _pieces(values: Any) -> Iterator[Any]:
    """Give a tensor's elements as doubles, a few at a time."""
    import numpy as np

    tensor = host_tensor(values)
    if tensor is not None:
        flat = tensor.reshape(-1)
        for at in range(0, len(flat), _PIECE):
            yield flat[at : at + _PIECE].double().numpy()
        return
    array = np.asarray(values)
    if isinstance(values, np.ma.MaskedArray):
        array = values.compressed()
    if array.dtype.kind not in "fiub" and array.dtype.name not in _NARROW_FLOATS:
        message = f"tensors are of numbers, got {array.dtype} of {type(values).__name__}"
        raise TypeError(message)
    flat = array.reshape(-1)
    for at in range(0, flat.size, _PIECE):
        yield flat[at : at + _PIECE].astype(np.float64)
