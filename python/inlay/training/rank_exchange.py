"""Small vectors of all ranks, exchanged beside the training and never waited for."""

from __future__ import annotations

import datetime
import time
from typing import Any, Protocol

from inlay._threads import new_lock
from inlay._torch_distributed import group_ranks, torch_reason

__all__ = ["Exchange", "RanksLostError", "Rounds", "TorchExchange"]


class RanksLostError(RuntimeError):
    """A rank did not answer in time, or is gone: no further exchange will come about."""


class Exchange(Protocol):
    """Gathers one vector of each rank. Of one thread.

    Attributes
    ----------
    rank, size : int
        Of this process, and how many there are.
    """

    rank: int
    size: int

    def start(self, vector: list[float], /) -> None:
        """Begin to gather; the one before has come to its end."""

    def poll(self) -> list[list[float]] | None:
        """Return what was gathered, or None while it is under way.

        Raises
        ------
        RanksLostError
            If a rank is gone.
        """


class TorchExchange:
    """Gathers by a gloo group of its own, on the CPU: streams of devices are not touched.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup, optional
        Whose ranks take part; all unless given. All of them make this at the same time.
    timeout : float
        Seconds after which a rank that does not answer is given up.

    Raises
    ------
    InvalidArgumentError
        If ``torch.distributed`` is not initialised, or the group is none.
    """

    def __init__(self, group: Any = None, *, timeout: float = 30.0) -> None:
        import torch
        import torch.distributed as distributed

        ranks = group_ranks(group)
        self._torch = torch
        # The functions themselves: hooks may put measured ones in their place.
        self._gather = distributed.distributed_c10d.all_gather
        self._timeout = timeout
        self._group = distributed.new_group(
            ranks=None if group is None else ranks,
            backend="gloo",
            timeout=datetime.timedelta(seconds=timeout),
            use_local_synchronization=group is not None,
        )
        self.rank: int = distributed.get_rank(self._group)
        self.size: int = distributed.get_world_size(self._group)
        self._work: Any = None
        self._parts: list[Any] = []
        self._deadline = 0.0

    def start(self, vector: list[float], /) -> None:
        """Begin to gather."""
        torch = self._torch
        mine = torch.tensor(vector, dtype=torch.float64)
        self._parts = [torch.empty_like(mine) for _ in range(self.size)]
        self._deadline = time.monotonic() + self._timeout
        try:
            self._work = self._gather(self._parts, mine, group=self._group, async_op=True)
        except Exception as error:
            raise RanksLostError(torch_reason(error)) from error

    def poll(self) -> list[list[float]] | None:
        """Return what was gathered, or None while it is under way."""
        work = self._work
        try:
            if not work.is_completed():
                if time.monotonic() > self._deadline:
                    message = f"a rank did not answer within {self._timeout:g} s"
                    raise RanksLostError(message)
                return None
            work.wait()  # complete: it only raises what went wrong
        except RanksLostError:
            raise
        except Exception as error:
            raise RanksLostError(torch_reason(error)) from error
        self._work = None
        return [part.tolist() for part in self._parts]


class Rounds:
    """Exchanges, one after the other. One thread begins and takes them, any may look.

    Parameters
    ----------
    exchange : Exchange
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lock = new_lock()
        self._under_way = False
        self._arrived: list[list[float]] | None = None

    @property
    def under_way(self) -> bool:
        """Whether one has begun and nothing of it is there."""
        return self._under_way

    def begin(self, vector: list[float]) -> None:
        """Begin one; the one before was taken."""
        with self._lock:
            self._exchange.start(vector)
            self._under_way = True

    def take(self) -> list[list[float]] | None:
        """Return what was gathered, once, or None while nothing is there.

        Raises
        ------
        RanksLostError
            If a rank is gone.
        """
        with self._lock:
            self._poll()
            arrived, self._arrived = self._arrived, None
            return arrived

    def look(self) -> None:
        """Find out whether a rank is gone, where nobody calls `take` any more.

        What has come in is kept for `take`. Nothing happens if another thread looks already.

        Raises
        ------
        RanksLostError
            If one is.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._poll()
            finally:
                self._lock.release()

    def _poll(self) -> None:
        if self._under_way:
            self._arrived = self._exchange.poll()
            self._under_way = self._arrived is None
