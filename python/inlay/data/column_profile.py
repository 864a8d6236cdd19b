"""What a profile knows of one column, as Python values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay.data.leaf_values import POINT_KINDS, TEMPORAL_KINDS, python_value, seconds_of
from inlay.summary.exp_histogram import ExpHistogram
from inlay.summary.hll import Hll
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments
from inlay.summary.top_k import ItemBounds, TopK

if TYPE_CHECKING:
    from inlay.data.redaction import Hider
    from inlay.summary.categories import Categories
    from inlay.summary.edge_histogram import EdgeHistogram

__all__ = ["ColumnProfile", "Distinct", "Gap"]

_NUMBER_KINDS = frozenset({"integer", "unsigned", "float", "decimal", "boolean"})
_WHOLE_KINDS = frozenset({"integer", "unsigned"})


class Distinct(NamedTuple):
    """How many different values there are.

    Attributes
    ----------
    estimate : float
        The estimate.
    low, high : float
        Bounds that hold with a confidence of 95 %.
    """

    estimate: float
    low: float
    high: float


class Gap(NamedTuple):
    """The longest time without a value.

    Attributes
    ----------
    low_seconds, high_seconds : float
        It lasts at least and at most so long.
    start, end : datetime or date
        It lies between these, which are not further apart than `high_seconds`.
    """

    low_seconds: float
    high_seconds: float
    start: Any
    end: Any


class ColumnProfile:
    """A snapshot of what a `Profile` knows of one column or of a part of a nested one.

    Nothing in it changes when the profile goes on. What cannot be computed is None.

    Examples
    --------
    >>> import inlay
    >>> column = inlay.Profile.of({"price": [3.5, 1.25, None, 2.0]})["price"]
    >>> column.rows, column.null_count, column.min, column.max
    (4, 1, 1.25, 3.5)
    >>> column.quantile(0.5)
    2.0
    """

    __module__ = "inlay.data"
    __slots__ = ("_categories", "_edges", "_hider", "_is_redacted", "_native")

    def __init__(
        self,
        native: _core.ColumnProfile,
        *,
        edges: EdgeHistogram | None = None,
        categories: Categories | None = None,
        is_redacted: bool = False,
        hider: Hider | None = None,
    ) -> None:
        self._native = native
        self._edges = edges
        self._categories = categories
        self._is_redacted = is_redacted or hider is not None
        self._hider = hider  # for what leaves: names are hidden then, and here they are not

    # ---- what it is ----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The column's path: ``price``, ``address.city``, ``tags[]``, ``attrs.key``."""
        return self._native.path

    @property
    def kind(self) -> str:
        """What its values are.

        One of ``null``, ``boolean``, ``integer``, ``unsigned``, ``float``, ``decimal``, ``date``,
        ``time``, ``timestamp``, ``duration``, ``text``, ``binary`` and ``list``.
        """
        return self._native.kind

    @property
    def type(self) -> str:
        """Its Arrow type, for instance ``timestamp[us, UTC]``."""
        return self._native.type

    @property
    def unit(self) -> str | None:
        """The unit of times: ``D``, ``s``, ``ms``, ``us`` or ``ns``."""
        return self._native.unit

    @property
    def timezone(self) -> str | None:
        """The zone of timestamps, as Arrow names it."""
        return self._native.timezone

    @property
    def is_redacted(self) -> bool:
        """Whether other names stand for its names, here or in what leaves the process."""
        return self._is_redacted

    # ---- counts --------------------------------------------------------------------------------
    @property
    def rows(self) -> int:
        """Number of values, nulls included; of the items of a list, of items."""
        return self._native.rows

    @property
    def count(self) -> int:
        """Number of values but for nulls, NaN, infinities and invalid indices."""
        native = self._native
        return (
            native.rows
            - native.null_count
            - native.nan_count
            - native.pos_inf_count
            - native.neg_inf_count
            - native.invalid_index_count
        )

    @property
    def null_count(self) -> int:
        """Number of nulls."""
        return self._native.null_count

    @property
    def nan_count(self) -> int:
        """Number of NaN."""
        return self._native.nan_count

    @property
    def pos_inf_count(self) -> int:
        """Number of positive infinities."""
        return self._native.pos_inf_count

    @property
    def neg_inf_count(self) -> int:
        """Number of negative infinities."""
        return self._native.neg_inf_count

    @property
    def zero_count(self) -> int:
        """Number of zeros."""
        return self._native.zero_count

    @property
    def empty_count(self) -> int:
        """Number of empty texts, binaries or lists."""
        return self._native.empty_count

    @property
    def invalid_utf8_count(self) -> int:
        """Number of texts that are no UTF-8."""
        return self._native.invalid_utf8_count

    @property
    def invalid_index_count(self) -> int:
        """Number of rows whose index points outside the dictionary; they enter nothing else."""
        return self._native.invalid_index_count

    # ---- extremes and moments ------------------------------------------------------------------
    @property
    def min(self) -> Any:
        """Smallest finite value, exact: of the column's own Python type.

        Integers, `Decimal`, dates, times, datetimes (with their zone) and timedeltas; where
        Python's times cannot hold it, a numpy scalar. Text by its UTF-8 bytes, at most the first 64
        of them. None where there is no value, or where names are hidden.
        """
        return self._extreme(self._native.exact_min, self._native.min_text, 0)

    @property
    def max(self) -> Any:
        """Largest finite value, as `min`."""
        return self._extreme(self._native.exact_max, self._native.max_text, 1)

    def _extreme(self, exact: int | None, text: bytes | None, which: int) -> Any:
        if text is not None:
            if self.kind == "binary":
                return text
            # A character that the 64 bytes cut in two is left out.
            truncated = (self._native.min_text_truncated, self._native.max_text_truncated)[which]
            if truncated:
                text = _whole_characters(text)
            return text.decode(errors="backslashreplace")
        if exact is not None:
            return python_value(self._native, exact)
        moments = self.moments
        if moments is None or self.kind == "list":
            return None
        value = (moments.min, moments.max)[which]
        return None if value is None else python_value(self._native, value)

    @property
    def moments(self) -> Moments | None:
        """Moments of numbers (booleans as 0 and 1, decimals as doubles) and of times in `unit`.

        Of a list they are those of the lengths.
        """
        native = self._native.moments
        return None if native is None else Moments._of(native)

    @property
    def sum(self) -> Any:
        """Sum: an integer, `Decimal` or timedelta exactly, of floats to rounding.

        Of floats the rounding is small beside the sum of the magnitudes, not beside the result:
        where large values cancel, digits of the rest are lost. None where it is beyond what can be
        held, of 256 bits or a double.
        """
        native = self._native
        if native.exact_sum is not None:
            return python_value(native, native.exact_sum)
        if self.kind in {"float", "boolean"} and self.count:
            moments = self.moments
            if moments is not None and math.isfinite(moments.sum):
                return int(moments.sum) if self.kind == "boolean" else moments.sum
        return None

    @property
    def mean(self) -> Any:
        """Mean: a float, or of times a value of their own kind to the nearest unit."""
        moments = self.moments
        if moments is None or moments.mean is None or self.kind == "list":
            return None
        if self.kind in TEMPORAL_KINDS:
            return python_value(self._native, moments.mean)
        return moments.mean

    @property
    def std(self) -> float | None:
        """Standard deviation with ``ddof=1``; of times in seconds."""
        moments = self.moments
        deviation = None if moments is None or self.kind == "list" else moments.std()
        if deviation is not None and self.kind in TEMPORAL_KINDS:
            return float(seconds_of(deviation, self._native.unit or "s"))
        return deviation

    @property
    def skewness(self) -> float | None:
        """Third standardised moment of the values as a population, without correction."""
        moments = self.moments
        return None if moments is None or self.kind == "list" else moments.skewness()

    @property
    def kurtosis(self) -> float | None:
        """Fourth standardised moment less 3, of the values as a population, without correction."""
        moments = self.moments
        return None if moments is None or self.kind == "list" else moments.kurtosis()

    # ---- summaries -----------------------------------------------------------------------------
    @property
    def histogram(self) -> ExpHistogram | None:
        """Exponential histogram of numbers, and of durations in their unit."""
        native = self._native.histogram
        return None if native is None else ExpHistogram._of(native)

    @property
    def sketch(self) -> Kll | None:
        """KLL sketch of numbers, and of times in their unit."""
        native = self._native.quantiles
        return None if native is None else Kll._of(native)

    def quantile(self, q: float) -> Any:
        """Return the value whose rank is `q`, or None without values.

        Parameters
        ----------
        q : float
            0 to 1.

        Returns
        -------
        int, float, date, time, datetime, timedelta or None
            Its true rank is within ``sketch.normalized_rank_error()`` of `q`. It went through a
            double: integers and times beyond 53 bits are rounded. Decimals are floats.

        Raises
        ------
        InvalidArgumentError
            If `q` is not within 0 to 1.
        """
        found = self.quantiles([q])
        return None if found is None else found[0]

    def quantiles(self, q: Iterable[float]) -> list[Any] | None:
        """Return several quantiles, as `quantile`; None without values."""
        sketch = self.sketch
        found = None if sketch is None else sketch.quantiles(q)
        return None if found is None else [self.from_double(value) for value in found]

    def from_double(self, value: float) -> Any:
        """Return what a double of a sketch or an edge stands for in this column."""
        if self.kind in _WHOLE_KINDS:
            return round(value)
        return python_value(self._native, value)

    @property
    def cardinality(self) -> Hll | None:
        """HyperLogLog sketch of the values."""
        native = self._native.cardinality
        return None if native is None else Hll._of(native)

    @property
    def distinct(self) -> Distinct | None:
        """Number of different values, with bounds; never more than there are values."""
        sketch = self._native.cardinality
        if sketch is None:
            return None
        most = float(self.rows - self.null_count)
        low, high = sketch.bounds(2)
        return Distinct(min(sketch.estimate, most), min(low, most), min(high, most))

    @property
    def top_k(self) -> TopK | None:
        """Frequent values; times as integers in their unit, decimals as text."""
        native = self._native.top_k
        return None if native is None else TopK._of(native)

    def top(self, n: int = 10) -> list[ItemBounds]:
        """Return the most frequent values, as values of the column's own type.

        Parameters
        ----------
        n : int, default 10
            How many at most.

        Returns
        -------
        list of ItemBounds
            As `TopK.top`; empty for kinds that have none.
        """
        native = self._native
        if native.top_k is None:
            return []
        return [
            entry._replace(item=self._item(entry.item)) for entry in TopK._of(native.top_k).top(n)
        ]

    def _item(self, item: Any) -> Any:
        if self.kind in TEMPORAL_KINDS and isinstance(item, int):
            return python_value(self._native, item)
        return item

    @property
    def lengths(self) -> Moments | None:
        """Moments of the lengths: of text in characters, of binary in bytes, of lists in items."""
        native = self._native.moments if self.kind == "list" else self._native.lengths
        return None if native is None else Moments._of(native)

    @property
    def length_histogram(self) -> ExpHistogram | None:
        """Exponential histogram of the lengths."""
        native = self._native.length_histogram
        return None if native is None else ExpHistogram._of(native)

    # ---- time ----------------------------------------------------------------------------------
    @property
    def span_seconds(self) -> int | float | None:
        """Seconds from the first to the last of dates or timestamps."""
        low, high = self._native.exact_min, self._native.exact_max
        if self.kind not in POINT_KINDS or low is None or high is None:
            return None
        return seconds_of(high - low, self._native.unit or "s")

    @property
    def gap(self) -> Gap | None:
        """The longest time between neighbouring dates or timestamps, within bounds.

        None for fewer than two different ones, and where values are so dense that there is no
        stretch without them as wide as the sketch can tell: `widest_gap_seconds` bounds it then.
        """
        native = self._native
        found = native.largest_gap
        if found is None or self._is_dense:
            return None
        low, high, start, end = found
        unit = native.unit or "s"
        return Gap(
            seconds_of(low, unit),
            seconds_of(high, unit),
            python_value(native, start),
            python_value(native, end),
        )

    @property
    def widest_gap_seconds(self) -> int | float | None:
        """No time between neighbouring dates or timestamps is longer; None without two."""
        found = self._native.largest_gap
        return None if found is None else seconds_of(found[1], self._native.unit or "s")

    @property
    def _is_dense(self) -> bool:
        """Whether every bucket of the coverage has a value, and is wider than a unit."""
        coverage = self._native.coverage
        return coverage is not None and coverage[0] > 1 and len(coverage[2]) == 1

    @property
    def is_ordered(self) -> bool | None:
        """Whether times never fall in the order of rows; None where that is not known."""
        return self._native.ordered

    @property
    def steps_back(self) -> int | None:
        """How often a time is before the one above it."""
        return self._native.steps_back if self.kind in TEMPORAL_KINDS else None

    # ---- of a reference ------------------------------------------------------------------------
    @property
    def edges(self) -> EdgeHistogram | None:
        """The frozen edges and the counts between them; None if this is no reference.

        Edges of times are numbers in `unit`; `from_double` turns one into its value.
        """
        return None if self._edges is None else self._edges.copy()

    @property
    def categories(self) -> Categories | None:
        """The frozen names and their counts; None if this is no reference."""
        return None if self._categories is None else self._categories.copy()

    @property
    def memory_bytes(self) -> int:
        """Bytes that the native profile of this column takes."""
        return self._native.memory_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it, as an entry of `Profile.to_dict`."""
        from inlay.data.column_dict import column_dict

        return column_dict(self)

    def __repr__(self) -> str:
        """Return a line with the type, the counts and the range."""
        native = self._native
        missing = f", {native.null_count} null" if native.null_count else ""
        nans = f", {native.nan_count} NaN" if native.nan_count else ""
        low, high = (self.min, self.max) if self._hider is None else (None, None)
        span = "" if low is None or high is None else f", {_short(low)} to {_short(high)}"
        kind = f"{native.path}: {native.type}"
        return f"<inlay.data.ColumnProfile {kind}, {native.rows} rows{missing}{nans}{span}>"


def _whole_characters(text: bytes) -> bytes:
    """Return UTF-8 without the beginning of a character that was cut off at its end."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte >= 0xC0:
            width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return text if back == width else text[:-back]
        if byte < 0x80:
            return text
    return text


def _short(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
