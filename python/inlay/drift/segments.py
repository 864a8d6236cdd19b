"""Which values of an attribute explain a change: Adtributor's surprise and explanatory power."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Explanation", "explain"]


class Explanation(NamedTuple):
    """What the values of one attribute explain of a change.

    Attributes
    ----------
    values : list of int
        Positions of the values that explain it, the most surprising first.
    power : list of float
        The share of the change that each of them accounts for.
    surprise : float
        The surprise of these values together; of several attributes the one with the most explains
        best.
    is_complete : bool
        Whether they explain at least as much as was asked for.
    """

    values: list[int]
    power: list[float]
    surprise: float
    is_complete: bool


def explain(
    forecast: Any, actual: Any, *, least_power: float = 0.1, enough_power: float = 0.67
) -> Explanation:
    """Find a succinct set of values that explains why a total is not what was expected.

    Parameters
    ----------
    forecast, actual : array-like of float64, shape (k,)
        What was expected and what came of each value, 0 or more; they add up to the totals.
    least_power : float, default 0.1
        Values that explain less are left out.
    enough_power : float, default 0.67
        The set is complete once it explains so much.

    Returns
    -------
    Explanation

    Notes
    -----
    With F and A the totals, f and a those of a value, p = f / F and q = a / A: the explanatory
    power is (a - f) / (A - F), the surprise (p log(2p / (p + q)) + q log(2q / (p + q))) / 2. Values
    are taken by falling surprise. Of a total of 0 all shares are 0.

    References
    ----------
    Bhagwan et al. (2014), "Adtributor: Revenue Debugging in Advertising Systems", NSDI.

    Examples
    --------
    >>> from inlay.drift.segments import explain
    >>> found = explain([100, 100, 100], [101, 99, 160])
    >>> found.values, [round(power, 3) for power in found.power], found.is_complete
    ([2], [1.0], True)
    """
    import numpy as np

    f, a = np.asarray(forecast, np.float64), np.asarray(actual, np.float64)
    total_f, total_a = float(f.sum()), float(a.sum())
    if total_a == total_f:
        return Explanation([], [], 0.0, is_complete=False)
    power = (a - f) / (total_a - total_f)
    p, q = (each / max(total, 1e-300) for each, total in ((f, total_f), (a, total_a)))
    middle = p + q
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = 0.5 * (
            np.where(p > 0, p * np.log(2 * p / middle), 0.0)
            + np.where(q > 0, q * np.log(2 * q / middle), 0.0)
        )
    order = np.lexsort((np.arange(len(f)), -power, -surprise))
    chosen: list[int] = []
    explained = total_surprise = 0.0
    for value in order.tolist():
        if power[value] <= least_power:
            continue
        chosen.append(value)
        explained += float(power[value])
        total_surprise += float(surprise[value])
        if explained >= enough_power:
            break
    powers = [float(power[value]) for value in chosen]
    return Explanation(chosen, powers, total_surprise, is_complete=explained >= enough_power)
