"""Labels and scores of binary predictions, and states that counted them."""

from __future__ import annotations

from typing import Any

import numpy as np

from inlay.model import Binary

THRESHOLDS = (0.1, 0.25, 0.5, 0.9)


def sample(rows: int, seed: int = 0, dtype: Any = np.float32) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    score = random.beta(0.7, 2.0, rows).astype(dtype)
    return (random.random(rows) < score).astype(np.int64), score


def counted(y_true: Any, y_score: Any, weights: Any = None, **options: Any) -> Binary:
    binary = Binary(**options)
    binary.update(y_true, y_score, weights=weights)
    return binary
