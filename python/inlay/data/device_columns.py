"""The columns of tensors on CUDA devices, counted there for a tally."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay._threads import new_lock
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
        tally.add_counted(self.rows, self.columns)


class DeviceColumns:
    """Counts tensors in a tally's cells, on each device that they are on.

    Parameters
    ----------
    tally : inlay._core.Tally
        Whose columns those of tensors are, in their order; it is not changed.
    """

    __slots__ = ("_arrived", "_lock", "monitors")

    def __init__(self, tally: _core.Tally) -> None:
        columns = [tally.column(i) for i in range(len(tally.paths))]
        cells: list[Any] = [column.cells for column in columns]
        all_edges = [[] if cell is None else cell.edges for cell in cells]
        arrived: list[CountedRows] = []

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.ColumnMonitor(
                len(all_edges),
                device=device,
                moments=True,
                histogram=False,
                edges=all_edges if any(all_edges) else None,
            )

        def take(monitor: Any) -> None:
            arrived.append(_counted(monitor, all_edges))
            monitor.reset()

        self._arrived = arrived
        self._lock = new_lock()
        self.monitors = Monitors(make, take)

    def taken(self) -> list[CountedRows]:
        """Return what has arrived from the devices since the last call."""
        arrived = self._arrived[:]
        del self._arrived[: len(arrived)]
        return [counted for counted in arrived if counted.rows]

    def settle(self, tally: _core.Tally) -> None:
        """Wait for the devices and add what they counted; one thread after the other."""
        with self._lock:
            self.monitors.settle()
            for counted in self.taken():
                counted.add_to(tally)


def _counted(monitor: Any, all_edges: list[Any]) -> CountedRows:
    columns = []
    rows = 0
    for i, edges in enumerate(all_edges):
        moments = _core.Moments.from_bytes(monitor.moments(i))
        rows = moments.count + moments.nan_count + moments.pos_inf_count + moments.neg_inf_count
        cell = _core.EdgeHistogram.from_bytes(monitor.edges(i)) if edges else None
        columns.append((i, cell, moments))
    return CountedRows(rows, columns)


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
