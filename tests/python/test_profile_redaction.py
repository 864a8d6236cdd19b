"""Names leave as declared: in dictionaries, rows, files, pickles and repr."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from inlay import InvalidArgumentError, Profile

SECRET = "Ms Gray, 12 Elm Street"
FEW = ["red", "green", SECRET]
MANY = [f"{SECRET} {i}" for i in range(500)]


def table(names: list[str]) -> dict[str, list[Any]]:
    return {"name": names * 3, "x": list(range(3 * len(names)))}


def everything_that_leaves(profile: Profile, folder: Path) -> bytes:
    path = profile.save(folder / "x.inlay")
    rows = profile.to_arrow().to_pylist()
    again = Profile.load(path)
    parts = [
        json.dumps(profile.to_dict(), ensure_ascii=False),
        repr(profile),
        *(repr(profile[name]) for name in profile),
        *(json.dumps(profile[name].to_dict(), ensure_ascii=False) for name in profile),
        *(repr(group[name]) for group in profile.groups.values() for name in group),
        repr(rows),
        json.dumps(again.to_dict(), ensure_ascii=False),
        repr([(again[name].top(9), again[name].min, again[name].max) for name in again]),
        repr(list(again.groups)),
    ]
    raw = [row["summary"] for row in rows if row["summary"] is not None]
    unpacked = [_content(path.read_bytes()), _content(profile.to_bytes())]
    pickled = pickle.dumps(profile)
    return b"".join([*(part.encode() for part in parts), *raw, *unpacked, pickled])


def _content(data: bytes) -> bytes:
    from inlay._container import unpack

    header, blobs = unpack(data, "here")
    return b"".join([json.dumps(header, ensure_ascii=False).encode(), *blobs])


def hashed(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("names", "redact", "is_hidden"),
    [
        (FEW, None, False),
        (MANY, None, True),
        (FEW, True, True),
        (MANY, True, True),
        (FEW, False, False),
        (MANY, False, False),
        (FEW, {"name": True}, True),
        (MANY, {"name": False}, False),
        (MANY, {}, True),
        (FEW, {"name": lambda name: "someone" if "Gray" in name else name}, True),
    ],
)
def test_names_leave_as_declared(
    names: list[str], redact: Any, is_hidden: bool, tmp_path: Path
) -> None:
    profile = Profile.of(table(names), redact=redact)
    for each in (profile, profile.freeze(), profile.freeze(table(names))):
        left = everything_that_leaves(each, tmp_path)
        assert (SECRET.encode() not in left) == is_hidden
        assert each["name"].is_redacted == is_hidden or callable((redact or {}).get("name"))
        assert each.to_dict()["columns"][0]["redacted"] == is_hidden
        # In the process all is known.
        assert each["name"].max in names
        assert each["name"].top(1)[0].item in names


def test_the_cut_is_at_a_hundred() -> None:
    for count, is_hidden in ((90, False), (110, True)):
        column = Profile.of({"n": [f"n{i}" for i in range(count)]})["n"]
        assert column.is_redacted == is_hidden


def test_a_hidden_name_is_its_hash() -> None:
    found = Profile.of({"c": ["a", "a", "b"]}, redact=True).to_dict()["columns"][0]
    assert found["top"] == [
        {"value": hashed("a"), "low": 2, "high": 2},
        {"value": hashed("b"), "low": 1, "high": 1},
    ]
    assert found["min"] is found["max"] is None
    assert found["undefined"]["min"] == "names are hidden by redact"
    assert (found["distinct"]["estimate"], found["length"]["max"]) == (
        pytest.approx(2, abs=1e-3),
        1,
    )


def test_a_loaded_profile_goes_on_with_hidden_names() -> None:
    first = Profile.of({"c": ["a", "b"]}, redact=True)
    loaded = Profile.from_bytes(first.to_bytes())
    assert loaded["c"].is_redacted
    loaded.update({"c": ["a", "c"]})
    loaded.merge(Profile.of({"c": ["a"]}))
    assert {e.item: e.low for e in loaded["c"].top()} == {
        hashed("a"): 3, hashed("b"): 1, hashed("c"): 1,
    }  # fmt: skip
    assert loaded["c"].min is None
    assert Profile.from_bytes(loaded.to_bytes()) == loaded  # and is not hidden twice
    reference = loaded.freeze({"c": ["a", "b", "a", "c", "a"]})
    assert reference.counted_from == "rows"
    counts = dict(
        zip(reference["c"].categories.names, reference["c"].categories.counts, strict=True)
    )
    assert counts == {hashed("a"): 3, hashed("b"): 1, hashed("c"): 1}
    clear = Profile.of({"c": ["a", "b", "a", "c", "a"]})
    assert clear.freeze({"c": ["a", "b", "a", "c", "a"]}).reference_id == reference.reference_id


def test_merging_hidden_names_into_clear_ones_hides_them() -> None:
    clear = Profile.of({"c": ["a", "z"]})
    clear.merge(Profile.from_bytes(Profile.of({"c": ["a"]}, redact=True).to_bytes()))
    assert {e.item: e.low for e in clear["c"].top()} == {hashed("a"): 2, hashed("z"): 1}
    assert clear["c"].min is None


def test_functions_must_be_there_to_go_on() -> None:
    rule = {"c": lambda name: name[0] + "…"}
    profile = Profile.of({"c": ["anna", "anton", "bert"]}, redact=rule)
    assert [e["value"] for e in profile.to_dict()["columns"][0]["top"]] == ["a…", "a…", "b…"]
    loaded = Profile.from_bytes(profile.to_bytes())
    assert {e.item: e.low for e in loaded["c"].top()} == {"a…": 2, "b…": 1}
    before = loaded.copy()
    with pytest.raises(InvalidArgumentError, match=r"declared again by redact.*'c'"):
        loaded.update({"c": ["carl"]})
    with pytest.raises(InvalidArgumentError, match=r"declared again by redact.*'c'"):
        loaded.freeze({"c": ["anna", "anton", "bert"]})
    assert loaded == before
    again = Profile.from_bytes(profile.to_bytes(), redact=rule)
    again.update({"c": ["carl", "anna"]})
    assert {e.item: e.low for e in again["c"].top()} == {"a…": 3, "b…": 1, "c…": 1}
    wrong = Profile.of({"c": ["a"]}, redact={"c": len})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="column 'c' must return text: 1"):
        wrong.to_bytes()
    with pytest.raises(TypeError, match="column 'c' must return text: 1"):
        wrong.to_dict()


def test_values_of_by_are_names_too(tmp_path: Path) -> None:
    data = {"who": [SECRET, "x", SECRET, None], "x": [1, 2, 3, 4]}
    profile = Profile.of(data, by="who", redact=True)
    assert (SECRET,) in profile.groups  # in the process
    for each in (profile, profile.freeze(data), profile.freeze()):
        assert SECRET.encode() not in everything_that_leaves(each, tmp_path)
        loaded = Profile.from_bytes(each.to_bytes())
        assert set(loaded.groups) == {(hashed(SECRET),), (hashed("x"),), ("…null…",)}
        assert loaded.reference_id == each.reference_id
        if each.is_reference:
            assert loaded.groups[hashed(SECRET),]["x"].categories.counts == [1, 1]
    loaded = Profile.from_bytes(profile.to_bytes())
    loaded.update({"who": [SECRET], "x": [5]})
    assert loaded.groups[hashed(SECRET),]["x"].sum == 9
    assert Profile.from_bytes(profile.to_bytes()).freeze(data).reference_id == (
        profile.freeze(data).reference_id
    )
    # A group has fewer names than the whole, which decides for all.
    names = {"who": ["a"] * 5 + ["b"] * 500, "n": ["few"] * 5 + MANY}
    assert Profile.of(names, by="who").groups["a",]["n"].is_redacted


def test_binary_and_nested_names_are_hidden_too(tmp_path: Path) -> None:
    data = pa.table(
        {
            "b": [SECRET.encode()],
            "s": [{"t": SECRET}],
            "l": [[SECRET]],
            "m": pa.array([[(SECRET, SECRET)]], pa.map_(pa.utf8(), pa.utf8())),
            "d": pa.array([SECRET]).dictionary_encode(),
            "v": pa.array([SECRET], pa.string_view()),
        }
    ).replace_schema_metadata({"note": SECRET})
    assert SECRET.encode() not in everything_that_leaves(Profile.of(data, redact=True), tmp_path)


@pytest.mark.parametrize(
    ("redact", "error", "message"),
    [
        (3, TypeError, "None, True, False or a mapping.*: 3"),
        ({"nope": True}, InvalidArgumentError, "not there: 'nope'"),
        ({"x": True}, InvalidArgumentError, "'x' has none.*: integer"),
        ({"name": "yes"}, TypeError, "'name' is True, False or a function: 'yes'"),
    ],
)
def test_wrong_declarations_are_refused(redact: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Profile.of(table(FEW), redact=redact)
    with pytest.raises(error, match=message):
        Profile.from_bytes(Profile.of(table(FEW)).to_bytes(), redact=redact)
    assert Profile.of(table(FEW), redact={"x": False}).rows == 9
