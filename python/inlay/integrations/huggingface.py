"""The Trainer of Hugging Face: its steps, evaluations and checkpoints.

Checked with transformers 5.24.0.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from inlay.integrations._host_failures import HostFailures
from inlay.training.torch_hooks import TorchHooks

if TYPE_CHECKING:
    from inlay.training.recorder import Recorder

__all__ = ["HuggingFaceCallback"]


class HuggingFaceCallback(TrainerCallback):
    """Records the steps of a ``transformers.Trainer``: give it in ``callbacks=``.

    Steps have the numbers of ``state.global_step``. Phases come from hooks on the model and the
    optimizer, the loss from the model's output without a wait for the device: with gradient
    accumulation the sum of its batches where the Trainer has the model divide by the items of all
    of them, else that of the last; what the Trainer logs where the output has none. The norm of the
    gradient is what the Trainer logs. The time from the end of a step to the next is a wait for
    data, but for evaluations and checkpoints. Tokens are those of ``input_ids``, padding included.

    Parameters
    ----------
    recorder : Recorder
        Where it goes; ``tokens_per_step`` of it is left out.

    Notes
    -----
    What recording raises is counted in ``inlay.host.failures`` and kept from the training.
    """

    __module__ = "inlay.training"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._guard = HostFailures(recorder._observer, "huggingface").guard("callback")
        self._hooks: TorchHooks | None = None
        self._mark = 0.0
        self._evaluating = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Put the hooks in place."""
        with self._guard:
            self._remove()
            self._recorder._usual_tokens = self._recorder._usual_samples = None
            self._recorder._clear_step()
            optimizer = given.get("optimizer")
            self._hooks = TorchHooks(
                self._recorder,
                given["model"],
                getattr(optimizer, "optimizer", optimizer),  # that within accelerate's
                steps=False,
                loss=True,
                count=True,
            )
            if args.average_tokens_across_devices:
                self._hooks._processes = args.world_size
            if state.global_step > 0:
                self._recorder.resumed(state.global_step)
            self._mark = time.perf_counter()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take the number of the epoch."""
        with self._guard:
            self._recorder.epoch(int(state.epoch or 0))

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Begin a step."""
        with self._guard:
            self._recorder.add("data_wait", self._since())
            self._recorder.begin_step(state.global_step + 1)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """End the step."""
        with self._guard:
            self._recorder.end_step()
            self._since()

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Any = None,
        **given: Any,
    ) -> None:
        """Take what the Trainer has waited for in any case."""
        with self._guard:
            last = self._recorder._last
            if logs is None or last is None:
                return
            if "grad_norm" in logs:
                self._recorder.gradient_norm(float(logs["grad_norm"]))
            if "loss" in logs and last[6] is None:
                self._recorder.loss(float(logs["loss"]))

    def on_prediction_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take notice of an evaluation; it has begun with the last mark."""
        self._evaluating = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take the evaluation that has ended."""
        with self._guard:
            self._evaluating = False
            self._recorder.evaluation().ended(self._since())

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take the checkpoint that has been saved."""
        with self._guard:
            name = f"checkpoint-{state.global_step}"
            self._recorder.checkpoint(name).ended(self._since())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Take the hooks away."""
        with self._guard:
            self._remove()

    def _since(self) -> float:
        """Return the seconds since the last mark, and set the next."""
        now = time.perf_counter()
        seconds, self._mark = now - self._mark, now
        return seconds

    def _remove(self) -> None:
        if self._hooks is not None:
            self._hooks.remove()
            self._hooks = None
