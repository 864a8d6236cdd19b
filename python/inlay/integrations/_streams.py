"""Answers in parts: generators that record what they hand on."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from inlay.integrations._calls import error_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from inlay.integrations._calls import Calls

__all__ = ["observed_async_generator", "observed_generator"]


def observed_generator(
    parts: Generator[Any, Any, Any], calls: Calls, start: int
) -> Generator[Any, None, None]:
    """Hand on the parts of an answer whose time runs since `start`.

    Nothing is recorded unless somebody begins to read.
    """
    calls.resume()
    count = 0
    error = ""
    try:
        with closing(parts):
            for part in parts:
                if count == 0:
                    calls.first(start)
                count += 1
                yield part
    except BaseException as raised:
        error = error_of(raised)
        raise
    finally:
        calls.streamed(count)
        calls.end(start, error)


async def observed_async_generator(
    parts: AsyncGenerator[Any, Any], calls: Calls, start: int
) -> AsyncGenerator[Any, None]:
    """Do as `observed_generator` does."""
    calls.resume()
    count = 0
    error = ""
    try:
        async with aclosing(parts):
            async for part in parts:
                if count == 0:
                    calls.first(start)
                count += 1
                yield part
    except BaseException as raised:
        error = error_of(raised)
        raise
    finally:
        calls.streamed(count)
        calls.end(start, error)
