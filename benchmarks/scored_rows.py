"""Scores of an over-confident classifier and what came of them; for every environment of a peer."""

from __future__ import annotations

from typing import Any

__all__ = ["scored_rows"]


def scored_rows(rows: int, *, seed: int) -> tuple[Any, Any]:
    """Return float64 scores and int64 labels, each of shape (rows,)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    p = rng.beta(2.0, 3.0, rows)
    scores = p**1.5 / (p**1.5 + (1.0 - p) ** 1.5)
    return scores, (rng.random(rows) < p).astype(np.int64)
