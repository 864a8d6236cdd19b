"""Settings of a `CBPE`, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError

__all__ = ["checked_thresholds", "class_names", "one_of", "value_matrix"]

_MOST_THRESHOLDS, _MOST_CLASSES = 64, 256


def one_of(name: str, given: Any, allowed: Sequence[str]) -> str:
    """Return a word that must be one of a few; InvalidArgumentError if it is none."""
    if given not in allowed:
        message = f"{name} must be one of {', '.join(allowed)}: {given!r}"
        raise InvalidArgumentError(message)
    return str(given)


def class_names(task: str, given: Any) -> tuple[str, ...] | None:
    """Return the names of a task's classes; None of the binary task."""
    if task == "binary":
        if given is not None:
            message = f"classes are those of the multiclass task: {given!r}"
            raise InvalidArgumentError(message)
        return None
    if given is None or isinstance(given, str):
        message = f"classes of a multiclass task are a number or names: {given!r}"
        raise InvalidArgumentError(message)
    names: tuple[Any, ...]
    if isinstance(given, Iterable):
        names = tuple(given)
    else:
        names = tuple(map(str, range(at_least("classes", given, 2))))
    if not all(isinstance(name, str) for name in names):
        message = f"names of classes must be texts: {given!r}"
        raise TypeError(message)
    if not (2 <= len(names) <= _MOST_CLASSES) or len(set(names)) < len(names):
        message = f"classes must be 2 to {_MOST_CLASSES} names, each once: {given!r}"
        raise InvalidArgumentError(message)
    return names


def checked_thresholds(given: Any) -> tuple[float, ...]:
    """Return thresholds in ascending order, each once."""
    found = tuple(sorted({float(one) for one in given}))
    if not (1 <= len(found) <= _MOST_THRESHOLDS) or not all(0.0 <= one <= 1.0 for one in found):
        message = f"thresholds must be 1 to {_MOST_THRESHOLDS} probabilities: {given!r}"
        raise InvalidArgumentError(message)
    return found


def value_matrix(given: Any, classes: int) -> list[list[float]] | None:
    """Return what a row is worth by its class and the predicted one."""
    if given is None:
        return None
    rows = [[float(one) for one in row] for row in given]
    if len(rows) != classes or any(len(row) != classes for row in rows):
        message = f"values must have the shape ({classes}, {classes}): {given!r}"
        raise InvalidArgumentError(message)
    if not all(isfinite(one) for row in rows for one in row):
        message = f"values must be finite: {given!r}"
        raise InvalidArgumentError(message)
    return rows
