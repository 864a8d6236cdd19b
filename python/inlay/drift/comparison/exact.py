"""Distances between ordered values from all rows of both sides, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.profile import Profile
from inlay.data.sources import open_source
from inlay.drift.comparison.sides import Side
from inlay.drift.comparison.stored_points import StoredPoints

__all__ = ["exact_tests", "must_be_rows"]

_KINDS = frozenset({"integer", "unsigned", "float"})


def must_be_rows(side: Any, what: str) -> None:
    """See that a side can be read again, a column at a time.

    Raises
    ------
    InvalidArgumentError
        If it is a summary of rows, or a stream that gives them once.
    """
    if isinstance(side, (Profile, StoredPoints)):
        message = f"exact distances need rows on both sides, and the {what} is {side!r}"
        raise InvalidArgumentError(message)
    source = open_source(side)
    if not source.is_repeatable:
        message = f"exact distances need rows that can be read again; {what}: {source.name}"
        raise InvalidArgumentError(message)


def exact_tests(
    first: Any, second: Any, reference: Side, columns: Sequence[str] | None, threads: int | None
) -> dict[str, Any]:
    """Test each top-level column of numbers that both sides have.

    Parameters
    ----------
    first, second : object
        Rows, as `must_be_rows` wants them.
    reference : Side
        What was made of `first`.
    columns : sequence of str, optional
        Those to test; all by default.
    threads : int, optional

    Returns
    -------
    dict of str to TwoSample
        By path.
    """
    import pyarrow.types as types

    from inlay.detect import two_sample

    schemas = [open_source(side, columns=columns).schema for side in (first, second)]
    found = {}
    for name in schemas[0].names:
        side = reference.columns.get(name)
        if side is None or side.kind not in _KINDS or side.count == 0:
            continue
        if any(schema.names.count(name) != 1 for schema in schemas):
            continue
        kinds = [schema.field(name).type for schema in schemas]
        if all(types.is_integer(kind) or types.is_floating(kind) for kind in kinds):
            x, y = (_column(each, name) for each in (first, second))
            found[name] = two_sample(x, y, threads=threads or None)
    return found


def _column(side: Any, name: str) -> Any:
    import pyarrow as pa

    source = open_source(side, columns=[name])
    arrays = [batch.column(0) for batch in source.batches()]
    return pa.chunked_array(arrays, type=source.schema.field(0).type)
