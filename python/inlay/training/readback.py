"""Scalars that stay on their device until they have arrived by themselves."""

from __future__ import annotations

import sys
from operator import index
from typing import Any

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

__all__ = ["Pending", "Readback"]


class Pending:
    """A scalar that is on its way.

    Attributes
    ----------
    done : bool
        Whether it has arrived, or never will.
    value : float or None
        What arrived; None if it was lost.
    """

    __slots__ = ("array", "done", "event", "slot", "value")

    def __init__(self, slot: int, array: Any = None) -> None:
        self.slot = slot
        self.array = array  # of a library whose arrays say themselves when they are there
        self.event: Any = None
        self.done = False
        self.value: float | None = None


class _Pool:
    """Host memory for the scalars of one dtype and kind of device."""

    __slots__ = ("next", "owners", "pinned", "slots", "values")

    def __init__(self, torch: Any, size: int, dtype: Any, *, pinned: bool) -> None:
        memory = torch.empty(size, dtype=dtype, pin_memory=pinned)
        self.pinned = pinned
        self.values = memory.numpy()
        self.slots = list(memory.unbind())
        self.owners: list[Pending | None] = [None] * size
        self.next = 0


class Readback:
    """Copies scalars to the host behind an event, and reads them when they are there.

    Nothing here waits for a device. A scalar of torch is copied into host memory: pinned and
    without a wait if it lies on a CUDA device, where an event tells when it has arrived. Of other
    libraries an array is kept that has ``is_ready()``, as JAX's have. `take` and `seal` belong to
    one thread; any may call `ready`.

    Parameters
    ----------
    size : int
        Scalars that may be on their way at a time, for each dtype.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._pools: dict[tuple[Any, Any], _Pool] = {}  # by dtype and device
        self._open: list[Pending] = []
        self._stream: Any = None
        self._free: dict[
            Any, list[Any]
        ] = {}  # events, by device: one is of the first it is used on
        self._lock = new_lock()
        self.lost = 0
        self.unreadable = 0

    def take(self, value: Any, name: str = "value") -> Pending | float | None:
        """Begin to read a scalar.

        Parameters
        ----------
        value : number or tensor of one element
        name : str
            What an error calls it.

        Returns
        -------
        Pending or float or None
            A number of the host is returned as it is. None if it cannot be read without a wait.

        Raises
        ------
        InvalidArgumentError
            If it has more than one element.
        TypeError
            If it is no number.
        """
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._take_tensor(torch, value, name)
        ready = getattr(value, "is_ready", None)
        if callable(ready):
            _check_single(name, value, getattr(value, "size", 1))
            return Pending(-1, value)
        if getattr(value, "__cuda_array_interface__", None) is not None:
            self.unreadable += 1  # float() of it would wait for the device
            return None
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            message = f"{name} must be a number or a tensor of one element: {value!r}"
            raise TypeError(message) from error

    def _take_tensor(self, torch: Any, tensor: Any, name: str) -> Pending | None:
        pool = self._pools.get((tensor.dtype, tensor.device))
        if pool is None:
            pool = self._new_pool(torch, tensor)
            if pool is None:
                self.unreadable += 1
                return None
        if tensor.numel() != 1:
            _check_single(name, tuple(tensor.shape), tensor.numel())
        on_device = pool.pinned
        if type(tensor) is not torch.Tensor and hasattr(tensor, "full_tensor"):
            self.unreadable += 1  # of a distributed tensor a rank has a part
            return None
        if on_device and torch.cuda.is_current_stream_capturing():
            self.unreadable += 1  # the copy would be played back with the graph
            return None
        at = pool.next
        pool.next = at + 1 if at + 1 < self._size else 0
        owner = pool.owners[at]
        if owner is not None and not owner.done:
            self._evict(owner)
        source = tensor.detach() if tensor.requires_grad else tensor
        if source.dim():
            source = source.reshape(())
        pool.slots[at].copy_(source, non_blocking=on_device)
        pending = Pending(at, pool)
        pool.owners[at] = pending
        if on_device:
            self._enqueued(torch, tensor.device, pending)
        return pending

    def _new_pool(self, torch: Any, tensor: Any) -> _Pool | None:
        device = tensor.device.type
        if device not in ("cpu", "cuda"):
            return None
        wide = tensor.dtype in (torch.float64, torch.int64, torch.int32)
        dtype = torch.float64 if wide else torch.float32
        pool = _Pool(torch, self._size, dtype, pinned=device == "cuda")
        self._pools[(tensor.dtype, tensor.device)] = pool
        return pool

    def _enqueued(self, torch: Any, device: Any, pending: Pending) -> None:
        stream = torch.cuda.current_stream(device)
        if self._open and stream != self._stream:
            self.seal()
        self._stream = stream
        self._open.append(pending)

    def seal(self) -> None:
        """Record one event behind what was taken since the last time."""
        waiting = self._open
        if not waiting:
            return
        self._open = []
        device = self._stream.device
        free = self._free.setdefault(device, [])
        event = free.pop() if free else sys.modules["torch"].cuda.Event()
        event.record(self._stream)
        shared = [event, len(waiting), free]
        for pending in waiting:
            pending.event = shared

    def ready(self, pending: Pending) -> bool:
        """Say whether a scalar has arrived; then its `value` can be read."""
        if pending.done:
            return True
        with self._lock:
            return pending.done or self._settle(pending)

    def _settle(self, pending: Pending) -> bool:
        try:
            if pending.slot < 0:
                if not pending.array.is_ready():
                    return False
                pending.value = float(pending.array)
            else:
                pool = pending.array
                if pool.pinned:
                    shared = pending.event
                    if shared is None or not shared[0].query():
                        return False
                    shared[1] -= 1
                    if not shared[1]:
                        shared[2].append(shared[0])
                pending.value = float(pool.values[pending.slot])
        except Exception:  # a lost device answers with an error: training is to say so, not this
            self.lost += 1
        pending.array = pending.event = None
        pending.done = True
        return True

    def _evict(self, owner: Pending) -> None:
        """Read a scalar whose place is needed, or give it up."""
        with self._lock:
            if not owner.done and not self._settle(owner):
                self.lost += 1
                owner.array = owner.event = None
                owner.done = True


def _check_single(name: str, what: Any, size: Any) -> None:
    try:
        count = index(size)
    except TypeError:
        return
    if count != 1:
        message = f"{name} must have one element, not {count}: {what!r}"
        raise InvalidArgumentError(message)
