"""Locks by which one process learns whether another still lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

__all__ = ["Lock"]


class Lock:
    """An exclusive lock on a file, given back by the kernel when its holder dies.

    A forked child shares it with its parent until it calls `forget`. Not thread-safe.

    Parameters
    ----------
    path : Path
        The lock file; made, with its folder, if absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, create: bool = True) -> bool:
        """Take the lock if nobody holds it.

        Parameters
        ----------
        create : bool
            Whether to make the file; without, an absent file counts as free.

        Returns
        -------
        bool
            False if another process, or another lock of this one, holds it.

        Raises
        ------
        OSError
            If the file cannot be made, or the file system knows no locks.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        while True:
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(self.path, flags, 0o666)
            except FileNotFoundError:
                if create:
                    raise
                return True
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor
            if self.intact():
                return True
            # The holder before us removed the file between our opening and our locking it.
            self.forget()

    def intact(self) -> bool:
        """Return whether the lock is held and its file still has its name."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def forget(self) -> None:
        """Let go without touching the file: in a forked child the parent still holds it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def release(self) -> None:
        """Remove the file and let go."""
        if self.intact():
            self.path.unlink(missing_ok=True)
        self.forget()
