"""`inlay bench`, the timing it rests on, and the pages made of stored results."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inlay import _timing, bench
from inlay._machine import facts, slug

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    return parser.parse_args(["bench", *options])


@pytest.fixture(scope="module")
def results() -> list[bench.Result]:
    return bench.measure(quick=True, peers=False)


def test_bench_measures_every_work(results: list[bench.Result]) -> None:
    assert [r.key for r in results] == list(bench.WORKS)
    assert {r.who for r in results} == {"inlay", "python"}
    for result in results:
        assert (result.work, result.unit) == bench.WORKS[result.key]
        assert 0 <= result.figure.low <= result.figure.median <= result.figure.high
        assert math.isfinite(result.figure.high)
        assert result.figure.repeats == 3


def test_bench_rates_and_windows_are_positive(results: list[bench.Result]) -> None:
    figures = {r.key: r.figure for r in results}
    for key in ("loop", "counter_threads", "histogram_threads", "collect", "small_batch"):
        assert figures[key].low > 0


def test_bench_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    args = parse("--json", "--quick", "--no-peers")
    assert args.run(args) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"format", "machine", "results"}
    assert data["format"] == bench.FORMAT
    assert data["machine"]["cores"] >= 1
    assert data["machine"]["build"]["version"]
    assert [r["key"] for r in data["results"]] == list(bench.WORKS)
    keys = {"key", "work", "unit", "who", "median", "low", "high", "repeats"}
    for result in data["results"]:
        assert set(result) == keys
        assert all(isinstance(result[k], float) for k in ("median", "low", "high"))


def test_bench_table_names_every_work(capsys: pytest.CaptureFixture[str]) -> None:
    args = parse("--quick", "--no-peers")
    assert args.run(args) == 0
    out = capsys.readouterr().out
    for work, unit in bench.WORKS.values():
        assert f"{work} [{unit}]" in out


def test_bench_compares_peers_that_are_installed() -> None:
    pytest.importorskip(
        "opentelemetry.sdk.metrics", reason="the OpenTelemetry SDK is not installed"
    )
    by_who = {r.who: r.key for r in bench.measure(quick=True)}
    assert "opentelemetry" in by_who


def test_bench_does_not_measure_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "inlay._bench_peers.PEERS", (("absent", "no_such_package.sdk", pytest.fail),)
    )
    assert "absent" not in {r.who for r in bench.measure(quick=True)}


def test_bench_runs_when_disabled() -> None:
    code = "import inlay.bench as b; print(len(b.measure(quick=True, peers=False)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"INLAY_DISABLED": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == len(bench.WORKS)


def test_bench_says_when_records_were_lost() -> None:
    with pytest.raises(RuntimeError, match=r"lost records: counter is 3, 4 were made"):
        bench._expect(3, 4, "counter")


def test_loop_counts_calls_and_keeps_the_last_value() -> None:
    seen: list[float] = []
    loop = _timing.Loop("f(v)", {"f": seen.append})
    assert loop.time_ns([1.0, 2.0, 3.0]) > 0
    assert (loop.calls, loop.last, seen) == (3, 3.0, [1.0, 2.0, 3.0])


def test_loop_refuses_a_name_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"'not a name'"):
        _timing.Loop("pass", {"not a name": 1})


def test_time_calls_counts_each_call_it_makes() -> None:
    made = 0

    def call(_: object) -> None:
        nonlocal made
        made += 1

    loops = [_timing.Loop("f(v)", {"f": call}), _timing.Loop("f(v)", {"f": call})]
    figures = _timing.time_calls(loops, range(100), repeats=3, seconds=0.001)
    assert made == sum(loop.calls for loop in loops)
    assert [len(samples) for samples in figures] == [3, 3]
    assert all(ns >= 0 for samples in figures for ns in samples)


@pytest.mark.parametrize(("values", "repeats", "match"), [([], 3, "no values"), ([1], 0, "got 0")])
def test_time_calls_refuses_nothing_to_do(values: list[int], repeats: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        _timing.time_calls([], values, repeats=repeats)


def test_summary_is_median_and_range() -> None:
    assert _timing.summarise([3.0, 1.0, 2.0]) == _timing.Summary(2.0, 1.0, 3.0, 3)
    with pytest.raises(ValueError, match="no samples"):
        _timing.summarise([])


def test_undisturbed_leaves_out_what_was_cut_into(monkeypatch: pytest.MonkeyPatch) -> None:
    switches = iter([0, 0, 0, 1, 1, 1])  # the second of three calls is interrupted
    monkeypatch.setattr(_timing, "preemptions", lambda: next(switches))
    figures = iter([1.0, 50.0, 2.0])
    assert _timing.undisturbed(lambda: next(figures), 3) == [1.0, 2.0]


def test_undisturbed_keeps_all_where_each_was_cut_into(monkeypatch: pytest.MonkeyPatch) -> None:
    switches = iter(range(4))
    monkeypatch.setattr(_timing, "preemptions", lambda: next(switches))
    assert _timing.undisturbed(lambda: 3.0, 2) == [3.0, 3.0]


def test_hammer_runs_the_work_once_per_thread() -> None:
    done: list[int] = []
    assert _timing.hammer(4, lambda: done.append(1)) > 0
    assert len(done) == 4
    with pytest.raises(ValueError, match="got 0"):
        _timing.hammer(0, lambda: None)


def test_machine_facts_are_json_and_name_nobody() -> None:
    machine = facts(("numpy", "no-such-distribution"))
    text = json.dumps(machine)
    assert list(machine["versions"]) == ["numpy"]
    assert str(Path.home()) not in text
    assert set(slug(machine)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


# ---- benchmarks/: the runner's side ------------------------------------------------------------


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    if not BENCHMARKS.is_dir():
        pytest.skip("benchmarks/ belongs to a checkout and is not installed")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import tables

    return tables


def row(work: str, peer: str, role: str, *samples: float) -> dict[str, Any]:
    return {"section": "batch", "work": work, "peer": peer, "role": role, "samples": samples}


def stored(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "sections": {"batch": {"rows": list(rows)}}}


def test_tables_choose_the_best_peer_and_ignore_floors(tables: ModuleType) -> None:
    (line,) = tables.lines_of(
        stored(
            row("f32", "inlay", "inlay", 3.0, 2.0, 2.5),
            row("f32", "slow", "peer", 30.0),
            row("f32", "fast", "peer", 10.0),
            row("f32", "bound", "floor", 0.1),
            {"section": "batch", "peer": "gone", "skipped": "not installed: gone"},
        )
    )
    assert (line.ours.median, line.best.peer, line.ratio, line.met) == (2.5, "fast", 4.0, True)


def test_tables_turn_the_ratio_where_more_is_better(tables: ModuleType) -> None:
    (line,) = tables.lines_of(
        stored(row("two_threads", "inlay", "inlay", 1.8), row("two_threads", "p", "peer", 1.2))
    )
    assert line.ratio == pytest.approx(1.5)
    assert line.met is None


def test_tables_say_no_when_a_goal_is_missed(tables: ModuleType) -> None:
    results = stored(row("f32", "inlay", "inlay", 5.0))
    (line,) = tables.lines_of(results)
    assert line.met is False
    assert "| no |" in tables.markdown(results)


def test_goals_name_every_work_with_unit_and_at_most_one_goal(tables: ModuleType) -> None:
    for section, entry in tables.load_goals().items():
        assert entry["title"], section
        for key, work in entry.items():
            if isinstance(work, dict):
                assert work["work"], (section, key)
                assert work["unit"], (section, key)
                assert not {"at_most", "at_least"} <= set(work), (section, key)
                assert ("at_least" in work) <= work.get("higher", False), (section, key)


@pytest.mark.usefixtures("tables")
def test_pages_say_what_the_stored_results_say() -> None:
    stored = sorted((BENCHMARKS / "results").glob("*.json"))
    found = [path for path in stored if "gpu" not in json.loads(path.read_text())["machine"]]
    assert found, "benchmarks/results holds no results"
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "compare.py"), str(found[0]), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("section", ["batch", "collect", "record", "step", "threads"])
@pytest.mark.usefixtures("tables")
def test_benchmark_runs_and_checks_its_answer(section: str) -> None:
    done = subprocess.run(
        [sys.executable, f"bench_{section}.py", "--peer", "inlay", "--quick"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["section"] for line in lines} == {section}
    figures = [line for line in lines if "samples" in line]
    assert figures
    assert all(math.isfinite(s) for line in figures for s in line["samples"])
