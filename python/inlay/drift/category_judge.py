"""`CategoryJudge`: names that are new against the reference, and names that vanished."""

from __future__ import annotations

from typing import Any

from inlay.drift.correction import benjamini_hochberg_families, e_bh_families
from inlay.drift.log_gamma import log_beta
from inlay.drift.pane_judge import PaneJudge, PaneRows, check_thresholds, families
from inlay.drift.replay import UNSEEN_METRIC
from inlay.drift.share_test import share_test

__all__ = ["CategoryJudge"]

# Names that a verdict lists.
_LISTED = 32
_JEFFREYS = 0.5


class CategoryJudge(PaneJudge):
    """Says whether a column has values under new names, and whether known names vanished.

    Parameters
    ----------
    level : float, default 0.05
        False discoveries among the columns of a pane are at most this share of them, on average.
    threshold : float, default 0.001
        The share of rows that new names must certainly have, or that vanished ones had.
    min_rows : int, default 1000
        Panes with fewer rows are undefined, ``insufficient``.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range; the message names it.

    Notes
    -----
    Two verdicts for each row of kind ``categories``, about the values that are not missing.

    ``new_categories``: ``value`` is the share of names outside the reference's list less the share
    that they had in the reference, ``low`` and ``high`` its interval, ``log_e`` as in
    `share_test`; ``part_names`` and ``part_values`` are the names and at least how often each came,
    as far as the point of metric ``data.column.unseen`` tells. Yes, if the interval lies above the
    threshold and e-BH rejects.

    ``vanished_categories``: ``value`` is the number of names that do not come though they should,
    ``effect`` the share they had in the reference, ``part_names`` and ``part_values`` these names
    and how many of each were expected. A name is among them if its absence has, with Bonferroni's
    correction for the names, a chance of at most `level`; the smallest of these chances is
    ``p_value``. Yes, if the effect exceeds the threshold and Benjamini-Hochberg rejects.

    Names that the watch hides are hidden here too.

    Examples
    --------
    >>> from inlay.drift import CategoryJudge
    >>> CategoryJudge(threshold=0.01)
    CategoryJudge(level=0.05, threshold=0.01, min_rows=1000)
    """

    name = "categories"
    _kinds = ("categories",)

    def __init__(
        self, *, level: float = 0.05, threshold: float = 0.001, min_rows: int = 1000
    ) -> None:
        super().__init__(level=level, min_rows=min_rows)
        check_thresholds({"categories": threshold})
        self.threshold = float(threshold)

    def __repr__(self) -> str:
        """Return the settings."""
        return (
            f"CategoryJudge(level={self.level}, threshold={self.threshold}, "
            f"min_rows={self.min_rows})"
        )

    def _judge(self, rows: PaneRows, points: Any, scope: str) -> list[Any]:
        if not rows.table.num_rows:
            return []
        return [self._new(rows, points, scope), self._vanished(rows, scope)]

    def _new(self, rows: PaneRows, points: Any, scope: str) -> Any:
        import numpy as np

        other = np.where(rows.count > 0, rows.cells[rows.offsets[1:] - 1], 0)
        known = np.asarray([*(each.counts[-1] for each in rows.references), 0], np.int64)
        test = share_test(
            other,
            rows.count,
            known[rows.reference],
            rows.of_references("num_values"),
            level=self.level,
        )
        tested = np.where(rows.reason == 0, test.log_e, np.nan)
        rejected = e_bh_families(tested, families(rows.table), self.level)
        names, counts = _unseen(rows, points, other)
        return self._verdicts(
            rows,
            np.arange(rows.table.num_rows),
            scope,
            "new_categories",
            yes=rejected & (test.low > self.threshold),
            value=test.difference,
            low=test.low,
            high=test.high,
            effect=np.maximum(test.difference, 0.0),
            threshold=self.threshold,
            log_e=test.log_e,
            n=rows.count,
            part_names=names,
            part_values=counts,
        )

    def _vanished(self, rows: PaneRows, scope: str) -> Any:
        import numpy as np
        import pyarrow as pa

        total = rows.table.num_rows
        p_value = np.ones(total)
        value, effect = np.zeros(total), np.zeros(total)
        parts: list[tuple[list[str], list[float]] | None] = [None] * total
        for members, cells in rows.by_width():
            if cells.shape[1] < 2:
                continue
            reference = rows.reference_cells(members)
            here, there = cells[:, :-1], reference[:, :-1]
            n = rows.count[members].astype(float)[:, None]
            n0 = reference.sum(axis=1).astype(float)[:, None]
            absent = (here == 0) & (there > 0)
            row, cell = np.nonzero(absent)
            if not len(row):
                continue
            a, b = there[row, cell] + _JEFFREYS, n0[row, 0] - there[row, cell] + _JEFFREYS
            chance = np.exp(log_beta(a, b + n[row, 0]) - log_beta(a, b)) * here.shape[1]
            np.minimum.at(p_value, members[row], np.minimum(chance, 1.0))
            gone = chance <= self.level
            share = there[row, cell] / n0[row, 0]
            np.add.at(value, members[row[gone]], 1.0)
            np.add.at(effect, members[row[gone]], share[gone])
            self._list(rows, members, row[gone], cell[gone], (share * n[row, 0])[gone], parts)
        tested = np.where(rows.reason == 0, p_value, np.nan)
        rejected = benjamini_hochberg_families(tested, families(rows.table), self.level)
        texts = pa.array([None if each is None else each[0] for each in parts], pa.list_(pa.utf8()))
        numbers = [None if each is None else each[1] for each in parts]
        return self._verdicts(
            rows,
            np.arange(total),
            scope,
            "vanished_categories",
            yes=rejected & (effect > self.threshold),
            value=value,
            effect=effect,
            threshold=self.threshold,
            p_value=p_value,
            n=rows.count,
            part_names=texts,
            part_values=pa.array(numbers, pa.list_(pa.float64())),
        )

    @staticmethod
    def _list(
        rows: PaneRows, members: Any, row: Any, cell: Any, expected: Any, parts: list[Any]
    ) -> None:
        """Name the vanished, the one that was expected most often first."""
        import numpy as np

        for place in np.lexsort((-expected, row)).tolist():
            number = int(members[row[place]])
            names = rows.references[int(rows.reference[number])].names
            said: tuple[list[str], list[float]] = parts[number] or ([], [])
            parts[number] = said
            if len(said[0]) < _LISTED:
                said[0].append(names[int(cell[place])])
                said[1].append(float(expected[place]))


def _unseen(rows: PaneRows, points: Any, other: Any) -> tuple[Any, Any]:
    """Return the new names of each row, and at least how often each came."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names: list[list[str] | None] = [None] * len(other)
    counts: list[list[float] | None] = [None] * len(other)
    keys = ["attrs", "origin", "start_time", "time", "revision"]
    mask = pc.and_(pc.equal(points["metric"], UNSEEN_METRIC), pc.is_valid(points["categories"]))
    unseen = points.filter(mask).select([*keys, "categories", "counts"])
    if unseen.num_rows:
        found = {
            tuple(row[key] for key in keys): (row["categories"], row["counts"] or [])
            for row in unseen.to_pylist()
        }
        some = [place for place, count in enumerate(other.tolist()) if count]
        subjects = rows.table.select(keys).take(pa.array(some, pa.int64())).to_pylist()
        for place, row in zip(some, subjects, strict=True):
            listed, weights = found.get(tuple(row[key] for key in keys), (None, []))
            if listed is not None:
                names[place] = listed[:_LISTED]
                counts[place] = [float(weight) for weight in weights[:_LISTED]]
    return pa.array(names, pa.list_(pa.utf8())), pa.array(counts, pa.list_(pa.float64()))
