"""How a batch's rows come to panes: which have a time, and which pane is theirs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.data.sources import BATCH_ROWS, check_names, open_source
from inlay.data.watch.event_time import EARLIEST_US, event_times, is_time, plain_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import pyarrow as pa

__all__ = ["Parted", "Reader", "part", "pick", "runs", "time_index", "unusable"]

# Of a batch's event times this share is at most as late as its mark: a few stamps of a clock that
# runs ahead do not move it.
_HIGH = 0.99


@dataclasses.dataclass(frozen=True, slots=True)
class Parted:
    """A batch's rows by whether they have a time.

    Attributes
    ----------
    rows : pyarrow.RecordBatch
        Those that have one, not ahead of their arrival.
    times : numpy.ndarray of int64, shape (n,)
        Their event times in microseconds.
    oldest, newest, high : int
        The least and the greatest of them, and their high quantile; 0 if there are none.
    missing, future : pyarrow.RecordBatch or None
        Those without one, and those ahead; None if there are none.
    """

    rows: pa.RecordBatch
    times: np.ndarray
    oldest: int
    newest: int
    high: int
    missing: pa.RecordBatch | None
    future: pa.RecordBatch | None


class Reader:
    """Reads data as record batches; a plain one is taken as it is. Thread-safe."""

    __slots__ = ("_plain",)

    def __init__(self) -> None:
        self._plain: pa.Schema | None = None  # of the last batch that was one

    def batches(self, data: Any) -> Iterable[pa.RecordBatch]:
        """Return the record batches of data, as for `Profile.of`."""
        import pyarrow as pa

        if not isinstance(data, pa.RecordBatch) or data.num_rows > BATCH_ROWS:
            return open_source(data).batches()
        schema = data.schema
        if self._plain is None or not schema.equals(self._plain):
            if any(pa.types.is_run_end_encoded(kind) for kind in schema.types):
                return open_source(data).batches()
            check_names(schema)
            self._plain = schema
        return (data,)


def time_index(schema: pa.Schema, column: str) -> int | None:
    """Return where the column of event times is; None if it is not there or holds no times."""
    index: int = schema.get_field_index(column)
    if index < 0 or not is_time(schema.field(index).type):
        return None
    return index


def unusable(schema: pa.Schema, column: str) -> InvalidArgumentError:
    """Return the error of a table without event times."""
    index = schema.get_field_index(column)
    if index >= 0:
        kind = schema.field(index).type
        return InvalidArgumentError(f"event_time {column!r} holds no times: {kind}")
    count = schema.names.count(column)
    problem = "is not there" if count == 0 else "is there more than once"
    shown = ", ".join(map(repr, schema.names[:20])) + (", …" if len(schema) > 20 else "")
    return InvalidArgumentError(f"event_time {column!r} {problem}; the table has {shown or 'none'}")


def part(batch: pa.RecordBatch, index: int | None, limit: int) -> Parted:
    """Part a batch's rows.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    index : int or None
        Where the event times are; without them every row lacks one.
    limit : int
        The latest event time that is believed, in microseconds.
    """
    import numpy as np

    if index is None:
        return Parted(batch.slice(0, 0), np.zeros(0, dtype=np.int64), 0, 0, 0, batch, None)
    column = batch.column(index)
    plain = plain_times(column)
    if plain is not None and len(plain):
        oldest, newest, high = _core.time_extent(plain.data, _HIGH)
        if oldest >= EARLIEST_US and newest <= limit:
            return Parted(batch, plain, oldest, newest, high, None, None)
    read = event_times(column)
    times = read.times
    missing = future = None
    if read.missing is not None:
        missing = _pick(batch, read.missing)
        batch, times = _pick(batch, ~read.missing), times[~read.missing]
    oldest, newest, high = _extent(times)
    if newest > limit:
        ahead = times > limit
        future = _pick(batch, ahead)
        batch, times = _pick(batch, ~ahead), times[~ahead]
        oldest, newest, high = _extent(times)
    return Parted(batch, times, oldest, newest, high, missing, future)


def _extent(times: np.ndarray) -> tuple[int, int, int]:
    import numpy as np

    return _core.time_extent(np.ascontiguousarray(times).data, _HIGH)


def runs(
    rows: pa.RecordBatch, times: np.ndarray, every: int
) -> Iterator[tuple[int, pa.RecordBatch, np.ndarray]]:
    """Give the rows of each pane, by the panes' order, rows in their order.

    Yields
    ------
    tuple of int, pyarrow.RecordBatch and numpy.ndarray
        The number of the pane, its rows, and their times.
    """
    import numpy as np

    numbers = times // every
    if np.any(numbers[1:] < numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        rows, times, numbers = pick(rows, order), times[order], numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(starts[1:], len(numbers))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield int(numbers[start]), rows.slice(start, end - start), times[start:end]


def pick(rows: pa.RecordBatch, order: np.ndarray) -> pa.RecordBatch:
    """Take rows by their number, copied."""
    import pyarrow as pa

    # pyarrow cannot take rows of views.
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    if any(kind in plain for kind in rows.schema.types):
        arrays = [
            array.cast(plain[array.type]) if array.type in plain else array
            for array in rows.columns
        ]
        rows = pa.RecordBatch.from_arrays(arrays, names=rows.schema.names)
    return rows.take(pa.array(order))


def _pick(rows: pa.RecordBatch, which: np.ndarray) -> pa.RecordBatch:
    import numpy as np

    return pick(rows, np.flatnonzero(which))
