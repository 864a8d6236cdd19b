"""Corrections for judging many columns at once, and many families of them by arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = [
    "benjamini_hochberg",
    "benjamini_hochberg_families",
    "check_level",
    "e_bh",
    "e_bh_families",
]


def e_bh(log_e: Sequence[float | None], level: float = 0.05) -> list[bool]:
    """Say which of many e-values stand for a discovery: the e-BH procedure.

    Parameters
    ----------
    log_e : sequence of float or None, shape (k,)
        Natural logarithms of e-values, one per hypothesis, under any dependence. None or NaN is
        one that was not tested; it counts in no number.
    level : float, default 0.05
        The false discovery rate that is not exceeded, above 0 and below 1.

    Returns
    -------
    list of bool, shape (k,)
        True for the j largest where j is the largest number such that the j-th largest e-value is
        at least ``k / (level j)``.

    Raises
    ------
    InvalidArgumentError
        If `level` is out of range.

    References
    ----------
    Wang and Ramdas (2022), "False discovery rate control with e-values", JRSS B 84.

    Examples
    --------
    >>> import inlay
    >>> inlay.drift.e_bh([6.0, 3.0, 0.0], level=0.05)
    [True, False, False]
    """
    check_level(level)
    rejected: list[bool] = e_bh_families(*_one_family(log_e), level).tolist()
    return rejected


def benjamini_hochberg(p_values: Sequence[float | None], level: float = 0.05) -> list[bool]:
    """Say which of many p-values stand for a discovery: the Benjamini-Hochberg procedure.

    Parameters
    ----------
    p_values : sequence of float or None, shape (k,)
        0 to 1, one per hypothesis, independent or positively dependent. None or NaN is one that
        was not tested; it counts in no number.
    level : float, default 0.05
        The false discovery rate that is not exceeded, above 0 and below 1.

    Returns
    -------
    list of bool, shape (k,)
        True for the j smallest where j is the largest number such that the j-th smallest p-value
        is at most ``level j / k``.

    Raises
    ------
    InvalidArgumentError
        If `level` is out of range, or a p-value is not within 0 to 1.

    References
    ----------
    Benjamini and Hochberg (1995), "Controlling the false discovery rate", JRSS B 57.

    Examples
    --------
    >>> import inlay
    >>> inlay.drift.benjamini_hochberg([0.001, 0.04, 0.03, None], level=0.05)
    [True, True, True, False]
    """
    check_level(level)
    for position, value in enumerate(p_values):
        if value is not None and not math.isnan(value) and not 0 <= value <= 1:
            message = f"p-values lie within 0 to 1; at position {position}: {value!r}"
            raise InvalidArgumentError(message)
    rejected: list[bool] = benjamini_hochberg_families(*_one_family(p_values), level).tolist()
    return rejected


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


def check_level(level: float) -> None:
    """Refuse a level that is no probability.

    Raises
    ------
    InvalidArgumentError
        If it is not above 0 and below 1.
    """
    if not isinstance(level, int | float) or not 0 < level < 1:
        message = f"level must lie between 0 and 1: {level!r}"
        raise InvalidArgumentError(message)


def _one_family(values: Sequence[float | None]) -> tuple[Any, Any]:
    import numpy as np

    # None becomes NaN.
    return np.asarray(values, np.float64), np.zeros(len(values), np.int64)


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
