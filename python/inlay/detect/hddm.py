"""The drift detection methods with Hoeffding's and McDiarmid's bounds."""

from __future__ import annotations

from inlay import _core
from inlay.detect.online import OnlineDetector

__all__ = ["HDDM_A", "HDDM_W"]


class HDDM_A(OnlineDetector):
    """The A-test: alarms when the error rate exceeds that before a cut by Hoeffding's bound.

    Values are 1 for an error and 0 for a right prediction. Alarms and warns at the same values as
    river 0.26's ``drift.binary.HDDMA`` of the same parameters.

    Parameters
    ----------
    drift_confidence, warning_confidence : float, default 0.001 and 0.005
        Probabilities that the bounds leave for chance, at each value.
    two_sided_test : bool, default False
        Whether falling rates raise alarms as well.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    I. Frías-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's
    bounds", IEEE TKDE 27, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import HDDM_A
    >>> rng = np.random.default_rng(7)
    >>> errors = np.concatenate([rng.random(2000) < 0.1, rng.random(1000) < 0.4])
    >>> alarms, warnings = HDDM_A().update_many_with_warnings(errors)
    >>> alarms.tolist(), warnings.tolist()
    ([2045], [2036])
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.HddmA
    _NATIVE = _core.HddmA
    _PARAMETERS = ("drift_confidence", "warning_confidence", "two_sided_test")

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        two_sided_test: bool = False,
    ) -> None:
        self._native = self._make(
            drift_confidence=drift_confidence,
            warning_confidence=warning_confidence,
            two_sided=two_sided_test,
        )


class HDDM_W(OnlineDetector):
    """The W-test: as `HDDM_A`, over exponentially weighted rates with McDiarmid's bound.

    Values are 1 for an error and 0 for a right prediction. Alarms and warns at the same values as
    river 0.26's ``drift.binary.HDDMW`` of the same parameters.

    Parameters
    ----------
    drift_confidence, warning_confidence : float, default 0.001 and 0.005
        Probabilities that the bounds leave for chance, at each value.
    lambda_val : float, default 0.05
        Weight of the newest value, 0 to 1.
    two_sided_test : bool, default False
        Whether falling rates raise alarms as well.

    Raises
    ------
    InvalidArgumentError
        If a parameter is out of range.

    References
    ----------
    I. Frías-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's
    bounds", IEEE TKDE 27, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.detect import HDDM_W
    >>> rng = np.random.default_rng(7)
    >>> errors = np.concatenate([rng.random(2000) < 0.1, rng.random(1000) < 0.4])
    >>> alarms, warnings = HDDM_W().update_many_with_warnings(errors)
    >>> alarms.tolist(), warnings.tolist()
    ([2034], [2029, 2031])
    """

    __module__ = "inlay.detect"
    __slots__ = ()

    _native: _core.HddmW
    _NATIVE = _core.HddmW
    _PARAMETERS = ("drift_confidence", "warning_confidence", "lambda_val", "two_sided_test")

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_val: float = 0.05,
        two_sided_test: bool = False,
    ) -> None:
        self._native = self._make(
            drift_confidence=drift_confidence,
            warning_confidence=warning_confidence,
            lambda_val=lambda_val,
            two_sided=two_sided_test,
        )
