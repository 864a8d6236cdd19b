"""How well a model does, and what it says of itself: its logits, activations and gradients."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay._core import BoundGeneration
    from inlay.model import text
    from inlay.model.estimate import Estimate
    from inlay.model.generation.generation import Generation
    from inlay.model.generation.judged_rate import JudgedRate
    from inlay.model.logits import Logits
    from inlay.model.logits_rows import LogitsRows
    from inlay.model.logits_statistic import LogitsStatistic
    from inlay.model.metrics import Metrics
    from inlay.model.tensor_stats import TensorStats
    from inlay.model.tensor_sums import TensorSums

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "BoundGeneration": "inlay._core",
    "Estimate": "inlay.model.estimate",
    "Generation": "inlay.model.generation.generation",
    "JudgedRate": "inlay.model.generation.judged_rate",
    "Logits": "inlay.model.logits",
    "LogitsRows": "inlay.model.logits_rows",
    "LogitsStatistic": "inlay.model.logits_statistic",
    "Metrics": "inlay.model.metrics",
    "TensorStats": "inlay.model.tensor_stats",
    "TensorSums": "inlay.model.tensor_sums",
    "text": "inlay.model.text",
}

__all__ = [
    "BoundGeneration",
    "Estimate",
    "Generation",
    "JudgedRate",
    "Logits",
    "LogitsRows",
    "LogitsStatistic",
    "Metrics",
    "TensorStats",
    "TensorSums",
    "text",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
