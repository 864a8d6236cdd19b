"""Values of the fake NVML over time, as unmodified pynvml sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import fake_nvml
import pytest
from fake_nvml import Play

pynvml = pytest.importorskip("pynvml")


@pytest.fixture(scope="module")
def play() -> Iterator[fake_nvml.Play]:
    with fake_nvml.player() as ask:
        yield ask


# ---- what a driver is asked first --------------------------------------------------------------


def test_healthy_machine_has_names_places_and_versions(play: Play) -> None:
    result = play(
        "gpus 8\n",
        """
pci = [nvmlDeviceGetPciInfo(gpu) for gpu in gpus]
result = {
    "versions": [nvmlSystemGetDriverVersion(), nvmlSystemGetCudaDriverVersion()],
    "uuids": [nvmlDeviceGetUUID(gpu) for gpu in gpus],
    "buses": [one.busId for one in pci],
    "legacy": pci[0].busIdLegacy,
    "again": [nvmlDeviceGetIndex(nvmlDeviceGetHandleByUUID(nvmlDeviceGetUUID(g))) for g in gpus],
    "by_bus": [nvmlDeviceGetIndex(nvmlDeviceGetHandleByPciBusId(one.busId)) for one in pci],
    "by_serial": nvmlDeviceGetIndex(nvmlDeviceGetHandleBySerial(nvmlDeviceGetSerial(gpus[5]))),
    "name": nvmlDeviceGetName(gpus[0]),
    "capability": nvmlDeviceGetCudaComputeCapability(gpus[0]),
    "architecture": nvmlDeviceGetArchitecture(gpus[0]),
    "numa": [nvmlDeviceGetNumaNodeId(gpu) for gpu in gpus],
    "levels": [nvmlDeviceGetTopologyCommonAncestor(gpus[0], gpus[i]) for i in (0, 1, 7)],
    "peers": nvmlDeviceGetP2PStatus(gpus[0], gpus[1], 2),
    "cpus": list(nvmlDeviceGetCpuAffinity(gpus[4], 2)),
}
""",
    )
    assert result["versions"] == ["580.65.06", 13000]
    assert len(set(result["uuids"])) == 8
    assert all(
        re.fullmatch(r"GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", u) for u in result["uuids"]
    )
    assert result["buses"] == sorted(result["buses"])
    assert result["legacy"] == "0000:1B:00.0"
    assert result["again"] == result["by_bus"] == list(range(8))
    assert result["by_serial"] == 5
    assert (result["name"], result["capability"]) == ("NVIDIA H100 80GB HBM3", [9, 0])
    assert result["architecture"] == pynvml.NVML_DEVICE_ARCH_HOPPER
    assert result["numa"] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert result["levels"] == [0, 40, 50]
    assert result["peers"] == 0
    assert result["cpus"] == [(1 << 64) - (1 << 56), (1 << 48) - 1]


def test_uuids_depend_on_the_seed_alone(play: Play) -> None:
    code = "result = nvmlDeviceGetUUID(gpus[1])"
    assert play("gpus 2\n", code) == play("gpus 8\ngpu 1 power 10\n", code)
    assert play("gpus 2\n", code) != play("gpus 2\nseed 2\n", code)


@pytest.mark.parametrize("count", [0, 1, 8, 64])
def test_there_are_as_many_gpus_as_said(play: Play, count: int) -> None:
    code = "result = [nvmlDeviceGetUUID(gpu) for gpu in gpus]"
    assert len(set(play(f"gpus {count}\n", code))) == count


def test_calls_before_init_and_with_strange_handles_fail(play: Play) -> None:
    result = play(
        "gpus 2\n",
        """
old = gpus[0]
nvmlShutdown()
before = code_of(nvmlDeviceGetCount)
nvmlInit()
strange = ctypes_handle = c_nvmlDevice_t.from_buffer_copy((12345).to_bytes(8, "little"))
within = c_nvmlDevice_t.from_buffer_copy(
    (cast(old, c_void_p).value + 8).to_bytes(8, "little"))
result = [before, code_of(nvmlDeviceGetUUID, old), code_of(nvmlDeviceGetUUID, strange),
          code_of(nvmlDeviceGetUUID, within), code_of(nvmlDeviceGetHandleByIndex, 2),
          code_of(nvmlDeviceGetHandleByUUID, "GPU-none"), code_of(nvmlDeviceGetUUID, None)]
fake.load_text("gpus 2")
result.append(code_of(nvmlDeviceGetUUID, old))
""",
    )
    assert result == [1, 0, 2, 2, 2, 6, 2, 2]


def test_init_counts_references(play: Play) -> None:
    code = """
nvmlInit()
nvmlShutdown()
result = [code_of(nvmlDeviceGetCount)]
nvmlShutdown()
result += [code_of(nvmlDeviceGetCount), code_of(nvmlShutdown)]
nvmlInit()
"""
    assert play("", code) == [0, 1, 1]


# ---- values over time --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("gpu 0 power 400", [400, 400, 400, 400, 400]),
        ("gpu 0 at 2s power 400", [350, 350, 400, 400, 400]),
        ("gpu 0 power 100\ngpu 0 at 1s power 200 for 2s", [100, 200, 200, 100, 100]),
        ("gpu 0 power ramp 300 500 2s", [300, 400, 500, 500, 500]),
        ("gpu 0 at 1s power ramp 300 500 2s for 2s", [350, 300, 400, 350, 350]),
        ("gpu 0 power rate 10 from 100", [100, 110, 120, 130, 140]),
        ("gpu 0 at 2s power rate 10", [350, 350, 350, 360, 370]),
        ("gpu 0 at 1s power add 50\ngpu 0 at 3s power add -100", [350, 400, 400, 300, 300]),
        ("gpu 0 power rate 10 from 0\ngpu 0 at 2s power add 100", [0, 10, 120, 130, 140]),
        ("gpu 0 power wave 100 200 4s", [150, 200, 150, 100, 150]),
        ("gpu 0 power square 100 200 2s", [100, 200, 100, 200, 100]),
        ("gpu 0 power 100\ngpu 0 power 200", [200, 200, 200, 200, 200]),
        ("gpu 0 at 1s power absent for 2s", [350, "error 3", "error 3", 350, 350]),
    ],
)
def test_levels_follow_their_pieces(play: Play, lines: str, expected: list[Any]) -> None:
    code = """
result = []
for i in range(5):
    watts = fields(gpus[0], NVML_FI_DEV_POWER_INSTANT)[0]
    result.append(watts if isinstance(watts, str) else watts / 1e3)
    fake.advance(1)
"""
    if "absent" in lines:  # the call as a whole fails when its only field does
        code = code.replace(
            "fields(gpus[0], NVML_FI_DEV_POWER_INSTANT)[0]",
            "fields(gpus[0], NVML_FI_DEV_POWER_INSTANT, 82)[0]",
        )
    assert play(f"{lines}\n", code) == pytest.approx(expected)


def test_levels_are_read_by_time_units(play: Play) -> None:
    code = """
result = []
for step in (0, 0.0021, 0.0979, 0.9, 59.1, 3540):
    fake.advance(step)
    result.append(fields(gpus[0], 186)[0] // 1000)
"""
    lines = (
        "gpu 0 power 1\ngpu 0 at 2000us power 2\ngpu 0 at 100ms power 3\ngpu 0 at 1 power 4\n"
        "gpu 0 at 1m power 5\ngpu 0 at 1h power 6\n"
    )
    assert play(lines, code) == [1, 2, 3, 4, 5, 6]


def test_energy_is_the_integral_of_power(play: Play) -> None:
    code = """
result = []
for i in range(6):
    result.append(nvmlDeviceGetTotalEnergyConsumption(gpus[0]))
    assert [result[-1]] * 2 == fields(gpus[0], 83, 191)
    fake.advance(1)
"""
    lines = "gpu 0 energy_before 5\ngpu 0 power ramp 100 300 2s\ngpu 0 at 4s power 1000\n"
    joules = [5, 5 + 150, 5 + 400, 5 + 700, 5 + 1000, 5 + 2000]
    assert play(lines, code) == [1000 * one for one in joules]


def test_average_power_is_of_the_last_second_except_on_old_hardware(play: Play) -> None:
    code = """
fake.advance(10.5)
result = [nvmlDeviceGetPowerUsage(gpus[0]), *fields(gpus[0], 185, 186)]
"""
    lines = "gpu 0 power 200\ngpu 0 at 10s power 400\n"
    assert play(lines, code) == [300000, 300000, 400000]
    assert play(f"architecture ampere\n{lines}", code)[0] == 400000


def test_power_has_scopes_where_a_scenario_gives_them(play: Play) -> None:
    code = "result = fields(gpus[0], 186, (186, 1), (186, 2), (186, 9))"
    assert play("gpu 0 module_power 900\n", code) == [350000, 900000, "error 3", "error 2"]


def test_a_value_stays_until_its_refresh(play: Play) -> None:
    code = """
result = []
for i in range(6):
    result.append([nvmlDeviceGetUtilizationRates(gpus[0]).gpu, fields(gpus[0], 186)[0]])
    fake.advance(0.05)
"""
    lines = "gpu 0 utilization rate 100 from 0\ngpu 0 power rate 1 from 0\n"
    seen = play(f"refresh_ms utilization 100\n{lines}", code)
    assert seen == [[0, 0], [0, 50], [10, 100], [10, 150], [20, 200], [20, 250]]
    assert [power for _, power in play(f"refresh_ms 100\n{lines}", code)] == [
        0,
        0,
        100,
        100,
        200,
        200,
    ]
    assert [used for used, _ in play(f"{lines}gpu 0 utilization refresh_ms 150\n", code)] == [
        0,
        0,
        0,
        15,
        15,
        15,
    ]


def test_jitter_is_bounded_and_the_same_for_the_same_seed(play: Play) -> None:
    code = """
result = []
for i in range(200):
    result.append([fields(gpu, 186)[0] for gpu in gpus])
    fake.advance(0.01)
"""
    lines = "gpus 2\ngpu * power 300\njitter power 5\n"
    first, other = play(lines, code), play(f"seed 9\n{lines}", code)
    assert first == play(lines, code) != other
    assert all(295000 <= one <= 305000 for pair in first for one in pair)
    assert len({one for one, _ in first}) > 100
    assert [a for a, _ in first] != [b for _, b in first]


# ---- throttling --------------------------------------------------------------------------------

CAUSES = {
    "idle": (0x1, None),
    "app_clocks": (0x2, 80),
    "sw_power": (0x4, 74),
    "hw_slowdown": (0x8, None),
    "sync_boost": (0x10, 76),
    "sw_thermal": (0x20, 269),
    "hw_thermal": (0x48, 270),
    "hw_power_brake": (0x88, 271),
    "display": (0x100, None),
    "board_limit": (0x200, 77),
    "reliability": (0x400, 79),
    "low_utilization": (0x0, 78),
    "base_clocks": (0x0, 81),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_throttle_sets_its_bits_and_counts_its_time(play: Play, cause: str) -> None:
    mask, field = CAUSES[cause]
    result = play(
        f"gpu 0 at 1s throttle {cause} for 50ms\n",
        f"""
result = []
for step in (0.999, 0.011, 0.041, 1):
    fake.advance(step)
    counters = fields(gpus[0], {field or 74})
    result.append([nvmlDeviceGetCurrentClocksEventReasons(gpus[0]), *counters])
""",
    )
    assert [one[0] for one in result] == [0, mask, 0, 0]
    if field is not None:
        assert [one[1] for one in result] == [0, 10_000_000, 50_000_000, 50_000_000]


def test_throttle_lowers_the_clocks_while_it_lasts(play: Play) -> None:
    code = """
result = []
for step in (0.5, 1, 1, 1):
    fake.advance(step)
    result.append([nvmlDeviceGetClockInfo(gpus[0], kind) for kind in (0, 1, 2, 3)])
"""
    lines = (
        "gpu 0 at 1s throttle hw_thermal for 1s\ngpu 0 at 2s throttle sw_power for 1s clock 300\n"
        "gpu 0 at 2s throttle display for 9s\n"
    )
    free = [1980, 1980, 2619, 1545]
    assert play(lines, code) == [free, [990, 990, 2619, 773], [300, 300, 2619, 300], free]


def test_windows_that_overlap_count_once(play: Play) -> None:
    lines = (
        "gpu 0 at 1s throttle hw_thermal for 2s\ngpu 0 at 2s throttle hw_thermal for 2s\n"
        "gpu 0 at 3s throttle sw_thermal for 2s\n"
    )
    code = """
fake.advance(10)
violation = nvmlDeviceGetViolationStatus(gpus[0], 1)
result = [*fields(gpus[0], 270, 269, 75), violation.violationTime, violation.referenceTime]
"""
    seconds = [3, 2, 4, 4]
    assert play(lines, code) == [int(s * 1e9) for s in seconds] + [1700000010_000000]


def test_throttle_repeats(play: Play) -> None:
    code = """
result = []
for i in range(5):
    fake.advance(1)
    result.append(fields(gpus[0], 270)[0] // 1_000_000)
fake.advance(10000)
result.append(fields(gpus[0], 270)[0] // 1_000_000)
"""
    line = "gpu 0 at 1s throttle hw_thermal for 100ms every 1s"
    assert play(f"{line} times 3\n", code) == [0, 100, 200, 300, 300, 300]
    assert play(f"{line}\n", code) == [0, 100, 200, 300, 400, 4096 * 100]


def test_a_gauge_at_1_hz_misses_what_the_counter_has(play: Play) -> None:
    scenario = (fake_nvml.SCENARIOS / "throttle_50ms.nvml").read_text()
    masks, counter = play(
        scenario,
        """
masks = []
for i in range(10):
    masks.append(nvmlDeviceGetCurrentClocksEventReasons(gpus[3]))
    fake.advance(1)
result = [masks, fields(gpus[3], 270)[0]]
""",
    )
    assert masks == [0] * 10
    assert counter == 50_000_000


# ---- counters ----------------------------------------------------------------------------------


def test_link_and_bus_bytes_grow_with_their_rates(play: Play) -> None:
    lines = (
        "nvlink 4\ngpu 0 pcie_tx 2GB\ngpu 0 pcie_rx 1e9\ngpu 0 nvlink_tx 4GiB\n"
        "gpu 0 nvlink_rx 8GiB\n"
    )
    code = """
fake.advance(2)
everything = 0xFFFFFFFF
result = {
    "pcie": fields(gpus[0], 197, 198),
    "kib": fields(gpus[0], (138, everything), (139, everything), (138, 1), (140, 0)),
    "bytes": fields(gpus[0], (202, 3), (204, everything)),
    "beyond": fields(gpus[0], 82, (138, 4))[1],
    "throughput": [nvmlDeviceGetPcieThroughput(gpus[0], kind) for kind in (0, 1)],
    "count": fields(gpus[0], 91)[0],
}
"""
    result = play(lines, code)
    assert result["pcie"] == [4_000_000_000, 2_000_000_000]
    assert result["kib"] == [8 << 20, 16 << 20, 2 << 20, 2 << 20]
    assert result["bytes"] == [2 << 30, 16 << 30]
    assert result["beyond"] == "error 2"
    assert result["throughput"] == [2_000_000, 1_000_000]
    assert result["count"] == 4


def test_counters_wrap_saturate_and_fall(play: Play) -> None:
    lines = (
        "gpu 0 pcie_tx 1e9\ngpu 0 pcie_tx wrap 4294967296\n"
        "gpu 0 pcie_replays rate 10 from 0\ngpu 0 pcie_replays saturate 25\n"
        "gpu 0 ecc_corrected 100\ngpu 0 at 3s ecc_corrected 0\n"
    )
    code = """
result = []
for i in range(5):
    fake.advance(1)
    result.append(fields(gpus[0], 197, 94, 3))
"""
    wrapped = [(i * 10**9) % 2**32 for i in range(1, 6)]
    assert play(lines, code) == [
        [total, min(25, 10 * i), 100 if i < 3 else 0] for i, total in enumerate(wrapped, 1)
    ]


def test_ecc_remapping_and_recovery(play: Play) -> None:
    lines = (
        "gpu 0 at 1s ecc_corrected add 5\ngpu 0 at 1s ecc_uncorrected add 2\n"
        "gpu 0 ecc_corrected_before 100\ngpu 0 ecc_uncorrected_before 10\n"
        "gpu 0 at 1s remapped_correctable 3\ngpu 0 at 1s remapped_uncorrectable 1\n"
        "gpu 0 at 1s remapped_pending 1\ngpu 0 remapped_failure 1\ngpu 0 at 1s recovery 2\n"
    )
    code = """
before = fields(gpus[0], 3, 4, 144, 230)
fake.advance(1)
rows = c_nvmlRemappedRowsInfo_v2_t()
nvmlDeviceGetRemappedRows_v2(gpus[0], byref(rows))
result = {
    "before": before,
    "mode": nvmlDeviceGetEccMode(gpus[0]),
    "fields": fields(gpus[0], 3, 4, 5, 6, 142, 143, 144, 145, 230),
    "total": [nvmlDeviceGetTotalEccErrors(gpus[0], k, c) for k in (0, 1) for c in (0, 1)],
    "memory": [nvmlDeviceGetMemoryErrorCounter(gpus[0], 1, 0, where) for where in (0, 1, 2, 7)],
    "rows": nvmlDeviceGetRemappedRows(gpus[0]),
    "rows_2": [rows.corrActiveRemaps, rows.uncActiveRemaps, rows.bPending],
    "histogram": nvmlDeviceGetRowRemapperHistogram(gpus[0]).high,
    "retired": code_of(nvmlDeviceGetRetiredPages, gpus[0], 0),
}
"""
    result = play(lines, code)
    assert result["before"] == [0, 0, 0, 0]
    assert result["mode"] == [1, 1]
    assert result["fields"] == [5, 2, 105, 12, 3, 1, 1, 1, 2]
    assert result["total"] == [5, 105, 2, 12]
    assert result["memory"] == [0, 0, 2, 0]
    assert result["rows"] == [3, 1, 1, 1]
    assert result["rows_2"] == [3, 1, 1]
    assert result["histogram"] == 4
    assert result["retired"] == 3


def test_retired_pages_where_there_are_some(play: Play) -> None:
    lines = "gpu 0 retired_corrected 2\ngpu 0 retired_uncorrected 1\ngpu 0 retired_pending 1\n"
    code = """
result = [len(nvmlDeviceGetRetiredPages(gpus[0], 0)), len(nvmlDeviceGetRetiredPages_v2(gpus[0], 1)),
          nvmlDeviceGetRetiredPagesPendingStatus(gpus[0]), *fields(gpus[0], 29, 30, 31)]
"""
    assert play(lines, code) == [2, 1, 1, 2, 1, 1]
