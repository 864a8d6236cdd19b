"""A sink that keeps the last windows in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay.points import SCHEMAS
from inlay.sinks import Sink
from inlay.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from inlay.table import Batch

__all__ = ["Memory"]


class Memory(Sink):
    """Keeps the last batches, for tests, notebooks and reports.

    Thread-safe: readers see whole batches.

    Parameters
    ----------
    batches : int
        How many windows are kept.
    rows : int
        How many rows, all tables together, are kept. The newest window always is.

    Raises
    ------
    ValueError
        If a limit is less than one.

    Examples
    --------
    >>> import inlay
    >>> memory = inlay.sinks.Memory()
    >>> obs = inlay.Observer(sinks=[memory])
    >>> obs.gauge("queue.length").bind().set(7)
    >>> _ = obs.collect()
    >>> obs.flush(timeout=5)
    True
    >>> points = memory.table("points").to_pylist()
    >>> [row["value"] for row in points if row["metric"] == "queue.length"]
    [7.0]
    """

    name = "memory"

    def __init__(self, *, batches: int = 360, rows: int = 1_000_000) -> None:
        for what, limit in (("batches", batches), ("rows", rows)):
            if limit < 1:
                message = f"{what} must be at least 1, got {limit!r}"
                raise ValueError(message)
        self._most_batches = batches
        self._most_rows = rows
        # Replaced, never changed: a reader needs no lock, and a fork cannot leave one held.
        self._kept: tuple[Batch, ...] = ()

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The kept batches, oldest first."""
        return self._kept

    def open(self, resource: Mapping[str, str], origin: int) -> None:  # noqa: ARG002
        """Begin empty: in a forked child what was kept is the parent's."""
        self._kept = ()

    def write(self, batch: Batch) -> None:
        """Keep a batch, and let the oldest ones go that are over a limit."""
        kept = [*self._kept, batch][-self._most_batches :]
        rows = 0
        for index in range(len(kept) - 1, -1, -1):
            rows += sum(table.num_rows for table in kept[index].values())
            if rows > self._most_rows:
                kept = kept[min(index + 1, len(kept) - 1) :]
                break
        self._kept = tuple(kept)

    def clear(self) -> None:
        """Forget what is kept."""
        self._kept = ()

    def table(self, name: str) -> pa.Table:
        """Return one table of all kept batches.

        Parameters
        ----------
        name : str
            ``"points"``, ``"verdicts"``, ``"events"``, ``"exemplars"``, ``"spans"``, or a table
            that a component added.

        Returns
        -------
        pyarrow.Table
            The rows in the order in which the windows were turned.

        Raises
        ------
        KeyError
            If it is none of the five and no kept batch has it.
        """
        import pyarrow as pa

        found = [batch[name].to_pyarrow() for batch in self._kept if name in batch]
        if not found and name in SCHEMAS:
            return Table.empty(name).to_pyarrow()
        if not found:
            message = f"no kept batch has a table {name!r}"
            raise KeyError(message)
        return pa.concat_tables(found)

    def __repr__(self) -> str:
        """Show how much is kept."""
        return f"<inlay.sinks.Memory: {len(self._kept)} batches>"
