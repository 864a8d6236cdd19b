"""Runs what others wrote, callbacks and probes, with a time-out."""

from __future__ import annotations

import functools
import time
from typing import Any, Protocol

from inlay._threads import Event, SimpleQueue, Thread, new_lock, thread_id

__all__ = ["Observables", "Task", "Watcher"]


class Watcher(Protocol):
    """Who is told how callbacks and probes do. Must not raise."""

    def observe_failed(self, name: str, reason: str, error: BaseException | None) -> None:
        """Take a failure: ``"raised"`` or ``"timeout"``, and what was raised."""

    def observed(self, name: str) -> None:
        """Take a success."""


class Task(Protocol):
    """What runs before a cut."""

    @property
    def name(self) -> str:
        """What it is called in layer ``self``."""

    def run(self) -> Any:
        """Do what may be slow; runs on a thread of its own."""

    def apply(self, result: Any) -> None:
        """Use what `run` returned, if it came in time."""


# The threads that run tasks: a cut asked for by one of them does not wait for itself.
_observing: set[int] = set()


class _Run:
    """One task's run: handed to the worker, waited for by the cut."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.done = Event()
        self.result: Any = None
        self.error: BaseException | None = None


class _Worker:
    """A thread that runs tasks until it is told to stop, or is left behind by a time-out."""

    def __init__(self) -> None:
        self.work: SimpleQueue[_Run | None] = SimpleQueue()
        Thread(functools.partial(_work, self.work), name="inlay-observe")


def _work(work: SimpleQueue[_Run | None]) -> None:
    # The queue alone: a worker that waits keeps nothing else alive.
    me = thread_id()
    _observing.add(me)
    try:
        _work_until_told(work)
    finally:
        _observing.discard(me)


def _work_until_told(work: SimpleQueue[_Run | None]) -> None:
    while (run := work.get()) is not None:
        try:
            run.result = run.task.run()
        except BaseException as error:
            run.error = error
        run.done.set()
        del run


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


class Observables:
    """Runs callbacks and probes before a cut.

    A task that does not come back in time is counted, the cut goes on without it, and what it
    returns later is not used. It is not started again while it still runs. Thread-safe.

    Parameters
    ----------
    timeout : float
        What one task may take, in seconds.
    report : Watcher
        Who is told.
    """

    def __init__(self, *, timeout: float, report: Watcher) -> None:
        self._timeout = timeout
        self._report = report
        self._tasks: tuple[Task, ...] = ()
        self._late: dict[int, _Run] = {}
        self._cut = new_lock()
        self._worker: _Worker | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in the order in which they run."""
        return self._tasks

    def add(self, task: Task) -> None:
        """Add a task."""
        self._tasks = (*self._tasks, task)

    def renew(self) -> Observables:
        """Return the same tasks without the threads, for a forked child."""
        _observing.clear()  # their numbers will be given to other threads
        fresh = Observables(timeout=self._timeout, report=self._report)
        fresh._tasks = self._tasks
        return fresh

    def run(self, deadline: float | None = None) -> None:
        """Run all tasks, or those that there is time for.

        A task that itself asks for a cut gets one without them.

        Parameters
        ----------
        deadline : float, optional
            Until when, as `time.monotonic` counts.
        """
        if not self._tasks or thread_id() in _observing:
            return
        if not self._cut.acquire(timeout=-1 if deadline is None else _left(deadline)):
            return
        try:
            for task in self._tasks:
                limit = self._timeout
                if deadline is not None:
                    limit = min(limit, _left(deadline))
                if limit > 0.0:
                    self._run_one(task, limit)
        finally:
            self._cut.release()

    def finish(self, deadline: float) -> None:
        """Run all tasks a last time, then what each says is due at its end, if it does.

        Parameters
        ----------
        deadline : float
            As of `run`, for all of it.
        """
        self.run(deadline)
        endings = [ending() for task in self._tasks if (ending := getattr(task, "ending", None))]
        self._tasks = tuple(ending for ending in endings if ending is not None)
        self.run(deadline)

    def close(self) -> None:
        """Let the thread end."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.work.put(None)

    def _run_one(self, task: Task, limit: float) -> None:
        late = self._late.get(id(task))
        if late is not None:
            if not late.done.is_set():
                self._report.observe_failed(task.name, "timeout", None)
                return
            del self._late[id(task)]
        run = _Run(task)
        try:
            if self._worker is None:
                self._worker = _Worker()
        except RuntimeError:  # no thread starts at interpreter exit
            return
        self._worker.work.put(run)
        if not run.done.wait(limit):
            self._late[id(task)] = run
            self.close()  # that thread ends when the task does; the next task gets another one
            self._report.observe_failed(task.name, "timeout", None)
            return
        error = run.error
        if error is None:
            try:
                task.apply(run.result)
            except Exception as wrong:
                error = wrong
        if error is None:
            self._report.observed(task.name)
        else:
            self._report.observe_failed(task.name, "raised", error)
