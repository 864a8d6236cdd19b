"""A base-2 exponential histogram: exact buckets over the whole range of a double."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay.summary._bucket_formats import as_ddsketch, as_otlp, as_prometheus
from inlay.summary._device import DeviceSummary, Monitors, warn_of_lost
from inlay.summary._row import check_kind, given, html_table, one_row_table

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["CountBounds", "ExpHistogram"]


class CountBounds(NamedTuple):
    """How many values lie in a range.

    Attributes
    ----------
    low, high : int
        There are at least `low` and at most `high`.
    estimate : float
        Their number if values are spread evenly inside the buckets at the range's ends.
    """

    low: int
    estimate: float
    high: int


class ExpHistogram(DeviceSummary):
    """A histogram whose buckets grow by a constant factor, as OpenTelemetry's and Prometheus' do.

    At scale s, bucket i of a side counts the values with a magnitude in
    ``(2**(i * 2**-s), 2**((i + 1) * 2**-s)]``. Every finite double lands in its exact bucket;
    zeros, NaN and both infinities are counted apart, nulls are passed over.

    Parameters
    ----------
    values : array-like, optional
        First values, as for `update`.
    scale : int, default 5
        Resolution, -4 to 8. A quantile's relative error is at most ``(g - 1) / (g + 1)`` with
        ``g = 2**(2**-scale)``: 1.083 % at scale 5, 0.541 % at 6, 0.135 % at 8.

    Raises
    ------
    InvalidArgumentError
        If `scale` is out of range.

    Notes
    -----
    A side holds one dense run of at most 2,048 buckets of 2 bytes (4 from 65,536 values on, 8
    beyond 4 billion): about 0.8 kB for 1,000 lognormal latencies. Values further apart lower
    `scale` by as little as needed: neighbouring buckets are added, which is exact, and `downscales`
    tells. The outcome depends on the values alone, not on their order or on how they were split and
    merged; merging is commutative and associative bit for bit. Any thread may use an object at any
    time; calls on one object take turns.

    References
    ----------
    OpenTelemetry metrics data model, "ExponentialHistogram".

    Examples
    --------
    >>> import inlay
    >>> latency = inlay.ExpHistogram([0.1, 0.2, 0.2, 0.9])
    >>> round(latency.quantile(0.5), 2)
    0.2
    >>> latency.update(float("inf"))
    >>> latency.count, latency.pos_inf_count
    (4, 1)
    """

    __module__ = "inlay"
    __slots__ = ()

    _native: _core.ExpHistogram

    def __init__(self, values: Any = None, *, scale: int = 5) -> None:
        self._host = _core.ExpHistogram(scale=scale)
        if values is not None:
            self.update(values)

    @classmethod
    def from_bytes(cls, data: bytes) -> ExpHistogram:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        ExpHistogram

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.ExpHistogram.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ExpHistogram:
        """Return the histogram that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored, absent or None counts are 0 and
            runs empty. `count` must be that of the buckets if given.

        Returns
        -------
        ExpHistogram

        Raises
        ------
        InvalidArgumentError
            If the row is of another kind, its count is another, a bucket lies beyond all doubles,
            the scale is out of range, or ``zero_threshold`` is not 0: inlay's own rows have no
            other, and such a zero bucket mixes values up.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.ExpHistogram([1.0, 2.0]).to_arrow()
        >>> inlay.ExpHistogram.from_row(table.to_pylist()[0]).count
        2
        """
        check_kind(row, ("histogram",))
        threshold = given(row, "zero_threshold", 0.0)
        if threshold != 0:
            from inlay._exceptions import InvalidArgumentError

            message = f"zero_threshold must be 0: {threshold!r}"
            raise InvalidArgumentError(message)
        histogram = cls._of(
            _core.ExpHistogram.from_fields(
                scale=given(row, "scale", 5),
                zero_count=given(row, "zero_count", 0),
                nan_count=given(row, "nan_count", 0),
                pos_inf_count=given(row, "pos_inf_count", 0),
                neg_inf_count=given(row, "neg_inf_count", 0),
                pos_offset=given(row, "pos_offset", 0),
                pos_counts=given(row, "pos_counts", []),
                neg_offset=given(row, "neg_offset", 0),
                neg_counts=given(row, "neg_counts", []),
            )
        )
        if given(row, "count", histogram.count) != histogram.count:
            from inlay._exceptions import InvalidArgumentError

            message = f"count must be that of the buckets, {histogram.count}: {row['count']}"
            raise InvalidArgumentError(message)
        return histogram

    # Not keyword-only: that alone costs a call a fifth of its time.
    def update(self, values: Any, stream: Any = None) -> None:
        """Count one number or many.

        Parameters
        ----------
        values : float or array-like, any shape
            A number; a buffer of floats or integers (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None. float32 and float64 are read in place, others are converted to float64 block by
            block. Nulls are passed over. A tensor on a CUDA
            device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or ``__cuda_array_interface__``)
            is counted where it is, exactly.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Warns
        -----
        InlayWarning
            If numbers of more than 53 bits were rounded to the nearest float64.

        Raises
        ------
        TypeError
            If they are not numbers, or byte-swapped.
        MemoryError
            If memory ran out; a part of the values may have been counted.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        O(n), and 0.3 to 2 ns a value. Releases the GIL above a few thousand values.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.
        """
        try:
            self._host.update(values)
        except TypeError:
            self._update_device(values, stream)

    def _monitors(self) -> Monitors:
        host = self._native
        scale = host.scale

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.ColumnMonitor(1, device=device, scale=scale, moments=False, histogram=True)

        def take(monitor: Any) -> None:
            lost = monitor.lost
            host.merge(_core.ExpHistogram.from_bytes(monitor.histogram(0)))
            monitor.reset()
            warn_of_lost(lost, "an ExpHistogram")  # last: a warning may be an error

        return Monitors(make, take)

    def merge(self, other: ExpHistogram) -> None:
        """Add what another histogram counted, at the coarser of the two scales.

        Parameters
        ----------
        other : ExpHistogram
            It is not changed.

        Raises
        ------
        MemoryError
            If memory ran out; nothing was added then.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget everything and return to the scale asked for; memory is kept for the next use."""
        self._native.reset()

    def downscale_to(self, scale: int) -> None:
        """Lower the resolution, exactly: as if the histogram had been made with this scale.

        Parameters
        ----------
        scale : int
            From -4 to the present scale.

        Raises
        ------
        InvalidArgumentError
            If `scale` is out of that range.
        """
        self._native.downscale_to(scale)

    @property
    def scale(self) -> int:
        """Resolution in use: a bucket's bounds differ by the factor ``2**(2**-scale)``."""
        return self._native.scale

    @property
    def downscales(self) -> int:
        """Steps from the scale asked for (the finest, after merges) down to `scale`."""
        return self._native.downscales

    @property
    def relative_error(self) -> float:
        """Largest relative error of a quantile at the present scale."""
        growth: float = 2.0 ** (2.0**-self.scale)
        return (growth - 1) / (growth + 1)

    @property
    def count(self) -> int:
        """Number of finite values, zeros included."""
        return self._native.count

    @property
    def zero_count(self) -> int:
        """Number of zeros of either sign."""
        return self._native.zero_count

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
    def pos_offset(self) -> int:
        """Index of the first positive bucket in use, 0 if there is none."""
        return self._native.positive()[0]

    @property
    def pos_counts(self) -> list[int]:
        """Counts of the positive buckets from `pos_offset` to the last in use."""
        return self._native.positive()[1]

    @property
    def neg_offset(self) -> int:
        """Index of the first negative bucket in use, by magnitude; 0 if there is none."""
        return self._native.negative()[0]

    @property
    def neg_counts(self) -> list[int]:
        """Counts of the negative buckets from `neg_offset` to the last in use."""
        return self._native.negative()[1]

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object and its buckets take."""
        return self._native.memory_bytes

    def quantile(self, q: float) -> float | None:
        """Return the value at rank ``ceil(q * count)`` of the finite values.

        Parameters
        ----------
        q : float
            0 gives the smallest value, 1 the largest.

        Returns
        -------
        float or None
            Within `relative_error` of ``numpy.quantile(values, q, method="inverted_cdf")``; None
            without values.

        Raises
        ------
        InvalidArgumentError
            If `q` is not within 0 to 1.

        Notes
        -----
        O(buckets). Among subnormal numbers the error is at most the spacing of doubles there.
        """
        return self._native.quantile(q)

    def cdf(self, x: float) -> float | None:
        """Return the estimated fraction of finite values that are at most `x`.

        Parameters
        ----------
        x : float
            Exact where `x` is the upper bound of a positive bucket, such as any power of two.

        Returns
        -------
        float or None
            Never decreasing in `x`; None without values.

        Raises
        ------
        InvalidArgumentError
            If `x` is NaN.
        """
        return self._native.cdf(x)

    def count_between(self, low: float, high: float) -> CountBounds:
        """Return how many finite values lie in ``(low, high]``, with certain bounds.

        Parameters
        ----------
        low, high : float
            Ends of the range; infinite ones are open.

        Returns
        -------
        CountBounds

        Raises
        ------
        InvalidArgumentError
            If an end is NaN or `low` exceeds `high`.

        Examples
        --------
        >>> import inlay
        >>> inlay.ExpHistogram([1.0, 3.0, 3.5]).count_between(2.0, 4.0)
        CountBounds(low=2, estimate=2.0, high=2)
        """
        return CountBounds(*self._native.count_between(low, high))

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        pos_offset, pos_counts = native.positive()
        neg_offset, neg_counts = native.negative()
        return {
            "count": native.count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "scale": native.scale,
            "zero_count": native.zero_count,
            "zero_threshold": 0.0,
            "pos_offset": pos_offset,
            "pos_counts": pos_counts,
            "neg_offset": neg_offset,
            "neg_counts": neg_counts,
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count``, ``zero_count`` (int64),
            ``scale``, ``pos_offset``, ``neg_offset`` (int32), ``zero_threshold`` (float64, 0),
            ``pos_counts``, ``neg_counts`` (list of int64).
        """
        return one_row_table(self._row())

    def to_otlp(self) -> dict[str, Any]:
        """Return the fields of an OTLP ``ExponentialHistogramDataPoint``, by their names there.

        Returns
        -------
        dict
            ``count``, ``scale``, ``zero_count``, ``zero_threshold`` (0), and ``positive`` and
            ``negative`` as ``{"offset": int, "bucket_counts": list of int}``.

        Notes
        -----
        The buckets are the same, so nothing is lost but the counts of NaN and of the infinities,
        for which OTLP has no place.

        References
        ----------
        OpenTelemetry protocol, ``metrics.proto``, ``ExponentialHistogramDataPoint``.
        """
        return as_otlp(self._native.copy())

    def to_prometheus(self) -> dict[str, Any]:
        """Return the fields of a Prometheus native histogram, by their names in its protobuf.

        Returns
        -------
        dict
            ``sample_count``, ``schema``, ``zero_threshold`` (0), ``zero_count``, and for both sides
            ``…_span`` as a list of (offset, length) and ``…_delta`` as a list of int.

        Notes
        -----
        The buckets are the same, every scale has its schema, so nothing is lost but the counts of
        NaN and of the infinities.

        References
        ----------
        Prometheus, ``io/prometheus/client/metrics.proto``, ``Histogram``.
        """
        return as_prometheus(self._native.copy())

    def to_ddsketch(self) -> dict[str, Any]:
        """Return the fields of a DDSketch, by their names in its protobuf.

        Returns
        -------
        dict
            ``mapping`` (``gamma`` = ``2**(2**-scale)``, logarithmic), ``positiveValues`` and
            ``negativeValues`` as dense stores, ``zeroCount``.

        Notes
        -----
        A DDSketch of this gamma has the same buckets, so nothing is lost but the counts of NaN and
        of the infinities.

        References
        ----------
        Masson, Rim & Lee (2019), "DDSketch: a fast and fully-mergeable quantile sketch with
        relative-error guarantees", PVLDB 12(12), section 2.
        """
        return as_ddsketch(self._native.copy())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __repr__(self) -> str:
        """Return a line with the count and the main figures."""
        native = self._native.copy()
        if native.count == 0:
            return f"<inlay.ExpHistogram of no values, scale {native.scale}>"
        quantiles = [native.quantile(q) for q in (0.5, 0.9, 0.99)]
        marks = ", ".join(f"p{p} {v:.4g}" for p, v in zip((50, 90, 99), quantiles, strict=True))
        return f"<inlay.ExpHistogram of {native.count}: {marks}, scale {native.scale}>"

    def _repr_html_(self) -> str:
        return html_table("inlay.ExpHistogram", self._row())
