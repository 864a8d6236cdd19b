"""Values beyond all that a reference has are seen, whatever cell they would share with others."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from drift_points import EDGES, complete, edges_row, reference_row, shares
from hypothesis import given, settings
from hypothesis import strategies as st
from watched import Watched, rows

import inlay
from inlay.drift import DistanceJudge, DriftJudge, backtest
from inlay.drift.references import Reference, References

N = 20_000
Draw = Callable[[np.random.Generator, int], Any]


def normal(rng: np.random.Generator, n: int) -> Any:
    return rng.normal(size=n)


def lowest_gone(rng: np.random.Generator, n: int) -> Any:
    x = rng.normal(size=n)
    return np.where(x < -1.2816, -1_000.0, x)


def top_thousandfold(rng: np.random.Generator, n: int) -> Any:
    x = rng.normal(size=n)
    return np.where(x > 1.2816, 1_000.0 * x, x)


def mostly_zero(rng: np.random.Generator, n: int) -> Any:
    return np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n))


def some_zeros_negative(rng: np.random.Generator, n: int) -> Any:
    x = mostly_zero(rng, n)
    return np.where((x == 0.0) & (rng.random(n) < 0.05), -1.0, x)


def constant(value: float) -> Draw:
    return lambda _, n: np.full(n, value)


CHANGES = {
    "a constant moves down": (constant(0.0), constant(-999.0)),
    "a constant moves up": (constant(0.0), constant(1e-300)),
    "the lowest decile is a code": (normal, lowest_gone),
    "the top decile is in another unit": (normal, top_thousandfold),
    "some zeros become -1": (mostly_zero, some_zeros_negative),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_changes_beyond_the_extremes_are_drift(change: str, tmp_path: Path) -> None:
    before, after = CHANGES[change]
    rng = np.random.default_rng(1)
    reference = inlay.Profile.of({"x": before(rng, N), "calm": normal(rng, N)}, reference=True)
    watched = Watched(reference, event_time="at", disorder=0, judges=[DriftJudge()])
    for pane in range(8):
        watched.at(60 * pane + 60)
        times = np.sort(rng.uniform(60 * pane, 60 * pane + 60, 2_000))
        draw = after if pane >= 4 else before
        watched.watch.update(rows(times, x=draw(rng, 2_000), calm=normal(rng, 2_000)))
        watched.collect()
    watched.finish()
    said = [row for batch in watched.batches for row in batch.verdicts.to_pylist()]
    of_x = [row["verdict"] for row in said if json.loads(row["attrs"])["column"] == "x"]
    assert set(of_x[:4]) == {"no"}
    assert set(of_x[5:]) == {"yes"}
    calm = [row["verdict"] for row in said if json.loads(row["attrs"])["column"] == "calm"]
    assert set(calm) == {"no"}
    # From the files, with what they bring and with the profile.
    sink = inlay.sinks.Files(tmp_path)
    sink.open({}, 1)
    for batch in watched.batches:
        sink.write(batch)
    sink.close(math.inf)
    for given_reference in (None, reference):
        judges = [DriftJudge(), DistanceJudge("jensen_shannon")]
        found = backtest(tmp_path, judges, reference=given_reference)
        assert {json.loads(each.attrs)["column"] for each in found.fired} == {"x"}
        assert {each.method for each in found.fired} == {"drift", "jensen_shannon"}
    # And of two tables.
    compared = inlay.compare(reference, {"x": after(rng, N), "calm": normal(rng, N)})
    assert list(compared.drifted) == ["x"]


def frozen(values: Any, **how: Any) -> Reference:
    profile = inlay.Profile.of({"x": values}, progress=False)
    (reference,) = References.of(profile.freeze({"x": values}, **how))
    return reference


def judged(reference: Reference, windows: Any) -> list[Any]:
    """Judge counts in a reference's cells, window by window."""
    edges = reference.cells.edges  # type: ignore[union-attr]
    points = [edges_row(counts, pane=pane, edges=edges) for pane, counts in enumerate(windows)]
    known = References()
    known.add(complete([reference_row(points[0], reference.counts)]))
    found = DriftJudge(correction=None).judge(complete(points), known).to_pyarrow().to_pylist()
    return [(row["verdict"], row["effect"], row["log_e"]) for row in found]


def counted(reference: Reference, values: Any) -> list[int]:
    edges = reference.cells.edges  # type: ignore[union-attr]
    return inlay.EdgeHistogram(edges, values).counts


SHAPES: dict[str, Draw] = {
    "normal": normal,
    "uniform": lambda rng, n: rng.random(n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "mostly zero": mostly_zero,
    "constant": constant(4.0),
    "ties": lambda rng, n: np.round(2.0 * rng.normal(size=n)),
    "two values": lambda rng, n: np.where(rng.random(n) < 0.01, 1.5, 0.0),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "integers": lambda rng, n: rng.poisson(300.0, n),
}


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    n_reference=st.sampled_from([2, 30, 300, 3_000, 30_000]),
    bins=st.sampled_from([2, 10, 20]),
    window=st.sampled_from([100, 1_000, 20_000]),
    seed=st.integers(0, 10**6),
)
def test_a_resample_is_no_drift(
    shape: str, n_reference: int, bins: int, window: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    draw = SHAPES[shape]
    reference = frozen(draw(rng, n_reference), bins=bins)
    if reference.kind != "edges":  # so few different integers that they are names
        return
    windows = [counted(reference, draw(rng, window)) for _ in range(6)]
    assert "yes" not in {verdict for verdict, *_ in judged(reference, windows)}


def test_few_rows_beyond_the_extremes_are_expected() -> None:
    # Of what a reference of n rows is drawn from 2 / (n + 1) lie beyond.
    for n in (1_000, 100_000):
        rng = np.random.default_rng(n)
        reference = frozen(rng.normal(size=n))
        share = np.asarray(reference.counts, float)
        share[0] = share[-1] = 1.0
        share /= share.sum()
        found = judged(reference, rng.multinomial(1_000, share, 200))
        assert {verdict for verdict, *_ in found} == {"no"}
        assert max(log_e for *_, log_e in found) < math.log(20)
        # Ten times as many rows beyond are not, where the reference is large enough to tell.
    share[0] = share[-1] = 0.005
    share /= share.sum()
    assert judged(reference, rng.multinomial(1_000, share, 20))[-1][0] == "yes"


def test_groups_of_many_cells_keep_the_outer_ones_apart() -> None:
    rng = np.random.default_rng(3)
    reference = frozen(rng.normal(size=N), bins=100)
    assert len(reference.counts) == 102
    windows = [counted(reference, np.maximum(rng.normal(size=1_000), -2.0)) for _ in range(3)]
    assert judged(reference, windows)[-1][0] == "no"  # 2 %, within the lowest group of cells
    windows = [counted(reference, np.where(x < -2.0, -9.0, x)) for x in rng.normal(size=(3, 1_000))]
    assert judged(reference, windows)[-1][0] == "yes"


def test_infinite_values_of_the_reference_are_no_extremes() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=N)
    values[:200], values[200:600] = -math.inf, math.inf
    reference = frozen(values)
    edges = reference.cells.edges  # type: ignore[union-attr]
    assert edges[0] == math.nextafter(values[600:].min(), -math.inf)
    assert edges[-1] == values[600:].max()
    assert (reference.counts[0], reference.counts[-1]) == (200, 400)
    assert reference.bounded
    same = rng.multinomial(1_000, np.asarray(reference.counts) / N, 20)
    assert {verdict for verdict, *_ in judged(reference, same)} == {"no"}
    more = np.asarray(reference.counts) + np.eye(12)[-1] * 1_000
    found = judged(reference, rng.multinomial(1_000, more / more.sum(), 20))
    assert found[-1][0] == "yes"


def test_references_without_their_extremes_are_judged_as_before() -> None:
    row = edges_row([100] * 10, edges=EDGES)
    known = References()
    known.add(complete([reference_row(row, [10_000] * 10)]))
    (reference,) = known
    assert not reference.bounded
    rng = np.random.default_rng(5)
    found = judged(reference, rng.multinomial(1_000, shares(0.1), 20))
    # As version 0.1 judged them.
    assert found[-1][0] == "yes"
    assert found[-1][1] == pytest.approx(0.043213650976775264, rel=1e-12)
    assert found[-1][2] == pytest.approx(55.726809054162004, rel=1e-12)
    # 1,000 infinite values of a column that has such: the last cell's business, as it was.
    assert judged(reference, [[1_000, *[0] * 9]] * 3)[-1][0] == "yes"


@pytest.mark.parametrize(
    ("values", "below", "above"),
    [
        (pa.array(range(100), pa.int64()), -1.0, 99.0),
        (pa.array(range(100), pa.uint8()), -1.0, 99.0),
        (pa.array([2**60] * 50 + list(range(50)), pa.int64()), -1.0, 2.0**60),
        (
            pa.array([-(2**63)] * 50 + list(range(50)), pa.int64()),
            math.nextafter(-(2.0**63), -math.inf),
            49.0,
        ),
        (pa.array([2**64 - 1] * 50 + list(range(50)), pa.uint64()), -1.0, 2.0**64),
        (pa.array([dt.date(1970, 1, day) for day in range(2, 31)]), 0.0, 29.0),
        (pa.array([dt.time(0, 0, s) for s in range(30)]), -5e-324, 29e6),
        (pa.array([1.5, 2.5, 3.0]), math.nextafter(1.5, 0.0), 3.0),
        (pa.array([1.5, 2.5], pa.float16()), math.nextafter(1.5, 0.0), 2.5),
        (pa.array([0.0, -0.0]), -5e-324, 0.0),
        (pa.array([7.0] * 9), math.nextafter(7.0, 0.0), 7.0),
        (
            pa.array([-3.4028234663852886e38, 3.4028234663852886e38] * 5, pa.float32()),
            math.nextafter(-3.4028234663852886e38, -math.inf),
            3.4028234663852886e38,
        ),
        # Nothing finite lies below, so there is no edge.
        (pa.array([-1.7976931348623157e308] * 5 + [0.0] * 5), -1.7976931348623157e308, 0.0),
    ],
)
def test_the_extremes_of_every_kind(values: pa.Array, below: float, above: float) -> None:
    reference = inlay.Profile.of({"x": values}, reference=True)
    edges = reference["x"].edges
    assert edges is not None
    assert (edges.edges[0], edges.edges[-1]) == (below, above)
    assert edges.counts[-1] == 0
    assert edges.count == len(values)
    assert (edges.counts[0] == 0) == (below != -1.7976931348623157e308)
    json.dumps(reference.to_dict())
    assert inlay.compare(reference, {"x": values})["x"].verdict != "yes"


@pytest.mark.parametrize("ends", [(1 - 2**63, 2**63 - 1), (-(2**63), 0)])
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_times_at_the_ends_of_their_integers_can_be_frozen(
    ends: tuple[int, int], unit: str
) -> None:
    values = pa.array([*ends, *range(30)], pa.timestamp(unit))
    reference = inlay.Profile.of({"x": values}, reference=True)
    json.dumps(reference.to_dict())
    assert inlay.compare(reference, {"x": values})["x"].verdict != "yes"


def test_columns_without_numbers_have_no_edges() -> None:
    reference = inlay.Profile.of(
        {
            "nan": [math.nan, math.nan],
            "null": pa.nulls(2, pa.float64()),
            "inf": [math.inf, -math.inf],
            "flag": [True, False],
        },
        reference=True,
    )
    assert [reference[name].edges for name in ("nan", "null", "inf", "flag")] == [None] * 4


def test_groups_have_extremes_of_their_own() -> None:
    data = {"x": [1.0, 2.0, 3.0, 11.0, 12.0, 13.0], "of": list("aaabbb")}
    reference = inlay.Profile.of(data, by="of", reference=True)
    for key, low, high in (("a", 1.0, 3.0), ("b", 11.0, 13.0)):
        edges = reference.groups[(key,)]["x"].edges
        assert edges is not None
        assert (edges.edges[0], edges.edges[-1]) == (math.nextafter(low, 0.0), high)


def test_cells_are_named_by_the_least_value() -> None:
    assert frozen(np.full(9, 7.0)).names == ["(-inf, 7)", "[7, 7]", "(7, inf)"]
    column = inlay.compare({"x": np.full(5_000, 5.0)}, {"x": np.full(5_000, 3.0)})["x"]
    assert [cell.name for cell in column.cells] == ["< 5", "[5, 5]", "> 5"]
    assert column.reason is not None
    assert "most from < 5: 0 % → 100 %" in column.reason
