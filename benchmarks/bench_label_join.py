"""Labels joined to predictions by id: 1e6 predictions, labels of nine in ten of them, shuffled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run

bench = Bench("label_join")
ROWS = 1_000_000
BATCH = 1_024
PANES = 12


def _ids(rows: int, kind: str) -> tuple[Any, Any, int]:
    """Return ids of predictions, those of labels, and how many labels there are."""
    import numpy as np

    rng = np.random.default_rng(7)
    ids: Any = rng.permutation(np.arange(rows, dtype=np.int64) * 7_919 + 10**9)
    labels = rng.permutation(ids[: rows * 9 // 10])
    if kind == "text":
        ids, labels = (
            np.char.add("prediction", np.char.zfill(each.astype(str), 10)) for each in (ids, labels)
        )
    return ids, labels, len(labels)


def _per_label(seconds: list[float], labels: int) -> list[float]:
    return [each / labels * 1e9 for each in seconds]


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    from inlay import _core

    rows = run.size(ROWS)
    scores = np.linspace(0.0, 1.0, rows, dtype=np.float32)
    panes = np.arange(rows, dtype=np.int64) * PANES // rows
    for kind in ("int64", "text"):
        ids, labels, count = _ids(rows, kind)
        if kind == "text":  # as Arrow holds them
            ids, labels = pa.array(ids), pa.array(labels)
        outcomes = np.ones(count, np.int64)
        join: list[Any] = []

        def fresh(join: list[Any] = join) -> None:
            join[:] = [_core.LabelJoin("binary", 2 * PANES, rows)]

        def predicted(ids: Any = ids, join: list[Any] = join) -> None:
            join[0].predicted(ids, scores, panes)

        def labelled(labels: Any = labels, outcomes: Any = outcomes, join: list[Any] = join) -> Any:
            return join[0].labelled(labels, outcomes, PANES)

        def filled() -> None:
            fresh()
            predicted()

        def both() -> None:
            predicted()
            labelled()

        run.report(kind, _per_label(run.time_each(labelled, before=filled), count))
        run.check(join[0].counts["labels"], count, "labels joined")
        run.report(f"{kind}_both", _per_label(run.time_each(both, before=fresh), count))
        run.check(join[0].counts["labels"], count, "labels joined")
        if kind == "int64":
            filled()
            run.check(join[0].counts["pending"], rows, "predictions that wait")
            run.report("bytes", [join[0].memory_bytes / rows])
            _small(run, ids, labels, scores)


def _small(run: Run, ids: Any, labels: Any, scores: Any) -> None:
    """Batches as a service gets them, into a join that holds all predictions."""
    import numpy as np

    from inlay import _core

    join = _core.LabelJoin("binary", 2, len(ids))
    for at in range(0, len(ids), BATCH):
        join.predicted(ids[at : at + BATCH], scores[at : at + BATCH], 0)
    outcomes = np.ones(BATCH, np.int64)
    parts = iter(range(0, len(labels) - BATCH, BATCH))

    def one() -> None:
        at = next(parts)
        join.labelled(labels[at : at + BATCH], outcomes, 0)

    inner = max(1, len(labels) // BATCH // (2 * run.repeats + 2))
    run.report("batch", _per_label(run.time_each(one, inner=inner), BATCH))


def _peer(run: Run, join: Callable[[str, Any, Any], int]) -> None:
    rows = run.size(ROWS)
    for kind in ("int64", "text"):
        ids, labels, count = _ids(rows, kind)
        found = [0]

        def both(
            ids: Any = ids, labels: Any = labels, kind: str = kind, found: list[int] = found
        ) -> None:
            found[0] = join(kind, ids, labels)

        run.report(f"{kind}_both", _per_label(run.time_each(both, repeats=3), count))
        run.check(found[0], count, "labels joined")


@bench.case("pyarrow, Table.join", needs=["numpy", "pyarrow"])
def _pyarrow(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    pa.set_cpu_count(1)
    made: dict[str, pa.Table] = {}

    def join(kind: str, ids: Any, labels: Any) -> int:
        if kind not in made:  # the tables are there before the join
            scores, outcomes = np.zeros(len(ids), np.float32), np.ones(len(labels))
            made[kind] = pa.table({"id": pa.array(ids), "score": scores})
            made[f"{kind} labels"] = pa.table({"id": pa.array(labels), "outcome": outcomes})
        left, right = made[f"{kind} labels"], made[kind]
        joined = left.join(right, "id", join_type="inner", use_threads=False)
        return int(joined.num_rows)

    _peer(run, join)


@bench.case("pandas, merge", needs=["numpy", "pandas"])
def _pandas(run: Run) -> None:
    import pandas as pd

    made: dict[str, pd.DataFrame] = {}

    def join(kind: str, ids: Any, labels: Any) -> int:
        if kind not in made:
            made[kind] = pd.DataFrame({"id": ids, "score": 0.5})
            made[f"{kind} labels"] = pd.DataFrame({"id": labels, "outcome": 1.0})
        return len(made[f"{kind} labels"].merge(made[kind], on="id"))

    _peer(run, join)


@bench.case("dict", needs=["numpy"])
def _dict(run: Run) -> None:
    made: dict[str, list[Any]] = {}

    def join(kind: str, ids: Any, labels: Any) -> int:
        if kind not in made:
            made[kind], made[f"{kind} labels"] = ids.tolist(), labels.tolist()
        waiting = dict.fromkeys(made[kind], 0.5)
        found = []
        for one in made[f"{kind} labels"]:
            score = waiting.pop(one, None)
            if score is not None:
                found.append((score, 1))
        return len(found)

    _peer(run, join)


if __name__ == "__main__":
    bench.main()
