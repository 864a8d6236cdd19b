"""The container of states that are kept: checked as a whole before anything of it is used."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from threading import get_ident
from typing import Any, NoReturn

from inlay._exceptions import SerializationError

__all__ = ["pack", "read_file", "unpack", "write_file"]

# magic, version, codec, bytes of the payload, bytes of what is in it, SHA-256 of all but itself
_MAGIC = b"INLAYPRF"
_HEAD = struct.Struct("<8sHHQQ")
_DIGEST = 32
_START = _HEAD.size + _DIGEST
VERSION = 1
_PLAIN, _ZSTD = 0, 1
_LEVEL = 3
# A payload that claims to grow more than this was made to fill memory.
_MOST_GROWTH = 1 << 10
_SMALL = 1 << 20


def pack(header: dict[str, Any], blobs: Sequence[bytes], *, magic: bytes = _MAGIC) -> bytes:
    """Make a container.

    Parameters
    ----------
    header : dict
        What JSON can hold.
    blobs : sequence of bytes
    magic : bytes
        The first 8 bytes, which tell what it holds.

    Returns
    -------
    bytes
        Equal arguments give equal bytes.
    """
    import pyarrow as pa

    text = json.dumps(
        {**header, "blobs": [len(blob) for blob in blobs]},
        ensure_ascii=True,
        separators=(",", ":"),
        sort_keys=True,
    ).encode()
    body = b"".join([struct.pack("<I", len(text)), text, *blobs])
    payload = pa.Codec("zstd", compression_level=_LEVEL).compress(body, asbytes=True)
    codec = _ZSTD
    if len(body) > _allowed(len(payload)):
        payload, codec = body, _PLAIN
    head = _HEAD.pack(magic, VERSION, codec, len(payload), len(body))
    return b"".join([head, hashlib.sha256(head + payload).digest(), payload])


def unpack(
    data: Any, where: str, *, magic: bytes = _MAGIC, what: str = "profile"
) -> tuple[dict[str, Any], list[bytes]]:
    """Take a container apart.

    Parameters
    ----------
    data : bytes-like
        Any bytes; they are not trusted.
    where : str
        What an error calls them.
    magic : bytes
        As given to `pack`.
    what : str
        What it holds, for an error.

    Returns
    -------
    tuple of dict and list of bytes
        As given to `pack`.

    Raises
    ------
    SerializationError
        If `pack` did not write them, a newer version did, or they were cut short or damaged; the
        message names where, and the offset.
    """
    view = memoryview(data).cast("B")
    if bytes(view[: len(magic)]) != magic:
        _refuse(where, 0, f"it is no {what} of inlay, it begins with {bytes(view[:8])!r}")
    if len(view) < _START:
        _refuse(where, len(view), f"it ends within the head, which has {_START} bytes")
    _, version, codec, size, full = _HEAD.unpack(view[: _HEAD.size])
    if version != VERSION:
        _refuse(where, 8, f"its version is {version}, this inlay knows {VERSION}")
    if codec not in (_PLAIN, _ZSTD):
        _refuse(where, 10, f"its codec is unknown: {codec}")
    payload = view[_START:]
    if len(payload) != size:
        what = "it is cut short" if len(payload) < size else "there are bytes beyond its end"
        _refuse(where, min(len(view), _START + size), f"{what}: it must have {_START + size} bytes")
    digest = hashlib.sha256(view[: _HEAD.size])
    digest.update(payload)
    if digest.digest() != bytes(view[_HEAD.size : _START]):
        _refuse(where, _START, "it is damaged: its SHA-256 is another one")
    if full != size if codec == _PLAIN else full > _allowed(size):
        _refuse(where, 20, f"its content cannot have so many bytes: {full}")
    return _parts(_content(payload, codec, full, where), where)


def _content(payload: memoryview, codec: int, full: int, where: str) -> bytes:
    if codec == _PLAIN:
        return bytes(payload)
    import pyarrow as pa

    try:
        body: bytes = pa.Codec("zstd").decompress(payload, decompressed_size=full, asbytes=True)
    except (pa.ArrowException, OSError) as error:
        _refuse(where, _START, f"it cannot be decompressed: {error}")
    if len(body) != full:
        _refuse(where, _START, f"it has {len(body)} bytes of content instead of {full}")
    return body


def _parts(body: bytes, where: str) -> tuple[dict[str, Any], list[bytes]]:
    """Split the content, whose offsets are told as such."""
    inside = f"{where}, content"
    if len(body) < 4:
        _refuse(inside, 0, "there is no header")
    (length,) = struct.unpack_from("<I", body)
    if 4 + length > len(body):
        _refuse(inside, 4, f"its header is cut short: {length} bytes")
    try:
        header = json.loads(body[4 : 4 + length])
        sizes = header.pop("blobs")
        if not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise ValueError(sizes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _refuse(inside, 4, f"its header is malformed: {error!r}")
    offset = 4 + length
    if offset + sum(sizes) != len(body):
        _refuse(inside, offset, f"its parts must fill {len(body)} bytes: {offset + sum(sizes)}")
    blobs = []
    for size in sizes:
        blobs.append(body[offset : offset + size])
        offset += size
    return header, blobs


def _allowed(size: int) -> int:
    return max(_SMALL, size * _MOST_GROWTH)


def _refuse(where: str, offset: int, problem: str) -> NoReturn:
    message = f"{where}: at byte {offset}: {problem}"
    raise SerializationError(message)


def read_file(path: Path) -> bytes:
    """Read a file whole.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    SerializationError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        message = f"{path} cannot be read: {error}"
        raise SerializationError(message) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that others see it whole or not at all.

    Raises
    ------
    OSError
        If its directory is not there or it cannot be written; what was there before is still there.
    """
    if not path.parent.is_dir():
        message = "there is no such directory to write to"
        raise FileNotFoundError(errno.ENOENT, message, str(path.parent))
    if path.is_dir():
        message = "a directory is there, not a file to write"
        raise IsADirectoryError(errno.EISDIR, message, str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
