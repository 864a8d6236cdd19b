"""The end of the interpreter: what was recorded is delivered, and nothing stands in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SOON = 60.0

NOTES = '''
import array, json, os, sys, threading, time
import inlay, pyarrow, zoneinfo

class Notes(inlay.sinks.Sink):
    """Notes each call in a file."""

    def __init__(self, path=sys.argv[1]):
        self.file = open(path, "a", buffering=1)

    def open(self, resource, origin):
        print(json.dumps(["open"]), file=self.file)

    def write(self, batch):
        # Without the times, for which pyarrow would import pandas: in one second or two.
        points = batch.points.to_pyarrow().select(["layer", "metric", "value", "count"])
        found = {row["metric"]: row["value"] if row["count"] is None else row["count"]
                 for row in points.to_pylist() if row["layer"] == "app"}
        print(json.dumps(["write", found]), file=self.file)

    def close(self, deadline):
        print(json.dumps(["close"]), file=self.file)
'''


def run(script: str, tmp_path: Path, code: int = 0) -> tuple[list[Any], str, float]:
    """Run a program; return what its sink noted, its errors, and when it ended."""
    notes = tmp_path / "notes"
    notes.touch()
    program = tmp_path / "program.py"
    program.write_text(NOTES + script)
    done = subprocess.run(
        [sys.executable, str(program), str(notes)],
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    ended = time.monotonic()
    assert done.returncode == code, done.stderr
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    return lines, done.stderr, ended


def test_observer_that_nobody_stopped_delivers_its_last_window(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
obs = inlay.Observer(sinks=[Notes()]).start()
obs.counter("orders").add(3)
obs.histogram("latency").record_many(array.array("d", [1.0, 2.0]))
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 3, "latency": 2}], ["close"]]
    assert errors == ""


def test_observer_that_was_never_started_delivers_too(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
obs = inlay.Observer(sinks=[Notes()])
obs.counter("orders").add(3)
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 3}], ["close"]]
    assert errors == ""


def test_exit_with_threads_that_still_record(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
obs = inlay.Observer(window=0.01, sinks=[Notes()]).start()
orders, latency = obs.counter("orders").bind(), obs.histogram("latency").bind()
obs.gauge("load", callback=lambda: 1.0)
going = threading.Barrier(3)

def record():
    going.wait()
    while True:
        orders.add(1)
        latency.record(1.0)
        with latency.time():
            pass

for _ in range(2):
    threading.Thread(target=record, daemon=True).start()
going.wait()
while len(obs.collect().points) < 5:
    pass
""",
        tmp_path,
    )
    assert lines[0] == ["open"]
    assert lines[-1] == ["close"]
    assert all(line[0] == "write" for line in lines[1:-1])
    assert sum(line[1].get("orders", 0) for line in lines[1:-1]) > 0
    assert errors == ""


def test_threads_that_outlive_the_main_thread_are_counted(tmp_path: Path) -> None:
    lines, _, _ = run(
        """
obs = inlay.Observer(sinks=[Notes()]).start()
orders = obs.counter("orders").bind()

def late():
    threading.main_thread().join()
    for _ in range(1_000):
        orders.add(1)

threading.Thread(target=late).start()
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 1_000}], ["close"]]


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(3)", 3), ("raise RuntimeError('boom')", 1), ("1/0", 1)]
)
def test_program_that_fails_delivers_what_it_had(tmp_path: Path, end: str, code: int) -> None:
    lines, _, _ = run(
        f"""
obs = inlay.Observer(sinks=[Notes()])
with obs:
    obs.counter("orders").add(3)
    {end}
""",
        tmp_path,
        code,
    )
    assert lines == [["open"], ["write", {"orders": 3}], ["close"]]


def test_stuck_sink_holds_the_exit_for_two_seconds_at_most(tmp_path: Path) -> None:
    lines, errors, ended = run(
        """
class Stuck(Notes):
    def write(self, batch):
        threading.Event().wait()

many = [inlay.Observer(sinks=[Stuck(os.devnull)]).start() for _ in range(4)]
fine = inlay.Observer(sinks=[Notes()]).start()
fine.counter("orders").add(3)
print(time.monotonic(), file=sys.stderr)
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 3}], ["close"]]
    waited = ended - float(errors)  # both read the machine's one monotonic clock
    assert 2.0 <= waited < 2.0 * 4  # one deadline for all five, not one for each


def test_failing_sink_and_raising_callback_do_not_disturb_the_exit(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
class Failing(Notes):
    def write(self, batch):
        raise OSError("disk full")

obs = inlay.Observer(
    sinks=[Failing(os.devnull), Notes()], retry=inlay.sinks.Retry(tries=2, first=0.001)
).start()
obs.gauge("load", callback=lambda: 1 / 0)
obs.counter("orders").add(3)
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 3}], ["close"]]
    assert errors == "sink failing fails: OSError: disk full\n"  # and nothing else


def test_record_from_a_later_exit_function_raises_nothing(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
import atexit
orders = None
# Registered before the library's own, so it runs after it.
atexit.register(lambda: [orders.add(1) for _ in range(3)])
obs = inlay.Observer(sinks=[Notes()]).start()
orders = obs.counter("orders").bind()
orders.add(2)
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 2}], ["close"]]
    assert errors == ""


def test_stopped_observer_is_not_stopped_again(tmp_path: Path) -> None:
    lines, errors, _ = run(
        """
with inlay.Observer(sinks=[Notes()]) as obs:
    obs.counter("orders").add(3)
""",
        tmp_path,
    )
    assert lines == [["open"], ["write", {"orders": 3}], ["close"]]
    assert errors == ""
