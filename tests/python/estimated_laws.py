"""Draws of scores and labels whose figures are known, by seeds."""

from __future__ import annotations

from typing import Any

import numpy as np


def binary(law: str, rows: int, seed: int) -> tuple[Any, Any]:
    """Scores that are wrong in their own way, and labels."""
    rng = np.random.default_rng(seed)
    if law == "over-confident":
        p = rng.beta(2.0, 3.0, rows)
        score = p**1.5 / (p**1.5 + (1 - p) ** 1.5)
    elif law == "rare":
        p = rng.beta(0.5, 20.0, rows)
        score = np.sqrt(p)
    else:
        p = rng.beta(1.0, 1.0, rows)
        score = np.round(p**2, 2)
    return score, (rng.random(rows) < p).astype(np.int64)


def multiclass(rows: int, seed: int, sharper: float = 1.6) -> tuple[Any, Any]:
    """Scores of three classes, sharper than they should be, and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0.0, 1.5, (rows, 3)) + np.array([0.5, 0.0, -0.5])
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    label = (rng.random((rows, 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)
    q = np.exp(sharper * z)
    q /= q.sum(axis=1, keepdims=True)
    return q, label


def regression(rows: int, low: float, seed: int) -> tuple[Any, Any, Any]:
    """Features, predictions and labels; errors grow with the third feature."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, 1.0, (rows, 3))
    prediction = 2.0 * x[:, 0]
    return x, prediction, prediction + rng.normal(0.0, 0.1 + x[:, 2] ** 2)
