"""A month of stored points judged anew; writing them is not measured."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from harness import Bench, Run

bench = Bench("replay")
MINUTES, COLUMNS, ROWS, INNER = 43_200, 100, 1_000, 10
# A frozen reference: ten cells, and one beyond the extremes on each side.
CELLS = INNER + 2
START = 1_767_225_600_000_000  # 2026-01-01, Unix microseconds
MINUTE = 60_000_000
DAY = 1_440
SHIFT_DAY = 15


def _rows(first: int, last: int, names: list[str], counts: Any, **given: Any) -> Any:
    """Return the points of some minutes, column by column: the order in which files have them."""
    import numpy as np
    import pyarrow as pa

    from inlay import _core
    from inlay.summary._reference import hash_of_edges
    from inlay.table import arrow_schema

    edges = [float(edge) for edge in range(CELLS - 1)]
    minutes, total = last - first, (last - first) * len(names)
    attrs = [_core.canonical_json({"column": name, "watch": "features"}) for name in names]
    metric = given.get("metric", "data.column")
    series = [_core.series_id(metric, text, "ranker") for text in attrs]
    minute = np.tile(np.arange(first, last), len(names))
    places = np.arange(total + 1, dtype=np.int32)
    same: dict[str, Any] = {
        "revision": 0,
        "form": "delta",
        "origin": 1,
        "layer": "data",
        "metric": metric,
        "kind": "edges",
        "status": "ok",
        "resource": _core.canonical_json({"service.name": "ranker", "host.name": "h"}),
        "count": ROWS,
        "null_count": 0,
        "nan_count": 0,
        "pos_inf_count": 0,
        "neg_inf_count": 0,
        "reference_id": hash_of_edges(edges),
        **given,
    }
    each: dict[str, Any] = {
        "start_time": START + minute * MINUTE,
        "time": START + (minute + 1) * MINUTE,
        "observed_time": START + (minute + 1) * MINUTE,
        "window_seq": minute,
        "series_id": np.repeat(series, minutes),
        "attrs": pa.array(attrs).take(pa.array(np.repeat(np.arange(len(names)), minutes))),
        "bounds": pa.ListArray.from_arrays(places * len(edges), pa.array(np.tile(edges, total))),
        "counts": pa.ListArray.from_arrays(places * CELLS, pa.array(counts.reshape(-1))),
    }
    arrays = []
    for field in arrow_schema("points"):
        if field.name in each:
            value = each[field.name]
            value = value if isinstance(value, pa.Array) else pa.array(value)
            arrays.append(value.cast(field.type))
        elif field.name in same:
            arrays.append(pa.repeat(pa.scalar(same[field.name], field.type), total))
        else:
            arrays.append(pa.nulls(total, field.type))
    return pa.Table.from_arrays(arrays, schema=arrow_schema("points"))


def _write(directory: Path, minutes: int) -> None:
    """Write the points as a sink leaves them: a Parquet file a day, sorted by series and time."""
    import datetime

    import numpy as np
    import pyarrow as pa

    from inlay import _core
    from inlay._files.layout import partition, write_marker
    from inlay._files.parquet import write_parquet

    write_marker(directory)
    rng = np.random.default_rng(1)
    even = np.pad(np.full(INNER, 1 / INNER), 1)
    other = np.pad(np.linspace(0.8, 1.2, INNER) / INNER, 1)
    names = sorted(
        (f"x{number:03d}" for number in range(COLUMNS)),
        key=lambda name: _core.series_id(
            "data.column", _core.canonical_json({"column": name, "watch": "features"}), "ranker"
        ),
    )

    # What minute m counted is emitted at its end: that of the last one belongs to the next day.
    first = 0
    while first < minutes:
        last = min((first + 1) // DAY * DAY + DAY - 1, minutes)
        counts = rng.multinomial(ROWS, even, size=(COLUMNS, last - first))
        shifted = np.arange(first, last) >= SHIFT_DAY * DAY
        drawn = rng.multinomial(ROWS, other, size=int(shifted.sum()))
        counts[names.index("x000"), shifted] = drawn
        rows = _rows(first, last, names, counts)
        if first == 0:
            own = rng.multinomial(100_000, even, size=COLUMNS)
            more = {"metric": "data.reference", "form": "derived", "value": 1.0}
            rows = pa.concat_tables([rows, _rows(0, 1, names, own, **more)])
        name = f"{1:016x}-{first:010d}-{last - 1:010d}.parquet"
        date = datetime.date(2026, 1, 1) + datetime.timedelta((first + 1) // DAY)
        path = directory / "points" / partition(date, "data") / name
        write_parquet(rows, path, is_sorted=True)
        first = last


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import inlay
    from inlay.drift import DistanceJudge, DriftJudge
    from inlay.drift.replay import Replay

    minutes = run.size(MINUTES, quick=DAY)
    directory = Path(tempfile.mkdtemp(prefix="inlay-bench-replay-"))
    try:
        _write(directory, minutes)
        size = sum(path.stat().st_size for path in directory.rglob("*.parquet"))
        run.report("disk", [size / (minutes * COLUMNS)])
        found: list[inlay.Backtest] = []
        # A month takes seconds: it warms itself up.
        measure = functools.partial(run.time_each, repeats=3, warm_up=run.quick)

        def replay(judges: Any) -> None:
            found[:] = [inlay.backtest(directory, judges, keep="none")]

        for work, judges in (
            ("default", None),
            ("drift", DriftJudge()),
            ("psi", DistanceJudge("psi")),
        ):
            run.report(work, measure(lambda judges=judges: replay(judges)))
            run.check(found[0].rows, minutes * COLUMNS, "points")
            if work == "drift" and not run.quick:
                columns = {each.attrs for each in found[0].fired}
                run.check(len(columns), 1, "columns that fired")
        run.report("read", measure(lambda: [len(rows) for rows in Replay(directory)]))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    bench.main()
