"""The columns of tensors on CUDA devices, counted there for a tally."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay.summary._device import Monitors

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["CountedRows", "DeviceColumns", "why_copied"]

_NUMBERS = ("integer", "unsigned", "float")
# Columns of these round numbers to float32, as do those of float32 and float16 with what comes.
_WIDE = ("float64", "int64", "int32")
_SINGLE = ("float", "halffloat", "float32", "float16")


class CountedRows(NamedTuple):
    """What came from a device: the rows, and for each column its cells (or None) and moments."""

    rows: int
    columns: list[tuple[int, Any, Any]]

    def add_to(self, tally: _core.Tally) -> None:
        """Add it to a tally."""
        if self.rows:
            tally.add_counted(self.rows, self.columns)


class DeviceColumns:
    """Counts tensors in a tally's cells, on each device that they are on.

    Parameters
    ----------
    tally : inlay._core.Tally
        Whose columns those of tensors are, in their order; it is not changed.
    """

    __slots__ = ("_edges", "arrived", "monitors")

    def __init__(self, tally: _core.Tally) -> None:
        columns = [tally.column(i) for i in range(len(tally.paths))]
        cells: list[Any] = [column.cells for column in columns]
        self._edges = [[] if cell is None else cell.edges for cell in cells]
        #: What was taken from the devices and waits to be added.
        self.arrived: list[CountedRows] = []
        self.monitors = Monitors(self._make, self._take)

    def _make(self, cuda: ModuleType, device: int) -> Any:
        return cuda.ColumnMonitor(
            len(self._edges),
            device=device,
            moments=True,
            histogram=False,
            edges=self._edges if any(self._edges) else None,
        )

    def _take(self, monitor: Any) -> None:
        columns = []
        rows = 0
        for i, edges in enumerate(self._edges):
            moments = _core.Moments.from_bytes(monitor.moments(i))
            rows = moments.count + moments.nan_count + moments.pos_inf_count + moments.neg_inf_count
            cell = _core.EdgeHistogram.from_bytes(monitor.edges(i)) if edges else None
            columns.append((i, cell, moments))
        monitor.reset()
        if rows:
            self.arrived.append(CountedRows(rows, columns))

    def settle(self, tally: _core.Tally) -> None:
        """Wait for the devices and add what they counted."""
        self.monitors.settle()
        self.add_to(tally)

    def add_to(self, tally: _core.Tally) -> int:
        """Add what has arrived to a tally; return the rows."""
        arrived, self.arrived = self.arrived, []
        for counted in arrived:
            counted.add_to(tally)
        return sum(counted.rows for counted in arrived)


def why_copied(tally: _core.Tally, dtype: str) -> str | None:
    """Return why tensors for a tally are counted on the host; None if a device does it.

    Parameters
    ----------
    tally : inlay._core.Tally
    dtype : str
        The name of the tensors' element type.
    """
    columns = [tally.column(i) for i in range(len(tally.paths))]
    if not columns:
        return "there are no columns"
    if tally.unseen:
        return "names outside the cells are kept"
    for column in columns:
        if column.quantiles is not None:
            return "quantiles are kept"
        if column.kind not in _NUMBERS:
            return f"column {column.path!r} holds no plain numbers: {column.type}"
        if column.cells is not None and not isinstance(column.cells, _core.EdgeHistogram):
            return f"column {column.path!r} is counted by names"
        if column.type in _SINGLE and dtype in _WIDE:
            return f"column {column.path!r} is of {column.type}, to which {dtype} is rounded"
    return None
