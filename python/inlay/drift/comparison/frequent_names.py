"""Names frequent enough to be compared one by one; the others are compared together."""

from __future__ import annotations

import math

from inlay.drift.comparison.matching import Cells

__all__ = ["EXPECTED", "frequent_names"]

EXPECTED = 5.0
"""Cells that expect fewer rows than this on the smaller side are not tested alone."""

# Of Poisson counts. Between the least and the largest of a thousand equal ones lie no more than
# six, and none of them is four from what is expected.
_APART, _DEVIATIONS = 6.0, 4.0


def frequent_names(cells: Cells, *, chosen_within: float | None) -> Cells:
    """Pool names that chance alone may have brought into the list.

    Parameters
    ----------
    cells : Cells
        Of names.
    chosen_within : float or None
        By how much the counts may be off by which the names were chosen, where they were the
        reference's; None where others chose them.

    Returns
    -------
    Cells
        ``names`` are those that stand for themselves. Two cells follow theirs: the rarer names of
        the list together, and all others.

    Notes
    -----
    A name is in the list because the reference saw it often, so those near the cut were seen too
    often on average, and the same distribution seems to have moved to other names. Names are near
    the cut if they are within six standard deviations of what a name outside may have. They are
    taken together, with those that expect few rows by the counts of both sides. Of a name seen c
    times, 5 or more, ``(sqrt(c + 4) - 2) ** 2`` is expected at least, four deviations below. Their
    part of the rows without a name that stands for itself is taken as near to the current part as
    that allows.
    """
    assert cells.names is not None
    m, n = sum(cells.reference), sum(cells.current)
    smaller = min(m, n) / (m + n)
    *mine, other_mine = cells.reference
    *theirs, other_theirs = cells.current
    least = 0.0
    if chosen_within is not None:
        most = min(min(mine, default=0) + chosen_within, other_mine)
        least = most + _APART * math.sqrt(most)
    names, kept, rest, near, low = [], [], [other_mine, other_theirs], [0, 0], 0.0
    for name, a, b in zip(cells.names, mine, theirs, strict=True):
        if a >= least and (a + b) * smaller >= EXPECTED:
            names.append(name)
            kept.append((a, b))
            continue
        near[0] += a
        near[1] += b
        if a >= EXPECTED:
            low += (math.sqrt(a + _DEVIATIONS) - math.sqrt(_DEVIATIONS)) ** 2
    both = near[0] + rest[0]
    split = both * near[1] / (near[1] + rest[1]) if near[1] + rest[1] else near[0]
    moved = round(min(max(split, low), near[0]))
    rest[0] = both - moved
    if moved < EXPECTED and (moved + near[1]) * smaller < EXPECTED:
        rest = [rest[0] + moved, rest[1] + near[1]]
        moved, near[1] = 0, 0
    return cells._replace(
        reference=[*(a for a, _ in kept), moved, rest[0]],
        current=[*(b for _, b in kept), near[1], rest[1]],
        names=names,
    )
