"""Mergeable summaries as objects of their own: small states that arrays and streams fold into."""

from __future__ import annotations

from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import CdfBounds, EdgeHistogram
from inlay.summary.exp_histogram import CountBounds, ExpHistogram
from inlay.summary.hll import Hll
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments
from inlay.summary.reservoir import Reservoir
from inlay.summary.top_k import ItemBounds, TopK

__all__ = [
    "Categories",
    "CdfBounds",
    "CountBounds",
    "EdgeHistogram",
    "ExpHistogram",
    "Hll",
    "ItemBounds",
    "Kll",
    "Moments",
    "Reservoir",
    "TopK",
]
