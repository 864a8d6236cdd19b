"""A HyperLogLog sketch: how many different items a column or a stream holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.summary._device import DeviceSummary, Monitors
from inlay.summary._row import given, html_table, one_row_table

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["Hll"]

_COUNTS = ("count", "null_count", "nan_count", "pos_inf_count", "neg_inf_count")
_TYPE = "hll_datasketches"


class Hll(DeviceSummary):
    """How many different items there are, from 2**lg_k registers.

    The sketch is that of Apache DataSketches, hash and bytes included: what it writes, DataSketches
    and the engines that build on it read and merge, and the other way round.

    Parameters
    ----------
    values : item or array-like, optional
        First items, as for `update`.
    lg_k : int, default 12
        Logarithm of the number m of registers, 4 to 21. The relative standard error of an estimate
        is ``1.039 * (1 + 1/m) / sqrt(m)``: 1.62 % at 12 (4 kB), 0.41 % at 16 (64 kB).

    Raises
    ------
    InvalidArgumentError
        If `lg_k` is out of range.

    Notes
    -----
    Up to ``3/4 * 2**(lg_k - 3)`` items, 384 by default (7 below ``lg_k`` 8), the sketch keeps their
    hashes and the estimate is exact, but for about ``n**2 / 4e8`` of n items whose hashes coincide.
    Beyond, it keeps one byte for each register. The state, and with it the estimate, is a function
    of the set of items alone; merging is commutative, associative and idempotent bit for bit.

    An item is its 64 bits as an integer (booleans are 0 and 1) or as a float64, or its bytes as
    text: ``1`` and ``1.0`` are two items, ``1`` and ``True`` one, ``"a"`` and ``b"a"`` one. All
    zeros are one item. int32 and float32 equal the wider numbers of the same value. NaN and
    infinities are counted apart, like nulls. The empty text is an item, though DataSketches passes
    over it.

    Two sketches are equal if they hold the same state. How much was offered (`count` and the like)
    is kept beside it: it adds up in merges and is no part of equality or of `to_bytes`. Any thread
    may use an object at any time; calls on one object take turns.

    References
    ----------
    Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007), and for the estimator Ertl, "New
    cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, with the
    former's correction of the bias of few registers.

    Examples
    --------
    >>> import inlay
    >>> users = inlay.Hll(["ann", "bob", "ann", None])
    >>> users.estimate, users.count, users.null_count
    (2.0, 3, 1)
    >>> many = inlay.Hll(range(100_000))
    >>> low, high = many.bounds(3)
    >>> low < 100_000 < high
    True
    """

    __module__ = "inlay"
    __slots__ = ()

    _native: _core.Hll

    def __init__(self, values: Any = None, *, lg_k: int = 12) -> None:
        self._host = _core.Hll(lg_k=lg_k)
        if values is not None:
            self.update(values)

    @classmethod
    def _from_state(cls, data: bytes, counts: list[int] | None) -> Hll:
        return cls._of(_core.Hll.from_bytes(data, counts))

    @classmethod
    def from_bytes(cls, data: bytes) -> Hll:
        """Return the sketch that an HLL image of Apache DataSketches holds.

        Parameters
        ----------
        data : bytes-like
            What `to_bytes` gave, or an image of type HLL_4, HLL_6 or HLL_8, compact or updatable,
            from any language; not trusted.

        Returns
        -------
        Hll
            Its `count` and the like are None: the bytes do not know them.

        Raises
        ------
        SerializationError
            If the bytes are no such image.
        """
        return cls._of(_core.Hll.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Hll:
        """Return the sketch that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored, and `value` follows from `summary`.
            Without a `count` all counts are unknown; other absent or None counts are 0.

        Returns
        -------
        Hll

        Raises
        ------
        InvalidArgumentError
            If the row has no `summary`, its `summary_type` is not ``"hll_datasketches"``, or a
            count is 2**63 or more.
        SerializationError
            If its `summary` is no such image.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.Hll([3, 1, 3]).to_arrow()
        >>> inlay.Hll.from_row(table.to_pylist()[0])
        <inlay.Hll of 3: 2 distinct, lg_k 12>
        """
        kind = given(row, "summary_type", _TYPE)
        data = row.get("summary")
        if kind != _TYPE or data is None:
            from inlay._exceptions import InvalidArgumentError

            what = "summary_type" if kind != _TYPE else "summary"
            message = (
                f"a row of an Hll needs a summary of type {_TYPE!r}; {what}: {row.get(what)!r}"
            )
            raise InvalidArgumentError(message)
        if row.get("count") is None:
            return cls.from_bytes(data)
        return cls._from_state(data, [given(row, name, 0) for name in _COUNTS])

    # Not keyword-only: that alone costs a call a fifth of its time.
    def update(self, values: Any, stream: Any = None) -> None:
        """Add one item or a column of them.

        Parameters
        ----------
        values : item or array-like
            An item is an int of at most 64 bits, a float, a bool, a str, bytes or None. A column is
            a numpy array of any shape and strides (integers, floats, booleans, str, bytes, or
            objects that are items), another buffer, an Arrow array or chunked array (numbers,
            booleans, text and binary of every layout, dates, times and timestamps as their
            integers, dictionaries of any of these), what has ``__array__``, or a sequence of items.
            A tensor on a CUDA device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or
            ``__cuda_array_interface__``) is hashed where it is, to the same
            state.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Raises
        ------
        TypeError
            If the items are of another type, such as decimals, complex numbers, lists or datetimes,
            or byte-swapped.
        ValueError
            If an integer needs more than 64 bits.
        MemoryError
            If memory ran out; a part of the items may have been added.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        O(n). Of an Arrow dictionary each entry is hashed once. Releases the GIL above a few
        thousand values.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.

        Examples
        --------
        >>> import inlay
        >>> sketch = inlay.Hll()
        >>> sketch.update("one text is one item")
        >>> sketch.update([1, 2, 2.5, "2.5"])
        >>> sketch.estimate
        5.0
        """
        try:
            self._host.update(values)
        except TypeError:
            self._update_device(values, stream)

    def _monitors(self) -> Monitors:
        host = self._native
        lg_k = host.lg_k

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.HllMonitor(lg_k, device=device)

        def take(monitor: Any) -> None:
            host.merge(_core.Hll.from_bytes(*monitor.take()))

        return Monitors(make, take)

    def merge(self, other: Hll) -> None:
        """Add the items of another sketch.

        Parameters
        ----------
        other : Hll
            It is not changed. If its `lg_k` differs, the smaller one remains, exactly: as if both
            had been made with it.

        Raises
        ------
        MemoryError
            If memory ran out; nothing was added then.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget everything but the present `lg_k`; memory is kept for the next use."""
        self._native.reset()

    def fold_to(self, lg_k: int) -> None:
        """Lower the number of registers, exactly: as if the sketch had been made with this `lg_k`.

        Parameters
        ----------
        lg_k : int
            From 4 to the present one.

        Raises
        ------
        InvalidArgumentError
            If `lg_k` is out of that range.
        """
        self._native.fold_to(lg_k)

    def to_bytes(self) -> bytes:
        """Return an HLL image of Apache DataSketches; equal states give equal bytes.

        Returns
        -------
        bytes
            Compact, of type HLL_8: 8 bytes and 4 for each item while there are few (12 and 4 from 8
            items on), then 40 bytes and one for each register.
        """
        return self._native.to_bytes()

    @property
    def estimate(self) -> float:
        """Number of different items; 0 for none, a whole number while the sketch is sparse."""
        return self._native.estimate

    def bounds(self, deviations: int = 2) -> tuple[float, float]:
        """Return a range that holds the number of different items with known confidence.

        Parameters
        ----------
        deviations : {1, 2, 3}, default 2
            Confidence, as of that many standard deviations of a normal variable: 68.3, 95.4 or
            99.7 %.

        Returns
        -------
        tuple of two floats
            Lower and upper bound: the estimate over and times ``exp(deviations * relative_error)``,
            or, while the sketch is sparse, what coincident hashes can hide.

        Raises
        ------
        InvalidArgumentError
            If `deviations` is not 1, 2 or 3.
        """
        return self._native.bounds(deviations)

    @property
    def relative_error(self) -> float:
        """Relative standard error of a large estimate: ``1.039 * (1 + 1/m) / sqrt(m)``."""
        return self._native.relative_error

    @property
    def lg_k(self) -> int:
        """Logarithm of the number of registers; the smallest of all that were merged."""
        return self._native.lg_k

    @property
    def is_sparse(self) -> bool:
        """Whether hashes of items are kept rather than registers."""
        return self._native.is_sparse

    def _count(self, name: str) -> int | None:
        counts = self._native.counts
        return None if counts is None else counts[_COUNTS.index(name)]

    @property
    def count(self) -> int | None:
        """Number of items, repeats included; None if a part came from bytes alone."""
        return self._count("count")

    @property
    def null_count(self) -> int | None:
        """Number of nulls; None if a part came from bytes alone."""
        return self._count("null_count")

    @property
    def nan_count(self) -> int | None:
        """Number of NaN; None if a part came from bytes alone."""
        return self._count("nan_count")

    @property
    def pos_inf_count(self) -> int | None:
        """Number of positive infinities; None if a part came from bytes alone."""
        return self._count("pos_inf_count")

    @property
    def neg_inf_count(self) -> int | None:
        """Number of negative infinities; None if a part came from bytes alone."""
        return self._count("neg_inf_count")

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object and its coupons or registers take."""
        return self._native.memory_bytes

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        counts: list[Any] = native.counts or [None] * len(_COUNTS)
        return {
            "value": native.estimate,
            **dict(zip(_COUNTS, counts, strict=True)),
            "summary": native.to_bytes(),
            "summary_type": _TYPE,
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points, of kind ``cardinality``, that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``value`` (float64, the estimate), ``count``, ``null_count``, ``nan_count``,
            ``pos_inf_count``, ``neg_inf_count`` (int64, null if unknown), ``summary`` (binary, as
            `to_bytes`), ``summary_type`` (utf8, ``"hll_datasketches"``).
        """
        return one_row_table(self._row())

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes and counts."""
        native = self._native.copy()
        return Hll._from_state, (native.to_bytes(), native.counts)

    def __repr__(self) -> str:
        """Return a line with the estimate and its standard error."""
        native = self._native.copy()
        counts = native.counts
        offered = "unknown count" if counts is None else str(counts[0])
        error = "" if native.is_sparse else f" ± {native.relative_error:.1%}"
        return (
            f"<inlay.Hll of {offered}: {native.estimate:.0f} distinct{error}, lg_k {native.lg_k}>"
        )

    def _repr_html_(self) -> str:
        row = self._row()
        row["summary"] = f"{len(row['summary'])} bytes"
        return html_table("inlay.Hll", row)
