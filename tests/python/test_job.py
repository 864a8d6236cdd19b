"""The job that a process belongs to."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay._process_start import process_start
from inlay.infra import Job
from inlay.infra.job_facts import job_facts

UID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
CONTAINER = "c" * 64


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def points(batch: inlay.Batch, prefix: str = "job.") -> dict[str, dict[str, Any]]:
    rows = batch.points.to_pylist()
    return {row["metric"]: row for row in rows if row["metric"].startswith(prefix)}


def test_slurm_says_it_in_the_environment(tmp_path: Path) -> None:
    facts = job_facts(
        {
            "SLURM_JOB_ID": "4711",
            "SLURM_JOB_NAME": "pretrain",
            "SLURM_JOB_PARTITION": "gpu",
            "SLURM_PROCID": "5",
            "SLURM_NTASKS": "16",
            "SLURM_NNODES": "2",
            "SLURM_GPUS_ON_NODE": "8",
            "SLURM_RESTART_COUNT": "2",
            "SLURM_JOB_START_TIME": "1700000000",
            "SLURM_JOB_END_TIME": "1700086400",
            "INLAY_JOB_SUBMITTED": "1699999000.5",
        },
        root=tmp_path,
    )
    assert (facts.scheduler, facts.job_id, facts.rank, facts.ranks) == ("slurm", "4711", 5, 16)
    assert (facts.nodes, facts.gpus, facts.restarts) == (2, 8, 2)
    assert (facts.submitted, facts.started, facts.ends) == (1699999000.5, 1.7e9, 1700086400.0)
    assert facts.attributes["slurm.job.partition"] == "gpu"


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/kubepods/burstable/pod{UID}/{CONTAINER}\n",
        "0::/kubepods.slice/kubepods-pod"
        f"{UID.replace('-', '_')}.slice/cri-containerd-{CONTAINER}.scope\n",
        f"12:cpu,cpuacct:/kubepods/pod{UID}/{CONTAINER}\n11:memory:/kubepods/pod{UID}/x\n",
        f"5:devices:/kubepods/besteffort/pod{UID.replace('-', '')}/{CONTAINER}\n",
    ],
)
def test_the_pod_is_known_by_its_cgroup(tmp_path: Path, cgroup: str) -> None:
    facts = job_facts({}, root=tree(tmp_path, proc__self__cgroup=cgroup))
    assert facts.scheduler == "kubernetes"
    assert facts.job_id == UID
    assert facts.attributes["container.id"] == CONTAINER


def test_a_pod_in_a_namespace_of_cgroups(tmp_path: Path) -> None:
    mounts = f"1 2 0:3 /kubepods/pod{UID}/{CONTAINER} /sys/fs/cgroup ro - cgroup2 x rw\n"
    root = tree(tmp_path, proc__self__cgroup="0::/\n", proc__self__mountinfo=mounts)
    space = root / "var/run/secrets/kubernetes.io/serviceaccount/namespace"
    space.parent.mkdir(parents=True)
    space.write_text("team-a\n")
    env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "trainer-0", "NODE_NAME": "n1"}
    facts = job_facts(env, root=root)
    assert facts.attributes == {
        "k8s.namespace.name": "team-a",
        "k8s.node.name": "n1",
        "k8s.pod.name": "trainer-0",
        "k8s.pod.uid": UID,
    }


def test_the_downward_api_wins(tmp_path: Path) -> None:
    env = {"KUBERNETES_SERVICE_HOST": "x", "POD_NAME": "p", "POD_UID": "u", "POD_NAMESPACE": "n"}
    facts = job_facts(env, root=tmp_path)
    assert facts.job_id == "u"
    assert facts.attributes["k8s.namespace.name"] == "n"


def test_no_job_is_no_job(tmp_path: Path) -> None:
    facts = job_facts({}, root=tree(tmp_path, proc__self__cgroup="0::/user.slice\n"))
    assert facts.scheduler is None
    assert facts.attributes == {}
    assert repr(Job(environ={}, root=tmp_path)) == "<inlay.infra.Job: no job>"


@pytest.mark.parametrize(
    ("env", "gpus"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0,1,3"}, 3),
        ({"CUDA_VISIBLE_DEVICES": ""}, 0),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,1"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "GPU-aa,MIG-bb", "SLURM_GPUS_ON_NODE": "8"}, 2),
        ({"CUDA_VISIBLE_DEVICES": "abc"}, 0),
        ({"CUDA_VISIBLE_DEVICES": "0,0"}, 0),
        ({"CUDA_VISIBLE_DEVICES": "0,1,2,3", "LOCAL_WORLD_SIZE": "4"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "2", "LOCAL_WORLD_SIZE": "4"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "0,1,2", "LOCAL_WORLD_SIZE": "2"}, None),
        (
            {
                "CUDA_VISIBLE_DEVICES": "0,1,2,3",
                "SLURM_GPUS_ON_NODE": "4",
                "SLURM_NTASKS_PER_NODE": "4",
            },
            1,
        ),
        (
            {
                "CUDA_VISIBLE_DEVICES": "0,1",
                "SLURM_GPUS_ON_NODE": "4",
                "SLURM_NTASKS_PER_NODE": "2",
            },
            2,
        ),
        ({"SLURM_GPUS_ON_NODE": "4", "SLURM_NTASKS_PER_NODE": "4"}, 1),
        ({"SLURM_GPUS_ON_NODE": "4", "SLURM_TASKS_PER_NODE": "2(x3)"}, 2),
        ({"SLURM_GPUS_ON_NODE": "4", "SLURM_TASKS_PER_NODE": "2(x2),4"}, None),
        (
            {
                "SLURM_GPUS_ON_NODE": "4",
                "SLURM_NTASKS_PER_NODE": "4",
                "SLURM_GPUS_PER_TASK": "a100:1",
            },
            1,
        ),
        ({"SLURM_GPUS_PER_TASK": "8", "LOCAL_WORLD_SIZE": "8"}, 1),
        ({"SLURM_GPUS": "8"}, 8),
        ({"SLURM_GPUS": "8", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "2"}, 2),
        ({"SLURM_GPUS_PER_NODE": "4"}, 4),
        ({"SLURM_GPUS_PER_NODE": "a100:2,v100:1"}, 3),
        ({"SLURM_JOB_GPUS": "0,1"}, 2),
        ({"SLURM_JOB_GPUS": "0-3"}, 4),
        ({"SLURM_STEP_GPUS": "0-2,7", "SLURM_JOB_GPUS": "0-7"}, 4),
        ({"SLURM_JOB_GPUS": "3-0", "SLURM_GPUS_ON_NODE": "four", "SLURM_GPUS": "2"}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-a,GPU-b"}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "0"}, 1),
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, 0),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, None),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, None),
    ],
)
def test_gpus_that_a_process_holds(tmp_path: Path, env: dict[str, str], gpus: int | None) -> None:
    assert job_facts(env, root=tmp_path).gpus == gpus


def test_all_gpus_of_a_container_are_counted(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"proc/driver/nvidia/gpus/0000:0{number}:00.0").mkdir(parents=True)
    env = {"NVIDIA_VISIBLE_DEVICES": "all", "LOCAL_WORLD_SIZE": "2"}
    assert job_facts(env, root=tmp_path).gpus == 1


def test_what_says_nothing_is_told_once_by_name(tmp_path: Path) -> None:
    later = str(time.time() + 1e6)
    env = {
        "SLURM_JOB_ID": "1",
        "SLURM_PROCID": "x",
        "SLURM_GPUS_ON_NODE": "four",
        "SLURM_JOB_START_TIME": later,
        "SLURM_JOB_END_TIME": "0",
        "INLAY_JOB_SUBMITTED": "2026-01-01T00:00:00Z",
    }
    job = Job(environ=env, root=tmp_path)
    observer = inlay.Observer()
    observer.probe(job)
    batch = observer.collect()
    told = {
        json.loads(row["attrs"])["variable"]: row["body"]
        for row in batch.events.to_pylist()
        if row["name"] == "job.fact_ignored"
    }
    assert set(told) == set(env) - {"SLURM_JOB_ID", "SLURM_JOB_END_TIME"}
    assert told["SLURM_PROCID"] == "SLURM_PROCID is no number: 'x'"
    assert "'four'" in told["SLURM_GPUS_ON_NODE"]
    assert "future" in told["SLURM_JOB_START_TIME"]
    assert "'2026-01-01T00:00:00Z'" in told["INLAY_JOB_SUBMITTED"]
    states = {name: row["status"] for name, row in points(batch).items()}
    assert states["job.queue_wait"] == states["job.gpu_time"] == "error"
    assert states["job.time_left"] == "absent"
    assert not observer.collect().events.to_pylist()


@pytest.mark.parametrize("submitted", [1.7e12, 1_700_000_100.0])
def test_a_wait_is_not_made_up(submitted: float) -> None:
    env = {"SLURM_JOB_START_TIME": "1700000060", "INLAY_JOB_SUBMITTED": str(submitted)}
    observer = inlay.Observer()
    observer.probe(Job(environ=env))
    batch = observer.collect()
    row = points(batch)["job.queue_wait"]
    assert (row["status"], row["value"]) == ("error", None)
    (event,) = batch.events.to_pylist()
    assert str(submitted) in event["body"]
    with pytest.raises(inlay.InvalidArgumentError, match=r"submitted .*: 17000000000"):
        Job(environ={}, submitted=1.7e12)


def test_gpus_are_held_from_the_first_window_on() -> None:
    clock = inlay.ManualClock(1_700_000_000.0)
    observer = inlay.Observer(clock=clock)
    activity = observer.gauge("gpu.sm.activity", attributes=("gpu",), layer="infra")
    observer.probe(Job(gpus=2, environ={}))
    held = idle = 0.0
    for _ in range(3):
        activity.set(0.0, gpu="a")
        activity.set(0.9, gpu="b")
        clock.advance(2.0)
        found = points(observer.collect())
        held += found["job.gpu_time"]["value"]
        idle += found["job.idle_gpu_time"]["value"]
    assert (held, idle) == (pytest.approx(12.0), pytest.approx(6.0))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "SLURM_JOB_ID",
                "SLURM_PROCID",
                "SLURM_JOB_START_TIME",
                "SLURM_NNODES",
                "CUDA_VISIBLE_DEVICES",
                "INLAY_JOB_SUBMITTED",
                "POD_NAME",
                "KUBERNETES_SERVICE_HOST",
            ]
        ),
        st.text(max_size=300),
    ),
    st.binary(max_size=200),
)
def test_whatever_stands_there_raises_nothing(
    tmp_path_factory: Any, env: dict[str, str], cgroup: bytes
) -> None:
    root = tmp_path_factory.mktemp("root")
    path = root / "proc/self/cgroup"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0::/kubepods/pod" + cgroup)
    facts = job_facts(env, root=root)
    for value in (facts.submitted, facts.started, facts.ends):
        assert value is None or 1e8 < value < 1e11
    assert all(isinstance(value, str) and value for value in facts.attributes.values())


def test_waits_of_a_job() -> None:
    now = time.time()
    env = {
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_START_TIME": str(now - 100),
        "SLURM_JOB_END_TIME": str(now + 1000),
        "INLAY_JOB_SUBMITTED": str(now - 160),
    }
    job = Job(environ=env, recorder=SimpleNamespace(first_step_time=now + 5))
    observer = inlay.Observer(resource={"service.name": "s"})
    observer.probe(job)
    observer.collect()
    found = points(observer.collect())
    assert found["job.queue_wait"]["value"] == pytest.approx(60.0)
    assert found["job.time_left"]["value"] == pytest.approx(1000.0, abs=60.0)
    start = process_start()
    assert start is not None
    assert found["job.time_to_first_step"]["value"] == pytest.approx(now + 5 - start, abs=1.0)
    assert observer.resource["slurm.job.id"] == "1"
    assert job.started == pytest.approx(now - 100)


def test_what_cannot_be_known_is_said_once(tmp_path: Path) -> None:
    job = Job(environ={}, root=tmp_path)
    observer = inlay.Observer()
    observer.probe(job)
    found = points(observer.collect())
    assert {name: (row["status"], row["value"]) for name, row in found.items()} == {
        name: ("absent", None)
        for name in (
            "job.queue_wait",
            "job.time_left",
            "job.time_to_first_step",
            "job.gpu_time",
            "job.idle_gpu_time",
            "job.energy_per_token",
            "job.energy_per_sample",
        )
    }
    assert found["job.gpu_time"]["kind"] == found["job.idle_gpu_time"]["kind"] == "counter"
    assert points(observer.collect()) == {}


def test_gpus_without_work_and_energy_come_from_the_window() -> None:
    observer = inlay.Observer()
    activity = observer.gauge("gpu.sm.activity", attributes=("gpu",), layer="infra")
    coarse = observer.gauge("gpu.utilization", attributes=("gpu",), layer="infra")
    energy = observer.counter("gpu.energy", unit="J", attributes=("gpu",), layer="infra")
    tokens = observer.counter("training.tokens", layer="training")
    observer.probe(Job(gpus=3, environ={}))
    observer.collect()
    began = time.monotonic()
    activity.set(0.001, gpu="a")
    coarse.set(0.9, gpu="a")  # the finer one is believed
    activity.set(0.8, gpu="b")
    coarse.set(0.0, gpu="c")
    energy.add(300.0, gpu="a")
    energy.add(100.0, gpu="b")
    time.sleep(0.2)
    first = points(observer.collect())
    passed = time.monotonic() - began
    assert 0.4 <= first["job.idle_gpu_time"]["value"] <= 2 * passed + 0.1
    assert 0.6 <= first["job.gpu_time"]["value"] <= 3 * passed + 0.3
    assert "job.energy_per_token" not in first
    tokens.add(50)
    second = points(observer.collect())
    assert second["job.energy_per_token"]["value"] == pytest.approx(8.0)


def test_values_may_be_given() -> None:
    observer = inlay.Observer()
    job = Job(environ={})
    observer.probe(job)
    job.first_step()
    job.idle(2.5)
    job.energy(10.0)
    job.work(tokens=4, samples=2)
    found = points(observer.collect())
    assert found["job.idle_gpu_time"]["value"] == 2.5
    assert found["job.energy_per_token"]["value"] == 2.5
    assert found["job.energy_per_sample"]["value"] == 5.0
    assert found["job.time_to_first_step"]["value"] > 0.0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"gpus": -1}, "gpus .*: -1"),
        ({"started": float("nan")}, "started .*: nan"),
        ({"started": 4e9}, "started .*future: 4000000000"),
        ({"idle_below": 2}, "idle_below .*: 2"),
        ({"root": "/nowhere"}, "root .*'/nowhere'"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=match):
        Job(environ={}, **options)
    with pytest.raises(inlay.InvalidArgumentError, match=r"joules .*: -5"):
        Job(environ={}).energy(-5)
    with pytest.raises(inlay.InvalidArgumentError, match=r"moment .*: 12.5"):
        Job(environ={}).first_step(12.5)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"gpus": "4"}, "gpus .*: '4'"),
        ({"gpus": 1.5}, "gpus .*: 1.5"),
        ({"submitted": "now"}, "submitted .*'now'"),
        ({"recorder": 3}, "recorder .*: 3"),
        ({"environ": 3}, "environ .*: 3"),
        ({"root": 3}, "root .*: 3"),
    ],
)
def test_settings_of_another_kind_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        Job(**({"environ": {}} | options))
    with pytest.raises(TypeError, match=r"joules .*: '3'"):
        Job(environ={}).energy("3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"observer .*: 3"):
        Job(environ={}).observe(3)  # type: ignore[arg-type]


def test_the_start_of_the_process(tmp_path: Path) -> None:
    start = process_start()
    assert start is not None
    assert 0.0 <= time.time() - start < 36_000.0
    assert process_start(tmp_path) is None
    tree(tmp_path, proc__self__stat="1 (a) b) S " + "1 " * 20, proc__uptime="x")
    assert process_start(tmp_path) is None
