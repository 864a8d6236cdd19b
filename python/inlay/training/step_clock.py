"""How a recorder counts each moment of its thread once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._arguments import number_between
from inlay._exceptions import InvalidArgumentError
from inlay.training.step_contexts import Data, Phase
from inlay.training.step_table import BETWEEN, EARLIER, PHASES, SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inlay.integrations._host_failures import HostFailures
    from inlay.training.intervals import Interval

__all__ = ["StepClock"]

_OTHER = PHASES.index("other")
# Clocks that differ by less, in nanoseconds, are no reason to speak of it.
_TOLERANCE = 1_000_000


class StepClock:
    """The part of a recorder that knows what goes on. Of one thread.

    ``_spent`` has the nanoseconds of each phase, then those of `BETWEEN`, `PAUSED` and `EARLIER`.
    """

    _clock: Callable[[], int]
    _failures: HostFailures
    _in_step: bool
    _spent: list[int]
    _stack: list[int]
    _current: int
    _mark: int

    def _begin_clock(self) -> None:
        recorder: Any = self
        self._phases = {name: Phase(recorder, i) for i, name in enumerate(PHASES[:_OTHER])}
        self._spent = [0] * SLOTS
        self._stack = []
        self._current = BETWEEN
        self._mark = self._clock()
        self._in_step = False

    def _enter(self, index: int) -> None:
        now = self._clock()
        self._spent[self._current] += now - self._mark
        self._stack.append(self._current)
        self._current = index
        self._mark = now

    def _leave(self) -> None:
        now = self._clock()
        self._spent[self._current] += now - self._mark
        if self._stack:  # empty where a step ended within the phase
            self._current = self._stack.pop()
        self._mark = now

    def _pause_ended(self) -> None:
        if not self._in_step:
            self._spent[EARLIER] = sum(self._spent[:BETWEEN])

    def _take(self, index: int, nanoseconds: int) -> int:
        """Count time that has passed to a slot instead of what goes on; return what there was not.

        Between steps all of it counts: what was waited for may have begun before.
        """
        now = self._clock()
        spent, current = self._spent, self._current
        spent[current] += now - self._mark
        self._mark = now
        there = max(0, min(nanoseconds, spent[current])) if self._in_step else nanoseconds
        spent[current] -= there
        spent[index] += there
        return nanoseconds - there

    def phase(self, name: str) -> Phase | Interval:
        """Return a context in which time counts to a phase.

        Parameters
        ----------
        name : str
            ``"data_wait"``, ``"forward"``, ``"backward"``, ``"optimizer"``, ``"communication"`` or
            ``"checkpoint"``, which is `checkpoint`.

        Raises
        ------
        InvalidArgumentError
            If there is no such phase.
        """
        if name == "checkpoint":
            recorder: Any = self
            interval: Interval = recorder.checkpoint()
            return interval
        try:
            return self._phases[name]
        except (KeyError, TypeError):
            message = f"a phase is one of {', '.join(self._phases)}: {name!r}"
            raise InvalidArgumentError(message) from None

    def add(self, phase: str, seconds: float) -> None:
        """Count time to a phase that something else measured.

        Parameters
        ----------
        phase : str
            As for `phase`.
        seconds : float
            In a step it is taken from what is in no phase, or in the one that goes on; what that
            has not is left out and counted in ``inlay.host.failures``. Between steps it counts to
            the one that follows.

        Raises
        ------
        InvalidArgumentError
            If there is no such phase, or the seconds are negative or not finite.
        TypeError
            If they are no number.
        """
        if not isinstance(phase, str) or phase not in self._phases:
            message = f"a phase is one of {', '.join(self._phases)}: {phase!r}"
            raise InvalidArgumentError(message)
        given = round(number_between("seconds", seconds, 0.0) * 1e9)
        beyond = self._take(PHASES.index(phase), given)
        if beyond > _TOLERANCE:
            self._failures.failed(
                "add", f"{beyond / 1e9:.6g} s of {seconds!r} s of {phase} are not in the step"
            )

    def data(self, loader: Iterable[Any]) -> Data:
        """Return the loader's batches, the waits for them measured as ``data_wait``.

        Each pass over them is an epoch, the first of number 0, unless `epoch` says otherwise.
        """
        recorder: Any = self
        return Data(recorder, loader)
