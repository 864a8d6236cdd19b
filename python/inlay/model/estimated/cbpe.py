"""Confidence-based performance estimation: a classifier's figures while labels are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from inlay.model.estimated.binary_model import BinaryModel
from inlay.model.estimated.cbpe_bytes import read, write
from inlay.model.estimated.cbpe_settings import (
    checked_thresholds,
    class_names,
    one_of,
    value_matrix,
)
from inlay.model.estimated.chunk_estimator import ChunkEstimator
from inlay.model.estimated.multiclass_model import MulticlassModel
from inlay.model.estimated.score_input import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inlay.model.estimate import Estimate
    from inlay.model.estimated.estimated_metrics import EstimatedMetrics
    from inlay.model.estimated.reference_checks import ReferenceChecks

__all__ = ["CBPE"]

_TASKS = ("binary", "multiclass")


class CBPE(ChunkEstimator[BinaryModel | MulticlassModel]):
    """Accuracy, recall, AUROC and the like of a classifier whose labels are not known yet.

    A reference with labels says what share of rows of each score is positive: an isotonic
    calibration. Of a chunk without labels it gives every row a probability, and the expected
    confusion matrix and curves follow from these.

    **Assumption.** P(y | score) is now what it was in the reference: no concept drift. Scores may
    be distributed otherwise; what rows of one score come to may not. Without labels nobody can
    check it. What can be is: `checks` has the error of the calibration on held-out rows of the
    reference, and ``outside_reference`` the share of a chunk's rows whose scores lie beyond all of
    the reference's.

    Parameters
    ----------
    task : {"binary", "multiclass"}, default "binary"
    kind : {"probability", "logit"}, default "probability"
        What scores are. Probabilities need not be calibrated, but lie in 0 to 1. Logits go through
        a sigmoid, those of several classes through a softmax of their row.
    thresholds : sequence of float, default (0.5,)
        Probabilities from which on a row is predicted positive, at most 64; of the binary task.
        With several, figures are called ``precision@0.3``.
    classes : int or sequence of str, optional
        How many classes there are, at most 256, or their names; of the multiclass task. Predicted
        is the class with the highest score as it is, of equal ones the first.
    values : array-like of float, shape (classes, classes), optional
        What a row is worth by its class and the predicted one, of the binary task
        ``[[tn, fp], [fn, tp]]``: gives the figure ``value``, the expected sum.
    confidence : float, default 0.95
        Of the intervals.
    name : str, default "model"
        What the metrics begin with where an observer probes it.
    attributes : mapping of str to str, optional
        Of these metrics' series.

    Raises
    ------
    InvalidArgumentError
        If an argument is not one of these.

    Notes
    -----
    With p_i the calibrated probability of row i, a figure such as Σ d_i p_i / Σ p_i (recall; d_i
    says that i is predicted positive) is a function f of labels of which only the p_i are known.
    The interval is where the figure of the labels, once they are known, is believed to lie: normal,
    with the variance of f's linear part (the delta method),

        V = Σ_i (∂f/∂y_i)² v_i (1 + n_b / m_b),

    where v = q (1 - q) is a label's variance in the block b of the calibration that the row's score
    falls into, q = (k + ½) / (m + 1) from the block's m reference rows with k positives, and the
    second term is that of k / m itself, on which all n_b rows of the chunk in that block rest. It
    is cut at what the figure can be. AUROC and average precision are computed in some 5,000 cells
    of scores; what their ties may hide is added to the interval's ends. Of several classes the
    calibrated probabilities are normalised by the row, the labels' variance is the multinomial one,
    and n_b / m_b is chunk by reference; macro AUROC and average precision take their classes'
    errors as going together. Where fewer than one row is expected in a denominator the figure is
    undefined, ``"insufficient"``.

    `estimate` is O(n log n) with one sort; a chunk's state takes 16 bytes a cell, about 90 kB
    (of several classes 24 bytes, about 40 kB each), whatever its rows. Counts of merged chunks are
    exact, sums are those of doubles. Any thread may use an object at any time.

    References
    ----------
    J. Białek, J. Perrakis, W. Kuberski, N. Nuyttens, "Estimating model performance under covariate
    shift without labels", arXiv:2401.08348 (2024). B. Zadrozny, C. Elkan, "Transforming classifier
    scores into accurate multiclass probability estimates", KDD 2002. L. Wasserman, "All of
    Statistics" (2004), section 9.9, for the delta method.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.model import CBPE
    >>> rng = np.random.default_rng(7)
    >>> scores = rng.beta(2, 3, 20_000)
    >>> labels = rng.random(20_000) < scores**2             # the model is over-confident
    >>> cbpe = CBPE().fit(labels, scores)
    >>> found = cbpe.estimate(rng.beta(2, 3, 5_000))
    >>> found.recall.low < 0.656 < found.recall.high
    True
    >>> print(found.assumption)
    P(y | score) is what it was in the reference (no concept drift)
    """

    __module__ = "inlay.model"
    __slots__ = ("_kind", "_task", "_values", "classes", "thresholds")

    assumption = "P(y | score) is what it was in the reference (no concept drift)"
    classes: tuple[str, ...] | None
    thresholds: tuple[float, ...]

    def __init__(
        self,
        *,
        task: str = "binary",
        kind: str = "probability",
        thresholds: Sequence[float] = (0.5,),
        classes: int | Sequence[str] | None = None,
        values: Any = None,
        confidence: float = 0.95,
        name: str = "model",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(confidence=confidence, name=name, attributes=attributes)
        self._task = one_of("task", task, _TASKS)
        self._kind = one_of("kind", kind, KINDS)
        self.classes = class_names(task, classes)
        self.thresholds = checked_thresholds(thresholds)
        self._values = value_matrix(values, len(self.classes or "01"))

    # ---- the reference -----------------------------------------------------------------------
    def fit(self, y_true: Any, y_score: Any) -> Self:
        """Fit the calibration to a reference with labels, in place of an earlier one.

        Parameters
        ----------
        y_true : array-like of bool or int, shape (n,)
            0 or 1; of the multiclass task the numbers of the classes or their names.
        y_score : array-like of float, shape (n,), or (n, classes)
            As of `estimate`. Rows on which the model was trained make it look better than it is.

        Returns
        -------
        CBPE
            This object; the open chunk is empty.

        Raises
        ------
        InvalidArgumentError
            If lengths or columns do not go together, or a class has fewer than 10 rows.
        TypeError
            If they do not hold numbers, or are on a device.

        Notes
        -----
        Rows of which the label is no class (``bad_label``) or the score NaN (``nan_score``) or no
        probability (``out_of_range``) are left out and counted in ``checks.left_out``.
        """
        model: BinaryModel | MulticlassModel
        if self.classes is None:
            model = BinaryModel.fit(y_true, y_score, kind=self._kind, thresholds=self.thresholds)
        else:
            model = MulticlassModel.fit(y_true, y_score, kind=self._kind, classes=self.classes)
        self._fitted(model)
        return self

    @property
    def checks(self) -> ReferenceChecks:
        """What could be checked on the reference: the calibration's error on held-out rows.

        Raises
        ------
        InvalidArgumentError
            If none is fitted.
        """
        return self._of_reference().checks

    # ---- chunks ------------------------------------------------------------------------------
    def estimate(self, y_score: Any) -> EstimatedMetrics:
        """Return what a chunk of scores is estimated to come to; nothing is kept of it.

        Parameters
        ----------
        y_score : array-like of float, shape (n,), or (n, classes)
            Scores of the positive class, or of each; of a table the columns named as the classes.
            Rows with NaN or with scores out of range are left out and counted.

        Returns
        -------
        EstimatedMetrics
            Of the binary task ``accuracy``, ``precision``, ``recall``, ``specificity``, ``f1``,
            ``npv``, ``true_positives``, ``false_positives``, ``false_negatives``,
            ``true_negatives`` (expected rows), ``prevalence``, ``auroc``, ``average_precision``.
            Of several classes ``accuracy``; ``precision``, ``recall``, ``specificity``, ``f1``,
            ``auroc`` and ``average_precision``, the mean of the classes as ``macro_recall`` and
            each as ``recall[cat]``. With `values` their sum, ``value``. Of both
            ``outside_reference``, an observed share.

        Raises
        ------
        InvalidArgumentError
            If no reference is fitted, or the shape is another.
        TypeError
            If it does not hold numbers, or is on a device.
        """
        model = self._of_reference()
        return self._figures(model, model.count(y_score, self._kind))

    def _estimates(
        self, model: BinaryModel | MulticlassModel, chunk: Any
    ) -> Mapping[str, Estimate]:
        return model.estimates(chunk, confidence=self._confidence, values=self._values)

    def update(self, y_score: Any) -> None:
        """Count scores into the open chunk; parameters and errors are those of `estimate`."""
        model = self._of_reference()
        self._add(model, model.count(y_score, self._kind))

    # ---- where it goes -----------------------------------------------------------------------
    def to_bytes(self) -> bytes:
        """Return settings, calibration and open chunk as bytes: equal ones give equal bytes."""
        settings = {
            "task": self._task,
            "kind": self._kind,
            "thresholds": list(self.thresholds),
            "classes": None if self.classes is None else list(self.classes),
            "values": self._values,
            "confidence": self._confidence,
            "name": self._name,
            "attributes": self._attributes,
        }
        with self._lock:
            return write(settings, self._model, self._chunk)

    @classmethod
    def from_bytes(cls, data: Any) -> Self:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted, and hold no code.

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return read(cls, data)

    # ---- Python's protocols ------------------------------------------------------------------
    def __repr__(self) -> str:
        model = self._model
        if model is None:
            return f"<inlay.model.CBPE, {self._task}, without a reference>"
        checks = model.checks
        return (
            f"<inlay.model.CBPE, {self._task}, of {checks.rows} reference rows, calibration error "
            f"{checks.calibration_error:.2g}; {self.rows} rows in the open chunk>"
        )
