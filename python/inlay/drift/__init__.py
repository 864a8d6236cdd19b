"""Judging data against a reference: distances, tests, verdicts, and their replay."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.drift.backtest import Backtest, backtest
    from inlay.drift.references import Reference, References

_HOMES = {
    "Backtest": "inlay.drift.backtest",
    "Reference": "inlay.drift.references",
    "References": "inlay.drift.references",
    "backtest": "inlay.drift.backtest",
}

__all__ = ["Backtest", "Reference", "References", "backtest"]


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
