"""Statistics of two samples of rows by their means and covariances."""

from __future__ import annotations

import dataclasses
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay.detect.row_statistic import RowStatistic
from inlay.detect.rows import two_sides

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from inlay.detect.rows import Matrix

    Floats = npt.NDArray[np.float64]

__all__ = ["frechet", "frechet_of", "hotelling", "mahalanobis", "mean_and_scatter", "shrinkage"]

_BLOCK = 4096


def mean_and_scatter(rows: Matrix) -> tuple[Floats, Floats]:
    """Return the mean, and the sum of the outer products of what rows lack to it, in float64.

    Block by block, so that a float32 side is never copied as a whole.
    """
    import numpy as np

    dims = rows.shape[1]
    mean = rows.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((dims, dims))
    for at in range(0, len(rows), _BLOCK):
        block = rows[at : at + _BLOCK].astype(np.float64)
        block -= mean
        scatter += block.T @ block
    return mean, scatter


@dataclasses.dataclass(slots=True)
class _Side:
    """What is known of a side: finite rows, mean, and the sum of outer products around it.

    `fourth` is the sum of the squares of the squared lengths of rows less the mean.
    """

    count: int
    left_out: int
    mean: Floats
    scatter: Floats
    fourth: float


def _sides(reference: Any, current: Any, *, fourth: bool, stream: Any) -> tuple[_Side, _Side]:
    if is_device_array(reference) or is_device_array(current):
        from inlay.detect import device

        found = device.moments(reference, current, fourth=fourth, stream=stream)
        return _Side(**found[0]), _Side(**found[1])
    import numpy as np

    x, y, left_out = two_sides(reference, current)
    sides = []
    with np.errstate(over="ignore", invalid="ignore"):
        for rows, left in zip((x, y), left_out, strict=True):
            if len(rows):
                mean, scatter = mean_and_scatter(rows)
            else:
                dims = rows.shape[1]
                mean, scatter = np.zeros(dims), np.zeros((dims, dims))
            more = _fourth(rows, mean) if fourth else 0.0
            sides.append(_Side(len(rows), left, mean, scatter, more))
    return sides[0], sides[1]


def _fourth(rows: Matrix, mean: Floats) -> float:
    import numpy as np

    fourth = 0.0
    for at in range(0, len(rows), _BLOCK):
        block = rows[at : at + _BLOCK].astype(np.float64) - mean
        fourth += float((np.einsum("ij,ij->i", block, block) ** 2).sum())
    return fourth


def frechet_of(mean_x: Floats, cov_x: Floats, mean_y: Floats, cov_y: Floats) -> float:
    """Return the squared Fréchet distance of two normal laws.

    The root of a product of covariances, which need not be symmetric, is taken as that of
    ``S1**(1/2) S2 S1**(1/2)``, which is: eigenvalues below zero are rounding and count as zero.
    """
    import numpy as np

    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    inner = root @ cov_y @ root
    inner = (inner + inner.T) / 2.0
    trace = float(np.sqrt(np.maximum(np.linalg.eigvalsh(inner), 0.0)).sum())
    apart = mean_x - mean_y
    squared = float(apart @ apart) + float(np.trace(cov_x) + np.trace(cov_y)) - 2.0 * trace
    return max(0.0, squared)


def frechet(reference: Any, current: Any, *, stream: Any = None) -> RowStatistic:
    """Squared Fréchet distance between normal laws of either side's mean and covariance.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        Rows; tables, matched by the names of their columns, and Arrow columns of lists too. Rows
        with NaN, an infinity or a null are left out and counted. Of tensors on a CUDA device mean
        and covariance are taken there, in float64, and the rest on the host.
    stream : int or object, optional
        For tensors on a CUDA device: the stream to work on, by default the producer's current one.

    Returns
    -------
    RowStatistic
        ``value`` is the squared distance, in the square of the unit of the values, as the Fréchet
        Inception Distance is; ``details`` has ``mean_part``, the squared distance of the means.
        Undefined: ``"empty"``, ``"insufficient"`` (a side has one row), ``"overflow"``.

    Raises
    ------
    InvalidArgumentError
        If the sides differ in their columns.
    TypeError
        If a side does not hold numbers.
    CudaUnavailableError
        If a side is on a CUDA device and kernels cannot run here.

    Notes
    -----
    By eigenvalues of symmetric matrices in float64: real, and defined for covariances without an
    inverse. Biased upwards by few rows: compare values of equal numbers of rows only. It has no
    p-value.

    References
    ----------
    D. C. Dowson, B. V. Landau, "The Fréchet Distance between Multivariate Normal Distributions",
    Journal of Multivariate Analysis 12 (1982).

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> rows = rng.normal(size=(1_000, 4))
    >>> round(inlay.detect.frechet(rows, rows + 1.0).value, 6)
    4.0
    """
    import numpy as np

    x, y = _sides(reference, current, fourth=False, stream=stream)
    n, m = x.count, y.count

    def made(value: float | None, reason: str | None = None, **details: float) -> RowStatistic:
        return RowStatistic(
            method="frechet",
            value=value,
            p_value=None,
            reason=reason,
            n=m,
            n_reference=n,
            left_out=(x.left_out, y.left_out),
            details=MappingProxyType(details),
        )

    if n == 0 or m == 0:
        return made(None, "empty")
    if n < 2 or m < 2:
        return made(None, "insufficient")
    with np.errstate(over="ignore", invalid="ignore"):
        mean_part = float(((x.mean - y.mean) ** 2).sum())
    if not (np.isfinite(x.scatter).all() and np.isfinite(y.scatter).all()):
        return made(None, "overflow")
    if not math.isfinite(mean_part):
        return made(None, "overflow")
    value = frechet_of(x.mean, x.scatter / (n - 1.0), y.mean, y.scatter / (m - 1.0))
    return made(value, mean_part=mean_part)


def shrinkage(total: int, fourth: float, pooled: Floats) -> float:
    """Return Ledoit and Wolf's weight of ``trace / d`` times the identity, of both sides.

    `fourth` is the sum over all rows of their squared lengths, less the means, squared.
    """
    import numpy as np

    dims = pooled.shape[0]
    target = float(np.trace(pooled)) / dims
    spread = float(((pooled - target * np.eye(dims)) ** 2).sum())
    if spread == 0.0:
        return 1.0
    # The mean squared distance of one row's outer product from the covariance.
    noise = (fourth / total - float((pooled**2).sum())) / total
    return min(1.0, max(0.0, noise / spread))


def hotelling(apart: Floats, covariance: Floats) -> float | None:
    """Return ``apart' covariance**-1 apart``; None if the covariance has no inverse to rely on."""
    import numpy as np

    deviations = np.sqrt(np.diag(covariance))
    if not (deviations > 0.0).all():
        return None
    correlation = covariance / np.outer(deviations, deviations)
    values, vectors = np.linalg.eigh(correlation)
    # Below the rounding of the largest an eigenvalue says nothing.
    if values[0] <= len(values) * np.finfo(np.float64).eps * values[-1] * 10.0:
        return None
    along = vectors.T @ (apart / deviations)
    return float((along**2 / values).sum())


def mahalanobis(
    reference: Any, current: Any, *, covariance: str = "pooled", stream: Any = None
) -> RowStatistic:
    """Mahalanobis distance of the two means, and Hotelling's test.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        As for `frechet`.
    covariance : {"pooled", "shrinkage"}, default "pooled"
        The covariance within both sides, as it is or drawn towards a multiple of the identity as
        far as Ledoit and Wolf's estimate has it: for more columns than rows.
    stream : int or object, optional
        As for `frechet`.

    Returns
    -------
    RowStatistic
        ``value`` is the distance in standard deviations; ``details`` has ``t_squared`` and
        ``covariance``, and ``shrinkage``, its weight. The p-value is that of the F distribution,
        for normal rows or many; with shrinkage there is none. Undefined: ``"empty"``,
        ``"insufficient"`` (at most d + 1 rows in all), ``"singular"`` (a column is constant, or a
        combination of others), ``"overflow"``.

    Raises
    ------
    InvalidArgumentError
        If `covariance` is neither, or the sides differ in their columns.
    TypeError
        If a side does not hold numbers.

    References
    ----------
    H. Hotelling, "The Generalization of Student's Ratio", Annals of Mathematical Statistics 2
    (1931). O. Ledoit, M. Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance
    Matrices", Journal of Multivariate Analysis 88 (2004).

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> rows = rng.normal(size=(1_000, 3))
    >>> inlay.detect.mahalanobis(rows[:500], rows[500:] + [0.3, 0.0, 0.0]).p_value < 0.001
    True
    >>> inlay.detect.mahalanobis(rows[:500, [0, 0]], rows[500:, [0, 0]]).reason
    'singular'
    """
    if covariance not in ("pooled", "shrinkage"):
        message = f"covariance must be pooled or shrinkage: {covariance!r}"
        raise InvalidArgumentError(message)
    import numpy as np

    x, y = _sides(reference, current, fourth=covariance == "shrinkage", stream=stream)
    n, m, dims = x.count, y.count, len(x.mean)

    def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
        return RowStatistic(
            method="mahalanobis",
            value=value,
            p_value=more.pop("p_value", None),
            reason=reason,
            n=m,
            n_reference=n,
            left_out=(x.left_out, y.left_out),
            details=MappingProxyType({**more, "covariance": covariance}),
        )

    if n == 0 or m == 0:
        return made(None, "empty")
    free = n + m - dims - 1  # of the F distribution's denominator
    if n + m < 3 or (covariance == "pooled" and free < 1):
        return made(None, "insufficient")
    with np.errstate(over="ignore", invalid="ignore"):
        pooled = (x.scatter + y.scatter) / (n + m - 2.0)
    if not np.isfinite(pooled).all():
        return made(None, "overflow")
    weight = 0.0
    if covariance == "shrinkage":
        weight = shrinkage(n + m, x.fourth + y.fourth, pooled)
        pooled = (1.0 - weight) * pooled + weight * np.trace(pooled) / dims * np.eye(dims)
    squared = hotelling(y.mean - x.mean, pooled)
    if squared is None:
        return made(None, "singular")
    t_squared = squared * (n * m / (n + m))
    if covariance == "shrinkage":
        return made(math.sqrt(squared), t_squared=t_squared, shrinkage=weight)
    f = t_squared * free / ((n + m - 2.0) * dims)
    p_value = _core.f_p_value(f, float(dims), float(free))
    return made(math.sqrt(squared), t_squared=t_squared, p_value=p_value)
