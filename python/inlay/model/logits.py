"""Distributions of what a model's logits say of its certainty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from inlay import _core
from inlay._arguments import at_least, non_empty
from inlay._exceptions import InvalidArgumentError
from inlay.model.logits_input import (
    chosen_array,
    logits_array,
    mask_array,
    mask_of,
    out_array,
)
from inlay.model.logits_points import (
    COUNTERS,
    STATISTICS,
    SUMMARY_TYPE,
    state_table,
    statistic_of,
    window_table,
)
from inlay.model.logits_rows import LogitsRows
from inlay.model.series_names import checked_attributes
from inlay.summary._device import Monitors, device_number
from inlay.summary._row import html_table, stored_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import pyarrow

    from inlay.model.logits_statistic import LogitsStatistic
    from inlay.observer import Observer

__all__ = ["Logits"]


class Logits:
    """Entropy, largest probabilities, margin, log-probability and rank of the chosen token.

    Fed with the logits of each step, on the CPU or on a CUDA device, it keeps the distribution of
    each figure: an `ExpHistogram` and `Moments`. On a device `update` only enqueues one kernel on
    the caller's stream: it neither copies, nor waits, nor allocates (but for the first update on
    that device), and may be captured in a CUDA graph.

    An entry is *masked* where the mask is False or the entry is negative infinity: it has
    probability 0 and is counted. A row is *undefined* if all its entries are masked, or one that is
    not masked is NaN or positive infinity: it enters no distribution, and it and those entries are
    counted.

    Parameters
    ----------
    vocabulary : int, optional
        How many columns logits must have; any number unless given.
    scale : int, default 5
        Resolution of the histograms, as of `ExpHistogram`: 1.08 % at 5.
    per_row : bool, default False
        Whether `update` returns what each row came to; on a device it is written to ``out``.
    threads : int, default 1
        Threads that share out the rows of a batch on the CPU; 0 for as many as there are cores.
    name : str, default "model.logits"
        What the metrics begin with where an observer probes it.
    attributes : mapping of str to str, optional
        Of these metrics' series, for instance ``{"model": "ranker"}``.

    Raises
    ------
    InvalidArgumentError
        If a number is out of range.

    Notes
    -----
    With z the logits, p their softmax and m the largest logit, ``S = Σ exp(z - m)``:

    - entropy ``-Σ p ln p = ln S - Σ (z - m) exp(z - m) / S``, in nats, 0 to ln(columns);
    - top1 and top2, the largest and the second largest p; top2 is 0 where one entry is left;
    - margin ``top1 - top2``;
    - log_prob ``z[chosen] - m - ln S``, in nats; negative infinity (counted apart) where the chosen
      token is masked;
    - rank, 1 + the number of entries above the chosen token's: equal ones share the best.

    A row is read once: the sums are kept for the largest logit so far and rescaled where it rises.
    Entropy is within 2e-5 of its value, relative, and usually within 1e-6; the other figures are
    within 4e-6; counts and ranks are exact. Results are float32, on the CPU the same with every
    instruction set and number of threads. The same rows on a device give figures within these
    bounds, so that a few may fall into the bucket beside.

    Any thread may use an object at any time; calls on one object take turns.

    References
    ----------
    M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867 (2018).
    P. Manakul, A. Liusie, M. Gales, "SelfCheckGPT", EMNLP 2023, and S. Farquhar et al., "Detecting
    hallucinations in large language models using semantic entropy", Nature 630 (2024), for how far
    token entropy and log-probability tell of wrong answers: they measure uncertainty.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.model import Logits
    >>> logits = Logits(vocabulary=4)
    >>> logits.update(np.array([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, -np.inf]]), [2, 0])
    >>> logits.rows, logits.masked_count, logits.rank.max
    (2, 1, 1.0)
    >>> round(logits.entropy.max, 4)  # ln 4
    1.3863
    """

    __module__ = "inlay.model"
    __slots__ = (
        "__weakref__",
        "_attributes",
        "_monitors",
        "_name",
        "_native",
        "_per_row",
        "_since",
        "_threads",
        "_vocabulary",
    )

    _attributes: dict[str, str]
    _monitors: Monitors
    _native: _core.Logits
    _per_row: bool
    _since: int | None
    _threads: int
    _vocabulary: int | None

    def __init__(
        self,
        *,
        vocabulary: int | None = None,
        scale: int = 5,
        per_row: bool = False,
        threads: int = 1,
        name: str = "model.logits",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        if vocabulary is not None:
            vocabulary = at_least("vocabulary", vocabulary, 1)
        threads = at_least("threads", threads, 0)
        scale = at_least("scale", scale)
        self._start(_core.Logits(scale=scale))
        self._vocabulary = vocabulary
        self._per_row = bool(per_row)
        self._threads = threads
        self._name = non_empty("name", name)
        self._attributes = checked_attributes(attributes)

    def _start(self, native: _core.Logits) -> None:
        self._native = native
        self._vocabulary = None
        self._per_row = False
        self._threads = 1
        self._name = "model.logits"
        self._attributes = {}
        self._monitors = _monitors(native)
        self._since = None

    @classmethod
    def _of(cls, native: _core.Logits) -> Self:
        logits = cls.__new__(cls)
        logits._start(native)
        return logits

    # ---- counting ----------------------------------------------------------------------------
    def update(
        self,
        logits: Any,
        chosen: Any = None,
        *,
        mask: Any = None,
        out: Any = None,
        stream: Any = None,
    ) -> LogitsRows | None:
        """Count the rows of a batch.

        Parameters
        ----------
        logits : array-like of float16, bfloat16, float32 or float64, shape (..., columns)
            An array or tensor on the CPU, read where it is, or on a CUDA device: of torch, CuPy,
            JAX, numba or whatever has DLPack or ``__cuda_array_interface__``. Any strides. What a
            masked array of numpy masks is masked.
        chosen : array-like of int, shape (...), optional
            The chosen token of each row: its index among the columns. A negative one means that
            there is none, one beyond the columns is counted in `out_of_range_rows`. On a device
            int64 or int32 there.
        mask : array-like of bool or uint8, optional
            True where an entry takes part, in the shape of the logits or one that broadcasts to it
            (on a device: of all rows, or one row for all).
        out : array or tensor of float32, shape (rows, 8), optional
            Where each row's entropy, top1, top2, margin, log_prob, rank, masked and nonfinite go;
            NaN where undefined, rank 0. On a device contiguous, and filled when the kernel has run.
        stream : optional
            On a device: the stream to enqueue on, an integer handle or an object of torch or CuPy;
            the producer's current one unless given. On the CPU it is not looked at.

        Returns
        -------
        LogitsRows or None
            What each row came to, with ``per_row=True`` on the CPU.

        Raises
        ------
        TypeError
            If they are of another type, or on different devices.
        InvalidArgumentError
            If shapes do not go together, `vocabulary` is not the number of columns, `out` cannot be
            written to, or a stream is none of the device's. Nothing is counted.
        CudaUnavailableError
            If they are on a device and kernels cannot run here.

        Notes
        -----
        O(entries), one read. On the CPU the GIL is released. On a device the memory must stay valid
        until the kernel has run: a tensor handed to another stream than its own needs
        ``record_stream`` of torch.
        """
        from inlay._cuda_runtime import is_device_array

        if is_device_array(logits):
            self._update_on_device(logits, chosen, mask, out, stream)
            return None
        for other in (chosen, mask, out):
            if other is not None and is_device_array(other):
                message = f"logits on the CPU go with arrays on the CPU: {type(other).__name__}"
                raise TypeError(message)
        array, shape = logits_array(logits)
        rows, columns = array.shape
        if self._vocabulary is not None and columns != self._vocabulary and array.shape != (0, 0):
            message = f"logits have vocabulary = {self._vocabulary} columns, not {columns}"
            raise InvalidArgumentError(message)
        ids = None if chosen is None else chosen_array(chosen, shape, rows)
        keep = None if mask is None else mask_array(mask, shape, rows)
        hidden = mask_of(logits)
        if hidden is not None:
            shown = mask_array(~hidden, shape, rows)
            keep = shown if keep is None else shown & (keep != 0)
        into = None if out is None else out_array(out, rows)
        found = self._native.update(
            array, ids, keep, threads=self._threads, per_row=self._per_row or out is not None
        )
        if found is None:
            return None
        each = LogitsRows(found)
        if into is not None:
            each.write_to(into)
        return each if self._per_row else None

    def _update_on_device(self, logits: Any, chosen: Any, mask: Any, out: Any, stream: Any) -> None:
        from inlay._cuda_runtime import is_device_array

        for what, other in (("chosen", chosen), ("mask", mask), ("out", out)):
            if other is not None and not is_device_array(other):
                kind = type(other).__name__
                message = f"{what} must be on the logits' CUDA device, not on the CPU: {kind}"
                raise TypeError(message)
        if self._per_row and out is None:
            message = "per_row on a CUDA device writes to out=, a float32 tensor of (rows, 8): None"
            raise InvalidArgumentError(message)
        self._monitors.of(device_number(logits)).update(
            logits,
            chosen,
            mask=mask,
            out=out,
            stream=stream,
            vocabulary=-1 if self._vocabulary is None else self._vocabulary,
        )

    def _gathered(self) -> _core.Logits:
        """Return the state with all that devices counted; waits for them."""
        self._monitors.settle()
        return self._native

    @property
    def device_error(self) -> str | None:
        """The device error that stopped the count there; None while there is none.

        After one, logits on that device are passed over, as an event told; what was counted before
        it, and logits on the host, are kept.
        """
        return self._monitors.error

    def merge(self, other: Logits) -> None:
        """Add what another object counted.

        Parameters
        ----------
        other : Logits
            It is not changed. The coarser of the scales is the sum's.

        Raises
        ------
        InvalidArgumentError
            If both have a vocabulary, and they differ.
        """
        native = _native_of(other)
        if None not in (self._vocabulary, other._vocabulary) and (
            self._vocabulary != other._vocabulary
        ):
            message = (
                f"logits of {self._vocabulary} columns do not merge with some of "
                f"{other._vocabulary}"
            )
            raise InvalidArgumentError(message)
        self._gathered().merge(native)

    def reset(self) -> None:
        """Forget everything counted so far; waits for devices."""
        self._gathered().reset()

    def copy(self) -> Logits:
        """Return an independent copy of what is counted, without the devices' memory."""
        copied = Logits._of(self._gathered().copy())
        copied._vocabulary = self._vocabulary
        copied._per_row = self._per_row
        copied._threads = self._threads
        copied._name = self._name
        copied._attributes = dict(self._attributes)
        return copied

    # ---- what was counted --------------------------------------------------------------------
    def _statistic(self, index: int) -> LogitsStatistic:
        return statistic_of(self._gathered().copy(), index)  # both summaries of one moment

    @property
    def entropy(self) -> LogitsStatistic:
        """Entropies of the softmax, in nats. Reading it waits for devices, as do the others."""
        return self._statistic(0)

    @property
    def top1(self) -> LogitsStatistic:
        """Largest probabilities."""
        return self._statistic(1)

    @property
    def top2(self) -> LogitsStatistic:
        """Second largest probabilities."""
        return self._statistic(2)

    @property
    def margin(self) -> LogitsStatistic:
        """Distances between the two largest probabilities."""
        return self._statistic(3)

    @property
    def log_prob(self) -> LogitsStatistic:
        """Log-probabilities of the chosen tokens, in nats."""
        return self._statistic(4)

    @property
    def rank(self) -> LogitsStatistic:
        """Ranks of the chosen tokens; 1 is the likeliest."""
        return self._statistic(5)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._gathered().rows

    @property
    def undefined_rows(self) -> int:
        """Number of rows without a softmax."""
        return self._gathered().undefined_rows

    @property
    def masked_rows(self) -> int:
        """Number of undefined rows whose every entry is masked."""
        return self._gathered().masked_rows

    @property
    def nonfinite_rows(self) -> int:
        """Number of undefined rows with NaN or positive infinity."""
        return self._gathered().nonfinite_rows

    @property
    def entries(self) -> int:
        """Number of entries of all rows."""
        return self._gathered().entries

    @property
    def nonfinite_count(self) -> int:
        """Number of entries, not masked, that are NaN or positive infinity."""
        return self._gathered().nonfinite_count

    @property
    def masked_count(self) -> int:
        """Number of masked entries."""
        return self._gathered().masked_count

    @property
    def chosen_rows(self) -> int:
        """Number of rows with a chosen token within the vocabulary."""
        return self._gathered().chosen_rows

    @property
    def out_of_range_rows(self) -> int:
        """Number of rows whose chosen token was beyond the columns."""
        return self._gathered().out_of_range_rows

    @property
    def scale(self) -> int:
        """The histograms' scale asked for."""
        return self._native.scale

    @property
    def vocabulary(self) -> int | None:
        """How many columns logits must have."""
        return self._vocabulary

    # ---- where it goes -----------------------------------------------------------------------
    def to_bytes(self) -> bytes:
        """Return the state in inlay's versioned format: equal states give equal bytes."""
        return self._gathered().to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Logits:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        Logits

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.Logits.from_bytes(data))

    def to_arrow(self) -> pyarrow.Table:
        """Return rows of points: one for each figure, and one that holds the state.

        Returns
        -------
        pyarrow.Table, seven rows
            ``metric``, ``kind``, ``unit`` and ``status``; the columns of `ExpHistogram.to_arrow`
            and `Moments.to_arrow` in the first six rows, ``count`` (rows), ``summary`` and
            ``summary_type`` (``logits_inlay``) in the last, for `from_row`.
        """
        return state_table(self._gathered().copy(), self._name)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Logits:
        """Return the state that the last row of `to_arrow` holds, for instance to merge files.

        Parameters
        ----------
        row : mapping of str to value
            With ``summary`` and ``summary_type``.

        Returns
        -------
        Logits

        Raises
        ------
        InvalidArgumentError
            If the row holds no such state.
        SerializationError
            If the state is damaged.
        """
        return cls.from_bytes(stored_state(row, SUMMARY_TYPE))

    def observe(self, observer: Observer, /) -> None:
        """Hand what was counted since the last call to an observer's window: makes it a probe.

        ``observer.probe(logits)`` calls it before each cut. From then on this object holds the
        open window. On a device a window is closed without a wait; what has not arrived within a
        tenth of a second comes with the next window.

        Parameters
        ----------
        observer : Observer
            Rows of layer ``model`` go to its ``points``: ``<name>.entropy``, ``.top1``, ``.top2``,
            ``.margin``, ``.log_prob`` and ``.rank`` of kind histogram, and counters ``.rows``,
            ``.undefined_rows``, ``.nonfinite_count``, ``.masked_count``, ``.out_of_range_rows``.
        """
        import pyarrow  # noqa: F401 - before anything is taken: the first time is slow

        self._monitors.close()
        native = self._native.take()
        now = observer.core.now_us()
        start = now if self._since is None else self._since
        self._since = now
        if native.rows == 0:
            return
        table = window_table(native, self._name, self._attributes, observer, start=start, end=now)
        observer.core.add_table("points", _core.Table(table))

    # ---- Python's protocols ------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        """Return whether both counted the same."""
        if not isinstance(other, Logits):
            return NotImplemented
        return self._gathered().equals(other._gathered())

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __len__(self) -> int:
        """Return `rows`."""
        return self.rows

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True

    def __copy__(self) -> Logits:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> Logits:
        """Return an independent copy."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again: bytes and settings."""
        settings = (self._vocabulary, self._per_row, self._threads, self._name, self._attributes)
        return _restore, (self.to_bytes(), settings)

    def __repr__(self) -> str:
        """Return a line with the count and the main figures."""
        native = self._gathered()
        if native.rows == 0:
            return "<inlay.model.Logits of no rows>"
        undefined = f", {native.undefined_rows} undefined" if native.undefined_rows else ""
        entropy, top1 = self.entropy, self.top1
        if entropy.count == 0:
            return f"<inlay.model.Logits of {native.rows} rows{undefined}>"
        return (
            f"<inlay.model.Logits of {native.rows} rows{undefined}: "
            f"entropy {entropy.mean:.4g} nat, top1 {top1.mean:.4g}>"
        )

    def _repr_html_(self) -> str:
        native = self._gathered()
        row: dict[str, Any] = {name: getattr(native, name) for name, _ in COUNTERS}
        for index, name in enumerate(STATISTICS):
            row[f"{name} (mean)"] = self._statistic(index).mean
        return html_table("inlay.model.Logits", row)


def _native_of(other: Any) -> _core.Logits:
    if not isinstance(other, Logits):
        message = f"expected a Logits to merge, got {type(other).__name__}"
        raise TypeError(message)
    return other._gathered()


def _monitors(native: _core.Logits) -> Monitors:
    """Return what counts logits on devices for a state."""

    def make(cuda: ModuleType, device: int) -> Any:
        return cuda.LogitsMonitor(device=device, scale=native.scale)

    def take(monitor: Any) -> None:
        native.merge(_core.Logits.from_bytes(monitor.take()))

    return Monitors(make, take)


def _restore(data: bytes, settings: tuple[Any, ...]) -> Logits:
    logits = Logits.from_bytes(data)
    (
        logits._vocabulary,
        logits._per_row,
        logits._threads,
        logits._name,
        logits._attributes,
    ) = settings
    return logits
