"""Quality of a classifier of many classes, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from inlay import _core
from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError
from inlay.model.accumulator import NamedAccumulator
from inlay.model.class_codes import class_codes, class_names
from inlay.model.multiclass_metrics import derive
from inlay.model.score_matrix import score_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    import pyarrow

    from inlay.model.metrics import Metrics

__all__ = ["Multiclass"]


class Multiclass(NamedAccumulator):
    """Confusion, averages, top-k accuracy, calibration, log loss and Brier score of a stream.

    Memory is bounded, whatever comes; states of shards and processes merge; each figure names the
    rows that it rests on, and where it is undefined the reason.

    Parameters
    ----------
    classes : int or sequence of str or int
        How many classes there are, 2 to 4,096: labels are then 0 to ``classes - 1``. Or their
        names, in the order of the scores' columns: labels are then names.
    kind : {"probability", "logit", "label"}, default "probability"
        What `update` takes: a probability or a logit of each class a row, or the predicted class.
        It is never guessed.
    top_k : sequence of int, optional
        Of the top-k accuracies; (1, 5) as far as there are as many classes, unless given. Up to 16.
    bins : int, default 15
        Of the reliability table of the largest probability, 1 to 1,000:
        ``[i / bins, (i + 1) / bins)``, the last one closed.

    Raises
    ------
    InvalidArgumentError
        If a setting is out of range, k are equal, or two classes have one name.
    TypeError
        If classes are neither an integer nor all texts or all integers.

    Notes
    -----
    A row is left out, and counted in `rejected` by what is wrong with it, if its label is no class
    (null and NaN included), a score is NaN or null, a score is out of range (a probability outside
    0 to 1, an infinite logit, a predicted class that is none), or its weight is negative, NaN,
    infinite or null. It changes nothing of the other rows. Probabilities of a row that do not sum
    to 1 within 0.01 are counted in `unnormalised`, and the row as it is.

    The predicted class is that of the largest score, the first of equal ones, and among equal
    scores the lower class ranks first for the top-k accuracies. Logits become probabilities row by
    row, in float64. A probability of the true class below 2^-53 is raised to that in the log loss,
    and counted in `clipped`. The Brier score is the sum over classes, 0 to 2; squares of float32
    scores are summed as such over 16 classes at a time.

    Precision, recall and accuracy have Wilson's interval, F1 that of J = TP / (TP + FP + FN);
    averages, kappa and MCC a normal one by the delta method for the confusion as a multinomial.
    Macro averages are over the classes that have rows, that of precision over those of them that
    were predicted, too; weighted ones weigh these by their rows. ``mean_confidence`` has no
    interval. With weights, n is Kish's; a class has its share of it.

    The confusion takes 8 bytes a cell of K² up to 32 classes, above only for cells in use until a
    quarter is, and above 512 classes always.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML
    (2017), for ECE and MCE of the largest probability. J. Gorodkin, "Comparing two K-category
    assignments by a K-category correlation coefficient", Computational Biology and Chemistry 28
    (2004), for MCC.

    Examples
    --------
    >>> from inlay.model import Multiclass
    >>> quality = Multiclass(classes=["cat", "dog", "owl"], kind="label")
    >>> quality.update(["cat", "dog", "owl", "dog"], ["cat", "dog", "dog", "fox"])
    >>> metrics = quality.compute()
    >>> float(metrics["recall[dog]"]), metrics["precision[owl]"].reason
    (1.0, 'no_predicted_positives')
    >>> quality.rejected["out_of_range"]
    1
    """

    __module__ = "inlay.model"
    __slots__ = ("_kind",)

    _states: ClassVar[Any] = _core.MulticlassStates
    _named: ClassVar[str] = "classes"
    _native: _core.MulticlassStates
    _kind: str

    def __init__(
        self,
        *,
        classes: int | Sequence[str] | Sequence[int],
        kind: Literal["probability", "logit", "label"] = "probability",
        top_k: Sequence[int] | None = None,
        bins: int = 15,
    ) -> None:
        self._names = class_names(classes)
        count = at_least("classes", classes) if self._names is None else len(self._names)
        if top_k is None:
            top_k = [k for k in (1, 5) if k <= count]
        self._native = _core.MulticlassStates(
            classes=min(max(count, -1), 2**31 - 1),
            kind=kind,
            top_k=sorted(min(at_least("top_k", k, 1), 2**31 - 1) for k in top_k),
            bins=min(at_least("bins", bins, 1), 2**31 - 1),
        )
        self._count, self._kind = count, kind

    @classmethod
    def _of(cls, native: Any) -> Self:
        made = super()._of(native)
        made._kind = native.settings["kind"]
        return made

    @property
    def classes(self) -> tuple[Any, ...]:
        """Names of the classes, 0 to K - 1 unless given."""
        return self._shown

    @property
    def kind(self) -> str:
        """What scores are."""
        return self._kind

    @property
    def clipped(self) -> int:
        """How many rows gave the true class a probability below 2^-53; 0 without scores."""
        clipped: int = self._native.figures().get("clipped", 0)
        return clipped

    @property
    def unnormalised(self) -> int:
        """How many rows had probabilities that do not sum to 1 within 0.01."""
        unnormalised: int = self._native.figures().get("unnormalised", 0)
        return unnormalised

    def update(self, y_true: Any, y_score: Any, *, weights: Any = None) -> None:
        """Count rows.

        Parameters
        ----------
        y_true : array-like of int or str, shape (n,)
            Labels: classes by number or by name. From numpy, pyarrow, pandas, polars, torch on the
            CPU, or any object with the buffer protocol or Arrow's; a sequence.
        y_score : array-like of float, shape (n, K), or of int or str, shape (n,)
            Scores of the declared kind; of kind label predicted classes.
        weights : array-like of float or int, shape (n,), optional
            How much each row counts, 0 or more; 1 unless given.

        Raises
        ------
        TypeError
            If they are of other types, or on a device.
        InvalidArgumentError
            If shapes do not go together. Nothing is counted.

        Notes
        -----
        O(rows), or O(rows K) of scores, one pass. int64 labels and float32 and float64 scores that
        lie row by row are read where they lie.
        """
        labels_alone = self._kind == "label"
        if self._names is not None:
            y_true = class_codes(y_true, self._names)
            if labels_alone:
                y_score = class_codes(y_score, self._names)
        if not labels_alone:
            y_score = score_matrix(y_score, self._count)
        self._native.update(y_true, y_score, weights)

    def compute(self, *, confidence: float = 0.95, per_class: bool = True) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.
        per_class : bool, default True
            Whether ``precision[c]``, ``recall[c]`` and ``f1[c]`` of each class are among them.

        Returns
        -------
        Metrics
            accuracy; micro, macro and weighted ``_precision``, ``_recall`` and ``_f1``; kappa; mcc.
            With scores ``accuracy@5`` and so on, log_loss, brier, ece, mce and mean_confidence.

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
            per_class=per_class,
        )

    def confusion(self) -> pyarrow.Table:
        """Return the cells of the confusion that have rows.

        Returns
        -------
        pyarrow.Table
            ``label`` and ``predicted`` (names of classes, or int32), ``rows`` (int64) and
            ``weight`` (float64; equal to rows without weights), by label and predicted class.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        figures = self._native.figures()

        def column(data: bytes, kind: pa.DataType) -> pa.Array:
            size = len(data) // (kind.bit_width // 8)
            return pa.Array.from_buffers(kind, size, [None, pa.py_buffer(data)])

        rows = column(figures["cell_rows"], pa.int64())
        table = {}
        for name in ("label", "predicted"):
            key = "cell_labels" if name == "label" else "cell_predicted"
            table[name] = column(figures[key], pa.int32())
            if self._names is not None:
                table[name] = pc.take(pa.array(self._names), table[name])
        table["rows"] = rows
        weighted = figures["weighted"]
        table["weight"] = (
            column(figures["cell_weights"], pa.float64()) if weighted else rows.cast(pa.float64())
        )
        return pa.table(table)

    def reliability(self, *, confidence: float = 0.95) -> pyarrow.Table:
        """Return the reliability table of the largest probability.

        Returns
        -------
        pyarrow.Table
            A row for each bin: ``low``, ``high``, ``n`` (float64, weights if there are any),
            ``mean_confidence``, and ``accuracy`` with its Wilson interval ``accuracy_low`` and
            ``accuracy_high``; null where a bin has no rows.

        Raises
        ------
        InvalidArgumentError
            If there are no scores, or the confidence does not lie between 0 and 1.
        """
        import pyarrow as pa

        from inlay.model.estimate import wilson

        if self.kind == "label":
            message = f"predicted classes have no confidence: kind={self.kind!r}"
            raise InvalidArgumentError(message)
        figures = self._native.figures()
        spread = None
        if figures["weighted"]:
            spread = figures["weight_squares"] / (figures["weight"] or 1.0)
        bins = figures["bins"]
        shares = [
            wilson(hits, n, squares=None if spread is None else spread * n, confidence=confidence)
            for _, _, n, hits, _ in bins
        ]
        columns = {
            "low": [i / len(bins) for i in range(len(bins))],
            "high": [(i + 1) / len(bins) for i in range(len(bins))],
            "n": [n for _, _, n, _, _ in bins],
            "mean_confidence": [total / n if n else None for _, _, n, _, total in bins],
            "accuracy": [share.value for share in shares],
            "accuracy_low": [share.low for share in shares],
            "accuracy_high": [share.high for share in shares],
        }
        return pa.table({name: pa.array(column, pa.float64()) for name, column in columns.items()})

    # ---- bytes -------------------------------------------------------------------------------
    @classmethod
    def from_bytes(cls, data: Any, *, classes: Sequence[Any] | None = None) -> Self:
        """Return the object that `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
        classes : sequence of str or int, optional
            Names of the classes, which the bytes do not hold.

        Raises
        ------
        SerializationError
            If they are not what it wrote, of a newer version, of another task, or of several
            segments.
        InvalidArgumentError
            If there are not as many names as classes.
        """
        return cls._restored(data, classes)
