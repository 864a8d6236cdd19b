"""One column of a comparison."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.drift.comparison.aspects import Aspect
from inlay.drift.comparison.overlay import Overlay

if TYPE_CHECKING:
    from inlay.drift import Distance

__all__ = ["Cell", "ColumnComparison", "Driver", "NewName"]


_NUMBERS = ("value", "low", "high", "p_value")


class Cell(NamedTuple):
    """One cell and what it adds.

    Attributes
    ----------
    name : str
        ``"(1.5, 2]"``, or the name that is counted in it.
    reference, current : int
        Counts.
    part : float
        What it adds to the Jensen-Shannon divergence, in bits.
    """

    name: str
    reference: int
    current: int
    part: float


class NewName(NamedTuple):
    """A name that the reference has not.

    Attributes
    ----------
    name : str
    low, high : int
        It is there at least and at most so often.
    """

    name: str
    low: int
    high: int


class Driver(NamedTuple):
    """How much of a column's shift comes from a group.

    Attributes
    ----------
    group : tuple of str
        Its key.
    share : float
        Of the whole shift; the shares of all groups sum to 1, and those of groups that work
        against it are negative.
    """

    group: tuple[str, ...]
    share: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnComparison:
    """What became of a column.

    Attributes
    ----------
    name : str
        Its path.
    type, reference_type : str or None
        None on the side where it is not there.
    verdict : {"yes", "no", "undefined"}
        Whether it drifted: ``effect``'s low end is above `threshold`, and the corrected p-value at
        most the level. Undefined where its values cannot be compared, for `reason`.
    reason : str
        In words: what changed most, or why there is no verdict.
    aspect : {"values", "missing", "range"} or None
        What of it `effect` is about: its values, how many are missing, or how many lie outside the
        range of the reference.
    effect, low, high : float or None
        Debiased Jensen-Shannon distance to base 2, and the interval it lies in.
    p_value : float or None
        Corrected by Benjamini and Hochberg over the columns.
    threshold : float
    contribution : float or None
        Its share of the squared effects of all columns.
    distances : dict of str to Distance
        With their own intervals and p-values, which are not corrected.
    cells : tuple of Cell
        In the order of the reference.
    new_names : tuple of NewName
        The most frequent ones.
    vanished : tuple of str
        Names of the reference that are gone.
    missing : tuple of float or None
        The shares of nulls and NaN, in the reference and now.
    outside : float or None
        The share of values outside of the reference's range.
    reference, current : dict
        ``rows``, ``count``, ``null_count``, ``nan_count``, ``mean``, ``std``, ``min``, ``max``.
    drivers : tuple of Driver
        The groups by what they add, the largest first.
    """

    name: str
    type: str | None
    reference_type: str | None
    threshold: float
    verdict: str = "undefined"
    reason: str = ""
    aspect: str | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    contribution: float | None = None
    distances: Mapping[str, Distance] = dataclasses.field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    new_names: tuple[NewName, ...] = ()
    vanished: tuple[str, ...] = ()
    missing: tuple[float, float] | None = None
    outside: float | None = None
    reference: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    current: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drivers: tuple[Driver, ...] = ()
    overlay: Overlay | None = None
    aspects: tuple[Aspect, ...] = dataclasses.field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {
            "name": self.name,
            "type": self.type,
            "reference_type": self.reference_type,
            "verdict": self.verdict,
            "reason": self.reason,
            "aspect": self.aspect,
            "effect": self.effect,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "threshold": self.threshold,
            "contribution": self.contribution,
            "distances": {
                name: {
                    **{key: _finite(getattr(distance, key)) for key in _NUMBERS},
                    "reason": distance.reason,
                }
                for name, distance in self.distances.items()
            },
            "cells": [cell._asdict() for cell in self.cells],
            "new_names": [entry._asdict() for entry in self.new_names],
            "vanished": list(self.vanished),
            "missing": None
            if self.missing is None
            else {"reference": self.missing[0], "current": self.missing[1]},
            "outside": self.outside,
            "reference": dict(self.reference),
            "current": dict(self.current),
            "drivers": [
                {"group": list(driver.group), "share": driver.share} for driver in self.drivers
            ],
            "overlay": None if self.overlay is None else self.overlay._asdict(),
        }


def _finite(number: float | None) -> float | None:
    """Return what JSON has a number for: a bound that is infinite is none."""
    return number if number is not None and math.isfinite(number) else None


def facts_of(side: Any) -> dict[str, Any]:
    """Give the numbers of one side that are shown beside each other."""
    moments = side.moments
    shown: dict[str, Any] = {
        "rows": side.rows,
        "count": side.count,
        "null_count": side.null_count,
        "nan_count": side.nan_count,
        "mean": None,
        "std": None,
        "min": None,
        "max": None,
    }
    if moments is None or not moments.count or side.kind in {"list", "text", "binary"}:
        return shown
    for name in ("mean", "min", "max"):
        number = getattr(moments, name)
        shown[name] = None if number is None else side.value(number)
    shown["std"] = moments.std()
    return shown
