"""What a model says of itself: its logits, activations and gradients, on the CPU or on a GPU."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.model.logits import Logits
    from inlay.model.logits_rows import LogitsRows
    from inlay.model.logits_statistic import LogitsStatistic
    from inlay.model.tensor_stats import TensorStats, TensorSums

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "Logits": "inlay.model.logits",
    "LogitsRows": "inlay.model.logits_rows",
    "LogitsStatistic": "inlay.model.logits_statistic",
    "TensorStats": "inlay.model.tensor_stats",
    "TensorSums": "inlay.model.tensor_stats",
}

__all__ = [
    "Logits",
    "LogitsRows",
    "LogitsStatistic",
    "TensorStats",
    "TensorSums",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay.model' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
