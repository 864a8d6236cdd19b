"""What `inlay.compare` takes on either side: rows, files, profiles, directories of points."""

import datetime as dt
import hashlib

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import inlay
from inlay.drift.comparison.stored_points import StoredPoints

N = 4_000
UTC = dt.UTC


def table(seed, shift=0.0, rows=N):
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": rng.normal(shift, size=rows),
            "device": rng.choice(["phone", "desktop"], rows, p=[0.5 + shift / 4, 0.5 - shift / 4]),
            "n": rng.integers(0, 1000, rows),
        }
    )


BEFORE, AFTER = table(1), table(2, shift=0.5)


def effects(found):
    return {column.name: (column.verdict, round(column.effect, 9)) for column in found}


@pytest.fixture(scope="module")
def expected():
    return effects(inlay.compare(BEFORE, AFTER))


@pytest.mark.parametrize(
    "form",
    [
        lambda rows, _: rows.to_pandas(),
        lambda rows, _: pl.from_arrow(rows),
        lambda rows, _: rows.to_reader(500),
        lambda rows, _: rows.to_pydict(),
        lambda rows, folder: parquet(rows, folder),
        lambda rows, folder: parquet(rows, folder).parent,
        lambda rows, folder: f"{parquet(rows, folder).parent}/*.parquet",
        lambda rows, folder: csv(rows, folder),
    ],
    ids=["pandas", "polars", "stream", "dict", "file", "directory", "glob", "csv"],
)
def test_rows_of_any_form_give_the_same(form, tmp_path, expected):
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    found = inlay.compare(inlay.Profile.of(BEFORE, reference=True), form(AFTER, tmp_path / "after"))
    assert effects(found) == expected


def parquet(rows, folder):
    path = folder / "rows.parquet"
    pq.write_table(rows, path, row_group_size=700)
    return path


def csv(rows, folder):
    path = folder / "rows.csv"
    pyarrow.csv.write_csv(rows, path)
    return path


def test_a_reference_file_equals_the_rows_it_was_made_of(tmp_path, expected):
    inlay.Profile.of(BEFORE, reference=True).save(tmp_path / "reference.inlay")
    assert effects(inlay.compare(tmp_path / "reference.inlay", AFTER)) == expected


def test_threads_and_batches_do_not_change_the_result(expected):
    reference = inlay.Profile.of(BEFORE, reference=True)
    for threads in (1, 3):
        assert effects(inlay.compare(reference, AFTER, threads=threads)) == expected


def test_two_references_with_the_same_cells_are_compared_exactly(expected):
    reference = inlay.Profile.of(BEFORE, reference=True)
    assert set(inlay.compare(reference, reference).drifted) == set()
    for column in inlay.compare(reference, reference):
        assert column.effect == 0.0
        assert all(cell.reference == cell.current for cell in column.cells)


def test_a_current_profile_is_estimated_and_says_so_by_its_interval(expected):
    found = inlay.compare(BEFORE, inlay.Profile.of(AFTER))
    assert found["x"].verdict == "yes"
    assert found["x"].low < expected["x"][1]
    # Few names are counted exactly by a profile too.
    assert found["device"].effect == pytest.approx(expected["device"][1])


def test_only_the_columns_asked_for_are_compared(tmp_path):
    for reference in (BEFORE, inlay.Profile.of(BEFORE)):
        for current in (AFTER, inlay.Profile.of(AFTER)):
            found = inlay.compare(reference, current, columns=["device", "x"])
            assert {column.name for column in found} == {"device", "x"}
            assert found.changes == ()
    with pytest.raises(inlay.InvalidArgumentError, match="nowhere"):
        inlay.compare(inlay.Profile.of(BEFORE), AFTER, columns=["nowhere"])


# ---- groups --------------------------------------------------------------------------------------
def grouped(seed, shifts):
    rng = np.random.default_rng(seed)
    parts = [
        pa.table({"region": [name] * N, "x": rng.normal(shift, size=N)})
        for name, shift in shifts.items()
    ]
    return pa.concat_tables(parts)


def test_groups_are_compared_and_the_one_that_drives_is_named():
    before = grouped(1, {"eu": 0.0, "us": 0.0, "asia": 0.0})
    after = grouped(2, {"eu": 0.0, "us": 1.5, "asia": 0.0})
    for reference in (before, inlay.Profile.of(before, by=["region"], reference=True)):
        found = inlay.compare(reference, after, by=["region"])
        assert {key: group.verdict for key, group in found.groups.items()} == {
            ("eu",): "no",
            ("us",): "yes",
            ("asia",): "no",
        }
        column = found["x"]
        assert column.drivers[0].group == ("us",)
        assert column.drivers[0].share == pytest.approx(1.0, abs=0.1)
        assert sum(driver.share for driver in column.drivers) == pytest.approx(1.0)
        attrs = set(found.to_arrow().to_pyarrow()["attrs"].to_pylist())
        assert '{"column":"x","region":"us"}' in attrs
    assert inlay.compare(reference, after).by == ("region",)


def test_groups_that_came_or_went_drive_too():
    before = grouped(1, {"eu": 0.0, "old": -2.0})
    after = grouped(2, {"eu": 0.0, "new": 2.0})
    found = inlay.compare(before, after, by="region")
    assert found["x"].verdict == "yes"
    shares = {driver.group: driver.share for driver in found["x"].drivers}
    assert shares[("new",)] > 0.3 < shares[("old",)]
    assert found.groups[("new",)].columns[0].verdict == "undefined"
    assert found.groups[("old",)].columns[0].verdict == "undefined"


def test_missing_values_of_one_group_name_it():
    before = grouped(1, {"eu": 0.0, "us": 0.0})
    x = after = grouped(2, {"eu": 0.0, "us": 0.0})
    x = [
        None if i % 2 and region == "us" else v
        for i, (region, v) in enumerate(
            zip(after["region"].to_pylist(), after["x"].to_pylist(), strict=True)
        )
    ]
    after = after.set_column(1, "x", pa.array(x, pa.float64()))
    column = inlay.compare(before, after, by=["region"])["x"]
    assert column.aspect == "missing"
    assert column.drivers[0].group == ("us",)
    assert column.drivers[0].share == pytest.approx(1.0, abs=0.01)


def test_groups_by_other_columns_are_refused():
    reference = inlay.Profile.of(BEFORE, by=["device"], reference=True)
    with pytest.raises(inlay.InvalidArgumentError, match="by device"):
        inlay.compare(reference, AFTER, by=["n"])
    with pytest.raises(inlay.InvalidArgumentError, match="without groups"):
        inlay.compare(inlay.Profile.of(BEFORE), AFTER, by=["n"])
    with pytest.raises(inlay.InvalidArgumentError, match="without groups"):
        inlay.compare(reference, inlay.Profile.of(AFTER))
    with pytest.raises(inlay.InvalidArgumentError, match="nowhere"):
        inlay.compare(BEFORE, AFTER, by=["nowhere"])


# ---- names that must not leave -------------------------------------------------------------------
def hashed(name):
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()[:16]


def shown(found):
    return (
        repr(found.to_dict())
        + repr(found.to_arrow().to_pyarrow().to_pylist())
        + found._repr_html_()
    )


def test_hidden_names_stay_hidden(tmp_path):
    before = {"who": ["anna"] * 300 + ["bert"] * 700}
    after = {"who": ["anna"] * 600 + ["cleo"] * 400}
    reference = inlay.Profile.of(before, redact=True, reference=True)
    reference.save(tmp_path / "hidden.inlay")
    in_file = inlay.Profile.load(tmp_path / "hidden.inlay")
    for side in (reference, in_file):
        found = inlay.compare(side, after)
        text = shown(found)
        assert not [name for name in ("anna", "bert", "cleo") if name in text]
        assert {cell.name for cell in found["who"].cells[:2]} == {hashed("anna"), hashed("bert")}
        assert [entry.name for entry in found["who"].new_names] == [hashed("cleo")]
        assert found["who"].vanished == (hashed("bert"),)


def test_many_new_names_leave_hashed():
    after = {"who": ["anna"] * 500 + [f"guest {i}" for i in range(500)]}
    found = inlay.compare({"who": ["anna"] * 1000}, after)
    assert "guest" not in shown(found)
    open_reference = inlay.Profile.of({"who": ["anna"] * 1000}, redact=False, reference=True)
    assert "guest" in shown(inlay.compare(open_reference, after))


# ---- directories of points -----------------------------------------------------------------------
def points_of(profile, start, minutes=5):
    return profile.to_arrow(time=start + dt.timedelta(minutes=minutes), start_time=start, origin=7)


def write_points(directory, tables):
    """Write rows as an observer does, a window for each table."""
    sink = inlay.sinks.Files(directory)
    sink.open({}, 7)
    for number, rows in enumerate(tables):
        sink.write(inlay.Batch.from_tables({"points": rows}, window_seq=number, origin=7))
    sink.close(float("inf"))


DAY = dt.datetime(2026, 5, 1, tzinfo=UTC)


def test_profiles_that_a_directory_holds_are_merged_over_a_time(tmp_path):
    tables = [
        points_of(inlay.Profile.of(table(seed, shift)), DAY + dt.timedelta(hours=hour))
        for seed, shift, hour in ((3, 0.0, 0), (4, 0.0, 1), (5, 0.8, 12), (6, 0.8, 13))
    ]
    write_points(tmp_path, tables)
    noon = DAY + dt.timedelta(hours=11)
    morning, evening = StoredPoints(tmp_path, end=noon), StoredPoints(tmp_path, start=noon)
    found = inlay.compare(morning, evening)
    assert found.reference_rows == found.rows == 2 * N
    assert "x" in found.drifted
    assert inlay.compare(BEFORE, morning)["x"].verdict == "no"
    assert inlay.compare(BEFORE, tmp_path).rows == 4 * N


def watch_rows(reference, rows, start, *, revision=0, watch="features"):
    """Rows as a watch writes them for a pane."""
    from inlay.data.point_rows import points_table

    counted = {}
    for path in reference.columns:
        column = reference[path]
        cells = column.edges or column.categories
        cells.reset()
        cells.update(rows[path])
        summaries = {"edges" if column.edges else "categories": cells}
        if column.edges:
            summaries["quantiles"] = inlay.Kll(rows[path])
            summaries["moments"] = inlay.Moments(rows[path])
        counted[path] = summaries
    made = points_table(
        (
            {
                "metric": "data.column",
                "kind": kind,
                "attrs": f'{{"column":"{path}","watch":"{watch}"}}',
                **summary._row(),
            }
            for path, summaries in counted.items()
            for kind, summary in summaries.items()
        ),
        time=start + dt.timedelta(minutes=5),
        start_time=start,
        origin=7,
        resource={},
    ).to_pyarrow()
    place = made.column_names.index("revision")
    revisions = pa.array([revision] * len(made), pa.int32())
    return inlay.Table(made.set_column(place, made.schema.field(place), revisions))


@pytest.fixture
def watched(tmp_path):
    reference = inlay.Profile.of(BEFORE, reference=True)
    write_points(
        tmp_path,
        [
            watch_rows(reference, table(11), DAY),
            watch_rows(reference, table(12), DAY + dt.timedelta(minutes=5)),
            watch_rows(reference, table(13, 0.5), DAY + dt.timedelta(hours=5)),
            watch_rows(reference, table(14, 0.5), DAY + dt.timedelta(hours=5), revision=1),
        ],
    )
    return reference, tmp_path


def test_panes_of_a_watch_compare_exactly_with_their_reference(watched):
    reference, directory = watched
    late = StoredPoints(directory, start=DAY + dt.timedelta(hours=1))
    found = inlay.compare(reference, late)
    rows = pa.concat_tables([table(13, 0.5), table(14, 0.5)])
    assert found.rows == len(rows)  # the late rows add to those in time
    same = inlay.compare(reference, rows)
    for column in found:
        assert [cell.current for cell in column.cells] == [
            cell.current for cell in same[column.name].cells
        ]
        assert column.effect == pytest.approx(same[column.name].effect)
        assert column.verdict == same[column.name].verdict


def test_two_times_of_a_watch_compare_with_each_other(watched):
    _, directory = watched
    noon = DAY + dt.timedelta(hours=1)
    found = inlay.compare(StoredPoints(directory, end=noon), StoredPoints(directory, start=noon))
    assert set(found.drifted) == {"x", "device"}
    assert found["x"].distances["ks"].low <= found["x"].distances["ks"].high


def test_rows_compare_with_stored_points_as_their_reference(watched):
    _, directory = watched
    early = StoredPoints(directory, end=DAY + dt.timedelta(hours=1))
    found = inlay.compare(early, table(20))
    assert found.drifted == ()
    assert set(inlay.compare(early, AFTER).drifted) == {"x", "device"}


def test_points_of_several_watches_need_a_name(tmp_path):
    reference = inlay.Profile.of(BEFORE, reference=True)
    write_points(
        tmp_path,
        [
            watch_rows(reference, table(11), DAY, watch="a"),
            watch_rows(reference, table(12, 0.5), DAY, watch="b"),
        ],
    )
    with pytest.raises(inlay.InvalidArgumentError, match=r"\['a', 'b'\]"):
        inlay.compare(reference, tmp_path)
    assert inlay.compare(reference, StoredPoints(tmp_path, watch="a")).drifted == ()
    assert "x" in inlay.compare(reference, StoredPoints(tmp_path, watch="b")).drifted
    with pytest.raises(inlay.InvalidArgumentError, match="'c'"):
        inlay.compare(reference, StoredPoints(tmp_path, watch="c"))


def test_stored_points_refuse_what_they_cannot_be(tmp_path):
    with pytest.raises(inlay.InvalidArgumentError, match="no directory of points"):
        StoredPoints(tmp_path)
    write_points(tmp_path, [points_of(inlay.Profile.of(BEFORE), DAY)])
    with pytest.raises(inlay.InvalidArgumentError, match="zone"):
        StoredPoints(tmp_path, start=dt.datetime(2026, 5, 1))
    with pytest.raises(inlay.InvalidArgumentError, match="before end"):
        StoredPoints(tmp_path, start=DAY, end=DAY)
    nothing = StoredPoints(tmp_path, end=DAY - dt.timedelta(days=1))
    with pytest.raises(inlay.InvalidArgumentError, match="no points of columns"):
        inlay.compare(BEFORE, nothing)


def test_a_frame_with_other_column_order_compares_by_name():
    frame = AFTER.to_pandas()[["n", "x", "device"]]
    assert isinstance(frame, pd.DataFrame)
    found = inlay.compare(BEFORE, frame)
    assert "columns_reordered" in {change.kind for change in found.changes}
    assert effects(found)["x"] == effects(inlay.compare(BEFORE, AFTER))["x"]


def test_what_a_watch_wrote_compares_as_its_rows_do(tmp_path):
    rng = np.random.default_rng(5)

    def rows(hour, shift):
        start = np.datetime64(f"2026-05-01T{hour:02}:00:00")
        micros = np.sort(rng.integers(0, 600_000_000, N)).astype("timedelta64[us]")
        return pa.table(
            {
                "at": pa.array(start + micros, pa.timestamp("us", "UTC")),
                "x": rng.normal(shift, size=N),
                "region": rng.choice(["eu", "us"], N),
            }
        )

    columns = ["x", "region"]
    reference = inlay.Profile.of(rows(0, 0.0).select(columns), by=["region"], reference=True)
    late = [rows(3, 0.5), rows(4, 0.5)]
    with inlay.Observer(sinks=[inlay.sinks.Files(tmp_path)]) as obs:
        watch = obs.watch("features", reference, every=300, event_time="at", by=["region"])
        for part in (rows(1, 0.0), rows(2, 0.0), *late):
            watch.update(part)
        watch.close()
    third = dt.datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
    found = inlay.compare(reference, StoredPoints(tmp_path, start=third))
    expected = inlay.compare(reference, pa.concat_tables(late).select(columns))
    assert found.rows == expected.rows == 2 * N
    assert found.drifted == expected.drifted == ("x",)
    assert [c.current for c in found["x"].cells] == [c.current for c in expected["x"].cells]
    assert set(found.groups) == {("eu",), ("us",)}
    for key, group in found.groups.items():
        assert effects(group) == effects(expected.groups[key])
    assert inlay.compare(reference, StoredPoints(tmp_path, end=third)).drifted == ()
