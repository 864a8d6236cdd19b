"""GPUs read through the fake driver library: cost, lateness under the GIL, events, memory.

The fake answers at once, or after 20 µs a call as a driver does. pynvml reads the same fields and
the same activity in a Python thread. Nothing here is a real driver.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Bench, Run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
import fake_nvml

bench = Bench("poll_gpus")
GPUS = 8
BUSY_THREADS = 4
QUICK = f"gpus {GPUS}\ngpm_interval_ms 0"
SLOW = f"gpus {GPUS}\ngpm_interval_ms 0\nlatency_us 20"
FIELDS = (74, 75, 76, 77, 78, 79, 269, 270, 271, 186, 83, 197, 198, 94, 138, 139)
ALL_LINKS = 0xFFFFFFFF
ACTIVITY = (2, 3, 5, 10, 13, 12, 11, 4)


@contextmanager
def busy_threads(count: int) -> Iterator[None]:
    """Threads that never let the GIL go by themselves."""
    wanted = True

    def work() -> None:
        x = 0
        while wanted:
            for _ in range(1000):
                x += 1

    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        wanted = False
        for thread in threads:
            thread.join()


def _polled(run: Run, scenario: str, seconds: float, busy: int = 0, **options: Any) -> list[Any]:
    """Poll for so long; the fast tier's statistics and what the process took, each repeat."""
    import inlay
    from inlay.infra import Gpu

    fake = fake_nvml.Fake(fake_nvml.library())
    found = []
    for _ in range(min(run.repeats, 5)):
        fake.load_text(scenario)
        gpu = Gpu("all", library=fake_nvml.library(), **options)
        obs = inlay.Observer(window=3600)
        gpu.start(obs)
        run.check(gpu.status, "ok", "status")
        run.check(len(gpu.devices), int(scenario.split()[1]), "GPUs")
        before = gpu.stats()["tasks"]
        cpu, began = time.process_time(), time.perf_counter()
        if busy:
            with busy_threads(busy):
                time.sleep(seconds)
        else:
            time.sleep(seconds)
        gone, cpu = time.perf_counter() - began, time.process_time() - cpu
        fast = gpu.stats()["tasks"]["fast"]
        gpu.observe(obs)
        gpu.stop()
        rows = obs.collect().points.to_pylist()
        energy = [row for row in rows if row["metric"] == "gpu.energy" and row["value"]]
        run.check(len(energy), len(gpu.devices), "GPUs with energy")
        run.check(fast["failed"], 0, "failed ticks")
        ticks = fast["ticks"] - before.get("fast", {"ticks": 0})["ticks"]
        found.append({**fast, "gone": gone, "process": cpu, "new_ticks": ticks})
    return found


@bench.case("inlay", needs=["pyarrow"])
def _inlay(run: Run) -> None:
    seconds = 4.0 if not run.quick else 0.5
    idle = _polled(run, QUICK, seconds)
    run.report("per_gpu", [1e6 * one["cost_p50"] / GPUS for one in idle])
    quiet = _polled(run, SLOW, seconds)
    run.report("poll", [1e3 * one["cost_p50"] for one in quiet])
    busy = _polled(run, SLOW, seconds, BUSY_THREADS)
    run.report("busy_lost", [100 * one["missed"] / (one["missed"] + one["ticks"]) for one in busy])
    run.report("busy_poll", [1e3 * one["cost_p50"] for one in busy])
    run.report("busy_late", [1e3 * one["jitter_p99"] for one in busy])
    often = _polled(run, SLOW, seconds, BUSY_THREADS, fast=0.01)
    run.report("often", [100 * one["missed"] / (one["missed"] + one["ticks"]) for one in often])
    one = _polled(run, "gpus 1", 2 * seconds)
    run.report("default_1", [100 * each["process"] / each["gone"] for each in one])
    eight = _polled(run, SLOW, 2 * seconds)
    run.report("default_8", [100 * each["process"] / each["gone"] for each in eight])
    run.report("xid", _xid(run))


@bench.case("inlay, memory", needs=["pyarrow"])
def _memory(run: Run) -> None:
    from inlay.infra import Gpu

    def resident() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    import inlay

    fake = fake_nvml.Fake(fake_nvml.library())
    fake.load_text(QUICK)
    obs = inlay.Observer(window=3600)
    obs.collect().points.to_pylist()
    fake.dll.nvmlInit_v2()
    before = resident()
    gpu = Gpu("all", library=fake_nvml.library())
    gpu.start(obs)
    run.check(len(gpu.devices), GPUS, "GPUs")
    time.sleep(1.5)
    gpu.observe(obs)
    run.report("memory", [resident() - before])
    gpu.stop()


def _xid(run: Run) -> list[float]:
    """Milliseconds from the driver's delivery to an event in peek."""
    import inlay
    from inlay.infra import Gpu

    fake = fake_nvml.Fake(fake_nvml.library())
    times = []
    for _ in range(run.repeats):
        fake.load_text(f"gpus {GPUS}\nclock manual\ngpu 5 at 10s xid 94")
        gpu = Gpu("all", library=fake_nvml.library())
        obs = inlay.Observer(window=3600)
        gpu.start(obs)
        run.check(gpu.status, "ok", "status")
        time.sleep(0.3)
        fake.advance(11)
        began = time.perf_counter()
        while not any(row["name"] == "gpu.xid" for row in obs.peek().events.to_pylist()):
            run.check(time.perf_counter() - began < 5, True, "an event")
        times.append(1e3 * (time.perf_counter() - began))
        gpu.stop()
    return times


@bench.case("pynvml", needs=["pynvml"])
def _pynvml(run: Run) -> None:
    fake = fake_nvml.Fake(fake_nvml.library())
    fake.load_text(QUICK)
    ctypes.CDLL(str(fake_nvml.library()))  # the loader then finds it by its name
    seconds = 4.0 if not run.quick else 0.5
    poll = _pynvml_poll(fake)
    run.report("per_gpu", [1e6 * s / GPUS for s in run.time_each(poll, inner=run.size(200))])
    fake.load_text(SLOW)
    poll = _pynvml_poll(fake)
    run.report("poll", [1e3 * s for s in run.time_each(poll, inner=run.size(50, quick=3))])
    lost, late = _pynvml_thread(run, poll, 0.1, seconds)
    run.report("busy_lost", lost)
    run.report("busy_late", late)
    lost, _ = _pynvml_thread(run, poll, 0.01, seconds)
    run.report("often", lost)


def _pynvml_poll(fake: fake_nvml.Fake) -> Callable[[], None]:
    import pynvml

    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(GPUS)]
    wanted = [(f, ALL_LINKS) if f in (138, 139) else f for f in FIELDS]
    pairs = [[pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()] for _ in handles]
    for handle, pair in zip(handles, pairs, strict=True):
        pynvml.nvmlGpmSampleGet(handle, pair[0])
    fake.advance(0.2)

    def poll() -> None:
        for handle, pair in zip(handles, pairs, strict=True):
            for value in pynvml.nvmlDeviceGetFieldValues(handle, wanted):
                if value.nvmlReturn == 0:
                    _ = value.value.ullVal if value.valueType == 3 else value.value.uiVal
            pair.reverse()
            pynvml.nvmlGpmSampleGet(handle, pair[0])
            get = pynvml.c_nvmlGpmMetricsGet_t()
            get.version = 1
            get.numMetrics = len(ACTIVITY)
            get.sample1, get.sample2 = pair[1], pair[0]
            for i, metric in enumerate(ACTIVITY):
                get.metrics[i].metricId = metric
            pynvml.nvmlGpmMetricsGet(get)
            for i in range(len(ACTIVITY)):
                _ = get.metrics[i].value

    return poll


def _pynvml_thread(
    run: Run, poll: Callable[[], None], period: float, seconds: float
) -> tuple[list[float], list[float]]:
    """Polls lost in percent, and the 99th percentile of how late they began in ms."""
    lost, late = [], []
    for _ in range(min(run.repeats, 5)):
        begun: list[float] = []
        ended = threading.Event()

        def loop(begun: list[float] = begun, ended: threading.Event = ended) -> None:
            start = time.perf_counter()
            tick = 0
            while not ended.is_set():
                due = start + tick * period
                time.sleep(max(0.0, due - time.perf_counter()))
                begun.append(time.perf_counter() - due)
                poll()
                tick = max(tick + 1, int((time.perf_counter() - start) / period))

        with busy_threads(BUSY_THREADS):
            thread = threading.Thread(target=loop)
            thread.start()
            time.sleep(seconds)
            ended.set()
            thread.join()
        lost.append(max(0.0, 100 * (1 - len(begun) * period / seconds)))
        late.append(1e3 * sorted(begun)[int(0.99 * (len(begun) - 1))])
    return lost, late


if __name__ == "__main__":
    bench.main()
