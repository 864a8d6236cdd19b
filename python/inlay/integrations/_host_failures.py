"""Records inside a host's calls: what they raise is counted and told once, never the host's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from inlay._threads import new_lock

if TYPE_CHECKING:
    from types import TracebackType

    from inlay._core import Counter
    from inlay.observer import Observer

__all__ = ["Guard", "HostFailures"]


class HostFailures:
    """Counts what recording for a host raised. Thread-safe; nothing here raises.

    The counter is ``inlay.host.failures`` by host and operation, in layer ``self``. The first
    failure of an operation is a warning of the logger ``inlay.integrations`` too.

    Parameters
    ----------
    observer : Observer
        Where they are counted.
    host : str
        The host, such as ``"vllm"``.
    """

    def __init__(self, observer: Observer, host: str) -> None:
        self._host = host
        self._lock = new_lock()
        self._told: set[str] = set()
        self._counter: Counter | None = None
        try:
            self._counter = observer.counter(
                "inlay.host.failures",
                unit="{call}",
                description="Records that raised inside a host's calls.",
                attributes=("host", "operation"),
                layer="self",
            )
        except Exception as error:  # a program may have given the name to something else
            self.failed("count", error)

    def guard(self, operation: str) -> Guard:
        """Return a context that ends an operation's exceptions; it may be entered again."""
        return Guard(self, operation)

    def failed(self, operation: str, error: BaseException | str) -> None:
        """Count one failure, and tell of the first of its operation."""
        try:
            if self._counter is not None:
                self._counter.add(1, host=self._host, operation=operation)
            with self._lock:
                if operation in self._told:
                    return
                self._told.add(operation)
            logging.getLogger("inlay.integrations").warning(
                "%s: recording of %s failed (%s); from now on failures of it are only counted",
                self._host,
                operation,
                error if isinstance(error, str) else repr(error),
                exc_info=None if isinstance(error, str) else error,
            )
        except Exception:
            pass


class Guard:
    """A context from which no `Exception` comes out. Thread-safe, as it has no state."""

    __slots__ = ("_failures", "_operation")

    def __init__(self, failures: HostFailures, operation: str) -> None:
        self._failures = failures
        self._operation = operation

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[True] | None:
        """Count an `Exception` and end it; others, such as a cancellation, go on."""
        if isinstance(error, Exception):
            self._failures.failed(self._operation, error)
            return True
        return None
