"""How the number of a check comes about: by the native plan, or batch by batch in Python."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pyarrow

    from inlay.data.checks.check import Check
    from inlay.data.columns import Column
    from inlay.data.schema import Schema

__all__ = [
    "KINDS",
    "Context",
    "Fixed",
    "Kind",
    "Measure",
    "Measured",
    "NativeRule",
    "NativeStats",
    "PythonMeasure",
    "RowMeasure",
    "Run",
    "UnfitError",
    "register",
]


class UnfitError(Exception):
    """A check that cannot be made of this column; the message says why."""


class Measured(NamedTuple):
    """The number, before it is compared: or None and the reason."""

    value: Any
    failed: int | None = None
    rows: list[int] | None = None
    reason: str | None = None


class Run(NamedTuple):
    """What all checks of one run share: rows and bytes read, and the present in Unix seconds."""

    rows: int
    nbytes: int
    now: float


class Measure(Protocol):
    """The state of one check over the batches of one run."""

    def update(self, batch: pyarrow.RecordBatch, first_row: int) -> np.ndarray | None:
        """Read a batch; return which of its rows fail, or None if rows do not fail one by one."""

    def measured(self, run: Run) -> Measured:
        """Return the number."""


class NativeRule(NamedTuple):
    """A rule of `_core.CheckPlan` that counts failing rows."""

    rule: str
    path: str
    parameters: dict[str, Any]


class NativeStats(NamedTuple):
    """A number made of the statistics that `_core.CheckPlan` takes of a column in its one pass."""

    path: str
    read: Callable[[tuple[Any, ...], Run], Measured]


class PythonMeasure(NamedTuple):
    """A state that is made anew for each run; it is told how many failing rows to keep."""

    make: Callable[[int], Measure]
    # Whether `measured` needs more than the run: then batches are handed to `update`.
    reads_rows: bool = True


class Fixed(NamedTuple):
    """A number that the schema alone decides."""

    measured: Measured


class Context(NamedTuple):
    """What a check may know when it is compiled: the data's schema."""

    schema: Schema
    arrow_schema: pyarrow.Schema
    columns: dict[str, Column]
    max_keys: int


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check.

    Attributes
    ----------
    name : str
        That of its factory.
    family : str
        One of the eight.
    accepts : frozenset of str, optional
        The kinds of column it works on; all if None.
    compile : callable
        Makes a step of a check, its columns and the context; raises `UnfitError`.
    """

    name: str
    family: str
    accepts: frozenset[str] | None
    compile: Callable[[Check, tuple[Column, ...], Context], Any]


KINDS: dict[str, Kind] = {}
"""The kinds by name; each family's module adds its own."""


def register(
    name: str, family: str, accepts: frozenset[str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a kind; the decorated function compiles it."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        KINDS[name] = Kind(name, family, accepts, function)
        return function

    return enter


class RowMeasure:
    """Counts the rows that a function says fail, and keeps the first of them."""

    def __init__(self, fails: Callable[[pyarrow.RecordBatch], Any], max_rows: int) -> None:
        self._fails = fails
        self._max_rows = max_rows
        self._failed = 0
        self._rows: list[int] = []
        self._reason: str | None = None

    def update(self, batch: pyarrow.RecordBatch, first_row: int) -> np.ndarray | None:
        """Read a batch; the function gives a boolean array, where true and not null fails."""
        import numpy as np
        import pyarrow as pa

        if self._reason is not None:
            return None
        try:
            mask: Any = self._fails(batch)
        except pa.ArrowInvalid as error:
            # An overflow or a value that cannot be converted: the count is no longer known.
            self._reason = str(error).splitlines()[0]
            return None
        if not isinstance(mask, np.ndarray):
            if isinstance(mask, pa.ChunkedArray):
                mask = mask.combine_chunks()
            mask = mask.fill_null(False).to_numpy(zero_copy_only=False)
        where = np.flatnonzero(mask)
        self._failed += len(where)
        room = self._max_rows - len(self._rows)
        if room > 0:
            self._rows.extend((where[:room] + first_row).tolist())
        failing: np.ndarray = mask
        return failing

    def measured(self, run: Run) -> Measured:  # noqa: ARG002
        """Return how many failed."""
        if self._reason is not None:
            return Measured(None, None, [], self._reason)
        return Measured(self._failed, self._failed, self._rows)
