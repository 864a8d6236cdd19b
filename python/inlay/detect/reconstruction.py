"""Reconstruction error of rows by the principal components of a reference."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least
from inlay._exceptions import InvalidArgumentError
from inlay.detect.normal import mean_and_scatter
from inlay.detect.row_statistic import RowStatistic
from inlay.detect.rows import named_rows, rows_of
from inlay.detect.samples import Sorted, two_sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from inlay.detect.rows import Matrix

    Floats = npt.NDArray[np.float64]

__all__ = ["PCAReconstruction"]

_BLOCK = 4096


class PCAReconstruction:
    """How well the principal components of a reference describe rows.

    Columns change together in a way that a few components hold. Rows where they no longer do lie
    off these components, though each column alone may look as before.

    Parameters
    ----------
    reference : array-like of numbers, shape (n, d)
        Rows; tables, whose columns later tables are matched with by name, and Arrow columns of
        lists too. Rows with NaN, an infinity or a null are left out. A random half fits the
        components; the other half, on which they were not fitted, says how large errors are without
        a change.
    components : int or float, default 0.95
        How many, 1 to d - 1; or, above 0 and below 1, as few as hold this share of the variance.
    scale : bool, default True
        Whether columns are divided by their standard deviation first.
    seed : int, default 0
        Of the halves.

    Attributes
    ----------
    components : int
        How many are used.
    explained : float
        The share of the variance they hold.
    reference_mean, reference_std : float
        Of the errors of the other half.

    Raises
    ------
    InvalidArgumentError
        If there are fewer than 4 rows or 2 columns that vary, or `components` is none of the above.
    TypeError
        If it does not hold numbers.

    Notes
    -----
    Constant columns are left out of the components; a row that differs in one has that difference
    in its error, in the unit of the column.

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> price = rng.normal(size=2_000)
    >>> reference = np.column_stack([price, 2 * price + rng.normal(0, 0.1, 2_000)])
    >>> pca = inlay.detect.PCAReconstruction(reference, components=1)
    >>> shuffled = np.column_stack([price, rng.permutation(reference[:, 1])])
    >>> result = pca.compare(shuffled)
    >>> result.value > 10, result.p_value < 1e-10
    (True, True)
    """

    __module__ = "inlay.detect"
    __slots__ = (
        "_basis",
        "_left_out",
        "_mean",
        "_names",
        "_reference",
        "_scale",
        "components",
        "explained",
        "reference_mean",
        "reference_std",
    )

    def __init__(
        self,
        reference: Any,
        *,
        components: float = 0.95,
        scale: bool = True,
        seed: int = 0,
    ) -> None:
        import numpy as np

        rows, self._left_out, self._names = named_rows(reference, "reference")
        if len(rows) < 4:
            message = f"reference must have at least 4 rows: {len(rows)}"
            raise InvalidArgumentError(message)
        order = np.random.default_rng(at_least("seed", seed, 0)).permutation(len(rows))
        fitted, held_out = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
        self._mean, scatter = mean_and_scatter(fitted)
        covariance = scatter / (len(fitted) - 1.0)
        deviations = np.sqrt(np.diag(covariance))
        varies = deviations > 0.0
        if not np.isfinite(covariance).all() or varies.sum() < 2:
            message = f"reference must have at least 2 columns that vary: {int(varies.sum())}"
            raise InvalidArgumentError(message)
        self._scale = np.where(varies & scale, deviations, 1.0)
        covariance /= np.outer(self._scale, self._scale)
        values, vectors = np.linalg.eigh(covariance)
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        shares = np.cumsum(values) / values.sum()
        self.components = _count(components, shares, int(varies.sum()))
        self.explained = float(shares[self.components - 1])
        self._basis = np.ascontiguousarray(vectors[:, : self.components])
        errors = self._errors(held_out)
        self.reference_mean = float(errors.mean())
        self.reference_std = float(errors.std(ddof=1))
        self._reference = Sorted(errors)

    def errors(self, rows: Any) -> Floats:
        """Return the distance of each row from what the components make of it.

        Parameters
        ----------
        rows : array-like of numbers, shape (m, d)
            As for the class; none is left out.

        Returns
        -------
        ndarray of float64, shape (m,)
            In standard deviations of the columns, or in their unit without `scale`.

        Raises
        ------
        InvalidArgumentError
            If it has other columns than the reference, or a row has NaN, an infinity or a null.
        TypeError
            If it does not hold numbers.
        """
        given, left_out = rows_of(rows, "rows", columns=self._names)
        if left_out:
            message = f"rows must be finite; rows that are not: {left_out}"
            raise InvalidArgumentError(message)
        return self._errors(self._of_width(given, "rows"))

    def compare(self, current: Any) -> RowStatistic:
        """Compare the errors of rows with those of the reference's other half.

        Parameters
        ----------
        current : array-like of numbers, shape (m, d)
            As for the class; rows with NaN, an infinity or a null are left out and counted.

        Returns
        -------
        RowStatistic
            ``value`` is how far the mean error lies above the reference's, in standard deviations
            of the latter's errors. The p-value is that of Kolmogorov-Smirnov between the errors, of
            either direction. ``details`` has ``mean_error``, ``reference_mean``, ``reference_std``
            and ``components``. Undefined: ``"empty"``, ``"constant"`` (the reference's errors are
            all equal), ``"overflow"``.

        Raises
        ------
        InvalidArgumentError
            If it has other columns than the reference.
        TypeError
            If it does not hold numbers.
        """
        rows, left_out = rows_of(current, "current", columns=self._names)
        rows = self._of_width(rows, "current")

        def made(value: float | None, reason: str | None = None, **more: Any) -> RowStatistic:
            return RowStatistic(
                method="pca_reconstruction",
                value=value,
                p_value=more.pop("p_value", None),
                reason=reason,
                n=len(rows),
                n_reference=len(self._reference),
                left_out=(self._left_out, left_out),
                details=MappingProxyType(more),
            )

        if len(rows) == 0:
            return made(None, "empty")
        if self.reference_std == 0.0:
            return made(None, "constant")
        errors = self._errors(rows)
        mean = float(errors.mean())
        if not math.isfinite(mean):
            return made(None, "overflow")
        return made(
            (mean - self.reference_mean) / self.reference_std,
            p_value=two_sample(self._reference, errors).ks_p_value,
            mean_error=mean,
            reference_mean=self.reference_mean,
            reference_std=self.reference_std,
            components=self.components,
        )

    def _of_width(self, rows: Matrix, name: str) -> Matrix:
        if rows.shape[1] != len(self._mean):
            message = f"reference has {len(self._mean)} columns; {name} has {rows.shape[1]}"
            raise InvalidArgumentError(message)
        return rows

    def _errors(self, rows: Matrix) -> Floats:
        import numpy as np

        out = np.empty(len(rows))
        with np.errstate(over="ignore", invalid="ignore"):
            for at in range(0, len(rows), _BLOCK):
                block = rows[at : at + _BLOCK].astype(np.float64)
                block -= self._mean
                block /= self._scale
                block -= (block @ self._basis) @ self._basis.T
                out[at : at + len(block)] = np.sqrt(np.einsum("ij,ij->i", block, block))
        return out

    def __repr__(self) -> str:
        """Return a line with the components and the reference's error."""
        return (
            f"<inlay.detect.PCAReconstruction of {self.components} of {len(self._mean)} "
            f"components, {self.explained:.1%} of the variance, "
            f"error {self.reference_mean:.6g} ± {self.reference_std:.6g}>"
        )


def _count(components: float, shares: Floats, varying: int) -> int:
    """Return how many components are used: one fewer than columns that vary at most."""
    import numpy as np

    if isinstance(components, float) and 0.0 < components < 1.0:
        needed = int(np.searchsorted(shares, components)) + 1
        return min(needed, varying - 1)
    if components != int(components) or not 1 <= components < varying:
        message = f"components must lie within 1 to {varying - 1}, or be a share: {components!r}"
        raise InvalidArgumentError(message)
    return int(components)
