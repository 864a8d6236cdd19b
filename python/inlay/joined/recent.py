"""The last windows, kept in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

if TYPE_CHECKING:
    from inlay.table import Batch

__all__ = ["Recent"]

# What the kept windows may occupy, unless told otherwise.
_MOST_BYTES = 128 << 20

# What the objects of a batch without rows take, so that empty windows count too.
_BATCH_BYTES = 4096


class Recent:
    """Keeps references to the batches of the last windows. Thread-safe.

    Nothing is copied or decoded: what a window costs here is what its tables occupy already.

    Parameters
    ----------
    seconds : float
        How far back from the newest window; 0 keeps nothing.
    most_bytes : int
        What all of them may occupy; the oldest go first. The newest window always stays.

    Raises
    ------
    InvalidArgumentError
        If a number is negative or NaN.
    """

    def __init__(self, seconds: float, *, most_bytes: int = _MOST_BYTES) -> None:
        if not seconds >= 0.0:
            message = f"recent must be 0 seconds or more, got {seconds!r}"
            raise InvalidArgumentError(message)
        self.seconds = float(seconds)
        self._most_bytes = most_bytes
        self._lock = new_lock()
        # By window number, as they come: the thread of a `collect` and that of delivery both bring
        # them, so that neighbours may come the other way round.
        self._kept: dict[int, tuple[Batch, int]] = {}
        self._bytes = 0
        self._newest_us = 0

    def renew(self) -> None:
        """Begin empty in a forked child: what is kept is the parent's."""
        self._lock = new_lock()
        self._kept = {}
        self._bytes = 0
        self._newest_us = 0

    @property
    def nbytes(self) -> int:
        """What the kept windows occupy."""
        return self._bytes

    def keep(self, batch: Batch) -> None:
        """Keep a window, and let those go that are too old or too large together."""
        if self.seconds == 0.0:
            return
        size = _BATCH_BYTES + sum(table.nbytes for table in batch.values() if table.num_rows)
        with self._lock:
            if batch.window_seq in self._kept:
                return
            self._kept[batch.window_seq] = (batch, size)
            self._bytes += size
            self._newest_us = max(self._newest_us, batch.time_us)
            oldest_us = self._newest_us - self.seconds * 1e6
            while len(self._kept) > 1:
                seq = next(iter(self._kept))
                old, old_size = self._kept[seq]
                if old.time_us > oldest_us and self._bytes <= self._most_bytes:
                    break
                del self._kept[seq]
                self._bytes -= old_size

    def batches(self) -> tuple[Batch, ...]:
        """Return the kept batches, oldest first."""
        with self._lock:
            return tuple(self._kept[seq][0] for seq in sorted(self._kept))
