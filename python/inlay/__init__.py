"""Full-stack AI observability that you import.

Public names load on first use: ``import inlay`` itself loads neither numpy nor pyarrow.
"""

from __future__ import annotations

from inlay import _guard  # noqa: F401  refuses a process in which the core cannot work
from inlay._lazy import loader

# Type checkers take the name for true; importing it from typing would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay import (
        alert,
        checks,
        cuda,
        data,
        detect,
        drift,
        infra,
        joined,
        metric,
        model,
        points,
        report,
        semconv,
        sinks,
        summary,
        training,
    )
    from inlay._build import build_info, get_cmake_dir, get_include, get_library, get_pkg_config_dir
    from inlay._core import (
        BoundCounter,
        BoundGauge,
        BoundHistogram,
        Counter,
        Gauge,
        Histogram,
        ManualClock,
        SystemClock,
        Timer,
        __version__,
    )
    from inlay._exceptions import (
        CudaUnavailableError,
        InlayError,
        InlayWarning,
        InvalidArgumentError,
        OutOfRangeError,
        SerializationError,
        StoppedError,
    )
    from inlay._installed import get_observer
    from inlay._query import query
    from inlay.data.checks.check import ContractError
    from inlay.data.checks.contract import Contract
    from inlay.data.profile import Profile
    from inlay.data.schema import Schema
    from inlay.data.watch.watch import Watch
    from inlay.detect.embedding import Embedding
    from inlay.drift.backtesting import Backtest, backtest
    from inlay.drift.comparison.compare import compare
    from inlay.joined.directory import context
    from inlay.joined.evidence import Context
    from inlay.observer import Observer
    from inlay.summary import (
        Categories,
        EdgeHistogram,
        ExpHistogram,
        Hll,
        Kll,
        Moments,
        Reservoir,
        TopK,
    )
    from inlay.table import Batch, Table

# Public name -> the module that defines it; a module's own name gives the module itself.
_HOMES = {
    "Backtest": "inlay.drift.backtesting",
    "Batch": "inlay.table",
    "BoundCounter": "inlay._core",
    "BoundGauge": "inlay._core",
    "BoundHistogram": "inlay._core",
    "Context": "inlay.joined.evidence",
    "Contract": "inlay.data.checks.contract",
    "ContractError": "inlay.data.checks.check",
    "Counter": "inlay._core",
    "CudaUnavailableError": "inlay._exceptions",
    "Gauge": "inlay._core",
    "Histogram": "inlay._core",
    "InlayError": "inlay._exceptions",
    "InlayWarning": "inlay._exceptions",
    "InvalidArgumentError": "inlay._exceptions",
    "ManualClock": "inlay._core",
    "Observer": "inlay.observer",
    "Profile": "inlay.data.profile",
    "OutOfRangeError": "inlay._exceptions",
    "Schema": "inlay.data.schema",
    "SerializationError": "inlay._exceptions",
    "StoppedError": "inlay._exceptions",
    "SystemClock": "inlay._core",
    "Categories": "inlay.summary.categories",
    "EdgeHistogram": "inlay.summary.edge_histogram",
    "ExpHistogram": "inlay.summary.exp_histogram",
    "Kll": "inlay.summary.kll",
    "Hll": "inlay.summary.hll",
    "Moments": "inlay.summary.moments",
    "Reservoir": "inlay.summary.reservoir",
    "TopK": "inlay.summary.top_k",
    "Table": "inlay.table",
    "summary": "inlay.summary",
    "Timer": "inlay._core",
    "Watch": "inlay.data.watch.watch",
    "__version__": "inlay._core",
    "alert": "inlay.alert",
    "backtest": "inlay.drift.backtesting",
    "build_info": "inlay._build",
    "checks": "inlay.checks",
    "compare": "inlay.drift.comparison.compare",
    "context": "inlay.joined.directory",
    "cuda": "inlay.cuda",
    "get_cmake_dir": "inlay._build",
    "get_include": "inlay._build",
    "get_library": "inlay._build",
    "get_observer": "inlay._installed",
    "get_pkg_config_dir": "inlay._build",
    "data": "inlay.data",
    "detect": "inlay.detect",
    "drift": "inlay.drift",
    "Embedding": "inlay.detect.embedding",
    "infra": "inlay.infra",
    "joined": "inlay.joined",
    "metric": "inlay.metric",
    "model": "inlay.model",
    "points": "inlay.points",
    "query": "inlay._query",
    "report": "inlay.report",
    "semconv": "inlay.semconv",
    "sinks": "inlay.sinks",
    "training": "inlay.training",
}

__all__ = [
    "Backtest",
    "Batch",
    "BoundCounter",
    "BoundGauge",
    "BoundHistogram",
    "Categories",
    "Context",
    "Contract",
    "ContractError",
    "Counter",
    "CudaUnavailableError",
    "EdgeHistogram",
    "Embedding",
    "ExpHistogram",
    "Gauge",
    "Histogram",
    "Hll",
    "InlayError",
    "InlayWarning",
    "InvalidArgumentError",
    "Kll",
    "ManualClock",
    "Moments",
    "Observer",
    "OutOfRangeError",
    "Profile",
    "Reservoir",
    "Schema",
    "SerializationError",
    "StoppedError",
    "SystemClock",
    "Table",
    "Timer",
    "TopK",
    "Watch",
    "__version__",
    "alert",
    "backtest",
    "build_info",
    "checks",
    "compare",
    "context",
    "cuda",
    "data",
    "detect",
    "drift",
    "get_cmake_dir",
    "get_include",
    "get_library",
    "get_observer",
    "get_pkg_config_dir",
    "infra",
    "joined",
    "metric",
    "model",
    "points",
    "query",
    "report",
    "semconv",
    "sinks",
    "summary",
    "training",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
