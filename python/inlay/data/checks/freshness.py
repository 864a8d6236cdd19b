"""Freshness: how old data is, and what is missing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.measure import (
    Context,
    Measured,
    NativeStats,
    PythonMeasure,
    Run,
    UnfitError,
    register,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

    from inlay.data.columns import Column

__all__ = ["fresh", "gap", "sequence"]

_MAX_INTERVALS = 65_536
_DAY = 86_400


def fresh(column: str, /, **options: Unpack[Options]) -> Check:
    """Take the seconds from the newest time to now; below 0 if it lies ahead.

    Parameters
    ----------
    column : str
        Its path: timestamps or dates. Those without a zone are taken as UTC; a date as midnight.
    **options
        A bound in seconds, which must be given; ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Notes
    -----
    *Now* is the clock's when the data has been read, or what `Contract.check` is told.

    Examples
    --------
    >>> from inlay import checks
    >>> checks.fresh("created", at_most=3600)
    <check fresh(created): at most 3600 seconds>
    """
    return new_check("fresh", (column,), {}, options, unit="seconds")


def gap(column: str, /, **options: Unpack[Options]) -> Check:
    """Take the widest distance between two neighbouring times, in seconds; rows in any order.

    Parameters
    ----------
    column : str
        Its path: timestamps or dates.
    **options
        As for `fresh`.

    Returns
    -------
    Check

    Notes
    -----
    Kept are up to 65,536 stretches of time. Where times lie further apart more often than that,
    the closest stretches are joined. The number is exact as long as the widest distance exceeds
    those inside joined stretches, and never too small.
    """
    return new_check("gap", (column,), {}, options, unit="seconds")


def sequence(column: str, /, **options: Unpack[Options]) -> Check:
    """Count the numbers that are missing between the smallest and the largest, in any order.

    Parameters
    ----------
    column : str
        Its path: integers, such as sequence numbers or offsets.
    **options
        A bound (``at_most=0`` if none), ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Notes
    -----
    Undefined where the numbers seen make more than 65,536 stretches.
    """
    return new_check("sequence", (column,), {}, options, default=NO_FAILURES)


@register("fresh", "freshness", frozenset(("timestamp", "date", "null")))
def _fresh(check: Check, columns: tuple[Column, ...], context: Context) -> NativeStats:  # noqa: ARG001
    column = columns[0]
    ticks = column.ticks_per_second

    def read(stats: tuple[Any, ...], run: Run) -> Measured:
        newest = stats[6]
        if newest is None:
            return Measured(None, reason=f"column {column.path!r} has no time")
        seconds = newest * _DAY if ticks is None else newest / ticks
        return Measured(run.now - seconds)

    return NativeStats(column.path, read)


class _Seen:
    """Keeps the integers of a column as intervals."""

    def __init__(self, column: Column, *, adaptive: bool) -> None:
        from inlay.data.checks.intervals import Intervals

        self._column = column
        self._seen = Intervals(max_intervals=_MAX_INTERVALS, adaptive=adaptive)

    def update(self, batch: pyarrow.RecordBatch, first_row: int) -> np.ndarray | None:  # noqa: ARG002
        import pyarrow as pa

        array = self._column.array(batch)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        array = array.drop_null()
        if self._column.type == "date32":
            array = array.cast(pa.int32())
        self._seen.add(array.cast(pa.int64()).to_numpy())
        return None


class _Gap(_Seen):
    def measured(self, run: Run) -> Measured:  # noqa: ARG002
        if self._seen.is_empty:
            return Measured(None, reason=f"column {self._column.path!r} has no time")
        ticks, widest = self._column.ticks_per_second, self._seen.widest_hole
        return Measured(widest * _DAY if ticks is None else widest / ticks)


class _Sequence(_Seen):
    def measured(self, run: Run) -> Measured:  # noqa: ARG002
        if self._seen.overflowed:
            reason = f"column {self._column.path!r} has more than {_MAX_INTERVALS} stretches"
            return Measured(None, reason=reason)
        if self._seen.is_empty:
            return Measured(None, reason=f"column {self._column.path!r} has no number")
        return Measured(self._seen.span + 1 - self._seen.count)


@register("gap", "freshness", frozenset(("timestamp", "date", "null")))
def _gap(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    return PythonMeasure(lambda max_rows: _Gap(columns[0], adaptive=True))  # noqa: ARG005


@register("sequence", "freshness", frozenset(("integer", "unsigned", "null")))
def _sequence(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    column = columns[0]
    if "uint64" in column.type:
        message = f"column {column.path!r} is uint64, and sequences are counted in int64"
        raise UnfitError(message)
    return PythonMeasure(lambda max_rows: _Sequence(column, adaptive=False))  # noqa: ARG005
