"""Predictions of a number, or of quantiles of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inlay import _core
from inlay.model.metrics import Metrics
from inlay.model.quality.task import Rows, Task
from inlay.model.regression import Regression
from inlay.model.regression_metrics import derive
from inlay.model.score_matrix import score_matrix
from inlay.summary.exp_histogram import ExpHistogram

__all__ = ["RegressionTask"]


class RegressionTask(Task):
    """Errors of predicted numbers.

    Parameters
    ----------
    quantiles : sequence of float
    """

    name = "regression"
    settings = ("quantiles",)
    at = "quantile"

    def __init__(self, quantiles: Sequence[float] = ()) -> None:
        self._quantiles = tuple(quantiles)
        self._empty = Regression(quantiles=self._quantiles)._native
        self.joins = not self._quantiles

    def new(self) -> _core.RegressionStates:
        """Return empty states."""
        return self._empty.copy()

    def read(self, data: bytes) -> _core.RegressionStates:
        """Return the states that bytes hold."""
        return self.checked(_core.RegressionStates.from_bytes(data), self._empty)

    def prepare(self, y_true: Any, y_score: Any) -> tuple[Any, Any]:
        """Return rows as the states take them."""
        if self._quantiles:
            y_score = score_matrix(y_score, len(self._quantiles))
        return y_true, y_score

    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""
        return derive(figures, self._empty.settings, confidence)

    def series(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the metric of a figure, and the quantile that it is of."""
        metric, more = super().series(name)
        # The name by itself is which share of the predictions has its label.
        return ("quantile_coverage" if metric == "coverage" else metric), more

    def rows(self, figures: Any, data: bytes) -> Rows:
        """Return the columns of the rows that hold what a segment counted."""
        rows = figures["rows"]
        state: dict[str, Any] = {
            "kind": self.name,
            "unit": "{row}",
            "count": rows,
            "summary": data,
            "summary_type": self.summary_type,
        }
        made: Rows = [("", state)]
        if "error_mean" in figures:
            state |= {"mean": figures["error_mean"], "m2": figures["error_m2"]}
            state["sum"] = figures["error_mean"] * figures["weight"]
        if "distribution" in figures:
            errors = ExpHistogram._of(figures["distribution"])
            made.append(("absolute_error", {"kind": "histogram", "unit": "1", **errors._row()}))
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {"task": self.name, "quantiles": list(self._quantiles)}
