"""Rates of flagged answers as rows of the table ``points``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.model.estimate import Estimate, wilson
from inlay.model.text.rates import rogan_gladen

if TYPE_CHECKING:
    import pyarrow

    from inlay.model.generation.evaluations import WindowRate
    from inlay.observer import Observer

__all__ = ["rate_table"]


def rate_table(
    rates: list[WindowRate], name: str, observer: Observer, *, start: int, end: int
) -> pyarrow.Table:
    """Return two derived rows for each evaluator: the rate as judged, and as corrected.

    Parameters
    ----------
    rates : list of WindowRate
        What was judged in the window.
    name : str
        What the metrics begin with.
    observer : Observer
        Whose window it is.
    start, end : int
        The window's bounds, in microseconds of Unix time.
    """
    import pyarrow as pa

    from inlay.table import arrow_schema

    core = observer.core
    resource = dict(observer.resource)
    shared = {
        "time": end,
        "start_time": start,
        "observed_time": end,
        "revision": 0,
        "form": "derived",
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "model",
        "kind": "estimate",
        "unit": "1",
        "resource": _core.canonical_json(resource),
    }
    rows = []
    for one in rates:
        attrs = _core.canonical_json(one.evaluator.attributes)
        corrected = rogan_gladen(
            one.flagged,
            one.judged,
            sensitivity=one.agreement.sensitivity,
            specificity=one.agreement.specificity,
        )
        for figure, estimate in (
            ("evaluation.rate", wilson(one.flagged, one.judged)),
            ("evaluation.corrected_rate", corrected),
        ):
            metric = f"{name}.{figure}"
            series = _core.series_id(metric, attrs, resource["service.name"])
            rows.append(
                {
                    **shared,
                    "metric": metric,
                    "attrs": attrs,
                    "series_id": series,
                    **_of(estimate),
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema("points"))


def _of(estimate: Estimate) -> dict[str, Any]:
    if estimate.value is None:
        return {
            "status": "undefined",
            "count": estimate.n,
            "categories": [str(estimate.reason)],
        }
    return {
        "status": "ok",
        "value": estimate.value,
        "count": estimate.n,
        "min": estimate.low,
        "max": estimate.high,
    }
