"""What a watch does with each batch: rows to panes, complete panes to the window and the judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core, _cuda_runtime
from inlay.data.device_columns import why_copied
from inlay.data.sources.device import host_type, named_columns
from inlay.data.watch.device_rows import Arrived, DeviceRows
from inlay.data.watch.duplicates import Duplicates
from inlay.data.watch.instruments import WatchInstruments
from inlay.data.watch.intake import part, pick, runs, time_index, unusable
from inlay.data.watch.kept_apart import KeptApart
from inlay.data.watch.pane_rows import PaneRows
from inlay.data.watch.panes import MOST_EMPTY, MOST_OPEN, Gap, Pane, TimePanes
from inlay.data.watch.row_panes import RowPanes
from inlay.data.watch.schema_watch import SchemaWatch
from inlay.data.watch.sliding import SlidingWindow
from inlay.data.watch.tallies import Tallies, TallyKind, check_groups
from inlay.data.watch.watermark import Watermark

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay.data.profile import Profile
    from inlay.data.watch.instruments import SourceInstruments
    from inlay.data.watch.panes import Due
    from inlay.data.watch.settings import Settings
    from inlay.drift.judge import Judge
    from inlay.drift.judging import Judging
    from inlay.observer import Observer

__all__ = ["Stream"]

_DAY_US = 86_400_000_000
_ERROR = 17
_WARNING = 13
_INFORMATION = 9


class Stream:
    """The state of a watch and what changes it. Not thread-safe: the watch has a lock.

    Parameters
    ----------
    observer : Observer
        Whose window gets the rows.
    settings : Settings
    reference : Profile or None
        Frozen, its names as they may leave.
    judging : Judging
    too_late : callable or None
        Gets the rows that come too late.
    """

    def __init__(
        self,
        observer: Observer,
        settings: Settings,
        reference: Profile | None,
        judging: Judging,
        too_late: Callable[[pa.RecordBatch], object] | None,
    ) -> None:
        self.settings = settings
        self.reference = reference
        self.judging = judging
        self.core = observer.core
        self._too_late = too_late
        self.begun = False
        now = self.core.now_us()
        self.began = now
        by_arrival = settings.event_time is None
        self.watermark = Watermark(
            disorder=0 if by_arrival else settings.disorder,
            idle=0 if by_arrival else settings.idle,
            sources=settings.sources,
            began=now,
        )
        self.expected: pa.Schema | None = None
        self.device: DeviceRows | None = None  # of a watch whose first rows were on a device
        self.host_rows = False  # whether some came from the host
        self.kind: TallyKind | None = None
        self.schemas: SchemaWatch | None = None
        self.panes = TimePanes(every=settings.every, lateness=settings.lateness, new=self._empty)
        self.row_panes: RowPanes | None = None
        if settings.every_rows is not None:
            self.row_panes = RowPanes(size=settings.every_rows, new=self._empty)
        self.row_number = 0  # of row panes that closed
        late = 0 if settings.every_rows else -(-settings.lateness // settings.every)
        self.sliding = None
        if settings.window > 1:
            self.sliding = SlidingWindow(settings.window, late=min(late, MOST_OPEN))
        self.duplicates = None
        if settings.key:
            self.duplicates = Duplicates(settings.key, settings.remember)
        self.apart = KeptApart()
        self.day: int | None = None  # whose reference rows are written
        self._written_groups = 0
        self._time_index: int | None = None
        self._time_schema: pa.Schema | None = None
        self.instruments = WatchInstruments(observer, settings.name)
        self._rows = PaneRows(self.core, observer.resource, settings.name, settings.by)
        if reference is not None:
            self.expect(reference._schema)

    def begin(self) -> None:
        """Write the reference; without event times empty panes are told from now on."""
        self.begun = True
        now = self.began = self.core.now_us()
        if self.settings.event_time is None and self.row_panes is None:
            self.panes.next = now // self.settings.every
            self.watermark.mark("", now, now=now)
        if self.reference is not None:
            self._write_reference(now)

    def expect(self, schema: pa.Schema) -> None:
        """Take the columns that tables are to have."""
        settings = self.settings
        self.expected = schema
        self.kind = TallyKind(settings, schema, self.reference, on_device=self.device is not None)
        extra = [*settings.key, *settings.by]
        if settings.event_time is not None:
            extra.append(settings.event_time)
        self.schemas = SchemaWatch(schema, set(extra) - set(schema.names))

    def _empty(self) -> Tallies | None:
        return None if self.kind is None else self.kind.empty()

    # ---- rows that come ------------------------------------------------------------------------
    def take(self, batch: pa.RecordBatch, source: str, arrival: int) -> int:
        """Count a batch; return how many of its rows came to panes.

        Raises
        ------
        InvalidArgumentError
            If it is the first and has not the columns that the watch needs. Nothing was counted.
        """
        index = self._index(batch.schema)
        if not self.begun:
            self.begin()
        now = self.core.now_us()
        if self.kind is None:
            self.expect(batch.schema)
        assert self.schemas is not None
        for change in self.schemas.see(source, batch.schema):
            details = {"old": change.old, "new": change.new}
            self._event(
                "data.schema_change",
                {
                    "source": source,
                    "kind": change.kind,
                    "column": change.column,
                    "compatible": str(change.compatible),
                    **{name: text for name, text in details.items() if text is not None},
                },
                severity=_INFORMATION if change.compatible else _WARNING,
                body=str(change),
            )
        if batch.num_rows == 0:
            return 0
        self.host_rows = True
        instruments = self.instruments.of(source)
        instruments.count("rows", batch.num_rows)
        if self.duplicates is not None:
            known = self.duplicates.find(batch)
            repeated = int(known.sum())
            if repeated:
                import numpy as np

                instruments.count("duplicates", repeated)
                batch = pick(batch, np.flatnonzero(~known))
                if batch.num_rows == 0:
                    return 0
        self.panes.empties = MOST_EMPTY
        if self.settings.event_time is None:
            placed = self._take_at(batch, arrival, instruments)
            self.watermark.mark(source, arrival, now=now)
        else:
            placed = self._take_timed(batch, index, source, arrival, instruments, now)
        if self.row_panes is None:
            self._emit(self.panes.due(self._complete(now), settle=False))
        return placed

    def take_tensor(self, data: Any, stream: Any, source: str, arrival: int) -> int | None:
        """Count a tensor where it is; return its rows, or None if they are to be copied.

        Raises
        ------
        InvalidArgumentError
            If the watch does what no device does, or the columns are not as many as expected.
        """
        import pyarrow as pa

        self.settings.refuse_on_device()
        _, shape, dtype = _cuda_runtime.native().tensor_facts(data)
        expected = None if self.expected is None else self.expected.names
        rows, names = named_columns(shape, expected)
        if self.device is None:
            if self.host_rows:
                return None  # quantiles are kept that a device cannot add to
            field = pa.from_numpy_dtype(host_type(dtype))
            schema = self.expected or pa.schema([(name, field) for name in names])
            kind = TallyKind(self.settings, schema, self.reference, on_device=True)
            if why_copied(kind.empty().whole._host, dtype) is not None:
                return None
            self.count_on_device(schema)
        assert self.device is not None
        number = arrival // self.settings.every
        if not self.device.counts(dtype) or not self.device.takes(number):
            return None
        if not self.begun:
            self.begin()
        now = self.core.now_us()
        if rows == 0:
            return 0
        self.device.update(number, data, stream)  # or raises
        instruments = self.instruments.of(source)
        instruments.count("rows", rows)
        instruments.seen(arrival)
        self.watermark.mark(source, arrival, now=now)
        self.panes.empties = MOST_EMPTY
        self._emit(self.panes.due(self._complete(now), settle=False))
        return rows

    def count_on_device(self, schema: pa.Schema) -> None:
        """Take tensors of these columns from now on; before the first rows."""
        kind = TallyKind(self.settings, schema, self.reference, on_device=True)
        self.device = DeviceRows(kind.empty().whole._host)
        self.expect(schema)

    def _complete(self, now: int) -> int | None:
        """Return up to which time panes are complete; those wait whose rows are on a device."""
        watermark = self.watermark.advance(now)
        if self.device is None:
            return watermark
        every = self.settings.every
        self.device.turn(now // every)
        self._deliver(self.device.poll())
        held = self.device.pending(now // every)
        if held is None or watermark is None:
            return watermark
        return min(watermark, (held + 1) * every - 1)

    def settle_device(self) -> None:
        """Wait for the devices and take in what they counted."""
        if self.device is not None:
            self._deliver(self.device.collect())

    def _deliver(self, arrived: Iterable[Arrived]) -> None:
        """Add rows that a device counted to their panes, or to the late part of closed ones."""
        for number, counted in arrived:
            closed = self.panes.next is not None and number < self.panes.next
            panes = self.panes.late if closed else self.panes.open
            pane = panes.get(number)
            if pane is None:
                pane = panes[number] = Pane(self._empty())
            assert pane.tallies is not None
            counted.add_to(pane.tallies.whole._host)
            pane.rows += counted.rows

    def _index(self, schema: pa.Schema) -> int | None:
        """Return where the event times are; the first table must have them."""
        column = self.settings.event_time
        if self._time_schema is not None and schema.equals(self._time_schema):
            return self._time_index
        index = None if column is None else time_index(schema, column)
        if self._time_schema is None:
            if column is not None and index is None:
                raise unusable(schema, column)
            check_groups(self.settings.by, schema)
            if self.duplicates is not None:
                self.duplicates.check(schema)
        self._time_schema, self._time_index = schema, index
        return index

    def _take_at(self, batch: pa.RecordBatch, arrival: int, instruments: SourceInstruments) -> int:
        """Count rows whose time is that of their arrival."""
        instruments.seen(arrival)
        if self.row_panes is not None:
            return self._take_in_order(batch, arrival, arrival)
        return self._place(arrival // self.settings.every, batch, instruments)

    def _take_timed(
        self,
        batch: pa.RecordBatch,
        index: int | None,
        source: str,
        arrival: int,
        instruments: SourceInstruments,
        now: int,
    ) -> int:
        parted = part(batch, index, arrival + self.settings.skew)
        for reason, rows in (("missing", parted.missing), ("future", parted.future)):
            if rows is not None:
                instruments.count(reason, rows.num_rows)
                self.apart.add(reason, rows)
        times = parted.times
        if len(times) == 0:
            return 0
        oldest, newest = parted.oldest, parted.newest
        instruments.arrived(times, newest, arrival)
        if self.row_panes is not None:
            placed = self._take_in_order(parted.rows, oldest, newest)
        else:
            every = self.settings.every
            if oldest // every == newest // every:
                placed = self._place(oldest // every, parted.rows, instruments)
            else:
                placed = self._place_apart(parted.rows, times, instruments)
        self.watermark.observe(source, parted.high, now=now)
        return placed

    def _place_apart(
        self, rows: pa.RecordBatch, times: np.ndarray, instruments: SourceInstruments
    ) -> int:
        placed = 0
        panes = self.panes
        for number, some, _ in runs(rows, times, self.settings.every):
            placed += self._place(number, some, instruments)
            if len(panes.open) > MOST_OPEN or len(panes.late) > MOST_OPEN:
                self._emit(panes.due(self.watermark.value, settle=False))
        return placed

    def _place(self, number: int, rows: pa.RecordBatch, instruments: SourceInstruments) -> int:
        pane = self.panes.place(number, self.watermark.value)
        if pane is None:
            self._keep_late(rows, instruments)
            return 0
        if self.panes.is_late(number, self.watermark.value):
            instruments.count("late", rows.num_rows)
        self._count(pane, rows)
        return int(rows.num_rows)

    def _keep_late(self, rows: pa.RecordBatch, instruments: SourceInstruments) -> None:
        import numpy as np

        instruments.count("too_late", rows.num_rows)
        self.apart.add("too_late", pick(rows, np.arange(rows.num_rows)))
        if self._too_late is not None:
            try:
                self._too_late(rows)
            except Exception as error:  # the rows are kept apart, and the rest goes on
                self._event("data.too_late.failed", severity=_ERROR, body=repr(error))

    def _take_in_order(self, rows: pa.RecordBatch, oldest: int, newest: int) -> int:
        panes = self.row_panes
        assert panes is not None
        start = 0
        while start < rows.num_rows:
            some = rows.slice(start, panes.room)
            pane = panes.place(oldest, newest)
            self._count(pane, some)
            start += some.num_rows
            if panes.room == 0:
                self._close_rows()
        return int(rows.num_rows)

    @staticmethod
    def _count(pane: Pane, rows: pa.RecordBatch) -> None:
        assert pane.tallies is not None  # a batch came, so the columns are known
        pane.tallies.update(rows)
        pane.rows += rows.num_rows

    # ---- panes that close ----------------------------------------------------------------------
    def tick(self) -> None:
        """Look at the clock: close what is complete, tell what came late, write gauges."""
        if not self.begun:
            return
        now = self.core.now_us()
        watermark = self._complete(now)
        self.panes.empties = MOST_EMPTY
        if self.row_panes is None:
            self._emit(self.panes.due(watermark, settle=True))
        self.instruments.tick(now, watermark)
        if self.reference is not None and now // _DAY_US > (self.day or 0):
            self._write_reference(now // _DAY_US * _DAY_US)

    def finish(self) -> None:
        """Close all panes that have rows; waits for those on devices."""
        self.settle_device()
        if self.row_panes is None:
            self.panes.empties = MOST_EMPTY
            self._emit(self.panes.finish())
        else:
            self._close_rows()

    def _close_rows(self) -> None:
        assert self.row_panes is not None
        taken = self.row_panes.take()
        if taken is not None:
            pane, start, end = taken
            self._close(self.row_number, pane, 0, start, end)
            self.row_number += 1

    def _emit(self, due: Iterable[Due]) -> None:
        every = self.settings.every
        for one in due:
            if isinstance(one, Gap):
                start, end = one.first * every, one.end * every
                self._event(
                    "data.pane.gap", {"panes": str(one.end - one.first)}, start=start, end=end
                )
                if self.sliding is not None:
                    self.sliding.skip()
                continue
            start = one.number * every
            self._close(one.number, one.pane, one.revision, start, start + every)

    def _close(self, number: int, pane: Pane, revision: int, start: int, end: int) -> None:
        if pane.rows == 0:
            self._event("data.pane.empty", start=start, end=end)
        self._write_new_groups()  # before their rows are judged
        self._write(
            self._rows.of_pane(
                pane.tallies, rows=pane.rows, start=start, end=end, revision=revision
            )
        )
        if self.sliding is None:
            return
        sliding = self.sliding
        merged = (
            sliding.revise(number, pane) if revision else sliding.close(number, pane, start, end)
        )
        for window in merged:
            self._write(
                self._rows.of_pane(
                    window.tallies,
                    rows=window.rows,
                    start=window.start,
                    end=window.end,
                    revision=window.revision,
                    panes=sliding.panes,
                )
            )

    # ---- what is written -----------------------------------------------------------------------
    def _write(self, points: pa.Table) -> None:
        """Write the points of a pane, and what the judges say of them."""
        self._add("points", points)
        for verdicts in self.judging.judge(points):
            self._add("verdicts", verdicts)

    def _add(self, name: str, table: pa.Table) -> None:
        if table.num_rows:
            self.core.add_table(name, _core.Table(table))

    def _write_reference(self, time: int) -> None:
        assert self.kind is not None
        self.day = time // _DAY_US
        self._written_groups = len(self.kind.known)
        for key in (None, *self.kind.known):
            self._write_reference_of(key, time)

    def _write_new_groups(self) -> None:
        if self.kind is None or len(self.kind.known) == self._written_groups:
            return
        fresh = list(self.kind.known)[self._written_groups :]
        self._written_groups = len(self.kind.known)
        for key in fresh:
            self._write_reference_of(key, self.core.now_us())

    def _write_reference_of(self, key: Any, time: int) -> None:
        assert self.kind is not None
        cells = self.kind.reference_cells(key)
        if not cells:
            return
        for panes in sorted({1, self.settings.window}):
            rows = self._rows.of_reference(
                key, cells, time, counted=self.kind.is_counted, panes=panes
            )
            self._add("points", rows)
            self.judging.add_references(rows)

    def _event(
        self,
        name: str,
        attributes: Mapping[str, str] | None = None,
        *,
        severity: int = _WARNING,
        body: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> None:
        self.core.event(
            name,
            time_us=start,
            end_time_us=end,
            severity=severity,
            body=body,
            attrs=_core.canonical_json({"watch": self.settings.name, **(attributes or {})}),
            layer="data",
        )

    def restored(self, day: int | None) -> None:
        """Go on after the state was taken over: this process writes the reference anew."""
        self.begun = True
        if self.reference is not None:
            self._write_reference(self.core.now_us())
            self.day = max(self.day or 0, day or 0)

    def judge_failed(self, judge: Judge, error: Exception) -> None:
        """Note that a judge raised."""
        self._event("data.judge.failed", {"judge": judge.name}, severity=_ERROR, body=repr(error))

    # ---- what it holds -------------------------------------------------------------------------
    @property
    def rows(self) -> int:
        """Rows of open panes and of late parts that are not written yet."""
        return sum(pane.rows for pane in self._unwritten())

    def _unwritten(self) -> list[Pane]:
        panes = [*self.panes.open.values(), *self.panes.late.values()]
        if self.row_panes is not None and self.row_panes.open is not None:
            panes.append(self.row_panes.open)
        return panes

    def tallies(self) -> Iterator[Tallies]:
        """Give the tallies of open panes, of late parts and of what a sliding window keeps."""
        kept = [] if self.sliding is None else self.sliding.kept
        for pane in (*self._unwritten(), *kept):
            if pane.tallies is not None:
                yield pane.tallies

    @property
    def memory_bytes(self) -> int:
        """Bytes of the tallies and of the keys that are remembered."""
        keys = 0 if self.duplicates is None else self.duplicates.memory_bytes
        return keys + sum(tallies.memory_bytes for tallies in self.tallies())
