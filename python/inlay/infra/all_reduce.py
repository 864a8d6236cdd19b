"""Times a tiny all-reduce of a group of ranks."""

from __future__ import annotations

import contextlib
import datetime
import time
import weakref
from typing import TYPE_CHECKING, Any, Self

from inlay._arguments import at_least, observer_given
from inlay._exceptions import InvalidArgumentError
from inlay._threads import Event, Thread, new_lock
from inlay._torch_distributed import group_ranks, torch_reason
from inlay.infra._kernel_reader import checked_seconds
from inlay.infra._status_rows import add_status

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["AllReduceProbe"]

METRIC = "fabric.all_reduce"

# How often a rank that waits for the next round looks whether it has begun, in seconds.
_LOOK_S = 0.1

# How long ranks may take to load what they do before their first round, in seconds.
_FIRST_S = 600.0


class _RoundError(Exception):
    """A round did not end."""


class AllReduceProbe:
    """The time of an all-reduce of 4 bytes, on a group of its own, now and then.

    All ranks of the group make one, in the same order as other groups. Rounds begin on the clock
    of the group's first rank, in a thread of the probe's; or, with `steps`, in `step`, which every
    rank calls after each of its training steps. A round first waits for all ranks, then times the
    operation `repeats` times and records the shortest: what is longer by chance, or waits for the
    interpreter's lock, is no property of the links.

    A rank that dies or hangs ends the probe on the others, after `timeout` at the latest: a row of
    status ``error`` and one event ``fabric.probe_failed`` say so. Training goes on.

    Parameters
    ----------
    group : ProcessGroup, optional
        Of ``torch.distributed``: whose ranks take part. All ranks unless given. Its own operations
        are left alone: the probe makes a ``gloo`` group of the same ranks.
    every : float, default 30.0
        Seconds between rounds; with `steps` the shortest time that they lie apart.
    steps : int, optional
        Steps between rounds. Then there is no thread.
    timeout : float, default 5.0
        Seconds that a round may take.
    repeats : int, default 5
        Operations timed in a round.

    Raises
    ------
    InvalidArgumentError
        If ``torch.distributed`` is not initialised, the group is none of this rank, or a number is
        out of range.

    Notes
    -----
    Rows: the histogram ``fabric.all_reduce`` in seconds, and with `steps` the histogram
    ``fabric.all_reduce.wait``: how long this rank waited for the last one, which is least on the
    rank that comes last.
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        group: Any = None,
        *,
        every: float = 30.0,
        steps: int | None = None,
        timeout: float = 5.0,
        repeats: int = 5,
    ) -> None:
        import torch.distributed as dist

        self._every = checked_seconds("every", every, 0.01)
        self._timeout = checked_seconds("timeout", timeout, 0.01)
        self._repeats = at_least("repeats", repeats, 1)
        self._steps = None if steps is None else at_least("steps", steps, 1)
        ranks = group_ranks(group)
        self._leads = dist.get_rank() == ranks[0]
        self._ranks = ranks
        # A follower waits for the next round as long as the leader sleeps, and all for the first
        # one until the last of them has started.
        self._patience = self._every + self._timeout + _FIRST_S
        self._group = dist.new_group(
            ranks,
            timeout=datetime.timedelta(seconds=self._patience),
            backend="gloo",
            use_local_synchronization=True,
        )
        self._lock = new_lock()
        self._observer: weakref.ref[Observer] | None = None
        self._thread: Thread | None = None
        self._stopping = Event()
        self._count = 0
        self._last_ns: int | None = None
        self._rounds = 0
        self._failure: str | None = None
        self._seconds: float | None = None

    # ---- what is known -----------------------------------------------------------------------
    @property
    def rounds(self) -> int:
        """How many rounds ended."""
        return self._rounds

    @property
    def status(self) -> str:
        """``ok``, ``insufficient`` before the first round, or ``error`` after a failed one."""
        if self._failure is not None:
            return "error"
        return "ok" if self._rounds else "insufficient"

    @property
    def failure(self) -> str | None:
        """What ended the probe; None while nothing did."""
        return self._failure

    @property
    def last(self) -> float | None:
        """The shortest time of the last round, in seconds."""
        return self._seconds

    # ---- life --------------------------------------------------------------------------------
    def start(self, observer: Observer) -> Self:
        """Begin to time rounds; nothing happens if it was started.

        Parameters
        ----------
        observer : Observer
            What gets the rows.

        Returns
        -------
        AllReduceProbe
            This one.

        Raises
        ------
        TypeError
            If it is no observer.
        """
        observer_given(observer)
        with self._lock:
            if self._observer is None:
                self._observer = weakref.ref(observer)
                histogram = observer.histogram
                self._record = histogram(METRIC, unit="s", layer="infra").record
                self._record_wait = histogram(f"{METRIC}.wait", unit="s", layer="infra").record
            ended = self._failure is not None or self._stopping.is_set()
            if self._steps is None and self._thread is None and not ended:
                self._thread = Thread(self._run, name="inlay-all-reduce")
        return self

    def stop(self) -> None:
        """Leave: the next round is the last one, for all ranks.

        On the first rank that round is now; another tells it in the round that comes.
        """
        self._stopping.set()
        thread = self._thread
        if self._leads and thread is not None and not thread.is_current():
            thread.join(self._timeout + 1.0)

    def step(self) -> None:
        """Say that a training step has ended; all ranks do after each, and some rounds run here.

        Which, is the same on all ranks: each `steps`-th step, and twice as seldom for as long as
        the last two rounds lie closer together than `every` seconds on any rank.

        Raises
        ------
        InvalidArgumentError
            If the probe was made without `steps`.
        """
        if self._steps is None:
            message = "a probe with a thread of its own has no steps: steps=None"
            raise InvalidArgumentError(message)
        self._count += 1
        if self._failure is not None or self._stopping.is_set():
            return
        if self._count >= self._steps:
            self._count = 0
            self._guarded(self._round_at_step)

    # ---- rounds ------------------------------------------------------------------------------
    def _run(self) -> None:
        while self._failure is None:
            if self._leads:
                self._stopping.wait(self._every)
            if not self._guarded(self._round_on_clock):
                return

    def _guarded(self, run: Any) -> bool:
        """Run a round; return whether there shall be another."""
        try:
            return bool(run())
        except Exception as error:  # whatever the links or the other ranks do
            self._failed(torch_reason(error))
            return False

    def _begin(self, value: float) -> tuple[Any, Any]:
        import torch
        import torch.distributed as dist

        tensor = torch.tensor([value], dtype=torch.float32)
        work = dist.all_reduce(tensor, op=dist.ReduceOp.MAX, group=self._group, async_op=True)
        return work, tensor

    def _finish(self, work: Any) -> None:
        if not work.wait(datetime.timedelta(seconds=self._timeout)):
            message = f"no end within {self._timeout:g} s"
            raise _RoundError(message)

    def _round_on_clock(self) -> bool:
        leaves = self._stopping.is_set()
        work, tensor = self._begin(1.0 if leaves else 0.0)
        patience = self._timeout + (0.0 if self._leads else self._every)
        if not self._rounds:
            patience = self._patience
        deadline = time.monotonic() + patience
        while not work.is_completed():
            if time.monotonic() > deadline:
                message = f"the other ranks did not come within {patience:g} s"
                raise _RoundError(message)
            time.sleep(0.001 if self._leads else _LOOK_S)
        self._finish(work)
        if float(tensor[0]) > 0.0:  # one of them leaves, so this was the last round of all
            self._stopping.set()
            return False
        self._measure()
        return True

    def _round_at_step(self) -> bool:
        now = time.monotonic_ns()
        apart = self._every if self._last_ns is None else (now - self._last_ns) / 1e9
        self._last_ns = now
        work, tensor = self._begin(self._every - apart)
        self._finish(work)
        waited = (time.monotonic_ns() - now) / 1e9
        if self._observer is not None:
            self._record_wait(waited)
        self._measure()
        # The largest of all ranks, so that all agree.
        if float(tensor[0]) > 0.0:
            self._count = -(self._steps or 0)
        return True

    def _measure(self) -> None:
        shortest = None
        for _ in range(self._repeats):
            begun = time.perf_counter_ns()
            work, _ = self._begin(0.0)
            self._finish(work)
            took = time.perf_counter_ns() - begun
            shortest = took if shortest is None else min(shortest, took)
        assert shortest is not None
        self._seconds = shortest / 1e9
        self._rounds += 1
        if self._observer is not None:
            self._record(self._seconds)

    def _failed(self, reason: str) -> None:
        if self._stopping.is_set():
            return
        observer = None if self._observer is None else self._observer()
        if observer is not None:
            with contextlib.suppress(Exception):  # an observer that has stopped, or has no room
                add_status(observer, METRIC, "error", kind="histogram", unit="s")
                observer.event(
                    "fabric.probe_failed",
                    severity="warning",
                    layer="infra",
                    body=reason,
                    probe="all_reduce",
                    ranks=len(self._ranks),
                )
        self._failure = reason  # last: who sees it finds the rows

    def __repr__(self) -> str:
        """Show how many ranks take part and how the probe fares."""
        return (
            f"<inlay.infra.AllReduceProbe of {len(self._ranks)} ranks: {self.status}, "
            f"{self._rounds} rounds>"
        )
