"""How an observer counts streams of generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay._threads import new_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inlay.model.generation.generation import Generation
    from inlay.observer import Observer

__all__ = ["Generating", "Generations"]


class Generations:
    """The streams of generations of an observer by name: a probe. Thread-safe."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._streams: dict[str, tuple[Generation, dict[str, Any]]] = {}

    def find(self, name: str, settings: dict[str, Any]) -> Generation | None:
        """Return the stream of this name, made with these settings.

        Raises
        ------
        InvalidArgumentError
            If it was made with others.
        """
        known = self._streams.get(name)
        if known is None:
            return None
        for setting, value in settings.items():
            if known[1][setting] != value:
                message = (
                    f"the generation {name!r} was made with {setting} = {known[1][setting]!r}, "
                    f"not {value!r}"
                )
                raise InvalidArgumentError(message)
        return known[0]

    def add(self, stream: Generation, settings: dict[str, Any]) -> Generation:
        """Take a stream; return it, or the one that another thread made before."""
        with self._lock:
            return self._streams.setdefault(stream.name, (stream, settings))[0]

    def semconv(self) -> dict[str, str]:
        """Return by name the conventions of streams that have some."""
        found = [stream for stream, _ in list(self._streams.values())]
        return {one.name: one.semconv for one in found if one.semconv is not None}

    def observe(self, observer: Observer, /) -> None:
        """Let every stream hand over what its window holds."""
        for stream, _ in list(self._streams.values()):
            stream.observe(observer)

    def forked(self) -> None:
        """Begin anew in a forked child."""
        self._lock = new_lock()
        for stream, _ in self._streams.values():
            stream._forked()


class Generating:
    """The part of an observer that counts streams of generations. Thread-safe."""

    _generations: Generations | None = None

    def generation(
        self,
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
    ) -> Generation:
        """Return the stream of generations of this name; it is made the first time.

        Parameters
        ----------
        name : str
            What its metrics begin with.
        attributes : iterable of str
            The names of the attributes that every call has, such as ``("model",)``.
        prices : mapping of str to mapping of str to float, optional
            By model what 1e6 tokens cost: ``input`` and ``output``, and where they differ
            ``cached`` (else as input) and ``reasoning`` (else as output). ``"*"`` stands for models
            without an entry; without it their requests are counted as ``no_price``.
        price_by : str, default "model"
            The attribute that names the model.
        currency : str, default "USD"
            The unit of costs.
        semconv : str, optional
            Under which conventions sinks show it, a version of `inlay.semconv`; under inlay's own
            names unless given. Points keep these in any case.
        store_text : bool, default False
            Whether the texts given to `Generation.answer` and the explanations of evaluations are
            stored, as events. Without it no text is.
        redact : callable, optional
            From a text to what is stored of it. If it raises, nothing is.
        remember : int, default 50_000
            Answers that are remembered by id until people label them, about 0.5 kB each; the oldest
            are forgotten first.

        Returns
        -------
        Generation
            The same object for the same name.

        Raises
        ------
        InvalidArgumentError
            If there is one of that name with other settings, or a setting is out of range.
        TypeError
            If a setting is of another class.
        """
        settings: dict[str, Any] = {
            "attributes": attributes if isinstance(attributes, str) else tuple(attributes),
            "prices": prices,
            "price_by": price_by,
            "currency": currency,
            "semconv": semconv,
            "store_text": store_text,
            "redact": redact,
            "remember": remember,
        }
        return self._new_generation(name, settings)

    def _new_generation(self, name: str, settings: dict[str, Any]) -> Generation:
        from inlay.model.generation.generation import Generation

        observer: Any = self
        with observer._lock:
            if self._generations is None:
                self._generations = Generations()
                observer.probe(self._generations)
            streams = self._generations
        known = streams.find(name, settings)
        if known is not None:
            return known
        made = streams.add(Generation(observer, name, **settings), settings)
        # Another thread may have made it with other settings.
        return streams.find(name, settings) or made
