"""Which share of the predictions has its label, whoever wrote the predictions and the labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inlay.model.estimate import wilson
from inlay.report.directory.estimates import Pane, Row, Segment, microseconds
from inlay.report.directory.figures import Figure
from inlay.report.directory.rows import as_dicts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["coverage_of"]


def coverage_of(points: pa.Table, name: str, rows: Iterable[Row]) -> list[Row]:
    """Make the coverage of a model of its counters of labels and predictions.

    A process that predicts and a run that joins labels from files each tell a share of their own,
    of predictions they have in common; their counters add up.

    Parameters
    ----------
    points : pyarrow.Table
        As `stored_rows` gives them.
    name : str
        Of the model.
    rows : iterable of Row
        The shares as they were written, which stand for panes that have no counters.
    """
    predictions = _counted(points, f"{name}.predictions")
    labels = _counted(points, f"{name}.labels")
    known = {pane for pane, _ in predictions}
    made = [row for row in rows if row.pane not in known]
    for (pane, segment), total in sorted(predictions.items()):
        if total:
            # A label may have come to a process and from a file.
            share = wilson(min(labels.get((pane, segment), 0), total), total)
            made.append(Row(pane, segment, Figure(share.value, share.low, share.high, total)))
    return made


def _counted(points: pa.Table, metric: str) -> dict[tuple[Pane, Segment], int]:
    """Add up a counter, by pane and segment; in a pane of several segments of all together, too."""
    import pyarrow.compute as pc

    kept = pc.and_(pc.equal(points["kind"], "counter"), pc.equal(points["metric"], metric))
    totals: dict[tuple[Pane, Segment], int] = {}
    for row in as_dicts(points.filter(kept).select(("start_time", "time", "attrs", "value"))):
        pane = microseconds(row["start_time"]) or 0, microseconds(row["time"]) or 0
        for segment in {(), tuple(sorted(row["attrs"].items()))}:
            key = pane, segment
            totals[key] = totals.get(key, 0) + round(row["value"] or 0.0)
    return totals
