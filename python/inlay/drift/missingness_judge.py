"""`MissingnessJudge`: whether more or fewer rows of a column are missing than in the reference."""

from __future__ import annotations

from typing import Any

from inlay.drift.correction import e_bh_families
from inlay.drift.keys import is_any
from inlay.drift.pane_judge import PaneJudge, PaneRows, check_thresholds, families
from inlay.drift.share_test import share_test

__all__ = ["MissingnessJudge"]


class MissingnessJudge(PaneJudge):
    """Says whether the share of nulls and NaN of a column changed against its reference.

    Parameters
    ----------
    level : float, default 0.05
        False discoveries among the columns of a pane are at most this share of them, on average.
    threshold : float, default 0.01
        The share of rows by which the difference must certainly exceed 0 to count.
    min_rows : int, default 1000
        Panes with fewer rows are undefined, ``insufficient``.

    Raises
    ------
    InvalidArgumentError
        If a value is out of its range; the message names it.

    Notes
    -----
    Verdicts of method ``missingness``: ``value`` is the share of missing rows less that of the
    reference, ``low`` and ``high`` its interval at `level`, ``effect`` its distance from 0, and
    ``log_e`` what `share_test` gives. The verdict is yes if the interval lies beyond the threshold
    and e-BH over the columns of the pane rejects. Each pane is looked at alone: the chance of a
    false alarm is per pane.

    Columns without cells are judged by their rows of kind ``presence``, if the reference has such a
    row for them: text of too many names, and what was wholly missing and comes alive.

    Examples
    --------
    >>> from inlay.drift import MissingnessJudge
    >>> MissingnessJudge(threshold=0.02)
    MissingnessJudge(level=0.05, threshold=0.02, min_rows=1000)
    """

    name = "missingness"
    _kinds = ("edges", "categories", "presence")

    def __init__(
        self, *, level: float = 0.05, threshold: float = 0.01, min_rows: int = 1000
    ) -> None:
        super().__init__(level=level, min_rows=min_rows)
        check_thresholds({"missingness": threshold})
        self.threshold = float(threshold)

    def __repr__(self) -> str:
        """Return the settings."""
        return (
            f"MissingnessJudge(level={self.level}, threshold={self.threshold}, "
            f"min_rows={self.min_rows})"
        )

    def _judge(self, rows: PaneRows, points: Any, scope: str) -> list[Any]:
        import numpy as np

        del points
        # Without a reference a column without cells is no column that lacks one.
        bare = is_any(rows.table["kind"], ("presence",))
        members = np.flatnonzero(~bare | (rows.reference >= 0))
        if not len(members):
            return []
        test = share_test(
            rows.missing[members],
            rows.rows[members],
            rows.of_references("missing")[members],
            rows.of_references("rows")[members],
            level=self.level,
        )
        tested = np.where(rows.reason[members] == 0, test.log_e, np.nan)
        rejected = e_bh_families(tested, families(rows.table)[members], self.level)
        return [
            self._verdicts(
                rows,
                members,
                scope,
                "missingness",
                yes=rejected & (test.certain > self.threshold),
                value=test.difference,
                low=test.low,
                high=test.high,
                effect=np.abs(test.difference),
                threshold=self.threshold,
                log_e=test.log_e,
            )
        ]
