"""The frequent items of a stream, with bounds of their weights that always hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from inlay import _core
from inlay.summary._arguments import whole
from inlay.summary._device import DeviceSummary, Monitors
from inlay.summary._row import html_table, one_row_table, stored_state

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["ItemBounds", "TopK"]

_SUMMARY_TYPE = "top_k_inlay"
_RULES = ("no_false_positives", "no_false_negatives")


class ItemBounds(NamedTuple):
    """What is known of an item's weight.

    Attributes
    ----------
    item : int, float, bool, str or bytes
        The item; text that is not UTF-8 is bytes.
    estimate : int
        The same as `low`: most items whose counter began late had weighed little before.
    low, high : int
        The weight is at least `low` and at most `high`, always.
    """

    item: int | float | bool | str | bytes
    estimate: int
    low: int
    high: int


class TopK(DeviceSummary):
    """The frequent items of a stream: which, and how often, with bounds that always hold.

    Items are integers, floats, booleans and text, each kind apart: ``1``, ``1.0``, ``True`` and
    ``"1"`` are four items. NaN, both infinities and nulls are counted apart and are no items.

    Parameters
    ----------
    values : array-like, optional
        First items, as for `update`.
    capacity : int, default 1024
        Counters kept, 1 to 1,048,576. No bound is further off than `max_error`, which is at most
        ``count // (capacity // 2 + 1)``: 0.195 % of all at the default, and 0 while there are no
        more distinct items than counters.
    vocabulary : int, optional
        How many ids tensors on a CUDA device may hold, 0 to `vocabulary` - 1, such as the tokens of
        a model: up to 16,777,216. The device then has a counter for each, 16 bytes an id. Of no
        meaning to values on the host.

    Raises
    ------
    InvalidArgumentError
        If `capacity` or `vocabulary` is out of range.

    Notes
    -----
    The algorithm of Misra and Gries, which on an item beyond the capacity drops the lesser half of
    the counters at once. A counter remembers the error at which it began, so that an item which
    keeps its counter from the start has its exact weight. Nothing is random: the state follows from
    the sequence of items, however it is split into batches. Merging adds weights and errors; it is
    commutative bit for bit, and the bounds hold after merges in any order. At most 64 bytes a
    counter, and with text twice the bytes of the texts that have one. Any thread may use an object
    at any time; calls on one object take turns.

    References
    ----------
    Misra and Gries, "Finding repeated elements", 1982. Anderson et al., "A high-performance
    algorithm for identifying frequent items in data streams", 2017. Agarwal et al., "Mergeable
    summaries", 2013.

    Examples
    --------
    >>> import inlay
    >>> words = inlay.TopK(["the", "cat", "the", "hat", None])
    >>> words.top(1)
    [ItemBounds(item='the', estimate=2, low=2, high=2)]
    >>> words.count, words.null_count
    (4, 1)
    """

    __module__ = "inlay"
    __slots__ = ("_vocabulary",)

    _native: _core.TopK

    def __init__(
        self, values: Any = None, *, capacity: int = 1024, vocabulary: int | None = None
    ) -> None:
        self._host = _core.TopK(capacity=whole("capacity", capacity, 2**32))
        self._vocabulary = 0 if vocabulary is None else whole("vocabulary", vocabulary, 2**24 + 1)
        if values is not None:
            self.update(values)

    @classmethod
    def _of(cls, native: Any) -> Self:
        summary = super()._of(native)
        summary._vocabulary = 0
        return summary

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again: bytes, and `vocabulary`."""
        return _restore, (self.to_bytes(), self._vocabulary)

    def copy(self) -> TopK:
        """Return an independent copy, of the same `vocabulary`."""
        copy = TopK._of(self._native.copy())
        copy._vocabulary = self._vocabulary
        return copy

    @classmethod
    def from_bytes(cls, data: bytes) -> TopK:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        TopK

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.TopK.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> TopK:
        """Return the state that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            Of it ``summary`` and ``summary_type`` are looked at: only these tell ``1`` from
            ``"1"``, and hold the errors.

        Returns
        -------
        TopK

        Raises
        ------
        InvalidArgumentError
            If ``summary_type`` is not that of a TopK, or ``summary`` is absent.
        SerializationError
            If ``summary`` cannot be read.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.TopK(["a", "b", "a"]).to_arrow()
        >>> inlay.TopK.from_row(table.to_pylist()[0]).estimate("a")
        2
        """
        return cls.from_bytes(stored_state(row, _SUMMARY_TYPE))

    def update(self, values: Any, *, weights: Any = None, stream: Any = None) -> None:
        """Count one item or many.

        Parameters
        ----------
        values : item or array-like, shape (n,)
            An integer of up to 64 bits, a float, a boolean, a str or bytes (the same item as the
            str it encodes); or a column of them: a buffer (numpy array, memoryview, …), an Arrow
            array or chunked array, dictionaries included, or a sequence, which may mix kinds.
            Nulls are counted in `null_count`. Dates and times of Arrow count as their integers.
            A tensor on a CUDA device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or
            ``__cuda_array_interface__``) of integers or booleans is counted
            where it is.
        weights : int or array-like of int, shape (n,), optional
            How many times each item counts, 0 or more; by default once. Those of nulls and NaN
            count too. Not for tensors on a device.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Raises
        ------
        TypeError
            If they are no items, are byte-swapped, or weights are not integers; if a tensor on a
            device holds floats, or has weights.
        InvalidArgumentError
            If weights are negative, null or not as many as items, or a count would exceed
            2**63 - 1. Nothing was counted then.
        MemoryError
            If memory ran out; a part of the items may have been counted.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        O(n), and 10 to 30 ns an integer, about twice that a text. Releases the GIL above a few
        thousand items.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.

        On a device counts are exact as long as no more than 2**18 different ids (2**12 beside a
        `vocabulary`) come between two reads; what comes beyond is in the bounds. Of them the
        `capacity` most frequent ones leave the device.
        """
        try:
            self._host.update(values, weights=weights)
        except TypeError:
            self._update_device(values, stream, weights)

    def _monitors(self) -> Monitors:
        host = self._native
        capacity = host.capacity
        vocabulary = self._vocabulary

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.TopKMonitor(capacity, vocabulary, device=device)

        def take(monitor: Any) -> None:
            host.merge(_core.TopK.from_bytes(monitor.take()))

        return Monitors(make, take)

    def merge(self, other: TopK) -> None:
        """Add what another one counted.

        Parameters
        ----------
        other : TopK
            It is not changed. Of different capacities the smaller one is kept, and its bound holds.

        Raises
        ------
        InvalidArgumentError
            If a count would exceed 2**63 - 1; nothing was added then.
        MemoryError
            If memory ran out; nothing was added then.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget everything but the capacity; memory is kept for the next use."""
        self._native.reset()

    @property
    def capacity(self) -> int:
        """Most items that have a counter at a time."""
        return self._native.capacity

    @property
    def size(self) -> int:
        """Items that have a counter now."""
        return self._native.size

    @property
    def count(self) -> int:
        """Weight of all items, exact."""
        return self._native.total

    @property
    def null_count(self) -> int:
        """Weight of nulls."""
        return self._native.null_count

    @property
    def nan_count(self) -> int:
        """Weight of NaN."""
        return self._native.nan_count

    @property
    def pos_inf_count(self) -> int:
        """Weight of positive infinities."""
        return self._native.pos_inf_count

    @property
    def neg_inf_count(self) -> int:
        """Weight of negative infinities."""
        return self._native.neg_inf_count

    @property
    def max_error(self) -> int:
        """The most by which an upper bound can exceed the lower one; no other item weighs more."""
        return self._native.max_error

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object and its counters take."""
        return self._native.memory_bytes

    def top(self, n: int = 10) -> list[ItemBounds]:
        """Return the first items by estimate.

        Parameters
        ----------
        n : int, default 10
            How many at most.

        Returns
        -------
        list of ItemBounds
            By falling `estimate`, then `high`, then kind (integers, floats, booleans, text) and
            value.

        Raises
        ------
        ValueError
            If `n` is negative.

        Notes
        -----
        O(capacity). If the last one's `low` is no less than the `high` of the next and than
        `max_error`, these certainly are the n heaviest items.
        """
        return [ItemBounds(*entry) for entry in self._native.top(whole("n", n, 2**63))]

    def heavy_hitters(
        self,
        threshold: int,
        *,
        rule: Literal["no_false_positives", "no_false_negatives"] = "no_false_positives",
    ) -> list[ItemBounds] | None:
        """Return the items with a weight above a threshold.

        Parameters
        ----------
        threshold : int
            A weight, such as ``len(top_k) // 100``.
        rule : {"no_false_positives", "no_false_negatives"}
            Whether every item listed is above the threshold (`low` is), or every item above the
            threshold is listed (`high` is).

        Returns
        -------
        list of ItemBounds or None
            In the order of `top`. None where false negatives cannot be ruled out, which is where
            `threshold` is below `max_error`.

        Raises
        ------
        ValueError
            If `threshold` is negative or `rule` is another one.

        Examples
        --------
        >>> import inlay
        >>> [hit.item for hit in inlay.TopK([7, 7, 7, 8, 8, 9]).heavy_hitters(1)]
        [7, 8]
        """
        if rule not in _RULES:
            message = f"rule must be one of {_RULES}: {rule!r}"
            raise ValueError(message)
        found = self._native.heavy_hitters(whole("threshold", threshold, 2**64), rule == _RULES[1])
        return None if found is None else [ItemBounds(*entry) for entry in found]

    def bounds(self, item: Any) -> ItemBounds:
        """Return what is known of one item's weight.

        Parameters
        ----------
        item : int, float, bool, str or bytes
            Any item, whether it has a counter or not. NaN and the infinities have exact counts.

        Returns
        -------
        ItemBounds

        Raises
        ------
        TypeError
            If it is no item.
        """
        return ItemBounds(item, *self._native.bounds(item))

    def estimate(self, item: Any) -> int:
        """Return the likeliest weight of an item, which is its lower bound; 0 without a counter."""
        return self.bounds(item).estimate

    def lower_bound(self, item: Any) -> int:
        """Return the least that an item can weigh."""
        return self.bounds(item).low

    def upper_bound(self, item: Any) -> int:
        """Return the most that an item can weigh."""
        return self.bounds(item).high

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        entries = native.top(native.size)
        return {
            "count": native.total,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "pos_inf_count": native.pos_inf_count,
            "neg_inf_count": native.neg_inf_count,
            "categories": [_text_of(item) for item, *_ in entries],
            "counts": [low for _, _, low, _ in entries],
            "summary": native.to_bytes(),
            "summary_type": _SUMMARY_TYPE,
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points that this summary fills; its kind is ``top_k``.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count`` (int64);
            ``categories`` (list of utf8), all items with a counter in the order of `top`, as text;
            ``counts`` (list of int64), their lower bounds, so that sums over rows are lower bounds
            too; ``summary`` (binary), the bytes of `to_bytes`; ``summary_type`` (utf8),
            ``top_k_inlay``. Items of different kinds may have equal text: ``summary`` tells them
            apart.
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __repr__(self) -> str:
        """Return a line with the count and the first items."""
        native = self._native.copy()
        if native.total == 0:
            return f"<inlay.TopK of no items, capacity {native.capacity}>"
        first = ", ".join(f"{_short(item)} {estimate}" for item, estimate, _, _ in native.top(3))
        error = f", error {native.max_error}" if native.max_error else ""
        return f"<inlay.TopK of {native.total}: {first}{error}>"

    def _repr_html_(self) -> str:
        native = self._native.copy()
        row = {_short(item): estimate for item, estimate, _, _ in native.top(10)}
        return html_table(
            "inlay.TopK", {"count": native.total, "max_error": native.max_error, **row}
        )


def _text_of(item: float | str | bytes) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, bytes):
        return item.decode(errors="backslashreplace")
    return str(item).lower() if isinstance(item, bool) else repr(item)


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 40 else f"{text[:37]}…{text[-1]}"


def _restore(data: bytes, vocabulary: int) -> TopK:
    summary = TopK.from_bytes(data)
    summary._vocabulary = vocabulary
    return summary
