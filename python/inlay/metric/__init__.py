"""Counters, gauges and histograms.

Instruments are made by an observer (`Observer.counter`, `Observer.gauge`,
`Observer.histogram`); `bind` fixes the attributes once and gives the handle for hot paths.
"""

from __future__ import annotations

from inlay._core import (
    BoundCounter,
    BoundGauge,
    BoundHistogram,
    Counter,
    Gauge,
    Histogram,
    Timer,
)

__all__ = [
    "BoundCounter",
    "BoundGauge",
    "BoundHistogram",
    "Counter",
    "Gauge",
    "Histogram",
    "Timer",
]
