"""Forks: the child starts empty with an origin of its own; nothing is counted twice or lost."""

from __future__ import annotations

import collections
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SOON = 60.0

# A sink that many processes may share: one line for each row, each window in one write.
LINES = """
import json, os, sys, threading
import inlay, pyarrow, zoneinfo

COLUMNS = ["resource", "origin", "window_seq", "metric", "attrs", "value", "count"]

class Lines(inlay.sinks.Sink):
    name = "lines"

    def __init__(self, path):
        self.path = path

    def open(self, resource, origin):
        self.pid, self.origin = resource["process.pid"], origin

    def write(self, batch):
        assert batch.origin == self.origin
        # Without the times, for which pyarrow would import pandas: in one second or two.
        points = batch.points.to_pyarrow().select(COLUMNS)
        text = "".join(
            json.dumps({
                "pid": self.pid, "row_pid": json.loads(row["resource"])["process.pid"],
                "writer": str(os.getpid()), "origin": row["origin"], "seq": row["window_seq"],
                "metric": row["metric"], "attrs": row["attrs"],
                "value": row["value"], "count": row["count"],
            }) + "\\n"
            for row in points.to_pylist()
        )
        file = os.open(self.path, os.O_APPEND | os.O_WRONLY | os.O_CREAT)
        os.write(file, text.encode())
        os.close(file)
"""


def run(script: str, tmp_path: Path, **environment: str) -> list[dict[str, Any]]:
    """Run a program in an interpreter of its own and return the rows its processes wrote."""
    lines = tmp_path / "lines"
    program = tmp_path / "program.py"
    program.write_text(LINES + script)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(program), str(lines)],
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return read(lines)


def read(lines: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    for row in rows:
        assert row["pid"] == row["row_pid"] == row["writer"]
    seen = {(row["origin"], row["seq"], row["metric"], row["attrs"]) for row in rows}
    assert len(seen) == len(rows)  # no window was written twice
    return rows


def totals(rows: list[dict[str, Any]], metric: str, column: str = "value") -> dict[str, float]:
    found: collections.Counter[str] = collections.Counter()
    for row in rows:
        if row["metric"] == metric:
            found[row["pid"]] += row[column]
    return dict(found)


def test_forked_child_counts_its_own_and_nothing_of_the_parent(tmp_path: Path) -> None:
    rows = run(
        """
obs = inlay.Observer(sinks=[Lines(sys.argv[1])]).start()
orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()
load = obs.gauge("load").bind()
for _ in range(1_000):
    orders.add(1); latency.record(1.0); load.set(3)
child = os.fork()
if child == 0:
    for _ in range(77):
        orders.add(1); latency.record(2.0)
    sys.exit()
for _ in range(500):
    orders.add(1); latency.record(1.0)
assert os.waitpid(child, 0)[1] == 0
obs.stop()
""",
        tmp_path,
    )
    by_pid = totals(rows, "orders")
    assert sorted(by_pid.values()) == [77, 1_500]
    assert sorted(totals(rows, "latency", "count").values()) == [77, 1_500]
    child = next(pid for pid, value in by_pid.items() if value == 77)
    assert child not in totals(rows, "load")  # the child never set it
    origins = {row["pid"]: row["origin"] for row in rows}
    assert len(set(origins.values())) == 2
    assert min(row["seq"] for row in rows if row["pid"] == child) == 0


def test_fork_while_threads_record_and_windows_turn(tmp_path: Path) -> None:
    rows = run(
        """
obs = inlay.Observer(window=0.005, sinks=[Lines(sys.argv[1])], queue=10_000).start()
orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()
obs.gauge("load", callback=lambda: 1.0)
ending = threading.Event()
done = [0] * 3

def record(index):
    while not ending.is_set():
        for _ in range(100):
            orders.add(1); latency.record(1.0)
            done[index] += 1

threads = [threading.Thread(target=record, args=(i,)) for i in range(3)]
for thread in threads:
    thread.start()
for i in range(20):
    child = os.fork()
    if child == 0:
        for _ in range(1_000 + i):
            orders.add(1); latency.record(1.0)
        obs.stop()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
ending.set()
for thread in threads:
    thread.join()
obs.counter("done").add(sum(done))
obs.stop(30)
""",
        tmp_path,
    )
    orders, latency = totals(rows, "orders"), totals(rows, "latency", "count")
    (parent,) = totals(rows, "done").items()
    assert orders.pop(parent[0]) == latency.pop(parent[0]) == parent[1]
    assert sorted(orders.values()) == sorted(latency.values()) == [1_000 + i for i in range(20)]


def test_child_that_records_nothing_is_silent(tmp_path: Path) -> None:
    rows = run(
        """
obs = inlay.Observer(sinks=[Lines(sys.argv[1])]).start()
obs.counter("orders").add(1)
for leave in (lambda: sys.exit(), obs.stop):
    child = os.fork()
    if child == 0:
        leave()
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
assert threading.active_count() > 1
""",
        tmp_path,
    )
    assert len({row["pid"] for row in rows}) == 1
    assert list(totals(rows, "orders").values()) == [1]


def test_child_turns_windows_on_the_clock_and_collects(tmp_path: Path) -> None:
    rows = run(
        """
clock = inlay.ManualClock()
obs = inlay.Observer(window=1.0, clock=clock, sinks=[Lines(sys.argv[1])]).start()
orders = obs.counter("orders").bind()
orders.add(1)
clock.advance(1)
child = os.fork()
if child == 0:
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
    orders.add(10)
    assert obs.core.started
    clock.advance(1)
    orders.add(20)
    clock.advance(1)
    orders.add(40)
    batch = obs.collect()
    assert batch.window_seq == 2, batch.window_seq
    orders.add(80)
    grandchild = os.fork()
    if grandchild == 0:
        orders.add(1_000)
        sys.exit()
    assert os.waitpid(grandchild, 0)[1] == 0
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
orders.add(2)
clock.advance(1)
""",
        tmp_path,
    )
    values: dict[str, list[float]] = collections.defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seq"]):
        if row["metric"] == "orders":
            values[row["pid"]].append(row["value"])
    assert sorted(values.values()) == [[1, 2], [10, 20, 40, 80], [1_000]]


def test_fork_while_every_lock_is_held(tmp_path: Path) -> None:
    rows = run(
        """
inside, gate = threading.Event(), threading.Event()

class Stuck(Lines):
    def write(self, batch):
        if os.getpid() == parent:
            inside.set()
            gate.wait()
        super().write(batch)

parent = os.getpid()
obs = inlay.Observer(sinks=[Stuck(sys.argv[1])], callback_timeout=0.01).start()
obs.gauge("stuck", callback=lambda: gate.wait() if os.getpid() == parent else 1.0)
orders = obs.counter("orders").bind()
orders.add(1)
obs.collect()
inside.wait()

# Locks that a thread of the parent holds at the moment of the fork.
held = [obs._lock, obs._delivery._condition._lock, obs._observables._cut, obs._self._lock]
held += [channel._condition._lock for channel in obs._delivery.channels]
ready = threading.Event()

def hold():
    for lock in held:
        lock.acquire()
    ready.set()
    gate.wait()
    for lock in reversed(held):
        lock.release()

holder = threading.Thread(target=hold)
holder.start()
ready.wait()
child = os.fork()
if child == 0:
    orders.add(5)
    obs.collect()
    assert obs.flush(30)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
gate.set()
holder.join()
""",
        tmp_path,
    )
    assert sorted(totals(rows, "orders").values()) == [1, 5]


def test_observer_that_was_not_started_is_not_started_in_the_child(tmp_path: Path) -> None:
    rows = run(
        """
obs = inlay.Observer(sinks=[Lines(sys.argv[1])])
orders = obs.counter("orders").bind()
orders.add(1)
obs.collect()
child = os.fork()
if child == 0:
    orders.add(5)
    assert threading.active_count() == 1
    obs.collect()
    orders.add(6)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
orders.add(2)
obs.stop()
""",
        tmp_path,
    )
    assert sorted(totals(rows, "orders").values()) == [3, 11]


def test_fork_while_a_sink_imports_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text(
        "import time\nimport heavy_seen\nheavy_seen.begun.set()\ntime.sleep(0.05)\nready = True\n"
    )
    (tmp_path / "heavy_seen.py").write_text("import threading\nbegun = threading.Event()\n")
    rows = run(
        """
import heavy_seen

class Importing(Lines):
    def open(self, resource, origin):
        import heavy
        assert heavy.ready
        super().open(resource, origin)

obs = inlay.Observer(sinks=[Importing(sys.argv[1])]).start()
orders = obs.counter("orders").bind()
heavy_seen.begun.wait()
child = os.fork()
orders.add(5 if child == 0 else 1)
if child == 0:
    assert obs.stop(30)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert obs.stop(30)
""",
        tmp_path,
    )
    assert sorted(totals(rows, "orders").values()) == [1, 5]


MULTIPROCESSING = """
import array, multiprocessing

obs = inlay.Observer(sinks=[Lines(sys.argv[1])]).start()
orders = obs.counter("orders").bind()
latency = obs.histogram("latency").bind()

def work(count):
    for _ in range(count):
        orders.add(1)
    latency.record_many(array.array("d", [1.0] * count))

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    work(1_000)
    processes = [context.Process(target=work, args=(100 + i,)) for i in range(3)]
    for process in processes:
        process.start()
    work(10)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    with context.Pool(1) as pool:
        pool.map(work, [7])
        pool.close()
        pool.join()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing_deliver_what_they_recorded(
    tmp_path: Path, method: str
) -> None:
    rows = run(MULTIPROCESSING.replace("METHOD", method), tmp_path)
    found = totals(rows, "orders")
    assert sorted(found.values()) == [7, 100, 101, 102, 1_010]
    assert totals(rows, "latency", "count") == found


APPLICATION = """
obs = inlay.Observer(sinks=[Lines(os.environ["LINES"])]).install().start()
requests = obs.counter("requests", attributes=("path",))
latency = obs.histogram("latency", attributes=("path",))
obs.counter("loaded").add(1)

def application(environ, start_response):
    with latency.time(path=environ["PATH_INFO"]):
        requests.add(1, path=environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


GEVENT_ALONE = """
from gevent import monkey
monkey.patch_all()
import gevent, time

window = inlay.Observer(window=0.02, sinks=[Lines(sys.argv[1])], queue=10_000)
orders, latency = window.counter("orders").bind(), window.histogram("latency").bind()
window.gauge("load", callback=lambda: 1.0)
turns = []

def work(count):
    for _ in range(count):
        orders.add(1)
        latency.record(1.0)
        gevent.sleep(0)

def tick():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.005)

ticking = gevent.spawn(tick)
with window:
    gevent.joinall([gevent.spawn(work, 500) for _ in range(10)])
    while window.core.window_seq < 5:
        gevent.sleep(0.005)
    window.collect()
    assert window.flush(30)
    child = os.fork()
    if child == 0:
        orders.add(7)
        assert window.stop(30)
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
ticking.kill()
longest = max(after - before for before, after in zip(turns, turns[1:]))
assert longest < 10, longest
"""


def test_greenlets_of_gevent_go_on_beside_delivery(tmp_path: Path) -> None:
    rows = run(GEVENT_ALONE, tmp_path)
    assert sorted(totals(rows, "orders").values()) == [7, 5_000]
    assert max(totals(rows, "latency", "count").values()) == 5_000


@pytest.mark.parametrize("worker", ["gthread", "gevent"])
def test_gunicorn_workers_of_a_preloaded_application(tmp_path: Path, worker: str) -> None:
    lines = tmp_path / "lines"
    (tmp_path / "application.py").write_text(LINES + APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--preload",
                "--workers",
                "3",
                "--worker-class",
                worker,
                "--threads",
                "2",
                "--bind",
                f"fd://{listener.fileno()}",
                "--no-control-socket",
                "application:application",
            ],
            cwd=tmp_path,
            pass_fds=[listener.fileno()],
            env={"LINES": str(lines), "PATH": ""},
            stderr=subprocess.PIPE,
            text=True,
        )
        workers: set[bytes] = set()

        def ask(index: int) -> None:
            for _ in range(25):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
                connection.request("GET", f"/{index}")
                workers.add(connection.getresponse().read())
                connection.close()

        try:
            threads = [threading.Thread(target=ask, args=(index,)) for index in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SOON)
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=SOON)
        finally:
            server.kill()
    assert server.returncode == 0, errors
    assert "Traceback" not in errors, errors
    rows = read(lines)
    assert sum(totals(rows, "requests").values()) == 200
    assert sum(totals(rows, "latency", "count").values()) == 200
    assert {pid.encode() for pid in totals(rows, "requests")} == workers
    assert list(totals(rows, "loaded").values()) == [1]  # by the master, once
    assert str(server.pid) in totals(rows, "loaded")
