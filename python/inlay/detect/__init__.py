"""Detectors of change that see rows: their results cannot be computed again from points."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.detect.adwin import ADWIN
    from inlay.detect.cusum import CUSUM
    from inlay.detect.ddm import DDM
    from inlay.detect.eddm import EDDM
    from inlay.detect.fhddm import FHDDM
    from inlay.detect.hddm import HDDM_A, HDDM_W
    from inlay.detect.kswin import KSWIN
    from inlay.detect.online import OnlineDetector
    from inlay.detect.page_hinkley import PageHinkley

# Public name -> the module that defines it.
_HOMES = {
    "ADWIN": "inlay.detect.adwin",
    "CUSUM": "inlay.detect.cusum",
    "DDM": "inlay.detect.ddm",
    "EDDM": "inlay.detect.eddm",
    "FHDDM": "inlay.detect.fhddm",
    "HDDM_A": "inlay.detect.hddm",
    "HDDM_W": "inlay.detect.hddm",
    "KSWIN": "inlay.detect.kswin",
    "OnlineDetector": "inlay.detect.online",
    "PageHinkley": "inlay.detect.page_hinkley",
}

__all__ = [
    "ADWIN",
    "CUSUM",
    "DDM",
    "EDDM",
    "FHDDM",
    "HDDM_A",
    "HDDM_W",
    "KSWIN",
    "OnlineDetector",
    "PageHinkley",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay.detect' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
