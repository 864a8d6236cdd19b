"""One training step of a transformer block with and without monitors, in turn.

32 sequences of 2,048 tokens, 2,048 wide, bfloat16, forward and backward. Handed to `update`: what
the block gives, logits with their tokens, and all gradients; the logits of the last token of each
sequence, and in rows of their own those of every token, which are 16 times what the block gives.
"""

from __future__ import annotations

import statistics
from typing import Any

import device_timing  # noqa: F401  (finds the harness)
from harness import Bench, Run

bench = Bench("gpu_step")
BATCH, TOKENS, WIDTH, HEADS, VOCABULARY = 32, 2_048, 2_048, 16, 32_000


def _model(torch: Any, width: int, vocabulary: int) -> tuple[Any, Any]:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.before_attention, self.before_mlp = nn.RMSNorm(width), nn.RMSNorm(width)
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.up = nn.Linear(width, 4 * width, bias=False)
            self.down = nn.Linear(4 * width, width, bias=False)

        def forward(self, x: Any) -> Any:
            b, t, _ = x.shape
            parts = self.qkv(self.before_attention(x)).view(b, t, 3, HEADS, width // HEADS)
            q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(b, t, width))
            return x + self.down(nn.functional.gelu(self.up(self.before_mlp(x))))

    block = Block().to("cuda", torch.bfloat16)
    head = nn.Linear(width, vocabulary, bias=False).to("cuda", torch.bfloat16)
    return block, head


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    with torch.cuda.stream(torch.cuda.Stream()):
        _measure(torch, run, "", every=False)
        _measure(torch, run, "all_", every=True)


def _measure(torch: Any, run: Run, prefix: str, *, every: bool) -> None:
    import inlay
    from inlay.model import Logits, TensorStats

    batch, tokens = (2, 128) if run.quick else (BATCH, TOKENS)
    block, head = _model(torch, WIDTH, VOCABULARY)
    parameters = [*block.parameters(), *head.parameters()]
    x = torch.randn(batch, tokens, WIDTH, device="cuda", dtype=torch.bfloat16)
    rows = batch * tokens if every else batch
    targets = torch.randint(0, VOCABULARY, (rows,), device="cuda")
    outputs, histogram = inlay.Moments(), inlay.ExpHistogram()
    logits, gradients = Logits(vocabulary=VOCABULARY), TensorStats()

    def step(*, watched: bool) -> None:
        for parameter in parameters:
            parameter.grad = None
        given = block(x)
        scores = head(given.flatten(0, 1) if every else given[:, -1])
        loss = torch.nn.functional.cross_entropy(scores, targets) + given.square().mean()
        loss.backward()
        if watched:
            outputs.update(given)
            histogram.update(given)
            logits.update(scores, targets)
            gradients.update([parameter.grad for parameter in parameters])

    def timed(*, watched: bool) -> float:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        step(watched=watched)
        end.record()
        end.synchronize()
        elapsed: float = begin.elapsed_time(end)
        return elapsed

    for _ in range(3):
        timed(watched=False)
        timed(watched=True)
    without, with_monitors, slower = [], [], []
    for _ in range(run.repeats):
        pairs = [(timed(watched=False), timed(watched=True)) for _ in range(5)]
        bare = statistics.median(bare for bare, _ in pairs)
        full = statistics.median(full for _, full in pairs)
        without.append(bare)
        with_monitors.append(full)
        slower.append(100 * (full / bare - 1))
    run.check(logits.rows % rows, 0, "rows of logits")
    run.report(f"{prefix}watched", with_monitors)
    run.report(f"{prefix}watched", without, role="floor", peer="without monitors")
    run.report(f"{prefix}slower", slower)


if __name__ == "__main__":
    bench.main()
