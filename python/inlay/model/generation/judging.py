"""What an evaluator's scores mean, and how it agrees with people."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.estimate import Estimate, normal_mean, wilson
from inlay.model.metrics import Metrics

__all__ = ["DIRECTIONS", "Agreement", "Evaluator"]

DIRECTIONS = ("higher", "lower")
"""Which scores are the better ones."""

_BINS = 10


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Who judges what, and how its scores are to be read.

    Attributes
    ----------
    evaluation : str
        What is judged.
    name, version : str
        The evaluator's.
    range : tuple of two floats
        The lowest and the highest score.
    direction : str
        ``"higher"`` or ``"lower"``: which scores are the better ones.
    threshold : float or None
        From which score on, to the worse side, an answer is flagged.
    flagged_labels : frozenset of str
        Labels with which an answer is flagged; with any other it is not.
    """

    evaluation: str
    name: str
    version: str
    range: tuple[float, float]
    direction: str
    threshold: float | None
    flagged_labels: frozenset[str]

    @classmethod
    def of(
        cls,
        evaluation: Any,
        name: Any,
        version: Any,
        range: Any,
        direction: Any,
        threshold: Any,
        flagged_labels: Any,
    ) -> Evaluator:
        """Return one of arguments that are to be checked.

        Raises
        ------
        TypeError
            If a name is no text or the range no pair.
        InvalidArgumentError
            If a range is empty, the threshold outside of it, or the direction another word.
        """
        for what, text in (
            ("name", evaluation),
            ("evaluator", name),
            ("evaluator_version", version),
        ):
            if not isinstance(text, str):
                message = f"{what} of an evaluation must be a str: {text!r}"
                raise TypeError(message)
            if not text:
                message = f"{what} of an evaluation must not be empty: {text!r}"
                raise InvalidArgumentError(message)
        try:
            low, high = (float(end) for end in range)
        except (TypeError, ValueError) as error:
            message = f"range must be the lowest and the highest score: {range!r}"
            raise TypeError(message) from error
        if not -1e300 < low < high < 1e300:
            message = f"range must be finite and ascend: {range!r}"
            raise InvalidArgumentError(message)
        if direction not in DIRECTIONS:
            message = f"direction must be 'higher' or 'lower', whichever is better: {direction!r}"
            raise InvalidArgumentError(message)
        if threshold is not None:
            threshold = float(threshold)
            if not low <= threshold <= high:
                message = f"threshold must lie in the range {low!r} to {high!r}: {threshold!r}"
                raise InvalidArgumentError(message)
        labels = (flagged_labels,) if isinstance(flagged_labels, str) else tuple(flagged_labels)
        return cls(evaluation, name, version, (low, high), direction, threshold, frozenset(labels))

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that its series have."""
        return {
            "evaluation": self.evaluation,
            "evaluator": self.name,
            "evaluator_version": self.version,
        }

    def fault_of(self, score: float) -> str | None:
        """Return why a score cannot be."""
        if isnan(score):
            return "nan"
        return None if self.range[0] <= score <= self.range[1] else "out_of_range"

    def badness(self, score: float) -> float:
        """Return a score as 0 (best) to 1 (worst)."""
        low, high = self.range
        share = (score - low) / (high - low)
        return share if self.direction == "lower" else 1.0 - share

    def flags(self, score: float | None, label: str | None) -> bool | None:
        """Return whether it flags an answer; None where it does not say."""
        if label is not None and self.flagged_labels:
            return label in self.flagged_labels
        if score is None or self.threshold is None:
            return None
        if self.direction == "lower":
            return score >= self.threshold
        return score <= self.threshold


class Agreement:
    """How an evaluator's judgements go with people's. Guarded by who has it."""

    __slots__ = ("_bins", "_counts", "_squares")

    def __init__(self) -> None:
        self._counts = {(judged, human): 0 for judged in (True, False) for human in (True, False)}
        # Of scores: rows, those that people flagged, sum of badness.
        self._bins = [[0.0, 0.0, 0.0] for _ in range(_BINS)]
        self._squares = [0.0, 0.0]  # sums of squared errors, and of their squares

    def add(self, flagged: bool | None, badness: float | None, human: bool) -> None:
        """Count an answer that both judged."""
        if flagged is not None:
            self._counts[flagged, human] += 1
        if badness is not None:
            cell = self._bins[min(int(badness * _BINS), _BINS - 1)]
            cell[0] += 1
            cell[1] += human
            cell[2] += badness
            squared = (badness - human) ** 2
            self._squares[0] += squared
            self._squares[1] += squared * squared

    @property
    def labelled(self) -> int:
        """Answers that both flagged or did not flag."""
        return sum(self._counts.values())

    @property
    def sensitivity(self) -> tuple[int, int]:
        """Of answers that people flagged: those it flagged, and all."""
        hits = self._counts[True, True]
        return hits, hits + self._counts[False, True]

    @property
    def specificity(self) -> tuple[int, int]:
        """Of answers that people did not flag: those it did not flag, and all."""
        passes = self._counts[False, False]
        return passes, passes + self._counts[True, False]

    def metrics(self, title: str, confidence: float) -> Metrics:
        """Return what the evaluator is worth, with people's labels as the truth."""
        counts = self._counts
        hits, passes = counts[True, True], counts[False, False]
        flagged, clear = hits + counts[True, False], passes + counts[False, True]
        people, others = self.sensitivity[1], self.specificity[1]
        n = flagged + clear
        scored = int(sum(cell[0] for cell in self._bins))
        either = hits + (n - passes)  # 2 tp + fp + fn
        return Metrics(
            {
                "accuracy": wilson(hits + passes, n, confidence=confidence),
                "precision": wilson(
                    hits, flagged, confidence=confidence, reason="no_predicted_positives"
                ),
                "recall": wilson(hits, people, confidence=confidence, reason="no_positives"),
                "specificity": wilson(passes, others, confidence=confidence, reason="no_negatives"),
                "f1": Estimate(2 * hits / either, None, None, n, "no_interval")
                if either
                else Estimate.undefined("no_positives" if n else "no_rows", n),
                "prevalence": wilson(people, n, confidence=confidence),
                "ece": Estimate(self._ece(scored), None, None, scored, "no_interval")
                if scored
                else Estimate.undefined("no_scores"),
                "brier": normal_mean(
                    self._squares[0],
                    self._squares[1],
                    scored,
                    confidence=confidence,
                    within=(0.0, 1.0),
                    reason="no_scores",
                ),
            },
            title=title,
        )

    def _ece(self, scored: int) -> float:
        return sum(abs(cell[2] - cell[1]) for cell in self._bins) / scored
