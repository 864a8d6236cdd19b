"""Statistics of two samples of rows by their means and covariances."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay import _core
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


def frechet(reference: Any, current: Any) -> RowStatistic:
    """Squared Fréchet distance between normal laws of either side's mean and covariance.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        Rows; tables, matched by the names of their columns, and Arrow columns of lists too. Rows
        with NaN, an infinity or a null are left out and counted.

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

    x, y, left_out = two_sides(reference, current)
    n, m = len(x), len(y)

    def made(value: float | None, reason: str | None = None, **details: float) -> RowStatistic:
        return RowStatistic(
            method="frechet",
            value=value,
            p_value=None,
            reason=reason,
            n=m,
            n_reference=n,
            left_out=left_out,
            details=MappingProxyType(details),
        )

    if n == 0 or m == 0:
        return made(None, "empty")
    if n < 2 or m < 2:
        return made(None, "insufficient")
    with np.errstate(over="ignore", invalid="ignore"):
        mean_x, scatter_x = mean_and_scatter(x)
        mean_y, scatter_y = mean_and_scatter(y)
        mean_part = float(((mean_x - mean_y) ** 2).sum())
    if not (np.isfinite(scatter_x).all() and np.isfinite(scatter_y).all()):
        return made(None, "overflow")
    if not math.isfinite(mean_part):
        return made(None, "overflow")
    value = frechet_of(mean_x, scatter_x / (n - 1.0), mean_y, scatter_y / (m - 1.0))
    return made(value, mean_part=mean_part)


def shrinkage(x: Matrix, y: Matrix, mean_x: Floats, mean_y: Floats, pooled: Floats) -> float:
    """Return Ledoit and Wolf's weight of ``trace / d`` times the identity, of both sides."""
    import numpy as np

    dims = pooled.shape[0]
    total = len(x) + len(y)
    target = float(np.trace(pooled)) / dims
    spread = float(((pooled - target * np.eye(dims)) ** 2).sum())
    if spread == 0.0:
        return 1.0
    # The mean squared distance of one row's outer product from the covariance.
    fourth = 0.0
    for side, mean in ((x, mean_x), (y, mean_y)):
        for at in range(0, len(side), _BLOCK):
            block = side[at : at + _BLOCK].astype(np.float64) - mean
            fourth += float((np.einsum("ij,ij->i", block, block) ** 2).sum())
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


def mahalanobis(reference: Any, current: Any, *, covariance: str = "pooled") -> RowStatistic:
    """Mahalanobis distance of the two means, and Hotelling's test.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        As for `frechet`.
    covariance : {"pooled", "shrinkage"}, default "pooled"
        The covariance within both sides, as it is or drawn towards a multiple of the identity as
        far as Ledoit and Wolf's estimate has it: for more columns than rows.

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

    x, y, left_out = two_sides(reference, current)
    n, m, dims = len(x), len(y), x.shape[1]

    def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
        return RowStatistic(
            method="mahalanobis",
            value=value,
            p_value=more.pop("p_value", None),
            reason=reason,
            n=m,
            n_reference=n,
            left_out=left_out,
            details=MappingProxyType({**more, "covariance": covariance}),
        )

    if n == 0 or m == 0:
        return made(None, "empty")
    free = n + m - dims - 1  # of the F distribution's denominator
    if n + m < 3 or (covariance == "pooled" and free < 1):
        return made(None, "insufficient")
    with np.errstate(over="ignore", invalid="ignore"):
        mean_x, scatter_x = mean_and_scatter(x)
        mean_y, scatter_y = mean_and_scatter(y)
        pooled = (scatter_x + scatter_y) / (n + m - 2.0)
    if not np.isfinite(pooled).all():
        return made(None, "overflow")
    weight = 0.0
    if covariance == "shrinkage":
        weight = shrinkage(x, y, mean_x, mean_y, pooled)
        pooled = (1.0 - weight) * pooled + weight * np.trace(pooled) / dims * np.eye(dims)
    squared = hotelling(mean_y - mean_x, pooled)
    if squared is None:
        return made(None, "singular")
    t_squared = squared * (n * m / (n + m))
    if covariance == "shrinkage":
        return made(math.sqrt(squared), t_squared=t_squared, shrinkage=weight)
    f = t_squared * free / ((n + m - 2.0) * dims)
    p_value = _core.f_p_value(f, float(dims), float(free))
    return made(math.sqrt(squared), t_squared=t_squared, p_value=p_value)
