"""Loops that time one call: the empty loop subtracted, warmed up, repeated.

Standard library only, and nothing native: the processes that time other libraries use it too.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]

__all__ = [
    "Loop",
    "Summary",
    "empty_loop",
    "hammer",
    "per_call",
    "preemptions",
    "summarise",
    "time_calls",
    "undisturbed",
]

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z")

# A pass short enough to fit between two interruptions by other processes; the median over the
# passes of one repeat then does not see the interrupted ones.
_PASS_NS = 2_000_000
_TURNS = 8


@dataclass(frozen=True)
class Summary:
    """Median, lowest and highest of some repeats; immutable, so any thread may read it."""

    median: float
    low: float
    high: float
    repeats: int


def summarise(samples: Sequence[float]) -> Summary:
    """Return the median and the range of the repeats.

    Parameters
    ----------
    samples : sequence of float, shape (n,)
        One figure per repeat, n >= 1.

    Returns
    -------
    Summary
        In the unit of the samples.

    Raises
    ------
    ValueError
        If there is no sample.
    """
    if not samples:
        message = "no samples to summarise: []"
        raise ValueError(message)
    return Summary(statistics.median(samples), min(samples), max(samples), len(samples))


@dataclass
class Loop:
    """A compiled ``for v in values: statement``; one thread at a time.

    Parameters
    ----------
    statement : str
        Python source of the body. It sees the loop variable ``v`` and the names below, all of
        them local variables of the loop, which is how a careful user would write it.
    names : mapping of str to object
        What the statement may name.
    """

    statement: str
    names: dict[str, Any] = field(default_factory=dict)
    #: How often the statement ran so far, to be compared with what was counted.
    calls: int = 0
    #: What the loop variable was in the last one, to be compared with a gauge.
    last: object = None

    def __post_init__(self) -> None:
        for name in self.names:
            if not _IDENTIFIER.match(name):
                message = f"not a name a loop can use: {name!r}"
                raise ValueError(message)
        parameters = "".join(f", {name}" for name in self.names)
        body = "\n".join(f"        {line}" for line in self.statement.splitlines())
        source = (
            f"def loop(values, clock{parameters}):\n"
            "    start = clock()\n"
            "    for v in values:\n"
            f"{body}\n"
            "    return clock() - start\n"
        )
        scope: dict[str, Any] = {}
        exec(compile(source, f"<loop: {self.statement}>", "exec"), scope)
        self._run: Callable[..., int] = scope["loop"]

    def time_ns(self, values: Sequence[object]) -> int:
        """Run the loop once over the values and return the nanoseconds it took."""
        self.calls += len(values)
        self.last = values[-1]
        return self._run(values, time.perf_counter_ns, *self.names.values())


def empty_loop() -> Loop:
    """Return the loop that does nothing: what is subtracted from every other one."""
    return Loop("pass")


def preemptions() -> int:
    """Return how often the scheduler took the processor away from the calling thread.

    Waiting of its own accord (for a lock, for the GIL) is not counted. Always 0 where the system
    does not tell.
    """
    if resource is None or not hasattr(resource, "RUSAGE_THREAD"):
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def undisturbed(measure: Callable[[], float], times: int) -> list[float]:
    """Measure several times and leave out what another process cut into.

    Parameters
    ----------
    measure : callable
        Returns one figure.
    times : int
        How often to call it.

    Returns
    -------
    list of float, shape (1 to times,)
        The figures of calls during which the scheduler left this thread alone; all figures where
        there is none.
    """
    figures, whole = [], []
    for _ in range(times):
        before = preemptions()
        figure = measure()
        figures.append(figure)
        if preemptions() == before:
            whole.append(figure)
    return whole or figures


def _passes(loop: Loop, values: Sequence[object], times: int) -> list[float]:
    """Nanoseconds per call of whole passes."""
    return [ns / len(values) for ns in undisturbed(lambda: loop.time_ns(values), times)]


def time_calls(
    loops: Iterable[Loop], values: Sequence[object], *, repeats: int = 7, seconds: float = 1.0
) -> list[list[float]]:
    """Time loops side by side, so that a ratio of two of them compares the same moments.

    Parameters
    ----------
    loops : iterable of Loop
        Timed in turn, a few passes each, the empty loop before each of them.
    values : sequence, shape (n,)
        What the loop variable takes; the same for all.
    repeats : int
        How many figures to return per loop, after one that is thrown away.
    seconds : float
        About how long each loop may run in all.

    Returns
    -------
    list of list of float, shape (loops, repeats)
        Nanoseconds per call with the empty loop's subtracted, never below zero.

    Raises
    ------
    ValueError
        If there are no values or no repeats.
    """
    if not values:
        message = "no values to time a loop with: []"
        raise ValueError(message)
    if repeats < 1:
        message = f"repeats must be at least 1, got {repeats}"
        raise ValueError(message)
    timed = list(loops)
    empty = empty_loop()
    empty.time_ns(values)
    plans = []
    for loop in timed:
        loop.time_ns(values)  # warm-up: caches, the interpreter's specialised instructions
        one = max(1, min(loop.time_ns(values) for _ in range(2)))
        size = max(1, min(len(values), len(values) * _PASS_NS // one))
        budget = seconds * 1e9 / (repeats + 1)
        passes = max(1, min(2000, int(budget / (one * size / len(values)))))
        plans.append((loop, values[:size], passes))
    out: list[list[float]] = [[] for _ in timed]
    for repeat in range(repeats + 1):
        costs: list[list[float]] = [[] for _ in timed]
        floors: list[list[float]] = [[] for _ in timed]
        # In turn, a few passes each: what slows the machine for a while slows all of them.
        for turn in range(_TURNS):
            for at, (loop, chosen, passes) in enumerate(plans):
                share = passes * (turn + 1) // _TURNS - passes * turn // _TURNS
                if share:
                    floors[at] += _passes(empty, chosen, 1)
                    costs[at] += _passes(loop, chosen, share)
        if repeat:
            for samples, cost, floor in zip(out, costs, floors, strict=True):
                samples.append(max(0.0, statistics.median(cost) - statistics.median(floor)))
    return out


def per_call(
    statement: str,
    values: Sequence[object],
    *,
    repeats: int = 7,
    seconds: float = 1.0,
    **names: Any,
) -> list[float]:
    """Time one statement over the values; see `time_calls`.

    Returns
    -------
    list of float, shape (repeats,)
        Nanoseconds per call with the empty loop's subtracted.
    """
    return time_calls([Loop(statement, names)], values, repeats=repeats, seconds=seconds)[0]


def hammer(threads: int, work: Callable[[], None]) -> float:
    """Run a function in several threads at once.

    Parameters
    ----------
    threads : int
        How many, at least 1.
    work : callable
        Called once in each of them, all released at the same moment.

    Returns
    -------
    float
        Seconds from their release to the end of the last one.

    Raises
    ------
    ValueError
        If there would be no thread.
    """
    if threads < 1:
        message = f"threads must be at least 1, got {threads}"
        raise ValueError(message)
    ready, go = threading.Barrier(threads + 1), threading.Event()

    def body() -> None:
        ready.wait()
        go.wait()
        work()

    workers = [threading.Thread(target=body) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    go.set()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start
