"""Errors of predicted numbers, float32, and what an offset of 1e8 does to them."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("model_regression")
BATCH, MANY = 1024, 1_000_000


def _columns(rows: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(1)
    y = rng.normal(size=rows)
    return y.astype(np.float32), (y + rng.normal(0.1, 0.5, rows)).astype(np.float32)


def _per_row(seconds: list[float], rows: int) -> list[float]:
    return [1e9 * s / rows for s in seconds]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import numpy as np

    from inlay.model import Regression

    for name, rows, inner in (("batch", BATCH, 200), ("many", run.size(MANY), 5)):
        y, p = _columns(rows)
        errors = Regression(relative=False, distribution=False)
        seconds = run.time_each(lambda y=y, p=p, q=errors: q.update(y, p), inner=inner)
        run.report(name, _per_row(seconds, rows))
        wide = p.astype(np.float64) - y
        found = float(errors.compute()["mae"])
        run.check(abs(found / np.abs(wide).mean() - 1) < 1e-9, True, "mae")
        everything = Regression()
        seconds = run.time_each(lambda y=y, p=p, q=everything: q.update(y, p), inner=inner)
        run.report(f"{name}_all", _per_row(seconds, rows))
    run.report("compute", [1e3 * s for s in run.time_each(everything.compute, inner=5)])
    y, p = (column.astype(np.float64) for column in _columns(100_000))
    near, far = Regression(), Regression()
    near.update(y, p)
    far.update(y + 1e8, p + 1e8)
    expected, found = near.compute(), far.compute()
    names = ("mae", "rmse", "r2", "bias")
    run.report("offset_error", [max(abs(float(found[n]) / float(expected[n]) - 1) for n in names)])


@bench.case("scikit-learn", needs=["numpy", "sklearn"])
def _sklearn(run: Run) -> None:
    from sklearn import metrics

    for name, rows in (("batch", BATCH), ("many", run.size(MANY))):
        y, p = _columns(rows)

        def call(y: Any = y, p: Any = p) -> None:
            metrics.mean_absolute_error(y, p)
            metrics.mean_squared_error(y, p)
            metrics.r2_score(y, p)

        run.report(name, _per_row(run.time_each(call), rows))


@bench.case("river", needs=["numpy", "river"])
def _river(run: Run) -> None:
    from river.metrics import MAE, R2, RMSE

    y, p = (column.tolist() for column in _columns(BATCH))
    each = (MAE(), RMSE(), R2())

    def call() -> None:
        for a, b in zip(y, p, strict=True):
            for metric in each:
                metric.update(a, b)

    run.report("batch", _per_row(run.time_each(call), BATCH))


@bench.case("numpy", needs=["numpy"], role="floor")
def _numpy(run: Run) -> None:
    import numpy as np

    for name, rows in (("batch", BATCH), ("many", run.size(MANY))):
        y, p = _columns(rows)

        def call(y: Any = y, p: Any = p) -> None:
            e = p - y
            np.abs(e).sum()
            np.dot(e, e)
            y.var()

        run.report(name, _per_row(run.time_each(call, inner=5), rows))


if __name__ == "__main__":
    bench.main()
