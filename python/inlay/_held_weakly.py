"""What the threads of an observer call: they hold it weakly, so that it can go while they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable

    from inlay._core import ObserverCore
    from inlay._observables import Observables
    from inlay.observer import Observer
    from inlay.table import Batch

__all__ = ["abandon", "observe_of", "restart_of", "turned_of"]


def observe_of(reference: weakref.ref[Observer]) -> Callable[[], None]:
    """Return what runs callbacks and probes before a cut."""

    def observe() -> None:
        observer = reference()
        if observer is not None:
            observer._observables.run()

    return observe


def turned_of(reference: weakref.ref[Observer]) -> Callable[[Batch], None]:
    """Return what takes each window when the sinks have it."""

    def turned(batch: Batch) -> None:
        observer = reference()
        if observer is not None:
            observer._turned(batch)

    return turned


def restart_of(reference: weakref.ref[Observer]) -> Callable[[], None]:
    """Return what starts it again in a forked child."""

    def restart() -> None:
        observer = reference()
        if observer is not None:
            observer._revive()

    return restart


def abandon(core: ObserverCore, observables: Observables) -> None:
    """End the threads of an observer that nobody holds; delivery drains what there is."""
    core.stop()
    observables.close()
