"""Logits as rows of the table ``points``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.model.logits_statistic import LogitsStatistic
from inlay.summary.exp_histogram import ExpHistogram
from inlay.summary.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow

    from inlay.observer import Observer

__all__ = ["COUNTERS", "STATISTICS", "SUMMARY_TYPE", "state_table", "statistic_of", "window_table"]

STATISTICS = ("entropy", "top1", "top2", "margin", "log_prob", "rank")
"""The figures, in the order of the core."""

COUNTERS = (
    ("rows", "{row}"),
    ("undefined_rows", "{row}"),
    ("nonfinite_count", "{entry}"),
    ("masked_count", "{entry}"),
    ("out_of_range_rows", "{row}"),
)
"""What is counted besides, and in what unit."""

SUMMARY_TYPE = "logits_inlay"
"""``summary_type`` of the row that holds a whole state."""

_UNITS = {"entropy": "nat", "log_prob": "nat"}


def statistic_of(native: _core.Logits, index: int) -> LogitsStatistic:
    """Return a figure's distribution, of a state that nobody changes."""
    name = STATISTICS[index]
    return LogitsStatistic(
        name,
        _UNITS.get(name, "1"),
        ExpHistogram._of(native.histogram(index)),
        Moments._of(native.moments(index)),
    )


def _figure_rows(native: _core.Logits, name: str) -> list[dict[str, Any]]:
    rows = []
    for index, figure in enumerate(STATISTICS):
        statistic = statistic_of(native, index)
        row = statistic._row()
        rows.append(
            {
                "metric": f"{name}.{figure}",
                "kind": "histogram",
                "unit": statistic.unit,
                "status": "ok" if row["count"] or row["neg_inf_count"] else "undefined",
                **row,
            }
        )
    return rows


def state_table(native: _core.Logits, name: str) -> pyarrow.Table:
    """Return a row for each figure, and one that holds the state."""
    import pyarrow as pa

    from inlay.table import arrow_schema

    rows = _figure_rows(native, name)
    rows.append(
        {
            "metric": name,
            "kind": "logits",
            "unit": "{row}",
            "status": "ok",
            "count": native.rows,
            "summary": native.to_bytes(),
            "summary_type": SUMMARY_TYPE,
        }
    )
    points = arrow_schema("points")
    names = [*rows[0], "summary", "summary_type"]
    schema = pa.schema([pa.field(column, points.field(column).type) for column in names])
    return pa.Table.from_pylist(rows, schema=schema)


def window_table(
    native: _core.Logits,
    name: str,
    attributes: Mapping[str, str],
    observer: Observer,
    *,
    start: int,
    end: int,
) -> pyarrow.Table:
    """Return what a window counted, as an observer's rows.

    Parameters
    ----------
    native : Logits of the core
    name : str
        What the metrics begin with.
    attributes : mapping of str to str
        Of the series.
    observer : Observer
        Whose window it is.
    start, end : int
        The window's bounds, in microseconds of Unix time.
    """
    import pyarrow as pa

    from inlay.table import arrow_schema

    rows = [row for row in _figure_rows(native, name) if row["status"] == "ok"]
    for counter, unit in COUNTERS:
        count = getattr(native, counter)
        if count or counter == "rows":
            rows.append(
                {
                    "metric": f"{name}.{counter}",
                    "kind": "counter",
                    "unit": unit,
                    "status": "ok",
                    "value": float(count),
                    "count": count,
                }
            )
    core = observer.core
    resource = dict(observer.resource)
    attrs = _core.canonical_json(dict(attributes))
    shared = {
        "time": end,
        "start_time": start,
        "observed_time": end,
        "revision": 0,
        "form": "delta",
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "model",
        "attrs": attrs,
        "resource": _core.canonical_json(resource),
    }
    for row in rows:
        row["series_id"] = _core.series_id(row["metric"], attrs, resource["service.name"])
    return pa.Table.from_pylist([{**shared, **row} for row in rows], schema=arrow_schema("points"))
