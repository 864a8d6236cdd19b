"""GPUs read through the fake driver library: rows, statuses, choices, life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fake_nvml
import gpu_probe
import pytest
from gpu_probe import events, rows, ticks, wait_for

import inlay
from inlay.infra import Gpu

NOTHING = "/nowhere/libnvidia-ml.so.1"
fake, made, start = gpu_probe.fake, gpu_probe.made, gpu_probe.start


# ---- without a driver ----------------------------------------------------------------------------
def test_without_a_driver_every_metric_is_absent_once(made: list[Gpu]) -> None:
    gpu = Gpu(library=NOTHING)
    made.append(gpu)
    assert gpu.status == "undefined"
    obs = inlay.Observer()
    obs.probe(gpu)
    gpu.start(obs)
    assert gpu.status == "absent"
    assert NOTHING in gpu.reason
    assert gpu.devices == ()
    found = [r for r in obs.collect().points.to_pylist() if r["metric"].startswith("gpu.")]
    assert len(found) > 30
    assert {r["status"] for r in found} == {"absent"}
    assert all(r["value"] is None for r in found)
    assert not [r for r in obs.collect().points.to_pylist() if r["metric"].startswith("gpu.")]


def test_importing_loads_no_library_and_no_arrow() -> None:
    code = (
        "import sys, inlay, inlay.infra; gpu = inlay.infra.Gpu(); "
        "assert not {'numpy', 'pyarrow', 'pynvml'} & set(sys.modules); "
        "assert 'nvidia' not in open('/proc/self/maps').read()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "options",
    [
        {"fast": 0.0},
        {"fast": float("nan")},
        {"fast": True},
        {"medium": 0.01},
        {"slow": 1e6},
        {"devices": [1.5]},
        {"devices": [True]},
        {"devices": "cuda:0"},
        {"devices": 1.5},
        {"devices": b"GPU-1"},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(inlay.InvalidArgumentError) as caught:
        Gpu(**options)
    value = next(iter(options.values()))
    assert str(value[0] if isinstance(value, list) else value) in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"gpm": "no"}, {"process": 1}, {"library": 3}, {"on_event": "call"}]
)
def test_settings_of_another_kind_are_refused(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=f"{name} .*: {value!r}"):
        Gpu(**options)


@pytest.mark.parametrize("observer", [3, inlay.Observer])
def test_a_probe_is_for_an_observer(observer: Any) -> None:
    gpu = Gpu(library=NOTHING)
    for call in (gpu.start, gpu.observe):
        with pytest.raises(TypeError, match=r"observer must be an inlay.Observer"):
            call(observer)
    with pytest.raises(TypeError, match="None"):
        gpu.observe(None)  # type: ignore[arg-type]


# ---- healthy -------------------------------------------------------------------------------------
def test_a_healthy_machine_has_its_rows(start: Any) -> None:
    obs, gpu = start("gpus 2\ngpu 0 power 350\ngpu 1 power 500", medium=0.1, slow=1.0, fast=0.02)
    wait_for(lambda: ticks(gpu) > 30 and ticks(gpu, "medium") > 10)
    batch = obs.collect()
    uuids = [device.uuid for device in gpu.devices]
    assert len(set(uuids)) == 2
    assert [device.index for device in gpu.devices] == [0, 1]
    device = gpu.devices[0]
    assert device.nvlinks == 18
    assert device.cuda == 0
    assert set(device.topology) == {uuids[1]}
    (power,) = rows(batch, "gpu.power", gpu=uuids[1])
    assert power["unit"] == "W"
    assert power["kind"] == "gauge"
    assert power["value"] == pytest.approx(500, rel=0.1)
    (energy,) = rows(batch, "gpu.energy", gpu=uuids[0])
    seconds = (energy["time"] - energy["start_time"]).total_seconds()
    assert energy["kind"] == "counter"
    assert 0 < energy["value"] <= 350 * seconds * 1.2
    (total,) = rows(batch, "gpu.memory.total", gpu=uuids[0])
    (used,) = rows(batch, "gpu.memory.used", gpu=uuids[0])
    assert 0 <= used["value"] <= total["value"]
    for metric in (
        *("gpu.utilization", "gpu.memory.utilization", "gpu.temperature", "gpu.clock"),
        *("gpu.pstate", "gpu.power.limit", "gpu.temperature.margin", "gpu.pcie.width"),
        *("gpu.ecc.errors", "gpu.rows.remapped", "gpu.nvlink.io", "gpu.nvlink.errors"),
        *("gpu.nvlink.state", "gpu.sm.activity", "gpu.tensor.activity", "gpu.dram.activity"),
        *("gpu.throttle", "gpu.pcie.io", "gpu.fabric.state", "gpu.recovery_action"),
    ):
        found = rows(batch, metric, gpu=uuids[0])
        assert found, metric
        assert {row["status"] for row in found} == {"ok"}, metric
        assert all(row["layer"] == "infra" and row["value"] is not None for row in found), metric
    shares = rows(batch, "gpu.sm.activity")
    assert all(0 <= row["min"] <= row["mean"] <= row["max"] <= 1 for row in shares)
    keys = [(row["series_id"], row["kind"], row["revision"]) for row in batch.points.to_pylist()]
    assert len(keys) == len(set(keys))


def test_each_gpu_is_described_once(start: Any) -> None:
    obs, gpu = start("gpus 3")
    described = events(obs.collect(), "gpu.info")
    assert [event["attrs"]["gpu"] for event in described] == [d.uuid for d in gpu.devices]
    assert described[0]["attrs"]["driver"] == gpu.driver
    assert described[0]["attrs"]["pci"] == gpu.devices[0].pci_bus_id
    assert not events(obs.collect(), "gpu.info")
    other = inlay.Observer()
    gpu.observe(other)
    assert len(events(other.collect(), "gpu.info")) == 3


def test_the_fast_tier_takes_three_calls_for_each_gpu(start: Any, fake: fake_nvml.Fake) -> None:
    _, gpu = start("gpus 4", fast=0.05, medium=3600, slow=3600)
    wait_for(lambda: ticks(gpu) >= 2)
    gpu.stop()
    before = ticks(gpu)
    fake.reset_calls()
    gpu.start()
    wait_for(lambda: ticks(gpu) >= before + 20)
    gpu.stop()
    done = ticks(gpu) - before
    names = ("nvmlDeviceGetFieldValues", "nvmlGpmSampleGet", "nvmlGpmMetricsGet")
    counts = [fake.calls(name) for name in names]
    assert counts[0] == done * 4
    assert sum(counts) <= 3 * done * 4
    assert counts[1] > 0
    # Two samples of GPM are never less than 100 ms apart: at 20 Hz each second tick has one.
    assert counts[1] <= 4 * (done / 2 + 2)


def test_buffered_samples_are_taken_once(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start("gpus 1\nsamples 120 20\ngpu 0 power 300", medium=0.1)
    obs.collect()
    began = fake.now()
    time.sleep(1.0)
    wait_for(lambda: ticks(gpu, "medium") > 8)
    (power,) = rows(obs.collect(), "gpu.power")
    gone = fake.now() - began
    assert power["count"] == pytest.approx(gone / 0.02, abs=0.25 / 0.02)


def test_a_wrapped_counter_goes_on(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start(
        f"gpus 1\nclock manual\ngpu 0 pcie_tx {2**28}\ngpu 0 pcie_tx wrap {2**32}", fast=0.02
    )
    for _ in range(40):
        before = ticks(gpu)
        fake.advance(0.5)
        wait_for(lambda before=before: ticks(gpu) > before + 1)
    (io,) = rows(obs.collect(), "gpu.pcie.io", direction="transmit")
    assert io["value"] == pytest.approx(20 * 2**28, rel=0.03)


# ---- what cannot be read -------------------------------------------------------------------------
def test_no_permission_is_a_status(start: Any) -> None:
    scenario = (fake_nvml.SCENARIOS / "no_permission.nvml").read_text()
    obs, gpu = start(scenario, fast=0.05)
    uuids = [device.uuid for device in gpu.devices]
    batch = obs.collect()
    assert {r["status"] for r in rows(batch, "gpu.sm.activity")} == {"no_permission"}
    assert {r["status"] for r in rows(batch, "gpu.process.memory")} == {"no_permission"}
    ecc = rows(batch, "gpu.ecc.errors", gpu=uuids[1])
    assert {r["status"] for r in ecc} == {"no_permission"}
    assert {r["value"] for r in ecc} == {None}
    assert not rows(obs.collect(), "gpu.sm.activity")


def test_an_old_driver_lacks_functions_and_fields(made: list[Gpu], tmp_path: Path) -> None:
    """In a process of its own: the library without these functions is another file."""
    scenario = fake_nvml.SCENARIOS / "old_driver.nvml"
    library = fake_nvml.library(scenario)
    code = f"""
import json, time
import inlay
gpu = inlay.infra.Gpu(library={str(library)!r}, fast=0.02, medium=0.1)
obs = inlay.Observer()
obs.probe(gpu)
gpu.start(obs)
assert gpu.status == "ok", gpu.reason
while gpu.stats()["tasks"].get("medium", {{"ticks": 0}})["ticks"] < 9:
    time.sleep(0.01)
batch = obs.collect()
status = {{}}
for row in batch.points.to_pylist():
    status.setdefault(row["metric"], set()).add(row["status"])
print(json.dumps({{"status": {{k: sorted(v) for k, v in status.items()}}}}))
print(json.dumps(gpu.stats()["missing"]))
gpu.stop()
"""
    env = {**os.environ, "INLAY_NVML_SCENARIO": str(scenario)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    status = json.loads(first)["status"]
    assert status["gpu.sm.activity"] == ["unsupported"]
    assert status["gpu.temperature.margin"] == ["unsupported"]
    assert status["gpu.fabric.state"] == ["unsupported"]
    assert "ok" in status["gpu.temperature"]
    assert status["gpu.memory.used"] == ["ok"]
    assert status["gpu.memory.reserved"] == ["unsupported"]
    assert status["gpu.energy"] == ["ok"]
    assert "ok" in status["gpu.throttle"]
    assert "unsupported" in status["gpu.throttle"]
    assert "nvmlGpmSampleGet" in json.loads(second)


# ---- which GPUs ----------------------------------------------------------------------------------
def test_devices_are_chosen_by_index_uuid_and_environment(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, everything = start("gpus 4")
    uuids = [device.uuid for device in everything.devices]
    everything.stop()
    _, two = start("gpus 4", devices=[3, uuids[1]])
    assert [device.index for device in two.devices] == [1, 3]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{uuids[2][:12]},0")
    _, visible = start("gpus 4")
    assert {device.index: device.cuda for device in visible.devices} == {0: 1, 2: 0}
    _, named = start("gpus 4", devices="all")
    assert len(named.devices) == 4


def test_a_device_that_is_not_here_is_absent(start: Any) -> None:
    obs, gpu = start("gpus 2", devices=[0, 7])
    assert [device.index for device in gpu.devices] == [0]
    absent = [row for row in rows(obs.collect(), "gpu.count") if row["status"] == "absent"]
    assert [row["attrs"]["gpu"] for row in absent] == ["7"]
    assert (gpu.status, gpu.reason) == ("ok", "not here: 7; 2 GPUs are here")


@pytest.mark.parametrize("visible", ["-1", "abc", ""])
def test_no_visible_device_is_a_status(
    fake: fake_nvml.Fake, made: list[Gpu], monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    fake.load_text("gpus 2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpu = Gpu(library=fake_nvml.library())
    made.append(gpu)
    assert gpu.start().status == "absent"
    assert gpu.reason == f"CUDA_VISIBLE_DEVICES names no GPU: '{visible}'; 2 GPUs are here"
    named = Gpu(devices=7, library=fake_nvml.library())
    made.append(named)
    assert (named.start().status, named.reason) == ("absent", "not here: 7; 2 GPUs are here")


def test_instances_have_memory_and_activity(start: Any) -> None:
    obs, gpu = start((fake_nvml.SCENARIOS / "mig.nvml").read_text(), medium=0.15, slow=1.0)
    assert [device.mig for device in gpu.devices] == [True, False]
    wait_for(lambda: ticks(gpu, "medium") > 8)
    batch = obs.collect()
    parent = gpu.devices[0].uuid
    used = rows(batch, "gpu.memory.used", parent=parent)
    assert len(used) == 4
    assert all(row["attrs"]["gpu"].startswith("MIG-") for row in used)
    activity = rows(batch, "gpu.sm.activity", parent=parent)
    assert len(activity) == 4
    assert max(row["value"] for row in activity) == pytest.approx(0.9, abs=0.01)


# ---- life ----------------------------------------------------------------------------------------
def test_stopping_keeps_what_was_read_and_starting_goes_on(
    start: Any, fake: fake_nvml.Fake
) -> None:
    obs, gpu = start("gpus 1\nclock manual\ngpu 0 power 100", fast=0.02)
    wait_for(lambda: ticks(gpu) > 2)
    fake.advance(10)
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 1)
    gpu.stop()
    assert not gpu._native.running
    (energy,) = rows(obs.collect(), "gpu.energy")
    assert energy["value"] == pytest.approx(1000, rel=0.01)
    assert not gpu._native.running  # stopped by hand: a window does not start it
    fake.advance(5)
    gpu.start(obs)
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 1)
    (energy,) = rows(obs.collect(), "gpu.energy")
    assert energy["value"] == pytest.approx(500, rel=0.01)


def test_threads_end_with_the_last_observer(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start("gpus 1")
    other = inlay.Observer()
    other.probe(gpu)
    other.collect()
    obs.stop()
    assert gpu._native.running
    other.stop()
    assert not gpu._native.running
    third = inlay.Observer()
    third.probe(gpu)
    third.collect()
    assert gpu._native.running
    third.stop()
    fake.load_text("gpus 1")
    with gpu:  # for nobody in particular
        fourth = inlay.Observer()
        fourth.probe(gpu)
        fourth.collect()
        fourth.stop()
        assert gpu._native.running


def test_a_dropped_probe_ends_its_threads(fake: fake_nvml.Fake) -> None:
    fake.load_text("gpus 1")
    gpu = Gpu(library=fake_nvml.library(), on_event=str)
    gpu.start()
    assert gpu.status == "ok"
    native = gpu._native
    threads = [t for t in threading.enumerate() if t.name == "inlay-gpu-events"]
    assert threads
    del gpu
    assert not native.running
    threads[0].join(5)
    assert not threads[0].is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_starts_its_own_threads(start: Any) -> None:
    obs, gpu = start("gpus 2", fast=0.02)
    wait_for(lambda: ticks(gpu) > 3)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            alive = gpu._native.running
            obs.collect()
            before = ticks(gpu)
            wait_for(lambda: ticks(gpu) > before + 5, 10)
            found = rows(obs.collect(), "gpu.energy")
            os.write(write, json.dumps([alive, len(found)]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    assert json.loads(told) == [False, 2]
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 3)


def test_stats_tell_each_tier(start: Any) -> None:
    _, gpu = start("gpus 2", fast=0.02)
    wait_for(lambda: ticks(gpu) > 5)
    stats = gpu.stats()
    assert set(stats["tasks"]) == {"discover", "fast", "medium", "slow"}
    fast = stats["tasks"]["fast"]
    assert fast["period"] == 0.02
    assert fast["cpu"] > 0
    assert 0 < fast["cost_p50"] <= fast["cost_p99"]
    assert fast["failed"] == 0
    assert stats["dropped_events"] == stats["dropped_intervals"] == 0
    assert "2 GPUs" in repr(gpu)


def test_a_running_probe_ends_with_the_interpreter(tmp_path: Path) -> None:
    code = f"""
import inlay, time
obs = inlay.Observer(sinks=[inlay.sinks.Files({str(tmp_path)!r})])
gpu = inlay.infra.Gpu(library={str(fake_nvml.library())!r}, fast=0.005, on_event=print)
obs.probe(gpu)
obs.start()
gpu.start(obs)
assert gpu.status == "ok"
time.sleep(0.2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    pytest.importorskip("duckdb")
    sql = "select count(*) as n from points where metric = 'gpu.energy' and value > 0"
    assert inlay.query(tmp_path, sql).to_pylist()[0]["n"] >= 1


def test_a_disabled_observer_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_DISABLED", "1")
    gpu = Gpu(library=fake_nvml.library())
    gpu.start(inlay.Observer())
    assert not gpu._native.running
