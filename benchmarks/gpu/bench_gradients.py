"""400 gradient tensors of 1e9 elements in all: norms, largest magnitudes, zeros, not finite."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from device_timing import over, seconds, sum_seconds
from harness import Bench, Run

bench = Bench("gpu_gradients")
TENSORS = 400


def _with_torch(torch: Any, tensors: list[Any]) -> tuple[Any, ...]:
    norms = torch._foreach_norm(tensors)
    largest = torch._foreach_norm(tensors, float("inf"))
    nans = [t.isnan().sum() for t in tensors]
    infinities = [t.isinf().sum() for t in tensors]
    zeros = [(t == 0).sum() for t in tensors]
    return norms, largest, nans, infinities, zeros


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch
    from watched_calls import Watch

    from inlay.model import TensorStats

    # Sizes as a model has them: a few large matrices, many vectors.
    total = run.size(1_000_000_000)
    vectors, matrices = TENSORS // 2, TENSORS - TENSORS // 2
    sizes = [4_096] * vectors + [max(1, (total - 4_096 * vectors) // matrices)] * matrices
    tensors = [torch.empty(n, device="cuda").normal_() for n in sizes]
    stats = TensorStats()
    ours = seconds(torch, run, lambda: stats.update(tensors))
    run.report("time", [s * 1e3 for s in ours])
    whole = torch.empty(sum(sizes), device="cuda").normal_()
    read = statistics.median(sum_seconds(torch, run, whole))
    run.report("share", [100 * read / s for s in ours])
    del whole
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        with watch.calls() as seen:
            stats.update(tensors)
        watch.close()
    run.report("launches", [float(seen.launches)])
    theirs = seconds(torch, run, lambda: _with_torch(torch, tensors))
    run.report("time", [s * 1e3 for s in theirs], role="peer", peer="torch._foreach_norm, sums")
    over(run, "over_torch", theirs, ours)


if __name__ == "__main__":
    bench.main()
