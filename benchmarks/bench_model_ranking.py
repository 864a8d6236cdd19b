"""Lists of 20 rows, 1,000 queries: MRR, MAP, NDCG, hit, precision and recall at 1, 5 and 10."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("model_ranking")
QUERIES, ROWS = 1000, 20


def _columns(run: Run) -> tuple[Any, Any, Any]:
    import numpy as np

    queries = run.size(QUERIES, quick=50)
    rng = np.random.default_rng(1)
    y = (rng.random((queries, ROWS)) < 0.2).astype(np.int64)
    s = (rng.normal(size=(queries, ROWS)) + y).astype(np.float32)
    return y, s, np.repeat(np.arange(queries), ROWS)


def _per_row(seconds: list[float], rows: int) -> list[float]:
    return [1e9 * s / rows for s in seconds]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    from inlay.model import Ranking

    y, s, groups = _columns(run)
    flat, scores = y.ravel(), s.ravel()
    quality = Ranking()
    seconds = run.time_each(lambda: quality.update(flat, scores, groups=groups), inner=3)
    run.report("rows", _per_row(seconds, len(flat)))
    run.check(quality.queries % len(y), 0, "queries")
    run.report("compute", [1e3 * t for t in run.time_each(quality.compute, inner=5)])


@bench.case("scikit-learn", needs=["numpy", "sklearn"])
def _sklearn(run: Run) -> None:
    from sklearn import metrics

    y, s, _ = _columns(run)

    def call() -> None:
        for k in (1, 5, 10):
            metrics.ndcg_score(y, s, k=k)
        metrics.label_ranking_average_precision_score(y, s)

    run.report("rows", _per_row(run.time_each(call), y.size))


@bench.case("numpy, one sort", needs=["numpy"], role="floor")
def _numpy(run: Run) -> None:
    _, s, _ = _columns(run)
    run.report("rows", _per_row(run.time_each(lambda: s.argsort(axis=1), inner=3), s.size))


if __name__ == "__main__":
    bench.main()
