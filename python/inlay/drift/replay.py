"""Points of a directory, day by day in the order in which they were emitted."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.point_stamp import microseconds_of
from inlay.drift.keys import is_any
from inlay.drift.point_files import (
    ANY_METRIC,
    cast_rows,
    named_columns,
    read_columns,
    read_judged,
    schema_of,
    wanted_rows,
)
from inlay.drift.references import METRIC, REFERENCE_METRIC
from inlay.drift.window_gaps import WindowGaps, distinct_numbers, windows_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pyarrow as pa

    from inlay._files.snapshot import TableSnapshot

__all__ = ["COLUMNS", "PANE_METRIC", "UNSEEN_METRIC", "Replay"]

PANE_METRIC = "data.pane"
"""Metric of the rows that say how many rows a pane has."""

UNSEEN_METRIC = "data.column.unseen"
"""Metric of the rows that hold the names outside a reference."""

COLUMNS = (
    "time",
    "start_time",
    "observed_time",
    "revision",
    "origin",
    "window_seq",
    "layer",
    "metric",
    "kind",
    "series_id",
    "attrs",
    "resource",
    "status",
    "value",
    "count",
    "null_count",
    "nan_count",
    "pos_inf_count",
    "neg_inf_count",
    "categories",
    "counts",
    "reference_id",
)
"""The columns of points that judges of panes read; the edges are those of the reference."""

_READ = (*COLUMNS, "bounds")
# Metric -> the kinds of it that are read.
_JUDGED: dict[str, tuple[str, ...]] = {
    METRIC: ("categories", "edges", "presence"),
    UNSEEN_METRIC: ("top_k",),
    PANE_METRIC: ("counter",),
    ANY_METRIC: ("confusion",),
}
_REFERENCES: dict[str, tuple[str, ...]] = {REFERENCE_METRIC: ("categories", "edges", "presence")}
_WINDOW = ("origin", "window_seq", "observed_time")
# Files move while writers compact; what met such a moment is looked at anew.
_TRIES = 8


class Replay:
    """The points of a directory that can be judged.

    Not thread-safe.

    Parameters
    ----------
    directory : str or os.PathLike
        What `inlay.sinks.Files` writes; writers may be at work meanwhile.
    start, end : datetime with a zone, optional
        Only rows emitted (``observed_time``) from `start` on and before `end`.
    after : mapping of int to int, optional
        Origin to the last ``window_seq`` that is of no interest any more.

    Attributes
    ----------
    position : dict of int to int
        `after`, and further what the iteration gave out.

    Raises
    ------
    FileNotFoundError
        If there is no such directory.
    InvalidArgumentError
        If a time has no zone, `start` is after `end`, or the directory holds no points.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
        after: Mapping[int, int] | None = None,
    ) -> None:
        _check_arguments(directory, start, end)
        self.directory = Path(directory)
        if not self.directory.is_dir():
            message = "no such directory"
            raise FileNotFoundError(2, message, str(directory))
        self.start, self.end = start, end
        self.position = dict(after or {})
        self._unread: tuple[str, ...] = ()
        self._gaps = WindowGaps(self.position)
        self._points: TableSnapshot | None = None
        self._scratch = tempfile.mkdtemp(prefix="inlay-replay-")
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        self._refresh()

    def _refresh(self) -> None:
        from inlay._files.snapshot import take_snapshot

        for _ in range(_TRIES):
            folder = Path(tempfile.mkdtemp(dir=self._scratch))
            try:
                snapshot = take_snapshot(self.directory, folder)
            except FileNotFoundError:
                continue
            break
        else:
            message = f"the files of {self.directory} move too fast to be read"
            raise OSError(message)
        if "points" not in snapshot.tables:
            message = f"the directory holds no points: {str(self.directory)!r}"
            raise InvalidArgumentError(message)
        self._points, self._unread = snapshot.tables["points"], snapshot.notes

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read, and which windows are missing of what was given out."""
        return (*self._unread, *self._gaps.notes())

    def days(self) -> list[datetime.date]:
        """Return the UTC days of ``observed_time`` on which something may lie, in order."""
        from inlay._files.layout import date_of

        points = self._require()
        found = {day for path in points.parquet if (day := _day_of(path)) is not None}
        for table in (*self._loose(points), *points.streams):
            found.update(_dates(table))
        first = None if self.start is None else date_of(microseconds_of(self.start, "start"))
        last = None if self.end is None else date_of(microseconds_of(self.end, "end"))
        return sorted(
            day
            for day in found
            if (first is None or day >= first) and (last is None or day <= last)
        )

    def __iter__(self) -> Iterator[pa.Table]:
        """Iterate over the days that have points to be judged.

        Yields
        ------
        pyarrow.Table
            `COLUMNS` and ``bounds``, which is null but for confusion counts; text as dictionaries,
            sorted by ``observed_time``: windows whole, a row delivered twice once.

        Raises
        ------
        SerializationError
            If a file cannot be read or has other types; the message names it.
        InvalidArgumentError
            If a column is not there, or holds a null and may not; the message names both.
        """
        for _ in range(_TRIES):
            try:
                yield from self._days()
            except FileNotFoundError:
                # What was given out is behind `position`; the rest comes from the files anew.
                self._refresh()
            else:
                return
        message = f"the files of {self.directory} move too fast to be read"
        raise OSError(message)

    def _days(self) -> Iterator[pa.Table]:
        from concurrent.futures import ThreadPoolExecutor

        days = self.days()
        # A day is read while the one before it is judged.
        with ThreadPoolExecutor(1, thread_name_prefix="inlay-replay") as reader:

            def read(day: datetime.date) -> Future[pa.Table | None]:
                return reader.submit(self._read_judged, day, dict(self.position))

            ahead = read(days[0]) if days else None
            for following in [*days[1:], None]:
                rows = None if ahead is None else ahead.result()
                ahead = None if following is None else read(following)
                if rows is not None:
                    self._advance(rows)
                    yield rows

    def _advance(self, rows: pa.Table) -> None:
        for origin, numbers in windows_of(rows).items():
            self.position[origin] = max(int(numbers.max()), self.position.get(origin, -1))

    def references(self) -> pa.Table:
        """Return all rows of metric ``data.reference`` that were emitted before `end`.

        Earlier ones than `start` are among them: a period is judged by what held when it began.
        """
        import pyarrow as pa

        start, self.start = self.start, None
        try:
            for _ in range(_TRIES):
                try:
                    found = [self._read(day, _REFERENCES, _READ, {}) for day in self.days()]
                    break
                except FileNotFoundError:
                    self._refresh()
            else:
                message = f"the files of {self.directory} move too fast to be read"
                raise OSError(message)
        finally:
            self.start = start
        tables = [table for table in found if table is not None]
        if not tables:
            return schema_of(_READ).empty_table()
        return pa.concat_tables(tables, promote_options="permissive")

    def _require(self) -> TableSnapshot:
        assert self._points is not None
        return self._points

    def _loose(self, points: TableSnapshot) -> Iterator[pa.Table]:
        """Read Parquet files that lie under no date: streams that were too large for memory."""
        for path in points.parquet:
            if _day_of(path) is None:
                yield read_judged(path, {**_JUDGED, **_REFERENCES}, _READ)

    def _read_judged(self, day: datetime.date, after: Mapping[int, int]) -> pa.Table | None:
        rows = self._read(day, _JUDGED, _READ, after)
        if rows is not None:
            rows = _with_thresholds_only(rows)
        self._gaps.add(self._windows(day, after))
        return rows

    def _windows(self, day: datetime.date, after: Mapping[int, int]) -> dict[int, Any]:
        """Return the numbers of all windows of a day, also of those without rows to be judged."""
        import numpy as np

        points = self._require()
        found: dict[int, list[Any]] = {}
        for path in points.parquet:
            if _day_of(path) == day and not _is_past(path, after):
                rows = read_columns(path, ("window_seq",))
                numbers = distinct_numbers(rows["window_seq"].to_numpy())
                found.setdefault(_origin_of(path), []).append(numbers)
        loose = [read_columns(path, _WINDOW) for path in points.parquet if _day_of(path) is None]
        for table in (*loose, *points.streams):
            rows = _of_day(
                cast_rows(named_columns(table, _WINDOW, "a stream"), _WINDOW, "a stream"), day
            )
            for origin, numbers in windows_of(rows).items():
                found.setdefault(origin, []).append(numbers)
        return {origin: np.concatenate(parts) for origin, parts in found.items()}

    def _read(
        self,
        day: datetime.date,
        wanted: Mapping[str, tuple[str, ...]],
        columns: tuple[str, ...],
        after: Mapping[int, int],
    ) -> pa.Table | None:
        import pyarrow as pa

        points = self._require()
        parts = []
        for path in points.parquet:
            if _day_of(path) == day and not _is_past(path, after):
                parts.append(read_judged(path, wanted, columns))
        for table in (*self._loose(points), *points.streams):
            part = cast_rows(
                wanted_rows(named_columns(table, columns, "a stream"), wanted), columns, "a stream"
            )
            parts.append(_of_day(part, day))
        parts = [part for part in (self._within(part, after) for part in parts) if part.num_rows]
        if not parts:
            return None
        rows = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        return _in_order(rows, has_twins=points.overlaps)

    def _within(self, rows: pa.Table, after: Mapping[int, int]) -> pa.Table:
        """Leave out what lies outside the period or before the position."""
        import numpy as np
        import pyarrow as pa

        if rows.num_rows == 0 or (self.start is None and self.end is None and not after):
            return rows
        observed = rows["observed_time"].cast(pa.int64()).to_numpy()
        mask = np.ones(rows.num_rows, bool)
        if self.start is not None:
            mask &= observed >= microseconds_of(self.start, "start")
        if self.end is not None:
            mask &= observed < microseconds_of(self.end, "end")
        if after:
            origins = rows["origin"].to_numpy()
            sequence = rows["window_seq"].to_numpy()
            for origin, last in after.items():
                mask &= (origins != origin) | (sequence > last)
        return rows if mask.all() else rows.filter(pa.array(mask))


def _check_arguments(directory: Any, start: Any, end: Any) -> None:
    if not isinstance(directory, str | os.PathLike):
        message = f"a directory is a path, got {type(directory).__name__}: {directory!r}"
        raise TypeError(message)
    for name, moment in (("start", start), ("end", end)):
        if moment is not None:
            microseconds_of(moment, name)
    if start is not None and end is not None and start > end:
        message = f"start must not be after end, {end}: {start}"
        raise InvalidArgumentError(message)


def _is_past(path: Path, after: Mapping[int, int]) -> bool:
    if not after:
        return False
    return int(path.stem.rpartition("-")[2]) <= after.get(_origin_of(path), -1)


def _origin_of(path: Path) -> int:
    origin = int(path.stem.partition("-")[0], 16)
    return origin - (1 << 64 if origin >= 1 << 63 else 0)


def _in_order(rows: pa.Table, *, has_twins: bool) -> pa.Table:
    """Sort by emission. Rows of one window stay as they are: by series and time, or as written."""
    import numpy as np
    import pyarrow as pa

    observed = rows["observed_time"].cast(pa.int64()).to_numpy()
    revision = rows["revision"].to_numpy()
    if has_twins or revision.any():
        times = [rows[name].cast(pa.int64()).to_numpy() for name in ("start_time", "time")]
        numbers = [rows[name].to_numpy() for name in ("series_id", "window_seq", "origin")]
        kinds = rows["kind"].combine_chunks().indices.to_numpy()
        keys = (kinds, numbers[0], revision, *times, *numbers[1:], observed)
        order = np.lexsort(keys)
        if has_twins:
            twin = np.ones(len(order), bool)
            twin[:1] = False
            for key in keys:
                ordered = key[order]
                twin[1:] &= ordered[1:] == ordered[:-1]
            order = order[~twin]
    elif (observed[1:] >= observed[:-1]).all():
        return rows
    else:
        order = np.argsort(observed, kind="stable")
    return _taken(rows, pa.array(order))


def _with_thresholds_only(rows: pa.Table) -> pa.Table:
    """Leave out the edges, which references tell; the thresholds of confusion counts stay."""
    import pyarrow as pa
    import pyarrow.compute as pc

    place = rows.schema.get_field_index("bounds")
    field = rows.schema.field(place)
    is_confusion = is_any(rows["kind"], ("confusion",))
    bounds = pa.nulls(rows.num_rows, field.type)
    if is_confusion.any():
        bounds = pc.if_else(pa.array(is_confusion), rows["bounds"], bounds)
    return rows.set_column(place, field, bounds)


def _taken(rows: pa.Table, order: pa.Array) -> pa.Table:
    """Take rows; lists of one length, as those of one number of cells, by an array of them."""
    import numpy as np
    import pyarrow as pa

    counts = rows["counts"].combine_chunks()
    offsets = counts.offsets.to_numpy()
    width = int(offsets[1] - offsets[0])
    values = counts.values
    if counts.null_count or values.null_count or (np.diff(offsets) != width).any():
        return rows.take(order)
    place = rows.schema.get_field_index("counts")
    taken = rows.remove_column(place).take(order)
    flat = values.to_numpy()[offsets[0] : offsets[-1]].reshape(-1, width)[order.to_numpy()]
    size = np.arange(len(order) + 1, dtype=np.int32) * np.int32(width)
    lists = pa.ListArray.from_arrays(size, flat.reshape(-1), type=counts.type)
    return taken.add_column(place, rows.schema.field(place), lists)


def _of_day(rows: pa.Table, day: datetime.date) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if rows.num_rows == 0:
        return rows
    days = rows["observed_time"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    return rows.filter(pc.equal(days, pa.scalar(day)))


def _dates(rows: pa.Table) -> set[datetime.date]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if rows.num_rows == 0 or "observed_time" not in rows.column_names:
        return set()
    days = rows["observed_time"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    return {day for day in pc.unique(days).to_pylist() if day is not None}


def _day_of(path: Path) -> datetime.date | None:
    for parent in path.parents:
        if parent.name.startswith("date="):
            try:
                return datetime.date.fromisoformat(parent.name.removeprefix("date="))
            except ValueError:
                return None
    return None
