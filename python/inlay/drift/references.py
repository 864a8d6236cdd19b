"""The references that points are judged against, by the series they belong to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.data.profile import Profile

__all__ = ["METRIC", "REFERENCE_METRIC", "Reference", "References", "are_bounded"]

METRIC = "data.column"
"""Metric of the rows that are judged."""

REFERENCE_METRIC = "data.reference"
"""Metric of the rows that hold what they are judged against."""

_COLUMNS = (
    "metric",
    "kind",
    "attrs",
    "resource",
    "time",
    "value",
    "count",
    "null_count",
    "nan_count",
    "pos_inf_count",
    "neg_inf_count",
    "bounds",
    "categories",
    "counts",
    "reference_id",
)


class Presence(NamedTuple):
    """What is known of a column without cells: how many of its values are missing."""

    null_count: int
    nan_count: int


def are_bounded(counts: Sequence[int]) -> bool:
    """Return whether the outer ones of a reference's ordered cells lie beyond all its values."""
    return len(counts) > 2 and counts[0] == counts[-1] == 0


class Reference(NamedTuple):
    """What a column looked like when it was well.

    Attributes
    ----------
    attrs : str
        Canonical JSON of the series; of a profile's columns ``{"column": path}``.
    reference_id : str
        Which edges or names the counts are of.
    cells : EdgeHistogram, Categories or Presence
        They, with the reference's own counts.
    counts : tuple of int
        One for each cell: underflow, between the edges, overflow, infinities in the outer two; or
        one for each name and the last for all others; or one for all values.
    exact : bool
        Whether the rows themselves were counted, and the edges are members of the sample.
    """

    attrs: str
    reference_id: str
    cells: EdgeHistogram | Categories | Presence
    counts: tuple[int, ...]
    exact: bool

    @property
    def kind(self) -> str:
        """``"edges"``, ``"categories"`` or ``"presence"``."""
        if isinstance(self.cells, Presence):
            return "presence"
        return "edges" if isinstance(self.cells, EdgeHistogram) else "categories"

    @property
    def bounded(self) -> bool:
        """Whether the outer cells lie beyond all finite values, as those of frozen profiles do."""
        return isinstance(self.cells, EdgeHistogram) and are_bounded(self.cells.counts)

    @property
    def names(self) -> list[str]:
        """What the cells are called: intervals, or the names and ``other``."""
        if isinstance(self.cells, Categories):
            return [*self.cells.names, "other"]
        if isinstance(self.cells, Presence):
            return ["values"]
        from inlay.drift.summary_distances import cell_names

        return cell_names(self.cells.edges)

    @property
    def num_values(self) -> int:
        """Number of values in the cells, infinities among them."""
        return sum(self.counts)

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self.cells.null_count + self.cells.nan_count

    @property
    def rows(self) -> int:
        """Number of rows, missing values included."""
        return self.num_values + self.missing


class References:
    """References by series, and by column for those that a profile holds.

    Not thread-safe.

    Attributes
    ----------
    version : int
        Grows whenever something was added or replaced.

    Examples
    --------
    >>> import inlay
    >>> from inlay.drift.references import References
    >>> reference = inlay.Profile.of({"x": list(range(100))}).freeze(bins=4)
    >>> references = References.of(reference)
    >>> [(each.attrs, each.counts) for each in references]
    [('{"column":"x"}', (0, 25, 25, 25, 25, 0))]
    """

    def __init__(self) -> None:
        self.version = 0
        self._series: dict[tuple[int, str], Reference] = {}
        self._columns: dict[tuple[str, str], Reference] = {}
        # Of columns without cells, by series and by column.
        self._present: dict[int | str, Reference] = {}
        # What has a reference at all, so that other cells can be told from none.
        self._known_series: set[int] = set()
        self._known_columns: set[str] = set()

    @classmethod
    def of(cls, source: Any) -> References:
        """Read references from wherever they are kept.

        Parameters
        ----------
        source : References, Profile, str, os.PathLike, or table of points
            A profile, frozen or to be frozen; the file of one; a directory that a watch writes; or
            rows of points, of which those of metric ``data.reference`` count.

        Returns
        -------
        inlay.drift.References

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        SerializationError
            If the file is damaged or was written by a newer version; the message names it.
        InvalidArgumentError
            If a row holds no counts or other ones than its edges or names have.
        """
        if isinstance(source, References):
            return source
        from inlay.data.profile import Profile

        found = cls()
        if isinstance(source, Profile):
            found.add_profile(source)
        elif isinstance(source, (str, os.PathLike)):
            path = Path(source)
            if path.is_dir():
                from inlay.drift.replay import Replay

                found.add(Replay(path).references())
            else:
                found.add_profile(Profile.load(path))
        else:
            found.add(source)
        return found

    def add_profile(self, profile: Profile) -> None:
        """Take the columns of a profile, which is frozen if it is not yet.

        Parameters
        ----------
        profile : Profile
            Its groups count as series with the values of ``by`` in their attributes.
        """
        # Names that are hidden are hidden in the points as well.
        frozen = (profile if profile.is_reference else profile.freeze())._leaving()
        exact = frozen.counted_from == "rows"
        self._take_columns(frozen, {}, exact)
        for key, group in frozen.groups.items():
            self._take_columns(group, dict(zip(frozen.by, key, strict=True)), exact)

    def _take_columns(self, profile: Profile, by: Mapping[str, str], exact: bool) -> None:
        for number in range(len(profile)):
            column = profile._column(number)
            cells = column.edges or column.categories
            named = {f"by.{name}" if name == "column" else name: text for name, text in by.items()}
            attrs = _core.canonical_json({**named, "column": column.name})
            if cells is None:
                nulls = column.null_count + column.invalid_index_count
                nan = column.nan_count
                self._present[_without_watch(attrs)] = _presence(
                    attrs, column.rows - nulls - nan, nulls, nan
                )
                continue
            reference = _reference(attrs, cells, exact)
            self._columns[_without_watch(attrs), reference.reference_id] = reference
            self._known_columns.add(_without_watch(attrs))
        self.version += 1

    def add(self, points: Any) -> int:
        """Take the rows of metric ``data.reference``; of one series and cells the last one counts.

        Parameters
        ----------
        points : table of points
            Rows of other metrics are passed over.

        Returns
        -------
        int
            How many references are new or changed.

        Raises
        ------
        InvalidArgumentError
            If the table lacks a column, or a row's counts are none of its edges or names.
        """
        import pyarrow.compute as pc

        rows = points_columns(points, _COLUMNS)
        rows = rows.filter(pc.equal(rows["metric"], REFERENCE_METRIC))
        before = self.version
        for row in rows.to_pylist():
            self._add_row(row)
        return self.version - before

    def _add_row(self, row: dict[str, Any]) -> None:
        kind, attrs = row["kind"], row["attrs"]
        if kind == "presence":
            self._add_presence(row)
            return
        if kind not in ("edges", "categories"):
            return
        key = (_core.series_id(METRIC, attrs, service_of(row["resource"])), row["reference_id"])
        known = self._series.get(key)
        # Written again every day: the same counts need no second look.
        exact = row["value"] != 0.0
        if known is not None and known.exact == exact and _is_same(known.cells, row):
            return
        try:
            made = (EdgeHistogram if kind == "edges" else Categories).from_row(row)
        except (InvalidArgumentError, TypeError) as error:
            message = f"the reference of {attrs} of {row['time']} cannot be used: {error}"
            raise InvalidArgumentError(message) from error
        self._series[key] = _reference(attrs, made, exact=exact)
        self._known_series.add(key[0])
        self.version += 1

    def _add_presence(self, row: dict[str, Any]) -> None:
        apart = [row[name] or 0 for name in ("pos_inf_count", "neg_inf_count")]
        made = _presence(
            row["attrs"],
            (row["count"] or 0) + sum(apart),
            row["null_count"] or 0,
            row["nan_count"] or 0,
        )
        series = _core.series_id(METRIC, row["attrs"], service_of(row["resource"]))
        if self._present.get(series) != made:
            self._present[series] = made
            self.version += 1

    def find(self, series_id: int, attrs: str, reference_id: str | None) -> Reference | None:
        """Return the reference of a row of points, or None if there is none for its cells.

        Parameters
        ----------
        series_id : int
            Of the row.
        attrs : str
            Of the row, canonical JSON.
        reference_id : str or None
            Of the row; rows of columns without cells have none.
        """
        if reference_id is None:
            present = self._present.get(series_id)
            return self._present.get(_without_watch(attrs)) if present is None else present
        found = self._series.get((series_id, reference_id))
        if found is None and self._columns:
            found = self._columns.get((_without_watch(attrs), reference_id))
        return found

    def why_not(self, series_id: int, attrs: str) -> str:
        """Tell why `find` finds nothing: ``other_reference`` cells, or ``no_reference`` at all."""
        known = series_id in self._known_series or (
            bool(self._known_columns) and _without_watch(attrs) in self._known_columns
        )
        return "other_reference" if known else "no_reference"

    def copy(self) -> References:
        """Return references to which can be added without a change of these."""
        made = References()
        made.version = self.version
        made._series, made._columns = dict(self._series), dict(self._columns)
        made._present = dict(self._present)
        made._known_series = set(self._known_series)
        made._known_columns = set(self._known_columns)
        return made

    def __iter__(self) -> Iterator[Reference]:
        """Iterate over all references that have cells."""
        yield from self._series.values()
        yield from self._columns.values()

    def __len__(self) -> int:
        """Return how many have cells."""
        return len(self._series) + len(self._columns)

    def __repr__(self) -> str:
        """Return their number."""
        return f"<inlay.drift.References: {len(self)}>"


def points_columns(points: Any, names: tuple[str, ...]) -> pa.Table:
    """Return some columns of a table of points.

    Raises
    ------
    InvalidArgumentError
        If one is not there; the message names it.
    """
    import pyarrow as pa

    from inlay.table import Table

    rows = points if isinstance(points, pa.Table) else Table(points).to_pyarrow()
    for name in names:
        if name not in rows.column_names:
            message = f"a table of points has a column that is not there: {name!r}"
            raise InvalidArgumentError(message)
    return rows.select(list(names))


def service_of(resource: str) -> str:
    """Return the ``service.name`` of a resource, canonical JSON; empty if it says none."""
    try:
        service = json.loads(resource).get("service.name", "")
    except (ValueError, AttributeError) as error:
        message = f"resource must be a JSON object: {resource!r}"
        raise InvalidArgumentError(message) from error
    return str(service)


def _without_watch(attrs: str) -> str:
    """Leave out the watch, of which a profile knows nothing."""
    if '"watch"' not in attrs:
        return attrs
    try:
        members = json.loads(attrs)
        members.pop("watch", None)
        return _core.canonical_json(members)
    except (ValueError, AttributeError, TypeError):
        return attrs


def _reference(attrs: str, cells: EdgeHistogram | Categories, exact: bool) -> Reference:
    counts = _counts(cells)
    if isinstance(cells, EdgeHistogram):
        counts[0] += cells.neg_inf_count
        counts[-1] += cells.pos_inf_count
    return Reference(attrs, cells.reference_id, cells, tuple(counts), exact)


def _presence(attrs: str, values: int, null_count: int, nan_count: int) -> Reference:
    return Reference(attrs, "", Presence(null_count, nan_count), (values,), exact=True)


def _counts(cells: EdgeHistogram | Categories) -> list[int]:
    return [*cells.counts, cells.other] if isinstance(cells, Categories) else cells.counts


def _is_same(cells: EdgeHistogram | Categories | Presence, row: dict[str, Any]) -> bool:
    if isinstance(cells, Presence):
        return False
    names = ["null_count", "nan_count"]
    if isinstance(cells, EdgeHistogram):
        names += ["pos_inf_count", "neg_inf_count"]
    return _counts(cells) == row["counts"] and all(
        getattr(cells, name) == (row[name] or 0) for name in names
    )
