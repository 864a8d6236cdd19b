"""The fast Hoeffding drift detection method."""

from __future__ import annotations

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.detect.online import OnlineDetector

__all__ = ["FHDDM"]


class FHDDM(OnlineDetector):
    """The fast Hoeffding method: alarms when the mean of a sliding window falls below its largest.

    It watches for falls. Values are 1 for a right prediction and 0 for an error, the other way
    round than for `DDM`. Alarms at the same values as river 0.26's ``drift.binary.FHDDM`` of the
    same parameters; it never warns.

    Parameters
    ----------
    sliding_window_size : int, default 100
        Up to 1,048,576.
    confidence_level : float, default 1e-6
        Probability that Hoeffding's bound leaves for chance, in each comparison.
    short_window_size : int, optional
        Of a second window, the newest values of the first: the stacking form, which finds abrupt
        changes sooner.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    A. Pesaranghader, H. Viktor, "Fast Hoeffding drift detection method for evolving data streams",
    ECML PKDD 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import FHDDM
    >>> rng = np.random.default_rng(7)
    >>> right = np.concatenate([rng.random(2000) < 0.9, rng.random(1000) < 0.6])
    >>> FHDDM().update_many(right).tolist()
    [2066]
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.Fhddm
    _NATIVE = _core.Fhddm
    _PARAMETERS = ("sliding_window_size", "confidence_level", "short_window_size")

    def __init__(
        self,
        *,
        sliding_window_size: int = 100,
        confidence_level: float = 0.000001,
        short_window_size: int | None = None,
    ) -> None:
        if short_window_size == 0:
            message = f"short_window_size must be at least 1, or None: {short_window_size}"
            raise InvalidArgumentError(message)
        self._native = self._make(
            sliding_window_size=sliding_window_size,
            confidence_level=confidence_level,
            short_window_size=0 if short_window_size is None else short_window_size,
        )
