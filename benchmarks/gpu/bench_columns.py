"""Statistics of [1e6, 256] by columns, beside what torch and CuPy are composed to."""

from __future__ import annotations

from typing import Any

from device_timing import over, seconds
from harness import Bench, Run

bench = Bench("gpu_columns")
COLUMNS = 256
EDGES = [-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
BINS = len(EDGES) - 1


def _with_torch(torch: Any, x: Any) -> tuple[Any, ...]:
    counts = [torch.histc(x[:, i], BINS, -3.0, 3.0) for i in range(COLUMNS)]
    return (
        x.mean(0),
        x.std(0),
        x.amin(0),
        x.amax(0),
        x.isnan().sum(0),
        x.isinf().sum(0),
        torch.stack(counts),
    )


def _with_cupy(cupy: Any, x: Any) -> tuple[Any, ...]:
    counts = [cupy.histogram(x[:, i], BINS, (-3.0, 3.0))[0] for i in range(COLUMNS)]
    return (
        x.mean(0),
        x.std(0),
        x.min(0),
        x.max(0),
        cupy.isnan(x).sum(0),
        cupy.isinf(x).sum(0),
        cupy.stack(counts),
    )


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    import inlay
    from inlay._cuda_runtime import native

    x = torch.randn(run.size(1_000_000), COLUMNS, device="cuda")
    monitor = native().ColumnMonitor(COLUMNS, device=0, edges=[EDGES] * COLUMNS)
    ours = seconds(torch, run, lambda: monitor.update(x))
    run.report("time", [s * 1e3 for s in ours])
    monitor.collect()
    seen = inlay.Moments.from_bytes(monitor.moments(COLUMNS - 1))
    run.check(seen.count % x.shape[0], 0, "rows")

    theirs = seconds(torch, run, lambda: _with_torch(torch, x))
    run.report("time", [s * 1e3 for s in theirs], role="peer", peer="torch")
    over(run, "over_torch", theirs, ours)
    try:
        import cupy
    except ImportError:
        return
    with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
        same = cupy.from_dlpack(x)
        theirs = seconds(torch, run, lambda: _with_cupy(cupy, same))
    run.report("time", [s * 1e3 for s in theirs], role="peer", peer="cupy")
    over(run, "over_cupy", theirs, ours)


if __name__ == "__main__":
    bench.main()
