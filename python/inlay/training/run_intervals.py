"""How a recorder takes what is no step: checkpoints, restores, evaluations, lost time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError
from inlay.training.intervals import Interval
from inlay.training.ledger import CAUSES
from inlay.training.step_table import PAUSED, PHASES

if TYPE_CHECKING:
    from inlay.training.window_rows import WindowRows

__all__ = ["RunIntervals"]

_CHECKPOINT = PHASES.index("checkpoint")


class RunIntervals:
    """The part of a recorder that makes intervals. Of one thread."""

    _next: int
    _window: WindowRows

    def checkpoint(self, name: str | None = None, *, blocking: bool = True) -> Interval:
        """Return a context in which a checkpoint is saved.

        Parameters
        ----------
        name : str, optional
            Which, for the event ``training.checkpoint``.
        blocking : bool, default True
            Whether the training waits for it; one that is written meanwhile costs no goodput.
        """
        told = {} if name is None else {"checkpoint": name}
        recorder: Any = self
        return Interval(
            recorder,
            "training.checkpoint",
            cause="unproductive_checkpoint_save_time" if blocking else None,
            index=_CHECKPOINT if blocking else None,
            histogram=self._window.checkpoints,
            told={**told, "blocking": str(blocking).lower(), "step": str(self._next - 1)},
        )

    def restore(self, name: str | None = None, *, step: int | None = None) -> Interval:
        """Return a context in which a checkpoint is restored.

        Parameters
        ----------
        name : str, optional
            Which, for the event ``training.restore``.
        step : int, optional
            The step that it was saved after: the next one has one more. `resumed` says so later.
        """
        if step is not None:
            self.resumed(step)
        told = {} if name is None else {"checkpoint": name}
        recorder: Any = self
        return Interval(
            recorder,
            "training.restore",
            cause="unproductive_checkpoint_restore_time",
            index=PAUSED,
            histogram=self._window.restores,
            told=told,
        )

    def resumed(self, step: int) -> None:
        """Say after which step the training goes on: those up to the highest are replayed.

        Parameters
        ----------
        step : int
            The last that is not done again; 0 where the training starts over.
        """
        self._next = at_least("step", step, 0) + 1
        self._resumed = True

    _resumed = False

    def evaluation(self, name: str = "evaluation") -> Interval:
        """Return a context in which the model is evaluated: the event ``training.eval``."""
        recorder: Any = self
        return Interval(
            recorder,
            "training.eval",
            cause="custom_badput_events",
            index=PAUSED,
            told={"evaluation": name},
        )

    def lost(self, cause: str, name: str | None = None) -> Interval:
        """Return a context in which nothing is trained, for a cause of `inlay.training.CAUSES`.

        Raises
        ------
        InvalidArgumentError
            If there is no such cause.
        """
        if cause not in CAUSES or cause == "other":
            message = f"a cause of lost time is one of {', '.join(CAUSES[:-1])}: {cause!r}"
            raise InvalidArgumentError(message)
        told = {"cause": cause} if name is None else {"cause": cause, "what": name}
        recorder: Any = self
        return Interval(recorder, "training.badput", cause=cause, index=PAUSED, told=told)
