"""What calls of the fake NVML cost, refuse and wait for, and its clients from other hands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fake_nvml
import pytest
from fake_nvml import Play

pynvml = pytest.importorskip("pynvml")


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with fake_nvml.player() as ask:
        yield ask


# ---- activity between samples ------------------------------------------------------------------


def test_gpm_is_the_mean_between_two_samples(play: Play) -> None:
    lines = (
        "nvlink 2\ngpu 0 sm_activity 20\ngpu 0 at 1s sm_activity 80\ngpu 0 pcie_tx 512MiB\n"
        "gpu 0 nvlink_tx 2GiB\n"
    )
    code = """
fake.advance(0.5)
first = gpm(gpus[0], 1, 2, 5, 20, 61, 63, 67, 999)
result = [first, gpm(gpus[0], 1, 2)]
"""
    assert play(lines, code) == [[50, 40, 512, 2048, 1024, "error 3", "error 3"], [80]]


def test_gpm_samples_must_lie_apart_and_fit(play: Play) -> None:
    code = """
samples = [nvmlGpmSampleAlloc() for _ in range(4)]
nvmlGpmSampleGet(gpus[0], samples[0])
fake.advance(0.09)
nvmlGpmSampleGet(gpus[0], samples[1])
fake.advance(0.01)
nvmlGpmSampleGet(gpus[0], samples[2])
nvmlGpmSampleGet(gpus[1], samples[3])
request = c_nvmlGpmMetricsGet_t()
request.sample1, request.sample2, request.numMetrics = samples[0], samples[2], 1
result = [
    code_of(gpm_between, samples[0], samples[1], 2),
    code_of(gpm_between, samples[0], samples[2], 2),
    code_of(gpm_between, samples[2], samples[0], 2),
    code_of(gpm_between, samples[0], samples[3], 2),
    code_of(gpm_between, samples[0], nvmlGpmSampleAlloc(), 2),
    code_of(nvmlGpmMetricsGet, request),
]
"""
    assert play("gpus 2\n", code) == [21, 0, 2, 2, 2, 25]
    assert play("gpus 2\ngpm_interval_ms 50\n", code)[0] == 0


def test_gpm_needs_hopper(play: Play) -> None:
    code = """
sample = nvmlGpmSampleAlloc()
result = [nvmlGpmQueryDeviceSupport(gpus[0]).isSupportedDevice,
          code_of(nvmlGpmSampleGet, gpus[0], sample)]
"""
    assert play("", code) == [1, 0]
    assert play("architecture ampere\n", code) == [0, 3]


# ---- the ring of samples -----------------------------------------------------------------------


def test_samples_are_a_ring_without_loss_or_duplicates(play: Play) -> None:
    code = """
seen, last, values = [], 0, []
for step in (0.1, 0.25, 1.0, 0.001, 5.0):
    fake.advance(step)
    code = code_of(nvmlDeviceGetSamples, gpus[0], 0, last)
    if code:
        seen.append(code)
        continue
    kind, samples = nvmlDeviceGetSamples(gpus[0], 0, last)
    seen.append([kind, len(samples)])
    values += [(s.timeStamp - 1700000000_000000, s.sampleValue.uiVal) for s in samples]
    last = samples[-1].timeStamp
result = [seen, values]
"""
    seen, values = play("samples 100 50\ngpu 0 power rate 1000 from 0\n", code)
    assert seen == [[1, 3], [1, 5], [1, 20], 6, [1, 100]]
    times = [at for at, _ in values]
    assert times == [50_000 * i for i in range(128)]
    assert [watts for _, watts in values] == [50_000 * i for i in range(128)]


def test_samples_of_each_kind(play: Play) -> None:
    code = """
fake.advance(1)
result = []
for kind in range(10):
    code = code_of(nvmlDeviceGetSamples, gpus[0], kind, 0)
    result.append(f"error {code}" if code else
                  nvmlDeviceGetSamples(gpus[0], kind, 0)[1][-1].sampleValue.uiVal)
"""
    assert play("", code) == [350000, 60, 30, 0, 0, 1980, 2619, "error 3", 0, 0]


# ---- events ------------------------------------------------------------------------------------


def test_events_arrive_in_order_with_their_data(play: Play) -> None:
    lines = (
        "gpus 3\ngpu 2 at 3s xid 79\ngpu 1 at 2s xid 31\ngpu 1 at 2s event dbe 1\n"
        "gpu 0 at 4s recovery 2\ngpu 0 at 1s xid 13\ngpu 2 at 3.5s event pstate\n"
    )
    code = """
events = nvmlEventSetCreate()
fake.advance(1.5)
for gpu in gpus:
    nvmlDeviceRegisterEvents(gpu, 0x8 | 0x2 | 0x8000, events)
result = [code_of(nvmlEventSetWait, events, 0)]
fake.advance(5)
for i in range(5):
    if code := code_of(nvmlEventSetWait_v2, events, 0) if i == 4 else 0:
        result.append(code)
        continue
    data = nvmlEventSetWait_v2(events, 0)
    result.append([nvmlDeviceGetIndex(data.device), data.eventType, data.eventData])
result.append(fields(gpus[0], 230)[0])
nvmlEventSetFree(events)
result.append(nvmlDeviceGetSupportedEventTypes(gpus[0]))
"""
    assert play(lines, code) == [
        10, [1, 8, 31], [1, 2, 1], [2, 8, 79], [0, 0x8000, 2], 10, 2, 0xFF9F,
    ]  # fmt: skip


def test_a_wait_ends_when_the_clock_is_moved(play: Play) -> None:
    code = """
import threading, time
events = nvmlEventSetCreate()
nvmlDeviceRegisterEvents(gpus[0], 8, events)
timer = threading.Timer(0.05, fake.advance, (2,))
timer.start()
start = time.monotonic()
data = nvmlEventSetWait_v2(events, 60000)
timer.join()
result = [data.eventData, time.monotonic() - start < 30]
"""
    assert play("gpu 0 at 1s xid 48\n", code) == [48, True]


def test_a_lost_gpu_fails_every_call_and_leaves_when_initialised_anew(play: Play) -> None:
    code = """
uuids = [nvmlDeviceGetUUID(gpu) for gpu in gpus]
events = nvmlEventSetCreate()
nvmlDeviceRegisterEvents(gpus[2], 0x8, events)
before, after = nvmlGpmSampleAlloc(), nvmlGpmSampleAlloc()
nvmlGpmSampleGet(gpus[2], before)
fake.advance(3)
result = {
    "xid": nvmlEventSetWait_v2(events, 0).eventData,
    "then": [code_of(nvmlEventSetWait_v2, events, 0) for _ in range(2)],
    "calls": [code_of(nvmlDeviceGetPowerUsage, gpus[2]), code_of(nvmlDeviceGetUUID, gpus[2]),
              code_of(nvmlDeviceGetFieldValues, gpus[2], [83]),
              code_of(nvmlGpmSampleGet, gpus[2], after),
              code_of(nvmlDeviceGetHandleByIndex, 2)],
    "others": code_of(nvmlDeviceGetPowerUsage, gpus[1]),
    "count": nvmlDeviceGetCount(),
}
nvmlShutdown()
nvmlInit()
result["anew"] = nvmlDeviceGetCount()
result["shifted"] = nvmlDeviceGetUUID(nvmlDeviceGetHandleByIndex(2)) == uuids[3]
"""
    result = play((fake_nvml.SCENARIOS / "lost.nvml").read_text(), code)
    assert result == {
        "xid": 79, "then": [15, 15], "calls": [15] * 5, "others": 0, "count": 8,
        "anew": 7, "shifted": True,
    }  # fmt: skip


def test_a_gpu_that_comes_back(play: Play) -> None:
    code = """
result = []
for step in (0.5, 1, 1):
    fake.advance(step)
    result.append(code_of(nvmlDeviceGetPowerUsage, gpus[0]))
"""
    assert play("gpu 0 at 1s lost for 1s\n", code) == [0, 15, 0]


# ---- refusals ----------------------------------------------------------------------------------


def test_groups_functions_and_fields_can_be_refused(play: Play) -> None:
    lines = (
        "gpus 3\ngpu 0 permission ecc\ngpu 1 unsupported power\n"
        "gpu 1 at 1s error utilization unknown for 1s\ngpu 2 permission field 83\n"
        "gpu 2 error nvmlDeviceGetMemoryInfo 20\ngpu 0 permission gpm\ngpu 1 error fields timeout\n"
    )
    code = """
result = {
    "ecc": [code_of(nvmlDeviceGetTotalEccErrors, gpu, 0, 0) for gpu in gpus],
    "ecc_fields": fields(gpus[0], 3, 82),
    "power": [code_of(nvmlDeviceGetPowerUsage, gpu) for gpu in gpus],
    "gpm": [code_of(nvmlGpmQueryDeviceSupport, gpu) for gpu in gpus],
    "field": fields(gpus[2], 83, 191)[0],
    "memory": [code_of(nvmlDeviceGetMemoryInfo, gpu) for gpu in gpus],
    "memory_2": code_of(nvmlDeviceGetMemoryInfo, gpus[2], nvmlMemory_v2),
    "fields": code_of(nvmlDeviceGetFieldValues, gpus[1], [83]),
    "only": code_of(nvmlDeviceGetFieldValues, gpus[2], [83]),
}
result["for"] = []
for _ in range(3):
    result["for"].append(code_of(nvmlDeviceGetUtilizationRates, gpus[1]))
    fake.advance(1)
"""
    result = play(lines, code)
    assert result["ecc"] == [4, 0, 0]
    assert result["ecc_fields"] == ["error 4", 55]
    assert result["power"] == [0, 3, 0]
    assert result["gpm"] == [4, 0, 0]
    assert result["field"] == "error 4"
    assert result["memory"] == [0, 0, 20]
    assert result["memory_2"] == 0
    assert result["fields"] == 10
    assert result["only"] == 4
    assert result["for"] == [0, 999, 0]


@pytest.mark.parametrize(("word", "code"), [("driver_not_loaded", 9), ("18", 18)])
def test_initialising_can_fail(tmp_path: Path, word: str, code: int) -> None:
    scenario = fake_nvml.scenario(f"init {word}\n", tmp_path)
    ran = fake_nvml.run(
        "import pynvml\n"
        "try:\n    pynvml.nvmlInit()\nexcept pynvml.NVMLError as e:\n    print(e.value)",
        scenario,
    )
    assert ran.stdout.strip() == str(code), ran.stderr


def test_functions_can_be_missing_as_from_an_old_driver(tmp_path: Path) -> None:
    code = """
import ctypes, os, pynvml
pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
library = ctypes.CDLL("libnvidia-ml.so.1")
for call in (lambda: pynvml.nvmlDeviceGetMemoryInfo(gpu, pynvml.nvmlMemory_v2),
             lambda: pynvml.nvmlDeviceGetMemoryInfo(gpu), pynvml.nvmlGpmSampleAlloc):
    try:
        call()
        print("ok")
    except pynvml.NVMLError as error:
        print(error.value)
print(hasattr(library, "nvmlGpmSampleGet"), hasattr(library, "nvmlDeviceGetMemoryInfo"))
"""
    scenario = fake_nvml.SCENARIOS / "old_driver.nvml"
    ran = fake_nvml.run(code, scenario)
    assert ran.stdout.split() == ["13", "ok", "13", "False", "True"], ran.stderr
    # The library that has all names tells the same by its codes.
    whole = fake_nvml.environment(scenario, fake_nvml.library())
    ran = subprocess.run(
        [sys.executable, "-c", code], env=whole, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["13", "ok", "13", "True", "True"]
    with pytest.raises(ValueError, match="no such function in the library: nvmlNone"):
        fake_nvml.library(without=["nvmlNone"])


# ---- what calls cost and who made them ---------------------------------------------------------


def test_latency_is_waited_for(play: Play) -> None:
    code = """
import time
def best(function, *arguments):
    times = []
    for _ in range(20):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)
result = [best(nvmlDeviceGetPowerUsage, gpus[0]), best(nvmlDeviceGetPerformanceState, gpus[0])]
"""
    slow, slower = play("latency_us 2000\nlatency_us nvmlDeviceGetPerformanceState 8000\n", code)
    assert 0.002 <= slow < slower
    assert slower >= 0.008
    assert min(play("latency_us 2000 jitter 1us\nserialized on\n", code)) >= 0.002
    assert max(play("latency_us 0\n", code)) < 0.002


def test_calls_are_counted(play: Play) -> None:
    code = """
fake.reset_calls()
for gpu in gpus:
    fields(gpu, 83)
code_of(nvmlDeviceGetBoardPartNumber, None)
result = [fake.calls("nvmlDeviceGetFieldValues"), fake.calls("nvmlInit_v2"), fake.calls()]
fake.reset_calls()
result.append(fake.calls())
"""
    assert play("gpus 3\n", code) == [3, 0, 4, 0]


def test_a_log_has_a_line_a_call(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    scenario = fake_nvml.scenario(f"gpus 2\nmig 0 2\nlog {log}\ngpu 1 permission power\n", tmp_path)
    code = """
import threading, pynvml
pynvml.nvmlInit()
gpus = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in (0, 1)]
instance = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpus[0], 1)
pynvml.nvmlDeviceGetUUID(instance)
def ask():
    for _ in range(50):
        try:
            pynvml.nvmlDeviceGetPowerUsage(gpus[1])
        except pynvml.NVMLError:
            pass
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    ran = fake_nvml.run(code, scenario)
    assert ran.returncode == 0, ran.stderr
    lines = [line.split() for line in log.read_text().splitlines()]
    assert all(len(line) == 5 for line in lines)
    counted = Counter((name, gpu, int(result)) for _, _, name, gpu, result in lines)
    assert counted["nvmlDeviceGetPowerUsage", "1", 4] == 200
    assert counted["nvmlDeviceGetUUID", "0:1", 0] == 1
    assert counted["nvmlInitWithFlags", "-", 0] == 1
    assert len({thread for _, thread, name, *_ in lines if name.endswith("PowerUsage")}) == 4
    other = tmp_path / "other"
    fake_nvml.run(code, scenario, INLAY_NVML_LOG=str(other))
    assert other.exists()


# ---- clients -----------------------------------------------------------------------------------


def test_pynvml_finds_what_ctypes_loaded_before(tmp_path: Path) -> None:
    code = f"""
import ctypes, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import fake_nvml
from pathlib import Path
fake = fake_nvml.Fake(Path({str(fake_nvml.library())!r}))
fake.load_text("gpus 5")
import pynvml
pynvml.nvmlInit()
print(pynvml.nvmlDeviceGetCount())
"""
    env = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.stdout.strip() == "5", ran.stderr


def test_a_real_clock_runs_by_itself(tmp_path: Path) -> None:
    scenario = fake_nvml.scenario("gpu 0 power 1000\ngpu 0 at 0.2s xid 31\n", tmp_path)
    code = """
import json, time, pynvml
pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
events = pynvml.nvmlEventSetCreate()
pynvml.nvmlDeviceRegisterEvents(gpu, 8, events)
def now():
    field = pynvml.nvmlDeviceGetFieldValues(gpu, [83])[0]
    return field.timestamp * 1e-6, field.value.ullVal
first = now()
data = pynvml.nvmlEventSetWait_v2(events, 20000)
second = now()
passed = [after - before for before, after in zip(first, second)]
print(json.dumps([data.eventData, *passed, time.time() - second[0]]))
"""
    ran = fake_nvml.run(code, scenario)
    assert ran.returncode == 0, ran.stderr
    xid, seconds, millijoules, age = json.loads(ran.stdout)
    assert xid == 31
    assert millijoules == pytest.approx(seconds * 1e6, rel=1e-3, abs=2)
    assert 0 <= age < 30  # stamps are of the CPU's clock


def test_two_processes_know_nothing_of_each_other(tmp_path: Path) -> None:
    code = """
import sys, pynvml
pynvml.nvmlInit()
print(pynvml.nvmlDeviceGetCount(), flush=True)
sys.stdin.read()
pynvml.nvmlDeviceGetPowerUsage(pynvml.nvmlDeviceGetHandleByIndex(0))
print("ok")
"""
    processes = []
    for count in (2, 7):
        env = fake_nvml.environment(fake_nvml.scenario(f"gpus {count}\n", tmp_path))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", code], env=env, **pipes))
    answers = [process.communicate("", timeout=60)[0].split() for process in processes]
    assert answers == [["2", "ok"], ["7", "ok"]]


@pytest.mark.parametrize(
    ("name", "gpus"),
    [(path.stem, 4 if path.stem == "old_driver" else 2 if "_8" not in path.stem else 8)
     for path in sorted(fake_nvml.SCENARIOS.glob("*.nvml"))
     if path.stem in {"healthy_8", "mig", "old_driver", "no_permission", "demo_throttle"}],
)  # fmt: skip
def test_nvitop_shows_every_gpu(name: str, gpus: int) -> None:
    pytest.importorskip("nvitop")
    scenario = fake_nvml.SCENARIOS / f"{name}.nvml"
    ran = subprocess.run(
        [sys.executable, "-m", "nvitop", "-1", "--no-unicode"],
        env=fake_nvml.environment(scenario) | {"COLUMNS": "120", "TERM": "dumb"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("Default |") == gpus, ran.stdout
    version = "470.129.06" if name == "old_driver" else "580.65.06"
    assert f"Driver Version: {version}" in ran.stdout
    if name == "mig":
        assert ran.stdout.count("GI/CI") == 4


def test_time_outs_are_kept(play: Play) -> None:
    start = time.monotonic()
    code = """
events = nvmlEventSetCreate()
nvmlDeviceRegisterEvents(gpus[0], 8, events)
result = code_of(nvmlEventSetWait_v2, events, 50)
"""
    assert play("", code) == 10
    assert time.monotonic() - start >= 0.05
