"""Stored predictions, the labels joined to them before, and new labels: what is new, as rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.model.quality.sound_rows import score_faults

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay._core import JoinedLabels
    from inlay.model.quality.stream import Stream
    from inlay.model.stored_predictions import StoredPredictions

__all__ = ["OfflineJoin"]

_MOST_PANES = 1 << 31


class OfflineJoin:
    """Joins labels to the predictions of a directory, by the rules of a live join.

    Parameters
    ----------
    known : StoredPredictions
    ids, outcomes : pyarrow.ChunkedArray
        The new labels.

    Attributes
    ----------
    predictions : int
        With an id of their own.
    before, fresh : JoinedLabels
        Labels joined by earlier runs, and those that are new.
    apart : dict of str to int
        What was not joined, by reason.

    Raises
    ------
    TypeError
        If ids are neither integers, text nor bytes.
    """

    def __init__(
        self, known: StoredPredictions, ids: pa.ChunkedArray, outcomes: pa.ChunkedArray
    ) -> None:
        import numpy as np

        now = int(known.panes[-1])
        faults = score_faults(known.task, known.scores)
        known = self._known = _without(known, faults["nan_score"] | faults["out_of_range"])
        null_ids = ids.null_count
        if null_ids:
            valid = ids.is_valid()
            ids, outcomes = ids.filter(valid), outcomes.filter(valid)
        high, low = (np.frombuffer(half, np.int64) for half in _core.prediction_id_hash(ids))
        room = len(known.high) + len(known.label_high) + len(high) + 1  # nothing has to go
        join = _core.LabelJoin(known.task.name, _MOST_PANES, room)
        taken = join.predicted_hashed(
            known.high, known.low, known.scores, known.panes, known.segments
        )
        self.predictions: int = taken.accepted
        self._refused = np.asarray(taken.refused).astype(np.int64)
        self.before: JoinedLabels = join.labelled_hashed(
            known.label_high, known.label_low, known.outcomes, now
        )
        counts = join.counts
        values = np.asarray(known.task.outcomes(outcomes), np.float64)
        is_bad = ~(known.task.are_outcomes(values) | np.isnan(values))  # the join tells nulls
        high, low, values = high[~is_bad], low[~is_bad], values[~is_bad]
        self.fresh: JoinedLabels = join.labelled_hashed(high, low, values, now)
        rows = np.asarray(self.fresh.row).astype(np.int64)
        self._high, self._low = high[rows], low[rows]
        more = {name: count - counts[name] for name, count in join.counts.items()}
        self.apart: dict[str, int] = {
            "duplicate_predictions": counts["duplicate_predictions"],
            "null_ids": null_ids,
            "null_labels": more["null_labels"],
            "orphan_labels": more["early"],
            "duplicate_labels": more["duplicate_labels"],
            "conflicting_labels": more["conflicting_labels"],
            "bad_label": int(is_bad.sum()),
            **{reason: int(rows.sum()) for reason, rows in faults.items()},
        }

    def points(self, *, origin: int, sequence: int, now: int) -> pa.Table:
        """Return the rows of the panes that have new labels, as a live quality writes them.

        Parameters
        ----------
        origin, sequence : int
            Of the window that the rows are for.
        now : int
            Microseconds of Unix time.

        Returns
        -------
        pyarrow.Table
            Of the columns of points.
        """
        import pyarrow as pa

        from inlay.table import arrow_schema

        schema = arrow_schema("points")
        tables = [schema.empty_table()]
        resources = [resource for _, resource in self._known.series]
        for resource in dict.fromkeys(resources):
            window = _Window(json.loads(resource), origin, sequence, now)
            stream = self._stream(window)
            # The segments of this service by their numbers in the stream; -1 of others.
            places = [
                _place(stream, attrs) if its == resource else -1
                for attrs, its in self._known.series
            ]
            self._write(stream, places, now)
            for reason, rows in stream.apart.items():  # found their prediction, but are no labels
                self.apart[reason] = self.apart.get(reason, 0) + rows
            tables += window.points
        return pa.concat_tables([table.cast(schema) for table in tables])

    def answers(self, *, origin: int, now: int) -> pa.Table:
        """Return the new labels as rows of the table ``labels``."""
        import numpy as np
        import pyarrow as pa

        from inlay.model.prediction_table import LABELS
        from inlay.table import schema_of_columns

        known = self._known
        rows = len(self.fresh)
        places = pa.array(np.asarray(self.fresh.segment).astype(np.int32))
        services = [json.loads(resource)["service.name"] for _, resource in known.series]
        series = [
            _core.series_id(known.name, attrs, service)
            for (attrs, _), service in zip(known.series, services, strict=True)
        ]

        def same(value: Any, kind: pa.DataType) -> pa.Array:
            return pa.repeat(pa.scalar(value, kind), rows)

        def of_segment(values: list[Any], kind: pa.DataType) -> pa.Array:
            return pa.array(values, kind).take(places)

        moment = pa.timestamp("us", "UTC")
        columns = {
            "time": same(now, moment),
            "observed_time": same(now, moment),
            "origin": same(origin, pa.int64()),
            "layer": same("model", pa.utf8()),
            "metric": same(known.name, pa.utf8()),
            "series_id": of_segment(series, pa.int64()),
            "attrs": of_segment([attrs for attrs, _ in known.series], pa.utf8()),
            "resource": of_segment([resource for _, resource in known.series], pa.utf8()),
            "id_high": pa.array(self._high),
            "id_low": pa.array(self._low),
            "outcome": pa.array(np.asarray(self.fresh.outcome).astype(np.float64)),
        }
        return pa.table(columns, schema=schema_of_columns(LABELS))

    def _stream(self, window: _Window) -> Stream:
        from inlay.drift.judging import Judging
        from inlay.model.quality.stream import Stream

        observer: Any = window
        judging = Judging((), failed=_no_judge_fails)
        return Stream(observer, self._known.settings, self._known.task, judging)

    def _write(self, stream: Stream, places: list[int], now: int) -> None:
        """Write the panes: what earlier runs joined is known, what is new is the delta."""
        import numpy as np

        from inlay.model.quality.panes import Pane

        place_of = np.asarray(places, np.int64)
        earlier = {number: (begin, end) for number, begin, end in self.before.groups}
        for number, begin, end in self.fresh.groups:
            pane = stream.panes[number] = Pane(stream.task)
            for joined, (first, last), counts in (
                (self.before, earlier.get(number, (0, 0)), pane.known.labels),
                (self.fresh, (begin, end), pane.fresh.labels),
            ):
                if joined is self.fresh:
                    pane.settle()  # what came before is the whole so far
                segments = place_of[np.asarray(joined.segment)[first:last]]
                mine = segments >= 0
                if not mine.any():
                    continue
                segments = segments[mine]
                outcomes = np.asarray(joined.outcome)[first:last][mine]
                scores = np.asarray(joined.score)[first:last][mine]
                pane.delta.update(outcomes, scores, segments=segments)
                for place, count in zip(*np.unique(segments, return_counts=True), strict=True):
                    counts[int(place)] = int(count)
            if not pane.fresh.labels:
                continue
            pane.known.predictions.update(self._predictions(number, place_of))
            pane.revision = self._known.revisions.get(number, 0)
            stream._write(number, pane, now)

    def _predictions(self, number: int, place_of: np.ndarray[Any, Any]) -> dict[int, int]:
        """Return how many predictions a pane has, by place."""
        import numpy as np

        rows = np.flatnonzero(self._known.panes == number)
        if len(self._refused):
            rows = np.setdiff1d(rows, self._refused, assume_unique=True)
        places = place_of[self._known.segments[rows]]
        found, counts = np.unique(places[places >= 0], return_counts=True)
        return {int(place): int(count) for place, count in zip(found, counts, strict=True)}


def _without(known: StoredPredictions, rows: np.ndarray[Any, Any]) -> StoredPredictions:
    """Leave predictions out."""
    if not rows.any():
        return known
    columns = ("high", "low", "scores", "panes", "segments")
    return known._replace(**{name: getattr(known, name)[~rows] for name in columns})


def _place(stream: Stream, attrs: str) -> int:
    from inlay.model.quality.segments import OVERFLOW

    members = json.loads(attrs)
    if OVERFLOW in members:
        return stream.segments.index(None)
    return stream.segments.index(tuple(members[name] for name in stream.segments.names))


def _no_judge_fails(judge: Any, error: Exception) -> None:  # noqa: ARG001
    raise error


class _Window:
    """Stands for an observer whose window takes the rows of a run. Not thread-safe."""

    def __init__(self, resource: dict[str, str], origin: int, sequence: int, now: int) -> None:
        self.core = self
        self.resource = resource
        self.origin = origin
        self.window_seq = sequence
        self.points: list[pa.Table] = []
        self._now = now

    def now_us(self) -> int:
        """Return the time of the run."""
        return self._now

    def add_table(self, name: str, table: _core.Table) -> bool:
        """Take rows."""
        from inlay.table import Table

        assert name == "points"
        self.points.append(Table(table).to_pyarrow())
        return True

    def counter(self, name: str, **given: Any) -> None:
        """Give no instrument: what is kept apart here was counted by the join."""
