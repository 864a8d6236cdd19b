"""What differs between binary, multiclass, multilabel, regression and ranking."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from inlay.model.metrics import Metrics
    from inlay.model.quality.settings import Settings

__all__ = ["TASKS", "Task", "task_of"]

TASKS = {
    "binary": ("inlay.model.quality.binary_task", "BinaryTask"),
}
"""Where each task lives."""

# Settings of a task that only some tasks have, with what they are unless given.
_DEFAULTS: dict[str, Any] = {
    "kind": None,
    "thresholds": (0.5,),
    "classes": None,
    "bins": 15,
    "top_k": (1, 5),
    "quantiles": (),
    "k": (1, 5, 10),
}
_NOT_REJECTED = frozenset({"predictions", "labels", "pending", "early", "remembered"})


class Task(abc.ABC):
    """Makes the states of a task, and rows and figures of what they hold. Immutable."""

    name: ClassVar[str]
    settings: ClassVar[tuple[str, ...]]
    """Which settings it has, of those that are not every task's."""
    joins: ClassVar[bool] = False
    """Whether a prediction is one number, so that it can wait for its label."""

    @abc.abstractmethod
    def new(self) -> Any:
        """Return empty states."""

    @abc.abstractmethod
    def read(self, data: bytes) -> Any:
        """Return the states that bytes hold.

        Raises
        ------
        SerializationError
            If they are none of this task and its settings.
        """

    @abc.abstractmethod
    def derive(self, figures: Any, confidence: float) -> Metrics:
        """Return what the figures of a segment come to."""

    @abc.abstractmethod
    def rows(self, figures: Any, data: bytes) -> list[dict[str, Any]]:
        """Return the columns of the rows that hold what a segment counted.

        Parameters
        ----------
        figures : dict
            Of the segment.
        data : bytes
            Its state.
        """

    @abc.abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them, equal for equal settings."""

    def series(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the metric of a figure and what its attributes have besides the segment's."""
        return name, {}

    # ---- predictions that wait for labels --------------------------------------------------------
    def predictions(self, scores: Any) -> Any:
        """Return scores as a join takes them."""
        return scores

    def outcomes(self, outcomes: Any) -> Any:
        """Return labels as a join takes them."""
        return outcomes

    def new_join(self, settings: Settings) -> Any:
        """Return an empty join.

        Raises
        ------
        InvalidArgumentError
            If a prediction of this task is no single number.
        """
        if not self.joins:
            message = f"a prediction of task {self.name!r} cannot wait for its label: use observed"
            raise InvalidArgumentError(message)
        return _core.LabelJoin(self.name, settings.horizon_panes, settings.capacity)

    def read_join(self, data: bytes) -> Any:
        """Return the join that bytes hold."""
        return _core.LabelJoin.from_bytes(data, self.name)

    @staticmethod
    def apart(counts: dict[str, int]) -> dict[str, int]:
        """Return how many ids, predictions and labels a join kept apart, by reason."""
        return {name: number for name, number in counts.items() if name not in _NOT_REJECTED}


def task_of(name: str, **given: Any) -> Task:
    """Return a task with its settings.

    Raises
    ------
    InvalidArgumentError
        If there is no such task, a setting is none of its, or out of range.
    TypeError
        If a setting is of another type.
    """
    import importlib

    if name not in TASKS:
        message = f"a task is one of {', '.join(TASKS)}: {name!r}"
        raise InvalidArgumentError(message)
    module, kind = TASKS[name]
    made: type[Task] = getattr(importlib.import_module(module), kind)
    settings = {}
    for setting, value in given.items():
        if setting in made.settings:
            settings[setting] = value
        elif not _is_default(setting, value):
            message = f"task {name!r} has no setting {setting}: {value!r}"
            raise InvalidArgumentError(message)
    return made(**settings)


def _is_default(setting: str, value: Any) -> bool:
    default = _DEFAULTS.get(setting)
    if isinstance(default, tuple) and isinstance(value, Sequence):
        return tuple(value) == default
    return bool(value == default)
