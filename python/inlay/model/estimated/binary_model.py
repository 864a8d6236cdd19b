"""CBPE of a binary task: the fitted calibration, what a chunk is counted into, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import Estimate, normal_interval, wilson
from inlay.model.estimated.array_bytes import pack
from inlay.model.estimated.isotonic import Isotonic, isotonic, sorted_outcomes
from inlay.model.estimated.ranking_curves import Curve, average_precision, roc_area
from inlay.model.estimated.reference_checks import ReferenceChecks, held_out_error
from inlay.model.estimated.score_cells import cell_edges, cells_of, count_sorted, quantiles_of
from inlay.model.estimated.score_input import (
    binary_labels,
    count_left_out,
    same_length,
    vector_of_scores,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["LEAST_ROWS", "METHOD", "BinaryChunk", "BinaryModel", "fit_and_check", "ratio"]

METHOD = "cbpe"
_CELLS = 4096
LEAST_ROWS = 10  # of the reference, of each class


class BinaryChunk:
    """What a chunk of scores came to: rows and the sum of scores in each cell.

    Not thread-safe: whoever holds it locks.
    """

    __slots__ = ("counts", "left_out", "sums")

    def __init__(self, cells: int) -> None:
        import numpy as np

        self.counts: Integers = np.zeros(cells, np.int64)
        self.sums: Floats = np.zeros(cells)
        self.left_out: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """Number of scores."""
        return int(self.counts.sum())

    def merge(self, other: BinaryChunk) -> None:
        """Add another chunk of the same cells."""
        self.counts += other.counts
        self.sums += other.sums
        count_left_out(self.left_out, **other.left_out)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what it holds, in the order of its bytes."""
        return [self.counts, self.sums]


@dataclass(frozen=True, eq=False)
class BinaryModel:
    """A fitted reference, and the cells that follow from it.

    Attributes
    ----------
    calibration : Isotonic
        Of the whole reference.
    quantiles : ndarray of float64
        Scores of the reference that part it into cells.
    checks : ReferenceChecks
    """

    calibration: Isotonic
    quantiles: Floats
    checks: ReferenceChecks
    thresholds: tuple[float, ...]

    @classmethod
    def fit(
        cls, y_true: Any, y_score: Any, *, kind: str, thresholds: tuple[float, ...]
    ) -> BinaryModel:
        """Fit the calibration and check it on held-out rows.

        Raises
        ------
        InvalidArgumentError
            If lengths differ, or a class has fewer than 10 rows.
        """
        import numpy as np

        left_out: dict[str, int] = {}
        labels = binary_labels(y_true)
        scores, kept = vector_of_scores(y_score, kind, left_out)
        same_length("y_true", len(labels), "y_score", len(scores if kept is None else kept))
        if kept is not None:
            labels = labels[kept]
        bad = np.isnan(labels)
        if bad.any():
            count_left_out(left_out, bad_label=int(bad.sum()))
            scores, labels = scores[~bad], labels[~bad]
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) < LEAST_ROWS:
            message = (
                f"a reference needs {LEAST_ROWS} rows of each class: {positives} of 1 "
                f"and {len(labels) - positives} of 0"
            )
            raise InvalidArgumentError(message)
        ordered, outcomes = sorted_outcomes(scores, labels)
        calibration, errors = fit_and_check(ordered, outcomes)
        checks = ReferenceChecks(len(ordered), *errors, left_out)
        return cls(calibration, quantiles_of(ordered, _CELLS), checks, thresholds)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Return what was fitted, in the order of its bytes."""
        return [*self.calibration.arrays(), self.quantiles]

    def fit_bytes(self) -> bytes:
        """Return what was fitted as bytes: with equal ones chunks merge."""
        return pack(b"inIS", {"thresholds": list(self.thresholds)}, self.arrays())

    @cached_property
    def edges(self) -> Floats:
        """Lower ends of the cells; every bend of the calibration and every threshold is one."""
        import numpy as np

        knots, _ = self.calibration.knots()
        beyond = [np.nextafter(knots[-1], 2.0)]
        return cell_edges(self.quantiles, knots, self.thresholds, beyond)

    @cached_property
    def _lines(self) -> tuple[Floats, Floats]:
        """Return the calibrated probability at the lower end of each cell, and its slope."""
        import numpy as np

        ends = np.append(self.edges, 1.0)
        values = self.calibration(ends)
        widths = np.diff(ends)
        slopes = np.divide(np.diff(values), widths, out=np.zeros_like(widths), where=widths > 0.0)
        return values[:-1], slopes

    @cached_property
    def _blocks(self) -> Integers:
        """The calibration's block that each cell belongs to, or follows."""
        import numpy as np

        return np.maximum(cells_of(self.calibration.lows, self.edges), 0)

    def chunk(self) -> BinaryChunk:
        """Return an empty chunk."""
        return BinaryChunk(len(self.edges))

    def count(self, y_score: Any, kind: str) -> BinaryChunk:
        """Return a chunk of these scores."""
        import numpy as np

        chunk = self.chunk()
        scores, _ = vector_of_scores(y_score, kind, chunk.left_out)
        chunk.counts, chunk.sums = count_sorted(self.edges, np.sort(scores))
        return chunk

    def curve(self, chunk: BinaryChunk) -> Curve:
        """Return rows, expected positives and the variance of their number in each cell."""
        import numpy as np

        values, slopes = self._lines
        counts = chunk.counts
        positives = values * counts + slopes * (chunk.sums - self.edges * counts)
        positives = np.clip(positives, 0.0, counts)
        calibration = self.calibration
        # Of a label: Jeffreys' share, so that a block without positives does not claim certainty.
        shares = (calibration.positives + 0.5) / (calibration.rows + 1.0)
        rows = np.bincount(self._blocks, counts, len(shares))
        # Of the calibration: the block's share is a mean of its own rows of the reference.
        spread = shares * (1.0 - shares) * (1.0 + rows / calibration.rows)
        return Curve(counts, positives, counts * spread[self._blocks])

    def estimates(
        self,
        chunk: BinaryChunk,
        *,
        confidence: float,
        values: Sequence[Sequence[float]] | None,
    ) -> dict[str, Estimate]:
        """Return the figures of a chunk by name."""
        import numpy as np

        curve = self.curve(chunk)
        found: dict[str, Estimate] = {}
        cuts = cells_of(self.edges, np.array(self.thresholds))  # edges: a cell begins there
        for threshold, at in zip(self.thresholds, cuts.tolist(), strict=True):
            suffix = "" if len(self.thresholds) == 1 else f"@{threshold:g}"
            for name, estimate in at_threshold(curve, at, values, confidence).items():
                found[name + suffix] = estimate
        found["prevalence"] = _figure(
            curve.total_positives, curve.total_variance, curve.rows, curve.rows, confidence
        )
        found["auroc"] = roc_area(curve, confidence, METHOD)
        found["average_precision"] = average_precision(curve, confidence, METHOD)
        knots, _ = self.calibration.knots()
        first, last = cells_of(self.edges, knots[[0, -1]])
        outside = int(chunk.counts[:first].sum() + chunk.counts[last + 1 :].sum())
        found["outside_reference"] = wilson(outside, curve.rows, confidence=confidence)
        return found


def fit_and_check(
    ordered: Floats, outcomes: Integers
) -> tuple[Isotonic, tuple[float, float, float]]:
    """Return the calibration of sorted scores, and its error on held-out rows."""
    import numpy as np

    # A seeded draw, lest an order of the reference, such as pairs of rows, decide the halves.
    first = np.random.default_rng(0).random(len(ordered)) < 0.5
    halves = [(ordered[part], outcomes[part]) for part in (first, ~first)]
    fitted = [isotonic(*half) for half in halves]
    return isotonic(ordered, outcomes), held_out_error(halves, fitted)


def ratio(numerator: float, denominator: float, reason: str) -> tuple[float, str | None]:
    """Return a share and None, or 0 and why there is none.

    Of less than one expected row there is none: a sample need not have the figure at all.
    """
    if denominator <= 0.0:
        return 0.0, reason
    if denominator < 1.0:
        return 0.0, "insufficient"
    return min(numerator / denominator, 1.0), None


def _figure(
    numerator: float,
    variance: float,
    denominator: float,
    rows: float,
    confidence: float,
    *,
    reason: str = "no_rows",
) -> Estimate:
    """Return a share, its variance given as that of the numerator; undefined if of nothing."""
    value, why = ratio(numerator, denominator, reason)
    if why is not None:
        return Estimate.undefined("no_rows" if rows == 0 else why)
    return normal_interval(
        value,
        variance / denominator**2,
        denominator,
        confidence=confidence,
        within=(0.0, 1.0),
        method=METHOD,
    )


def at_threshold(
    curve: Curve, at: int, values: Sequence[Sequence[float]] | None, confidence: float
) -> dict[str, Estimate]:
    """Return what the confusion matrix gives, its positives being the cells from `at` on.

    Each figure is a ratio of sums over the rows' unknown labels. Its variance is that of its
    linear part: of each label, times the square of the derivative by it.
    """
    rows = curve.rows
    above, below = int(curve.counts[at:].sum()), int(curve.counts[:at].sum())
    tp, fn = float(curve.positives[at:].sum()), float(curve.positives[:at].sum())
    fp, tn = above - tp, below - fn
    v_above, v_below = float(curve.variances[at:].sum()), float(curve.variances[:at].sum())

    def figure(
        numerator: float, denominator: float, d_above: float, d_below: float, why: str
    ) -> Estimate:
        variance = d_above**2 * v_above + d_below**2 * v_below
        return _figure(numerator, variance, denominator, rows, confidence, reason=why)

    def share(part: float, whole: float) -> float:
        return part / whole if whole > 0.0 else 0.0

    recall = share(tp, tp + fn)
    specificity = share(tn, tn + fp)
    f1 = share(2 * tp, above + tp + fn)
    found = {
        "accuracy": figure(tp + tn, rows, 1.0, 1.0, "no_rows"),
        "precision": figure(tp, above, 1.0, 0.0, "no_predicted_positives"),
        "recall": figure(tp, tp + fn, 1.0 - recall, recall, "no_positives"),
        "specificity": figure(tn, tn + fp, specificity, 1.0 - specificity, "no_negatives"),
        "f1": figure(2 * tp, above + tp + fn, 2.0 - f1, f1, "no_positives"),
        "npv": figure(tn, below, 0.0, 1.0, "no_predicted_negatives"),
    }
    for name, count, most, variance in (
        ("true_positives", tp, above, v_above),
        ("false_positives", fp, above, v_above),
        ("false_negatives", fn, below, v_below),
        ("true_negatives", tn, below, v_below),
    ):
        found[name] = normal_interval(
            count, variance, rows, confidence=confidence, within=(0.0, most), method=METHOD
        )
    if values is not None:
        (v_tn, v_fp), (v_fn, v_tp) = values
        found["value"] = normal_interval(
            v_tn * tn + v_fp * fp + v_fn * fn + v_tp * tp,
            (v_tp - v_fp) ** 2 * v_above + (v_fn - v_tn) ** 2 * v_below,
            rows,
            confidence=confidence,
            method=METHOD,
        )
    return found
