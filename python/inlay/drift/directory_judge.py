"""Judging what is new in a directory, by one process at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay._files.locks import Lock
from inlay.drift.references import References
from inlay.drift.replay import Replay
from inlay.drift.run import ScopedJudges

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DirectoryJudge", "Judged", "judge_directory"]

_MAGIC = b"INLAYJDG"
_VERSION = 1
_SCOPES = ("host", "fleet")


class Judged(NamedTuple):
    """What a run found.

    Attributes
    ----------
    verdicts : pyarrow.Table
        New ones.
    latest : pyarrow.Table
        The newest verdict of each series and method, of earlier runs too.
    rows : int
        Points that were read.
    pending : int
        Points of windows that still wait for a process.
    too_late : int
        Points left out, in all runs, since their window is forgotten.
    notes : tuple of str
        What could not be read.
    """

    verdicts: pa.Table
    latest: pa.Table
    rows: int
    pending: int
    too_late: int
    notes: tuple[str, ...]

    @property
    def drifts(self) -> bool:
        """Whether a new verdict, or the newest of a series, says yes."""
        import pyarrow.compute as pc

        return any(
            bool(pc.any(pc.equal(table["verdict"], "yes")).as_py())
            for table in (self.verdicts, self.latest)
        )


class DirectoryJudge:
    """Judges the points of a directory that it has not judged yet, and writes the verdicts there.

    Its state lies in the folder ``judge`` of the directory. Whoever holds its lock is the leader;
    others do nothing. A run that is killed is made up for by the next one, and no verdict is lost
    or there twice. Not thread-safe.

    Parameters
    ----------
    directory : Path
        Of tables.
    judges : sequence of judges
        As they begin.
    scope : {"fleet", "host"}
        Whose rows are added up.
    references : References, optional
        Instead of those that the points bring.
    idle : float
        Seconds without a row after which nobody waits for a process.
    now_us : callable, optional
        The clock, Unix microseconds.

    Raises
    ------
    FileNotFoundError
        If there is no such directory.
    InvalidArgumentError
        If the scope is none.
    """

    def __init__(
        self,
        directory: Path,
        judges: Sequence[Any],
        *,
        scope: str = "fleet",
        references: References | None = None,
        idle: float = 900.0,
        now_us: Callable[[], int] | None = None,
    ) -> None:
        if not directory.is_dir():
            message = "no such directory"
            raise FileNotFoundError(2, message, str(directory))
        if scope not in _SCOPES:
            message = f"scope must be one of {', '.join(_SCOPES)}: {scope!r}"
            raise InvalidArgumentError(message)
        self.directory = directory
        self._judges, self._scope = tuple(judges), scope
        self._references, self._idle_us = references, int(idle * 1e6)
        self._now_us = now_us or (lambda: time.time_ns() // 1000)
        self._path = directory / "judge" / "state"
        self._lock = Lock(directory / "locks" / "judge.lock")

    def lead(self) -> str | None:
        """Become the leader.

        Returns
        -------
        str or None
            Who the leader is, if it is another one.

        Raises
        ------
        OSError
            If the file system knows no locks, or the file cannot be made.
        """
        if not self._lock.acquire():
            try:
                return self._lock.path.read_text("utf-8").strip() or "another process"
            except OSError:
                return "another process"
        self._lock.path.write_text(f"process {os.getpid()} on {os.uname().nodename}\n", "utf-8")
        return None

    def resign(self) -> None:
        """Let others lead."""
        self._lock.release()

    def forget(self) -> None:
        """Begin anew: the next run judges everything, as an origin of its own."""
        self._path.unlink(missing_ok=True)

    def run(self, *, dry: bool = False) -> Judged:
        """Judge what is new.

        Parameters
        ----------
        dry : bool
            Write nothing, neither verdicts nor state; this needs no leader.

        Returns
        -------
        Judged

        Raises
        ------
        InvalidArgumentError
            If the state is of other judges or another scope, or points cannot be judged.
        SerializationError
            If the state or a file is damaged, or a newer version wrote it; the message names it.
        OSError
            If something cannot be read or written.
        """
        state = self._load()
        judges = ScopedJudges(
            self._judges,
            scope=self._scope,
            references=self._references,
            idle_us=self._idle_us,
            origin=state.origin,
        )
        if state.outbox is not None and not dry:  # the last run may have died before this
            self._deliver(state)
        replay = Replay(self.directory, after=state.position)
        judges.add_references(replay.references())
        judges.load(state.parts, state.blobs)
        rows = 0
        parts: list[pa.Table] = []
        for points in replay:
            rows += points.num_rows
            parts += judges.judge(points)
        now = self._now_us()
        parts += judges.advance(now)
        verdicts = _emitted(parts, now, state.origin)
        latest = _latest([state.latest, verdicts])
        if not dry and (rows or verdicts.num_rows):
            names, blobs = judges.state()
            sequence = state.sequence + (1 if verdicts.num_rows else 0)
            outbox = verdicts if verdicts.num_rows else None
            state = _State(
                state.origin, sequence, now, replay.position, names, blobs, latest, outbox
            )
            self._save(state)
            if outbox is not None:
                self._deliver(state)
        return Judged(verdicts, latest, rows, judges.pending, judges.too_late, tuple(replay.notes))

    def _deliver(self, state: _State) -> None:
        """Write the verdicts of the outbox, perhaps again: readers take a window once."""
        from inlay.sinks.files import Files
        from inlay.table import Batch

        sink = Files(self.directory)
        sink.open({}, state.origin)
        try:
            sink.write(
                Batch.from_tables(
                    {"verdicts": state.outbox},
                    window_seq=state.sequence,
                    origin=state.origin,
                    observed_time_us=state.now_us,
                )
            )
        finally:
            sink.close(time.monotonic() + 60.0)
        self._save(state._replace(outbox=None))

    def _save(self, state: _State) -> None:
        from inlay._files.parquet import sync_folder
        from inlay.data.profile_file import pack, write_file

        header = {
            "version": _VERSION,
            "scope": self._scope,
            "judges": self._described(),
            "origin": state.origin,
            "sequence": state.sequence,
            "now": state.now_us,
            "position": sorted(state.position.items()),
            "parts": state.parts,
            "has_outbox": state.outbox is not None,
        }
        tables = [state.latest] if state.outbox is None else [state.latest, state.outbox]
        blobs = [*map(_stream, tables), *state.blobs]
        self._path.parent.mkdir(exist_ok=True)
        write_file(self._path, pack(header, blobs, magic=_MAGIC))
        sync_folder(self._path.parent)

    def _load(self) -> _State:
        from inlay.data.profile_file import read_file, unpack
        from inlay.table import arrow_schema

        try:
            data = read_file(self._path)
        except FileNotFoundError:
            origin = int.from_bytes(os.urandom(8), "big", signed=True)
            empty = arrow_schema("verdicts").empty_table()
            return _State(origin, -1, 0, {}, [], [], empty, None)
        where = str(self._path)
        header, blobs = unpack(data, where, magic=_MAGIC, what="state of a judge of a directory")
        if header.get("version") != _VERSION:
            message = (
                f"{where}: its version is {header.get('version')!r}, this inlay knows {_VERSION}"
            )
            raise SerializationError(message)
        for name, mine in (("scope", self._scope), ("judges", self._described())):
            if header.get(name) != mine:
                message = (
                    f"{where} is of another judge, begin anew or judge as before: its {name} "
                    f"is {header.get(name)!r}, now it is {mine!r}"
                )
                raise InvalidArgumentError(message)
        try:
            count = 2 if header["has_outbox"] else 1
            tables = [_table(blob) for blob in blobs[:count]]
            return _State(
                int(header["origin"]),
                int(header["sequence"]),
                int(header["now"]),
                {int(origin): int(last) for origin, last in header["position"]},
                [str(part) for part in header["parts"]],
                list(blobs[count:]),
                tables[0],
                tables[1] if count == 2 else None,
            )
        except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
            message = f"{where}: its parts contradict one another: {error!r}"
            raise SerializationError(message) from error

    def _described(self) -> list[list[str]]:
        return [[type(judge).__name__, judge.version, repr(judge)] for judge in self._judges]


class _State(NamedTuple):
    origin: int
    sequence: int
    now_us: int
    position: dict[int, int]
    parts: list[str]
    blobs: list[bytes]
    latest: pa.Table
    outbox: pa.Table | None


def judge_directory(
    directory: str | os.PathLike[str],
    judges: Any = None,
    *,
    reference: Any = None,
    scope: str = "fleet",
    idle: float = 900.0,
    dry: bool = False,
) -> Judged | str:
    """Judge once what is new in a directory, as ``inlay judge`` does.

    Parameters
    ----------
    directory, judges, reference, scope, idle
        As for `inlay.backtest`; `scope` is ``"fleet"`` or ``"host"``.
    dry : bool, default False
        Write nothing.

    Returns
    -------
    Judged or str
        Who is at it, if another process is.
    """
    from inlay.drift.run import checked_judges

    references = None if reference is None else References.of(reference)
    judge = DirectoryJudge(
        Path(directory), checked_judges(judges), scope=scope, references=references, idle=idle
    )
    if dry:
        return judge.run(dry=True)
    leader = judge.lead()
    if leader is not None:
        return leader
    try:
        return judge.run()
    finally:
        judge.resign()


def _emitted(parts: list[pa.Table], now_us: int, origin: int) -> pa.Table:
    """Join verdicts as rows that this judge emits now."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    schema = arrow_schema("verdicts")
    if not parts:
        return schema.empty_table()
    table = pa.concat_tables([part.cast(schema) for part in parts])
    for name, value in (("observed_time", now_us), ("origin", origin)):
        place = schema.get_field_index(name)
        scalar = pa.scalar(value, pa.int64()).cast(schema.field(name).type)
        table = table.set_column(place, schema.field(name), pa.repeat(scalar, table.num_rows))
    return table


def _latest(tables: list[pa.Table]) -> pa.Table:
    """Keep the newest verdict of each series, method and judge."""
    import numpy as np
    import pyarrow as pa

    from inlay.drift.keys import codes_of, distinct

    rows = pa.concat_tables(tables)
    if rows.num_rows == 0:
        return rows
    texts = [distinct(rows[name])[1] for name in ("attrs", "method", "judge", "resource")]
    codes = codes_of(*texts, rows["series_id"].to_numpy())
    times = rows["time"].cast(pa.int64()).to_numpy()
    order = np.lexsort((rows["revision"].to_numpy(), times, codes))
    last = np.append(np.diff(codes[order]) != 0, True)
    return rows.take(pa.array(np.sort(order[last])))


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _table(data: bytes) -> pa.Table:
    import pyarrow as pa

    from inlay.table import arrow_schema

    try:
        return pa.ipc.open_stream(data).read_all().cast(arrow_schema("verdicts"))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
