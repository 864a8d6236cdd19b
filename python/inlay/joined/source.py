"""Where rows come from: the last windows of an observer, or a directory of tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from inlay.joined.entity import entity_of, members
from inlay.joined.intervals import Interval

if TYPE_CHECKING:
    from pathlib import Path

    from inlay._files.slices import Decoded
    from inlay.joined.scoring import Focus
    from inlay.table import Batch

__all__ = ["EVENT_COLUMNS", "FileSource", "RecentSource", "Source", "Wanted", "filtered"]

EVENT_COLUMNS = (
    "time",
    "end_time",
    "origin",
    "layer",
    "name",
    "severity",
    "body",
    "attrs",
    "resource",
    "trace_id",
)
"""What is read of events; the same each time, so that a file is decoded once."""

# Files lie by the date on which rows were emitted. Rows of a stream of data may come late, and a
# clock may be ahead of another: so many days around are read.
_DAYS_BEFORE, _DAYS_AFTER = 1, 2
_DAY_US = 86_400_000_000


class Wanted(NamedTuple):
    """Which rows.

    Attributes
    ----------
    within : Interval or None
        Those that meet it; of an event without an end, its instant.
    column, values : str or None, tuple
        Those that have one of the values in the column, or start with the only one if `prefix`.
    prefix : bool
    """

    within: Interval | None = None
    column: str | None = None
    values: tuple[Any, ...] = ()
    prefix: bool = False


class Source(Protocol):
    """Where rows come from."""

    @property
    def place(self) -> str:
        """How an error calls it."""

    @property
    def notes(self) -> Sequence[str]:
        """What could not be read."""

    def read(self, name: str, columns: Sequence[str] | None, wanted: Wanted) -> pa.Table | None:
        """Return rows of a table; None if there is none of that name."""

    def extent(self) -> Interval | None:
        """Return from when to when there are windows; None if there are none."""

    def hosts(self, within: Interval) -> frozenset[str]:
        """Return the hosts of the processes that wrote points, as far as they are known."""

    def look_near(self, focus: Focus, within: Interval) -> None:
        """Leave out, from now on, the points of processes on hosts that are not looked at."""


class RecentSource:
    """Reads the windows that an observer keeps. Not thread-safe; made for one question.

    Parameters
    ----------
    batches : sequence of Batch
        Oldest first.
    place : str
        How far back they are kept, as an error calls it.
    """

    notes: Sequence[str] = ()

    def __init__(self, batches: Sequence[Batch], place: str) -> None:
        self._batches = batches
        self._place = place
        self._joined: dict[str, pa.Table | None] = {}

    @property
    def place(self) -> str:
        """How an error calls it."""
        return f"{self._place} ({len(self._batches)} windows)"

    def extent(self) -> Interval | None:
        """Return from when to when there are windows."""
        if not self._batches:
            return None
        return Interval(
            min(batch.start_time_us for batch in self._batches),
            max(batch.time_us for batch in self._batches),
        )

    def hosts(self, within: Interval) -> frozenset[str]:
        """Return the hosts of the processes that wrote points, as far as they are known."""
        points = self.read("points", ("time", "start_time", "resource"), Wanted(within=within))
        texts = [] if points is None else points["resource"].unique().to_pylist()
        found = {entity_of({}, members(text or "{}")).host for text in texts}
        return frozenset(host for host in found if host is not None)

    def look_near(self, focus: Focus, within: Interval) -> None:
        """Do nothing: all windows are of one process."""

    def read(self, name: str, columns: Sequence[str] | None, wanted: Wanted) -> pa.Table | None:
        """Return rows of a table."""
        if name not in self._joined:
            self._joined[name] = self._join(name)
        rows = self._joined[name]
        if rows is None:
            return _nothing(name, columns)
        if columns is not None:
            have = set(rows.column_names)
            rows = rows.select([column for column in columns if column in have])
        return filtered(rows, wanted)

    def _join(self, name: str) -> pa.Table | None:
        found = [batch.get(name) for batch in self._batches]
        parts = [table.to_pyarrow() for table in found if table is not None and table.num_rows]
        if not parts:
            return None
        try:
            return pa.concat_tables(parts)
        except pa.ArrowInvalid:  # a component's table whose columns changed
            return pa.concat_tables(parts, promote_options="permissive")


class FileSource:
    """Reads a directory that `inlay.sinks.Files` wrote. Not thread-safe; made for one question.

    Parameters
    ----------
    root : Path
        The directory.
    every_day : bool
        Whether files are opened that were written on other days than the rows are of.
    """

    def __init__(self, root: Path, *, every_day: bool = False) -> None:
        self._root = root
        self._every_day = every_day
        self._near: frozenset[str] | None = None
        self._notes: list[str] = []
        self._hosts: dict[tuple[int, int] | None, dict[str, str | None]] = {}
        # Growing files are decoded once for all that is read of a table.
        self._decoded: dict[tuple[str, ...], dict[Path, Decoded]] = {}

    @property
    def place(self) -> str:
        """How an error calls it."""
        return str(self._root)

    @property
    def notes(self) -> Sequence[str]:
        """What could not be read."""
        return tuple(dict.fromkeys(self._notes))

    def extent(self) -> Interval | None:
        """Return from when to when there are points, by what is read of their times."""
        points = self.read("points", ("time", "start_time"), Wanted())
        if points is None or points.num_rows == 0:
            return None
        start = pc.min(points["start_time"]).cast(pa.int64()).as_py()
        return Interval(start, pc.max(points["time"]).cast(pa.int64()).as_py())

    def hosts(self, within: Interval) -> frozenset[str]:
        """Return the hosts of the processes that wrote points, as far as they are known."""
        return frozenset(host for host in self._places(within).values() if host is not None)

    def look_near(self, focus: Focus, within: Interval) -> None:
        """Leave out the points of processes on other hosts, whose files are not even opened twice.

        Those of which the host is not known stay. Without a host to go by nothing is left out.
        """
        from inlay._files.layout import origin_hex

        ours = {origin_hex(origin) for origin in focus.origins}
        if not ours and not focus.hosts:
            return
        places = self._places(within)
        hosts = focus.hosts or {places.get(origin) for origin in ours} - {None}
        if hosts:
            self._near = frozenset(
                origin
                for origin, host in places.items()
                if origin in ours or host is None or host in hosts
            )

    def read(self, name: str, columns: Sequence[str] | None, wanted: Wanted) -> pa.Table | None:
        """Return rows of a table; whole files and row groups are left out where they cannot fit."""
        from inlay._files.slices import read_slice

        found = read_slice(
            self._root,
            name,
            columns=columns,
            days=None if wanted.within is None else self._days(wanted.within),
            filters=_filters(name, wanted),
            choose=lambda rows: filtered(rows, wanted),
            origins=self._near if name == "points" else None,
            decoded=self._decoded.setdefault((name, *(columns or ("*",))), {}),
        )
        self._notes.extend(found.notes)
        if not found.tables:
            return _nothing(name, columns) if found.known else None
        return pa.concat_tables(found.tables, promote_options="permissive")

    def _places(self, within: Interval) -> dict[str, str | None]:
        """Return the host of each process that wrote points."""
        from inlay._files.slices import first_texts

        days = self._days(within)
        if days not in self._hosts:
            texts = first_texts(self._root, "points", "resource", days)
            self._hosts[days] = {
                origin: entity_of({}, members(text or "{}")).host for origin, text in texts.items()
            }
        return self._hosts[days]

    def _days(self, within: Interval) -> tuple[int, int] | None:
        if self._every_day:
            return None
        return within.start - _DAYS_BEFORE * _DAY_US, within.end + _DAYS_AFTER * _DAY_US


def _nothing(name: str, columns: Sequence[str] | None) -> pa.Table | None:
    from inlay.points import SCHEMAS
    from inlay.table import arrow_schema

    if name not in SCHEMAS:
        return None
    empty = arrow_schema(name).empty_table()
    return empty if columns is None else empty.select(list(columns))


def _filters(name: str, wanted: Wanted) -> list[tuple[str, str, Any]]:
    """Return what Parquet's statistics can tell: less than `filtered` does, never more."""
    parts: list[tuple[str, str, Any]] = []
    if wanted.within is not None:
        starts = "time" if name == "events" else "start_time"
        parts.append((starts, "<=", _moment(wanted.within.end)))
        if name != "events":
            parts.append(("time", ">=", _moment(wanted.within.start)))
    if wanted.column is not None and not wanted.prefix:
        parts.append((wanted.column, "in", list(wanted.values)))
    return parts


def filtered(rows: pa.Table, wanted: Wanted) -> pa.Table:
    """Return the rows that are wanted."""
    masks: list[Any] = []
    names = rows.column_names
    if wanted.within is not None:
        end = rows["time"]
        start = rows["start_time"] if "start_time" in names else end
        if "end_time" in names:
            end = pc.coalesce(rows["end_time"], rows["time"])
        masks.append(pc.less_equal(start, _moment(wanted.within.end)))
        masks.append(pc.greater_equal(end, _moment(wanted.within.start)))
    if wanted.column is not None:
        column = rows[wanted.column]
        if wanted.prefix:
            masks.append(pc.starts_with(column, wanted.values[0]))
        else:
            masks.append(pc.is_in(column, pa.array(wanted.values, column.type)))
    if not masks or rows.num_rows == 0:
        return rows
    mask = _all(masks)
    # A filter copies; most of the time every window is within what is asked for.
    return rows if pc.all(mask).as_py() else rows.filter(mask)


def _all(masks: Iterable[Any]) -> Any:
    joined: Any = None
    for mask in masks:
        joined = mask if joined is None else pc.and_(joined, mask)
    return joined


def _moment(time_us: int) -> pa.Scalar:
    return pa.scalar(time_us, pa.timestamp("us", "UTC"))
