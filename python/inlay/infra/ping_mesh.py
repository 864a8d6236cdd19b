"""Times the way to every other rank, a pair at a time."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from inlay._arguments import at_least, observer_given
from inlay._exceptions import InvalidArgumentError
from inlay._threads import Event, Thread, new_lock
from inlay._torch_distributed import group_ranks
from inlay.infra._kernel_reader import checked_seconds
from inlay.infra._status_rows import add_status

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["PingMesh", "partner"]

METRIC = "fabric.ping"

# Where Linux keeps the smoothed round trip, in microseconds, in struct tcp_info.
_RTT_OFFSET = 68
_INFO_BYTES = 104

_REASONS: tuple[tuple[type[OSError], str], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),
)


def partner(rank: int, ranks: int, turn: int) -> int | None:
    """Return whom a rank pings in a turn: each other one once in ``ranks - 1`` turns.

    Parameters
    ----------
    rank, ranks : int
        One of how many.
    turn : int
        Any number; turns repeat.

    Returns
    -------
    int or None
        None for the rank that is left over where there is an odd number of them.

    Examples
    --------
    >>> [partner(0, 4, turn) for turn in range(3)]
    [3, 2, 1]
    """
    seats = ranks + ranks % 2
    if seats < 2:
        return None
    fixed, moving = seats - 1, seats - 1
    turn %= moving
    if rank == fixed:
        other = turn
    else:
        other = (2 * turn - rank) % moving
        if other == rank:  # so it is for the rank of this number alone
            other = fixed
    return other if other < ranks else None


class PingMesh:
    """The round trip to each other rank: every turn one partner, all of them in ``ranks - 1``.

    In a turn all ranks have partners, so no host is asked by more than one. A ping is one TCP
    connection to a socket that the partner's mesh listens on; the kernels of both sides shake
    hands, and Linux says how long that took: neither process's load or interpreter lock is in it.
    Turns begin at multiples of `every` in Unix time, without a word between the ranks.

    Parameters
    ----------
    group : ProcessGroup, optional
        Of ``torch.distributed``: whose ranks take part; they tell each other their addresses when
        the mesh is made, so all make one at the same time.
    peers : mapping of int to (str, int), optional
        Instead of a group: address and port of each rank, this one's too. Port 0 listens on any.
    rank : int, optional
        With `peers`: which one this is.
    host : str, optional
        With a group: the address to listen on and to tell; unless given the one from which
        ``MASTER_ADDR`` is reached, and loopback without that.
    every : float, default 30.0
        Seconds between turns.
    timeout : float, default 1.0
        Seconds that a ping may take.
    attempts : int, default 3
        Pings in a turn; the shortest counts.

    Raises
    ------
    InvalidArgumentError
        If there is neither a group of this rank nor peers, a peer is none, or a number is out of
        range.
    OSError
        If the address cannot be listened on.

    Notes
    -----
    Rows: the histogram ``fabric.ping`` in seconds by ``peer``, the counter
    ``fabric.ping.failures`` by ``peer`` and ``reason`` (``refused``, ``timeout``, ``reset``,
    ``unreachable``), and a row of ``fabric.ping`` with status ``absent`` when a peer stops to
    answer.
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        group: Any = None,
        *,
        peers: Mapping[int, tuple[str, int]] | None = None,
        rank: int | None = None,
        host: str | None = None,
        every: float = 30.0,
        timeout: float = 1.0,
        attempts: int = 3,
    ) -> None:
        self._every = checked_seconds("every", every, 0.01)
        self._timeout = checked_seconds("timeout", timeout, 0.001)
        self._attempts = at_least("attempts", attempts, 1)
        if peers is None:
            self._listener, self._peers, self._rank = _meet(group, host)
        else:
            self._peers = _checked_peers(peers)
            if rank is None or at_least("rank", rank, 0) >= len(self._peers):
                message = f"rank must be one of the peers, 0 to {len(self._peers) - 1}: {rank!r}"
                raise InvalidArgumentError(message)
            self._listener = _listen(*self._peers[rank])
            self._rank = rank
        self._lock = new_lock()
        self._stopping = Event()
        self._observer: weakref.ref[Observer] | None = None
        self._threads: list[Thread] = []
        self._silent: set[int] = set()
        self._turns = 0
        # From now on the kernel shakes hands; what came is let go by a thread.
        self._threads.append(Thread(self._let_go, name="inlay-ping-listener"))

    @property
    def rank(self) -> int:
        """Which of the peers this is."""
        return self._rank

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        name: tuple[str, int] = self._listener.getsockname()[:2]
        return name

    @property
    def turns(self) -> int:
        """How many turns ended."""
        return self._turns

    @property
    def silent(self) -> frozenset[int]:
        """The peers whose last ping failed."""
        return frozenset(self._silent)

    def start(self, observer: Observer) -> Self:
        """Begin to ping; nothing happens if it was started.

        Parameters
        ----------
        observer : Observer
            What gets the rows.

        Returns
        -------
        PingMesh
            This one.

        Raises
        ------
        TypeError
            If it is no observer.
        """
        observer_given(observer)
        with self._lock:
            if self._observer is None and observer.enabled and not self._stopping.is_set():
                self._observer = weakref.ref(observer)
                self._times = observer.histogram(
                    METRIC, unit="s", attributes=("peer",), layer="infra"
                )
                self._failures = observer.counter(
                    f"{METRIC}.failures",
                    unit="{failure}",
                    attributes=("peer", "reason"),
                    layer="infra",
                )
                self._threads.append(Thread(self._run, name="inlay-ping"))
        return self

    def stop(self) -> None:
        """End it and close the socket."""
        self._stopping.set()
        with contextlib.suppress(OSError):  # wakes what waits in accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            if not thread.is_current():
                thread.join(self._timeout * self._attempts + 1.0)

    def turn(self, number: int | None = None) -> float | None:
        """Ping the partner of a turn now.

        Parameters
        ----------
        number : int, optional
            Which turn; that of the clock unless given.

        Returns
        -------
        float or None
            The shortest round trip in seconds; None if there was none.

        Raises
        ------
        TypeError
            If the number is no integer.
        """
        if number is None:
            number = int(time.time() // self._every)
        number = at_least("number", number)
        peer = partner(self._rank, len(self._peers), number)
        if peer is None:
            return None
        best: float | None = None
        reason = ""
        for _ in range(self._attempts):
            try:
                took = _ping(self._peers[peer], self._timeout)
            except OSError as error:
                reason = next((word for kind, word in _REASONS if isinstance(error, kind)), "")
                reason = reason or "unreachable"
                break
            best = took if best is None else min(best, took)
        self._note(peer, best, reason)
        self._turns += 1
        return best

    def _note(self, peer: int, best: float | None, reason: str) -> None:
        observer = None if self._observer is None else self._observer()
        was_silent = peer in self._silent
        if reason:
            self._silent.add(peer)
        else:
            self._silent.discard(peer)
        if observer is None:
            return
        if best is not None:
            self._times.record(best, peer=str(peer))
        if reason:
            self._failures.add(1, peer=str(peer), reason=reason)
            if best is None and not was_silent:
                add_status(
                    observer,
                    METRIC,
                    "absent",
                    kind="histogram",
                    unit="s",
                    attributes={"peer": str(peer)},
                )

    def _run(self) -> None:
        while True:
            now = time.time()
            turn = int(now // self._every) + 1
            if self._stopping.wait(max(0.0, turn * self._every - now)):
                return
            if self._observer is not None and self._observer() is None:
                return
            with contextlib.suppress(Exception):  # a probe never takes its host down
                self.turn(turn)

    def _let_go(self) -> None:
        while not self._stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                if self._stopping.wait(0.05) or self._listener.fileno() < 0:
                    return
                continue
            accepted.close()

    def __repr__(self) -> str:
        """Show its place, and how many peers there are."""
        silent = f", {len(self._silent)} silent" if self._silent else ""
        return f"<inlay.infra.PingMesh: rank {self._rank} of {len(self._peers)}{silent}>"


def _checked_peers(peers: Any) -> list[tuple[str, int]]:
    """Return the addresses of ranks 0 to n - 1, in their order."""
    if not isinstance(peers, Mapping) or not peers or set(peers) != set(range(len(peers))):
        message = f"peers must be addresses of ranks 0 to n - 1: {peers!r}"
        raise InvalidArgumentError(message)
    found = []
    for peer in range(len(peers)):
        address = peers[peer]
        good = isinstance(address, (tuple, list)) and len(address) == 2
        host, port = address if good else (None, 0)
        if not isinstance(host, str):
            message = f"peers must be pairs of host and port; of rank {peer}: {address!r}"
            raise InvalidArgumentError(message)
        port = at_least(f"the port of peer {peer}", port, 0)
        if port > 65_535:
            message = f"the port of peer {peer} must be at most 65535: {port!r}"
            raise InvalidArgumentError(message)
        found.append((host, port))
    return found


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=_family(host), backlog=128)
    listener.settimeout(None)
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _ping(address: tuple[str, int], timeout: float) -> float:
    """Return the round trip of one handshake, in seconds."""
    with socket.socket(_family(address[0]), socket.SOCK_STREAM) as dialled:
        dialled.settimeout(timeout)
        # Closing it resets the connection, so that no port stays taken.
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        begun = time.perf_counter_ns()
        dialled.connect(address)
        took = (time.perf_counter_ns() - begun) / 1e9
        told = _told_by_kernel(dialled)
    return took if told is None else min(told, took)


def _told_by_kernel(dialled: socket.socket) -> float | None:
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        info = dialled.getsockopt(socket.IPPROTO_TCP, option, _INFO_BYTES)
    except OSError:
        return None
    if len(info) < _RTT_OFFSET + 4:
        return None
    microseconds: int = struct.unpack_from("=I", info, _RTT_OFFSET)[0]
    return microseconds / 1e6 if microseconds else None


def _own_address() -> str:
    """Return the address from which the master of the job is reached."""
    import os

    master = os.environ.get("MASTER_ADDR")
    if master:
        with (
            contextlib.suppress(OSError),
            socket.socket(_family(master), socket.SOCK_DGRAM) as probe,
        ):
            probe.connect((master, 9))  # sends nothing
            name: str = probe.getsockname()[0]
            return name
    return "127.0.0.1"


def _meet(group: Any, host: str | None) -> tuple[socket.socket, list[tuple[Any, ...]], int]:
    """Listen, and tell each other where."""
    import torch.distributed as dist

    ranks = group_ranks(group)
    listener = _listen(host or _own_address(), 0)
    words = dist.new_group(ranks, backend="gloo", use_local_synchronization=True)
    addresses: list[Any] = [None] * len(ranks)
    dist.all_gather_object(addresses, tuple(listener.getsockname()[:2]), group=words)
    return listener, [tuple(address) for address in addresses], ranks.index(dist.get_rank())
