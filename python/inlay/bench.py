"""``inlay bench``: what inlay costs on this machine, and what others cost where installed.

Every figure is the median of several repeats with the empty loop subtracted, and what was recorded
is read back and compared before it is shown.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import statistics
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from inlay import _bench_peers
from inlay._machine import facts
from inlay._timing import (
    Loop,
    Summary,
    empty_loop,
    hammer,
    summarise,
    time_calls,
    undisturbed,
)

if TYPE_CHECKING:
    import argparse

    from inlay.observer import Observer

__all__ = ["Result", "add_parser", "measure", "run"]

#: Version of what ``--json`` prints.
FORMAT = 1
THREADS = 8
_METHOD, _ROUTE = "POST", "/v1/completions"


@dataclass(frozen=True)
class Result:
    """One work on this machine; immutable.

    Attributes
    ----------
    key : str
        Stable name of the work.
    work : str
        What was done, for people.
    unit : str
        Unit of the figures.
    who : str
        ``"inlay"``, ``"python"`` for the floor that no library is below, or another library.
    figure : Summary
        Median and range.
    """

    key: str
    work: str
    unit: str
    who: str
    figure: Summary

    def as_json(self) -> dict[str, Any]:
        """Return the result as data for JSON."""
        return {
            "key": self.key,
            "work": self.work,
            "unit": self.unit,
            "who": self.who,
            "median": self.figure.median,
            "low": self.figure.low,
            "high": self.figure.high,
            "repeats": self.figure.repeats,
        }


#: Works in the order of the table: key -> (what it is, unit).
WORKS = {
    "loop": ("one iteration of an empty `for` loop", "ns"),
    "call": ("`math.fabs(v)`, the floor of any call", "ns"),
    "counter": ("bound counter: `add(1)`", "ns"),
    "gauge": ("bound gauge: `set(v)`", "ns"),
    "histogram": ("bound histogram: `record(v)`", "ns"),
    "counter_attrs": ("counter, 2 attributes per call", "ns"),
    "histogram_attrs": ("histogram, 2 attributes per call", "ns"),
    "timer": ("`with histogram.time():`", "ns"),
    "record_many": ("`record_many`, float32 array, per value", "ns"),
    "small_batch": ("`record_many`, batch of 256, the whole call", "us"),
    "counter_threads": (f"counter, {THREADS} threads together", "M/s"),
    "histogram_threads": (f"histogram, {THREADS} threads together", "M/s"),
    "collect": ("window of 10,000 counters to an Arrow table", "ms"),
}


@dataclass(frozen=True)
class _Plan:
    """How much to measure."""

    repeats: int
    seconds: float  # per timed loop
    calls: int  # values in a timed loop
    array_size: int
    thread_calls: int
    series: int


_FULL = _Plan(7, 0.35, 100_000, 1 << 17, 200_000, 10_000)
_QUICK = _Plan(3, 0.01, 1_000, 10_000, 2_000, 100)


def _result(key: str, who: str, samples: Sequence[float]) -> Result:
    work, unit = WORKS[key]
    return Result(key, work, unit, who, summarise(samples))


def _expect(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        message = f"the benchmark lost records: {what} is {actual!r}, {expected!r} were made"
        raise RuntimeError(message)


def _row(observer: Observer, metric: str) -> dict[str, Any]:
    rows = [r for r in observer.collect().points.to_pylist() if r["metric"] == metric]
    if len(rows) != 1:
        message = f"expected one row of {metric!r}, got {len(rows)}"
        raise RuntimeError(message)
    return dict(rows[0])


def _floors(plan: _Plan, values: Sequence[float]) -> Iterator[Result]:
    empty = empty_loop()
    empty.time_ns(values)
    loops = [
        statistics.median(undisturbed(lambda: empty.time_ns(values), 9)) / len(values)
        for _ in range(plan.repeats)
    ]
    yield _result("loop", "python", loops)
    call = Loop("f(v)", {"f": math.fabs})
    yield _result("call", "python", _time([call], values, plan)[0])


def _time(loops: Sequence[Loop], values: Sequence[object], plan: _Plan) -> list[list[float]]:
    return time_calls(loops, values, repeats=plan.repeats, seconds=plan.seconds)


def _records(observer: Observer, plan: _Plan, values: Sequence[float]) -> Iterator[Result]:
    names = ("method", "route")
    at = {"method": _METHOD, "route": _ROUTE}
    hits = observer.counter("bench.hits", attributes=names)
    depth = observer.gauge("bench.depth", attributes=names)
    spent = observer.histogram("bench.spent", unit="s", attributes=names)
    per_call = {"m": _METHOD, "r": _ROUTE}
    loops = {
        "counter": Loop("f(1)", {"f": hits.bind(**at).add}),
        "gauge": Loop("f(v)", {"f": depth.bind(**at).set}),
        "histogram": Loop("f(v)", {"f": spent.bind(**at).record}),
        "counter_attrs": Loop("f(1, method=m, route=r)", {"f": hits.add, **per_call}),
        "histogram_attrs": Loop("f(v, method=m, route=r)", {"f": spent.record, **per_call}),
        "timer": Loop("with f():\n    pass", {"f": spent.bind(**at).time}),
    }
    figures = _time(list(loops.values()), values, plan)
    for (key, _), samples in zip(loops.items(), figures, strict=True):
        yield _result(key, "inlay", samples)
    if observer.enabled:
        batch = {r["metric"]: r for r in observer.collect().points.to_pylist()}
        made = {key: loop.calls for key, loop in loops.items()}
        _expect(batch["bench.hits"]["value"], made["counter"] + made["counter_attrs"], "counter")
        recorded = made["histogram"] + made["histogram_attrs"] + made["timer"]
        _expect(batch["bench.spent"]["count"], recorded, "histogram's count")
        _expect(batch["bench.depth"]["value"], loops["gauge"].last, "gauge's value")


def _batches(observer: Observer, plan: _Plan) -> Iterator[Result]:
    spent = observer.histogram("bench.batch", unit="s").bind()
    draw = random.Random(7).lognormvariate
    small = array("f", (draw(0.0, 1.0) for _ in range(256)))
    large = small * (plan.array_size // len(small))
    whole = Loop("f(v)", {"f": spent.record_many})
    arrays = [large] * 4
    samples = _time([whole], arrays, plan)[0]
    yield _result("record_many", "inlay", [ns / len(large) for ns in samples])
    if observer.enabled:
        counted = _row(observer, "bench.batch")["count"]
        _expect(counted, whole.calls * len(large), "values of the arrays")
    call = Loop("f(a)", {"f": spent.record_many, "a": small})
    samples = _time([call], [None] * (plan.calls // 20), plan)[0]
    yield _result("small_batch", "inlay", [ns / 1e3 for ns in samples])
    if observer.enabled:
        counted = _row(observer, "bench.batch")["count"]
        _expect(counted, call.calls * len(small), "values of the batches")


def _threads(observer: Observer, plan: _Plan) -> Iterator[Result]:
    hits = observer.counter("bench.shared.hits").bind()
    spent = observer.histogram("bench.shared.spent", unit="s").bind()
    for key, call, value in (
        ("counter_threads", hits.add, 1),
        ("histogram_threads", spent.record, 0.0123),
    ):
        work = _repeated(call, value, plan.thread_calls)
        hammer(THREADS, work)
        rates = []
        for _ in range(plan.repeats):
            seconds = hammer(THREADS, work)
            rates.append(THREADS * plan.thread_calls / seconds / 1e6)
        yield _result(key, "inlay", rates)
    if observer.enabled:
        made = THREADS * plan.thread_calls * (plan.repeats + 1)
        rows = {r["metric"]: r for r in observer.collect().points.to_pylist()}
        _expect(rows["bench.shared.hits"]["value"], made, "counter shared by threads")
        _expect(rows["bench.shared.spent"]["count"], made, "histogram shared by threads")


def _repeated(call: Callable[[Any], object], value: Any, calls: int) -> Callable[[], None]:
    def work() -> None:
        for v in repeat(value, calls):
            call(v)

    return work


def _collect(observer: Observer, plan: _Plan) -> Iterator[Result]:
    hits = observer.counter("bench.many", attributes=("user",))
    adds = [hits.bind(user=f"user-{i}").add for i in range(plan.series)]
    timed = Loop("f()", {"f": observer.collect})

    def once() -> float:
        for add in adds:
            add(1)
        return timed.time_ns([None]) / 1e6

    once()
    samples = [statistics.median(undisturbed(once, 5)) for _ in range(plan.repeats)]
    yield _result("collect", "inlay", samples)
    if observer.enabled:
        for add in adds:
            add(1)
        rows = [r for r in observer.collect().points.to_pylist() if r["metric"] == "bench.many"]
        _expect(sum(r["value"] for r in rows), plan.series, "counters of a window")


def _others(plan: _Plan, values: Sequence[float]) -> Iterator[Result]:
    for who, module, make in _bench_peers.PEERS:
        if _installed(module):
            loops = make(_METHOD, _ROUTE)
            for key, samples in zip(loops, _time(list(loops.values()), values, plan), strict=True):
                yield _result(key, who, samples)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is absent
        return False


def measure(
    *, quick: bool = False, peers: bool = True, progress: Callable[[str], object] | None = None
) -> list[Result]:
    """Measure inlay's cost in this process.

    Parameters
    ----------
    quick : bool
        Small sizes: shows that it runs; the figures mean little.
    peers : bool
        Measure prometheus_client and the OpenTelemetry SDK too, where they are installed.
    progress : callable, optional
        Called with the name of each part before it runs.

    Returns
    -------
    list of Result
        In the order of the table, inlay's figure of a work before the others'.

    Raises
    ------
    RuntimeError
        If what was recorded could not all be read back.
    """
    from inlay import Observer

    plan = _QUICK if quick else _FULL
    draw = random.Random(7).lognormvariate
    values = [draw(-3.9, 1.0) for _ in range(plan.calls)]
    observer = Observer({"service.name": "inlay-bench"}, window=3600.0, max_series=plan.series + 1)
    parts: list[tuple[str, Callable[[], Iterator[Result]]]] = [
        ("the floor", lambda: _floors(plan, values)),
        ("single records", lambda: _records(observer, plan, values)),
        ("arrays", lambda: _batches(observer, plan)),
        (f"{THREADS} threads", lambda: _threads(observer, plan)),
        (f"a window of {plan.series:,} series", lambda: _collect(observer, plan)),
    ]
    if peers:
        parts.append(("others", lambda: _others(plan, values)))
    results: list[Result] = []
    with observer:
        for name, part in parts:
            if progress is not None:
                progress(name)
            results += part()
    order = list(WORKS)
    return sorted(results, key=lambda r: order.index(r.key))  # stable: inlay first, then others


def _text(results: Sequence[Result], machine: dict[str, Any]) -> str:
    build = machine["build"]
    head = (
        f"inlay {build['version']} on {machine['cores']} cores of {machine['cpu']}, "
        f"Python {machine['python']}, {build['compiler']}"
    )
    who = list(dict.fromkeys(r.who for r in results if r.who not in ("inlay", "python")))
    columns = ["inlay", *who]
    wide = max(len(work) for work, _ in WORKS.values()) + 6
    lines = [head, "", "".ljust(wide) + "".join(name.rjust(20) for name in columns)]
    for key, (work, unit) in WORKS.items():
        mine = {("inlay" if r.who == "python" else r.who): r for r in results if r.key == key}
        if not mine:
            continue
        cells = [_cell(mine[name].figure) if name in mine else "" for name in columns]
        lines.append(f"{work} [{unit}]".ljust(wide) + "".join(cell.rjust(20) for cell in cells))
    lines += ["", "median (lowest-highest); an empty loop's cost is subtracted"]
    if os.environ.get("INLAY_DISABLED", "") not in ("", "0"):
        lines.append("INLAY_DISABLED is set: these are the costs of the no-op")
    return "\n".join(lines)


def _cell(figure: Summary) -> str:
    return f"{_number(figure.median)} ({_number(figure.low)}-{_number(figure.high)})"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options.

    Parameters
    ----------
    subparsers : object
        What ``ArgumentParser.add_subparsers`` returned.
    """
    parser = subparsers.add_parser(
        "bench",
        help="measure what inlay costs on this machine",
        description="Measure what inlay costs on this machine; prometheus_client and the "
        "OpenTelemetry SDK are measured too where they are installed.",
    )
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs")
    parser.add_argument("--no-peers", action="store_true", help="measure inlay alone")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        With ``json``, ``quick`` and ``no_peers``.

    Returns
    -------
    int
        The exit status.
    """

    def progress(part: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kmeasuring {part} …")

    results = measure(quick=args.quick, peers=not args.no_peers, progress=progress)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    machine = facts(("inlay", "numpy", "pyarrow", "prometheus-client", "opentelemetry-sdk"))
    if args.json:
        data = {"format": FORMAT, "machine": machine, "results": [r.as_json() for r in results]}
        sys.stdout.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_text(results, machine) + "\n")
    return 0
