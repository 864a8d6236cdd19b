"""States of streams as bytes: what they must be, and of whom, before a stream goes on with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from inlay._container import unpack
from inlay._exceptions import InlayError, InvalidArgumentError, SerializationError

__all__ = ["contradictions_told", "read_checkpoint"]

_CONTRADICTIONS = (
    InlayError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OSError,
    OverflowError,
    StopIteration,
    RuntimeError,
)


def read_checkpoint(
    data: Any,
    where: str,
    *,
    magic: bytes,
    version: int,
    what: str,
    mine: Mapping[str, Any],
    durations: Collection[str],
) -> tuple[dict[str, Any], list[bytes]]:
    """Return header and parts of a checkpoint that fits its stream.

    Parameters
    ----------
    data : bytes-like
        Any bytes; they are not trusted.
    where : str
        What an error calls them.
    magic, version
        What they begin with, and which version of the header is known.
    what : str
        What it is of: ``"watch"``.
    mine : mapping
        Settings of the stream. Those of the checkpoint are in the header's ``settings``, or beside
        them where they are no settings: ``reference_id`` and ``judges``.
    durations : collection of str
        Which of them are microseconds.

    Raises
    ------
    SerializationError
        If they are no such checkpoint, a newer version wrote them, or they are damaged.
    InvalidArgumentError
        If it is of another stream; the message names what differs.
    """
    header, blobs = unpack(data, where, magic=magic, what=f"checkpoint of a {what}")
    if header.get("version") != version:
        message = f"{where}: its version is {header.get('version')!r}, this inlay knows {version}"
        raise SerializationError(message)
    settings = header.get("settings")
    if not isinstance(settings, dict):
        message = f"{where}: it holds no settings: {settings!r}"
        raise SerializationError(message)
    theirs = {**settings, **{name: header[name] for name in _BESIDE if name in header}}
    differ = [
        f"its {name} is {_shown(name, theirs.get(name), durations)}, "
        f"here it is {_shown(name, mine.get(name), durations)}"
        for name in {**mine, **theirs}
        if theirs.get(name) != mine.get(name)
    ]
    if differ:
        message = f"{where} is of another {what}: {'; '.join(differ)}"
        raise InvalidArgumentError(message)
    return header, blobs


_BESIDE = ("reference_id", "judges")


def _shown(name: str, value: Any, durations: Collection[str]) -> str:
    """Return a setting as it was given: times in seconds."""
    if name in durations and isinstance(value, int):
        return f"{value / 1e6:g} s"
    return repr(value)


@contextmanager
def contradictions_told(where: str, what: str) -> Iterator[None]:
    """Make what goes wrong in it a SerializationError: parts contradict one another."""
    try:
        yield
    except _CONTRADICTIONS as error:
        reason = f"{type(error).__name__}: {error}"
        message = f"{where}: its parts are no {what} or contradict one another: {reason}"
        raise SerializationError(message) from error
