"""Quality of predicted numbers, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.model.accumulator import Accumulator
from inlay.model.regression_metrics import derive
from inlay.model.score_matrix import score_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.model.metrics import Metrics

__all__ = ["Regression"]


class Regression(Accumulator):
    """Errors of predicted numbers: bias, MAE, RMSE, R², relative errors, quantiles of the error.

    Memory is bounded, whatever comes; states of shards and processes merge; each figure names the
    rows that it rests on, and where it is undefined the reason.

    Parameters
    ----------
    quantiles : sequence of float, default ()
        Probabilities of the quantiles that a row predicts, between 0 and 1; then `update` takes as
        many predictions a row, in this order when sorted. The one of 0.5, if it is among them,
        counts as the prediction itself. Up to 64.
    relative : bool, default True
        Whether MAPE and sMAPE are kept.
    distribution : bool, default True
        Whether a histogram of absolute errors is kept.

    Raises
    ------
    InvalidArgumentError
        If quantiles are equal, too many, or do not lie between 0 and 1.

    Notes
    -----
    A row is left out, and counted in `rejected` by what is wrong with it, if its label is null, NaN
    or infinite, a prediction is NaN or null (``nan_score``) or infinite (``out_of_range``), or its
    weight is negative, NaN, infinite or null. It changes nothing of the other rows.

    Sums are of doubles; labels and errors are summed as distances from values near them, so that an
    offset costs no digits. What overflows a double is undefined for the reason ``overflow``. How
    rows are shared out to calls and objects changes counts by nothing and sums by rounding.

    With e = prediction - label: ``bias`` is the mean of e, ``r2`` is 1 - Σe² / Σ(y - ȳ)²,
    ``explained_variance`` the same of errors about their mean. ``mape`` is the mean of |e| / |y|
    over rows with y ≠ 0, as a ratio; ``smape`` of 2|e| / (|y| + |prediction|), 0 where both are 0.
    Means have normal intervals, ``rmse`` the root of that of ``mse``, ``correlation`` Fisher's,
    quantiles of the error one by order statistics; their own error is at most 1.1 %. ``r2``,
    ``explained_variance``, ``max_error`` and the mean pinball loss have none.

    With weights a mean is weighted, and its interval rests on Kish's effective number of rows. The
    histogram does not know weights: quantiles of the error are then undefined.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance", The
    American Statistician 37 (1983). R. Koenker and G. Bassett, "Regression quantiles", Econometrica
    46 (1978), for the pinball loss.

    Examples
    --------
    >>> from inlay.model import Regression
    >>> quality = Regression()
    >>> quality.update([1.0, 2.0, 4.0, float("nan")], [1.5, 2.0, 3.5, 0.0])
    >>> metrics = quality.compute()
    >>> round(float(metrics.mae), 6), round(float(metrics.r2), 6)
    (0.333333, 0.892857)
    >>> quality.rejected["bad_label"]
    1
    """

    __module__ = "inlay.model"
    __slots__ = ("_quantiles",)

    _states: ClassVar[Any] = _core.RegressionStates
    _native: _core.RegressionStates
    _quantiles: tuple[float, ...]

    def __init__(
        self,
        *,
        quantiles: Sequence[float] = (),
        relative: bool = True,
        distribution: bool = True,
    ) -> None:
        self._quantiles = tuple(sorted(map(float, quantiles)))
        self._native = _core.RegressionStates(
            quantiles=self._quantiles,
            relative=bool(relative),
            distribution=bool(distribution),
        )

    @classmethod
    def _of(cls, native: Any) -> Self:
        made = super()._of(native)
        made._quantiles = native.settings["quantiles"]
        return made

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Probabilities of the predicted quantiles, rising."""
        return self._quantiles

    def update(self, y_true: Any, y_score: Any, *, weights: Any = None) -> None:
        """Count rows.

        Parameters
        ----------
        y_true : array-like of float or int, shape (n,)
            Labels. From numpy, pyarrow, pandas, polars, torch on the CPU, or any object with the
            buffer protocol or Arrow's; a sequence.
        y_score : array-like of float or int, shape (n,) or (n, q)
            Predictions; with `quantiles` one of each a row.
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
        O(rows), one pass. float64, and float32 of both without weights, are read where they lie.
        """
        if self._quantiles:
            y_score = score_matrix(y_score, len(self._quantiles))
        elif (shape := getattr(y_score, "shape", None)) is not None and len(shape) != 1:
            message = f"y_score has one prediction a row, not shape {tuple(shape)}"
            raise InvalidArgumentError(message)
        self._native.update(y_true, y_score, weights)

    def compute(self, *, confidence: float = 0.95) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.

        Returns
        -------
        Metrics
            bias, mae, mse, rmse, max_error, r2, explained_variance, correlation; mape and smape;
            absolute_error_p50, _p90, _p95 and _p99. With quantiles, of each ``pinball@0.1`` and
            ``coverage@0.1`` (the share of labels at most the prediction), and pinball (their mean),
            coverage (of labels between the outermost ones) and crossing (of rows whose quantiles do
            not rise).

        Raises
        ------
        InvalidArgumentError
            If the confidence does not lie between 0 and 1.
        """
        return derive(self._native.figures(), self._native.settings, confidence)
