"""Rows of a batch by what they are about."""


def points_by_metric(batch):
    """Return the rows of the points of a batch, by metric."""
    rows = {}
    for row in batch.points.to_pylist():
        rows.setdefault(row["metric"], []).append(row)
    return rows
