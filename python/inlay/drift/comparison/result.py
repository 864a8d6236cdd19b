"""`Comparison`: what came of comparing two sides."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inlay.drift.comparison.column import ColumnComparison
from inlay.drift.comparison.sides import Side

if TYPE_CHECKING:
    from inlay.data.groups import GroupKey
    from inlay.data.schema_change import SchemaChange
    from inlay.table import Table

__all__ = ["Comparison"]


class Comparison:
    """What `compare` found: each column, the largest contribution first, and the groups.

    It holds what may leave the process: names are hidden as the sides declare.

    Attributes
    ----------
    columns : tuple of ColumnComparison
    changes : tuple of SchemaChange
        How the schemas differ, where both are known.
    groups : dict of tuple of str to Comparison
        Of each group of `by`, those of one side alone too.
    by : tuple of str
    level, threshold : float
    """

    __module__ = "inlay.drift"
    __slots__ = (
        "_current",
        "_reference",
        "by",
        "changes",
        "columns",
        "groups",
        "level",
        "threshold",
    )

    def __init__(
        self,
        reference: Side,
        current: Side,
        columns: tuple[ColumnComparison, ...],
        *,
        level: float,
        threshold: float,
        changes: tuple[SchemaChange, ...] = (),
        by: tuple[str, ...] = (),
        groups: Mapping[GroupKey, Comparison] | None = None,
    ) -> None:
        self._reference = reference
        self._current = current
        self.columns = columns
        self.changes = changes
        self.by = by
        self.groups = dict(groups or {})
        self.level = level
        self.threshold = threshold

    @property
    def rows(self) -> int:
        """Rows of the current side."""
        return self._current.rows

    @property
    def reference_rows(self) -> int:
        """Rows of the reference."""
        return self._reference.rows

    @property
    def reference_id(self) -> str | None:
        """Of the reference, if it is a profile."""
        return self._reference.reference_id

    @property
    def verdict(self) -> str:
        """``yes`` if a column drifted, ``undefined`` if none could be compared, else ``no``."""
        verdicts = {column.verdict for column in self.columns}
        return next((word for word in ("yes", "no") if word in verdicts), "undefined")

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted, the largest contribution first."""
        return tuple(column.name for column in self.columns if column.verdict == "yes")

    def __getitem__(self, path: str) -> ColumnComparison:
        """Return a column by its path.

        Raises
        ------
        KeyError
            If there is none on either side.
        """
        for column in self.columns:
            if column.name == path:
                return column
        raise KeyError(path)

    def __contains__(self, path: object) -> bool:
        """Return whether there is a column of that path on either side."""
        return any(column.name == path for column in self.columns)

    def __iter__(self) -> Iterator[ColumnComparison]:
        """Iterate over `columns`."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of `columns`."""
        return len(self.columns)

    def __bool__(self) -> bool:
        """Return True, whatever the verdict is: ask `verdict` or `drifted`."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it.

        Returns
        -------
        dict
            ``verdict``, ``drifted``, ``reference`` and ``current`` (``name`` and ``rows`` of each),
            ``level``, ``threshold``, ``columns``, ``changes`` of the schema, ``by`` and ``groups``
            (each ``by``, and what is here again without its own groups).
        """
        return {
            "verdict": self.verdict,
            "drifted": list(self.drifted),
            "reference": {
                "name": self._reference.name,
                "rows": self.reference_rows,
                "reference_id": self.reference_id,
            },
            "current": {"name": self._current.name, "rows": self.rows},
            "level": self.level,
            "threshold": self.threshold,
            "columns": [column.to_dict() for column in self.columns],
            "changes": [{**change.to_dict(), "text": str(change)} for change in self.changes],
            "by": list(self.by),
            "groups": [
                {
                    "group": dict(zip(self.by, key, strict=True)),
                    "verdict": group.verdict,
                    "drifted": list(group.drifted),
                    "rows": group.rows,
                    "reference_rows": group.reference_rows,
                    "columns": [column.to_dict() for column in group.columns],
                }
                for key, group in self.groups.items()
            ],
        }

    def to_arrow(
        self,
        *,
        time: datetime.datetime | None = None,
        start_time: datetime.datetime | None = None,
        origin: int = 0,
        resource: Mapping[str, str] | None = None,
    ) -> Table:
        """Return rows of the table ``verdicts``, for any sink and any query.

        Parameters
        ----------
        time : datetime with a zone, optional
            The end of the time that the current data is of; now by default.
        start_time : datetime with a zone, optional
            Its start; `time` by default.
        origin : int, default 0
            What tells rows of one process from another's.
        resource : mapping of str to str, optional
            What the process runs on. ``service.name`` enters ``series_id``.

        Returns
        -------
        Table
            For each column, of the whole and of each group, a row of method ``compare`` with the
            verdict, and one for each distance, whose verdict is ``undefined``: a distance alone has
            no threshold.

        Raises
        ------
        InvalidArgumentError
            If a time has no zone, or `start_time` is after `time`.
        """
        from inlay.drift.comparison.verdict_rows import verdicts_table

        return verdicts_table(
            self, time=time, start_time=start_time, origin=origin, resource=resource or {}
        )

    def __repr__(self) -> str:
        """Return a line with the verdict and the columns that drifted."""
        sizes = f"{self.rows:,} rows with {self.reference_rows:,}"
        groups = f", {len(self.groups)} groups by {', '.join(self.by)}" if self.by else ""
        drifted = self.drifted
        if not drifted:
            said = "no drift" if self.verdict == "no" else "undefined"
        else:
            more = ", …" if len(drifted) > 5 else ""
            said = f"{len(drifted)} of {len(self)} columns drifted: {', '.join(drifted[:5])}{more}"
        return f"<inlay.drift.Comparison of {sizes}{groups}; {said}>"

    def _repr_html_(self) -> str:
        from inlay.report import comparison_table

        return comparison_table(self.to_dict())
