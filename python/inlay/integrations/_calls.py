"""Requests that a host hands to a model: how many, how long, how they ended, how many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay._core import now_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.integrations._host_failures import HostFailures
    from inlay.observer import Observer

__all__ = ["Calls", "error_of"]

_ERROR = "error.type"
# Classes of exceptions are few; what a program makes up beyond shares a series.
_MOST_ERRORS = 64
_OTHER = "other"


class Calls:
    """Counts and times the requests of one model. Thread-safe; its methods raise nothing.

    Parameters
    ----------
    observer : Observer
        Where they are recorded, in layer ``model``: ``inference.requests``,
        ``inference.request.duration``, ``inference.active_requests``, and of streams
        ``inference.time_to_first_response`` and ``inference.responses``.
    model, version, application, method : str
        Attributes of all of them, the same at every host; the number and the duration also have
        ``error.type``. What a host has not is empty.
    failures : HostFailures
        Where what recording raises is counted.

    Raises
    ------
    Exception
        If the observer has other instruments of these names.
    """

    def __init__(
        self,
        observer: Observer,
        failures: HostFailures,
        *,
        model: str,
        version: str = "",
        application: str = "",
        method: str,
    ) -> None:
        self._guard = failures.guard("requests")
        self._labels = {
            "application": application,
            "method": method,
            "model": model,
            "version": version,
        }
        keys = tuple(self._labels)
        self._requests = observer.counter(
            "inference.requests",
            unit="{request}",
            description="Requests that ended.",
            attributes=(*keys, _ERROR),
            layer="model",
        )
        self._durations = observer.histogram(
            "inference.request.duration",
            unit="s",
            description="From the call of the model to the end of its answer.",
            attributes=(*keys, _ERROR),
            layer="model",
        )
        self._active = (
            observer.gauge(
                "inference.active_requests",
                unit="{request}",
                description="Requests that the model works on.",
                attributes=keys,
                layer="model",
            )
            .bind(**self._labels)
            .add
        )
        self._first = (
            observer.histogram(
                "inference.time_to_first_response",
                unit="s",
                description="From the call of the model to the first part of a streamed answer.",
                attributes=keys,
                layer="model",
            )
            .bind(**self._labels)
            .record_since
        )
        self._responses = (
            observer.histogram(
                "inference.responses",
                unit="{response}",
                description="Parts of a streamed answer.",
                attributes=keys,
                layer="model",
            )
            .bind(**self._labels)
            .record
        )
        self._ends: dict[str, tuple[Callable[[int], None], Callable[[float], None]]] = {}

    def begin(self, count: int = 1) -> int:
        """Take that requests came.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        int
            The time, for the other methods.
        """
        with self._guard:
            self._active(count)
        return now_ns()

    def pause(self) -> None:
        """Take that a request waits for who reads its stream to begin."""
        with self._guard:
            self._active(-1)

    def resume(self) -> None:
        """Take that it was begun."""
        with self._guard:
            self._active(1)

    def first(self, start: int) -> None:
        """Take the first part of a streamed answer."""
        with self._guard:
            self._first(start)

    def streamed(self, responses: int) -> None:
        """Take how many parts a streamed answer had."""
        with self._guard:
            self._responses(responses)

    def end(self, start: int, error: str = "") -> None:
        """Take that a request ended.

        Parameters
        ----------
        start : int
            What `begin` returned.
        error : str
            What went wrong, from a bounded set; empty if nothing did.
        """
        with self._guard:
            self._active(-1)
            ends = self._ends.get(error)
            if ends is None:
                ends = self._bind(error)
            ends[0](start)
            ends[1](1)

    def _bind(self, error: str) -> tuple[Callable[[int], None], Callable[[float], None]]:
        if len(self._ends) >= _MOST_ERRORS:
            error = _OTHER
        labels = {**self._labels, _ERROR: error}
        ends = (self._durations.bind(**labels).record_since, self._requests.bind(**labels).add)
        return self._ends.setdefault(error, ends)


def error_of(error: BaseException) -> str:
    """Return the name by which an exception is counted: its class, never its text."""
    if isinstance(error, GeneratorExit):
        return "abandoned"  # who asked for the stream wants no more of it
    return type(error).__qualname__
