"""Quality by segment while it runs, and groups compared, through the public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run

bench = Bench("quality")
ROWS, BATCH, FAIR = 1_000_000, 1_024, 1_000_000
SITES = tuple(f"site-{i}" for i in range(4))
AGES = tuple(f"{i}0s" for i in range(1, 13))
GROUPS = 4 + 12 + 4 * 12


def _rows(size: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(17)
    score = rng.beta(0.8, 2.5, size).astype(np.float32)
    return (rng.random(size) < score).astype(np.int64), score


def _groups(size: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(3)
    return np.array(SITES)[rng.integers(0, 4, size)], np.array(AGES)[rng.integers(0, 12, size)]


def _per_row(run: Run, work: str, rows: int, call: Callable[[], Any], inner: int = 1) -> None:
    run.report(work, [s / rows * 1e9 for s in run.time_each(call, inner=inner)])


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import pyarrow as pa

    import inlay
    from inlay.model import Fairness, fairness

    rows = run.size(ROWS)
    y, s = _rows(rows)
    site, age = _groups(rows)
    coded = pa.array(site).dictionary_encode()
    obs = inlay.Observer()
    plain = obs.quality("plain", task="binary")
    run.report(
        "batch",
        [t * 1e6 for t in run.time_each(lambda: plain.observed(y[:BATCH], s[:BATCH]), inner=100)],
    )
    _per_row(run, "rows", rows, lambda: plain.observed(y, s))
    by_site = obs.quality("by_site", task="binary", attributes=("site",))
    _per_row(run, "rows_coded", rows, lambda: by_site.observed(y, s, site=coded))
    _per_row(run, "rows_text", rows, lambda: by_site.observed(y, s, site=site))

    found: list[Fairness] = []

    def whole() -> None:
        found[:] = [fairness(y, s, attributes={"site": site, "age": age})]

    _per_row(run, "fairness", rows, whole)
    run.check(len(found[0].groups), GROUPS, "groups")
    _check_fairness(run, found[0], y, s, site, age)
    counts = {
        tuple(part.split("=")[1] for part in name.split(",")): (1_000 + i, 200, 300, 500 + i)
        for i, name in enumerate(found[0].groups)
        if "," in name
    }

    def table() -> None:
        made = Fairness.of_counts(counts, ("site", "age"))
        assert len(made.groups) == GROUPS
        assert made.compared
        assert made.overall

    run.report("intervals", [t * 1e3 for t in run.time_each(table, inner=20)])


def _check_fairness(run: Run, found: Any, y: Any, s: Any, site: Any, age: Any) -> None:
    """Compare a group's rates with those counted by hand."""
    of = (site == SITES[1]) & (age == AGES[2])
    positive = s[of] >= 0.5
    group = found.groups[f"site={SITES[1]},age={AGES[2]}"]
    run.check(float(group.predicted_positive_rate), positive.mean(), "selection rate")
    run.check(float(group.recall), positive[y[of] == 1].mean(), "true positive rate")


@bench.case("fairlearn", needs=["numpy", "fairlearn", "pandas"])
def _fairlearn(run: Run) -> None:
    import pandas as pd
    from fairlearn.metrics import (
        MetricFrame,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import precision_score

    rows = run.size(FAIR // 10)
    y, s = _rows(rows)
    site, age = _groups(rows)
    features = pd.DataFrame({"site": site, "age": age})
    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "precision": precision_score,
    }

    def groups(columns: list[str]) -> Any:
        frame = MetricFrame(
            metrics=metrics,
            y_true=y,
            y_pred=(s >= 0.5).astype(int),
            sensitive_features=features[columns],
        )
        return frame.by_group

    def whole() -> None:
        for columns in (["site"], ["age"], ["site", "age"]):
            groups(columns)

    _per_row(run, "fairness", rows, whole)


if __name__ == "__main__":
    bench.main()
