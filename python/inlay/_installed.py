"""The observer that libraries get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay._noop import NoopObserver

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["get_observer", "install", "uninstall"]

_default = NoopObserver()


def get_observer() -> Observer:
    """Return the installed observer, for a library that is embedded in a program.

    Returns
    -------
    Observer
        The one that `Observer.install` was called on. Before that a no-op, whose instruments
        attach to the one that is installed later; nothing recorded until then is kept.

    Examples
    --------
    >>> import inlay
    >>> requests = inlay.get_observer().counter("library.requests")
    >>> requests.add(1)  # nobody listens yet
    >>> obs = inlay.Observer().install()
    >>> requests.add(2)
    >>> points = obs.collect().points.to_pylist()
    >>> [row["value"] for row in points if row["metric"] == "library.requests"]
    [2.0]
    >>> obs.uninstall()
    """
    return _default.target or _default


def install(observer: Observer) -> None:
    """Make `observer` the one that `get_observer` gives."""
    if observer is _default:  # what get_observer gave before there was one
        return
    _default.point_to(observer)
    if observer.enabled:
        observer.core.install()  # for C and C++, which ask the core


def uninstall(observer: Observer) -> None:
    """Give the no-op again, if `observer` is installed."""
    if _default.target is observer:
        _default.point_to(None)
        observer.core.uninstall()
