"""What drifted: each watch before and after, and profiles that were written as points."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError
from inlay.report.directory.rows import Span

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Watched", "comparisons_of", "profile_of", "watched_in"]

_METRICS = ("data.column", "data.profile")


class Watched(NamedTuple):
    """Which watches a directory has points of, and when.

    Attributes
    ----------
    watches : list of str
        Their names; ``""`` stands for points of columns that belong to no watch.
    starts : list of datetime
        Where their windows start.
    is_profiled : bool
        Whether the points are those of profiles alone.
    """

    watches: list[str]
    starts: list[datetime.datetime]
    is_profiled: bool


def watched_in(directory: Path, span: Span) -> Watched:
    """Look through the points of a directory; raises as `stored_rows`."""
    import pyarrow.compute as pc

    from inlay._files.rows import chosen_rows
    from inlay.drift.keys import members_of

    def choose(table: pa.Table) -> pa.Table:
        import pyarrow as pa

        metric = table["metric"].cast(pa.utf8())
        kept = pc.is_in(metric, value_set=pa.array(_METRICS))
        if span.start is not None:
            kept = pc.and_(kept, pc.greater_equal(table["start_time"], span.start))
        if span.end is not None:
            kept = pc.and_(kept, pc.less_equal(table["time"], span.end))
        found = table.filter(kept).select(["metric", "attrs", "start_time"])
        return found.set_column(0, "metric", found["metric"].cast(pa.utf8()))

    only = {"points": [("metric", "in", _METRICS)]}
    parts = chosen_rows(directory, {"points": choose}, filters=only).tables.get("points", [])
    watches: set[str] = set()
    starts: set[datetime.datetime] = set()
    metrics: set[str] = set()
    for part in parts:
        metrics.update(part["metric"].unique().to_pylist())
        columns = part.filter(pc.equal(part["metric"], "data.column"))
        names, of_row = members_of(columns["attrs"], "watch")
        watches.update(names[number] for number in set(of_row.tolist()))
        starts.update(columns["start_time"].unique().to_pylist())
    if len(watches) > 1:
        watches.discard("")
    is_profiled = "data.profile" in metrics and watches <= {""}
    return Watched(sorted(watches), sorted(starts), is_profiled=is_profiled)


def comparisons_of(
    directory: Path, span: Span, split: datetime.datetime | None, watches: list[str]
) -> list[dict[str, Any]]:
    """Compare what each watch saw before and after a moment.

    Returns
    -------
    list of dict
        ``watch``, ``comparison`` (what ``Comparison.to_dict()`` gives, or None) and ``reason``.
    """
    from inlay.drift.comparison.compare import compare
    from inlay.drift.comparison.stored_points import StoredPoints

    made = []
    for watch in watches:
        said: dict[str, Any] | None = None
        reason = None
        if split is None:
            reason = "there is one window only: nothing to compare it with"
        else:
            try:
                said = compare(
                    StoredPoints(directory, start=span.start, end=split, watch=watch or None),
                    StoredPoints(directory, start=split, end=span.end, watch=watch or None),
                ).to_dict()
            except InvalidArgumentError as error:
                reason = str(error)
        made.append({"watch": watch, "comparison": said, "reason": reason})
    return made


def profile_of(directory: Path, span: Span) -> dict[str, Any] | None:
    """Merge the profiles that were written as points; None if they cannot be."""
    from inlay.data.profile import Profile
    from inlay.drift.comparison.stored_points import StoredPoints

    read = StoredPoints(directory, start=span.start, end=span.end).read()
    return read.to_dict() if isinstance(read, Profile) else None
