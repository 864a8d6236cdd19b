"""Deployments of Ray Serve: the requests of each replica, from inside its process.

Checked with Ray 2.60.0.
"""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, overload

from inlay._core import now_ns
from inlay._threads import new_lock
from inlay.integrations._calls import Calls, error_of
from inlay.integrations._host_observer import HostObserver
from inlay.integrations._streams import observed_async_generator, observed_generator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from inlay.observer import Observer

__all__ = ["observed"]

_HOST = "ray_serve"
# Where an instance keeps its recorder.
_RECORDER = "_inlay_recorder"

T = TypeVar("T")


@overload
def observed(deployment: T, /) -> T: ...
@overload
def observed(
    *,
    methods: Iterable[str] = ("__call__",),
    observer: Callable[[], Observer] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Callable[[T], T]: ...
def observed(
    deployment: Any = None,
    /,
    *,
    methods: Iterable[str] = ("__call__",),
    observer: Callable[[], Observer] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Any:
    """Record the requests of a deployment: a decorator under ``@serve.deployment``.

    Parameters
    ----------
    deployment : class or function
        What ``@serve.deployment`` is given.
    methods : iterable of str
        Which methods of a class are requests. Others run as they are.
    observer : callable, optional
        Makes the observer in the replica's process, and starts it if its windows are to turn: an
        observer itself cannot be sent there. By default the one that is installed there, else one
        that is made for `directory`.
    directory : str or os.PathLike, optional
        Where a replica that has no observer writes its files; what ``INLAY_DIRECTORY`` says unless
        given. Replicas on one machine share it.

    Returns
    -------
    class or function
        The same class, or the function wrapped.

    Raises
    ------
    TypeError
        If `methods` is a string, `observer` cannot be called, or what is decorated is neither a
        class nor a function.
    AttributeError
        If the class has no such method.

    Notes
    -----
    With the attributes `application`, `model` (the deployment), `method` and `version` (empty):

    - ``inference.requests`` and ``inference.request.duration`` (s), by ``error.type`` too: empty,
      the class of the exception, or ``abandoned`` if the reader of a stream left it;
    - ``inference.active_requests``;
    - of generators and asynchronous generators ``inference.time_to_first_response`` (s) and
      ``inference.responses``; their duration ends with the last item.

    Coroutines, plain methods and both kinds of generators stay what they are. The observer is there
    before ``__init__`` of the class runs, which may use `inlay.get_observer`. At the end of a
    replica an observer that was made for `directory` writes its last window. What recording raises
    is counted in ``inlay.host.failures``, logged once and kept from the request.

    Examples
    --------
    >>> from inlay.integrations.ray_serve import observed
    >>> @observed
    ... class Double:
    ...     def __call__(self, value):
    ...         return 2 * value
    >>> import inlay
    >>> with inlay.Observer() as observer:
    ...     _ = observer.install()
    ...     answer = Double()(21)
    ...     rows = observer.collect().points.to_pylist()
    >>> observer.uninstall()
    >>> answer, sum(row["metric"] == "inference.requests" for row in rows)
    (42, 1)
    """
    if isinstance(methods, str):
        message = f"methods must be an iterable of names, not the string {methods!r}"
        raise TypeError(message)
    made_by: object = observer
    if made_by is not None and not callable(made_by):
        message = f"observer must be a function that makes one, not {made_by!r}"
        raise TypeError(message)
    names = tuple(methods)
    make = functools.partial(_Recorder, observer, directory)

    def decorate(target: Any) -> Any:
        if inspect.isclass(target):
            return _observe_class(target, names, make)
        if inspect.isfunction(target):
            recorder_of = _OfFunction(make, target.__name__)
            wrapped = _wrap(target, "__call__", recorder_of)
            wrapped.__del__ = recorder_of.release  # Ray calls it at the end of a replica
            return wrapped
        message = f"a class or a function can be observed, not {target!r}"
        raise TypeError(message)

    return decorate if deployment is None else decorate(deployment)


class _Recorder:
    """What one replica records. Thread-safe."""

    def __init__(
        self,
        observer: Callable[[], Observer] | None,
        directory: str | os.PathLike[str] | None,
        target: str,
    ) -> None:
        application, deployment = _replica(target)
        self.host = HostObserver(_HOST, observer, directory=directory, service=deployment)
        self._application, self._deployment = application, deployment
        self._calls: dict[str, Calls | None] = {}

    def calls(self, method: str) -> Calls | None:
        """Return a method's series; None where they cannot be made."""
        if method not in self._calls:
            calls = None
            with self.host.failures.guard("start"):
                calls = Calls(
                    self.host.observer,
                    self.host.failures,
                    model=self._deployment,
                    application=self._application,
                    method=method,
                )
            self._calls.setdefault(method, calls)
        return self._calls[method]


class _OfInstance:
    """Finds the recorder of the instance whose method is called."""

    def __call__(self, args: tuple[Any, ...]) -> _Recorder | None:
        return getattr(args[0], _RECORDER, None)


class _OfFunction:
    """Makes a function's recorder when it is first called; it is pickled without it."""

    def __init__(self, make: Callable[[str], _Recorder], name: str) -> None:
        self._make = make
        self._name = name
        self._made: _Recorder | None = None
        self._lock = new_lock()

    def __call__(self, _args: tuple[Any, ...]) -> _Recorder:
        made = self._made
        if made is None:
            with self._lock:  # two would hold the observer, of which one is released
                made = self._made
                if made is None:
                    made = self._made = self._make(self._name)
        return made

    def release(self) -> None:
        if self._made is not None:
            self._made.host.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_OfFunction, (self._make, self._name))


def _observe_class(target: Any, names: tuple[str, ...], make: Callable[[str], _Recorder]) -> Any:
    methods = {name: getattr(target, name) for name in names}
    begin, end = target.__init__, getattr(target, "__del__", None)

    @functools.wraps(begin)
    def initialize(self: Any, *args: Any, **options: Any) -> None:
        if getattr(self, _RECORDER, None) is None:
            recorder = make(target.__name__)
            with recorder.host.failures.guard("start"):  # a class may have slots
                object.__setattr__(self, _RECORDER, recorder)
        begin(self, *args, **options)

    def delete(self: Any) -> Any:
        # Ray calls it at the end of a replica, and the interpreter again when the object goes.
        recorder = getattr(self, _RECORDER, None)
        try:
            result = None if end is None else end(self)
        finally:
            if recorder is not None:
                recorder.host.release()
        return result

    target.__init__ = initialize
    target.__del__ = delete
    for name, method in methods.items():
        setattr(target, name, _wrap(method, name, _OfInstance()))
    return target


def _wrap(run: Any, method: str, recorder_of: Callable[[tuple[Any, ...]], _Recorder | None]) -> Any:
    """Return a function of the same kind that records its calls."""

    def calls_of(args: tuple[Any, ...]) -> Calls | None:
        recorder = recorder_of(args)
        return None if recorder is None else recorder.calls(method)

    if inspect.isasyncgenfunction(run):

        @functools.wraps(run)
        async def stream_async(*args: Any, **options: Any) -> Any:
            calls = calls_of(args)
            parts = run(*args, **options)
            if calls is not None:
                parts = observed_async_generator(parts, calls, now_ns())
            async with aclosing(parts):
                async for part in parts:
                    yield part

        return stream_async
    if inspect.isgeneratorfunction(run):

        @functools.wraps(run)
        def stream(*args: Any, **options: Any) -> Any:
            calls = calls_of(args)
            parts = run(*args, **options)
            if calls is not None:
                parts = observed_generator(parts, calls, now_ns())
            yield from parts

        return stream
    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def call_async(*args: Any, **options: Any) -> Any:
            calls = calls_of(args)
            if calls is None:
                return await run(*args, **options)
            start = calls.begin()
            try:
                result = await run(*args, **options)
            except BaseException as error:
                calls.end(start, error_of(error))
                raise
            return _ended(result, calls, start)

        return call_async

    @functools.wraps(run)
    def call(*args: Any, **options: Any) -> Any:
        calls = calls_of(args)
        if calls is None:
            return run(*args, **options)
        start = calls.begin()
        try:
            result = run(*args, **options)
        except BaseException as error:
            calls.end(start, error_of(error))
            raise
        return _ended(result, calls, start)

    return call


def _ended(result: Any, calls: Calls, start: int) -> Any:
    """Take that a call returned; what it returned may be a stream that has yet to be read."""
    if inspect.isgenerator(result):
        calls.pause()
        return observed_generator(result, calls, start)
    if inspect.isasyncgen(result):
        calls.pause()
        return observed_async_generator(result, calls, start)
    calls.end(start)
    return result


def _replica(target: str) -> tuple[str, str]:
    """Return the names of the application and the deployment that this process is a replica of."""
    serve = sys.modules.get("ray.serve")  # a replica has loaded it long ago
    if serve is not None:
        try:
            context = serve.get_replica_context()
            return str(context.app_name), str(context.deployment)
        except Exception:  # no replica: called directly, or in a test
            pass
    return "", target
