"""Integrity: values that were damaged on the way."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
import zlib
from typing import TYPE_CHECKING, Any, Unpack

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.check import NO_FAILURES, Check, Options, new_check
from inlay.data.checks.measure import (
    Context,
    Fixed,
    Measured,
    NativeRule,
    PythonMeasure,
    RowMeasure,
    UnfitError,
    register,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pyarrow

    from inlay.data.columns import Column

__all__ = ["checksum", "decodable", "dictionary"]

_CYCLIC: dict[str, Callable[[bytes], int]] = {"adler32": zlib.adler32, "crc32": zlib.crc32}
_DIGESTS = ("blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def dictionary(column: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows whose index points outside the column's dictionary.

    Parameters
    ----------
    column : str
        Its path: dictionary encoded; in other columns no row fails.
    **options
        A bound of the number of such rows (``at_most=0`` if none), ``unit`` (``"rows"`` or
        ``"percent"`` of all rows), ``name``, ``description``, ``severity``.

    Returns
    -------
    Check
    """
    return _rows_check("dictionary", (column,), {}, options)


def checksum(
    column: str, expected: str, /, *, kind: str = "crc32", **options: Unpack[Options]
) -> Check:
    """Count the rows whose bytes do not have the checksum that another column holds.

    Parameters
    ----------
    column : str
        The path of the bytes: binary, or text as UTF-8.
    expected : str
        The path of the checksums: integers for ``"crc32"`` and ``"adler32"`` (signed ones are
        taken modulo 2**32), else the digest as binary or as hexadecimal text.
    kind : str
        ``"crc32"``, ``"adler32"``, or a hash: ``"md5"``, ``"sha1"``, ``"sha224"``, ``"sha256"``,
        ``"sha384"``, ``"sha512"``, ``"blake2b"``, ``"blake2s"``.
    **options
        As for `dictionary`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If there is no such kind.

    Notes
    -----
    A row with either null is passed over.
    """
    if kind not in _CYCLIC and kind not in _DIGESTS:
        known = ", ".join([*_CYCLIC, *_DIGESTS])
        message = f"checksum: kind must be one of {known}, got {kind!r}"
        raise InvalidArgumentError(message)
    return _rows_check("checksum", (column, expected), {"kind": kind}, options)


def decodable(column: str, encoding: str, /, **options: Unpack[Options]) -> Check:
    """Count the rows whose text or bytes cannot be decoded.

    Parameters
    ----------
    column : str
        Its path: text or binary. Of a dictionary each value is decoded once.
    encoding : str
        ``"json"`` (as RFC 8259 has it, so without NaN), ``"base64"``, ``"hex"``, ``"utf-8"``,
        ``"ascii"`` or ``"uuid"``.
    **options
        As for `dictionary`.

    Returns
    -------
    Check

    Raises
    ------
    InvalidArgumentError
        If there is no such encoding.
    """
    if encoding not in _DECODERS:
        message = f"decodable: encoding must be one of {', '.join(_DECODERS)}, got {encoding!r}"
        raise InvalidArgumentError(message)
    return _rows_check("decodable", (column,), {"encoding": encoding}, options)


def _rows_check(kind: str, columns: tuple[str, ...], parameters: Any, options: Options) -> Check:
    return new_check(kind, columns, parameters, options, unit="rows", default=NO_FAILURES)


def _refuse_constant(text: str) -> None:
    message = f"JSON has no {text}"
    raise ValueError(message)


_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "ascii": lambda data: data.decode("ascii"),
    "base64": lambda data: base64.b64decode(data, validate=True),
    "hex": lambda data: binascii.unhexlify(data),
    "json": lambda data: json.loads(data.decode("utf-8"), parse_constant=_refuse_constant),
    "utf-8": lambda data: data.decode("utf-8"),
    "uuid": lambda data: uuid.UUID(data.decode("ascii")),
}


def _is_decodable(data: bytes | None, decode: Callable[[bytes], Any]) -> bool:
    if data is None:
        return True
    try:
        decode(data)
    except (ValueError, RecursionError):
        return False
    return True


def _as_bytes(array: pyarrow.Array) -> list[bytes | None]:
    """Return text or binary values as bytes, whether or not the text is valid."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if str(array.type) == "string_view":
        array = array.cast(pa.large_utf8())
    if not pa.types.is_binary(array.type):
        array = array.cast(pa.large_binary())
    values: list[bytes | None] = array.to_pylist()
    return values


@register("dictionary", "integrity")
def _dictionary(check: Check, columns: tuple[Column, ...], context: Context) -> Any:  # noqa: ARG001
    if not columns[0].type.startswith("dictionary<"):
        return Fixed(Measured(0, 0, []))
    return NativeRule("dictionary", columns[0].path, {})


@register("decodable", "integrity", frozenset(("text", "binary", "null")))
def _decodable(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    column, decode = columns[0], _DECODERS[check.parameters["encoding"]]

    def fails(batch: pyarrow.RecordBatch) -> Any:
        import numpy as np
        import pyarrow as pa

        array = column.array(batch)
        if pa.types.is_dictionary(array.type):
            good = [_is_decodable(value, decode) for value in _as_bytes(array.dictionary)]
            return pa.array([not value for value in good], pa.bool_()).take(array.indices)
        return np.array([not _is_decodable(value, decode) for value in _as_bytes(array)], bool)

    return PythonMeasure(lambda max_rows: RowMeasure(fails, max_rows))


@register("checksum", "integrity")
def _checksum(check: Check, columns: tuple[Column, ...], context: Context) -> PythonMeasure:  # noqa: ARG001
    payload, expected = columns
    kind = check.parameters["kind"]
    _want(payload, ("text", "binary", "null"))
    if kind in _CYCLIC:
        _want(expected, ("integer", "unsigned", "null"))
        cyclic = _CYCLIC[kind]
    else:
        _want(expected, ("text", "binary", "null"))

    def right(data: bytes | None, wanted: Any) -> bool:
        if data is None or wanted is None:
            return True
        if kind in _CYCLIC:
            return bool(cyclic(data) == wanted % 2**32)
        digest = hashlib.new(kind, data, usedforsecurity=False)
        if isinstance(wanted, str):
            return digest.hexdigest() == wanted.lower()
        return bool(digest.digest() == wanted)

    def fails(batch: pyarrow.RecordBatch) -> np.ndarray:
        import numpy as np

        pairs = zip(_as_bytes(payload.array(batch)), expected.array(batch).to_pylist(), strict=True)
        return np.array([not right(data, wanted) for data, wanted in pairs], bool)

    return PythonMeasure(lambda max_rows: RowMeasure(fails, max_rows))


def _want(column: Column, kinds: tuple[str, ...]) -> None:
    if column.kind not in kinds:
        message = f"column {column.path!r} is {column.type}, not {' or '.join(kinds[:-1])}"
        raise UnfitError(message)
