"""Rows that came before, known again by their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

__all__ = ["Duplicates"]

# An odd number with about as many ones as zeros: keys of several columns depend on their order.
_MIX = 0x9E3779B97F4A7C15


class Duplicates:
    """The keys of the last rows, and which of more rows have one of them. Not thread-safe.

    Keys are hashes of 64 bits in two generations: at least the last `remember` keys, at most twice
    as many. Two different rows have one hash with a probability of ``remember / 2**63`` a row. Rows
    with a null or NaN in a column of the key, or without the column, are never duplicates. Whole
    floats are the integers that they equal.

    Parameters
    ----------
    columns : sequence of str
        What makes the key.
    remember : int
        How many keys are remembered at least: 8 to 16 bytes each.
    """

    __slots__ = ("_old", "_runs", "_size", "columns", "remember")

    def __init__(self, columns: Sequence[str], remember: int) -> None:
        self.columns = tuple(columns)
        self.remember = remember
        # Sorted runs of the young generation, each at least twice as long as the next: a key is
        # moved about log2(remember) times.
        self._runs: list[np.ndarray] = []
        self._size = 0
        self._old: np.ndarray | None = None

    @property
    def memory_bytes(self) -> int:
        """Bytes that the keys take."""
        return sum(len(run) for run in self._runs) * 8 + (
            0 if self._old is None else len(self._old) * 8
        )

    def find(self, batch: pa.RecordBatch) -> np.ndarray:
        """Return which rows of a batch came before, in it or in others, and remember the rest.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
        """
        import numpy as np

        keys = self._keys(batch)
        _, first = np.unique(keys, return_index=True)
        known = np.ones(len(keys), dtype=bool)
        known[first] = False
        for run in (*self._runs, *(() if self._old is None else (self._old,))):
            places = np.searchsorted(run, keys)
            places[places == len(run)] = 0
            known |= run[places] == keys
        known &= keys != 0
        fresh = np.unique(keys[~known])
        fresh = fresh[fresh != 0]
        if len(fresh):
            self._remember(fresh)
        return known

    def check(self, schema: pa.Schema) -> None:
        """Refuse a first table whose rows have no keys.

        Raises
        ------
        InvalidArgumentError
            If a column of the key is not there once, or its values are told apart by nothing; the
            message names it.
        """
        import pyarrow as pa

        for name in self.columns:
            if schema.names.count(name) != 1:
                shown = ", ".join(map(repr, schema.names[:20])) or "none"
                message = f"a column of key is not there once (the table has {shown}): {name!r}"
                raise InvalidArgumentError(message)
            field = schema.field(name)
            try:
                _keys_of(pa.array([], field.type))
            except TypeError as error:
                message = f"column {name!r} makes no key: {error}"
                raise InvalidArgumentError(message) from error

    def _keys(self, batch: pa.RecordBatch) -> np.ndarray:
        import numpy as np

        nothing = np.zeros(batch.num_rows, dtype=np.uint64)
        parts = []
        for name in self.columns:
            index = batch.schema.get_field_index(name)
            if index < 0:  # told as a change of the schema
                return nothing
            try:
                parts.append(_keys_of(batch.column(index)))
            except TypeError:  # of a type that is told as a change of the schema
                return nothing
        if len(parts) == 1:
            return parts[0]
        combined = nothing
        whole = np.ones(batch.num_rows, dtype=bool)
        for keys in parts:
            combined = combined * np.uint64(_MIX) + keys
            whole &= keys != 0
        combined[combined == 0] = 1
        combined[~whole] = 0
        return combined

    def _remember(self, fresh: np.ndarray) -> None:
        import numpy as np

        self._runs.append(fresh)
        self._size += len(fresh)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last, before = self._runs.pop(), self._runs.pop()
            merged = np.concatenate([before, last])
            merged.sort(kind="stable")  # of two sorted runs
            self._runs.append(merged)
        if self._size >= self.remember:
            self._old = np.sort(np.concatenate(self._runs), kind="stable")
            self._runs = []
            self._size = 0

    def state(self) -> list[bytes]:
        """Return the keys: the old generation, then the runs of the young one."""
        import numpy as np

        old = np.empty(0, dtype=np.uint64) if self._old is None else self._old
        return [part.astype("<u8").tobytes() for part in (old, *self._runs)]

    def restore(self, state: Sequence[bytes]) -> None:
        """Take over a state.

        Raises
        ------
        ValueError
            If it is none.
        """
        import numpy as np

        parts = [np.frombuffer(part, dtype="<u8").astype(np.uint64) for part in state]
        if not parts:
            message = "keys of rows: no parts"
            raise ValueError(message)
        for part in parts:
            if np.any(part[1:] < part[:-1]):
                message = "keys of rows are not in order"
                raise ValueError(message)
        self._old = parts[0] if len(parts[0]) else None
        self._runs = parts[1:]
        self._size = sum(len(run) for run in self._runs)


def _keys_of(array: pa.Array) -> np.ndarray:
    """Return a number for each item, 0 for a null and NaN."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    keys = np.frombuffer(_core.item_keys(array), dtype=np.uint64)
    if not pa.types.is_floating(array.type):
        return keys
    # A column of integers becomes one of floats as soon as one is missing.
    keys = keys.copy()
    values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    whole = (np.trunc(values) == values) & (np.abs(values) < 2.0**63)
    integers = pa.array(values[whole].astype(np.int64))
    keys[whole] = np.frombuffer(_core.item_keys(integers), dtype=np.uint64)
    keys[np.isnan(values)] = 0
    return keys
