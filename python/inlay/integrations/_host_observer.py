"""The observer of a host's process: given, installed, or made for a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from inlay._threads import new_lock
from inlay.integrations._host_failures import HostFailures

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.observer import Observer

__all__ = ["DIRECTORY_VARIABLE", "HostObserver"]

#: Where a host that nobody gave an observer writes its files; nothing is written unless set.
DIRECTORY_VARIABLE = "INLAY_DIRECTORY"

_lock = new_lock()
# The one made here, and how many hold it: models of one process share it.
_made: Observer | None = None
_holders = 0


class HostObserver:
    """Holds the observer that a part of a host records to. Nothing here raises.

    That is, in this order: the one given or what the function given returns; the installed one
    (`inlay.get_observer`); one made, installed and started here that writes to `directory` or to
    what ``INLAY_DIRECTORY`` names; the no-op that `inlay.get_observer` gives, which records as
    soon as an observer is installed. It is the no-op too where making one fails.

    Parameters
    ----------
    host : str
        The host, such as ``"vllm"``.
    given : Observer or callable, optional
        The observer, or a function that makes one in this process.
    directory : str or os.PathLike, optional
        Where an observer that is made here writes.
    service : str, optional
        ``service.name`` of one that is made here, unless ``OTEL_SERVICE_NAME`` says it; the host's
        name unless given.
    """

    def __init__(
        self,
        host: str,
        given: Observer | Callable[[], Observer] | None = None,
        *,
        directory: str | os.PathLike[str] | None = None,
        service: str | None = None,
    ) -> None:
        import inlay

        self._held = False
        #: Where the records go.
        self.observer: Observer
        try:
            self.observer = self._find(given, directory, service or host)
        except Exception as error:
            self.observer = inlay.get_observer()
            #: Where what goes wrong is counted.
            self.failures = HostFailures(self.observer, host)
            self.failures.failed("observer", error)
        else:
            self.failures = HostFailures(self.observer, host)

    def _find(
        self,
        given: Observer | Callable[[], Observer] | None,
        directory: str | os.PathLike[str] | None,
        service: str,
    ) -> Observer:
        global _made, _holders
        import inlay

        if given is not None:
            return given() if callable(given) else given
        if directory is None:
            directory = os.environ.get(DIRECTORY_VARIABLE) or None
        with _lock:
            installed = inlay.get_observer()
            if _made is not None and installed is _made:
                _holders += 1
                self._held = True
            elif directory is not None and not installed.enabled:
                resource = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": service}
                installed = inlay.Observer(resource, sinks=[inlay.sinks.Files(directory)])
                installed.install()
                installed.start()
                _made, _holders = installed, 1
                self._held = True
        return installed

    def release(self) -> None:
        """Stop the observer, if it was made here and nothing else holds it. Safe to repeat."""
        global _made, _holders
        stopped = None
        with _lock:
            if not self._held:
                return
            self._held = False
            _holders -= 1
            if _holders == 0 and _made is not None:
                stopped, _made = _made, None
        if stopped is not None:
            stopped.stop()
            stopped.uninstall()
