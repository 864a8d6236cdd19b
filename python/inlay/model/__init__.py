"""How well a model does, and what it says of itself: its logits, activations and gradients."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay._core import BoundGeneration
    from inlay.model import text
    from inlay.model.binary import Binary
    from inlay.model.estimate import Estimate
    from inlay.model.estimated.cbpe import CBPE
    from inlay.model.estimated.dle import DLE
    from inlay.model.estimated.estimated_metrics import EstimatedMetrics
    from inlay.model.estimated.reference_checks import ReferenceChecks
    from inlay.model.generation.generation import Generation
    from inlay.model.generation.judged_rate import JudgedRate
    from inlay.model.logits import Logits
    from inlay.model.logits_rows import LogitsRows
    from inlay.model.logits_statistic import LogitsStatistic
    from inlay.model.metrics import Metrics
    from inlay.model.multiclass import Multiclass
    from inlay.model.multilabel import Multilabel
    from inlay.model.parity.judge import FairnessJudge
    from inlay.model.parity.table import Fairness, fairness
    from inlay.model.quality.quality import Quality
    from inlay.model.ranking import Ranking
    from inlay.model.regression import Regression
    from inlay.model.tensor_stats import TensorStats
    from inlay.model.tensor_sums import TensorSums

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "BoundGeneration": "inlay._core",
    "Binary": "inlay.model.binary",
    "Estimate": "inlay.model.estimate",
    "Generation": "inlay.model.generation.generation",
    "JudgedRate": "inlay.model.generation.judged_rate",
    "Fairness": "inlay.model.parity.table",
    "FairnessJudge": "inlay.model.parity.judge",
    "CBPE": "inlay.model.estimated.cbpe",
    "DLE": "inlay.model.estimated.dle",
    "EstimatedMetrics": "inlay.model.estimated.estimated_metrics",
    "Logits": "inlay.model.logits",
    "LogitsRows": "inlay.model.logits_rows",
    "LogitsStatistic": "inlay.model.logits_statistic",
    "Metrics": "inlay.model.metrics",
    "Multiclass": "inlay.model.multiclass",
    "Multilabel": "inlay.model.multilabel",
    "Quality": "inlay.model.quality.quality",
    "Ranking": "inlay.model.ranking",
    "Regression": "inlay.model.regression",
    "ReferenceChecks": "inlay.model.estimated.reference_checks",
    "TensorStats": "inlay.model.tensor_stats",
    "TensorSums": "inlay.model.tensor_sums",
    "text": "inlay.model.text",
    "fairness": "inlay.model.parity.table",
}

__all__ = [
    "CBPE",
    "DLE",
    "Binary",
    "BoundGeneration",
    "Estimate",
    "EstimatedMetrics",
    "Fairness",
    "FairnessJudge",
    "Generation",
    "JudgedRate",
    "Logits",
    "LogitsRows",
    "LogitsStatistic",
    "Metrics",
    "Multiclass",
    "Multilabel",
    "Quality",
    "Ranking",
    "ReferenceChecks",
    "Regression",
    "TensorStats",
    "TensorSums",
    "fairness",
    "text",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
