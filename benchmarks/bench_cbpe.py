"""A classifier's figures without labels: a reference of 1e5 rows fitted, 1e5 rows estimated."""

from __future__ import annotations

from typing import Any

from elsewhere import elsewhere
from harness import Bench, Run
from scored_rows import scored_rows

bench = Bench("cbpe")
ROWS = 100_000
THRESHOLD = 0.5


def _sides(run: Run) -> tuple[Any, Any, Any]:
    rows = run.size(ROWS, quick=10_000)
    scores, labels = scored_rows(rows, seed=1)
    chunk, _ = scored_rows(rows, seed=2)
    return scores, labels, chunk


@bench.case("inlay", needs=["numpy"])
def _inlay(run: Run) -> None:
    import numpy as np

    from inlay.model import CBPE

    scores, labels, chunk = _sides(run)
    made: list[Any] = []

    def whole() -> None:
        made[:] = [CBPE().fit(labels, scores).estimate(chunk)]

    run.report("whole", run.time_each(whole))
    by_hand = _by_hand(scores, labels, chunk)
    for name, value in by_hand.items():
        run.check(abs(float(made[0][name]) - value) < 2e-3, True, name)
    if not run.quick:
        other = elsewhere(run, "nannyml_cbpe", rows=ROWS, threshold=THRESHOLD)["values"]
        apart = [abs(float(made[0][name]) - value) for name, value in other.items()]
        run.report("apart", [max(apart)])
    cbpe = CBPE().fit(labels, scores)
    run.report("fitted", [s * 1e3 for s in run.time_each(lambda: cbpe.estimate(chunk))])
    batch = np.ascontiguousarray(chunk[:1024])
    run.report("batch", [s * 1e6 for s in run.time_each(lambda: cbpe.update(batch), inner=100)])
    q = np.stack([scores, (1 - scores) * 0.7, (1 - scores) * 0.3], axis=1)
    truth = np.where(labels == 1, 0, 1 + (np.arange(len(labels)) % 10 < 3))

    def several() -> None:
        CBPE(task="multiclass", classes=3).fit(truth, q).estimate(q)

    run.report("classes", run.time_each(several))


def _by_hand(scores: Any, labels: Any, chunk: Any) -> dict[str, float]:
    """Return the figures from scikit-learn's isotonic regression and its weighted metrics."""
    import numpy as np
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import average_precision_score, roc_auc_score

    p = IsotonicRegression(out_of_bounds="clip").fit(scores, labels).predict(chunk)
    positive = chunk >= THRESHOLD
    tp, fn = p[positive].sum(), p[~positive].sum()
    fp, tn = positive.sum() - tp, (~positive).sum() - fn
    twice = np.concatenate([chunk, chunk])
    truth = np.repeat([1, 0], len(chunk))
    weights = np.concatenate([p, 1 - p])
    return {
        "accuracy": (tp + tn) / len(chunk),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "auroc": roc_auc_score(truth, twice, sample_weight=weights),
        "average_precision": average_precision_score(truth, twice, sample_weight=weights),
    }


@bench.case("scikit-learn, by hand", needs=["sklearn", "numpy"])
def _sklearn(run: Run) -> None:
    sides = _sides(run)
    run.report("whole", run.time_each(lambda: _by_hand(*sides)))


@bench.case("nannyml")
def _nannyml(run: Run) -> None:
    rows = run.size(ROWS, quick=10_000)
    result = elsewhere(run, "nannyml_cbpe", rows=rows, threshold=THRESHOLD)
    run.check(sorted(result["values"])[0], "accuracy", "figures")
    run.report("whole", [result["seconds"]])


if __name__ == "__main__":
    bench.main()
