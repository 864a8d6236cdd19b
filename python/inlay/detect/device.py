"""Tests of samples whose arrays lie on a CUDA device: what the kernels need, and what they say.

Every function waits for the device once, or twice if rows had to be left out.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inlay._cuda_runtime import is_device_array, native
from inlay._exceptions import InlayWarning, InvalidArgumentError
from inlay.detect.rows import named_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from inlay.detect.kernel import KernelSums

    Floats = npt.NDArray[np.float64]
    Numbers = npt.NDArray[np.int32]
    Kept = tuple[Numbers | None, Numbers | None]

__all__ = ["columns", "columns_of", "kernel_sums", "median", "moments", "powers"]

_ROUNDED = "numbers of more than 53 bits were rounded to the nearest double"
_MEDIAN_ROWS = 500
_MOST_CACHED = 1 << 24  # bytes of signs that are worth keeping


class _Sides:
    """Two sides on one device, of which some rows may be left out."""

    def __init__(self, reference: Any, current: Any, stream: Any) -> None:
        self._native = native()
        self._stream = stream
        device = self._native.tensor_facts(reference if is_device_array(reference) else current)[0]
        self._x, x_left = self._placed(reference, "reference", device)
        self._y, y_left = self._placed(current, "current", device)
        self.left_out = (x_left, y_left)
        self.n, self.dims = self._shape(self._x, "reference")
        self.m, dims = self._shape(self._y, "current")
        if self.dims != dims:
            message = f"reference has {self.dims} columns; current has {dims}"
            raise InvalidArgumentError(message)
        self.kept: Kept = (None, None)

    def _placed(self, side: Any, name: str, device: int) -> tuple[Any, int]:
        """Return a side on the device, and how many rows of one of the host were left out."""
        import numpy as np

        if is_device_array(side):
            return side, 0
        rows, left_out, _ = named_rows(side, name)
        return self._native.RowsOnDevice(np.ascontiguousarray(rows), device), left_out

    def _shape(self, side: Any, name: str) -> tuple[int, int]:
        return _rows_and_columns(self._native, side, name)

    def compute(self, function: str, options: Callable[[], dict[str, Any]], least: int) -> Any:
        """Call a native function with all rows and, where some are not finite, without those.

        Rows are looked at while they are computed with: most of the time all of them count, and
        the device is waited for once.

        Parameters
        ----------
        function : str
            Its name; it returns ``left_out`` and ``marks`` beside what it computes.
        options : callable
            Gives its options for `n` and `m` as they are then.
        least : int
            Rows that either side must have.

        Returns
        -------
        dict or None
            None if a side has fewer rows.
        """
        import numpy as np

        for _ in range(2):
            if min(self.n, self.m) < least:
                return None
            found = getattr(self._native, function)(
                self._x, self._y, kept=self.kept, stream=self._stream, **options()
            )
            if found["left_out"] == (0, 0):
                return found
            x, y = (
                np.flatnonzero(np.frombuffer(marks, dtype=np.uint8) == 0).astype(np.int32)
                for marks in found["marks"]
            )
            self.kept = (x, y)
            self.left_out = (
                self.left_out[0] + found["left_out"][0],
                self.left_out[1] + found["left_out"][1],
            )
            self.n, self.m = len(x), len(y)
        message = "rows on the device changed while they were compared"
        raise InvalidArgumentError(message)


def columns(x: Any, y: Any, stream: Any) -> list[dict[str, Any]]:
    """Return the fields of `TwoSample` of each column of two arrays, one of them on a device."""
    module = native()
    device = module.tensor_facts(x if is_device_array(x) else y)[0]
    compared = module.two_samples(
        _column_side(module, x, device), _column_side(module, y, device), stream=stream
    )
    rounded = sum(count for _, count in compared)
    if rounded:
        warnings.warn(f"{_ROUNDED}: {rounded}", InlayWarning, stacklevel=4)
    return [fields for fields, _ in compared]


def _column_side(module: Any, values: Any, device: int) -> Any:
    import numpy as np

    if is_device_array(values):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        message = f"expected numbers beside an array on a device: {type(values).__name__}"
        raise TypeError(message)
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    return module.RowsOnDevice(np.ascontiguousarray(array), device)


def kernel_sums(
    reference: Any,
    current: Any,
    *,
    gaussian: bool,
    bandwidth: float | None,
    permutations: int,
    seed: int,
    least: int,
    stream: Any,
) -> KernelSums:
    """Return what `inlay.detect.kernel` sums over tiles of the kernel matrix."""
    import numpy as np

    from inlay.detect.kernel import KernelSums

    sides = _Sides(reference, current, stream)

    def options() -> dict[str, Any]:
        return {
            "gaussian": gaussian,
            "bandwidth": bandwidth or 0.0,
            "chosen": _chosen(sides.n + sides.m, seed),
            "signs": _signs(sides.n, sides.m, permutations, seed),
        }

    found = sides.compute("kernel_forms", options, least)
    n, m = sides.n, sides.m
    sums = KernelSums(n=n, m=m, left_out=sides.left_out, scale=0.0)
    if found is None:
        return sums
    scale = float(bandwidth or found["median"])
    sums.scale = scale
    if scale == 0.0 or not np.isfinite(scale):
        return sums
    # The weights of a split times `unit` are its signs and a constant more.
    more = (m - n) / (n + m)
    unit = 2.0 * n * m / (n + m)
    forms, linear = (np.frombuffer(found[name], dtype=np.float64) for name in ("forms", "linear"))
    total = found["total"]
    sums.add(
        (forms + 2.0 * more * linear + more * more * total) / (unit * unit),
        of_side=(linear + total) / 2.0,
        everything=total,
        offset=found["offset"],
    )
    return sums


def columns_of(rows: Any) -> int:
    """Return how many columns an array on a device has; one of one dimension has one."""
    return _rows_and_columns(native(), rows, "rows")[1]


def _rows_and_columns(module: Any, side: Any, name: str) -> tuple[int, int]:
    shape = module.tensor_facts(side)[1]
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] == 0):
        message = f"{name} must have the shape (rows, columns): {tuple(shape)}"
        raise InvalidArgumentError(message)
    return int(shape[0]), int(shape[1]) if len(shape) == 2 else 1


def median(rows: Any, seed: int, stream: Any) -> tuple[float, int]:
    """Return the median distance between rows, and how many of them are finite."""
    import numpy as np

    module = native()
    count = _rows_and_columns(module, rows, "rows")[0]
    kept = None
    for _ in range(2):
        if count == 0:
            break
        found = module.median_distance(rows, chosen=_chosen(count, seed), kept=kept, stream=stream)
        if found["left_out"] == (0, 0):
            return float(found["median"]), count
        marks = np.frombuffer(found["marks"][0], dtype=np.uint8)
        kept = np.flatnonzero(marks == 0).astype(np.int32)
        count = len(kept)
    return 0.0, count


def powers(
    reference: Any, current: Any, *, p: int, directions: Callable[[int], Floats], stream: Any
) -> tuple[int, int, tuple[int, int], Floats | None]:
    """Return rows of both sides, those left out, and the distances to the p-th power.

    `directions` gives the directions for a number of columns; None if a side has no rows.
    """
    import numpy as np

    sides = _Sides(reference, current, stream)
    seen_from = np.ascontiguousarray(directions(sides.dims))
    found = sides.compute("sliced_distances", lambda: {"directions": seen_from, "p": p}, 1)
    if found is None:
        return sides.n, sides.m, sides.left_out, None
    return sides.n, sides.m, sides.left_out, np.frombuffer(found["powers"], dtype=np.float64)


def moments(
    reference: Any, current: Any, *, fourth: bool, stream: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return of either side the finite rows, those left out, mean, scatter and, if wanted, fourth.

    The last is the sum of the squares of the squared lengths of rows less the mean.
    """
    import numpy as np

    sides = _Sides(reference, current, stream)
    out = []
    for rows, count, before in (
        (sides._x, sides.n, sides.left_out[0]),
        (sides._y, sides.m, sides.left_out[1]),
    ):
        found = native().row_moments(rows, fourth=fourth, stream=stream)
        out.append(
            {
                "count": count - found["left_out"],
                "left_out": before + found["left_out"],
                "mean": np.frombuffer(found["mean"], dtype=np.float64),
                "scatter": np.frombuffer(found["scatter"], dtype=np.float64).reshape(
                    sides.dims, sides.dims
                ),
                "fourth": found["fourth"],
            }
        )
    return out[0], out[1]


@functools.lru_cache(maxsize=16)
def _chosen(total: int, seed: int) -> Numbers:
    """Return the rows that `median_distance` of the host takes its sample from."""
    import numpy as np

    if total <= _MEDIAN_ROWS:
        return np.arange(total, dtype=np.int32)
    drawn = np.random.default_rng(seed).choice(total, _MEDIAN_ROWS, replace=False)
    return np.sort(drawn).astype(np.int32)


def _signs(n: int, m: int, permutations: int, seed: int) -> npt.NDArray[np.int8]:
    """Return a row of signs for each row: 1 where a split takes it for the reference, else -1."""
    few = (n + m) * (permutations + 1) <= _MOST_CACHED
    return (_kept_signs if few else _drawn_signs)(n, m, permutations, seed)


def _drawn_signs(n: int, m: int, permutations: int, seed: int) -> npt.NDArray[np.int8]:
    import numpy as np

    from inlay.detect.kernel import split_labels

    signs = split_labels(n, m, permutations, seed).view(np.int8)
    signs *= 2
    signs -= 1
    return signs


# Windows of one size, compared with one reference, draw the same permutations.
_kept_signs = functools.lru_cache(maxsize=2)(_drawn_signs)
