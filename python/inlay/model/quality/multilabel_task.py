"""Predictions of several yes-or-no labels of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.model.metrics import Metrics
from inlay.model.multilabel import Multilabel
from inlay.model.multilabel_metrics import derive
from inlay.model.quality.task import Rows, Task
from inlay.model.score_matrix import score_matrix

__all__ = ["MultilabelTask"]

# Up to so many labels each has figures of its own.
_MOST_FIGURES = 64


class MultilabelTask(Task):
    """What is kept of a binary prediction, for each label.

    Parameters
    ----------
    classes : int or sequence of str or int
        The labels.
    kind : {"probability", "logit", "label"}, optional
    thresholds : sequence of float
    bins : int
    """

    name = "multilabel"
    settings = ("classes", "kind", "thresholds", "bins")
    at = "threshold"

    def __init__(
        self,
        classes: Any = None,
        kind: str | None = None,
        thresholds: Sequence[float] = (0.5,),
        bins: int = 15,
    ) -> None:
        if classes is None:
            message = "task 'multilabel' needs classes: how many labels there are, or their names"
            raise InvalidArgumentError(message)
        given: Any = "probability" if kind is None else kind
        made = Multilabel(labels=classes, kind=given, thresholds=thresholds, bins=bins)
        self._empty = made._native
        self._labels = [str(name) for name in made.labels]

    def new(self) -> _core.MultilabelStates:
        """Return empty states."""
        return self._empty.copy()

    def read(self, data: bytes) -> _core.MultilabelStates:
        """Return the states that bytes hold."""
        return self.checked(_core.MultilabelStates.from_bytes(data), self._empty)

    def prepare(self, y_true: Any, y_score: Any) -> tuple[Any, Any]:
        """Return rows as the states take them."""
        columns = len(self._labels)
        return score_matrix(y_true, columns, name="y_true"), score_matrix(y_score, columns)

    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""
        each = len(self._labels) <= _MOST_FIGURES
        settings = self._empty.settings
        return derive(figures, settings, confidence, names=self._labels, per_label=each)

    def rows(self, figures: Any, data: bytes) -> Rows:
        """Return the columns of the row that holds what a segment counted."""
        state = {
            "kind": self.name,
            "unit": "{row}",
            "count": figures["rows"],
            "categories": self._labels,
            "summary": data,
            "summary_type": self.summary_type,
        }
        return [("", state)]

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        settings = {**self._empty.settings, "classes": self._labels}
        return {"task": self.name, **settings, "thresholds": list(settings["thresholds"])}
