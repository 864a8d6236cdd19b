"""The event time of rows: a column of any time type as microseconds of Unix time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["EARLIEST_US", "EventTimes", "event_times", "is_time", "plain_times"]

# Far from the ends of int64, so that sums with a skew or a pane's length do not overflow.
_FARTHEST_US = 1 << 62

EARLIEST_US = -59_011_459_200_000_000
"""The year 100: what is earlier was meant otherwise, and few readers know such days."""

_NUMERATORS = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclasses.dataclass(frozen=True, slots=True)
class EventTimes:
    """The event times of a batch.

    Attributes
    ----------
    times : numpy.ndarray of int64, shape (n,)
        Microseconds of Unix time of every row; of rows without a time any value.
    missing : numpy.ndarray of bool, shape (n,), or None
        Which rows have none; None if all have one.
    """

    times: np.ndarray
    missing: np.ndarray | None


def is_time(kind: pa.DataType) -> bool:
    """Return whether values of a type can be event times."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        types.is_timestamp(kind)
        or types.is_date(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
    )


def event_times(array: pa.Array) -> EventTimes:
    """Read a column of event times.

    Times before the year 100 are missing.

    Parameters
    ----------
    array : pyarrow.Array
        Timestamps of any unit and zone (those without a zone are in UTC), dates, or integers and
        floats in seconds of Unix time. Nulls, NaN and infinities are missing.

    Returns
    -------
    EventTimes
        Times beyond the 146,000 years that fit are the farthest that do.
    """
    read = _read(array)
    times, missing = read.times, read.missing
    if len(times) and int(times.min()) < EARLIEST_US:
        early = times < EARLIEST_US
        missing = early if missing is None else early | missing
    return EventTimes(times, missing)


def plain_times(array: pa.Array) -> np.ndarray | None:
    """Return the event times of the most frequent kind of column, microseconds without nulls.

    Returns
    -------
    numpy.ndarray of int64, shape (n,), or None
        Without a copy; None if the column is another.
    """
    import pyarrow as pa

    kind = array.type
    if kind.id != pa.lib.Type_TIMESTAMP or kind.unit != "us" or array.null_count:
        return None
    return _integers(array)


def _read(array: pa.Array) -> EventTimes:
    import numpy as np
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    missing = None
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False)
    if types.is_timestamp(kind):
        numbers = _integers(array)
        if kind.unit == "ns":
            return EventTimes(numbers // 1_000, missing)
        return EventTimes(_scaled(numbers, _NUMERATORS[kind.unit]), missing)
    if types.is_date32(kind):
        numbers = _integers(array.view(pa.int32()).cast(pa.int64()))
        return EventTimes(numbers * 86_400_000_000, missing)
    if types.is_date64(kind):
        return EventTimes(_scaled(_integers(array), 1_000), missing)
    if types.is_integer(kind):
        if kind == pa.uint64():
            array = array.cast(pa.float64(), safe=False)
        else:
            return EventTimes(_scaled(_integers(array.cast(pa.int64())), 1_000_000), missing)
    seconds = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    bad = ~np.isfinite(seconds)
    if bad.any():
        missing = bad if missing is None else bad | missing
        seconds = np.where(bad, 0.0, seconds)
    limit = float(_FARTHEST_US)
    return EventTimes(np.rint(np.clip(seconds * 1e6, -limit, limit)).astype(np.int64), missing)


def _integers(array: pa.Array) -> np.ndarray:
    """Return the integers of 64 bits that an array holds, without a copy; of nulls any value."""
    import numpy as np

    values = array.buffers()[1]
    if values is None or len(array) == 0:
        return np.zeros(len(array), dtype=np.int64)
    return np.frombuffer(values, dtype=np.int64, count=len(array), offset=8 * array.offset)


def _scaled(numbers: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return numbers.clip(-_FARTHEST_US, _FARTHEST_US) if _is_far(numbers) else numbers
    limit = _FARTHEST_US // factor
    return numbers.clip(-limit, limit) * factor


def _is_far(numbers: np.ndarray) -> bool:
    return bool(len(numbers) and (numbers.max() > _FARTHEST_US or numbers.min() < -_FARTHEST_US))
