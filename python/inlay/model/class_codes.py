"""Classes by name, as the numbers that native states count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow

__all__ = ["class_codes", "class_names"]


def class_names(classes: Any) -> tuple[Any, ...] | None:
    """Return the names of classes, or None where `classes` is how many there are.

    Raises
    ------
    TypeError
        If they are neither an integer, nor all texts or all integers.
    InvalidArgumentError
        If a name occurs twice.
    """
    if isinstance(classes, str | bytes):
        message = f"classes are how many there are, or their names, not {classes!r}"
        raise TypeError(message)
    if hasattr(classes, "__index__") and not hasattr(classes, "__len__"):
        return None
    names = tuple(name.item() if hasattr(name, "item") else name for name in classes)
    if not (all(type(name) is str for name in names) or all(type(name) is int for name in names)):
        message = f"names of classes are all texts or all integers, not {names!r}"
        raise TypeError(message)
    seen = set()
    for name in names:
        if name in seen:
            message = f"a class has one name, and two have {name!r}"
            raise InvalidArgumentError(message)
        seen.add(name)
    return names


def class_codes(values: Any, names: Sequence[Any]) -> pyarrow.Array:
    """Return the index of each value among names, null for null, and how many for one of none.

    Raises
    ------
    TypeError
        If the values are no column of what the names are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(values, pa.Array | pa.ChunkedArray):
        try:
            values = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            message = f"expected names of classes, got {type(values).__name__}: {error}"
            raise TypeError(message) from error
    known = pa.array(names)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.int32())
    texts = pa.types.is_string(known.type)
    is_text = (
        pa.types.is_string(values.type)
        or pa.types.is_large_string(values.type)
        or pa.types.is_string_view(values.type)
    )
    if texts != is_text or not (texts or pa.types.is_integer(values.type)):
        message = f"expected names of classes, {known.type}, got {values.type}"
        raise TypeError(message)
    # Integers of any width by the widest; one beyond it is no name.
    codes = pc.index_in(values.cast(known.type), known)
    outside = pc.and_(pc.is_null(codes), pc.is_valid(values))
    return pc.if_else(outside, pa.scalar(len(names), pa.int32()), codes)
