"""The distribution of one whole tensor of 1e9 float32: buckets and moments in one read."""

from __future__ import annotations

from device_timing import over, seconds, sum_seconds
from harness import Bench, Run

bench = Bench("gpu_tensor")


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    import inlay
    from inlay._cuda_runtime import native

    x = torch.empty(run.size(1_000_000_000), device="cuda").normal_()
    monitor = native().ColumnMonitor(1, device=0)
    ours = seconds(torch, run, lambda: monitor.update(x))
    run.report("time", [s * 1e3 for s in ours])
    monitor.collect()
    seen = inlay.Moments.from_bytes(monitor.moments(0)).count
    run.check(seen % x.numel(), 0, "values")
    theirs = seconds(torch, run, lambda: (torch.histc(x, 100, -5.0, 5.0), x.mean(), x.std()))
    run.report("time", [s * 1e3 for s in theirs], role="peer", peer="torch.histc, mean, std")
    over(run, "over_torch", theirs, ours)
    read = sum_seconds(torch, run, x)
    run.report("time", [s * 1e3 for s in read], role="floor", peer="torch.sum")


if __name__ == "__main__":
    bench.main()
