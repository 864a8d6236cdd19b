"""The early drift detection method."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector

__all__ = ["EDDM"]


class EDDM(OnlineDetector):
    """The early drift detection method: alarms when errors come closer together.

    Values are 1 for an error and 0 for a right prediction. Alarms and warns at the same values as
    river 0.26's ``drift.binary.EDDM`` of the same parameters.

    Parameters
    ----------
    warm_start : int, default 30
        No alarm before there are more errors than this.
    alpha, beta : float, default 0.95 and 0.9
        Fractions of the largest distance between errors (mean plus two standard deviations) below
        which it warns and alarms; ``0 <= beta <= alpha <= 1``.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    M. Baena-García et al., "Early drift detection method", 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import EDDM
    >>> rng = np.random.default_rng(7)
    >>> errors = np.concatenate([rng.random(2000) < 0.1, rng.random(1000) < 0.4])
    >>> alarms, warnings = EDDM().update_many_with_warnings(errors)
    >>> alarms[:3].tolist(), len(warnings)
    ([2161, 2233, 2308], 12)
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.Eddm
    _NATIVE = _core.Eddm
    _PARAMETERS = ("warm_start", "alpha", "beta")

    def __init__(self, *, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9) -> None:
        self._native = self._make(warm_start=warm_start, alpha=alpha, beta=beta)
