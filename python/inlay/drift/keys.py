"""Numbers that stand for the texts of a column, or for a combination of columns."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["codes_of", "distinct", "first_rows", "is_any", "members_of", "stable_order"]

# Up to so many combinations a table of them is quicker than sorting.
_TABLE = 1 << 22


def distinct(texts: Any) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return the different texts of a column, and the number of each row's text.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray or Array of utf8 or a dictionary of it
        A null counts as the empty text.

    Returns
    -------
    texts : list of str
        Not all need occur.
    numbers : numpy.ndarray of int64, shape (n,)
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        if encoded.num_chunks != 1:
            encoded = encoded.unify_dictionaries().combine_chunks()
        else:
            encoded = encoded.chunk(0)
    if isinstance(encoded, pa.ChunkedArray):  # of no chunk at all
        return [], np.zeros(0, np.int64)
    known: list[str] = encoded.dictionary.to_pylist()
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, len(known))
        known = [*known, ""]
    return known, indices.to_numpy().astype(np.int64)


def is_any(texts: Any, wanted: Collection[str]) -> np.ndarray[Any, Any]:
    """Return which rows have one of some texts.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    import numpy as np

    known, of_row = distinct(texts)
    chosen: np.ndarray[Any, Any] = np.asarray([text in wanted for text in known], bool)[of_row]
    return chosen


def members_of(texts: Any, name: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return the values that a member of JSON texts has, and the number of each row's value.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray of utf8 or a dictionary of it
        Canonical JSON.
    name : str
        The member; where it is absent the value is the empty text.

    Returns
    -------
    values : list of str
    numbers : numpy.ndarray of int64, shape (n,)

    Raises
    ------
    InvalidArgumentError
        If a text is no JSON object.
    """
    import numpy as np

    known, of_row = distinct(texts)
    values: dict[str, int] = {}
    numbers = []
    for text in known:
        try:
            value = str(json.loads(text).get(name, ""))
        except (ValueError, AttributeError) as error:
            message = f"attrs and resource must be JSON objects: {text!r}"
            raise InvalidArgumentError(message) from error
        numbers.append(values.setdefault(value, len(values)))
    return list(values), np.asarray(numbers, np.int64)[of_row]


def codes_of(*columns: Any) -> Any:
    """Return numbers from 0 that are equal where all columns are; none is left out.

    Parameters
    ----------
    *columns : array of integers, shape (n,)

    Returns
    -------
    numpy.ndarray of int64, shape (n,)

    Notes
    -----
    Sorts the runs of equal rows, which are few where rows come window by window.
    """
    import numpy as np

    length = len(columns[0])
    if length == 0:
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(_changes(columns))
    heads = [column[starts] for column in columns]
    order = np.lexsort(heads)
    new = _changes([head[order] for head in heads])
    new[0] = False
    codes = np.empty(len(starts), np.int64)
    codes[order] = np.cumsum(new)
    return np.repeat(codes, np.diff(np.append(starts, length)))


def _changes(columns: Any) -> Any:
    """Return where a row differs from the one before it; the first one does."""
    import numpy as np

    new = np.zeros(len(columns[0]), bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new


def first_rows(*columns: tuple[Any, int]) -> tuple[Any, Any]:
    """Return the first row of each combination of small numbers, and each row's combination.

    Parameters
    ----------
    *columns : (array of int64 of shape (n,), int)
        Numbers from 0, and how many there may be.

    Returns
    -------
    firsts : numpy.ndarray of int64, shape (k,)
        In the order of rows.
    of_row : numpy.ndarray of int64, shape (n,)
        Positions in `firsts`.
    """
    import numpy as np

    size = 1
    for _, count in columns:
        size *= max(count, 1)
    if size > _TABLE:
        codes = codes_of(*(column for column, _ in columns))
        size = int(codes.max(initial=-1)) + 1
    else:
        codes = np.zeros(len(columns[0][0]), np.int64)
        for column, count in columns:
            codes = codes * max(count, 1) + column
    first = np.full(size, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    firsts = np.sort(first[first >= 0])
    rank = np.empty(size, np.int64)
    rank[codes[firsts]] = np.arange(len(firsts))
    return firsts, rank[codes]


def stable_order(codes: Any) -> Any:
    """Return the order that sorts numbers from 0 and leaves equal ones as they are."""
    import numpy as np

    # Numbers of 16 bits are sorted by radix.
    small = codes.astype(np.uint16) if codes.max(initial=0) < 1 << 16 else codes
    return np.argsort(small, kind="stable")
