"""Figures with intervals: those of several panes as one, and the difference of two."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from inlay.model.estimate import wilson
from inlay.report.directory.metric_kinds import adds_up, is_share

__all__ = ["Figure", "difference", "pooled"]


class Figure(NamedTuple):
    """A value, its interval, the rows it rests on, and why any of these is not there."""

    value: float | None
    low: float | None
    high: float | None
    n: float
    reason: str | None = None

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the members by name."""
        return self._asdict()


def pooled(metric: str, figures: Iterable[Figure]) -> Figure:
    """Make one figure of those of several panes, processes or segments.

    Parameters
    ----------
    metric : str
        Its name says whether it adds up.
    figures : iterable of Figure
        Of rows that have none in common.

    Returns
    -------
    Figure
        That of a single one as it is. Of a metric that is a mean over rows the mean of all rows: a
        share with Wilson's interval, another with the standard errors that its intervals tell put
        together. Of one that does not add up none, ``does_not_add_up``.
    """
    given = list(figures)
    found = [each for each in given if each.value is not None]
    if len(given) == 1:
        return given[0]
    if not found:
        reason = next((each.reason for each in reversed(given) if each.reason), "no_rows")
        return Figure(None, None, None, sum(each.n for each in given), reason)
    if len(found) == 1:
        return found[0]
    if not adds_up(metric):
        return Figure(None, None, None, sum(each.n for each in found), "does_not_add_up")
    n = sum(each.n for each in found)
    if n <= 0.0:
        return Figure(None, None, None, 0, "no_rows")
    mean = math.fsum((each.value or 0.0) * each.n for each in found) / n
    if is_share(metric):
        share = wilson(min(max(mean, 0.0), 1.0) * n, n)
        return Figure(mean, share.low, share.high, n)
    below = above = 0.0
    for each in found:
        if each.value is None or each.low is None or each.high is None:
            return Figure(mean, None, None, n, "insufficient")
        below += (each.n * (each.value - each.low)) ** 2
        above += (each.n * (each.high - each.value)) ** 2
    return Figure(mean, mean - math.sqrt(below) / n, mean + math.sqrt(above) / n, n)


def difference(earlier: Figure, later: Figure) -> Figure:
    """Return later less earlier, with the interval that both intervals give.

    The ends are put together by their distances from the values, which of two Wilson intervals is
    Newcombe's.
    """
    n = min(earlier.n, later.n)
    if earlier.value is None or later.value is None:
        return Figure(None, None, None, n, earlier.reason or later.reason)
    change = later.value - earlier.value
    ends = earlier.low, earlier.high, later.low, later.high
    if any(end is None for end in ends):
        return Figure(change, None, None, n, earlier.reason or later.reason or "insufficient")
    low_before, high_before, low_after, high_after = (float(end or 0.0) for end in ends)
    low = change - math.hypot(later.value - low_after, high_before - earlier.value)
    high = change + math.hypot(high_after - later.value, earlier.value - low_before)
    return Figure(change, low, high, n)
