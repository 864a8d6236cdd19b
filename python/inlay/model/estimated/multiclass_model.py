"""CBPE of several classes: a calibration of each class against the rest, normalised by the row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import Estimate, normal_interval, wilson
from inlay.model.estimated.array_bytes import pack
from inlay.model.estimated.binary_model import LEAST_ROWS, METHOD, fit_and_check, ratio
from inlay.model.estimated.isotonic import Isotonic, sorted_outcomes
from inlay.model.estimated.ranking_curves import Curve, average_precision, roc_area
from inlay.model.estimated.reference_checks import ReferenceChecks
from inlay.model.estimated.score_cells import cell_edges, cells_of, quantiles_of
from inlay.model.estimated.score_input import (
    class_labels,
    count_left_out,
    matrix_of_scores,
    same_length,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["MulticlassChunk", "MulticlassModel"]

_CELLS = 1024
_BLOCK = 8192  # rows at a time: what they need stays in the cache


class MulticlassChunk:
    """What a chunk of scores came to. Not thread-safe: whoever holds it locks.

    Attributes
    ----------
    predicted : ndarray of int64, shape (K,)
        Rows by predicted class.
    confusion : ndarray of float64, shape (K, K)
        Sums of the calibrated probability of a class (row) over rows of a predicted one (column).
    products : ndarray of float64, shape (K, K)
        Over rows of a predicted class (row): sums of its probability times that of each class.
    gram : ndarray of float64, shape (K, K)
        Sums of the products of two probabilities over all rows.
    counts, positives, variances : list of ndarray, one per class
        By cells of that class's score: rows, sums of its probability p, and of p (1 - p).
    outside : int
        Rows of which a score lies outside the reference's range.
    """

    __slots__ = (
        "confusion",
        "counts",
        "gram",
        "left_out",
        "outside",
        "positives",
        "predicted",
        "products",
        "variances",
    )

    def __init__(self, cells: Sequence[int]) -> None:
        import numpy as np

        classes = len(cells)
        self.predicted: Integers = np.zeros(classes, np.int64)
        self.outside: Integers = np.zeros(1, np.int64)
        self.confusion: Floats = np.zeros((classes, classes))
        self.products: Floats = np.zeros((classes, classes))
        self.gram: Floats = np.zeros((classes, classes))
        self.counts: list[Integers] = [np.zeros(each, np.int64) for each in cells]
        self.positives: list[Floats] = [np.zeros(each) for each in cells]
        self.variances: list[Floats] = [np.zeros(each) for each in cells]
        self.left_out: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.predicted.sum())

    def merge(self, other: MulticlassChunk) -> None:
        """Add another chunk of the same cells."""
        for mine, theirs in zip(self.arrays(), other.arrays(), strict=True):
            mine += theirs
        count_left_out(self.left_out, **other.left_out)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what it holds, in the order of its bytes."""
        whole = [self.predicted, self.outside, self.confusion, self.products, self.gram]
        return [*whole, *self.counts, *self.positives, *self.variances]


@dataclass(frozen=True, eq=False)
class MulticlassModel:
    """A fitted reference of several classes, and the cells that follow from it.

    Attributes
    ----------
    calibrations : tuple of Isotonic
        Of each class against the rest.
    quantiles : tuple of ndarray of float64
        Of each class's score: what parts the reference into cells.
    checks : ReferenceChecks
    classes : tuple of str
    """

    calibrations: tuple[Isotonic, ...]
    quantiles: tuple[Floats, ...]
    checks: ReferenceChecks
    classes: tuple[str, ...]

    @classmethod
    def fit(
        cls, y_true: Any, y_score: Any, *, kind: str, classes: tuple[str, ...]
    ) -> MulticlassModel:
        """Fit the calibrations and check them on held-out rows.

        Raises
        ------
        InvalidArgumentError
            If lengths differ, or a class has fewer than 10 rows.
        """
        import numpy as np

        left_out: dict[str, int] = {}
        labels = class_labels(y_true, classes, {name: at for at, name in enumerate(classes)})
        scores, kept = matrix_of_scores(y_score, kind, classes, left_out)
        same_length("y_true", len(labels), "y_score", len(scores if kept is None else kept))
        if kept is not None:
            labels = labels[kept]
        bad = np.isnan(labels)
        if bad.any():
            count_left_out(left_out, bad_label=int(bad.sum()))
            scores, labels = scores[~bad], labels[~bad]
        numbers = labels.astype(np.int64)
        for name, rows in zip(classes, np.bincount(numbers, minlength=len(classes)), strict=True):
            if rows < LEAST_ROWS:
                message = f"a reference needs {LEAST_ROWS} rows of each class, {name!r}: {rows}"
                raise InvalidArgumentError(message)
        calibrations, quantiles, errors = [], [], []
        for at in range(len(classes)):
            ordered, outcomes = sorted_outcomes(scores[:, at], numbers == at)
            calibration, error = fit_and_check(ordered, outcomes)
            calibrations.append(calibration)
            quantiles.append(quantiles_of(ordered, _CELLS))
            errors.append(error)
        means = [sum(each) / len(classes) for each in zip(*errors, strict=True)]
        checks = ReferenceChecks(len(numbers), means[0], means[1], means[2], left_out)
        return cls(tuple(calibrations), tuple(quantiles), checks, classes)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what was fitted, in the order of its bytes."""
        both = zip(self.calibrations, self.quantiles, strict=True)
        return [array for each, cells in both for array in (*each.arrays(), cells)]

    def fit_bytes(self) -> bytes:
        """Return what was fitted as bytes: with equal ones chunks merge."""
        return pack(b"inIS", {"classes": list(self.classes)}, self.arrays())

    @cached_property
    def edges(self) -> list[Floats]:
        """Lower ends of the cells of each class's score."""
        return [cell_edges(each) for each in self.quantiles]

    @cached_property
    def _knots(self) -> list[tuple[Floats, Floats]]:
        return [each.knots() for each in self.calibrations]

    def chunk(self) -> MulticlassChunk:
        """Return an empty chunk."""
        return MulticlassChunk([len(each) for each in self.edges])

    def count(self, y_score: Any, kind: str) -> MulticlassChunk:
        """Return a chunk of these scores."""
        chunk = self.chunk()
        scores, _ = matrix_of_scores(y_score, kind, self.classes, chunk.left_out)
        for start in range(0, len(scores), _BLOCK):
            self._count_block(chunk, scores[start : start + _BLOCK])
        return chunk

    def _count_block(self, chunk: MulticlassChunk, scores: Floats) -> None:
        import numpy as np

        classes = len(self.classes)
        probabilities = np.empty_like(scores)
        outside = np.zeros(len(scores), bool)
        for at, (x, values) in enumerate(self._knots):
            column = scores[:, at]
            probabilities[:, at] = np.interp(column, x, values)
            outside |= (column < x[0]) | (column > x[-1])
        whole = probabilities.sum(axis=1, keepdims=True)
        nothing = whole[:, 0] == 0.0  # no class has any: all are as likely
        probabilities[nothing], whole[nothing] = 1.0, classes
        probabilities /= whole
        predicted = scores.argmax(axis=1)  # of equal ones the first
        chunk.outside += int(outside.sum())
        chunk.gram += probabilities.T @ probabilities
        chunk.predicted += np.bincount(predicted, minlength=classes)
        order = np.argsort(predicted, kind="stable")
        ends = np.searchsorted(predicted[order], np.arange(1, classes + 1))
        starts = np.append(0, ends[:-1])
        for at in np.flatnonzero(ends > starts).tolist():
            rows = probabilities[order[starts[at] : ends[at]]]
            chunk.confusion[:, at] += rows.sum(axis=0)
            chunk.products[at] += rows[:, at] @ rows
        for at, edges in enumerate(self.edges):
            cells = cells_of(edges, scores[:, at])
            p = probabilities[:, at]
            chunk.counts[at] += np.bincount(cells, minlength=len(edges))
            chunk.positives[at] += np.bincount(cells, p, len(edges))
            chunk.variances[at] += np.bincount(cells, p * (1.0 - p), len(edges))

    def estimates(
        self,
        chunk: MulticlassChunk,
        *,
        confidence: float,
        values: Sequence[Sequence[float]] | None,
    ) -> dict[str, Estimate]:
        """Return the figures of a chunk by name."""
        rows = chunk.rows
        figures = _Figures(chunk, 1.0 + rows / self.checks.rows, confidence)
        found = {"accuracy": figures.accuracy()}
        each: dict[str, list[Estimate]] = {}
        for name, linear in figures.by_class().items():
            each[name] = [figures.of(*one) for one in linear]
            found[f"macro_{name}"] = figures.mean_of([one for one in linear if one[3] is None])
        curves = [
            Curve(n, p, v * (1.0 + rows / self.checks.rows))
            for n, p, v in zip(chunk.counts, chunk.positives, chunk.variances, strict=True)
        ]
        ranked: tuple[tuple[str, Callable[[Curve, float, str], Estimate]], ...]
        ranked = (("auroc", roc_area), ("average_precision", average_precision))
        for name, area in ranked:
            each[name] = [area(curve, confidence, METHOD) for curve in curves]
            found[f"macro_{name}"] = _mean_of_dependent(each[name], rows)
        if values is not None:
            found["value"] = figures.value(values)
        outside = int(chunk.outside[0])
        found["outside_reference"] = wilson(outside, rows, confidence=confidence)
        for name, estimates in each.items():
            for label, estimate in zip(self.classes, estimates, strict=True):
                found[f"{name}[{label}]"] = estimate
        return found


if TYPE_CHECKING:
    # A figure as the chunk's unknown labels make it, to first order: its value; what a label adds
    # by its class if that is predicted, and in any case; why it is undefined; what it is part of.
    _Linear = tuple[float, Floats, Floats, str | None, float]


class _Figures:
    """What the sums of a chunk say of ratios over its unknown labels.

    The variance of a row's part is exact for its multinomial label: Σ_c p_c g_c² - (Σ_c p_c g_c)²
    where g_c, what label c adds, is `gain[c]` more if c is predicted, and `base[c]` in any case.
    """

    def __init__(self, chunk: MulticlassChunk, inflation: float, confidence: float) -> None:
        self._chunk = chunk
        self._inflation = inflation
        self._confidence = confidence
        self._hits = chunk.confusion.diagonal()
        self._expected = chunk.confusion.sum(axis=1)

    def _variance(self, gain: Floats, base: Floats) -> float:
        chunk = self._chunk
        squares = float(self._hits @ (gain * (2.0 * base + gain)) + self._expected @ base**2)
        means = float(
            chunk.products.diagonal() @ gain**2
            + 2.0 * (gain @ chunk.products @ base)
            + base @ chunk.gram @ base
        )
        return max(squares - means, 0.0) * self._inflation

    def of(
        self, value: float, gain: Floats, base: Floats, reason: str | None, n: float
    ) -> Estimate:
        """Return a figure with its interval."""
        if reason is not None:
            return Estimate.undefined("no_rows" if self._chunk.rows == 0 else reason, 0)
        return normal_interval(
            value,
            self._variance(gain, base),
            n,
            confidence=self._confidence,
            within=(0.0, 1.0),
            method=METHOD,
        )

    def mean_of(self, figures: list[_Linear]) -> Estimate:
        """Return the mean over the classes that have the figure."""
        if not figures:
            return Estimate.undefined("no_rows" if self._chunk.rows == 0 else "insufficient")
        share = 1.0 / len(figures)
        value = sum(one[0] for one in figures) * share
        gain = sum((one[1] for one in figures[1:]), figures[0][1]) * share
        base = sum((one[2] for one in figures[1:]), figures[0][2]) * share
        return self.of(value, gain, base, None, self._chunk.rows)

    def accuracy(self) -> Estimate:
        """Return the share of rows whose label is expected to be the predicted class."""
        import numpy as np

        rows = self._chunk.rows
        each = np.full(len(self._hits), 1.0 / max(rows, 1))
        value = float(self._hits.sum()) / max(rows, 1)
        return self.of(min(value, 1.0), each, 0.0 * each, None if rows else "no_rows", rows)

    def by_class(self) -> dict[str, list[_Linear]]:
        """Return precision, recall, specificity and F1 of each class."""
        import numpy as np

        rows = self._chunk.rows
        found: dict[str, list[_Linear]] = {}

        def add(
            name: str,
            at: int,
            numerator: float,
            denominator: float,
            gains: Callable[[float], tuple[float, float]],
            why: str,
        ) -> None:
            value, reason = ratio(numerator, denominator, why)
            gain, base = np.zeros(len(self._hits)), np.zeros(len(self._hits))
            if reason is None:
                gain[at], base[at] = (each / denominator for each in gains(value))
            found.setdefault(name, []).append((value, gain, base, reason, denominator))

        classes: Iterable[tuple[float, float, float]] = zip(
            self._hits.tolist(),
            self._expected.tolist(),
            self._chunk.predicted.tolist(),
            strict=True,
        )
        for at, (hits, expected, predicted) in enumerate(classes):
            negatives = rows - expected
            rejected = negatives - (predicted - hits)
            add("precision", at, hits, predicted, lambda _: (1.0, 0.0), "no_predicted_positives")
            add("recall", at, hits, expected, lambda r: (1.0, -r), "no_positives")
            add("specificity", at, rejected, negatives, lambda s: (1.0, s - 1.0), "no_negatives")
            add("f1", at, 2 * hits, predicted + expected, lambda f: (2.0, -f), "no_positives")
        return found

    def value(self, values: Sequence[Sequence[float]]) -> Estimate:
        """Return the sum of `values[true][predicted]` over the rows.

        Its variance is at most what is taken: rows of one predicted class are treated as alike,
        and rows that differ vary less.
        """
        import numpy as np

        table, confusion = np.asarray(values, dtype=np.float64), self._chunk.confusion
        sums = (confusion * table).sum(axis=0)
        squares = float((confusion * table**2).sum())
        rows = np.maximum(self._chunk.predicted, 1)
        variance = max(squares - float((sums**2 / rows).sum()), 0.0)
        return normal_interval(
            float(sums.sum()),
            variance * self._inflation,
            self._chunk.rows,
            confidence=self._confidence,
            method=METHOD,
        )


def _mean_of_dependent(estimates: list[Estimate], rows: int) -> Estimate:
    """Return the mean of figures whose errors may go together: so their intervals' mean, too."""
    defined = [one for one in estimates if one.value is not None]
    if not defined:
        return Estimate.undefined(estimates[0].reason or "insufficient", rows)

    def mean(of: Callable[[Estimate], float | None]) -> float:
        return sum(of(one) or 0.0 for one in defined) / len(defined)

    low, high = mean(lambda one: one.low), mean(lambda one: one.high)
    return Estimate(mean(lambda one: one.value), low, high, rows, None, METHOD)
