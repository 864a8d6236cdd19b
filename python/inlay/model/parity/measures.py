"""Rates of groups, and what compares them: each group with a reference, and all together."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import newcombe_difference, ratio_interval
from inlay.model.parity.intervals import (
    Intervals,
    absolute,
    difference,
    normal_quantile,
    ratio,
    shares,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LIMITS",
    "MEASURES",
    "OVERALL",
    "RATES",
    "Compared",
    "GroupRates",
    "effect_of",
    "over_all",
    "rates_of",
    "with_reference",
]

RATES = (
    "predicted_positive_rate",
    "recall",
    "fpr",
    "precision",
    "accuracy",
    "prevalence",
)
"""The rates of a group, in the order of arrays."""

_EMPTY = (
    "no_rows",
    "no_positives",
    "no_negatives",
    "no_predicted_positives",
    "no_rows",
    "no_rows",
)

MEASURES = {
    "demographic_parity_difference": ("predicted_positive_rate",),
    "disparate_impact": ("predicted_positive_rate",),
    "equal_opportunity_difference": ("recall",),
    "equalized_odds_difference": ("recall", "fpr"),
    "predictive_parity_difference": ("precision",),
}
"""Measures of a group against a reference, by the rates that they compare."""

OVERALL = {
    "demographic_parity_ratio" if name == "disparate_impact" else name: rates
    for name, rates in MEASURES.items()
}
"""Measures of all groups together, likewise: between the smallest and the largest rate."""

LIMITS = dict.fromkeys((*MEASURES, *OVERALL), 0.1)
"""How large an effect may be; of a ratio it is 1 less the smaller of it and its inverse."""
LIMITS["disparate_impact"] = LIMITS["demographic_parity_ratio"] = 0.2

_SINGLE = [RATES.index(name) for name in ("predicted_positive_rate", "recall", "precision")]
_ODDS = [RATES.index(name) for name in ("recall", "fpr")]
_RATIOS = ("disparate_impact", "demographic_parity_ratio")


class GroupRates(NamedTuple):
    """Rates of groups.

    Attributes
    ----------
    counts : numpy.ndarray of int64, shape (groups, 4)
        Rows that are truly negative and predicted so, falsely positive, falsely negative, and
        truly positive.
    k, n : numpy.ndarray of int64, shape (rates, groups)
        Numerators and denominators, in the order of `RATES`.
    """

    counts: np.ndarray[Any, Any]
    k: np.ndarray[Any, Any]
    n: np.ndarray[Any, Any]

    def intervals(self, confidence: float) -> Intervals:
        """Return all rates with intervals, shape (rates, groups); NaN of an empty denominator."""
        return shares(self.k, self.n, z=normal_quantile(confidence))

    def reason(self, rate: int, group: int, min_n: int) -> str | None:
        """Tell why a rate of a group is not compared; None if it is."""
        n = int(self.n[rate, group])
        if n == 0:
            return _EMPTY[rate]
        return "insufficient" if n < min_n else None


class Compared(NamedTuple):
    """A measure of one group against another.

    Attributes
    ----------
    measure : str
    group, reference : int
        Which groups; -1 where all together are undefined.
    value, low, high : float or None
        None if it is undefined.
    n, n_reference : int
        The smallest denominators.
    reason : str or None
        Why it is undefined.
    rates : tuple of float
        The rate of the group and that of the reference, of the measure's first rate.
    """

    measure: str
    group: int
    reference: int
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_reference: int
    reason: str | None
    rates: tuple[float, float] | None


def rates_of(counts: Any) -> GroupRates:
    """Return the rates of groups from their confusion counts, shape (groups, 4)."""
    import numpy as np

    counts = np.asarray(counts, np.int64).reshape(-1, 4)
    tn, fp, fn, tp = counts.T
    rows = counts.sum(axis=1)
    chosen, positive = fp + tp, fn + tp
    k = np.stack([chosen, tp, fp, tp, tn + tp, positive])
    n = np.stack([rows, positive, rows - positive, chosen, rows, rows])
    return GroupRates(counts, k, n)


def effect_of(measure: str, value: float) -> float:
    """Return how far a value is from parity: 0 is parity, and more is worse."""
    if measure not in _RATIOS:
        return abs(value)
    return 1.0 - (min(value, 1.0 / value) if value > 0.0 else 0.0)


def with_reference(
    rates: GroupRates, reference: int, *, min_n: int, confidence: float
) -> list[Compared]:
    """Compare each group but one with this one.

    Parameters
    ----------
    rates : GroupRates
    reference : int
        Which group.
    min_n : int
        A denominator with fewer rows makes what rests on it undefined, ``insufficient``.
    confidence : float
        Of each interval.

    Returns
    -------
    list of Compared
        By measure, then group.
    """
    whole = rates.intervals(confidence)
    base = (slice(None), slice(reference, reference + 1))
    single, chosen = whole.take(_SINGLE), whole.take(0)
    differences = difference(single, single.take(base))
    # The two rates of the odds share what the interval may miss.
    z = normal_quantile(1.0 - (1.0 - confidence) / 2)
    odds = shares(rates.k[_ODDS], rates.n[_ODDS], z=z)
    sizes = absolute(difference(odds, odds.take(base)))
    made = {
        "demographic_parity_difference": differences.take(0),
        "disparate_impact": ratio(chosen, chosen.take(base[1:])),
        "equal_opportunity_difference": differences.take(1),
        "equalized_odds_difference": Intervals(*(ends.max(axis=0) for ends in sizes)),
        "predictive_parity_difference": differences.take(2),
    }
    values = whole.value.tolist()
    found: list[Compared] = []
    for measure, names in MEASURES.items():
        places = [RATES.index(name) for name in names]
        found += _compared(
            rates, measure, places, reference, made[measure], values[places[0]], min_n
        )
    return found


def over_all(rates: GroupRates, *, min_n: int, confidence: float) -> list[Compared]:
    """Compare the groups with the largest and the smallest rate, of each measure.

    Groups that are undefined are left out. The interval accounts for the choice of this pair among
    all: the difference of the rates that the groups truly have is at least its lower end.

    Parameters
    ----------
    rates, min_n, confidence
        As for `with_reference`.

    Returns
    -------
    list of Compared
        One of each measure; undefined, ``insufficient``, if fewer than two groups are left.
    """
    import numpy as np

    values = rates.k / np.maximum(rates.n, 1)
    found = []
    for measure, names in OVERALL.items():
        best: Compared | None = None
        for name in names:
            rate = RATES.index(name)
            usable = np.flatnonzero(rates.n[rate] >= max(min_n, 1))
            if len(usable) < 2:
                continue
            ordered = usable[np.argsort(values[rate, usable], kind="stable")]
            low, high = ordered[0], ordered[-1]
            if measure in _RATIOS:
                low, high = high, low  # the smallest rate by the largest
            # The one pair is chosen among all, for each of the rates.
            tests = len(names) * len(usable) * (len(usable) - 1) // 2
            one = _pair(rates, measure, rate, int(high), int(low), 1.0 - (1.0 - confidence) / tests)
            if best is None or (one.value or 0.0) > (best.value or 0.0):
                best = one
        found.append(best or _undefined_over_all(rates, measure, names))
    return found


def _undefined_over_all(rates: GroupRates, measure: str, names: tuple[str, ...]) -> Compared:
    largest = int(rates.n[RATES.index(names[0])].max(initial=0))
    return Compared(measure, -1, -1, None, None, None, largest, 0, "insufficient", None)


def _pair(
    rates: GroupRates, measure: str, rate: int, first: int, second: int, confidence: float
) -> Compared:
    """Compare a rate of two groups, which have enough rows."""
    k, n = rates.k[rate].tolist(), rates.n[rate].tolist()
    four = (k[first], n[first], k[second], n[second])
    estimate = ratio_interval if measure in _RATIOS else newcombe_difference
    one = estimate(*four, confidence=confidence)
    both = None if one.value is None else (k[first] / n[first], k[second] / n[second])
    rest = (n[first], n[second], one.reason, both)
    return Compared(measure, first, second, one.value, one.low, one.high, *rest)


def _compared(
    rates: GroupRates,
    measure: str,
    places: list[int],
    reference: int,
    made: Intervals,
    values: list[float],
    min_n: int,
) -> list[Compared]:
    """Return what each group but the reference comes to, whose measures are given."""
    import numpy as np

    n = rates.n[places].min(axis=0)
    few = (n < min_n) | (n[reference] < min_n) | np.isnan(made.value)
    counts = n.tolist()
    found = list(
        map(
            Compared._make,
            zip(
                repeat(measure),
                range(len(counts)),
                repeat(reference),
                *(ends.tolist() for ends in made),
                counts,
                repeat(counts[reference]),
                repeat(None),
                zip(values, repeat(values[reference]), strict=False),
                strict=False,
            ),
        )
    )
    for at in np.flatnonzero(few).tolist():
        reasons = (
            rates.reason(place, group, min_n) for place in places for group in (at, reference)
        )
        reason = next((each for each in reasons if each), "zero_denominator")
        found[at] = found[at]._replace(value=None, low=None, high=None, reason=reason, rates=None)
    del found[reference]
    return found


def check_min_n(min_n: int) -> int:
    """Return the smallest denominator; refuse what is no whole number of 1 or more."""
    if isinstance(min_n, bool) or not isinstance(min_n, int) or min_n < 1:
        message = f"min_n must be a whole number of 1 or more: {min_n!r}"
        raise InvalidArgumentError(message)
    return min_n
