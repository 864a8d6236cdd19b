"""References: edges and names come from the rows, counts are exact where rows are read twice."""

from __future__ import annotations

import copy
import decimal
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import Categories, EdgeHistogram, InvalidArgumentError, Profile


def make_table(rows: int, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    hole = random.random(rows) < 0.1
    floats = random.lognormal(size=rows)
    floats[: rows // 20] = np.nan
    return pa.table(
        {
            "price": pa.array(floats, mask=hole),
            "age": pa.array(random.integers(0, 90, rows)),
            "stars": pa.array(random.integers(1, 6, rows), mask=hole),
            "ok": pa.array(random.random(rows) < 0.5),
            "city": pa.array(random.choice(["Rome", "Oslo", "Bern"], rows), mask=hole),
            "coded": pa.array(random.choice(["x", "y"], rows)).dictionary_encode(),
            "id": pa.array([f"user {n}" for n in range(rows)]),
            "user": pa.array([f"user {int(n)}" for n in random.geometric(0.01, rows)]),
            "when": pa.array(np.sort(random.integers(0, 10**9, rows))).cast(pa.timestamp("s")),
            "cost": pa.array([decimal.Decimal(n) for n in range(rows)], pa.decimal128(9, 1)),
            "half": pa.array(random.normal(size=rows).astype(np.float16)),
            "tags": pa.array([[i % 3, 100 + i] for i in range(rows)]),
            "person": pa.array([None if i % 4 == 0 else {"n": i} for i in range(rows)]),
            "blob": pa.array([b"x"] * rows),
            "empty": pa.nulls(rows),
        }
    )


TABLE = make_table(20_000)
NUMBERS = ("price", "age", "when", "cost", "half", "tags[]", "person.n")
NAMED = ("stars", "ok", "city", "coded", "user")


def leaf(table: pa.Table, path: str) -> pa.Array:
    """The values of a leaf, by another way."""
    if path == "tags[]":
        return pa.array([v for row in table["tags"].to_pylist() for v in row])
    if path == "person.n":
        return pa.array([row and row["n"] for row in table["person"].to_pylist()])
    values = table[path].combine_chunks()
    if path == "when":
        return values.cast(pa.int64())
    if path == "half":
        return values.cast(pa.float32())
    return values.cast(pa.float64()) if path == "cost" else values


def test_edges_are_values_and_counts_are_those_of_the_rows() -> None:
    reference = Profile.of(TABLE).freeze()
    assert reference.counted_from == "rows"
    for path in NUMBERS:
        column = reference[path]
        values, edges = leaf(TABLE, path), column.edges
        assert edges is not None
        assert column.categories is None
        known = sorted({float(v) for v in values.to_pylist() if v is not None and v == v})
        assert set(edges.edges[1:]) <= set(known)
        assert edges.edges[0] < known[0]
        assert edges.edges[-1] == known[-1]
        assert edges == EdgeHistogram(edges.edges, values), path
        assert edges.null_count == column.null_count
        # About equally full, to the error of the sketch.
        error = column.sketch.normalized_rank_error(pmf=True) * edges.count
        assert len(edges.edges) == 11 or path == "tags[]"  # of which half are one of three
        width = np.unique(np.array([v for v in values.to_pylist() if v is not None])).size
        if width > 1_000 and path != "tags[]":
            assert max(abs(n - edges.count / 10) for n in edges.counts[1:-1]) <= 2 * error


def test_names_are_the_frequent_ones_and_counts_are_those_of_the_rows() -> None:
    reference = Profile.of(TABLE).freeze(names=50)
    for path in NAMED:
        column = reference[path]
        categories, values = column.categories, leaf(TABLE, path)
        assert column.edges is None
        assert categories is not None
        assert categories == Categories(categories.names, values)
        assert len(categories.names) <= 50
    assert set(reference["city"].categories.names) == {"Rome", "Oslo", "Bern"}
    assert reference["city"].categories.missing == reference["city"].null_count
    assert set(reference["stars"].categories.names) == set("12345")
    assert set(reference["ok"].categories.names) == {"True", "False"}
    assert reference["user"].categories.count == 20_000  # many in other, none lost
    assert reference["user"].categories.other > 0
    # Of names that occur once each some may be kept, or none.
    assert reference["id"].edges is None
    kept = reference["id"].categories
    assert kept is None or kept.count == 20_000
    for path in ("blob", "empty", "tags"):
        assert reference[path].edges is reference[path].categories is None


def test_without_a_second_pass_the_sketch_says() -> None:
    profile = Profile.of(TABLE.to_reader())
    estimated, counted = profile.freeze(), profile.freeze(TABLE)
    assert (estimated.counted_from, counted.counted_from) == ("sketch", "rows")
    assert estimated.reference_id != counted.reference_id
    for path in NUMBERS:
        mine, exact = estimated[path].edges, counted[path].edges
        assert mine.edges == exact.edges
        assert mine.count == exact.count
        assert (mine.null_count, mine.nan_count) == (exact.null_count, exact.nan_count)
        error = estimated[path].sketch.normalized_rank_error(pmf=True) * mine.count + 1
        assert max(abs(a - b) for a, b in zip(mine.counts, exact.counts, strict=True)) <= error
    for path in ("stars", "ok", "city", "coded"):
        assert estimated[path].categories == counted[path].categories


def test_what_can_be_read_again_is(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(TABLE, path)
    for data in (path, str(path), [path], str(tmp_path / "*.parquet")):
        assert Profile.of(data).freeze().counted_from == "rows"
        assert Profile.of(data, reference=True).counted_from == "rows"
    assert Profile.of(TABLE.to_reader(), reference=True).counted_from == "sketch"
    table = make_table(100)
    profile = Profile.of(table)
    assert profile.freeze().counted_from == "rows"
    del table
    assert profile.freeze().counted_from == "sketch"  # nobody keeps it alive
    grown = Profile.of(TABLE)
    grown.update(TABLE.slice(0, 10))
    assert grown.freeze().counted_from == "sketch"
    merged = Profile.of(TABLE)
    merged.merge(Profile.of(TABLE))
    assert merged.freeze().counted_from == "sketch"


def test_rows_of_another_table_are_refused() -> None:
    profile = Profile.of({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(InvalidArgumentError, match="which counted 3: 2"):
        profile.freeze({"x": [1.0, 2.0]})
    with pytest.raises(InvalidArgumentError, match=r"columns \['x'\]: \['y'\]"):
        profile.freeze({"y": [1.0, 2.0, 3.0]})
    grouped = Profile.of({"g": ["a"], "x": [1]}, by="g")
    with pytest.raises(InvalidArgumentError, match="a group that the profile has not"):
        grouped.freeze({"g": ["b"], "x": [1]})
    for options in ({"bins": 1}, {"bins": 10_000}, {"names": 0}, {"bins": 2.5}):
        with pytest.raises(InvalidArgumentError, match=next(iter(options))):
            profile.freeze(**options)


def test_a_reference_stays_as_it_is() -> None:
    profile = Profile.of({"x": [1.0, 2.0]})
    reference = profile.freeze()
    assert not profile.is_reference
    assert reference.is_reference
    for change in (lambda: reference.update({"x": [1.0]}), lambda: reference.merge(profile)):
        with pytest.raises(InvalidArgumentError, match="a reference does not change"):
            change()
    profile.merge(reference)  # the other way round is fine
    assert profile.rows == 4
    reference["x"].edges.update([1.0])  # a copy
    assert reference["x"].edges.count == 2
    assert copy.deepcopy(reference) == reference
    assert reference != Profile.of({"x": [1.0, 2.0]})
    assert Profile.of({"x": [1.0, 2.0]}).reference_id is None


def test_equal_references_have_equal_ids() -> None:
    first = Profile.of(TABLE).freeze()
    assert Profile.of(TABLE, threads=1).freeze().reference_id == first.reference_id
    assert Profile.of(TABLE, redact=True).freeze().reference_id == first.reference_id
    assert Profile.of(TABLE, redact=False).freeze().reference_id == first.reference_id
    assert len(first.reference_id) == 16
    others = [
        Profile.of(TABLE).freeze(bins=11),
        Profile.of(TABLE).freeze(names=1),
        Profile.of(TABLE.slice(1)).freeze(),
        Profile.of(TABLE.rename_columns(["p", *TABLE.column_names[1:]])).freeze(),
        Profile.of(TABLE, by="coded").freeze(),
    ]
    assert len({first.reference_id, *(other.reference_id for other in others)}) == 6


def test_an_id_is_what_it_was() -> None:
    """Machines and versions must agree, or references would be stored twice."""
    reference = Profile.of({"x": [1.0, 2.5, -3.0, None], "c": ["a", "b", "a", None]}).freeze(bins=2)
    assert reference["x"].edges.edges == [math.nextafter(-3.0, -4.0), 1.0, 2.5]
    assert reference.reference_id == "8bc9325dd017745f"


def test_groups_are_frozen_too() -> None:
    grouped = Profile.of(TABLE, by="coded", max_groups=1).freeze()
    assert set(grouped.groups) == {(TABLE["coded"][0].as_py(),), ("…other…",)}
    import pyarrow.compute as pc

    for (key,), group in grouped.groups.items():
        named = TABLE["coded"][0].as_py()
        mask = pc.equal(TABLE["coded"].cast(pa.string()), named)
        rows = TABLE.filter(mask if key == named else pc.invert(mask))
        assert group.is_reference
        for path in ("price", "age", "tags[]"):
            edges = group[path].edges
            assert edges == EdgeHistogram(edges.edges, leaf(rows, path))
        assert group["city"].categories == Categories(
            group["city"].categories.names, leaf(rows, "city")
        )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.none()
        | st.floats(width=32)
        | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 2.0**53 + 2]),
        max_size=30,
    ),
    st.integers(2, 12),
)
def test_any_numbers_can_be_frozen(values: list[Any], bins: int) -> None:
    column = {"x": pa.array(values, pa.float64())}
    reference = Profile.of(column).freeze(column, bins=bins)
    edges = reference["x"].edges
    finite = [v for v in values if v is not None and np.isfinite(v)]
    assert (edges is None) == (not finite)
    if edges is not None:
        assert set(edges.edges[1:]) <= {v + 0.0 for v in finite}
        assert edges.edges[0] == math.nextafter(min(finite), -math.inf)
        assert edges.edges[-1] == max(finite)
        assert len(edges.edges) <= bins + 1
        assert sum(edges.counts) == len(finite)
        sketched = Profile.of(column).freeze(bins=bins)
        assert sketched["x"].edges.edges == edges.edges


def test_texts_of_every_sort_can_be_frozen() -> None:
    long = "x" * 5_000
    values = pa.array(
        [b"a", b"\xff\xfe", long.encode(), b"", "ü\u202e\0".encode(), b"a"], pa.binary()
    )
    column = {"t": pa.Array.from_buffers(pa.utf8(), 6, values.buffers())}
    reference = Profile.of(column).freeze(column)
    categories = reference["t"].categories
    assert set(categories.names) == {"a", "", "ü\u202e\0"}
    assert (categories.count, categories.other) == (6, 2)  # of those that rows cannot be found by
    assert Profile.of({"t": [long]}).freeze()["t"].categories is None


def test_a_reference_is_kept_in_a_directory_that_is_made(tmp_path: Path) -> None:
    reference = Profile.of({"x": list(range(100))}).freeze()
    kept = reference.save(tmp_path / "refs")
    assert kept == tmp_path / "refs" / "references" / f"{reference.reference_id}.inlay"
    assert reference.save(tmp_path / "refs") == kept
    assert Profile.load(tmp_path / "refs", reference_id=reference.reference_id) == reference
    assert reference.save(tmp_path / "x.inlay") == tmp_path / "x.inlay"


def test_no_directory_above_is_made(tmp_path: Path) -> None:
    profile = Profile.of({"x": [1, 2]})
    for target in ("nope/x.inlay", "nope/refs"):
        with pytest.raises(FileNotFoundError, match="nope"):
            profile.freeze().save(tmp_path / target)
    with pytest.raises(FileNotFoundError, match="nope"):
        profile.save(tmp_path / "nope" / "x.inlay")
    with pytest.raises(FileNotFoundError, match=r"nope\.inlay"):
        Profile.load(tmp_path / "nope.inlay")
    assert not list(tmp_path.iterdir())
    assert profile.save(tmp_path / "x") == tmp_path / "x"  # which is no reference


def test_what_was_written_once_comes_back_the_same() -> None:
    profile = Profile.of({"x": np.arange(100_000.0), "t": [str(i) for i in range(100_000)]})
    once = Profile.from_bytes(profile.to_bytes())
    assert once != profile  # the sketch was compacted, names are hidden
    assert Profile.from_bytes(once.to_bytes()) == once
    assert Profile.from_arrow(once.to_arrow()) == once


def test_the_id_is_that_of_rows_in_an_order() -> None:
    rows = np.random.default_rng(5).normal(size=50_000)
    one, other = (Profile.of({"x": part}).freeze() for part in (rows, rows.copy()))
    assert one.reference_id == other.reference_id
    assert Profile.of({"x": np.sort(rows)}).freeze().reference_id != one.reference_id
