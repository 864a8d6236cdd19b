"""Judging data against a reference: distances, tests, verdicts, and their replay."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.drift.backtesting import Backtest, backtest
    from inlay.drift.category_judge import CategoryJudge
    from inlay.drift.correction import benjamini_hochberg, e_bh
    from inlay.drift.missingness_judge import MissingnessJudge
    from inlay.drift.references import Reference, References
    from inlay.drift.segment_judge import SegmentJudge

_HOMES = {
    "Backtest": "inlay.drift.backtesting",
    "CategoryJudge": "inlay.drift.category_judge",
    "MissingnessJudge": "inlay.drift.missingness_judge",
    "Reference": "inlay.drift.references",
    "References": "inlay.drift.references",
    "SegmentJudge": "inlay.drift.segment_judge",
    "backtest": "inlay.drift.backtesting",
    "benjamini_hochberg": "inlay.drift.correction",
    "e_bh": "inlay.drift.correction",
}

__all__ = [
    "Backtest",
    "CategoryJudge",
    "MissingnessJudge",
    "Reference",
    "References",
    "SegmentJudge",
    "backtest",
    "benjamini_hochberg",
    "e_bh",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay.drift' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
