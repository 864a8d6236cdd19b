"""One sink's bounded queue and thread."""

from __future__ import annotations

import collections

# For the hooks it runs around a fork: were it imported first by a sink, while a fork waits for that
# sink, the second of them would run without the first.
import concurrent.futures.thread  # noqa: F401
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from inlay._threads import Condition, Thread, new_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.sinks import Sink
    from inlay.sinks._retry import Pacer, Retry
    from inlay.table import Batch

__all__ = ["Channel", "Report"]


class Report(Protocol):
    """Who is told how delivery goes. Called from any thread; must not raise."""

    def queued(self, sink: str, depth: int) -> None:
        """Take the number of batches that wait for a sink."""

    def delivered(self, sink: str, stats: Mapping[str, float]) -> None:
        """Take the running totals that a sink gives after a write."""

    def dropped(self, sink: str, table: str, rows: int) -> None:
        """Take rows that a sink will not get."""

    def overflowed(self, sink: str, capacity: int) -> None:
        """Take that a sink's queue was full for the first time."""

    def retried(self, sink: str) -> None:
        """Take one write that is tried again."""

    def failing(self, sink: str, error: BaseException) -> None:
        """Take the first error after all was well."""

    def recovered(self, sink: str) -> None:
        """Take the first success after an error."""


class _Ticket(NamedTuple):
    number: int
    batch: Batch


class Channel:
    """Feeds one sink from its own thread, so that no sink waits for another.

    Thread-safe. The sink's methods are called from the channel's thread alone.

    Parameters
    ----------
    sink : Sink
        Where the batches go.
    name : str
        What the sink is called in the metrics of layer ``self``.
    capacity : int
        Batches that may wait; one more drops the oldest, counted by table.
    retry : Retry
        How a failed write is repeated.
    pacer : Pacer
        The time of the pauses between tries.
    report : Report
        Who is told.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        *,
        capacity: int,
        retry: Retry,
        pacer: Pacer,
        report: Report,
    ) -> None:
        self.sink = sink
        self.name = name
        self._capacity = capacity
        self._retry = retry
        self._pacer = pacer
        self._report = report
        self._condition = Condition()
        self._queue: collections.deque[_Ticket] = collections.deque()
        self._active: _Ticket | None = None
        self._offered = 0
        self._deadline: float | None = None  # set when no more batches will come
        self._abandoned = False
        self._thread: Thread | None = None
        # Held while the sink is opened and first written to, when it imports what it needs: a child
        # forked in the middle of an import could never finish it.
        self._warming = new_lock()
        self._warm = False
        self._resource: Mapping[str, str] = {}
        self._origin = 0
        self._opened = False
        self._failing = False
        self._stats_failed = False
        self._ending = False
        self._overflowed = False
        self._complete = True  # until something is lost by a full queue, or after ending()
        self._delivered = 0
        self._retries = 0
        self._dropped: collections.Counter[str] = collections.Counter()

    @property
    def full(self) -> bool:
        """Whether one more batch would drop the oldest."""
        return len(self._queue) >= self._capacity

    @property
    def oldest_us(self) -> int | None:
        """The end of the oldest window that is not settled, in microseconds of Unix time."""
        with self._condition:
            ticket = self._active or (self._queue[0] if self._queue else None)
        return None if ticket is None else ticket.batch.time_us

    def renew(self) -> Channel:
        """Return an empty channel to the same sink, for a forked child.

        The locks of this one may be held by threads that the child does not have.
        """
        return Channel(
            self.sink,
            self.name,
            capacity=self._capacity,
            retry=self._retry,
            pacer=self._pacer,
            report=self._report,
        )

    def start(self, resource: Mapping[str, str], origin: int) -> None:
        """Start the thread, which opens the sink; once."""
        self.prepare(resource, origin)
        self._thread = Thread(self._run, name=f"inlay-sink-{self.name}")

    def prepare(self, resource: Mapping[str, str], origin: int) -> None:
        """Set what the sink is opened with."""
        self._resource = dict(resource)
        self._origin = origin

    def offer(self, batch: Batch) -> None:
        """Queue a batch; if the queue is full the oldest one goes, counted."""
        lost: _Ticket | None = None
        overflows = False
        with self._condition:
            self._offered += 1
            ticket = _Ticket(self._offered, batch)
            if self._deadline is not None:
                lost = ticket
            else:
                if len(self._queue) >= self._capacity:
                    lost = self._queue.popleft()
                    overflows = True
                self._queue.append(ticket)
            depth = len(self._queue)
            self._condition.notify_all()
        if lost is not None:
            self._drop(lost.batch)
        self._report.queued(self.name, depth)
        if overflows:
            self.overflow()

    def overflow(self) -> None:
        """Note that batches came faster than they went, and some never will; told once."""
        with self._condition:
            is_first = not self._overflowed
            self._overflowed = True
            self._complete = False
        if is_first:
            self._report.overflowed(self.name, self._capacity)

    def flush(self, deadline: float) -> bool:
        """Wait until what was offered before is written or dropped; False after the deadline."""
        with self._condition:
            target = self._offered
            while self._oldest() <= target:
                left = deadline - time.monotonic()
                if left <= 0.0:
                    return False
                self._condition.wait(left)
        return True

    def ending(self) -> None:
        """Note from here on whether anything is lost: the last window is about to come."""
        self._ending = True

    def finish(self, deadline: float) -> None:
        """Take no more batches; write what waits until the deadline, then close the sink."""
        self._ending = True
        with self._condition:
            self._deadline = deadline
            self._condition.notify_all()

    def join(self, deadline: float) -> bool:
        """Wait for the thread to end; what it leaves at the deadline is dropped and counted.

        Returns
        -------
        bool
            Whether all that waited was written, and the sink closed, in time, and the queue never
            overflowed.
        """
        thread = self._thread
        if thread is not None and not thread.is_current():
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._condition:
            ended = thread is None or not thread.is_alive()
            rest = [] if ended and self._active is None else [self._active]
            rest.extend(self._queue)
            self._queue.clear()
            self._abandoned = True
            self._condition.notify_all()
        for ticket in rest:
            if ticket is not None:
                self._drop(ticket.batch)
        return ended and self._complete

    def hold(self, seconds: float) -> bool:
        """Keep the sink from its first open and write while the process forks.

        Returns
        -------
        bool
            Whether `release` is to be called; False also where waiting is no use.
        """
        if self._warm or self._thread is None or self._thread.is_current():
            return False
        held = self._warming.acquire(timeout=seconds)
        self._warm = not held  # a sink that is stuck delays one fork, not each one
        return held

    def release(self) -> None:
        """Let the sink go on."""
        self._warming.release()

    def run_here(self) -> None:
        """Do the thread's work on the calling thread: no thread starts at interpreter exit."""
        self._run()

    def stats(self) -> dict[str, object]:
        """Return how delivery went so far."""
        with self._condition:
            return {
                "queued": len(self._queue) + (self._active is not None),
                "delivered": self._delivered,
                "retries": self._retries,
                "dropped": dict(self._dropped),
                "failing": self._failing,
            }

    def _oldest(self) -> int:
        """Return the number of the oldest batch that is not settled."""
        if self._active is not None:
            return self._active.number
        return self._queue[0].number if self._queue else self._offered + 1

    def _run(self) -> None:
        with self._warming:
            self._open()
        while True:
            with self._condition:
                while not self._queue and self._deadline is None:
                    self._condition.wait()
                if not self._queue:
                    break
                self._active = self._queue.popleft()
                ticket = self._active
            written = self._deliver(ticket.batch)
            with self._condition:
                abandoned = self._abandoned
                self._active = None
                self._delivered += written and not abandoned
                self._condition.notify_all()
            if abandoned:  # already counted by join()
                break
            if not written:
                self._drop(ticket.batch)
        self._close()

    def _open(self) -> bool:
        if self._opened:
            return True
        try:
            self.sink.open(self._resource, self._origin)
        except BaseException as error:
            self._failed(error)
            return False
        self._opened = True
        return True

    def _deliver(self, batch: Batch) -> bool:
        """Write a batch, again after each pause; False when the last try failed."""
        pauses = self._retry.pauses(self._pacer.random)
        while not (self._write(batch) if self._warm else self._first_write(batch)):
            pause = next(pauses, None)
            if pause is None or not self._pause(pause):
                return False
            with self._condition:
                self._retries += 1
            self._report.retried(self.name)
        return True

    def _first_write(self, batch: Batch) -> bool:
        with self._warming:
            written = self._write(batch)
        self._warm = self._warm or written
        return written

    def _write(self, batch: Batch) -> bool:
        if not self._open():
            return False
        try:
            self.sink.write(batch)
        except BaseException as error:
            self._failed(error)
            return False
        if self._failing:
            self._failing = False
            self._report.recovered(self.name)
        self._report.delivered(self.name, self._sink_stats())
        return True

    def _sink_stats(self) -> Mapping[str, float]:
        stats = getattr(self.sink, "stats", None)
        if stats is None:
            return {}
        try:
            return dict(stats())
        except Exception as error:
            if not self._stats_failed:
                self._stats_failed = True
                self._report.failing(self.name, error)
            return {}

    def _pause(self, seconds: float) -> bool:
        """Wait before the next try; False if there is no time for another one."""
        until = self._pacer.monotonic() + seconds
        with self._condition:
            was_open = self._deadline is None
            while True:
                left = until - self._pacer.monotonic()
                if self._deadline is not None:
                    # Once told to finish, a pause is cut short: the store may be back.
                    left = 0.0 if was_open else min(left, self._deadline - time.monotonic())
                    if time.monotonic() >= self._deadline:
                        return False
                if self._abandoned:
                    return False
                if left <= 0.0:
                    return True
                self._pacer.wait(self._condition, left)

    def _failed(self, error: BaseException) -> None:
        if not self._failing:
            self._report.failing(self.name, error)
            self._failing = True  # who sees it finds the error told

    def _drop(self, batch: Batch) -> None:
        if self._ending:
            self._complete = False
        for name, table in batch.items():
            if table.num_rows:
                with self._condition:
                    self._dropped[name] += table.num_rows
                self._report.dropped(self.name, name, table.num_rows)

    def _close(self) -> None:
        if not self._opened:
            return
        deadline = self._deadline
        try:
            self.sink.close(time.monotonic() if deadline is None else deadline)
        except BaseException as error:
            self._complete = False
            self._failed(error)
