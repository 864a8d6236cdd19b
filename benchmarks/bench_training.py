"""What recording a training step costs its loop, and how soon a straggler is named."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness import Bench, Run

bench = Bench("training")
RANKS = Path(__file__).resolve().parents[1] / "tests" / "python" / "straggler_ranks.py"
PHASES = ("data_wait", "forward", "backward", "communication", "optimizer")


def _microseconds(run: Run, call: Any) -> list[float]:
    return [1e6 * s for s in run.time_each(call, inner=run.size(2000, quick=100))]


def _scalars() -> tuple[Any, Any]:
    import torch

    torch.set_num_threads(1)
    loss = torch.tensor(1.5, requires_grad=True) * 2.0
    return loss, torch.tensor(0.3)


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    import inlay
    from inlay.training import Recorder

    loss, norm = _scalars()
    obs = inlay.Observer(window=3600.0)
    with tempfile.TemporaryDirectory() as folder:
        rec = Recorder(obs, tokens_per_step=4096, state=Path(folder) / "state")
        phases = [rec.phase(name) for name in PHASES]

        def step() -> None:
            with rec.step():
                for phase in phases:
                    with phase:
                        pass
                rec.loss(loss)
                rec.gradient_norm(norm)
                rec.learning_rate(1e-3)

        def bare() -> None:
            with rec.step():
                pass

        run.report("step", _microseconds(run, step))
        run.report("bare", _microseconds(run, bare))
        rec.observe(obs)
        done = rec.steps

        class Waits(TorchDispatchMode):
            count = 0

            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                self.count += "_local_scalar_dense" in func.name()
                return func(*args, **(kwargs or {}))

        with Waits() as waits:
            for _ in range(1000):
                step()
            run.report("waits", [float(waits.count)])
            norm.item()
            run.check(waits.count, 1, "the count counts")
        run.check(rec.steps, done + 1000, "steps")

        def window() -> None:
            for _ in range(1000):
                step()

        run.report(
            "window",
            [1e3 * s for s in run.time_each(lambda: rec.observe(obs), before=window, inner=3)],
        )
        rec.close()
    del torch


def _step_of_torch() -> tuple[Any, Any, Any]:
    import torch

    torch.set_num_threads(1)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    batch = torch.ones(2, 4)

    def step() -> None:
        model(batch).sum().backward()
        optimizer.step()

    return model, optimizer, step


def _added(run: Run, hooked: Any) -> list[float]:
    """Return the microseconds that hooks add to a step, timed in turn with one that has none."""
    _, _, plain = _step_of_torch()
    inner = run.size(1000, quick=50)
    return [
        1e6 * (with_hooks - without)
        for _ in range(run.repeats)
        for without, with_hooks in zip(
            run.time_each(plain, inner=inner, repeats=1),
            run.time_each(hooked, inner=inner, repeats=1),
            strict=True,
        )
    ]


@bench.case("inlay, hooks of PyTorch", needs=["torch"])
def _hooks(run: Run) -> None:
    import inlay
    from inlay.training import Recorder, TorchHooks

    model, optimizer, step = _step_of_torch()
    rec = Recorder(inlay.Observer(window=3600.0))
    with TorchHooks(rec, model, optimizer):
        run.report("hooks", _added(run, step))
    run.check(rec.steps > 0, True, "steps")


@bench.case("PyTorch, empty hooks", needs=["torch"])
def _empty_hooks(run: Run) -> None:
    import torch

    model, optimizer, step = _step_of_torch()
    engine: Any = torch.autograd.Variable._execution_engine
    called = 0

    def nothing(*_: Any) -> None:
        nonlocal called
        called += 1

    def backward_begins(_gradients: Any) -> None:
        engine.queue_callback(last)

    def last() -> None:
        engine.queue_callback(nothing)

    def forward_ends(_module: Any, _inputs: Any, output: Any) -> None:
        output.grad_fn.register_prehook(backward_begins)

    model.register_forward_pre_hook(nothing, with_kwargs=True)
    model.register_forward_hook(forward_ends, always_call=True)
    optimizer.register_step_pre_hook(nothing)
    optimizer.register_step_post_hook(nothing)
    run.report("hooks", _added(run, step))
    run.check(called > 0, True, "hooks called")


@bench.case("inlay, Hugging Face", needs=["torch", "transformers"])
def _hugging_face(run: Run) -> None:
    import inlay
    from inlay.training import HuggingFaceCallback, Recorder

    rec = Recorder(inlay.Observer(window=3600.0))
    callback: Any = HuggingFaceCallback(rec)
    state = SimpleNamespace(global_step=0, epoch=0.0)

    def step() -> None:
        callback.on_step_begin(None, state, None)
        callback.on_step_end(None, state, None)
        state.global_step += 1

    run.report("callback", _microseconds(run, step))
    run.check(rec.steps, state.global_step, "steps")


@bench.case("torch's .item()", needs=["torch"])
def _item(run: Run) -> None:
    loss, norm = _scalars()
    kept: list[float] = []

    def step() -> None:
        kept[:] = [loss.item(), norm.item()]

    run.report("read", _microseconds(run, step))


@bench.case("inlay, scalars alone", needs=["torch"])
def _scalars_alone(run: Run) -> None:
    import inlay
    from inlay.training import Recorder

    loss, norm = _scalars()
    rec = Recorder(inlay.Observer(window=3600.0))
    take = rec._readback.take

    def step() -> None:
        take(loss)
        take(norm)

    run.report("read", _microseconds(run, step))


def _ranks(*arguments: object, size: int = 4) -> list[dict[str, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = [str(one) for one in (size, port, *arguments)]
    running = [
        subprocess.Popen(
            [sys.executable, str(RANKS), str(rank), *told],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    return [json.loads(one.communicate(timeout=200)[0]) for one in running]


@bench.case("inlay, 4 processes of gloo", needs=["torch"])
def _stragglers(run: Run) -> None:
    waited = []
    for n in range(1 if run.quick else 3):
        onset = 31 + 3 * n  # wherever it falls between two exchanges
        told = _ranks(5, onset + 20, 0.005, 1, onset, 0.02)
        for one in told:
            run.check(one["named"][0][1], 1, "the rank named")
        waited.append(float(told[0]["named"][0][2] - onset + 1))
    run.report("named", waited)
    steps = run.size(1000, quick=50)
    told = _ranks(10, steps, 0.005, -1, 0, 0.0)
    run.check({one["steps"] for one in told}, {steps}, "steps")
    run.report("false", [float(len(told[0]["named"]))])


if __name__ == "__main__":
    bench.main()
