"""Kolmogorov-Smirnov windowing."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector
from inlay.summary._arguments import whole

__all__ = ["KSWIN"]


class KSWIN(OnlineDetector):
    """Kolmogorov-Smirnov windowing: tests the newest values against older ones, at every value.

    Alarms at the same values as river 0.26's ``drift.KSWIN`` of the same parameters and integer
    seed: the older values are drawn as Python's ``random.Random(seed).sample`` draws. It alarms on
    streams in which nothing changes, since each value brings another test at level `alpha`.

    Parameters
    ----------
    alpha : float, default 0.005
        Level of each test, above 0 and at most 1.
    window_size : int, default 100
        Up to 65,536.
    stat_size : int, default 30
        Number of newest values, and of older ones drawn; at most half the window, and 10,000.
    seed : int, default 0
        Of the draws, 0 to 2**64 - 1. They begin anew after an alarm.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range, or `alpha` is below every p-value that samples of
        `stat_size` can have.

    Notes
    -----
    The p-value is exact (Hodges, 1958); as river does, a distance of at most 0.1 never alarms.
    O(stat_size log stat_size) a value.

    References
    ----------
    C. Raab, M. Heusinger, F.-M. Schleif, "Reactive soft prototype computing for concept drift
    streams", Neurocomputing, 2020.

    Examples
    --------
    >>> from inlay.detect import KSWIN
    >>> KSWIN(alpha=0.0001, seed=1).update_many([0, 1] * 500 + [5, 6] * 500).tolist()
    [1016]
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.Kswin
    _NATIVE = _core.Kswin
    _PARAMETERS = ("alpha", "window_size", "stat_size", "seed")

    def __init__(
        self,
        *,
        alpha: float = 0.005,
        window_size: int = 100,
        stat_size: int = 30,
        seed: int = 0,
    ) -> None:
        self._native = self._make(
            alpha=alpha,
            window_size=window_size,
            stat_size=stat_size,
            seed=whole("seed", seed, 2**64),
        )
