"""The Prometheus sink in several worker processes that share a directory."""

import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import inlay
from inlay.sinks import Prometheus

# A worker: it records what each line of its input says, and answers when that is done.
WORKER = textwrap.dedent(
    """
    import sys
    import inlay
    from inlay.sinks import Prometheus

    sink = Prometheus(directory=sys.argv[1], publish=0.05)
    obs = inlay.Observer(resource={"service.name": "shop"}, sinks=[sink], window=3600.0)
    obs.start()
    jobs = obs.counter("jobs", attributes=("kind",))
    latency = obs.histogram("latency", unit="s").bind()
    depth = obs.gauge("depth").bind()
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "add":
            jobs.add(int(rest[0]), kind="a")
            latency.record(0.1)
            depth.set(int(rest[0]))
        elif command == "scrape":
            sys.stdout.write(sink.scrape("text/plain")[0].decode())
        elif command == "collect":
            obs.collect()
            obs.flush(timeout=20)
        elif command == "stop":
            obs.stop()
        print("# done", flush=True)
    """
)


class Worker:
    def __init__(self, directory):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != "# done\n":
            assert line, "the worker has died"
            lines.append(line)
        return "".join(lines)

    def scrape(self):
        return self.tell("scrape")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self):
        if self.process.poll() is None:
            self.kill()


@pytest.fixture
def workers(tmp_path):
    started = []

    def start():
        started.append(Worker(tmp_path))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


def value_of(text, sample):
    match = re.search(rf"^{re.escape(sample)} (.*)$", text, re.MULTILINE)
    return None if match is None else float(match.group(1))


def jobs_of(text):
    return value_of(text, 'jobs_total{kind="a"}')


def eventually(check, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_any_worker_answers_for_all(workers):
    one, two = workers(), workers()
    one.tell("add 3")
    two.tell("add 5")
    for worker in (one, two):
        eventually(lambda worker=worker: jobs_of(worker.scrape()) == 8)
        text = worker.scrape()
        assert value_of(text, "latency_seconds_count") == 2
        assert value_of(text, f'depth{{pid="{one.pid}"}}') == 3
        assert value_of(text, f'depth{{pid="{two.pid}"}}') == 5


def test_killed_workers_keep_their_counts_and_lose_their_gauges(workers, tmp_path):
    one, two = workers(), workers()
    one.tell("add 3")
    # What a scrape has shown is kept, even if the worker that showed it dies at once.
    assert jobs_of(one.scrape()) == 3
    one.kill()
    two.tell("add 5")
    text = two.scrape()
    assert jobs_of(text) == 8
    assert value_of(text, "latency_seconds_count") == 2
    assert f'pid="{one.pid}"' not in text
    assert len(list(tmp_path.glob("worker-*.prom"))) == 1
    # Its place is taken by another one.
    three = workers()
    three.tell("add 7")
    eventually(lambda: jobs_of(two.scrape()) == 15)


def test_stopped_worker_counts_as_dead_though_its_process_lives(workers):
    one, two = workers(), workers()
    one.tell("add 3")
    one.tell("stop")
    two.tell("add 5")
    text = two.scrape()
    assert jobs_of(text) == 8
    assert f'pid="{one.pid}"' not in text


def test_killed_at_any_moment_nothing_falls(workers):
    reader = workers()
    reader.tell("add 1")
    shown = jobs_of(reader.scrape())
    for delay in (0.0, 0.01, 0.03, 0.07):
        victim = workers()
        for number in range(5):
            victim.tell(f"add {number}")
            if number == 3:
                victim.tell("collect")
            now = jobs_of(reader.scrape())
            assert now >= shown
            shown = now
        time.sleep(delay)  # kill it inside, before or after a write
        victim.kill()
        now = jobs_of(reader.scrape())
        assert now >= shown
        shown = now
    assert shown <= 1 + 4 * 10


def test_fifty_dead_workers_leave_one_file(tmp_path):
    code = textwrap.dedent(
        """
        import os, sys
        import inlay
        from inlay.sinks import Prometheus
        for _ in range(50):
            pid = os.fork()
            if pid == 0:
                sink = Prometheus(directory=sys.argv[1])
                obs = inlay.Observer(sinks=[sink])
                obs.counter("jobs", attributes=("kind",)).add(2, kind="a")
                obs.gauge("depth").set(1)
                sink.open({}, 1)
                sink.scrape()
                os.kill(os.getpid(), 9)
            os.waitpid(pid, 0)
        """
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=200)
    sink = Prometheus(directory=tmp_path)
    obs = inlay.Observer(sinks=[sink])
    try:
        sink.open({}, 1)
        text = sink.scrape("text/plain")[0].decode()
        assert jobs_of(text) == 100
        assert "depth" not in text
        assert len(list(tmp_path.glob("*.prom"))) <= 2
        assert jobs_of(sink.scrape("text/plain")[0].decode()) == 100
    finally:
        sink.close(time.monotonic() + 5)
        obs.stop()


def test_forked_child_has_a_file_of_its_own(tmp_path):
    code = textwrap.dedent(
        """
        import os, sys, time
        import inlay
        from inlay.sinks import Prometheus

        sink = Prometheus(directory=sys.argv[1], publish=0.05)
        obs = inlay.Observer(sinks=[sink], window=3600.0).start()
        jobs = obs.counter("jobs", attributes=("kind",)).bind(kind="a")
        jobs.add(3)
        obs.collect()
        obs.flush(timeout=20)
        sink.scrape()
        ready, go = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            # Before its first record the child answers for the others, and has none of its own.
            early = sink.scrape("text/plain")[0].decode()
            jobs.add(4)
            late = sink.scrape("text/plain")[0].decode()
            os.write(ready[1], (early + "# cut\\n" + late).encode())
            os.close(ready[1])
            os.read(go[0], 1)
            os._exit(0)
        os.close(ready[1])
        text = b""
        while part := os.read(ready[0], 65536):
            text += part
        own = sink.scrape("text/plain")[0].decode()
        os.write(go[1], b"x")
        os.waitpid(pid, 0)
        jobs.add(1)
        after = sink.scrape("text/plain")[0].decode()
        obs.stop()
        sys.stdout.write("# cut\\n".join([text.decode(), own, after]))
        """
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert [jobs_of(part) for part in run.stdout.split("# cut\n")] == [3, 7, 7, 8]


def test_gauges_can_be_summed(tmp_path):
    sinks = [Prometheus(directory=tmp_path, gauges={"depth": "sum", "peak": "max"}) for _ in "ab"]
    observers = [inlay.Observer(sinks=[sink]) for sink in sinks]
    try:
        for number, (sink, observer) in enumerate(zip(sinks, observers, strict=True), 1):
            observer.gauge("depth").bind().set(number)
            observer.gauge("peak").bind().set(number)
            observer.gauge("other").bind().set(number)
            sink.open({}, number)
            sink.scrape()
        text = sinks[0].scrape("text/plain")[0].decode()
        assert value_of(text, "depth") == 3
        assert value_of(text, "peak") == 2
        assert len(re.findall(r"^other\{pid=", text, re.MULTILINE)) == 2
    finally:
        for sink, observer in zip(sinks, observers, strict=True):
            sink.close(time.monotonic() + 5)
            observer.stop()


def test_target_info_holds_what_all_workers_share(tmp_path):
    sinks = [Prometheus(directory=tmp_path) for _ in "ab"]
    try:
        for number, sink in enumerate(sinks):
            sink.open({"service.name": "shop", "process.pid": str(number)}, number)
            sink.scrape()
        text = sinks[0].scrape("text/plain")[0].decode()
        assert 'target_info{service_name="shop"} 1\n' in text
    finally:
        for sink in sinks:
            sink.close(time.monotonic() + 5)


def test_port_goes_to_the_next_worker(tmp_path):
    sinks = [Prometheus(directory=tmp_path, port=0, publish=0.05)]
    observers = [inlay.Observer(sinks=sinks)]
    port = sinks[0].port
    sinks.append(Prometheus(directory=tmp_path, port=port, publish=0.05))
    observers.append(inlay.Observer(sinks=sinks[1:]))
    try:
        assert sinks[1].port is None
        sinks[1].open({}, 2)
        sinks[0].open({}, 1)
        sinks[0].close(time.monotonic() + 5)
        eventually(lambda: sinks[1].port == port)
    finally:
        sinks[1].close(time.monotonic() + 5)
        for observer in observers:
            observer.stop()


def test_vanished_directory_is_counted_and_scrapes_go_on(tmp_path):
    shared = tmp_path / "shared"
    sink = Prometheus(directory=shared)
    obs = inlay.Observer(sinks=[sink])
    try:
        sink.open({}, 1)
        obs.counter("jobs", attributes=("kind",)).add(2, kind="a")
        assert jobs_of(sink.scrape("text/plain")[0].decode()) == 2
        for file in shared.iterdir():
            file.unlink()
        shared.rmdir()
        assert jobs_of(sink.scrape("text/plain")[0].decode()) == 2
        assert sink.stats()["directory_errors"] > 0
        assert "shared" in sink.status["last_error"]
        shared.mkdir()
        assert jobs_of(sink.scrape("text/plain")[0].decode()) == 2
        assert len(list(shared.glob("worker-*.prom"))) == 1
    finally:
        sink.close(time.monotonic() + 5)
        obs.stop()


def test_what_a_scrape_shows_is_shared_though_the_sink_has_not_been_opened(tmp_path):
    sink = Prometheus(directory=tmp_path)
    obs = inlay.Observer(resource={"service.name": "shop"}, sinks=[sink], window=3600.0)
    obs.counter("jobs").add(3)
    assert value_of(sink.scrape("text/plain")[0].decode(), "jobs_total") == 3
    assert [path.name.split("-")[0] for path in tmp_path.glob("*.prom")] == ["worker"]
    obs.start()
    obs.stop(timeout=20)
