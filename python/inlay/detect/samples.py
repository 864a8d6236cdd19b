"""Exact statistics of two samples of numbers, from one sort of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._arguments import at_least
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay._host_tensor import host_array
from inlay.detect.row_statistic import verdict_fields
from inlay.detect.rows import refuse_columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sorted", "TwoSample", "two_sample", "two_sample_table"]

_METHODS = ("ks", "wasserstein", "cramer_von_mises", "anderson_darling", "energy")


class Sorted:
    """One side of a comparison, sorted once: a reference that many samples are compared with.

    Parameters
    ----------
    values : array-like of numbers, shape (n,)
        As for `two_sample`.

    Raises
    ------
    TypeError
        If they are not numbers.
    InvalidArgumentError
        If there are 2**30 or more, or the array has more than one dimension.

    Notes
    -----
    Eight bytes a value. Immutable, so any threads may share it.

    Examples
    --------
    >>> import inlay.detect
    >>> reference = inlay.detect.Sorted([3.0, 1.0, float("nan"), 2.0])
    >>> len(reference), reference.nan_count
    (3, 1)
    >>> inlay.detect.two_sample(reference, [2.0, 3.0, 4.0]).wasserstein
    1.0
    """

    __module__ = "inlay.detect"
    __slots__ = ("_native",)

    _native: _core.SortedSample

    def __init__(self, values: Any) -> None:
        (self._native,) = _core.sort_columns([_column(values)], threads=1)

    @classmethod
    def _of(cls, native: _core.SortedSample) -> Sorted:
        made = cls.__new__(cls)
        made._native = native
        return made

    @property
    def nan_count(self) -> int:
        """Number of NaN, which are not among the values."""
        return self._native.nan_count

    @property
    def null_count(self) -> int:
        """Number of nulls, which are not among the values."""
        return self._native.null_count

    @property
    def min(self) -> float | None:
        """Smallest value, perhaps infinite."""
        return self._native.value(0) if len(self._native) else None

    @property
    def max(self) -> float | None:
        """Largest value, perhaps infinite."""
        return self._native.value(len(self._native) - 1) if len(self._native) else None

    @property
    def memory_bytes(self) -> int:
        """Bytes held."""
        return self._native.memory_bytes

    def __len__(self) -> int:
        """Return the number of values, infinities included."""
        return len(self._native)

    def __bool__(self) -> bool:
        """Return True, without values too."""
        return True

    def __repr__(self) -> str:
        """Return a line with the number of values and their ends."""
        ends = f", {self.min:.6g} to {self.max:.6g}" if len(self) else ""
        return f"<inlay.detect.Sorted of {len(self)}{ends}>"


@dataclasses.dataclass(frozen=True, slots=True)
class TwoSample:
    """Exact statistics of two samples of numbers; what is undefined is None and has a reason.

    Attributes
    ----------
    n, m : int
        Values of the first and of the second sample, without NaN and nulls.
    ks : float or None
        Kolmogorov-Smirnov: the largest difference of the two distribution functions, 0 to 1.
    ks_location : float or None
        The first value at which it occurs.
    ks_p_value : float or None
        Its p-value: exact for samples of one size, and while the lattice paths within `ks` have at
        most 2e6 cells, as for any two samples of 1,000 values; else by an expansion of the limit
        law.
    cramer_von_mises, cramer_von_mises_p_value : float or None
        T, the mean squared difference of the two distribution functions times ``n m / (n + m)``; at
        a tie the mean of the squares before and after it. The p-value is exact for at most 20
        values a side, ties included, else that of the limit law at the statistic's own mean and
        variance.
    anderson_darling, anderson_darling_p_value : float or None
        The statistic by midranks, standardised as for data without ties, and its p-value by the
        limit law at its own variance.
    wasserstein : float or None
        Wasserstein-1, in the unit of the values.
    energy : float or None
        Energy distance, the root of twice the integral of the squared difference of the two
        distribution functions.
    nan_counts, null_counts : tuple of int
        Kept apart in the first and in the second sample.
    reasons : mapping of str to str
        For what is None: ``"empty"``, ``"infinite"`` (a distance where a value is infinite),
        ``"overflow"``, ``"constant"`` or ``"insufficient"``.
    """

    __module__ = "inlay.detect"

    n: int
    m: int
    ks: float | None
    ks_location: float | None
    ks_p_value: float | None
    cramer_von_mises: float | None
    cramer_von_mises_p_value: float | None
    anderson_darling: float | None
    anderson_darling_p_value: float | None
    wasserstein: float | None
    energy: float | None
    nan_counts: tuple[int, int]
    null_counts: tuple[int, int]
    reasons: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; pairs as lists.

        Returns
        -------
        dict of str to value
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            **fields,
            "nan_counts": list(self.nan_counts),
            "null_counts": list(self.null_counts),
            "reasons": dict(self.reasons),
        }

    def verdict_fields(
        self, method: str = "ks", *, threshold: float, level: float = 0.05, scope: str = "process"
    ) -> dict[str, Any]:
        """Return the arguments of `Observer.verdict` that record one of the statistics.

        Parameters
        ----------
        method : {"ks", "wasserstein", "cramer_von_mises", "anderson_darling", "energy"}
            Which one. The first sample is taken for the reference.
        threshold : float
            What it has to exceed.
        level : float, default 0.05
            What its p-value may be at most, if it has one.
        scope : {"process", "host", "fleet"}
            Whose rows these were.

        Returns
        -------
        dict of str to value
            As `RowStatistic.verdict_fields`.

        Raises
        ------
        InvalidArgumentError
            If the method or the scope is none of these, the threshold not finite, or the level
            outside 0 to 1.
        """
        if method not in _METHODS:
            message = f"method must be one of {', '.join(_METHODS)}: {method!r}"
            raise InvalidArgumentError(message)
        return verdict_fields(
            method=method,
            value=getattr(self, method),
            p_value=getattr(self, f"{method}_p_value", None),
            reason=self.reasons.get(method),
            n=self.m,
            n_reference=self.n,
            threshold=threshold,
            level=level,
            scope=scope,
        )

    def __repr__(self) -> str:
        """Return a line with the main figures."""
        if self.ks is None:
            return f"<inlay.detect.TwoSample of {self.n} and {self.m}: undefined>"
        distance = "undefined" if self.wasserstein is None else f"{self.wasserstein:.6g}"
        return (
            f"<inlay.detect.TwoSample of {self.n} and {self.m}: KS {self.ks:.6g} "
            f"(p {self.ks_p_value:.3g}), Wasserstein {distance}>"
        )


def two_sample(x: Any, y: Any, *, threads: int | None = None, stream: Any = None) -> TwoSample:
    """Compare two samples of numbers by five exact statistics.

    Parameters
    ----------
    x, y : array-like of numbers, shape (n,) and (m,), or Sorted
        Arrow arrays and chunked arrays, numpy arrays, pandas and polars series, sequences; floats,
        integers or booleans, of different types too. Of numpy, Arrow and polars NaN are counted as
        NaN, of pandas as nulls; both are left out. Infinities are values at the ends. Tensors on a
        CUDA device are sorted there.
    threads : int, optional
        At most so many; the two sides are sorted at once if there are two or more.
    stream : int or object, optional
        For tensors on a CUDA device: the stream to work on, by default the producer's current one.

    Returns
    -------
    TwoSample

    Raises
    ------
    TypeError
        If a side holds no numbers.
    InvalidArgumentError
        If `threads` is below 1, a side has 2**30 values or more, or more than one dimension: pass
        one of its columns, or use `two_sample_table`.
    CudaUnavailableError
        If a side is on a CUDA device and kernels cannot run here.

    Warns
    -----
    InlayWarning
        If integers of more than 53 bits were rounded to the nearest double.

    Notes
    -----
    Ties are taken as they are: by midranks where ranks matter. The p-value of KS is that of
    continuous data, which with ties is too large: it errs towards no alarm. Those of Cramér-von
    Mises and Anderson-Darling allow for the ties. Nothing is sampled or binned. Sorting dominates
    the time; each side takes 9 bytes a value while it lasts.

    On a CUDA device both sides are sorted as one, and the statistics come from one walk over it: KS
    exactly as on the host, all else to 1e-12. It takes 10 bytes a value of either side, or 18 where
    a value is no float, and waits for the device once. A numpy array is copied to the other side's
    device.

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> inlay.detect.two_sample(rng.normal(size=10_000), rng.normal(0.1, 1.0, size=10_000))
    <inlay.detect.TwoSample of 10000 and 10000: KS 0.0464 (p 8.87e-10), Wasserstein 0.111855>
    """
    if is_device_array(x) or is_device_array(y):
        from inlay.detect import device

        for side in (x, y):
            refuse_columns(side)
        (fields,) = device.columns(_host_side(x), _host_side(y), stream)
        return TwoSample(**fields)
    (fields,) = _core.two_samples([_side(x)], [_side(y)], threads=_threads(threads))
    return TwoSample(**fields)


def two_sample_table(
    reference: Any,
    current: Any,
    *,
    columns: Sequence[str] | None = None,
    threads: int | None = None,
    stream: Any = None,
) -> dict[str, TwoSample]:
    """Compare the numeric columns that two tables share.

    Parameters
    ----------
    reference, current : table, or mapping of str to array-like or Sorted
        A pyarrow table, batch or reader, what has ``__arrow_c_stream__`` (polars, duckdb), a pandas
        frame, a numpy array of two dimensions or of records, or a mapping of names to columns;
        those of a mapping may be `Sorted`. With one on a CUDA device either is an array of two
        dimensions or a mapping of names to arrays.
    columns : sequence of str, optional
        Compare these. By default all that both sides have and that are numbers in both.
    threads : int, optional
        Columns are shared out among so many; by default as many as there are cores.
    stream : int or object, optional
        As for `two_sample`.

    Returns
    -------
    dict of str to TwoSample
        In the order of `columns`, or of the reference.

    Raises
    ------
    InvalidArgumentError
        If one of `columns` is missing on a side, or `threads` is below 1.
    TypeError
        If one of `columns` holds no numbers, or a side is no table.

    Notes
    -----
    A thread holds the sorted values of one column of both sides, 16 bytes a row, and 1 byte a row
    while it sorts. On a CUDA device columns are sorted one after the other in the same memory; for
    arrays of two dimensions the device is waited for once.

    Examples
    --------
    >>> import inlay.detect
    >>> reference = {"price": [1.0, 2.0, 3.0, 4.0], "name": ["a", "b", "c", "d"]}
    >>> current = {"price": [2.0, 3.0, 4.0, 5.0], "name": ["a", "b", "c", "d"]}
    >>> inlay.detect.two_sample_table(reference, current)["price"].wasserstein
    1.0
    """
    if any(_on_device(side) for side in (reference, current)):
        return _device_table(reference, current, columns, stream)
    left, right = _columns(reference), _columns(current)
    if columns is None:
        names = [
            name
            for name, column in left.items()
            if name in right and _is_numeric(column) and _is_numeric(right[name])
        ]
    else:
        names = _wanted(columns, left, right)
    compared = _core.two_samples(
        [_side(left[name]) for name in names],
        [_side(right[name]) for name in names],
        threads=_threads(threads),
    )
    return {name: TwoSample(**fields) for name, fields in zip(names, compared, strict=True)}


def _wanted(columns: Sequence[str], left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    names = list(columns)
    for name in names:
        if name not in left or name not in right:
            side = "current table" if name in left else "reference"
            message = f"the {side} has no column of this name: {name!r}"
            raise InvalidArgumentError(message)
    return names


def _on_device(table: Any) -> bool:
    if isinstance(table, Mapping):
        return any(is_device_array(column) for column in table.values())
    return is_device_array(table)


def _device_table(
    reference: Any, current: Any, columns: Sequence[str] | None, stream: Any
) -> dict[str, TwoSample]:
    from inlay.detect import device

    sides = (_rows_or_columns(reference, "reference"), _rows_or_columns(current, "current"))
    reference, current = sides
    if not any(isinstance(side, Mapping) for side in sides) and columns is None:
        # As those of a numpy array, columns are called by their numbers.
        fields = device.columns(reference, current, stream)
        return {str(i): TwoSample(**each) for i, each in enumerate(fields)}
    left, right = (
        side if isinstance(side, Mapping) else {str(i): side[:, i] for i in range(side.shape[1])}
        for side in sides
    )
    if columns is None:
        names = [name for name in left if name in right]
    else:
        names = _wanted(columns, left, right)
    return {name: two_sample(left[name], right[name], stream=stream) for name in names}


def _rows_or_columns(side: Any, name: str) -> Any:
    """Return a side that goes with one on a device: its columns have names or are numbered."""
    if isinstance(side, Mapping):
        return side
    if is_device_array(side):
        return side
    tensor = host_array(side)
    array = side if tensor is None else tensor
    is_table = any(hasattr(side, a) for a in ("__arrow_c_stream__", "__arrow_c_array__", "columns"))
    if is_table or not hasattr(array, "shape"):
        message = (
            f"with columns on a device {name} must be an array, or a mapping of names to columns, "
            f"not {type(side).__name__}"
        )
        raise TypeError(message)
    if len(array.shape) != 2:
        message = f"{name} must have the shape (rows, columns): {tuple(array.shape)}"
        raise InvalidArgumentError(message)
    return array


def _host_side(values: Any) -> Any:
    if isinstance(values, Sorted):
        message = "a Sorted sample cannot be compared with a tensor on a device"
        raise TypeError(message)
    return values


def _threads(threads: int | None) -> int:
    if threads is None:
        return 0
    return at_least("threads", threads, 1)


def _column(values: Any) -> Any:
    """Let pandas series be what Arrow takes them for: their NaN are nulls."""
    if type(values).__module__.partition(".")[0] == "pandas" and getattr(values, "ndim", 1) == 1:
        from inlay.data.sources.frames import table_of_columns

        return table_of_columns({"values": values}).column(0)
    refuse_columns(values)
    if not (hasattr(values, "__len__") or hasattr(values, "__arrow_c_stream__")):
        message = f"expected a column of numbers, got {type(values).__name__}"
        raise TypeError(message)
    return values


def _side(values: Any) -> Any:
    return values._native if isinstance(values, Sorted) else _column(values)


def _columns(table: Any) -> dict[str, Any]:
    if isinstance(table, Mapping):
        plain = {name: column for name, column in table.items() if not isinstance(column, Sorted)}
        read = _table_columns(plain) if plain else {}
        return {
            name: column if isinstance(column, Sorted) else read[name]
            for name, column in table.items()
        }
    return _table_columns(table)


def _table_columns(table: Any) -> dict[str, Any]:
    import pyarrow as pa

    from inlay.data.sources import open_source

    if isinstance(table, (pa.Table, pa.RecordBatch)):
        arrow = table
    else:
        source = open_source(table)
        arrow = pa.Table.from_batches(list(source.batches()), source.schema)
    return {name: arrow.column(i) for i, name in enumerate(arrow.schema.names)}


def _is_numeric(column: Sorted | pa.ChunkedArray | pa.Array) -> bool:
    import pyarrow as pa

    if isinstance(column, Sorted):
        return True
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )
