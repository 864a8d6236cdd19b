"""Kernel statistics of two samples of embeddings, with permutations: time and peak memory."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run
from peak_memory import peak_mib

bench = Bench("mmd")
ROWS, DIMS, PERMUTATIONS = 2_000, 768, 100


def _sides(run: Run) -> tuple[Any, Any]:
    import numpy as np

    rows = run.size(ROWS, quick=200)
    rng = np.random.default_rng(7)
    return (
        rng.normal(size=(rows, DIMS)).astype(np.float32),
        rng.normal(0.02, 1.0, size=(rows, DIMS)).astype(np.float32),
    )


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import inlay.detect

    x, y = _sides(run)
    found: list[Any] = []

    def test(permutations: int = PERMUTATIONS) -> None:
        found[:] = [inlay.detect.mmd(x, y, permutations=permutations)]

    inlay.detect.mmd(x[:10], y[:10])  # what it imports is not its peak
    peak = peak_mib(test)
    if not run.quick:
        run.report("peak", [peak])
    run.report("permutations", run.time_each(test))
    run.check(found[0].details["permutations"], PERMUTATIONS, "permutations")
    run.report("one", run.time_each(lambda: test(0)))
    run.report("energy", run.time_each(lambda: inlay.detect.energy_distance(x, y)))
    summary = inlay.Embedding(DIMS, bandwidth=39.0)
    summary.update(x[:10])  # draws the frequencies
    run.report("update", run.time_each(lambda: summary.update(x)))


@bench.case("scikit-learn", needs=["sklearn", "numpy"])
def _scikit_learn(run: Run) -> None:
    from sklearn.metrics.pairwise import rbf_kernel

    x, y = _sides(run)
    gamma = 1.0 / (2.0 * 39.0**2)

    def one() -> None:
        within = rbf_kernel(x, x, gamma).mean() + rbf_kernel(y, y, gamma).mean()
        float(within - 2.0 * rbf_kernel(x, y, gamma).mean())

    run.report("one", run.time_each(one))


@bench.case("numpy, a whole kernel matrix", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    x, y = _sides(run)
    n, total = len(x), len(x) + len(y)
    rng = np.random.default_rng(1)

    def test() -> None:
        rows = np.concatenate([x, y])
        squares = np.einsum("ij,ij->i", rows, rows)
        kernel = np.exp(
            -np.maximum(squares[:, None] + squares[None, :] - 2.0 * (rows @ rows.T), 0.0)
            / np.float32(2.0 * 39.0**2)
        )
        signs = np.full((total, PERMUTATIONS + 1), -1.0, dtype=np.float32)
        signs[:n, 0] = 1.0
        for column in range(1, PERMUTATIONS + 1):
            signs[rng.permutation(total)[:n], column] = 1.0
        forms = (signs * (kernel @ signs)).sum(axis=0) / (n * n)
        (1 + (forms[1:] >= forms[0]).sum()) / (PERMUTATIONS + 1)

    run.report("permutations", run.time_each(test))


if __name__ == "__main__":
    bench.main()
