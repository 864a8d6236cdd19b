"""Categories: names, others, what is missing, references and forms."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import Categories, InvalidArgumentError, SerializationError

DATA = Path(__file__).parent.parent / "data"

short_texts = st.text(alphabet="ab€\0", max_size=4)
items = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.integers(-8, 8).map(lambda i: i / 4),
    short_texts,
    st.text(max_size=30),
)
name_lists = st.lists(st.one_of(short_texts, st.text(max_size=30)), min_size=1, unique=True)


def name_of(item: Any) -> str | None:
    """Name an item as the documentation says; None for what is missing."""
    if item is None or item != item:
        return None
    if isinstance(item, float) and item.is_integer() and abs(item) < 1e16:
        return str(int(item))
    return str(item)


def check(categories: Categories, values: list[Any]) -> None:
    counted = Counter(name_of(value) for value in values)
    assert categories.missing == counted.pop(None, 0)
    assert categories.counts == [counted.pop(name, 0) for name in categories.names]
    assert categories.other == sum(counted.values())
    assert categories.count == len(values) - categories.missing


@given(name_lists, st.lists(items, max_size=60), st.data())
@settings(deadline=None)
def test_items_are_counted_under_their_names(
    names: list[str], values: list[Any], data: st.DataObject
) -> None:
    # Most names come from the data, else nearly all would be others.
    known = {name_of(value) for value in values} - {None}
    names += data.draw(
        st.lists(st.sampled_from(sorted(known)), unique=True) if known else st.just([])
    )
    names = list(dict.fromkeys(names))
    categories = Categories(names, values)
    check(categories, values)
    one_by_one = Categories(names)
    for value in values:
        one_by_one.update(value)
    assert one_by_one == categories


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=50))
@settings(deadline=None)
def test_floats_are_named_as_python_writes_them(values: list[float]) -> None:
    names = list(dict.fromkeys(name_of(value) for value in values))
    categories = Categories(names, np.array(values))
    check(categories, values)
    assert categories.other == 0
    assert set(Categories.of(values).names) == set(names)


@given(st.lists(st.one_of(st.none(), short_texts), max_size=300))
@settings(deadline=None)
def test_arrow_text_of_every_layout_counts_the_same(values: list[str | None]) -> None:
    expected = Categories(["a", "", "b€"], values)
    column = pa.array(values, pa.string())
    for other in (
        column.cast(pa.large_string()),
        column.cast(pa.string_view()),
        column.cast(pa.binary()),
        column.dictionary_encode(),
        pa.chunked_array([column, column.slice(0, 0)]),
        pa.chunked_array([column.dictionary_encode()]),
        pa.DictionaryArray.from_arrays(pa.array([0, 2, None, 1], pa.int8()), ["a", None, "b€"])
        if values == ["a", "b€", None, None]
        else column,
    ):
        assert Categories(["a", "", "b€"], other) == expected
    check(expected, values)


@pytest.mark.parametrize("index_type", [pa.int8(), pa.uint16(), pa.int32(), pa.int64()])
def test_dictionaries_are_counted_by_index(index_type: pa.DataType) -> None:
    random = np.random.default_rng(2)
    indices = pa.array(random.integers(0, 6, 5000), index_type, mask=random.random(5000) < 0.1)
    dictionary = pa.array(["a", None, "b", "a", "c", "d"])  # entries may repeat or be null
    column = pa.DictionaryArray.from_arrays(indices, dictionary)
    values = column.to_pylist()
    check(Categories(["a", "b", "x"], column), values)
    check(Categories(["a", "b", "x"], column[100:300]), values[100:300])
    check(Categories(["a", "b", "x"], column[7:9]), values[7:9])  # fewer than entries
    weights = random.integers(0, 4, 5000)
    weighted = Categories(["a", "b", "x"])
    weighted.update(column, weights=weights)
    check(weighted, np.repeat(np.array(values, dtype=object), weights).tolist())
    numbers = pa.DictionaryArray.from_arrays(indices, pa.array([1, 2, None, 3, 4, 5]))
    check(Categories(["1", "3"], numbers), numbers.to_pylist())


def test_counts_are_those_of_pyarrow_and_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="a consumer that the tests install")
    random = np.random.default_rng(5)
    words = np.array([f"word-{i:04}" for i in range(300)])
    column = random.choice(words, 20_000, p=random.dirichlet(np.ones(300)))
    reference = Categories.of(column, most=50)
    counted = pd.Series(column).value_counts()
    by_arrow = {row["values"]: row["counts"] for row in pa.array(column).value_counts().to_pylist()}
    assert reference.counts == counted.iloc[:50].tolist()
    assert reference.counts == [by_arrow[name] for name in reference.names]
    assert reference.other == counted.iloc[50:].sum()
    for values in (
        pd.Series(column),
        pd.Series(column, dtype="category"),
        pd.Series(column, dtype=object),
        column.astype(object),
        column.tolist(),
        pa.array(column).dictionary_encode(),
    ):
        assert Categories(reference.names, values) == reference


def test_a_nullable_column_of_integers_keeps_its_names() -> None:
    pd = pytest.importorskip("pandas", reason="a consumer that the tests install")
    whole = pd.Series([1, 2, 2, 7])
    holes = pd.Series([1, 2, None, 7])  # float64 by now
    reference = Categories.of(whole)
    assert reference.names == ["2", "1", "7"]
    later = Categories(reference.names, holes)
    assert later.counts == [1, 1, 1]
    assert (later.other, later.missing) == (0, 1)
    assert Categories(reference.names, holes.to_numpy()).nan_count == 1
    assert Categories(reference.names, [1.5, 2.0]).other == 1


def test_other_columns_are_named_too() -> None:
    assert Categories(["True", "1"], np.array([True, False, True])).counts == [2, 0]
    assert Categories(["True", "1"], pa.array([True, None, False])).counts == [1, 0]
    assert Categories(["3"], np.array([3, 4], dtype=np.uint8)).counts == [1]
    assert Categories(["0.5"], np.array([0.5, 2], dtype=np.float16)).counts == [1]
    assert Categories(["ab"], np.array(["ab", "b"])).counts == [1]
    assert Categories(["ab"], b"ab").counts == [1]
    assert Categories([1, True, 2.0, 0.5, "x"]).names == ["1", "True", "2", "0.5", "x"]
    assert Categories(np.array([3, 1])).names == ["3", "1"]
    assert Categories([np.int8(3), np.bool_(True)]).names == ["3", "True"]
    assert Categories(pa.array(["a", "b"])).names == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ([], ": 0"),
        (["a", "b", "a"], "name 2 is also name 0: 'a'"),
        ([3, 3.0], "name 1 is also name 0"),
        (["a", "\ud800"], r"position 1: '\\ud800'"),
        (["a", None], "position 1: None"),
        ([math.nan], "position 0: nan"),
    ],
)
def test_names_that_are_none_are_refused_by_value_and_position(names: Any, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        Categories(names)


@pytest.mark.parametrize("names", ["abc", b"abc", [["a"]], [1 + 2j], 5, None])
def test_names_of_another_kind_are_refused(names: Any) -> None:
    with pytest.raises(TypeError):
        Categories(names)


def test_surrogates_are_refused_by_value_and_position() -> None:
    categories = Categories(["a"])
    for values in (["a", "b\ud800"], np.array(["a", "b\ud800"], dtype=object)):
        with pytest.raises(InvalidArgumentError, match=r"position 1: 'b\\ud800'"):
            categories.update(values)
        with pytest.raises(InvalidArgumentError, match="position 1"):
            Categories.of(values)
    with pytest.raises(InvalidArgumentError, match="position 0"):
        categories.update("\udfff")
    with pytest.raises(ValueError, match=r"at 1 holds .* 55296"):
        categories.update(np.array(["a", "\ud800"]))
    assert categories.count == 0


@pytest.mark.parametrize(
    "values", [[object()], [1 + 2j], pa.array([[1]]), np.array([1j]), {"a": 1}, [2**64]]
)
def test_values_of_another_kind_are_refused(values: Any) -> None:
    categories = Categories(["a"])
    with pytest.raises((TypeError, ValueError)):
        categories.update(values)
    assert categories.count == 0


@given(name_lists, st.lists(st.tuples(items, st.integers(0, 5)), max_size=40))
@settings(deadline=None)
def test_weights_count_as_repeats(names: list[str], pairs: list[tuple[Any, int]]) -> None:
    names = list(dict.fromkeys([*names, "1", "True", "0.5", "a"]))
    values, weights = [value for value, _ in pairs], [weight for _, weight in pairs]
    weighted = Categories(names)
    weighted.update(values, weights=weights)
    check(weighted, [value for value, weight in pairs for _ in range(weight)])


@pytest.mark.parametrize(
    "values", [["a", "b", None], pa.array(["a", "b", None]).dictionary_encode()]
)
@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ([1, 2], "3 values; weights: 2"),
        ([1, -2, 3], "position 1: -2"),
        ([1, 2, 1.5], "position 2: 1.5"),
        (pa.array([1, None, 3]), "position 1: None"),
        ([2**62, 2**62, 1], f"position 1: {2**62}"),
        ([2**62, 2**61, 2**61 - 1], "less than"),
    ],
)
def test_weights_that_are_none_are_refused_and_nothing_is_counted(
    values: Any, weights: Any, name: str
) -> None:
    categories = Categories(["a"], ["a"])
    before = categories.copy()
    with pytest.raises(InvalidArgumentError, match=name):
        categories.update(values, weights=weights)
    assert categories == before


@given(name_lists, st.lists(items, max_size=40), st.lists(items, max_size=40), st.randoms())
@settings(deadline=None)
def test_merges_equal_counting_everything(
    names: list[str], first: list[Any], second: list[Any], random: Any
) -> None:
    left, right = Categories(names, first), Categories(names, second)
    whole = Categories(names, first + second)
    other_way = right.copy()
    other_way.merge(left)
    shuffled = names.copy()
    random.shuffle(shuffled)
    left.merge(Categories(shuffled, second))
    assert left == other_way == whole
    assert left.to_bytes() == whole.to_bytes()


def test_merging_others_names_the_first_that_differs() -> None:
    categories = Categories(["a", "b"], ["a"])
    with pytest.raises(InvalidArgumentError, match="name 1 is 'b' and of the other: 'c'"):
        categories.merge(Categories(["a", "c"]))
    with pytest.raises(InvalidArgumentError, match="there are 2 and of the other: 3"):
        categories.merge(Categories(["a", "b", "c"]))
    assert categories == Categories(["a", "b"], ["a"])
    categories.merge(categories)
    assert categories.counts == [2, 0]


@given(st.lists(items, max_size=80), st.integers(1, 10))
@settings(deadline=None)
def test_references_have_the_most_frequent_names(values: list[Any], most: int) -> None:
    counted = Counter(name_of(value) for value in values)
    counted.pop(None, None)
    if not counted:
        with pytest.raises(InvalidArgumentError, match="at least one"):
            Categories.of(values, most=most)
        return
    reference = Categories.of(values, most=most)
    expected = sorted(counted, key=lambda name: (-counted[name], name.encode()))[:most]
    assert reference.names == expected
    check(reference, values)


def test_references_of_no_or_too_many_names_are_refused() -> None:
    for most in (0, -1, 1_000_001):
        with pytest.raises(InvalidArgumentError, match=str(most)):
            Categories.of(["a"], most=most)
    with pytest.raises(InvalidArgumentError, match="name 0 is none from byte 1 on"):
        Categories.of(pa.array([b"a\xff"]))


def test_the_reference_id_is_as_documented() -> None:
    names = ['a"', "\n", "é€", ""]
    content = (
        b"categories\x1f" + json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode()
    )
    categories = Categories(names, ["x"])
    assert categories.reference_id == hashlib.sha256(content).hexdigest()[:16]
    assert categories.reference_id != Categories(names[::-1]).reference_id


@given(name_lists, st.lists(items, max_size=40))
@settings(deadline=None)
def test_rows_become_categories_again(names: list[str], values: list[Any]) -> None:
    categories = Categories(names, values)
    table = categories.to_arrow()
    (row,) = table.to_pylist()
    assert Categories.from_row(row) == categories
    assert row["count"] == sum(row["counts"])
    assert row["counts"][-1] == categories.other
    assert table.schema.field("categories").type == pa.list_(pa.string())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"categories": ["a", "a"]}, "also name 0"),
        ({"categories": None}, r"\(0\): 3"),
        ({"categories": ["a", None]}, "position 1"),
        ({"counts": [1, 2]}, r"\(2\): 2"),
        ({"counts": None}, r"\(2\): 0"),
        ({"counts": [1, 2, -3]}, "position 2: -3"),
        ({"counts": [2**62, 2**62, 0]}, str(2**62)),
        ({"reference_id": "0123"}, "'0123'"),
    ],
)
def test_rows_that_cannot_be_are_refused(change: dict[str, Any], name: str) -> None:
    row = Categories(["a", "b"], ["a", "c"]).to_arrow().to_pylist()[0]
    if "categories" in change:
        del row["reference_id"]
    with pytest.raises(InvalidArgumentError, match=name):
        Categories.from_row({**row, **change})


def test_rows_of_one_reference_add_up_in_sql() -> None:
    duckdb = pytest.importorskip("duckdb", reason="the query extra")
    parts = [Categories(["a", "b"], list("abcab"[:n])) for n in (1, 3, 5)]
    stray = Categories(["b", "a"], ["a"])
    rows = pa.concat_tables([part.to_arrow() for part in [*parts, stray]])
    found = duckdb.sql("""
        select reference_id, list_append(categories, 'other')[cell] as name, sum(n)::bigint
        from (select reference_id, categories, generate_subscripts(counts, 1) as cell,
                     unnest(counts) as n from rows)
        group by all
    """).fetchall()
    assert rows.num_rows == 4
    for part in parts[1:]:
        parts[0].merge(part)
    expected = set()
    for one in (parts[0], stray):
        expected |= {(one.reference_id, *pair) for pair in zip(one.names, one.counts, strict=True)}
        expected.add((one.reference_id, "other", one.other))
    assert set(found) == expected


@given(name_lists, st.lists(items, max_size=40))
@settings(deadline=None)
def test_bytes_copies_and_pickles_are_equal(names: list[str], values: list[Any]) -> None:
    categories = Categories(names, values)
    assert Categories.from_bytes(categories.to_bytes()) == categories
    for other in (categories.copy(), copy.copy(categories), copy.deepcopy(categories)):
        assert other == categories
        other.update("anything")
        assert other != categories
    assert pickle.loads(pickle.dumps(categories)) == categories
    categories.reset()
    assert categories == Categories(names)


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    for candidate in (data, b"inCA\x01" + data, b"inCA\x01\x02\x01a\x01b" + data):
        try:
            categories = Categories.from_bytes(candidate)
        except SerializationError:
            continue
        assert categories.to_bytes() == candidate
        repr(categories)


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "categories_v1.bin").read_bytes()
    expected = Categories(["red", "", "grün", "3"], ["red", "red", "", "blue", 3.0, math.nan])
    expected.update(None, weights=300)
    assert Categories.from_bytes(data) == expected
    assert expected.to_bytes() == data


def test_forms_for_people() -> None:
    categories = Categories(["a", "b", "c", "d"], ["b", "b", "c", "d", "x"])
    assert repr(categories) == "<inlay.Categories of 5: 'b' 2, 'c' 1, 'd' 1, other 1, 4 names>"
    assert repr(Categories(["a"])) == "<inlay.Categories of no values, 1 name>"
    assert "<th>counts</th><td>[0, 2, 1, 1, 1]</td>" in categories._repr_html_()
    with pytest.raises(TypeError, match="unhashable"):
        hash(categories)
    assert (categories == 1) is False
    assert len(categories) == 5
    assert Categories(["a"])
    assert categories.memory_bytes < 2000
