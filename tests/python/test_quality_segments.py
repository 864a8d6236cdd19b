"""Which segment a row belongs to: values of any kind, one for all rows or one for each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inlay import InvalidArgumentError
from inlay.model.quality.segments import NULL, OVERFLOW, Segments

VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=3), st.integers(-3, 3), st.booleans()
)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_rows_get_the_segment_of_their_values(
    rows: list[tuple[str, int]], cap: int, parts: int
) -> None:
    """Against a plain dictionary, however rows are cut up, but for which sets the cap lets in."""
    segments = Segments(("x", "y"), cap=cap)
    found: Counter[tuple[str, ...]] = Counter()
    for begin in range(parts):
        some = rows[begin::parts]
        if not some:
            continue
        x, y = [list(column) for column in zip(*some, strict=True)]
        numbers = segments.find({"y": np.array(y), "x": x}, len(some))
        assert isinstance(numbers, np.ndarray)
        assert numbers.dtype == np.int32
        for number, row in zip(numbers.tolist(), some, strict=True):
            members = segments.attributes(number)
            if members == {OVERFLOW: "true"}:
                found["over",] += 1
            else:
                assert members == {"x": row[0], "y": str(row[1])}
                found[row[0], str(row[1])] += 1
    expected = Counter((x, str(y)) for x, y in rows)
    assert segments.overflowed == found.pop(("over",), 0)
    assert len(segments) <= cap + 1
    assert all(expected[key] == number for key, number in found.items())
    assert found.total() + segments.overflowed == len(rows)
    if len(expected) <= cap:
        assert found == expected


@given(VALUES, VALUES)
def test_one_value_for_all_rows_is_that_of_an_array(first: Any, second: Any) -> None:
    segments = Segments(("a", "b"), cap=100)
    one = segments.find({"a": first, "b": second}, 2)
    many = segments.find({"a": [first, first], "b": second}, 2)
    assert isinstance(one, int)
    assert isinstance(many, np.ndarray)
    assert many.tolist() == [one, one]
    assert segments.attributes(one) == {"a": str(first), "b": str(second)}
    assert segments.find({"b": second, "a": first}, 2) == one


@pytest.mark.parametrize(
    "values",
    [
        ["x", "y", "x"],
        ("x", "y", "x"),
        np.array(["x", "y", "x"]),
        np.array(["x", "y", "x"], object),
        pa.array(["x", "y", "x"]),
        pa.chunked_array([["x"], ["y", "x"]]),
        pa.array(["x", "y", "x"], pa.large_string()),
        pa.array(["x", "y", "x"]).dictionary_encode(),
        pa.chunked_array([["x"], ["y", "x"]]).dictionary_encode(),
        pd.Series(["x", "y", "x"]),
        pd.Series(["x", "y", "x"], dtype="category"),
    ],
    ids=lambda values: type(values).__name__,
)
def test_arrays_may_be_of_any_library(values: Any) -> None:
    segments = Segments(("a",), cap=10)
    found = segments.find({"a": values}, 3)
    assert isinstance(found, np.ndarray)
    assert [segments.attributes(number)["a"] for number in found.tolist()] == ["x", "y", "x"]


def test_a_missing_value_has_a_name() -> None:
    segments = Segments(("a",), cap=10)
    for values in (["x", None], pa.array(["x", None]), pd.Series(["x", np.nan], dtype=object)):
        found = segments.find({"a": values}, 2)
        assert isinstance(found, np.ndarray)
        assert [segments.attributes(n)["a"] for n in found.tolist()] == ["x", NULL]
    assert len(segments) == 2


def test_true_and_one_are_two_values() -> None:
    segments = Segments(("a",), cap=10)
    found = [segments.find({"a": value}, 1) for value in (True, 1, "1", "True", np.bool_(True))[:4]]
    assert found == [0, 1, 1, 0]


def test_many_combinations_are_found_by_sorting() -> None:
    rng = np.random.default_rng(0)
    names = tuple("abcd")
    columns = {name: rng.integers(0, 200, 1_000) for name in names}
    segments = Segments(names, cap=60_000)
    found = segments.find(columns, 1_000)
    assert isinstance(found, np.ndarray)
    for row in range(0, 1_000, 97):
        members = segments.attributes(int(found[row]))
        assert members == {name: str(columns[name][row]) for name in names}


def test_no_attributes_are_one_segment_and_no_rows_none() -> None:
    segments = Segments((), cap=1)
    assert segments.find({}, 5) == 0
    assert segments.attrs(0, threshold="0.5") == '{"threshold":"0.5"}'
    empty = Segments(("a",), cap=1)
    found = empty.find({"a": []}, 0)
    assert isinstance(found, np.ndarray)
    assert (len(found), len(empty)) == (0, 0)


def test_values_without_a_text_are_refused() -> None:
    segments = Segments(("a",), cap=1)
    for values in ([1.5], [b"x"], [[1]], [object()], 1.5, np.array([1.0])):
        with pytest.raises((TypeError, InvalidArgumentError), match="'a'"):
            segments.find({"a": values}, 1)
    assert len(segments) == 0


@pytest.mark.parametrize("kind", ["b", "B", "h", "H", "i", "I", "q", "Q"])
def test_integers_of_any_width_and_span(kind: str) -> None:
    ends = np.iinfo(kind)
    for values in ([ends.min, ends.max], [ends.max - 1, ends.max], [ends.min, ends.min + 3]):
        segments = Segments(("a",), cap=10)
        found = segments.find({"a": np.array(values, kind)}, 2)
        assert isinstance(found, np.ndarray)
        assert [segments.attributes(n)["a"] for n in found.tolist()] == [str(v) for v in values]
