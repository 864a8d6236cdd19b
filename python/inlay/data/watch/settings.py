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


__all__ = ["DURATIONS", "Settings", "WatchOptions", "positive", "settings_of"]

# Rows of a source may come out of order by this part of a pane unless told otherwise.
_DISORDER = 0.2
_LATENESS = 3.0
_MOST_PANES = 1_000
_LONGEST_S = 1e9


DURATIONS = frozenset({"every", "lateness", "disorder", "skew", "idle"})
"""Settings that are times: given in seconds, kept in microseconds."""


class WatchOptions(TypedDict):
    """What `Observer.watch` takes by keyword."""

    every: float
    every_rows: int | None
    min_rows: int
    event_time: str | None
    lateness: float | None
    disorder: float | None
    skew: float
    idle: float | None
    sources: str | Sequence[str]
    by: str | Sequence[str]
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

    def refuse_on_device(self) -> None:
        """Refuse tensors on a device if a setting asks for what is not done there.

        Raises
        ------
        InvalidArgumentError
            The message names the setting.
        """
        for name in ("event_time", "key", "by", "every_rows"):
            value = getattr(self, name)
            if value:
                message = (
                    f"watch {self.name!r} counts no tensors on a device, since it has {name}: "
                    f"{value!r}"
                )
                raise InvalidArgumentError(message)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold, equal for equal settings."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def settings_of(
    name: str,
    *,
    every: float,
    every_rows: int | None,
    event_time: str | None,
    lateness: float | None,
    disorder: float | None,
    skew: float,
    idle: float | None,
    sources: str | Sequence[str],
    by: str | Sequence[str],
    max_groups: int,
    window: int,
    key: str | Sequence[str],
    remember: int,
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
    if every_rows is not None:
        every_rows = positive("every_rows", every_rows, 2**40)
    column: Any = event_time
    if column is not None and not isinstance(column, str):
        message = f"event_time is the name of a column, got {type(column).__name__}"
        raise TypeError(message)
    settings = Settings(
        name=name,
        every=every_us,
        every_rows=every_rows,
        event_time=event_time,
        lateness=_microseconds(
            "lateness", min(_LATENESS * every, _LONGEST_S) if lateness is None else lateness
        ),
        disorder=_microseconds("disorder", _DISORDER * every if disorder is None else disorder),
        skew=_microseconds("skew", skew),
        idle=_microseconds("idle", every if idle is None else idle),
        sources=_names("sources", sources),
        by=_names("by", by),
        max_groups=positive("max_groups", max_groups, 2**20),
        window=positive("window", window, _MOST_PANES),
        key=_names("key", key),
        remember=positive("remember", remember, 2**32),
    )
    if event_time is not None and event_time in settings.by:
        message = f"event_time makes no groups, leave it out of by: {event_time!r}"
        raise InvalidArgumentError(message)
    return settings


def positive(name: str, value: Any, most: int) -> int:
    """Return an integer from 1 to below `most`.

    Raises
    ------
    TypeError
        If it is no integer.
    InvalidArgumentError
        If it is out of range.
    """
    try:
        number = whole(name, value, most)
    except TypeError:
        message = f"{name} is a whole number, got {type(value).__name__}: {value!r}"
        raise TypeError(message) from None
    if number == 0:
        message = f"{name} must be 1 or more: {value}"
        raise InvalidArgumentError(message)
    return number


def _microseconds(name: str, seconds: Any, least: int = 0) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        message = f"{name} is a number of seconds, got {type(seconds).__name__}: {seconds!r}"
        raise TypeError(message)
    if not math.isfinite(seconds) or seconds > _LONGEST_S or seconds * 1e6 < least:
        message = f"{name} must be {'1e-6' if least else '0'} to 1e9 seconds: {seconds!r}"
        raise InvalidArgumentError(message)
    return round(seconds * 1_000_000)


def _names(what: str, names: Any) -> tuple[str, ...]:
    try:
        listed = (names,) if isinstance(names, str) else tuple(names)
    except TypeError:
        message = f"{what} is a name or several, got {type(names).__name__}: {names!r}"
        raise TypeError(message) from None
    for name in listed:
        if not isinstance(name, str):
            message = f"{what} holds names, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        if listed.count(name) > 1:
            message = f"{what} names something twice: {name!r}"
            raise InvalidArgumentError(message)
    return listed
