"""Stored points judged anew: as they were live, with other thresholds, over several processes."""

import datetime
import time

import drift_points as dp
import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay.drift import (
    CategoryJudge,
    DistanceJudge,
    DriftJudge,
    MissingnessJudge,
    References,
    SegmentJudge,
)
from inlay.drift.directory_judge import judge_directory
from inlay.drift.firings import Firings
from inlay.drift.replay import Replay
from inlay.sinks.files import Files

PANES, COLUMNS, SHIFT = 40, 4, 25


def judges():
    return [
        DriftJudge(),
        MissingnessJudge(),
        DistanceJudge(["psi", "ks"]),
        CategoryJudge(),
        SegmentJudge(),
    ]


def points(origin=1, seed=1):
    table = dp.month(PANES, COLUMNS, seed=seed, origin=origin, shift_from=SHIFT)
    late = [
        {**dp.edges_row([5] * 10, pane=pane, column="x001", revision=1, origin=origin)}
        | {"window_seq": pane + 3, "observed_time": dp.START + (pane + 5) * dp.EVERY}
        for pane in (7, 20)
    ]
    return pa.concat_tables([table, dp.complete(late)])


def live(table, directory):
    """Judge window by window as a watch does, and write points and verdicts."""
    references, running = References(), judges()
    sink = Files(directory, max_file_age=900.0)
    origin = table["origin"][0].as_py()
    sink.open({}, origin)
    written = []
    for sequence in sorted(set(table["window_seq"].to_pylist())):
        window = table.filter(pa.compute.equal(table["window_seq"], sequence))
        references.add(window)
        rows = window.filter(pa.compute.equal(window["metric"], "data.column"))
        rows = rows.sort_by([("time", "ascending"), ("revision", "ascending")])
        said = [judge.judge(rows, references, scope="process").to_pyarrow() for judge in running]
        verdicts = pa.concat_tables(said)
        written.append(verdicts)
        observed = max(window["observed_time"].cast(pa.int64()).to_pylist())
        tables = {"points": window, "verdicts": verdicts}
        given = {"window_seq": sequence, "origin": origin, "observed_time_us": observed}
        sink.write(inlay.Batch.from_tables(tables, **given))
    sink.close(time.monotonic() + 60)
    return pa.concat_tables(written)


def key(row):
    names = ("judge", "method", "attrs", "origin", "start_time", "revision")
    return tuple(row[name] for name in names)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    directory = tmp_path_factory.mktemp("live")
    verdicts = [live(points(origin, seed), directory) for origin, seed in ((1, 1), (2, 2))]
    return directory, pa.concat_tables(verdicts)


def test_a_replay_gives_the_verdicts_that_were_given_live(stored):
    directory, verdicts = stored
    found = inlay.backtest(directory, judges())
    expected = sorted(verdicts.to_pylist(), key=key)
    assert sorted(found.verdicts.to_pylist(), key=key) == expected
    assert {row["revision"] for row in expected} == {0, 1}
    compared = found.against_stored()
    assert compared == (len(expected), 0, 0, 0)


def test_what_fired_is_told_by_series_with_its_time(stored):
    found = inlay.backtest(stored[0], DriftJudge(), keep="none")
    # One series in each process, within a few windows of the shift, and for good.
    assert [each.origin for each in found.fired] in ([1, 2], [2, 1])
    for each in found.fired:
        assert each.attrs == dp.attrs("x000")
        start = datetime.datetime.fromtimestamp(dp.START / 1e6, datetime.UTC)
        delay = each.first - (start + datetime.timedelta(minutes=SHIFT))
        assert datetime.timedelta(0) <= delay <= datetime.timedelta(minutes=8)
        assert (each.ended, each.method) == (False, "drift")
        assert each.seconds == (each.last - each.since).total_seconds()
        assert each.effect is not None
        assert each.effect > 0.05
    summary = found.summary()
    assert summary["rows"] == 2 * (PANES * COLUMNS + 2)
    assert summary["fired"] == 2
    assert summary["series"] == 1
    assert summary["methods"]["drift"]["yes"] > 10
    assert len(found.verdicts) == 0
    assert "2 firings" in repr(found)
    assert "x000" in found._repr_html_()


def test_other_thresholds_say_something_else(stored):
    found = inlay.backtest(stored[0], DriftJudge(threshold=0.5))
    assert found.fired == []
    compared = found.against_stored()
    assert compared.differ > 0
    assert compared.only_new == 0


@pytest.mark.parametrize("scope", ["fleet", "host"])
def test_a_replay_of_a_fleet_gives_what_its_judge_wrote(tmp_path, scope):
    for origin, host in ((1, "a"), (2, "a"), (3, "b")):
        table = dp.month(PANES, COLUMNS, origin=origin, seed=origin, shift_from=SHIFT)
        place = table.schema.get_field_index("resource")
        text = pa.repeat(pa.scalar(dp.resource(host=host)), len(table))
        dp.write(tmp_path, table.set_column(place, table.schema.field(place), text))
    wrote = judge_directory(tmp_path, scope=scope).verdicts.num_rows
    assert wrote == PANES * COLUMNS * 2 * (2 if scope == "host" else 1)
    assert inlay.backtest(tmp_path, scope=scope).against_stored() == (wrote, 0, 0, 0)
    assert inlay.backtest(tmp_path, scope="process").against_stored().same == 0
    other = inlay.backtest(tmp_path, DriftJudge(threshold=0.5), scope=scope).against_stored()
    assert other.differ > 0
    assert (other.only_stored, other.only_new) == (0, 0)


def test_judges_of_one_class_are_told_apart(stored):
    two = [DriftJudge(threshold=0.02), DriftJudge(threshold=0.5), MissingnessJudge()]
    found = inlay.backtest(stored[0], two)
    methods = found.summary()["methods"]
    first, second = (f"drift of {judge!r}" for judge in two[:2])
    assert set(methods) == {first, second, "missingness"}
    assert methods[first]["yes"] > 10
    assert methods[second]["yes"] == 0
    assert {each.judge for each in found.fired} == {repr(two[0])}
    alone = inlay.backtest(stored[0], two[0]).summary()["methods"]["drift"]
    assert methods[first] == alone
    equal = inlay.backtest(stored[0], [MissingnessJudge(), MissingnessJudge()])
    said = equal.summary()["methods"]
    assert len(said) == 2
    assert f"missingness of {MissingnessJudge()!r} #2" in said


def test_windows_that_are_missing_are_told(tmp_path):
    whole = pa.concat_tables([points(1, 1), points(-2, 2)])
    dp.write(tmp_path / "whole", whole)
    assert inlay.backtest(tmp_path / "whole").notes == ()
    number = whole["window_seq"].to_numpy()
    lost = np.isin(number, [5, 6, 7, 12]) & (whole["origin"].to_numpy() == -2)
    dp.write(tmp_path / "gaps", whole.filter(pa.array(~lost)))
    found = inlay.backtest(tmp_path / "gaps")
    (note,) = found.notes
    assert note.startswith("origin -2 lacks 4 of 40 windows (window_seq 5 to 7, 12)")
    assert found.summary()["notes"] == [note]


def test_the_gaps_of_a_stream_that_grows_and_of_a_next_run_are_told(tmp_path):
    number = np.arange(30).repeat(3)
    kept = ~np.isin(number, [3, 9, 20, 22, 24, 26, 28])
    table = dp.month(30, 3)
    body = table.filter(pa.compute.equal(table["metric"], "data.column")).filter(pa.array(kept))
    sink = Files(tmp_path)
    sink.open({}, 1)
    for sequence in body["window_seq"].unique().to_pylist():
        rows = body.filter(pa.compute.equal(body["window_seq"], sequence))
        given = {"window_seq": sequence, "origin": 1, "observed_time_us": dp.START}
        sink.write(inlay.Batch.from_tables({"points": rows}, **given))
    (note,) = inlay.backtest(tmp_path, MissingnessJudge()).notes
    assert "7 of 30 windows (window_seq 3, 9, 20, 22, 24 and 2 more gaps)" in note
    later = Replay(tmp_path, after={1: 18})
    assert sum(len(rows) for rows in later) == 6 * 3
    assert "lacks 5 of 11 windows (window_seq 20, 22, 24, 26, 28)" in later.notes[0]
    sink.close(0.0)


def test_a_watch_whose_sink_keeps_up_lacks_no_window(tmp_path):
    clock = inlay.ManualClock(1_700_000_040)
    observer = inlay.Observer(clock=clock, sinks=[Files(tmp_path)])
    observer.start()
    observer.watch("orders", every=60)
    for _ in range(5):  # nothing happens
        clock.advance(1)
        observer.collect()
        observer.flush()
    observer.stop()
    assert inlay.backtest(tmp_path, MissingnessJudge()).notes == ()


def test_only_what_fired_may_be_kept(stored):
    found = inlay.backtest(stored[0], DriftJudge(), keep="yes")
    assert set(found.verdicts.to_pyarrow()["verdict"].to_pylist()) == {"yes"}
    with pytest.raises(inlay.InvalidArgumentError, match="keep='all'"):
        found.against_stored()


def test_processes_are_judged_together_as_a_fleet(stored):
    found = inlay.backtest(stored[0], [DriftJudge(), MissingnessJudge()], scope="fleet")
    rows = found.verdicts.to_pylist()
    assert {row["scope"] for row in rows} == {"fleet"}
    whole = [row for row in rows if row["judge"] == "MissingnessJudge" and not row["revision"]]
    assert len(whole) == PANES * COLUMNS
    assert {row["n"] for row in whole} == {2000}
    assert len(found.fired) == 1
    alone = inlay.backtest(stored[0], DriftJudge(), keep="none")
    assert found.fired[0].first <= max(each.first for each in alone.fired)


def test_a_column_is_gone_of_a_fleet_if_no_process_has_it(tmp_path):
    rows = []
    for origin in (1, 2):
        for pane in range(3):
            for column in ("x", "y"):
                row = dp.edges_row([100] * 10, pane=pane, column=column, origin=origin)
                lacks = column == "y" and (pane == 1 or (pane == 2 and origin == 2))
                if lacks:
                    row |= {"counts": [0] * 10, "count": 0, "status": "absent"}
                if pane == 0 and origin == 1:
                    rows.append(dp.reference_row(row, [10_000] * 10, origin=origin))
                rows.append(row)
    # Of a third process, after the windows were judged.
    late = dp.edges_row([0] * 10, pane=0, column="y", origin=3, status="absent")
    rows.append({**late, "observed_time": dp.START + 60 * dp.EVERY})
    dp.write(tmp_path, dp.complete(rows))
    found = inlay.backtest(tmp_path, [DriftJudge(), MissingnessJudge()], scope="fleet")
    said = [
        (row["method"], row["time"].minute, row["reason"])
        for row in found.verdicts.to_pylist()
        if row["attrs"] == dp.attrs("y")
    ]
    expected = [
        (method, minute, "absent" if minute == 2 else None)
        for method in ("drift", "missingness")
        for minute in (1, 2, 3)
    ]
    assert sorted(said, key=str) == sorted(expected, key=str)


def test_hosts_are_judged_apart(tmp_path):
    for origin, host in ((1, "a"), (2, "a"), (3, "b")):
        table = dp.month(6, 1, origin=origin, seed=origin)
        place = table.schema.get_field_index("resource")
        text = pa.repeat(pa.scalar(dp.resource(host=host)), len(table))
        dp.write(tmp_path, table.set_column(place, table.schema.field(place), text))
    found = inlay.backtest(tmp_path, MissingnessJudge(), scope="host").verdicts.to_pylist()
    counts = {(row["resource"], row["n"]) for row in found}
    assert counts == {
        ('{"host.name":"a","service.name":"ranker"}', 2000),
        ('{"host.name":"b","service.name":"ranker"}', 1000),
    }


def test_a_period_is_judged_by_the_references_that_came_before(stored):
    start = datetime.datetime.fromtimestamp((dp.START + 30 * dp.EVERY) / 1e6, datetime.UTC)
    end = start + datetime.timedelta(minutes=5)
    found = inlay.backtest(stored[0], MissingnessJudge(), start=start, end=end)
    assert found.summary()["methods"]["missingness"]["undefined"] == 0
    assert found.rows == 2 * 5 * COLUMNS


def test_a_reference_of_other_cells_is_named(stored):
    other = inlay.Profile.of({"x000": list(range(2000))}, progress=False).freeze()
    found = inlay.backtest(stored[0], MissingnessJudge(), reference=other)
    reasons = {(row["attrs"], row["reason"]) for row in found.verdicts.to_pylist()}
    assert (dp.attrs("x000"), "other_reference") in reasons
    assert (dp.attrs("x001"), "no_reference") in reasons


def test_judges_that_are_given_stay_as_they_are(stored):
    judge = MissingnessJudge()
    before = judge.save_state()
    inlay.backtest(stored[0], judge, keep="none")
    assert judge.save_state() == before


def test_arguments_are_checked(stored):
    with pytest.raises(TypeError, match="'psi'"):
        inlay.backtest(stored[0], ["psi"])
    with pytest.raises(inlay.InvalidArgumentError, match="'some'"):
        inlay.backtest(stored[0], keep="some")
    with pytest.raises(inlay.InvalidArgumentError, match="'world'"):
        inlay.backtest(stored[0], MissingnessJudge(), scope="world")
    with pytest.raises(inlay.InvalidArgumentError, match="idle"):
        inlay.backtest(stored[0], MissingnessJudge(), idle=-1.0)
    with pytest.raises(inlay.InvalidArgumentError, match="must be a judge"):
        inlay.backtest(stored[0], [])


def test_runs_end_with_a_no_and_not_with_an_undefined():
    firings = Firings()
    words = ["no", "yes", "undefined", "yes", "no", "yes"]
    for cut in (0, 3):
        rows = [dp.edges_row([1] * 10, pane=cut + at) for at in range(3)]
        verdicts = inlay.drift.verdict_rows.verdict_rows(
            dp.complete(rows),
            judge="J",
            judge_version="1",
            scope="process",
            method="m",
            verdict=words[cut : cut + 3],
            effect=[0.1, 0.2, None],
        )
        firings.add(verdicts)
    first, second = firings.list()
    assert (first.windows, first.ended, first.effect) == (2, True, 0.2)
    assert first.seconds == 180
    assert (second.windows, second.ended, second.effect) == (1, False, None)
    assert firings.counts == {"m": {"yes": 3, "no": 2, "undefined": 1}}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"start": 5}, TypeError, "start is a datetime with a zone, got int: 5"),
        ({"end": "today"}, TypeError, "end is a datetime with a zone, got str: 'today'"),
        ({"idle": "x"}, inlay.InvalidArgumentError, "idle.*'x'"),
        ({"judges": DriftJudge}, TypeError, "DriftJudge"),
        ({"judges": 5}, TypeError, "5"),
    ],
)
def test_an_argument_of_another_type_is_refused_with_its_value(stored, given, error, words):
    with pytest.raises(error, match=words):
        inlay.backtest(stored[0], **given)


def test_what_is_no_path_is_refused_with_its_value():
    with pytest.raises(TypeError, match="a directory is a path, got int: 5"):
        inlay.backtest(5)
