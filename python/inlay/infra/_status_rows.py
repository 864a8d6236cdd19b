"""Rows of points that say why there is no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay import _core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.observer import Observer

__all__ = ["add_status"]


def add_status(
    observer: Observer,
    metric: str,
    status: str,
    *,
    kind: str,
    unit: str,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Add one row without a value to the open window.

    Parameters
    ----------
    observer : Observer
    metric, kind, unit : str
    status : str
        ``error``, ``absent`` …
    attributes : mapping of str to str, optional
    """
    import pyarrow as pa

    from inlay.table import arrow_schema

    core = observer.core
    now = core.now_us()
    resource = dict(observer.resource)
    attrs = _core.canonical_json(dict(attributes or {}))
    row = {
        "time": now,
        "start_time": now,
        "observed_time": now,
        "revision": 0,
        "form": "delta",
        "origin": core.origin,
        "window_seq": core.window_seq,
        "layer": "infra",
        "metric": metric,
        "kind": kind,
        "unit": unit,
        "series_id": _core.series_id(metric, attrs, resource["service.name"]),
        "attrs": attrs,
        "resource": _core.canonical_json(resource),
        "status": status,
    }
    table = pa.Table.from_pylist([row], schema=arrow_schema("points"))
    core.add_table("points", _core.Table(table))
