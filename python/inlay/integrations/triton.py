"""Models of Triton's Python backend: their executions, requests and predictions.

Written against the interface that the backend publishes as ``triton_python_backend_utils``.
"""

from __future__ import annotations

import functools
import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from inlay._core import now_ns
from inlay.integrations._calls import Calls, error_of
from inlay.integrations._host_observer import HostObserver
from inlay.integrations._triton_predictions import PredictionFeed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from inlay.observer import Observer

__all__ = ["Predictions", "ResponseSender", "observed", "response_sender"]

_HOST = "triton"
# Where a model keeps its recorder.
_RECORDER = "_inlay_recorder"
# The flag of a request's last response, as Triton's core has it.
_FINAL = 1
_CODES = (
    "UNKNOWN",
    "INTERNAL",
    "NOT_FOUND",
    "INVALID_ARG",
    "UNAVAILABLE",
    "UNSUPPORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
)

T = TypeVar("T", bound=type)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What of a model's requests and responses are predictions that labels will come for.

    Parameters
    ----------
    quality : callable
        Makes the `Quality` they go to, given the observer:
        ``lambda observer: observer.quality("fraud", task="binary")``. It is called in the process
        of the model.
    score : str
        The output tensor with the scores: one row for each prediction.
    ids : str, optional
        The input tensor with an id for each row, of integers or strings. Without it the id is that
        of the request, which then must have one and hold one row.
    attributes : mapping of str to str
        Attribute of the quality to the input tensor that has its value for each row, or one for
        all.
    """

    quality: Callable[[Observer], Any]
    score: str
    ids: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@overload
def observed(model: T, /) -> T: ...
@overload
def observed(
    *,
    observer: Observer | Callable[[], Observer] | None = None,
    directory: str | os.PathLike[str] | None = None,
    predictions: Predictions | None = None,
) -> Callable[[T], T]: ...
def observed(
    model: Any = None,
    /,
    *,
    observer: Observer | Callable[[], Observer] | None = None,
    directory: str | os.PathLike[str] | None = None,
    predictions: Predictions | None = None,
) -> Any:
    """Record what a ``TritonPythonModel`` executes: a decorator of the class.

    Parameters
    ----------
    model : class
        The class that Triton loads.
    observer : Observer or callable, optional
        Where it goes, or a function that makes it in the process of the model. By default the one
        that is installed there, else one that is made for `directory`.
    directory : str or os.PathLike, optional
        Where a process without an observer writes its files; what ``INLAY_DIRECTORY`` says unless
        given. Instances of a model, which are processes of their own, share it.
    predictions : Predictions, optional
        What of it are predictions, for an observer's `quality`.

    Returns
    -------
    class
        The same class.

    Raises
    ------
    TypeError
        If what is decorated is no class with a method ``execute``.

    Notes
    -----
    With the attributes `model` and `version`, those of requests with `method` (``execute``) and
    `application` (empty) too:

    - ``inference.execution.duration`` (s) and ``inference.batch_size``, one of each execution;
    - ``inference.requests`` and ``inference.request.duration`` (s) by ``error.type`` too: empty,
      the code of a response's error (``INVALID_ARG`` …), the class of the exception that ended the
      execution, or ``response_count`` where there is not one response for each request. A request
      takes as long as its execution;
    - ``inference.active_requests``;
    - of a decoupled model these come from `response_sender`, with
      ``inference.time_to_first_response`` (s) and ``inference.responses``;
    - ``inference.predictions`` by `outcome`: ``recorded``, ``no_id``, ``no_tensor``,
      ``rows_differ``, ``on_device``, ``error``.

    The observer is there before ``initialize`` of the class runs, which may use
    `inlay.get_observer`; ``finalize`` writes the last window of one that was made for `directory`.
    ``execute`` may be a coroutine. What recording raises is counted in ``inlay.host.failures``,
    logged once and kept from Triton; requests and responses are handed on as they are.

    Examples
    --------
    ::

        @observed(directory="/telemetry")
        class TritonPythonModel:
            def execute(self, requests): ...
    """

    def decorate(target: Any) -> Any:
        if not inspect.isclass(target) or not callable(getattr(target, "execute", None)):
            message = f"a class with a method execute can be observed, not {target!r}"
            raise TypeError(message)
        _observe(target, functools.partial(_Recorder, observer, directory, predictions))
        return target

    return decorate if model is None else decorate(model)


def response_sender(model: Any, request: Any) -> Any:
    """Return the sender of a request to a decoupled model, which records what is sent.

    The request's time begins here; it ends with the flag of the last response.

    Parameters
    ----------
    model : object
        The instance of an observed class: ``self`` in ``execute``.
    request : pb_utils.InferenceRequest
        The request.

    Returns
    -------
    ResponseSender or pb_utils.InferenceResponseSender
        Triton's own where nothing is recorded.
    """
    sender = request.get_response_sender()
    recorder = getattr(model, _RECORDER, None)
    if recorder is None or recorder.calls is None:
        return sender
    return ResponseSender(sender, recorder.calls)


class ResponseSender:
    """Sends the responses of one request of a decoupled model. Thread-safe as Triton's own is.

    Made by `response_sender`.
    """

    def __init__(self, sender: Any, calls: Calls) -> None:
        self._sender = sender
        self._calls = calls
        self._sent = 0
        self._error = ""
        self._ended = False
        self._start = calls.begin()

    def send(self, response: Any = None, flags: int = 0) -> None:
        """Send a response, or none with the flag of the last one.

        Parameters
        ----------
        response : pb_utils.InferenceResponse, optional
            The response.
        flags : int
            ``pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL`` with the last one.

        Raises
        ------
        Exception
            What Triton's sender raises.
        """
        try:
            if response is None:
                self._sender.send(flags=flags)
            else:
                self._sender.send(response, flags)
        except BaseException as error:
            self._end(error_of(error))
            raise
        if response is not None:
            if self._sent == 0:
                self._calls.first(self._start)
            self._sent += 1
            self._error = self._error or _error_in(response)
        if flags & _FINAL:
            self._end(self._error)

    def __getattr__(self, name: str) -> Any:
        """Give what else Triton's sender has, such as ``is_cancelled``."""
        return getattr(self._sender, name)

    def _end(self, error: str) -> None:
        if not self._ended:
            self._ended = True
            self._calls.streamed(self._sent)
            self._calls.end(self._start, error)


class _Recorder:
    """What one instance of a model records."""

    def __init__(
        self,
        observer: Observer | Callable[[], Observer] | None,
        directory: str | os.PathLike[str] | None,
        predictions: Predictions | None,
        args: Any,
    ) -> None:
        if not isinstance(args, dict):
            args = {}
        model = str(args.get("model_name", "unknown"))
        self.host = HostObserver(_HOST, observer, directory=directory, service=model)
        self._guard = self.host.failures.guard("executions")
        self.calls: Calls | None = None
        self._predictions: PredictionFeed | None = None
        self._decoupled = False
        with self.host.failures.guard("model_config"):
            config = json.loads(args.get("model_config") or "{}")
            policy = config.get("model_transaction_policy") or {}
            self._decoupled = bool(policy.get("decoupled"))
        with self.host.failures.guard("start"):
            self._make(model, str(args.get("model_version", "")))
        if predictions is not None:
            with self.host.failures.guard("start of predictions"):
                self._predictions = PredictionFeed(
                    self.host.observer, predictions, model, self.host.failures
                )

    def _make(self, model: str, version: str) -> None:
        observer = self.host.observer
        labels = {"model": model, "version": version}
        self._executions = (
            observer.histogram(
                "inference.execution.duration",
                unit="s",
                description="Executions of a batch.",
                attributes=tuple(labels),
                layer="model",
            )
            .bind(**labels)
            .record_since
        )
        self._batches = (
            observer.histogram(
                "inference.batch_size",
                unit="{request}",
                description="Requests of a batch.",
                attributes=tuple(labels),
                layer="model",
            )
            .bind(**labels)
            .record
        )
        self.calls = Calls(
            observer, self.host.failures, model=model, version=version, method="execute"
        )

    def begin(self, requests: Sequence[Any]) -> int:
        """Take a batch."""
        if self.calls is not None and not self._decoupled:
            return self.calls.begin(len(requests))
        return now_ns()

    def raised(self, start: int, requests: Sequence[Any], error: BaseException) -> None:
        """Take that an execution raised."""
        self._end(start, requests, [error_of(error)] * len(requests))

    def executed(self, start: int, requests: Sequence[Any], responses: Any) -> None:
        """Take what an execution returned."""
        with self._guard:
            if self._decoupled:
                self._end(start, requests, ())
                return
            if not isinstance(responses, (list, tuple)) or len(responses) != len(requests):
                self._end(start, requests, ["response_count"] * len(requests))
                return
            self._end(start, requests, [_error_in(response) for response in responses])
            if self._predictions is not None:
                self._predictions.take(requests, responses)

    def _end(self, start: int, requests: Sequence[Any], errors: Sequence[str]) -> None:
        if self.calls is None:
            return
        with self._guard:
            self._executions(start)
            self._batches(len(requests))
        if not self._decoupled:
            for error in errors:
                self.calls.end(start, error)


def _observe(target: Any, make: Callable[[Mapping[str, str]], _Recorder]) -> None:
    begin = getattr(target, "initialize", None)
    run = target.execute
    end = getattr(target, "finalize", None)

    def initialize(self: Any, args: Mapping[str, str]) -> Any:
        recorder = make(args)
        with recorder.host.failures.guard("start"):  # a class may have slots
            setattr(self, _RECORDER, recorder)
        return None if begin is None else begin(self, args)

    def finalize(self: Any) -> Any:
        try:
            return None if end is None else end(self)
        finally:
            recorder = getattr(self, _RECORDER, None)
            if recorder is not None:
                recorder.host.release()

    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def execute(self: Any, requests: Sequence[Any]) -> Any:
            recorder = getattr(self, _RECORDER, None)
            if recorder is None:
                return await run(self, requests)
            start = recorder.begin(requests)
            try:
                responses = await run(self, requests)
            except BaseException as error:
                recorder.raised(start, requests, error)
                raise
            recorder.executed(start, requests, responses)
            return responses

    else:

        @functools.wraps(run)
        def execute(self: Any, requests: Sequence[Any]) -> Any:
            recorder = getattr(self, _RECORDER, None)
            if recorder is None:
                return run(self, requests)
            start = recorder.begin(requests)
            try:
                responses = run(self, requests)
            except BaseException as error:
                recorder.raised(start, requests, error)
                raise
            recorder.executed(start, requests, responses)
            return responses

    target.initialize = initialize if begin is None else functools.wraps(begin)(initialize)
    target.execute = execute
    target.finalize = finalize if end is None else functools.wraps(end)(finalize)


def _error_in(response: Any) -> str:
    """Return the name of the code of a response's error; empty if it has none."""
    try:
        if response is None or not response.has_error():
            return ""
        code = getattr(response.error(), "code", None)  # the backend has it since 23.09
        if code is None:
            return "INTERNAL"
        found = code()
        import triton_python_backend_utils as pb_utils

        for name in _CODES:
            if getattr(pb_utils.TritonError, name, None) == found:
                return name
    except Exception:  # what reads a foreign object must not fail its request
        return "UNKNOWN"
    return "UNKNOWN"
