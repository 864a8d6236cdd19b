"""A histogram between edges that are fixed from the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay.summary._device import DeviceSummary, Monitors
from inlay.summary._reference import check_reference_id, counts_of, hash_of_edges
from inlay.summary._row import given, html_table, one_row_table

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["CdfBounds", "EdgeHistogram"]


class CdfBounds(NamedTuple):
    """Within which a fraction of values certainly lies.

    Attributes
    ----------
    low, high : float
        The fraction is at least `low` and at most `high`.
    """

    low: float
    high: float


class EdgeHistogram(DeviceSummary):
    """Exact counts of the values between fixed edges, those of a reference for instance.

    With edges ``e0 < e1 < … < ek`` the cells are ``(-inf, e0]``, ``(e0, e1]``, …, ``(ek, inf)``:
    upper bounds belong to their cell, as in OTLP's histogram with explicit bounds. The first cell
    is the underflow, the last the overflow. NaN, both infinities and nulls are counted apart.

    Parameters
    ----------
    edges : array-like of float64, shape (k + 1,)
        1 to 65,535 finite numbers that increase strictly. -0.0 becomes 0.0.
    values : array-like, optional
        First values, as for `update`.

    Raises
    ------
    InvalidArgumentError
        If there are no edges or too many, or one is not finite or not above the one before it; the
        message names it and its position.
    TypeError
        If the edges or the values are not numbers.

    Notes
    -----
    A value is compared with the edges themselves, a float32 too: nothing is rounded. How its cell
    is found depends on the edges (by comparing with each of a few, by a table that keeps them
    apart, by binary search) but never the counts: they are the same on every machine. Merging is
    commutative and associative bit for bit. 8 bytes an edge and a count, 4 for edges as float32,
    and at most 48 kB of tables. Any thread may use an object at any time; calls on one object take
    turns.

    References
    ----------
    OpenTelemetry metrics data model, "Histogram".

    Examples
    --------
    >>> import inlay
    >>> scores = inlay.EdgeHistogram([0.0, 0.5, 1.0], [0.1, 0.5, 0.7, 1.5, float("nan")])
    >>> scores.counts
    [0, 2, 1, 1]
    >>> scores.count, scores.nan_count
    (4, 1)
    """

    __module__ = "inlay"
    __slots__ = ()

    _native: _core.EdgeHistogram

    def __init__(self, edges: Any, values: Any = None) -> None:
        self._host = _core.EdgeHistogram(edges)
        if values is not None:
            self.update(values)

    @classmethod
    def of(cls, values: Any, *, bins: int = 10) -> EdgeHistogram:
        """Return a reference: edges that cut a sample into about equal parts, and its counts.

        Parameters
        ----------
        values : array-like of numbers, shape (n,)
            The sample, as for `update`. What is not finite is counted apart.
        bins : int, default 10
            Number of cells, 2 to 65,536; fewer where members of the sample are equal.

        Returns
        -------
        EdgeHistogram
            With the sample counted. ``EdgeHistogram(reference.edges)`` is an empty one to compare.

        Raises
        ------
        InvalidArgumentError
            If `bins` is out of range or the sample has no finite value.

        Notes
        -----
        The edges are members of the sample, its order statistics of rank ``ceil(i * n / bins)`` for
        i = 1 … bins - 1, equal ones once. Therefore, if the sample is drawn from a continuous
        distribution, the unknown shares that the cells have in that distribution follow a Dirichlet
        distribution whose parameters are the numbers of spacings (gaps between neighbouring order
        statistics) in each cell: ``counts``, and one more for the last. A test that compares later
        values with this reference can take its uncertainty from there, instead of taking the
        sample's shares for the true ones. O(n log bins) time, 16 bytes a value.

        References
        ----------
        Wilks (1962), "Mathematical Statistics", section 8.7.

        Examples
        --------
        >>> import inlay
        >>> reference = inlay.EdgeHistogram.of(range(100), bins=4)
        >>> reference.edges, reference.counts
        ([24.0, 49.0, 74.0], [25, 25, 25, 25])
        """
        return cls._of(_core.EdgeHistogram.of(values, bins=bins))

    @classmethod
    def from_bytes(cls, data: bytes) -> EdgeHistogram:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        EdgeHistogram

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.EdgeHistogram.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> EdgeHistogram:
        """Return the histogram that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored. ``bounds`` and ``counts`` must be
            there, absent or None counts of other kinds are 0. `count` follows and is not looked at.

        Returns
        -------
        EdgeHistogram

        Raises
        ------
        InvalidArgumentError
            If ``bounds`` cannot be edges, there is not one count more, a count is negative, or
            ``reference_id`` is there and is that of other edges.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.EdgeHistogram([0.0], [1.0, 2.0]).to_arrow()
        >>> inlay.EdgeHistogram.from_row(table.to_pylist()[0]).counts
        [0, 2]
        """
        native = _core.EdgeHistogram.from_fields(
            edges=given(row, "bounds", []),
            counts=counts_of(row),
            null_count=given(row, "null_count", 0),
            nan_count=given(row, "nan_count", 0),
            pos_inf_count=given(row, "pos_inf_count", 0),
            neg_inf_count=given(row, "neg_inf_count", 0),
        )
        check_reference_id(row, hash_of_edges(native.edges))
        return cls._of(native)

    def update(self, values: Any, *, weights: Any = None, stream: Any = None) -> None:
        """Count one number or many.

        Parameters
        ----------
        values : float or array-like, any shape
            A number; a buffer of floats or integers (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None. float32 and float64 are read in place, others are converted to float64 block by
            block, exactly up to 53 bits. Nulls are counted in `null_count`. A tensor on a CUDA
            device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or ``__cuda_array_interface__``)
            is counted where it is, exactly.
        weights : int or array-like of integers, shape (n,), optional
            How often each value counts, nulls included: 0 or more. 1 by default.
            Not for tensors on a device.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Raises
        ------
        TypeError
            If the values are not numbers, or byte-swapped.
        InvalidArgumentError
            If weights are not as many as values, or one is negative, null or no integer (the
            message names it and its position), or if all counts would exceed 2**63 - 1. Nothing is
            counted then.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        0.3 to 3 ns a value up to a few hundred edges, growing with their logarithm where they are
        many; with weights tens of ns. Releases the GIL above a few thousand values.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.
        """
        try:
            self._host.update(values, weights=weights)
        except TypeError:
            self._update_device(values, stream, weights)

    def _monitors(self) -> Monitors:
        host = self._native
        edges = [host.edges]

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.ColumnMonitor(1, device=device, moments=False, histogram=False, edges=edges)

        def take(monitor: Any) -> None:
            host.merge(_core.EdgeHistogram.from_bytes(monitor.edges(0)))
            monitor.reset()

        return Monitors(make, take)

    def merge(self, other: EdgeHistogram) -> None:
        """Add what another histogram of the same edges counted.

        Parameters
        ----------
        other : EdgeHistogram
            It is not changed.

        Raises
        ------
        InvalidArgumentError
            If the edges are not the same; the message names the first that differs. Nothing is
            added then.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget the counts and keep the edges."""
        self._native.reset()

    @property
    def edges(self) -> list[float]:
        """The edges, k + 1 of them."""
        return self._native.edges

    @property
    def counts(self) -> list[int]:
        """Counts of the k + 2 cells, the underflow first and the overflow last."""
        return self._native.counts

    @property
    def count(self) -> int:
        """Number of finite values."""
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
    def reference_id(self) -> str:
        """What tells these edges from others: 16 hexadecimal digits.

        They are the first of the SHA-256 of ``"edges"``, 0x1f and the edges as little-endian
        float64. Rows with equal ones add up.
        """
        return hash_of_edges(self._native.edges)

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object takes, its edges and tables included, which copies share."""
        return self._native.memory_bytes

    def cdf_bounds(self, x: float) -> CdfBounds | None:
        """Return within which the fraction of finite values that are at most `x` lies.

        Parameters
        ----------
        x : float
            Where it is an edge, both bounds are the exact fraction.

        Returns
        -------
        CdfBounds or None
            Neither bound decreases in `x`; None without finite values.

        Raises
        ------
        InvalidArgumentError
            If `x` is NaN.

        Examples
        --------
        >>> import inlay
        >>> inlay.EdgeHistogram([0.0, 1.0], [0.5, 0.7, 3.0, 4.0]).cdf_bounds(0.6)
        CdfBounds(low=0.0, high=0.5)
        """
        bounds = self._native.cdf_bounds(x)
        return None if bounds is None else CdfBounds(*bounds)

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        edges = native.edges
        return {
            "count": native.count,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "bounds": edges,
            "counts": native.counts,
            "reference_id": hash_of_edges(edges),
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points, of kind ``edges``, that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count`` (int64),
            ``bounds`` (list of float64), ``counts`` (list of int64, one more than bounds),
            ``reference_id`` (utf8).
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __repr__(self) -> str:
        """Return a line with the count, the range of the edges and what lies outside."""
        native = self._native.copy()
        edges = native.edges
        span = f"{len(edges)} edges from {edges[0]:.4g} to {edges[-1]:.4g}"
        if len(edges) == 1:
            span = f"1 edge at {edges[0]:.4g}"
        if native.count == 0:
            return f"<inlay.EdgeHistogram of no values, {span}>"
        counts = native.counts
        outside = f"{counts[0]} below, {counts[-1]} above"
        return f"<inlay.EdgeHistogram of {native.count}: {span}, {outside}>"

    def _repr_html_(self) -> str:
        return html_table("inlay.EdgeHistogram", self._row())
