"""A KLL sketch: quantiles and ranks of a stream, in the bytes of Apache DataSketches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import TYPE_CHECKING, Any, Self

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.summary._protocols import Summary
from inlay.summary._row import given, html_table, one_row_table

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Kll"]

_NATIVE: dict[str, type[_core.KllFloat | _core.KllDouble]] = {
    "float32": _core.KllFloat,
    "float64": _core.KllDouble,
}
_SUMMARY_TYPES = {"float32": "kll_floats_datasketches", "float64": "kll_doubles_datasketches"}
_BY_ITEM_SIZE = {4: "float32", 8: "float64"}


def _dtype_name(dtype: Any) -> str:
    # A numpy type or dtype tells its name itself, so that numpy need not be loaded.
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = getattr(dtype, "__name__", dtype)
    if name not in _NATIVE:
        message = f"dtype must be float32 or float64: {dtype!r}"
        raise InvalidArgumentError(message)
    return str(name)


def _seed(seed: int) -> int:
    return index(seed) & (2**64 - 1)


class Kll(Summary):
    """A sketch of a few hundred values from which quantiles and ranks of a stream are estimated.

    The rank of x is the fraction of values that are at most x (DataSketches' *inclusive*, the
    default of its C++ and Java libraries, though not of its Python one). With a confidence of 99 %
    it is off by at most `normalized_rank_error`: 1.33 % at k = 200, whatever the values, their
    order and the merges. How far a quantile's *value* is off depends on how dense the values lie
    there: for the far tail of latencies an `ExpHistogram` serves better.

    NaN and both infinities are counted apart and enter nothing else; so are nulls. What cannot be
    computed is None.

    Parameters
    ----------
    values : array-like, optional
        First values, as for `update`.
    k : int, default 200
        Size and accuracy, 8 to 65535: the error is ``2.296 / k**0.9723``.
    dtype : {"float64", "float32"}, default "float64"
        What the sketch keeps. Values are rounded to it; those beyond a float32 count as infinite.
    seed : int, default 0
        Starts the random choices; of its 64 lowest bits. They are mixed with the values, so that
        sketches of one seed over different values err independently.

    Raises
    ------
    InvalidArgumentError
        If `k` or `dtype` is not one of the above.

    Notes
    -----
    At k = 200 about 8 kB (float32: 5 kB), and in bytes at most 5.2 kB (float32: 2.7 kB) for any
    number of values; 400 bytes when new. While `num_retained` equals `count` all is exact. Arrays
    of 1,024 values and more are sorted in blocks and, once the sketch counts ``4 * k**2`` values,
    sampled first, which adds at most 3 % to the error's standard deviation. Deterministic under a
    seed, on every machine. Any thread may use an object at any time; calls on one object take
    turns.

    References
    ----------
    Z. Karnin, K. Lang, E. Liberty, "Optimal Quantile Approximation in Streams", FOCS 2016. Apache
    DataSketches, "KLL sketch", for the capacities of levels, the error and the bytes.

    Examples
    --------
    >>> import inlay
    >>> scores = inlay.Kll(range(1, 101))
    >>> scores.quantile(0.5), scores.rank(25), scores.max
    (50.0, 0.25, 100.0)
    >>> scores.merge(inlay.Kll([1000.0, float("inf")]))
    >>> scores.count, scores.pos_inf_count, scores.max
    (101, 1, 1000.0)
    """

    __module__ = "inlay"
    __slots__ = ("_dtype",)

    _dtype: str
    _native: _core.KllFloat | _core.KllDouble

    def __init__(
        self, values: Any = None, *, k: int = 200, dtype: Any = "float64", seed: int = 0
    ) -> None:
        self._dtype = _dtype_name(dtype)
        if not 8 <= k <= 65535:
            message = f"k must lie within 8 to 65535: {k}"
            raise InvalidArgumentError(message)
        self._native = _NATIVE[self._dtype](k=k, seed=_seed(seed))
        if values is not None:
            self._native.update(values)

    @classmethod
    def _of(cls, native: _core.KllFloat | _core.KllDouble) -> Self:
        sketch = super()._of(native)
        sketch._dtype = next(name for name, kind in _NATIVE.items() if isinstance(native, kind))
        return sketch

    @classmethod
    def from_bytes(cls, data: bytes, *, dtype: Any = None, seed: int = 0) -> Kll:
        """Return the sketch that bytes of Apache DataSketches hold, whoever wrote them.

        Parameters
        ----------
        data : bytes-like
            A KLL sketch of floats or doubles in the compact form; it is not trusted.
        dtype : {None, "float64", "float32"}
            The type of its items, which the bytes do not name. None derives it from their number;
            a sketch without values then is one of float64.
        seed : int, default 0
            Starts the random choices from here on.

        Returns
        -------
        Kll
            Infinities that others took for values stay in it: `count` includes them, and `min`,
            `max` and quantiles may be infinite. inlay itself writes none.

        Raises
        ------
        SerializationError
            If they are not such a sketch, down to the sum of the weights and the last byte, or
            hold NaN.
        """
        if dtype is None:
            name = _BY_ITEM_SIZE.get(_core.kll_item_size(data), "float64")
        else:
            name = _dtype_name(dtype)
        return cls._of(_NATIVE[name].from_bytes(data, seed=_seed(seed)))

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, seed: int = 0) -> Kll:
        """Return the sketch that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored, absent or None counts are 0.
        seed : int, default 0
            Starts the random choices from here on.

        Returns
        -------
        Kll

        Raises
        ------
        InvalidArgumentError
            If ``summary_type`` is not that of a KLL sketch, ``summary`` is absent, or ``count``
            contradicts it.
        SerializationError
            If ``summary`` is damaged.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.Kll([1.0, 2.0, None]).to_arrow()
        >>> again = inlay.Kll.from_row(table.to_pylist()[0])
        >>> again.count, again.null_count
        (2, 1)
        """
        names = {kind: name for name, kind in _SUMMARY_TYPES.items()}
        dtype = names.get(given(row, "summary_type", ""))
        if dtype is None:
            message = f"summary_type must be one of {list(names)}: {row.get('summary_type')!r}"
            raise InvalidArgumentError(message)
        data = row.get("summary")
        if data is None:
            message = f"a row of a Kll must have a summary: {data}"
            raise InvalidArgumentError(message)
        sketch = cls.from_bytes(data, dtype=dtype, seed=seed)
        if given(row, "count", sketch.count) != sketch.count:
            message = f"count must be the summary's, {sketch.count}: {row['count']}"
            raise InvalidArgumentError(message)
        sketch._native.add_kept_apart(
            null_count=given(row, "null_count", 0),
            nan_count=given(row, "nan_count", 0),
            pos_inf_count=given(row, "pos_inf_count", 0),
            neg_inf_count=given(row, "neg_inf_count", 0),
        )
        return sketch

    def update(self, values: Any) -> None:
        """Count one number or many.

        Parameters
        ----------
        values : float or array-like, any shape
            A number; a buffer of floats or integers (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None. Nulls are counted in `null_count`.

        Raises
        ------
        TypeError
            If they are not numbers, or byte-swapped.
        MemoryError
            If memory ran out; a part of the values may have been counted.

        Notes
        -----
        O(n), a few nanoseconds a value in arrays, more in small batches. Releases the GIL above a
        few thousand values.
        """
        self._native.update(values)

    def merge(self, other: Kll) -> None:
        """Add what another sketch counted. The stated error holds for the sum.

        Parameters
        ----------
        other : Kll
            Of the same `k` and `dtype`; it is not changed.

        Raises
        ------
        InvalidArgumentError
            If `k` or `dtype` differ, or the counts exceed 2**62 together.
        MemoryError
            If memory ran out; a part may have been added.
        """
        native = self._native_of(other)
        if other._dtype != self._dtype:
            message = f"only sketches of one dtype merge: {self._dtype} and {other._dtype}"
            raise InvalidArgumentError(message)
        self._native.merge(native)

    def reset(self) -> None:
        """Forget everything but k; memory is kept for the next use, and randomness goes on."""
        self._native.reset()

    def copy(self) -> Kll:
        """Return an independent copy, which goes on with the same random choices."""
        return Kll._of(self._native.copy())

    def to_bytes(self) -> bytes:
        """Return the sketch as Apache DataSketches' compact form, for any of its readers.

        Returns
        -------
        bytes
            At most 2.7 kB for float32 and 5.2 kB for float64 at k = 200. The counts of nulls, NaN
            and infinities have no place in it: they travel in rows and in pickles.
        """
        return self._native.to_bytes()

    @property
    def k(self) -> int:
        """Size and accuracy."""
        return self._native.k

    @property
    def min_k(self) -> int:
        """The smallest k of all that was merged into this, which only others' bytes can bring."""
        return self._native.min_k

    @property
    def dtype(self) -> str:
        """``"float64"`` or ``"float32"``."""
        return self._dtype

    @property
    def count(self) -> int:
        """Number of finite values (and of infinite ones in bytes that others wrote)."""
        return self._native.count

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
    def min(self) -> float | None:
        """Smallest value, exact."""
        return self._native.min

    @property
    def max(self) -> float | None:
        """Largest value, exact."""
        return self._native.max

    @property
    def num_retained(self) -> int:
        """Number of values the sketch keeps; all is exact while it equals `count`."""
        return self._native.num_retained

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object takes."""
        return self._native.memory_bytes

    def normalized_rank_error(self, *, pmf: bool = False) -> float:
        """Return how far a rank may be off, with a confidence of 99 %.

        Parameters
        ----------
        pmf : bool, default False
            Whether to bound the fraction between two points (`pmf`) instead of a rank.

        Returns
        -------
        float
            ``2.296 / min_k**0.9723``, or ``2.446 / min_k**0.9433``: 1.33 % and 1.65 % at 200.
        """
        return self._native.normalized_rank_error(pmf)

    def quantile(self, q: float) -> float | None:
        """Return the smallest kept value whose rank is at least `q`.

        Parameters
        ----------
        q : float
            0 gives the smallest value of all, 1 the largest.

        Returns
        -------
        float or None
            Its true rank is within `normalized_rank_error` of `q`. With at most k values,
            ``numpy.quantile(values, q, method="inverted_cdf")``. None without values.

        Raises
        ------
        InvalidArgumentError
            If `q` is not within 0 to 1.
        """
        found = self._native.quantiles([q])
        return found[0] if found else None

    def quantiles(self, q: Iterable[float]) -> list[float] | None:
        """Return several quantiles, sorting once.

        Parameters
        ----------
        q : iterable of float
            As for `quantile`.

        Returns
        -------
        list of float, or None without values

        Raises
        ------
        InvalidArgumentError
            If one of them is not within 0 to 1.
        """
        wanted = [float(each) for each in q]
        found = self._native.quantiles(wanted)
        return found if found or not wanted else None

    def rank(self, x: float) -> float | None:
        """Return the estimated fraction of values that are at most `x`.

        Parameters
        ----------
        x : float

        Returns
        -------
        float or None
            Never decreasing in `x`; None without values.

        Raises
        ------
        InvalidArgumentError
            If `x` is NaN.
        """
        return self._native.rank(x)

    def cdf(self, points: Iterable[float]) -> list[float] | None:
        """Return the rank of each point, then 1.

        Parameters
        ----------
        points : iterable of float, m increasing ones
            They split the line into m + 1 intervals.

        Returns
        -------
        list of float, m + 1 long, or None without values

        Raises
        ------
        InvalidArgumentError
            If a point is NaN or not above the one before.
        """
        return self._native.cdf([float(x) for x in points]) or None

    def pmf(self, points: Iterable[float]) -> list[float] | None:
        """Return the estimated fractions of values in the intervals between points.

        Parameters
        ----------
        points : iterable of float, m increasing ones
            The intervals are ``(-inf, p0], (p0, p1], …, (p_last, inf)``.

        Returns
        -------
        list of float, m + 1 long, or None without values
            Each is within ``normalized_rank_error(pmf=True)``; they add up to 1.

        Raises
        ------
        InvalidArgumentError
            If a point is NaN or not above the one before.

        Examples
        --------
        >>> import inlay
        >>> inlay.Kll([1.0, 2.0, 3.0, 8.0]).pmf([2.0, 5.0])
        [0.5, 0.25, 0.25]
        """
        return self._native.pmf([float(x) for x in points]) or None

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        return {
            "count": native.count,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "min": native.min,
            "max": native.max,
            "summary": native.to_bytes(),
            "summary_type": _SUMMARY_TYPES[self._dtype],
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count`` (int64),
            ``min``, ``max`` (float64, null without values), ``summary`` (binary, as `to_bytes`)
            and ``summary_type`` (utf8): ``kll_doubles_datasketches`` or
            ``kll_floats_datasketches``. Spark 4's ``kll_merge_agg_double`` and
            ``kll_merge_agg_float`` merge the former column.
        """
        return one_row_table(self._row())

    def __eq__(self, other: object) -> bool:
        """Return whether both give the same bytes and the same counts."""
        if not isinstance(other, Kll):
            return NotImplemented
        if other._dtype != self._dtype:
            return False
        return self._native.equals(other._native)  # type: ignore[arg-type]  # of one dtype

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again: bytes, and what they cannot carry."""
        native = self._native.copy()
        counts = (native.null_count, native.nan_count, native.pos_inf_count, native.neg_inf_count)
        return _restore, (self._dtype, native.to_bytes(), counts, native.random_state)

    def __repr__(self) -> str:
        """Return a line with the count and the main figures."""
        native = self._native.copy()
        if native.count == 0:
            return f"<inlay.Kll of no values, k {native.k}>"
        quantiles = native.quantiles([0.5, 0.9, 0.99])
        marks = ", ".join(f"p{p} {v:.4g}" for p, v in zip((50, 90, 99), quantiles, strict=True))
        return f"<inlay.Kll of {native.count}: {marks}, k {native.k}>"

    def _repr_html_(self) -> str:
        row = self._row()
        row["summary"] = f"{len(row['summary'])} bytes"
        return html_table("inlay.Kll", row)


def _restore(dtype: str, data: bytes, counts: tuple[int, int, int, int], random: int) -> Kll:
    sketch = Kll.from_bytes(data, dtype=dtype, seed=random)
    names = ("null_count", "nan_count", "pos_inf_count", "neg_inf_count")
    sketch._native.add_kept_apart(**dict(zip(names, counts, strict=True)))
    return sketch
