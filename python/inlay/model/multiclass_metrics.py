"""What the figures of a classifier of many classes come to, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any

from inlay.model.estimate import Estimate, normal_interval, normal_mean, wilson
from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["derive"]


def derive(
    figures: Mapping[str, Any],
    settings: Mapping[str, Any],
    confidence: float = 0.95,
    *,
    names: Sequence[Any] | None = None,
    per_class: bool = True,
) -> Metrics:
    """Return the metrics of a segment of `MulticlassStates`.

    Parameters
    ----------
    figures : mapping
        What ``figures(segment)`` returned. ``rows``; ``weighted``; ``weight`` and
        ``weight_squares``, sums over rows; the confusion's cells that have rows, as bytes:
        ``cell_labels`` and ``cell_predicted`` (int32), ``cell_rows`` (int64) and, if weighted,
        ``cell_weights`` (float64). With scores ``log_loss``, ``brier`` and their ``_squares``;
        ``ranks``, rows by the rank of the true class, the last of all beyond, and
        ``rank_weights``; ``bins``, of each (rows, hits, weight, weight of hits, sum of
        confidence); ``clipped`` and ``unnormalised`` rows.
    settings : mapping
        ``settings`` of the states.
    confidence : float, default 0.95
        Of the two-sided intervals.
    names : sequence, optional
        Of the classes; their indices unless given.
    per_class : bool, default True
        Whether precision, recall and F1 of each class are among them.

    Returns
    -------
    Metrics
        See `Multiclass.compute`.

    Raises
    ------
    InvalidArgumentError
        If the confidence does not lie between 0 and 1.
    """
    if not isfinite(figures["weight_squares"]):
        empty = {**figures, "weight": 0.0, "weight_squares": 0.0}
        empty |= dict.fromkeys(("cell_labels", "cell_predicted", "cell_rows", "cell_weights"), b"")
        all_names = derive(empty, settings, confidence, names=names, per_class=per_class)
        return Metrics(dict.fromkeys(all_names, Estimate.undefined("overflow")), title="Multiclass")
    table = _Confusion.of(figures, settings["classes"])
    found = {"accuracy": table.proportion(table.hits, table.weight, confidence, "no_rows")}
    if settings["kind"] != "label":
        found |= _top_k(figures, settings["top_k"], table, confidence)
    found |= _averages(table, confidence)
    if settings["kind"] != "label":
        found |= _of_scores(figures, table, confidence)
    if per_class:
        found |= _each_class(table, names or range(settings["classes"]), confidence)
    return Metrics(found, title="Multiclass")


@dataclass(slots=True)
class _Confusion:
    """Cells that have rows, and sums over them; of weights where there are any."""

    classes: int
    labels: Sequence[int]
    predicted: Sequence[int]
    values: Sequence[float]
    weight: float
    squares: float | None  # of weights; None without
    of_label: list[float] = field(default_factory=list)
    of_predicted: list[float] = field(default_factory=list)
    of_hits: list[float] = field(default_factory=list)
    hits: float = 0.0

    @classmethod
    def of(cls, figures: Mapping[str, Any], classes: int) -> _Confusion:
        weighted = figures["weighted"]
        values = memoryview(figures["cell_weights"]).cast("d") if weighted else None
        table = cls(
            classes,
            memoryview(figures["cell_labels"]).cast("i"),
            memoryview(figures["cell_predicted"]).cast("i"),
            memoryview(figures["cell_rows"]).cast("q") if values is None else values,
            figures["weight"],
            figures["weight_squares"] if weighted else None,
        )
        table.of_label = [0.0] * classes
        table.of_predicted = [0.0] * classes
        table.of_hits = [0.0] * classes
        for a, b, value in table.cells():
            table.of_label[a] += value
            table.of_predicted[b] += value
            if a == b:
                table.of_hits[a] += value
        table.hits = sum(table.of_hits)
        return table

    def cells(self) -> Iterator[tuple[int, int, float]]:
        return zip(self.labels, self.predicted, self.values, strict=True)

    @property
    def n(self) -> float:
        """The effective number of rows."""
        if self.squares is None:
            return self.weight
        return self.weight * self.weight / self.squares if self.squares else 0.0

    def proportion(self, k: float, n: float, confidence: float, reason: str) -> Estimate:
        """Return k of n; a part of the rows has its share of the effective ones."""
        squares = self.squares
        if squares is not None:
            squares = squares * n / self.weight if self.weight else 0.0
        return wilson(
            k,
            n,
            squares=squares,
            confidence=confidence,
            reason=reason if self.weight else "no_rows",
        )

    def smooth(
        self,
        value: float,
        gradient: Callable[[int, int], float],
        confidence: float,
        within: tuple[float, float],
    ) -> Estimate:
        """Return a function of the cells' shares, by the delta method for a multinomial.

        `gradient` gives its derivative by the share of a cell.
        """
        if self.n <= 1.0:
            return Estimate(value, None, None, round(self.n), "insufficient")
        mean = squares = 0.0
        for a, b, weight in self.cells():
            if not weight:
                continue
            slope = gradient(a, b)
            mean += weight * slope
            squares += weight * slope * slope
        mean /= self.weight
        spread = squares / self.weight - mean * mean
        # What rounding leaves of none; a sample without errors does not prove that there are none.
        if spread <= 1e-12 * squares / self.weight or not squares:
            least = self.proportion(self.hits, self.weight, confidence, "no_rows")
            if value == least.value:
                return least
            return Estimate(value, None, None, round(self.n), "insufficient")
        return normal_interval(
            value, spread / self.n, self.n, confidence=confidence, within=within, method="delta"
        )


def _top_k(
    figures: Mapping[str, Any], top_k: Sequence[int], table: _Confusion, confidence: float
) -> dict[str, Estimate]:
    ranks = figures["rank_weights" if figures["weighted"] else "ranks"]
    if figures["weighted"] and not ranks:
        ranks = [0.0] * len(figures["ranks"])
    return {
        f"accuracy@{k}": table.proportion(sum(ranks[:k]), table.weight, confidence, "no_rows")
        for k in top_k
        if k > 1
    }


def _averages(table: _Confusion, confidence: float) -> dict[str, Estimate]:
    names = [
        f"{average}_{name}"
        for average in ("micro", "macro", "weighted")
        for name in ("precision", "recall", "f1")
    ]
    names += ["kappa", "mcc"]
    weight = table.weight
    if not weight:
        return dict.fromkeys(names, Estimate.undefined("no_rows"))
    rows = [value / weight for value in table.of_label]
    columns = [value / weight for value in table.of_predicted]
    hits = [value / weight for value in table.of_hits]
    seen = [c for c in range(table.classes) if rows[c]]
    both = [c for c in seen if columns[c]]
    unit = (0.0, 1.0)
    accuracy = table.proportion(table.hits, weight, confidence, "no_rows")
    found = dict.fromkeys(names[:3], accuracy)

    def average(per: Mapping[int, float], gradient: Callable[[int, int], float]) -> Estimate:
        if not per:
            return Estimate.undefined("no_predicted_positives", table.n)
        return table.smooth(sum(per.values()), gradient, confidence, unit)

    # With p the share of rows of a cell: precision of c is hits / columns, and so on.
    share = 1.0 / len(both) if both else 0.0
    precision = {c: hits[c] / columns[c] for c in both}
    found["macro_precision"] = average(
        {c: share * value for c, value in precision.items()},
        lambda a, b: share * ((a == b) - precision[b]) / columns[b] if b in precision else 0.0,
    )
    each = 1.0 / len(seen)
    recall = {c: hits[c] / rows[c] for c in seen}
    found["macro_recall"] = average(
        {c: each * value for c, value in recall.items()},
        lambda a, b: each * ((a == b) - recall[a]) / rows[a],
    )
    f1 = {c: 2 * hits[c] / (rows[c] + columns[c]) for c in seen}

    def f1_slope(a: int, b: int, weigh: Callable[[int], float]) -> float:
        slope = weigh(a) * (2.0 * (a == b) - f1[a]) / (rows[a] + columns[a])
        if b in f1:
            slope -= weigh(b) * f1[b] / (rows[b] + columns[b])
        return slope

    found["macro_f1"] = average(
        {c: each * value for c, value in f1.items()}, lambda a, b: f1_slope(a, b, lambda _: each)
    )
    of_both = sum(rows[c] for c in both)
    mean = sum(rows[c] * precision[c] for c in both) / of_both if both else 0.0

    def weighted_precision_slope(a: int, b: int) -> float:
        slope = (precision[a] - mean) / of_both if a in precision else 0.0
        if b in precision:
            slope += rows[b] * ((a == b) - precision[b]) / columns[b] / of_both
        return slope

    found["weighted_precision"] = average(
        {c: rows[c] * precision[c] / of_both for c in both}, weighted_precision_slope
    )
    found["weighted_recall"] = accuracy  # each class's recall by its share of rows
    found["weighted_f1"] = average(
        {c: rows[c] * f1[c] for c in seen},
        lambda a, b: f1[a] + f1_slope(a, b, lambda c: rows[c]),
    )
    found |= _agreement(table, rows, columns, confidence)
    return {name: found[name] for name in names}


def _agreement(
    table: _Confusion, rows: Sequence[float], columns: Sequence[float], confidence: float
) -> dict[str, Estimate]:
    """Return kappa and MCC: how far rows agree beyond what their margins make likely."""
    observed = table.hits / table.weight
    expected = sum(r * c for r, c in zip(rows, columns, strict=True))
    found = {}
    left = 1.0 - expected
    if left <= 1e-15:
        found["kappa"] = Estimate.undefined("one_class", table.n)
    else:
        found["kappa"] = table.smooth(
            (observed - expected) / left,
            lambda a, b: (a == b) / left - (1.0 - observed) / left**2 * (columns[a] + rows[b]),
            confidence,
            (-1.0, 1.0),
        )
    of_rows = 1.0 - sum(r * r for r in rows)
    of_columns = 1.0 - sum(c * c for c in columns)
    if of_rows <= 1e-15 or of_columns <= 1e-15:
        found["mcc"] = Estimate.undefined("one_class", table.n)
        return found
    scale = sqrt(of_rows * of_columns)
    mcc = min(max((observed - expected) / scale, -1.0), 1.0)
    found["mcc"] = table.smooth(
        mcc,
        lambda a, b: (
            ((a == b) - columns[a] - rows[b]) / scale
            + mcc * (columns[b] / of_columns + rows[a] / of_rows)
        ),
        confidence,
        (-1.0, 1.0),
    )
    return found


def _of_scores(
    figures: Mapping[str, Any], table: _Confusion, confidence: float
) -> dict[str, Estimate]:
    weight, n = table.weight, table.n

    def mean(name: str, within: tuple[float, float]) -> Estimate:
        if not isfinite(figures[name]):
            return Estimate.undefined("overflow", n)
        return normal_mean(
            figures[name],
            figures[f"{name}_squares"],
            weight,
            squares=table.squares,
            confidence=confidence,
            within=within,
        )

    found = {"log_loss": mean("log_loss", (0.0, inf)), "brier": mean("brier", (0.0, 2.0))}
    if not weight:
        return found | dict.fromkeys(("ece", "mce", "mean_confidence"), found["brier"])
    error = variance = worst = 0.0
    mce = Estimate.undefined("no_rows")
    for rows, _, of_bin, hits, confident in figures["bins"]:
        if not rows or not of_bin:
            continue
        gap = abs(hits - confident) / of_bin
        error += gap * of_bin / weight
        effective = of_bin * n / weight
        share = (hits / of_bin * effective + 0.5) / (effective + 1.0)
        variance += share * (1.0 - share) * of_bin / (weight * n)
        if mce.value is None or gap > worst:
            worst = gap
            mce = _gap(table.proportion(hits, of_bin, confidence, "no_rows"), confident / of_bin)
    found["ece"] = normal_interval(
        error, variance, n, confidence=confidence, within=(0.0, 1.0), method="delta"
    )
    found["mce"] = mce
    mean_confidence = sum(confident for *_, confident in figures["bins"]) / weight
    found["mean_confidence"] = Estimate(mean_confidence, None, None, round(n))
    return found


def _gap(share: Estimate, confident: float) -> Estimate:
    """Return the distance of a bin's accuracy from its mean confidence."""
    if share.value is None or share.low is None or share.high is None:
        return share
    ends = abs(share.low - confident), abs(share.high - confident)
    low = 0.0 if share.low <= confident <= share.high else min(ends)
    value = abs(share.value - confident)
    return replace(share, value=value, low=low, high=max(ends), method="wilson of the bin")


def _each_class(table: _Confusion, names: Sequence[Any], confidence: float) -> dict[str, Estimate]:
    found = {}
    for c, name in enumerate(names):
        hits, rows, predicted = table.of_hits[c], table.of_label[c], table.of_predicted[c]
        found[f"precision[{name}]"] = table.proportion(
            hits, predicted, confidence, "no_predicted_positives"
        )
        found[f"recall[{name}]"] = table.proportion(hits, rows, confidence, "no_positives")
        overlap = table.proportion(hits, rows + predicted - hits, confidence, "no_positives")
        if overlap.value is not None and overlap.low is not None and overlap.high is not None:
            # F1 is 2 J / (1 + J) of this proportion J.
            value, low, high = (2 * j / (1 + j) for j in (overlap.value, overlap.low, overlap.high))
            overlap = replace(
                overlap, value=value, low=low, high=high, method=f"{overlap.method} of J"
            )
        found[f"f1[{name}]"] = overlap
    return found
