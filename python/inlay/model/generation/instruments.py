"""The counters and histograms of a stream of generations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay._core import BoundCounter, BoundGeneration, Counter, Histogram
    from inlay.metric._making import Instruments
    from inlay.model.generation.prices import Prices

__all__ = ["FIELDS", "RESERVED", "GenerationInstruments", "checked_keys"]

FIELDS = (
    "prompt_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "ttft",
    "inter_token",
    "queue",
    "prefill",
    "decode",
    "e2e",
    "finish_reason",
    "cost",
)
"""What a record may say."""

RESERVED = frozenset(
    {
        *FIELDS,
        "duration",
        "evaluation",
        "evaluator",
        "evaluator_version",
        "field",
        "hits",
        "human",
        "judged",
        "name",
        "ok",
        "outcome",
        "reason",
        "steps",
        "tool",
    }
)
"""Names that attributes of the user may not have."""

_SECONDS = {
    "time_to_first_token": "From arrival to the first token.",
    "queue_time": "From arrival to the begin of work.",
    "prefill_time": "Work on the prompt.",
    "decode_time": "From the first token to the last.",
    "request_duration": "From arrival to the last token.",
    "inter_token_latency": "From one token to the next.",
    "time_per_output_token": "Mean time of a token after the first, of each request.",
}
_LENGTHS = {
    "prompt_length": "Tokens of a prompt, cached ones included.",
    "output_length": "Tokens of an output, those of reasoning included.",
}
_TOKENS = {
    "prompt_tokens": "Tokens of prompts, cached ones included.",
    "output_tokens": "Tokens of outputs, those of reasoning included.",
    "cached_tokens": "Tokens of prompts that came from a cache.",
    "reasoning_tokens": "Tokens of outputs that are reasoning.",
}
# Those that are made when they are first used: unit, description, attributes besides the user's.
_HISTOGRAMS = {
    "retrieval.score": ("1", "Scores of what a retrieval found.", ()),
    "retrieval.hits": ("{hit}", "Hits of a retrieval.", ()),
    "tool.duration": ("s", "Duration of calls of tools.", ("tool",)),
    "agent.steps": ("{step}", "Steps of an agent's run.", ()),
    "agent.duration": ("s", "Duration of an agent's run.", ()),
    "evaluation.score": (
        "1",
        "Scores that an evaluator gave.",
        ("evaluation", "evaluator", "evaluator_version"),
    ),
    "text.length": ("{word}", "Words of an answer.", ()),
    "text.repetition": ("1", "Share of an answer's 4-grams that it had before.", ()),
    "text.overlap": ("1", "Share of an answer's 3-grams that its context has.", ()),
    "text.inconsistency": ("nat", "Surprise of an answer to a unigram model of samples.", ()),
    "text.log_prob": ("nat", "Mean log-probability of an answer's tokens.", ()),
    "text.perplexity": ("1", "Perplexity of an answer to the model that gave it.", ()),
}
_COUNTERS = {
    "tool.calls": ("{call}", "Calls of tools.", ("tool", "outcome")),
    "agent.runs": ("{run}", "Runs of an agent.", ("outcome",)),
    "evaluation.judged": (
        "{answer}",
        "Answers that an evaluator judged.",
        ("evaluation", "evaluator", "evaluator_version", "judged"),
    ),
    "evaluation.labelled": (
        "{answer}",
        "Judged answers that people labelled, too.",
        ("evaluation", "evaluator", "evaluator_version", "judged", "human"),
    ),
}


def checked_keys(attributes: Any) -> tuple[str, ...]:
    """Return attribute names that a stream of generations may have.

    Raises
    ------
    InvalidArgumentError
        If one is the name of a field or of an attribute that series have anyway.
    """
    from inlay.metric._making import attribute_names

    keys = attribute_names(attributes)
    for key in keys:
        if key in RESERVED:
            message = f"a generation has the field or attribute {key!r} anyway: {keys!r}"
            raise InvalidArgumentError(message)
    return keys


class GenerationInstruments:
    """Makes and binds the instruments of one stream. Thread-safe.

    Parameters
    ----------
    observer : Instruments
        Who makes them.
    name : str
        What their names begin with.
    attributes : tuple of str
        Of all of them.
    currency : str
        In which costs are.
    """

    def __init__(
        self, observer: Instruments, name: str, attributes: tuple[str, ...], currency: str
    ) -> None:
        self._observer = observer
        self._name = name
        self._attributes = attributes
        self._lazy: dict[str, Counter | Histogram] = {}
        # In the order in which `bind_generation` takes them.
        lengths = [self._histogram(*one, "{token}") for one in _LENGTHS.items()]
        self._histograms = (*lengths, *(self._histogram(*one, "s") for one in _SECONDS.items()))
        self._counters = (
            *(self._counter(*one, "{token}") for one in _TOKENS.items()),
            self._counter("cost", "What tokens cost by the table of prices.", f"{{{currency}}}"),
        )
        self._requests = self._counter("requests", "Requests.", "{request}", "finish_reason")
        self._rejected = self._counter(
            "rejected", "Values that could not be, left out.", "{value}", "field", "reason"
        )

    def bind(
        self, values: Mapping[str, str | int], prices: Prices | bool | None
    ) -> BoundGeneration:
        """Resolve attributes.

        Parameters
        ----------
        values : mapping of str to str, int or bool
            A value for each attribute.
        prices : tuple of four floats, False or None
            Of one token; False if there should be some and are not, None if there are to be none.
        """
        histograms = tuple(histogram.bind(**values) for histogram in self._histograms)
        counters = tuple(counter.bind(**values) for counter in self._counters)
        return _core.bind_generation(
            histograms,
            counters,
            partial(_requests_that_ended, self._requests, values),
            partial(_reject, self._rejected, values),
            counters[0].attributes,
            prices,
        )

    def reject(
        self, field: str, reason: str, values: Mapping[str, str | int], count: int = 1
    ) -> None:
        """Count values that were left out."""
        _reject(self._rejected, values, field, reason, count)

    def histogram(self, figure: str) -> Histogram:
        """Return one of those that are made when they are first used."""
        made: Any = self._lazy.get(figure)
        if made is None:
            unit, description, keys = _HISTOGRAMS[figure]
            made = self._lazy[figure] = self._histogram(figure, description, unit, *keys)
        return made  # type: ignore[no-any-return]

    def counter(self, figure: str) -> Counter:
        """Return one of those that are made when they are first used."""
        made: Any = self._lazy.get(figure)
        if made is None:
            unit, description, keys = _COUNTERS[figure]
            made = self._lazy[figure] = self._counter(figure, description, unit, *keys)
        return made  # type: ignore[no-any-return]

    def _histogram(self, figure: str, description: str, unit: str, *keys: str) -> Histogram:
        return self._observer.histogram(
            f"{self._name}.{figure}",
            unit=unit,
            description=description,
            attributes=(*self._attributes, *keys),
            layer="model",
        )

    def _counter(self, figure: str, description: str, unit: str, *keys: str) -> Counter:
        return self._observer.counter(
            f"{self._name}.{figure}",
            unit=unit,
            description=description,
            attributes=(*self._attributes, *keys),
            layer="model",
        )


# Not methods: what a handle keeps must not keep what keeps the handle.
def _requests_that_ended(
    requests: Counter, values: Mapping[str, str | int], reason: str
) -> BoundCounter:
    return requests.bind(**values, finish_reason=reason)


def _reject(
    rejected: Counter, values: Mapping[str, str | int], field: str, reason: str, count: int
) -> None:
    rejected.add(count, **values, field=field, reason=reason)
