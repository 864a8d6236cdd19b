"""Ranked lists: scores by which the rows of each query are ordered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inlay import _core
from inlay.model.metrics import Metrics
from inlay.model.quality.task import Rows, Task
from inlay.model.ranking import Ranking
from inlay.model.ranking_metrics import derive

__all__ = ["RankingTask"]


class RankingTask(Task):
    """Ranks of what is relevant.

    Parameters
    ----------
    k : sequence of int
    """

    name = "ranking"
    settings = ("k",)
    at = "k"

    def __init__(self, k: Sequence[int] = (1, 5, 10)) -> None:
        self._k = tuple(k)
        self._empty = Ranking(k=self._k)._native

    def new(self) -> _core.RankingStates:
        """Return empty states."""
        return self._empty.copy()

    def read(self, data: bytes) -> _core.RankingStates:
        """Return the states that bytes hold."""
        return self.checked(_core.RankingStates.from_bytes(data), self._empty)

    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""
        return derive(figures, self._empty.settings, confidence)

    def rows(self, figures: Any, data: bytes) -> Rows:
        """Return the columns of the row that holds what a segment counted."""
        state = {
            "kind": self.name,
            "unit": "{query}",
            "count": figures["queries"],
            "summary": data,
            "summary_type": self.summary_type,
        }
        return [("", state)]

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {"task": self.name, "k": list(self._k)}
