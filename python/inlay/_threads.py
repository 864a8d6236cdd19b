"""Threads and locks of the operating system, also where gevent has put its own in their place.

The threads of delivery wait inside the native core. As greenlets they would stop every other one,
and a lock of gevent's wakes no thread of another kind in time. So they, and what they share with
the program, use what the interpreter itself offers.
"""

from __future__ import annotations

import _thread
import collections
import sys
import threading
import time
from _queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Condition", "Event", "SimpleQueue", "Thread", "new_lock", "new_rlock", "thread_id"]


def _original(name: str) -> Any:
    """Return what `_thread` has, or had before gevent replaced it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return getattr(_thread, name)
    return monkey.get_original("_thread", name)


def _patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def new_lock() -> _thread.LockType:
    """Return a new lock."""
    lock: _thread.LockType = _original("allocate_lock")()
    return lock


def new_rlock() -> _thread.RLock:
    """Return a new lock that its owner may take again."""
    lock: _thread.RLock = _original("RLock")()
    return lock


def thread_id() -> int:
    """Return the number of the calling thread."""
    number: int = _original("get_ident")()
    return number


class Condition:
    """Waits for a change of what its lock guards. Thread-safe."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._waiters: collections.deque[_thread.LockType] = collections.deque()

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the lock go."""
        self._lock.release()

    def wait(self, seconds: float | None = None) -> bool:
        """Let the lock go until notified, or for so long, and take it again.

        Returns
        -------
        bool
            Whether it was notified.
        """
        waiter = new_lock()
        waiter.acquire()
        self._waiters.append(waiter)
        self._lock.release()
        notified = False
        try:
            notified = waiter.acquire(timeout=-1 if seconds is None else max(0.0, seconds))
        finally:
            self._lock.acquire()
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def notify_all(self) -> None:
        """Wake all that wait; the caller holds the lock."""
        while self._waiters:
            self._waiters.popleft().release()


class Event:
    """Something that happens once. Thread-safe."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._happened = False

    def is_set(self) -> bool:
        """Say whether it happened."""
        return self._happened

    def set(self) -> None:
        """Let it happen."""
        with self._condition:
            self._happened = True
            self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait for it; False if it did not happen in time."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while not self._happened:
                left = deadline - time.monotonic()
                if left <= 0.0:
                    return False
                self._condition.wait(left)
        return True


class Thread:
    """A thread that holds no process back from its end. Thread-safe.

    Parameters
    ----------
    target : callable
        What it runs.
    name : str
        What a debugger shows.

    Raises
    ------
    RuntimeError
        If no thread can be started; so it is while the interpreter ends.
    """

    def __init__(self, target: Callable[[], None], *, name: str) -> None:
        self._target = target
        self.name = name
        self._ident = 0  # until it runs
        self._running = new_lock()
        self._running.acquire()
        if _patched():
            _original("start_new_thread")(self._main, ())
        else:
            threading.Thread(target=self._main, name=name, daemon=True).start()

    def is_current(self) -> bool:
        """Say whether the caller runs in it."""
        return self._ident == thread_id()

    def is_alive(self) -> bool:
        """Say whether it still runs."""
        return self._running.locked()

    def join(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        if self._running.acquire(timeout=max(0.0, seconds)):
            self._running.release()

    def _main(self) -> None:
        self._ident = thread_id()
        try:
            self._target()
        finally:
            self._running.release()
