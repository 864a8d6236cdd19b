"""What an engine's statistics objects hold, read into series; fields that are missing are named.

The classes of these objects are no stable interface of their host. So each field is a path, and
which paths there are is settled when the first object of a class is seen.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inlay.integrations._host_failures import HostFailures

    _Readers = tuple[tuple[Callable[[Any], Any], Callable[[Any], object]], ...]

__all__ = ["Fields"]


class Fields:
    """Paths of fields with what takes their values. Not thread-safe.

    Parameters
    ----------
    takers : iterable of (str, callable)
        A dotted path and what is called with its value, unless that is None or belongs to a part
        that is None.
    failures : HostFailures
        Where a path that a class has not is counted, once for each class.
    """

    def __init__(
        self, takers: Iterable[tuple[str, Callable[[Any], object]]], failures: HostFailures
    ) -> None:
        self._takers = tuple(takers)
        self._failures = failures
        self._readers: dict[type, _Readers] = {}

    def take(self, stats: Any) -> None:
        """Read an object's fields.

        Parameters
        ----------
        stats : object
            The statistics.
        """
        readers = self._readers.get(type(stats))
        if readers is None:
            readers = self._settle(stats)
        for read, taker in readers:
            value = read(stats)
            if value is not None:
                taker(value)

    def _settle(self, stats: Any) -> _Readers:
        readers: list[tuple[Callable[[Any], Any], Callable[[Any], object]]] = []
        missing: list[str] = []
        for path, taker in self._takers:
            holder, _, field = path.rpartition(".")
            if not hasattr(stats, path.partition(".")[0]):
                missing.append(path)
            elif holder:
                readers.append((_under(holder, field), taker))
            else:
                readers.append((attrgetter(path), taker))
        if missing:
            self._failures.failed(
                f"fields of {type(stats).__name__}", "it has no " + ", ".join(missing)
            )
        self._readers[type(stats)] = tuple(readers)
        return self._readers[type(stats)]


def _under(holder: str, field: str) -> Callable[[Any], Any]:
    """Return what reads a field of a part that may be None or may lack it."""
    part_of = attrgetter(holder)

    def read(stats: Any) -> Any:
        part = part_of(stats)
        return None if part is None else getattr(part, field, None)

    return read
