"""What is read of this machine, beside what psutil says of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from host_reading import HostReading

import inlay

psutil = pytest.importorskip("psutil")
pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system has no procfs")


def both(families: list[str], ask: Any) -> tuple[dict[Any, Any], Any, Any]:
    """Read two times with psutil's answers round each: what lies between bounds the readings."""
    reading = HostReading("/", families)
    outer_before = ask()
    reading.tick()
    inner_before = ask()
    time.sleep(0.3)
    inner_after = ask()
    reading.tick()
    outer_after = ask()
    return reading.take(), (inner_before, inner_after), (outer_before, outer_after)


def assert_between(found: float, inner: tuple[float, float], outer: tuple[float, float]) -> None:
    least, most = inner[1] - inner[0], outer[1] - outer[0]
    assert least - 1e-6 <= found <= most + 1e-6, (found, least, most)


def test_cpu_times() -> None:
    rows, inner, outer = both(["cpu"], psutil.cpu_times)
    for mode, name in (("user", "user"), ("system", "system"), ("softirq", "softirq")):
        assert_between(
            rows["host.cpu.time", mode]["value"],
            (getattr(inner[0], name), getattr(inner[1], name)),
            (getattr(outer[0], name), getattr(outer[1], name)),
        )
    share = rows["host.cpu.utilization",]
    assert share["status"] != "ok" or 0.0 <= share["value"] <= 1.0


def test_memory() -> None:
    rows, _, outer = both(["memory"], psutil.virtual_memory)
    assert rows["host.memory.total",]["value"] == outer[0].total
    found = rows["host.memory.available",]
    # It changes all the time: within a tenth of all memory.
    assert abs(found["value"] - outer[1].available) < 0.1 * outer[0].total
    swap = psutil.swap_memory()
    assert rows["host.swap.total",]["value"] == swap.total


def test_network_interfaces() -> None:
    rows, inner, outer = both(["network"], lambda: psutil.net_io_counters(pernic=True))
    names = {key[2] for key in rows if key[0] == "host.network.io"}
    assert names
    for name in names:
        for direction, field in (("receive", "bytes_recv"), ("transmit", "bytes_sent")):
            assert_between(
                rows["host.network.io", direction, name]["value"],
                (getattr(inner[0][name], field), getattr(inner[1][name], field)),
                (getattr(outer[0][name], field), getattr(outer[1][name], field)),
            )


def test_disks() -> None:
    rows, inner, outer = both(["disks"], lambda: psutil.disk_io_counters(perdisk=True))
    names = {key[1] for key in rows if key[0] == "host.disk.io" and len(key) == 3}
    for name in names & set(inner[0]):
        assert_between(
            rows["host.disk.io", name, "write"]["value"],
            (inner[0][name].write_bytes, inner[1][name].write_bytes),
            (outer[0][name].write_bytes, outer[1][name].write_bytes),
        )


def test_temperatures() -> None:
    reading = HostReading("/", ["sensors"])
    reading.tick()
    rows = reading.take()
    theirs = psutil.sensors_temperatures()
    ours = [row for key, row in rows.items() if key[0] == "host.temperature"]
    assert ours
    if not theirs:
        assert all(row["status"] != "ok" or row["value"] > -100 for row in ours)


def test_all_of_this_machine_is_read_without_an_error() -> None:
    obs = inlay.Observer()
    host = inlay.infra.Host()
    obs.probe(host)
    obs.collect()
    host.tick()
    rows = [row for row in obs.collect().points.to_pylist() if row["layer"] == "infra"]
    assert len(rows) > 20
    assert not [row for row in rows if row["status"] == "error"]
    for family in host.stats()["families"]:
        assert family["ticks"] >= 2
    host.stop()
