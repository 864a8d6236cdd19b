"""`Quality`: how well a model does while it runs, with labels that come later or never."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from inlay._container import read_file, write_file
from inlay._exceptions import InlayWarning, StoppedError
from inlay._threads import new_rlock
from inlay.drift.judging import Judging
from inlay.model.quality.checkpoint import pack_stream, unpack_stream
from inlay.model.quality.settings import settings_of
from inlay.model.quality.stream import Stream
from inlay.model.quality.task import task_of

if TYPE_CHECKING:
    import os

    from inlay.drift.judge import Judge
    from inlay.model.metrics import Metrics
    from inlay.model.parity.table import Fairness
    from inlay.model.quality.settings import QualityOptions
    from inlay.observer import Observer

__all__ = ["Quality"]


class Quality:
    """Counts predictions against what turned out to be true, per segment and pane of time.

    Made by `Observer.quality`. Any thread may use it at any time.

    Parameters
    ----------
    observer : Observer
        Whose windows get the rows.
    name : str
        What the metrics begin with; one quality of an observer has it at a time.
    **options
        As `Observer.quality` takes them, all of them.

    Raises
    ------
    InvalidArgumentError
        If a setting is out of range or the observer has a quality of that name.
    TypeError
        If a setting is of another type, or a judge lacks a method.

    Notes
    -----
    *Panes.* A row belongs to the pane ``[k * every, (k + 1) * every)`` in which the prediction was
    made, whenever its label comes. Before a cut, panes that changed are written to the observer's
    window: the open one each time, earlier ones at most every `refresh` seconds, and all when the
    observer stops.

    *What is written* of a pane, layer ``model``, with the bounds of the pane and the number of the
    writing as revision: of each segment that changed, rows of form ``delta`` that hold what is new
    alone (metric `name`, of kind ``confusion``, ``scores``, ``calibration``, ``multiclass``,
    ``multilabel``, ``regression`` or ``ranking``, and counters of ``predictions`` and ``labels``);
    and rows of form ``derived`` and kind ``estimate``, one a figure, that hold all that is known of
    the pane: ``value``, its interval in ``min`` and ``max``, and ``count``, the rows that it rests
    on. A figure that is undefined has the status ``undefined`` or ``insufficient`` and says why in
    ``categories``. With attributes there are such rows of all segments together, too.

    *Memory.* Segments are capped, what is beyond goes to one more, marked
    ``otel.metric.overflow``. Panes are held until `horizon` has passed, those that rest as bytes.
    Pending predictions are bounded by `capacity`; each takes about 40 bytes.

    *Forks.* A forked child's quality starts empty.

    Examples
    --------
    >>> import inlay
    >>> obs = inlay.Observer()
    >>> clicks = obs.quality("click", task="binary", attributes=("region",), min_n=1)
    >>> clicks.observed([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.1], region="eu")
    4
    >>> clicks.compute()["accuracy"]
    Estimate(0.75 [0.300642, 0.954413], n=4, wilson)
    >>> clicks.predicted(["a", "b"], [0.8, 0.3], region=["eu", "us"])
    2
    >>> clicks.labelled(["a"], [1])
    1
    >>> rows = obs.collect().points.to_pylist()
    >>> [row["value"] for row in rows if row["metric"] == "click.coverage"]
    [1.0, 0.0, 0.5]
    """

    __module__ = "inlay.model"

    def __init__(self, observer: Observer, name: str, **options: Unpack[QualityOptions]) -> None:
        rest: dict[str, Any] = dict(options)
        judges = rest.pop("judges")
        task = {
            what: rest.pop(what)
            for what in ("kind", "thresholds", "classes", "bins", "top_k", "quantiles", "k")
        }
        self._task = task_of(rest.pop("task"), **task)
        self._settings = settings_of(name, **rest)
        self._observer = observer
        self._lock = new_rlock()
        self._closed = False
        self._judging = Judging(judges, failed=self._judge_failed)
        self._stream = self._new_stream()

    def _new_stream(self) -> Stream:
        return Stream(self._observer, self._settings, self._task, self._judging)

    # ---- what it is ----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """What the metrics begin with."""
        return self._settings.name

    @property
    def task(self) -> str:
        """``"binary"``, ``"multiclass"``, ``"multilabel"``, ``"regression"`` or ``"ranking"``."""
        return self._task.name

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes whose values make segments."""
        return self._settings.attributes

    @property
    def closed(self) -> bool:
        """Whether it takes no more rows."""
        return self._closed

    @property
    def segments(self) -> list[Mapping[str, str]]:
        """The attributes of each segment, in the order in which they came."""
        with self._lock:
            segments = self._stream.segments
            return [segments.attributes(index) for index in range(len(segments))]

    @property
    def overflowed(self) -> int:
        """Rows of segments beyond the cap."""
        return self._stream.segments.overflowed

    @property
    def pending(self) -> int:
        """Predictions whose label has not come, and is still waited for."""
        with self._lock:
            join = self._stream.join
            return 0 if join is None else int(join.counts["pending"])

    # ---- rows ----------------------------------------------------------------------------------
    def observed(
        self,
        y_true: Any,
        y_score: Any,
        *,
        weights: Any = None,
        predicted_at: Any = None,
        groups: Any = None,
        **attributes: Any,
    ) -> int:
        """Count predictions whose truth is known.

        Parameters
        ----------
        y_true : array-like, shape (n,)
            What turned out to be true: 0 and 1, a class, a number, a relevance; of multilabel 0 and
            1 of shape (n, labels).
        y_score : array-like, shape (n,) or (n, classes)
            What was predicted, of the kind that was declared.
        weights : array-like of float, shape (n,), optional
        predicted_at : float or datetime, or array-like of them, shape (n,), optional
            When the predictions were made: Unix seconds or with a time zone; now unless given.
        groups : array-like of int, shape (n,), optional
            Of ranking: the query of each row.
        **attributes : str, int or bool, or array-like of them, shape (n,)
            Each attribute, one value for all rows or one for each.

        Returns
        -------
        int
            How many rows came to panes. The others were predicted before the horizon or in the
            future and are counted in ``<name>.rejected``.

        Raises
        ------
        InvalidArgumentError
            If lengths differ, or an attribute lacks or is unknown.
        TypeError
            If an argument is of another type.
        StoppedError
            If it is closed.
        """
        more = {} if groups is None else {"groups": groups}
        with self._lock:
            self._must_be_open()
            return self._stream.observed(
                y_true,
                y_score,
                weights=weights,
                predicted_at=predicted_at,
                attributes=attributes,
                more=more,
            )

    def predicted(
        self, ids: Any, scores: Any, *, predicted_at: Any = None, **attributes: Any
    ) -> int:
        """Keep predictions until their labels come.

        Parameters
        ----------
        ids : array-like of int64, str, UUID or bytes, shape (n,)
            One kind always.
        scores : array-like, shape (n,)
            Of task binary, of the kind that was declared; of multiclass with ``kind="label"`` the
            class, such as ``scores.argmax(axis=1)``; of regression without quantiles the number.
            Of other settings a prediction is no single number and cannot wait.
        predicted_at, **attributes
            As for `observed`.

        Returns
        -------
        int
            How many were taken; an id that is there already keeps its first prediction.

        Raises
        ------
        InvalidArgumentError
            If lengths differ, ids are of another kind than before, an attribute lacks or is
            unknown, or the task has no single number a prediction.
        TypeError
            If an argument is of another type.
        StoppedError
            If it is closed.
        """
        with self._lock:
            self._must_be_open()
            return self._stream.predicted(
                ids, scores, predicted_at=predicted_at, attributes=attributes
            )

    def labelled(self, ids: Any, outcomes: Any) -> int:
        """Join what turned out to be true to the predictions with these ids.

        A label that comes before its prediction waits for it.

        Parameters
        ----------
        ids : array-like, shape (n,)
            As for `predicted`.
        outcomes : array-like, shape (n,)
            As `y_true` of `observed`.

        Returns
        -------
        int
            How many labels found their prediction. The others wait, or are counted in
            ``<name>.rejected`` by reason.

        Raises
        ------
        InvalidArgumentError, TypeError, StoppedError
            As for `predicted`.
        """
        with self._lock:
            self._must_be_open()
            return self._stream.labelled(ids, outcomes)

    def tick(self) -> None:
        """Look at the clock: write what is due, and let go of what is beyond the horizon.

        The observer does this before each cut.
        """
        with self._lock:
            if not self._closed:
                self._stream.tick()

    def close(self, *, discard: bool = False) -> None:
        """Write all panes; later rows are refused. Closing again does nothing.

        Parameters
        ----------
        discard : bool
            Whether to write nothing more: for a quality whose saved state another will go on with.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not discard:
                self._stream.finish()

    def _must_be_open(self) -> None:
        if self._closed:
            message = f"the quality is closed and takes no more rows: {self.name!r}"
            raise StoppedError(message)

    # ---- what it knows -------------------------------------------------------------------------
    def compute(self, **attributes: str | int | bool) -> Metrics:
        """Return the figures over all panes that are held.

        Parameters
        ----------
        **attributes : str, int or bool
            Only segments with these values; all unless given.

        Raises
        ------
        InvalidArgumentError
            If an attribute is unknown.
        """
        with self._lock:
            return self._stream.compute(attributes)

    def fairness(
        self,
        *attributes: str,
        threshold: float | None = None,
        positive: str | None = None,
        reference: Mapping[str, str] | None = None,
        intersections: bool = True,
        min_n: int = 30,
        confidence: float = 0.95,
    ) -> Fairness:
        """Compare how groups are treated, over all panes that are held.

        Parameters
        ----------
        *attributes : str
            Which of the attributes make groups; all unless given.
        threshold, positive, reference, intersections, min_n, confidence
            As for `inlay.model.Fairness.of_points`.

        Raises
        ------
        InvalidArgumentError
            If there are no attributes, or the task has no decision.
        """
        from inlay.model.parity.table import Fairness

        with self._lock:
            points = self._stream.confusions()
        return Fairness.of_points(
            points,
            attributes or self.attributes,
            threshold=threshold,
            positive=positive,
            reference=reference,
            intersections=intersections,
            min_n=min_n,
            confidence=confidence,
        )

    # ---- checkpoints ---------------------------------------------------------------------------
    def save_state(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Save what is held: panes, predictions that wait, segments, judges.

        Parameters
        ----------
        path : str or os.PathLike, optional
            A file to write, whole or not at all.

        Returns
        -------
        bytes

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        with self._lock:
            data = pack_stream(self._stream)
        if path is not None:
            write_file(Path(path), data)
        return data

    def load_state(self, source: bytes | str | os.PathLike[str]) -> None:
        """Go on where a saved state ends, before the first rows.

        What was held here is forgotten, with an `InlayWarning` if there was something.

        Parameters
        ----------
        source : bytes, str or os.PathLike
            What `save_state` gave, or its file.

        Raises
        ------
        InvalidArgumentError
            If it is of another quality: another name, task, setting or judge; the message names
            all that differ. This one stays as it was then.
        SerializationError
            If it is none, damaged, or of a newer version. This one stays as it was then.
        FileNotFoundError
            If there is no such file.
        StoppedError
            If it is closed.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            data, where = bytes(source), "the state"
        else:
            path = Path(source)
            data, where = read_file(path), str(path)
        with self._lock:
            self._must_be_open()
            judges = self._judging.state()
            fresh = self._new_stream()
            try:
                unpack_stream(data, where, fresh)
            except BaseException:
                self._judging.restore(judges)
                raise
            had_panes, self._stream = bool(self._stream.panes), fresh
        if had_panes:
            warnings.warn(
                f"quality {self.name!r} held panes; the state of {where} took their place. Load a "
                "state before the first rows",
                InlayWarning,
                stacklevel=2,
            )

    # ---- for the observer ----------------------------------------------------------------------
    def _forked(self) -> None:
        """Begin anew in a forked child: the parent's rows are the parent's."""
        self._lock = new_rlock()
        if not self._closed:
            self._judging.reset()
            self._stream = self._new_stream()

    def _judge_failed(self, judge: Judge, error: Exception) -> None:
        self._stream.judge_failed(judge, error)

    def __repr__(self) -> str:
        """Return its name, task and state."""
        state = "closed" if self._closed else f"{len(self._stream.panes)} panes"
        return f"<inlay.model.Quality {self.name!r}: {self.task}, {state}>"
