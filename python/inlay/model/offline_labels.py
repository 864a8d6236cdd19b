"""Labels joined to the predictions that a directory holds: the rows that a live join would give."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay._files.locks import Lock
from inlay.model.offline_join import OfflineJoin
from inlay.model.stored_predictions import read_predictions

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["JoinedOffline", "OfflineLabels"]

_MAGIC = b"INLAYLBL"
_VERSION = 1


class JoinedOffline(NamedTuple):
    """What a run joined.

    Attributes
    ----------
    name : str
        The quality.
    points : pyarrow.Table
        The rows written: deltas of what is new, and figures of all that is known of its panes.
    predictions : int
        With an id of their own.
    labels : int
        Labels read.
    joined : int
        Of these, those that found their prediction.
    known : int
        Predictions with a label from files, those of earlier runs included.
    apart : dict of str to int
        The other labels, by reason: ``null_ids``, ``null_labels``, ``orphan_labels`` (no such
        prediction), ``duplicate_labels``, ``conflicting_labels``, ``bad_label`` (none of the task);
        and predictions: ``duplicate_predictions``, ``nan_score``, ``out_of_range``.
    panes : int
        Panes that changed.
    notes : tuple of str
        What could not be read.
    """

    name: str
    points: pa.Table
    predictions: int
    labels: int
    joined: int
    known: int
    apart: dict[str, int]
    panes: int
    notes: tuple[str, ...]


class OfflineLabels:
    """Joins labels to the predictions of a directory, once each, and writes what follows there.

    Which labels were joined is kept in the table ``labels``, so that a run with labels of earlier
    ones adds nothing twice. What a run writes is set down before in ``label/state``: one that was
    killed is made up for by the next. Not thread-safe; of several processes one is at it.

    Parameters
    ----------
    directory : Path
        What `inlay.sinks.Files` writes, with the table ``predictions``.
    name : str, optional
        Of the quality; not needed if the directory holds the predictions of one.

    Raises
    ------
    FileNotFoundError
        If there is no such directory.
    """

    def __init__(self, directory: Path, *, name: str | None = None) -> None:
        if not directory.is_dir():
            message = "no such directory"
            raise FileNotFoundError(2, message, str(directory))
        self.directory = directory
        self._name = name
        self._path = directory / "label" / "state"
        self._lock = Lock(directory / "locks" / "label.lock")

    def run(
        self,
        labels: pa.Table,
        *,
        id: str = "id",
        outcome: str = "outcome",
        time_column: str | None = None,
        dry: bool = False,
    ) -> JoinedOffline:
        """Join labels.

        Parameters
        ----------
        labels : pyarrow.Table
        id, outcome : str
            The columns of ids, of the type that was predicted with, and of what turned out to be
            true.
        time_column : str, optional
            When each label was given: of two of one id the earlier stands. Without it the first
            in order.
        dry : bool
            Write nothing.

        Returns
        -------
        JoinedOffline

        Raises
        ------
        InvalidArgumentError
            If a column is not there, there are no predictions of that name, or of several names
            and none is given, or another process is at it.
        SerializationError
            If a file is damaged.
        TypeError
            If ids are neither integers, text nor bytes.
        OSError
            If something cannot be read or written.
        """
        if dry:
            return self._run(labels, id, outcome, time_column, self._load(), dry=True)
        if not self._lock.acquire():
            message = f"another process joins labels in {self.directory}"
            raise InvalidArgumentError(message)
        try:
            state = self._deliver(self._load())
            return self._run(labels, id, outcome, time_column, state, dry=False)
        finally:
            self._lock.release()

    def _run(
        self,
        labels: pa.Table,
        id_name: str,
        outcome: str,
        when: str | None,
        state: _State,
        *,
        dry: bool,
    ) -> JoinedOffline:
        now = time.time_ns() // 1000
        given = _in_order(labels, id_name, outcome, when)
        known = read_predictions(self.directory, self._name, state.origin)
        join = OfflineJoin(known, given[id_name], given[outcome])
        sequence = state.sequence + 1
        points = join.points(origin=state.origin, sequence=sequence, now=now)
        joined = len(join.fresh)
        if joined and not dry:
            answers = join.answers(origin=state.origin, now=now)
            state = state._replace(sequence=sequence, now_us=now, outbox=(points, answers))
            self._save(state)
            self._deliver(state)
        return JoinedOffline(
            known.name,
            points,
            join.predictions,
            given.num_rows,
            joined,
            len(join.before) + joined,
            join.apart,
            len(join.fresh.groups),
            known.notes,
        )

    # ---- what is kept between runs -------------------------------------------------------------
    def _deliver(self, state: _State) -> _State:
        """Write what is in the outbox, perhaps again: readers take a window once."""
        from inlay.sinks.files import Files
        from inlay.table import Batch

        if state.outbox is None:
            return state
        sink = Files(self.directory)
        sink.open({}, state.origin)
        try:
            sink.write(
                Batch.from_tables(
                    {"points": state.outbox[0], "labels": state.outbox[1]},
                    window_seq=state.sequence,
                    origin=state.origin,
                    observed_time_us=state.now_us,
                )
            )
        finally:
            sink.close(time.monotonic() + 60.0)
        state = state._replace(outbox=None)
        self._save(state)
        return state

    def _save(self, state: _State) -> None:
        from inlay._container import pack, write_file
        from inlay._files.parquet import sync_folder

        header = {
            "version": _VERSION,
            "origin": state.origin,
            "sequence": state.sequence,
            "now": state.now_us,
        }
        blobs = [] if state.outbox is None else [_stream(table) for table in state.outbox]
        self._path.parent.mkdir(exist_ok=True)
        write_file(self._path, pack(header, blobs, magic=_MAGIC))
        sync_folder(self._path.parent)

    def _load(self) -> _State:
        import pyarrow as pa

        from inlay._container import read_file, unpack

        try:
            data = read_file(self._path)
        except FileNotFoundError:
            return _new_state()
        where = str(self._path)
        header, blobs = unpack(data, where, magic=_MAGIC, what="state of joined labels")
        if header.get("version") != _VERSION:
            message = (
                f"{where}: its version is {header.get('version')!r}, this inlay knows {_VERSION}"
            )
            raise SerializationError(message)
        try:
            tables = [pa.ipc.open_stream(blob).read_all() for blob in blobs]
            outbox = (tables[0], tables[1]) if tables else None
            return _State(
                int(header["origin"]), int(header["sequence"]), int(header["now"]), outbox
            )
        except (KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
            message = f"{where}: its parts contradict one another: {error!r}"
            raise SerializationError(message) from error


class _State(NamedTuple):
    origin: int
    sequence: int
    now_us: int
    outbox: tuple[pa.Table, pa.Table] | None


def _new_state() -> _State:
    origin = int.from_bytes(os.urandom(8), "big", signed=True)
    return _State(origin, -1, 0, None)


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _in_order(labels: pa.Table, id_name: str, outcome: str, when: str | None) -> pa.Table:
    """Return the labels in the order in which they stand: that of their times, else as they are."""
    for name in (id_name, outcome, when):
        if name is not None and name not in labels.column_names:
            message = f"the labels have no column {name!r}, but {labels.column_names}"
            raise InvalidArgumentError(message)
    return labels if when is None else labels.sort_by([(when, "ascending")])
