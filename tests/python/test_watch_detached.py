"""Watches of an observer that keeps nothing, and of one that is installed later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from watched import seconds

import inlay


def test_a_watch_made_before_install_counts_from_then_on() -> None:
    watch = inlay.get_observer().watch("early", event_time="at", every=60)
    table = {"at": seconds(1, 2), "x": [1.0, 2.0]}
    assert watch.update(table) == 0
    assert (watch.name, watch.closed, watch.open_panes) == ("early", False, 0)
    assert watch.watermark is None
    assert watch.counts_apart == {}
    assert watch.kept_apart("missing").num_rows == 0
    assert watch.save_state() == b""
    watch.load_state(b"")
    watch.tick()
    observer = inlay.Observer().install()
    try:
        assert watch.update(table) == 2
        assert watch.open_panes == 1
        assert watch.memory_bytes > 0
        assert inlay.get_observer().watch("later", event_time="at").update(table) == 2
        watch.close()
        assert watch.closed
        panes = [row for row in observer.collect().points.to_pylist() if row["kind"] == "counter"]
        assert [row["value"] for row in panes if row["metric"] == "data.pane"] == [2.0]
    finally:
        observer.uninstall()


def test_a_watch_that_the_target_cannot_have_warns() -> None:
    early = inlay.get_observer()
    watch = early.watch("twice", every=60)
    observer = inlay.Observer()
    observer.watch("twice")
    try:
        with pytest.warns(RuntimeWarning, match="'twice'"):
            observer.install()
        assert watch.update({"x": [1.0]}) == 0
    finally:
        observer.uninstall()


def test_a_disabled_process_watches_nothing() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import inlay
watch = inlay.Observer().watch("a", event_time="at")
assert watch.update({{"at": [1.0], "x": [1.0]}}) == 0
watch.close()
assert watch.closed
assert "pyarrow" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"INLAY_DISABLED": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_observer_without_watches_loads_nothing_of_them() -> None:
    code = """
import inlay, sys
inlay.Observer().collect()
assert not [name for name in sys.modules if "data.watch" in name or name == "pyarrow"]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
