"""The rows that a `Quality` writes of a pane: counts that add up, and figures with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay._core import ObserverCore
    from inlay.model.estimate import Estimate
    from inlay.model.metrics import Metrics
    from inlay.model.quality.settings import Settings
    from inlay.model.quality.task import Task

__all__ = ["QualityRows", "estimate_row"]


class QualityRows:
    """Makes the rows of panes. Not thread-safe.

    Parameters
    ----------
    core : ObserverCore
        Whose window they go to.
    resource : mapping of str to str
        Of the observer.
    settings : Settings
    task : Task
    """

    __slots__ = ("_core", "_ids", "_resource", "_rows", "_service", "_settings", "_shared", "_task")

    def __init__(
        self, core: ObserverCore, resource: Mapping[str, str], settings: Settings, task: Task
    ) -> None:
        self._core = core
        self._resource = _core.canonical_json(dict(resource))
        self._service = resource["service.name"]
        self._settings = settings
        self._task = task
        self._ids: dict[tuple[str, str], int] = {}
        self._rows: list[dict[str, Any]] = []
        self._shared: dict[str, Any] = {}

    def begin(self, number: int, revision: int, now: int) -> None:
        """Begin the rows of a pane."""
        start = number * self._settings.every
        self._rows = []
        self._shared = {
            "time": start + self._settings.every,
            "start_time": start,
            "observed_time": now,
            "revision": revision,
            "origin": self._core.origin,
            "window_seq": self._core.window_seq,
            "layer": "model",
            "resource": self._resource,
        }

    def deltas(self, attrs: str, figures: Any, data: bytes) -> None:
        """Add what was counted since the pane was last written."""
        name = self._settings.name
        for suffix, row in self._task.rows(figures, data):
            metric = f"{name}.{suffix}" if suffix else name
            self._add(metric, attrs, form="delta", status="ok", **row)

    def counter(self, what: str, attrs: str, number: int) -> None:
        """Add a number of rows that adds up."""
        self._add(
            f"{self._settings.name}.{what}",
            attrs,
            form="delta",
            kind="counter",
            unit="{row}",
            status="ok",
            value=float(number),
            count=number,
        )

    def estimates(self, members: Mapping[str, str], metrics: Metrics) -> None:
        """Add the figures of a segment, of all that is known of the pane."""
        known: dict[tuple[tuple[str, str], ...], str] = {}
        for name, one in metrics.items():
            metric, more = self._task.series(name)
            key = tuple(more.items())
            attrs = known.get(key)
            if attrs is None:
                attrs = known[key] = _core.canonical_json({**members, **more})
            self._add(
                f"{self._settings.name}.{metric}",
                attrs,
                form="derived",
                **estimate_row(one, self._settings.min_n),
            )

    def coverage(self, attrs: str, labels: int, predictions: int) -> None:
        """Add which share of the predictions has its label."""
        self._add(
            f"{self._settings.name}.coverage",
            attrs,
            form="derived",
            kind="estimate",
            unit="1",
            status="ok",
            value=labels / predictions,
            count=predictions,
        )

    def _add(self, metric: str, attrs: str, **row: Any) -> None:
        key = (metric, attrs)
        series = self._ids.get(key)
        if series is None:
            series = self._ids[key] = _core.series_id(metric, attrs, self._service)
        row |= {"metric": metric, "attrs": attrs, "series_id": series}
        self._rows.append(row)

    def table(self) -> pa.Table:
        """Return the rows since `begin`."""
        import pyarrow as pa

        from inlay.table import arrow_schema

        schema = arrow_schema("points")
        rows, shared = self._rows, self._shared
        filled = {name for row in rows for name in row}
        arrays = []
        for field in schema:
            name = field.name
            if name in shared:
                arrays.append(_repeated(shared[name], field.type, len(rows)))
            elif name in filled:
                arrays.append(pa.array([row.get(name) for row in rows], field.type))
            else:
                arrays.append(pa.nulls(len(rows), field.type))
        return pa.Table.from_arrays(arrays, schema=schema)


def _repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.repeat(pa.scalar(value, pa.int64()), rows).cast(kind)
    return pa.repeat(pa.scalar(value, kind), rows)


def estimate_row(one: Estimate, min_n: int) -> dict[str, Any]:
    """Return the columns of a figure: ``min`` and ``max`` hold the ends of its interval."""
    row: dict[str, Any] = {"kind": "estimate", "unit": "1", "count": one.n}
    if one.value is None:
        return {**row, "status": "undefined", "categories": [one.reason]}
    if one.n < min_n:
        return {**row, "status": "insufficient", "categories": ["insufficient"]}
    if one.reason is not None:
        row["categories"] = [one.reason]
    return {**row, "status": "ok", "value": one.value, "min": one.low, "max": one.high}
