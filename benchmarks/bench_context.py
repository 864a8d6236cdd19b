"""What was known of a request: an hour of points of 8 GPUs joined and ranked; health; triggers."""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Bench, Run

bench = Bench("context")
TRACE = "0af7651916cd43dd8448eb211c80319c"
WINDOWS, PER_GPU = 360, 74
SEEDS = 100


def _tests() -> None:
    """Make the synthetic worlds of the tests known."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))


def _hour(run: Run) -> Any:
    """Return an hour of 596 series and 2,300 events, and a request that a throttle slowed."""
    _tests()
    from infra_world import GPUS, World

    world = World(run.size(WINDOWS, quick=40), per_gpu=PER_GPU)
    seconds = 10.0 * world.windows
    world.uses = GPUS[1]
    start = 0.8 * seconds
    world.span("answer", TRACE, start, start + 2)
    world.event("gpu.throttle", start + 0.5, start + 1.5, gpu=GPUS[1], cause="hw_thermal")
    for number in range(run.size(2000)):
        world.event("log", seconds * number / 2000, layer="app", number=str(number))
    for number in range(run.size(300)):
        begin = seconds * number / 300
        gpu = GPUS[number % 8 if number % 8 != 1 else 2]
        world.event("gpu.throttle", begin, begin + 1, gpu=gpu, cause="sw_power_cap")
    return world


def _milliseconds(run: Run, ask: Callable[[], Any]) -> list[float]:
    run.check(ask().evidence[0].name, "gpu.throttle", "the cause comes first")
    return [1e3 * seconds for seconds in run.time_each(ask, inner=3)]


@bench.case("inlay, ring", needs=["numpy", "pyarrow"])
def _ring(run: Run) -> None:
    from inlay.joined.asking import Asked, ask
    from inlay.joined.recent import Recent
    from inlay.joined.source import RecentSource

    batches = _hour(run).batches()
    ring = Recent(3600.0)
    for batch in batches:
        ring.keep(batch)
    asked = Asked(trace_id=TRACE)
    run.report(
        "ring", _milliseconds(run, lambda: ask(RecentSource(ring.batches(), "the ring"), asked))
    )
    other = Recent(600.0)

    def keep() -> None:
        for batch in batches:
            other.keep(batch)

    seconds = run.time_each(keep, before=other.renew)
    run.report("keep", [1e6 * s / len(batches) for s in seconds])


@bench.case("inlay, files", needs=["numpy", "pyarrow"])
def _files(run: Run) -> None:
    import inlay

    batches = _hour(run).batches()
    with tempfile.TemporaryDirectory() as folder:
        sink = inlay.sinks.Files(folder)
        sink.open({}, 77)
        for batch in batches:
            sink.write(batch)
        run.report("streams", _milliseconds(run, lambda: inlay.context(folder, trace_id=TRACE)))
        sink.close(time.monotonic() + 120.0)
        run.report("parquet", _milliseconds(run, lambda: inlay.context(folder, trace_id=TRACE)))


@bench.case("inlay, worlds", needs=["numpy", "pyarrow", "hypothesis"])
def _worlds(run: Run) -> None:
    _tests()
    from test_context import first_in

    seeds = range(1000, 1000 + run.size(SEEDS, quick=5))
    run.report("first", [first_in(seeds) / len(seeds)])


@bench.case("inlay, health", needs=["numpy", "pyarrow"])
def _health(run: Run) -> None:
    import inlay
    from inlay.alert import Trigger

    obs = inlay.Observer(sinks=[inlay.sinks.Memory()])
    for number in range(100):
        obs.gauge("depth", attributes=("queue",)).bind(queue=str(number)).set(1.0)
    obs.collect()
    obs.health()
    inner = run.size(200)
    run.report("health", [1e6 * s for s in run.time_each(obs.health, inner=inner)])
    run.check(obs.health().status, "ok", "all is well")
    obs.stop()

    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = [
        {
            "time": start + datetime.timedelta(minutes=5 * (n // 100 + 1)),
            "start_time": start + datetime.timedelta(minutes=5 * (n // 100)),
            "observed_time": start,
            "revision": 0,
            "origin": 1,
            "series_id": n % 100,
            "layer": "data",
            "metric": "column.psi",
            "attrs": '{"column":"price"}',
            "method": "psi",
            "judge": "drift",
            "judge_version": "1",
            "scope": "process",
            "verdict": "yes" if n % 3 else "no",
            "effect": 0.2,
            "threshold": 0.1,
        }
        for n in range(run.size(20_000))
    ]
    trigger = Trigger("retrain", hold=900.0)
    seconds = run.time_each(lambda: trigger.take(rows), before=trigger.reset)
    run.report("trigger", [1e6 * s / len(rows) for s in seconds])


if __name__ == "__main__":
    bench.main()
