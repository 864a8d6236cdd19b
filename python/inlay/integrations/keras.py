"""Keras' ``fit``: its steps, evaluations and checkpoints.

Checked with keras 3.15.1 on the torch backend.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import keras

from inlay.integrations._host_failures import HostFailures

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.training.recorder import Recorder

__all__ = ["KerasCallback"]


class KerasCallback(keras.callbacks.Callback):
    """Records the steps of ``Model.fit``: give it in ``callbacks=``.

    A step is a batch, or as many as ``steps_per_execution``. On the torch backend the phases are
    told apart: forward lasts until the loss is computed, backward until the optimizer applies the
    gradients; and the loss is that of the batch, which stays on its device. On other backends the
    step is ``other``, and the loss is what Keras gives its callbacks, the mean of the epoch so far.
    The time between two batches is a wait for data, but for evaluations and checkpoints.

    Parameters
    ----------
    recorder : Recorder

    Notes
    -----
    What recording raises is counted in ``inlay.host.failures`` and kept from the training.
    """

    __module__ = "inlay.training"

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._guard = HostFailures(recorder._observer, "keras").guard("callback")
        self._forward = recorder.phase("forward")
        self._backward = recorder.phase("backward")
        self._optimizer = recorder.phase("optimizer")
        self._within: Any = None
        self._restore: list[tuple[Any, str]] = []
        self._splits = False
        self._training = False
        self._mark = 0.0
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Put what tells the phases apart in place."""
        with self._guard:
            self._unwrap()
            self._splits = keras.backend.backend() == "torch" and not self.model.jit_compile
            if self._splits:
                self._wrap(self.model, "compute_loss", self._computes_loss)
                self._wrap(self.model.optimizer, "apply", self._applies)
            self._wrap(self.model, "save", self._saves)
            self._wrap(self.model, "save_weights", self._saves)
            self._training = True
            self._mark = time.perf_counter()

    def on_train_end(self, logs: Any = None) -> None:
        """Take it away."""
        with self._guard:
            self._training = False
            self._unwrap()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Take the number of the epoch."""
        with self._guard:
            self._recorder.epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Begin a step."""
        with self._guard:
            self._recorder.add("data_wait", time.perf_counter() - self._mark)
            self._recorder.begin_step()
            if self._splits:
                self._go_to(self._forward)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """End the step."""
        with self._guard:
            self._go_to(None)
            if not self._splits and logs and "loss" in logs:
                self._recorder.loss(logs["loss"])
            self._recorder.end_step()
            self._mark = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:
        """Take the evaluation that has ended within ``fit``."""
        with self._guard:
            if self._training:
                self._passed(self._recorder.evaluation("validation"), self._began)

    def _passed(self, interval: Any, began: float) -> None:
        seconds = time.perf_counter() - began
        interval.ended(seconds)
        self._mark += seconds  # it is no wait for data

    def _go_to(self, phase: Any) -> None:
        if self._within is not None:
            self._within.__exit__(None, None, None)
        self._within = phase
        if phase is not None:
            phase.__enter__()

    # ---- what Keras calls within a step ------------------------------------------------------
    def _wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        original = getattr(owner, name)

        def wrapped(*args: Any, **options: Any) -> Any:
            return around(original, *args, **options)

        # Past the owner's own bookkeeping of attributes, and on this object only.
        owner.__dict__[name] = wrapped
        self._restore.append((owner, name))

    def _unwrap(self) -> None:
        for owner, name in self._restore:
            owner.__dict__.pop(name, None)
        self._restore = []

    def _computes_loss(self, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        loss = original(*args, **options)
        with self._guard:
            if self._recorder._in_step:
                self._recorder.loss(loss)
                self._go_to(self._backward)
        return loss

    def _applies(self, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with self._guard:
            if self._recorder._in_step:
                self._go_to(self._optimizer)
        result = original(*args, **options)
        with self._guard:
            if self._recorder._in_step:
                self._go_to(None)
                rate = getattr(self.model.optimizer.learning_rate, "value", None)
                if rate is not None:
                    self._recorder.learning_rate(rate)
        return result

    def _saves(self, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        began = time.perf_counter()
        result = original(*args, **options)
        with self._guard:
            name = args[0] if args else options.get("filepath")
            self._passed(self._recorder.checkpoint(None if name is None else str(name)), began)
        return result
