"""Quality of binary predictions, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inlay import _core
from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError
from inlay.model.accumulator import Accumulator
from inlay.model.binary_metrics import derive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    import pyarrow

    from inlay.model.metrics import Metrics

__all__ = ["Binary"]


class Binary(Accumulator):
    """Confusion, AUROC, average precision, calibration, Brier score and log loss of a stream.

    Memory is bounded, whatever comes; states of shards and processes merge; each figure has an
    interval, the number of rows that it rests on, and where it is undefined the reason.

    Parameters
    ----------
    thresholds : sequence of float, default (0.5,)
        Up to 64 probabilities from which a row is predicted positive.
    kind : {"probability", "logit", "label"}, default "probability"
        What scores are: probabilities of class 1; logits, that is any finite numbers of which the
        logistic function makes probabilities; or predicted classes, 0 and 1. It is never guessed.
    bins : int, default 15
        Of the reliability table, 1 to 64: ``[i / bins, (i + 1) / bins)``, the last one closed.
    scores : bool, optional
        Whether more than the confusion is kept; True but for labels.

    Raises
    ------
    InvalidArgumentError
        If thresholds are none, too many, equal, or outside 0 to 1; the kind is none of these; bins
        are out of range; or scores or other thresholds are asked of labels.

    Notes
    -----
    A row is left out, and counted in `rejected` by what is wrong with it, if its label is neither
    0 nor 1 (null and NaN included), its score is NaN or null, or outside the kind's range, or its
    weight is negative, NaN, infinite or null. It changes nothing of the other rows.

    Counts at thresholds are exact: a row is positive if its score is at least the threshold. Scores
    and squared errors are summed exactly after each was rounded to the nearest 2^-40, so that
    neither chunks nor merging change a bit; the log loss and sums of weights are rounded as they
    are added. A probability below 2^-53 of what happened is raised to that in the log loss, and
    counted in `clipped`.

    AUROC and average precision come from a histogram of scores that never mixes their order: with
    p and q positives and negatives in a bin and P and N in all, the AUROC of the scores themselves
    is within ``Σ p q / (2 P N)`` of the one shown. That is ``auroc_error_bound``, and the interval,
    DeLong's on the scale of logits, is widened by it. So is that of the average precision, Boyd's.
    Bins are 0.8 % wide by min(s, 1 - s) down to 2^-40, those of logits 1/128 up to 16 and at most
    0.1 % of the logit beyond, up to 512. The state takes 2 KiB and 1 KiB a range of 128 bins that
    has scores, at most 84 KiB (logits 116 KiB), three times as much with weights.

    ECE and MCE are about the reliability table; ``ece_equal_mass`` is about as many groups of
    equally many rows, whose mean scores are known within 0.4 % of min(s, 1 - s). The Brier score is
    ``reliability - resolution + uncertainty + within_bins``: the last part is what a table of bins
    does not see. The parts and the error bounds have no interval.

    With weights a figure is of weights, and the interval rests on Kish's effective number of rows.
    Rows before the first weights weigh 1.

    Any thread may use an object at any time; calls on one object take turns, without the GIL if
    they are long.

    References
    ----------
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44 (1988). K. Boyd, K. H. Eng
    and C. D. Page, "Area under the precision-recall curve: point estimates and confidence
    intervals", ECML PKDD (2013). D. B. Stephenson, C. A. S. Coelho and I. T. Jolliffe, "Two extra
    components in the Brier score decomposition", Weather and Forecasting 23 (2008).

    Examples
    --------
    >>> from inlay.model import Binary
    >>> quality = Binary()
    >>> quality.update([0, 1, 0, 1], [0.2, 0.9, 0.6, float("nan")])
    >>> metrics = quality.compute()
    >>> metrics.accuracy
    Estimate(0.666667 [0.20766, 0.938508], n=3, wilson)
    >>> float(metrics.auroc), quality.rejected["nan_score"]
    (1.0, 1)
    """

    __module__ = "inlay.model"
    __slots__ = ()

    _states: ClassVar[Any] = _core.BinaryStates
    _native: _core.BinaryStates

    def __init__(
        self,
        *,
        thresholds: Sequence[float] = (0.5,),
        kind: Literal["probability", "logit", "label"] = "probability",
        bins: int = 15,
        scores: bool | None = None,
    ) -> None:
        self._native = _core.BinaryStates(
            thresholds=sorted(map(float, thresholds)),
            kind=kind,
            bins=at_least("bins", bins, 1),
            scores=kind != "label" if scores is None else bool(scores),
        )

    @property
    def thresholds(self) -> tuple[float, ...]:
        """From where on a row is predicted positive, rising."""
        found: tuple[float, ...] = self._native.settings["thresholds"]
        return found

    @property
    def kind(self) -> str:
        """What scores are."""
        found: str = self._native.settings["kind"]
        return found

    @property
    def bins(self) -> int:
        """Of the reliability table."""
        found: int = self._native.settings["bins"]
        return found

    @property
    def clipped(self) -> int:
        """How many rows had a probability below 2^-53 of what happened; 0 without scores."""
        found: int = self._native.figures().get("clipped", 0)
        return found

    # ---- counting ----------------------------------------------------------------------------
    def update(self, y_true: Any, y_score: Any, *, weights: Any = None) -> None:
        """Count rows.

        Parameters
        ----------
        y_true : array-like of int, bool or float, shape (n,)
            Labels, 0 or 1. From numpy, pyarrow, pandas, polars, torch on the CPU, any object with
            the buffer protocol or Arrow's, or a sequence.
        y_score : array-like of float or int, shape (n,)
            Scores, of the declared kind.
        weights : array-like of float or int, shape (n,), optional
            How much each row counts, 0 or more; 1 unless given.

        Raises
        ------
        TypeError
            If they are no numbers, or on a device.
        InvalidArgumentError
            If lengths differ. Nothing is counted.

        Notes
        -----
        O(rows), one pass. float32 and float64 scores and int64 labels are read where they lie.
        """
        self._native.update(y_true, y_score, weights)

    # ---- what was counted --------------------------------------------------------------------
    def compute(self, *, confidence: float = 0.95) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.

        Returns
        -------
        Metrics
            prevalence; accuracy, precision, recall, specificity, fpr, fnr, npv,
            predicted_positive_rate, f1, informedness, balanced_accuracy and mcc, of several
            thresholds each as ``recall@0.25``; and with scores auroc, auroc_error_bound,
            average_precision, average_precision_error_bound, brier, brier_reliability,
            brier_resolution, brier_uncertainty, brier_within_bins, log_loss, ece, ece_equal_mass,
            mce and mean_score.

        Raises
        ------
        InvalidArgumentError
            If the confidence does not lie between 0 and 1.
        """
        return derive(self._native.figures(), self._native.settings, confidence)

    def confusion(self, threshold: float | None = None) -> tuple[float, float, float, float]:
        """Return true negatives, false positives, false negatives and true positives.

        Parameters
        ----------
        threshold : float, optional
            One of `thresholds`; the first unless given.

        Returns
        -------
        tuple of 4 int
            Rows; floats, their weights, if any row had a weight.

        Raises
        ------
        InvalidArgumentError
            If it is none of the thresholds.
        """
        at = 0
        if threshold is not None:
            if threshold not in self.thresholds:
                message = f"threshold must be one of {self.thresholds}: {threshold!r}"
                raise InvalidArgumentError(message)
            at = self.thresholds.index(threshold)
        tn, fp, fn, tp = self._native.figures()["confusions"][at]
        return tn, fp, fn, tp

    def reliability(self, *, confidence: float = 0.95) -> pyarrow.Table:
        """Return the reliability table.

        Returns
        -------
        pyarrow.Table
            A row for each bin: ``low``, ``high``, ``n`` (float64, weights if there are any),
            ``mean_score``, and ``share`` of positives with its Wilson interval ``share_low`` and
            ``share_high``; null where a bin has no rows.

        Raises
        ------
        InvalidArgumentError
            If no scores are kept, or the confidence does not lie between 0 and 1.
        """
        import pyarrow as pa

        from inlay.model.estimate import wilson

        figures = self._figures_of_scores()
        shares = [
            wilson(hits, n, squares=squares if figures["weighted"] else None, confidence=confidence)
            for n, hits, _, squares in figures["calibration"]
        ]
        count = self.bins
        bins = range(count)
        columns = {
            "low": [i / count for i in bins],
            "high": [(i + 1) / count for i in bins],
            "n": [float(n) for n, *_ in figures["calibration"]],
            "mean_score": [scores / n if n else None for n, _, scores, _ in figures["calibration"]],
            "share": [share.value for share in shares],
            "share_low": [share.low for share in shares],
            "share_high": [share.high for share in shares],
        }
        return pa.table({name: pa.array(column, pa.float64()) for name, column in columns.items()})

    def score_histogram(self) -> pyarrow.Table:
        """Return the histogram of scores, by rising score.

        Returns
        -------
        pyarrow.Table
            A row for each bin that has rows: ``low`` and ``high`` (float64: scores are at least
            low, and below high or equal at the end), ``negatives`` and ``positives`` (int64), and
            ``negative_weight`` and ``positive_weight`` (float64: the same without weights). Edges
            of logits are logits.

        Raises
        ------
        InvalidArgumentError
            If no scores are kept.
        """
        import pyarrow as pa

        self._figures_of_scores()
        names = ("low", "high", "negatives", "positives", "negative_weight", "positive_weight")
        types = (pa.float64(),) * 2 + (pa.int64(),) * 2 + (pa.float64(),) * 2
        columns = {}
        for name, kind, data in zip(names, types, self._native.histogram(), strict=True):
            size = len(data) // 8
            columns[name] = pa.Array.from_buffers(kind, size, [None, pa.py_buffer(data)])
        return pa.table(columns)

    def curve(self) -> pyarrow.Table:
        """Return the points of the ROC and the precision-recall curve.

        Returns
        -------
        pyarrow.Table
            A row for each edge of a bin of scores that has rows, by falling ``threshold``, of what
            is predicted positive from there on: ``fpr``, ``recall`` and ``precision`` (float64;
            null where undefined). The points lie exactly on the curves of the scores.

        Raises
        ------
        InvalidArgumentError
            If no scores are kept.
        """
        import numpy as np
        import pyarrow as pa

        table = self.score_histogram()
        low, positives, negatives = (
            table[name].to_numpy()[::-1] for name in ("low", "positive_weight", "negative_weight")
        )
        tp, fp = np.cumsum(positives), np.cumsum(negatives)

        def share(part: Any, whole: Any) -> pyarrow.Array:
            whole = np.broadcast_to(whole, part.shape)
            rate = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
            return pa.array(rate, mask=whole <= 0)

        return pa.table(
            {
                "threshold": low,
                "fpr": share(fp, fp[-1] if len(fp) else 0.0),
                "recall": share(tp, tp[-1] if len(tp) else 0.0),
                "precision": share(tp, tp + fp),
            }
        )

    def _figures_of_scores(self) -> dict[str, Any]:
        if not self._native.settings["scores"]:
            message = "only the confusion is kept: scores=False"
            raise InvalidArgumentError(message)
        return self._native.figures()

    def __repr__(self) -> str:
        left_out = sum(self.rejected.values())
        shown = f"{type(self).__name__}(kind={self.kind!r}, rows={self.rows}"
        return f"{shown}, rejected={left_out})"
