"""How well a model does, and what it says of itself: its logits, activations and gradients."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.model.estimate import Estimate
    from inlay.model.estimated.cbpe import CBPE
    from inlay.model.estimated.dle import DLE
    from inlay.model.estimated.estimated_metrics import EstimatedMetrics
    from inlay.model.estimated.reference_checks import ReferenceChecks
    from inlay.model.logits import Logits
    from inlay.model.logits_rows import LogitsRows
    from inlay.model.logits_statistic import LogitsStatistic
    from inlay.model.metrics import Metrics
    from inlay.model.tensor_stats import TensorStats
    from inlay.model.tensor_sums import TensorSums

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "CBPE": "inlay.model.estimated.cbpe",
    "DLE": "inlay.model.estimated.dle",
    "Estimate": "inlay.model.estimate",
    "EstimatedMetrics": "inlay.model.estimated.estimated_metrics",
    "Logits": "inlay.model.logits",
    "LogitsRows": "inlay.model.logits_rows",
    "LogitsStatistic": "inlay.model.logits_statistic",
    "Metrics": "inlay.model.metrics",
    "ReferenceChecks": "inlay.model.estimated.reference_checks",
    "TensorStats": "inlay.model.tensor_stats",
    "TensorSums": "inlay.model.tensor_sums",
}

__all__ = [
    "CBPE",
    "DLE",
    "Estimate",
    "EstimatedMetrics",
    "Logits",
    "LogitsRows",
    "LogitsStatistic",
    "Metrics",
    "ReferenceChecks",
    "TensorStats",
    "TensorSums",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
