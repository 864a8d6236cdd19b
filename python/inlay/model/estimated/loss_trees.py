"""A boosted regression of a loss, as arrays: it predicts without the library that fitted it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["LossTrees", "fit_trees"]

_LEAVES = 15
_BLOCK = 4096  # rows at a time: what they need stays in the cache


@dataclass(frozen=True, eq=False)
class LossTrees:
    """Trees of one regression, one after another; the prediction is `base` and what leaves add.

    Attributes
    ----------
    base : float
    roots : ndarray of int64, shape (trees,)
        Of each tree the number of its first node.
    feature : ndarray of int64, shape (nodes,)
        The column that a node looks at; of a leaf any.
    threshold : ndarray of float64, shape (nodes,)
        What goes to the left is not above it.
    missing_left : ndarray of int64, shape (nodes,)
        1 where NaN goes to the left.
    left, right : ndarray of int64, shape (nodes,)
        Numbers above the node's own; of a leaf its own.
    value : ndarray of float64, shape (nodes,)
        What a leaf adds.
    """

    base: float
    roots: Integers
    feature: Integers
    threshold: Floats
    missing_left: Integers
    left: Integers
    right: Integers
    value: Floats

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what it holds, in the order of its bytes."""
        import numpy as np

        return [
            np.array([self.base]),
            self.roots,
            self.feature,
            self.threshold,
            self.missing_left,
            self.left,
            self.right,
            self.value,
        ]

    def problem(self, columns: int) -> str | None:
        """Return why these arrays are no trees over so many columns; None if they are some."""
        import numpy as np

        nodes = len(self.feature)
        each = (self.threshold, self.missing_left, self.left, self.right, self.value)
        if any(array.shape != (nodes,) for array in (self.feature, *each)) or self.roots.ndim != 1:
            return "arrays of several lengths"
        if not (np.isfinite(self.base) and np.isfinite(self.value).all()):
            return "leaves that are not finite"
        if np.isnan(self.threshold).any():
            return "thresholds that are NaN"
        own = np.arange(nodes)
        is_leaf = (self.left == own) & (self.right == own)
        ends = np.append(self.roots[1:], nodes)
        if len(self.roots) == 0:
            return "no trees"
        if self.roots[0] != 0 or not (np.diff(np.append(self.roots, nodes)) > 0).all():
            return "trees that do not follow one another"
        end = np.repeat(ends, ends - self.roots)
        below = [(child > own) & (child < end) for child in (self.left, self.right)]
        if not (is_leaf | (below[0] & below[1])).all():
            return "children that are no nodes below their own"
        if not ((self.feature >= 0) & (self.feature < columns)).all():
            return "columns that are not there"
        if not ((self.missing_left == 0) | (self.missing_left == 1)).all():
            return "directions that are neither left nor right"
        return None

    @cached_property
    def _depths(self) -> list[int]:
        """How many steps lead from each root to its deepest leaf."""
        left, right = self.left.tolist(), self.right.tolist()
        below = [0] * len(left)
        for at in range(len(left) - 1, -1, -1):  # children have the higher numbers
            if left[at] != at:
                below[at] = 1 + max(below[left[at]], below[right[at]])
        return [below[root] for root in self.roots.tolist()]

    @cached_property
    def _children(self) -> Integers:
        import numpy as np

        return np.stack([self.right, self.left], axis=1).ravel()

    def predict(self, rows: Floats) -> Floats:
        """Return the expected loss of rows, at least 0.

        Parameters
        ----------
        rows : ndarray of float64, shape (n, columns)
            NaN where a value is missing.
        """
        import numpy as np

        found = np.empty(len(rows))
        for start in range(0, len(rows), _BLOCK):
            block = np.ascontiguousarray(rows[start : start + _BLOCK])
            found[start : start + len(block)] = self._of_block(block)
        return np.maximum(found, 0.0)

    def leaves(self, rows: Floats) -> Integers:
        """Return the number of the first tree's leaf that each row falls into."""
        import numpy as np

        found = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), _BLOCK):
            block = np.ascontiguousarray(rows[start : start + _BLOCK])
            (found[start : start + len(block)],) = self._leaves_of_block(block, 1)
        return found

    @property
    def first_nodes(self) -> int:
        """Number of nodes of the first tree."""
        return int(self.roots[1]) if len(self.roots) > 1 else len(self.feature)

    def _of_block(self, block: Floats) -> Floats:
        import numpy as np

        total = np.full(len(block), self.base)
        for nodes in self._leaves_of_block(block, len(self.roots)):
            total += self.value.take(nodes)
        return total

    def _leaves_of_block(self, block: Floats, trees: int) -> Iterator[Integers]:
        import numpy as np

        flat = block.ravel()
        starts = np.arange(len(block)) * block.shape[1]
        gaps = np.isnan(flat) if np.isnan(flat).any() else None
        for root, depth in zip(self.roots[:trees].tolist(), self._depths[:trees], strict=True):
            nodes = np.full(len(block), root)
            for _ in range(depth):
                at = starts + self.feature.take(nodes)
                goes_left = flat.take(at) <= self.threshold.take(nodes)
                if gaps is not None:
                    goes_left |= gaps.take(at) & (self.missing_left.take(nodes) == 1)
                nodes = self._children.take(2 * nodes + goes_left)
            yield nodes


def fit_trees(rows: Floats, losses: Floats, *, trees: int, threads: int, seed: int) -> LossTrees:
    """Fit scikit-learn's histogram gradient boosting to the losses of rows.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    RuntimeError
        If what it fitted is not laid out as expected: its arrays are not public.
    """
    import numpy as np

    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        message = "DLE.fit needs scikit-learn: install inlay[sklearn]"
        raise ImportError(message) from error
    # Without early stopping, which leaves what is expected too near to the mean: noise of single
    # rows averages out in a chunk's mean, that does not.
    regressor = HistGradientBoostingRegressor(
        max_iter=trees, max_leaf_nodes=_LEAVES, early_stopping=False, random_state=seed
    )
    sample = rows[:1000]
    with threadpool_limits(limits=threads or None):
        fitted = regressor.fit(rows, losses)
        expected = np.maximum(fitted.predict(sample), 0.0)
    try:
        made = _exported(fitted)
        problem = made.problem(rows.shape[1])
    except (AttributeError, ValueError, IndexError) as error:
        problem = str(error)
    if problem is None and not np.allclose(made.predict(sample), expected, rtol=1e-9, atol=1e-12):
        problem = "predictions differ"
    if problem is not None:
        import sklearn

        message = f"trees of scikit-learn {sklearn.__version__} cannot be read: {problem}"
        raise RuntimeError(message)
    return made


def _exported(fitted: Any) -> LossTrees:
    import numpy as np

    nodes = [tree.nodes for (tree,) in fitted._predictors]
    lengths = [len(each) for each in nodes]
    roots = np.cumsum([0, *lengths], dtype=np.int64)
    first = np.repeat(roots[:-1], lengths)
    whole = np.concatenate(nodes)
    own = np.arange(len(whole))
    is_leaf = whole["is_leaf"].astype(bool)
    if whole["is_categorical"].any():
        message = "a split on categories"
        raise ValueError(message)

    def child(side: str) -> Integers:
        return np.where(is_leaf, own, whole[side].astype(np.int64) + first)

    return LossTrees(
        float(np.ravel(fitted._baseline_prediction)[0]),
        roots[:-1],
        np.where(is_leaf, 0, whole["feature_idx"]).astype(np.int64),
        np.where(is_leaf, 0.0, whole["num_threshold"]),
        whole["missing_go_to_left"].astype(np.int64),
        child("left"),
        child("right"),
        np.where(is_leaf, whole["value"], 0.0),
    )
