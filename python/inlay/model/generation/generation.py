"""A stream of requests to a generative model: tokens, times, cost, tools and judgements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._arguments import at_least, non_empty
from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock
from inlay.model.generation.evaluations import Evaluations
from inlay.model.generation.instruments import GenerationInstruments, checked_keys
from inlay.model.generation.judgements import Judgements
from inlay.model.generation.numbers import count_fault_of, fault_of, number_of
from inlay.model.generation.prices import ANY_MODEL, prices_of
from inlay.model.generation.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inlay._core import BoundGeneration
    from inlay.model.generation.prices import Prices
    from inlay.model.logits import Logits
    from inlay.observer import Observer

__all__ = ["Generation"]

# Attribute sets whose handles are kept for calls that name their attributes.
_MOST_HANDLES = 1024
# A handle that no call wanted for so long is let go, so that its series may expire.
_HANDLE_LIFE_US = 300_000_000


class Generation(Judgements):
    """A stream of requests to a generative model, made by `Observer.generation`.

    Every figure is a counter or a histogram of the observer, of layer ``model`` and named
    ``<name>.<figure>``; the guide lists them. What cannot be (NaN, negative, infinite, more cached
    tokens than the prompt has) is left out and counted in ``<name>.rejected`` by field and reason;
    what is of the wrong class is refused with an error, and nothing is recorded.

    Thread-safe. In a forked child judgements start anew, as everything does.

    Parameters
    ----------
    observer : Observer
        Where it is counted.
    name, attributes, prices, price_by, currency, semconv, store_text, redact, remember
        As for `Observer.generation`.

    Examples
    --------
    >>> import inlay
    >>> import numpy as np
    >>> obs = inlay.Observer(resource={"service.name": "assistant"})
    >>> chat = obs.generation("chat", attributes=("model",),
    ...     prices={"small": {"input": 0.5, "cached": 0.05, "output": 2.0}})
    >>> small = chat.bind(model="small")
    >>> small.record(prompt_tokens=900, cached_tokens=400, output_tokens=120, ttft=0.21, e2e=2.6,
    ...     inter_token=np.full(119, 0.02), finish_reason="stop")
    >>> rows = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    >>> rows["chat.output_tokens"]["value"], rows["chat.inter_token_latency"]["count"]
    (120.0, 119)
    >>> round(rows["chat.cost"]["value"] * 1e6)  # 500 of the prompt, 400 cached, 120 of output
    510
    """

    __module__ = "inlay.model"

    def __init__(
        self,
        observer: Observer,
        name: str,
        *,
        attributes: Iterable[str] = (),
        prices: Mapping[str, Mapping[str, float]] | None = None,
        price_by: str = "model",
        currency: str = "USD",
        semconv: str | None = None,
        store_text: bool = False,
        redact: Callable[[str], str] | None = None,
        remember: int = 50_000,
    ) -> None:
        if semconv is not None:
            from inlay.semconv import checked_version

            checked_version(semconv)
        self._observer = observer
        self._name = non_empty("name", name)
        self._attributes = checked_keys(attributes)
        self._prices = prices_of(prices)
        if self._prices and price_by not in self._attributes and set(self._prices) != {ANY_MODEL}:
            message = (
                f"prices by {price_by!r} need it among the attributes, or one entry {ANY_MODEL!r} "
                f"for all: {self._attributes!r}"
            )
            raise InvalidArgumentError(message)
        self._price_by = price_by
        self._semconv = semconv
        self._instruments = GenerationInstruments(
            observer, self._name, self._attributes, _currency(currency)
        )
        self._evaluations = Evaluations(at_least("remember", remember, 1))
        self._texts = Texts(
            self._instruments, observer, self._name, store=bool(store_text), redact=redact
        )
        self._start()

    def _start(self) -> None:
        self._lock = new_lock()
        # Those wanted since the last look, and those wanted before it alone.
        self._young: dict[tuple[str | None, ...], BoundGeneration] = {}
        self._old: dict[tuple[str | None, ...], BoundGeneration] = {}
        self._since = self._trimmed = self._observer.core.now_us()

    # ---- what it is --------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """What its metrics begin with."""
        return self._name

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes that every call has."""
        return self._attributes

    @property
    def semconv(self) -> str | None:
        """Under which conventions sinks show it, unless they are told otherwise; None: inlay's."""
        return self._semconv

    # ---- requests ----------------------------------------------------------------------------
    def bind(self, **attributes: str | int) -> BoundGeneration:
        """Resolve attributes once.

        Parameters
        ----------
        **attributes : str, int or bool
            A value for each attribute.

        Returns
        -------
        BoundGeneration
            Its ``record(**fields)`` takes the fields of `record`, without attributes, in about
            2 µs. It keeps its series: they do not expire while it lives.

        Raises
        ------
        TypeError
            If an attribute is unknown, missing, or of another class.
        """
        prices: Prices | bool | None = None
        if self._prices:
            model = str(attributes.get(self._price_by, ANY_MODEL))
            prices = self._prices.get(model) or self._prices.get(ANY_MODEL) or False
        return self._instruments.bind(attributes, prices)

    def record(
        self,
        *,
        prompt_tokens: float | None = None,
        output_tokens: float | None = None,
        cached_tokens: float | None = None,
        reasoning_tokens: float | None = None,
        ttft: float | None = None,
        inter_token: Any = None,
        queue: float | None = None,
        prefill: float | None = None,
        decode: float | None = None,
        e2e: float | None = None,
        finish_reason: str | None = None,
        cost: float | None = None,
        **attributes: str | int,
    ) -> None:
        """Record one request. What is not known is left out.

        Parameters
        ----------
        prompt_tokens, output_tokens : int, optional
            Tokens of the prompt, cached ones included, and of the output, those of reasoning
            included.
        cached_tokens, reasoning_tokens : int, optional
            How many of them came from a cache, and are reasoning.
        ttft : float, optional
            Time from arrival to the first token, in seconds.
        inter_token : array-like of float, shape (n,), optional
            Times from each token to the next, in seconds.
        queue, prefill, decode : float, optional
            Time in the queue, of work on the prompt, and from the first token to the last, in
            seconds.
        e2e : float, optional
            Time from arrival to the last token, in seconds.
        finish_reason : str, optional
            Why it ended: ``"stop"``, ``"length"`` …; ``"unknown"`` unless given. The 33rd one of a
            bound series and later ones are ``"other"``.
        cost : float, optional
            What it cost; by the table of prices unless given.
        **attributes : str, int or bool
            A value for each attribute.

        Raises
        ------
        TypeError
            If a field or attribute is unknown, missing or of another class. Nothing is recorded.

        Notes
        -----
        ``time_per_output_token`` is ``(e2e - ttft) / (output_tokens - 1)``; without these
        ``decode / (output_tokens - 1)``, without that the mean of `inter_token`.
        """
        self._handle(attributes).record(
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            reasoning_tokens=reasoning_tokens,
            ttft=ttft,
            inter_token=inter_token,
            queue=queue,
            prefill=prefill,
            decode=decode,
            e2e=e2e,
            finish_reason=finish_reason,
            cost=cost,
        )

    def _handle(self, attributes: Mapping[str, str | int]) -> BoundGeneration:
        key = tuple([_text(attributes.get(name)) for name in self._attributes])
        handle = self._young.get(key)
        if handle is None or len(attributes) != len(key):
            handle = self._old.get(key) if len(attributes) == len(key) else None
            if handle is None:
                handle = self.bind(**attributes)
            with self._lock:
                if len(self._young) >= _MOST_HANDLES:
                    self._old, self._young = self._young, {}
                self._young[key] = handle
        return handle

    # ---- what a request does -----------------------------------------------------------------
    def retrieval(
        self, scores: Any = None, *, hits: int | None = None, **attributes: str | int
    ) -> None:
        """Record what a retrieval found.

        Parameters
        ----------
        scores : array-like of float, shape (n,), optional
            The scores of what was found. NaN, infinities and nulls are counted apart.
        hits : int, optional
            How much was found; the number of scores unless given.
        **attributes : str, int or bool
            A value for each attribute.

        Raises
        ------
        TypeError
            If an argument is of another class.
        InvalidArgumentError
            If neither is given.
        """
        if scores is None and hits is None:
            message = f"a retrieval has scores or hits: {hits!r}"
            raise InvalidArgumentError(message)
        if hits is None:
            hits = len(scores)
        number_of("hits", hits)
        if scores is not None:
            self._instruments.histogram("retrieval.score").record_many(scores, **attributes)
        self._number("hits", "retrieval.hits", hits, attributes)

    def tool(
        self, name: str, *, ok: bool = True, duration: float | None = None, **attributes: str | int
    ) -> None:
        """Record a call of a tool.

        Parameters
        ----------
        name : str
            The tool's.
        ok : bool, default True
            Whether it worked.
        duration : float, optional
            In seconds.
        **attributes : str, int or bool
            A value for each attribute.

        Raises
        ------
        TypeError
            If an argument is of another class.
        """
        if duration is not None:
            number_of("duration", duration)
        outcome = "ok" if ok else "error"
        self._instruments.counter("tool.calls").add(1, **attributes, tool=name, outcome=outcome)
        self._number("duration", "tool.duration", duration, attributes, tool=name)

    def agent(
        self,
        *,
        steps: int | None = None,
        duration: float | None = None,
        ok: bool = True,
        **attributes: str | int,
    ) -> None:
        """Record a run of an agent.

        Parameters
        ----------
        steps : int, optional
            Steps that it took.
        duration : float, optional
            In seconds.
        ok : bool, default True
            Whether it came to an end of its own.
        **attributes : str, int or bool
            A value for each attribute.

        Raises
        ------
        TypeError
            If an argument is of another class.
        """
        for field, value in (("steps", steps), ("duration", duration)):
            if value is not None:
                number_of(field, value)
        outcome = "ok" if ok else "error"
        self._instruments.counter("agent.runs").add(1, **attributes, outcome=outcome)
        self._number("steps", "agent.steps", steps, attributes)
        self._number("duration", "agent.duration", duration, attributes)

    def _number(
        self,
        field: str,
        figure: str,
        value: float | None,
        attributes: Mapping[str, str | int],
        **others: str,
    ) -> None:
        """Record a number that is at least 0, or count why it is none."""
        if value is None:
            return
        fault = (fault_of if field == "duration" else count_fault_of)(field, value)
        if fault is not None:
            self._instruments.reject(field, fault, attributes)
            return
        self._instruments.histogram(figure).record(value, **attributes, **others)

    def answer(
        self,
        text: str | None = None,
        *,
        context: str | None = None,
        samples: Sequence[str] | None = None,
        log_probs: Any = None,
        prompt: str | None = None,
        response_id: str | int | None = None,
        unit: str = "word",
        **attributes: str | int,
    ) -> None:
        """Record what can be said cheaply of an answer's text.

        Parameters
        ----------
        text : str, optional
            The answer: its length and the share of 4-grams that repeat.
        context : str, optional
            What it was to be based on: the share of 3-grams that are taken from it.
        samples : sequence of str, optional
            Other answers to the same prompt: `inlay.model.text.selfcheck_unigram`.
        log_probs : array-like of float, shape (tokens,), optional
            Log-probabilities of the answer's tokens, in nats: their mean and the perplexity.
        prompt : str, optional
            For what is stored alone.
        response_id : str or int, optional
            Likewise.
        unit : str, default "word"
            ``"character"`` for languages that put no space between words.
        **attributes : str, int or bool
            A value for each attribute.

        Raises
        ------
        TypeError
            If an argument is of another class.
        InvalidArgumentError
            If `unit` is another word, or `samples` is empty.

        Notes
        -----
        Nothing of the texts is kept, unless the stream was made with ``store_text=True``: then an
        event ``<name>.text`` holds prompt and answer as `redact` leaves them.
        """
        self._texts.take(
            text,
            context=context,
            samples=samples,
            log_probs=log_probs,
            prompt=prompt,
            response_id=response_id,
            unit=unit,
            attributes=attributes,
        )

    def logits(self, *, attributes: Mapping[str, str] | None = None, **settings: Any) -> Logits:
        """Return a probe for the model's logits, under the name of this stream.

        Parameters
        ----------
        attributes : mapping of str to str, optional
            Of its series.
        **settings
            As for `inlay.model.Logits`.

        Returns
        -------
        Logits
            Named ``<name>.logits``; the observer polls it. Beside its figures stands the answers'
            length, ``<name>.output_length``: what they are to be compared with.
        """
        from inlay.model.logits import Logits

        logits = Logits(name=f"{self._name}.logits", attributes=attributes, **settings)
        self._observer.probe(logits)
        return logits

    # ---- for the observer --------------------------------------------------------------------
    def observe(self, observer: Observer, /) -> None:
        """Hand the window's judged rates over; an observer does this before each cut."""
        now = observer.core.now_us()
        since, self._since = self._since, now
        with self._lock:
            if now - self._trimmed > _HANDLE_LIFE_US:
                self._old, self._young = self._young, {}
                self._trimmed = now
        if not len(self._evaluations):
            return
        import pyarrow  # noqa: F401 - before anything is taken: the first time is slow

        from inlay import _core
        from inlay.model.generation.rate_rows import rate_table

        rates = self._evaluations.turn()
        if rates:
            table = rate_table(rates, self._name, observer, start=since, end=now)
            observer.core.add_table("points", _core.Table(table))

    def _forked(self) -> None:
        self._start()
        self._evaluations.forked()

    def __repr__(self) -> str:
        """Show its name and attributes."""
        return f"<inlay.model.Generation {self._name!r} attributes={self._attributes!r}>"


def _text(value: Any) -> str | None:
    # 1 and True are equal keys of two series. What is no attribute is no key either: bind() tells.
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else None


def _currency(currency: Any) -> str:
    if not isinstance(currency, str):
        message = f"currency must be a str: {currency!r}"
        raise TypeError(message)
    if not (currency and currency.isascii() and currency.isalpha()):
        message = f"currency must be a word such as 'USD': {currency!r}"
        raise InvalidArgumentError(message)
    return currency
