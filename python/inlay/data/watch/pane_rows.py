"""The rows that a watch writes: of each pane, of merged panes, and of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay._core import ObserverCore
    from inlay.data.column_profile import ColumnProfile
    from inlay.data.groups import GroupKey
    from inlay.data.watch.tallies import Tallies
    from inlay.summary.categories import Categories
    from inlay.summary.edge_histogram import EdgeHistogram

__all__ = ["PaneRows"]

_PANE, _REFERENCE = "data.pane", "data.reference"
_TAKEN = frozenset({"column", "watch", "panes"})


class PaneRows:
    """Makes tables of points for the panes of a watch. Not thread-safe.

    Parameters
    ----------
    core : ObserverCore
        Whose window they go to.
    resource : mapping of str to str
        Of the observer.
    name : str
        Of the watch.
    by : tuple of str
        Columns whose values are attributes.
    """

    __slots__ = ("_by", "_columns", "_core", "_name", "_resource", "_schema", "_service")

    def __init__(
        self, core: ObserverCore, resource: Mapping[str, str], name: str, by: tuple[str, ...]
    ) -> None:
        self._core = core
        self._resource = _core.canonical_json(dict(resource))
        self._service = resource["service.name"]
        self._name = name
        self._by = by
        self._schema: pa.Schema | None = None
        # The attributes of each column by group and number of panes: the same in every pane.
        self._columns: dict[tuple[GroupKey | None, int], list[str]] = {}

    def attrs(self, key: GroupKey | None, *, panes: int = 1, **others: str) -> str:
        """Return the attributes of a series as canonical JSON."""
        members = {"watch": self._name, **others}
        if panes > 1:
            members["panes"] = str(panes)
        if key is not None:
            for name, value in zip(self._by, key, strict=True):
                members[f"by.{name}" if name in _TAKEN else name] = value
        return _core.canonical_json(members)

    def of_pane(
        self,
        tallies: Tallies | None,
        *,
        rows: int,
        start: int,
        end: int,
        revision: int,
        panes: int = 1,
    ) -> pa.Table:
        """Make the rows of a pane.

        Parameters
        ----------
        tallies : Tallies or None
        rows : int
        start, end : int
            Its bounds, in microseconds of event time.
        revision : int
            0, or the number of the late part.
        panes : int
            How many panes were merged; if more than one, the rows are ``derived``.

        Returns
        -------
        pyarrow.Table
            The columns of all rows, then of each group, then one row of metric ``data.pane``. A
            column that lacked in all batches has one of status ``absent``, in revision 0.
        """
        import pyarrow as pa

        from inlay.table import Table

        tables = []
        for key, tally in () if tallies is None else tallies.parts():
            attrs = self._columns.get((key, panes))
            if attrs is None:
                attrs = [self.attrs(key, panes=panes, column=path) for path in tally.columns]
                self._columns[key, panes] = attrs
            native = tally._leaving().points(
                attrs,
                metric="data.column",
                time_us=end,
                start_time_us=start,
                observed_time_us=self._core.now_us(),
                revision=revision,
                origin=self._core.origin,
                window_seq=self._core.window_seq,
                derived=panes > 1,
                resource=self._resource,
                service_name=self._service,
            )
            tables.append(Table(native).to_pyarrow())
        if panes == 1:
            row = {
                **self._shared(start, end, revision),
                "metric": _PANE,
                "kind": "counter",
                "unit": "{row}",
                "attrs": self.attrs(None),
                "status": "ok" if rows else "insufficient",
                "value": float(rows),
                "count": rows,
            }
            tables.append(self._table([row]))
        return pa.concat_tables(tables)

    def of_reference(
        self,
        key: GroupKey | None,
        cells: Mapping[str, EdgeHistogram | Categories | ColumnProfile],
        time: int,
        *,
        counted: bool,
        panes: int = 1,
    ) -> pa.Table:
        """Make the rows of a reference's own counts, under the attributes of the series judged.

        Parameters
        ----------
        key : tuple of str or None
            The group.
        cells : mapping of str to EdgeHistogram, Categories or ColumnProfile
            By column; the profile of one without cells.
        time : int
            In microseconds of Unix time.
        counted : bool
            Whether the counts are of rows, exactly, which is the ``value`` of these rows; else they
            are a sketch's estimates.
        panes : int
            As for `of_pane`.
        """
        shared = {**self._shared(time, time, 0), "form": "derived", "value": float(counted)}
        rows = [
            {
                **shared,
                "metric": _REFERENCE,
                "attrs": self.attrs(key, panes=panes, column=path),
                **_counts_of(cell),
            }
            for path, cell in cells.items()
        ]
        return self._table(rows)

    def _shared(self, start: int, end: int, revision: int) -> dict[str, Any]:
        return {
            "time": end,
            "start_time": start,
            "observed_time": self._core.now_us(),
            "revision": revision,
            "form": "delta",
            "origin": self._core.origin,
            "window_seq": self._core.window_seq,
            "layer": "data",
            "resource": self._resource,
            "status": "ok",
        }

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        import pyarrow as pa

        if self._schema is None:
            from inlay.table import arrow_schema

            self._schema = arrow_schema("points")
        for row in rows:
            row["series_id"] = _core.series_id(row["metric"], row["attrs"], self._service)
        # Most columns of these rows are null: Table.from_pylist would look at each of their values.
        filled = {name for row in rows for name in row}
        arrays = [
            pa.array([row.get(field.name) for row in rows], field.type)
            if field.name in filled
            else pa.nulls(len(rows), field.type)
            for field in self._schema
        ]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _counts_of(cell: EdgeHistogram | Categories | ColumnProfile) -> dict[str, Any]:
    from inlay.data.column_profile import ColumnProfile

    if not isinstance(cell, ColumnProfile):
        return {"kind": "edges" if hasattr(cell, "edges") else "categories", **cell._row()}
    return {
        "kind": "presence",
        "count": cell.count,
        "counts": [cell.count],
        "null_count": cell.null_count + cell.invalid_index_count,
        "nan_count": cell.nan_count,
        "pos_inf_count": cell.pos_inf_count,
        "neg_inf_count": cell.neg_inf_count,
    }
