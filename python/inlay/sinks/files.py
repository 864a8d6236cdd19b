"""Tables in a directory: Arrow streams while they grow, Parquet after."""

from __future__ import annotations

import math
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._files.layout import (
    Piece,
    is_table_name,
    list_table,
    live_name,
    origin_hex,
    sealed_path,
    write_marker,
)
from inlay._files.locks import Lock

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import pyarrow as pa

    from inlay._files.stream import Growing
    from inlay.table import Batch

__all__ = ["Files"]

_CODECS = ("zstd", "lz4", "none")
# So many Parquet files of one partition are merged into one.
_MERGE_FILES = 8
# After upkeep failed it rests so many seconds: what fails is a disk, and windows come often.
_UPKEEP_PAUSE = 60.0


class Files:
    """Writes every table into a directory that `inlay.query` and any Arrow or Parquet tool reads.

    A window is appended to one Arrow stream per table (``points/live/…arrows``) and is with the
    kernel when the sink turns to the next one: killing the process loses no window that was
    written. A stream that is large or old enough is sealed and becomes sorted, compressed Parquet
    (``points/date=2026-03-01/layer=app/…parquet``); small Parquet files are merged now and then.
    Any number of processes may write one directory. Each writes files of its own and tidies
    nothing but those; what dead processes left is tidied by ``inlay compact``.

    A write that fails (disk full, permission gone, directory removed) leaves every file as it was
    and is tried again by the delivery, which counts and reports it; folders that went missing are
    made anew. Sealing and conversion that fail lose nothing: the streams stay readable, the
    failure is counted (``upkeep_errors``), reported once as the event
    ``inlay.files.upkeep_failed``, and tried again a minute later.

    Parameters
    ----------
    directory : str or os.PathLike
        Where; made, with its parents, when the sink opens.
    max_file_bytes : int
        Seal a stream that holds at least so many bytes, counted before compression. A conversion
        takes about three times as much memory.
    max_file_age : float
        Seal a stream whose first window is at least so many seconds old.
    retention : float, optional
        Remove the Parquet files of whole UTC days that ended more than so many seconds ago, those
        of other processes too; by default everything is kept.
    grace : float
        Seconds for which files that were merged into another one stay beside it, for readers that
        are at them. Only within this time does a plain ``*.parquet`` pattern count rows twice;
        `inlay.query` never does.
    compression : str
        ``"zstd"``, ``"lz4"`` or ``"none"``, of streams and Parquet files.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range.

    Notes
    -----
    The five tables, and others a component adds, are written alike; a table without rows makes
    no file. Files may be read, copied and backed up at any time. Locks need a file system with
    ``flock``. Not thread-safe: the delivery calls it from one thread.

    Examples
    --------
    >>> import tempfile
    >>> from inlay.sinks.files import Files
    >>> Files(tempfile.mkdtemp(), max_file_age=600.0).name
    'files'
    """

    name = "files"

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        max_file_bytes: int = 64 << 20,
        max_file_age: float = 3600.0,
        retention: float | None = None,
        grace: float = 900.0,
        compression: str = "zstd",
    ) -> None:
        if max_file_bytes < 1:
            message = f"max_file_bytes must be at least 1, got {max_file_bytes}"
            raise InvalidArgumentError(message)
        for key, value in (
            ("max_file_age", max_file_age),
            ("retention", retention),
            ("grace", grace),
        ):
            if value is not None and (math.isnan(value) or value < 0.0):
                message = f"{key} must be 0 seconds or more, got {value}"
                raise InvalidArgumentError(message)
        if compression not in _CODECS:
            message = f"compression must be one of {', '.join(_CODECS)}, got {compression!r}"
            raise InvalidArgumentError(message)
        # Absolute, so that a host that changes its working directory keeps writing here.
        self.directory = Path(directory).absolute()
        self._max_file_bytes = max_file_bytes
        self._max_file_age_us = max_file_age * 1e6
        self._retention = retention
        self._grace = grace
        self._compression = compression
        self._observer: weakref.ref[Any] | None = None
        self._forget()

    def _forget(self) -> None:
        self._origin = ""
        self._lock: Lock | None = None
        self._streams: dict[str, _Stream] = {}
        self._written: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._pending: list[tuple[str, Piece]] = []
        self._untidy: set[str] = set()
        self._rest_until = -math.inf
        self._upkeep_fails = False
        self._now_us = 0
        self._totals = {"bytes": 0, "files": 0, "parquet_bytes": 0, "upkeep_errors": 0}

    def __repr__(self) -> str:
        """Return the directory and the limits."""
        return (
            f"inlay.sinks.Files({str(self.directory)!r}, max_file_bytes={self._max_file_bytes}, "
            f"max_file_age={self._max_file_age_us / 1e6:g}, retention={self._retention})"
        )

    def attach(self, observer: Any) -> None:
        """Take the observer that is told when upkeep fails; it is held weakly."""
        self._observer = weakref.ref(observer)

    def stats(self) -> Mapping[str, float]:
        """Return running totals since `open`.

        Returns
        -------
        mapping of str to float
            ``bytes`` appended to streams, ``files`` begun (streams and Parquet), ``parquet_bytes``
            written by conversion and merging, ``upkeep_errors``.
        """
        return dict(self._totals)

    def open(self, resource: Mapping[str, str], origin: int) -> None:  # noqa: ARG002
        """Begin as a writer of the directory.

        In a forked child the files inherited are the parent's: they are let go, not touched.

        Parameters
        ----------
        resource : mapping of str to str
            Not used: rows carry it.
        origin : int
            Names this writer's files.

        Raises
        ------
        InvalidArgumentError
            If another sink writes this directory for the same observer.
        OSError
            If the directory cannot be made.
        """
        for stream in self._streams.values():
            stream.growing.close()
        if self._lock is not None:
            self._lock.forget()
        self._forget()
        self._origin = origin_hex(origin)
        self._hold_directory()
        # Loads pyarrow now, so that the first window does not wait for that.
        import inlay._files.stream  # noqa: F401

    def write(self, batch: Batch) -> None:
        """Append a window; seal and convert what is due.

        A batch that comes again after a failure is appended only where it is missing.

        Parameters
        ----------
        batch : Batch
            The tables of the window.

        Raises
        ------
        InvalidArgumentError
            If a table's name is no plain identifier.
        OSError
            If something could not be written. All files are as before, and the tables that could
            be written have the window.
        """
        self._hold_directory()
        self._now_us = max(self._now_us, batch.observed_time_us)
        failure: Exception | None = None
        for name, table in batch.items():
            if table.num_rows == 0 or self._written.get(name, -1) >= batch.window_seq:
                continue
            try:
                self._append(name, table.to_pyarrow(), batch)
            except Exception as error:
                failure = failure or error
            else:
                self._written[name] = batch.window_seq
        self._upkeep()
        if failure is not None:
            raise failure

    def close(self, deadline: float) -> None:
        """Seal the streams and convert them as far as the time allows.

        What is not converted stays readable, and ``inlay compact`` converts it.

        Parameters
        ----------
        deadline : float
            As `time.monotonic` counts.
        """
        try:
            for name in list(self._streams):
                self._seal(name)
            self._convert(deadline)
        except Exception as error:
            self._upkeep_failed(error)
        for stream in self._streams.values():
            stream.growing.close()
        self._streams.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _hold_directory(self) -> None:
        """Make the directory, its marker and our lock, also after somebody removed them."""
        if self._lock is not None and self._lock.intact():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        write_marker(self.directory)
        if self._lock is not None:
            self._lock.forget()
            self._lock = None
        lock = Lock(self.directory / "locks" / f"{self._origin}.lock")
        if not lock.acquire():
            message = f"another sink of this observer writes to {str(self.directory)!r}"
            raise InvalidArgumentError(message)
        self._lock = lock

    def _append(self, name: str, rows: pa.Table, batch: Batch) -> None:
        stream = self._streams.get(name)
        if stream is not None and not stream.growing.writer.schema.equals(rows.schema):
            self._seal(name)
            stream = None
        if stream is None:
            stream = self._begin(name, rows.schema, batch)
        before = stream.growing.num_bytes
        try:
            message = stream.growing.writer.encode(rows, batch.window_seq, batch.observed_time_us)
            stream.growing.append(message)
        except Exception as error:
            if isinstance(error, FileNotFoundError) or before == 0:
                # Gone, or never begun: nothing of it is worth keeping.
                del self._streams[name]
                stream.growing.discard()
            raise
        stream.last = batch.window_seq
        stream.row_bytes += rows.nbytes
        self._totals["bytes"] += stream.growing.num_bytes - before

    def _begin(self, name: str, schema: pa.Schema, batch: Batch) -> _Stream:
        from inlay._files.stream import Growing, StreamWriter

        if not is_table_name(name):
            message = f"a table that is stored needs a plain identifier as its name, got {name!r}"
            raise InvalidArgumentError(message)
        codec = None if self._compression == "none" else self._compression
        writer = StreamWriter(schema, codec)
        while True:
            number = self._numbers.get(name, 0)
            path = self.directory / name / "live" / live_name(self._origin, number)
            self._numbers[name] = number + 1
            try:
                growing = Growing(path, writer)
            except FileExistsError:
                continue
            break
        stream = _Stream(growing, batch.window_seq, batch.observed_time_us)
        self._streams[name] = stream
        self._totals["files"] += 1
        return stream

    def _upkeep(self) -> None:
        """Seal, convert, merge and remove what is due; failures are counted, never raised."""
        clock = time.monotonic()
        if clock < self._rest_until:
            return
        try:
            for name, stream in list(self._streams.items()):
                age = self._now_us - stream.first_observed_us
                if stream.row_bytes >= self._max_file_bytes or age >= self._max_file_age_us:
                    self._seal(name)
            self._convert(math.inf)
        except Exception as error:
            self._rest_until = clock + _UPKEEP_PAUSE
            self._upkeep_failed(error)
        else:
            self._upkeep_fails = False

    def _seal(self, name: str) -> None:
        """Give a stream its final name; it then waits for its conversion."""
        from inlay._files.parquet import sync_folder

        stream = self._streams[name]
        target = sealed_path(self.directory, name, self._origin, stream.first, stream.last)
        try:
            stream.growing.finish()
            target.parent.mkdir(parents=True, exist_ok=True)
            stream.growing.path.rename(target)
        except FileNotFoundError:  # removed by somebody: there is nothing left to seal
            stream.growing.close()
            del self._streams[name]
            raise
        stream.growing.close()
        del self._streams[name]
        self._pending.append((name, Piece(self._origin, stream.first, stream.last, "", target)))
        sync_folder(target.parent)

    def _convert(self, deadline: float) -> None:
        if not self._pending and not self._untidy:
            return
        from inlay._files.parquet import convert

        while self._pending and time.monotonic() < deadline:
            name, piece = self._pending[0]
            if piece.path.exists():
                self._count(convert(piece, self.directory, name, compression=self._compression))
                self._untidy.add(name)
            self._pending.pop(0)
        # A merge is the longest step, and nobody waits for it: leave it out when in a hurry.
        if deadline == math.inf:
            for name in list(self._untidy):
                self._tidy(name)
                self._untidy.discard(name)

    def _tidy(self, name: str) -> None:
        from inlay._files import compaction

        merged = compaction.merge_small(
            self._own_parquet(name),
            self.directory,
            name,
            at_least=_MERGE_FILES,
            compression=self._compression,
        )
        self._count(merged)
        now = time.time()
        compaction.remove_covered(self._own_parquet(name), self._grace, now)
        if self._retention is not None:
            # A clock that is set ahead must not take everything with it.
            now = min(now, self._now_us / 1e6)
            compaction.remove_expired(self.directory, self._retention, now)

    def _count(self, made: list[Piece]) -> None:
        for piece in made:
            self._totals["files"] += 1
            self._totals["parquet_bytes"] += piece.path.stat().st_size

    def _own_parquet(self, name: str) -> list[Piece]:
        files = list_table(self.directory / name)
        return [piece for piece in files.parquet if piece.origin == self._origin]

    def _upkeep_failed(self, error: Exception) -> None:
        self._totals["upkeep_errors"] += 1
        observer = None if self._observer is None else self._observer()
        if observer is None or self._upkeep_fails:
            return
        self._upkeep_fails = True
        observer.event(
            "inlay.files.upkeep_failed",
            severity="warn",
            body=f"{type(error).__name__}: {error}",
            layer="self",
            sink=self.name,
        )


class _Stream:
    """A growing stream and what it holds. Not thread-safe."""

    __slots__ = ("first", "first_observed_us", "growing", "last", "row_bytes")

    def __init__(self, growing: Growing, first: int, first_observed_us: int) -> None:
        self.growing = growing
        self.first = first
        self.last = first
        self.first_observed_us = first_observed_us
        self.row_bytes = 0
