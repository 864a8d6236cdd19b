"""Profiles by the values of columns: every row is in one group, and the groups are bounded."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import InvalidArgumentError, Profile

OTHER, NULL = "…other…", "…null…"


def counts(profile: Profile) -> dict[tuple[str, ...], int]:
    return {key: group.rows for key, group in profile.groups.items()}


def test_groups_are_pandas_groupby() -> None:
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(2)
    frame = pandas.DataFrame(
        {
            "region": random.choice(["eu", "us", "asia"], 3_000),
            "vip": random.random(3_000) < 0.2,
            "price": random.lognormal(size=3_000),
        }
    )
    profile = Profile.of(frame, by=["region", "vip"])
    assert profile.by == ("region", "vip")
    expected = frame.groupby(["region", "vip"])["price"]
    assert set(profile.groups) == {(r, str(v).lower()) for r, v in expected.groups}
    for (region, vip), values in expected:
        group = profile.groups[region, str(vip).lower()]
        assert group.columns == ("price",)  # those of by are the same in all rows
        assert group.rows == len(values)
        assert (group["price"].min, group["price"].max) == (values.min(), values.max())
        assert group["price"].mean == pytest.approx(values.mean())
    assert profile["price"].count == len(frame)
    assert profile.columns == ("region", "vip", "price")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None, OTHER]), st.integers(0, 3)), max_size=40
    ),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_every_row_is_in_one_group(rows: list[Any], most: int, parts: int) -> None:
    table = pa.table(
        {
            "g": pa.array([g for g, _ in rows], pa.utf8()),
            "h": pa.array([h for _, h in rows], pa.int64()),
            "x": pa.array(range(len(rows)), pa.int64()),
        }
    )
    profile = Profile(table.schema, by=["g", "h"], max_groups=most)
    size = -(-len(rows) // parts) or 1
    for start in range(0, len(rows), size):
        profile.update(table.slice(start, size))
    assert profile == Profile.of(table, by=["g", "h"], max_groups=most) or parts > 1
    assert sum(counts(profile).values()) == len(rows)
    named = [key for key in profile.groups if key != (OTHER, OTHER)]
    assert len(named) <= most
    for key, group in profile.groups.items():
        values = [
            x
            for x, (g, h) in enumerate(rows)
            if (NULL if g is None else "\\" + g if g == OTHER else g, str(h)) == key
        ]
        if key != (OTHER, OTHER):
            assert group.rows == len(values)
            assert group["x"].sum == (sum(values) if values else None)


def test_values_are_named_as_text() -> None:
    day = dt.date(2024, 2, 3)
    table = pa.table(
        {
            "i": pa.array([1, None, 1], pa.int8()),
            "f": [0.5, float("nan"), 0.5],
            "b": [True, None, True],
            "d": [day, None, day],
            "t": pa.array(["x", None, "x"]).dictionary_encode(),
            "v": pa.array(["x", None, "x"], pa.string_view()),
            "n": [1, 2, 3],
        }
    )
    profile = Profile.of(table, by=["i", "f", "b", "d", "t", "v"])
    assert counts(profile) == {
        ("1", "0.5", "true", "2024-02-03", "x", "x"): 2,
        (NULL, "nan", NULL, NULL, NULL, NULL): 1,
    }


def test_names_that_look_reserved_are_kept_apart() -> None:
    profile = Profile.of({"g": [None, NULL, OTHER, "\\" + NULL], "x": [1, 2, 3, 4]}, by="g")
    assert counts(profile) == {
        (NULL,): 1,
        ("\\" + NULL,): 1,
        ("\\" + OTHER,): 1,
        ("\\\\" + NULL,): 1,
    }


def test_groups_beyond_the_cap_are_one() -> None:
    profile = Profile.of({"g": list("abcdeab"), "x": range(7)}, by="g", max_groups=2)
    assert counts(profile) == {("a",): 2, ("b",): 2, (OTHER,): 3}
    assert profile.groups[OTHER,]["x"].sum == 2 + 3 + 4
    many = Profile.of({"g": [str(i) for i in range(200_000)], "x": range(200_000)}, by="g")
    assert len(many.groups) == 101
    assert many.groups[OTHER,].rows == 200_000 - 100


def test_groups_merge_under_the_cap() -> None:
    a = Profile.of({"g": ["a", "b"], "x": [1, 2]}, by="g", max_groups=3)
    b = Profile.of({"g": ["b", "c", "d"], "x": [3, 4, 5]}, by="g", max_groups=3)
    a.merge(b)
    assert counts(a) == {("a",): 1, ("b",): 2, ("c",): 1, (OTHER,): 1}
    assert a.rows == 5
    a.merge(a)
    assert counts(a) == {("a",): 2, ("b",): 4, ("c",): 2, (OTHER,): 2}
    with pytest.raises(InvalidArgumentError, match=r"\('g',\): \(\)"):
        a.merge(Profile.of({"g": ["b"], "x": [3]}))


def test_a_group_goes_on_with_its_profile_only() -> None:
    profile = Profile.of({"g": ["a"], "x": [1]}, by="g")
    group = profile.groups["a",]
    profile.update({"g": ["a"], "x": [2]})
    assert group.rows == 2
    for change in (lambda: group.update({"x": [1]}), lambda: group.merge(group)):
        with pytest.raises(InvalidArgumentError, match="a group changes with its profile"):
            change()
    alone = group.copy()
    alone.update({"x": [5]})
    assert (alone.rows, group.rows, alone.by) == (3, 2, ())


def test_rows_of_no_group_make_none() -> None:
    empty = pa.table({"g": pa.array([], pa.utf8()), "x": pa.array([], pa.int64())})
    assert Profile.of(empty, by="g").groups == {}
    assert Profile.of({"x": [1]}).groups == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": [1]}, "is not there.*: 'g'"),
        ({"g": [[1]]}, "'g' have no text.*list"),
        ({"g": [b"x"]}, "'g' have no text.*binary"),
        ({"g": [None]}, "'g' have no text.*null"),
        (pa.table([[1], [2]], names=["g", "g"]), "more than once.*: 'g'"),
    ],
)
def test_columns_that_make_no_groups_are_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Profile.of(data, by="g")


def test_views_and_nested_columns_follow_their_rows() -> None:
    table = pa.table(
        {
            "g": ["a", "b", "a"],
            "v": pa.array(["x", "y", "z"], pa.string_view()),
            "b": pa.array([b"x", b"y", b"z"], pa.binary_view()),
            "l": [[1], [2, 3], None],
            "s": [{"u": 1}, None, {"u": 3}],
        }
    )
    groups = Profile.of(table, by="g").groups
    assert [e.item for e in groups["a",]["v"].top()] == ["x", "z"]
    assert groups["a",]["b"].max == b"z"
    assert groups["b",]["l[]"].sum == 5
    assert groups["a",]["s.u"].sum == 4
    assert groups["b",]["s.u"].null_count == 1


def test_a_column_of_by_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"is not there \(the table has 'a', 'b'\): 'zz'"
    ):
        Profile(pa.schema({"a": pa.int64(), "b": pa.string()}), by=["zz"])
