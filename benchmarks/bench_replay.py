"""A month of stored points judged anew."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from harness import Bench, Run

bench = Bench("replay")
MINUTES, COLUMNS, ROWS, CELLS = 43_200, 100, 1_000, 10
START = 1_767_225_600_000_000  # 2026-01-01, Unix microseconds
MINUTE = 60_000_000
DAY = 1_440
SHIFT_DAY = 15


def _day(first: int, minutes: int, rng: Any, shares: Any) -> Any:
    """Return the points of some minutes, the first column's drawn from other shares."""
    import numpy as np
    import pyarrow as pa

    from inlay import _core
    from inlay.summary._reference import hash_of_edges
    from inlay.table import arrow_schema

    edges = [float(edge) for edge in range(CELLS - 1)]
    counts = rng.multinomial(ROWS, np.full(CELLS, 1 / CELLS), size=(minutes, COLUMNS))
    counts[:, 0] = rng.multinomial(ROWS, shares, size=minutes)
    attrs = [
        _core.canonical_json({"column": f"x{number:03d}", "watch": "features"})
        for number in range(COLUMNS)
    ]
    series = [_core.series_id("data.column", text, "ranker") for text in attrs]
    total = minutes * COLUMNS
    minute = np.repeat(np.arange(first, first + minutes), COLUMNS)
    places = np.arange(total + 1, dtype=np.int32)
    same: dict[str, Any] = {
        "revision": 0,
        "form": "delta",
        "origin": 1,
        "layer": "data",
        "metric": "data.column",
        "kind": "edges",
        "status": "ok",
        "resource": _core.canonical_json({"service.name": "ranker", "host.name": "h"}),
        "count": ROWS,
        "null_count": 0,
        "nan_count": 0,
        "pos_inf_count": 0,
        "neg_inf_count": 0,
        "reference_id": hash_of_edges(edges),
    }
    each: dict[str, Any] = {
        "start_time": START + minute * MINUTE,
        "time": START + (minute + 1) * MINUTE,
        "observed_time": START + (minute + 1) * MINUTE,
        "window_seq": minute,
        "series_id": np.tile(series, minutes),
        "attrs": pa.array(attrs).take(pa.array(np.tile(np.arange(COLUMNS), minutes))),
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
    """Write the points as a sink leaves them: a Parquet file a day."""
    import numpy as np
    import pyarrow as pa

    from inlay._files.layout import partition, write_marker
    from inlay._files.parquet import write_parquet

    write_marker(directory)
    rng = np.random.default_rng(1)
    even, other = np.full(CELLS, 1 / CELLS), np.linspace(0.8, 1.2, CELLS) / CELLS
    for first in range(0, minutes, DAY):
        # A row of minute m is emitted at the end of it: those of midnight belong to the next day.
        points = _day(
            first, min(DAY, minutes - first), rng, other if first >= SHIFT_DAY * DAY else even
        )
        if first == 0:
            reference = points.slice(0, COLUMNS)
            for name, value in (("metric", "data.reference"), ("form", "derived")):
                place = reference.schema.get_field_index(name)
                text = pa.repeat(pa.scalar(value), COLUMNS)
                reference = reference.set_column(place, reference.schema.field(name), text)
            drawn = rng.multinomial(100_000, even, size=COLUMNS).reshape(-1)
            places = np.arange(COLUMNS + 1, dtype=np.int32) * CELLS
            place = reference.schema.get_field_index("counts")
            counts = pa.ListArray.from_arrays(places, pa.array(drawn))
            reference = reference.set_column(place, reference.schema.field("counts"), counts)
            points = pa.concat_tables([reference, points])
        days = points["observed_time"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        for day in days.unique().to_pylist():
            rows = points.filter(pa.compute.equal(days, pa.scalar(day)))
            numbers = rows["window_seq"].to_numpy()
            name = f"{1:016x}-{numbers.min():010d}-{numbers.max():010d}.parquet"
            write_parquet(rows, directory / "points" / partition(day, "data") / name)


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

        def replay(judges: Any) -> None:
            found[:] = [inlay.backtest(directory, judges, keep="none")]

        for work, judges in (
            ("default", None),
            ("drift", DriftJudge()),
            ("psi", DistanceJudge("psi")),
        ):
            run.report(work, run.time_each(lambda judges=judges: replay(judges), inner=1))
            run.check(found[0].rows, minutes * COLUMNS, "points")
            if work == "drift" and not run.quick:
                columns = {each.attrs for each in found[0].fired}
                run.check(len(columns), 1, "columns that fired")
        read = run.time_each(lambda: [len(rows) for rows in Replay(directory)], inner=1)
        run.report("read", read)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    bench.main()
