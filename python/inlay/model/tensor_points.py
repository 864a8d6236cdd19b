"""What a window of `TensorStats` counted, as rows of points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inlay.model.tensor_sums import TensorSums
    from inlay.observer import Observer

__all__ = ["add_points"]


def add_points(
    observer: Observer,
    name: str,
    attributes: Mapping[str, str],
    names: Sequence[str],
    sums: Sequence[TensorSums],
    *,
    start: int,
    end: int,
) -> None:
    """Hand a window's rows to an observer: of each tensor with values its figures."""
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
        "form": "delta",
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "model",
        "resource": _core.canonical_json(resource),
        "status": "ok",
    }
    rows: list[dict[str, Any]] = []
    for tensor, found in zip(names, sums, strict=True):
        attrs = _core.canonical_json({**attributes, "tensor": tensor})

        def add(
            figure: str,
            kind: str,
            value: float | None,
            found: TensorSums = found,
            attrs: str = attrs,
        ) -> None:
            if value is None:
                return
            metric = f"{name}.{figure}"
            rows.append(
                {
                    **shared,
                    "metric": metric,
                    "kind": kind,
                    "unit": "{element}" if kind == "counter" else "1",
                    "attrs": attrs,
                    "series_id": _core.series_id(metric, attrs, resource["service.name"]),
                    "value": float(value),
                    "count": found.count,
                }
            )

        add("norm", "gauge", found.norm)
        add("rms", "gauge", found.rms)
        add("max_abs", "gauge", found.max_abs)
        add("zero_fraction", "gauge", found.zero_fraction)
        add("nan_count", "counter", found.nan_count or None)
        add("inf_count", "counter", found.pos_inf_count + found.neg_inf_count or None)
    if rows:
        core.add_table("points", _core.Table(pa.Table.from_pylist(rows, arrow_schema("points"))))
