"""What the series of a model's classes are called, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["checked_attributes", "checked_name"]


def checked_name(name: Any) -> str:
    """Return what metrics begin with.

    Raises
    ------
    TypeError
        If it is no text.
    InvalidArgumentError
        If it is empty.
    """
    if not isinstance(name, str):
        message = f"name must be a str: {name!r}"
        raise TypeError(message)
    if not name:
        message = f"name must not be empty: {name!r}"
        raise InvalidArgumentError(message)
    return name


def checked_attributes(
    attributes: Mapping[str, str] | None, *, taken: Collection[str] = ()
) -> dict[str, str]:
    """Return a copy of a series' attributes.

    Raises
    ------
    TypeError
        If a name or a value is no text.
    InvalidArgumentError
        If a name is one that the series have anyway.
    """
    copied = dict(attributes or {})
    _core.canonical_json(copied)  # refuses what is no text
    for one in taken:
        if one in copied:
            message = f"the attribute {one!r} is set for each series: {copied[one]!r}"
            raise InvalidArgumentError(message)
    return copied
