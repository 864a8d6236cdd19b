"""Summaries that also count tensors where they are: in the memory of CUDA devices."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

from inlay import _cuda_runtime
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InlayWarning
from inlay._threads import new_lock
from inlay.summary._protocols import Summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["DeviceSummary", "Monitors", "device_number", "warn_of_lost"]

# What a probe waits for the windows of devices, in seconds.
_ARRIVAL_S = 0.1

_joining = new_lock()  # of two first tensors at once, one makes the monitors


def device_number(values: Any) -> int:
    """Return the number of the device that holds an array."""
    kind = type(values)
    if hasattr(kind, "get_device"):  # torch's, by far the fastest
        return int(values.get_device())
    if hasattr(kind, "__dlpack_device__"):
        return int(values.__dlpack_device__()[1])
    number: int = _cuda_runtime.native().tensor_facts(values)[0]
    return number


class Monitors:
    """One native monitor for each device that tensors came from.

    Parameters
    ----------
    make : callable
        Called with the native module and the number of a device.
    take : callable
        Called with a monitor whose window has arrived: hands on what it holds, and leaves nothing.
        Neither may refer to who has these monitors: memory on a device would wait for the collector
        of cycles.
    """

    __slots__ = ("_by_device", "_lock", "_make", "_take")

    def __init__(self, make: Callable[[ModuleType, int], Any], take: Callable[[Any], None]) -> None:
        self._make = make
        self._take = take
        self._by_device: dict[int, Any] = {}
        self._lock = new_lock()

    def of(self, number: int) -> Any:
        """Return the monitor of a device, which is made when first asked for."""
        monitor = self._by_device.get(number)
        if monitor is None:
            with self._lock:
                monitor = self._by_device.get(number)
                if monitor is None:
                    monitor = self._make(_cuda_runtime.native(), number)
                    self._by_device[number] = monitor
        return monitor

    def update(self, values: Any, stream: Any) -> None:
        """Enqueue the count of a tensor's elements; never waits."""
        self.of(device_number(values)).update(values, stream)

    def settle(self) -> None:
        """Wait for all updates so far and take in what they counted."""
        with self._lock:
            for monitor in self._by_device.values():
                monitor.collect()
                self._take(monitor)

    def turn(self) -> None:
        """Close all windows; never waits."""
        for monitor in list(self._by_device.values()):
            monitor.turn()

    def poll(self) -> bool:
        """Take in the closed windows once all have arrived; return whether they have."""
        with self._lock:
            monitors = list(self._by_device.values())
            if not all([monitor.poll() for monitor in monitors]):  # each, whatever the others say
                return False
            for monitor in monitors:
                self._take(monitor)
        return True

    def wait(self) -> None:
        """Wait for the closed windows alone."""
        while not self.poll():
            time.sleep(0.0005)

    def close(self) -> None:
        """Close all windows and take in what arrives soon; the rest comes with the next ones.

        Waits a tenth of a second at most: for an observer's thread, not for the model's.
        """
        with self._lock:
            monitors = list(self._by_device.values())
            for monitor in monitors:
                monitor.turn()
            deadline = time.monotonic() + _ARRIVAL_S
            for monitor in monitors:
                while not monitor.poll() and time.monotonic() < deadline:
                    time.sleep(0.001)
                self._take(monitor)

    @property
    def error(self) -> str | None:
        """What disabled a monitor, None while all work."""
        return next((m.error for m in self._by_device.values() if m.disabled), None)


class Joined:
    """A native summary and what counts for it on devices.

    It stands where the native one is otherwise, and hands on to it what is on the host. So a
    summary that never saw a device pays nothing for the question.
    """

    __slots__ = ("monitors", "native")

    def __init__(self, native: Any, monitors: Monitors) -> None:
        self.native = native
        self.monitors = monitors

    def update(self, values: Any, **how: Any) -> None:
        """Count values on the host.

        Raises
        ------
        TypeError
            If they are none, or on a device.
        """
        if is_device_array(values):
            message = "values on a CUDA device: copy them to the host for this, by .cpu()"
            raise TypeError(message)
        self.native.update(values, **how)


class DeviceSummary(Summary):
    """Base of the summaries whose `update` takes tensors on CUDA devices.

    `update` feeds `_host`: the native summary, or after the first tensor a `Joined` one. `_native`
    is all that was counted. It waits for the devices, so nothing in `update` may use it.
    """

    __slots__ = ("_host",)

    _host: Any

    @property
    def _native(self) -> Any:
        host = self._host
        if isinstance(host, Joined):
            host.monitors.settle()
            return host.native
        return host

    @_native.setter
    def _native(self, native: Any) -> None:
        self._host = native

    def _monitors(self) -> Monitors:
        """Return what counts tensors for this summary."""
        raise NotImplementedError

    def _update_device(self, values: Any, stream: Any, weights: Any = None) -> None:
        """Count a tensor where it is; never waits.

        Called while the TypeError of what is not on the host is handled, and raises it again if it
        is on no device either.
        """
        if not is_device_array(values):
            raise
        if weights is not None:
            message = f"tensors on a CUDA device take no weights, got {type(weights).__name__}"
            raise TypeError(message) from None
        host = self._host
        if not isinstance(host, Joined):
            with _joining:
                if not isinstance(self._host, Joined):
                    self._host = Joined(self._host, self._monitors())
                host = self._host
        try:
            host.monitors.update(values, stream)
        except Exception as error:
            error.__suppress_context__ = True  # that it is on no host is no news
            raise

    @property
    def device_error(self) -> str | None:
        """The device error that stopped the count of tensors; None while there is none.

        After one, tensors on that device are passed over, as an event told; what was counted
        before it, and values on the host, are kept.
        """
        return self._host.monitors.error if isinstance(self._host, Joined) else None


def warn_of_lost(lost: int, what: str) -> None:
    """Say that a device had no room for some values."""
    if lost:
        warnings.warn(
            f"{lost} values are in no bucket of {what}: their magnitudes were more different than "
            "the device has room for",
            InlayWarning,
            stacklevel=5,
        )
