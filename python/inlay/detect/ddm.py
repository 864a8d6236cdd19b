"""The drift detection method."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector

__all__ = ["DDM"]


class DDM(OnlineDetector):
    """The drift detection method: alarms when an error rate rises above its lowest.

    Values are 1 for an error and 0 for a right prediction. Alarms and warns at the same values as
    river 0.26's ``drift.binary.DDM`` of the same parameters.

    Parameters
    ----------
    warm_start : int, default 30
        No alarm before there are more values than this.
    warning_threshold, drift_threshold : float, default 2 and 3
        How far above the lowest rate, in its standard deviations.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    J. Gama, P. Medas, G. Castillo, P. Rodrigues, "Learning with drift detection", SBIA 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import DDM
    >>> rng = np.random.default_rng(7)
    >>> errors = np.concatenate([rng.random(2000) < 0.1, rng.random(1000) < 0.4])
    >>> alarms, warnings = DDM().update_many_with_warnings(errors)
    >>> alarms.tolist(), len(warnings)
    ([2140], 27)
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.Ddm
    _NATIVE = _core.Ddm
    _PARAMETERS = ("warm_start", "warning_threshold", "drift_threshold")

    def __init__(
        self,
        *,
        warm_start: int = 30,
        warning_threshold: float = 2.0,
        drift_threshold: float = 3.0,
    ) -> None:
        self._native = self._make(
            warm_start=warm_start,
            warning_threshold=warning_threshold,
            drift_threshold=drift_threshold,
        )
