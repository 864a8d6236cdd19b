"""Tensors on devices that are not there, and a native module that counts them with the CPU's
classes, a window late as the real one: for the logic of what takes tensors, without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any
from unittest import mock

import numpy as np

import inlay
from inlay import _cuda_runtime
from inlay.model import Logits, TensorStats


class FakeTensor:
    """An array on a device: whoever reads it on the host is refused, as by torch and CuPy."""

    def __init__(self, values: Any, device: int = 0) -> None:
        self.values = np.asarray(values)
        self.device = device
        self.dtype = self.values.dtype
        self.shape = self.values.shape
        self.ndim = self.values.ndim

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self.device)

    def __dlpack__(self, **how: Any) -> Any:
        raise BufferError("only the native module reads it")

    def __array__(self, *args: Any, **how: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __getitem__(self, key: Any) -> FakeTensor:
        return FakeTensor(self.values[key], self.device)

    def __len__(self) -> int:
        return len(self.values)


class SilentTensor:
    """One that would copy itself to the host unasked, as Numba's and JAX's do."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.dtype = self.values.dtype
        self.shape = self.values.shape

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __array__(self, *args: Any, **how: Any) -> Any:
        raise AssertionError("copied to the host")


class FakeMonitor:
    """Windows as the native monitors have them: what is counted arrives some polls after a turn."""

    polls_needed = 2

    def __init__(self, cuda: FakeCuda, device: int) -> None:
        cuda.monitors.append(self)
        self._cuda = cuda
        self.device = device
        self.open: list[np.ndarray[Any, Any]] = []
        self.closing: list[np.ndarray[Any, Any]] | None = None
        self.polls = 0
        self.disabled = False
        self.error = ""
        self.skipped = 0
        self.streams: list[Any] = []

    def update(self, values: Any, stream: Any = None) -> None:
        if values.__dlpack_device__()[1] != self.device:
            raise inlay.InvalidArgumentError(f"the tensor is on device {values.device}")
        self.check(values.values)
        if self.disabled:
            self.skipped += 1
            return
        self.streams.append(stream)
        self.open.append(values.values)

    def check(self, values: np.ndarray[Any, Any]) -> None:
        pass

    def turn(self) -> bool:
        self._cuda.turns += 1
        self.poll()
        if self.closing is not None:
            return False
        self.closing, self.open, self.polls = self.open, [], 0
        return True

    def poll(self) -> bool:
        if self.closing is None:
            return True
        self.polls += 1
        if self.polls < self.polls_needed:
            return False
        for values in self.closing:
            self.count(values)
        self.closing = None
        return True

    def collect(self) -> None:
        self._cuda.waits += 1
        if self.disabled:
            return
        while not self.poll():
            pass
        self.turn()
        while not self.poll():
            pass

    def count(self, values: np.ndarray[Any, Any]) -> None:
        raise NotImplementedError


class ColumnMonitor(FakeMonitor):
    def __init__(
        self,
        cuda: FakeCuda,
        columns: int,
        *,
        device: int,
        scale: int = 5,
        moments: bool = True,
        histogram: bool = True,
        edges: list[list[float]] | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(cuda, device)
        self.columns = columns
        self._axis = axis
        self._make = (scale, moments, histogram, edges)
        self.reset()

    def reset(self) -> None:
        scale, moments, histogram, edges = self._make
        columns = range(self.columns)
        self._moments = [inlay.Moments() for _ in columns] if moments else []
        self._histograms = [inlay.ExpHistogram(scale=scale) for _ in columns] if histogram else []
        self._edges = [
            inlay.EdgeHistogram(e) if len(e) else None for e in (edges or [()] * self.columns)
        ]
        self.lost = 0

    def check(self, values: np.ndarray[Any, Any]) -> None:
        if self.columns > 1 and (values.ndim != 2 or values.shape[1] != self.columns):
            raise inlay.InvalidArgumentError(f"columns must be {self.columns}: {values.shape}")

    def count(self, values: np.ndarray[Any, Any]) -> None:
        parts = [values] if self.columns == 1 else list(values.T)
        for i, part in enumerate(parts):
            for summaries in (self._moments, self._histograms, self._edges):
                if summaries and summaries[i] is not None:
                    summaries[i].update(np.ascontiguousarray(part))

    def moments(self, column: int) -> bytes:
        return self._moments[column].to_bytes()

    def histogram(self, column: int) -> bytes:
        return self._histograms[column].to_bytes()

    def edges(self, column: int) -> bytes:
        return self._edges[column].to_bytes()


class HllMonitor(FakeMonitor):
    def __init__(self, cuda: FakeCuda, lg_k: int = 12, *, device: int) -> None:
        super().__init__(cuda, device)
        self._sketch = inlay.Hll(lg_k=lg_k)

    def count(self, values: np.ndarray[Any, Any]) -> None:
        self._sketch.update(values)

    def take(self) -> tuple[bytes, list[int]]:
        sketch, self._sketch = self._sketch, inlay.Hll(lg_k=self._sketch.lg_k)
        return sketch.to_bytes(), sketch._native.counts


class TopKMonitor(FakeMonitor):
    def __init__(self, cuda: FakeCuda, capacity: int, vocabulary: int = 0, *, device: int) -> None:
        super().__init__(cuda, device)
        self.vocabulary = vocabulary
        self._top = inlay.TopK(capacity=capacity)

    def check(self, values: np.ndarray[Any, Any]) -> None:
        if values.dtype.kind == "f":
            raise inlay.InvalidArgumentError("ids on a device are integers")

    def count(self, values: np.ndarray[Any, Any]) -> None:
        self._top.update(values)

    def take(self) -> bytes:
        top, self._top = self._top, inlay.TopK(capacity=self._top.capacity)
        return top.to_bytes()


class CategoryMonitor(FakeMonitor):
    def __init__(self, cuda: FakeCuda, codes: list[int], *, device: int) -> None:
        super().__init__(cuda, device)
        self._codes = codes
        self._counted: list[np.ndarray[Any, Any]] = []

    def count(self, values: np.ndarray[Any, Any]) -> None:
        self._counted.append(values)

    def take(self) -> tuple[list[int], int, int, int, int]:
        counts = dict.fromkeys(self._codes, 0)
        other = nan = 0
        truths = [0, 0]
        for values in self._counted:
            for value in values.ravel().tolist():
                if isinstance(value, bool):
                    truths[value] += 1
                elif value != value:
                    nan += 1
                elif value in counts:
                    counts[value] += 1
                else:
                    other += 1
        self._counted = []
        return list(counts.values()), other, nan, *truths


class LogitsMonitor(FakeMonitor):
    def __init__(self, cuda: FakeCuda, *, device: int, scale: int) -> None:
        super().__init__(cuda, device)
        self._logits = Logits(scale=scale)

    def update(  # type: ignore[override]
        self,
        values: Any,
        chosen: Any = None,
        *,
        mask: Any = None,
        out: Any = None,
        stream: Any = None,
        vocabulary: int = -1,
    ) -> None:
        if vocabulary not in (-1, values.shape[-1]):
            raise inlay.InvalidArgumentError(f"{values.shape[-1]} columns, not {vocabulary}")
        super().update(values, stream)

    def count(self, values: np.ndarray[Any, Any]) -> None:
        self._logits.update(values)

    def take(self) -> bytes:
        taken = self._logits.to_bytes()
        self._logits.reset()
        return taken


class TensorList(FakeMonitor):
    def __init__(self, cuda: FakeCuda, count: int, *, device: int) -> None:
        super().__init__(cuda, device)
        self._stats = TensorStats([str(i) for i in range(count)])

    def update(self, tensors: Any, stream: Any = None) -> None:
        for tensor in tensors:
            if tensor is not None and tensor.device != self.device:
                raise inlay.InvalidArgumentError(f"a tensor is on device {tensor.device}")
        if self.disabled:
            self.skipped += 1
            return
        self.streams.append(stream)
        self.open.append([None if t is None else t.values for t in tensors])  # type: ignore[arg-type]

    def count(self, values: Any) -> None:
        self._stats.update(values)

    def sums(self) -> list[tuple[Any, ...]]:
        # As the kernels have it: a number for the largest magnitude of nothing, too.
        rows = [astuple(self._stats[name]) for name in self._stats.names]
        return [(*row[:6], row[6] or 0.0) for row in rows]

    def reset(self) -> None:
        self._stats.reset()


class FakeCuda:
    """Stands in for the native module."""

    def __init__(self) -> None:
        self.monitors: list[Any] = []
        self.waits = 0
        self.turns = 0
        self.copied: list[tuple[int, Any]] = []  # rows to the host, and on which stream

    def __getattr__(self, name: str) -> Any:
        kinds = {
            "ColumnMonitor": ColumnMonitor,
            "HllMonitor": HllMonitor,
            "TopKMonitor": TopKMonitor,
            "CategoryMonitor": CategoryMonitor,
            "LogitsMonitor": LogitsMonitor,
            "TensorList": TensorList,
        }
        return lambda *args, **how: kinds[name](self, *args, **how)

    def tensor_facts(self, values: Any) -> tuple[int, tuple[int, ...], str]:
        return values.__dlpack_device__()[1], values.shape, str(values.dtype)

    def columns_to_host(self, values: Any, first: int, count: int, stream: Any = None) -> bytearray:
        self.copied.append((count, stream))
        array = values.values.reshape(len(values.values), -1)
        return bytearray(np.ascontiguousarray(array[first : first + count].T).tobytes())


@contextmanager
def fake_cuda() -> Iterator[FakeCuda]:
    """While this lives, tensors are counted by a module that needs no device."""
    cuda = FakeCuda()
    with mock.patch.object(_cuda_runtime, "native", return_value=cuda):
        yield cuda
