"""Names of Arrow types as readable text, and which types hold the values of which others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

__all__ = ["holds_values_of", "is_nested", "kind_of", "type_name", "unit_and_zone"]

_PLAIN = {
    "null": "null",
    "bool": "boolean",
    **{f"int{bits}": "integer" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": "unsigned" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": "float" for bits in (16, 32, 64)},
    "date32": "date",
    "date64": "date",
    "utf8": "text",
    "large_utf8": "text",
    "utf8_view": "text",
    "binary": "binary",
    "large_binary": "binary",
    "binary_view": "binary",
    "struct": "struct",
    "map": "list",
    "list": "list",
    "large_list": "list",
    "list_view": "list",
    "large_list_view": "list",
}
_PATTERNS = (
    (re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)"), "decimal"),
    (re.compile(r"time(32|64)\[(s|ms|us|ns)\]"), "time"),
    (re.compile(r"timestamp\[(s|ms|us|ns)(, .+)?\]"), "timestamp"),
    (re.compile(r"duration\[(s|ms|us|ns)\]"), "duration"),
    (re.compile(r"fixed_size_binary\[(\d+)\]"), "binary"),
    (re.compile(r"fixed_size_list\[(\d+)\]"), "list"),
)
_DICTIONARY = re.compile(r"dictionary<(u?int(?:8|16|32|64)), (.+)>")
_MANTISSA_BITS = {"float16": 11, "float32": 24, "float64": 53}
_PYARROW_NAMES = {
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "string": "utf8",
    "large_string": "large_utf8",
    "string_view": "utf8_view",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}


def type_name(arrow_type: pyarrow.DataType) -> str:
    """Return the name of an Arrow type.

    Parameters
    ----------
    arrow_type : pyarrow.DataType
        Any type. Of a nested one the name is its outermost part, since its fields have names of
        their own; an extension type goes by its storage.

    Returns
    -------
    str
        Such as ``"int64"``, ``"timestamp[us, UTC]"``, ``"dictionary<int32, utf8>"``. Types that
        nothing here reads (unions, intervals, run-end encoded) keep pyarrow's name.

    Examples
    --------
    >>> import pyarrow as pa
    >>> type_name(pa.timestamp("us", "UTC")), type_name(pa.list_(pa.int8()))
    ('timestamp[us, UTC]', 'list')
    """
    import pyarrow as pa

    types = pa.types
    if isinstance(arrow_type, pa.BaseExtensionType):
        return type_name(arrow_type.storage_type)
    if types.is_dictionary(arrow_type):
        return f"dictionary<{type_name(arrow_type.index_type)}, {type_name(arrow_type.value_type)}>"
    if types.is_fixed_size_list(arrow_type):
        return f"fixed_size_list[{arrow_type.list_size}]"
    if types.is_fixed_size_binary(arrow_type):
        return f"fixed_size_binary[{arrow_type.byte_width}]"
    if types.is_timestamp(arrow_type):
        zone = f", {arrow_type.tz}" if arrow_type.tz is not None else ""
        return f"timestamp[{arrow_type.unit}{zone}]"
    text = str(arrow_type)
    if types.is_nested(arrow_type) and not types.is_union(arrow_type):
        head = text.split("<", 1)[0]
        return head if head in _PLAIN else text
    return _PYARROW_NAMES.get(text, text)


def kind_of(name: str) -> str | None:
    """Return what a type of this name holds.

    Parameters
    ----------
    name : str
        As `type_name` gives it.

    Returns
    -------
    str or None
        ``"null"``, ``"boolean"``, ``"integer"``, ``"unsigned"``, ``"float"``, ``"decimal"``,
        ``"date"``, ``"time"``, ``"timestamp"``, ``"duration"``, ``"text"``, ``"binary"``,
        ``"list"`` or ``"struct"``; of a dictionary that of its values; None if it is none of these.

    Examples
    --------
    >>> kind_of("dictionary<int32, utf8>"), kind_of("decimal128(10, 2)"), kind_of("dense_union")
    ('text', 'decimal', None)
    """
    if name in _PLAIN:
        return _PLAIN[name]
    match = _DICTIONARY.fullmatch(name)
    if match:
        return kind_of(match[2])
    for pattern, kind in _PATTERNS:
        if pattern.fullmatch(name):
            return kind
    return None


def is_nested(name: str) -> bool:
    """Return whether a type of this name has fields of its own."""
    return kind_of(name) in ("list", "struct")


def unit_and_zone(name: str) -> tuple[str | None, str | None]:
    """Return the unit and the time zone of a temporal type, None where it has none.

    Examples
    --------
    >>> unit_and_zone("timestamp[ms, Europe/Paris]"), unit_and_zone("date32")
    (('ms', 'Europe/Paris'), ('D', None))
    """
    if name == "date32":
        return "D", None
    if name == "date64":
        return "ms", None
    match = re.fullmatch(r"[a-z0-9]+\[(s|ms|us|ns)(?:, (.+))?\]", name)
    return (match[1], match[2]) if match else (None, None)


def _family(name: str) -> tuple[str | None, tuple[Any, ...]]:
    """Return the kind and what bounds the values, the same for all encodings of one type."""
    match = _DICTIONARY.fullmatch(name)
    if match:
        return _family(match[2])
    kind = kind_of(name)
    if kind in ("integer", "unsigned"):
        return kind, (int(name.lstrip("uint")),)
    if kind == "decimal":
        precision, scale = re.findall(r"-?\d+", name)[1:]
        return kind, (int(precision), int(scale))
    if kind == "float":
        return kind, (_MANTISSA_BITS[name],)
    if kind in ("text", "date"):
        return kind, ()
    if kind in ("list", "binary"):
        sized = re.fullmatch(r"fixed_size_(?:list|binary)\[(\d+)\]", name)
        return ("map" if name == "map" else kind), (int(sized[1]),) if sized else ()
    return kind, (name,)


def _integer_range(kind: str, bits: int) -> tuple[int, int]:
    if kind == "unsigned":
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def holds_values_of(target: str, source: str) -> bool:
    """Return whether every value of one type is also a value of another.

    Parameters
    ----------
    target, source : str
        Names as `type_name` gives them.

    Returns
    -------
    bool
        Whether a column of type `source` can always be read as `target` without loss. How the
        values are laid out (32 or 64 bit offsets, views, dictionaries) does not count.

    Examples
    --------
    >>> holds_values_of("int64", "uint32"), holds_values_of("float32", "int32")
    (True, False)
    >>> holds_values_of("utf8", "dictionary<int32, large_utf8>")
    True
    """
    if target == source:
        return True
    to_kind, to = _family(target)
    kind, of = _family(source)
    if kind is None or to_kind is None:
        return False
    if kind == "null":
        return True
    whole = ("integer", "unsigned")
    if kind in whole:
        low, high = _integer_range(kind, of[0])
        if to_kind in whole:
            to_low, to_high = _integer_range(to_kind, to[0])
            return bool(to_low <= low and high <= to_high)
        if to_kind == "float":
            return bool(max(-low, high) <= 2 ** to[0])
        if to_kind == "decimal":
            return bool(to[1] >= 0 and len(str(max(-low, high))) <= to[0] - to[1])
        return False
    if kind != to_kind:
        return False
    if kind == "float":
        return bool(of[0] <= to[0])
    if kind == "decimal":
        return bool(of[1] <= to[1] and of[0] - of[1] <= to[0] - to[1])
    if kind in ("list", "binary"):
        return not to or to == of
    return of == to
