"""Corrections for judging many columns at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inlay._exceptions import InvalidArgumentError

__all__ = ["benjamini_hochberg", "check_level", "e_bh"]


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
    tested = _tested(log_e)
    ranked = sorted(tested, key=lambda position: -_number(log_e, position))
    last = 0
    for rank, position in enumerate(ranked, start=1):
        if _number(log_e, position) >= math.log(len(tested) / (level * rank)):
            last = rank
    return _marked(len(log_e), ranked[:last])


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
    tested = _tested(p_values)
    for position in tested:
        if not 0 <= _number(p_values, position) <= 1:
            message = f"p-values lie within 0 to 1; at position {position}: {p_values[position]!r}"
            raise InvalidArgumentError(message)
    ranked = sorted(tested, key=lambda position: _number(p_values, position))
    last = 0
    for rank, position in enumerate(ranked, start=1):
        if _number(p_values, position) <= level * rank / len(tested):
            last = rank
    return _marked(len(p_values), ranked[:last])


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


def _tested(values: Sequence[float | None]) -> list[int]:
    return [at for at, value in enumerate(values) if value is not None and not math.isnan(value)]


def _number(values: Sequence[float | None], position: int) -> float:
    value = values[position]
    assert value is not None  # only positions that were tested
    return value


def _marked(size: int, positions: Sequence[int]) -> list[bool]:
    marks = [False] * size
    for position in positions:
        marks[position] = True
    return marks
