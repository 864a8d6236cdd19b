"""Adaptive windowing."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector

__all__ = ["ADWIN"]


class ADWIN(OnlineDetector):
    """Adaptive windowing: alarms when two parts of a window of varying length differ in mean.

    Alarms at the same values as river 0.26's ``drift.ADWIN`` of the same parameters.

    Parameters
    ----------
    delta : float, default 0.002
        Significance of a cut, above 0 and below 1. It is not a rate of false alarms: it is used for
        every cut at every look.
    clock : int, default 32
        Values between two looks for a cut.
    max_buckets : int, default 5
        Of each size, 2 to 255. More make cuts finer and looks slower.
    min_window_length : int, default 5
        Of either part of a cut.
    grace_period : int, default 10
        No look before the window holds more values than this.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    Notes
    -----
    Sums over buckets of 1, 2, 4, … values stand for the window, so its length costs nothing: about
    5 kB, O(1) a value and O(log n) a look. The bound on the difference is Bernstein's with the
    window's variance in place of the true one.

    References
    ----------
    A. Bifet, R. Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import ADWIN
    >>> rng = np.random.default_rng(7)
    >>> values = np.concatenate([rng.normal(0, 1, 5000), rng.normal(0.5, 1, 5000)])
    >>> detector = ADWIN()
    >>> detector.update_many(values).tolist()
    [5087]
    >>> detector.width, round(detector.mean, 2)
    (4912, 0.49)
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.Adwin
    _NATIVE = _core.Adwin
    _PARAMETERS = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")

    def __init__(
        self,
        *,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        self._native = self._make(
            delta=delta,
            clock=clock,
            max_buckets=max_buckets,
            min_window_length=min_window_length,
            grace_period=grace_period,
        )

    @property
    def width(self) -> int:
        """Number of values in the window."""
        return self._native.width

    @property
    def mean(self) -> float | None:
        """Mean of the window; None without values."""
        native = self._native.copy()
        return native.total / native.width if native.width else None

    @property
    def variance(self) -> float | None:
        """Mean squared deviation in the window; None without values."""
        native = self._native.copy()
        return native.variance / native.width if native.width else None
