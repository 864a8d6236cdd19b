"""What differs between binary, multiclass, multilabel, regression and ranking."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from inlay import _core
from inlay._exceptions import InvalidArgumentError, SerializationError

if TYPE_CHECKING:
    import numpy as np

    from inlay.model.metrics import Metrics
    from inlay.model.quality.settings import Settings

__all__ = ["TASKS", "Rows", "Task", "task_of"]

Rows: TypeAlias = list[tuple[str, dict[str, Any]]]
"""What the metric of each row has after the name, and its columns."""

TASKS = {
    "binary": ("inlay.model.quality.binary_task", "BinaryTask"),
    "multiclass": ("inlay.model.quality.multiclass_task", "MulticlassTask"),
    "multilabel": ("inlay.model.quality.multilabel_task", "MultilabelTask"),
    "regression": ("inlay.model.quality.regression_task", "RegressionTask"),
    "ranking": ("inlay.model.quality.ranking_task", "RankingTask"),
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


S = TypeVar("S", bound=Any)


class Task(abc.ABC):
    """Makes the states of a task, and rows and figures of what they hold. Immutable."""

    name: ClassVar[str]
    settings: ClassVar[tuple[str, ...]]
    """Which settings it has, of those that are not every task's."""
    at: ClassVar[str] = "at"
    """The attribute of figures such as ``recall@0.5``: here ``threshold``."""
    joins: bool = False
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
    def rows(self, figures: Any, data: bytes) -> Rows:
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

    @property
    def summary_type(self) -> str:
        """``summary_type`` of the rows that hold a state."""
        return f"{self.name}_inlay"

    @staticmethod
    def checked(states: S, expected: S) -> S:
        """Return states, or refuse those of other settings.

        Raises
        ------
        SerializationError
            If they are.
        """
        found, own = states.settings, expected.settings
        if found != own:
            message = f"the states are of other settings, {found}, not {own}"
            raise SerializationError(message)
        return states

    def prepare(self, y_true: Any, y_score: Any) -> tuple[Any, Any]:
        """Return rows as the states take them."""
        return y_true, y_score

    def series(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the metric of a figure and what its attributes have besides the segment's."""
        head, bracket, rest = name.partition("[")
        metric, at, cut = head.partition("@")
        more = {self.at: cut} if at else {}
        if bracket:
            more["class"] = rest[:-1]
        return metric, more

    # ---- predictions that wait for labels --------------------------------------------------------
    def predictions(self, scores: Any) -> Any:
        """Return scores as a join takes them."""
        return scores

    def outcomes(self, outcomes: Any) -> Any:
        """Return labels as a join takes them."""
        return outcomes

    def are_scores(self, scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which predictions, as a join takes them, are of the declared kind."""
        import numpy as np

        made: np.ndarray[Any, Any] = np.isfinite(scores)
        return made

    def are_outcomes(self, outcomes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return which labels, as a join takes them, are such of this task; NaN is none."""
        import numpy as np

        made: np.ndarray[Any, Any] = np.isfinite(outcomes)
        return made

    def new_join(self, settings: Settings) -> Any:
        """Return an empty join.

        Raises
        ------
        InvalidArgumentError
            If a prediction of this task is no single number.
        """
        if not self.joins:
            message = (
                f"a prediction of task {self.name!r} and these settings is no single number that "
                "can wait for its label, as those of binary, of multiclass with kind='label' (the "
                "best class, scores.argmax(axis=1)) and of regression without quantiles can: use "
                "observed"
            )
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
