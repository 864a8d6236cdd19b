"""Scores counted in cells narrow enough that what is estimated from counts is what rows give."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["cell_edges", "cells_of", "count_sorted", "quantiles_of"]

_LOGIT_EDGES = 512


def quantiles_of(scores: Floats, cells: int) -> Floats:
    """Return where sorted scores part into cells of as many rows each."""
    import numpy as np

    at = np.linspace(0.0, len(scores) - 1.0, min(cells, len(scores)) + 1)
    return np.unique(scores[np.round(at).astype(np.int64)])


def cell_edges(*edges: Floats | Sequence[float]) -> Floats:
    """Return the lower ends of cells that cover 0 to 1: those given, and a grid of logits.

    The grid is for scores that go where the reference had few.
    """
    import numpy as np

    logits = np.linspace(-16.0, 16.0, _LOGIT_EDGES)
    grid = 1.0 / (1.0 + np.exp(-logits))
    together = np.unique(np.concatenate([[0.0], grid, *edges]))
    return together[(together >= 0.0) & (together <= 1.0)]


def cells_of(edges: Floats, scores: Floats) -> Integers:
    """Return the cell of each score: the last whose lower end it is not below."""
    import numpy as np

    return np.searchsorted(edges, scores, "right") - 1


def count_sorted(edges: Floats, scores: Floats) -> tuple[Integers, Floats]:
    """Return rows and the sum of scores in each cell.

    Parameters
    ----------
    edges : ndarray of float64, shape (cells,)
        Their lower ends, ascending from 0.
    scores : ndarray of float64, shape (n,)
        From 0 to 1, ascending.
    """
    import numpy as np

    if 2 * len(scores) < len(edges):  # a few rows look for their cells, else cells for their rows
        cells = cells_of(edges, scores)
        few: Floats = np.bincount(cells, scores, len(edges)).astype(np.float64, copy=False)
        return np.bincount(cells, minlength=len(edges)), few
    ends = np.append(np.searchsorted(scores, edges[1:], "left"), len(scores))
    counts = np.diff(ends, prepend=0)
    sums = np.zeros(len(edges))
    filled = np.flatnonzero(counts)
    if len(filled):
        starts = ends[filled] - counts[filled]
        sums[filled] = np.add.reduceat(scores, starts)
    return counts, sums
