"""How an observer watches streams of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

if TYPE_CHECKING:
    import os
    from typing import Unpack

    from inlay.data.profile import Profile
    from inlay.data.watch.settings import WatchOptions
    from inlay.data.watch.watch import Watch
    from inlay.observer import Observer

__all__ = ["Watches", "Watching"]


class Watches:
    """The watches of an observer by name: a probe that ticks them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._watches: dict[str, Watch] = {}

    def add(self, watch: Watch) -> None:
        """Add a watch in place of a closed one.

        Raises
        ------
        InvalidArgumentError
            If there is an open one of that name.
        """
        with self._lock:
            self.check(watch.name)
            self._watches[watch.name] = watch

    def check(self, name: str) -> None:
        """Refuse a name that an open watch has."""
        known = self._watches.get(name)
        if known is not None and not known.closed:
            message = f"the observer has an open watch of that name: {name!r}"
            raise InvalidArgumentError(message)

    def observe(self, observer: Observer, /) -> None:  # noqa: ARG002
        """Let every watch look at the clock; raise the first error when all have."""
        self._each("tick")

    def close(self) -> None:
        """Close every watch; raise the first error when all are."""
        self._each("close")

    def forked(self) -> None:
        """Begin anew in a forked child."""
        self._lock = new_lock()
        self._each("_forked")

    def _each(self, method: str) -> None:
        wrong: Exception | None = None
        for watch in list(self._watches.values()):
            try:
                getattr(watch, method)()
            except Exception as error:
                wrong = wrong or error
        if wrong is not None:
            raise wrong


class Watching:
    """The part of an observer that watches streams of tables. Thread-safe."""

    _watches: Watches | None = None

    def watch(
        self,
        name: str,
        reference: Profile | str | os.PathLike[str] | None = None,
        **options: Unpack[WatchOptions],
    ) -> Watch:
        """Watch a stream of tables: count it in panes of event time and judge them.

        Parameters
        ----------
        name : str
            What the stream is called.
        reference : Profile, str or os.PathLike, optional
            What its rows are compared with.
        **options
            ``every``, ``event_time``, ``lateness``, ``by``, ``judges`` … as `Watch` takes them.

        Returns
        -------
        Watch
            It closes when the observer stops.

        Raises
        ------
        InvalidArgumentError
            If a setting is out of range or there is an open watch of that name.
        TypeError
            If a setting is of another type.
        StoppedError
            If the observer has stopped.
        """
        from inlay.data.watch.watch import Watch

        observer: Any = self
        observer._check_running()
        with observer._lock:
            if self._watches is None:
                self._watches = Watches()
                observer.probe(self._watches)
            self._watches.check(name)
        watch = Watch(observer, name, reference, **options)
        self._watches.add(watch)
        return watch
