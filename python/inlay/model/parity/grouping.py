"""Groups that attributes make, alone and together, from counts of their finest combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Grouping", "check_attributes", "groupings", "label", "reference_of"]

_MOST_ATTRIBUTES = 4


class Grouping(NamedTuple):
    """The groups that one combination of attributes makes.

    Attributes
    ----------
    names : tuple of str
        The attributes.
    keys : list of tuple of str
        Their values in each group, sorted.
    counts : numpy.ndarray of int64, shape (groups, 4)
        Confusion counts of each.
    """

    names: tuple[str, ...]
    keys: list[tuple[str, ...]]
    counts: np.ndarray[Any, Any]


def check_attributes(names: Any) -> tuple[str, ...]:
    """Return names of attributes, or refuse them.

    Raises
    ------
    TypeError
        If they are no texts.
    InvalidArgumentError
        If there are none, more than four, or one twice.
    """
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if not isinstance(name, str):
            message = f"attributes holds names, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
    if not 1 <= len(listed) <= _MOST_ATTRIBUTES or len(set(listed)) < len(listed):
        message = f"attributes must be 1 to {_MOST_ATTRIBUTES} different names: {listed!r}"
        raise InvalidArgumentError(message)
    return listed


def groupings(
    segments: Sequence[tuple[Mapping[str, str], Any]],
    names: Sequence[str],
    *,
    intersections: bool,
) -> list[Grouping]:
    """Add up the counts of segments into groups.

    Parameters
    ----------
    segments : sequence of (mapping of str to str, array of int64 of shape (4,))
        Attributes and confusion counts; one without all of the attributes is left out.
    names : sequence of str
        The attributes that make groups.
    intersections : bool
        Whether combinations of attributes make groups, too.

    Returns
    -------
    list of Grouping
        Of each attribute alone, then of two together, and so on.
    """
    import numpy as np

    whole = [(members, counts) for members, counts in segments if members.keys() >= set(names)]
    cells = np.asarray([counts for _, counts in whole], np.int64).reshape(-1, 4)
    found = []
    for size in range(1, len(names) + 1 if intersections else 2):
        for some in combinations(names, size):
            of_cells = [tuple(members[name] for name in some) for members, _ in whole]
            keys = sorted(set(of_cells))
            place = {key: at for at, key in enumerate(keys)}
            sums = np.zeros((len(keys), 4), np.int64)
            np.add.at(sums, np.asarray([place[key] for key in of_cells], np.intp), cells)
            found.append(Grouping(some, keys, sums))
    return found


def label(names: Sequence[str], key: Sequence[str]) -> str:
    """Return what a group is called: ``sex=f,age=old``."""
    return ",".join(f"{name}={value}" for name, value in zip(names, key, strict=True))


def reference_of(grouping: Grouping, given: Mapping[str, str]) -> int:
    """Return which group the others are compared with.

    Parameters
    ----------
    grouping : Grouping
        With a group.
    given : mapping of str to str
        Values of attributes; of those that it leaves out, the value with most rows is taken.

    Returns
    -------
    int
        The largest of the groups with these values; -1 if there is none.
    """
    import numpy as np

    fits = np.asarray(
        [
            all(
                given.get(name, value) == value
                for name, value in zip(grouping.names, key, strict=True)
            )
            for key in grouping.keys
        ],
        bool,
    )
    if not fits.any():
        return -1
    rows = np.where(fits, grouping.counts.sum(axis=1), -1)
    return int(rows.argmax())
