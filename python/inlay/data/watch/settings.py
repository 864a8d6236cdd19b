"""What a watch is told: checked once, and compared with a checkpoint's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from inlay._exceptions import InvalidArgumentError
from inlay.summary._arguments import whole

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.drift.judge import Judge


__all__ = ["Settings", "WatchOptions", "settings_of"]

_SKEW_S = 60.0
# Rows of a source may come out of order by this part of a pane unless told otherwise.
_DISORDER = 0.2
_LATENESS = 3.0
_MOST_PANES = 1_000
_LONGEST_S = 1e9


class WatchOptions(TypedDict, total=False):
    """What `Watch` takes by keyword."""

    every: float
    every_rows: int | None
    min_rows: int
    event_time: str | None
    lateness: float | None
    disorder: float | None
    skew: float
    idle: float | None
    sources: Sequence[str]
    by: Sequence[str]
    max_groups: int
    window: int
    key: str | Sequence[str]
    remember: int
    judges: Sequence[Judge] | None
    on_too_late: Callable[[pa.RecordBatch], object] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The numbers and names of a watch; times in microseconds."""

    name: str
    every: int
    every_rows: int | None
    event_time: str | None
    lateness: int
    disorder: int
    skew: int
    idle: int
    sources: tuple[str, ...]
    by: tuple[str, ...]
    max_groups: int
    window: int
    key: tuple[str, ...]
    remember: int

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold, equal for equal settings."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def settings_of(
    name: str,
    *,
    every: float = 300.0,
    every_rows: int | None = None,
    event_time: str | None = None,
    lateness: float | None = None,
    disorder: float | None = None,
    skew: float = _SKEW_S,
    idle: float | None = None,
    sources: Sequence[str] = (),
    by: Sequence[str] = (),
    max_groups: int = 100,
    window: int = 1,
    key: str | Sequence[str] = (),
    remember: int = 1_000_000,
) -> Settings:
    """Check what a watch is told.

    Raises
    ------
    TypeError
        If a name is no text or a number none.
    InvalidArgumentError
        If a number is out of range, or the settings contradict one another.
    """
    given: Any = name
    if not isinstance(given, str):
        message = f"the name of a watch is text, got {type(given).__name__}"
        raise TypeError(message)
    if not name:
        message = "a watch needs a name, got ''"
        raise InvalidArgumentError(message)
    every_us = _microseconds("every", every, least=1)
    if every_rows is not None and whole("every_rows", every_rows, 2**40) == 0:
        message = f"every_rows must be 1 or more: {every_rows}"
        raise InvalidArgumentError(message)
    column: Any = event_time
    if column is not None and not isinstance(column, str):
        message = f"event_time is the name of a column, got {type(column).__name__}"
        raise TypeError(message)
    settings = Settings(
        name=name,
        every=every_us,
        every_rows=every_rows,
        event_time=event_time,
        lateness=_microseconds("lateness", _LATENESS * every if lateness is None else lateness),
        disorder=_microseconds("disorder", _DISORDER * every if disorder is None else disorder),
        skew=_microseconds("skew", skew),
        idle=_microseconds("idle", every if idle is None else idle),
        sources=_names("sources", sources),
        by=_names("by", by),
        max_groups=_positive("max_groups", max_groups, 2**20),
        window=_positive("window", window, _MOST_PANES),
        key=_names("key", key),
        remember=_positive("remember", remember, 2**32),
    )
    if event_time is not None and event_time in settings.by:
        message = f"event_time makes no groups, leave it out of by: {event_time!r}"
        raise InvalidArgumentError(message)
    return settings


def _positive(name: str, value: int, most: int) -> int:
    if whole(name, value, most) == 0:
        message = f"{name} must be 1 or more: {value}"
        raise InvalidArgumentError(message)
    return value


def _microseconds(name: str, seconds: Any, least: int = 0) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        message = f"{name} must be seconds, got {type(seconds).__name__}"
        raise TypeError(message)
    if not math.isfinite(seconds) or seconds > _LONGEST_S or seconds * 1e6 < least:
        what = "a positive number" if least else "a number from 0 to 1e9"
        message = f"{name} must be {what} of seconds: {seconds!r}"
        raise InvalidArgumentError(message)
    return round(seconds * 1_000_000)


def _names(what: str, names: Any) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if not isinstance(name, str):
            message = f"{what} holds names, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        if listed.count(name) > 1:
            message = f"{what} names something twice: {name!r}"
            raise InvalidArgumentError(message)
    return listed
