"""Files, bytes, pickles and rows of points give the same profile again, or an error by name."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import inlay
from inlay import InvalidArgumentError, Profile, SerializationError
from inlay._container import pack, unpack

random = np.random.default_rng(4)
ROWS = 3_000
DATA = pa.table(
    {
        "x": random.lognormal(size=ROWS),
        "n": pa.array(random.integers(0, 9, ROWS), mask=random.random(ROWS) < 0.1),
        "c": random.choice(["a", "b", "c"], ROWS),
        "t": pa.array(np.sort(random.integers(0, 10**9, ROWS))).cast(pa.timestamp("s", "UTC")),
        "l": [["u"] * (i % 3) for i in range(ROWS)],
    }
)


def without_sketched(profile: Profile) -> dict[str, Any]:
    """What bytes keep to the last digit: a KLL sketch puts its buffer away as it is written."""
    found = profile.to_dict()
    for part in (found, *found["groups"]):
        for column in part["columns"]:
            for name in ("chart", "quantiles", "rank_error"):
                del column[name]
    return found


def each_kind() -> list[Profile]:
    plain = Profile.of(DATA)
    grouped = Profile.of(DATA, by=["c", "n"], max_groups=4, k=100, lg_k=11, top=64)
    few = Profile.of(DATA, columns=["x"], redact={"x": False})
    return [plain, plain.freeze(), grouped, grouped.freeze(), few, Profile(DATA.schema)]


@pytest.mark.parametrize("index", range(6))
def test_what_was_written_is_read(index: int, tmp_path: Path) -> None:
    profile = each_kind()[index]
    again = Profile.load(profile.save(tmp_path / "x.inlay"))
    for twin in (
        again,
        Profile.from_bytes(profile.to_bytes()),
        pickle.loads(pickle.dumps(profile)),
    ):
        assert twin == profile
        assert without_sketched(twin) == without_sketched(profile)
        assert twin.to_bytes() == profile.to_bytes()
        assert twin.reference_id == profile.reference_id
        assert twin.counted_from == profile.counted_from
        if not profile.is_reference:
            twin.update(DATA)
            assert twin.rows == profile.rows + ROWS
            twin.merge(profile)


def test_a_group_is_saved_as_a_profile_of_its_own() -> None:
    for profile in (Profile.of(DATA, by="c"), Profile.of(DATA, by="c").freeze()):
        group = profile.groups["a",]
        alone = Profile.from_bytes(group.to_bytes())
        assert alone == group
        assert without_sketched(alone) == without_sketched(group)


def test_references_are_kept_once(tmp_path: Path) -> None:
    reference = Profile.of(DATA, reference=True)
    path = reference.save(tmp_path)
    assert path == tmp_path / "references" / f"{reference.reference_id}.inlay"
    os.utime(path, (1, 1))
    assert Profile.of(DATA).freeze(DATA).save(str(tmp_path)) == path
    assert path.stat().st_mtime == 1  # not written again
    assert Profile.load(tmp_path, reference_id=reference.reference_id) == reference
    path.write_bytes(path.read_bytes()[:100])
    assert reference.save(tmp_path) == path  # what is damaged is
    assert Profile.load(tmp_path, reference_id=reference.reference_id) == reference
    with pytest.raises(InvalidArgumentError, match="a directory keeps references"):
        Profile.of(DATA).save(tmp_path)
    for wrong in ("../../etc/passwd", "xyz", 3, "A" * 16):
        with pytest.raises(InvalidArgumentError, match="16 hexadecimal digits"):
            Profile.load(tmp_path, reference_id=wrong)
    with pytest.raises(FileNotFoundError, match=r"0123456789abcdef\.inlay"):
        Profile.load(tmp_path, reference_id="0123456789abcdef")


def test_several_savers_leave_one_whole_file(tmp_path: Path) -> None:
    reference = Profile.of(DATA, reference=True)
    threads = [threading.Thread(target=reference.save, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.name for p in (tmp_path / "references").iterdir()] == [
        f"{reference.reference_id}.inlay"
    ]


def test_corrupt_files_are_refused_by_name_and_offset(tmp_path: Path) -> None:
    path = Profile.of(DATA.select(["n", "c"])).save(tmp_path / "x.inlay")
    data = path.read_bytes()
    for content in (data[:-1], data[: len(data) // 2], data + b"x", b"", b"PAR1", b"x" * 500):
        path.write_bytes(content)
        with pytest.raises(SerializationError, match=r"x\.inlay: at byte \d+: "):
            Profile.load(path)
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(SerializationError, match=r"x\.inlay: at byte \d+: "):
            Profile.load(path)
    with pytest.raises(FileNotFoundError, match=r"nope\.inlay"):
        Profile.load(tmp_path / "nope.inlay")
    with pytest.raises(SerializationError, match="cannot be read"):
        Profile.load(tmp_path)


def changed(header: dict[str, Any], blobs: list[bytes], how: int) -> None:
    """Forge a container whose digest is right."""
    if how < 12:
        name = ("settings", "by", "max_groups", "groups", "hidden", "frozen")[how % 6]
        header[name] = ("x", [[1]])[how // 6]
    elif how == 12:
        header["hidden"] = {"nope": "sha256"}
    elif how == 13:
        header["groups"] = [["a", "b"]] * len(header["groups"])
    elif how == 14:
        header["frozen"]["cells"][0][0][0] = 99
    elif how == 15:
        header["frozen"]["cells"][0][0][1] = "nothing"
    elif how == 16:
        header["frozen"]["reference_id"] = "x"
    elif how == 17:
        header["frozen"]["cells"].pop()
    elif how == 18:
        blobs.append(b"more")
    elif how == 19:
        blobs.pop()
    elif how == 20:
        blobs[0] = b"no schema"
    elif how == 21:
        blobs[1] = b"no profile"
    elif how == 22:
        blobs[1], blobs[2] = blobs[2], blobs[1]
    elif how == 23:
        header["redact"] = {"nope": True}
    else:
        header.pop("by")


@pytest.mark.parametrize("how", range(25))
def test_forged_files_are_refused_by_name(how: int, tmp_path: Path) -> None:
    header, blobs = unpack(Profile.of(DATA, by="c").freeze().to_bytes(), "here")
    changed(header, blobs, how)
    path = tmp_path / "x.inlay"
    path.write_bytes(pack(header, blobs))
    with pytest.raises(SerializationError, match=r"x\.inlay: its parts are no profile"):
        Profile.load(path)


# ---- rows of points --------------------------------------------------------------------------
def test_rows_have_the_schema_and_every_summary() -> None:
    profile = Profile.of(DATA, by="c").freeze()
    time = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    table = profile.to_arrow(time=time, origin=7, resource={"service.name": "etl"})
    assert table.to_pyarrow().schema == inlay.Table.empty("points").to_pyarrow().schema
    rows = table.to_pylist()
    assert {row["layer"] for row in rows} == {"data"}
    assert {(row["time"], row["origin"]) for row in rows} == {(time, 7)}
    keys = [tuple(row[name] for name in inlay.points.KEYS["points"]) for row in rows]
    assert len(set(keys)) == len(keys)
    x = {
        r["kind"]: r
        for r in rows
        if r["attrs"] == '{"column":"x"}' and r["metric"] == "data.column"
    }
    assert set(x) == {"moments", "histogram", "quantiles", "cardinality", "top_k", "edges"}
    column = profile["x"]
    assert inlay.Moments.from_row(x["moments"]).mean == column.mean
    assert inlay.ExpHistogram.from_row(x["histogram"]) == column.histogram
    assert inlay.Kll.from_row(x["quantiles"]) == column.sketch
    assert inlay.Hll.from_row(x["cardinality"]) == column.cardinality
    assert inlay.TopK.from_row(x["top_k"]) == column.top_k
    assert inlay.EdgeHistogram.from_row(x["edges"]) == column.edges
    groups = {r["attrs"] for r in rows if '"c":"a"' in r["attrs"]}
    assert '{"c":"a","column":"x"}' in groups
    lengths = [r for r in rows if r["metric"] == "data.column.length"]
    assert {'{"column":"c"}', '{"column":"l"}'} <= {r["attrs"] for r in lengths}
    assert {r["unit"] for r in rows if r["attrs"] == '{"column":"t"}' and r["kind"] == "edges"} == {
        "s"
    }


def test_series_are_those_of_the_core() -> None:
    rows = Profile.of({"x": [1.0]}).to_arrow(resource={"service.name": "etl"}).to_pylist()
    with inlay.Observer(resource={"service.name": "etl"}, window=3600) as obs:
        obs.histogram("data.column", attributes=("column",)).record(1.0, column="x")
        core = obs.collect().points.to_pylist()
    ids = {row["series_id"] for row in core if row["metric"] == "data.column"}
    assert {row["series_id"] for row in rows if row["metric"] == "data.column"} == ids


@pytest.mark.parametrize("index", range(6))
def test_rows_give_the_profile_again(index: int) -> None:
    profile = each_kind()[index]
    assert Profile.from_arrow(profile.to_arrow()) == profile


def test_rows_of_several_profiles_are_merged_and_those_delivered_twice_are_not() -> None:
    time = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    a = Profile.of({"x": [1, 2]}).to_arrow(time=time).to_pyarrow()
    b = Profile.of({"x": [3]}).to_arrow(time=time + dt.timedelta(hours=1)).to_pyarrow()
    merged = Profile.from_arrow(pa.concat_tables([a, b, a]))
    assert (merged.rows, merged["x"].sum) == (3, 6)
    reference = Profile.of({"x": [1]}).freeze().to_arrow(time=time).to_pyarrow()
    assert Profile.from_arrow(reference).is_reference
    with pytest.raises(InvalidArgumentError, match="a reference does not change"):
        Profile.from_arrow(pa.concat_tables([reference, b]))
    for table, message in (
        (a.slice(1), "no row holds a profile.*: "),
        (pa.table({"x": [1]}), "not there: 'summary'"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            Profile.from_arrow(table)
    broken = a.set_column(
        a.column_names.index("summary"), a.schema.field("summary"), [[b"x"] * len(a)]
    )
    with pytest.raises(SerializationError, match="at byte 0"):
        Profile.from_arrow(broken)


def test_times_must_have_a_zone_and_an_order() -> None:
    profile, time = Profile.of({"x": [1]}), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    with pytest.raises(InvalidArgumentError, match="time must have a zone"):
        profile.to_arrow(time=time.replace(tzinfo=None))
    with pytest.raises(InvalidArgumentError, match="start_time must not be after time"):
        profile.to_arrow(time=time, start_time=time + dt.timedelta(1))
    row = profile.to_arrow(time=time, start_time=time - dt.timedelta(1)).to_pylist()[0]
    assert row["start_time"] == time - dt.timedelta(1)


def test_a_column_of_by_may_be_called_column() -> None:
    profile = Profile.of({"column": ["a"], "x": [1]}, by="column")
    attrs = {row["attrs"] for row in profile.to_arrow().to_pylist()}
    assert '{"by.column":"a","column":"x"}' in attrs
