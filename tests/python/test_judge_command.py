"""`inlay judge`: what is new in a directory is judged once, by one process, and written there."""

import json
import os
import signal
import subprocess
import sys

import drift_points as dp
import pyarrow as pa
import pytest

import inlay
from inlay._files.locks import Lock
from inlay.cli import main
from inlay.drift import DriftJudge, MissingnessJudge
from inlay.drift.directory_judge import DirectoryJudge, judge_directory
from inlay.drift.stored import stored_verdicts

KEY = ("origin", "series_id", "method", "start_time", "time", "revision", "verdict", "n", "scope")


LATER = dp.START + 10_000 * dp.EVERY  # by then everybody is idle


def judge(directory, *, now=LATER, **given):
    given.setdefault("judges", [DriftJudge(), MissingnessJudge()])
    return DirectoryJudge(directory, given.pop("judges"), now_us=lambda: now, **given)


def written(directory):
    rows = stored_verdicts(directory, KEY).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def fleet(directory, panes, *, first=0, origins=(1, 2)):
    for origin in origins:
        table = dp.month(panes, 3, origin=origin, seed=origin, first=first, shift_from=12)
        dp.write(directory, table)


def test_a_directory_is_judged_once_and_the_verdicts_are_there(tmp_path):
    fleet(tmp_path, 20)
    first = judge(tmp_path).run()
    assert (first.rows, first.pending) == (120, 0)
    assert first.verdicts.num_rows == 2 * 60
    assert first.drifts
    assert len(written(tmp_path)) == 120
    assert {row[-1] for row in written(tmp_path)} == {"fleet"}
    again = judge(tmp_path).run()
    assert (again.rows, again.verdicts.num_rows) == (0, 0)
    assert again.drifts  # the newest verdict of a column still says yes
    assert again.latest.num_rows == 6
    assert len(written(tmp_path)) == 120
    assert len({row[0] for row in written(tmp_path)}) == 1


def test_in_pieces_it_gives_what_it_gives_at_once(tmp_path):
    fleet(tmp_path / "a", 10)
    assert judge(tmp_path / "a", now=dp.START + 11 * dp.EVERY).run().pending == 6
    fleet(tmp_path / "a", 10, first=10)
    second = judge(tmp_path / "a").run()
    assert second.rows == 60
    at_once = tmp_path / "b"
    fleet(at_once, 10)
    fleet(at_once, 10, first=10)
    judge(at_once).run()
    assert [row[1:] for row in written(tmp_path / "a")] == [row[1:] for row in written(at_once)]


def test_windows_wait_for_a_process_that_is_behind(tmp_path):
    fleet(tmp_path, 10)
    fleet(tmp_path, 5, first=10, origins=(1,))
    soon = dp.START + 20 * dp.EVERY
    assert judge(tmp_path, now=soon).run().pending == 5 * 3
    fleet(tmp_path, 5, first=10, origins=(2,))
    late = judge(tmp_path, now=soon + 60 * dp.EVERY).run()
    assert (late.rows, late.pending) == (15, 0)
    counts = [row["n"] for row in late.verdicts.to_pylist() if row["method"] == "missingness"]
    assert set(counts) == {2000}


def test_what_comes_after_its_window_was_judged_is_a_revision(tmp_path):
    fleet(tmp_path, 10)
    judge(tmp_path).run()
    fleet(tmp_path, 10, origins=(3,))
    late = judge(tmp_path).run().verdicts.to_pylist()
    assert {row["revision"] for row in late} == {1}
    missing = [row for row in late if row["method"] == "missingness"]
    assert {row["n"] for row in missing} == {3000}
    assert len(written(tmp_path)) == 2 * 2 * 30


def test_a_dry_run_writes_nothing(tmp_path):
    fleet(tmp_path, 5)
    before = sorted(tmp_path.rglob("*"))
    assert judge(tmp_path).run(dry=True).verdicts.num_rows == 30
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_died_before_it_wrote_is_made_up_for(tmp_path, monkeypatch):
    fleet(tmp_path, 5)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryJudge, "_deliver", dies)
        with pytest.raises(KeyboardInterrupt):
            judge(tmp_path).run()
    assert written(tmp_path) == []
    assert judge(tmp_path).run().verdicts.num_rows == 0
    assert len(written(tmp_path)) == 30


def test_a_run_that_died_after_it_wrote_writes_nothing_twice(tmp_path, monkeypatch):
    fleet(tmp_path, 5)
    save, states = DirectoryJudge._save, []

    def saves_once(self, state):
        states.append(state)
        if len(states) == 2:
            raise KeyboardInterrupt
        save(self, state)

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryJudge, "_save", saves_once)
        with pytest.raises(KeyboardInterrupt):
            judge(tmp_path).run()
    judge(tmp_path).run()
    found = inlay.query(tmp_path, "select count(*) as n from verdicts").to_pylist()
    assert found == [{"n": 30}]


def test_one_process_leads_and_others_say_who(tmp_path, capsys):
    fleet(tmp_path, 2)
    leader = judge(tmp_path)
    assert leader.lead() is None
    assert str(os.getpid()) in str(judge(tmp_path).lead())
    assert str(os.getpid()) in str(judge_directory(tmp_path, MissingnessJudge()))
    assert main(["judge", str(tmp_path)]) == 0
    assert f"process {os.getpid()}" in capsys.readouterr().out
    leader.resign()
    assert main(["judge", str(tmp_path)]) == 0
    assert not (tmp_path / "locks" / "judge.lock").exists()


def test_a_leader_that_is_killed_leaves_the_place_to_the_next(tmp_path):
    fleet(tmp_path, 2)
    code = (
        "import sys, pathlib; from inlay.drift.directory_judge import DirectoryJudge as D; "
        "d = D(pathlib.Path(sys.argv[1]), []); print(d.lead(), flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(arguments, **pipes, text=True) as other:  # type: ignore[call-overload]
        assert other.stdout.readline().strip() == "None"
        assert judge(tmp_path).lead() is not None
        other.send_signal(signal.SIGKILL)
    mine = judge(tmp_path)
    assert mine.lead() is None
    mine.resign()


def test_the_state_of_other_judges_is_refused_by_name(tmp_path):
    fleet(tmp_path, 2)
    judge(tmp_path).run()
    with pytest.raises(inlay.InvalidArgumentError, match=r"threshold=0\.5"):
        judge(tmp_path, judges=[DriftJudge(threshold=0.5), MissingnessJudge()]).run()
    with pytest.raises(inlay.InvalidArgumentError, match="scope"):
        judge(tmp_path, scope="host").run()
    with pytest.raises(inlay.InvalidArgumentError, match="'process'"):
        judge(tmp_path, scope="process")
    fresh = judge(tmp_path, scope="host")
    fresh.forget()
    assert fresh.run().rows == 12


def test_a_refusal_says_in_words_what_differs_and_what_to_do(tmp_path):
    fleet(tmp_path, 2)
    judge(tmp_path).run()
    other = judge(tmp_path, judges=[DriftJudge(threshold=0.5), MissingnessJudge()])
    with pytest.raises(inlay.InvalidArgumentError) as caught:
        other.run()
    said = str(caught.value)
    for words in ("DriftJudge: then threshold=0.02, now threshold=0.5", "--fresh", "--dry-run"):
        assert words in said
    assert "level" not in said  # nor does it differ
    assert all(len(line) < 200 for line in said.splitlines())
    assert "[" not in said
    assert "MissingnessJudge" not in said  # it is as before


def test_judging_anew_supersedes_what_was_judged_before(tmp_path):
    fleet(tmp_path, 20)
    judge(tmp_path).run()
    mine = {row["origin"] for row in stored_verdicts(tmp_path, KEY).to_pylist()}
    own = [{**row, "scope": "process", "origin": 1} for row in judge_rows(tmp_path)]
    write_verdicts(tmp_path, own)
    other = judge(tmp_path, judges=[DriftJudge(threshold=0.5), MissingnessJudge()])
    other.forget()
    assert other.run().verdicts.num_rows == 120
    rows = stored_verdicts(tmp_path, KEY).to_pylist()
    fleets = [row for row in rows if row["scope"] == "fleet"]
    assert len(fleets) == 120
    assert not mine & {row["origin"] for row in fleets}
    assert not any(row["verdict"] == "yes" for row in fleets if row["method"] == "drift")
    # What processes said about themselves is theirs.
    assert sum(row["scope"] == "process" for row in rows) == len(own)
    assert judge(tmp_path, judges=other._judges).run().verdicts.num_rows == 0


def judge_rows(directory):
    names = inlay.table.arrow_schema("verdicts").names
    return stored_verdicts(directory, tuple(names)).to_pylist()


def write_verdicts(directory, rows):
    table = pa.Table.from_pylist(rows, schema=inlay.table.arrow_schema("verdicts"))
    sink = inlay.sinks.Files(directory)
    sink.open({}, 1)
    given = {"window_seq": 1000, "origin": 1, "observed_time_us": dp.START}
    sink.write(inlay.Batch.from_tables({"verdicts": table}, **given))
    sink.close(float("inf"))


def test_a_lost_state_leaves_no_verdict_twice(tmp_path):
    fleet(tmp_path, 3)
    judge(tmp_path).run()
    (tmp_path / "judge" / "state").unlink()
    assert judge(tmp_path).run().verdicts.num_rows == 18
    assert len(written(tmp_path)) == 18


@pytest.mark.parametrize("step", ["_deliver", "_save"])
def test_judging_anew_may_die_at_any_time(tmp_path, monkeypatch, step):
    fleet(tmp_path, 3)
    judge(tmp_path).run()
    before = written(tmp_path)

    def dies(*_):
        raise KeyboardInterrupt

    fresh = judge(tmp_path)
    fresh.forget()
    with monkeypatch.context() as patch:
        patch.setattr(DirectoryJudge, step, dies)
        with pytest.raises(KeyboardInterrupt):
            fresh.run()
    assert written(tmp_path) == before  # nothing is gone before there is something else
    assert judge(tmp_path).run().notes == ()
    assert [row[1:] for row in written(tmp_path)] == [row[1:] for row in before]


def test_what_is_superseded_goes_once_no_compaction_is_at_it(tmp_path, monkeypatch):
    fleet(tmp_path, 3)
    judge(tmp_path).run()
    compaction = Lock(tmp_path / "locks" / "compact.lock")
    assert compaction.acquire()
    monkeypatch.setattr("inlay._files.compaction.time.monotonic", iter(range(0, 1000, 20)).__next__)
    fresh = judge(tmp_path)
    fresh.forget()
    assert "compaction" in fresh.run().notes[0]
    assert len(written(tmp_path)) == 36
    compaction.release()
    assert judge(tmp_path).run().notes == ()
    assert len(written(tmp_path)) == 18


def test_a_dry_run_with_other_settings_judges_from_the_start(tmp_path, capsys):
    fleet(tmp_path, 20)
    assert main(["judge", str(tmp_path)]) == 3
    capsys.readouterr()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    arguments = ["judge", str(tmp_path), "--threshold", "0.5"]
    assert main([*arguments, "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert "120 new points, new verdicts: 0 yes, 120 no" in captured.out
    assert "from the start" in captured.err
    assert main([*arguments, "--dry-run", "--fresh"]) == 0
    assert "120 new points" in capsys.readouterr().out
    assert main([*arguments, "--dry-run", "--scope", "host"]) == 0
    assert "of scope fleet, not host" in capsys.readouterr().err
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after
    assert main(arguments) == 1
    assert "--fresh" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "flip", "other"])
def test_a_damaged_state_is_refused_by_name(tmp_path, damage):
    fleet(tmp_path, 2)
    judge(tmp_path).run()
    path = tmp_path / "judge" / "state"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-5]
    elif damage == "flip":
        data[len(data) // 2] ^= 1
    else:
        data = bytearray(b"something else")
    path.write_bytes(data)
    with pytest.raises(inlay.SerializationError, match="state"):
        judge(tmp_path).run()


def test_the_command_prints_a_table_and_tells_by_its_status(tmp_path, capsys):
    fleet(tmp_path, 20)
    assert main(["judge", str(tmp_path), "--dry-run"]) == 3
    out = capsys.readouterr().out
    first = next(line for line in out.splitlines() if "x000" in line)
    assert "drifts" in first
    assert "watch=features" in first
    assert "120 new points" in out
    assert main(["judge", str(tmp_path), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["points"] == 120
    assert said["latest"][0]["verdict"] == "yes"
    assert main(["judge", str(tmp_path)]) == 3
    assert main(["judge", str(tmp_path), "--fresh", "--threshold", "0.5"]) == 0
    assert "no" in capsys.readouterr().out


def test_a_verdict_stands_until_another_is_yes_or_no(tmp_path, capsys):
    fleet(tmp_path, 20)
    assert main(["judge", str(tmp_path), "--idle", "0"]) == 3
    capsys.readouterr()
    empty = dp.complete([dp.edges_row([0] * 10, pane=20, column=f"x{n:03}") for n in range(3)])
    dp.write(tmp_path, empty)
    assert main(["judge", str(tmp_path), "--idle", "0"]) == 3
    out = capsys.readouterr().out
    assert "new verdicts: 0 yes, 0 no, 6 undefined" in out
    first = next(line for line in out.splitlines() if "x000" in line)
    assert "✗ drifts" in first
    assert first.endswith("empty")
    assert "? undefined" not in out
    assert main(["judge", str(tmp_path), "--idle", "0", "--json"]) == 3  # nothing is new
    said = json.loads(capsys.readouterr().out)
    assert (said["points"], said["drifts"], len(said["latest"])) == (0, True, 6)
    assert {row["verdict"] for row in said["latest"]} == {"yes", "no"}
    assert {row["then"] for row in said["latest"]} == {"empty"}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--threshold", "5"],
        ["--level", "2"],
        ["--min-rows", "0"],
        ["--idle", "-1"],
        ["--idle", "nan"],
        ["--follow", "nan"],
    ],
)
def test_a_setting_out_of_range_is_a_wrong_call(tmp_path, capsys, wrong):
    fleet(tmp_path, 2)
    with pytest.raises(SystemExit) as caught:
        main(["judge", str(tmp_path), *wrong])
    assert caught.value.code == 2
    assert wrong[0].lstrip("-").replace("-", "_") in capsys.readouterr().err.replace("-", "_")


def test_the_command_says_nothing_of_too_few_rows(tmp_path, capsys):
    fleet(tmp_path, 20)
    arguments = ["judge", str(tmp_path), "--dry-run", "--min-rows"]
    assert main([*arguments, "100000"]) == 0
    assert "0 yes, 0 no, 120 undefined" in capsys.readouterr().out


def test_the_command_judges_against_a_profile(tmp_path, capsys):
    fleet(tmp_path, 3)
    reference = inlay.Profile.of({"x000": list(range(2000))}, progress=False)
    reference.freeze().save(tmp_path / "r.inlay")
    arguments = ["judge", str(tmp_path), "--json", "--reference", str(tmp_path / "r.inlay")]
    assert main(arguments) == 0
    latest = json.loads(capsys.readouterr().out)["latest"]
    reasons = {row["reason"] for row in latest}
    assert reasons == {"other_reference", "no_reference"}


def test_the_command_is_refused_what_it_cannot_do(tmp_path, capsys):
    assert main(["judge", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
    assert main(["judge", str(tmp_path)]) == 1
    assert "no points" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["judge", str(tmp_path), "--follow", "0"])
    assert caught.value.code == 2


def test_following_goes_on_until_it_is_interrupted(tmp_path, monkeypatch, capsys):
    fleet(tmp_path, 2)
    turns = []

    def pauses(seconds):
        turns.append(seconds)
        if len(turns) == 2:
            raise KeyboardInterrupt
        fleet(tmp_path, 2, first=2)

    monkeypatch.setattr("inlay._judge_command.time.sleep", pauses)
    assert main(["judge", str(tmp_path), "--follow", "5"]) == 130
    assert turns == [5.0, 5.0]
    assert capsys.readouterr().out.count("12 new points") == 2
    assert not (tmp_path / "locks" / "judge.lock").exists()


def test_following_waits_for_a_directory_that_is_not_there_yet(tmp_path, monkeypatch, capsys):
    directory = tmp_path / "later"
    turns = []

    def pauses(seconds):
        turns.append(seconds)
        if len(turns) == 1:
            directory.mkdir()  # a writer has begun, but written nothing
        elif len(turns) == 2:
            fleet(directory, 2)
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr("inlay._judge_command.time.sleep", pauses)
    assert main(["judge", str(directory), "--follow", "5"]) == 130
    assert turns == [5.0] * 3
    captured = capsys.readouterr()
    assert captured.out.count("12 new points") == 1
    assert captured.err.count("waits for points") == 1


def test_verdicts_are_rows_of_the_table(tmp_path):
    fleet(tmp_path, 3)
    found = judge(tmp_path).run().verdicts
    assert found.schema.equals(inlay.table.arrow_schema("verdicts"))
    assert found["observed_time"].cast(pa.int64()).unique().to_pylist() == [LATER]
