"""What an evaluator's scores mean, and how it agrees with people."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.binary import Binary
from inlay.model.estimate import Estimate
from inlay.model.generation.numbers import number_of
from inlay.model.metrics import Metrics

__all__ = ["DIRECTIONS", "Agreement", "Evaluator"]

DIRECTIONS = ("higher", "lower")
"""Which scores are the better ones."""

_BINS = 10
_OF_FLAGS = ("accuracy", "precision", "recall", "specificity", "f1", "prevalence")
_OF_SCORES = ("ece", "brier")


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
            low, high = (number_of("range", end) for end in range)
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
            threshold = number_of("threshold", threshold)
            if not low <= threshold <= high:
                message = f"threshold must lie in the range {low!r} to {high!r}: {threshold!r}"
                raise InvalidArgumentError(message)
        labels = (flagged_labels,) if isinstance(flagged_labels, str) else tuple(flagged_labels)
        for word in labels:
            if not isinstance(word, str):
                message = f"flagged_labels must be str: {word!r}"
                raise TypeError(message)
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

    __slots__ = ("_flags", "_scores")

    def __init__(self) -> None:
        # Apart, as labels flag too: neither the rows nor the flags need be those of the scores.
        self._flags = Binary(kind="label")
        self._scores = Binary(bins=_BINS)

    def add(self, flagged: bool | None, badness: float | None, human: bool) -> None:
        """Count an answer that both judged."""
        if flagged is not None:
            self._flags.update([human], [flagged])
        if badness is not None:
            self._scores.update([human], [badness])

    @property
    def labelled(self) -> int:
        """Answers that both flagged or did not flag."""
        return self._flags.rows

    @property
    def sensitivity(self) -> tuple[int, int]:
        """Of answers that people flagged: those it flagged, and all."""
        _, _, misses, hits = map(int, self._flags.confusion())
        return hits, hits + misses

    @property
    def specificity(self) -> tuple[int, int]:
        """Of answers that people did not flag: those it did not flag, and all."""
        passes, alarms, _, _ = map(int, self._flags.confusion())
        return passes, passes + alarms

    def metrics(self, title: str, confidence: float) -> Metrics:
        """Return what the evaluator is worth, with people's labels as the truth."""
        flags = self._flags.compute(confidence=confidence)
        found = {name: flags[name] for name in _OF_FLAGS}
        if self._scores.rows:
            scores = self._scores.compute(confidence=confidence)
            found.update((name, scores[name]) for name in _OF_SCORES)
        else:
            found.update(dict.fromkeys(_OF_SCORES, Estimate.undefined("no_scores")))
        return Metrics(found, title=title)
