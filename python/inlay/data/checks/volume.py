"""Volume: how much data there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from inlay.data.checks.check import Check, Options, new_check
from inlay.data.checks.measure import Context, Measured, PythonMeasure, Run, register

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

    from inlay.data.columns import Column

__all__ = ["byte_count", "row_count"]


def row_count(**options: Unpack[Options]) -> Check:
    """Count the rows.

    Parameters
    ----------
    **options
        A bound, which must be given; ``name``, ``description``, ``severity``.

    Returns
    -------
    Check

    Examples
    --------
    >>> from inlay import checks
    >>> checks.row_count(between=(1, 10_000_000))
    <check row_count: between 1 and 10000000 rows>
    """
    options = _without_percent(options, "row_count")
    return new_check("row_count", (), {}, options, unit="rows")


def byte_count(**options: Unpack[Options]) -> Check:
    """Count the bytes that the rows occupy in memory as Arrow.

    Parameters
    ----------
    **options
        As for `row_count`.

    Returns
    -------
    Check
    """
    return new_check("byte_count", (), {}, options, unit="bytes")


def _without_percent(options: Options, kind: str) -> Options:
    if options.get("unit") == "percent":
        message = f"{kind}: unit must be 'rows', got 'percent'"
        from inlay._exceptions import InvalidArgumentError

        raise InvalidArgumentError(message)
    return options


class _Volume:
    """Asks the run alone."""

    def __init__(self, field: str) -> None:
        self._field = field

    def update(self, batch: pyarrow.RecordBatch, first_row: int) -> np.ndarray | None:  # noqa: ARG002
        return None

    def measured(self, run: Run) -> Measured:
        return Measured(getattr(run, self._field))


@register("row_count", "volume")
def _row_count(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    return PythonMeasure(lambda max_rows: _Volume("rows"), reads_rows=False)  # noqa: ARG005


@register("byte_count", "volume")
def _byte_count(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    return PythonMeasure(lambda max_rows: _Volume("nbytes"), reads_rows=False)  # noqa: ARG005
