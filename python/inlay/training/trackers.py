"""Experiment trackers that get the figures of each window too."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inlay.integrations._host_failures import HostFailures

__all__ = ["MlflowTracker", "Tracker", "Trackers", "WandbTracker"]

_PREFIX = "inlay/"


class Tracker(Protocol):
    """Something that keeps figures of a run."""

    def log(self, step: int, figures: Mapping[str, float], /) -> None:
        """Keep the figures that a window ended with, at its last step."""


class MlflowTracker:
    """Logs to an MLflow run, as metrics under ``inlay/``.

    Parameters
    ----------
    run_id : str, optional
        The run; the active one of the thread that makes this unless given.

    Raises
    ------
    InvalidArgumentError
        If no run is active.

    Notes
    -----
    One request to the tracking server a window, from the observer's thread. Written against
    MLflow 3.
    """

    __module__ = "inlay.training"

    def __init__(self, run_id: str | None = None) -> None:
        import mlflow
        from mlflow.entities import Metric

        if run_id is None:
            run = mlflow.active_run()
            if run is None:
                message = "no MLflow run is active, and none was given: None"
                raise InvalidArgumentError(message)
            run_id = run.info.run_id
        self._run_id: str = run_id
        self._metric = Metric
        self._client = mlflow.MlflowClient()

    def log(self, step: int, figures: Mapping[str, float], /) -> None:
        """Log a window's figures."""
        now = time.time_ns() // 1_000_000
        metrics = [self._metric(_PREFIX + name, v, now, step) for name, v in figures.items()]
        self._client.log_batch(self._run_id, metrics=metrics)


class WandbTracker:
    """Logs to a run of Weights & Biases, under ``inlay/``.

    Parameters
    ----------
    run : wandb.Run, optional
        The run; the active one unless given.

    Raises
    ------
    InvalidArgumentError
        If there is none.

    Notes
    -----
    The figures join the row that is being made (``commit=False``): the run's own step numbers stay
    the program's. Their own step is ``inlay/step``.
    """

    __module__ = "inlay.training"

    def __init__(self, run: Any = None) -> None:
        if run is None:
            import wandb

            run = wandb.run
        if run is None:
            message = "no run of Weights & Biases is active, and none was given: None"
            raise InvalidArgumentError(message)
        self._run = run
        run.define_metric(_PREFIX + "step", hidden=True)
        run.define_metric(_PREFIX + "*", step_metric=_PREFIX + "step")

    def log(self, step: int, figures: Mapping[str, float], /) -> None:
        """Log a window's figures."""
        row = {_PREFIX + name: value for name, value in figures.items()}
        self._run.log({_PREFIX + "step": step, **row}, commit=False)


class Trackers:
    """The trackers of a recorder: objects, and names of those to take once a run is active.

    What a tracker raises is counted and kept from the training and from the other trackers.

    Parameters
    ----------
    given : iterable of str or Tracker
    failures : HostFailures
        Where that is counted.

    Raises
    ------
    InvalidArgumentError
        If there is no tracker of a name.
    TypeError
        If an object has no ``log``.
    """

    def __init__(self, given: Iterable[str | Tracker], failures: HostFailures) -> None:
        if isinstance(given, str):
            message = f"trackers are a sequence of names or objects, such as ({given!r},)"
            raise TypeError(message)
        self._taken: list[Tracker] = []
        self._wanted: list[str] = []
        self._failures = failures
        for one in given:
            if isinstance(one, str):
                if one not in ("mlflow", "wandb"):
                    message = f"a tracker is 'mlflow', 'wandb' or an object with log: {one!r}"
                    raise InvalidArgumentError(message)
                self._wanted.append(one)
            elif callable(getattr(one, "log", None)):
                self._taken.append(one)
            else:
                message = f"a tracker has a method log(step, figures); {one!r} has none"
                raise TypeError(message)
        self.look()

    def look(self) -> None:
        """Take those asked for whose run is active now; MLflow's runs are active in a thread."""
        for name in tuple(self._wanted):
            module: Any = sys.modules.get(name)
            if module is None:
                continue
            with self._failures.guard(name):
                active = module.active_run() if name == "mlflow" else module.run
                if active is not None:
                    self._wanted.remove(name)
                    self._taken.append(
                        MlflowTracker() if name == "mlflow" else WandbTracker(active)
                    )

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Hand a window's figures to all."""
        for tracker in self._taken:
            with self._failures.guard(type(tracker).__name__):
                tracker.log(step, figures)
