"""What each step of a training run takes and comes to, without a wait for a device."""

from __future__ import annotations

import datetime
import os
import time
import warnings
from collections import deque
from typing import TYPE_CHECKING, Any

from inlay._arguments import (
    at_least,
    callable_or_none,
    moment_us,
    number_between,
    observer_given,
    path_text,
    with_methods,
)
from inlay._core import canonical_json
from inlay._exceptions import InlayWarning, InvalidArgumentError
from inlay._process_start import process_start
from inlay._resource import text_attributes
from inlay._threads import new_lock
from inlay.integrations._host_failures import HostFailures
from inlay.training.ledger import Ledger
from inlay.training.readback import Pending, Readback
from inlay.training.restart_file import RestartFile
from inlay.training.run_intervals import RunIntervals
from inlay.training.settling import settle
from inlay.training.step_clock import StepClock
from inlay.training.step_contexts import Step
from inlay.training.step_table import BETWEEN, PAUSED, PHASES, SLOTS, StepRow
from inlay.training.trackers import Trackers
from inlay.training.window_rows import WindowRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inlay.observer import Observer
    from inlay.training.ledger import Goodput
    from inlay.training.trackers import Tracker

__all__ = ["Recorder"]

_OTHER = PHASES.index("other")
# Finished steps that wait for a window or for their scalars; one more is counted and left out.
_MOST_ROWS = 200_000
# After so many steps those whose scalars have arrived are looked at.
_LOOK = 8
# How far a start may lie in the future, in microseconds: clocks differ.
_AHEAD_US = 1_000_000


class Recorder(StepClock, RunIntervals):
    """Records a training run step by step: times by phase, loss, rates, checkpoints, goodput.

    A loss or a norm that is a tensor stays on its device: it is copied out behind an event and
    read when it has arrived, so no call waits for a device. Between two windows it is a probe of
    the observer, which hands over the rows of ``steps`` and the figures below.

    Steps and phases belong to one thread; any other may ask for `goodput`.

    Parameters
    ----------
    observer : Observer
        Where it goes.
    tokens_per_step, samples_per_step : int, optional
        Of this process, where `step` is not told.
    flops_per_token : float, optional
        Floating-point operations of forward and backward for one token: `palm_flops_per_token`.
    peak_flops : float, optional
        What the devices of this process can do in a second. With `flops_per_token` it gives the
        model FLOPs utilization.
    rank : int, optional
        In the job; what ``RANK`` or ``SLURM_PROCID`` says unless given.
    state : str or os.PathLike, optional
        A small file that outlives the process: with it a later process of the run knows which
        steps were done before, and what time was lost between. Ranks above 0 append theirs to it.
        Where no `restore` or `resumed` says after which step a later process goes on, its steps
        follow the highest of before: say ``resumed(0)`` if it starts over.
    started : float or datetime, optional
        When this process, or the job it belongs to, began, in Unix seconds: the start of the
        process unless given.
    attributes : mapping of str to str, optional
        Of all its series and rows, for instance ``{"model": "ranker"}``.
    trackers : iterable of str or Tracker
        Who gets the figures of each window too: ``"mlflow"``, ``"wandb"``, or objects with
        ``log(step, figures)``.
    on_nonfinite : callable, optional
        Called with the number of a step whose loss or norm was NaN or infinite, some steps later.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range, the start lies in the future, or there is no such tracker.
    TypeError
        If an argument is of another kind.
    OSError
        If the state cannot be written.

    Notes
    -----
    Each moment of a step counts to one phase: a phase within another takes its time from it, what
    is in none is ``other``. What is waited for or saved between two steps counts to the later one;
    what else passes between them to no step, but to the rates: ``training.token_rate``,
    ``training.sample_rate`` and ``training.mfu`` are over the time from the end of a step to that
    of the next, less checkpoints that are waited for, evaluations, restores and `lost`. An MFU
    above 1 is an event ``training.mfu_above_one``: a figure that it is made of does not fit.

    Rows of layer ``training``: ``training.step_time`` and ``training.phase`` (s, histograms),
    ``training.loss``, ``training.gradient_norm``, ``training.learning_rate``, ``training.tokens``,
    ``training.samples`` and their rates, ``training.mfu``, ``training.memory``,
    ``training.goodput``, ``training.badput``, ``training.nonfinite``,
    ``training.checkpoint.duration``, ``training.restore.duration``. Of a loss that did not arrive
    within five seconds the row says nothing. Each window has the table ``steps``, without rows if
    no step ended in it.

    Examples
    --------
    >>> import inlay
    >>> from inlay.training import Recorder
    >>> obs = inlay.Observer()
    >>> rec = Recorder(obs, tokens_per_step=512)
    >>> for batch in rec.data([1.0, 2.0]):
    ...     with rec.step():
    ...         with rec.phase("forward"):
    ...             loss = batch / 2
    ...         rec.loss(loss)
    >>> [(row["step"], row["loss"]) for row in obs.collect()["steps"].to_pylist()]
    [(1, 0.5), (2, 1.0)]
    """

    __module__ = "inlay.training"

    def __init__(
        self,
        observer: Observer,
        *,
        tokens_per_step: int | None = None,
        samples_per_step: int | None = None,
        flops_per_token: float | None = None,
        peak_flops: float | None = None,
        rank: int | None = None,
        state: str | os.PathLike[str] | None = None,
        started: float | datetime.datetime | None = None,
        attributes: Mapping[str, str] | None = None,
        trackers: Iterable[str | Tracker] = (),
        on_nonfinite: Callable[[int], object] | None = None,
    ) -> None:
        observer_given(observer)
        for name, number in (("flops_per_token", flops_per_token), ("peak_flops", peak_flops)):
            if number is not None:
                number_between(name, number, above=0.0)
        callable_or_none("on_nonfinite", on_nonfinite)
        if attributes is not None:
            with_methods("attributes", attributes, "items")
        self._observer = observer
        self._core_now = observer.core.now_us
        self._clock = time.perf_counter_ns
        self._pid = os.getpid()
        self._usual_tokens = _count("tokens_per_step", tokens_per_step)
        self._usual_samples = _count("samples_per_step", samples_per_step)
        self.rank = _rank_of_environment() if rank is None else at_least("rank", rank, 0)
        self._attributes = text_attributes(attributes or {})
        self._on_nonfinite = on_nonfinite
        self._failures = HostFailures(observer, "training")
        self._trackers = Trackers(trackers, self._failures)
        self._readback = Readback()
        self._begin_clock()
        self._step_context = Step(self)
        self._look_at = 0
        self._last: list[Any] | None = None
        self._open: deque[Any] = deque()
        self._closed: deque[StepRow] = deque()
        self._settling = new_lock()
        self._nonfinite_run = False
        self.dropped = 0
        self.steps = 0
        self.first_step_time: float | None = None
        self._learning_rate: float | Pending | None = None
        self._listeners: list[Callable[[list[Any]], object]] = []
        self._clear_step()
        self._begin_run(state, started)
        self._window = WindowRows(
            self, canonical_json(self._attributes), flops_per_token, peak_flops
        )
        observer.probe(self)

    def _begin_run(
        self,
        state: str | os.PathLike[str] | None,
        started: float | datetime.datetime | None,
    ) -> None:
        now = self._core_now()
        begin = process_start() if started is None else started
        start_us = now if begin is None else moment_us("started", begin)
        if started is not None and not 0 < start_us < now + _AHEAD_US:
            message = f"started must be Unix seconds that have passed: {started!r}"
            raise InvalidArgumentError(message)
        start_us = min(now, start_us)
        self._file: RestartFile | None = None
        before = None
        if state is not None:
            path = path_text("state", state) + (f".{self.rank}" if self.rank else "")
            self._file = RestartFile(path)
            before = self._file.before
        self._ledger = Ledger((start_us if before is None else before.start_us) / 1e6)
        if before is not None:
            self._ledger.restore(before)
            self._ledger.process(start_us / 1e6, before.last_us / 1e6)
        if self._file is not None:
            self._file.begin(now, start_us)
        highest = None if before is None else before.highest
        self._highest = -1 if highest is None else highest
        self._next = 1 if highest is None else highest + 1
        self.restarts = 0 if before is None else before.incarnations
        told: dict[str, str | int] = {"restarts": self.restarts}
        if before is not None:
            told |= before.told()
        name = "training.restart" if self.restarts else "training.start"
        self._tell(name, start_us, now, **told)

    def _tell(self, name: str, start_us: int, end_us: int, /, **told: Any) -> None:
        if self.rank is not None:
            told["rank"] = self.rank
        severity = told.pop("severity", "info")
        body = told.pop("body", None)
        self._observer.event(
            name,
            severity=severity,
            body=body,
            layer="training",
            time=start_us / 1e6,
            end_time=max(start_us, end_us) / 1e6,
            **self._attributes,
            **told,
        )

    # ---- steps -------------------------------------------------------------------------------
    def step(
        self, number: int | None = None, *, tokens: int | None = None, samples: int | None = None
    ) -> Step:
        """Return a context that is one step of the training; one that raises is no step.

        Parameters
        ----------
        number : int, optional
            The next one unless given.
        tokens, samples : int, optional
            What it trains on in this process.
        """
        context = self._step_context
        context.number = number
        context.tokens = tokens
        context.samples = samples
        return context

    def begin_step(
        self, number: int | None = None, *, tokens: int | None = None, samples: int | None = None
    ) -> None:
        """Begin a step, where no context can be used; one that has not ended is given up."""
        if self._in_step:
            self.abandon_step()
        now = self._clock()
        self._spent[self._current] += now - self._mark
        self._spent[PAUSED] = 0
        self._stack.clear()
        self._current = _OTHER
        self._mark = now
        self._number = self._next if number is None else at_least("number", number, 0)
        if tokens is not None:
            self._tokens = at_least("tokens", tokens, 0)
        if samples is not None:
            self._samples = at_least("samples", samples, 0)
        self._in_step = True
        if self.first_step_time is None:
            self._begin_first(number)

    def end_step(self) -> None:
        """End the step; nothing happens if none has begun."""
        if not self._in_step:
            return
        now = self._clock()
        spent = self._spent
        spent[self._current] += now - self._mark
        self._mark = now
        number = self._number
        replayed = number <= self._highest
        if not replayed:
            self._highest = number
        end = self._core_now()
        if self._readback._open:
            self._readback.seal()
        row = [
            end,
            number,
            self._epoch,
            spent,
            self._tokens,
            self._samples,
            self._loss,
            self._norm,
            replayed,
        ]
        if len(self._open) < _MOST_ROWS:
            self._open.append(row)
            self._last = row
        else:
            self.dropped += 1
        self._next = number + 1
        self.steps += 1
        if self._file is not None:
            self._file.stepped(self._highest, end, spent, replayed=replayed)
        self._clear_step()
        if self.steps >= self._look_at:
            self._look()
        for listener in self._listeners:
            listener(row)

    def _begin_first(self, number: int | None) -> None:
        now = self._core_now()
        self.first_step_time = now / 1e6
        self._spent[BETWEEN] = 0  # there is no step before
        if number is None and self._highest >= 0 and not self._resumed:
            self._tell(
                "training.not_resumed",
                now,
                now,
                severity="warning",
                body=f"steps go on after {self._highest}, the highest that was done before: "
                "neither restore nor resumed said after which",
                highest_step=self._highest,
            )

    def _look(self) -> None:
        # The first steps at once: what a process is killed in may be one of them.
        self._look_at = self.steps + min(_LOOK, max(1, self.steps))
        if self._settling.acquire(blocking=False):  # else the observer is at it
            try:
                settle(self, but=self._last)
                self._keep()
            finally:
                self._settling.release()
        self._trackers.look()

    def _keep(self) -> None:
        if self._file is not None:
            self._file.keep(*self._ledger.beside_steps())

    def abandon_step(self) -> None:
        """Give up a step that failed: its time counts to no step, but to the rates."""
        now = self._clock()
        self._spent[self._current] += now - self._mark
        self._mark = now
        lost = sum(self._spent[: BETWEEN + 1])
        self._clear_step()
        self._spent[BETWEEN] = lost

    def _clear_step(self) -> None:
        self._spent = [0] * SLOTS
        self._stack.clear()
        self._current = BETWEEN
        self._in_step = False
        self._tokens = self._usual_tokens
        self._samples = self._usual_samples
        self._loss: Any = None
        self._norm: Any = None

    _number = 0
    _epoch: int | None = None
    _tokens: int | None
    _samples: int | None

    # ---- what a step comes to ----------------------------------------------------------------
    def loss(self, value: Any) -> None:
        """Give the loss of the step that is going on, or of the one that has just ended.

        Parameters
        ----------
        value : number or tensor of one element
            A tensor stays where it is; it is read later.

        Raises
        ------
        InvalidArgumentError
            If it has several elements, or there was no step yet.
        TypeError
            If it is no number.
        """
        taken = value if type(value) is float else self._readback.take(value, "loss")
        if self._in_step:
            self._loss = taken
        else:
            self._give_to_last("loss", 6, taken)

    def gradient_norm(self, value: Any) -> None:
        """Give the norm of the gradient, as `loss`."""
        taken = value if type(value) is float else self._readback.take(value, "gradient_norm")
        if self._in_step:
            self._norm = taken
        else:
            self._give_to_last("gradient_norm", 7, taken)

    def _give_to_last(self, name: str, place: int, taken: Any) -> None:
        if self._last is None:
            message = f"{name} is that of a step, and none has begun: {taken!r}"
            raise InvalidArgumentError(message)
        self._last[place] = taken
        self._readback.seal()

    def learning_rate(self, value: Any) -> None:
        """Give the learning rate: a number or a tensor of one element."""
        if value is not self._learning_rate:
            self._learning_rate = (
                value if type(value) is float else self._readback.take(value, "learning_rate")
            )

    def tokens(self, count: int) -> None:
        """Say how many tokens the step trains on in this process."""
        self._tokens = at_least("tokens", count, 0)

    def samples(self, count: int) -> None:
        """Say how many samples the step trains on in this process."""
        self._samples = at_least("samples", count, 0)

    def epoch(self, number: int) -> None:
        """Say which pass over the data goes on."""
        self._epoch = at_least("epoch", number, 0)
        self._epoch_is_told = True

    _epoch_is_told = False

    def _next_epoch(self) -> None:
        if not self._epoch_is_told:
            self._epoch = 0 if self._epoch is None else self._epoch + 1

    # ---- what comes of it --------------------------------------------------------------------
    def on_step(self, listener: Callable[[list[Any]], object]) -> None:
        """Have a function called at each end of a step, for `Stragglers`."""
        callable_or_none("listener", listener)
        self._listeners.append(listener)

    @property
    def goodput(self) -> Goodput:
        """How the time of the run was spent until now."""
        with self._settling:
            settle(self)
            return self._ledger.goodput(self._core_now() / 1e6)

    def observe(self, observer: Observer, /) -> None:
        """Hand what came about since the last call to the observer's window: makes it a probe."""
        if os.getpid() != self._pid:  # a forked child, of a data loader for instance
            return
        self._window.observe(observer)

    def close(self) -> None:
        """Keep the state for the next process of the run, and let its file go."""
        with self._settling:
            settle(self)
            if self._file is not None:
                self._keep()
                self._file.close()
                self._file = None

    def __repr__(self) -> str:
        """Return a line with the number of steps."""
        rank = "" if self.rank is None else f", rank {self.rank}"
        return f"<inlay.training.Recorder of {self.steps} steps{rank}>"


def _count(name: str, number: int | None) -> int | None:
    return None if number is None else at_least(name, number, 0)


def _rank_of_environment() -> int | None:
    for name in ("RANK", "SLURM_PROCID"):
        text = os.environ.get(name, "")
        if text.isdecimal() and int(text) < 1 << 31:
            return int(text)
        if text:
            message = f"{name} is no rank and is left out: {text!r}"
            warnings.warn(message, InlayWarning, stacklevel=3)
    return None
