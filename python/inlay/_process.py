"""What the observers of this process do when it forks and when it ends."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inlay.observer import Observer
    from inlay.sinks._channel import Channel

__all__ = ["is_disabled", "keep", "release", "stop_all", "track"]

# What an interpreter that ends waits for all sinks together, in seconds.
_EXIT_S = 2.0

# What a fork waits for sinks that are being opened, in seconds.
_FORK_S = 2.0


class _Watched:
    """What multiprocessing holds weakly for as long as its hook is wanted."""


_tracked: weakref.WeakSet[Observer] = weakref.WeakSet()
_kept: set[Observer] = set()
_watched: _Watched | None = None
_held: list[Channel] = []


def is_disabled() -> bool:
    """Return whether the environment says that nothing is to be kept."""
    return os.environ.get("INLAY_DISABLED", "") not in ("", "0")


def track(observer: Observer) -> None:
    """Tell an observer of forks and of the interpreter's end for as long as it lives."""
    _tracked.add(observer)


def keep(observer: Observer) -> None:
    """Keep a started observer alive, as a started thread is, until it is stopped."""
    _kept.add(observer)
    _stop_with_multiprocessing()


def release(observer: Observer) -> None:
    """Let a stopped observer go."""
    _kept.discard(observer)


def stop_all(timeout: float = _EXIT_S) -> None:
    """Stop every observer that has something to deliver, all by the same deadline."""
    deadline = time.monotonic() + timeout
    stopping = [observer for observer in list(_tracked) if observer._begin_exit(deadline)]
    for observer in stopping:
        observer._join(deadline)


def _stop_with_multiprocessing() -> None:
    """Stop at the end of a process that multiprocessing started.

    A child that it forked, or had its server fork, ends with ``os._exit``, which runs none of the
    interpreter's exit functions; it runs its own finalizers.
    """
    global _watched
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return
    if _watched is None:
        # A child forgets the finalizers that it inherited, or that were made while it imported
        # the program, before it calls these.
        _watched = _Watched()
        util.register_after_fork(_watched, _finalize_at_end)
    if process.parent_process() is not None:
        _finalize_at_end(_watched)


def _finalize_at_end(_: _Watched) -> None:
    import multiprocessing.util

    # The lowest of the priorities that run first: after the program's own, which may record.
    multiprocessing.util.Finalize(None, stop_all, exitpriority=0)


def _before_fork() -> None:
    _held.extend(
        channel for observer in list(_tracked) for channel in observer._hold_sinks(_FORK_S)
    )


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()  # the child has channels of its own
    for observer in list(_tracked):
        observer._forked()


atexit.register(stop_all)
os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
