"""What a `Quality` is told: checked once, and compared with a checkpoint's."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from inlay.drift.judge import Judge

__all__ = ["QualityOptions", "Settings", "settings_of"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,200}")
_RESERVED = (
    *("class", "groups", "ids", "k", "outcomes", "predicted_at", "quantile", "scores"),
    *("threshold", "weights", "y_score", "y_true"),
)
_LONGEST_S = 1e9
_MOST_PANES = 10_000
_MOST_SEGMENTS = 65_000
_SKEW_US = 60_000_000


class QualityOptions(TypedDict):
    """What `Observer.quality` takes by keyword."""

    task: str
    kind: str | None
    attributes: Sequence[str]
    thresholds: Sequence[float]
    classes: int | Sequence[Any] | None
    bins: int
    top_k: Sequence[int]
    quantiles: Sequence[float]
    k: Sequence[int]
    every: float
    horizon: float
    refresh: float | None
    capacity: int
    cap: int
    min_n: int
    confidence: float
    log: bool
    judges: Sequence[Judge]


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The numbers and names of a `Quality`; times in microseconds."""

    name: str
    attributes: tuple[str, ...]
    every: int
    horizon: int
    refresh: int
    capacity: int
    cap: int
    min_n: int
    confidence: float
    log: bool

    @property
    def horizon_panes(self) -> int:
        """How many panes before the present one still take labels."""
        return -(-self.horizon // self.every)

    @property
    def skew(self) -> int:
        """How far a prediction may lie in the future, in microseconds."""
        return _SKEW_US

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold, equal for equal settings."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def settings_of(
    name: str,
    *,
    attributes: Any,
    every: float,
    horizon: float,
    refresh: float | None,
    capacity: int,
    cap: int,
    min_n: int,
    confidence: float,
    log: bool,
) -> Settings:
    """Check what a `Quality` is told, but for its task.

    Raises
    ------
    TypeError
        If a name is no text or a number none.
    InvalidArgumentError
        If a number is out of range.
    """
    given: Any = name
    if not isinstance(given, str):
        message = f"the name of a quality is text, got {type(given).__name__}"
        raise TypeError(message)
    if _NAME.fullmatch(name) is None:
        message = f"a name is a letter, then letters, digits and _ . - /: {name!r}"
        raise InvalidArgumentError(message)
    every_us = _microseconds("every", every, least=1)
    horizon_us = _microseconds("horizon", horizon)
    if horizon_us > every_us * _MOST_PANES:
        message = f"horizon must be at most {_MOST_PANES} times every, {every!r} s: {horizon!r}"
        raise InvalidArgumentError(message)
    for what, number, most in (
        ("capacity", capacity, 1 << 31),
        ("cap", cap, _MOST_SEGMENTS),
        ("min_n", min_n, 1 << 40),
    ):
        if at_least(what, number, 1) > most:
            message = f"{what} must be 1 to {most}: {number!r}"
            raise InvalidArgumentError(message)
    if not isinstance(confidence, float) or not 0.0 < confidence < 1.0:
        message = f"confidence must lie between 0 and 1: {confidence!r}"
        raise InvalidArgumentError(message)
    return Settings(
        name=name,
        attributes=_attributes(attributes),
        every=every_us,
        horizon=horizon_us,
        refresh=every_us if refresh is None else _microseconds("refresh", refresh),
        capacity=int(capacity),
        cap=int(cap),
        min_n=int(min_n),
        confidence=confidence,
        log=bool(log),
    )


def _attributes(names: Any) -> tuple[str, ...]:
    if isinstance(names, str):
        message = f"attributes must be a sequence of names, such as ({names!r},)"
        raise TypeError(message)
    listed = tuple(names)
    for name in listed:
        if not isinstance(name, str):
            message = f"attributes holds names, got {type(name).__name__}: {name!r}"
            raise TypeError(message)
        if not name.isidentifier() or name in _RESERVED:
            message = f"an attribute is an identifier and none of {', '.join(_RESERVED)}: {name!r}"
            raise InvalidArgumentError(message)
    if len(set(listed)) < len(listed):
        message = f"attributes names something twice: {listed!r}"
        raise InvalidArgumentError(message)
    return listed


def _microseconds(name: str, seconds: Any, least: int = 0) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        message = f"{name} is a number of seconds, got {type(seconds).__name__}: {seconds!r}"
        raise TypeError(message)
    if not math.isfinite(seconds) or seconds > _LONGEST_S or seconds * 1e6 < least:
        message = f"{name} must be {'1e-6' if least else '0'} to 1e9 seconds: {seconds!r}"
        raise InvalidArgumentError(message)
    return round(seconds * 1_000_000)
