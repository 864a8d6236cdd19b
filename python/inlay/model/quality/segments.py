"""Which segment a row belongs to: sets of attribute values and their numbers, up to a cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NULL", "OVERFLOW", "Key", "Segments"]

NULL = "…null…"
"""What the value of a row is called that has none."""

OVERFLOW = "otel.metric.overflow"
"""The attribute of the segment that holds rows beyond the cap."""

Key: TypeAlias = tuple[str, ...] | None
"""The values of a segment's attributes; None of the one beyond the cap."""

# Up to so many combinations a table of them is quicker than sorting.
_TABLE = 1 << 20


class Segments:
    """Sets of attribute values by number, in the order in which they came. Not thread-safe.

    Parameters
    ----------
    names : tuple of str
        The attributes.
    cap : int
        How many sets are kept apart; rows of later ones go to one more.
    """

    __slots__ = ("_known", "_plain", "cap", "keys", "names", "overflowed")

    def __init__(self, names: tuple[str, ...], *, cap: int) -> None:
        self.names = names
        self.cap = cap
        self.keys: list[Key] = []
        self.overflowed = 0  # rows that went to the one more
        self._known: dict[Key, int] = {}
        # As a caller gives them, which saves making texts: type and value of each.
        self._plain: dict[tuple[Any, ...], int] = {}

    def __len__(self) -> int:
        """Return how many segments there are."""
        return len(self.keys)

    def attributes(self, index: int) -> dict[str, str]:
        """Return the attributes of a segment by name."""
        key = self.keys[index]
        if key is None:
            return {OVERFLOW: "true"}
        return dict(zip(self.names, key, strict=True))

    def attrs(self, index: int, **more: str) -> str:
        """Return the attributes of a segment, and more, as canonical JSON."""
        return _core.canonical_json({**self.attributes(index), **more})

    def find(self, given: Mapping[str, Any], rows: int) -> int | np.ndarray[Any, Any]:
        """Return the segments of rows.

        Parameters
        ----------
        given : mapping of str to value or array-like of shape (rows,)
            Each attribute: one text, integer or bool for all rows, or one for each.
        rows : int

        Returns
        -------
        int or numpy.ndarray of int32, shape (rows,)
            One for all rows where all values are.

        Raises
        ------
        InvalidArgumentError
            If an attribute lacks, is none of these, or has another number of values.
        TypeError
            If a value is no text, integer or bool.
        """
        names = self.names
        if given.keys() != set(names):
            self._refuse(given)
        values = [given[name] for name in names]
        for value in values:
            if not isinstance(value, (str, int)):
                return self._many(values, rows)
        plain = tuple([(type(value), value) for value in values])
        found = self._plain.get(plain)
        if found is None:
            found = self.index(tuple([str(value) for value in values]), rows)
            if self.keys[found] is not None:
                self._plain[plain] = found
        return found

    def index(self, key: Key, rows: int = 0) -> int:
        """Return the number of a set of values; that of the one more if it is beyond the cap."""
        found = self._known.get(key)
        if found is None:
            if key is not None and len(self._known) - (None in self._known) >= self.cap:
                self.overflowed += rows
                return self.index(None)
            found = self._known[key] = len(self.keys)
            self.keys.append(key)
        return found

    def _many(self, values: Sequence[Any], rows: int) -> np.ndarray[Any, Any]:
        import numpy as np

        codes: np.ndarray[Any, Any] = np.zeros(rows, np.int64)
        texts: list[list[str]] = []
        size = 1
        for name, value in zip(self.names, values, strict=True):
            known, of_row = _encoded(name, value, rows)
            texts.append(known)
            if of_row is not None:
                codes = codes * len(known) + of_row
                size *= max(len(known), 1)
            if size > 1 << 62:
                message = f"attributes have too many values together: {', '.join(self.names)}"
                raise InvalidArgumentError(message)
        if size <= _TABLE:
            counts = np.bincount(codes, minlength=size)
            present = np.flatnonzero(counts)
            counts = counts[present]
            place = np.zeros(size, np.int32)
            place[present] = self._indices(present.tolist(), texts, counts.tolist())
            return place[codes]
        present, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
        return np.asarray(self._indices(present.tolist(), texts, counts.tolist()), np.int32)[
            inverse
        ]

    def _indices(
        self, codes: Sequence[int], texts: Sequence[list[str]], counts: Sequence[int]
    ) -> list[int]:
        """Return the segment of each combination of values."""
        found = []
        for code, rows in zip(codes, counts, strict=True):
            key = []
            for known in reversed(texts):
                code, at = divmod(code, len(known))
                key.append(known[at])
            found.append(self.index(tuple(reversed(key)), rows))
        return found

    def _refuse(self, given: Mapping[str, Any]) -> None:
        for name in self.names:
            if name not in given:
                message = f"the attribute {name!r} is not given"
                raise InvalidArgumentError(message)
        for name in given:
            if name not in self.names:
                message = f"there is no attribute {name!r} among {self.names!r}"
                raise InvalidArgumentError(message)

    def restore(self, keys: Sequence[Any], overflowed: int) -> None:
        """Take over segments in their order.

        Raises
        ------
        ValueError
            If they are none.
        """
        for key in keys:
            made = None if key is None else tuple(key)
            if made is not None and (
                len(made) != len(self.names) or not all(isinstance(text, str) for text in made)
            ):
                raise ValueError(key)
            if made in self._known:
                raise ValueError(key)
            self.index(made)
        self.overflowed = overflowed


def _encoded(name: str, value: Any, rows: int) -> tuple[list[str], np.ndarray[Any, Any] | None]:
    """Return the texts of an attribute and each row's number among them, None if all have one."""
    import numpy as np
    import pyarrow as pa

    if isinstance(value, (str, int)):
        return [str(value)], None
    try:
        if isinstance(value, (pa.Array, pa.ChunkedArray)):
            array = value
        elif hasattr(value, "__arrow_c_array__") or hasattr(value, "__arrow_c_stream__"):
            array = pa.chunked_array(value)
        else:
            array = pa.array(value, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        message = (
            f"attribute {name!r} takes str, int or bool, or an array of one kind of them: {error}"
        )
        raise TypeError(message) from error
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    if len(array) != rows:
        message = f"attribute {name!r} must have {rows} values, one for each row: {len(array)}"
        raise InvalidArgumentError(message)
    types = pa.types
    encoded = types.is_dictionary(array.type)
    kind = array.type.value_type if encoded else array.type
    if not (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    ):
        message = f"attribute {name!r} takes str, int or bool, got {kind}"
        raise TypeError(message)
    if not encoded:
        array = array.dictionary_encode()
    texts = [NULL if text is None else str(text) for text in array.dictionary.to_pylist()]
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(texts))
        texts.append(NULL)
    return texts, indices.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
