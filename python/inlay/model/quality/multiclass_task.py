"""Predictions of one class among several: scores of each, or the class itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.model.class_codes import class_codes, class_names
from inlay.model.metrics import Metrics
from inlay.model.multiclass import Multiclass
from inlay.model.multiclass_metrics import derive
from inlay.model.quality.task import Rows, Task
from inlay.model.score_matrix import score_matrix
from inlay.summary._reference import hash_of_names

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MulticlassTask"]

# Up to so many classes the confusion is written as a matrix; the state has it in any case.
_MOST_WRITTEN = 64
# And so many have figures of their own.
_MOST_FIGURES = 256


class MulticlassTask(Task):
    """Confusion of classes, and unless scores are labels their calibration.

    Parameters
    ----------
    classes : int or sequence of str or int
    kind : {"probability", "logit", "label"}, optional
    top_k : sequence of int
    bins : int
    """

    name = "multiclass"
    settings = ("classes", "kind", "top_k", "bins")
    at = "k"

    def __init__(
        self,
        classes: Any = None,
        kind: str | None = None,
        top_k: Sequence[int] = (1, 5),
        bins: int = 15,
    ) -> None:
        if classes is None:
            message = "task 'multiclass' needs classes: how many there are, or their names"
            raise InvalidArgumentError(message)
        self._names = class_names(classes)
        kind = "probability" if kind is None else kind
        given = None if tuple(top_k) == (1, 5) else top_k
        made = Multiclass(classes=classes, kind=kind, top_k=given, bins=bins)  # type: ignore[arg-type]
        self._empty = made._native
        self._classes = [str(name) for name in made.classes]
        self._is_label = kind == "label"
        self.joins = self._is_label

    def new(self) -> _core.MulticlassStates:
        """Return empty states."""
        return self._empty.copy()

    def read(self, data: bytes) -> _core.MulticlassStates:
        """Return the states that bytes hold."""
        return self.checked(_core.MulticlassStates.from_bytes(data), self._empty)

    def prepare(self, y_true: Any, y_score: Any) -> tuple[Any, Any]:
        """Return rows as the states take them."""
        if not self._is_label:
            return self.outcomes(y_true), score_matrix(y_score, len(self._classes))
        return self.outcomes(y_true), self.outcomes(y_score)

    def predictions(self, scores: Any) -> Any:
        """Return predicted classes as a join takes them."""
        return self.outcomes(scores)

    def outcomes(self, outcomes: Any) -> Any:
        """Return classes by number."""
        return outcomes if self._names is None else class_codes(outcomes, self._names)

    def are_scores(self, scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which predicted classes there are."""
        return self.are_outcomes(scores)

    def are_outcomes(self, outcomes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which classes there are, by number."""
        import numpy as np

        is_whole: np.ndarray[Any, Any] = outcomes == np.floor(outcomes)
        return is_whole & (outcomes >= 0.0) & (outcomes < len(self._classes))

    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""
        settings = self._empty.settings
        each = len(self._classes) <= _MOST_FIGURES
        return derive(figures, settings, confidence, names=self._classes, per_class=each)

    def rows(self, figures: Any, data: bytes) -> Rows:
        """Return the columns of the rows that hold what a segment counted."""
        counted = {"unit": "{row}", "count": figures["rows"]}
        made: Rows = [
            ("", {**counted, "kind": self.name, "summary": data, "summary_type": self.summary_type})
        ]
        size = len(self._classes)
        if size <= _MOST_WRITTEN:
            counts = [0] * (size * size)
            cells = zip(
                memoryview(figures["cell_labels"]).cast("i"),
                memoryview(figures["cell_predicted"]).cast("i"),
                memoryview(figures["cell_rows"]).cast("q"),
                strict=True,
            )
            for true, predicted, rows in cells:
                counts[true * size + predicted] = rows
            matrix = {
                **counted,
                "kind": "confusion",
                "categories": self._classes,
                "counts": counts,
                "reference_id": hash_of_names(self._classes),
            }
            made.insert(0, ("", matrix))
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        settings = {**self._empty.settings, "classes": self._classes}
        return {"task": self.name, **settings, "top_k": list(settings["top_k"])}
