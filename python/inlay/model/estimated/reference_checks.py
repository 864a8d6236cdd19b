"""What was checked when a reference was fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from inlay.model.estimated.isotonic import Isotonic

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["HeldOutLoss", "LossChecks", "ReferenceChecks", "held_out_error"]

BINS = 15


@dataclass(frozen=True, slots=True)
class ReferenceChecks:
    """What the reference says of its own calibration; of several classes the means of theirs.

    Attributes
    ----------
    rows : int
        Rows with a label.
    calibration_error : float
        Expected calibration error, of 15 bins of one width, on rows that the calibration was not
        fitted to: each half of the reference calibrated by the other.
    uncalibrated_error : float
        The same of the scores as they are.
    error_by_chance : float
        What `calibration_error` would come to, on average, if the calibrated probabilities were
        right: one not far above it tells of nothing.
    left_out : mapping of str to int
        Rows of the reference that were not counted, by the reason why.
    """

    __module__ = "inlay.model"

    rows: int
    calibration_error: float
    uncalibrated_error: float
    error_by_chance: float
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """How well a loss was told from features on rows that had no part in the fit.

    Attributes
    ----------
    observed, estimated : float
        Means of the loss and of what was expected of it.
    r2 : float or None
        Share of the loss's variance that the expectation tells of; about 0 where features say
        nothing of it, and None where it does not vary.
    spread : float
        Σ (loss - expectation)² / Σ expectation²: what intervals are made with.
    """

    __module__ = "inlay.model"

    observed: float
    estimated: float
    r2: float | None
    spread: float

    @classmethod
    def of(cls, expected: Floats, losses: Floats) -> Self:
        """Compare expectations with losses."""
        residual = float(((losses - expected) ** 2).sum())
        squares = float((expected**2).sum())
        total = float(((losses - losses.mean()) ** 2).sum())
        return cls(
            float(losses.mean()),
            float(expected.mean()),
            1.0 - residual / total if total > 0.0 else None,
            residual / squares if squares > 0.0 else 0.0,
        )


@dataclass(frozen=True, slots=True)
class LossChecks:
    """What a reference of a regression says of its own estimates.

    Attributes
    ----------
    rows : int
        Rows with a label.
    held_out_rows : int
        Those of them on which a fit without them was checked.
    absolute, squared : HeldOutLoss
        Of both losses.
    left_out : mapping of str to int
        Rows of the reference that were not counted, by the reason why.
    """

    __module__ = "inlay.model"

    rows: int
    held_out_rows: int
    absolute: HeldOutLoss
    squared: HeldOutLoss
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def held_out_error(
    halves: list[tuple[Floats, Integers]], fitted: list[Isotonic]
) -> tuple[float, float, float]:
    """Return the calibration error of rows calibrated by the other half's fit.

    Parameters
    ----------
    halves : list of two tuples of ndarray
        Scores in ascending order and their outcomes.
    fitted : list of two Isotonic
        Of each half.

    Returns
    -------
    calibrated, uncalibrated, by_chance : float
    """
    import numpy as np

    scores = np.concatenate([half[0] for half in halves])
    outcomes = np.concatenate([half[1] for half in halves])
    calibrated = np.concatenate([fitted[1](halves[0][0]), fitted[0](halves[1][0])])
    error, by_chance = _binned(calibrated, outcomes)
    return error, _binned(scores, outcomes)[0], by_chance


def _binned(probabilities: Floats, outcomes: Integers) -> tuple[float, float]:
    """Return the expected calibration error, and what chance alone would make of it."""
    import numpy as np

    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    total = len(outcomes)
    expected = np.bincount(bins, probabilities, BINS)
    found = np.bincount(bins, outcomes, BINS)
    variance = np.bincount(bins, probabilities * (1.0 - probabilities), BINS)
    # The mean distance of a normal variable from its mean is sqrt(2 / pi) of its deviation.
    chance = np.sqrt(variance * (2.0 / np.pi))
    return float(np.abs(expected - found).sum() / total), float(chance.sum() / total)
