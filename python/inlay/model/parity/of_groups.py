"""Metrics by group, made of the computed figures when a group is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from inlay.model.metrics import Metrics

__all__ = ["OfGroups"]


class OfGroups(Mapping[str, Metrics]):
    """`Metrics` by the name of a group.

    A table of many groups is computed at once, in arrays; objects are made of those that are read.
    """

    __slots__ = ("_made", "_to_make")

    def __init__(self) -> None:
        self._made: dict[str, Metrics] = {}
        self._to_make: dict[str, Callable[[], Metrics]] = {}

    def add(self, group: str, make: Callable[[], Metrics]) -> None:
        """Add a group, and what makes its figures."""
        self._to_make[group] = make

    def __getitem__(self, group: str) -> Metrics:
        made = self._made.get(group)
        if made is None:
            made = self._made[group] = self._to_make[group]()
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._to_make)

    def __len__(self) -> int:
        return len(self._to_make)

    def __repr__(self) -> str:
        """Return what a dict of the same would show."""
        return repr(dict(self))
