"""Quality of binary predictions: confusion, the whole suite, by group, and the error of AUROC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run

bench = Bench("model_binary")
SMALL, LARGE, GROUPS, SCORES = 1_024, 1_000_000, 64, 200_000
THRESHOLDS = tuple(i / 17 for i in range(1, 17))


def _rows(size: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(17)
    score = rng.beta(0.8, 2.5, size).astype(np.float32)
    return (rng.random(size) < score).astype(np.int64), score


def skewed(run: Run) -> dict[str, tuple[Any, Any]]:
    """Return labels and scores that are hard on a grid: spread out, near 0 and near 1."""
    import numpy as np

    rng = np.random.default_rng(5)
    size = run.size(SCORES, quick=20_000)
    z = rng.normal(0.0, 1.5, size)
    rare = rng.random(size) < 0.005
    sets = {
        "logistic": (z, rng.random(size) < 1 / (1 + np.exp(-z))),
        "fraud": (z - 9 + 3.4 * rare, rare),
        "confident": (z + 9, rng.random(size) < 0.75 + 0.2 * np.tanh(z)),
    }
    return {
        name: (y.astype(np.int64), (1 / (1 + np.exp(-logits))).astype(np.float32))
        for name, (logits, y) in sets.items()
    }


def _report(run: Run, work: str, rows: int, call: Callable[[], object], inner: int) -> None:
    seconds = run.time_each(call, inner=inner)
    run.report(work, [1e9 * s / rows for s in seconds])


def _each_size(run: Run, work: str, call: Callable[[Any, Any], object], slow: int = 1) -> None:
    """Report nanoseconds a row of small and of large batches."""
    for name, size, inner in (("small", SMALL, 200), ("large", LARGE, 5)):
        rows = size if size == SMALL else run.size(size, quick=20_000)
        y, s = _rows(rows)
        _report(run, f"{work}_{name}", rows, lambda y=y, s=s: call(y, s), max(1, inner // slow))


@bench.case("inlay", needs=["numpy", "sklearn"])
def _inlay(run: Run) -> None:
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score

    from inlay import _core
    from inlay.model import Binary

    confusion = Binary(scores=False)
    _each_size(run, "confusion", lambda y, s: confusion.update(y, s))
    suite = Binary(thresholds=THRESHOLDS)
    _each_size(run, "suite", lambda y, s: suite.update(y, s))
    seconds = run.time_each(suite.compute, inner=5)
    run.report("compute", [1e6 * s for s in seconds])

    rows = run.size(LARGE, quick=20_000)
    y, s = _rows(rows)
    group = np.random.default_rng(3).integers(0, GROUPS, rows)
    states = _core.BinaryStates(scores=False)
    _report(run, "groups", rows, lambda: states.update(y, s, None, group), 5)
    run.check(sum(states.rows(g) for g in range(GROUPS)) % rows, 0, "rows")

    memory = 0
    for name, (labels, scores) in skewed(run).items():
        binary = Binary()
        binary.update(labels, scores)
        metrics = binary.compute()
        error = abs(float(metrics.auroc) - roc_auc_score(labels, scores))
        run.report(f"auroc_{name}", [error])
        run.check(error <= float(metrics.auroc_error_bound) + 1e-14, True, "within the bound")
        error = float(metrics.average_precision) - average_precision_score(labels, scores)
        run.report(f"precision_{name}", [abs(error)])
        memory = max(memory, binary._native.memory)
    run.report("state", [memory / 1024])


@bench.case("numpy", needs=["numpy"], role="floor")
def _numpy(run: Run) -> None:
    import numpy as np

    def confusion(y: Any, s: Any) -> Any:
        return np.bincount(2 * y + (s >= 0.5), minlength=4)

    _each_size(run, "confusion", confusion)

    rows = run.size(LARGE, quick=20_000)
    y, s = _rows(rows)
    group = np.random.default_rng(3).integers(0, GROUPS, rows)
    _report(
        run, "groups", rows, lambda: np.bincount(4 * group + 2 * y + (s >= 0.5), minlength=256), 5
    )


@bench.case("scikit-learn", needs=["numpy", "sklearn"])
def _sklearn(run: Run) -> None:
    from sklearn import metrics

    def confusion(y: Any, s: Any) -> None:
        predicted = s >= 0.5
        metrics.confusion_matrix(y, predicted)
        metrics.accuracy_score(y, predicted)
        metrics.f1_score(y, predicted)

    def suite(y: Any, s: Any) -> None:
        for threshold in THRESHOLDS:
            metrics.confusion_matrix(y, s >= threshold)
        metrics.roc_auc_score(y, s)
        metrics.average_precision_score(y, s)
        metrics.brier_score_loss(y, s)
        metrics.log_loss(y, s)

    _each_size(run, "confusion", confusion, slow=100)
    _each_size(run, "suite", suite, slow=200)


@bench.case("torchmetrics", needs=["numpy", "torch", "torchmetrics", "sklearn"])
def _torchmetrics(run: Run) -> None:
    import torch
    from sklearn.metrics import average_precision_score, roc_auc_score
    from torchmetrics import classification as c

    torch.set_num_threads(1)
    counts = c.BinaryStatScores(validate_args=False)
    collection = [
        c.BinaryROC(thresholds=list(THRESHOLDS), validate_args=False),
        c.BinaryAUROC(thresholds=200, validate_args=False),
        c.BinaryAveragePrecision(thresholds=200, validate_args=False),
        c.BinaryCalibrationError(n_bins=15, validate_args=False),
    ]

    def update(metrics: list[Any]) -> Callable[[Any, Any], None]:
        def call(y: Any, s: Any) -> None:
            labels, scores = torch.from_numpy(y), torch.from_numpy(s)
            for metric in metrics:
                metric.update(scores, labels)
            metrics[-1].reset()  # one of them keeps every score

        return call

    _each_size(run, "confusion", update([counts]), slow=10)
    _each_size(run, "suite", update(collection), slow=50)
    for name, (labels, scores) in skewed(run).items():
        y, s = torch.from_numpy(labels), torch.from_numpy(scores)
        for work, metric, exact in (
            ("auroc", collection[1], roc_auc_score),
            ("precision", collection[2], average_precision_score),
        ):
            metric.reset()
            metric.update(s, y)
            run.report(f"{work}_{name}", [abs(float(metric.compute()) - exact(labels, scores))])


@bench.case("torcheval", needs=["numpy", "torch", "torcheval"])
def _torcheval(run: Run) -> None:
    import torch
    from torcheval import metrics as m

    torch.set_num_threads(1)
    matrix, area = m.BinaryConfusionMatrix(), m.BinaryBinnedAUROC(threshold=200)

    def confusion(y: Any, s: Any) -> None:
        matrix.update(torch.from_numpy(s), torch.from_numpy(y))

    def suite(y: Any, s: Any) -> None:
        area.update(torch.from_numpy(s), torch.from_numpy(y))
        area.compute()  # an update keeps the rows, and this counts them
        area.reset()

    _each_size(run, "confusion", confusion, slow=10)
    _each_size(run, "suite", suite, slow=50)


if __name__ == "__main__":
    bench.main()
