"""Distances between what two `Embedding`s saw; neither changes meanwhile."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.detect.normal import frechet_of, hotelling
from inlay.detect.row_statistic import RowStatistic

if TYPE_CHECKING:
    from inlay.detect.embedding import Embedding

__all__ = ["frechet", "mahalanobis", "mmd"]

_NORMAL_95 = 1.959963984540054


def mmd(reference: Embedding, current: Embedding) -> RowStatistic:
    """Return the discrepancy as the mean over frequencies, and how far they differ."""
    a, b = reference, current
    n, m = a._sums.count, b._sums.count
    if n < 2 or m < 2:
        return _result("embedding_mmd", a, b, None, "insufficient")
    # Of each frequency, without the pairs of a row with itself.
    within_a = (n * (a._sums.cosines**2 + a._sums.sines**2) - 1.0) / (n - 1.0)
    within_b = (m * (b._sums.cosines**2 + b._sums.sines**2) - 1.0) / (m - 1.0)
    terms = (
        within_a
        + within_b
        - 2.0 * (a._sums.cosines * b._sums.cosines + a._sums.sines * b._sums.sines)
    )
    value = float(terms.mean())
    if len(terms) == 1:
        return _result("embedding_mmd", a, b, value, bandwidth=a._bandwidth)
    error = _NORMAL_95 * float(terms.std(ddof=1)) / math.sqrt(len(terms))
    return _result(
        "embedding_mmd",
        a,
        b,
        value,
        low=value - error,
        high=value + error,
        bandwidth=a._bandwidth,
    )


def frechet(reference: Embedding, current: Embedding) -> RowStatistic:
    """Return the distance of the two normal laws."""
    a, b = reference, current
    cov_a, cov_b = a.cov, b.cov
    if cov_a is None or cov_b is None:
        return _result("embedding_frechet", a, b, None, "insufficient")
    if a._full:
        value = frechet_of(a._sums.mean, cov_a, b._sums.mean, cov_b)
    else:
        value = float(((a._sums.mean - b._sums.mean) ** 2 + (cov_a**0.5 - cov_b**0.5) ** 2).sum())
    if not math.isfinite(value):
        return _result("embedding_frechet", a, b, None, "overflow")
    return _result("embedding_frechet", a, b, value)


def mahalanobis(reference: Embedding, current: Embedding) -> RowStatistic:
    """Return the distance of the means and, with a full covariance, Hotelling's p-value."""
    a, b = reference, current
    n, m, dims = a._sums.count, b._sums.count, a.dims
    free = n + m - dims - 1
    if n == 0 or m == 0 or n + m < 3 or (a._full and free < 1):
        return _result("embedding_mahalanobis", a, b, None, "insufficient")
    pooled = (a._sums.scatter + b._sums.scatter) / (n + m - 2.0)
    apart = b._sums.mean - a._sums.mean
    squared: float | None
    if a._full:
        squared = hotelling(apart, pooled)
    else:
        squared = float((apart**2 / pooled).sum()) if (pooled > 0.0).all() else None
    if squared is None:
        return _result("embedding_mahalanobis", a, b, None, "singular")
    t_squared = squared * (n * m / (n + m))
    p_value = None
    if a._full:
        f = t_squared * free / ((n + m - 2.0) * dims)
        p_value = _core.f_p_value(f, float(dims), float(free))
    value = math.sqrt(squared)
    return _result("embedding_mahalanobis", a, b, value, p_value=p_value, t_squared=t_squared)


def _result(
    method: str,
    reference: Embedding,
    current: Embedding,
    value: float | None,
    reason: str | None = None,
    **more: Any,
) -> RowStatistic:
    return RowStatistic(
        method=method,
        value=value,
        p_value=more.pop("p_value", None),
        reason=reason,
        n=current._sums.count,
        n_reference=reference._sums.count,
        low=more.pop("low", None),
        high=more.pop("high", None),
        left_out=(reference._sums.left_out, current._sums.left_out),
        details=MappingProxyType(more),
    )
