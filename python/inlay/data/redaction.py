"""Which names of a column leave the process in clear, and what stands for the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from inlay import _core

__all__ = [
    "CLEAR_NAMES",
    "HASH",
    "NAMED_KINDS",
    "Hider",
    "Redact",
    "Redaction",
    "hashed_name",
    "is_hashed",
]

Redact: TypeAlias = bool | Mapping[str, bool | Callable[[str], str]] | None
"""What ``redact=`` takes."""

CLEAR_NAMES = 100
"""Up to as many different values a column's names leave in clear if nothing else is declared."""

NAMED_KINDS = frozenset({"text", "binary"})
"""Kinds whose values are names."""

_MARK = "sha256:"
_DIGITS = 16


def hashed_name(name: str | bytes) -> str:
    """Return what stands for a name: ``sha256:`` and the first 16 hex digits of its SHA-256.

    Equal names have equal ones on every machine, so that profiles still merge. Who can guess a
    name can also confirm the guess: it hides names from those who read, not from those who try.

    Parameters
    ----------
    name : str or bytes
        Text is hashed as its UTF-8.

    Returns
    -------
    str
    """
    data = name.encode(errors="surrogateescape") if isinstance(name, str) else name
    return _MARK + hashlib.sha256(data).hexdigest()[:_DIGITS]


def is_hashed(name: str) -> bool:
    """Return whether a name reads like one that `hashed_name` gave."""
    return name.startswith(_MARK) and len(name) == len(_MARK) + _DIGITS


class Hider(NamedTuple):
    """What hides the names of a column.

    Attributes
    ----------
    how : {"sha256", "function"}
        Which of the two it is.
    rename : callable
        From a name, as bytes, to what stands for it.
    """

    how: str
    rename: Callable[[bytes], bytes]


class Redaction:
    """A declaration of what leaves, checked against the columns of a profile.

    Parameters
    ----------
    declared : bool, mapping or None
        None hides the names of columns with more than `CLEAR_NAMES` different values, True those of
        all, False none. A mapping says it by column, True or False or a function from a name to
        what stands for it; columns it leaves out are as with None.
    """

    __slots__ = ("_fixed", "declared")

    def __init__(self, declared: Redact = None) -> None:
        given: Any = declared  # which a caller may get wrong
        if not (given is None or isinstance(given, (bool, Mapping))):
            message = f"redact is None, True, False or a mapping of columns: {declared!r}"
            raise TypeError(message)
        self._fixed: dict[str, Hider | None] | None = None
        self.declared: Redact = dict(declared) if isinstance(declared, Mapping) else declared

    def check(self, kinds: Mapping[str, str]) -> None:
        """Refuse a declaration for a column that is not there or has no names.

        Parameters
        ----------
        kinds : mapping of str to str
            The kind of each column by its path.

        Raises
        ------
        InvalidArgumentError
            For such a column.
        TypeError
            If a column's value is neither a boolean nor a function.
        """
        if not isinstance(self.declared, dict):
            return
        for path, rule in self.declared.items():
            if path not in kinds:
                message = f"redact names a column that is not there: {path!r}"
                raise InvalidArgumentError(message)
            if not (isinstance(rule, bool) or callable(rule)):
                message = f"redact of column {path!r} is True, False or a function: {rule!r}"
                raise TypeError(message)
            if rule is not False and kinds[path] not in NAMED_KINDS:
                message = (
                    f"redact hides names, and column {path!r} has none; leave it out of columns "
                    f"to hide it: {kinds[path]}"
                )
                raise InvalidArgumentError(message)

    @classmethod
    def fixed(cls, hiders: Mapping[str, Hider | None]) -> Redaction:
        """Return what is decided already, for a part that has fewer values than the whole."""
        redaction = cls()
        redaction._fixed = dict(hiders)
        return redaction

    def hider_of(self, column: _core.ColumnProfile) -> Hider | None:
        """Return what hides a column's names; None where they are clear or there are none."""
        if column.kind not in NAMED_KINDS:
            return None
        if self._fixed is not None:
            return self._fixed.get(column.path)
        rule: Any = self.declared
        if isinstance(rule, dict):
            rule = rule.get(column.path)
        if rule is None:
            rule = column.cardinality is not None and column.cardinality.estimate > CLEAR_NAMES
        if callable(rule):
            return Hider("function", _by_function(column.path, rule))
        return HASH if rule else None

    def again(self, path: str, how: str) -> Hider:
        """Return the hider that hid a column's names before.

        Raises
        ------
        InvalidArgumentError
            If it was a function, and none is declared here.
        """
        if how == HASH.how:
            return HASH
        rule: Any = self.declared.get(path) if isinstance(self.declared, dict) else None
        found = None if self._fixed is None else self._fixed.get(path)
        if callable(rule):
            return Hider("function", _by_function(path, rule))
        if found is not None and found.how == how:
            return found
        message = (
            "a function hid the names of a column, and it must be declared again by redact to go "
            f"on: {path!r}"
        )
        raise InvalidArgumentError(message)

    def to_json(self) -> Any:
        """Return the declaration as JSON; a function, which has no such form, as True."""
        if self._fixed is not None:
            return {path: hider is not None for path, hider in self._fixed.items()}
        if isinstance(self.declared, dict):
            return {path: rule is not False for path, rule in self.declared.items()}
        return self.declared


def _hash_bytes(name: bytes) -> bytes:
    return hashed_name(name).encode()


HASH = Hider("sha256", _hash_bytes)


def _by_function(path: str, function: Callable[[str], str]) -> Callable[[bytes], bytes]:
    def rename(name: bytes) -> bytes:
        found: Any = function(name.decode(errors="backslashreplace"))
        if not isinstance(found, str):
            message = f"redact of column {path!r} must return text: {found!r}"
            raise TypeError(message)
        return found.encode()

    return rename
