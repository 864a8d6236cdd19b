"""What `update` costs the host: a tensor of torch handed over, and nothing waited for."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import device_timing  # noqa: F401  (finds the harness)
from harness import Bench, Run

bench = Bench("gpu_update")
CALLS = 200  # fewer than a device queues


def host_us(torch: Any, run: Run, call: Callable[[], object]) -> list[float]:
    """Microseconds of one call on the host, by the clock, the device idle before each round."""
    for _ in range(20):
        call()
    samples = []
    for _ in range(run.repeats):
        rounds = []
        for _ in range(5):
            torch.cuda.synchronize()
            start = time.perf_counter_ns()
            for _ in range(CALLS):
                call()
            rounds.append((time.perf_counter_ns() - start) / CALLS / 1e3)
        samples.append(statistics.median(rounds))
    torch.cuda.synchronize()
    return samples


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    import inlay
    from inlay._cuda_runtime import native
    from inlay.model import Logits, TensorStats

    with torch.cuda.stream(torch.cuda.Stream()):
        rows = torch.randn(64, 32, device="cuda")
        vector = torch.randn(2_048, device="cuda")
        wide = torch.randn(8, 1_000, device="cuda")
        chosen = torch.zeros(8, dtype=torch.int64, device="cuda")
        many = [torch.randn(64, device="cuda") for _ in range(400)]
        columns = native().ColumnMonitor(32, device=0)
        moments, histogram = inlay.Moments(), inlay.ExpHistogram()
        logits, stats = Logits(vocabulary=1_000), TensorStats()
        updates: dict[str, Callable[[], object]] = {
            "columns": lambda: columns.update(rows),
            "moments": lambda: moments.update(vector),
            "exp_histogram": lambda: histogram.update(vector),
            "logits": lambda: logits.update(wide, chosen),
            "gradients": lambda: stats.update(many),
        }
        for name, call in updates.items():
            run.report(name, host_us(torch, run, call))
        out = torch.empty_like(vector)
        floor = host_us(torch, run, lambda: torch.add(vector, vector, out=out))
        run.report("torch_add", floor, role="floor", peer="torch.add")
        _count_calls(torch, run, list(updates.values()))


def _count_calls(torch: Any, run: Run, updates: list[Callable[[], object]]) -> None:
    from watched_calls import NoCupti, Watch

    with tempfile.TemporaryDirectory() as folder:
        try:
            watch = Watch(Path(folder))
        except NoCupti as error:
            raise RuntimeError(f"calls cannot be counted: {error}") from error
        torch.cuda.synchronize()
        with watch.calls() as seen:
            for call in updates:
                call()
        watch.close()
    run.report("waits", [float(seen.waits)])
    run.report("allocations", [float(seen.allocations)])


if __name__ == "__main__":
    bench.main()
