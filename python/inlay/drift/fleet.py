"""Windows of a fleet: rows of many origins added up once nobody can add to them any more."""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from inlay._exceptions import SerializationError
from inlay.drift.fleet_rows import Release, add_up, units_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FleetWindows"]

# Windows whose number of revisions is remembered, per watch: two months of minutes.
_REMEMBERED = 100_000

# (end, start): windows are released in the order of their ends.
Window = tuple[int, int]


class FleetWindows:
    """Adds up what several processes counted in the same window of the same watch.

    A window is released when every origin that is alive has emitted a window that ends as late or
    later, and `settle_us` have passed since its first row, so that origins that are new are heard.
    An origin is alive until the newest row of all is `idle_us` newer than its last one. What
    arrives for a window after its release is one more row of it, with the next revision and only
    the late part, as a watch does it. The rows alone, in their order, decide what is released
    when: not how many are given at once. Not thread-safe.

    Parameters
    ----------
    idle_us : int
        Microseconds of ``observed_time`` without a row after which nobody waits for an origin.
    settle_us : int
        Microseconds of ``observed_time`` that a window waits at least, `idle_us` at most.
    origin : int
        Whose the rows are that come out.
    fields : collection of str
        Members of ``resource`` that the rows of one window share, and keep.

    Attributes
    ----------
    too_late : int
        Rows left out, since their window is older than the last 100,000.
    """

    def __init__(
        self,
        *,
        idle_us: int,
        settle_us: int = 10_000_000,
        origin: int = 0,
        fields: Collection[str] = ("service.name",),
    ) -> None:
        self.too_late = 0
        self._settle_us = min(settle_us, idle_us)
        self._idle_us = idle_us
        self._origin = origin
        self._fields = tuple(fields)
        self._watches: dict[str, _Watch] = {}
        self._pending: pa.Table | None = None
        self._now_us = 0

    @property
    def pending(self) -> int:
        """Number of rows that wait for an origin."""
        return 0 if self._pending is None else int(self._pending.num_rows)

    def add(self, points: pa.Table) -> pa.Table:
        """Take rows in the order of emission and return those of the windows they complete.

        Parameters
        ----------
        points : pyarrow.Table
            As `Replay` yields them, windows whole.

        Returns
        -------
        pyarrow.Table
            Of the same columns, in the order of release; ``observed_time`` is that of the row
            which completed the window.
        """
        return self._turn(points, self._now_us, ())

    def advance(self, now_us: int, *, gone: Collection[int] = ()) -> pa.Table | None:
        """Wait no longer for origins that are idle at a time, or gone.

        Parameters
        ----------
        now_us : int
            Unix microseconds; a time before the newest row's changes nothing.
        gone : collection of int
            Origins that will not emit anything any more.

        Returns
        -------
        pyarrow.Table or None
            What is released by that, as `add` does.
        """
        return None if self._pending is None else self._turn(None, now_us, gone)

    def finish(self) -> pa.Table | None:
        """Release everything."""
        if self._pending is None:
            return None
        everybody = {origin for watch in self._watches.values() for origin in watch.origins}
        settle, self._settle_us = self._settle_us, -1
        try:
            return self._turn(None, self._now_us, everybody)
        finally:
            self._settle_us = settle

    def _turn(self, points: pa.Table | None, now_us: int, gone: Collection[int]) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        parts = [part for part in (self._pending, points) if part is not None]
        rows = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        held = 0 if self._pending is None else self._pending.num_rows
        units, of_row = units_of(rows, held)
        releases: list[Release] = []
        # What becomes of each unit: the number of its release, -1 if it waits, -2 if too late.
        fate = np.full(len(units), -1, np.int64)

        for watch in self._watches.values():  # what waits comes again, under other numbers
            watch.waiting.clear()
            watch.heap.clear()

        def give_out(name: str, watch: _Watch) -> None:
            for (time, start), members in watch.complete(
                self._now_us - self._idle_us, self._now_us - self._settle_us
            ):
                fate[members] = len(releases)
                releases.append(Release(name, start, time, 0, self._now_us))

        for number, unit in enumerate(units):
            watch = self._watches.setdefault(unit.watch, _Watch())
            window = (unit.time, unit.start)
            if unit.is_held:
                watch.wait(window, number, unit.observed)
                continue
            self._now_us = max(self._now_us, unit.observed)
            watch.hear(unit.origin, unit.time, self._now_us)
            revision = watch.next_revision(window)
            if revision is None:
                fate[number] = -2
            elif revision:
                fate[number] = len(releases)
                releases.append(Release(unit.watch, unit.start, unit.time, revision, self._now_us))
            else:
                watch.wait(window, number, unit.observed)
            give_out(unit.watch, watch)
        self._now_us = max(self._now_us, now_us)
        for name, watch in self._watches.items():
            watch.lose(gone)
            give_out(name, watch)
        of_release = fate[of_row]
        self.too_late += int((of_release == -2).sum())
        waiting = np.flatnonzero(of_release == -1)
        self._pending = rows.take(pa.array(waiting)) if len(waiting) else None
        return add_up(rows, of_release, releases, origin=self._origin, fields=self._fields)

    def to_bytes(self) -> bytes:
        """Return the state: what waits, who was heard of, what was released."""
        import pyarrow as pa

        watches = {name: watch.to_json() for name, watch in self._watches.items()}
        said = {"now": self._now_us, "too_late": self.too_late, "watches": watches}
        head = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
        sink = pa.BufferOutputStream()
        if self._pending is not None:
            with pa.ipc.new_stream(sink, self._pending.schema) as writer:
                writer.write_table(self._pending)
        pending: bytes = sink.getvalue().to_pybytes()
        return len(head).to_bytes(8, "little") + head + pending

    def load(self, data: bytes) -> None:
        """Take over a state.

        Raises
        ------
        SerializationError
            If `to_bytes` did not write it.
        """
        import pyarrow as pa

        size = int.from_bytes(data[:8], "little")
        try:
            said = json.loads(data[8 : 8 + size])
            watches = {name: _Watch.from_json(each) for name, each in said["watches"].items()}
            now, too_late = int(said["now"]), int(said["too_late"])
            rest = data[8 + size :]
            pending = pa.ipc.open_stream(rest).read_all() if rest else None
        except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
            message = f"the state of fleet windows is malformed: {error!r}"
            raise SerializationError(message) from error
        self._watches, self._pending = watches, pending
        self._now_us, self.too_late = now, too_late


class _Watch:
    """Who writes the windows of one watch, and which of them are out. Not thread-safe."""

    __slots__ = ("floor", "heap", "origins", "released", "waiting")

    def __init__(self) -> None:
        # Origin -> the end of its newest window, and when something of it came last.
        self.origins: dict[int, tuple[int, int]] = {}
        # Window -> when its first row came, and its units.
        self.waiting: dict[Window, tuple[int, list[int]]] = {}
        self.heap: list[Window] = []
        # Released windows and how often they were; none of a window up to the floor is known.
        self.released: dict[Window, int] = {}
        self.floor: Window | None = None

    def wait(self, window: Window, unit: int, observed_us: int) -> None:
        if window not in self.waiting:
            self.waiting[window] = (observed_us, [])
            heapq.heappush(self.heap, window)
        self.waiting[window][1].append(unit)

    def hear(self, origin: int, end: int, now_us: int) -> None:
        newest = self.origins.get(origin, (end, now_us))[0]
        self.origins[origin] = (max(newest, end), now_us)

    def lose(self, gone: Iterable[int]) -> None:
        for origin in gone:
            self.origins.pop(origin, None)

    def next_revision(self, window: Window) -> int | None:
        """Return 0 for a window that is not out yet, None for one that is forgotten."""
        times = self.released.get(window)
        if times is None:
            return None if self.floor is not None and window <= self.floor else 0
        self.released[window] = times + 1
        return times

    def complete(
        self, heard_since_us: int, first_before_us: int
    ) -> Iterator[tuple[Window, list[int]]]:
        """Give out the windows that nobody alive can still add to, in order."""
        alive = [end for end, last in self.origins.values() if last >= heard_since_us]
        heard = min(alive, default=None)
        while self.heap and (heard is None or self.heap[0][0] <= heard):
            if self.waiting[self.heap[0]][0] >= first_before_us:
                return
            window = heapq.heappop(self.heap)
            members = self.waiting.pop(window)[1]
            self.released[window] = 1
            if len(self.released) > _REMEMBERED:
                oldest = min(self.released)
                del self.released[oldest]
                self.floor = oldest if self.floor is None else max(self.floor, oldest)
            yield window, members

    def to_json(self) -> dict[str, Any]:
        return {
            "origins": [[origin, *seen] for origin, seen in self.origins.items()],
            "released": [[*window, times] for window, times in self.released.items()],
            "floor": self.floor,
        }

    @classmethod
    def from_json(cls, said: Any) -> _Watch:
        watch = cls()
        watch.origins = {int(o): (int(end), int(last)) for o, end, last in said["origins"]}
        watch.released = {(int(t), int(s)): int(times) for t, s, times in said["released"]}
        floor = said["floor"]
        watch.floor = None if floor is None else (int(floor[0]), int(floor[1]))
        return watch
