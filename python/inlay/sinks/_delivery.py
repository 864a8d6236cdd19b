"""The thread between the core and the sinks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from inlay._threads import Condition, Thread
from inlay.table import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inlay._core import NativeBatch
    from inlay.sinks._channel import Channel

__all__ = ["Delivery", "Source"]

# A wait in the core ends at each turn; this only bounds how long one native call lasts.
_WAIT_S = 60.0

# What sinks get when their observer is dropped without a stop().
_GRACE_S = 5.0


class Source(Protocol):
    """What delivery needs of the core."""

    @property
    def window_seq(self) -> int:
        """The number of the open window."""

    def next(self, timeout: float) -> tuple[str, NativeBatch | None]:
        """Wait for a batch, a request to observe, or the end."""

    def observed(self) -> None:
        """Let the timer cut."""


class Delivery:
    """Takes batches from the core and hands them to the channels of the sinks.

    It holds the core and the sinks, never the observer: an observer that nobody holds any more
    can go while the thread waits. Thread-safe.

    Parameters
    ----------
    core : Source
        Where the batches come from.
    observe : callable
        Runs callbacks and probes before a cut; must not raise.
    failed : callable
        Takes an error of delivery itself.
    passed : callable, optional
        Takes each batch when the channels have it.
    """

    def __init__(
        self,
        core: Source,
        *,
        observe: Callable[[], None],
        failed: Callable[[BaseException], None],
        passed: Callable[[Batch], None] | None = None,
    ) -> None:
        self._core = core
        self._observe = observe
        self._failed = failed
        self._take = passed
        self._condition = Condition()
        self._channels: tuple[Channel, ...] = ()
        self._thread: Thread | None = None
        self._opening: tuple[Mapping[str, str], int] | None = None  # once started
        self._passed = core.window_seq - 1  # the last window that went to the channels
        self._ended = False
        self._deadline: float | None = None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels, in the order in which their sinks were added."""
        return self._channels

    @property
    def started(self) -> bool:
        """Whether the thread was started."""
        return self._opening is not None

    @property
    def behind(self) -> int:
        """How many turned windows have not gone to the channels yet; 0 before it starts."""
        return max(0, self._core.window_seq - 1 - self._passed) if self.started else 0

    def renew(self) -> Delivery:
        """Return a delivery to the same sinks that is not started, for a forked child."""
        fresh = Delivery(self._core, observe=self._observe, failed=self._failed, passed=self._take)
        fresh._channels = tuple(channel.renew() for channel in self._channels)
        return fresh

    def add(self, channel: Channel) -> None:
        """Add a channel; it gets the batches from now on."""
        with self._condition:
            if self._opening is not None:
                channel.start(*self._opening)
            self._channels = (*self._channels, channel)

    def start(self, resource: Mapping[str, str], origin: int) -> None:
        """Start the thread and the channels; once."""
        with self._condition:
            if self._opening is not None:
                return
            self._passed = self._core.window_seq - 1  # the windows before went to nobody
            self._thread = Thread(self._run, name="inlay-delivery")
            self._opening = (resource, origin)
            for channel in self._channels:
                channel.start(resource, origin)

    def hold(self, seconds: float) -> list[Channel]:
        """Return the channels that wait for a fork to be over; each is to be released."""
        deadline = time.monotonic() + seconds
        return [
            channel
            for channel in self._channels
            if channel.hold(max(0.0, deadline - time.monotonic()))
        ]

    def discard(self) -> None:
        """Take what the core has queued and forget it: there is nobody to hand it to."""
        while self._core.next(0.0)[0] == "batch":
            pass

    def flush(self, deadline: float) -> bool:
        """Wait until the closed windows are with all sinks; False after the deadline."""
        if not self.pass_all(deadline):
            return False
        # Every channel is asked, also after one was late: none of them waits for another.
        return all([channel.flush(deadline) for channel in self._channels])

    def pass_all(self, deadline: float) -> bool:
        """Wait until the closed windows are with the channels; False after the deadline."""
        if self._thread is not None and self._thread.is_current():
            return False  # it would wait for itself
        target = self._core.window_seq - 1
        with self._condition:
            while self._passed < target and not self._ended:
                left = deadline - time.monotonic()
                if left <= 0.0:
                    return False
                self._condition.wait(left)
        return True

    def finish(self, deadline: float) -> None:
        """Say until when the sinks may go on once the core has closed its queue."""
        self._deadline = deadline
        for channel in self._channels:
            channel.ending()

    def join(self, deadline: float) -> bool:
        """Wait for the last window to be written and the sinks to be closed.

        Returns
        -------
        bool
            Whether everything was written in time; what was not is counted as dropped.
        """
        thread = self._thread
        if thread is not None and not thread.is_current():
            thread.join(max(0.0, deadline - time.monotonic()))
        # All have the same deadline, so the first one that is late costs the others nothing.
        return all([channel.join(deadline) for channel in self._channels])

    def run_here(self, resource: Mapping[str, str], origin: int) -> None:
        """Deliver on the calling thread what a closed core still has; needs no thread."""
        for channel in self._channels:
            channel.prepare(resource, origin)
        self._run()
        for channel in self._channels:
            channel.run_here()

    def _run(self) -> None:
        while True:
            try:
                kind, native = self._core.next(_WAIT_S)
                if kind == "closed":
                    break
                if kind == "observe":
                    try:
                        self._observe()
                    finally:
                        self._core.observed()
                elif native is not None:
                    self._pass_on(native)
            except Exception as error:
                self._failed(error)
        deadline = self._deadline
        if deadline is None:
            deadline = time.monotonic() + _GRACE_S
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        for channel in self._channels:
            channel.finish(deadline)

    def _pass_on(self, native: NativeBatch) -> None:
        batch = Batch(native)
        if batch.window_seq > self._passed + 1:  # the core's queue was full
            for channel in self._channels:
                channel.overflow()
        for channel in self._channels:
            channel.offer(batch)
        try:
            if self._take is not None:
                self._take(batch)
        finally:
            with self._condition:
                self._passed = max(self._passed, batch.window_seq)
                self._condition.notify_all()
