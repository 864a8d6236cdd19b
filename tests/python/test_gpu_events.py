"""Throttling, errors and lost GPUs as events, through the fake driver library."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import fake_nvml
import gpu_probe
import pytest
from gpu_probe import events, rows, ticks, wait_for

import inlay
from inlay.infra import Gpu, GpuEvent

fake, made, start = gpu_probe.fake, gpu_probe.made, gpu_probe.start


# ---- throttling ----------------------------------------------------------------------------------
def test_a_throttle_of_50_ms_is_found_where_a_gauge_at_1_hz_sees_none(
    start: Any, fake: fake_nvml.Fake
) -> None:
    """The point of it all: counters of nanoseconds, ten times a second, miss nothing."""
    scenario = "gpus 2\ngpu 1 at 1.43s throttle hw_thermal for 50ms"
    obs, gpu = start(scenario)
    loaded = time.time() - fake.now()
    handle = ctypes.c_void_p()
    fake.dll.nvmlDeviceGetHandleByIndex_v2(1, ctypes.byref(handle))
    seen = []
    for second in (1, 2, 3):
        time.sleep(max(0.0, loaded + second - time.time()))
        mask = ctypes.c_ulonglong(0)
        get = fake.dll.nvmlDeviceGetCurrentClocksEventReasons
        assert get(handle, ctypes.byref(mask)) == 0
        seen.append(mask.value & 0x40)
    assert seen == [0, 0, 0]  # a gauge read once a second says: never
    batch = obs.collect()
    uuid = gpu.devices[1].uuid
    (total,) = rows(batch, "gpu.throttle", gpu=uuid, cause="hw_thermal")
    assert total["value"] == pytest.approx(0.05, abs=1e-6)
    (interval,) = events(batch, "gpu.throttle")
    assert interval["attrs"]["gpu"] == uuid
    assert interval["attrs"]["cause"] == "hw_thermal"
    assert interval["attrs"]["index"] == "1"
    assert float(interval["attrs"]["seconds"]) == pytest.approx(0.05, abs=1e-6)
    start_time, end_time = interval["time"].timestamp(), interval["end_time"].timestamp()
    late = max(row["period"] for row in [gpu.stats()["tasks"]["fast"]]) * 2
    assert abs(start_time - (loaded + 1.43)) <= late
    assert abs(end_time - (loaded + 1.48)) <= late
    others = [row for row in rows(batch, "gpu.throttle", cause="hw_thermal") if row["value"]]
    assert len(others) == 1


def test_a_long_throttle_is_one_interval_and_told_in_parts(start: Any) -> None:
    obs, gpu = start("gpus 1\ngpu 0 at 0.5s throttle sw_thermal for 1s", fast=0.05)
    wait_for(lambda: ticks(gpu) >= 20)
    first = events(obs.collect(), "gpu.throttle")
    wait_for(lambda: ticks(gpu) >= 45)
    second = events(obs.collect(), "gpu.throttle")
    parts = first + second
    assert len(parts) == 2
    assert parts[0]["attrs"]["open"] == "true"
    assert "open" not in parts[1]["attrs"]
    assert sum(float(part["attrs"]["seconds"]) for part in parts) == pytest.approx(1, abs=1e-3)
    assert parts[1]["time"] == parts[0]["end_time"]


# ---- events --------------------------------------------------------------------------------------
def test_an_xid_is_seen_in_peek_and_by_the_callback(start: Any, fake: fake_nvml.Fake) -> None:
    got: list[tuple[float, GpuEvent]] = []
    obs, _ = start(
        "gpus 4\nclock manual\ngpu 2 at 3s xid 79\ngpu 1 at 3s xid 13",
        on_event=lambda event: got.append((time.monotonic(), event)),
    )
    time.sleep(0.3)  # the event thread registers
    fake.advance(3.5)
    delivered = time.monotonic()
    seen = wait_for(lambda: len(found := events(obs.peek(), "gpu.xid")) == 2 and found)
    peeked = time.monotonic() - delivered
    assert {(event["attrs"]["index"], event["attrs"]["xid"]) for event in seen} == {
        ("2", "79"),
        ("1", "13"),
    }
    wait_for(lambda: len(got) >= 2)
    assert {event.attributes["xid"] for _, event in got} == {"79", "13"}
    assert {event.severity for _, event in got} == {"error"}
    assert "fell off the bus" in next(e.body for _, e in got if e.attributes["xid"] == "79")
    assert peeked < 2.0
    assert got[0][0] - delivered < 2.0  # milliseconds, on a machine that is not busy
    assert len(events(obs.collect(), "gpu.xid")) == 2
    assert not events(obs.collect(), "gpu.xid")


def run_past(fake: fake_nvml.Fake, gpu: Gpu, calls: list[str]) -> None:
    time.sleep(0.3)
    fake.advance(1.5)
    fake.advance(1.0)
    wait_for(lambda: len(calls) == 2)
    gpu.stop()


def test_a_callback_that_raises_is_told_and_called_again(start: Any, fake: fake_nvml.Fake) -> None:
    calls: list[str] = []

    def fail(event: GpuEvent) -> None:
        calls.append(event.attributes["xid"])
        raise KeyError("mine")

    _, gpu = start("gpus 1\nclock manual\ngpu 0 at 1s xid 31\ngpu 0 at 2s xid 43", on_event=fail)
    with pytest.warns(inlay.InlayWarning, match="mine"):
        run_past(fake, gpu, calls)
    assert calls == ["31", "43"]


def test_advice_to_reset_is_told_once(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start("gpus 1\nclock manual\ngpu 0 at 1s recovery 1", medium=0.1)
    time.sleep(0.2)
    fake.advance(1.5)
    wait_for(lambda: events(obs.peek(), "gpu.recovery"))
    before = ticks(gpu, "medium")
    wait_for(lambda: ticks(gpu, "medium") > before + 3)
    batch = obs.collect()
    (event,) = events(batch, "gpu.recovery")
    assert event["attrs"]["action"] == "1"
    assert event["body"] == "the driver advises: reset the GPU"
    (action,) = rows(batch, "gpu.recovery_action")
    assert action["value"] == 1
    assert not events(obs.collect(), "gpu.recovery")


def test_a_lost_gpu_is_absent_and_the_others_go_on(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start("gpus 3\nclock manual\ngpu 1 at 3s lost", fast=0.02, medium=0.1)
    uuids = [device.uuid for device in gpu.devices]
    fake.advance(1.0)
    obs.collect()
    fake.advance(3.0)
    (lost,) = wait_for(lambda: events(obs.peek(), "gpu.lost"))
    assert lost["attrs"]["gpu"] == uuids[1]
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 5)
    obs.collect()
    fake.advance(1.0)
    wait_for(lambda: ticks(gpu) > before + 20)
    batch = obs.collect()
    assert not rows(batch, "gpu.energy", gpu=uuids[1])
    assert rows(batch, "gpu.energy", gpu=uuids[0])[0]["value"] > 0
    assert rows(batch, "gpu.energy", gpu=uuids[2])[0]["value"] > 0
    assert not events(batch, "gpu.lost")


def test_a_lost_gpu_has_status_absent_once(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start("gpus 2\nclock manual\ngpu 1 at 3s lost", fast=0.02, medium=0.1)
    uuid = gpu.devices[1].uuid
    obs.collect()
    fake.advance(4.0)
    wait_for(lambda: events(obs.peek(), "gpu.lost"))
    found = []
    for _ in range(3):
        before = ticks(gpu)
        wait_for(lambda before=before: ticks(gpu) > before + 3)
        found += rows(obs.collect(), "gpu.temperature", gpu=uuid, sensor="gpu")
    statuses = [row["status"] for row in found]
    assert statuses.count("absent") == 1
    assert statuses[-1] == "absent"


def test_a_gpu_that_comes_back_goes_on(start: Any, fake: fake_nvml.Fake) -> None:
    obs, gpu = start(
        "gpus 2\nclock manual\ngpu 1 at 3s lost for 2s\ngpu 1 power 100", fast=0.02, slow=1.0
    )
    uuid = gpu.devices[1].uuid
    fake.advance(4.0)
    wait_for(lambda: events(obs.peek(), "gpu.lost"))
    obs.collect()
    fake.advance(2.0)
    looks = ticks(gpu, "discover")
    wait_for(lambda: ticks(gpu, "discover") > looks + 1)
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 2)
    obs.collect()
    fake.advance(10.0)
    before = ticks(gpu)
    wait_for(lambda: ticks(gpu) > before + 2)
    (energy,) = rows(obs.collect(), "gpu.energy", gpu=uuid)
    assert energy["status"] == "ok"
    assert energy["value"] == pytest.approx(1000, rel=0.01)


def test_errors_of_links_and_memory_are_intervals(start: Any, fake: fake_nvml.Fake) -> None:
    scenario = (
        "gpus 1\nclock manual\ngpu 0 at 2s link 5 crc add 7\n"
        "gpu 0 at 2s ecc_corrected add 3\ngpu 0 at 2s remapped_pending 1"
    )
    obs, gpu = start(scenario, fast=0.05, medium=0.1, slow=1.0)
    obs.collect()
    fake.advance(3)
    slow = ticks(gpu, "slow")
    wait_for(lambda: ticks(gpu, "slow") > slow + 2)
    batch = obs.collect()
    (errors,) = events(batch, "nvlink.errors")
    assert (errors["attrs"]["link"], errors["attrs"]["kind"]) == ("5", "crc")
    assert errors["attrs"]["errors"] == "7"
    assert errors["end_time"] > errors["time"]
    assert sum(row["value"] for row in rows(batch, "gpu.nvlink.errors", kind="crc")) == 7
    (ecc,) = events(batch, "gpu.ecc")
    assert (ecc["attrs"]["type"], ecc["attrs"]["errors"]) == ("corrected", "3")
    assert ecc["attrs"]["location"] == "total"
    (pending,) = rows(batch, "gpu.rows.remapped", cause="pending")
    assert pending["value"] == 1


def test_a_memory_error_is_told_by_the_driver_and_by_the_counters(
    start: Any, fake: fake_nvml.Fake
) -> None:
    waits = fake.calls("nvmlEventSetWait_v2")
    obs, gpu = start(
        "gpus 1\nclock manual\ngpu 0 at 2s ecc_uncorrected add 1\ngpu 0 at 2s event dbe",
        slow=1.0,
    )
    wait_for(lambda: fake.calls("nvmlEventSetWait_v2") > waits + 1)
    obs.collect()
    fake.advance(3)
    slow = ticks(gpu, "slow")
    wait_for(lambda: ticks(gpu, "slow") > slow + 1)
    told = {event["attrs"]["source"]: event["attrs"] for event in events(obs.collect(), "gpu.ecc")}
    assert set(told) == {"driver", "counter"}
    assert told["driver"]["type"] == told["counter"]["type"] == "uncorrected"
    assert (told["counter"]["location"], told["counter"]["errors"]) == ("total", "1")
