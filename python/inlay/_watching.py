"""How an observer watches streams of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from inlay.data.profile import Profile
    from inlay.data.watch.settings import WatchOptions
    from inlay.data.watch.watch import Watch
    from inlay.drift.judge import Judge
    from inlay.observer import Observer

__all__ = ["Watches", "Watching"]


T = TypeVar("T", bound="Ticking")


class Ticking(Protocol):
    """Something with a name that looks at the clock before a cut, until it is closed."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def closed(self) -> bool:
        """Whether it is over."""

    def tick(self) -> None:
        """Look at the clock."""

    def close(self) -> None:
        """End it."""

    def _forked(self) -> None: ...


class Watches(Generic[T]):
    """The watches of an observer by name: a probe that ticks them. Thread-safe.

    Parameters
    ----------
    what : str
        What each is called in an error.
    """

    def __init__(self, what: str = "watch") -> None:
        self._what = what
        self._lock = new_lock()
        self._watches: dict[str, T] = {}

    def add(self, watch: T) -> None:
        """Add one in place of a closed one.

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
            message = f"the observer has an open {self._what} of that name: {name!r}"
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

    _watches: Watches[Watch] | None = None

    def watch(
        self,
        name: str,
        reference: Profile | str | os.PathLike[str] | None = None,
        *,
        every: float = 300.0,
        every_rows: int | None = None,
        event_time: str | None = None,
        lateness: float | None = None,
        disorder: float | None = None,
        skew: float = 60.0,
        idle: float | None = None,
        sources: str | Sequence[str] = (),
        by: str | Sequence[str] = (),
        max_groups: int = 100,
        window: int = 1,
        key: str | Sequence[str] = (),
        remember: int = 1_000_000,
        judges: Sequence[Judge] | None = None,
        min_rows: int = 1000,
        on_too_late: Callable[[pa.RecordBatch], object] | None = None,
    ) -> Watch:
        """Watch a stream of tables: count it in panes of event time and judge them.

        Parameters
        ----------
        name : str
            What the stream is called; one open watch of an observer has it at a time.
        reference : Profile, str or os.PathLike, optional
            What the rows are compared with: a profile, or the file of one. It is frozen if it is
            not yet. Without it volume, freshness, schema, missing values, moments and quantiles
            are watched.
        every : float
            How long a pane is, in seconds, 1e-6 to 1e9. Panes are
            ``[k * every, (k + 1) * every)`` of Unix time.
        every_rows : int, optional
            Panes of so many rows instead, in the order in which they come; `every` then says
            nothing but what `idle` is unless given. There is no late row then.
        event_time : str, optional
            The column of event times: timestamps (without a zone: UTC), dates, or numbers in
            seconds of Unix time. Without it the time of a row is that of its arrival.
        lateness : float, optional
            How long after the end of a pane its rows are still taken, as revisions, in seconds of
            event time; ``3 * every`` unless given.
        disorder : float, optional
            By how much rows of a source may come out of order before they count as late, in
            seconds; ``every / 5`` unless given. A pane closes that much later.
        skew : float
            How far the clock of a source may run ahead, in seconds. Rows beyond are kept apart.
        idle : float, optional
            After how long without rows a source holds no pane open, in seconds; `every` unless
            given.
        sources : str or sequence of str
            Sources that are waited for from the beginning; others join as they come.
        by : str or sequence of str
            Columns whose values make groups that are counted apart as well.
        max_groups : int
            How many groups; the rows of later ones are in one more.
        window : int
            Panes of a sliding window, whose rows are written beside those of the panes; 1 writes
            none.
        key : str or sequence of str
            Columns that identify a row; one that comes again is counted and left out. A row that
            has a null or NaN in one of them has no key and is always taken.
        remember : int
            How many keys are remembered at least, 8 to 16 bytes each.
        judges : sequence of Judge, optional
            Who judges each pane. Unless given, with a reference `inlay.drift.DriftJudge` and
            `inlay.drift.MissingnessJudge`, without one nobody.
        min_rows : int
            What these two need in a pane to say yes or no, in rows.
        on_too_late : callable, optional
            Gets a record batch of the rows that come too late. What it raises is an event.

        Returns
        -------
        Watch
            It closes when the observer stops.

        Raises
        ------
        InvalidArgumentError
            If a setting is out of range or there is an open watch of that name.
        TypeError
            If a setting is of another type, or a judge lacks a method.
        FileNotFoundError, SerializationError
            If the reference's file is not there or damaged.
        StoppedError
            If the observer has stopped.
        """
        return self._new_watch(
            name,
            reference,
            {
                "every": every,
                "every_rows": every_rows,
                "event_time": event_time,
                "lateness": lateness,
                "disorder": disorder,
                "skew": skew,
                "idle": idle,
                "sources": sources,
                "by": by,
                "max_groups": max_groups,
                "window": window,
                "key": key,
                "remember": remember,
                "judges": judges,
                "min_rows": min_rows,
                "on_too_late": on_too_late,
            },
        )

    def _new_watch(
        self,
        name: str,
        reference: Profile | str | os.PathLike[str] | None,
        options: WatchOptions,
    ) -> Watch:
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
