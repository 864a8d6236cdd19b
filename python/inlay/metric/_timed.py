"""`Histogram.time()` as a decorator."""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inlay._core import now_ns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from inlay._core import BoundHistogram

__all__ = ["timed"]

F = TypeVar("F", bound="Callable[..., Any]")


def timed(histogram: BoundHistogram, function: F) -> F:
    """Return a function that records how long each call takes.

    A call that raises is recorded too. Each call has a start of its own, so the function may
    run in many threads, overlap with itself as a coroutine, and recurse.

    Parameters
    ----------
    histogram : BoundHistogram
        Where the seconds go.
    function : callable
        A function, a coroutine function, a generator or an asynchronous generator function.
        A generator is measured from its first step until it ends or is closed.

    Returns
    -------
    callable
        Of the same kind as `function`.

    Raises
    ------
    TypeError
        If `function` cannot be called.
    """
    wrapped: Any = function
    if not callable(wrapped):
        message = f"time() decorates functions, not {wrapped!r}"
        raise TypeError(message)
    return cast("F", _wrapper(wrapped)(histogram, wrapped))


def _wrapper(function: Callable[..., Any]) -> Callable[[BoundHistogram, Any], Any]:
    # An object whose class defines `async def __call__` gives coroutines as well.
    for candidate in (function, type(function).__call__):
        if inspect.iscoroutinefunction(candidate):
            return _coroutine
        if inspect.isasyncgenfunction(candidate):
            return _async_generator
        if inspect.isgeneratorfunction(candidate):
            return _generator
    return _plain


def _plain(histogram: BoundHistogram, function: Any) -> Any:
    record_since = histogram.record_since

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        started = now_ns()
        try:
            return function(*args, **kwargs)
        finally:
            record_since(started)

    return call


def _coroutine(histogram: BoundHistogram, function: Any) -> Any:
    record_since = histogram.record_since

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        started = now_ns()
        try:
            return await function(*args, **kwargs)
        finally:
            record_since(started)

    return call


def _generator(histogram: BoundHistogram, function: Any) -> Any:
    record_since = histogram.record_since

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        started = now_ns()
        try:
            return (yield from function(*args, **kwargs))
        finally:
            record_since(started)

    return call


def _async_generator(histogram: BoundHistogram, function: Any) -> Any:
    record_since = histogram.record_since

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        started = now_ns()
        try:
            async with contextlib.aclosing(function(*args, **kwargs)) as items:
                step = items.asend(None)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    # What the consumer sends or throws goes on to the wrapped generator, as
                    # `yield from` does where it exists.
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = items.athrow(error)
                    else:
                        step = items.asend(sent)
        finally:
            record_since(started)

    return call
