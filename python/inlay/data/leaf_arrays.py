"""The arrays of chosen leaves of a batch, as the native profile numbers leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["leaf_arrays"]


def leaf_arrays(batch: pa.RecordBatch, wanted: Collection[int]) -> Iterator[tuple[int, Any]]:
    """Take leaves out of a batch.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    wanted : collection of int
        Numbers of leaves, in the order in which a schema is flattened: fields of structs one after
        the other, a list or map before its items, a map's keys before its values.

    Yields
    ------
    tuple of int and pyarrow.Array
        The number and the values. Nulls of a struct are nulls of its fields; lists that are null
        have no items. Lists and maps themselves are not given.
    """
    first = 0
    for column in batch.columns:
        size = _leaves(column.type)
        if any(first <= number < first + size for number in wanted):
            yield from _walk(column, first, wanted)
        first += size


def _leaves(kind: pa.DataType) -> int:
    """Return how many leaves a type has."""
    import pyarrow.types as types

    if isinstance(kind, _extension()):
        return _leaves(kind.storage_type)  # type: ignore[attr-defined]
    if types.is_struct(kind):
        return sum(_leaves(kind.field(i).type) for i in range(kind.num_fields))
    if types.is_map(kind):
        return 1 + _leaves(kind.key_type) + _leaves(kind.item_type)
    if _is_list(kind):
        return 1 + _leaves(kind.value_type)
    return 1


def _walk(array: Any, first: int, wanted: Collection[int]) -> Iterator[tuple[int, Any]]:
    import pyarrow.types as types

    kind = array.type
    if isinstance(kind, _extension()):
        yield from _walk(array.storage, first, wanted)
    elif types.is_struct(kind):
        for child in array.flatten():
            yield from _walk(child, first, wanted)
            first += _leaves(child.type)
    elif types.is_map(kind):
        keys, items = _entries(array)
        yield from _walk(keys, first + 1, wanted)
        yield from _walk(items, first + 1 + _leaves(kind.key_type), wanted)
    elif _is_list(kind):
        yield from _walk(array.flatten(), first + 1, wanted)
    elif first in wanted:
        yield first, array


def _entries(array: Any) -> tuple[Any, Any]:
    """Return the keys and the values of a map's rows that are not null."""
    import pyarrow as pa

    # A map is a list of structs; as such its flatten() heeds slices and nulls, which keys do not.
    kind = array.type
    entries = pa.struct(
        [pa.field("key", kind.key_type, nullable=False), pa.field("value", kind.item_type)]
    )
    pairs = array.cast(pa.list_(pa.field("entries", entries, nullable=False))).flatten()
    keys, items = pairs.flatten()
    return keys, items


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _extension() -> type:
    import pyarrow as pa

    return pa.BaseExtensionType  # type: ignore[no-any-return]
