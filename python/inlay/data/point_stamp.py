"""What rows of points share, as a caller gives it: times and texts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["microseconds_of", "texts_of"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def texts_of(what: str, given: Any) -> dict[str, str]:
    """Return a copy of texts by text.

    Raises
    ------
    TypeError
        If they are something else; the message has it.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        message = f"{what} is a mapping of text to text, got {type(given).__name__}: {given!r}"
        raise TypeError(message)
    for name, value in given.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            message = f"{what} holds text by text: {name!r}: {value!r}"
            raise TypeError(message)
    return dict(given)


def microseconds_of(moment: Any, name: str) -> int:
    """Return a datetime as microseconds of Unix time.

    Raises
    ------
    TypeError
        If it is none.
    InvalidArgumentError
        If it has no zone.
    """
    if not isinstance(moment, datetime.datetime):
        message = f"{name} is a datetime with a zone, got {type(moment).__name__}: {moment!r}"
        raise TypeError(message)
    if moment.tzinfo is None:
        message = f"{name} must have a zone: {moment!r}"
        raise InvalidArgumentError(message)
    return int((moment - _EPOCH) // _MICROSECOND)
