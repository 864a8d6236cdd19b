"""Settings and arrays as bytes, which are not trusted when they are read.

Little-endian: four letters of magic and a version byte; the length of a JSON text as a 32-bit
integer, and the text, an object whose member ``arrays`` lists type and shape of each array; the
arrays; the CRC-32 of all before it.
"""

from __future__ import annotations

import json
import struct
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import SerializationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["checked_counts", "pack", "unpack", "whole_file"]

_VERSION = 1
_MOST_ROWS = 1 << 53
_HEAD = struct.Struct("<4sBI")
_CRC = struct.Struct("<I")
_TYPES = {"<f8": 8, "<i8": 8, "<i4": 4, "|u1": 1}


def pack(magic: bytes, settings: dict[str, Any], arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Return settings, which JSON can hold, and arrays as bytes; equal ones give equal bytes."""
    little = [array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays]
    shapes = [[array.dtype.str, *array.shape] for array in little]
    whole = {**settings, "arrays": shapes}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    head = _HEAD.pack(magic, _VERSION, len(text))
    body = b"".join([head, text, *(array.tobytes() for array in little)])
    return body + _CRC.pack(zlib.crc32(body))


def unpack(magic: bytes, data: Any, what: str) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """Return what `pack` wrote.

    Raises
    ------
    SerializationError
        If it did not, or in a newer version; nothing is allocated beyond the bytes' own size.
    TypeError
        If `data` is no bytes-like object.
    """
    import numpy as np

    view = memoryview(data).cast("B")
    if bytes(view[:4]) != magic:
        message = f"the bytes of a {what} do not begin like one: {bytes(view[:4])!r}"
        raise SerializationError(message)
    if len(view) < _HEAD.size + _CRC.size:
        message = f"the bytes of a {what} are cut short: {len(view)}"
        raise SerializationError(message)
    _, version, length = _HEAD.unpack_from(view)
    if version != _VERSION:
        message = f"the bytes of a {what} have another version than {_VERSION}: {version}"
        raise SerializationError(message)
    (crc,) = _CRC.unpack_from(view, len(view) - _CRC.size)
    body = view[: -_CRC.size]
    if zlib.crc32(body) != crc:
        message = f"the bytes of a {what} are damaged: their CRC-32 is not {crc}"
        raise SerializationError(message)
    try:
        settings = json.loads(bytes(body[_HEAD.size : _HEAD.size + length]).decode())
        shapes = settings.pop("arrays")
        listed = [(_TYPES[kind], kind, tuple(map(int, shape))) for kind, *shape in shapes]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"the bytes of a {what} hold no such settings: {error}"
        raise SerializationError(message) from error
    at = _HEAD.size + length
    arrays = []
    for width, kind, shape in listed:
        size = prod(shape) * width
        if min(shape, default=0) < 0 or size > len(body) - at:
            message = f"the bytes of a {what} are cut short; an array of the shape {shape}"
            raise SerializationError(message)
        numbers: npt.NDArray[Any] = np.frombuffer(body[at : at + size], dtype=kind)
        arrays.append(numbers.reshape(shape).astype(numbers.dtype.newbyteorder("=")))
        at += size
    if at != len(body):
        message = f"the bytes of a {what} have {len(body) - at} too many"
        raise SerializationError(message)
    return settings, arrays


def checked_counts(given: Any, what: str) -> dict[str, int]:
    """Return rows by reason, of settings that `unpack` read.

    Raises
    ------
    SerializationError
        If they are something else.
    """
    if not isinstance(given, dict) or not all(
        type(rows) is int and 0 < rows < _MOST_ROWS for rows in given.values()
    ):
        message = f"the bytes of a {what} hold no such state: rows left out: {given!r}"
        raise SerializationError(message)
    return given


def whole_file(path: str | Path, data: bytes) -> None:
    """Write a file by way of one beside it, so that nobody reads half of it."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
