"""Norms, extremes and missing values of lists of tensors: gradients, weights, activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inlay._arguments import non_empty
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.model.series_names import checked_attributes
from inlay.model.tensor_points import add_points
from inlay.model.tensor_sums import TensorSums, sums_on_host
from inlay.summary._device import Monitors, device_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

    import pyarrow

    from inlay.observer import Observer

__all__ = ["TensorStats"]


class TensorStats:
    """Norm, largest magnitude, zeros, NaN and infinities of each tensor of a list.

    Fed with the same list of tensors at each step: a model's gradients, its weights, its
    activations. On a CUDA device one kernel reads up to 1,024 tensors and `update` neither copies,
    nor waits, nor allocates (but for the first on that device); it may be captured in a CUDA graph.
    Tensors may be on different devices, or on the CPU.

    Parameters
    ----------
    names : sequence of str, optional
        What the tensors are called. Unless given, the keys of the first mapping handed over, or
        "0", "1", … .
    name : str, default "model.tensors"
        What the metrics begin with where an observer probes it.
    attributes : mapping of str to str, optional
        Of these metrics' series; each has the attribute ``tensor`` besides.

    Raises
    ------
    InvalidArgumentError
        If two names are equal, or the attributes have a ``tensor``.

    Notes
    -----
    Counts and largest magnitudes are exact. The sum of squares is that of doubles on the CPU; on a
    device squares of float32 and narrower types are added up 16 at a time in float32, then in
    float64, which keeps its relative error below 1e-6. Figures are of all updates so far, or since
    `reset`: `norm` is that of all their elements and grows with the root of their number, while
    `rms` does not.

    Any thread may use an object at any time; calls on one object take turns.

    Examples
    --------
    >>> import numpy as np
    >>> from inlay.model import TensorStats
    >>> gradients = TensorStats()
    >>> gradients.update({"weight": np.array([3.0, 0.0, -4.0]), "bias": np.array([np.nan, 2.0])})
    >>> gradients["weight"].norm, gradients["weight"].max_abs, gradients["bias"].nan_count
    (5.0, 4.0, 1)
    """

    __module__ = "inlay.model"
    __slots__ = (
        "__weakref__",
        "_attributes",
        "_lock",
        "_monitors",
        "_name",
        "_names",
        "_positions",
        "_since",
        "_sums",
        "_updates",
    )

    def __init__(
        self,
        names: Sequence[str] | None = None,
        *,
        name: str = "model.tensors",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self._names: tuple[str, ...] | None = None
        self._positions: dict[str, int] = {}
        self._sums: list[TensorSums] = []  # one and the same list, which monitors add to
        if names is not None:
            self._set_names(_checked_names(names))
        self._name = non_empty("name", name)
        self._attributes = checked_attributes(attributes, taken=("tensor",))
        self._lock = new_lock()
        self._monitors = _monitors(self._sums, self._lock)
        self._updates = 0
        self._since: int | None = None

    def _set_names(self, names: tuple[str, ...]) -> None:
        self._positions = {name: position for position, name in enumerate(names)}
        self._sums[:] = [TensorSums()] * len(names)
        self._names = names

    # ---- counting ----------------------------------------------------------------------------
    def update(self, tensors: Iterable[Any] | Mapping[str, Any], *, stream: Any = None) -> None:
        """Count the elements of each tensor.

        Parameters
        ----------
        tensors : iterable of tensors or of pairs of str and tensor, or mapping of str to tensors
            As many as at the first update, each of any shape: arrays of numpy or torch on the CPU,
            or tensors on CUDA devices whose elements lie one behind the other. None, as a
            parameter without a gradient has it, counts nothing, and neither does what a masked
            array of numpy masks. ``model.parameters()`` and ``model.named_parameters()`` will do.
        stream : optional
            On a device: the stream to enqueue on, an integer handle or an object of torch or CuPy;
            the current one of the first tensor's producer unless given. On the CPU it is not looked
            at.

        Raises
        ------
        TypeError
            If one is no tensor of numbers.
        InvalidArgumentError
            If there are more or fewer tensors than before, or a name is unknown.
        CudaUnavailableError
            If one is on a device and kernels cannot run here.

        Notes
        -----
        O(elements), one read. On a device the memory must stay valid until the kernel has run.
        """
        names, listed = self._listed(tensors)
        number = _one_device(listed)
        on_host: list[tuple[int, TensorSums]] = []
        if number is not None:
            by_device = {number: listed}
        else:
            by_device, on_host = _sorted_out(listed)
        with self._lock:
            if self._names is None:
                self._set_names(names)
            elif names is not self._names and names != self._names:
                # Another thread's first list, at the same time.
                message = f"expected tensors {self._names!r}, got {names!r}"
                raise InvalidArgumentError(message)
        for number, row in by_device.items():
            self._monitors.of(number).update(row, stream)
        with self._lock:
            self._updates += 1
            for position, found in on_host:
                self._sums[position] = self._sums[position].plus(found)

    def _listed(
        self, tensors: Iterable[Any] | Mapping[str, Any]
    ) -> tuple[tuple[str, ...], list[Any]]:
        """Return the names, which the first list gives, and the tensors in their order."""
        names = self._names
        if not isinstance(tensors, (list, tuple, Mapping)):
            if hasattr(tensors, "shape") or not hasattr(tensors, "__iter__"):
                message = f"expected several tensors, as a list, got {type(tensors).__name__}"
                raise TypeError(message)
            tensors = list(tensors)
        if isinstance(tensors, (list, tuple)) and tensors and all(map(_is_named, tensors)):
            tensors = _as_mapping(tensors)
        if isinstance(tensors, Mapping):
            if names is None:
                names = _checked_names(tensors)
            known = self._positions or dict.fromkeys(names)
            unknown = next((one for one in tensors if one not in known), None)
            if unknown is not None:
                message = f"no tensor is called {unknown!r}"
                raise InvalidArgumentError(message)
            return names, [tensors.get(one) for one in names]
        if names is None:
            names = tuple(map(str, range(len(tensors))))
        if len(tensors) != len(names):
            message = f"expected {len(names)} tensors, as named or as before, got {len(tensors)}"
            raise InvalidArgumentError(message)
        return names, list(tensors)

    def _gathered(self) -> list[TensorSums]:
        """Return all that was counted; waits for devices."""
        self._monitors.settle()
        with self._lock:
            return list(self._sums)

    @property
    def device_error(self) -> str | None:
        """The device error that stopped the count there; None while there is none.

        After one, tensors on that device are passed over, as an event told; what was counted before
        it, and tensors on the CPU, are kept.
        """
        return self._monitors.error

    def merge(self, other: Any) -> None:
        """Add what another object counted, tensor by tensor.

        Parameters
        ----------
        other : TensorStats
            It is not changed.

        Raises
        ------
        InvalidArgumentError
            If its tensors have other names.
        """
        if not isinstance(other, TensorStats):
            message = f"expected a TensorStats to merge, got {type(other).__name__}"
            raise TypeError(message)
        added = other._gathered()
        if other._names is None:
            return
        with self._lock:
            if self._names is None:
                self._set_names(other._names)
        if self._names != other._names:
            message = f"tensors with other names cannot be merged: {other._names!r}"
            raise InvalidArgumentError(message)
        with self._lock:
            self._sums[:] = [a.plus(b) for a, b in zip(self._sums, added, strict=True)]
            self._updates += other._updates

    def reset(self) -> None:
        """Forget everything counted so far, but for the names; waits for devices."""
        self._gathered()
        with self._lock:
            self._sums[:] = [TensorSums()] * len(self._sums)
            self._updates = 0

    def copy(self) -> TensorStats:
        """Return an independent copy of what is counted, without the devices' memory."""
        make, settings = self.__reduce__()
        copied: TensorStats = make(*settings)
        return copied

    def __copy__(self) -> TensorStats:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> TensorStats:
        """Return an independent copy."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again; waits for devices."""
        sums = self._gathered()
        return _restore, (self._names, self._name, self._attributes, sums, self._updates)

    # ---- what was counted --------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        """What the tensors are called; empty before the first update."""
        return self._names or ()

    @property
    def updates(self) -> int:
        """Number of updates."""
        return self._updates

    def __getitem__(self, name: str) -> TensorSums:
        """Return what one tensor came to; reading waits for devices.

        Raises
        ------
        KeyError
            If none is called so.
        """
        return self._gathered()[self._positions[name]]

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        """Return whether a tensor is called so."""
        return name in self.names

    def __len__(self) -> int:
        """Return the number of tensors."""
        return len(self.names)

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True

    def total(self) -> TensorSums:
        """Return what all tensors together came to: `norm` is the norm of the whole gradient."""
        out = TensorSums()
        for found in self._gathered():
            out = out.plus(found)
        return out

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the figures of each tensor by name.

        Returns
        -------
        dict of str to dict
            Keys are those of `TensorSums`, and ``norm``, ``rms`` and ``zero_fraction``.
        """
        return {
            name: {
                **asdict(found),
                "norm": found.norm,
                "rms": found.rms,
                "zero_fraction": found.zero_fraction,
            }
            for name, found in zip(self.names, self._gathered(), strict=True)
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return one row a tensor.

        Returns
        -------
        pyarrow.Table
            Columns ``tensor``, ``count``, ``nan_count``, ``pos_inf_count``, ``neg_inf_count``,
            ``zero_count`` (int64), ``sum_of_squares``, ``max_abs``, ``norm``, ``rms`` and
            ``zero_fraction`` (float64; null where undefined).
        """
        import pyarrow as pa

        rows = [{"tensor": name, **row} for name, row in self.to_dict().items()]
        counts = ("count", "nan_count", "pos_inf_count", "neg_inf_count", "zero_count")
        figures = ("sum_of_squares", "max_abs", "norm", "rms", "zero_fraction")
        schema = pa.schema(
            [
                ("tensor", pa.string()),
                *((column, pa.int64()) for column in counts),
                *((column, pa.float64()) for column in figures),
            ]
        )
        return pa.Table.from_pylist(rows, schema=schema)

    # ---- windows -----------------------------------------------------------------------------
    def observe(self, observer: Observer, /) -> None:
        """Hand what was counted since the last call to an observer's window: makes it a probe.

        ``observer.probe(stats)`` calls it before each cut. From then on this object holds the open
        window. On a device a window is closed without a wait; what has not arrived within a tenth
        of a second comes with the next window.

        Parameters
        ----------
        observer : Observer
            Rows of layer ``model`` go to its ``points``, for each tensor with values: gauges
            ``<name>.norm``, ``.rms``, ``.max_abs`` and ``.zero_fraction``, and where there are any
            counters ``.nan_count`` and ``.inf_count``.
        """
        import pyarrow  # noqa: F401 - before anything is taken: the first time is slow

        self._monitors.close()
        with self._lock:
            sums = list(self._sums)
            self._sums[:] = [TensorSums()] * len(sums)
            now = observer.core.now_us()
            start = now if self._since is None else self._since
            self._since = now
        add_points(observer, self._name, self._attributes, self.names, sums, start=start, end=now)

    def __repr__(self) -> str:
        """Return a line with the whole norm."""
        total = self.total()
        norm = "undefined" if total.norm is None else f"{total.norm:.4g}"
        return f"<inlay.model.TensorStats of {len(self)} tensors: norm {norm}>"


def _monitors(sums: list[TensorSums], lock: Any) -> Monitors:
    """Return what counts tensors on devices for a list of sums."""

    def make(cuda: ModuleType, device: int) -> Any:
        return cuda.TensorList(len(sums), device=device)

    def take(monitor: Any) -> None:
        arrived = [TensorSums(*(row if row[0] else row[:6])) for row in monitor.sums()]
        monitor.reset()
        with lock:
            for position, found in enumerate(arrived):
                sums[position] = sums[position].plus(found)

    return Monitors(make, take)


def _restore(
    names: Sequence[str] | None,
    name: str,
    attributes: Mapping[str, str],
    sums: list[TensorSums],
    updates: int,
) -> TensorStats:
    stats = TensorStats(names, name=name, attributes=attributes)
    stats._sums[:] = sums
    stats._updates = updates
    return stats


def _is_named(one: Any) -> bool:
    return isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str)


def _as_mapping(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    listed = list(pairs)
    _checked_names(name for name, _ in listed)
    return dict(listed)


def _checked_names(names: Iterable[object]) -> tuple[str, ...]:
    listed: list[str] = []
    for one in names:
        if not isinstance(one, str):
            message = f"names of tensors are str, got {type(one).__name__}"
            raise TypeError(message)
        listed.append(one)
    if len(set(listed)) != len(listed):
        twice = next(name for name in listed if listed.count(name) > 1)
        message = f"two tensors are called {twice!r}"
        raise InvalidArgumentError(message)
    return tuple(listed)


def _one_device(tensors: list[Any]) -> int | None:
    """Return the device of torch's tensors if one has them all; hundreds cost little to ask."""
    kind = next((type(tensor) for tensor in tensors if tensor is not None), None)
    if kind is None or not hasattr(kind, "get_device"):
        return None
    try:
        numbers = {tensor.get_device() for tensor in tensors if tensor is not None}
    except AttributeError:  # of several libraries
        return None
    number = numbers.pop()
    return int(number) if not numbers and number >= 0 else None


def _sorted_out(
    tensors: list[Any],
) -> tuple[dict[int, list[Any]], list[tuple[int, TensorSums]]]:
    """Return the tensors of each device, others None, and what those on the CPU come to."""
    from inlay._cuda_runtime import is_device_array

    by_device: dict[int, list[Any]] = {}
    on_host: list[tuple[int, TensorSums]] = []
    for position, tensor in enumerate(tensors):
        if tensor is None:
            continue
        if is_device_array(tensor):
            row = by_device.setdefault(device_number(tensor), [None] * len(tensors))
            row[position] = tensor
        else:
            on_host.append((position, sums_on_host(tensor)))
    return by_device, on_host
