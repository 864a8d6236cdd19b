"""DLE's fitted reference: regressions of two losses, and what a chunk is counted into."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.detect.rows import matrix_of
from inlay.model.estimate import Estimate, normal_interval, wilson
from inlay.model.estimated.array_bytes import pack
from inlay.model.estimated.loss_trees import LossTrees, fit_trees
from inlay.model.estimated.reference_checks import HeldOutLoss, LossChecks
from inlay.model.estimated.score_input import column_of, count_left_out, on_host, same_length

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["LOSSES", "LossChunk", "LossModel"]

LOSSES = ("absolute", "squared")
"""What is regressed."""

METHOD = "dle"
_LEAST_ROWS = 100  # of the reference
_HELD_OUT = 5  # one row of so many


class LossChunk:
    """What a chunk came to. Not thread-safe: whoever holds it locks.

    Attributes
    ----------
    counts : ndarray of int64, shape (nodes,)
        Rows by the leaf of the first tree that they fall into.
    sums : ndarray of float64, shape (2,)
        Of the expected absolute and squared errors.
    squares : ndarray of float64, shape (2, nodes)
        Of their squares, by leaf.
    outside : int
        Rows beyond the range that the reference has in a column.
    """

    __slots__ = ("counts", "left_out", "outside", "squares", "sums")

    def __init__(self, nodes: int) -> None:
        import numpy as np

        self.outside = 0
        self.counts: Integers = np.zeros(nodes, np.int64)
        self.sums: Floats = np.zeros(len(LOSSES))
        self.squares: Floats = np.zeros((len(LOSSES), nodes))
        self.left_out: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    def merge(self, other: LossChunk) -> None:
        """Add another chunk of the same reference."""
        self.counts += other.counts
        self.outside += other.outside
        self.sums += other.sums
        self.squares += other.squares
        count_left_out(self.left_out, **other.left_out)


@dataclass(frozen=True, eq=False)
class LossModel:
    """A fitted reference.

    Attributes
    ----------
    trees : tuple of two LossTrees
        Of the absolute and of the squared error.
    lows, highs : ndarray of float64, shape (columns,)
        The reference's range of each feature and of the prediction, the last; NaN of none.
    features : tuple of str or None
        Names of the features' columns.
    leaf_rows : ndarray of int64, shape (nodes,)
        Rows of the reference in each leaf of the first tree of the absolute error.
    checks : LossChecks
    """

    trees: tuple[LossTrees, LossTrees]
    lows: Floats
    highs: Floats
    features: tuple[str, ...] | None
    leaf_rows: Integers
    checks: LossChecks

    @classmethod
    def fit(
        cls,
        features: Any,
        y_pred: Any,
        y_true: Any,
        *,
        trees: int,
        threads: int,
        seed: int,
    ) -> LossModel:
        """Fit the regressions, and first others without a fifth of the rows, which check them.

        Raises
        ------
        InvalidArgumentError
            If lengths or columns do not go together, or fewer than 100 rows are left.
        ImportError
            If scikit-learn is not installed.
        """
        import numpy as np

        left_out: dict[str, int] = {}
        rows, names, kept = _rows_of(features, y_pred, left_out)
        labels = column_of(y_true, "y_true")
        same_length("y_true", len(labels), "y_pred", len(kept))
        labels = labels[kept]
        good = np.isfinite(labels)
        count_left_out(left_out, bad_label=len(good) - int(good.sum()))
        rows, labels = rows[good], labels[good]
        if len(rows) < _LEAST_ROWS:
            message = f"a reference needs {_LEAST_ROWS} rows with labels: {len(rows)}"
            raise InvalidArgumentError(message)
        errors = np.abs(rows[:, -1] - labels)
        with np.errstate(over="ignore"):
            squared = errors**2
        if not np.isfinite(squared.sum()):
            message = f"errors of the reference are too large to square: {errors.max()!r}"
            raise InvalidArgumentError(message)
        # A seeded draw, lest an order of the reference decide which rows are held out.
        held_out = np.random.default_rng(seed).permutation(len(rows)) % _HELD_OUT == 0
        both, checked = [], []
        settings = {"trees": trees, "threads": threads, "seed": seed}
        for losses in (errors, squared):
            trial = fit_trees(rows[~held_out], losses[~held_out], **settings)
            checked.append(HeldOutLoss.of(trial.predict(rows[held_out]), losses[held_out]))
            both.append(fit_trees(rows, losses, **settings))
        checks = LossChecks(
            len(rows), int(held_out.sum()), checked[0], checked[1], MappingProxyType(left_out)
        )
        # Not nanmin, which warns of a column of NaN alone.
        lows = np.fmin.reduce(rows, axis=0)
        highs = np.fmax.reduce(rows, axis=0)
        leaves = np.bincount(both[0].leaves(rows), minlength=both[0].first_nodes)
        return cls((both[0], both[1]), lows, highs, names, leaves, checks)

    def fit_bytes(self) -> bytes:
        """Return what was fitted as bytes: with equal ones chunks merge."""
        named = {"features": None if self.features is None else list(self.features)}
        return pack(b"inLM", named, self.arrays())

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what was fitted, in the order of its bytes."""
        return [
            self.lows,
            self.highs,
            self.leaf_rows,
            *self.trees[0].arrays(),
            *self.trees[1].arrays(),
        ]

    def chunk(self) -> LossChunk:
        """Return an empty chunk."""
        return LossChunk(len(self.leaf_rows))

    def count(self, features: Any, y_pred: Any) -> LossChunk:
        """Return a chunk of these rows."""
        import numpy as np

        chunk = self.chunk()
        rows, _, _ = _rows_of(features, y_pred, chunk.left_out, columns=self.features)
        if rows.shape[1] != len(self.lows):
            found, expected = rows.shape[1] - 1, len(self.lows) - 1
            message = f"features must have the reference's {expected} columns: {found}"
            raise InvalidArgumentError(message)
        nodes = len(self.leaf_rows)
        leaves = self.trees[0].leaves(rows)
        chunk.counts += np.bincount(leaves, minlength=nodes)
        chunk.outside = int(((rows < self.lows) | (rows > self.highs)).any(axis=1).sum())
        for at, trees in enumerate(self.trees):
            losses = trees.predict(rows)
            chunk.sums[at] = losses.sum()
            chunk.squares[at] = np.bincount(leaves, losses * losses, nodes)
        return chunk

    def estimates(self, chunk: LossChunk, *, confidence: float) -> dict[str, Estimate]:
        """Return the figures of a chunk by name."""
        import numpy as np

        rows = chunk.rows
        if rows == 0:
            names = ("mae", "mse", "rmse", "outside_reference")
            return {name: Estimate.undefined("no_rows") for name in names}
        # What a leaf's rows are expected to lose was learned from its rows of the reference.
        inflation = 1.0 + chunk.counts / np.maximum(self.leaf_rows, 1)
        mae, mse = (
            normal_interval(
                total / rows,
                check.spread * float(squares @ inflation) / rows**2,
                rows,
                confidence=confidence,
                within=(0.0, float("inf")),
                method=METHOD,
            )
            for total, squares, check in zip(
                chunk.sums.tolist(),
                chunk.squares,
                (self.checks.absolute, self.checks.squared),
                strict=True,
            )
        )
        root = [sqrt(end or 0.0) for end in (mse.value, mse.low, mse.high)]
        rmse = Estimate(root[0], root[1], root[2], rows, None, METHOD)
        outside = wilson(chunk.outside, rows, confidence=confidence)
        return {"mae": mae, "mse": mse, "rmse": rmse, "outside_reference": outside}


def _rows_of(
    features: Any,
    y_pred: Any,
    left_out: dict[str, int],
    *,
    columns: tuple[str, ...] | None = None,
) -> tuple[Floats, tuple[str, ...] | None, npt.NDArray[np.bool_]]:
    """Return features and prediction side by side, the names, and which rows are kept."""
    import numpy as np

    matrix, nulls, names = matrix_of(on_host(features, "features"), "features", columns=columns)
    predictions = column_of(y_pred, "y_pred")
    same_length("y_pred", len(predictions), "features", len(matrix))
    if nulls:
        message = f"features must have no null rows: {nulls}"
        raise InvalidArgumentError(message)
    rows = np.column_stack([matrix.astype(np.float64, copy=False), predictions])
    is_known = np.isfinite(predictions)
    is_finite = ~np.isinf(matrix).any(axis=1)
    count_left_out(
        left_out,
        bad_prediction=len(rows) - int(is_known.sum()),
        infinite_feature=int((is_known & ~is_finite).sum()),
    )
    kept = is_known & is_finite
    return (rows if kept.all() else rows[kept]), names, kept
