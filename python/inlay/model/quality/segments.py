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
# Tables that are kept for the next rows, and how large they are at most.
_MOST_KEPT = 32
_KEPT = 1 << 14
_NARROW = 1 << 31
# Integers of a span like this are told apart by subtracting.
_SPAN = 1 << 12
_MOST = 1 << 62


class Segments:
    """Sets of attribute values by number, in the order in which they came. Not thread-safe.

    Parameters
    ----------
    names : tuple of str
        The attributes.
    cap : int
        How many sets are kept apart; rows of later ones go to one more.
    """

    __slots__ = ("_known", "_plain", "_tables", "cap", "keys", "names", "overflowed")

    def __init__(self, names: tuple[str, ...], *, cap: int) -> None:
        self.names = names
        self.cap = cap
        self.keys: list[Key] = []
        self.overflowed = 0  # rows that went to the one more
        self._known: dict[Key, int] = {}
        # As a caller gives them, which saves making texts: type and value of each.
        self._plain: dict[tuple[Any, ...], int] = {}
        # By the texts that arrays of values have: the segment of each combination, -1 unless known.
        self._tables: dict[tuple[tuple[str, ...], ...], np.ndarray[Any, Any]] = {}

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
            found = self.index(tuple([str(value) for value in values]))
            if self.keys[found] is None:
                self.overflowed += rows
            else:
                self._plain[plain] = found
        return found

    def index(self, key: Key) -> int:
        """Return the number of a set of values; that of the one more if it is beyond the cap."""
        found = self._known.get(key)
        if found is None:
            if key is not None and len(self._known) - (None in self._known) >= self.cap:
                return self.index(None)
            found = self._known[key] = len(self.keys)
            self.keys.append(key)
        return found

    def _many(self, values: Sequence[Any], rows: int) -> np.ndarray[Any, Any]:
        import numpy as np

        codes: Any = None
        texts: list[list[str]] = []
        size = 1
        for name, value in zip(self.names, values, strict=True):
            known, of_row = encoded(name, value, rows)
            texts.append(known)
            size *= max(len(known), 1)
            if size > _MOST:
                message = f"attributes have too many values together: {', '.join(self.names)}"
                raise InvalidArgumentError(message)
            if of_row is None:
                continue
            if codes is None:
                codes = of_row
            else:
                wide = codes.astype(np.int64) if size > _NARROW else codes
                codes = wide * len(known) + of_row
        if size <= _TABLE:
            found = self._looked_up(codes, texts, size)
        else:
            present, inverse = np.unique(codes, return_inverse=True)
            found = np.asarray(self._indices(present.tolist(), texts), np.int32)[inverse]
        beyond = self._known.get(None)
        if beyond is not None:
            self.overflowed += int((found == beyond).sum())
        return found

    def _looked_up(
        self, codes: np.ndarray[Any, Any], texts: Sequence[list[str]], size: int
    ) -> np.ndarray[Any, Any]:
        """Return the segment of each row by a table, which is kept for the next rows like these."""
        import numpy as np

        key = tuple([tuple(known) for known in texts])
        table = self._tables.get(key)
        if table is None:
            table = np.full(size, -1, np.int32)
            if size <= _KEPT:
                if len(self._tables) >= _MOST_KEPT:
                    self._tables.clear()
                self._tables[key] = table
        found: np.ndarray[Any, Any] = table[codes]
        if len(found) and found.min() < 0:
            missing = np.unique(codes[found < 0])
            table[missing] = self._indices(missing.tolist(), texts)
            found = table[codes]
        return found

    def _indices(self, codes: Sequence[int], texts: Sequence[list[str]]) -> list[int]:
        """Return the segment of each combination of values."""
        found = []
        for code in codes:
            key = []
            for known in reversed(texts):
                code, at = divmod(code, len(known))
                key.append(known[at])
            found.append(self.index(tuple(reversed(key))))
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


def encoded(name: str, value: Any, rows: int) -> tuple[list[str], np.ndarray[Any, Any] | None]:
    """Return the texts of an attribute, and each row's number among them.

    Returns
    -------
    texts : list of str
    of_row : numpy.ndarray of int32, shape (rows,), or None
        None if all rows have one value.

    Raises
    ------
    TypeError
        If the values are no texts, integers or bools.
    InvalidArgumentError
        If there are not as many.
    """
    import numpy as np

    if isinstance(value, (str, int)):
        return [str(value)], None
    kind = value.dtype.kind if isinstance(value, np.ndarray) else ""
    if kind and value.shape != (rows,):
        message = f"attribute {name!r} must have {rows} values, one for each row: {value.shape}"
        raise InvalidArgumentError(message)
    if kind in ("i", "u") and rows:
        low, high = int(value.min()), int(value.max())
        if high - low < _SPAN:
            wide = value if value.dtype.itemsize >= 4 else value.astype(np.int32)
            of_row = (wide - wide.dtype.type(low)).astype(np.int32, copy=False)
            return [str(number) for number in range(low, high + 1)], of_row
    if kind == "U" and rows and value.dtype.itemsize:
        return _encoded_texts(value)
    return _encoded_arrow(name, value, rows)


def _encoded_texts(value: np.ndarray[Any, Any]) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Tell texts of numpy apart as the bytes that they are: making objects of them takes long."""
    import numpy as np
    import pyarrow as pa

    packed = np.ascontiguousarray(value)
    kind = pa.binary(packed.dtype.itemsize)
    array = pa.Array.from_buffers(kind, len(packed), [None, pa.py_buffer(packed.view(np.uint8))])
    made = array.dictionary_encode()
    texts = np.frombuffer(b"".join(made.dictionary.to_pylist()), packed.dtype).tolist()
    return texts, made.indices.to_numpy()


def _encoded_arrow(name: str, value: Any, rows: int) -> tuple[list[str], np.ndarray[Any, Any]]:
    import numpy as np
    import pyarrow as pa

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
    return texts, indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
