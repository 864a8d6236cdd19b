"""Lightning's Trainer: its steps, validations and checkpoints.

Checked with lightning 2.6.6.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback

from inlay.integrations._host_failures import HostFailures
from inlay.training.torch_hooks import norm_of

if TYPE_CHECKING:
    from inlay.training.recorder import Recorder

__all__ = ["LightningCallback"]


class LightningCallback(Callback):
    """Records the steps of a ``lightning.Trainer``: give it in ``callbacks=``.

    A step is one of the optimizer, with the number of ``trainer.global_step``. Forward lasts until
    ``on_before_backward``, backward until ``on_after_backward``, optimizer until its step has
    ended; with optimization by hand the rest is ``other``. The loss is that which ``training_step``
    returned last before the optimizer's step; it stays on its device. The time between two batches
    is a wait for data, but for validations and checkpoints.

    Parameters
    ----------
    recorder : Recorder
    gradient_norm : bool, default False
        Whether the norm of all gradients is computed before each of the optimizer's steps, on their
        device.

    Notes
    -----
    What recording raises is counted in ``inlay.host.failures`` and kept from the training.
    """

    __module__ = "inlay.training"

    def __init__(self, recorder: Recorder, *, gradient_norm: bool = False) -> None:
        self._recorder = recorder
        self._norm = gradient_norm
        self._guard = HostFailures(recorder._observer, "lightning").guard("callback")
        self._open: list[Any] = []
        self._phases = {name: recorder.phase(name) for name in ("forward", "backward", "optimizer")}
        self._handles: list[Any] = []
        self._save: Any = None
        self._mark = 0.0
        self._began = 0.0

    # ---- the run -----------------------------------------------------------------------------
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Put what measures the optimizer and checkpoints in place."""
        with self._guard:
            if trainer.global_step > 0:
                self._recorder.resumed(trainer.global_step)
            self._handles = [
                optimizer.register_step_post_hook(self._optimizer_ended)
                for optimizer in trainer.optimizers
                if hasattr(optimizer, "register_step_post_hook")
            ]
            self._save = trainer.save_checkpoint
            trainer.save_checkpoint = self._measured_save
            self._mark = time.perf_counter()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Take it away."""
        with self._guard:
            self._remove(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Give the step up."""
        with self._guard:
            self._recorder.abandon_step()
            self._remove(trainer)

    def _remove(self, trainer: Any) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._save is not None:
            trainer.save_checkpoint = self._save
            self._save = None

    def _measured_save(self, filepath: Any, *args: Any, **options: Any) -> None:
        begin = time.perf_counter()
        self._save(filepath, *args, **options)
        with self._guard:
            seconds = time.perf_counter() - begin
            self._recorder.checkpoint(str(filepath)).ended(seconds)
            self._mark += seconds  # it is no wait for data

    # ---- steps -------------------------------------------------------------------------------
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Take the number of the epoch."""
        with self._guard:
            self._recorder.epoch(trainer.current_epoch)

    def on_train_batch_start(
        self,
        trainer: Any,
        pl_module: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Begin a step, or go on with one that accumulates gradients."""
        with self._guard:
            now = time.perf_counter()
            waited = max(0.0, now - self._mark)
            recorder = self._recorder
            recorder.add("data_wait", waited)
            if not recorder._in_step:
                recorder.begin_step(trainer.global_step + 1)
            self._enter("forward")

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        """Go from forward to backward."""
        with self._guard:
            self._leave()
            self._enter("backward")

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        """End backward."""
        with self._guard:
            self._leave()

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Begin the optimizer's step."""
        with self._guard:
            self._leave()
            if self._norm:
                self._recorder.gradient_norm(norm_of(optimizer))
            self._enter("optimizer")

    def _optimizer_ended(self, optimizer: Any, *_: Any) -> None:
        with self._guard:
            self._leave()
            self._recorder.learning_rate(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """End the step, if the optimizer has done one."""
        with self._guard:
            self._leave()
            recorder = self._recorder
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            if loss is not None:
                batches = trainer.accumulate_grad_batches  # by which Lightning has divided it
                recorder.loss(loss if batches == 1 else loss * batches)
            if recorder._in_step and trainer.global_step >= recorder._number:
                recorder.end_step()
            self._mark = time.perf_counter()

    def _enter(self, name: str) -> None:
        phase = self._phases[name]
        phase.__enter__()
        self._open.append(phase)

    def _leave(self) -> None:
        while self._open:
            self._open.pop().__exit__(None, None, None)

    # ---- validation --------------------------------------------------------------------------
    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Take the validation that has ended, but for that before the training."""
        with self._guard:
            if trainer.sanity_checking:
                return
            seconds = time.perf_counter() - self._began
            self._recorder.evaluation("validation").ended(seconds)
            self._mark += seconds
