"""Logits of vLLM's samplers: how certain the model was, recorded where the logits are."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.integrations._host_failures import HostFailures
    from inlay.observer import Observer

__all__ = ["record_logits"]

# Module and class, and whether it changes logits of float32 in place: those must be read before
# it runs, when no token has been chosen yet.
_SAMPLERS = (
    ("vllm.v1.sample.sampler", "Sampler", True),
    ("vllm.v1.worker.gpu.sample.sampler", "Sampler", False),
)
# What feeds a sampler made-up logits, to measure memory and to warm up.
_WARM_UP = "_dummy_sampler_run"

# One process has one; plugins may be loaded more than once.
_recorder: _Recorder | None = None


class _Recorder:
    """Feeds one `Logits`, unless another process of the same model does."""

    def __init__(self, observer: Observer, name: str, failures: HostFailures) -> None:
        from inlay.model import Logits

        self._logits = Logits(name=f"{name}.logits")
        observer.probe(self._logits)
        self._first: bool | None = None
        self.guard = failures.guard("logits")

    def take(self, logits: Any, chosen: Any) -> None:
        if self._first is None:
            self._first = _is_first()
        if self._first:
            if chosen is not None and chosen.shape[0] != logits.shape[0]:
                chosen = None
            self._logits.update(logits, chosen)


def record_logits(observer: Observer, name: str, failures: HostFailures) -> None:
    """Let the samplers of this process record their logits.

    Parameters
    ----------
    observer : Observer
        Where they go.
    name : str
        What the metrics begin with: ``<name>.logits.…``.
    failures : HostFailures
        Where what goes wrong is counted.
    """
    global _recorder
    if _recorder is not None:
        return
    recorder = _Recorder(observer, name, failures)
    for module, sampler, in_place in _SAMPLERS:
        with failures.guard(f"logits of {module}"):
            _wrap(getattr(importlib.import_module(module), sampler), in_place, recorder)
            _recorder = recorder


def _wrap(sampler: Any, in_place: bool, recorder: _Recorder) -> None:
    run: Callable[..., Any] = sampler.__call__

    @functools.wraps(run)
    def recorded(self: Any, logits: Any, *args: Any, **options: Any) -> Any:
        if sys._getframe(1).f_code.co_name == _WARM_UP:
            return run(self, logits, *args, **options)
        early = in_place and str(logits.dtype) == "torch.float32"
        if early:
            with recorder.guard:
                recorder.take(logits, None)
        output = run(self, logits, *args, **options)
        if not early:
            with recorder.guard:
                recorder.take(logits, output.sampled_token_ids[:, 0])
        return output

    sampler.__call__ = recorded


def _is_first() -> bool:
    """Tell whether this is the first of the processes that share a model's tensors.

    Each of them samples, all from the same logits.
    """
    try:
        from vllm.distributed.parallel_state import get_tensor_model_parallel_rank

        return int(get_tensor_model_parallel_rank()) == 0
    except (AssertionError, ImportError):  # no group was made: there is one process
        return True
