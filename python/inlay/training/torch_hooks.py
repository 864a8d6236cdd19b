"""Steps of a plain PyTorch loop, split into phases by hooks on the module and the optimizer."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Self

from inlay._arguments import at_least, with_methods
from inlay._exceptions import InvalidArgumentError
from inlay.integrations._host_failures import HostFailures

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from inlay.training.recorder import Recorder

__all__ = ["TorchHooks", "loss_of", "norm_of"]

# Functions of torch.distributed that return when the collective is done, or enqueued on a device.
_COLLECTIVES = (
    "all_gather",
    "all_gather_into_tensor",
    "all_reduce",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "reduce",
    "reduce_scatter_tensor",
)


class TorchHooks:
    """Splits the steps of a training loop in PyTorch without a change to the loop.

    A forward pass of the module in training mode, with gradients, begins a step if none has begun;
    the end of the optimizer's step ends it. A step that the loop began ends where the loop ends it.
    Between them the phases are told apart by hooks: forward by the module's, backward by one on its
    output and the end of the engine's pass, what DistributedDataParallel waits for there included,
    optimizer by its own, communication by the functions of ``torch.distributed`` while the hooks
    are in place. No hook waits for a device; on one, the phases are the times that the host spends
    on them. What the loop does between two steps is in none of their phases: put the loader into
    `Recorder.data`, so that its waits are told from the rest.

    Parameters
    ----------
    recorder : Recorder
    module : torch.nn.Module
        The outermost one, a wrapper such as DistributedDataParallel included.
    optimizer : torch.optim.Optimizer, optional
        Whose step ends the step, and whose first learning rate is recorded; needed with `steps`.
    steps : bool, default True
        Whether the hooks begin and end steps; False where the loop or a framework does.
    accumulate : int, default 1
        Optimizer steps that one step has.
    loss : bool, default False
        Whether the module's output has the loss: itself a tensor of one element, an attribute or a
        key ``loss``, or first in a tuple. Of several batches of a step it is the last one's; where
        the module is given ``num_items_in_batch``, by which each divides its own, their sum.
    collectives : bool, default True
        Whether calls of ``torch.distributed`` count as communication.
    count : bool, default False
        Whether the shape of the first tensor that the module is given, or of ``input_ids``, tells
        the samples of a step and, if it has two dimensions of integers, its tokens, padding
        included.
    gradient_norm : bool, default False
        Whether the norm of all gradients is computed before each of the optimizer's steps, on their
        device; a loop that clips them has it and gives it to `Recorder.gradient_norm` instead.

    Raises
    ------
    InvalidArgumentError
        If `accumulate` is below 1, or there is no optimizer that could end the steps.
    TypeError
        If an argument is no recorder, module or optimizer.

    Notes
    -----
    `remove` takes all hooks away; used as a context manager it does so at the end. What a hook of
    ours raises is counted in ``inlay.host.failures`` and kept from the training.
    """

    __module__ = "inlay.training"

    def __init__(
        self,
        recorder: Recorder,
        module: Any,
        optimizer: Any = None,
        *,
        steps: bool = True,
        accumulate: int = 1,
        loss: bool = False,
        collectives: bool = True,
        count: bool = False,
        gradient_norm: bool = False,
    ) -> None:
        with_methods("recorder", recorder, "begin_step", "end_step", "phase")
        with_methods("module", module, "register_forward_pre_hook", "register_forward_hook")
        if optimizer is not None:
            with_methods(
                "optimizer", optimizer, "register_step_pre_hook", "register_step_post_hook"
            )
        elif steps:
            message = f"optimizer must be given, or steps=False, for a step to end: {optimizer!r}"
            raise InvalidArgumentError(message)
        at_least("accumulate", accumulate, 1)
        self._recorder = recorder
        self._steps = steps
        self._accumulate = accumulate
        self._optimizer_steps = 0
        self._ours: Any = None  # what a step that the hooks began has spent
        self._loss = loss
        self._count = count
        self._norm = gradient_norm
        self._is_part = False  # whether the loss is divided by the items of all batches of the step
        self._parts: tuple[Any, Any] = (None, None)  # their sum, and of which step
        self._processes = 1  # over whose items, too
        self._depth = 0
        self._in_backward = False
        import torch

        self._with_gradients = torch.is_grad_enabled
        self._engine: Any = torch.autograd.Variable._execution_engine
        failures = HostFailures(recorder._observer, "torch")
        self._guard = failures.guard("hook")
        self._forward = recorder.phase("forward")
        self._backward = recorder.phase("backward")
        self._optimizer = recorder.phase("optimizer")
        self._handles: list[Any] = [
            module.register_forward_pre_hook(self._forward_begins, with_kwargs=True),
            module.register_forward_hook(self._forward_ends, always_call=True),
        ]
        if optimizer is not None:
            self._handles += [
                optimizer.register_step_pre_hook(self._optimizer_begins),
                optimizer.register_step_post_hook(self._optimizer_ends),
            ]
        self._patched: list[tuple[str, Any, Any]] = []
        if collectives:
            self._patch()

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        distributed: Any = sys.modules.get("torch.distributed")
        for name, ours, theirs in self._patched:
            if getattr(distributed, name, None) is ours:  # else somebody put theirs over it
                setattr(distributed, name, theirs)
        self._patched.clear()

    def __enter__(self) -> Self:
        """Return these hooks."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take them away."""
        self.remove()

    # ---- forward and backward ----------------------------------------------------------------
    def _forward_begins(self, module: Any, inputs: Any, named: Any) -> None:
        if not module.training or not self._with_gradients():
            return
        with self._guard:
            self._end_backward()
            if self._steps and not self._recorder._in_step:
                self._recorder.begin_step()
                self._ours = self._recorder._spent
            self._depth += 1
            if self._depth == 1:
                self._is_part = named.get("num_items_in_batch") is not None
                if self._count:
                    self._count_inputs(inputs, named)
                self._forward.__enter__()

    def _count_inputs(self, inputs: Any, named: Any) -> None:
        given = named.get("input_ids")
        if given is None:
            given = next((one for one in (*inputs, *named.values()) if hasattr(one, "shape")), None)
        if given is None or not given.shape:
            return
        recorder = self._recorder
        recorder.samples((recorder._samples or 0) + given.shape[0])
        if given.dim() == 2 and not given.is_floating_point():
            recorder.tokens((recorder._tokens or 0) + given.numel())

    def _forward_ends(self, module: Any, _inputs: Any, output: Any) -> None:
        if not module.training or not self._depth or not self._with_gradients():
            return
        with self._guard:
            self._depth -= 1
            if self._depth:
                return
            self._forward.__exit__(None, None, None)
            found = loss_of(output)
            if self._loss and found is not None:
                self._recorder.loss(self._summed(found) if self._is_part else found)
            first = found if found is not None else _tensor_with_gradient(output)
            if getattr(first, "grad_fn", None) is not None:
                # On the node: it costs a third of a hook on the tensor.
                first.grad_fn.register_prehook(self._backward_begins)

    def _summed(self, loss: Any) -> Any:
        """Return the loss of the step until now, where it lies."""
        loss = loss.detach()
        if self._processes > 1:
            loss = loss * self._processes
        summed, step = self._parts
        if step is self._recorder._spent:
            loss = summed + loss
        self._parts = (loss, self._recorder._spent)
        return loss

    def _backward_begins(self, _gradients: Any) -> None:
        with self._guard:
            if self._in_backward:
                return
            self._in_backward = True
            self._backward.__enter__()
            # The engine calls it when the pass that is going on has come to its end.
            self._engine.queue_callback(self._pass_ends)

    def _pass_ends(self) -> None:
        # Behind the callbacks that were queued since: in one of them DistributedDataParallel waits.
        with self._guard:
            self._engine.queue_callback(self._end_backward)

    def _end_backward(self) -> None:
        with self._guard:
            if self._in_backward:
                self._in_backward = False
                self._backward.__exit__(None, None, None)

    # ---- the optimizer -----------------------------------------------------------------------
    def _optimizer_begins(self, optimizer: Any, *_: Any) -> None:
        with self._guard:
            self._end_backward()
            if self._norm:
                self._recorder.gradient_norm(norm_of(optimizer))
            self._optimizer.__enter__()

    def _optimizer_ends(self, optimizer: Any, *_: Any) -> None:
        with self._guard:
            self._optimizer.__exit__(None, None, None)
            self._recorder.learning_rate(optimizer.param_groups[0]["lr"])
            self._optimizer_steps += 1
            ours = self._recorder._spent is self._ours
            if ours and self._optimizer_steps % self._accumulate == 0:
                self._recorder.end_step()

    # ---- collectives -------------------------------------------------------------------------
    def _patch(self) -> None:
        import torch.distributed as distributed

        if not distributed.is_available():
            return
        for name in _COLLECTIVES:
            theirs = getattr(distributed, name, None)
            if theirs is not None:
                ours = _measured(theirs, self._recorder)
                setattr(distributed, name, ours)
                self._patched.append((name, ours, theirs))


def _measured(function: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    phase = recorder.phase("communication")

    @functools.wraps(function)
    def measured(*args: Any, **options: Any) -> Any:
        with phase:
            return function(*args, **options)

    return measured


def norm_of(optimizer: Any) -> Any:
    """Return the norm of all gradients that an optimizer has, where they are."""
    import torch

    groups = optimizer.param_groups
    gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else 0.0


def loss_of(output: Any) -> Any:
    """Return the loss among what a module returned, or None."""
    if isinstance(output, dict):
        return output.get("loss")
    found = getattr(output, "loss", None)
    if found is not None:
        return found
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if getattr(output, "numel", lambda: 0)() == 1 else None


def _tensor_with_gradient(output: Any) -> Any:
    values = output.values() if isinstance(output, dict) else output
    if getattr(output, "requires_grad", False):
        return output
    if isinstance(output, (tuple, list, dict)):
        for value in values:
            if getattr(value, "requires_grad", False):
                return value
    return None
