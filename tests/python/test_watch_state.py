"""Checkpoints of a watch: what goes on from one is what would have gone on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from watched import Watched, rows

import inlay

# Feeds a watch; dies or not after some updates, and prints what is written from there on.
CHILD = """
import hashlib, json, os, signal, sys
import numpy as np
import pyarrow as pa
sys.path.insert(0, {tests!r})
import inlay
from watched import Watched, rows

def feed(watched, step):
    rng = np.random.default_rng(step)
    n = 40
    times = step * 25 + rng.normal(0, 30, n)
    times[0] = 1e9 if step % 7 == 0 else times[0]
    at = [None if rng.random() < 0.05 else float(t) for t in times]
    table = rows(at, x=rng.normal(size=n), n=rng.integers(0, 5, n),
                 city=rng.choice(["a", "b", "c"], n), id=rng.integers(0, 400, n))
    watched.at(max(0, step * 25))
    watched.watch.update(pa.table(table), source="one" if step % 3 else "two")

def make():
    rng = np.random.default_rng(99)
    reference = inlay.Profile.of(
        {{"x": rng.normal(size=500), "n": rng.integers(0, 5, 500),
          "city": rng.choice(["a", "b"], 500)}},
        reference=True,
    )
    return Watched(reference, event_time="at", disorder=20, lateness=120, idle=90, by="city",
                   key="id", window=2)

SKIP = ("observed_time", "origin", "window_seq", "resource")

def show(rows):
    for row in rows:
        if row["layer"] == "data" and row["kind"] not in ("gauge", "histogram") and (
            row["metric"] in ("data.column", "data.pane", "data.column.unseen")):
            row["summary"] = None if row["summary"] is None else row["summary"].hex()
            kept = {{name: str(value) for name, value in row.items() if name not in SKIP}}
            print(json.dumps(kept, sort_keys=True))

path, first, last, die = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "die"
watched = make()
if first:
    watched.at(first * 25 - 25)
    watched.watch.load_state(path)
for step in range(first, last):
    feed(watched, step)
    before = watched.collect()
    if step == 15:  # whoever saves goes on with what is saved
        watched.watch.save_state(path)
    elif not die and step > 15:
        show(before)
if die:
    os.kill(os.getpid(), signal.SIGKILL)
watched.finish()
show(watched.batches[-1].points.to_pylist())
"""


def run(tmp_path: Path, first: int, last: int, mode: str) -> tuple[int, str]:
    code = CHILD.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "state"), str(first), str(last), mode],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout if done.returncode <= 0 else done.stderr


def test_a_killed_process_goes_on_bit_for_bit(tmp_path: Path) -> None:
    code, whole = run(tmp_path, 0, 40, "run")
    assert code == 0, whole
    code, _ = run(tmp_path, 0, 20, "die")
    assert code == -signal.SIGKILL
    code, rest = run(tmp_path, 16, 40, "run")
    assert code == 0, rest
    assert len(rest.splitlines()) > 50
    assert rest == whole


def make(reference: Any = None, **options: Any) -> Watched:
    return Watched(reference, event_time="at", disorder=0, **options)


def test_a_state_of_another_watch_is_refused_by_name() -> None:
    reference = inlay.Profile.of({"x": np.arange(10.0)}, reference=True)
    state = make(reference, lateness=100).watch.save_state()
    with pytest.raises(inlay.InvalidArgumentError, match=r"lateness is 100 s, here it is 200 s$"):
        make(reference, lateness=200).watch.load_state(state)
    with pytest.raises(inlay.InvalidArgumentError, match="reference"):
        make(lateness=100).watch.load_state(state)
    with pytest.raises(
        inlay.InvalidArgumentError, match=r"its lateness is.*; its skew is 60 s, here"
    ):
        make(reference, lateness=200, skew=0.5).watch.load_state(state)
    other = inlay.Observer().watch("other", reference, lateness=100)
    with pytest.raises(inlay.InvalidArgumentError, match="name is 'orders', here it is 'other'"):
        other.load_state(state)


@pytest.mark.parametrize("options", [{}, {"every_rows": 10}])
def test_rows_that_a_loaded_state_replaces_are_warned_of(options: dict[str, Any]) -> None:
    state = make(**options).watch.save_state()
    watched = make(**options)
    watched.watch.update(rows([1, 2], x=[1.0, 2.0]))
    with pytest.warns(inlay.InlayWarning, match="'orders' held 2 rows in panes"):
        watched.watch.load_state(state)
    assert watched.watch.open_panes == 0
    watched.watch.load_state(state)  # there is nothing to lose now


def test_a_state_is_not_written_over_a_directory(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    watched = make()
    with pytest.raises(IsADirectoryError, match=r"a directory is there.*state'$"):
        watched.watch.save_state(tmp_path / "state")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


class Counting:
    """Says nothing and counts what it sees."""

    name = "counting"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.seen = 0

    def judge(self, points: inlay.Table, references: Any, *, scope: str) -> inlay.Table:
        self.seen += len(points)
        return inlay.Table.empty("verdicts")

    def save_state(self) -> bytes:
        return str(self.seen).encode()

    def load_state(self, state: bytes) -> None:
        self.seen = int(state)


def test_states_of_judges_go_with_it() -> None:
    judge, again = Counting(), Counting()
    watched = make(judges=[judge])
    watched.at(200)
    watched.watch.update(rows([1, 100, 100], x=[1.0, 2.0, 3.0]))
    assert judge.seen > 0
    state = watched.watch.save_state()
    make(judges=[again]).watch.load_state(state)
    assert again.seen == judge.seen
    with pytest.raises(inlay.InvalidArgumentError, match="judges"):
        make(judges=[Counting("2")]).watch.load_state(state)


def test_damaged_states_are_refused_and_change_nothing(tmp_path: Path) -> None:
    judge = Counting()
    watched = make(by="city", window=2, key="x", judges=[judge])
    watched.at(200)
    watched.watch.update(rows([1, 70, 130, 130], x=[1.0, 2.0, 3.0, 4.0], city=list("abca")))
    state = watched.watch.save_state(tmp_path / "state")
    assert (tmp_path / "state").read_bytes() == state
    with pytest.warns(inlay.InlayWarning, match="rows in panes"):
        watched.watch.load_state(tmp_path / "state")
    rng = np.random.default_rng(1)
    for length in rng.integers(0, len(state), 50):
        with pytest.raises(inlay.SerializationError):
            watched.watch.load_state(state[:length])
    for place in rng.integers(0, len(state), 100):
        wrong = bytearray(state)
        wrong[place] ^= 0x10
        with pytest.raises(inlay.SerializationError, match="the state"):
            watched.watch.load_state(bytes(wrong))
    with pytest.raises(inlay.SerializationError, match="no checkpoint of a watch"):
        watched.watch.load_state(inlay.Profile.of({"x": [1]}).to_bytes())
    with pytest.raises(FileNotFoundError):
        watched.watch.load_state(tmp_path / "nothing")
    assert watched.watch.save_state() == state


def test_states_whose_parts_contradict_are_refused() -> None:
    from inlay._container import pack, unpack
    from inlay.data.watch.checkpoint import _MAGIC

    watched = make(by="city", key="x")
    watched.watch.update(rows([1, 2], x=[1.0, 2.0], city=["a", "b"]))
    state = watched.watch.save_state()
    header, blobs = unpack(state, "it", magic=_MAGIC)

    def refused(**changed: Any) -> None:
        with pytest.raises(inlay.SerializationError):
            watched.watch.load_state(pack({**header, **changed}, blobs, magic=_MAGIC))

    refused(version=2)
    refused(settings=None)
    refused(groups=[])
    refused(groups=[[1, 2]])
    refused(tallies=[])
    refused(tallies=[["c"]])
    refused(keys=0)
    refused(keys=99)
    refused(watermark={})
    refused(watermark={"value": "x", "farthest": None, "sources": []})
    refused(panes=None)
    refused(has_schema=False)
    for number in range(len(blobs)):
        parts = [*blobs[:number], b"nonsense!", *blobs[number + 1 :]]
        wrong = pack(header, parts, magic=_MAGIC)
        with pytest.raises(inlay.SerializationError):
            watched.watch.load_state(wrong)
    assert watched.watch.save_state() == state


def test_a_watch_closed_without_writing_leaves_its_rows_to_the_next() -> None:
    first = make()
    first.watch.update(rows([1, 2], x=[1.0, 2.0]))
    state = first.watch.save_state()
    first.watch.close(discard=True)
    first.collect()
    assert first.panes == []
    second = make()
    second.watch.load_state(state)
    second.watch.update(rows([3], x=[3.0]))
    second.finish()
    assert second.panes == [(0, 0, 3)]


def test_panes_of_rows_are_saved() -> None:
    first = Watched(every_rows=5, event_time="at", window=2)
    first.watch.update(rows([1] * 8, x=np.arange(8.0)))
    second = Watched(every_rows=5, event_time="at", window=2)
    second.watch.load_state(first.watch.save_state())
    for watched in (first, second):
        watched.watch.update(rows([2] * 4, x=np.arange(4.0)))
        watched.finish()
    assert second.panes == first.panes[1:]


def test_state_does_not_grow_with_the_rows() -> None:
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.normal(size=1000) for i in range(5)}
    reference = inlay.Profile.of({**columns, "city": ["a", "b"] * 500}, reference=True)
    watched = make(reference, lateness=0)
    table = {**columns, "city": ["a", "b"] * 500}
    sizes = []
    for step in range(60):
        watched.at(step)
        watched.watch.update(rows(np.full(1000, float(step)), **table))
        sizes.append(watched.watch.memory_bytes)
    assert watched.watch.open_panes <= 2
    assert max(sizes) <= 2 * 6 * 10_000
    assert len(watched.watch.save_state()) <= 2 * 6 * 10_000


@pytest.mark.slow
def test_state_stays_small_for_ever() -> None:
    reference = inlay.Profile.of({"x": np.arange(1000.0), "city": ["a", "b"] * 500}, reference=True)
    watched = make(reference, lateness=60, key="x", remember=1000)
    rng = np.random.default_rng(0)
    for step in range(100_000):
        watched.at(step)
        watched.watch.update(
            rows([step - float(rng.integers(0, 80))], x=[rng.normal()], city=["a"]),
            source=f"s{step % 50}",
        )
        if step % 1000 == 0:
            watched.observer.collect()
            assert watched.watch.memory_bytes <= 5 * 2 * 10_000 + 16 * 2000
            assert len(watched.watch.save_state()) <= 200_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_starts_empty() -> None:
    code = """
import os, sys
sys.path.insert(0, {tests!r})
from watched import Watched, rows
watched = Watched(event_time="at", disorder=0)
watched.watch.update(rows([1, 2], x=[1.0, 2.0]))
child = os.fork()
if child == 0:
    assert watched.watch.open_panes == 0
    watched.watch.tick()
    watched.watch.update(rows([3], x=[1.0]))
    watched.finish()
    assert watched.panes == [(0, 0, 1)], watched.panes
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
watched.finish()
assert watched.panes == [(0, 0, 2)], watched.panes
"""
    code = code.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
