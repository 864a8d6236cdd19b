"""Drift: distances between what was and what is, and verdicts on them."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.drift.backtesting import Backtest, backtest
    from inlay.drift.category_judge import CategoryJudge
    from inlay.drift.comparison.column import ColumnComparison
    from inlay.drift.comparison.result import Comparison
    from inlay.drift.comparison.stored_points import StoredPoints
    from inlay.drift.correction import benjamini_hochberg, e_bh
    from inlay.drift.distance_judge import DistanceJudge
    from inlay.drift.drift_judge import DriftJudge
    from inlay.drift.judge import Judge
    from inlay.drift.missingness_judge import MissingnessJudge
    from inlay.drift.references import Reference, References
    from inlay.drift.segment_judge import SegmentJudge
    from inlay.drift.summary_distances import ChiSquared, Distance, Distances, Parts, distances

_HOMES = {
    "Backtest": "inlay.drift.backtesting",
    "CategoryJudge": "inlay.drift.category_judge",
    "ChiSquared": "inlay.drift.summary_distances",
    "ColumnComparison": "inlay.drift.comparison.column",
    "Comparison": "inlay.drift.comparison.result",
    "Distance": "inlay.drift.summary_distances",
    "DistanceJudge": "inlay.drift.distance_judge",
    "Distances": "inlay.drift.summary_distances",
    "DriftJudge": "inlay.drift.drift_judge",
    "Judge": "inlay.drift.judge",
    "MissingnessJudge": "inlay.drift.missingness_judge",
    "Parts": "inlay.drift.summary_distances",
    "StoredPoints": "inlay.drift.comparison.stored_points",
    "Reference": "inlay.drift.references",
    "References": "inlay.drift.references",
    "SegmentJudge": "inlay.drift.segment_judge",
    "backtest": "inlay.drift.backtesting",
    "benjamini_hochberg": "inlay.drift.correction",
    "distances": "inlay.drift.summary_distances",
    "e_bh": "inlay.drift.correction",
}

__all__ = [
    "Backtest",
    "CategoryJudge",
    "ChiSquared",
    "ColumnComparison",
    "Comparison",
    "Distance",
    "DistanceJudge",
    "Distances",
    "DriftJudge",
    "Judge",
    "MissingnessJudge",
    "Parts",
    "Reference",
    "References",
    "SegmentJudge",
    "StoredPoints",
    "backtest",
    "benjamini_hochberg",
    "distances",
    "e_bh",
]


__getattr__ = loader(__name__, _HOMES)
