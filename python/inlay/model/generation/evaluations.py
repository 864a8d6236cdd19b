"""Answers that evaluators judged, and those that people labelled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.model.estimate import wilson
from inlay.model.generation.judged_rate import JudgedRate
from inlay.model.generation.judging import Agreement, Evaluator
from inlay.model.text.rates import rogan_gladen

if TYPE_CHECKING:
    from inlay.model.metrics import Metrics

__all__ = ["Agreed", "Evaluations", "WindowRate"]

Attributes = Mapping[str, str | int]

_MOST_EVALUATORS = 256
# Attribute sets that remembered answers share.
_MOST_SETS = 1024


class Agreed(NamedTuple):
    """An evaluator's judgement of an answer that people labelled."""

    evaluator: Evaluator
    attributes: Attributes
    flagged: bool | None
    human: bool


class WindowRate(NamedTuple):
    """What an evaluator judged since the last cut."""

    evaluator: Evaluator
    flagged: int
    judged: int
    agreement: Agreement


class _Stream:
    """What one evaluator judged."""

    __slots__ = ("agreement", "evaluator", "flagged", "judged", "seen", "undecided")

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.judged = self.flagged = self.undecided = 0
        self.seen = (0, 0)  # flagged and judged at the last cut
        self.agreement = Agreement()


class _Judgement(NamedTuple):
    stream: _Stream
    attributes: Attributes
    flagged: bool | None
    badness: float | None


class _Answer:
    """What is known of an answer until it is forgotten."""

    __slots__ = ("human", "judgements")

    def __init__(self) -> None:
        self.human: bool | None = None
        self.judgements: list[_Judgement] = []


class Evaluations:
    """Counts judged and labelled answers of a stream of generations. Thread-safe.

    Parameters
    ----------
    remember : int
        Answers that are remembered by their id, to find what people say of them.
    """

    def __init__(self, remember: int) -> None:
        self._remember = remember
        self._start()

    def _start(self) -> None:
        self._lock = new_lock()
        self._streams: dict[tuple[str, str, str], _Stream] = {}
        self._sets: dict[tuple[Any, ...], Attributes] = {}
        self._answers: OrderedDict[tuple[str, str | int], _Answer] = OrderedDict()

    def forked(self) -> None:
        """Begin anew in a forked child: the parent counts what there was."""
        self._start()

    def declared(self, evaluator: Evaluator) -> None:
        """Take an evaluator, or refuse one whose scores were to be read in another way."""
        with self._lock:
            self._stream(evaluator)

    def find(self, evaluation: str, evaluator: str | None, version: str | None) -> Evaluator:
        """Return the evaluator that was declared so.

        Raises
        ------
        InvalidArgumentError
            If there is none, or several fit.
        """
        with self._lock:
            return self._find(evaluation, evaluator, version).evaluator

    def judge(
        self,
        evaluator: Evaluator,
        score: float | None,
        flagged: bool | None,
        response_id: str | int | None,
        attributes: Attributes,
    ) -> tuple[list[Agreed], int]:
        """Count a judgement.

        Returns
        -------
        agreed : list of Agreed
            The judgement again, if people labelled the answer before.
        forgotten : int
            Labels that found no answer and were forgotten for this one.
        """
        badness = None if score is None else evaluator.badness(score)
        agreed: list[Agreed] = []
        forgotten = 0
        with self._lock:
            stream = self._stream(evaluator)
            if flagged is None:
                stream.undecided += 1
            else:
                stream.judged += 1
                stream.flagged += flagged
            if response_id is not None:
                answer, forgotten = self._answer(evaluator.evaluation, response_id)
                attributes = self._shared(attributes)
                answer.judgements.append(_Judgement(stream, attributes, flagged, badness))
                if answer.human is not None:
                    stream.agreement.add(flagged, badness, answer.human)
                    agreed.append(Agreed(evaluator, attributes, flagged, answer.human))
        return agreed, forgotten

    def label(
        self, evaluation: str, response_id: str | int, human: bool
    ) -> tuple[list[Agreed], str | None, int]:
        """Count what people say of an answer.

        Returns
        -------
        agreed : list of Agreed
            The judgements of the answer so far.
        fault : str or None
            ``"duplicate"`` or ``"conflicting"`` if there was a label before, which stays.
        forgotten : int
            As of `judge`.
        """
        with self._lock:
            answer, forgotten = self._answer(evaluation, response_id)
            agreed = [
                Agreed(one.stream.evaluator, one.attributes, one.flagged, human)
                for one in answer.judgements
            ]
            if answer.human is not None:
                return agreed, "duplicate" if answer.human == human else "conflicting", forgotten
            answer.human = human
            for one in answer.judgements:
                one.stream.agreement.add(one.flagged, one.badness, human)
            return agreed, None, forgotten

    def rate(
        self, evaluation: str, evaluator: str | None, version: str | None, confidence: float
    ) -> JudgedRate:
        """Return the share of flagged answers."""
        with self._lock:
            stream = self._find(evaluation, evaluator, version)
            agreement = stream.agreement
            return JudgedRate(
                evaluation,
                stream.evaluator.name,
                stream.evaluator.version,
                wilson(stream.flagged, stream.judged, confidence=confidence),
                rogan_gladen(
                    stream.flagged,
                    stream.judged,
                    sensitivity=agreement.sensitivity,
                    specificity=agreement.specificity,
                    confidence=confidence,
                ),
                wilson(*agreement.sensitivity, confidence=confidence, reason="no_positives"),
                wilson(*agreement.specificity, confidence=confidence, reason="no_negatives"),
                agreement.labelled,
                stream.undecided,
            )

    def metrics(
        self, evaluation: str, evaluator: str | None, version: str | None, confidence: float
    ) -> Metrics:
        """Return what an evaluator is worth, with people's labels as the truth."""
        with self._lock:
            stream = self._find(evaluation, evaluator, version)
            title = f"{stream.evaluator.name} {stream.evaluator.version} on {evaluation!r}"
            return stream.agreement.metrics(title, confidence)

    def __len__(self) -> int:
        """Return the number of evaluators."""
        return len(self._streams)

    def turn(self) -> list[WindowRate]:
        """Return what was judged since the last call."""
        rates = []
        with self._lock:
            for stream in self._streams.values():
                flagged, judged = stream.flagged - stream.seen[0], stream.judged - stream.seen[1]
                stream.seen = (stream.flagged, stream.judged)
                if judged:
                    rates.append(WindowRate(stream.evaluator, flagged, judged, stream.agreement))
        return rates

    def _stream(self, evaluator: Evaluator) -> _Stream:
        key = (evaluator.evaluation, evaluator.name, evaluator.version)
        known = self._streams.get(key)
        if known is None:
            if len(self._streams) >= _MOST_EVALUATORS:
                message = f"there are {_MOST_EVALUATORS} evaluators already, with {key!r} one more"
                raise InvalidArgumentError(message)
            known = self._streams[key] = _Stream(evaluator)
        elif known.evaluator != evaluator:
            message = (
                f"the scores of this evaluator are read as {known.evaluator!r}; what is read in "
                f"another way has another name or version: {evaluator!r}"
            )
            raise InvalidArgumentError(message)
        return known

    def _find(self, evaluation: str, evaluator: str | None, version: str | None) -> _Stream:
        fits = [
            stream
            for (what, name, its), stream in self._streams.items()
            if what == evaluation and evaluator in (None, name) and version in (None, its)
        ]
        if len(fits) == 1:
            return fits[0]
        known = [
            (one.evaluator.name, one.evaluator.version)
            for one in self._streams.values()
            if one.evaluator.evaluation == evaluation
        ]
        found = "several evaluators fit" if fits else "no evaluator fits"
        message = (
            f"{found} ({evaluator!r}, {version!r}) of the evaluation {evaluation!r}; "
            f"it has {known!r}"
        )
        raise InvalidArgumentError(message)

    def _shared(self, attributes: Attributes) -> Attributes:
        """Return the one copy of attributes that many answers have."""
        key = tuple(attributes.items())
        if len(self._sets) >= _MOST_SETS and key not in self._sets:
            self._sets.clear()
        return self._sets.setdefault(key, attributes)

    def _answer(self, evaluation: str, response_id: str | int) -> tuple[_Answer, int]:
        key = (evaluation, response_id)
        answer = self._answers.get(key)
        forgotten = 0
        if answer is None:
            answer = self._answers[key] = _Answer()
            if len(self._answers) > self._remember:
                _, oldest = self._answers.popitem(last=False)
                forgotten = int(oldest.human is not None and not oldest.judgements)
        return answer, forgotten
