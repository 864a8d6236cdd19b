"""The time of each prediction: an array of any time type as microseconds of Unix time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["microseconds_of"]


def microseconds_of(times: Any, rows: int) -> np.ndarray[Any, Any]:
    """Return times as microseconds of Unix time.

    Parameters
    ----------
    times : array-like of shape (rows,)
        Timestamps of any unit and zone (without a zone: UTC), datetimes, or numbers in seconds.
    rows : int

    Returns
    -------
    numpy.ndarray of int64, shape (rows,)

    Raises
    ------
    InvalidArgumentError
        If there are not as many, or one is missing or not finite.
    TypeError
        If they are no times.
    """
    import numpy as np
    import pyarrow as pa

    try:
        array = pa.array(times, from_pandas=True) if not _is_arrow(times) else times
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        kind = array.type
        if pa.types.is_timestamp(kind):
            made = array.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            made = array.cast(pa.float64(), safe=False)
        else:
            message = f"predicted_at holds times or Unix seconds, got {kind}"
            raise TypeError(message)
    except pa.ArrowException as error:
        message = f"predicted_at holds times or Unix seconds: {error}"
        raise TypeError(message) from error
    if len(made) != rows:
        message = f"predicted_at must have {rows} values, one for each row: {len(made)}"
        raise InvalidArgumentError(message)
    if made.null_count:
        message = f"predicted_at must have no missing times: {made.null_count}"
        raise InvalidArgumentError(message)
    found: np.ndarray[Any, Any] = made.to_numpy(zero_copy_only=False)
    if found.dtype == np.float64:
        bad = np.flatnonzero(~(np.abs(found) < 9e12))
        if len(bad):
            message = f"predicted_at must be finite Unix seconds: {found[bad[0]]!r}"
            raise InvalidArgumentError(message)
        found = np.rint(found * 1e6).astype(np.int64)
    return found


def _is_arrow(values: Any) -> bool:
    import pyarrow as pa

    return isinstance(values, (pa.Array, pa.ChunkedArray))
