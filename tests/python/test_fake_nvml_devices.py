"""All that the fake NVML tells of a device, as unmodified pynvml sees it."""

from __future__ import annotations

from collections.abc import Iterator

import fake_nvml
import pytest
from fake_nvml import Play

pynvml = pytest.importorskip("pynvml")


@pytest.fixture(scope="module")
def play() -> Iterator[fake_nvml.Play]:
    with fake_nvml.player() as ask:
        yield ask


# ---- levels of all kinds -----------------------------------------------------------------------


def test_memory_clocks_temperatures_and_the_rest(play: Play) -> None:
    lines = (
        "fans 2\ngpu 0 memory_total 80GiB\ngpu 0 memory_used 10GiB\ngpu 0 memory_reserved 1GiB\n"
        "gpu 0 temperature 61.4\ngpu 0 memory_temperature 70\ngpu 0 pstate 2\ngpu 0 fan_speed 55\n"
        "gpu 0 fan_rpm 2200\ngpu 0 pcie_generation 4\ngpu 0 pcie_width 8\n"
        "gpu 0 encoder_utilization 12\ngpu 0 bar1_used 2GiB\ngpu 0 power_limit 500\n"
    )
    code = """
gpu = gpus[0]
first, second = nvmlDeviceGetMemoryInfo(gpu), nvmlDeviceGetMemoryInfo(gpu, nvmlMemory_v2)
gib = 1 << 30
result = {
    "memory": [second.total / gib, second.used / gib, second.reserved / gib, second.free / gib],
    "first": [first.used / gib, first.free / gib],
    "bar1": nvmlDeviceGetBAR1MemoryInfo(gpu).bar1Used / gib,
    "temperature": [nvmlDeviceGetTemperature(gpu, 0), nvmlDeviceGetTemperatureV(gpu, 0),
                    nvmlDeviceGetMarginTemperature(gpu), *fields(gpu, 82, 308, 193, 196)],
    "thresholds": [nvmlDeviceGetTemperatureThreshold(gpu, which) for which in range(4)],
    "pstate": nvmlDeviceGetPerformanceState(gpu),
    "fans": [nvmlDeviceGetNumFans(gpu), nvmlDeviceGetFanSpeed_v2(gpu, 1),
             nvmlDeviceGetFanSpeed(gpu), nvmlDeviceGetFanSpeedRPM(gpu),
             code_of(nvmlDeviceGetFanSpeed_v2, gpu, 2)],
    "pcie": [nvmlDeviceGetCurrPcieLinkGeneration(gpu), nvmlDeviceGetCurrPcieLinkWidth(gpu),
             nvmlDeviceGetMaxPcieLinkGeneration(gpu), nvmlDeviceGetMaxPcieLinkWidth(gpu)],
    "encoder": nvmlDeviceGetEncoderUtilization(gpu)[0],
    "limits": [nvmlDeviceGetPowerManagementLimit(gpu), nvmlDeviceGetEnforcedPowerLimit(gpu),
               nvmlDeviceGetPowerManagementLimitConstraints(gpu),
               *fields(gpu, 187, 188, 189, 190, 192)],
    "clock": [nvmlDeviceGetClock(gpu, 0, 0), nvmlDeviceGetMaxClockInfo(gpu, 2)],
    "none": [code_of(nvmlDeviceGetClockInfo, gpu, 4), code_of(nvmlDeviceGetTemperature, gpu, 1)],
}
"""
    result = play(lines, code)
    assert result["memory"] == [80, 10, 1, 69]
    assert result["first"] == [11, 69]
    assert result["bar1"] == 2
    assert result["temperature"] == [61, 61, 26, 70, 61.4, -8, 0]
    assert result["thresholds"] == [92, 87, 95, 85]
    assert result["pstate"] == 2
    assert result["fans"] == [2, 55, 55, 2200, 2]
    assert result["pcie"] == [4, 8, 5, 16]
    assert result["encoder"] == 12
    assert result["limits"] == [
        500000,
        500000,
        [200000, 700000],
        200000,
        700000,
        700000,
        500000,
        500000,
    ]
    assert result["clock"] == [1980, 2619]
    assert result["none"] == [2, 2]


def test_no_fans_is_not_supported(play: Play) -> None:
    code = "result = [code_of(f, gpus[0]) for f in (nvmlDeviceGetNumFans, nvmlDeviceGetFanSpeed)]"
    assert play("", code) == [3, 3]


def test_wrong_versions_of_structures_are_refused(play: Play) -> None:
    code = """
def tried(kind, function, version, *more):
    one = kind()
    one.version = version
    return code_of(function, gpus[0], byref(one), *more)

library = pynvml.nvmlLib
result = []
for kind, name, good in (
    (c_nvmlMemory_v2_t, "nvmlDeviceGetMemoryInfo_v2", 0x2000028),
    (c_nvmlTemperature_v1_t, "nvmlDeviceGetTemperatureV", 0x100000C),
    (c_nvmlMarginTemperature_v1_t, "nvmlDeviceGetMarginTemperature", 0x1000008),
    (c_nvmlGpmSupport_t, "nvmlGpmQueryDeviceSupport", 1),
    (c_nvmlProcessDetailList_t, "nvmlDeviceGetRunningProcessDetailList", 0x1000018),
    (c_nvmlProcessesUtilizationInfo_v1_t, "nvmlDeviceGetProcessesUtilizationInfo", 0x1000018),
    (c_nvmlEccSramErrorStatus_v1_t, "nvmlDeviceGetSramEccErrorStatus", 0x1000068),
    (c_nvmlGpuFabricInfo_v2_t, "nvmlDeviceGetGpuFabricInfoV", 0x2000024),
    (c_nvmlGpuFabricInfo_v3_t, "nvmlDeviceGetGpuFabricInfoV", 0x3000028),
):
    function = getattr(library, name)
    codes = []
    for version in (good, good + 1, good + (1 << 24), 0):
        one = kind()
        one.version = version
        codes.append(function(gpus[0], byref(one)))
    result.append(codes)
"""
    result = play("gpu 0 process self sm 5\n", code)
    assert all(codes[1:] == [25, 25, 25] for codes in result), result
    # Sizes are asked for first where there is a list.
    assert [codes[0] for codes in result] == [0, 0, 0, 0, 7, 7, 0, 0, 0]


def test_fabric(play: Play) -> None:
    lines = (
        "gpu 0 fabric_clique 7\ngpu 0 at 1s fabric_state 2\ngpu 0 at 1s fabric_summary 2\n"
        "gpu 0 fabric_health 0x1aa\n".replace("0x1aa", "426")
    )
    code = """
result = []
for version, kind in ((0x2000024, c_nvmlGpuFabricInfo_v2_t), (0x3000028, c_nvmlGpuFabricInfo_v3_t)):
    info = kind()
    info.version = version
    nvmlDeviceGetGpuFabricInfoV(gpus[0], byref(info))
    result.append([info.state, info.status, info.cliqueId, info.healthMask])
fake.advance(1)
nvmlDeviceGetGpuFabricInfoV(gpus[0], byref(info))
result.append([info.state, info.healthSummary])
"""
    assert play(lines, code) == [[3, 0, 7, 426], [3, 0, 7, 426], [2, 2]]
    ampere = (
        "info = c_nvmlGpuFabricInfo_v3_t()\ninfo.version = 0x3000028\n"
        "result = code_of(nvmlDeviceGetGpuFabricInfoV, gpus[0], byref(info))"
    )
    assert play("architecture ampere\n", ampere) == 3


def test_links_have_states_and_errors_of_their_own(play: Play) -> None:
    lines = (
        "nvlink 4\ngpu 0 at 1s link 2 state 0\ngpu 0 at 1s link 0..1 replay add 3\n"
        "gpu 0 link 3 recovery rate 2 from 0\ngpu 0 at 1s link * crc 1\n"
        "gpu 0 link 1 rcv_errors 7\n"
    )
    code = """
fake.advance(2)
everything = 0xFFFFFFFF
result = {
    "states": fields(gpus[0], *[(165, link) for link in range(4)]),
    "active": [nvmlDeviceGetNvLinkState(gpus[0], link) for link in range(4)],
    "replays": fields(gpus[0], (161, 0), (161, 1), (161, 2), (161, everything), 52),
    "recoveries": [nvmlDeviceGetNvLinkErrorCounter(gpus[0], link, 1) for link in range(4)],
    "crc": fields(gpus[0], (163, everything), 38),
    "receive": fields(gpus[0], (208, 1), (208, 0)),
    "speed": fields(gpus[0], (164, 0), 90),
    "remote": [nvmlDeviceGetNvLinkRemoteDeviceType(gpus[0], 0),
               nvmlDeviceGetNvLinkRemotePciInfo(gpus[0], 1).busId],
    "beyond": code_of(nvmlDeviceGetNvLinkState, gpus[0], 4),
}
"""
    result = play(lines, code)
    assert result["states"] == result["active"] == [1, 1, 0, 1]
    assert result["replays"] == [3, 3, 0, 6, 6]
    assert result["recoveries"] == [0, 0, 0, 4]
    assert result["crc"] == [4, 4]
    assert result["receive"] == [7, 0]
    assert result["speed"] == [26562, 26562]
    assert result["remote"] == [2, "00000000:08:00.0"]
    assert result["beyond"] == 2
    nothing = play(
        "nvlink 0\n",
        "result = [*fields(gpus[0], 91, (165, 0), (138, 0)), "
        "code_of(nvmlDeviceGetNvLinkState, gpus[0], 0)]",
    )
    assert nothing == [0, "error 3", "error 3", 3]


def test_any_field_and_any_metric_can_be_written(play: Play) -> None:
    lines = (
        "gpus 2\nfield 0 230 at 8s 2\ngpu 1 field 169 rate 5 from 0\nfield 0 222:3 77\n"
        "gpu 0 field 270 absent\ngpu 0 gpm 170 55\ngpu 0 gpm 2 absent\n"
    )
    code = """
fake.advance(8)
result = [fields(gpus[0], 230, (222, 3), (222, 2), 270), fields(gpus[1], 230, 169),
          gpm(gpus[0], 0.2, 170, 2, 3)]
"""
    assert play(lines, code) == [[2, 77, 0, "error 3"], [0, 40], [55, "error 3", 30]]


# ---- instances ---------------------------------------------------------------------------------


def test_instances_have_handles_memory_and_activity_of_their_own(play: Play) -> None:
    scenario = (fake_nvml.SCENARIOS / "mig.nvml").read_text()
    result = play(
        scenario,
        """
gpu = gpus[0]
instances = [nvmlDeviceGetMigDeviceHandleByIndex(gpu, i) for i in range(4)]
fake_sample = nvmlGpmSampleAlloc(), nvmlGpmSampleAlloc()
nvmlGpmMigSampleGet(gpu, 1, fake_sample[0])
fake.advance(0.2)
nvmlGpmMigSampleGet(gpu, 1, fake_sample[1])
result = {
    "mode": [nvmlDeviceGetMigMode(one)[0] for one in gpus],
    "most": [nvmlDeviceGetMaxMigDeviceCount(one) for one in gpus],
    "is": [nvmlDeviceIsMigDeviceHandle(one) for one in (gpu, instances[0])],
    "uuids": [nvmlDeviceGetUUID(one) for one in instances],
    "name": nvmlDeviceGetName(instances[0]),
    "ids": [[nvmlDeviceGetGpuInstanceId(i), nvmlDeviceGetComputeInstanceId(i)] for i in instances],
    "parent": nvmlDeviceGetUUID(nvmlDeviceGetDeviceHandleFromMigDeviceHandle(instances[2]))
        == nvmlDeviceGetUUID(gpu),
    "by_uuid": nvmlDeviceGetIndex(nvmlDeviceGetHandleByUUID(nvmlDeviceGetUUID(instances[3]))),
    "memory": [nvmlDeviceGetMemoryInfo(i, nvmlMemory_v2).used >> 30 for i in instances],
    "slices": nvmlDeviceGetAttributes(instances[0]).gpuInstanceSliceCount,
    "gpm": [gpm(i, 0.2, 2)[0] for i in instances],
    "mig_gpm": gpm_between(*fake_sample, 2),
    "refused": [code_of(nvmlDeviceGetUtilizationRates, gpu),
                code_of(nvmlDeviceGetUtilizationRates, instances[0]),
                code_of(nvmlDeviceGetSamples, gpu, 1, 0), code_of(nvmlDeviceGetSamples, gpu, 0, 0),
                code_of(nvmlDeviceGetPowerUsage, instances[0]),
                code_of(nvmlDeviceGetFieldValues, instances[0], [83]),
                code_of(nvmlDeviceGetMigDeviceHandleByIndex, gpu, 4),
                code_of(nvmlDeviceGetMigDeviceHandleByIndex, gpus[1], 0)],
}
""",
    )
    assert result["mode"] == [1, 0]
    assert result["most"] == [7, 0]
    assert result["is"] == [0, 1]
    assert len(set(result["uuids"])) == 4
    assert all(uuid.startswith("MIG-") for uuid in result["uuids"])
    assert result["name"] == "NVIDIA H100 80GB HBM3 MIG 1g.20gb"
    assert result["ids"] == [[0, 0], [1, 0], [2, 0], [3, 0]]
    assert result["parent"]
    assert result["by_uuid"] == 3
    assert result["memory"] == [5, 8, 5, 5]
    assert result["slices"] == 1
    assert result["gpm"] == [50, 90, 50, 50]
    assert result["mig_gpm"] == [90]
    assert result["refused"] == [3, 3, 3, 0, 3, 3, 6, 3]


# ---- processes ---------------------------------------------------------------------------------


def test_processes_come_and_go(play: Play) -> None:
    lines = (
        "gpu 0 process self memory 2GiB sm 40 memory_utilization 10\n"
        'gpu 0 at 1s process 4242 memory 1GiB sm 5 name "other one" for 2s\n'
        "gpu 0 process 7 type graphics memory 1MiB\ngpu 0 process 8 type mps memory 1MiB\n"
    )
    result = play(
        lines,
        """
import os
gpu = gpus[0]
def running():
    return [[p.pid == os.getpid() or p.pid, p.usedGpuMemory >> 20]
            for p in nvmlDeviceGetComputeRunningProcesses(gpu)]
fake.advance(0.5)
result = {"before": running()}
fake.advance(1)
result["during"] = running()
result["name"] = nvmlSystemGetProcessName(4242)
result["used"] = [[p.pid == os.getpid() or p.pid, p.smUtil, p.memUtil]
                  for p in nvmlDeviceGetProcessUtilization(gpu, 0)]
newest = max(p.timeStamp for p in nvmlDeviceGetProcessUtilization(gpu, 0))
result["seen"] = code_of(nvmlDeviceGetProcessUtilization, gpu, newest)
result["infos"] = [p.smUtil for p in nvmlDeviceGetProcessesUtilizationInfo(gpu, 0)]
result["details"] = len(nvmlDeviceGetRunningProcessDetailList(gpu, 0x1000018, 0))
fake.advance(2)
result["after"] = running()
result["new"] = nvmlDeviceGetProcessUtilization(gpu, newest)[0].timeStamp > newest
result["others"] = [len(nvmlDeviceGetGraphicsRunningProcesses(gpu)),
                    len(nvmlDeviceGetMPSComputeRunningProcesses(gpu))]
result["unknown"] = code_of(nvmlSystemGetProcessName, 99999)
""",
    )
    assert result["before"] == result["after"] == [[True, 2048]]
    assert result["during"] == [[True, 2048], [4242, 1024]]
    assert result["name"] == "other one"
    assert result["used"] == [[True, 40, 10], [4242, 5, 0]]
    assert result["seen"] == 6
    assert result["infos"] == [40, 5]
    assert result["details"] == 2
    assert result["new"]
    assert result["others"] == [1, 1]
    assert result["unknown"] == 6
    assert play("", "result = nvmlDeviceGetComputeRunningProcesses(gpus[0])") == []


def test_identity_can_be_written(play: Play) -> None:
    lines = (
        'driver 570.1\ncuda 12.8\nmodel "NVIDIA B200"\narchitecture blackwell\ngpus 2\n'
        'gpu 1 uuid GPU-mine\ngpu 1 name "Odd one"\ngpu 1 serial 77\ngpu 1 pci 0002:0a:1f.0\n'
        "gpu 1 numa 3\ngpu 1 cpus 4..6\n"
    )
    code = """
one = gpus[1]
result = [nvmlSystemGetDriverVersion(), nvmlSystemGetNVMLVersion(),
          nvmlSystemGetCudaDriverVersion(),
          nvmlDeviceGetName(gpus[0]), nvmlDeviceGetArchitecture(gpus[0]), nvmlDeviceGetUUID(one),
          nvmlDeviceGetName(one), nvmlDeviceGetSerial(one), nvmlDeviceGetPciInfo(one).busId,
          nvmlDeviceGetNumaNodeId(one), list(nvmlDeviceGetCpuAffinity(one, 1)),
          list(nvmlDeviceGetMemoryAffinity(one, 1, 0))]
"""
    assert play(lines, code) == [
        "570.1", "12.570.1", 12080, "NVIDIA B200", 10, "GPU-mine", "Odd one", "77",
        "00000002:0A:1F.0", 3, [0b1110000], [0b1000],
    ]  # fmt: skip
