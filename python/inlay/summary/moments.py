"""Count, extremes, sum, mean and central moments of a stream."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.summary._device import DeviceSummary, Monitors
from inlay.summary._row import check_kind, given, html_table, one_row_table

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["Moments"]


class Moments(DeviceSummary):
    """Count, minimum, maximum, sum, mean and the second to fourth central moments.

    Nulls, NaN and both infinities are counted apart and enter nothing else. What cannot be computed
    is None: the mean of nothing, the variance of one value, the skewness of equal values.

    Parameters
    ----------
    values : array-like, optional
        First values, as for `update`.

    Notes
    -----
    About 150 bytes whatever the number of values. Values are summed in blocks as powers of their
    distance from one of them, and blocks are merged by the formulas of Chan and Pébay:
    ``m2`` keeps a relative error below 1e-9 with the mean 1e8 standard deviations away from zero.
    The sum is carried in twice the precision of a double: sums of integers are exact while they and
    the values fit in 53 bits.

    Magnitudes above about 1e76 can take ``m2`` to ``m4`` beyond a double. Such a moment is None for
    good and `overflowed` true, while counts, extremes, sum and mean stay right.

    Merging is commutative bit for bit and associative to rounding. Any thread may use an object at
    any time; calls on one object take turns.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance", The
    American Statistician 37 (1983). P. Pébay, "Formulas for Robust, One-Pass Parallel Computation
    of Covariances and Arbitrary-Order Statistical Moments", Sandia report SAND2008-6212 (2008).

    Examples
    --------
    >>> import inlay
    >>> moments = inlay.Moments([1.0, 2.0, 3.0, 4.0])
    >>> moments.mean, moments.variance()
    (2.5, 1.6666666666666667)
    >>> moments.merge(inlay.Moments([float("nan"), 10.0]))
    >>> moments.count, moments.nan_count, moments.max
    (5, 1, 10.0)
    """

    __module__ = "inlay"
    __slots__ = ()

    _native: _core.Moments

    def __init__(self, values: Any = None) -> None:
        self._host = _core.Moments()
        if values is not None:
            self.update(values)

    @classmethod
    def from_bytes(cls, data: bytes) -> Moments:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        Moments

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.Moments.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Moments:
        """Return the moments that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored, absent or None counts are 0.

        Returns
        -------
        Moments
            The digits of the sum beyond a double are lost, all else is as it was.

        Raises
        ------
        InvalidArgumentError
            If the fields contradict one another.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.Moments([1.0, 2.0]).to_arrow()
        >>> inlay.Moments.from_row(table.to_pylist()[0]).mean
        1.5
        """
        check_kind(row, ("histogram", "moments"))
        return cls._of(
            _core.Moments.from_fields(
                count=given(row, "count", 0),
                null_count=given(row, "null_count", 0),
                nan_count=given(row, "nan_count", 0),
                pos_inf_count=given(row, "pos_inf_count", 0),
                neg_inf_count=given(row, "neg_inf_count", 0),
                zero_count=given(row, "zero_count", 0),
                sum=given(row, "sum", 0.0),
                min=given(row, "min", math.nan),
                max=given(row, "max", math.nan),
                mean=given(row, "mean", math.nan),
                m2=row.get("m2"),
                m3=row.get("m3"),
                m4=row.get("m4"),
            )
        )

    # Not keyword-only: that alone costs a call a fifth of its time.
    def update(self, values: Any, stream: Any = None) -> None:
        """Add one number or many.

        Parameters
        ----------
        values : float or array-like, any shape
            A number; a buffer of floats or integers (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None. float32 and float64 are read in place, others are converted to float64 block by
            block, exactly up to 53 bits. Nulls are counted in `null_count`. A tensor on a CUDA
            device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or ``__cuda_array_interface__``)
            is read where it is.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Raises
        ------
        TypeError
            If they are not numbers, or byte-swapped.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        O(n), and 0.1 to 1 ns a value. Releases the GIL above a few thousand values.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.

        On a device sums and moments of float32 and narrower types have a relative error of 1e-6 of
        the absolute ones; all counts and extremes are exact.
        """
        try:
            self._host.update(values)
        except TypeError:
            self._update_device(values, stream)

    def _monitors(self) -> Monitors:
        host = self._native

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.ColumnMonitor(1, device=device, moments=True, histogram=False)

        def take(monitor: Any) -> None:
            host.merge(_core.Moments.from_bytes(monitor.moments(0)))
            monitor.reset()

        return Monitors(make, take)

    def merge(self, other: Moments) -> None:
        """Add what another object saw.

        Parameters
        ----------
        other : Moments
            It is not changed.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget everything."""
        self._native.reset()

    def to_bytes(self) -> bytes:
        """Return the state in inlay's versioned format, about 70 bytes."""
        return self._native.to_bytes()

    @property
    def count(self) -> int:
        """Number of finite values, zeros included."""
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
    def zero_count(self) -> int:
        """Number of zeros of either sign."""
        return self._native.zero_count

    @property
    def sum(self) -> float:
        """Sum, 0 without values; infinite beyond the largest double."""
        return self._native.values()[1]

    @property
    def min(self) -> float | None:
        """Smallest value."""
        return self._native.values()[2]

    @property
    def max(self) -> float | None:
        """Largest value."""
        return self._native.values()[3]

    @property
    def mean(self) -> float | None:
        """Arithmetic mean."""
        return self._native.values()[4]

    @property
    def m2(self) -> float | None:
        """Sum of squared distances from the mean."""
        return self._native.values()[5]

    @property
    def m3(self) -> float | None:
        """Sum of cubed distances from the mean."""
        return self._native.values()[6]

    @property
    def m4(self) -> float | None:
        """Sum of fourth powers of the distances from the mean."""
        return self._native.values()[7]

    @property
    def overflowed(self) -> bool:
        """Whether a moment exceeded the largest double and is None for that reason."""
        return self._native.values()[8]

    def variance(self, *, ddof: int = 1) -> float | None:
        """Return the variance, ``m2 / (count - ddof)``.

        Parameters
        ----------
        ddof : int, default 1
            1 estimates the variance of what the values were drawn from; 0 is that of the values.

        Returns
        -------
        float or None
            None unless there are more than `ddof` values.

        Raises
        ------
        ValueError
            If `ddof` is negative.
        """
        if ddof < 0:
            message = f"ddof must not be negative: {ddof}"
            raise ValueError(message)
        return self._native.variance(ddof)

    def std(self, *, ddof: int = 1) -> float | None:
        """Return the standard deviation, the square root of `variance`.

        Parameters
        ----------
        ddof : int, default 1
            As for `variance`.

        Returns
        -------
        float or None
            None unless there are more than `ddof` values.
        """
        variance = self.variance(ddof=ddof)
        return None if variance is None else math.sqrt(variance)

    def skewness(self) -> float | None:
        """Return ``sqrt(n) * m3 / m2**1.5``, None if all values are equal."""
        return self._native.skewness()

    def kurtosis(self) -> float | None:
        """Return the excess kurtosis ``n * m4 / m2**2 - 3``, None if all values are equal."""
        return self._native.kurtosis()

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        count, total, low, high, mean, m2, m3, m4, _ = native.values()
        return {
            "count": count,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "sum": total,
            "min": low,
            "max": high,
            "mean": mean,
            "m2": m2,
            "m3": m3,
            "m4": m4,
            "zero_count": native.zero_count,
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count``,
            ``zero_count`` (int64), ``sum``, ``min``, ``max``, ``mean``, ``m2``, ``m3``, ``m4``
            (float64, null where undefined).
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __repr__(self) -> str:
        """Return a line with the count and the main figures."""
        count, _, low, high, mean, *_ = self._native.values()
        if count == 0:
            return "<inlay.Moments of no values>"
        deviation = self.std()
        spread = "" if deviation is None else f" ± {deviation:.6g}"
        return f"<inlay.Moments of {count}: {mean:.6g}{spread}, {low:.6g} to {high:.6g}>"

    def _repr_html_(self) -> str:
        return html_table("inlay.Moments", self._row())
