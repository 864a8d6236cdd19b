"""What the judges of single panes share: which rows, which reference, when it is undefined."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError
from inlay.drift.correction import check_level
from inlay.drift.held_panes import HeldPanes
from inlay.drift.judge import check_min_rows, check_scope
from inlay.drift.keys import codes_of, distinct, first_rows, is_any, members_of
from inlay.drift.references import METRIC, Reference, References, points_columns
from inlay.drift.replay import COLUMNS
from inlay.drift.verdict_rows import verdict_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from inlay.table import Table

__all__ = ["REASONS", "PaneJudge", "PaneRows", "check_thresholds", "families"]

REASONS = (
    "",
    "empty",
    "insufficient",
    "no_reference",
    "other_reference",
    "not_held",
    "absent",
    "empty_reference",
)
"""Why a verdict is undefined.

Of `not_held`, the rows before the late ones are forgotten; of `absent`, no row of the pane has the
column; of `empty_reference`, the reference has no row.
"""

_EMPTY, _INSUFFICIENT, _NO_REFERENCE, _OTHER_REFERENCE, _NOT_HELD, _ABSENT, _EMPTY_REFERENCE = (
    range(1, 8)
)


class PaneRows(NamedTuple):
    """Rows of points of metric ``data.column`` with what they are judged against.

    Attributes
    ----------
    table : pyarrow.Table
        The rows; those with a revision have all of their pane.
    cells : numpy.ndarray of int64
        Counts of the cells of all rows, one row after another; infinities are in the outer ones.
    offsets : numpy.ndarray of int64, shape (n + 1,)
        Where each row's begin.
    count, missing, rows : numpy.ndarray of int64, shape (n,)
        Values in the cells, nulls and NaN, and all rows.
    references : list of Reference
    reference : numpy.ndarray of int64, shape (n,)
        The number of each row's reference; -1 if there is none.
    reason : numpy.ndarray of int64, shape (n,)
        Index into `REASONS`.
    """

    table: pa.Table
    cells: Any
    offsets: Any
    count: Any
    missing: Any
    rows: Any
    references: list[Reference]
    reference: Any
    reason: Any

    def of_references(self, name: str) -> Any:
        """Return a number of each row's reference, 0 where there is none."""
        import numpy as np

        values = [*(getattr(reference, name) for reference in self.references), 0]
        return np.asarray(values, np.int64)[self.reference]

    def by_width(self) -> list[tuple[Any, Any]]:
        """Return the rows of each number of cells that has a reason to be judged, and the cells.

        Returns
        -------
        list of (array of int64, array of int64)
            Row numbers of shape (m,), counts of shape (m, cells).
        """
        import numpy as np

        widths = np.diff(self.offsets)
        found = []
        for width in np.unique(widths[self.reason == 0]).tolist():
            members = np.flatnonzero((widths == width) & (self.reason == 0))
            found.append((members, self.cells[self.offsets[members][:, None] + np.arange(width)]))
        return found

    def reference_cells(self, members: Any) -> Any:
        """Return the reference's counts of some rows with equally many cells."""
        import numpy as np

        used, place = np.unique(self.reference[members], return_inverse=True)
        return np.asarray([self.references[number].counts for number in used], np.int64)[place]


class PaneJudge(abc.ABC):
    """A judge that looks at each pane alone and keeps the last few for what comes late.

    Not thread-safe.

    Parameters
    ----------
    level : float
        Of all its verdicts about one pane together.
    min_rows : int
        Panes with fewer rows are undefined, ``insufficient``.
    """

    name = ""
    version = "1"
    # Kinds of points that it judges.
    _kinds: tuple[str, ...] = ("edges", "categories")

    def __init__(self, *, level: float, min_rows: int) -> None:
        check_level(level)
        check_min_rows(min_rows)
        self.level = float(level)
        self.min_rows = min_rows
        self._held = HeldPanes()

    def judge(
        self, points: Any, references: References | None = None, *, scope: str = "process"
    ) -> Table:
        """Return what this judge says of rows of points.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            In the order of emission, windows whole; rows of other metrics and kinds are passed
            over.
        references : References, optional
            What holds at that time. Without, every series lacks one.
        scope : {"process", "host", "fleet"}
            Whose rows they are.

        Returns
        -------
        Table
            Rows of ``verdicts``.

        Raises
        ------
        InvalidArgumentError
            If a column is not there, or `scope` is none.
        """
        from inlay.table import Table

        check_scope(scope)
        table = points_columns(points, COLUMNS)
        known = References() if references is None else references
        parts = self._judge(self._rows(table, known), table, scope)
        return Table(_joined(parts))

    @abc.abstractmethod
    def _judge(self, rows: PaneRows, points: pa.Table, scope: str) -> list[pa.Table]:
        """Return tables of verdicts."""

    def save_state(self) -> bytes:
        """Return what is needed to go on elsewhere: the last panes."""
        return self._held.to_bytes()

    def load_state(self, data: bytes) -> None:
        """Take over what `save_state` gave.

        Raises
        ------
        SerializationError
            If it did not.
        """
        held = HeldPanes()
        held.load(data)
        self._held = held

    def _rows(self, points: pa.Table, references: References) -> PaneRows:
        import numpy as np
        import pyarrow as pa

        mask = is_any(points["metric"], (METRIC,)) & is_any(points["kind"], self._kinds)
        chosen = points if mask.all() else points.filter(pa.array(mask))
        table, is_lost = self._held.whole(chosen)
        cells, offsets = _lists(table)
        missing = _numbers(table, "null_count") + _numbers(table, "nan_count")
        if table.num_rows:  # of names there are none
            cells = cells.copy()
            np.add.at(cells, offsets[:-1], _numbers(table, "neg_inf_count"))
            np.add.at(cells, offsets[1:] - 1, _numbers(table, "pos_inf_count"))
        sums = np.concatenate([[0], np.cumsum(cells)])
        count = sums[offsets[1:]] - sums[offsets[:-1]]
        found, reference, why = _find(table, references)
        widths = np.asarray([*(len(each.counts) for each in found), -1])[reference]
        bad = np.flatnonzero((reference >= 0) & (widths != np.diff(offsets)))
        if len(bad):
            row = table.slice(int(bad[0]), 1).select(["attrs", "time"]).to_pylist()[0]
            message = (
                f"the point of {row['attrs']} of {row['time']} has another number of counts than "
                f"its reference: {int(np.diff(offsets)[bad[0]])}"
            )
            raise InvalidArgumentError(message)
        rows = count + missing
        reason = why
        reason[(reason == 0) & (rows < self.min_rows)] = _INSUFFICIENT
        empty = np.asarray([*(each.rows == 0 for each in found), False])[reference]
        reason[empty & (reason == 0)] = _EMPTY_REFERENCE
        reason[rows == 0] = _EMPTY
        reason[(rows == 0) & is_any(table["status"], ("absent",))] = _ABSENT
        reason[is_lost] = _NOT_HELD
        return PaneRows(table, cells, offsets, count, missing, rows, found, reference, reason)

    def _verdicts(
        self,
        rows: PaneRows,
        members: Any,
        scope: str,
        method: str,
        *,
        yes: Any,
        own_reason: list[str | None] | None = None,
        **given: Any,
    ) -> pa.Table:
        """Make verdicts of some rows, those with a reason, of the rows or their own, undefined."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        reason = rows.reason[members]
        texts = pa.array([None, *REASONS[1:]], pa.utf8()).take(pa.array(reason))
        if own_reason is not None:
            own = pa.array(own_reason, pa.utf8())
            texts = pc.coalesce(texts, own) if own.null_count < len(own) else texts
            reason = np.where(texts.is_null().to_numpy(zero_copy_only=False), reason, 1)
        words = np.where(reason > 0, 2, np.asarray(yes, bool).astype(np.int64))
        verdict = pa.array(["no", "yes", "undefined"]).take(pa.array(words))
        for name in ("value", "low", "high", "effect", "p_value", "log_e"):
            value = given.get(name)
            if value is not None:
                given[name] = np.where(reason > 0, np.nan, value)
        of_reference = rows.of_references("rows")[members]
        known = rows.reference[members] >= 0
        return verdict_rows(
            rows.table,
            members,
            judge=type(self).__name__,
            judge_version=self.version,
            scope=scope,
            method=method,
            verdict=verdict,
            reason=texts,
            **{"n": rows.rows[members], **given},
            n_reference=pa.array(of_reference, mask=~known),
            reference_id=rows.table["reference_id"].take(pa.array(members)),
        )


def _joined(parts: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    from inlay.table import arrow_schema

    parts = [part for part in parts if part.num_rows]
    if not parts:
        return arrow_schema("verdicts").empty_table()
    return pa.concat_tables(parts)


def _find(table: pa.Table, references: References) -> tuple[list[Reference], Any, Any]:
    """Look up the reference of each series and cells once."""
    import numpy as np

    ids, of_id = distinct(table["reference_id"])
    attrs, of_attrs = distinct(table["attrs"])
    resources, of_resource = distinct(table["resource"])
    series = table["series_id"].to_numpy()
    firsts, codes = first_rows(
        (of_attrs, len(attrs)), (of_id, len(ids)), (of_resource, len(resources))
    )
    found: list[Reference] = []
    numbers, reasons = [], []
    for first in firsts.tolist():
        who, text, cells = int(series[first]), attrs[of_attrs[first]], ids[of_id[first]]
        reference = references.find(who, text, cells or None)
        numbers.append(-1 if reference is None else len(found))
        if reference is not None:
            found.append(reference)
            reasons.append(0)
        else:
            reasons.append(REASONS.index(references.why_not(who, text)))
    if not len(firsts):
        return [], np.zeros(0, np.int64), np.zeros(0, np.int64)
    return found, np.asarray(numbers, np.int64)[codes], np.asarray(reasons, np.int64)[codes]


def _lists(table: pa.Table) -> tuple[Any, Any]:
    import numpy as np

    counts = table["counts"].combine_chunks()
    if table["counts"].null_count:
        at = int(np.flatnonzero(counts.is_null().to_numpy(zero_copy_only=False))[0])
        attrs = table["attrs"][at].as_py()
        message = f"counts of a point of kind edges or categories must be there: {attrs}"
        raise InvalidArgumentError(message)
    cells = counts.flatten()
    if cells.null_count or (len(cells) and cells.to_numpy().min() < 0):
        message = "counts must be 0 or more, and none null"
        raise InvalidArgumentError(message)
    offsets = counts.offsets.to_numpy().astype(np.int64)
    return cells.to_numpy(), offsets - offsets[:1]


def _numbers(table: pa.Table, name: str) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(table[name], 0).to_numpy()


def families(table: pa.Table) -> Any:
    """Return which verdicts are corrected together: those of one watch, pane, revision, origin.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Numbers from 0.
    """
    import pyarrow as pa

    watch = members_of(table["attrs"], "watch")[1]
    times = [table[name].cast(pa.int64()).to_numpy() for name in ("start_time", "time")]
    revision = table["revision"].to_numpy().astype("int64")
    return codes_of(watch, revision, table["origin"].to_numpy(), *times)


def check_thresholds(given: Mapping[str, float]) -> None:
    """Refuse a threshold below 0 or that is no number."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0.0:
            message = f"threshold of {name} must be 0 or more: {value!r}"
            raise InvalidArgumentError(message)
