"""Checks of a batch: the fused scan, one server batch, a suite over a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elsewhere import elsewhere
from harness import Bench, Run

bench = Bench("checks")
# Eight columns of 16,384 doubles lie in the second- and third-level caches.
SCAN_ROWS, SCAN_COLUMNS = 16_384, 8
SERVER_ROWS, TABLE_ROWS, COLUMNS = 1_024, 1_000_000, 20
NAMES = ["", "n/a", "none", "unknown"]
#: Columns whose values must differ, one of integers and one of text.
KEYS = (1, 2)


def _scan_batch() -> Any:
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(1)
    return pa.record_batch({f"x{i}": random.normal(size=SCAN_ROWS) for i in range(SCAN_COLUMNS)})


def _mixed_batch(rows: int) -> Any:
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(2)
    columns: dict[str, Any] = {}
    for i in range(COLUMNS):
        if i % 3 == 0:
            columns[f"real{i}"] = random.normal(size=rows)
        elif i % 3 == 1:
            columns[f"int{i}"] = random.permutation(rows)
        else:
            columns[f"text{i}"] = pa.array([f"user-{n}" for n in random.permutation(rows)])
    return pa.record_batch(columns)


def _report(
    run: Run,
    scan: Callable[[Any], Callable[[], int]],
    suite: Callable[[Any], Callable[[], int]],
) -> None:
    """Report how long checks take that find nothing wrong."""
    batch = _scan_batch()
    call = scan(batch)
    run.check(call(), 0, "failures of the scan")
    samples = run.per_call("f()", [None] * run.size(200, quick=20), f=call)
    run.report("scan", [batch.nbytes / ns for ns in samples])

    call = suite(_mixed_batch(SERVER_ROWS))
    run.check(call(), 0, "failures of the server batch")
    samples = run.per_call("f()", [None] * run.size(100, quick=5), f=call)
    run.report("server", [ns / 1e6 for ns in samples])

    batch = _mixed_batch(run.size(TABLE_ROWS))
    call = suite(batch)
    run.check(call(), 0, "failures of the table")
    run.report("suite", [batch.nbytes / s / 1e9 for s in run.time_each(call, inner=3)])


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import inlay
    from inlay import checks
    from inlay._core import CheckPlan

    def scan(batch: Any) -> Callable[[], int]:
        rules: list[Any] = []
        for i in range(SCAN_COLUMNS):
            rules += [("null", i, {}), ("finite", i, {}), ("stats", i, {})]
            rules.append(("range", i, {"min": -10.0, "max": 10.0}))
        plan = CheckPlan(batch.schema, rules)
        return lambda: sum(plan.check(batch).counts)

    def contract_of(batch: Any) -> inlay.Contract:
        each: list[checks.Check] = []
        for i, name in enumerate(batch.schema.names):
            each.append(checks.nulls(name))
            if i % 3 == 0:
                each += [checks.in_range(name, -10.0, 10.0), checks.finite(name)]
            elif i % 3 == 1:
                each.append(checks.in_range(name, 0, batch.num_rows))
                each.append(checks.not_in_set(name, [-1, -2, -3]))
            else:
                each += [checks.length(name, 1, 20), checks.utf8(name)]
                each.append(checks.not_in_set(name, NAMES))
        each += [checks.unique(batch.schema.names[i]) for i in KEYS]
        return inlay.Contract(each)

    def suite(batch: Any) -> Callable[[], int]:
        contract = contract_of(batch)
        return lambda: 0 if contract.check(batch).passed else 1

    _report(run, scan, suite)
    batch = _mixed_batch(SERVER_ROWS)
    contract = contract_of(batch)
    contract.check(batch)
    plan = contract._compiled[0][1].plan
    samples = run.per_call("f(b)", [None] * run.size(100, quick=5), f=plan.check, b=batch)
    run.report("plan", [ns / 1e6 for ns in samples])


@bench.case("great_expectations, 40 checks")
def _great_expectations(run: Run) -> None:
    rows = run.size(TABLE_ROWS, quick=10_000)
    result = elsewhere(run, "great_expectations_suite", rows=rows)
    run.check((result["success"], result["checks"]), (True, 40), "outcome and checks")
    # 15 float64 and 5 texts of 12 bytes with their offsets, as Arrow has them.
    run.report("suite", [rows * (15 * 8 + 5 * 16) / result["seconds"] / 1e9])


@bench.case("pyarrow", needs=["numpy", "pyarrow"])
def _pyarrow(run: Run) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    pa.set_cpu_count(1)

    def outside(column: Any, low: Any, high: Any) -> Any:
        return pc.sum(pc.or_(pc.less(column, low), pc.greater(column, high))).as_py()

    def scan(batch: Any) -> Callable[[], int]:
        def call() -> int:
            failures = 0
            for column in batch.columns:
                failures += column.null_count
                failures += pc.sum(pc.invert(pc.is_finite(column))).as_py()
                pc.min_max(column)
                pc.sum(column)
                failures += outside(column, -10.0, 10.0)
            return failures

        return call

    def suite(batch: Any) -> Callable[[], int]:
        numbers, names = pa.array([-1, -2, -3]), pa.array(NAMES)

        def call() -> int:
            failures = 0
            for i, column in enumerate(batch.columns):
                failures += column.null_count
                if i % 3 == 0:
                    failures += outside(column, -10.0, 10.0)
                    failures += pc.sum(pc.invert(pc.is_finite(column))).as_py()
                elif i % 3 == 1:
                    failures += outside(column, 0, batch.num_rows)
                    failures += pc.sum(pc.is_in(column, numbers)).as_py()
                else:
                    failures += outside(pc.utf8_length(column), 1, 20)
                    column.validate(full=True)
                    failures += pc.sum(pc.is_in(column, names)).as_py()
                if i in KEYS:
                    failures += len(column) - pc.count_distinct(column).as_py()
            return failures

        return call

    _report(run, scan, suite)


@bench.case("pyarrow min_max alone", needs=["numpy", "pyarrow"])
def _pyarrow_min_max(run: Run) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    pa.set_cpu_count(1)
    batch = _scan_batch()

    def call() -> None:
        for column in batch.columns:
            pc.min_max(column)

    samples = run.per_call("f()", [None] * run.size(200, quick=20), f=call)
    run.report("scan", [batch.nbytes / ns for ns in samples])


@bench.case("pandas", needs=["numpy", "pandas", "pyarrow"])
def _pandas(run: Run) -> None:
    import numpy as np

    def scan(batch: Any) -> Callable[[], int]:
        frame = batch.to_pandas()

        def call() -> int:
            failures = 0
            for name in frame:
                column = frame[name]
                failures += int(column.isna().sum()) + int((~np.isfinite(column)).sum())
                column.min(), column.max(), column.sum()
                failures += int((~column.between(-10.0, 10.0)).sum())
            return failures

        return call

    def suite(batch: Any) -> Callable[[], int]:
        frame = batch.to_pandas()

        def call() -> int:
            failures = 0
            for i, name in enumerate(frame):
                column = frame[name]
                failures += int(column.isna().sum())
                if i % 3 == 0:
                    failures += int((~column.between(-10.0, 10.0)).sum())
                    failures += int((~np.isfinite(column)).sum())
                elif i % 3 == 1:
                    failures += int((~column.between(0, len(frame))).sum())
                    failures += int(column.isin([-1, -2, -3]).sum())
                else:
                    failures += int((~column.str.len().between(1, 20)).sum())
                    failures += int(column.isin(NAMES).sum())
                if i in KEYS:
                    failures += int(column.duplicated().sum())
            return failures

        return call

    _report(run, scan, suite)


if __name__ == "__main__":
    bench.main()
