"""The links of a machine, watched and probed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from inlay._arguments import number_between, with_methods
from inlay.infra import _links
from inlay.infra._kernel_reader import KernelReader

if TYPE_CHECKING:
    import os

    from inlay.observer import Observer

__all__ = ["ActiveProbe", "Fabric"]


class ActiveProbe(Protocol):
    """Something that sends a little over the links now and then."""

    def start(self, observer: Observer) -> object:
        """Begin to send; nothing happens if it does."""

    def stop(self) -> None:
        """End it."""


class Fabric(KernelReader):
    """Counters of each link, and probes that time it.

    Passive: bytes, packets, errors and drops of network interfaces, whether their link is up and
    how fast; of InfiniBand and RoCE ports state, rate, data, waits and all error counters,
    ``hw_counters`` included; of network drivers the pauses and discards that ``ethtool -S`` shows.
    Intervals ``ib.link_down``, ``ib.congestion`` and ``net.pause`` become events.

    Active, where asked for: `AllReduceProbe` and `PingMesh`.

    Parameters
    ----------
    period : float, default 1.0
        Seconds between readings.
    slow : float, optional
        Seconds between readings of ethtool's counters, which ask firmware. Ten periods unless
        given.
    rescan : float, optional
        Seconds between looks for devices that came or are back. 30 unless given, or a period.
    root : path, default "/"
        What ``/proc`` and ``/sys`` lie below.
    probe : AllReduceProbe, PingMesh or several, optional
        Started and stopped with this one.
    congestion : float, default 0.1
        As of `Host`.
    held_files : int, optional
        As of `Host`.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range, or the root is no directory.
    TypeError
        If a probe is a class, or has no ``start`` and ``stop``, or an argument is of another kind.

    Notes
    -----
    A counter that stands at its largest value says nothing any more: older InfiniBand counters stop
    at 15, 255, 65,535 or 4,294,967,295. Their status is then ``error`` and an event
    ``inlay.counter.saturated`` says so once; never is it a rate of 0.

    Examples
    --------
    >>> import inlay
    >>> obs = inlay.Observer()
    >>> fabric = inlay.infra.Fabric()
    >>> obs.probe(fabric)
    >>> rows = obs.collect().points.to_pylist()
    >>> {row["status"] for row in rows if row["metric"] == "ib.state"} <= {"ok", "absent"}
    True
    >>> fabric.stop()
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        *,
        period: float = 1.0,
        slow: float | None = None,
        rescan: float | None = None,
        root: str | os.PathLike[str] = "/",
        probe: ActiveProbe | Iterable[ActiveProbe] | None = None,
        congestion: float = 0.1,
        held_files: int | None = None,
    ) -> None:
        probes: tuple[ActiveProbe, ...] = ()
        if isinstance(probe, Iterable):
            probes = tuple(probe)
        elif probe is not None:
            probes = (probe,)
        for each in probes:
            with_methods("probe", each, "start", "stop")
        super().__init__(
            period=period,
            slow=slow,
            rescan=rescan,
            root=root,
            families=None,
            known=_links.LINK_FAMILIES,
            pressure=0.25,
            congestion=number_between("congestion", congestion, most=1.0, above=0.0),
            held_files=held_files,
        )
        self._probes = probes

    @property
    def probes(self) -> tuple[ActiveProbe, ...]:
        """The active probes."""
        return self._probes

    def _attach(self, observer: Observer) -> None:
        _links.share(observer, self, fabric=True)
        for probe in self._probes:
            probe.start(observer)

    def _detach(self) -> None:
        for probe in self._probes:
            probe.stop()
        observer = None if self._observer is None else self._observer()
        if observer is not None:
            _links.forget(observer, self)
