"""What a host's files say, from trees of files: each value, each status, each interval."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from host_reading import HostReading
from host_tree import IB_COUNTERS, PORT_COUNTERS, PRESSURE, HostTree

import inlay
from inlay import _core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    return HostTree(tmp_path / "root")


def value(rows: dict[Any, Any], *key: str) -> float | None:
    row = rows[key]
    return row["value"] if row["status"] == "ok" else row["status"]


# ---- each family's values ------------------------------------------------------------------------
def test_cpu_times_are_differences_and_their_busy_share(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["cpu"])
    reading.tick()
    tree.write(
        "/proc/stat",
        "cpu  1100 20 350 5050 40 5 6 7 0 0\nctxt 425092\nprocesses 3214\nprocs_running 5\n"
        "procs_blocked 0\n",
    )
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.cpu.time", "user") == pytest.approx(1.0)
    assert value(rows, "host.cpu.time", "system") == pytest.approx(0.5)
    assert value(rows, "host.cpu.time", "idle") == pytest.approx(0.5)
    assert value(rows, "host.cpu.time", "steal") == 0.0
    assert value(rows, "host.cpu.utilization") == pytest.approx(0.75)
    assert rows["host.cpu.utilization",]["count"] == 1  # the first tick has no share
    assert value(rows, "host.context_switches") == 1000
    assert value(rows, "host.processes.created") == 4
    row = rows["host.processes", "running"]
    assert (row["value"], row["min"], row["max"]) == (5.0, 3.0, 5.0)


def test_memory_is_in_bytes(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["memory"])
    reading.tick()
    tree.write("/proc/vmstat", "pgmajfault 60\npgfault 5100\n")
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.memory.total") == 16_384_000 * 1024
    assert value(rows, "host.memory.used") == (16_384_000 - 12_288_000) * 1024
    assert value(rows, "host.memory.faults", "major") == 10
    assert value(rows, "host.swap.free") == 1_000_000 * 1024
    assert value(rows, "host.swap.operations", "in") == "unsupported"  # a base, and then gone
    row = rows["host.memory.total",]
    assert (row["unit"], row["layer"], row["kind"], row["count"]) == ("By", "infra", "gauge", 2)


def test_pressure_is_seconds_of_stall(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["pressure"])
    reading.tick()
    tree.add_pressure(100_000, 50_000)
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.pressure", "some", "memory") == pytest.approx(0.1)
    assert value(rows, "host.pressure", "full", "io") == pytest.approx(0.05)
    assert reading.events == []  # below a quarter


def test_pressure_over_the_share_is_one_interval(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["pressure"])
    reading.tick()
    for total in (400_000, 900_000):
        tree.write("/proc/pressure/io", PRESSURE.format(some=total, full=0))
        reading.tick()
    reading.tick()
    reading.take()
    assert reading.names() == ["host.pressure"]
    (event,) = reading.events
    assert event["attrs"]["resource"] == "io"
    assert float(event["attrs"]["seconds"]) == pytest.approx(0.9)
    assert float(event["attrs"]["share"]) == pytest.approx(0.45)
    assert (event["end_time"] - event["time"]).total_seconds() == pytest.approx(2.0)
    assert event["layer"] == "infra"


@pytest.mark.parametrize(("version", "throttled"), [(1, 0.5), (2, 0.5)])
def test_cgroup_of_either_version(tree: HostTree, version: int, throttled: float) -> None:
    tree.add_proc()
    if version == 2:
        tree.add_cgroup_v2(throttled=1_000_000)
    else:
        tree.add_cgroup_v1()
    reading = HostReading(tree, ["cgroup"])
    reading.tick()
    if version == 2:
        tree.add_cgroup_v2(throttled=1_500_000)
    else:
        tree.write(
            "/sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.stat",
            "nr_periods 110\nnr_throttled 15\nthrottled_time 3500000000\n",
        )
    reading.tick()
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.cgroup.cpu.throttled") == pytest.approx(throttled)
    assert value(rows, "host.cgroup.cpu.limit") == (2.5 if version == 2 else 1.5)
    assert value(rows, "host.cgroup.memory.used") == (1_000_000 if version == 2 else 2_000_000)
    assert value(rows, "host.cgroup.memory.limit") == ("undefined" if version == 2 else 4_000_000)
    assert value(rows, "host.cgroup.memory.anonymous") == (600_000 if version == 2 else 1_500_000)
    assert value(rows, "host.cgroup.cpu.time") == 0.0
    assert reading.names() == ["host.cpu_throttled"]
    assert float(reading.events[0]["attrs"]["seconds"]) == pytest.approx(throttled)
    assert (("host.cgroup.io", "read") in rows) == (version == 2)


def test_cgroup_of_a_container_whose_path_is_the_hosts(tree: HostTree) -> None:
    tree.add_cgroup_v2("/")
    tree.write("/proc/self/cgroup", "0::/kubepods/pod1/abc\n")
    reading = HostReading(tree, ["cgroup"])
    reading.tick()
    assert value(reading.take(), "host.cgroup.memory.used") == 1_000_000


def test_numa_nodes(tree: HostTree) -> None:
    tree.add_numa()
    reading = HostReading(tree, ["numa"])
    reading.tick()
    tree.write("/sys/devices/system/node/node1/numastat", "numa_hit 15\nnuma_miss 4\n")
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.numa.memory.used", "0") == 600 * 1024
    assert value(rows, "host.numa.allocations", "numa_miss", "1") == 3
    assert value(rows, "host.numa.allocations", "numa_miss", "0") == 0


def test_disks_are_whole_and_real(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["disks"])
    reading.tick()
    tree.write(
        "/proc/diskstats",
        " 259 0 nvme0n1 1010 10 80200 600 2005 20 160400 1000 0 750 1400\n"
        "   8 0 sda 10 1 800 5 20 2 1600 9 0 7 14\n",
    )
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.disk.io", "nvme0n1", "read") == 200 * 512
    assert value(rows, "host.disk.operations", "nvme0n1", "write") == 5
    assert value(rows, "host.disk.time", "nvme0n1", "read") == pytest.approx(0.1)
    assert value(rows, "host.disk.busy", "nvme0n1") == pytest.approx(0.05)
    devices = {key[1] for key in rows}
    assert devices == {"nvme0n1", "sda"}  # neither partitions nor loops


def test_network_interfaces_and_their_links(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["network"])
    reading.tick()
    tree.write(
        "/proc/net/dev",
        "  eth0:1000100   10001    1    2 0 0 0 0 500200 5002 3 5 0 0 0 0\n"
        "    lo:    3193 29 0 0 0 0 0 0 3193 29 0 0 0 0 0 0\n",
    )
    tree.write("/sys/class/net/eth0/carrier", 0)
    tree.write("/sys/class/net/eth0/carrier_down_count", 3)
    tree.write("/sys/class/net/eth0/speed", -1)
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.network.io", "receive", "eth0") == 100
    assert value(rows, "host.network.io", "transmit", "eth0") == 200
    assert value(rows, "host.network.dropped", "transmit", "eth0") == 1
    assert value(rows, "host.network.errors", "receive", "lo") == 0
    assert rows["host.network.up", "eth0"]["min"] == 0.0
    assert rows["host.network.speed", "eth0"]["max"] == 25e9
    assert value(rows, "host.network.link_downs", "eth0") == 1
    assert "veth12" not in {part for key in rows for part in key}


def test_ports_of_infiniband(tree: HostTree) -> None:
    tree.add_infiniband(8)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    base = tree.port("mlx5_3")
    tree.write(f"{base}/counters/port_xmit_data", IB_COUNTERS["port_xmit_data"] + 1000)
    tree.write(f"{base}/counters/symbol_error", 9)
    tree.write(f"{base}/hw_counters/out_of_sequence", 18)
    tree.write(f"{base}/hw_counters/np_cnp_sent", 16)
    reading.tick()
    rows = reading.take()
    assert value(rows, "ib.io", "mlx5_3", "transmit", "1") == 4000  # octets, by 4
    assert value(rows, "ib.io", "mlx5_4", "transmit", "1") == 0
    assert value(rows, "ib.errors", "mlx5_3", "symbol_error", "1") == 4
    assert value(rows, "ib.errors", "mlx5_3", "out_of_sequence", "1") == 10
    assert value(rows, "ib.congestion", "mlx5_3", "np_cnp_sent", "1") == 10
    assert value(rows, "ib.state", "mlx5_0", "1") == 4
    assert value(rows, "ib.rate", "mlx5_0", "1") == 400e9
    assert value(rows, "ib.wait", "mlx5_7", "1") == 0
    counters = [row for row in reading.points if row["kind"] == "counter"]
    assert len(counters) == 8 * PORT_COUNTERS == 240
    assert reading.events == []
    reading.tick()
    again = [key for key in reading.take() if key[0] in ("ib.errors", "ib.congestion", "ib.other")]
    assert again == []  # a row of 0 only once: there are many


def test_link_down_and_congestion_are_intervals(tree: HostTree) -> None:
    tree.add_infiniband(2)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    down, busy = tree.port("mlx5_0"), tree.port("mlx5_1")
    tree.write(f"{down}/state", "1: DOWN\n")
    tree.write(f"{busy}/counters/port_xmit_wait", 70 + 5000)
    tree.write(f"{busy}/counters/port_xmit_data", 500_000 + 10_000)
    reading.tick()
    tree.write(f"{down}/state", "4: ACTIVE\n")
    reading.tick()
    reading.take()
    events = {event["name"]: event for event in reading.events}
    assert set(events) == {"ib.link_down", "ib.congestion"}
    assert events["ib.link_down"]["attrs"] == {"device": "mlx5_0", "port": "1"}
    assert events["ib.link_down"]["severity"] == 17
    assert events["ib.congestion"]["attrs"]["device"] == "mlx5_1"
    assert (
        events["ib.link_down"]["end_time"] - events["ib.link_down"]["time"]
    ).total_seconds() == pytest.approx(1.0)


def test_a_link_that_was_down_between_two_readings_is_seen(tree: HostTree) -> None:
    tree.add_infiniband(1)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    tree.write(f"{tree.port('mlx5_0')}/counters/link_downed", IB_COUNTERS["link_downed"] + 1)
    reading.tick()
    reading.take()
    assert reading.names() == ["ib.link_down"]


def test_a_port_that_nobody_uses_is_no_event(tree: HostTree) -> None:
    tree.add_infiniband(1)
    tree.write(f"{tree.port('mlx5_0')}/state", "1: DOWN\n")
    reading = HostReading(tree, ["infiniband"])
    for _ in range(3):
        reading.tick()
    assert value(reading.take(), "ib.state", "mlx5_0", "1") == 1
    assert reading.events == []


def test_ethtool_pauses(tree: HostTree) -> None:
    tree.add_ethtool(pause=10)
    reading = HostReading(tree, ["ethtool"])
    reading.tick()
    tree.add_ethtool(pause=14)
    reading.tick()
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.network.pause", "rx_prio3_pause", "receive", "eth0") == 4
    assert value(rows, "host.network.pause", "tx_prio3_pause", "transmit", "eth0") == 0
    assert value(rows, "host.network.discards", "rx_out_of_buffer", "eth0") == 0
    assert {key[0] for key in rows} == {
        "host.network.pause",
        "host.network.pause.time",
        "host.network.discards",
    }
    (event,) = reading.events
    assert event["name"] == "net.pause"
    assert event["attrs"] == {"direction": "receive", "frames": "4", "interface": "eth0"}


def test_sensors_energy_throttling_bandwidth_and_clock(tree: HostTree) -> None:
    tree.add_all(ports=1)
    families = ["sensors", "energy", "thermal_throttle", "memory_bandwidth", "clock"]
    reading = HostReading(tree, families)
    reading.tick()
    tree.add_rapl(energy=3_001_000)
    tree.write("/sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_total_time_ms", 350)
    tree.write("/sys/fs/resctrl/mon_data/mon_L3_00/mbm_total_bytes", 5_000_000)
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.temperature", "coretemp/hwmon0/Package id 0") == 45.0
    assert value(rows, "host.temperature", "coretemp/hwmon0/temp2") == -5.0
    assert value(rows, "host.temperature", "x86_pkg_temp/thermal_zone0") == 47.5
    assert value(rows, "host.fan.speed", "coretemp/hwmon0/fan1") == 1200
    assert value(rows, "host.power", "coretemp/hwmon0/power1") == 95.0
    zones = {key[1] for key in rows if key[0] == "host.energy"}
    assert zones == {"package-0", "package-0/dram", "package-1"}
    assert value(rows, "host.energy", "package-1") == pytest.approx(3.0)
    assert value(rows, "host.thermal_throttle", "0", "core") == pytest.approx(0.25)
    assert value(rows, "host.thermal_throttle", "0", "package") == 0.0
    assert value(rows, "host.memory.bandwidth", "total", "0") == 4_000_000
    assert value(rows, "host.cache.occupancy", "0") == 4096
    assert value(rows, "host.clock.error", "maximum") == pytest.approx(1.5e-3)
    assert value(rows, "host.clock.synchronized") == 1.0


def test_a_clock_that_nobody_sets_has_no_error(tree: HostTree) -> None:
    tree.write("/sys/inlay-adjtimex", "16000000 16000000 64\n")
    reading = HostReading(tree, ["clock"])
    reading.tick()
    rows = reading.take()
    assert value(rows, "host.clock.error", "maximum") == "undefined"
    assert value(rows, "host.clock.synchronized") == 0.0


# ---- counters that are not wide enough -----------------------------------------------------------
def test_energy_wraps_at_its_range(tree: HostTree) -> None:
    most = 262_143_328_850
    tree.add_rapl(energy=most - 1_000_000, most=most)
    reading = HostReading(tree, ["energy"])
    reading.tick()
    tree.add_rapl(energy=2_000_000, most=most)
    reading.tick()
    assert value(reading.take(), "host.energy", "package-0") == pytest.approx(3.0)


def test_times_of_disks_wrap_at_32_bits(tree: HostTree) -> None:
    line = " 8 0 sda 1 0 0 {0} 1 0 0 {0} 0 {0} 0\n"
    tree.write("/proc/diskstats", line.format(2**32 - 500))
    reading = HostReading(tree, ["disks"])
    reading.tick()
    tree.write("/proc/diskstats", line.format(500))
    reading.tick()
    assert value(reading.take(), "host.disk.busy", "sda") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "most"),
    [("link_downed", 255), ("symbol_error", 65_535), ("port_xmit_wait", 2**32 - 1)],
)
def test_a_counter_at_its_limit_is_an_error_and_no_rate_of_0(
    tree: HostTree, name: str, most: int
) -> None:
    tree.add_infiniband(1)
    tree.write(f"{tree.port('mlx5_0')}/counters/{name}", most - 3)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    tree.write(f"{tree.port('mlx5_0')}/counters/{name}", most)
    reading.tick()
    metric = "ib.wait" if name == "port_xmit_wait" else "ib.errors"
    key = (metric, "mlx5_0", "1") if metric == "ib.wait" else (metric, "mlx5_0", name, "1")
    assert value(reading.take(), *key) == 3  # until here it counted
    assert "inlay.counter.saturated" in reading.names()
    reading.tick()
    assert value(reading.take(), *key) == "error"
    reading.tick()
    assert key not in reading.take()  # said once
    assert "inlay.counter.saturated" not in reading.names()


def test_a_wide_counter_beyond_the_classic_width_still_counts(tree: HostTree) -> None:
    tree.add_infiniband(1)
    path = f"{tree.port('mlx5_0')}/counters/symbol_error"
    tree.write(path, 70_000)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    tree.write(path, 70_005)
    reading.tick()
    assert value(reading.take(), "ib.errors", "mlx5_0", "symbol_error", "1") == 5


def test_a_wide_counter_that_passes_the_classic_limit_goes_on(tree: HostTree) -> None:
    tree.add_infiniband(1)
    path = f"{tree.port('mlx5_0')}/counters/link_error_recovery"
    reading = HostReading(tree, ["infiniband"])
    for total in (250, 255, 260, 270):
        tree.write(path, total)
        reading.tick()
    rows = reading.take()
    assert value(rows, "ib.errors", "mlx5_0", "link_error_recovery", "1") == 20
    assert reading.events == []


# ---- what cannot be read -------------------------------------------------------------------------
def test_an_empty_root_has_a_status_for_each_family(tree: HostTree) -> None:
    reading = HostReading(tree)
    for _ in range(3):
        reading.tick()
    rows = reading.take()
    families = {
        "host.cpu.time": "absent",
        "host.memory.total": "absent",
        "host.pressure": "absent",
        "host.cgroup.memory.used": "absent",
        "host.numa.memory.used": "absent",
        "host.disk.io": "absent",
        "host.network.io": "absent",
        "ib.state": "absent",
        "host.energy": "absent",
        "host.thermal_throttle": "absent",
        "host.memory.bandwidth": "absent",
        "host.temperature": "absent",
        "host.network.pause": "absent",
    }
    found = {row["metric"]: row["status"] for row in reading.points}
    assert {name: found.get(name) for name in families} == families
    assert {row["status"] for row in rows.values() if row["metric"] != "host.clock.error"} <= {
        "absent",
        "ok",
        "undefined",
    }
    assert reading.events == []
    reading.tick()
    again = reading.take()
    assert all(row["status"] == "ok" for row in again.values())  # each status once


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("N/A (no PMA)\n", "unsupported"),
        ("Unavailable\n", "undefined"),
        ("Error\n", "error"),
        ("", "error"),
        ("-5\n", "error"),
        ("12 34\n", "error"),
        ("99999999999999999999999\n", "error"),
        ("0x10\n", "ok"),
    ],
)
def test_one_file_without_a_number_leaves_the_others_alone(
    tree: HostTree, text: str, status: str
) -> None:
    tree.add_infiniband(1)
    tree.write(f"{tree.port('mlx5_0')}/counters/port_rcv_errors", text)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    reading.tick()
    rows = reading.take()
    assert rows["ib.errors", "mlx5_0", "port_rcv_errors", "1"]["status"] == status
    others = [row["status"] for row in rows.values()]
    assert others.count("ok") >= len(others) - 1


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Open files as a user without rights, in this thread alone."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(65534)
    try:
        if libc.setfsuid(-1) != 65534:
            pytest.skip("only root can give up the rights of root")
        yield
    finally:
        libc.setfsuid(0)


def test_energy_that_only_root_may_read(tree: HostTree) -> None:
    tree.add_rapl()
    tree.path("/sys/class/powercap/intel-rapl:0/energy_uj").chmod(0)
    for above in (tree.root, *tree.root.parents):  # what pytest made for its user alone
        if above.stat().st_mode & 0o005 != 0o005 and "pytest" in str(above):
            above.chmod(0o755)
    with as_nobody():
        reading = HostReading(tree, ["energy"])
        reading.tick()
        reading.tick()
    rows = reading.take()
    assert value(rows, "host.energy", "package-0") == "no_permission"
    assert value(rows, "host.energy", "package-1") == 0.0


def test_a_device_that_goes_is_absent_and_found_again(tree: HostTree) -> None:
    tree.add_infiniband(2)
    reading = HostReading(tree, ["infiniband"])
    reading.tick()
    reading.take()
    shutil.rmtree(tree.path("/sys/class/infiniband/mlx5_1"))
    reading.native.scan()
    reading.tick()
    rows = reading.take()
    assert value(rows, "ib.io", "mlx5_1", "transmit", "1") == "absent"
    assert value(rows, "ib.io", "mlx5_0", "transmit", "1") == 0
    tree.add_infiniband(2)
    base = tree.port("mlx5_1")
    tree.write(f"{base}/counters/port_xmit_data", 900_000)  # its counters began anew meanwhile
    reading.native.scan()
    reading.tick()
    tree.write(f"{base}/counters/port_xmit_data", 900_010)
    reading.tick()
    assert value(reading.take(), "ib.io", "mlx5_1", "transmit", "1") == 40


def test_a_device_that_comes_is_found_by_the_next_scan(tree: HostTree) -> None:
    reading = HostReading(tree, ["infiniband", "numa", "sensors"])
    reading.tick()
    assert value(reading.take(), "ib.state") == "absent"
    tree.add_infiniband(1)
    tree.add_sensors()
    reading.native.scan()
    reading.tick()
    rows = reading.take()
    assert value(rows, "ib.state", "mlx5_0", "1") == 4
    assert value(rows, "host.fan.speed", "coretemp/hwmon0/fan1") == 1200


def test_more_files_than_may_be_held_are_read_all_the_same(tree: HostTree) -> None:
    tree.add_infiniband(4)
    reading = HostReading(tree, ["infiniband"], held_files=10)
    reading.tick()
    tree.write(f"{tree.port('mlx5_3')}/counters/port_rcv_data", 250_100)
    reading.tick()
    assert value(reading.take(), "ib.io", "mlx5_3", "receive", "1") == 400


def test_names_that_are_no_utf8_are_shown(tree: HostTree) -> None:
    tree.add_sensors()
    tree.write("/sys/class/hwmon/hwmon0/temp1_label", b'Die "\xff\xfe"\n')
    reading = HostReading(tree, ["sensors"])
    reading.tick()
    assert value(reading.take(), "host.temperature", 'coretemp/hwmon0/Die "??"') == 45.0


def test_a_clock_that_jumps_back_makes_no_interval_of_negative_length(tree: HostTree) -> None:
    tree.add_proc()
    reading = HostReading(tree, ["pressure"])
    reading.tick()
    tree.add_pressure(10**6, 0)
    reading.native.tick(reading.time_us - 3_600_000_000, (reading.time_us + 10**6) * 1000)
    reading.take()
    for event in reading.events:
        assert event["end_time"] >= event["time"]


# ---- arguments -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments",
    [
        {"period": 0},
        {"period": float("nan")},
        {"period": "1"},
        {"period": 2.0, "slow": 1.0},
        {"rescan": -1},
        {"families": ["cpu", "gpu"]},
        {"families": []},
        {"pressure": 0.0},
        {"congestion": 1.5},
        {"held_files": 0},
        {"root": "/no/such/place"},
    ],
)
def test_arguments_that_cannot_be_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(inlay.InvalidArgumentError) as refused:
        inlay.infra.Host(**arguments)
    assert next(iter(arguments)) in str(refused.value) or "slow" in str(refused.value)


@pytest.mark.parametrize(
    "arguments", [{"held_files": 1.5}, {"families": 3}, {"families": [3]}, {"root": 3}]
)
def test_arguments_of_another_kind_are_named(arguments: dict[str, Any]) -> None:
    ((name, _),) = arguments.items()
    with pytest.raises(TypeError, match=rf"{name} must be .*: (1\.5|3)$"):
        inlay.infra.Host(**arguments)
    host = inlay.infra.Host(families="cpu")
    for call in (host.start, host.observe):
        with pytest.raises(TypeError, match=r"observer must be an inlay.Observer: None"):
            call(None)  # type: ignore[arg-type]


def test_the_core_refuses_them_too(tree: HostTree) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="gpu"):
        HostReading(tree, ["gpu"])
    with pytest.raises(inlay.InvalidArgumentError, match="pressure"):
        HostReading(tree, ["cpu"], pressure=2.0)
    with pytest.raises(inlay.InvalidArgumentError, match="numa"):
        HostReading(tree, ["cpu"]).native.enable("numa", False)
    assert "cpu" in _core.HostReader.family_names()
