"""How two spans of time lie to each other. All times are microseconds of Unix time."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Interval", "closeness", "overlap_us", "share_covered"]


class Interval(NamedTuple):
    """From `start` to `end`; both are equal for an instant.

    Attributes
    ----------
    start, end : int
        Microseconds of Unix time, ``start <= end``.
    """

    start: int
    end: int

    @property
    def length(self) -> int:
        """How long it is, in microseconds."""
        return self.end - self.start

    def contains(self, other: Interval) -> bool:
        """Return whether all of `other` lies in it."""
        return self.start <= other.start and other.end <= self.end


def overlap_us(one: Interval, other: Interval) -> int:
    """Return how long two intervals are both there; 0 where they only touch."""
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def share_covered(span: Interval, by: Interval) -> float:
    """Return which share of `span` lies in `by`; an instant in it covers nothing of a span.

    A span that is itself an instant is covered whole or not at all.
    """
    if span.length == 0:
        return 1.0 if by.contains(span) else 0.0
    return overlap_us(span, by) / span.length


def closeness(span: Interval, evidence: Interval, *, before: int, after: int) -> float:
    """Return how well evidence fits a span in time, 0 to 1.

    Where they meet, the mean of two shares: that of the span which the evidence covers, and that
    of the evidence which lies in the span. So what begins and ends with the span fits it best, and
    what lasts for hours around it fits half. An instant in the span fits fully. What ended up to
    `before` ahead of the span fits half and less, linearly down to 0; what began up to `after`
    behind it a quarter and less.

    Parameters
    ----------
    span, evidence : Interval
    before, after : int
        In microseconds.

    Returns
    -------
    float
        0 for what has nothing to do with the span.
    """
    if evidence.start <= span.end and evidence.end >= span.start:
        if evidence.length == 0:
            return 1.0
        if span.length == 0:
            return 0.5
        met = overlap_us(span, evidence)
        return 0.5 * (met / span.length + met / evidence.length)
    if evidence.end < span.start:
        gap = span.start - evidence.end
        return 0.5 * (1.0 - gap / before) if gap < before else 0.0
    gap = evidence.start - span.end
    return 0.25 * (1.0 - gap / after) if gap < after else 0.0
