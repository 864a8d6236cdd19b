"""A CUDA device that exists in memory only: copies arrive when its stream is told to run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np


class Device:
    """Counts what would wait for it."""

    def __init__(self) -> None:
        self.waits = 0
        self.queue: list[Any] = []
        self.capturing = False
        self.lost = False
        self.stream = SimpleNamespace(device="cuda:0")
        self.events = 0

    def run(self) -> None:
        """Let the stream do what was enqueued."""
        queue, self.queue = self.queue, []
        for work in queue:
            work()

    def synchronize(self, *_: Any) -> None:
        self.waits += 1
        self.run()


class Event:
    def __init__(self, device: Device) -> None:
        self._device = device
        self._done = False
        device.events += 1

    def record(self, stream: Any) -> None:
        self._done = False
        self._device.queue.append(lambda: setattr(self, "_done", True))

    def query(self) -> bool:
        if self._device.lost:
            message = "CUDA error: GPU is lost"
            raise RuntimeError(message)
        return self._done

    def synchronize(self) -> None:
        self._device.synchronize()


class Place(NamedTuple):
    type: str
    index: int


class Tensor:
    """A tensor of one element on the host or the device."""

    def __init__(self, value: Any, device: Device | None = None, dtype: str = "float32") -> None:
        self.memory = np.array(value, np.float64)
        self.cuda = device
        self.dtype = dtype
        self.shape = self.memory.shape
        self.device = Place("cpu" if device is None else "cuda", 0)
        self.requires_grad = True

    def numel(self) -> int:
        return self.memory.size

    def dim(self) -> int:
        return self.memory.ndim

    def reshape(self, shape: Any) -> Tensor:
        made = Tensor(0.0, self.cuda, self.dtype)
        made.memory = self.memory.reshape(shape)
        return made

    def detach(self) -> Tensor:
        return self

    def item(self) -> float:
        if self.cuda is not None:
            self.cuda.synchronize()
        return float(self.memory)

    __float__ = cpu = tolist = item

    def __bool__(self) -> bool:
        return bool(self.item())


class Slot:
    def __init__(self, memory: Any, at: int) -> None:
        self._memory, self._at = memory, at

    def copy_(self, source: Tensor, non_blocking: bool = False) -> None:
        def arrive() -> None:
            self._memory[self._at] = source.memory

        if source.cuda is None:
            arrive()
            return
        source.cuda.queue.append(arrive)
        if not non_blocking:
            source.cuda.synchronize()


def module(device: Device) -> Any:
    """Return what stands for ``torch``."""

    def empty(size: int, dtype: str, pin_memory: bool) -> Any:
        memory = np.empty(size, dtype)
        return SimpleNamespace(
            numpy=lambda: memory, unbind=lambda: [Slot(memory, at) for at in range(size)]
        )

    cuda = SimpleNamespace(
        Event=lambda: Event(device),
        current_stream=lambda _device=None: device.stream,
        is_current_stream_capturing=lambda: device.capturing,
        is_initialized=lambda: False,
        synchronize=device.synchronize,
    )
    types = {name: name for name in ("float32", "float64", "int32", "int64", "bfloat16")}
    return SimpleNamespace(Tensor=Tensor, empty=empty, cuda=cuda, **types)
