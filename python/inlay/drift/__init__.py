"""Drift: distances between what was and what is, and verdicts on them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.drift.comparison.column import ColumnComparison
    from inlay.drift.comparison.result import Comparison
    from inlay.drift.comparison.stored_points import StoredPoints
    from inlay.drift.correction import benjamini_hochberg, e_bh
    from inlay.drift.summary_distances import ChiSquared, Distance, Distances, Parts, distances
    from inlay.drift.drift_judge import DriftJudge
    from inlay.drift.judge import Judge

_HOMES = {
    "ChiSquared": "inlay.drift.summary_distances",
    "ColumnComparison": "inlay.drift.comparison.column",
    "Comparison": "inlay.drift.comparison.result",
    "Distance": "inlay.drift.summary_distances",
    "Distances": "inlay.drift.summary_distances",
    "DriftJudge": "inlay.drift.drift_judge",
    "Judge": "inlay.drift.judge",
    "Parts": "inlay.drift.summary_distances",
    "StoredPoints": "inlay.drift.comparison.stored_points",
    "benjamini_hochberg": "inlay.drift.correction",
    "distances": "inlay.drift.summary_distances",
    "e_bh": "inlay.drift.correction",
}

__all__ = [
    "ChiSquared",
    "ColumnComparison",
    "Comparison",
    "Distance",
    "Distances",
    "DriftJudge",
    "Judge",
    "Parts",
    "StoredPoints",
    "benjamini_hochberg",
    "distances",
    "e_bh",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay.drift' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
