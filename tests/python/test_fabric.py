"""Links: who reads them, and probes between processes that stay, die or hang."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from host_tree import HostTree
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.infra import AllReduceProbe, Fabric, Host, PingMesh
from inlay.infra.ping_mesh import partner

if TYPE_CHECKING:
    from pathlib import Path

SOON = 120.0


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    made = HostTree(tmp_path / "root")
    made.add_all(ports=2)
    return made


def metrics(batch: inlay.Batch) -> list[str]:
    return [row["metric"] for row in batch.points.to_pylist() if row["layer"] == "infra"]


# ---- passive -------------------------------------------------------------------------------------
def test_a_fabric_hands_over_the_links_alone(tree: HostTree) -> None:
    obs = inlay.Observer()
    fabric = Fabric(root=str(tree), period=60.0)
    obs.probe(fabric)
    found = set(metrics(obs.collect()))
    assert {"ib.state", "ib.rate", "host.network.up"} <= found
    assert not any(name.startswith(("host.cpu", "host.memory")) for name in found)
    assert fabric.running
    fabric.stop()
    assert not fabric.running
    obs.stop()


@pytest.mark.parametrize("host_first", [True, False])
def test_links_are_read_once_where_there_are_a_host_and_a_fabric(
    tree: HostTree, host_first: bool
) -> None:
    obs = inlay.Observer()
    host, fabric = Host(root=str(tree), period=60.0), Fabric(root=str(tree), period=60.0)
    obs.probe(*((host, fabric) if host_first else (fabric, host)))
    obs.collect()
    assert set(fabric.families) == {"network", "infiniband", "ethtool"}
    assert not set(host.families) & set(fabric.families)
    host.tick()
    fabric.tick()
    rows = [row for row in obs.collect().points.to_pylist() if row["metric"] == "ib.io"]
    assert len(rows) == 4  # two ports, two directions
    fabric.stop()
    assert "infiniband" in host.families  # the host reads them again
    host.stop()


def test_hosts_of_other_roots_or_observers_are_left_alone(tree: HostTree, tmp_path: Path) -> None:
    other = HostTree(tmp_path / "other")
    obs = inlay.Observer()
    host, fabric = Host(root=str(other), period=60.0), Fabric(root=str(tree), period=60.0)
    obs.probe(host, fabric)
    obs.collect()
    assert "infiniband" in host.families
    with pytest.raises(inlay.InvalidArgumentError, match="another observer"):
        host.start(inlay.Observer())
    with pytest.raises(inlay.InvalidArgumentError, match="another observer"):
        inlay.Observer().probe(host)
    host.stop()
    fabric.stop()


def test_threads_end_with_their_observer_and_are_free_for_another(tree: HostTree) -> None:
    class Link:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def start(self, observer: inlay.Observer) -> None:
            self.calls.append("start")

        def stop(self) -> None:
            self.calls.append("stop")

    link = Link()
    first, second = inlay.Observer(), inlay.Observer()
    host = Host(root=str(tree), period=60.0)
    fabric = Fabric(root=str(tree), period=60.0, probe=link)
    first.probe(host, fabric)
    first.collect()
    second.stop()
    assert host.running
    assert fabric.running
    first.stop()
    assert not host.running
    assert not fabric.running
    assert (link.calls[0], link.calls[-1], link.calls.count("stop")) == ("start", "stop", 1)
    third = inlay.Observer()
    third.probe(host)
    third.collect()
    assert host.running
    third.stop()
    assert not host.running


def test_the_thread_reads_by_itself(tree: HostTree) -> None:
    obs = inlay.Observer()
    host = Host(root=str(tree), period=0.01, slow=0.02, families=("cpu", "memory"))
    host.start(obs)
    deadline = time.monotonic() + SOON
    while host.stats()["tasks"][0]["ticks"] < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    host.observe(obs)
    rows = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    assert rows["host.memory.total"]["count"] >= 5
    assert "running" in repr(host)
    host.stop()
    ticks = host.stats()["tasks"][0]["ticks"]
    time.sleep(0.05)
    assert host.stats()["tasks"][0]["ticks"] == ticks
    host.observe(obs)  # a stopped one is not started again by it
    assert not host.running
    assert "stopped" in repr(host)


def test_probes_of_links_have_start_and_stop(tree: HostTree) -> None:
    for none in (object(), PingMesh):
        with pytest.raises(TypeError, match=r"probe must be an object with .* start, stop: "):
            Fabric(root=str(tree), probe=none)  # type: ignore[arg-type]

    class Counts:
        started = stopped = 0

        def start(self, observer: inlay.Observer) -> None:
            self.started += 1

        def stop(self) -> None:
            self.stopped += 1

    probes = [Counts(), Counts()]
    fabric = Fabric(root=str(tree), probe=probes, period=60.0)
    obs = inlay.Observer()
    obs.probe(fabric)
    obs.collect()
    fabric.stop()
    assert [(each.started, each.stopped) for each in probes] == [(1, 1), (1, 1)]


def test_a_no_op_starts_no_thread(tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_DISABLED", "1")
    obs = inlay.Observer()
    host = Host(root=str(tree))
    obs.probe(host)
    obs.collect()
    assert not host.start(obs).running


def test_a_child_of_a_fork_reads_with_a_thread_of_its_own(tree: HostTree) -> None:
    obs = inlay.Observer()
    host = Host(root=str(tree), period=0.01, families=("memory",)).start(obs)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            host.observe(obs)
            deadline = time.monotonic() + 30.0
            before = host.stats()["tasks"][0]["ticks"]
            while host.stats()["tasks"][0]["ticks"] == before and time.monotonic() < deadline:
                time.sleep(0.01)
            alive = host.running and host.stats()["tasks"][0]["ticks"] > before
            host.stop()
            os.write(writer, b"alive" if alive else b"dead")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"alive"
    os.waitpid(child, 0)
    assert host.running
    host.stop()


# ---- rounds of pings -----------------------------------------------------------------------------
@given(st.integers(1, 40), st.integers(-100, 10_000))
def test_partners_are_mutual_and_all_meet(ranks: int, first: int) -> None:
    seats = ranks + ranks % 2
    turns = range(first, first + max(1, seats - 1))
    for rank in range(ranks):
        met = [partner(rank, ranks, turn) for turn in turns]
        assert sorted(other for other in met if other is not None) == [
            other for other in range(ranks) if other != rank
        ]
        for turn, other in zip(turns, met, strict=True):
            assert other is None or partner(other, ranks, turn) == rank


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_a_mesh_times_its_peers_and_tells_of_one_that_is_gone() -> None:
    peers = {rank: ("127.0.0.1", port) for rank, port in enumerate(free_ports(3))}
    meshes = [PingMesh(peers=peers, rank=rank, every=3600.0) for rank in range(3)]
    obs = inlay.Observer()
    meshes[0].start(obs)
    turns = [turn for turn in range(3) if partner(0, 3, turn) is not None]
    for turn in turns:
        took = meshes[0].turn(turn)
        assert took is not None
        assert 0.0 < took < 1.0
    batch = obs.collect()
    rows = [row for row in batch.points.to_pylist() if row["metric"] == "fabric.ping"]
    assert {row["attrs"] for row in rows} == {'{"peer":"1"}', '{"peer":"2"}'}
    assert all(row["kind"] == "histogram" and row["unit"] == "s" for row in rows)
    meshes[2].stop()
    for _ in range(2):
        for turn in turns:
            meshes[0].turn(turn)
    rows = obs.collect().points.to_pylist()
    gone = [row for row in rows if row["status"] == "absent" and row["metric"] == "fabric.ping"]
    assert [row["attrs"] for row in gone] == ['{"peer":"2"}']  # once
    failures = [row for row in rows if row["metric"] == "fabric.ping.failures"]
    assert failures[0]["attrs"] == '{"peer":"2","reason":"refused"}'
    assert failures[0]["value"] == 2.0
    assert meshes[0].silent == {2}
    for mesh in meshes[:2]:
        mesh.stop()
    assert "rank 0 of 3, 1 silent" in repr(meshes[0])


def test_a_mesh_pings_by_itself() -> None:
    peers = {rank: ("127.0.0.1", port) for rank, port in enumerate(free_ports(2))}
    meshes = [PingMesh(peers=peers, rank=rank, every=0.02) for rank in range(2)]
    obs = inlay.Observer()
    for mesh in meshes:
        mesh.start(obs)
    deadline = time.monotonic() + SOON
    while min(mesh.turns for mesh in meshes) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert min(mesh.turns for mesh in meshes) >= 3
    for mesh in meshes:
        mesh.stop()
        mesh.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        {"peers": {0: ("127.0.0.1", 0)}},
        {"peers": {0: ("127.0.0.1", 0), 2: ("127.0.0.1", 0)}, "rank": 0},
        {"peers": {0: ("127.0.0.1", 0)}, "rank": 1},
        {"peers": {0: ("127.0.0.1", 0)}, "rank": 0, "every": 0.0},
        {"peers": {0: ("127.0.0.1", 0)}, "rank": 0, "attempts": 0},
        {"peers": {0: ("127.0.0.1", 99_999_999)}, "rank": 0},
        {"peers": {0: "127.0.0.1:7000"}, "rank": 0},
        {"peers": {0: (7000, "127.0.0.1")}, "rank": 0},
        {"peers": [("127.0.0.1", 0)], "rank": 0},
    ],
)
def test_a_mesh_refuses_what_is_none(arguments: dict[str, Any]) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=r"(peers?|rank|every|attempts) .*: "):
        PingMesh(**arguments)


def test_a_mesh_refuses_what_is_of_another_kind() -> None:
    with pytest.raises(TypeError, match=r"the port of peer 0 .*: '7000'"):
        PingMesh(peers={0: ("127.0.0.1", "7000")}, rank=0)  # type: ignore[dict-item]
    mesh = PingMesh(peers={0: ("127.0.0.1", 0)}, rank=0)
    with pytest.raises(TypeError, match=r"number .*: 'x'"):
        mesh.turn("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"observer .*: None"):
        mesh.start(None)  # type: ignore[arg-type]
    mesh.stop()


# ---- between processes ---------------------------------------------------------------------------
RANK = """
import json, os, sys, time
import torch, torch.distributed as dist
import inlay
from inlay.infra import AllReduceProbe, Fabric, PingMesh

rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
dist.init_process_group("gloo")
obs = inlay.Observer({"service.name": "train"})

def told():
    batch = obs.collect()
    points = [row for row in batch.points.to_pylist() if row["metric"].startswith("fabric.")]
    events = [row for row in batch.events.to_pylist() if row["name"] == "fabric.probe_failed"]
    return points, events

def say(**facts):
    print(json.dumps({"rank": rank, **facts}, default=str), flush=True)

def until(done, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)
    return done()
"""


def run_ranks(tmp_path: Path, body: str, ranks: int = 3) -> list[dict[str, Any]]:
    """Run a program as several ranks; return what each said, None for one that said nothing."""
    pytest.importorskip("torch.distributed", reason="PyTorch is not installed")
    program = tmp_path / "rank.py"
    program.write_text(RANK + body)
    (port,) = free_ports(1)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "RANK": str(rank),
                "WORLD_SIZE": str(ranks),
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(ranks)
    ]
    said = []
    try:
        for process in processes:
            out, errors = process.communicate(timeout=SOON)
            lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
            assert lines or process.returncode, errors
            said.append(lines[-1] if lines else {"error": errors})
    finally:
        for process in processes:
            process.kill()
    return said


def test_ranks_time_an_all_reduce_on_their_own_clock(tmp_path: Path) -> None:
    said = run_ranks(
        tmp_path,
        """
probe = AllReduceProbe(every=0.05, timeout=30.0)
obs.probe(Fabric(probe=probe, period=60.0))
obs.collect()
good = until(lambda: probe.rounds >= 3)
points, events = told()
probe.stop()
say(good=good, status=probe.status, last=probe.last, points=points, events=len(events))
dist.barrier()
os._exit(0)
""",
    )
    for each in said:
        assert each.get("good"), each
        assert each["status"] == "ok"
        assert each["events"] == 0
        (row,) = each["points"]
        assert (row["metric"], row["kind"], row["status"]) == (
            "fabric.all_reduce",
            "histogram",
            "ok",
        )
        assert row["count"] >= 2
        assert 0.0 < each["last"] < 30.0


@pytest.mark.parametrize("how", ["os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_rank_that_dies_is_a_status_and_the_others_go_on(tmp_path: Path, how: str) -> None:
    said = run_ranks(
        tmp_path,
        f"""
probe = AllReduceProbe(every=0.05, timeout=5.0)
probe.start(obs)
until(lambda: probe.rounds >= 1)
if rank == 2:
    {how}
gone = until(lambda: probe.failure is not None)
points, events = told()
steps = sum(1 for _ in range(1000))  # what the program does, it still does
states = {{row["status"] for row in points}}
say(gone=gone, status=probe.status, states=sorted(states), events=len(events), steps=steps,
    severity=events[0]["severity"] if events else None, reason=probe.failure)
probe.start(obs)
probe.stop()
os._exit(0)
""",
    )
    for each in said[:2]:
        assert each.get("gone"), each
        assert each["status"] == "error"
        assert "error" in each["states"]
        assert each["events"] == 1
        assert each["severity"] == 13
        assert each["steps"] == 1000
        assert each["reason"]
        assert not re.search(r"\.cc|GLHF|\. ", each["reason"])


def test_a_rank_that_hangs_is_a_time_out(tmp_path: Path) -> None:
    said = run_ranks(
        tmp_path,
        """
probe = AllReduceProbe(steps=1, timeout=1.0, every=0.01)
probe.start(obs)
probe.step()
if rank == 1:
    time.sleep(6.0)
    say(gone=True)
    os._exit(0)
begun = time.monotonic()
probe.step()
took = time.monotonic() - begun
points, events = told()
say(gone=probe.failure is not None, took=took, events=len(events))
probe.step()  # nothing any more, and at once
os._exit(0)
""",
        ranks=2,
    )
    assert said[0].get("gone"), said
    assert 0.5 < said[0]["took"] < 30.0
    assert said[0]["events"] == 1


def test_rounds_at_steps_are_the_same_on_all_ranks(tmp_path: Path) -> None:
    said = run_ranks(
        tmp_path,
        """
probe = AllReduceProbe(steps=5, timeout=30.0, every=0.05)
probe.start(obs)
for step in range(40):
    time.sleep(0.02 if rank == 1 else 0.001)
    probe.step()
    dist.barrier()  # a training's own collective between: no dead-lock
points, events = told()
rows = {row["metric"]: row for row in points}
say(rounds=probe.rounds, events=len(events), waits=rows["fabric.all_reduce.wait"]["sum"],
    names=sorted(rows))
dist.barrier()
os._exit(0)
""",
    )
    rounds = {each["rounds"] for each in said}
    assert len(rounds) == 1
    assert 3 <= rounds.pop() <= 8
    assert said[0]["names"] == ["fabric.all_reduce", "fabric.all_reduce.wait"]
    waits = [each["waits"] for each in said]
    assert min(waits) == waits[1]  # who comes last waits least


def test_a_mesh_of_a_group(tmp_path: Path) -> None:
    said = run_ranks(
        tmp_path,
        """
mesh = PingMesh(every=3600.0, timeout=20.0)
mesh.start(obs)
dist.barrier()
times = [mesh.turn(turn) for turn in range(3)]
points, events = told()
dist.barrier()
mesh.stop()
say(rank_of=mesh.rank, times=times, peers=sorted(row["attrs"] for row in points))
os._exit(0)
""",
    )
    for rank, each in enumerate(said):
        others = [str(other) for other in range(3) if other != rank]
        assert each["peers"] == [f'{{"peer":"{other}"}}' for other in others]
        assert sum(time is not None for time in each["times"]) == 2


def test_what_is_no_group_is_named(tmp_path: Path) -> None:
    (said,) = run_ranks(
        tmp_path,
        """
from inlay.training import Stragglers
told = []
for make in (AllReduceProbe, PingMesh, lambda group: Stragglers(obs, group=group)):
    try:
        make(group=7)
    except inlay.InvalidArgumentError as error:
        told.append(str(error))
try:
    AllReduceProbe(every=3600.0).start(None)
except TypeError as error:
    told.append(str(error))
say(told=told)
os._exit(0)
""",
        ranks=1,
    )
    no_group = "group must be a process group that this rank is one of: 7"
    assert said["told"] == [no_group] * 3 + ["observer must be an inlay.Observer: None"]


def test_probes_of_a_group_need_one() -> None:
    pytest.importorskip("torch.distributed", reason="PyTorch is not installed")
    for make in (AllReduceProbe, PingMesh):
        with pytest.raises(inlay.InvalidArgumentError, match="initialised"):
            make()
    with pytest.raises(inlay.InvalidArgumentError, match="every"):
        AllReduceProbe(every=0.0)
