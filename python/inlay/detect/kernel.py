"""Kernel statistics of two samples of rows, with all permutations as one tiled matrix product."""

from __future__ import annotations

import dataclasses
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay.detect.row_statistic import RowStatistic
from inlay.detect.rows import two_sides

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from inlay.detect.rows import Matrix

    Floats = npt.NDArray[np.float64]

__all__ = ["KernelSums", "energy_distance", "median_distance", "mmd", "split_labels"]

_TILE = 512  # 1 MiB of float32: a tile of the kernel matrix
_MEDIAN_ROWS = 500
# Scaled rows are clipped here, so that their squares stay within a float32. What lies farther from
# the middle than this many bandwidths is far from everything else all the same.
_FAR = 1e15
# Kernels are at most about 1 and summed from float32: statistics closer than this are equal, which
# counts a permutation as one that reached the value.
_TIE = 2e-7


def mmd(
    reference: Any,
    current: Any,
    *,
    bandwidth: float | None = None,
    estimator: str = "unbiased",
    permutations: int = 100,
    seed: int = 0,
    stream: Any = None,
) -> RowStatistic:
    """Maximum mean discrepancy with a Gaussian kernel, and its permutation test.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        Rows; tables, matched by the names of their columns, and Arrow columns of lists too. Rows
        with NaN, an infinity or a null are left out and counted. Tensors on a CUDA device are
        computed with there.
    bandwidth : float, optional
        Sigma of the kernel ``exp(-|x - y|**2 / (2 * sigma**2))``, in the unit of the values. By
        default the median distance between the rows of a seeded sample of 500 of both sides.
    estimator : {"unbiased", "biased"}, default "unbiased"
        Whether the value is the mean over pairs of different rows, which may be negative, or over
        all pairs, which is not.
    permutations : int, default 100
        How many random splits the p-value rests on: ``(1 + as large) / (1 + permutations)``, which
        is valid for any number. 0 gives none.
    seed : int, default 0
        Of the sample and of the permutations.
    stream : int or object, optional
        For tensors on a CUDA device: the stream to work on, by default the producer's current one.

    Returns
    -------
    RowStatistic
        ``value`` is the squared discrepancy. ``details`` has ``bandwidth``, ``estimator`` and
        ``permutations``. Undefined: ``"empty"``, ``"insufficient"`` (unbiased, and a side has one
        row), ``"constant"`` (no bandwidth: all sampled rows are equal), ``"overflow"``.

    Raises
    ------
    InvalidArgumentError
        If an option is none of the above, or the sides differ in their columns.
    TypeError
        If a side does not hold numbers.
    CudaUnavailableError
        If a side is on a CUDA device and kernels cannot run here.

    Notes
    -----
    O((n + m)**2 (d + permutations)) in float32, sums in float64: within 1e-5 of the same in float64
    throughout. Of the kernel matrix one tile of 512 by 512 is held at a time and tiles below
    the diagonal are not computed; beside one float32 copy of the rows it takes some 3 MiB, and
    ``(n + m) * permutations`` bytes. Deterministic under a seed to the rounding of the BLAS.

    Tensors on a CUDA device stay there, with tiles of 128 by 128: one float32 copy of the rows, 128
    bytes a row for every 127 splits and some 20 MiB, permutations as on the host, and bit for bit
    the same result every time on one kind of device. The call waits for the device once, twice if
    rows are left out. A side on the host is copied to the other's device.

    References
    ----------
    A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample Test",
    JMLR 13 (2012), eq. 3 and 5, and section 8 for the median.

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> reference, current = rng.normal(size=(300, 8)), rng.normal(0.5, 1.0, size=(200, 8))
    >>> result = inlay.detect.mmd(reference, current)
    >>> round(result.value, 3), round(result.p_value, 3)
    (0.081, 0.01)
    """
    if estimator not in ("unbiased", "biased"):
        message = f"estimator must be unbiased or biased: {estimator!r}"
        raise InvalidArgumentError(message)
    if bandwidth is not None and not (math.isfinite(bandwidth) and bandwidth > 0.0):
        message = f"bandwidth must be positive and finite: {bandwidth!r}"
        raise InvalidArgumentError(message)
    permutations = at_least("permutations", permutations, 0)
    seed = at_least("seed", seed, 0)
    least = 2 if estimator == "unbiased" else 1
    sums = _kernel_sums(
        reference,
        current,
        gaussian=True,
        bandwidth=bandwidth,
        permutations=permutations,
        seed=seed,
        least=least,
        stream=stream,
    )
    n, m = sums.n, sums.m

    def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
        return RowStatistic(
            method="mmd",
            value=value,
            p_value=more.pop("p_value", None),
            reason=reason,
            n=m,
            n_reference=n,
            left_out=sums.left_out,
            details=MappingProxyType({**more, "estimator": estimator}),
        )

    reason = sums.undefined(least)
    if reason is not None:
        return made(None, reason)
    assert sums.forms is not None
    statistics = sums.forms
    if estimator == "unbiased":
        # The diagonal's ones leave both means; the rest is what the biased one has already.
        x_means = (sums.x_sums - n) / (n * (n - 1.0))
        y_means = (sums.y_sums - m) / (m * (m - 1.0))
        statistics = statistics + (x_means - 1.0) / n + (y_means - 1.0) / m
    return made(
        float(statistics[0]),
        bandwidth=float(sums.scale),
        permutations=permutations,
        p_value=_p_value(statistics),
    )


def energy_distance(
    reference: Any,
    current: Any,
    *,
    permutations: int = 100,
    seed: int = 0,
    stream: Any = None,
) -> RowStatistic:
    """Energy distance of two samples of rows, and its permutation test.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        As for `mmd`.
    permutations : int, default 100
        As for `mmd`.
    seed : int, default 0
        Of the permutations.
    stream : int or object, optional
        As for `mmd`.

    Returns
    -------
    RowStatistic
        ``value`` is the root of ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` over all pairs, in the unit
        of the root of the values; of one column the same as `TwoSample.energy`, to the rounding of
        float32. Undefined: ``"empty"``, ``"constant"``, ``"overflow"``.

    Raises
    ------
    InvalidArgumentError
        If `permutations` or `seed` is negative, or the sides differ in their columns.
    TypeError
        If a side does not hold numbers.

    Notes
    -----
    Time and memory as `mmd`. No bandwidth to choose, but a few far rows weigh more.

    References
    ----------
    G. J. Székely, M. L. Rizzo, "Energy Statistics: A Class of Statistics Based on Distances",
    Journal of Statistical Planning and Inference 143 (2013).

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> reference, current = rng.normal(size=(300, 8)), rng.normal(0.5, 1.0, size=(200, 8))
    >>> round(inlay.detect.energy_distance(reference, current).p_value, 3)
    0.01
    """
    permutations = at_least("permutations", permutations, 0)
    seed = at_least("seed", seed, 0)
    sums = _kernel_sums(
        reference,
        current,
        gaussian=False,
        bandwidth=None,
        permutations=permutations,
        seed=seed,
        least=1,
        stream=stream,
    )

    def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
        return RowStatistic(
            method="energy_distance",
            value=value,
            p_value=more.pop("p_value", None),
            reason=reason,
            n=sums.m,
            n_reference=sums.n,
            left_out=sums.left_out,
            details=MappingProxyType(more),
        )

    reason = sums.undefined(1)
    if reason is not None:
        return made(None, reason)
    assert sums.forms is not None
    value = math.sqrt(max(0.0, float(sums.forms[0])) * sums.scale)
    return made(value, permutations=permutations, p_value=_p_value(sums.forms))


@dataclasses.dataclass(slots=True)
class KernelSums:
    """Sums of a kernel over both sides, for each split; `forms` is None where there are none.

    With the weights w of a split, 1 / n on one side and -1 / m on the other, a form is w' K w, the
    V-statistic. `x_sums` and `y_sums` are those within either side. `scale` is the bandwidth, or
    the unit of distances.
    """

    n: int
    m: int
    left_out: tuple[int, int]
    scale: float
    forms: Floats | None = None
    x_sums: Any = None
    y_sums: Any = None

    def add(self, forms: Floats, *, of_side: Floats, everything: float, offset: float) -> None:
        """Take in the forms of K less an offset, its sums over each split's side, and over all."""
        n, m = self.n, self.m
        both = 1.0 / n + 1.0 / m
        x_sums = (forms + 2.0 * both * of_side / m - everything / (m * m)) / (both * both)
        y_sums = everything - 2.0 * of_side + x_sums
        self.forms = forms
        self.x_sums, self.y_sums = x_sums + offset * n * n, y_sums + offset * m * m

    def undefined(self, least: int) -> str | None:
        """Say why there is no statistic, if there is none."""
        if min(self.n, self.m) == 0:
            return "empty"
        if min(self.n, self.m) < least:
            return "insufficient"
        if self.scale == 0.0:
            return "constant"
        return None if math.isfinite(self.scale) else "overflow"


def _kernel_sums(
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
    if is_device_array(reference) or is_device_array(current):
        from inlay.detect import device

        return device.kernel_sums(
            reference,
            current,
            gaussian=gaussian,
            bandwidth=bandwidth,
            permutations=permutations,
            seed=seed,
            least=least,
            stream=stream,
        )
    import numpy as np

    x, y, left_out = two_sides(reference, current)
    sums = KernelSums(n=len(x), m=len(y), left_out=left_out, scale=0.0)
    if min(sums.n, sums.m) < least:
        return sums
    median, middle = median_distance(x, y, seed)
    sums.scale = median if bandwidth is None else bandwidth
    if sums.scale == 0.0 or not math.isfinite(sums.scale):
        return sums

    def negative_distance(k: Matrix) -> None:
        np.negative(k, out=k)
        np.sqrt(k, out=k)
        np.negative(k, out=k)

    def exponential(k: Matrix) -> None:
        np.exp(k, out=k)

    rows = _pooled(x, y, middle, sums.scale * (math.sqrt(2.0) if gaussian else 1.0))
    labels = split_labels(sums.n, sums.m, permutations, seed)
    if gaussian:
        _sum_tiles(sums, rows, labels, exponential, 1.0)
    else:
        _sum_tiles(sums, rows, labels, negative_distance, 0.0)
    return sums


def median_distance(x: Matrix, y: Matrix, seed: int) -> tuple[float, Floats]:
    """Return the median distance between rows of a seeded sample of both sides, and their middle.

    Where most rows are equal it is that of those which are not; 0 if all are equal. The middle is
    the median of each column: neither is moved by a few rows, however far they lie.
    """
    import numpy as np

    total = len(x) + len(y)
    chosen = np.arange(total)
    if total > _MEDIAN_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(total, _MEDIAN_ROWS, replace=False))
    first = chosen[chosen < len(x)]
    rows = np.concatenate([x[first], y[chosen[len(first) :] - len(x)]]).astype(np.float64)
    middle: Floats = np.median(rows / 2.0, axis=0) * 2.0  # halves, so that none overflow
    # In units of what most rows measure, so that squares stay within a double.
    sizes = np.abs(rows / 2.0 - middle / 2.0).max(axis=1)
    if not sizes.any():
        return 0.0, middle
    unit = float(np.median(sizes)) or float(np.median(sizes[sizes > 0.0]))
    rows = np.clip((rows / 2.0 - middle / 2.0) / unit, -_FAR, _FAR)
    squares = np.einsum("ij,ij->i", rows, rows)
    sums = squares[:, None] + squares[None, :]
    distances = sums - 2.0 * (rows @ rows.T)
    # Equal rows come out as the rounding of their squares.
    distances[distances <= 1e-14 * sums] = 0.0
    pairs = distances[np.triu_indices(len(rows), 1)]
    median = float(np.median(pairs)) if pairs.size else 0.0
    if median == 0.0:
        apart = pairs[pairs > 0.0]
        median = float(np.median(apart)) if apart.size else 0.0
    return math.sqrt(median) * unit * 2.0, middle


def _pooled(x: Matrix, y: Matrix, middle: Floats, scale: float) -> npt.NDArray[np.float32]:
    """Both sides below each other, less the middle, over the scale; by blocks in float64."""
    import numpy as np

    n = len(x)
    rows = np.empty((n + len(y), x.shape[1]), dtype=np.float32)
    for side, start in ((x, 0), (y, n)):
        for at in range(0, len(side), _TILE):
            block = side[at : at + _TILE] / 2.0 - middle / 2.0
            np.divide(block, scale / 2.0, out=block)
            np.clip(block, -_FAR, _FAR, out=block)
            rows[start + at : start + at + len(block)] = block
    return rows


def split_labels(n: int, m: int, permutations: int, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows each split takes for the reference: column 0 is the split as it is."""
    import numpy as np

    rng = np.random.default_rng([seed, 1])
    labels = np.zeros((n + m, permutations + 1), dtype=np.bool_)
    labels[:n, 0] = True
    for column in range(1, permutations + 1):
        labels[rng.permutation(n + m)[:n], column] = True
    return labels


def _sum_tiles(
    sums: KernelSums,
    rows: npt.NDArray[np.float32],
    labels: npt.NDArray[np.bool_],
    kernel: Callable[[Any], object],
    diagonal: float,
) -> None:
    """Add up the kernel of all pairs, tile by tile, for each split.

    Weights of a split add up to 0, so that a constant taken off K changes nothing and float32 sums
    little. `kernel` turns negative squared distances into kernels in place.
    """
    import numpy as np

    n, m = sums.n, sums.m
    total, dims = rows.shape
    splits = labels.shape[1]
    plus, minus = 2.0 * m / total, 2.0 * n / total  # the weights times `unit`
    unit = 2.0 * n * m / total
    squares = np.einsum("ij,ij->i", rows, rows)
    forms = np.zeros(splits)
    row_sums = np.zeros(total)
    offset: np.float32 | None = None

    def weights(part: slice) -> Matrix:
        made = np.ones((len(rows[part]), splits + 1), dtype=np.float32)  # ones for the row sums
        made[:, :splits] = np.where(labels[part], np.float32(plus), np.float32(-minus))
        return made

    # |a - b|^2 in one product: (2 a, -|a|^2, -1) (b, 1, |b|^2)'.
    left = np.empty((_TILE, dims + 2), dtype=np.float32)
    right = np.empty((_TILE, dims + 2), dtype=np.float32)
    memory = np.empty((_TILE * _TILE,), dtype=np.float32)
    for i in range(0, total, _TILE):
        down = slice(i, min(i + _TILE, total))
        height = down.stop - i
        np.multiply(rows[down], 2.0, out=left[:height, :dims])
        left[:height, dims] = -squares[down]
        left[:height, dims + 1] = -1.0
        own = weights(down)
        for j in range(i, total, _TILE):
            across = slice(j, min(j + _TILE, total))
            width = across.stop - j
            right[:width, :dims] = rows[across]
            right[:width, dims] = 1.0
            right[:width, dims + 1] = squares[across]
            tile = memory[: height * width].reshape(height, width)
            np.matmul(left[:height], right[:width].T, out=tile)
            np.minimum(tile, 0.0, out=tile)
            kernel(tile)
            if i == j:
                np.fill_diagonal(tile, diagonal)
            if offset is None:
                offset = tile.mean(dtype=np.float64).astype(np.float32)
            tile -= offset
            others = own if i == j else weights(across)
            product = tile @ others
            row_sums[down] += product[:, splits]
            if i != j:
                row_sums[across] += tile.sum(axis=0, dtype=np.float64)
            product *= own
            twice = 1.0 if i == j else 2.0
            forms += twice * product[:, :splits].sum(axis=0, dtype=np.float64)
    assert offset is not None  # there are rows
    forms /= unit * unit
    of_side = np.array([row_sums[labels[:, split]].sum() for split in range(splits)])
    sums.add(forms, of_side=of_side, everything=float(row_sums.sum()), offset=float(offset))


def _p_value(statistics: Floats) -> float | None:
    if len(statistics) == 1:
        return None
    reached = int((statistics[1:] >= statistics[0] - _TIE).sum())
    return (1 + reached) / len(statistics)
