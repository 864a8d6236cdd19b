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
from inlay.drift.settings import differences
from inlay.drift.stored import stored_verdicts
from inlay.drift.verdict_rows import UNDEFINED

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
        The newest verdict of each series and method that is yes or no, of earlier runs too; where
        there never was one, the newest that is undefined.
    undefined : pyarrow.Table
        Of those that were undefined since, the newest: the reason, and until when.
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
    undefined: pa.Table
    rows: int
    pending: int
    too_late: int
    notes: tuple[str, ...]

    @property
    def drifts(self) -> bool:
        """Whether a new verdict, or the newest of a series that is yes or no, says yes."""
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
        self._anew = False

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
        """Begin anew: the next run judges everything, and its verdicts supersede earlier ones.

        Nothing is gone before they are there.
        """
        self._anew = True

    def run(self, *, dry: bool = False) -> Judged:
        """Judge what is new.

        Parameters
        ----------
        dry : bool
            Write nothing, neither verdicts nor state; this needs no leader. Where the state is of
            other judges or another scope, everything is judged from the start.

        Returns
        -------
        Judged

        Raises
        ------
        InvalidArgumentError
            If the state is of other judges or another scope and the run is not dry, or points
            cannot be judged.
        SerializationError
            If the state or a file is damaged, or a newer version wrote it; the message names it.
        OSError
            If something cannot be read or written.
        """
        notes: list[str] = []
        state = self._load(notes, dry=dry)
        if state is None:
            state = self._new(dry=dry)
        elif not dry:  # the last run may have died before this
            state = self._settle(state, notes)
        judges = ScopedJudges(
            self._judges,
            scope=self._scope,
            references=self._references,
            idle_us=self._idle_us,
            origin=state.origin,
        )
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
        if not dry and (rows or verdicts.num_rows or self._anew):
            names, blobs = judges.state()
            sequence = state.sequence + (1 if verdicts.num_rows else 0)
            outbox = verdicts if verdicts.num_rows else None
            state = _State(
                state.origin,
                sequence,
                now,
                replay.position,
                names,
                blobs,
                latest,
                outbox,
                state.superseded,
            )
            self._save(state)
            self._anew = False
            self._settle(state, notes)
        notes += replay.notes
        standing, undefined = _standing(latest)
        return Judged(
            verdicts, standing, undefined, rows, judges.pending, judges.too_late, tuple(notes)
        )

    def _settle(self, state: _State, notes: list[str]) -> _State:
        """Do what a state says that is left to do: verdicts to write, and to remove."""
        from inlay._files.compaction import remove_origins

        if state.outbox is not None:
            state = self._deliver(state)
        if state.superseded:
            if remove_origins(self.directory, "verdicts", state.superseded):
                state = state._replace(superseded=())
                self._save(state)
            else:
                notes.append(
                    "verdicts of earlier runs are still there, since a compaction is running: the "
                    "next run removes them"
                )
        return state

    def _deliver(self, state: _State) -> _State:
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
        state = state._replace(outbox=None)
        self._save(state)
        return state

    def _save(self, state: _State) -> None:
        from inlay._container import pack, write_file
        from inlay._files.parquet import sync_folder

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
            "superseded": list(state.superseded),
        }
        tables = [state.latest] if state.outbox is None else [state.latest, state.outbox]
        blobs = [*map(_stream, tables), *state.blobs]
        self._path.parent.mkdir(exist_ok=True)
        write_file(self._path, pack(header, blobs, magic=_MAGIC))
        sync_folder(self._path.parent)

    def _new(self, *, dry: bool) -> _State:
        """Begin anew, as an origin of its own; what other judges of the directory said is void."""
        from inlay.table import arrow_schema

        origin = int.from_bytes(os.urandom(8), "big", signed=True)
        empty = arrow_schema("verdicts").empty_table()
        superseded = () if dry else self._earlier()
        return _State(origin, -1, 0, {}, [], [], empty, None, superseded)

    def _earlier(self) -> tuple[str, ...]:
        """Return the origins of verdicts that no process gave about itself."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from inlay._files.layout import origin_hex

        verdicts = stored_verdicts(self.directory, ("origin", "scope"))
        of_judges = pc.is_in(verdicts["scope"], pa.array(_SCOPES))
        return tuple(map(origin_hex, pc.unique(verdicts["origin"].filter(of_judges)).to_pylist()))

    def _load(self, notes: list[str], *, dry: bool) -> _State | None:
        """Return what an earlier run left; None if there is nothing to go on from."""
        from inlay._container import read_file, unpack

        if self._anew:
            return None
        try:
            data = read_file(self._path)
        except FileNotFoundError:
            return None
        where = str(self._path)
        header, blobs = unpack(data, where, magic=_MAGIC, what="state of a judge of a directory")
        if header.get("version") != _VERSION:
            message = (
                f"{where}: its version is {header.get('version')!r}, this inlay knows {_VERSION}"
            )
            raise SerializationError(message)
        other = self._other(header)
        if other is not None:
            if dry:
                notes.append(f"everything is judged from the start: {where} is {other}")
                return None
            message = (
                f"{where} is {other}\nBegin anew (--fresh), look without writing (--dry-run), or "
                "judge as before"
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
                tuple(str(origin) for origin in header.get("superseded", ())),
            )
        except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
            message = f"{where}: its parts contradict one another: {error!r}"
            raise SerializationError(message) from error

    def _other(self, header: dict[str, Any]) -> str | None:
        """Tell how a state is none of these judges' and scope; None if it is theirs."""
        if header.get("scope") != self._scope:
            return f"of scope {header.get('scope')}, not {self._scope}"
        was, now = header.get("judges"), self._described()
        if was == now:
            return None
        try:
            return "\n  ".join(["of other judges", *differences(was or (), now)])
        except (TypeError, ValueError):
            return "of other judges"

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
    superseded: tuple[str, ...]


def judge_directory(
    directory: str | os.PathLike[str],
    judges: Any = None,
    *,
    reference: Any = None,
    scope: str = "fleet",
    idle: float = 900.0,
    dry: bool = False,
    fresh: bool = False,
) -> Judged | str:
    """Judge once what is new in a directory, as ``inlay judge`` does.

    Parameters
    ----------
    directory, judges, reference, scope, idle
        As for `inlay.backtest`; `scope` is ``"fleet"`` or ``"host"``.
    dry : bool, default False
        Write nothing.
    fresh : bool, default False
        Judge everything anew; the verdicts supersede those of earlier runs.

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
    if fresh:
        judge.forget()
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
    """Keep of each series, method and judge the newest verdict, and the newest yes or no."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pa.concat_tables(tables)
    order, codes = _by_age(rows)
    is_decided = pc.not_equal(rows["verdict"], UNDEFINED).to_numpy()
    kept = [of[np.diff(codes[of], append=-1) != 0] for of in (order, order[is_decided[order]])]
    return rows.take(pa.array(np.union1d(*kept)))


def _standing(latest: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Tell the verdicts that stand from those that were undefined since."""
    import numpy as np
    import pyarrow as pa

    order, codes = _by_age(latest)
    stands = np.diff(codes[order], prepend=-1) != 0
    standing, undefined = (latest.take(pa.array(np.sort(order[of]))) for of in (stands, ~stands))
    return standing, undefined


def _by_age(rows: pa.Table) -> tuple[Any, Any]:
    """Return rows by series, method and judge, the oldest first, and the number of each's."""
    import numpy as np
    import pyarrow as pa

    from inlay.drift.keys import codes_of, distinct

    if not rows.num_rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    texts = [distinct(rows[name])[1] for name in ("attrs", "method", "judge", "resource")]
    codes = codes_of(*texts, rows["series_id"].to_numpy())
    times = rows["time"].cast(pa.int64()).to_numpy()
    return np.lexsort((rows["revision"].to_numpy(), times, codes)), codes


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
