"""A mergeable summary of embeddings: mean, covariance and random Fourier features."""

from __future__ import annotations

import html
import math
import weakref
from collections.abc import Mapping
from operator import index
from typing import TYPE_CHECKING, Any, Self

from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.detect.embedding_sums import EmbeddingSums
from inlay.detect.rows import named_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

    from inlay.detect.row_statistic import RowStatistic
    from inlay.summary._device import Monitors

    Floats = npt.NDArray[np.float64]

__all__ = ["Embedding"]

_TYPE = "embedding_inlay"
_MOST = 1 << 16  # dimensions, and frequencies
_FULL_DIMS = 1024


class Embedding:
    """Mean, covariance and random Fourier features of rows: a state of fixed size that merges.

    Two of them give the maximum mean discrepancy, the Fréchet and the Mahalanobis distance of what
    they saw, though no row is kept. Rows with NaN, an infinity or a null are counted apart.

    Parameters
    ----------
    dims : int
        Columns of the rows, 1 to 65,536.
    bandwidth : float
        Sigma of the Gaussian kernel, in the unit of the values; `of` chooses one from rows.
    frequencies : int, default 512
        Random frequencies, 1 to 65,536; each gives a cosine and a sine. The error of `mmd` falls
        with their root.
    seed : int, default 0
        Draws the frequencies, 0 to 2**32 - 1. It is part of the state: objects merge and compare
        only if dimensions, bandwidth, frequencies and seed are equal.
    covariance : {"full", "diagonal"}, optional
        By default full up to 1,024 dimensions and the variances alone beyond.

    Raises
    ------
    InvalidArgumentError
        If an argument is none of the above.

    Notes
    -----
    ``8 * (d + 2 * frequencies + d * d)`` bytes in memory, in bytes of `to_bytes` half of the last
    term: 2.4 MB at 768 dimensions, or 20 kB with the variances alone. A row costs
    O(d * (d + frequencies)). Merging is commutative, and associative to rounding. The frequencies
    come from numpy's legacy generator, whose numbers never change. Any thread may use an object at
    any time; calls on one object take turns.

    Tensors on a CUDA device are summarised there, with the same frequencies, in float64: twice the
    state and some 25 MB at 768 dimensions, taken once. `update` enqueues kernels and returns,
    without a wait or an allocation, and may be captured in a graph; whatever reads, merges, copies
    or pickles the object waits for the device and takes in what it has.

    References
    ----------
    A. Rahimi, B. Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007. T. F. Chan,
    G. H. Golub, R. J. LeVeque, The American Statistician 37 (1983), for merging.

    Examples
    --------
    >>> import inlay
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> reference = inlay.Embedding.of(rng.normal(size=(2_000, 16)))
    >>> morning, evening = reference.like(), reference.like()
    >>> morning.update(rng.normal(size=(500, 16)))
    >>> evening.update(rng.normal(0.5, 1.0, size=(500, 16)))
    >>> morning.merge(evening)
    >>> morning.count
    1000
    >>> result = reference.mmd(evening)
    >>> result.low > 0.0
    True
    """

    __module__ = "inlay"
    __slots__ = (
        "__weakref__",
        "_bandwidth",
        "_device",
        "_directions",
        "_frequencies",
        "_full",
        "_lock",
        "_names",
        "_seed",
        "_sums",
    )

    def __init__(
        self,
        dims: int,
        *,
        bandwidth: float,
        frequencies: int = 512,
        seed: int = 0,
        covariance: str | None = None,
    ) -> None:
        for name, number in (("dims", dims), ("frequencies", frequencies)):
            if not 1 <= index(number) <= _MOST:
                message = f"{name} must lie within 1 to {_MOST}: {number}"
                raise InvalidArgumentError(message)
        if not (math.isfinite(bandwidth) and bandwidth > 0.0):
            message = f"bandwidth must be positive and finite: {bandwidth!r}"
            raise InvalidArgumentError(message)
        if not 0 <= index(seed) < 1 << 32:
            message = f"seed must lie within 0 to {(1 << 32) - 1}: {seed}"
            raise InvalidArgumentError(message)
        if covariance not in (None, "full", "diagonal"):
            message = f"covariance must be full or diagonal: {covariance!r}"
            raise InvalidArgumentError(message)
        self._bandwidth = float(bandwidth)
        self._frequencies = index(frequencies)
        self._seed = index(seed)
        self._full = dims <= _FULL_DIMS if covariance is None else covariance == "full"
        self._directions: Floats | None = None  # drawn when first needed
        self._names: tuple[str, ...] | None = None  # of the first table's columns
        self._device: Monitors | None = None  # of tensors on devices
        self._lock = new_lock()
        self._sums = EmbeddingSums.empty(index(dims), self._frequencies, full=self._full)

    @classmethod
    def of(
        cls,
        rows: Any,
        *,
        bandwidth: float | None = None,
        frequencies: int = 512,
        seed: int = 0,
        covariance: str | None = None,
        stream: Any = None,
    ) -> Self:
        """Summarise rows, with their median distance for bandwidth.

        Parameters
        ----------
        rows : array-like of numbers, shape (n, d)
            As for `update`.
        bandwidth : float, optional
            By default the median distance between 500 of the rows, chosen by the seed.
        frequencies, seed, covariance
            As for the class.
        stream : int or object, optional
            As for `update`. Of a tensor on a CUDA device the bandwidth is waited for.

        Returns
        -------
        Embedding

        Raises
        ------
        InvalidArgumentError
            As for the class; if no bandwidth is given and fewer than two rows differ.
        TypeError
            If they are not numbers.
        """
        on_device = is_device_array(rows)
        if on_device:
            from inlay.detect.device import columns_of, median

            dims = columns_of(rows)
        else:
            given, left_out, names = named_rows(rows, "rows")
            dims = given.shape[1]
        if bandwidth is None:
            if on_device:
                bandwidth, count = median(rows, seed, stream)
            else:
                from inlay.detect.kernel import median_distance

                count = len(given)
                bandwidth = median_distance(given, given[:0], seed)[0] if count else 0.0
            if bandwidth == 0.0:
                message = f"a bandwidth needs rows that differ, or must be given; rows: {count}"
                raise InvalidArgumentError(message)
        made = cls(
            dims,
            bandwidth=bandwidth,
            frequencies=frequencies,
            seed=seed,
            covariance=covariance,
        )
        if on_device:
            made.update(rows, stream=stream)
        else:
            made._add(given, left_out, names)
        return made

    def like(self) -> Self:
        """Return one without rows that can be merged and compared with this one."""
        made = type(self)(
            self.dims,
            bandwidth=self._bandwidth,
            frequencies=self._frequencies,
            seed=self._seed,
            covariance=self.covariance,
        )
        made._directions = self._directions
        made._names = self._names
        return made

    @property
    def dims(self) -> int:
        """Columns of the rows."""
        return len(self._sums.mean)

    @property
    def bandwidth(self) -> float:
        """Sigma of the kernel."""
        return self._bandwidth

    @property
    def frequencies(self) -> int:
        """Random frequencies."""
        return self._frequencies

    @property
    def seed(self) -> int:
        """What the frequencies are drawn from."""
        return self._seed

    @property
    def covariance(self) -> str:
        """Either ``"full"`` or ``"diagonal"``."""
        return "full" if self._full else "diagonal"

    @property
    def count(self) -> int:
        """Rows summarised."""
        self._settle()
        return self._sums.count

    @property
    def left_out(self) -> int:
        """Rows with NaN, an infinity or a null."""
        self._settle()
        return self._sums.left_out

    @property
    def mean(self) -> Floats | None:
        """The mean, shape (d,); None without rows."""
        self._settle()
        with self._lock:
            return self._sums.mean.copy() if self._sums.count else None

    @property
    def cov(self) -> Floats | None:
        """The covariance, shape (d, d) or, of the variances alone, (d,); None below two rows."""
        self._settle()
        with self._lock:
            sums = self._sums
            return sums.scatter / (sums.count - 1.0) if sums.count > 1 else None

    @property
    def device_error(self) -> str | None:
        """The device error that stopped the sums there; None while there is none.

        After one, tensors on that device are passed over, as an event told; what was summarised
        before it, and rows on the host, are kept.
        """
        return None if self._device is None else self._device.error

    def update(self, rows: Any, *, stream: Any = None) -> None:
        """Add rows.

        Parameters
        ----------
        rows : array-like of numbers, shape (n, d)
            Of one dimension if d is 1; tables and Arrow columns of lists too. Columns of a table
            are matched by name with those of the first one that this object, or the one that it is
            a copy of or `like`, was shown; bytes do not keep the names. Tensors on a CUDA device
            are read where they are; their memory must stay as it is until the kernels have run.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to rows on the host.

        Raises
        ------
        InvalidArgumentError
            If they have other columns than `dims`, or a table's have other names, or are so large
            that their squares overflow; of tensors on a device that is found when the sums are
            read, and all rows since the reading before are lost.
        TypeError
            If they are not numbers.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.
        """
        if is_device_array(rows):
            self._monitors().update(rows, stream)
            return
        self._add(*named_rows(rows, "rows", columns=self._names))

    def merge(self, other: Embedding) -> None:
        """Add what another object saw.

        Parameters
        ----------
        other : Embedding
            It is not changed.

        Raises
        ------
        InvalidArgumentError
            If it was made with other parameters; the message names the first.
        TypeError
            If it is none.
        """
        self._check_like(other)
        added = other.copy()  # never two locks at once
        with self._lock:
            self._sums.merge(added._sums)

    def reset(self) -> None:
        """Forget all rows."""
        self._settle()  # not dropped: captured graphs may add to it later
        with self._lock:
            self._sums = self._sums.like()

    def copy(self) -> Self:
        """Return an independent copy."""
        self._settle()
        made = self.like()
        with self._lock:
            made._sums = self._sums.copy()
        return made

    def mmd(self, other: Embedding) -> RowStatistic:
        """Return the squared maximum mean discrepancy, from the features.

        Parameters
        ----------
        other : Embedding
            With the same parameters; this one is the reference.

        Returns
        -------
        RowStatistic
            ``value`` estimates without bias what `inlay.detect.mmd` computes from the rows, and may
            be negative; ``low`` and ``high`` say at 95 % how far the choice of frequencies may have
            moved it, which is ``1.96 / sqrt(frequencies)`` times the standard deviation between
            them. No p-value: it would need the rows. Undefined: ``"insufficient"`` (a side has
            fewer than two rows).

        Raises
        ------
        InvalidArgumentError
            If the parameters differ.
        TypeError
            If it is no Embedding.
        """
        from inlay.detect.embedding_distances import mmd

        return mmd(*self._pair(other))

    def frechet(self, other: Embedding) -> RowStatistic:
        """Return the squared Fréchet distance, as `inlay.detect.frechet`.

        Parameters
        ----------
        other : Embedding
            With the same parameters. With the variances alone columns count as uncorrelated.

        Returns
        -------
        RowStatistic
            Undefined: ``"insufficient"`` (a side has fewer than two rows).

        Raises
        ------
        InvalidArgumentError
            If the parameters differ.
        TypeError
            If it is no Embedding.
        """
        from inlay.detect.embedding_distances import frechet

        return frechet(*self._pair(other))

    def mahalanobis(self, other: Embedding) -> RowStatistic:
        """Return the Mahalanobis distance of the means, as `inlay.detect.mahalanobis`.

        Parameters
        ----------
        other : Embedding
            With the same parameters; this one is the reference. With the variances alone columns
            count as uncorrelated, and there is no p-value.

        Returns
        -------
        RowStatistic
            Undefined: ``"insufficient"`` (at most d + 1 rows in all, or none on a side),
            ``"singular"``.

        Raises
        ------
        InvalidArgumentError
            If the parameters differ.
        TypeError
            If it is no Embedding.
        """
        from inlay.detect.embedding_distances import mahalanobis

        return mahalanobis(*self._pair(other))

    def to_bytes(self) -> bytes:
        """Return the state in inlay's versioned format: equal states give equal bytes.

        Returns
        -------
        bytes
            ``8 * (d + 2 * frequencies)`` bytes, and ``4 * d * (d + 1)`` or ``8 * d`` of covariance.
        """
        from inlay.detect.embedding_bytes import write

        self._settle()
        with self._lock:
            return write(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        Embedding

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        from inlay.detect.embedding_bytes import read

        return read(cls, data)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the state that a row of points of kind ``embedding`` holds.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored.

        Returns
        -------
        Embedding

        Raises
        ------
        InvalidArgumentError
            If ``summary_type`` is another, or ``summary`` is absent.
        SerializationError
            If ``summary`` is damaged.
        """
        from inlay.summary._row import stored_state

        return cls.from_bytes(stored_state(row, _TYPE))

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``kind`` (utf8, ``embedding``), ``count``, ``nan_count`` (int64; the latter `left_out`),
            ``summary`` (binary, as `to_bytes`) and ``summary_type`` (utf8, ``embedding_inlay``).
        """
        from inlay.summary._row import one_row_table

        now = self.copy()  # so that all fields belong to one moment
        return one_row_table(
            {
                "kind": "embedding",
                "count": now._sums.count,
                "nan_count": now._sums.left_out,
                "summary": now.to_bytes(),
                "summary_type": _TYPE,
            }
        )

    def _drawn(self) -> Floats:
        if self._directions is None:
            import numpy as np

            normal = np.random.RandomState(self._seed).standard_normal
            self._directions = normal((self.dims, self._frequencies)) / self._bandwidth
        return self._directions

    def _add(self, rows: Any, left_out: int, names: tuple[str, ...] | None) -> None:
        if rows.shape[1] != self.dims:
            message = f"rows must have {self.dims} columns: {rows.shape[1]}"
            raise InvalidArgumentError(message)
        part = EmbeddingSums.of_rows(rows, self._drawn(), full=self._full)
        part.left_out = left_out
        with self._lock:
            if self._names is None:
                self._names = names
            self._sums.merge(part)

    def _monitors(self) -> Monitors:
        """Return what sums up tensors on devices for this object."""
        if self._device is None:
            from inlay.summary._device import Monitors

            settings = {
                "dims": self.dims,
                "frequencies": self._frequencies,
                "full": self._full,
                "directions": self._drawn(),
            }
            this = weakref.ref(self)

            def make(module: Any, number: int) -> Any:
                return module.EmbeddingMonitor(**settings, device=number)

            def take(monitor: Any) -> None:
                embedding = this()
                if embedding is not None:
                    embedding._take(monitor)

            made = Monitors(make, take)
            with self._lock:
                if self._device is None:
                    self._device = made
        return self._device

    def _settle(self) -> None:
        """Wait for the devices and take in what they have."""
        if self._device is not None:
            self._device.settle()

    def _take(self, monitor: Any) -> None:
        """Merge what a monitor has collected."""
        part = self._sums.like()
        part.count, part.left_out, numbers = monitor.take()
        if part.count:
            part.read(numbers)
        with self._lock:
            self._sums.merge(part)

    def _check_like(self, other: object) -> None:
        if not isinstance(other, Embedding):
            message = f"expected an Embedding, got {type(other).__name__}"
            raise TypeError(message)
        for name in ("dims", "bandwidth", "frequencies", "seed", "covariance"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                message = f"the other embedding has another {name} than {mine!r}: {theirs!r}"
                raise InvalidArgumentError(message)

    def _pair(self, other: Embedding) -> tuple[Embedding, Embedding]:
        self._check_like(other)
        return self.copy(), other.copy()

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same state."""
        if not isinstance(other, Embedding):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True

    def __copy__(self) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes."""
        return type(self).from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        """Return a line with the rows, the dimensions and the features."""
        return (
            f"<inlay.Embedding of {self.count} rows of {self.dims}, {self._frequencies} "
            f"frequencies at bandwidth {self._bandwidth:.6g}, {self.covariance} covariance>"
        )

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"
