"""States that rows of points carry, put together over panes, processes and segments."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InlayError
from inlay.model.quality.task import TASKS, Task, task_of
from inlay.report.directory.estimates import Pane, Segment
from inlay.report.directory.figures import Figure
from inlay.report.directory.metric_kinds import label_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ModelStates", "read_states"]

_SUFFIX = "_inlay"
_CONFIDENCE = 0.95
_SETTINGS = ("kind", "thresholds", "bins", "scores")
_COLUMNS = ("metric", "attrs", "start_time", "time", "summary", "summary_type")

#: Before, after, or in a pane that the split cuts.
Side = int | None


class ModelStates:
    """The states of one model, by segment and side of a split, and by pane. Not thread-safe.

    Parameters
    ----------
    task : Task
        Reads them and says what they come to.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._by_segment: dict[tuple[Segment, Side], Any] = {}
        self._by_pane: dict[Pane, Any] = {}
        self._of_panes: dict[Pane, dict[str, Figure]] = {}

    def add(self, data: bytes, segment: Segment, side: Side, pane: Pane | None) -> None:
        """Take the state of a row.

        Parameters
        ----------
        data : bytes
        segment : tuple of (str, str)
        side : {0, 1} or None
        pane : tuple of int, optional
            Where it is to be kept by pane, too.

        Raises
        ------
        SerializationError
            If the bytes are damaged or of other settings.
        """
        states = self._task.read(data)
        # By pane first: the state itself becomes that of its segment.
        if pane is not None:
            self._put(self._by_pane, pane, states)
        self._put(self._by_segment, (segment, side), states)

    def _put(self, kept: dict[Any, Any], key: Any, states: Any) -> None:
        known = kept.get(key)
        if known is None:
            known = kept[key] = self._task.new()
        known.merge(states, [(0, 0)])

    def segments(self) -> set[Segment]:
        """Return the segments that there are."""
        return {segment for segment, _ in self._by_segment}

    def figures(
        self, *, sides: Collection[Side] = (0, 1, None), segments: Iterable[Segment] | None = None
    ) -> dict[str, Figure]:
        """Return the figures of some segments together, or of all, by label; none without rows."""
        whole = self._whole(sides, segments)
        return {} if whole is None else self._derived(whole)

    def of_pane(self, pane: Pane) -> dict[str, Figure]:
        """Return the figures of a pane, by label; none if it was not kept."""
        known = self._of_panes.get(pane)
        if known is None:
            states = self._by_pane.get(pane)
            known = self._of_panes[pane] = {} if states is None else self._derived(states)
        return known

    def calibration(self) -> list[tuple[float, float, float]] | None:
        """Return rows, rows that were so and the sum of scores of each range of equal width.

        None if the states have none.
        """
        whole = self._whole((0, 1, None), None)
        found = {} if whole is None else whole.figures(0)
        if found.get("calibration"):
            return [(n, hits, scores) for n, hits, scores, *_ in found["calibration"]]
        if found.get("bins"):
            return [(of, hits, confident) for _, _, of, hits, confident in found["bins"]]
        return None

    def _whole(self, sides: Collection[Side], segments: Iterable[Segment] | None) -> Any:
        whole = None
        for segment in sorted(self.segments() if segments is None else segments):
            for side in sides:
                states = self._by_segment.get((segment, side))
                if states is not None:
                    whole = self._task.new() if whole is None else whole
                    whole.merge(states, [(0, 0)])
        return whole

    def _derived(self, states: Any) -> dict[str, Figure]:
        made = {}
        for name, one in self._task.derive(states.figures(0), _CONFIDENCE).items():
            label = label_of(*self._task.series(name))
            made[label] = Figure(one.value, one.low, one.high, one.n, one.reason)
        return made


def read_states(
    points: pa.Table, split: int | None, several: Mapping[str, set[int]]
) -> tuple[dict[str, ModelStates], list[str]]:
    """Read the states of each model, by name.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    split : int, optional
        In microseconds of Unix time.
    several : mapping of str to set of int
        Which processes wrote of a model: of several their panes are kept, too.

    Returns
    -------
    states : dict of str to ModelStates
        Without those that cannot be put together.
    notes : list of str
        Why they cannot.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.array([f"{task}{_SUFFIX}" for task in TASKS])
    kept = pc.and_(pc.is_valid(points["summary"]), pc.is_in(points["summary_type"], types))
    rows = points.filter(kept).select(_COLUMNS)
    columns = (
        *(rows[name].to_pylist() for name in ("metric", "attrs")),
        *(rows[name].cast(pa.int64()).to_pylist() for name in ("start_time", "time")),
        rows["summary_type"].to_pylist(),
    )
    found: dict[str, ModelStates] = {}
    wrong: dict[str, str] = {}
    segments: dict[str, Segment] = {}
    for number, (name, attrs, start, end, of) in enumerate(zip(*columns, strict=True)):
        if name in wrong:
            continue
        if attrs not in segments:
            segments[attrs] = tuple(sorted(json.loads(attrs).items()))
        data = rows["summary"][number].as_py()
        side = None if split is None else 0 if end <= split else 1 if start >= split else None
        pane = (start, end) if len(several.get(name, ())) > 1 else None
        try:
            if name not in found:
                found[name] = ModelStates(_task(of.removesuffix(_SUFFIX), data, points, name))
            found[name].add(data, segments[attrs], side, pane)
        except InlayError as error:
            wrong[name] = f"the states of {name} are not put together: {error}"
            found.pop(name, None)
    return found, list(wrong.values())


def _task(name: str, data: bytes, points: pa.Table, metric: str) -> Task:
    """Make the task of a state, with its settings."""
    from inlay import _core

    states: Any = getattr(_core, f"{name.capitalize()}States").from_bytes(data)
    settings = getattr(states, "settings", None)
    if settings is None:
        settings = {each: getattr(states, each) for each in _SETTINGS}
    given = dict(settings)
    if "classes" in given:
        given["classes"] = _names(points, metric, given["classes"])
    return task_of(name, **given)


def _names(points: pa.Table, metric: str, classes: int) -> int | list[str]:
    """Return the names of a model's classes, where a row tells them, else how many there are."""
    import pyarrow.compute as pc

    kept = pc.and_(pc.equal(points["metric"], metric), pc.equal(points["kind"], "confusion"))
    rows = points.filter(kept).slice(0, 1)["categories"].to_pylist()
    return rows[0] if rows and rows[0] and len(rows[0]) == classes else classes
