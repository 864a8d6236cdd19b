"""The distribution of one figure of rows of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.summary._row import html_table, one_row_table
from inlay.summary.exp_histogram import ExpHistogram
from inlay.summary.moments import Moments

if TYPE_CHECKING:
    import pyarrow

__all__ = ["LogitsStatistic"]


class LogitsStatistic:
    """An `ExpHistogram` and `Moments` of the same values, as they were when asked for.

    Attributes
    ----------
    name : str
        ``"entropy"``, ``"top1"``, ``"top2"``, ``"margin"``, ``"log_prob"`` or ``"rank"``.
    unit : str
        ``"nat"`` or ``"1"``.
    histogram : ExpHistogram
    moments : Moments
    """

    __module__ = "inlay.model"
    __slots__ = ("histogram", "moments", "name", "unit")

    def __init__(self, name: str, unit: str, histogram: ExpHistogram, moments: Moments) -> None:
        self.name = name
        self.unit = unit
        self.histogram = histogram
        self.moments = moments

    @property
    def count(self) -> int:
        """Number of finite values."""
        return self.moments.count

    @property
    def neg_inf_count(self) -> int:
        """Number of values of minus infinity: log-probabilities of masked tokens."""
        return self.moments.neg_inf_count

    @property
    def mean(self) -> float | None:
        """Arithmetic mean of the finite values."""
        return self.moments.mean

    @property
    def min(self) -> float | None:
        """Smallest finite value."""
        return self.moments.min

    @property
    def max(self) -> float | None:
        """Largest value."""
        return self.moments.max

    def std(self, *, ddof: int = 1) -> float | None:
        """Return the standard deviation, as `Moments.std`."""
        return self.moments.std(ddof=ddof)

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the finite values, as `ExpHistogram.quantile`."""
        return self.histogram.quantile(q)

    def _row(self) -> dict[str, Any]:
        return {**self.histogram._row(), **self.moments._row()}

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points, those of both summaries.

        Returns
        -------
        pyarrow.Table, one row
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True

    def __eq__(self, other: object) -> bool:
        """Return whether both are of the same figure and hold the same."""
        if not isinstance(other, LogitsStatistic):
            return NotImplemented
        return (self.name, self.histogram, self.moments) == (
            other.name,
            other.histogram,
            other.moments,
        )

    __hash__ = None  # type: ignore[assignment]  # summaries change

    def __repr__(self) -> str:
        """Return a line with the count and the main figures."""
        if self.count == 0:
            return f"<inlay.model.LogitsStatistic {self.name} of no rows>"
        marks = ", ".join(f"p{p} {self.quantile(p / 100):.4g}" for p in (50, 90, 99))
        return (
            f"<inlay.model.LogitsStatistic {self.name} of {self.count}: "
            f"mean {self.mean:.4g}, {marks}>"
        )

    def _repr_html_(self) -> str:
        return html_table(f"inlay.model.LogitsStatistic {self.name}", self._row())
