"""The machine under a process, as its kernel tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay import _core
from inlay._arguments import number_between
from inlay.infra import _links
from inlay.infra._kernel_reader import KernelReader

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from inlay.observer import Observer

__all__ = ["Host"]


class Host(KernelReader):
    """CPU, memory, pressure, cgroup, NUMA, disks, network, links, sensors, energy of a machine.

    A native thread reads procfs, sysfs and the process's cgroup (version 1 or 2) through files that
    stay open; a reading allocates nothing and takes no GIL. Counters leave as their difference in
    each window, gauges with last, min, max and mean. What cannot be read is a row with a status
    (``absent``, ``no_permission``, ``unsupported``, ``error``), once and again when it changes:
    never an exception, never a 0 made up.

    Parameters
    ----------
    period : float, default 1.0
        Seconds between readings of what costs little.
    slow : float, optional
        Seconds between readings of what asks firmware or a bus: hwmon sensors and ethtool's
        counters. Ten periods unless given.
    rescan : float, optional
        Seconds between looks for devices that came or are back. 30 unless given, or a period.
    root : path, default "/"
        What ``/proc`` and ``/sys`` lie below: ``/host`` in a container that has the machine's, or a
        tree of a test.
    families : iterable of str, optional
        What to read: ``cpu``, ``memory``, ``pressure``, ``cgroup``, ``numa``, ``disks``,
        ``network``, ``infiniband``, ``energy``, ``thermal_throttle``, ``memory_bandwidth``,
        ``clock``, ``ethtool``, ``sensors``; all unless given.
    pressure : float, default 0.25
        Share of a period in which some task stalls for a resource, from which on it is an
        interval, the event ``host.pressure``.
    congestion : float, default 0.1
        Share of ticks that an InfiniBand port waits for credits, relative to the words it sends
        and waits for, from which on it is an event ``ib.congestion``.
    held_files : int, optional
        How many files stay open at most; others are opened for each reading. A quarter of the
        process's limit unless given.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range, a family is none, or the root is no directory.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Where the same observer also has a `Fabric` of this root, that one reads the links
    (``network``, ``infiniband``, ``ethtool``), and this one leaves them out.

    Any thread may use an object at any time. A child of a fork starts its own thread at its first
    window.

    Examples
    --------
    >>> import inlay
    >>> obs = inlay.Observer()
    >>> host = inlay.infra.Host(families=("cpu", "memory"))
    >>> obs.probe(host)
    >>> rows = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    >>> rows["host.memory.total"]["value"] > 0, rows["host.memory.total"]["unit"]
    (True, 'By')
    >>> host.stop()
    """

    __module__ = "inlay.infra"

    def __init__(
        self,
        *,
        period: float = 1.0,
        slow: float | None = None,
        rescan: float | None = None,
        root: str | os.PathLike[str] = "/",
        families: Iterable[str] | None = None,
        pressure: float = 0.25,
        congestion: float = 0.1,
        held_files: int | None = None,
    ) -> None:
        super().__init__(
            period=period,
            slow=slow,
            rescan=rescan,
            root=root,
            families=families,
            known=tuple(_core.HostReader.family_names()),
            pressure=number_between("pressure", pressure, most=1.0, above=0.0),
            congestion=number_between("congestion", congestion, most=1.0, above=0.0),
            held_files=held_files,
        )

    def _attach(self, observer: Observer) -> None:
        _links.share(observer, self, fabric=False)

    def _detach(self) -> None:
        observer = None if self._observer is None else self._observer()
        if observer is not None:
            _links.forget(observer, self)
