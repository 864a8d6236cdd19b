"""The part of a stream of generations that takes judgements and people's labels."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.model.generation.judging import Evaluator
from inlay.model.generation.numbers import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.model.generation.evaluations import Agreed, Evaluations
    from inlay.model.generation.instruments import GenerationInstruments
    from inlay.model.generation.judged_rate import JudgedRate
    from inlay.model.generation.texts import Texts
    from inlay.model.metrics import Metrics
    from inlay.observer import Observer

__all__ = ["Judgements"]

_WORDS = {True: "flagged", False: "clear", None: "undecided"}


class Judgements:
    """Takes what evaluators and people say of answers. Thread-safe."""

    _attributes: tuple[str, ...]
    _evaluations: Evaluations
    _instruments: GenerationInstruments
    _observer: Observer
    _texts: Texts

    def evaluation(
        self,
        name: str,
        score: float | None = None,
        *,
        evaluator: str,
        evaluator_version: str,
        range: tuple[float, float],
        direction: str,
        label: str | None = None,
        threshold: float | None = None,
        flagged_labels: str | Iterable[str] = (),
        response_id: str | int | None = None,
        explanation: str | None = None,
        **attributes: str | int,
    ) -> bool | None:
        """Record what an evaluator says of an answer.

        Parameters
        ----------
        name : str
            What is judged: ``"hallucination"``, ``"relevance"`` …
        score : float, optional
            The score. One outside of `range` or NaN is left out and counted.
        evaluator, evaluator_version : str
            Who judged: a model, a rule, a person.
        range : tuple of two floats
            The lowest and the highest score.
        direction : str
            ``"higher"`` or ``"lower"``: which scores are the better ones.
        label : str, optional
            What the evaluator calls it.
        threshold : float, optional
            The score from which on, to the worse side, an answer is *flagged*.
        flagged_labels : str or iterable of str, optional
            Labels with which an answer is flagged; they go before the threshold.
        response_id : str or int, optional
            The answer's, by which `labelled` finds it.
        explanation : str, optional
            Stored with ``store_text=True`` alone.
        **attributes : str, int or bool
            A value for each attribute.

        Returns
        -------
        bool or None
            Whether it is flagged; None if neither label nor threshold says.

        Raises
        ------
        TypeError
            If an argument is of another class.
        InvalidArgumentError
            If there is neither score nor label, or this version of the evaluator was used with
            another range, direction, threshold or labels.
        """
        word: Any = label
        its = Evaluator.of(
            name, evaluator, evaluator_version, range, direction, threshold, flagged_labels
        )
        if score is None and label is None:
            message = f"an evaluation has a score or a label: {score!r}"
            raise InvalidArgumentError(message)
        if word is not None and not isinstance(word, str):
            message = f"label must be a str: {label!r}"
            raise TypeError(message)
        if response_id is not None:
            response_id = _id(response_id)
        if score is not None:
            score = number_of("score", score)
        self._evaluations.declared(its)
        if not self._observer.enabled:
            return its.flags(score, label)
        instruments = self._instruments
        if score is not None:
            fault = its.fault_of(score)
            if fault is not None:
                instruments.reject("score", fault, attributes)
                score = None
                if label is None:
                    return None
            else:
                instruments.histogram("evaluation.score").record(
                    score, **attributes, **its.attributes
                )
        flagged = its.flags(score, label)
        instruments.counter("evaluation.judged").add(
            1, **attributes, **its.attributes, judged=_WORDS[flagged]
        )
        self._count_labelled(*self._evaluations.judge(its, score, flagged, response_id, attributes))
        self._texts.store_evaluation(its, score, label, flagged, response_id, explanation)
        return flagged

    def labelled(
        self,
        name: str,
        response_ids: str | int | Sequence[str | int],
        outcomes: Any,
    ) -> None:
        """Say what people found of answers that were judged, or will be.

        Parameters
        ----------
        name : str
            What was judged, as for `evaluation`.
        response_ids : str, int or sequence of them
            The answers.
        outcomes : bool or sequence of bool
            For each whether it is to be flagged.

        Raises
        ------
        TypeError
            If an argument is of another class.
        InvalidArgumentError
            If the lengths differ.

        Notes
        -----
        A second label of an answer is left out, and counted as ``duplicate`` or ``conflicting``
        in ``<name>.rejected``; one whose answer was not judged while it was remembered, as
        ``unmatched``. Labels count under the attributes of the judgement, and what is left out
        before there is one under ``unknown``.
        """
        what: Any = name
        if not isinstance(what, str):
            message = f"name of an evaluation must be a str: {name!r}"
            raise TypeError(message)
        for response_id, human in _pairs(response_ids, outcomes):
            if not self._observer.enabled:
                continue
            agreed, fault, forgotten = self._evaluations.label(name, response_id, human)
            if fault is not None:
                attributes = agreed[0].attributes if agreed else self._unknown
                self._instruments.reject("labelled", fault, attributes)
            else:
                self._count_labelled(agreed, forgotten)

    def _count_labelled(self, agreed: list[Agreed], forgotten: int) -> None:
        for one in agreed:
            self._instruments.counter("evaluation.labelled").add(
                1,
                **one.attributes,
                **one.evaluator.attributes,
                judged=_WORDS[one.flagged],
                human=_WORDS[one.human],
            )
        if forgotten:
            self._instruments.reject("labelled", "unmatched", self._unknown, forgotten)

    @property
    def _unknown(self) -> dict[str, str]:
        return dict.fromkeys(self._attributes, "unknown")

    def judged_rate(
        self,
        name: str,
        *,
        evaluator: str | None = None,
        evaluator_version: str | None = None,
        confidence: float = 0.95,
    ) -> JudgedRate:
        """Return the share of answers that an evaluator flagged, since the stream was made.

        Parameters
        ----------
        name : str
            What was judged.
        evaluator, evaluator_version : str, optional
            By whom; needed where there are several. Judgements of different ones are never added.
        confidence : float, default 0.95
            Of the intervals.

        Returns
        -------
        JudgedRate
            The rate as judged and, where people labelled answers, as corrected for the evaluator's
            errors.

        Raises
        ------
        InvalidArgumentError
            If no evaluator fits, or several do.
        """
        return self._evaluations.rate(name, evaluator, evaluator_version, confidence)

    def evaluator(
        self,
        name: str,
        *,
        evaluator: str | None = None,
        evaluator_version: str | None = None,
        confidence: float = 0.95,
    ) -> Metrics:
        """Return what an evaluator is worth, with people's labels as the truth.

        Parameters
        ----------
        name, evaluator, evaluator_version, confidence
            As for `judged_rate`.

        Returns
        -------
        Metrics
            ``accuracy``, ``precision``, ``recall``, ``specificity``, ``f1`` and ``prevalence`` of
            its flags; ``ece`` (10 bins) and ``brier`` of its scores, read as 0 (best) to 1 (worst)
            of their range.

        Raises
        ------
        InvalidArgumentError
            If no evaluator fits, or several do.
        """
        return self._evaluations.metrics(name, evaluator, evaluator_version, confidence)


def _id(response_id: Any) -> str | int:
    if isinstance(response_id, str):
        return response_id
    try:
        return index(response_id)  # of numpy's integers, too
    except TypeError:
        message = f"a response's id must be a str or int: {response_id!r}"
        raise TypeError(message) from None


def _pairs(ids: Any, outcomes: Any) -> list[tuple[str | int, bool]]:
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        ids, outcomes = [ids], [outcomes]
    elif not isinstance(outcomes, Iterable):
        message = f"outcomes of several answers must be a sequence: {outcomes!r}"
        raise TypeError(message)
    ids, outcomes = list(ids), list(outcomes)
    if len(ids) != len(outcomes):
        message = f"there must be an outcome for each of {len(ids)} answers: {len(outcomes)}"
        raise InvalidArgumentError(message)
    pairs = []
    for response_id, outcome in zip(ids, outcomes, strict=True):
        pairs.append((_id(response_id), _outcome(outcome)))
    return pairs


def _outcome(outcome: Any) -> bool:
    try:
        if outcome in (True, False):
            return bool(outcome)
    except (TypeError, ValueError):  # an array, or what is missing: neither true nor false
        pass
    message = f"an outcome must be True or False: {outcome!r}"
    raise TypeError(message)
