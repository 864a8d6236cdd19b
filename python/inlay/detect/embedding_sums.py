"""What an `Embedding` keeps of its rows: sums of fixed size, added up by Chan's formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["EmbeddingSums"]

_BLOCK = 2048


@dataclass(slots=True)
class EmbeddingSums:
    """Counts, mean, scatter and mean features of rows.

    Attributes
    ----------
    count, left_out : int
        Rows summed up, and rows with NaN, an infinity or a null.
    mean : ndarray of float64, shape (d,)
    scatter : ndarray of float64, shape (d, d), or (d,) of the variances alone
        Sums of the products of what lies between the rows and their mean.
    cosines, sines : ndarray of float64, shape (frequencies,)
        Means of the features.
    """

    count: int
    left_out: int
    mean: Floats
    scatter: Floats
    cosines: Floats
    sines: Floats

    @classmethod
    def empty(cls, dims: int, frequencies: int, *, full: bool) -> Self:
        """Return the sums of no rows."""
        import numpy as np

        scatter = np.zeros((dims, dims) if full else dims)
        return cls(0, 0, np.zeros(dims), scatter, np.zeros(frequencies), np.zeros(frequencies))

    @classmethod
    def of_rows(cls, rows: Any, directions: Floats, *, full: bool) -> Self:
        """Return the sums of finite rows, of shape (n, d).

        Raises
        ------
        InvalidArgumentError
            If their squares overflow.
        """
        import numpy as np

        sums = cls.empty(*directions.shape, full=full)
        with np.errstate(over="ignore", invalid="ignore"):
            for at in range(0, len(rows), _BLOCK):
                block = rows[at : at + _BLOCK].astype(np.float64)
                phases = block @ directions
                cosines, sines = np.cos(phases).mean(axis=0), np.sin(phases).mean(axis=0)
                mean = block.mean(axis=0)
                block -= mean
                scatter = block.T @ block if full else (block**2).sum(axis=0)
                sums.merge(cls(len(block), 0, mean, scatter, cosines, sines), check=False)
        if not sums._all_finite():
            largest = float(np.abs(rows).max())
            message = f"the squares of the rows overflow; their largest magnitude: {largest:g}"
            raise InvalidArgumentError(message)
        return sums

    @property
    def full(self) -> bool:
        """Whether the scatter is that of all pairs of columns."""
        return self.scatter.ndim == 2

    def like(self) -> Self:
        """Return sums of no rows, of the same shapes."""
        return type(self).empty(len(self.mean), len(self.cosines), full=self.full)

    def read(self, numbers: Any) -> None:
        """Take mean, scatter, cosines and sines from doubles that lie one behind the other."""
        import numpy as np

        given = np.frombuffer(numbers, dtype=np.float64)
        ends = np.cumsum([len(self.mean), self.scatter.size, len(self.cosines)])
        self.mean, scatter, self.cosines, self.sines = np.split(given, ends)
        self.scatter = scatter.reshape(self.scatter.shape)

    def copy(self) -> Self:
        """Return an independent copy."""
        arrays = (self.mean, self.scatter, self.cosines, self.sines)
        return type(self)(self.count, self.left_out, *(array.copy() for array in arrays))

    def merge(self, other: EmbeddingSums, *, check: bool = True) -> None:
        """Add sums of the same shapes, which are nobody else's.

        Raises
        ------
        InvalidArgumentError
            If they overflow and `check` is set; nothing has changed then.
        """
        import numpy as np

        n, m = self.count, other.count
        if m == 0:
            self.left_out += other.left_out
            return
        total = n + m
        with np.errstate(over="ignore", invalid="ignore"):
            apart = other.mean - self.mean
            scatter = self.scatter + other.scatter
            if n:
                scatter += (np.outer(apart, apart) if self.full else apart**2) * (n * m / total)
            # Weighted means, so that merging is the same either way round.
            merged = type(self)(
                total,
                self.left_out + other.left_out,
                (n * self.mean + m * other.mean) / total,
                scatter,
                (n * self.cosines + m * other.cosines) / total,
                (n * self.sines + m * other.sines) / total,
            )
        if check and not merged._all_finite():
            largest = max(float(np.abs(each.mean).max()) for each in (self, other))
            message = f"the squares of the rows overflow; the largest mean: {largest:g}"
            raise InvalidArgumentError(message)
        self.count, self.left_out = merged.count, merged.left_out
        self.mean, self.scatter = merged.mean, merged.scatter
        self.cosines, self.sines = merged.cosines, merged.sines

    def _all_finite(self) -> bool:
        import numpy as np

        arrays = (self.mean, self.scatter, self.cosines, self.sines)
        return all(bool(np.isfinite(array).all()) for array in arrays)
