"""What else was measured of models: lengths, times, uncertainty, counts."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inlay.report.directory.rows import as_dicts
from inlay.summary.exp_histogram import ExpHistogram

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["measured_of"]

_QUANTILES = (0.5, 0.95, 0.99)
_KINDS = ("histogram", "counter")
_COLUMNS = (
    "time",
    "start_time",
    "metric",
    "kind",
    "unit",
    "attrs",
    "value",
    "count",
    "sum",
    "scale",
    "zero_count",
    "zero_threshold",
    "pos_offset",
    "pos_counts",
    "neg_offset",
    "neg_counts",
)


def measured_of(
    points: pa.Table,
    split: datetime.datetime | None,
    but: Collection[str],
    *,
    by_start: bool = False,
) -> list[dict[str, Any]]:
    """Add up the histograms and counters of layer ``model``.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    split : datetime, optional
        What lies before it is told apart from what follows: a window of an observer, which is cut
        anywhere, by its middle.
    but : collection of str
        Names of models' qualities, whose counters are told there.
    by_start : bool, default False
        Take windows by where they start: for a split that is the start of a pane, since an
        observer cuts its own window a little after its panes.

    Returns
    -------
    list of dict
        One for each series, by metric and attributes: ``metric``, ``attrs``, ``kind``, ``unit``,
        ``all``, ``earlier`` and ``later``. These have ``count``, and of a histogram ``mean`` and
        ``quantiles``; of a counter ``count`` is its total.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = points.filter(pc.is_in(points["kind"], value_set=pa.array(_KINDS)))
    series: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in as_dicts(kept.select(_COLUMNS)):
        if any(row["metric"].startswith(f"{name}.") for name in but):
            continue
        attrs = ", ".join(f"{name}={of}" for name, of in sorted(row["attrs"].items()))
        series.setdefault((row["metric"], attrs, row["kind"]), []).append(row)
    made = []
    for (metric, _, kind), rows in sorted(series.items()):
        total = _counted if kind == "counter" else _merged
        sides: list[list[dict[str, Any]]] = [[], []]
        for row in rows:
            start = row["start_time"]
            placed = start if by_start else start + (row["time"] - start) / 2
            sides[split is not None and placed >= split].append(row)
        made.append(
            {
                "metric": metric,
                "attrs": rows[0]["attrs"],
                "kind": kind,
                "unit": rows[0]["unit"],
                "all": total(rows),
                "earlier": None if split is None else total(sides[0]),
                "later": None if split is None else total(sides[1]),
            }
        )
    return made


def _counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"count": sum(row["value"] or 0.0 for row in rows)}


def _merged(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = ExpHistogram()
    for row in rows:
        whole.merge(ExpHistogram.from_row(row))
    if not whole.count:
        return {"count": 0, "mean": None, "quantiles": {}}
    total = sum(row["sum"] or 0.0 for row in rows)
    return {
        "count": whole.count,
        "mean": total / whole.count,
        "quantiles": {str(q): whole.quantile(q) for q in _QUANTILES},
    }
