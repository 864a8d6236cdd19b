"""Figures before and after: of states where rows carry them, else of what panes came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inlay.report.directory.estimates import Pane, Row, Segment
from inlay.report.directory.figures import Figure, pooled

if TYPE_CHECKING:
    from inlay.report.directory.states import ModelStates

__all__ = ["Sides"]

_Groups = dict[Segment, dict[str, Figure]]


class Sides:
    """Figures of a model on both sides of a split. Not thread-safe.

    Parameters
    ----------
    realised : mapping of str to sequence of Row
        By metric.
    states : ModelStates or None
        Without them figures of panes are put together, where they add up.
    split : int
        In microseconds of Unix time; a pane that it cuts is on neither side.
    """

    def __init__(
        self, realised: Mapping[str, Sequence[Row]], states: ModelStates | None, split: int
    ) -> None:
        self._realised, self._states, self._split = realised, states, split
        self._known: dict[tuple[str, ...] | None, list[_Groups]] = {}

    def whole(self, metric: str, over_time: Mapping[Pane, Figure]) -> tuple[Figure, Figure]:
        """Return the figure of all rows before and after."""
        if self._states is not None:
            known = [side.get((), {}) for side in self._derived(None)]
            if any(metric in side for side in known):
                missing = Figure(None, None, None, 0, "no_rows")
                return known[0].get(metric, missing), known[1].get(metric, missing)
        return (
            pooled(metric, (of for pane, of in over_time.items() if pane[1] <= self._split)),
            pooled(metric, (of for pane, of in over_time.items() if pane[0] >= self._split)),
        )

    def groups(
        self, metric: str, attributes: tuple[str, ...]
    ) -> tuple[dict[Segment, Figure], dict[Segment, Figure]]:
        """Return the figures of the groups that some attributes make, before and after."""
        if self._states is not None:
            known = self._derived(attributes)
            if any(metric in figures for side in known for figures in side.values()):
                made = [
                    {key: of[metric] for key, of in side.items() if metric in of} for side in known
                ]
                return made[0], made[1]
        parts: list[dict[Segment, list[Figure]]] = [{}, {}]
        for row in self._realised.get(metric, ()):
            if row.segment:
                key = group_of(row.segment, attributes)
                if row.pane[1] <= self._split:
                    parts[0].setdefault(key, []).append(row.figure)
                elif row.pane[0] >= self._split:
                    parts[1].setdefault(key, []).append(row.figure)
        before, after = (
            {key: pooled(metric, each) for key, each in side.items()} for side in parts
        )
        return before, after

    def _derived(
        self, attributes: tuple[str, ...] | None
    ) -> list[dict[Segment, dict[str, Figure]]]:
        """Return the figures of states by group and side; without attributes of all as one."""
        assert self._states is not None
        if attributes not in self._known:
            members: dict[Segment, set[Segment]] = {}
            for segment in self._states.segments():
                key = () if attributes is None else group_of(segment, attributes)
                members.setdefault(key, set()).add(segment)
            self._known[attributes] = [
                {
                    key: of
                    for key, segments in sorted(members.items())
                    if (of := self._states.figures(sides=(side,), segments=segments))
                }
                for side in (0, 1)
            ]
        return self._known[attributes]


def group_of(segment: Segment, attributes: tuple[str, ...]) -> Segment:
    """Return what a segment has of some attributes; all of it where it lacks one of them.

    Such is the segment of those that were too many.
    """
    chosen = tuple((name, of) for name, of in segment if name in attributes)
    return chosen if len(chosen) == len(attributes) else segment
