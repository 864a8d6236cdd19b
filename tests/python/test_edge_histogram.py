"""EdgeHistogram: cells, weights, merges, references and forms."""

from __future__ import annotations

import bisect
import copy
import hashlib
import math
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inlay import EdgeHistogram, InlayWarning, InvalidArgumentError, SerializationError
from inlay.summary import CdfBounds

DATA = Path(__file__).parent.parent / "data"

anything = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
# A lattice beside the full range, so that values meet edges.
lattice = st.integers(-20, 20).map(lambda i: i / 4)
edge_lists = st.one_of(
    st.lists(finite, min_size=1, max_size=60), st.lists(lattice, min_size=1, max_size=60)
).map(lambda edges: sorted({e + 0.0 for e in edges}))
value_lists = st.lists(st.one_of(anything, lattice), max_size=80)


def reference(edges: list[float], values: list[float]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        if math.isfinite(value):
            counts[bisect.bisect_left(edges, value)] += 1
    return counts


@given(edge_lists, value_lists)
@settings(deadline=None)
def test_every_value_lands_in_its_cell(edges: list[float], values: list[float]) -> None:
    one_by_one = EdgeHistogram(edges)
    for value in values:
        one_by_one.update(value)
    assert one_by_one.edges == edges
    assert one_by_one.counts == reference(edges, values)
    assert one_by_one.count == sum(map(math.isfinite, values))
    assert one_by_one.nan_count == sum(map(math.isnan, values))
    assert one_by_one.pos_inf_count == values.count(math.inf)
    assert one_by_one.neg_inf_count == values.count(-math.inf)
    repeated = np.array(values * 3)  # long enough for the loops
    thrice = EdgeHistogram(edges, repeated)
    assert thrice.counts == [3 * count for count in one_by_one.counts]
    with np.errstate(over="ignore"):
        single = repeated.astype(np.float32)
    assert EdgeHistogram(edges, single) == EdgeHistogram(edges, single.astype(np.float64))


@given(edge_lists, value_lists, st.data())
@settings(deadline=None)
def test_order_and_splits_do_not_matter(
    edges: list[float], values: list[float], data: st.DataObject
) -> None:
    whole = EdgeHistogram(edges, np.array(values))
    shuffled = data.draw(st.permutations(values))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=2, max_size=2)))
    parts = [shuffled[: cuts[0]], shuffled[cuts[0] : cuts[1]], shuffled[cuts[1] :]]
    a, b, c = (EdgeHistogram(edges, np.array(part, dtype=np.float64)) for part in parts)
    left, right = a.copy(), c.copy()
    left.merge(b)
    left.merge(c)
    right.merge(a)
    right.merge(b)
    assert left == right == whole
    assert left.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_edges", [1, 7, 10, 21, 100, 1000, 65_535])
def test_counts_are_those_of_numpy(dtype: Any, num_edges: int) -> None:
    random = np.random.default_rng(num_edges)
    values = random.normal(size=20_000).astype(dtype)
    for edges in (
        np.unique(random.normal(size=num_edges)),
        np.linspace(-1, 1, num_edges) if num_edges > 1 else np.zeros(1),
        np.geomspace(1e-6, 1e3, num_edges),
    ):
        cells = np.searchsorted(edges, values.astype(np.float64), side="left")
        expected = np.bincount(cells, minlength=len(edges) + 1)
        assert EdgeHistogram(edges, values).counts == expected.tolist()


@pytest.mark.parametrize("num_edges", [5, 50, 500])
def test_counts_are_those_of_boost_histogram(num_edges: int) -> None:
    bh = pytest.importorskip("boost_histogram", reason="a peer of the benchmarks")
    random = np.random.default_rng(num_edges)
    values = random.normal(size=10_000)
    edges = np.unique(random.choice(values, num_edges + 1, replace=False))
    # Its cells hold their lower edge, ours the upper: the mirror image has the same counts.
    peer = bh.Histogram(bh.axis.Variable(-edges[::-1]))
    peer.fill(-values)
    expected = peer.view(flow=True)[::-1].astype(int).tolist()
    assert EdgeHistogram(edges, values).counts == expected


def test_columns_of_every_kind_are_read() -> None:
    edges = [0.0, 1.0, 2.0]
    expected = EdgeHistogram(edges, [0.0, 1.0, 2.0, 3.0])
    integers = np.arange(4)
    for values in (
        integers,
        integers.astype(np.uint8),
        integers.astype(np.float16),
        np.repeat(integers, 2)[::2],
        integers.reshape(2, 2),
        pa.chunked_array([[0, 1], [2, 3]]),
        pa.array([0.0, 1.0, 2.0, 3.0]).dictionary_encode(),
        memoryview(integers),
        (0, 1, 2, 3),
    ):
        assert EdgeHistogram(edges, values) == expected
    assert EdgeHistogram(edges, [True, False]).counts == [1, 1, 0, 0]
    assert EdgeHistogram(np.array(edges, dtype=np.float32)).edges == edges
    assert EdgeHistogram(pa.array([0, 1])).edges == [0.0, 1.0]


def test_nulls_are_counted_apart() -> None:
    for column in (pa.array([1.0, None, 2.0, None]), [1.0, None, 2.0, None]):
        histogram = EdgeHistogram([1.5], column)
        assert histogram.counts == [1, 1]
        assert histogram.null_count == 2


def test_zeros_of_both_signs_are_equal() -> None:
    histogram = EdgeHistogram([-0.0], [-0.0, 0.0, 5e-324, -5e-324])
    assert histogram.counts == [3, 1]
    assert math.copysign(1, histogram.edges[0]) == 1
    assert histogram.reference_id == EdgeHistogram([0.0]).reference_id


@pytest.mark.parametrize(
    ("edges", "name"),
    [
        ([], ": 0"),
        ([1.0, 1.0], "edge 1 .*: 1"),
        ([1.0, 2.0, 0.5], "edge 2 .*2: 0.5"),
        ([-0.0, 0.0], "edge 1"),
        ([0.0, math.nan], "edge 1: nan"),
        ([math.inf], "edge 0: inf"),
        ([-math.inf, 0.0], "edge 0: -inf"),
        ([0.0, 1.0, None], "edge 2: None"),
        (pa.array([None, 1.0]), "edge 0: None"),
        (np.arange(65_536.0), "65536"),
    ],
)
def test_edges_that_are_none_are_refused_by_value_and_position(edges: Any, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        EdgeHistogram(edges)


@pytest.mark.parametrize("edges", ["01", ["a"], 3, None, [[0.0], [1.0, 2.0]]])
def test_edges_of_another_kind_are_refused(edges: Any) -> None:
    with pytest.raises(TypeError):
        EdgeHistogram(edges)


@given(edge_lists, st.lists(st.tuples(st.one_of(st.none(), anything), st.integers(0, 5))))
@settings(deadline=None)
def test_weights_count_as_repeats(
    edges: list[float], pairs: list[tuple[float | None, int]]
) -> None:
    weighted, repeated = EdgeHistogram(edges), EdgeHistogram(edges)
    weighted.update([value for value, _ in pairs], weights=[weight for _, weight in pairs])
    for value, weight in pairs:
        repeated.update([value] * weight)
    assert weighted == repeated


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint64, np.bool_, np.float16])
@pytest.mark.parametrize("weight_type", [np.int64, np.uint8, np.uint64])
def test_weighted_columns_of_every_type_count_as_repeats(dtype: Any, weight_type: Any) -> None:
    random = np.random.default_rng(4)
    values = random.integers(0, 100, 3000).astype(dtype)
    weights = random.integers(0, 5, 3000).astype(weight_type)
    histogram = EdgeHistogram([0.0, 1.0, 50.0])
    histogram.update(values, weights=weights)
    assert histogram == EdgeHistogram([0.0, 1.0, 50.0], np.repeat(values, weights.astype(np.int64)))
    histogram.reset()
    histogram.update(pa.array(values), weights=pa.array(weights))
    assert histogram == EdgeHistogram([0.0, 1.0, 50.0], np.repeat(values, weights.astype(np.int64)))


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ([1, 2], "3 values; weights: 2"),
        ([1, 2, 3, 4], "weights: 4"),
        ([1, -2, 3], "position 1: -2"),
        ([1, 2, 1.5], "position 2: 1.5"),
        ([1, None, 3], "position 1: None"),
        ([1, 2, None], "position 2: None"),
        ([True, 2, 3], "position 0: True"),
        ([1, "2", 3], "position 1: '2'"),
        (np.array([1.0, 2.0, 3.0]), "position 0: 1"),
        (np.array([1, 2**63, 3], dtype=np.uint64), f"position 1: {2**63}"),
        ([2**62, 2**62, 1], f"position 1: {2**62}"),
        (5, "weights: 1"),
    ],
)
def test_weights_that_are_none_are_refused_and_nothing_is_counted(weights: Any, name: str) -> None:
    histogram = EdgeHistogram([0.0], [1.0])
    before = histogram.copy()
    with pytest.raises(InvalidArgumentError, match=name):
        histogram.update([1.0, 2.0, 3.0], weights=weights)
    assert histogram == before


def test_counts_beyond_int64_are_refused() -> None:
    histogram = EdgeHistogram([0.0])
    histogram.update(1.0, weights=2**63 - 3)
    histogram.update([1.0, None])
    with pytest.raises(InvalidArgumentError, match="less than"):
        histogram.update(1.0, weights=1)
    with pytest.raises(InvalidArgumentError, match="less than"):
        histogram.merge(EdgeHistogram([0.0], [1.0]))
    assert histogram.counts == [0, 2**63 - 2]
    assert EdgeHistogram.from_bytes(histogram.to_bytes()) == histogram


def test_weights_do_not_widen_what_is_a_number() -> None:
    histogram = EdgeHistogram([0.0])
    for values in (["a"], pa.array(["a"]), np.array(["2020-01-01"], dtype="datetime64[D]")):
        with pytest.raises(TypeError):
            histogram.update(values, weights=[1])
    with pytest.warns(InlayWarning, match="nearest double: 1"):
        histogram.update(np.array([2**53 + 1]), weights=[2])
    assert histogram.counts == [0, 2]


def test_merging_others_names_the_first_edge_that_differs() -> None:
    histogram = EdgeHistogram([0.0, 1.0], [0.5])
    with pytest.raises(InvalidArgumentError, match=r"edge 1 is 1 and of the other: 1.5"):
        histogram.merge(EdgeHistogram([0.0, 1.5]))
    with pytest.raises(InvalidArgumentError, match=r"there are 2 and of the other: 3"):
        histogram.merge(EdgeHistogram([0.0, 1.0, 2.0]))
    assert histogram == EdgeHistogram([0.0, 1.0], [0.5])
    histogram.merge(histogram)
    assert histogram.counts == [0, 2, 0]


@given(edge_lists, st.lists(st.one_of(finite, lattice), max_size=50), finite)
@settings(deadline=None)
def test_cdf_bounds_hold(edges: list[float], values: list[float], x: float) -> None:
    histogram = EdgeHistogram(edges, values)
    points = sorted([x, *edges, -math.inf, math.inf])
    last = CdfBounds(0.0, 0.0)
    for point in points:
        bounds = histogram.cdf_bounds(point)
        if not values:
            assert bounds is None
            continue
        assert bounds is not None
        exact = sum(value <= point for value in values) / len(values)
        assert bounds.low <= exact <= bounds.high
        assert last.low <= bounds.low
        assert last.high <= bounds.high
        if point != x or point in edges:
            assert bounds.low == bounds.high
        last = bounds
    with pytest.raises(InvalidArgumentError, match="nan"):
        histogram.cdf_bounds(math.nan)


@given(st.lists(st.one_of(anything, lattice), min_size=1, max_size=200), st.integers(2, 30))
@settings(deadline=None)
def test_references_have_order_statistics_as_edges(sample: list[float], bins: int) -> None:
    ordered = sorted(value + 0.0 for value in sample if math.isfinite(value))
    if not ordered:
        with pytest.raises(InvalidArgumentError, match="finite"):
            EdgeHistogram.of(sample, bins=bins)
        return
    n = len(ordered)
    ranks = [-(-i * n // bins) for i in range(1, bins)]
    expected = sorted({ordered[rank - 1] for rank in ranks})
    reference = EdgeHistogram.of(sample, bins=bins)
    assert reference.edges == expected
    assert reference == EdgeHistogram(expected, sample)


def test_references_of_distinct_values_have_even_cells() -> None:
    sample = np.random.default_rng(3).normal(size=1003)
    reference = EdgeHistogram.of(sample, bins=10)
    assert sum(reference.counts) == 1003
    assert {100, 101} == set(reference.counts)
    assert EdgeHistogram.of(pa.array([1.0, None, 2.0]), bins=2).null_count == 1
    assert EdgeHistogram.of(np.arange(5000, dtype=np.float32)).edges[0] == 499
    for bins in (1, 0, 65_537):
        with pytest.raises(InvalidArgumentError, match=str(bins)):
            EdgeHistogram.of(sample, bins=bins)


def test_the_shares_of_a_references_cells_are_dirichlet() -> None:
    # The first cell's true share, over many samples: beta with the spacings as parameters.
    random = np.random.default_rng(8)
    n, trials = 40, 4000
    shares = []
    for _ in range(trials):
        reference = EdgeHistogram.of(random.random(n), bins=4)
        alpha = [*reference.counts[:-1], reference.counts[-1] + 1]
        shares.append(reference.edges[0])
    assert alpha == [10, 10, 10, 11]
    mean = 10 / 41
    variance = mean * (1 - mean) / 42
    # Five standard errors: a false alarm in about 2 of a million seeds. That of a variance is
    # sqrt((kurtosis - 1) / trials), and this distribution's kurtosis is below 3.2.
    assert abs(np.mean(shares) - mean) < 5 * math.sqrt(variance / trials)
    assert abs(np.var(shares) / variance - 1) < 5 * math.sqrt(2.2 / trials)


def test_the_reference_id_is_as_documented() -> None:
    histogram = EdgeHistogram([0.5, 1.5], [1.0])
    content = b"edges\x1f" + struct.pack("<2d", 0.5, 1.5)
    assert histogram.reference_id == hashlib.sha256(content).hexdigest()[:16]
    assert histogram.reference_id != EdgeHistogram([0.5, 1.25]).reference_id


@pytest.mark.parametrize("threads", [1, 4, 7])
def test_threads_share_one_object(threads: int) -> None:
    values = np.random.default_rng(9).normal(size=10_000)
    shared = EdgeHistogram([-1.0, 0.0, 1.0])
    expected = EdgeHistogram(shared.edges, np.tile(values, 5 * threads))

    def work() -> None:
        for _ in range(5):
            shared.update(values)
            assert sum(shared.to_arrow()["counts"][0].as_py()) % 10_000 == 0

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
    assert shared == expected


@given(edge_lists, value_lists)
@settings(deadline=None)
def test_rows_become_histograms_again(edges: list[float], values: list[float]) -> None:
    histogram = EdgeHistogram(edges, values)
    table = histogram.to_arrow()
    (row,) = table.to_pylist()
    assert EdgeHistogram.from_row(row) == histogram
    assert row["count"] == sum(row["counts"])
    assert table.schema.field("bounds").type == pa.list_(pa.float64())
    assert table.schema.field("reference_id").type == pa.string()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"bounds": [1.0, 0.0]}, "edge 1"),
        ({"bounds": None}, ": 0"),
        ({"counts": [1, 2]}, "counts: 2"),
        ({"counts": [1, -2, 0]}, "position 1: -2"),
        ({"counts": [1, 2, None]}, "position 2: None"),
        ({"counts": [2**63, 0, 0]}, str(2**63)),
        ({"reference_id": "0123"}, "'0123'"),
    ],
)
def test_rows_that_cannot_be_are_refused(change: dict[str, Any], name: str) -> None:
    row = EdgeHistogram([0.0, 1.0], [1.0, 2.0]).to_arrow().to_pylist()[0]
    with pytest.raises(InvalidArgumentError, match=name):
        EdgeHistogram.from_row({**row, **change})


def test_rows_of_one_reference_add_up_in_sql() -> None:
    duckdb = pytest.importorskip("duckdb", reason="the query extra")
    random = np.random.default_rng(6)
    parts = [EdgeHistogram([-1.0, 0.0, 1.0], random.normal(size=n)) for n in (10, 200, 3000)]
    stray = EdgeHistogram([0.0], [1.0])
    rows = pa.concat_tables([part.to_arrow() for part in [*parts, stray]])
    found = dict(
        duckdb.sql("""
            with cells as (
              select reference_id, unnest(range(len(counts))) as cell, unnest(counts) as n
              from rows),
            sums as (select reference_id, cell, sum(n) as n from cells group by all)
            select reference_id, list(n::bigint order by cell) from sums group by all
        """).fetchall()
    )
    assert rows.num_rows == 4
    for part in parts[1:]:
        parts[0].merge(part)
    assert found == {parts[0].reference_id: parts[0].counts, stray.reference_id: stray.counts}


@given(edge_lists, value_lists)
@settings(deadline=None)
def test_bytes_copies_and_pickles_are_equal(edges: list[float], values: list[float]) -> None:
    histogram = EdgeHistogram(edges, values)
    assert EdgeHistogram.from_bytes(histogram.to_bytes()) == histogram
    for other in (histogram.copy(), copy.copy(histogram), copy.deepcopy(histogram)):
        assert other == histogram
        other.update(1.0)
        assert other != histogram
    assert pickle.loads(pickle.dumps(histogram)) == histogram


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_valid(data: bytes) -> None:
    one_edge = b"inED\x01\x01" + bytes(8)
    for candidate in (data, b"inED\x01" + data, one_edge + data):
        try:
            histogram = EdgeHistogram.from_bytes(candidate)
        except SerializationError:
            continue
        assert histogram.to_bytes() == candidate
        repr(histogram)


def test_frozen_bytes_of_version_one_are_read() -> None:
    data = (DATA / "edge_histogram_v1.bin").read_bytes()
    expected = EdgeHistogram([-1.5, 0.0, 0.25])
    expected.update([-1.5, -0.0, 0.1, 7.0, 1e300, math.nan, math.inf, -math.inf, -math.inf])
    expected.update([None], weights=[300])
    assert EdgeHistogram.from_bytes(data) == expected
    assert expected.to_bytes() == data


def test_forms_for_people() -> None:
    histogram = EdgeHistogram([0.0, 0.5], [-1.0, 0.2, 0.3, 7.0, 8.0])
    assert repr(histogram) == "<inlay.EdgeHistogram of 5: 2 edges from 0 to 0.5, 1 below, 2 above>"
    assert repr(EdgeHistogram([1.0])) == "<inlay.EdgeHistogram of no values, 1 edge at 1>"
    assert "<th>bounds</th><td>[0.0, 0.5]</td>" in histogram._repr_html_()
    with pytest.raises(TypeError, match="unhashable"):
        hash(histogram)
    assert (histogram == 1) is False
    assert len(histogram) == 5
    assert EdgeHistogram([1.0])
    assert histogram.memory_bytes < 1000


PATTERNS = """
import numpy as np
from inlay import EdgeHistogram

sets = [np.geomspace(0.001, 30, 10), np.linspace(0, 1, 101), 2.0 ** (np.arange(-40, 60) / 3)]
histograms = [EdgeHistogram(edges) for edges in sets]
for start in range(0, 2**32, 2**20):
    values = np.arange(start, start + 2**20, dtype=np.uint32).view(np.float32)
    for histogram in histograms:
        histogram.update(values)
print([histogram.to_bytes().hex() for histogram in histograms])
"""


def counts_of_patterns(isa: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PATTERNS],
        env={**os.environ, "INLAY_FORCE_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


# The core's own tests compare every 4099th pattern by default. This takes minutes.
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_patterns_of_a_float32_count_the_same_on_every_instruction_set() -> None:
    # A set that the machine lacks leaves the baseline, which then equals itself.
    scalar = counts_of_patterns("scalar")
    for isa in ("avx2", "avx512"):
        assert counts_of_patterns(isa) == scalar
