"""How a batch's rows come to panes: which have a time, and which pane is theirs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.sources import BATCH_ROWS, open_source
from inlay.data.watch.event_time import event_times, is_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pyarrow as pa

__all__ = ["Parted", "batches_of", "part", "runs", "time_index"]


@dataclasses.dataclass(frozen=True, slots=True)
class Parted:
    """A batch's rows by whether they have a time.

    Attributes
    ----------
    rows : pyarrow.RecordBatch
        Those that have one, not ahead of their arrival.
    times : numpy.ndarray of int64, shape (n,)
        Their event times in microseconds.
    missing, future : pyarrow.RecordBatch or None
        Those without one, and those ahead; None if there are none.
    """

    rows: pa.RecordBatch
    times: np.ndarray
    missing: pa.RecordBatch | None
    future: pa.RecordBatch | None


def batches_of(data: Any) -> Iterator[pa.RecordBatch]:
    """Read data as record batches; a plain one is taken as it is."""
    import pyarrow as pa

    if isinstance(data, pa.RecordBatch) and data.num_rows <= BATCH_ROWS:
        types = pa.types
        if not any(types.is_run_end_encoded(kind) for kind in data.schema.types):
            yield data
            return
    yield from open_source(data).batches()


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
        return Parted(batch.slice(0, 0), np.zeros(0, dtype=np.int64), batch, None)
    read = event_times(batch.column(index))
    times = read.times
    missing = future = None
    if read.missing is not None:
        missing = _pick(batch, read.missing)
        batch, times = _pick(batch, ~read.missing), times[~read.missing]
    if len(times) and int(times.max()) > limit:
        ahead = times > limit
        future = _pick(batch, ahead)
        batch, times = _pick(batch, ~ahead), times[~ahead]
    return Parted(batch, times, missing, future)


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
