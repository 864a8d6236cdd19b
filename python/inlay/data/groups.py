"""Profiles of the groups that columns of a table make, up to a number of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["NULL", "OTHER", "GroupKey", "Groups", "hidden_key"]

GroupKey: TypeAlias = tuple[str, ...]

NULL = "…null…"
"""What a null is called in the key of a group."""

OTHER = "…other…"
"""What the group of those beyond the cap is called, for each column."""

# A value that reads like one of these gets a backslash, so that no two keys are alike.
_RESERVED = re.compile(rf"\\*(?:{NULL}|{OTHER})")


class Groups:
    """The native profile of each group, over all columns but those that make the groups.

    Parameters
    ----------
    by : tuple of str
        Top-level columns whose values make the groups.
    schema : pyarrow.Schema
        That of the batches to come.
    most : int
        How many groups are kept apart; rows of later ones go to one more, under `OTHER`.
    new : callable
        Makes an empty native profile for a schema.

    Raises
    ------
    InvalidArgumentError
        If a column of `by` is not there, is there twice, or its values have no text.
    """

    __slots__ = (
        "_known",
        "_new",
        "_renames",
        "by",
        "most",
        "natives",
        "positions",
        "rest",
        "schema",
    )

    def __init__(
        self,
        by: tuple[str, ...],
        schema: pa.Schema,
        most: int,
        new: Callable[[pa.Schema], _core.Profile],
    ) -> None:
        import pyarrow as pa

        self.by = by
        self.most = most
        self._new = new
        # What stands for the values of a column of by, where they are hidden.
        self._renames: dict[str, Callable[[bytes], bytes]] = {}
        self.positions = [_position(schema, name) for name in by]
        self.rest = [i for i in range(len(schema)) if i not in self.positions]
        self.schema = pa.schema([schema.field(i) for i in self.rest])
        self.natives: dict[GroupKey, _core.Profile] = {}
        # Keys that have a group here or in the whole that this will be added to.
        self._known: set[GroupKey] = set()

    @property
    def other(self) -> GroupKey:
        """The key of the rows beyond the cap."""
        return (OTHER,) * len(self.by)

    def update(self, batch: pa.RecordBatch, threads: int) -> None:
        """Count a batch's rows, each in its group."""
        for key, rows in self.split(batch, admit=True):
            self.natives[key].update(rows, threads=threads)

    def split(
        self, batch: pa.RecordBatch, *, admit: bool = False
    ) -> Iterator[tuple[GroupKey, pa.RecordBatch]]:
        """Take a batch apart by group, rows in their order.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
        admit : bool, default False
            Whether a key that is new makes a group while there is room.

        Yields
        ------
        tuple of key and pyarrow.RecordBatch
            With the columns that do not make the groups.
        """
        if batch.num_rows == 0:
            return
        import numpy as np
        import pyarrow as pa

        numbers, keys = self._keys(batch)
        targets: list[GroupKey] = [self._target(key, admit) for key in keys]
        names = list(dict.fromkeys(targets))
        places = {name: place for place, name in enumerate(names)}
        groups = np.array([places[target] for target in targets], dtype=np.int64)[numbers]
        rest = batch.select(self.rest)
        if len(names) == 1:
            yield names[0], rest
            return
        order = np.argsort(groups, kind="stable")
        sizes = np.bincount(groups, minlength=len(names))
        rows = _takeable(rest).take(pa.array(order))
        start = 0
        for name, size in zip(names, sizes.tolist(), strict=True):
            yield name, rows.slice(start, size)
            start += size

    def _target(self, key: GroupKey, admit: bool) -> GroupKey:
        if key in self.natives:
            return key
        if not admit:
            return self.other
        target = key if key in self._known or len(self._known) < self.most else self.other
        self._admit(target)
        return target

    def _admit(self, key: GroupKey) -> None:
        if key not in self.natives:
            self.natives[key] = self._new(self.schema)
        if key != self.other:
            self._known.add(key)

    def _keys(self, batch: pa.RecordBatch) -> tuple[np.ndarray, list[GroupKey]]:
        """Return the number of each row's key, and the keys in the order they first appear."""
        import numpy as np

        numbers = np.zeros(batch.num_rows, dtype=np.int64)
        keys: list[GroupKey] = [()]
        for position in self.positions:
            codes, names = _encoded(batch.column(position))
            rename = self._renames.get(batch.schema.names[position])
            if rename is not None:
                names = [hidden_key(name, rename) for name in names]
            pairs = numbers * len(names) + codes
            found, first, numbers = np.unique(pairs, return_index=True, return_inverse=True)
            rank = np.argsort(np.argsort(first))  # numbers by first appearance, not by value
            numbers = rank[numbers]
            ordered = found[np.argsort(first)].tolist()
            keys = [(*keys[pair // len(names)], names[pair % len(names)]) for pair in ordered]
        return numbers, keys

    def merge(self, other: Groups) -> None:
        """Add what others counted: new groups while there is room, then to the one beyond."""
        for key, native in other.natives.items():
            target = key if key == self.other else self._target(key, True)
            self._admit(target)
            self.natives[target].merge(native)

    def copy(self) -> Groups:
        """Return an independent copy."""
        twin = self.part()
        twin.natives = {key: native.copy() for key, native in self.natives.items()}
        return twin

    def hide(self, name: str, rename: Callable[[bytes], bytes]) -> dict[GroupKey, GroupKey]:
        """Hide the values of a column of by; return what stands for each key.

        Groups whose keys become one are merged.
        """
        if name in self._renames:  # they came hidden
            return {key: key for key in self.natives}
        self._renames[name] = rename
        place = self.by.index(name)
        keys = {
            key: (*key[:place], hidden_key(key[place], rename), *key[place + 1 :])
            for key in self.natives
        }
        natives, self.natives = self.natives, {}
        for key, native in natives.items():
            if keys[key] in self.natives:
                self.natives[keys[key]].merge(native)
            else:
                self.natives[keys[key]] = native
        self._known = {key for key in self.natives if key != self.other}
        return keys

    def hide_later(self, renames: Mapping[str, Callable[[bytes], bytes]]) -> None:
        """Hide values of columns of by in batches to come; those of the keys are hidden already."""
        self._renames |= {name: rename for name, rename in renames.items() if name in self.by}

    def add(self, key: GroupKey, native: _core.Profile) -> None:
        """Take over a group that was counted elsewhere."""
        self.natives[key] = native
        if key != self.other:
            self._known.add(key)

    def part(self) -> Groups:
        """Return groups without rows, to merge into these: they know what has a group here."""
        twin = Groups.__new__(Groups)
        for name in ("_new", "by", "most", "positions", "rest", "schema"):
            setattr(twin, name, getattr(self, name))
        twin._renames = dict(self._renames)
        twin._known = set(self._known)
        twin.natives = {}
        return twin

    def equals(self, other: Groups) -> bool:
        """Return whether both have the same groups with equal states."""
        return (
            self.by == other.by
            and self.most == other.most
            and self.natives.keys() == other.natives.keys()
            and all(native.equals(other.natives[key]) for key, native in self.natives.items())
        )


def _position(schema: pa.Schema, name: str) -> int:
    import pyarrow as pa

    found = [i for i, present in enumerate(schema.names) if present == name]
    if len(found) != 1:
        problem = "is there more than once" if found else "is not there"
        shown = ", ".join(map(repr, schema.names[:20])) + (", …" if len(schema) > 20 else "")
        message = f"a column of by {problem} (the table has {shown or 'none'}): {name!r}"
        raise InvalidArgumentError(message)
    kind = schema.field(found[0]).type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(plain) or pa.types.is_null(plain) or _is_binary(plain):
        message = f"values of column {name!r} have no text to group by: {kind}"
        raise InvalidArgumentError(message)
    return found[0]


def _encoded(array: Any) -> tuple[np.ndarray, list[str]]:
    """Return the number of each value, and the values as text."""
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    encoded = array.dictionary_encode(null_encoding="encode")
    values = encoded.dictionary
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        raw = values.cast(pa.large_binary()).to_pylist()
        names = [v if v is None else v.decode(errors="backslashreplace") for v in raw]
    else:
        names = values.cast(pa.string()).to_pylist()
    return (
        encoded.indices.to_numpy(zero_copy_only=False),
        [NULL if name is None else _unreserved(name) for name in names],
    )


def hidden_key(name: str, rename: Callable[[bytes], bytes]) -> str:
    """Return what stands for a value; nulls and what is beyond the cap keep their names."""
    return name if name in (NULL, OTHER) else _unreserved(rename(name.encode()).decode())


def _unreserved(name: str) -> str:
    return f"\\{name}" if _RESERVED.fullmatch(name) else name


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def _takeable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Turn views, whose rows pyarrow cannot pick, into plain text and bytes."""
    import pyarrow as pa

    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    if not any(kind in plain for kind in batch.schema.types):
        return batch
    arrays = [
        array.cast(plain[array.type]) if array.type in plain else array for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
