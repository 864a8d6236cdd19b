"""The corrections of `correction` over many families at once, by arrays."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["benjamini_hochberg_families", "e_bh_families"]


def e_bh_families(log_e: Any, family: Any, level: float) -> Any:
    """Apply `e_bh` to each family.

    Parameters
    ----------
    log_e : array of float64, shape (n,)
        NaN is one that was not tested.
    family : array of int64, shape (n,)
        Which belong together.
    level : float

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    return _rejected(-log_e, family, lambda rank, size: _log_ratio(rank, size, level))


def benjamini_hochberg_families(p_value: Any, family: Any, level: float) -> Any:
    """Apply `benjamini_hochberg` to each family; parameters as for `e_bh_families`."""
    return _rejected(p_value, family, lambda rank, size: level * rank / size)


def _log_ratio(rank: Any, size: Any, level: float) -> Any:
    import numpy as np

    return np.log(rank) - np.log(size) + math.log(level)


def _rejected(statistic: Any, family: Any, limit: Any) -> Any:
    """Reject, in each family, the smallest statistics up to the last one within its limit."""
    import numpy as np

    tested = np.flatnonzero(~np.isnan(statistic))
    order = tested[np.lexsort((statistic[tested], family[tested]))]
    result = np.zeros(len(statistic), bool)
    if not len(order):
        return result
    starts = np.flatnonzero(np.append(True, np.diff(family[order]) != 0))
    sizes = np.diff(np.append(starts, len(order)))
    size = np.repeat(sizes, sizes)
    rank = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    within = statistic[order] <= limit(rank, size)
    last = np.maximum.reduceat(np.where(within, rank, 0), starts)
    result[order] = rank <= np.repeat(last, sizes)
    return result
