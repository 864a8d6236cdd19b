"""A classifier that tells current rows from reference rows, and how well it does."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least
from inlay.detect.row_statistic import RowStatistic
from inlay.detect.rows import two_sides

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["domain_classifier"]

_NORMAL_95 = 1.959963984540054


def domain_classifier(
    reference: Any,
    current: Any,
    *,
    classifier: Any = None,
    folds: int = 5,
    seed: int = 0,
) -> RowStatistic:
    """Cross-validated AUC of a classifier that tells the two sides apart.

    Parameters
    ----------
    reference, current : array-like of numbers, shape (n, d) and (m, d)
        Rows; tables and Arrow columns of lists too. Rows with NaN, an infinity or a null are left
        out and counted.
    classifier : object, optional
        With ``fit`` and ``predict_proba`` or ``decision_function``, cloned for each fold. By
        default scikit-learn's histogram gradient boosting of 50 small trees, seeded.
    folds : int, default 5
        Each row is scored by a classifier that was fitted to the other folds.
    seed : int, default 0
        Of the folds and the default classifier.

    Returns
    -------
    RowStatistic
        ``value`` is the mean AUC over the folds: 0.5 if nothing tells the sides apart, 1 if all
        does. ``low`` and ``high`` are its interval of 95 %; the p-value is that of the Mann-Whitney
        statistic of one half of the rows, scored by a classifier fitted to the other half,
        one-sided. Undefined: ``"empty"``, ``"insufficient"`` (a side has fewer than two rows a
        fold).

    Raises
    ------
    ImportError
        If scikit-learn is not installed: it comes with the extra ``inlay[sklearn]``.
    InvalidArgumentError
        If `folds` is below 2, `seed` negative, or the sides differ in their columns.
    TypeError
        If a side does not hold numbers, or the classifier is none.

    Notes
    -----
    The folds share what their classifiers were fitted to and so err together. That is why the
    p-value comes from one split into halves, where the rows scored have no part in the classifier
    and the statistic has its known mean and variance without a change, ties included; and why the
    variance of the interval, DeLong's for each fold, is raised by Nadeau and Bengio's correction,
    which is approximate.

    References
    ----------
    D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017. E. R. DeLong,
    D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988). C. Nadeau, Y. Bengio, "Inference for
    the Generalization Error", Machine Learning 52 (2003).
    """
    try:
        from sklearn.base import clone
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import StratifiedKFold
    except ImportError as error:
        message = "domain_classifier needs scikit-learn: install inlay[sklearn]"
        raise ImportError(message) from error
    folds = at_least("folds", folds, 2)
    seed = at_least("seed", seed, 0)
    if classifier is not None and not (
        hasattr(classifier, "fit")
        and (hasattr(classifier, "predict_proba") or hasattr(classifier, "decision_function"))
    ):
        message = f"classifier must have fit and predict_proba or decision_function: {classifier!r}"
        raise TypeError(message)
    import numpy as np

    x, y, left_out = two_sides(reference, current)

    def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
        return RowStatistic(
            method="domain_classifier",
            value=value,
            p_value=more.pop("p_value", None),
            reason=reason,
            n=len(y),
            n_reference=len(x),
            low=more.pop("low", None),
            high=more.pop("high", None),
            left_out=left_out,
            details=MappingProxyType(more),
        )

    if len(x) == 0 or len(y) == 0:
        return made(None, "empty")
    if min(len(x), len(y)) < 2 * folds:
        return made(None, "insufficient")
    rows = np.concatenate([x, y])
    is_current = np.arange(len(rows)) >= len(x)
    if classifier is None:
        classifier = HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=seed
        )

    def scored(train: Any, test: Any) -> tuple[float, float, float]:
        fitted = clone(classifier).fit(rows[train], is_current[train])
        scores = _scores(fitted, rows[test])
        return _area(scores[~is_current[test]], scores[is_current[test]])

    splits = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    found = [scored(train, test) for train, test in splits.split(rows, is_current)]
    value = float(np.mean([area for area, _, _ in found]))
    variance = float(np.mean([variance for _, variance, _ in found]))
    margin = _NORMAL_95 * math.sqrt(variance * (1.0 / folds + 1.0 / (folds - 1.0)))
    halves = StratifiedKFold(n_splits=2, shuffle=True, random_state=seed)
    train, test = next(halves.split(rows, is_current))
    area, _, null_variance = scored(train, test)
    # Where all scores are equal nothing was told apart.
    p_value = 1.0
    if null_variance > 0.0:
        p_value = 0.5 * math.erfc((area - 0.5) / math.sqrt(2.0 * null_variance))
    return made(
        value,
        p_value=p_value,
        low=max(0.0, value - margin),
        high=min(1.0, value + margin),
        folds=folds,
    )


def _scores(fitted: Any, rows: Any) -> Any:
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(rows)[:, 1]
    return fitted.decision_function(rows)


def _area(
    low: npt.NDArray[np.floating[Any]], high: npt.NDArray[np.floating[Any]]
) -> tuple[float, float, float]:
    """Return the AUC of `high` over `low`, DeLong's variance, and the variance without a change."""
    import numpy as np

    n, m = len(low), len(high)
    sorted_low, sorted_high = np.sort(low), np.sort(high)

    def beaten(values: Any, others: Any) -> Any:  # the share below, ties by half
        left = np.searchsorted(others, values, "left")
        right = np.searchsorted(others, values, "right")
        return (left + right) / (2.0 * len(others))

    of_high = beaten(high, sorted_low)
    of_low = 1.0 - beaten(low, sorted_high)
    area = float(of_high.mean())
    variance = float(of_high.var(ddof=1) / m + of_low.var(ddof=1) / n)
    _, ties = np.unique(np.concatenate([low, high]), return_counts=True)
    total = n + m
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1.0))
    return area, variance, (total + 1.0 - tied) / (12.0 * n * m)
