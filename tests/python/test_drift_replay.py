"""Points read back from a directory, and windows of several processes added up."""

import datetime
import itertools

import drift_points as dp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.drift.fleet import FleetWindows
from inlay.drift.references import References
from inlay.drift.replay import COLUMNS, Replay


def read(directory, **given):
    return pa.concat_tables(list(Replay(directory, **given)))


def plain(table: pa.Table) -> list[dict]:
    return sorted(
        table.to_pylist(), key=lambda row: (row["observed_time"], row["origin"], row["attrs"])
    )


def test_points_come_back_in_the_order_of_emission(tmp_path):
    for origin in (1, 2):
        dp.write(tmp_path, dp.month(40, 3, origin=origin, seed=origin), max_file_age=600.0)
    # One that was killed: its stream is there, not sealed.
    found = read(tmp_path)
    assert found.num_rows == 2 * 40 * 3
    observed = found["observed_time"].cast(pa.int64()).to_numpy()
    assert (np.diff(observed) >= 0).all()
    written = pa.concat_tables([dp.month(40, 3, origin=o, seed=o) for o in (1, 2)])
    written = written.filter(pa.compute.equal(written["metric"], "data.column"))
    assert plain(found.select(list(COLUMNS))) == plain(written.select(list(COLUMNS)))
    assert found["bounds"].null_count == found.num_rows
    assert len(References.of(tmp_path)) == 3


def test_other_metrics_and_kinds_are_passed_over(tmp_path):
    rows = [dp.edges_row([1] * 10), {**dp.edges_row([1] * 10), "kind": "moments"}]
    rows += [dp.pane_row(10), dp.unseen_row({"new": 2}), {**dp.pane_row(1), "metric": "requests"}]
    dp.write(tmp_path, dp.complete(rows))
    found = read(tmp_path)
    assert sorted(found["metric"].to_pylist()) == [
        "data.column",
        "data.column.unseen",
        "data.pane",
    ]


def test_a_period_and_a_position_leave_out_what_lies_outside(tmp_path):
    dp.write(tmp_path, dp.month(20, 1))
    observed = read(tmp_path)["observed_time"].to_pylist()
    found = read(tmp_path, start=observed[5], end=observed[9])
    assert found["observed_time"].to_pylist() == observed[5:9]
    replay = Replay(tmp_path, after={1: 16})
    assert pa.concat_tables(list(replay))["window_seq"].to_pylist() == [17, 18, 19]
    assert replay.position == {1: 19}
    assert list(Replay(tmp_path, after=replay.position)) == []


def test_a_row_that_lies_in_two_files_comes_once(tmp_path):
    dp.write(tmp_path, dp.month(10, 2))
    (path,) = (tmp_path / "points").rglob("*.parquet")
    path.with_name(path.name.replace("0000000009.parquet", "0000000004.parquet")).write_bytes(
        path.read_bytes()
    )
    path.rename(path.with_name(path.name.replace("-0000000000-", "-0000000002-")))
    found = read(tmp_path)
    assert found.num_rows == 20
    assert len({(row["attrs"], row["time"]) for row in found.to_pylist()}) == 20


def test_bad_directories_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        Replay(tmp_path / "none")
    with pytest.raises(inlay.InvalidArgumentError, match="no points"):
        Replay(tmp_path)
    (tmp_path / "readme.txt").write_text("of somebody else")
    (tmp_path / "points" / "date=2026-01-01").mkdir(parents=True)
    with pytest.raises(inlay.InvalidArgumentError, match="no points"):
        Replay(tmp_path)
    dp.write(tmp_path, dp.month(2, 1))
    naive = datetime.datetime(2026, 1, 1)
    with pytest.raises(inlay.InvalidArgumentError, match="zone"):
        Replay(tmp_path, start=naive)
    late, early = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2027, 2026))
    with pytest.raises(inlay.InvalidArgumentError, match="must not be after"):
        Replay(tmp_path, start=late, end=early)


def damaged(directory, change):
    dp.write(directory, dp.month(3, 1))
    (path,) = (directory / "points").rglob("*.parquet")
    change(path)
    return path


def test_a_truncated_file_is_named(tmp_path):
    path = damaged(tmp_path, lambda path: path.write_bytes(path.read_bytes()[:-200]))
    with pytest.raises(inlay.SerializationError, match=path.name):
        read(tmp_path)


def test_a_column_that_is_not_there_or_of_another_type_is_named(tmp_path):
    def without(path):
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["counts"]), path)

    path = damaged(tmp_path / "a", without)
    with pytest.raises(inlay.InvalidArgumentError, match="'counts'") as caught:
        read(tmp_path / "a")
    assert path.name in str(caught.value)

    def texts(path):
        table = pq.ParquetFile(path).read()
        at = table.schema.get_field_index("counts")
        pq.write_table(table.set_column(at, "counts", pa.array(["x"] * len(table))), path)

    damaged(tmp_path / "b", texts)
    with pytest.raises(inlay.SerializationError, match="'counts' has another type"):
        read(tmp_path / "b")


def test_a_null_where_none_may_be_is_refused_by_name(tmp_path):
    def nulls(path):
        table = pq.ParquetFile(path).read()
        at = table.schema.get_field_index("series_id")
        column = pa.nulls(len(table), pa.int64())
        pq.write_table(table.set_column(at, "series_id", column), path)

    path = damaged(tmp_path, nulls)
    with pytest.raises(inlay.InvalidArgumentError, match="'series_id' must not have nulls") as e:
        read(tmp_path)
    assert path.name in str(e.value)


# ---- windows of a fleet --------------------------------------------------------------------------
IDLE = 10 * dp.EVERY


def stream(rows):
    """As a replay gives them: sorted by emission, text as dictionaries."""
    table = dp.complete(rows).sort_by([("observed_time", "ascending"), ("origin", "ascending")])
    fields = []
    for name in COLUMNS:
        column = table[name]
        fields.append(column.dictionary_encode() if pa.types.is_string(column.type) else column)
    return pa.Table.from_arrays(fields, list(COLUMNS))


def from_origins(panes, origins=(1, 2, 3), **more):
    return [
        dp.edges_row([origin] * 10, pane=pane, origin=origin, null_count=1, **more)
        for pane in range(panes)
        for origin in origins
    ]


def test_windows_of_several_processes_add_up_once_all_have_written_them():
    windows = FleetWindows(idle_us=IDLE, origin=77)
    found = windows.add(stream(from_origins(5)))
    assert windows.pending == 3  # the last window, of which nobody was heard further
    assert [row["counts"] for row in found.to_pylist()] == [[6] * 10] * 4
    assert set(found["origin"].to_pylist()) == {77}
    assert set(found["null_count"].to_pylist()) == {3}
    assert set(found["resource"].to_pylist()) == {'{"service.name":"ranker"}'}
    rest = windows.finish()
    assert rest is not None
    assert rest["counts"].to_pylist() == [[6] * 10]
    assert windows.finish() is None


def test_a_process_that_is_behind_is_waited_for_until_it_is_idle():
    rows = from_origins(3) + from_origins(30, origins=(1, 2))[6:]
    windows = FleetWindows(idle_us=IDLE)
    found = windows.add(stream(rows))
    sums = [row["counts"][0] for row in found.to_pylist()]
    assert sums[:3] == [6, 6, 6]
    assert set(sums[3:]) == {3}
    # The fourth window came out when the third process had been silent for ten windows.
    observed = found["observed_time"].cast(pa.int64()).to_pylist()
    assert observed[3] - dp.START >= 14 * dp.EVERY


def test_what_comes_after_the_release_is_a_revision_with_the_late_part_alone():
    rows = from_origins(6)
    late = dp.edges_row([5] * 10, pane=1, origin=2, revision=1)
    late["observed_time"] = dp.START + 20 * dp.EVERY
    windows = FleetWindows(idle_us=IDLE)
    found = windows.add(stream([*rows, late])).to_pylist()
    (revised,) = (row for row in found if row["revision"])
    assert (revised["revision"], revised["counts"][0]) == (1, 5)
    assert revised["start_time"] == found[1]["start_time"]


def test_an_origin_that_comes_much_later_makes_a_revision():
    rows = from_origins(5, origins=(1,))
    newcomer = from_origins(2, origins=(9,))
    for row in newcomer:
        row["observed_time"] += 10 * dp.EVERY
    found = FleetWindows(idle_us=IDLE).add(stream(rows + newcomer))
    assert [(r["revision"], r["counts"][0]) for r in found.to_pylist()][-2:] == [(1, 9), (1, 9)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=6), st.integers(0, 2**32 - 1), st.booleans())
def test_how_rows_are_cut_up_changes_nothing(cuts, seed, through_bytes):
    rng = np.random.default_rng(seed)
    rows = [row for row in from_origins(8, (1, 2, 3)) if rng.random() < 0.8]
    for row in rows:
        row["observed_time"] += int(rng.integers(0, 5 * dp.EVERY))
    table = stream(rows)
    whole = FleetWindows(idle_us=IDLE)
    expected = whole.add(table).to_pylist()
    ends = whole.finish()
    expected += [] if ends is None else ends.to_pylist()
    windows, found = FleetWindows(idle_us=IDLE), []
    places = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        found += windows.add(table.slice(begin, end - begin)).to_pylist()
        if through_bytes:
            twin = FleetWindows(idle_us=IDLE)
            twin.load(windows.to_bytes())
            windows = twin
    ends = windows.finish()
    found += [] if ends is None else ends.to_pylist()
    assert found == expected
    total = sum(row["counts"][0] for row in found)
    assert total == sum(row["counts"][0] for row in rows)  # no row is lost, none counts twice


def test_new_names_and_panes_add_up_too():
    rows = []
    for origin in (1, 2):
        rows += [
            dp.pane_row(10, origin=origin),
            dp.unseen_row({"x": 2, f"only {origin}": 1}, origin=origin),
            dp.names_row([1, 2, 3, 4, 5], origin=origin),
        ]
    windows = FleetWindows(idle_us=IDLE)
    windows.add(stream(rows))
    found = windows.finish()
    assert found is not None
    by_metric = {row["metric"]: row for row in found.to_pylist()}
    assert by_metric["data.pane"]["value"] == 20.0
    unseen = by_metric["data.column.unseen"]
    assert unseen["categories"] == ["x", "only 1", "only 2"]
    assert unseen["counts"] == [4, 1, 1]
    assert by_metric["data.column"]["counts"] == [2, 4, 6, 8, 10]


def test_an_empty_pane_of_one_process_does_not_empty_the_sum():
    windows = FleetWindows(idle_us=IDLE)
    windows.add(stream([dp.pane_row(0, origin=1), dp.pane_row(7, origin=2)]))
    (row,) = windows.finish().to_pylist()
    assert (row["status"], row["value"]) == ("ok", 7.0)


def test_rows_of_one_reference_must_have_as_many_counts():
    rows = [dp.edges_row([1] * 10, origin=1), dp.edges_row([1] * 9, origin=2)]
    windows = FleetWindows(idle_us=IDLE)
    windows.add(stream(rows))
    with pytest.raises(inlay.InvalidArgumentError, match="another number of counts: 9"):
        windows.finish()


@pytest.mark.parametrize("data", [b"", b"x" * 40, (5).to_bytes(8, "little") + b"[1,2]"])
def test_a_state_that_is_none_is_refused(data):
    with pytest.raises(inlay.SerializationError):
        FleetWindows(idle_us=1).load(data)
