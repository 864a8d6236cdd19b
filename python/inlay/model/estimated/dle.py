"""Direct loss estimation: a regression's error while labels are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from inlay._arguments import at_least
from inlay.model.estimated.chunk_estimator import ChunkEstimator
from inlay.model.estimated.dle_bytes import read, write
from inlay.model.estimated.loss_model import LossChunk, LossModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.model.estimate import Estimate
    from inlay.model.estimated.estimated_metrics import EstimatedMetrics
    from inlay.model.estimated.reference_checks import LossChecks

__all__ = ["DLE"]


class DLE(ChunkEstimator[LossModel]):
    """Mean absolute and squared error of a regression whose labels are not known yet.

    On a reference with labels two boosted regressions learn the absolute and the squared error of
    each row from its features and the model's prediction. Of a chunk without labels they give every
    row an expected error.

    **Assumption.** E(error | features, prediction) is now what it was in the reference: no concept
    drift. Features may be distributed otherwise, but within what the reference has. Without labels
    nobody can check the first; `checks` tells how well errors were told on held-out rows, and
    ``outside_reference`` what share of a chunk's rows lies beyond the reference's range.

    Parameters
    ----------
    trees : int, default 50
        Of each regression, with 15 leaves each.
    threads : int, default 1
        Of scikit-learn's while it fits; 0 for as many as there are cores.
    seed : int, default 0
        Of the held-out rows and the regressions.
    confidence : float, default 0.95
        Of the intervals.
    name : str, default "model"
        What the metrics begin with where an observer probes it.
    attributes : mapping of str to str, optional
        Of these metrics' series.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range.

    Notes
    -----
    With L_i the expected loss of row i, the estimate is their mean, and the interval, in which the
    mean loss of the chunk is believed to lie once labels are known, is normal with the variance

        V = k / n² · Σ_i L_i² (1 + n_b / m_b),

    where k = Σ (loss - L)² / Σ L² over held-out rows of the reference: losses spread in proportion
    to what is expected of them. The second term is that of the fit, as if the n_b rows of the chunk
    in a leaf of the first tree rested on a mean of the leaf's m_b rows of the reference; what trees
    get wrong beyond that is in `checks` alone. ``rmse`` has the roots of the ends of ``mse``.

    Fitting is scikit-learn's histogram gradient boosting, four times; afterwards, and from bytes,
    scikit-learn is not needed. NaN among features is a value of its own. A chunk's state is a few
    numbers. Any thread may use an object at any time.

    References
    ----------
    NannyML's documentation, "Estimating performance for regression", describes direct loss
    estimation. G. Ke et al., "LightGBM", NeurIPS 2017, for boosting on histograms.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.model import DLE
    >>> rng = np.random.default_rng(7)
    >>> x = rng.uniform(0, 1, (4_000, 1))
    >>> y_true = x[:, 0] + rng.normal(0, 0.1 + x[:, 0])      # errors grow with x
    >>> dle = DLE(trees=30).fit(x, x[:, 0], y_true)
    >>> more = rng.uniform(0.6, 1, (1_000, 1))
    >>> found = dle.estimate(more, more[:, 0])
    >>> found.mae.low < 0.718 < found.mae.high
    True
    """

    __module__ = "inlay.model"
    __slots__ = ("_seed", "_threads", "_trees")

    assumption = (
        "E(error | features, prediction) is what it was in the reference (no concept drift)"
    )

    def __init__(
        self,
        *,
        trees: int = 50,
        threads: int = 1,
        seed: int = 0,
        confidence: float = 0.95,
        name: str = "model",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(confidence=confidence, name=name, attributes=attributes)
        self._trees = at_least("trees", trees, 1)
        self._threads = at_least("threads", threads, 0)
        self._seed = at_least("seed", seed, 0)

    def fit(self, features: Any, y_pred: Any, y_true: Any) -> Self:
        """Fit the regressions to a reference with labels, in place of an earlier one.

        Parameters
        ----------
        features : array-like of numbers, shape (n, d); or a table
            Of a table the columns are matched by name from then on; NaN and null are allowed.
        y_pred : array-like of float, shape (n,)
            What the model predicted. Rows on which it was trained make it look better than it is.
        y_true : array-like of float, shape (n,)
            What came of it.

        Returns
        -------
        DLE
            This object; the open chunk is empty.

        Raises
        ------
        ImportError
            If scikit-learn is not installed: it comes with the extra ``inlay[sklearn]``.
        InvalidArgumentError
            If lengths do not go together, or fewer than 100 rows are left.
        TypeError
            If they do not hold numbers, or are on a device.

        Notes
        -----
        Rows whose prediction is not finite (``bad_prediction``), with an infinite feature
        (``infinite_feature``) or whose label is not finite (``bad_label``) are left out and counted
        in ``checks.left_out``.
        """
        settings = {"trees": self._trees, "threads": self._threads, "seed": self._seed}
        self._fitted(LossModel.fit(features, y_pred, y_true, **settings))
        return self

    @property
    def checks(self) -> LossChecks:
        """What could be checked on the reference: the regressions on held-out rows.

        Raises
        ------
        InvalidArgumentError
            If none is fitted.
        """
        return self._of_reference().checks

    def estimate(self, features: Any, y_pred: Any) -> EstimatedMetrics:
        """Return what a chunk is estimated to come to; nothing is kept of it.

        Parameters
        ----------
        features, y_pred
            As of `fit`.

        Returns
        -------
        EstimatedMetrics
            ``mae``, ``mse``, ``rmse``, and the observed share ``outside_reference``.

        Raises
        ------
        InvalidArgumentError
            If no reference is fitted, or columns or lengths do not go together.
        TypeError
            If they do not hold numbers, or are on a device.
        """
        model = self._of_reference()
        return self._figures(model, model.count(features, y_pred))

    def _estimates(self, model: LossModel, chunk: LossChunk) -> Mapping[str, Estimate]:
        return model.estimates(chunk, confidence=self._confidence)

    def update(self, features: Any, y_pred: Any) -> None:
        """Count rows into the open chunk; parameters and errors are those of `estimate`."""
        model = self._of_reference()
        self._add(model, model.count(features, y_pred))

    def to_bytes(self) -> bytes:
        """Return settings, regressions and open chunk as bytes: equal ones give equal bytes."""
        settings = {
            "trees": self._trees,
            "threads": self._threads,
            "seed": self._seed,
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

    def __repr__(self) -> str:
        model = self._model
        if model is None:
            return "<inlay.model.DLE without a reference>"
        told = (
            "nothing" if model.checks.absolute.r2 is None else f"R² {model.checks.absolute.r2:.2g}"
        )
        return (
            f"<inlay.model.DLE of {model.checks.rows} reference rows, {told} of the absolute error "
            f"on held-out ones; {self.rows} rows in the open chunk>"
        )
