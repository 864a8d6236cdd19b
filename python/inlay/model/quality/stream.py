"""What a `Quality` does with predictions and labels: rows to panes, panes to the window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from inlay import _core
from inlay._arguments import moment_us
from inlay._exceptions import InvalidArgumentError
from inlay.model.prediction_log import PredictionLog
from inlay.model.quality.panes import Pane
from inlay.model.quality.rows import QualityRows
from inlay.model.quality.segments import Segments
from inlay.model.quality.sound_rows import numbers_of, score_faults
from inlay.model.quality.times import microseconds_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay.drift.judge import Judge
    from inlay.drift.judging import Judging
    from inlay.model.metrics import Metrics
    from inlay.model.quality.settings import Settings
    from inlay.model.quality.task import Task
    from inlay.observer import Observer

__all__ = ["Stream"]

_ERROR = 17
_FUTURE, _TOO_LATE = "future", "too_late"
_BAD_LABEL = "bad_label"
# Rows of a pane that may be written at each cut, and for each one more how much later the next
# time is: about 20 times what writing it takes.
_MANY = 5_000
_ROW_US = 1_000


class Stream:
    """The state of a `Quality` and what changes it. Not thread-safe: the quality has a lock.

    Parameters
    ----------
    observer : Observer
        Whose window gets the rows.
    settings : Settings
    task : Task
    judging : Judging
    """

    def __init__(
        self, observer: Observer, settings: Settings, task: Task, judging: Judging
    ) -> None:
        self.settings = settings
        self.task = task
        self.judging = judging
        self.core = observer.core
        self.segments = Segments(settings.attributes, cap=settings.cap)
        self.panes: dict[int, Pane] = {}
        self.join: Any = None
        # Rows by reason that were kept apart and are in no counter yet.
        self.apart: dict[str, int] = {}
        self.told: dict[str, int] = {}  # of the join, what the counters have
        self._rejected = observer.counter(
            f"{settings.name}.rejected",
            unit="{row}",
            description="Rows that were kept apart, by reason.",
            attributes=("reason",),
            layer="model",
        )
        self._rows = QualityRows(self.core, observer.resource, settings, task)
        self._log = None
        if settings.log and task.joins:
            self._log = PredictionLog(
                self.core,
                observer.resource,
                settings.name,
                {**settings.to_json(), **task.to_json()},
            )

    # ---- rows that come ------------------------------------------------------------------------
    def observed(
        self,
        y_true: Any,
        y_score: Any,
        *,
        weights: Any,
        predicted_at: Any,
        attributes: Mapping[str, Any],
        more: Mapping[str, Any],
    ) -> int:
        """Count rows whose label is known; return how many came to panes."""
        rows = length_of(y_score)
        y_true, y_score = self.task.prepare(y_true, y_score)
        segments = self.segments.find(attributes, rows)
        now = self.core.now_us()
        given = {"weights": weights, **more}
        times = predicted_at
        if times is None or _is_moment(times):
            at = now if times is None else moment_us("predicted_at", times)
            pane = self._pane_at(at, now, rows)
            if pane is None:
                return 0
            pane.delta.update(y_true, y_score, segments=segments, **given)
            pane.is_changed = True
            return rows
        placed = 0
        for number, where in self._placed(times, rows, now):
            pane = self._pane(number)
            chosen = {name: _chosen(value, where) for name, value in given.items()}
            pane.delta.update(
                _chosen(y_true, where),
                _chosen(y_score, where),
                segments=segments if isinstance(segments, int) else segments[where],
                **chosen,
            )
            pane.is_changed = True
            placed += len(where)
        return placed

    def predicted(
        self, ids: Any, scores: Any, *, predicted_at: Any, attributes: Mapping[str, Any]
    ) -> int:
        """Keep predictions until their labels come; return how many."""
        self._joined()
        rows = length_of(scores)
        segments = self.segments.find(attributes, rows)
        now = self.core.now_us()
        values = self.task.predictions(scores)
        if predicted_at is None or _is_moment(predicted_at):
            at = now if predicted_at is None else moment_us("predicted_at", predicted_at)
            if not self._is_in_time(at, now, rows):
                return 0
            return self._keep(ids, values, at, at // self.settings.every, segments)
        at_each = microseconds_of(predicted_at, rows)
        placed = 0
        for number, where in self._placed(predicted_at, rows, now):
            some = segments if isinstance(segments, int) else segments[where]
            some_ids, some_values = _chosen(ids, where), _chosen(values, where)
            placed += self._keep(some_ids, some_values, at_each[where], number, some)
        return placed

    def _keep(self, ids: Any, values: Any, at: Any, number: int, segments: Any) -> int:
        """Let those predictions of one pane wait that can count; return how many do."""
        scores = numbers_of(values)
        if _is_column(scores, ids):
            is_sound = self.task.are_scores(scores)
            if not is_sound.all():
                for reason, rows in score_faults(self.task, scores).items():
                    self._count_apart(reason, int(rows.sum()))
                kept = is_sound.nonzero()[0]
                if not len(kept):
                    return 0
                ids, values = _chosen(ids, kept), scores[kept]
                at = at if isinstance(at, int) else at[kept]
                segments = segments if isinstance(segments, int) else segments[kept]
        if self._log is not None:
            self._log.add(ids, values, at, segments, self.segments.attrs)
        return self._wait_for(ids, values, number, segments)

    def _wait_for(self, ids: Any, values: Any, number: int, segments: Any) -> int:
        """Let predictions of one pane wait; return how many do, or did until now."""
        import numpy as np

        joined = self.join.predicted(ids, values, number, segments)
        accepted = int(joined.accepted)
        if accepted:
            pane = self._pane(number)
            if isinstance(segments, int):
                pane.fresh.predictions[segments] = (
                    pane.fresh.predictions.get(segments, 0) + accepted
                )
            else:
                taken = segments
                if accepted < len(segments):
                    taken = np.delete(segments, np.asarray(joined.refused).astype(np.int64))
                _count(pane.fresh.predictions, taken)
            pane.is_changed = True
        self._take(joined)
        return accepted

    def labelled(self, ids: Any, outcomes: Any) -> int:
        """Join labels to predictions; return how many found theirs."""
        now = self.core.now_us()
        values = self.task.outcomes(outcomes)
        numbers = numbers_of(values)
        if _is_column(numbers, ids):
            is_sound = self.task.are_outcomes(numbers)
            if not is_sound.all():
                is_sound |= numbers != numbers  # nulls, of which the join tells
                kept = is_sound.nonzero()[0]
                self._count_apart(_BAD_LABEL, len(numbers) - len(kept))
                if not len(kept):
                    return 0
                ids, values = _chosen(ids, kept), numbers[kept]
        self._expire(now)  # no cut may have come since the horizon passed
        return self._take(self._joined().labelled(ids, values, now // self.settings.every))

    def _joined(self) -> Any:
        if self.join is None:
            self.join = self.task.new_join(self.settings)
        return self.join

    def _pane(self, number: int) -> Pane:
        pane = self.panes.get(number)
        if pane is None:
            pane = self.panes[number] = Pane(self.task)
        return pane

    def _pane_at(self, at: int, now: int, rows: int) -> Pane | None:
        return self._pane(at // self.settings.every) if self._is_in_time(at, now, rows) else None

    def _is_in_time(self, at: int, now: int, rows: int) -> bool:
        settings = self.settings
        if at > now + settings.skew:
            self._count_apart(_FUTURE, rows)
            return False
        if at // settings.every < self._first_pane(now):
            self._count_apart(_TOO_LATE, rows)
            return False
        return True

    def _first_pane(self, now: int) -> int:
        """Return the oldest pane that still takes rows."""
        return now // self.settings.every - self.settings.horizon_panes

    def _placed(
        self, times: Any, rows: int, now: int
    ) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        """Split rows by the pane of their times: the pane's number and the rows' numbers."""
        import numpy as np

        at = microseconds_of(times, rows)
        future = at > now + self.settings.skew
        numbers = at // self.settings.every
        late = numbers < self._first_pane(now)
        self._count_apart(_FUTURE, int(future.sum()))
        self._count_apart(_TOO_LATE, int(late.sum()))
        kept = np.flatnonzero(~(future | late))
        for number in np.unique(numbers[kept]).tolist():
            yield number, kept[numbers[kept] == number]

    def _count_apart(self, reason: str, rows: int) -> None:
        if rows:
            self.apart[reason] = self.apart.get(reason, 0) + rows

    def _take(self, joined: Any) -> int:
        """Count rows whose prediction and label found each other; return how many."""
        rows = len(joined)
        if rows:
            scores, outcomes, segments = joined.score, joined.outcome, joined.segment
            for number, begin, end in joined.groups:
                pane = self._pane(number)
                some = segments[begin:end]
                pane.delta.update(outcomes[begin:end], scores[begin:end], segments=some)
                _count(pane.fresh.labels, some)
                pane.is_changed = True
        return rows

    # ---- panes that are written ----------------------------------------------------------------
    def tick(self) -> None:
        """Write the panes that are due, and let go of those beyond the horizon."""
        now = self.core.now_us()
        self._expire(now)
        first = self._first_pane(now)
        for number in sorted(self.panes):
            pane = self.panes[number]
            if pane.is_changed and (number < first or self._is_due(number, pane, now)):
                self._write(number, pane, now)
            if number < first:
                del self.panes[number]
        self._tell_apart()

    def finish(self) -> None:
        """Write all that was not written."""
        now = self.core.now_us()
        for number in sorted(self.panes):
            if self.panes[number].is_changed:
                self._write(number, self.panes[number], now)
        self._tell_apart()

    def _is_due(self, number: int, pane: Pane, now: int) -> bool:
        """Return whether a changed pane is written now: while it is open always, then at times."""
        if pane.written is None:
            return True
        end = (number + 1) * self.settings.every
        if pane.written < end:  # of very many segments the open one, too, is written at times
            return now >= end or now - pane.written >= max(0, pane.num_rows - _MANY) * _ROW_US
        return now - pane.written >= self.settings.refresh

    def _expire(self, now: int) -> None:
        if self.join is not None:
            self.join.expire(self._first_pane(now))

    def _write(self, number: int, pane: Pane, now: int) -> None:
        taken, fresh = pane.settle(), pane.settled()
        total = pane.total
        rows, segments = self._rows, self.segments
        rows.begin(number, pane.revision, now)
        changed = []
        for index in range(taken.segments):
            for reason, count in taken.counted(index).items():
                self._count_apart(reason, count)
            if taken.rows(index):
                changed.append(index)
        for index in changed:
            rows.deltas(segments.attrs(index), taken.figures(index), taken.to_bytes(index))
        for what, counts in (("predictions", fresh.predictions), ("labels", fresh.labels)):
            for index, count in sorted(counts.items()):
                rows.counter(what, segments.attrs(index), count)
        for index in changed:
            metrics = self.task.derive(total.figures(index), self.settings.confidence)
            rows.estimates(segments.attributes(index), metrics)
        if changed and self.settings.attributes:
            whole = self.merged([(total, range(total.segments))])
            rows.estimates({}, self.task.derive(whole.figures(0), self.settings.confidence))
        self._add_coverage(pane, {*fresh.predictions, *fresh.labels})
        pane.is_changed = False
        pane.revision += 1
        pane.written = now
        if (number + 1) * self.settings.every <= now:
            pane.rest()
        table = rows.table()
        pane.num_rows = table.num_rows
        if table.num_rows:
            self.core.add_table("points", _core.Table(table))
            for verdicts in self.judging.judge(table):
                if verdicts.num_rows:
                    self.core.add_table("verdicts", _core.Table(verdicts))

    def _add_coverage(self, pane: Pane, changed: set[int]) -> None:
        labels, predictions = pane.known.labels, pane.known.predictions
        for index in sorted(changed):
            if predictions.get(index):
                attrs = self.segments.attrs(index)
                self._rows.coverage(attrs, labels.get(index, 0), predictions[index])
        if changed and self.settings.attributes:
            self._rows.coverage("{}", sum(labels.values()), sum(predictions.values()))

    def _tell_apart(self) -> None:
        if self.join is not None:
            counts = self.task.apart(self.join.counts)
            for reason, count in counts.items():
                self._count_apart(reason, count - self.told.get(reason, 0))
            self.told = counts
        apart, self.apart = self.apart, {}
        for reason, rows in apart.items():
            self._rejected.bind(reason=reason).add(rows)

    # ---- what it knows -------------------------------------------------------------------------
    def merged(self, parts: Iterable[tuple[Any, Iterable[int]]]) -> Any:
        """Return segments of states added up, as segment 0 of new states."""
        whole = self.task.new()
        for states, indices in parts:
            pairs = [(0, index) for index in indices if index < states.segments]
            if pairs:
                whole.merge(states, pairs)
        return whole

    def compute(self, given: Mapping[str, Any]) -> Metrics:
        """Return the figures of segments with some values, over all panes that are held."""
        for name in given:
            if name not in self.settings.attributes:
                message = f"there is no attribute {name!r} among {self.settings.attributes!r}"
                raise InvalidArgumentError(message)
        wanted = {name: str(value) for name, value in given.items()}
        indices = [
            index
            for index in range(len(self.segments))
            if wanted.items() <= self.segments.attributes(index).items()
        ]
        whole = self.merged((states, indices) for states in self._states())
        if not whole.segments:
            whole.update((), (), segments=0)
        return self.task.derive(whole.figures(0), self.settings.confidence)

    def confusions(self) -> pa.Table:
        """Return the confusion counts of each segment, over all panes that are held.

        Returns
        -------
        pyarrow.Table
            Some columns of points.
        """
        import pyarrow as pa

        from inlay.model.parity.confusions import COLUMNS, KIND
        from inlay.table import arrow_schema

        whole = self.task.new()
        for states in self._states():
            whole.merge(states)
        made = []
        for index in range(whole.segments):
            for _, row in self.task.rows(whole.figures(index), b""):
                if row["kind"] == KIND:
                    named = {"metric": self.settings.name, "attrs": self.segments.attrs(index)}
                    made.append({**named, **{name: row.get(name) for name in COLUMNS[3:]}})
        schema = arrow_schema("points")
        return pa.Table.from_pylist(
            [{**row, "kind": KIND} for row in made],
            schema=pa.schema([schema.field(name) for name in COLUMNS]),
        )

    def _states(self) -> Iterator[Any]:
        for pane in self.panes.values():
            if pane.total is not None:
                yield pane.total
            yield pane.delta

    def judge_failed(self, judge: Judge, error: Exception) -> None:
        """Note that a judge raised."""
        self.core.event(
            "model.judge.failed",
            severity=_ERROR,
            body=repr(error),
            attrs=_core.canonical_json({"quality": self.settings.name, "judge": judge.name}),
            layer="model",
        )


def length_of(values: Any) -> int:
    """Return the number of rows of an array-like.

    Raises
    ------
    TypeError
        If it has no length.
    """
    try:
        return len(values)
    except TypeError:
        shape = getattr(values, "shape", None)
        if shape:
            return int(shape[0])
        message = f"rows are given as an array, got {type(values).__name__}: {values!r}"
        raise TypeError(message) from None


def _count(counts: dict[int, int], segments: Any) -> None:
    """Add the number of rows of each segment."""
    import numpy as np

    rows = np.bincount(np.asarray(segments))
    for index in np.flatnonzero(rows).tolist():
        counts[index] = counts.get(index, 0) + int(rows[index])


def _is_column(numbers: np.ndarray[Any, Any] | None, ids: Any) -> TypeGuard[np.ndarray[Any, Any]]:
    """Return whether there is one number an id; if not, the join says what is wrong."""
    if numbers is None or numbers.ndim != 1 or isinstance(ids, (str, bytes)):
        return False
    return length_of(ids) == len(numbers)


def _is_moment(value: Any) -> bool:
    import datetime

    return isinstance(value, (int, float, datetime.datetime))


def _chosen(values: Any, where: np.ndarray[Any, Any]) -> Any:
    """Return some rows of an array-like."""
    import numpy as np

    if values is None:
        return None
    if hasattr(values, "take") and hasattr(values, "type"):  # of Arrow
        return values.take(where)
    if isinstance(values, (list, tuple)):  # as they are: numpy makes one type of several
        return [values[row] for row in where.tolist()]
    return np.asarray(values)[where]
