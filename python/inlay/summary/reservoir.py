"""A uniform random sample of a stream of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.summary._arguments import whole
from inlay.summary._protocols import Summary
from inlay.summary._row import html_table, one_row_table, stored_state

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

__all__ = ["Reservoir"]

_SUMMARY_TYPE = "reservoir_inlay"


class Reservoir(Summary):
    """A uniform random sample, without replacement, of the finite numbers of a stream.

    Every set of ``min(k, count)`` of the numbers is equally likely to be the sample. Nulls, NaN and
    both infinities are counted apart and never sampled.

    Parameters
    ----------
    values : array-like, optional
        First values, as for `update`.
    k : int, default 1024
        Size of the sample, 1 to 16,777,216.
    seed : int, default 0
        Of the random numbers, 0 to 2**64 - 1. Reservoirs that will be merged need different ones
        (a rank, a thread's number): equal seeds pick values at equal places of their streams.

    Raises
    ------
    InvalidArgumentError
        If `k` or `seed` is out of range.

    Notes
    -----
    Algorithm L: once k values are held, it is drawn how many to pass over, so beyond one quick pass
    that looks for NaN and infinities only about ``k * log(count / k)`` values are touched. The
    sample follows from k, the seed and the values, on every machine and however they were split
    into batches. 8 bytes a value held. Any thread may use an object at any time; calls on one
    object take turns.

    References
    ----------
    Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))", 1994. Brown and Haas,
    "Techniques for warehousing of sample data", 2006, for merging.

    Examples
    --------
    >>> import inlay
    >>> reservoir = inlay.Reservoir(range(100_000), k=4, seed=1)
    >>> len(reservoir), reservoir.count
    (4, 100000)
    >>> reservoir.sample().dtype
    dtype('float64')
    """

    __module__ = "inlay"
    __slots__ = ()

    _native: _core.Reservoir

    def __init__(self, values: Any = None, *, k: int = 1024, seed: int = 0) -> None:
        self._native = _core.Reservoir(k=whole("k", k, 2**32), seed=whole("seed", seed, 2**64))
        if values is not None:
            self._native.update(values)

    @classmethod
    def from_bytes(cls, data: bytes) -> Reservoir:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        Reservoir

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.Reservoir.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Reservoir:
        """Return the reservoir that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            Of it ``summary`` and ``summary_type`` are looked at.

        Returns
        -------
        Reservoir

        Raises
        ------
        InvalidArgumentError
            If ``summary_type`` is not that of a Reservoir, or ``summary`` is absent.
        SerializationError
            If ``summary`` cannot be read.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.Reservoir([1.0, 2.0]).to_arrow()
        >>> inlay.Reservoir.from_row(table.to_pylist()[0]).sample()
        array([1., 2.])
        """
        return cls.from_bytes(stored_state(row, _SUMMARY_TYPE))

    def update(self, values: Any) -> None:
        """Show the sample one number or many.

        Parameters
        ----------
        values : float or array-like, any shape
            A number; a buffer of floats or integers (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None. float32 and float64 are read in place, others are converted to float64 block by
            block, exactly up to 53 bits. Nulls are counted in `null_count`.

        Raises
        ------
        TypeError
            If they are not numbers, or byte-swapped.
        MemoryError
            If memory ran out; a part of the values may have been counted.

        Notes
        -----
        O(n), and below 1 ns a value once k are held. Releases the GIL above a few thousand values.
        """
        self._native.update(values)

    def merge(self, other: Reservoir) -> None:
        """Become a sample of what both were shown.

        Parameters
        ----------
        other : Reservoir
            It is not changed. Its seed should be another one.

        Raises
        ------
        InvalidArgumentError
            If `k` differs and `other` holds but a part of its values; nothing changed then.
        MemoryError
            If memory ran out; nothing changed then.

        Notes
        -----
        O(k). How many values come from either side is drawn from the hypergeometric distribution
        of the two counts, seeded by both states: the same merge gives the same sample.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Return to the state it was made in; memory is kept for the next use."""
        self._native.reset()

    def sample(self) -> npt.NDArray[np.float64]:
        """Return the sample.

        Returns
        -------
        numpy.ndarray of float64, shape (min(k, count),)
            A copy, in no meaningful order.
        """
        import numpy as np

        return np.frombuffer(self._native.sample(), dtype=np.float64).copy()

    @property
    def k(self) -> int:
        """Size of the sample once there are so many values."""
        return self._native.k

    @property
    def seed(self) -> int:
        """Seed of the random numbers."""
        return self._native.seed

    @property
    def count(self) -> int:
        """Number of finite values shown."""
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
    def memory_bytes(self) -> int:
        """Bytes the native object and its sample take."""
        return self._native.memory_bytes

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        return {
            "count": native.count,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "summary": native.to_bytes(),
            "summary_type": _SUMMARY_TYPE,
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills; its kind is ``reservoir``.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count`` (int64);
            ``summary`` (binary), the bytes of `to_bytes`; ``summary_type`` (utf8),
            ``reservoir_inlay``.
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return the number of values in the sample."""
        return self._native.size

    def __repr__(self) -> str:
        """Return a line with the sizes of the sample and of the stream."""
        native = self._native.copy()
        return f"<inlay.Reservoir of {native.size} of {native.count} values, seed {native.seed}>"

    def _repr_html_(self) -> str:
        row = self._row()
        summary = row.pop("summary")
        return html_table("inlay.Reservoir", {"values": len(self), **row, "bytes": len(summary)})
