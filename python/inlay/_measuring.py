"""How an observer measures the quality of a model's predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._watching import Watches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.drift.judge import Judge
    from inlay.model.quality.quality import Quality
    from inlay.model.quality.settings import QualityOptions

__all__ = ["Measuring"]


class Measuring:
    """The part of an observer that measures quality. Thread-safe."""

    _qualities: Watches[Quality] | None = None

    def quality(
        self,
        name: str,
        *,
        task: str,
        kind: str | None = None,
        attributes: Sequence[str] = (),
        thresholds: Sequence[float] = (0.5,),
        classes: int | Sequence[Any] | None = None,
        bins: int = 15,
        top_k: Sequence[int] = (1, 5),
        quantiles: Sequence[float] = (),
        k: Sequence[int] = (1, 5, 10),
        every: float = 300.0,
        horizon: float = 86_400.0,
        refresh: float | None = None,
        capacity: int = 1_000_000,
        cap: int = 2000,
        min_n: int = 30,
        confidence: float = 0.95,
        log: bool = False,
        judges: Sequence[Judge] = (),
    ) -> Quality:
        """Measure how well predictions agree with what turns out to be true.

        Parameters
        ----------
        name : str
            What the metrics begin with: a letter, then letters, digits and ``_ . - /``. One open
            quality of an observer has it at a time.
        task : {"binary", "multiclass", "multilabel", "regression", "ranking"}
            What is predicted.
        kind : {"probability", "logit", "label"}, optional
            What a score is, of binary, multiclass and multilabel; a probability unless given. It
            is never guessed: what is out of its range is counted and left out.
        attributes : sequence of str
            Attributes whose values make segments, each of which is counted apart.
        thresholds : sequence of float
            Of binary and multilabel: a score of at least this is positive. 64 at most.
        classes : int or sequence, optional
            Of multiclass and multilabel: how many there are, or their names.
        bins : int
            Of calibration, of equal width.
        top_k : sequence of int
            Of multiclass: a prediction counts if the class is among the k best.
        quantiles : sequence of float
            Of regression: which quantiles the columns of a prediction are.
        k : sequence of int
            Of ranking: where lists are cut.
        every : float
            How long a pane of prediction time is, in seconds. Panes are
            ``[k * every, (k + 1) * every)`` of Unix time.
        horizon : float
            How long after a prediction its label is waited for, in seconds, in whole panes; 10,000
            panes at most.
        refresh : float, optional
            How often at most a pane that is over is written again, in seconds; `every` unless
            given. The open pane is written before each cut, of more than 5,000 rows a millisecond
            later for each row more.
        capacity : int
            How many predictions may wait for their labels; beyond, those of the oldest pane go.
        cap : int
            How many segments are kept apart; rows of later ones go to one more, which is marked
            ``otel.metric.overflow``. 65,000 at most.
        min_n : int
            A figure that rests on fewer rows is written without a value, ``insufficient``.
        confidence : float
            Of the intervals.
        log : bool
            Whether what is `predicted` by id goes to the table ``predictions`` of each window, for
            labels that are joined elsewhere (``inlay label``).
        judges : sequence of Judge
            Who judges each pane as it is written, such as `inlay.model.FairnessJudge`.

        Returns
        -------
        inlay.model.Quality
            It closes when the observer stops.

        Raises
        ------
        InvalidArgumentError
            If a setting is out of range, or none of the task; or there is an open quality of that
            name.
        TypeError
            If a setting is of another type, or a judge lacks a method.
        StoppedError
            If the observer has stopped.
        """
        return self._new_quality(
            name,
            {
                "task": task,
                "kind": kind,
                "attributes": attributes,
                "thresholds": thresholds,
                "classes": classes,
                "bins": bins,
                "top_k": top_k,
                "quantiles": quantiles,
                "k": k,
                "every": every,
                "horizon": horizon,
                "refresh": refresh,
                "capacity": capacity,
                "cap": cap,
                "min_n": min_n,
                "confidence": confidence,
                "log": log,
                "judges": judges,
            },
        )

    def _new_quality(self, name: str, options: QualityOptions) -> Quality:
        from inlay.model.quality.quality import Quality

        observer: Any = self
        observer._check_running()
        with observer._lock:
            if self._qualities is None:
                self._qualities = Watches("quality")
                observer.probe(self._qualities)
            self._qualities.check(name)
        quality = Quality(observer, name, **options)
        self._qualities.add(quality)
        return quality
