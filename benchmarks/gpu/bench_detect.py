"""Two samples of 2,000 embeddings of 768, MMD with 100 permutations; and columns of 1e7."""

from __future__ import annotations

from typing import Any

from device_timing import over, seconds
from harness import Bench, Run

bench = Bench("gpu_detect")
N, DIMS, PERMUTATIONS = 2_000, 768, 100


def _with_torch(torch: Any, x: Any, y: Any) -> Any:
    """One kernel matrix of both samples, permuted by index, as drift libraries do it."""
    both = torch.cat([x, y])
    squared = torch.cdist(both, both).square_()
    n = len(x)
    middle = squared.flatten()[::7].median()
    kernel = torch.exp(-squared / (2 * middle))
    kernel.fill_diagonal_(0.0)

    def statistic(k: Any) -> Any:
        m = len(both) - n
        of_x, of_y, of_both = k[:n, :n].sum(), k[n:, n:].sum(), k[:n, n:].mean()
        return of_x / (n * (n - 1)) + of_y / (m * (m - 1)) - 2 * of_both

    seen = statistic(kernel)
    larger = torch.zeros((), device="cuda")
    for _ in range(PERMUTATIONS):
        order = torch.randperm(len(both), device="cuda")
        larger += statistic(kernel[order][:, order]) >= seen
    return seen, larger


@bench.case("inlay", needs=["torch"])
def _inlay(run: Run) -> None:
    import torch

    from inlay import detect

    n = run.size(N, quick=200)
    x = torch.randn(n, DIMS, device="cuda")
    y = torch.randn(n, DIMS, device="cuda") + 0.01
    ours = run.time_each(lambda: detect.mmd(x, y, permutations=PERMUTATIONS), inner=5)
    run.report("mmd_python", [s * 1e3 for s in ours])
    theirs = seconds(torch, run, lambda: _with_torch(torch, x, y))
    run.report("mmd_python", [s * 1e3 for s in theirs], role="peer", peer="torch")
    over(run, "mmd_over_torch", theirs, ours)
    column = torch.randn(run.size(10_000_000), device="cuda")
    other = torch.randn(run.size(10_000_000), device="cuda")
    run.report(
        "two_sample",
        [s * 1e3 for s in run.time_each(lambda: detect.two_sample(column, other), inner=3)],
    )


if __name__ == "__main__":
    bench.main()
