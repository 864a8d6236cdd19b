"""How far the reading of a source is: a bar on a terminal, or a function that is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from inlay.data.sources import Source

__all__ = ["Progress", "progress_of"]

Progress: TypeAlias = bool | Callable[[int, int | None], object] | None
"""What ``progress=`` takes."""

# Below this a bar would be gone before it is seen.
_BAR_ROWS = 1 << 20


@contextmanager
def progress_of(progress: Any, source: Source) -> Iterator[Callable[[int], None]]:
    """Give a function to call with the number of rows that were read since the last call.

    Parameters
    ----------
    progress : bool, callable or None
        A function is called with the rows so far and those of all, or None where that is not known.
        True shows a bar on standard error if `rich` is there; None does so if standard error is a
        terminal and there is much to read; False never does.
    source : Source
        What is read.

    Yields
    ------
    callable
    """
    if callable(progress):
        with _told(progress, source.num_rows) as advance:
            yield advance
    elif progress is True or (progress is None and _is_worth_it(source)):
        with _bar(source) as advance:
            yield advance
    elif progress is None or progress is False:
        yield _nothing
    else:
        message = f"progress is True, False, None or a function: {progress!r}"
        raise TypeError(message)


def _nothing(rows: int) -> None:
    """Take note of nothing."""
    del rows


@contextmanager
def _told(
    function: Callable[[int, int | None], object], total: int | None
) -> Iterator[Callable[[int], None]]:
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        function(done, total)

    yield advance


def _is_worth_it(source: Source) -> bool:
    size = source.num_rows
    is_long = not source.is_in_memory if size is None else size > _BAR_ROWS
    return is_long and sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def _bar(source: Source) -> Iterator[Callable[[int], None]]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ImportError:
        yield _nothing
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name, total=source.num_rows)
        yield lambda rows: bar.advance(task, rows)
