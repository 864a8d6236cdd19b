"""What each segment adds to the change of a metric between two times."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

from inlay._exceptions import InvalidArgumentError

__all__ = ["Contribution", "Total", "contributions"]

Key = TypeVar("Key", bound=Hashable)


class Total(NamedTuple):
    """What a metric was over some rows.

    Attributes
    ----------
    sum : float
        Of what the metric is the mean of: rows that were right, absolute errors.
    n : float
        Rows it is the mean over, 0 or more.
    """

    sum: float
    n: float


class Contribution(NamedTuple, Generic[Key]):
    """What a segment adds to a change.

    Attributes
    ----------
    segment : hashable
        Its key.
    earlier, later : Total
        What it had.
    within : float
        What it adds because the metric changed within it.
    mix : float
        What it adds because its share of the rows changed.
    total : float
        Both.
    share : float or None
        The part of the whole change that this is; below 0 if it works against it, None if nothing
        changed.
    """

    segment: Key
    earlier: Total
    later: Total
    within: float
    mix: float
    total: float
    share: float | None


def contributions(
    earlier: Mapping[Key, Total], later: Mapping[Key, Total]
) -> list[Contribution[Key]]:
    """Share the change of a mean out among segments.

    Parameters
    ----------
    earlier, later : mapping of key to Total
        The segments of either time; together they are all rows.

    Returns
    -------
    list of Contribution
        By falling share of the change. Their totals add up to it. Empty if there are no rows at
        either time.

    Raises
    ------
    InvalidArgumentError
        If a number of rows is negative.

    Notes
    -----
    With w the share of the rows that a segment has, m its mean, M that of all, a bar over what is
    the mean of both times and Δ for later less earlier: ``within = w̄ Δm`` and
    ``mix = (m̄ - M̄) Δw``. As Δ(Σ w m) = Σ (w̄ Δm + m̄ Δw) and Σ Δw = 0, they add up to ΔM, whatever
    the order of the two times. A segment without rows at a time is taken to have had the mean that
    it has at the other: all it adds is ``mix``.

    Examples
    --------
    >>> from inlay.model.contributions import Total, contributions
    >>> was = {"eu": Total(90, 100), "us": Total(180, 200)}
    >>> found = contributions(was, {"eu": Total(60, 100), "us": Total(180, 200)})
    >>> [(each.segment, round(each.total, 3), round(each.within, 3)) for each in found]
    [('eu', -0.1, -0.1), ('us', 0.0, 0.0)]
    """
    sides = []
    for name, side in (("earlier", earlier), ("later", later)):
        for key, total in side.items():
            if not total.n >= 0.0:
                message = (
                    f"{name}: a number of rows must be 0 or more, that of {key!r} is {total.n}"
                )
                raise InvalidArgumentError(message)
        rows = sum(total.n for total in side.values())
        if rows <= 0.0:
            return []
        sides.append((rows, sum(total.sum for total in side.values()) / rows))
    (rows_before, mean_before), (rows_after, mean_after) = sides
    middle, change = 0.5 * (mean_before + mean_after), mean_after - mean_before
    nothing = Total(0.0, 0.0)
    made = []
    for key in dict.fromkeys([*earlier, *later]):
        before, after = earlier.get(key, nothing), later.get(key, nothing)
        if before.n <= 0.0 and after.n <= 0.0:
            continue
        was = before.sum / before.n if before.n > 0.0 else after.sum / after.n
        now = after.sum / after.n if after.n > 0.0 else was
        share_before, share_after = before.n / rows_before, after.n / rows_after
        within = 0.5 * (share_before + share_after) * (now - was) + 0.0
        mix = (0.5 * (was + now) - middle) * (share_after - share_before) + 0.0
        added = within + mix
        share = added / change if change != 0.0 else None
        made.append(Contribution(key, before, after, within, mix, added, share))
    return sorted(made, key=lambda each: -abs(each.total) if each.share is None else -each.share)
