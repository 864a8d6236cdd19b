"""Where the tables of a window go.

A sink is any object with the three methods of `Sink`. Each one has its own bounded queue and
its own thread: a slow or failing sink neither delays nor loses what the others get.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from inlay._lazy import loader
from inlay.sinks._retry import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.sinks.callback import Callback
    from inlay.sinks.files import Files
    from inlay.sinks.memory import Memory
    from inlay.sinks.prometheus import Prometheus
    from inlay.table import Batch

__all__ = ["Callback", "Files", "Memory", "Prometheus", "Retry", "Sink"]

# A sink's class -> the module that defines it; each loads on first use.
_HOMES = {
    "Callback": "inlay.sinks.callback",
    "Files": "inlay.sinks.files",
    "Memory": "inlay.sinks.memory",
    "Prometheus": "inlay.sinks.prometheus",
}


@runtime_checkable
class Sink(Protocol):
    """What delivery asks of a sink.

    All three methods are called from one thread that the sink has to itself, never at the same
    time. Deriving from this class is not needed; it saves writing an empty `open` and `close`.

    Further attributes are used where they exist:

    ``name`` : str
        What the sink is called in the metrics of layer ``self``; else its class's name in lower
        case. A second sink of the same name gets a number.
    ``attach(observer)``
        Called once, when the sink is added, before `open`: for a sink that is asked (a scrape)
        rather than told. Hold the observer weakly.
    ``stats()``
        Mapping of short names to running totals (bytes, files …), read after each write.
        Their increase is reported as the counter ``inlay.sink.<name>`` with attribute ``sink``.
    """

    def open(self, resource: Mapping[str, str], origin: int) -> None:  # noqa: ARG002
        """Begin.

        Called once per incarnation of a process, and again in a forked child with another
        `origin`: there the sink must forget what it inherited (open files, sockets, rows not
        yet written; they are the parent's) and take new locks. If it raises, it is called again
        before the next try of a write.

        Parameters
        ----------
        resource : mapping of str to str
            The attributes of this process.
        origin : int
            The random number of this incarnation, as in the ``origin`` column.
        """
        return  # type checkers take a method without a body for abstract

    @abc.abstractmethod
    def write(self, batch: Batch) -> None:
        """Take one window.

        If it raises, the same batch comes again after a pause (`Retry`), and after the last try
        its rows are dropped and counted by table. So delivery is at least once: a sink that
        wrote a part before it failed gets the whole batch again.

        Parameters
        ----------
        batch : Batch
            The tables of the window. Sinks share it; it cannot be changed.
        """

    def close(self, deadline: float) -> None:  # noqa: ARG002
        """End: write what is held back, release what is open.

        Parameters
        ----------
        deadline : float
            When the caller stops waiting, as `time.monotonic` counts.
        """
        return


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
