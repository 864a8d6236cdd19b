"""Any bytes in any file: a status or a value, never an exception, a NaN or a fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from host_reading import HostReading
from host_tree import HostTree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

CGROUP = "/sys/fs/cgroup/jobs/7"
PORT = "/sys/class/infiniband/mlx5_0/ports/1"
# Each text that a family reads, and the family.
FILES = {
    "/proc/stat": "cpu",
    "/proc/meminfo": "memory",
    "/proc/vmstat": "memory",
    "/proc/pressure/io": "pressure",
    "/proc/diskstats": "disks",
    "/proc/net/dev": "network",
    "/sys/class/net/eth0/carrier": "network",
    "/sys/class/net/eth0/speed": "network",
    "/proc/self/cgroup": "cgroup",
    "/proc/self/mountinfo": "cgroup",
    f"{CGROUP}/cpu.stat": "cgroup",
    f"{CGROUP}/cpu.max": "cgroup",
    f"{CGROUP}/memory.max": "cgroup",
    f"{CGROUP}/memory.stat": "cgroup",
    f"{CGROUP}/memory.events": "cgroup",
    f"{CGROUP}/io.stat": "cgroup",
    f"{CGROUP}/io.pressure": "cgroup",
    "/sys/devices/system/node/node0/meminfo": "numa",
    "/sys/devices/system/node/node0/numastat": "numa",
    f"{PORT}/state": "infiniband",
    f"{PORT}/rate": "infiniband",
    f"{PORT}/counters/port_xmit_data": "infiniband",
    f"{PORT}/counters/link_downed": "infiniband",
    "/sys/class/hwmon/hwmon0/temp1_input": "sensors",
    "/sys/class/hwmon/hwmon0/temp1_label": "sensors",
    "/sys/class/powercap/intel-rapl:0/energy_uj": "energy",
    "/sys/class/powercap/intel-rapl:0/max_energy_range_uj": "energy",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_total_time_ms": "thermal_throttle",
    "/sys/fs/resctrl/mon_data/mon_L3_00/mbm_total_bytes": "memory_bandwidth",
    "/sys/inlay-ethtool/eth0": "ethtool",
    "/sys/inlay-adjtimex": "clock",
}
ODD = ["N/A (no PMA)", "Unavailable", "Error", "-1", "18446744073709551615", "1e999", "\x00", "max"]


def damaged(text: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes, or the true text with a part that is cut out, doubled, or something else."""
    places = st.integers(0, len(text))
    parts = st.one_of(st.sampled_from([odd.encode() for odd in ODD]), st.binary(max_size=20))
    mutated = st.builds(
        lambda first, last, part: text[: min(first, last)] + part + text[max(first, last) :],
        places,
        places,
        parts,
    )
    return st.one_of(st.binary(max_size=300), mutated, st.builds(lambda n: text * n, st.just(3)))


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_text_is_a_value_or_a_status(tmp_path: Path, file: str, data: st.DataObject) -> None:
    tree = HostTree(tmp_path / "root")
    if not tree.path(file).exists():
        tree.add_all(ports=1)
    good = tree.path(file).read_bytes()
    first, second = data.draw(damaged(good)), data.draw(damaged(good))
    tree.write(file, first)
    reading = HostReading(tree, [FILES[file]])  # found with the damage
    reading.tick()
    tree.write(file, second)
    reading.tick()
    reading.native.scan()
    tree.write(file, good)
    reading.tick()
    reading.tick()
    rows = reading.take()  # checks each row
    assert rows
    for event in reading.events:
        assert event["end_time"] is None or event["end_time"] >= event["time"]


def test_every_family_has_a_text_here() -> None:
    from inlay import _core

    assert set(FILES.values()) == set(_core.HostReader.family_names())
