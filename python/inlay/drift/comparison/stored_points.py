"""Points that a watch or a profile left in a directory, merged over a time, as a side."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.redaction import is_hashed
from inlay.drift.comparison.sides import ColumnSide, Side
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments
from inlay.summary.top_k import TopK

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.profile import Profile

__all__ = ["StoredPoints", "is_points_directory"]

_COLUMN, _UNSEEN, _PANE, _PROFILE = (
    "data.column",
    "data.column.unseen",
    "data.pane",
    "data.profile",
)
_METRICS = (_COLUMN, _UNSEEN, _PANE, _PROFILE)
_SUMMARIES: dict[str, Any] = {"moments": Moments, "quantiles": Kll}
_APART = ("null_count", "nan_count", "pos_inf_count", "neg_inf_count")


class StoredPoints:
    """The points of a directory, of a time and of one watch, to compare.

    Parameters
    ----------
    directory : str or Path
        What `sinks.Files` wrote to.
    start, end : datetime with a zone, optional
        Points whose whole window lies within are taken; by default all.
    watch : str, optional
        The name of the watch; needed if there are points of several.

    Raises
    ------
    InvalidArgumentError
        If it is no such directory, a time has no zone, or `start` is not before `end`.

    Examples
    --------
    >>> import datetime, inlay
    >>> reference = inlay.Profile.of({"x": list(range(1000))}, reference=True)
    >>> with inlay.Observer(sinks=[inlay.sinks.Files("telemetry")]):
    ...     pass
    >>> yesterday = StoredPoints("telemetry", end=datetime.datetime.now(datetime.UTC))
    >>> yesterday
    <inlay.drift.StoredPoints of telemetry, until ...>
    """

    __module__ = "inlay.drift"
    __slots__ = ("directory", "end", "start", "watch")

    def __init__(
        self,
        directory: str | Path,
        *,
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
        watch: str | None = None,
    ) -> None:
        self.directory = Path(directory)
        if not is_points_directory(self.directory):
            message = f"no directory of points: {str(directory)!r}"
            raise InvalidArgumentError(message)
        for name, moment in (("start", start), ("end", end)):
            if moment is None:
                continue
            if not isinstance(moment, datetime.datetime) or moment.tzinfo is None:
                message = f"{name} must be a datetime with a zone: {moment!r}"
                raise InvalidArgumentError(message)
        if start is not None and end is not None and not start < end:
            message = f"start must be before end, {end}: {start}"
            raise InvalidArgumentError(message)
        self.start, self.end, self.watch = start, end, watch

    def __str__(self) -> str:
        times = [
            f"{word} {moment.isoformat()}"
            for word, moment in (("from", self.start), ("until", self.end))
            if moment is not None
        ]
        return ", ".join((str(self.directory), *times))

    def __repr__(self) -> str:
        """Return a line with the directory and the time."""
        return f"<inlay.drift.StoredPoints of {self}>"

    def read(self) -> Side | Profile:
        """Read and merge the points.

        Returns
        -------
        Side or Profile
            A profile where the points are those of profiles alone.

        Raises
        ------
        InvalidArgumentError
            If there is nothing to compare, or there are several watches and none is named.
        SerializationError
            If a summary is damaged.
        """
        rows = self._rows()
        columns = [row for row in rows if row["metric"] in {_COLUMN, _UNSEEN}]
        watched = [row for row in columns if "watch" in row["attrs"]]
        states = [row for row in rows if row["metric"] == _PROFILE and row["summary"] is not None]
        if watched:
            return self._side(self._of_one_watch(watched), rows)
        if states:
            return self._profile(states)
        if columns:
            return self._side(columns, rows)
        message = f"there are no points of columns in {self}"
        raise InvalidArgumentError(message)

    def _of_one_watch(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = sorted({row["attrs"]["watch"] for row in rows})
        if self.watch is not None:
            if self.watch not in names:
                message = f"there is no watch of that name in {self} ({names}): {self.watch!r}"
                raise InvalidArgumentError(message)
            return [row for row in rows if row["attrs"]["watch"] == self.watch]
        if len(names) > 1:
            message = f"there are points of several watches in {self}, name one of them: {names}"
            raise InvalidArgumentError(message)
        return rows

    def _profile(self, rows: Iterable[Mapping[str, Any]]) -> Profile:
        from inlay.data.profile import Profile

        first, *others = (Profile.from_bytes(row["summary"]) for row in rows)
        for other in others:
            first.merge(other)
        return first

    # ---- rows ----------------------------------------------------------------------------------
    def _rows(self) -> list[dict[str, Any]]:
        """Return the rows of the time, each once, their attributes as a dict."""
        from inlay.points import KEYS

        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for table in self._tables():
            for row in table.to_pylist():
                key = tuple(row.get(name) for name in KEYS["points"])
                row["attrs"] = json.loads(row["attrs"])
                found[key] = row
        return list(found.values())

    def _tables(self) -> Iterator[pa.Table]:
        from inlay._files.rows import chosen_rows

        only = {"points": [("metric", "in", _METRICS)]}
        found = chosen_rows(self.directory, {"points": self._chosen}, filters=only)
        yield from found.tables.get("points", ())

    def _chosen(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        # Parquet may hold either as a dictionary.
        metric, form = (table[name].cast(pa.utf8()) for name in ("metric", "form"))
        kept = pc.and_(pc.is_in(metric, value_set=pa.array(_METRICS)), pc.equal(form, "delta"))
        if self.start is not None:
            kept = pc.and_(kept, pc.greater_equal(table["start_time"], self.start))
        if self.end is not None:
            kept = pc.and_(kept, pc.less_equal(table["time"], self.end))
        return table.filter(kept)

    # ---- merging -------------------------------------------------------------------------------
    def _side(self, rows: list[dict[str, Any]], everything: list[dict[str, Any]]) -> Side:
        by_group: dict[tuple[tuple[str, str], ...], dict[str, list[dict[str, Any]]]] = {}
        for row in rows:
            attrs = row["attrs"]
            path = attrs["column"]
            rest = {k: v for k, v in attrs.items() if k not in {"column", "watch"}}
            key = tuple(sorted((k.removeprefix("by."), v) for k, v in rest.items()))
            by_group.setdefault(key, {}).setdefault(path, []).append(row)
        whole = by_group.pop((), None)
        if whole is None:
            whole = {}
            for part in by_group.values():
                for path, members in part.items():
                    whole.setdefault(path, []).extend(members)
        by = tuple(dict.fromkeys(name for key in by_group for name, _ in key))
        groups = {
            tuple(dict(key).get(name, "") for name in by): self._one(part)
            for key, part in by_group.items()
        }
        side = self._one(whole)
        panes = sum(
            row["count"] or 0
            for row in everything
            if row["metric"] == _PANE and self.watch in {None, row["attrs"].get("watch")}
        )
        return Side(
            name=str(self),
            rows=panes or side.rows,
            columns=side.columns,
            by=by,
            groups=groups,
            shown_keys={key: key for key in groups},
        )

    def _one(self, rows: Mapping[str, list[dict[str, Any]]]) -> Side:
        columns = {path: _column(path, members) for path, members in rows.items()}
        most = max((column.rows for column in columns.values()), default=0)
        return Side(name=str(self), rows=most, columns=columns)


def is_points_directory(path: Path) -> bool:
    """Return whether a path is a directory of tables, not of data files."""
    from inlay._files.layout import MARKER

    return path.is_dir() and ((path / MARKER).is_file() or (path / "points" / "live").is_dir())


def _column(path: str, rows: list[dict[str, Any]]) -> ColumnSide:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault("unseen" if row["metric"] == _UNSEEN else row["kind"], []).append(row)
    fields: dict[str, Any] = {}
    for kind, field in (("moments", "moments"), ("quantiles", "quantiles")):
        if kind in kinds:
            fields[field] = _merged(_SUMMARIES[kind].from_row(row) for row in kinds[kind])
    if "unseen" in kinds:
        fields["unseen"] = _merged(TopK.from_row(row) for row in kinds["unseen"])
    counted = kinds.get("edges") or kinds.get("categories") or []
    references = dict.fromkeys(row["reference_id"] for row in counted)
    apart_of: list[dict[str, Any]] = kinds.get("moments") or counted or []
    apart_of = apart_of or kinds.get("presence") or kinds.get("quantiles") or []
    if len(references) > 1:
        listed = ", ".join(map(str, references))
        fields["problem"] = f"counted in the cells of several references in that time: {listed}"
    elif counted:
        of: Any = EdgeHistogram if "edges" in kinds else Categories
        cells = fields["cells"] = _cells(of, counted)
        if isinstance(cells, Categories):
            fields["is_hidden"] = all(map(is_hashed, cells.names))
            fields["is_clear"] = not fields["is_hidden"]  # they left so already
    apart: dict[str, Any] = {name: sum(row[name] or 0 for row in apart_of) for name in _APART}
    fields["rows"] = sum(_count(row) for row in apart_of) + sum(apart.values())
    return ColumnSide(path=path, **fields, **apart)


def _count(row: Mapping[str, Any]) -> int:
    return int(row["count"]) if row["count"] is not None else sum(row["counts"] or ())


def _merged(summaries: Iterator[Any]) -> Any:
    first = next(summaries)
    for other in summaries:
        first.merge(other)
    return first


def _cells(of: Any, rows: list[dict[str, Any]]) -> EdgeHistogram | Categories:
    """Add up rows of the same cells: the first of them is checked as a whole."""
    import numpy as np

    of.from_row(rows[0])
    names = "bounds" if of is EdgeHistogram else "categories"
    if any(row[names] != rows[0][names] for row in rows):
        merged: EdgeHistogram | Categories = _merged(of.from_row(row) for row in rows)
        return merged
    counts = np.array([row["counts"] for row in rows], dtype=np.int64).sum(axis=0)
    added: EdgeHistogram | Categories = of.from_row(
        {
            names: rows[0][names],
            "counts": counts.tolist(),
            **{name: sum(row[name] or 0 for row in rows) for name in _APART},
        }
    )
    return added
