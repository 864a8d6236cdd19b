"""Figures estimated without labels as rows of the table ``points``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.model.estimated.estimated_metrics import EstimatedMetrics
    from inlay.observer import Observer

__all__ = ["ATTRIBUTES", "OBSERVED", "add_points"]

OBSERVED = "outside_reference"
"""The figure that is counted, not estimated."""

ATTRIBUTES = ("assumes", "class", "reason", "threshold")
"""Attributes that rows have of their own."""


def add_points(
    observer: Observer,
    name: str,
    attributes: Mapping[str, str],
    metrics: EstimatedMetrics,
    *,
    assumes: str,
    reference_id: str,
    start: int,
    end: int,
) -> None:
    """Hand the figures of a window to an observer.

    Parameters
    ----------
    observer : Observer
    name : str
        What the metrics begin with; ``.estimated`` and the figure's name follow.
    attributes : mapping of str to str
        Of the series.
    metrics : EstimatedMetrics
    assumes : str
        What they rest on, in a word; an attribute of every row of what is estimated.
    reference_id : str
        Of the reference that was fitted.
    start, end : int
        The window's bounds, in microseconds of Unix time.
    """
    import pyarrow as pa

    from inlay import _core
    from inlay.table import arrow_schema

    core = observer.core
    resource = dict(observer.resource)
    shared = {
        "time": end,
        "start_time": start,
        "observed_time": end,
        "revision": 0,
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "model",
        "resource": _core.canonical_json(resource),
        "reference_id": reference_id,
    }
    rows: list[dict[str, Any]] = []

    def add(metric: str, more: Mapping[str, str], **columns: Any) -> None:
        metric = f"{name}.estimated.{metric}"
        attrs = _core.canonical_json({**attributes, **more})
        series = _core.series_id(metric, attrs, resource["service.name"])
        rows.append({**shared, "metric": metric, "attrs": attrs, "series_id": series, **columns})

    for figure, one in metrics.items():
        metric, more = _attributes_of(figure)
        status = "ok"
        if one.value is None:
            status = "insufficient" if one.reason == "insufficient" else "undefined"
        if figure != OBSERVED:
            more["assumes"] = assumes
        add(
            metric,
            more,
            kind="estimate",
            form="derived",
            unit="1",
            status=status,
            value=one.value,
            min=one.low,
            max=one.high,
            count=one.n,
            categories=None if one.reason is None else [one.reason],
        )
    for reason, count in metrics.left_out.items():
        add(
            "rejected",
            {"reason": reason},
            kind="counter",
            form="delta",
            unit="{row}",
            status="ok",
            value=float(count),
            count=count,
        )
    core.add_table("points", _core.Table(pa.Table.from_pylist(rows, arrow_schema("points"))))


def _attributes_of(figure: str) -> tuple[str, dict[str, str]]:
    """Return a figure's name without its class or threshold, and that as an attribute."""
    metric, bracket, label = figure.partition("[")
    if bracket:
        return metric, {"class": label[:-1]}
    metric, at, threshold = figure.partition("@")
    return metric, {"threshold": threshold} if at else {}
