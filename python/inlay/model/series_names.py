"""What the series of a model's classes are told apart by, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["checked_attributes"]


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
