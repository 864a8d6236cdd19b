"""The Page-Hinkley test."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector

__all__ = ["PageHinkley"]


class PageHinkley(OnlineDetector):
    """The Page-Hinkley test: alarms when deviations from the running mean add up.

    Alarms at the same values as river 0.26's ``drift.PageHinkley`` of the same parameters, also on
    streams in which nothing changes: `threshold` is in units of the values and bounds no rate of
    false alarms. `CUSUM` measures in standard deviations.

    Parameters
    ----------
    min_instances : int, default 30
        Values before the first alarm.
    delta : float, default 0.005
        Deviation a value that is tolerated.
    threshold : float, default 50
        The sum that raises an alarm.
    alpha : float, default 0.9999
        How much of the sum is kept from value to value, 0 to 1.
    mode : {"both", "up", "down"}
        Which changes of the mean raise alarms.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import PageHinkley
    >>> rng = np.random.default_rng(7)
    >>> values = np.concatenate([rng.normal(0, 0.1, 5000), rng.normal(1, 0.1, 1000)])
    >>> PageHinkley().update_many(values).tolist()
    [5048]
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.PageHinkley
    _NATIVE = _core.PageHinkley
    _PARAMETERS = ("min_instances", "delta", "threshold", "alpha", "mode")

    def __init__(
        self,
        *,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ) -> None:
        self._native = self._make(
            min_instances=min_instances, delta=delta, threshold=threshold, alpha=alpha, mode=mode
        )
