"""Quality of rows with several yes-or-no labels, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from inlay import _core
from inlay._arguments import at_least
from inlay.model.accumulator import NamedAccumulator
from inlay.model.class_codes import class_names
from inlay.model.multilabel_metrics import derive
from inlay.model.score_matrix import score_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from inlay.model.metrics import Metrics

__all__ = ["Multilabel"]


class Multilabel(NamedAccumulator):
    """Subset accuracy, Hamming loss, averages, and all that `Binary` keeps, of each of L labels.

    Memory is bounded, whatever comes; states of shards and processes merge; each figure names the
    rows that it rests on, and where it is undefined the reason.

    Parameters
    ----------
    labels : int or sequence of str or int
        How many labels a row has, 1 to 1,024, or their names.
    thresholds : sequence of float, default (0.5,)
        Up to 64 probabilities from which a label is predicted.
    kind : {"probability", "logit", "label"}, default "probability"
        What scores are; "label" for predicted labels, 0 or 1. It is never guessed.
    bins : int, default 15
        Of the reliability tables, 1 to 64.
    scores : bool, optional
        Whether more than the confusions is kept; True but for labels.

    Raises
    ------
    InvalidArgumentError
        If a setting is out of range, or two labels have one name.
    TypeError
        If labels are neither an integer nor all texts or all integers.

    Notes
    -----
    A cell, one label of one row, whose label is neither 0 nor 1 or whose score is none of the kind
    is left out and counted in `rejected` as `Binary` does; other cells of the row count, so that
    labels that nobody gave may be null. Subset accuracy is about the rows that have all cells. A
    row whose weight is negative, NaN, infinite or null is left out whole and counted once.

    Intervals of macro averages and of the Hamming loss, which is the mean of the labels' error
    rates, lie between the means of the labels' ends; those of micro averages are as wide as if the
    labels of a row were one. Both hold however labels depend on each other. Labels whose figure is
    undefined are left out of a macro average.

    Examples
    --------
    >>> from inlay.model import Multilabel
    >>> quality = Multilabel(labels=["sea", "sand"])
    >>> quality.update([[1, 0], [1, 1], [0, 1]], [[0.9, 0.2], [0.8, 0.4], [0.3, 0.9]])
    >>> metrics = quality.compute()
    >>> round(float(metrics.subset_accuracy), 3), round(float(metrics.hamming_loss), 3)
    (0.667, 0.167)
    >>> float(metrics["recall[sand]"])
    0.5
    """

    __module__ = "inlay.model"
    __slots__ = ()

    _states: ClassVar[Any] = _core.MultilabelStates
    _named: ClassVar[str] = "labels"
    _native: _core.MultilabelStates

    def __init__(
        self,
        *,
        labels: int | Sequence[str] | Sequence[int],
        thresholds: Sequence[float] = (0.5,),
        kind: Literal["probability", "logit", "label"] = "probability",
        bins: int = 15,
        scores: bool | None = None,
    ) -> None:
        self._names = class_names(labels)
        count = at_least("labels", labels, 0) if self._names is None else len(self._names)
        self._native = _core.MultilabelStates(
            labels=min(count, 2**32 - 1),
            thresholds=sorted(map(float, thresholds)),
            kind=kind,
            bins=min(at_least("bins", bins, 1), 2**31 - 1),
            scores=kind != "label" if scores is None else bool(scores),
        )
        self._count = count

    @property
    def labels(self) -> tuple[Any, ...]:
        """Names of the labels, 0 to L - 1 unless given."""
        return self._shown

    @property
    def complete(self) -> int:
        """How many rows have a label and a score in each cell."""
        complete: int = self._native.figures()["complete"]
        return complete

    def update(self, y_true: Any, y_score: Any, *, weights: Any = None) -> None:
        """Count rows.

        Parameters
        ----------
        y_true : array-like of int, bool or float, shape (n, L)
            Labels, 0 or 1. An array, nested sequences, a column of fixed-size lists of Arrow, a
            table or a data frame.
        y_score : array-like of float or int, shape (n, L)
            Scores of the declared kind.
        weights : array-like of float or int, shape (n,), optional
            How much each row counts, 0 or more; 1 unless given.

        Raises
        ------
        TypeError
            If they are no numbers, or on a device.
        InvalidArgumentError
            If shapes do not go together. Nothing is counted.

        Notes
        -----
        O(rows L), one pass.
        """
        y_true = score_matrix(y_true, self._count, name="y_true")
        self._native.update(y_true, score_matrix(y_score, self._count), weights)

    def compute(self, *, confidence: float = 0.95, per_label: bool = True) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.
        per_label : bool, default True
            Whether all metrics of `Binary` of each label, ``recall[sea]``, are among them.

        Returns
        -------
        Metrics
            subset_accuracy, hamming_loss, micro and macro ``_precision``, ``_recall`` and ``_f1``,
            of several thresholds each as ``macro_f1@0.25``; with scores macro_auroc,
            macro_average_precision, macro_brier, macro_log_loss and macro_ece.

        Raises
        ------
        InvalidArgumentError
            If the confidence does not lie between 0 and 1.
        """
        return derive(
            self._native.figures(),
            self._native.settings,
            confidence,
            names=self._names,
            per_label=per_label,
        )

    @classmethod
    def from_bytes(cls, data: Any, *, labels: Sequence[Any] | None = None) -> Self:
        """Return the object that `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
        labels : sequence of str or int, optional
            Names of the labels, which the bytes do not hold.

        Raises
        ------
        SerializationError
            If they are not what it wrote, of a newer version, of another task, or of several
            segments.
        InvalidArgumentError
            If there are not as many names as labels.
        """
        return cls._restored(data, labels)
