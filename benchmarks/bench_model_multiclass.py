"""Ten classes: confusion from labels; top-k, calibration, log loss and Brier score from scores."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("model_multiclass")
CLASSES, BATCH, MANY = 10, 1024, 1_000_000


def _rows(run: Run) -> int:
    return run.size(MANY)


def _labels(rows: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(1)
    y = rng.integers(0, CLASSES, rows)
    return y, np.where(rng.random(rows) < 0.8, y, rng.integers(0, CLASSES, rows))


def _scores(rows: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(2)
    y = rng.integers(0, CLASSES, rows)
    logits = rng.normal(size=(rows, CLASSES))
    logits[np.arange(rows), y] += 2.0
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return y, (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def _per_row(seconds: list[float], rows: int) -> list[float]:
    return [1e9 * s / rows for s in seconds]


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import numpy as np

    from inlay.model import Multiclass

    for name, rows, inner in (("batch", BATCH, 200), ("many", _rows(run), 3)):
        y, p = _labels(rows)
        quality = Multiclass(classes=CLASSES, kind="label")
        seconds = run.time_each(lambda y=y, p=p, q=quality: q.update(y, p), inner=inner)
        run.report(f"labels_{name}", _per_row(seconds, rows))
        run.check(quality.rows % rows, 0, "rows")
        found = float(quality.compute(per_class=False)["accuracy"])
        run.check(abs(found - float(np.mean(y == p))) < 1e-12, True, "accuracy")
        y, s = _scores(rows)
        scored = Multiclass(classes=CLASSES, top_k=(1, 2))
        seconds = run.time_each(lambda y=y, s=s, q=scored: q.update(y, s), inner=inner)
        run.report(f"scores_{name}", _per_row(seconds, rows))
        found = float(scored.compute(per_class=False)["accuracy"])
        run.check(abs(found - float(np.mean(s.argmax(1) == y))) < 1e-12, True, "accuracy")
    run.report("compute", [1e3 * s for s in run.time_each(scored.compute, inner=5)])


@bench.case("scikit-learn", needs=["numpy", "sklearn"])
def _sklearn(run: Run) -> None:
    from sklearn import metrics

    def labels(y: Any, p: Any) -> None:
        metrics.confusion_matrix(y, p, labels=range(CLASSES))

    def scores(y: Any, s: Any) -> None:
        metrics.confusion_matrix(y, s.argmax(axis=1), labels=range(CLASSES))
        metrics.top_k_accuracy_score(y, s, k=2, labels=range(CLASSES))
        metrics.log_loss(y, s, labels=range(CLASSES))

    for name, rows in (("batch", BATCH), ("many", _rows(run))):
        for of, data, call in (("labels", _labels, labels), ("scores", _scores, scores)):
            y, p = data(rows)
            seconds = run.time_each(lambda y=y, p=p, call=call: call(y, p))
            run.report(f"{of}_{name}", _per_row(seconds, rows))


@bench.case("river", needs=["numpy", "river"])
def _river(run: Run) -> None:
    from river.metrics import ConfusionMatrix

    y, p = (column.tolist() for column in _labels(BATCH))
    matrix = ConfusionMatrix()

    def call() -> None:
        for a, b in zip(y, p, strict=True):
            matrix.update(a, b)

    run.report("labels_batch", _per_row(run.time_each(call), BATCH))


@bench.case("numpy", needs=["numpy"], role="floor")
def _numpy(run: Run) -> None:
    import numpy as np

    for name, rows in (("batch", BATCH), ("many", _rows(run))):
        y, p = _labels(rows)
        table = np.zeros(CLASSES * CLASSES, dtype=np.int64)

        def call(y: Any = y, p: Any = p, table: Any = table) -> None:
            table[:] += np.bincount(y * CLASSES + p, minlength=CLASSES * CLASSES)

        run.report(f"labels_{name}", _per_row(run.time_each(call, inner=5), rows))


if __name__ == "__main__":
    bench.main()
