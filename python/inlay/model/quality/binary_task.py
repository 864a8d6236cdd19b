"""Binary predictions: probabilities, logits or labels of a positive class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.model.quality.task import Rows, Task
from inlay.summary._reference import hash_of_edges

if TYPE_CHECKING:
    import numpy as np

    from inlay.model.metrics import Metrics

__all__ = ["BinaryTask"]


class BinaryTask(Task):
    """Confusion at thresholds, and unless scores are labels their histogram and calibration.

    Parameters
    ----------
    kind : {"probability", "logit", "label"}, optional
    thresholds : sequence of float
    bins : int
    scores : bool
        Whether more than the confusion is kept.
    """

    name = "binary"
    settings = ("kind", "thresholds", "bins", "scores")
    at = "threshold"
    joins = True

    def __init__(
        self,
        kind: str | None = None,
        thresholds: Sequence[float] = (0.5,),
        bins: int = 15,
        scores: bool | None = None,
    ) -> None:
        self._thresholds = [float(each) for each in thresholds]
        self._given: dict[str, Any] = {
            "kind": "probability" if kind is None else kind,
            "thresholds": self._thresholds,
            "bins": bins,
            "scores": kind != "label" if scores is None else scores,
        }
        self._empty = _core.BinaryStates(**self._given)
        self._edges = [number / bins for number in range(bins + 1)]
        self._reference = hash_of_edges(self._thresholds)

    def new(self) -> _core.BinaryStates:
        """Return empty states."""
        return self._empty.copy()

    def read(self, data: bytes) -> _core.BinaryStates:
        """Return the states that bytes hold."""
        return self.checked(_core.BinaryStates.from_bytes(data), self._empty)

    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""
        from inlay.model.binary_metrics import derive

        return derive(figures, self._given, confidence)

    def are_scores(self, scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which predictions are probabilities, finite logits or labels, as was declared."""
        import numpy as np

        kind = self._given["kind"]
        if kind == "label":
            return self.are_outcomes(scores)
        return np.isfinite(scores) if kind == "logit" else (scores >= 0.0) & (scores <= 1.0)

    def are_outcomes(self, outcomes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which labels are 0 or 1."""
        made: np.ndarray[Any, Any] = (outcomes == 0.0) | (outcomes == 1.0)
        return made

    def confusion(self, figures: Any) -> np.ndarray[Any, Any]:
        """Return the counts of rows at each threshold.

        Returns
        -------
        numpy.ndarray of int64, shape (thresholds, 4)
            True negatives, false positives, false negatives, true positives.
        """
        import numpy as np

        rows = figures.get("counts", figures["confusions"])  # without their weights
        return np.asarray(rows, np.int64).reshape(-1, 4)

    def rows(self, figures: Any, data: bytes) -> Rows:
        """Return the columns of the rows that hold what a segment counted."""
        counted = {"unit": "{row}", "count": figures["rows"]}
        confusion = {
            **counted,
            "kind": "confusion",
            "bounds": self._thresholds,
            "categories": ["0", "1"],
            "counts": self.confusion(figures).reshape(-1).tolist(),
            "reference_id": self._reference,
        }
        state = {**counted, "kind": "scores", "summary": data, "summary_type": self.summary_type}
        made: Rows = [("", confusion), ("", state)]
        if "calibration" in figures and not figures["weighted"]:
            counts = []
            for rows, positives, *_ in figures["calibration"]:
                counts += [rows - positives, positives]
            made.append(
                ("", {**counted, "kind": "calibration", "bounds": self._edges, "counts": counts})
            )
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {"task": self.name, **self._given}
