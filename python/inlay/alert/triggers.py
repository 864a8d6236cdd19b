"""The triggers of an observer: what they fire becomes events, calls and posts."""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError
from inlay._observables import Observables
from inlay._threads import Condition, Thread, new_lock

if TYPE_CHECKING:
    from inlay._self import SelfMetrics
    from inlay.alert.trigger import Firing, Trigger
    from inlay.alert.webhook import Webhook
    from inlay.observer import Observer
    from inlay.table import Batch

__all__ = ["Triggers"]

_SEVERITIES = {"retrain.requested": "warning", "checkpoint.advised": "info"}
# Firings that may wait for a callback or a webhook; the oldest goes first, counted.
_MOST_WAITING = 32


class _Job(NamedTuple):
    firing: Firing
    key: str


class _Call:
    """A callback as a task with a time-out: late ones are not started again while they run."""

    def __init__(self, name: str, function: Callable[[Firing], object]) -> None:
        self.name = name
        self.firing: Firing | None = None
        self._function = function

    def run(self) -> None:
        if self.firing is not None:
            self._function(self.firing)

    def apply(self, result: None) -> None:
        """Do nothing: the callback has done what there was to do."""


class _Armed:
    """A trigger, and the thread that calls and posts for it. Thread-safe.

    Delivery hands firings over and goes on: neither a cut nor a sink waits for anybody here.
    """

    def __init__(
        self,
        trigger: Trigger,
        callback: Callable[[Firing], object] | None,
        webhook: Webhook | None,
        timeout: float,
        report: SelfMetrics,
    ) -> None:
        self.trigger = trigger
        self._callback = callback
        self._webhook = webhook
        self._timeout = timeout
        self._report = report
        self._condition = Condition()
        self._waiting: collections.deque[_Job] = collections.deque()
        self._busy = False
        self._thread: Thread | None = None
        self._deadline = math.inf
        self._name = f"trigger {trigger.name}"
        self._call = None if callback is None else _Call(self._name, callback)
        self._calls = Observables(timeout=timeout, report=report)
        if self._call is not None:
            self._calls.add(self._call)

    def renew(self) -> _Armed:
        """Return the same trigger, as it was made, for a forked child."""
        self.trigger.reset()
        return _Armed(self.trigger, self._callback, self._webhook, self._timeout, self._report)

    def offer(self, job: _Job) -> None:
        """Queue a firing for callback and webhook, if there are any."""
        if self._callback is None and self._webhook is None:
            return
        lost = False
        with self._condition:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                lost = True
            self._waiting.append(job)
            self._condition.notify_all()
            if self._thread is None:
                try:
                    self._thread = Thread(self._run, name="inlay-trigger")
                except RuntimeError:  # the interpreter is ending and starts no threads
                    self._waiting.clear()
        if lost:
            self._report.observe_failed(self._name, "overflow", None)

    def finish(self, deadline: float) -> None:
        """Say until when what waits may go on."""
        with self._condition:
            self._deadline = min(self._deadline, deadline)
            self._condition.notify_all()

    def join(self) -> None:
        """Wait for the thread to end, until the deadline."""
        if self._thread is not None and not self._thread.is_current():
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        self._calls.close()

    def flush(self, deadline: float) -> bool:
        """Wait until nothing waits; False after the deadline."""
        with self._condition:
            while self._waiting or self._busy:
                left = deadline - time.monotonic()
                if left <= 0.0:
                    return False
                self._condition.wait(left)
        return True

    def _run(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                self._condition.notify_all()
                while not self._waiting and math.isinf(self._deadline):
                    self._condition.wait()
                if not self._waiting or time.monotonic() >= self._deadline:
                    self._waiting.clear()
                    return
                job = self._waiting.popleft()
                self._busy = True
            try:
                self._act(job)
            except Exception as error:
                self._report.observe_failed(self._name, "raised", error)

    def _act(self, job: _Job) -> None:
        if self._call is not None:
            self._call.firing = job.firing
            self._calls.run(None if math.isinf(self._deadline) else self._deadline)
        if self._webhook is not None:
            name = f"{self._name} webhook"
            try:
                self._webhook.post(
                    job.firing.to_dict(),
                    key=job.key,
                    stop=self._condition,
                    stopping=lambda: self._deadline,
                )
            except Exception as error:
                self._report.observe_failed(name, "raised", error)
            else:
                self._report.observed(name)


class Triggers:
    """The triggers of an observer by name. Thread-safe.

    Parameters
    ----------
    report : SelfMetrics
        Who is told of callbacks and webhooks that fail.
    """

    def __init__(self, report: SelfMetrics) -> None:
        self._report = report
        self._lock = new_lock()
        self._armed: dict[str, _Armed] = {}

    def add(
        self,
        trigger: Trigger,
        *,
        callback: Callable[[Firing], object] | None,
        webhook: Webhook | None,
        timeout: float,
    ) -> None:
        """Add a trigger.

        Raises
        ------
        InvalidArgumentError
            If there is one of that name.
        """
        with self._lock:
            if trigger.name in self._armed:
                message = f"the observer has a trigger of that name: {trigger.name!r}"
                raise InvalidArgumentError(message)
            self._armed = {
                **self._armed,
                trigger.name: _Armed(trigger, callback, webhook, timeout, self._report),
            }

    def take(self, batch: Batch, observer: Observer) -> None:
        """Show a window's verdicts to every trigger."""
        if batch.verdicts.num_rows:
            self.take_rows(batch.verdicts.to_pyarrow(), observer)

    def take_rows(self, verdicts: Any, observer: Observer) -> None:
        """Show verdicts to every trigger; what fires is an event, and then called and posted."""
        from inlay.alert.stored import plain_verdicts

        rows = plain_verdicts(verdicts)
        with self._lock:  # a trigger's state belongs to one caller at a time
            fired = [
                (armed, firing)
                for armed in self._armed.values()
                for firing in armed.trigger.take(rows)
            ]
        for armed, firing in fired:
            observer.event(
                firing.event,
                severity=_SEVERITIES[firing.event],
                body=firing.body,
                layer="training" if firing.event == "checkpoint.advised" else "model",
                time=firing.time,
                trigger=firing.trigger,
                since=firing.since.isoformat(),
                number=firing.number,
            )
            armed.offer(_Job(firing, f"{observer.core.origin:x}-{firing.trigger}-{firing.number}"))

    def flush(self, deadline: float) -> bool:
        """Wait until no callback or webhook waits."""
        return all([armed.flush(deadline) for armed in self._armed.values()])

    def finish(self, deadline: float) -> None:
        """Let callbacks and webhooks end by the deadline."""
        for armed in self._armed.values():
            armed.finish(deadline)

    def join(self) -> None:
        """Wait for their threads."""
        for armed in self._armed.values():
            armed.join()

    def forked(self) -> None:
        """Begin anew in a forked child."""
        self._lock = new_lock()
        self._armed = {name: armed.renew() for name, armed in self._armed.items()}
