"""Figures of the texts of a stream of generations, and the texts themselves where asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inlay.model.text.ngrams import overlap, repetition
from inlay.model.text.selfcheck import selfcheck_unigram
from inlay.model.text.words import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inlay.model.generation.instruments import GenerationInstruments
    from inlay.model.generation.judging import Evaluator
    from inlay.observer import Observer

__all__ = ["Texts"]


class Texts:
    """Counts what can be said cheaply of answers; stores texts only if told to. Thread-safe.

    Parameters
    ----------
    instruments : GenerationInstruments
        Where it is counted.
    observer : Observer
        Where events go.
    name : str
        What their names begin with.
    store : bool
        Whether texts are stored.
    redact : callable, optional
        What is stored of a text.
    """

    def __init__(
        self,
        instruments: GenerationInstruments,
        observer: Observer,
        name: str,
        *,
        store: bool,
        redact: Callable[[str], str] | None,
    ) -> None:
        function: Any = redact
        if function is not None and not callable(function):
            message = f"redact must be a function from str to str: {redact!r}"
            raise TypeError(message)
        self._instruments = instruments
        self._observer = observer
        self._name = name
        self._store = store
        self._redact = redact

    def take(
        self,
        text: str | None,
        *,
        context: str | None,
        samples: Sequence[str] | None,
        log_probs: Any,
        prompt: str | None,
        response_id: str | int | None,
        unit: str,
        attributes: Mapping[str, str | int],
    ) -> None:
        """Count an answer, as `Generation.answer` says."""
        checked: tuple[tuple[str, Any], ...] = (
            ("text", text),
            ("context", context),
            ("prompt", prompt),
        )
        for what, given in checked:
            if given is not None and not isinstance(given, str):
                message = f"{what} must be a str: {given!r}"
                raise TypeError(message)
        figures: dict[str, float | None] = {}
        if text is not None:
            tokens = tokens_of("text", text, unit)
            figures["length"] = float(len(tokens))
            figures["repetition"] = repetition(tokens)
            if context is not None:
                figures["overlap"] = overlap(tokens, tokens_of("context", context, unit))
            if samples is not None:
                figures["inconsistency"] = (
                    selfcheck_unigram(text, samples, unit=unit).mean if tokens else None
                )
        if log_probs is not None:
            mean = self._mean_log_prob(log_probs, attributes)
            if mean is not None:
                figures["log_prob"] = mean
                figures["perplexity"] = math.exp(min(-mean, 700.0))
        for figure, value in figures.items():
            if value is None:
                self._instruments.reject(figure, "too_short", attributes)
            else:
                self._instruments.histogram(f"text.{figure}").record(value, **attributes)
        if self._store:
            self._emit("text", {"prompt": prompt, "answer": text}, response_id, {}, attributes)

    def store_evaluation(
        self,
        evaluator: Evaluator,
        score: float | None,
        label: str | None,
        flagged: bool | None,
        response_id: str | int | None,
        explanation: str | None,
    ) -> None:
        """Note a judgement as an event."""
        low, high = evaluator.range
        facts = {
            **evaluator.attributes,
            "range": f"{low:g} {high:g}",
            "direction": evaluator.direction,
        }
        if score is not None:
            facts["score"] = repr(score)
        if label is not None:
            facts["label"] = label
        if flagged is not None:
            facts["judged"] = "flagged" if flagged else "clear"
        texts = {"explanation": explanation if self._store else None}
        self._emit("evaluation", texts, response_id, facts, {})

    def _emit(
        self,
        what: str,
        texts: Mapping[str, str | None],
        response_id: str | int | None,
        facts: Mapping[str, str],
        attributes: Mapping[str, str | int],
    ) -> None:
        members: dict[str, Any] = {**attributes, **facts}
        if response_id is not None:
            members["response_id"] = response_id
        for key, text in texts.items():
            if text is None:
                continue
            kept = self._kept(key, text, attributes)
            if kept is not None:
                members[key] = kept
        self._observer.event(f"{self._name}.{what}", layer="model", **members)

    def _kept(self, key: str, text: str, attributes: Mapping[str, str | int]) -> str | None:
        if self._redact is None:
            return text
        try:
            kept = self._redact(text)
        except Exception:
            kept = None  # what could not be redacted is not stored
        if not isinstance(kept, str):
            self._instruments.reject(key, "not_redacted", attributes)
            return None
        return kept

    def _mean_log_prob(self, log_probs: Any, attributes: Mapping[str, str | int]) -> float | None:
        import numpy as np

        try:
            values = np.asarray(log_probs, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError) as error:
            message = f"log_probs must be numbers: {log_probs!r}"
            raise TypeError(message) from error
        good = values[values <= 0.0]  # not NaN
        bad = len(values) - len(good)
        if bad:
            self._instruments.reject("log_probs", "not_log_probability", attributes, bad)
        if bad or not len(good):
            return None
        mean = float(good.mean())
        if math.isinf(mean):
            self._instruments.reject("log_probs", "infinite", attributes)
            return None
        return mean
