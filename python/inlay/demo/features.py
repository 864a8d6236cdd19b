"""What the demo's model is fed, as a table of a few columns that people can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SCANNERS", "SITES", "STRANGER", "STRANGER_SITE", "features", "moved_right"]

SCANNERS = ("a", "b")
"""The scanners that the training images came from."""

STRANGER = "c"
"""The scanner that joins half-way. Its images lie one pixel too far to the right."""

SITES = ("north", "south")
"""Where images are scanned, half of them at each."""

STRANGER_SITE = "south"
"""The site that changes to the new scanner."""

_SIDE = 8


def features(images: NDArray[np.float64], scanners: Sequence[str]) -> dict[str, Any]:
    """Describe images.

    Parameters
    ----------
    images : ndarray of float64, shape (n, 64)
        Pixels from 0 to 16.
    scanners : sequence of str, length n
        Where each came from.

    Returns
    -------
    dict
        Columns of length n: ``ink`` (mean pixel), ``centre_x`` and ``centre_y`` (centre of the
        ink, in pixels from the left and the top; NaN for an image without ink), ``width`` and
        ``height`` (its standard deviation, in pixels), ``scanner``.
    """
    grid = images.reshape(-1, _SIDE, _SIDE)
    place = np.arange(_SIDE, dtype=np.float64)
    columns: dict[str, Any] = {"ink": images.mean(axis=1)}
    with np.errstate(invalid="ignore"):  # an image without ink has no centre
        for centre, spread, axis in (("centre_x", "width", 1), ("centre_y", "height", 2)):
            share = grid.sum(axis=axis) / grid.sum(axis=(1, 2))[:, None]
            columns[centre] = share @ place
            columns[spread] = np.sqrt(np.maximum(share @ place**2 - columns[centre] ** 2, 0.0))
    return {**columns, "scanner": list(scanners)}


def moved_right(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the images moved by one pixel to the right; what leaves at the edge is lost."""
    grid = np.zeros_like(images).reshape(-1, _SIDE, _SIDE)
    grid[:, :, 1:] = images.reshape(-1, _SIDE, _SIDE)[:, :, :-1]
    return grid.reshape(images.shape)
