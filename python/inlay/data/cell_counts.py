"""Rows counted in cells, by hidden names where these alone are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.data.leaf_arrays import leaf_arrays
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.reference import Cells

__all__ = ["Recount", "Rename", "cell_of", "count_rows", "natives_of"]

Rename: TypeAlias = Callable[[bytes], bytes]
"""From a name to what stands for it."""


def count_rows(
    native: _core.Tally, batch: pa.RecordBatch, renames: Mapping[int, Rename], threads: int = 0
) -> int:
    """Count a batch in a native tally.

    Parameters
    ----------
    native : native tally
        Counted up.
    batch : pyarrow.RecordBatch
    renames : mapping of int to callable
        For leaves that are counted by hidden names: what stands for a name.
    threads : int, default 0
        0: as many as there are cores.

    Returns
    -------
    int
        The number of rows.
    """
    if not renames:
        return native.update(batch, threads=threads)
    unfit = {path for path, problem in native.fit(batch.schema) if problem != "added"}
    paths = native.paths
    hidden = [number for number in renames if paths[number] not in unfit]
    rows = native.update(batch, threads=threads, skip=list(renames))
    known = _without_unsupported(batch)
    places = {path: number for number, path in enumerate(_core.Tally(known.schema).paths)}
    wanted = {places[paths[number]]: number for number in hidden}
    for place, array in leaf_arrays(known, wanted.keys()):
        number = wanted[place]
        native.update_column(number, _hidden_names(array, renames[number]))
    return rows


def _without_unsupported(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns of types that a tally has."""
    import pyarrow as pa

    kept = []
    for number, field in enumerate(batch.schema):
        try:
            _core.Tally(pa.schema([field]))
        except InvalidArgumentError:
            continue
        kept.append(number)
    return batch if len(kept) == batch.num_columns else batch.select(kept)


class Recount:
    """Rows that are read a second time, counted in cells and nothing else.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the batches to come.
    cells : dict
        By the number of a leaf; they stay as they are.
    renames : mapping of int to callable
        As for `count_rows`.
    """

    def __init__(self, schema: pa.Schema, cells: Cells, renames: Mapping[int, Rename]) -> None:
        self._native = _core.Tally(
            schema, natives_of(cells), moments=False, quantiles=False, unseen=0
        )
        self._numbers = list(cells)
        self._renames = {number: renames[number] for number in renames if number in cells}

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch.

        Raises
        ------
        InvalidArgumentError
            If its columns are not those of the schema.
        """
        for path, problem in self._native.fit(batch.schema):
            message = f"column {path!r} of the rows is not the profile's: {problem}"
            raise InvalidArgumentError(message)
        count_rows(self._native, batch, self._renames)

    def cells(self) -> Cells:
        """Return the cells with the counts."""
        return {number: cell_of(self._native.column(number).cells) for number in self._numbers}


def _hidden_names(array: Any, rename: Rename) -> Any:
    """Return a dictionary's array with what stands for its names."""
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_null(array.type):
        return array
    if types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if not types.is_dictionary(array.type):
        array = array.dictionary_encode()
    raw = array.dictionary.cast(pa.large_binary()).to_pylist()
    hidden = pa.array([None if name is None else rename(name).decode() for name in raw])
    return pa.DictionaryArray.from_arrays(array.indices, hidden.cast(pa.large_string()))


def cell_of(native: Any) -> EdgeHistogram | Categories:
    """Return the summary of a native one."""
    if isinstance(native, _core.EdgeHistogram):
        return EdgeHistogram._of(native)
    return Categories._of(native)


def natives_of(cells: Cells) -> Any:
    """Return the native summaries by the number of a leaf."""
    return {number: cell._native for number, cell in cells.items()}
