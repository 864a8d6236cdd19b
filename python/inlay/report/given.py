"""What the pages and tables are given, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["check_comparison", "check_profile", "check_report", "check_stored_report"]


def check_profile(given: Any) -> None:
    """See that something is what ``Profile.to_dict()`` gives.

    Raises
    ------
    TypeError
        If it is no mapping.
    InvalidArgumentError
        If it lacks a key.
    """
    _check(given, ("rows", "columns"), "Profile.to_dict()")


def check_report(given: Any) -> None:
    """See that something is what ``CheckReport.to_dict()`` gives; raises as `check_profile`."""
    _check(given, ("rows", "passed", "results"), "CheckReport.to_dict()")


def check_comparison(given: Any) -> None:
    """See that something is what ``Comparison.to_dict()`` gives; raises as `check_profile`."""
    keys = ("verdict", "drifted", "reference", "current", "columns", "level", "threshold")
    _check(given, keys, "Comparison.to_dict()")


def check_stored_report(given: Any) -> None:
    """See that something is what ``stored_report()`` gives; raises as `check_profile`."""
    parts = ("quality", "measured", "rates", "verdicts", "comparisons", "profile")
    keys = ("directory", "start", "end", "split", "notes", *parts)
    _check(given, keys, "stored_report()")


def _check(given: Any, keys: tuple[str, ...], origin: str) -> None:
    if not isinstance(given, Mapping):
        message = f"expected the mapping that {origin} gives, got {type(given).__name__}"
        raise TypeError(message)
    for key in keys:
        if key not in given:
            shown = ", ".join(map(repr, list(given)[:20])) or "none"
            message = f"expected what {origin} gives; of its keys {key!r} lacks, given are {shown}"
            raise InvalidArgumentError(message)
