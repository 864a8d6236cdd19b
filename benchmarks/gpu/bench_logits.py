"""Logits of [64, 128256]: entropy, the two largest, margin, log-probability and rank of a token."""

from __future__ import annotations

from typing import Any

from device_timing import captured, over, seconds
from harness import Bench, Run

bench = Bench("gpu_logits")
ROWS, VOCABULARY = 64, 128_256


def _with_torch(torch: Any, x: Any, chosen: Any) -> tuple[Any, ...]:
    logs = torch.log_softmax(x.float(), dim=-1)
    probabilities = logs.exp()
    entropy = -(probabilities * logs).sum(-1)
    largest = probabilities.topk(2, dim=-1).values
    of_chosen = logs.gather(1, chosen[:, None])
    rank = (logs > of_chosen).sum(-1)
    broken = (~x.isfinite()).sum()
    return entropy, largest, largest[:, 0] - largest[:, 1], of_chosen, rank, broken


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    from inlay.model import Logits

    chosen = torch.randint(0, VOCABULARY, (ROWS,), device="cuda")
    for name in ("bfloat16", "float32"):
        kind = getattr(torch, name)
        # More than any cache holds, read in turn.
        inputs = [
            torch.randn(ROWS, VOCABULARY, device="cuda").to(kind) for _ in range(run.size(16))
        ]
        made = Logits(vocabulary=VOCABULARY)
        count = len(inputs)
        replay = captured(torch, [lambda x=x, made=made: made.update(x, chosen) for x in inputs])
        ours = [s / count for s in seconds(torch, run, replay)]
        run.report(name, [s * 1e6 for s in ours])
        run.check(made.rows % ROWS, 0, "rows")
        replay = captured(torch, [lambda x=x: _with_torch(torch, x, chosen) for x in inputs])
        theirs = [s / count for s in seconds(torch, run, replay)]
        run.report(name, [s * 1e6 for s in theirs], role="peer", peer="torch")
        over(run, f"{name}_over_torch", theirs, ours)


if __name__ == "__main__":
    bench.main()
