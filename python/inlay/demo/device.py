"""The GPU of the demo: the machine's own, or a simulated one that the demo computes on."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

import inlay
from inlay import _core

__all__ = ["Device"]

_LIBRARY = Path(_core.__file__).parent / "libdemo-nvml.so"

# Now and then the device gets too hot and runs at a small part of its clock.
_SCENARIO = """
gpus 1
refresh_ms utilization 100
jitter utilization 5
jitter power 12
gpu 0 temperature wave 58 74 16s
gpu 0 at 3s throttle hw_thermal for 700ms every 8s clock 75
"""

_FULL_MHZ = 1980.0
_SM = 1  # nvmlClockType_t
# What a request and an image take at the full clock, in seconds.
_PER_REQUEST, _PER_IMAGE = 5e-4, 5e-5


class Device:
    """What the requests of the demo are computed on, and the probe that watches it.

    Attributes
    ----------
    gpu : inlay.infra.Gpu
        For ``observer.probe``.
    """

    def __init__(self) -> None:
        self.gpu = inlay.infra.Gpu().start()
        self._simulated: ctypes.CDLL | None = None
        if self.gpu.devices or not _LIBRARY.exists():
            return
        self._simulated = library = ctypes.CDLL(str(_LIBRARY))
        if library.inlay_fake_nvml_load_text(_SCENARIO.encode()):
            library.inlay_fake_nvml_error.restype = ctypes.c_char_p
            raise RuntimeError(library.inlay_fake_nvml_error().decode())
        library.nvmlInit_v2()
        self._handle = ctypes.c_void_p()
        library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self._handle))
        self._clock = ctypes.c_uint()
        self.gpu.stop()
        self.gpu = inlay.infra.Gpu(library=_LIBRARY).start()

    @property
    def simulated(self) -> bool:
        """Whether it was made up."""
        return self._simulated is not None

    @property
    def uuid(self) -> str | None:
        """Of the GPU that is computed on; None if nothing is."""
        return self.gpu.devices[0].uuid if self.simulated else None

    @property
    def name(self) -> str:
        """What it is, in a line."""
        if self.simulated:
            return (
                "simulated, since there is none here: an NVML that plays a scenario, in which it "
                "gets too hot for 0.7 s every eight seconds and is throttled"
            )
        devices = self.gpu.devices
        return ", ".join(device.name for device in devices) or "none, and none is simulated"

    def compute(self, images: int) -> None:
        """Take the time that a simulated GPU needs at its clock of the moment.

        On a real one nothing is computed: the model of the demo runs on the CPU.

        Parameters
        ----------
        images : int
            How many.
        """
        library: Any = self._simulated
        if library is None:
            return
        library.nvmlDeviceGetClockInfo(self._handle, _SM, ctypes.byref(self._clock))
        megahertz = self._clock.value or _FULL_MHZ
        time.sleep((_PER_REQUEST + images * _PER_IMAGE) * _FULL_MHZ / megahertz)
