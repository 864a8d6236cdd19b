"""Distances between summaries: against scipy, their laws, and answers that others get wrong."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

import inlay
from inlay.drift.summary_distances import Distance, cell_names, distances

CELLS = ("psi", "jensen_shannon", "kl", "hellinger", "total_variation", "l_infinity", "chi2")
ORDERED = ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy")
# Sums of a few dozen logarithms of doubles.
CLOSE = 1e-12

counts_of_cells = (
    st.integers(2, 12)
    .flatmap(
        lambda k: st.tuples(
            st.lists(st.integers(0, 1000), min_size=k, max_size=k),
            st.lists(st.integers(0, 1000), min_size=k, max_size=k),
        )
    )
    .filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)
)


def number(value: float | None) -> float:
    """Return a value that must be there."""
    assert value is not None
    return value


@settings(max_examples=40, deadline=None)
@given(counts_of_cells)
def test_cell_distances_agree_with_scipy(pair: tuple[list[int], list[int]]) -> None:
    reference, current = pair
    p, q = (np.asarray(side) / sum(side) for side in pair)
    found = distances(reference, current)
    assert number(found.jensen_shannon.value) == pytest.approx(
        float(jensenshannon(p, q, 2)),
        abs=1e-7,  # a root turns rounding of 1e-16 into 1e-8
    )
    assert number(found.total_variation.value) == pytest.approx(np.abs(p - q).sum() / 2, abs=CLOSE)
    assert number(found.l_infinity.value) == pytest.approx(np.abs(p - q).max(), abs=CLOSE)
    root = np.sqrt(p) - np.sqrt(q)
    assert number(found.hellinger.value) == pytest.approx(
        math.sqrt(float((root**2).sum() / 2)), abs=1e-7
    )
    if ((p == 0) != (q == 0)).any():
        p, q = ((np.asarray(side) + 0.5) / (sum(side) + len(side) / 2) for side in pair)
    keep = p > 0
    assert number(found.kl.value) == pytest.approx(stats.entropy(q[keep], p[keep]), abs=1e-9)
    psi = stats.entropy(q[keep], p[keep]) + stats.entropy(p[keep], q[keep])
    assert number(found.psi.value) == pytest.approx(psi, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(counts_of_cells)
def test_chi_squared_agrees_with_scipy(pair: tuple[list[int], list[int]]) -> None:
    found = distances(*pair).chi2
    table = np.asarray(pair)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] == 1:
        assert found.value is None
        assert found.reason == "one cell holds all rows"
        return
    expected = stats.chi2_contingency(table, correction=False)
    assert number(found.value) == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    if expected.expected_freq.min() >= 5.0:
        assert number(found.p_value) == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-12)
    assert found.dof == expected.dof
    assert number(found.cramers_v) == pytest.approx(
        stats.contingency.association(table, method="cramer"), rel=1e-6, abs=1e-7
    )


WITH_P_VALUES = ("chi2", "psi", "jensen_shannon", "kl", "hellinger")


@pytest.mark.parametrize(
    ("power", "n", "m"), [(1, 1_000, 1_000), (1, 100_000, 1_000), (2, 1_000, 1_000), (1, 200, 200)]
)
def test_p_values_hold_their_level_where_cells_expect_few_rows(power: int, n: int, m: int) -> None:
    rng = np.random.default_rng([5, power, n, m])
    shares = 1.0 / np.arange(1.0, 101.0) ** power
    shares /= shares.sum()
    runs = 500
    pairs = [(rng.multinomial(n, shares), rng.multinomial(m, shares)) for _ in range(runs)]
    for pair in (pairs, [(rng.permutation(a), b) for a, b in pairs]):
        found = [distances(a.tolist(), b.tolist()) for a, b in pair]
        for name in WITH_P_VALUES:
            p_values = np.array([number(getattr(each, name).p_value) for each in found])
            if pair is pairs:
                assert (p_values <= 0.05).mean() < 0.1, name
                assert (p_values <= 0.05).mean() > 0.02, name
            else:
                assert (p_values <= 0.05).mean() > 0.99, name


def test_counts_that_are_no_integers_are_refused() -> None:
    for odd in ([1.5, 2], np.array([1.0, 2.0]), np.ones((2, 2), np.int64)):
        with pytest.raises(TypeError, match="integer counts"):
            distances(odd, odd)
    with pytest.raises(inlay.InvalidArgumentError, match=str(2**64)):
        distances([2**64, 1], [1, 2])


def test_p_values_are_of_joined_cells() -> None:
    # Edges: neighbours are joined until both sides expect five rows; the rest goes to the last.
    def edges(counts: list[int]) -> inlay.EdgeHistogram:
        values = [float(cell) for cell, count in enumerate(counts) for _ in range(count)]
        return inlay.EdgeHistogram([0.0, 1.0, 2.0, 3.0, 4.0], values)

    found = distances(edges([3, 3, 40, 2, 30, 2]), edges([4, 2, 20, 6, 50, 0]))
    expected = stats.chi2_contingency([[6, 40, 34], [6, 20, 56]], correction=False)
    assert number(found.chi2.p_value) == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.chi2.dof == 5
    # Counts of names: those with the fewest rows together.
    found = distances([3, 40, 3, 2, 30, 2], [4, 20, 2, 6, 50, 0])
    expected = stats.chi2_contingency([[8, 42, 30], [6, 26, 50]], correction=False)
    assert number(found.chi2.p_value) == pytest.approx(expected.pvalue, rel=1e-9)
    # What is too little for two cells: Fisher's exact test of the largest cell and all others.
    for table in ([[3, 1], [0, 2]], [[3, 1, 0], [0, 1, 9_000]], [[0, 200, 3], [20_000, 0, 0]]):
        largest = int(np.argmax(np.sum(table, axis=0)))
        two = [[row[largest], sum(row) - row[largest]] for row in table]
        exact = 2 * min(stats.fisher_exact(two, side).pvalue for side in ("less", "greater"))
        for name in ("psi", "chi2", "hellinger"):
            p_value = number(getattr(distances(*table), name).p_value)
            assert p_value == pytest.approx(min(exact, 1.0), rel=1e-6)
    assert distances([1], [2]).psi.p_value is None


@settings(max_examples=40, deadline=None)
@given(counts_of_cells)
def test_laws_of_distances(pair: tuple[list[int], list[int]]) -> None:
    there, back = distances(*pair), distances(pair[1], pair[0])
    same = distances(pair[0], pair[0])
    for name in CELLS:
        value = getattr(there, name).value
        if value is None:
            continue
        assert value >= 0
        assert getattr(same, name).value in (0, None)
        if name != "kl":
            assert value == pytest.approx(getattr(back, name).value, rel=1e-9, abs=1e-12)
        if name in ("jensen_shannon", "hellinger", "total_variation", "l_infinity"):
            assert value <= 1
        found = getattr(there, name)
        assert found.low == found.value == found.high
        assert found.p_value is None or 0 <= found.p_value <= 1


@settings(max_examples=40, deadline=None)
@given(counts_of_cells)
def test_parts_add_up(pair: tuple[list[int], list[int]]) -> None:
    found = distances(*pair)
    for name in CELLS:
        value = getattr(found, name).value
        if value is None:
            continue
        parts = found.parts(name).values
        power = 2 if name in ("jensen_shannon", "hellinger") else 1
        total = max(parts) if name == "l_infinity" else sum(parts)
        assert total == pytest.approx(value**power, rel=1e-9, abs=1e-12)


def exact_ks(x: list[float], y: list[float]) -> float:
    """Return the statistic alone: scipy's p-values warn of samples of one."""
    pooled = np.sort(np.concatenate([x, y]))
    f = np.searchsorted(np.sort(x), pooled, side="right") / len(x)
    return float(np.abs(f - np.searchsorted(np.sort(y), pooled, side="right") / len(y)).max())


samples = st.lists(
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)), min_size=1, max_size=60
)


@settings(max_examples=40, deadline=None)
@given(samples, samples, st.integers(2, 8))
def test_intervals_from_edges_hold_the_truth(
    reference: list[float], current: list[float], bins: int
) -> None:
    histogram = inlay.EdgeHistogram.of(reference, bins=bins)
    other = inlay.EdgeHistogram(histogram.edges, current)
    found = distances(
        histogram,
        other,
        reference_moments=inlay.Moments(reference),
        current_moments=inlay.Moments(current),
    )
    n, m = len(current), len(reference)
    truth = {
        "ks": exact_ks(reference, current),
        "wasserstein": float(stats.wasserstein_distance(reference, current)),
        "energy": float(stats.energy_distance(reference, current)),
    }
    pooled = np.sort(np.concatenate([reference, current]))
    f = np.searchsorted(np.sort(reference), pooled, side="right") / m
    g = np.searchsorted(np.sort(current), pooled, side="right") / n
    truth["cramer_von_mises"] = float(((f - g) ** 2).mean())
    for name, value in truth.items():
        distance = getattr(found, name)
        slack = 1e-9 * max(abs(value), 1.0)
        assert distance.low - slack <= value <= distance.high + slack, name
        assert distance.low <= distance.value <= distance.high


@settings(max_examples=40, deadline=None)
@given(samples, samples)
def test_exact_sketches_give_the_exact_distances(
    reference: list[float], current: list[float]
) -> None:
    found = distances(inlay.Kll(reference, dtype="float64"), inlay.Kll(current, dtype="float64"))
    assert found.ks.low == found.ks.value == found.ks.high
    assert number(found.ks.value) == pytest.approx(exact_ks(reference, current), abs=1e-12)
    assert number(found.wasserstein.value) == pytest.approx(
        stats.wasserstein_distance(reference, current), rel=1e-9, abs=1e-9
    )
    assert number(found.energy.value) == pytest.approx(
        stats.energy_distance(reference, current), rel=1e-6, abs=1e-6
    )


def test_statistics_of_exact_sketches_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=150), rng.normal(0.3, 1, 120)
    found = distances(inlay.Kll(x, dtype="float64"), inlay.Kll(y, dtype="float64"))
    n, m = len(x), len(y)
    harmonic = n * m / (n + m)
    expected = stats.cramervonmises_2samp(x, y, method="asymptotic")
    assert harmonic * number(found.cramer_von_mises.value) == pytest.approx(expected.statistic)
    # Pettitt's form of the statistic, by its definition.
    pooled = np.sort(np.concatenate([x, y]))[:-1]
    rank = np.arange(1, n + m)
    below = np.searchsorted(np.sort(x), pooled, side="right")
    pettitt = ((below * (n + m) - n * rank) ** 2 / (rank * (n + m - rank))).sum() / (n * m)
    assert harmonic * number(found.anderson_darling.value) == pytest.approx(pettitt)


@pytest.mark.parametrize("x", [0.05, 0.3, 0.6, 0.99, 1.0, 1.5, 3.0])
def test_tail_of_kolmogorov(x: float) -> None:
    # 10,000 rows a side: sqrt(n m / (n + m)) D with D a multiple of 1e-4.
    n = 10_000
    steps = round(x / math.sqrt(n / 2) * n)
    reference = [steps, n - steps, 0]
    current = [0, n - steps, steps]
    found = _ordered(reference, current)
    scaled = math.sqrt(n / 2) * steps / n
    assert number(found.ks.p_value) == pytest.approx(float(stats.kstwobign.sf(scaled)), abs=1e-12)


def _ordered(reference: list[int], current: list[int]) -> Any:
    edges = [float(edge) for edge in range(1, len(reference))]
    sides = [
        inlay.EdgeHistogram.from_row({"bounds": edges, "counts": side})
        for side in (reference, current)
    ]
    return distances(*sides)


def test_limits_of_cramer_von_mises_and_anderson_darling() -> None:
    rng = np.random.default_rng(2)
    for shift in (0.0, 0.02, 0.05, 0.1):
        x, y = rng.normal(size=3000), rng.normal(shift, 1, 3000)
        kll = [inlay.Kll(side, k=8000, dtype="float64") for side in (x, y)]
        found = distances(*kll)
        expected = stats.cramervonmises_2samp(x, y, method="asymptotic").pvalue
        # scipy's statistic is centred for finite samples, which moves it by 1e-4 here.
        assert number(found.cramer_von_mises.p_value) == pytest.approx(expected, rel=0.02, abs=2e-3)
        # The two tests weigh the same differences otherwise and agree in size.
        assert number(found.anderson_darling.p_value) == pytest.approx(expected, abs=0.25)


def test_one_outlier_does_not_flatten_the_distance() -> None:
    rng = np.random.default_rng(1)
    reference = inlay.EdgeHistogram.of(rng.normal(size=100_000))
    values = rng.normal(0.5, 1, 100_000)
    clean = inlay.EdgeHistogram(reference.edges, values)
    values[0] = 1e6
    odd = inlay.EdgeHistogram(reference.edges, values)
    a, b = distances(reference, clean), distances(reference, odd)
    assert number(a.psi.value) > 0.2
    assert number(b.psi.value) == pytest.approx(number(a.psi.value), rel=1e-3)
    assert number(b.jensen_shannon.value) == pytest.approx(number(a.jensen_shannon.value), rel=1e-3)


def test_one_nan_does_not_silence_the_distance() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=1000), rng.normal(0.5, 1, 1000)
    clean = distances(inlay.Kll(x), inlay.Kll(y))
    y[0] = np.nan
    found = distances(inlay.Kll(x), inlay.Kll(y))
    assert number(found.ks.value) == pytest.approx(number(clean.ks.value), abs=2e-3)
    assert number(found.ks.p_value) < 1e-6
    assert found.n == 999


def test_error_of_sketches_is_no_drift() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sides = [inlay.Kll(rng.normal(size=1_000_000).astype(np.float32)) for _ in range(2)]
        found = distances(*sides).ks
        assert number(found.low) == 0
        assert found.p_value == 1
        assert number(found.value) > 0


def test_sketches_still_find_what_is_there() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=100_000), rng.normal(0.3, 1, 100_000)
    found = distances(inlay.Kll(x), inlay.Kll(y)).ks
    exact = stats.ks_2samp(x, y, method="asymp").statistic
    assert number(found.low) <= exact <= number(found.high)
    assert number(found.p_value) < 1e-100


def test_an_empty_side_is_undefined_with_a_reason() -> None:
    reference = inlay.EdgeHistogram.of(range(100))
    empty = inlay.EdgeHistogram(reference.edges, [math.nan, math.nan])
    for found in (
        distances(reference, empty),
        distances(inlay.Kll([1.0]), inlay.Kll()),
        distances([1, 2], [0, 0]),
    ):
        assert found.n == 0
        assert found.ks.value is None
        assert found.jensen_shannon.value is None
        assert "undefined" in repr(found)
    assert distances(reference, empty).ks.reason == "empty"
    assert distances(empty, reference).psi.reason == "empty reference"
    assert distances(reference, empty).parts("psi") == ([], [])


def test_infinite_values_lie_in_the_outer_cells() -> None:
    reference = inlay.EdgeHistogram.of(range(100), bins=4)
    current = inlay.EdgeHistogram(reference.edges, [math.inf] * 10 + [-math.inf] * 5)
    found = distances(
        reference,
        current,
        reference_moments=inlay.Moments(range(100)),
        current_moments=inlay.Moments([0.0, 99.0]),
    )
    assert found.n == 15
    assert found.parts("total_variation").values == pytest.approx(
        [abs(0.25 - 1 / 3) / 2, 0.125, 0.125, abs(0.25 - 2 / 3) / 2]
    )
    assert found.wasserstein.reason == "infinite values"
    sketches = distances(inlay.Kll([1.0, 2.0]), inlay.Kll([math.inf, 1.0]))
    assert number(sketches.ks.value) == 0.5
    assert sketches.wasserstein.reason == "infinite values"


def test_outer_cells_need_bounds() -> None:
    reference = inlay.EdgeHistogram.of(range(100), bins=4)
    inside = inlay.EdgeHistogram(reference.edges, [30.0, 40.0, 60.0])
    found = distances(reference, inside)
    assert found.wasserstein == Distance(
        None, None, None, None, "outer cells hold rows and their bounds are not known"
    )
    assert found.energy.value is None
    assert found.ks.value is not None


def test_categories_are_matched_by_name_and_others_are_a_cell() -> None:
    reference = inlay.Categories(["a", "b"], ["a"] * 6 + ["b"] * 3 + ["z"])
    current = inlay.Categories(["b", "a"], ["a", "b", "b", "new", "new", None])
    found = distances(reference, current)
    assert found.parts("total_variation") == (
        ["a", "b", "(other)"],
        pytest.approx([0.2, 0.05, 0.15]),
    )
    assert found.n == 5
    assert found.ks.reason == "categories have no order"


def test_buckets_of_different_scales() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.lognormal(size=5000), rng.lognormal(0.2, 1, 5000)
    a, b = inlay.ExpHistogram(x, scale=5), inlay.ExpHistogram(y, scale=3)
    found = distances(a, b)
    for name, exact in (
        ("ks", stats.ks_2samp(x, y, method="asymp").statistic),
        ("wasserstein", stats.wasserstein_distance(x, y)),
        ("energy", stats.energy_distance(x, y)),
    ):
        distance = getattr(found, name)
        assert distance.low <= exact <= distance.high
        assert distance.high - distance.low < 0.4  # buckets of scale 3 are 9 % wide
    assert 8 <= len(found.parts("psi").names) <= 11
    mixed = distances(
        inlay.ExpHistogram([-3.0, 0.0, 2.0, math.inf]), inlay.ExpHistogram([-3.0, 0.0, 2.0, 5.0])
    )
    assert mixed.ks.value == 0.25


def test_names_of_cells() -> None:
    assert cell_names([0.5]) == ["(-inf, 0.5]", "(0.5, inf)"]


def test_smoothing_is_of_psi_and_kl_alone() -> None:
    found = distances([10, 0], [5, 5])
    p, q = (10.5 / 11, 0.5 / 11), (0.5, 0.5)
    psi = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert number(found.psi.value) == pytest.approx(psi)
    assert number(found.total_variation.value) == 0.5


@pytest.mark.parametrize(
    ("reference", "current", "error", "message"),
    [
        ([1, 2], [1, 2, 3], inlay.InvalidArgumentError, "3"),
        ([1, -2], [1, 2], inlay.InvalidArgumentError, "-2"),
        ([], [], inlay.InvalidArgumentError, "0"),
        ([1, 2], "ab", TypeError, "str"),
        (inlay.Kll([1.0]), [1], TypeError, "Kll and list"),
        (
            inlay.EdgeHistogram([0.0, 1.0]),
            inlay.EdgeHistogram([0.0, 2.0]),
            inlay.InvalidArgumentError,
            "1.0",
        ),
        (
            inlay.Categories(["a"]),
            inlay.Categories(["b"]),
            inlay.InvalidArgumentError,
            "'a'",
        ),
        (
            inlay.Kll(dtype="float32"),
            inlay.Kll(dtype="float64"),
            inlay.InvalidArgumentError,
            "float64",
        ),
    ],
)
def test_what_cannot_be_compared(
    reference: Any, current: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        distances(reference, current)


def test_parts_of_what_has_none() -> None:
    with pytest.raises(inlay.InvalidArgumentError, match="energy"):
        distances([1, 2], [2, 1]).parts("energy")
    with pytest.raises(inlay.InvalidArgumentError, match="no cells"):
        distances(inlay.Kll([1.0]), inlay.Kll([2.0])).parts("psi")
    with pytest.raises(inlay.InvalidArgumentError, match="ks"):
        distances([1, 2], [2, 1]).parts("ks")


def test_parts_of_ks_are_the_differences_at_the_edges() -> None:
    found = _ordered([4, 4, 2], [2, 4, 4])
    assert found.parts("ks").values == pytest.approx([0.2, 0.2, 0.0])
    assert found.ks.value == pytest.approx(0.2)


def test_all_is_plain_data() -> None:
    found = distances([1, 2, 3], [3, 2, 1])
    assert list(itertools.islice(found.to_dict(), 3)) == ["psi", "jensen_shannon", "kl"]
    assert found.to_dict()["n"] == 6
    assert [name for name, _ in found.items()] == list(CELLS + ORDERED)
