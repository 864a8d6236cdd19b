"""A training run as it goes: its steps, its goodput, and the rank that holds the others up."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.integrations.huggingface import HuggingFaceCallback as HuggingFaceCallback
    from inlay.integrations.keras import KerasCallback as KerasCallback
    from inlay.integrations.lightning import LightningCallback as LightningCallback
    from inlay.training.base_drift import BaseDrift
    from inlay.training.flops import palm_flops_per_token
    from inlay.training.forgetting import Forgetting
    from inlay.training.goodput_files import goodput
    from inlay.training.ledger import CAUSES, Goodput
    from inlay.training.recorder import Recorder
    from inlay.training.step_table import PHASES, STEPS
    from inlay.training.stragglers import Straggler, Stragglers
    from inlay.training.torch_hooks import TorchHooks
    from inlay.training.trackers import MlflowTracker, WandbTracker
    from inlay.training.version_events import versions

# Public name -> the module that defines it: what a framework needs loads with its callback.
_HOMES = {
    "CAUSES": "inlay.training.ledger",
    "BaseDrift": "inlay.training.base_drift",
    "Forgetting": "inlay.training.forgetting",
    "Goodput": "inlay.training.ledger",
    "HuggingFaceCallback": "inlay.integrations.huggingface",
    "KerasCallback": "inlay.integrations.keras",
    "LightningCallback": "inlay.integrations.lightning",
    "MlflowTracker": "inlay.training.trackers",
    "PHASES": "inlay.training.step_table",
    "Recorder": "inlay.training.recorder",
    "STEPS": "inlay.training.step_table",
    "Straggler": "inlay.training.straggler_rule",
    "Stragglers": "inlay.training.stragglers",
    "TorchHooks": "inlay.training.torch_hooks",
    "WandbTracker": "inlay.training.trackers",
    "goodput": "inlay.training.goodput_files",
    "palm_flops_per_token": "inlay.training.flops",
    "versions": "inlay.training.version_events",
}

# The callbacks are not among them: each needs its framework.
__all__ = [
    "CAUSES",
    "PHASES",
    "STEPS",
    "BaseDrift",
    "Forgetting",
    "Goodput",
    "MlflowTracker",
    "Recorder",
    "Straggler",
    "Stragglers",
    "TorchHooks",
    "WandbTracker",
    "goodput",
    "palm_flops_per_token",
    "versions",
]


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(_HOMES)
