"""`Watch`: a stream of tables in panes of event time, written and judged as they close."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from inlay._arguments import moment_us
from inlay._container import read_file, write_file
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InlayWarning, InvalidArgumentError, StoppedError
from inlay._threads import new_rlock
from inlay.data.sources.device import open_device
from inlay.data.watch.checkpoint import pack_stream, unpack_stream
from inlay.data.watch.intake import Reader
from inlay.data.watch.kept_apart import REASONS
from inlay.data.watch.settings import positive, settings_of
from inlay.data.watch.stream import Stream
from inlay.drift.judging import Judging

if TYPE_CHECKING:
    import datetime
    import os

    import pyarrow as pa

    from inlay.data.profile import Profile
    from inlay.data.watch.settings import WatchOptions
    from inlay.drift.judge import Judge
    from inlay.observer import Observer

__all__ = ["Watch"]


class Watch:
    """Counts a stream of tables in panes of event time, and says when they are not as they were.

    Made by `Observer.watch`. Any thread may use it at any time.

    Parameters
    ----------
    observer : Observer
        Whose windows get the rows.
    name : str
        What the stream is called; one watch of an observer has it at a time.
    reference : Profile, str or os.PathLike, optional
        What the rows are compared with: a profile, or the file of one. It is frozen if it is not
        yet. Without it volume, freshness, schema, missing values, moments and quantiles are
        watched.
    **options
        As `Observer.watch` takes them, all of them.

    Raises
    ------
    InvalidArgumentError
        If a setting is out of range or the observer has a watch of that name.
    TypeError
        If a setting is of another type, or a judge lacks a method.
    FileNotFoundError, SerializationError
        If the reference's file is not there or damaged.

    Notes
    -----
    *What is written*, to the observer's open window when a pane closes: its points of metric
    ``data.column`` (one row a column and summary), one row of ``data.pane`` with the number of
    rows, and the judges' verdicts. What comes late is written as the same rows again with revision
    1, 2, …, that hold the late part alone.

    *Memory.* At most 64 panes are open, and 64 have late parts that wait; where there are more, the
    oldest is written at once. It does not grow with the number of rows.

    *Forks.* A forked child's watch starts empty.

    Examples
    --------
    >>> import inlay
    >>> clock = inlay.ManualClock(1_700_000_100)
    >>> obs = inlay.Observer(clock=clock)
    >>> watch = obs.watch("orders", every=60, event_time="at", disorder=0)
    >>> watch.update({"at": [1_700_000_050, 1_700_000_070], "price": [3.5, 4.0]})
    2
    >>> watch.update({"at": [1_700_000_100], "price": [2.0]})
    1
    >>> panes = obs.collect().points.to_pylist()
    >>> [(row["start_time"].second, row["value"]) for row in panes if row["metric"] == "data.pane"]
    [(0, 2.0)]
    """

    __module__ = "inlay"

    def __init__(
        self,
        observer: Observer,
        name: str,
        reference: Profile | str | os.PathLike[str] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        rest: dict[str, Any] = dict(options)
        judges = rest.pop("judges")
        min_rows = positive("min_rows", rest.pop("min_rows"), 2**40)
        self._too_late = rest.pop("on_too_late")
        if self._too_late is not None and not callable(self._too_late):
            message = f"on_too_late is called with rows, got {type(self._too_late).__name__}"
            raise TypeError(message)
        self._settings = settings_of(name, **rest)
        self._observer = observer
        self._reference = _frozen(reference)
        if judges is None:
            judges = _default_judges(self._reference, min_rows)
        self._lock = new_rlock()
        self._closed = False
        self._reader = Reader()
        self._judging = Judging(judges, failed=self._judge_failed)
        self._stream = self._new_stream()
        self._stream.begin()

    def _new_stream(self) -> Stream:
        return Stream(
            self._observer, self._settings, self._reference, self._judging, self._too_late
        )

    # ---- what it is ----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """What the stream is called."""
        return self._settings.name

    @property
    def closed(self) -> bool:
        """Whether it takes no more rows."""
        return self._closed

    @property
    def watermark(self) -> float | None:
        """Up to which event time rows are taken to be complete, in Unix seconds; None at first."""
        with self._lock:
            value = self._stream.watermark.value
        return None if value is None else value / 1e6

    @property
    def open_panes(self) -> int:
        """How many panes are open."""
        with self._lock:
            if self._stream.row_panes is not None:
                return int(self._stream.row_panes.open is not None)
            return len(self._stream.panes.open)

    @property
    def memory_bytes(self) -> int:
        """Bytes of what is counted and of the keys that are remembered."""
        with self._lock:
            return self._stream.memory_bytes

    @property
    def too_late(self) -> pa.Table:
        """The last 1,000 rows that came too late."""
        return self.kept_apart("too_late")

    def kept_apart(self, reason: str) -> pa.Table:
        """Return the last 1,000 rows that came to no pane.

        Parameters
        ----------
        reason : {"too_late", "future", "missing"}
            Beyond `lateness`; ahead of their arrival by more than `skew`; without an event time.

        Raises
        ------
        InvalidArgumentError
            If there is no such reason.
        """
        if reason not in REASONS:
            message = f"a reason is one of {', '.join(REASONS)}: {reason!r}"
            raise InvalidArgumentError(message)
        with self._lock:
            return self._stream.apart.table(reason)

    @property
    def counts_apart(self) -> dict[str, int]:
        """How many rows came to no pane, by reason."""
        with self._lock:
            return dict(self._stream.apart.counts)

    # ---- rows ----------------------------------------------------------------------------------
    def update(
        self,
        data: Any,
        *,
        source: str | None = None,
        arrival: float | datetime.datetime | None = None,
        stream: Any = None,
    ) -> int:
        """Count more rows, and close the panes that are complete now.

        Parameters
        ----------
        data : object
            As for `Profile.of`: a table, batch, frame, mapping of columns, file … It may have fewer
            columns than before, more, or others of another type: that is an event, and the rest is
            counted.
        source : str, optional
            Where the rows come from, if from several places: each has its own event time.
        arrival : float or datetime, optional
            When they arrived: Unix seconds or with a time zone; now unless given.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise.

        Returns
        -------
        int
            How many rows came to panes. The others are counted, see `kept_apart`.

        Raises
        ------
        TypeError, InvalidArgumentError, SerializationError
            As for `Profile.of`; rows of batches before the one that cannot be read were counted.
        InvalidArgumentError
            If the first table lacks a column that the watch was told of. If a tensor is on a
            device and the watch has event times, groups, keys or panes of rows; or has another
            number of columns.
        StoppedError
            If it is closed.
        CudaUnavailableError
            If rows are on a CUDA device that cannot be used from here.

        Notes
        -----
        The columns of a tensor on a device, of shape (rows, columns), are those of the watch, in
        their order, or ``"0"``, ``"1"``, …. A watch whose first rows are on a device counts them
        there, between edges and in moments: nothing is copied or waited for, and a pane's rows
        arrive up to a pane after its end, until when it stays open. It keeps no quantiles. One that
        keeps them, since rows on the host came first, and one with columns that are not numbers
        between edges, copies tensors to the host at most 8 MiB at a time, and waits. So does every
        watch with rows of an `arrival` in a pane before that of rows on the device.
        """
        name: Any = "" if source is None else source
        if not isinstance(name, str):
            message = f"source is text, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        arrived = None if arrival is None else moment_us("arrival", arrival)
        rows = 0
        if not hasattr(data, "__arrow_c_array__") and is_device_array(data):
            with self._lock:
                self._must_be_open()
                at = self._stream.core.now_us() if arrived is None else arrived
                counted = self._stream.take_tensor(data, stream, name, at)
                if counted is not None:
                    return counted
                expected = self._stream.expected
            names = None if expected is None else expected.names
            data = open_device(data, names=names, stream=stream)
        for batch in self._reader.batches(data):
            with self._lock:
                self._must_be_open()
                taking = self._stream
                rows += taking.take(
                    batch, name, taking.core.now_us() if arrived is None else arrived
                )
        return rows

    def tick(self) -> None:
        """Look at the clock: close panes that are complete, and write what came late.

        The observer does this before each cut.
        """
        with self._lock:
            if not self._closed:
                self._stream.tick()

    def close(self, *, discard: bool = False) -> None:
        """Close all panes; later rows are refused. Closing again does nothing.

        Parameters
        ----------
        discard : bool
            Whether to write nothing more: for a watch whose saved state another will go on with.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not discard:
                self._stream.finish()
                self._stream.tick()

    def _must_be_open(self) -> None:
        if self._closed:
            message = f"the watch is closed and takes no more rows: {self.name!r}"
            raise StoppedError(message)

    # ---- checkpoints ---------------------------------------------------------------------------
    def save_state(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Save what the watch holds: open panes, watermark, late rows, keys, judges.

        Rows that are kept apart are not in it, but their numbers are. Waits for rows on devices.

        Parameters
        ----------
        path : str or os.PathLike, optional
            A file to write, whole or not at all.

        Returns
        -------
        bytes

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        with self._lock:
            self._stream.settle_device()
            data = pack_stream(self._stream)
        if path is not None:
            write_file(Path(path), data)
        return data

    def load_state(self, source: bytes | str | os.PathLike[str]) -> None:
        """Go on where a saved state ends, before the first rows.

        What this watch held is forgotten, with an `InlayWarning` if there were rows in it.

        Parameters
        ----------
        source : bytes, str or os.PathLike
            What `save_state` gave, or its file.

        Raises
        ------
        InvalidArgumentError
            If it is of another watch: another name, setting, reference or judge; the message
            names all that differ. This watch stays as it was then.
        SerializationError
            If it is none, damaged, or of a newer version. This watch stays as it was then.
        FileNotFoundError
            If there is no such file.
        StoppedError
            If it is closed.
        """
        if isinstance(source, (bytes, bytearray, memoryview)):
            data, where = bytes(source), "the state"
        else:
            path = Path(source)
            data, where = read_file(path), str(path)
        with self._lock:
            self._must_be_open()
            judges = self._judging.state()
            fresh = self._new_stream()
            try:
                unpack_stream(data, where, fresh)
            except BaseException:
                self._judging.restore(judges)
                raise
            rows, self._stream = self._stream.rows, fresh
        if rows:
            warnings.warn(
                f"watch {self.name!r} held {rows} rows in panes that were not written; the state "
                f"of {where} took their place. Load a state before the first rows",
                InlayWarning,
                stacklevel=2,
            )

    # ---- for the observer ----------------------------------------------------------------------
    def _forked(self) -> None:
        """Begin anew in a forked child, at its first rows: the parent's rows are the parent's."""
        self._lock = new_rlock()
        if not self._closed:
            self._judging.reset()
            self._stream = self._new_stream()

    def _judge_failed(self, judge: Judge, error: Exception) -> None:
        self._stream.judge_failed(judge, error)

    def __repr__(self) -> str:
        """Return its name, state and open panes."""
        state = "closed" if self._closed else f"{self.open_panes} open panes"
        return f"<inlay.Watch {self.name!r}: {state}>"


def _frozen(given: Any) -> Profile | None:
    """Return a reference whose names are as they may leave."""
    from inlay.data.profile import Profile

    if given is None:
        return None
    if isinstance(given, Profile):
        reference = given
    elif isinstance(given, (str, Path)) or hasattr(given, "__fspath__"):
        reference = Profile.load(given)
    else:
        message = f"a reference is a Profile or its file, got {type(given).__name__}"
        raise TypeError(message)
    return (reference if reference.is_reference else reference.freeze())._leaving()


def _default_judges(reference: Profile | None, min_rows: int) -> list[Judge]:
    if reference is None:
        return []
    from inlay.drift.drift_judge import DriftJudge
    from inlay.drift.missingness_judge import MissingnessJudge

    return [DriftJudge(min_rows=min_rows), MissingnessJudge(min_rows=min_rows)]
