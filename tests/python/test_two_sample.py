"""Exact statistics of two samples: against scipy, with ties, gaps, infinities and threads."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import _core
from inlay.detect import Sorted, TwoSample, two_sample, two_sample_table

stats = pytest.importorskip("scipy.stats", reason="scipy is what the statistics are compared with")

# Sums of n products in float64, in another order than scipy's.
CLOSE = 1e-10

few_values = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=40)
many_values = st.lists(
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)), min_size=2, max_size=60
)


def plain_cramer_von_mises(x: list[float], y: list[float]) -> float:
    pooled, n, m = np.array([*x, *y]), len(x), len(y)
    squares = 0.0
    for side in ("left", "right"):
        f = np.searchsorted(np.sort(x), pooled, side) / n
        g = np.searchsorted(np.sort(y), pooled, side) / m
        squares += float(((f - g) ** 2).sum()) / 2
    return squares * n * m / (n + m) ** 2


def against_scipy(x: list[float], y: list[float]) -> None:
    found = two_sample(x, y)
    ks = stats.ks_2samp(x, y, method="asymp")  # its exact p-value fails for some ties
    assert found.ks == pytest.approx(ks.statistic, abs=CLOSE)
    if len(set(x + y)) == len(x + y):  # with ties scipy's is not 0 for two equal samples
        cvm = stats.cramervonmises_2samp(x, y, method="asymptotic")
        assert found.cramer_von_mises == pytest.approx(cvm.statistic, abs=1e-9)
    assert found.cramer_von_mises == pytest.approx(plain_cramer_von_mises(x, y), abs=1e-9)
    scale = 1e-9 * max(1.0, max(map(abs, x + y)))
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(x, y), abs=scale)
    assert found.energy == pytest.approx(stats.energy_distance(x, y), abs=1e-7 + scale)


@given(few_values, few_values)
@settings(max_examples=40, deadline=None)
def test_statistics_of_ties_are_those_of_scipy(x: list[float], y: list[float]) -> None:
    against_scipy(x, y)


@given(many_values, many_values)
@settings(max_examples=40, deadline=None)
def test_statistics_are_those_of_scipy(x: list[float], y: list[float]) -> None:
    against_scipy(x, y)


@pytest.mark.filterwarnings("ignore::UserWarning")  # where scipy's table of p-values ends
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_anderson_darling_is_that_of_scipy(decimals: int, shift: float) -> None:
    rng = np.random.default_rng(11)
    for n, m in ((5, 9), (40, 70), (400, 300)):
        x = np.round(rng.normal(size=n), decimals)
        y = np.round(rng.normal(shift, 1.0, size=m), decimals)
        found = two_sample(x, y)
        known = stats.anderson_ksamp([x, y])
        assert found.anderson_darling == pytest.approx(known.statistic, rel=1e-9, abs=1e-9)
        assert found.anderson_darling_p_value is not None
        # Its table is of data without ties, and it interpolates within it.
        if decimals == 8 and 0.001 < known.pvalue < 0.25:
            assert found.anderson_darling_p_value == pytest.approx(known.pvalue, rel=0.1)


def test_anderson_darling_p_value_is_the_published_limit() -> None:
    # Scholz and Stephens (1987), table 1, m = 1: upper percentiles, fitted to curves.
    for level, point in ((0.25, 0.326), (0.1, 1.225), (0.05, 1.960), (0.025, 2.719), (0.01, 3.752)):
        assert _core.anderson_darling_p_value(point) == pytest.approx(level, rel=0.03)
    # Far out the law is that of its largest term times the root of 3.
    a = 40.0
    sigma = math.sqrt(2.0 * (math.pi**2 - 9.0) / 3.0)
    z = 1.0 + a * sigma
    assert _core.anderson_darling_p_value(a) == pytest.approx(
        math.sqrt(3.0) * math.erfc(math.sqrt(z)), rel=0.02
    )


def test_cramer_von_mises_p_values() -> None:
    rng = np.random.default_rng(12)
    for n, m in ((3, 4), (10, 10), (20, 17)):
        x, y = rng.normal(size=n), rng.normal(0.5, 1.0, size=m)
        known = stats.cramervonmises_2samp(x, y, method="exact")
        found = two_sample(x, y)
        assert found.cramer_von_mises_p_value == pytest.approx(known.pvalue, rel=1e-9)
    for shift in (0.0, 0.2, 0.4):
        x, y = rng.normal(size=300), rng.normal(shift, 1.0, size=200)
        known = stats.cramervonmises_2samp(x, y, method="asymptotic")
        found = two_sample(x, y)
        # scipy's comes from one less a distribution function: right to its absolute rounding.
        assert found.cramer_von_mises_p_value == pytest.approx(known.pvalue, abs=1e-8)


@pytest.mark.parametrize("values", [[0, 0, 0, 1, 1, 2, 5], [0, 1, 1, 1, 1, 2, 2, 3], [4, 4, 4, 5]])
def test_cramer_von_mises_p_values_with_ties_are_exact_by_enumeration(values: list[int]) -> None:
    from itertools import combinations

    n = 3
    pooled = [float(value) for value in values]
    found = []
    for chosen in combinations(range(len(pooled)), n):
        x = [pooled[i] for i in chosen]
        y = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        found.append((plain_cramer_von_mises(x, y), two_sample(x, y)))
    for t, result in found:
        known = sum(other >= t - 1e-12 for other, _ in found) / len(found)
        assert result.cramer_von_mises_p_value == pytest.approx(known, rel=1e-12)


def test_p_values_hold_their_level_with_ties() -> None:
    rng = np.random.default_rng(3)
    runs = 1_000
    for draw, n, m in (
        (lambda size: rng.poisson(1.0, size), 100, 30),
        (lambda size: rng.random(size) < 0.3, 100, 30),
        (lambda size: np.round(rng.normal(size=size), 1), 1_000, 100),
        (lambda size: np.minimum(rng.poisson(0.05, size), 1), 400, 400),
    ):
        results = [two_sample(draw(n), draw(m)) for _ in range(runs)]
        for name in ("ks", "cramer_von_mises", "anderson_darling"):
            p_values = np.array([getattr(result, f"{name}_p_value") or 0.0 for result in results])
            for level in (0.05, 0.2):
                # Four standard deviations, and what the steps of the statistic leave.
                most = level + 4.0 * math.sqrt(level * (1.0 - level) / runs)
                assert (p_values <= level).mean() < most, (name, n, m, level)
                if name != "ks" and n == 1_000:
                    assert (p_values <= level).mean() > 0.6 * level


def test_equal_samples_with_ties_are_at_distance_zero() -> None:
    values = [0.0, 0.0, 1.0, 1.0, 1.0, 2.0] * 10
    found = two_sample(values, values)
    assert found.cramer_von_mises == 0.0
    assert found.cramer_von_mises_p_value == 1.0
    constant = two_sample([1.0] * 30, [1.0] * 40)
    assert constant.cramer_von_mises_p_value == 1.0


def test_arrays_of_two_dimensions_are_refused() -> None:
    rows = np.zeros((50, 3))
    for x, y in ((rows, [1.0]), ([1.0], rows), (Sorted([1.0]), rows)):
        with pytest.raises(inlay.InvalidArgumentError, match=r"\(50, 3\): pass one of its columns"):
            two_sample(x, y)


def test_kolmogorov_p_values_of_few_values() -> None:
    rng = np.random.default_rng(17)
    for n, m in ((2, 3), (7, 7), (20, 31), (50, 49), (300, 200), (1, 40), (1_000, 1_000)):
        for shift in (0.0, 0.5, 2.0):
            x, y = rng.normal(size=n), rng.normal(shift, 1.0, size=m)
            known = stats.ks_2samp(x, y, method="exact")
            assert two_sample(x, y).ks_p_value == pytest.approx(known.pvalue, rel=1e-9)


def test_kolmogorov_p_values_of_many_values() -> None:
    for n, m in ((200_000, 300_000), (1_000_000, 50_000)):
        effective = n * m / (n + m)
        for z in (0.3, 0.8, 1.0, 1.36, 1.7, 3.0, 6.0):
            d = z / math.sqrt(effective)
            known = stats.kstwo.sf(d, round(effective))
            assert _core.kolmogorov_p_value(d, n, m) == pytest.approx(known, rel=2e-4)


def test_kolmogorov_p_value_is_exact_by_enumeration() -> None:
    from itertools import combinations

    n, m = 5, 4
    reached = {}
    for chosen in combinations(range(n + m), n):
        f = g = largest = Fraction(0)
        for i in range(n + m):
            if i in chosen:
                f += Fraction(1, n)
            else:
                g += Fraction(1, m)
            largest = max(largest, abs(f - g))
        reached[largest] = reached.get(largest, 0) + 1
    total = math.comb(n + m, n)
    for d in reached:
        known = sum(count for other, count in reached.items() if other >= d) / total
        assert _core.kolmogorov_p_value(float(d), n, m) == pytest.approx(known, rel=1e-12)


def test_f_p_values() -> None:
    for f, a, b in ((1.2, 5, 30), (3.0, 768, 3000), (40.0, 3, 7), (1.01, 10, 1e6), (0.3, 2, 4)):
        assert _core.f_p_value(f, a, b) == pytest.approx(stats.f.sf(f, a, b), rel=1e-9)
    assert _core.f_p_value(0.0, 1.0, 1.0) == 1.0
    assert math.isnan(_core.f_p_value(1.0, 0.0, 1.0))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 8_193, 250_003])
@pytest.mark.parametrize("kind", ["normal", "few", "constant", "wide", "outlier"])
def test_values_come_out_sorted(size: int, kind: str) -> None:
    rng = np.random.default_rng([13, size])
    values = {
        "normal": lambda: rng.normal(size=size),
        "few": lambda: np.round(rng.normal(size=size)),
        "constant": lambda: np.full(size, 3.5),
        "wide": lambda: rng.normal(size=size) * 10.0 ** rng.integers(-300, 300, size=size),
        "outlier": lambda: np.where(rng.random(size) < 1e-3, 1e300, rng.random(size) * 1e-12),
    }[kind]()
    if size > 20:
        values[3::97] = np.nan
        values[5] = -np.inf
    (sample,) = _core.sort_columns([values])
    known = np.sort(values[~np.isnan(values)])
    assert len(sample) == len(known)
    assert sample.nan_count == size - len(known)
    at = np.unique(np.linspace(0, max(0, len(known) - 1), 500).astype(int)) if len(known) else []
    assert [sample.value(int(i)) for i in at] == [float(known[i]) for i in at]
    with pytest.raises(inlay.OutOfRangeError, match=str(len(known))):
        sample.value(len(known))


def test_nan_and_nulls_are_counted_and_silence_nothing() -> None:
    x = np.random.default_rng(14).normal(size=500)
    y = x + 1.0
    plain = two_sample(x, y)
    found = two_sample(
        pa.chunked_array([pa.array(x[:100]), pa.array([None, math.nan]), pa.array(x[100:])]),
        np.concatenate([y, [np.nan, np.nan]]),
    )
    assert (found.ks, found.wasserstein) == (plain.ks, plain.wasserstein)
    assert (found.nan_counts, found.null_counts) == ((1, 2), (1, 0))
    assert (found.n, found.m) == (500, 500)


def test_infinities_are_values_without_a_distance() -> None:
    found = two_sample([1.0, 2.0, math.inf], [1.0, 2.0, 3.0])
    assert found.ks == pytest.approx(1 / 3)
    assert found.ks_location == 3.0
    assert found.wasserstein is None
    assert found.reasons == {"wasserstein": "infinite", "energy": "infinite"}
    fields = found.verdict_fields("wasserstein", threshold=0.1)
    assert (fields["verdict"], fields["reason"]) == ("undefined", "infinite")


def test_what_has_no_value_says_why() -> None:
    empty = two_sample([], [1.0])
    assert (empty.ks, empty.energy, empty.n) == (None, None, 0)
    assert set(empty.reasons.values()) == {"empty"}
    assert two_sample([math.nan], [1.0]).reasons["ks"] == "empty"
    constant = two_sample([2.0] * 5, [2.0] * 4)
    assert (constant.ks, constant.ks_p_value, constant.wasserstein) == (0.0, 1.0, 0.0)
    assert constant.reasons == {"anderson_darling": "constant"}
    assert two_sample([1.0], [2.0]).reasons == {"anderson_darling": "insufficient"}
    assert two_sample([-1.7e308], [1.7e308]).reasons["energy"] == "overflow"


def test_zeros_of_either_sign_are_one_value() -> None:
    assert two_sample([0.0, 1.0], [-0.0, 1.0]).ks == 0.0


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint16", "int64", "bool"])
def test_types_are_compared_by_value(dtype: str) -> None:
    values = np.array([0, 1, 1, 0, 1], dtype=dtype)
    assert two_sample(values, values.astype(float)).ks == 0.0


def test_integers_beyond_53_bits_are_rounded_with_a_warning() -> None:
    values = np.array([2**60 + 1, 2**60], dtype=np.int64)
    with pytest.warns(inlay.InlayWarning, match="rounded to the nearest double: 1"):
        two_sample(values, [1.0])


def test_frames_of_pandas_and_polars() -> None:
    pandas = pytest.importorskip("pandas", reason="the test is of pandas")
    polars = pytest.importorskip("polars", reason="the test is of polars")
    x, y = [1.0, 2.0, math.nan, 4.0], [2.0, 3.0, 5.0, 1.0]
    found = two_sample(pandas.Series(x), polars.Series(y))
    assert (found.n, found.null_counts) == (3, (1, 0))
    tables = two_sample_table(pandas.DataFrame({"a": x}), polars.DataFrame({"a": y}))
    assert tables["a"].ks == found.ks
    assert two_sample(polars.Series(x), y).nan_counts == (1, 0)


def test_tables_compare_the_numeric_columns_both_have() -> None:
    reference = pa.table({"a": [1.0, 2.0], "b": [1, 2], "name": ["x", "y"], "old": [1.0, 2.0]})
    current = pa.table({"b": [2.0, 3.0], "a": [1.0, 2.0], "name": ["x", "y"], "new": [1.0, 2.0]})
    found = two_sample_table(reference, current)
    assert list(found) == ["a", "b"]
    assert (found["a"].ks, found["b"].ks) == (0.0, 0.5)
    with pytest.raises(inlay.InvalidArgumentError, match=r"current table has no column.*'old'"):
        two_sample_table(reference, current, columns=["old"])
    with pytest.raises(TypeError, match="expected numbers"):
        two_sample_table(reference, current, columns=["name"])


def test_a_sorted_side_gives_the_same() -> None:
    rng = np.random.default_rng(15)
    columns = {name: rng.normal(size=9_000) for name in "abc"}
    other = {name: rng.normal(size=7_000).astype(np.float32) for name in "abc"}
    fitted = {name: Sorted(values) for name, values in columns.items()}
    plain = two_sample_table(columns, other, threads=1)
    for threads in (1, 4, 7):
        assert two_sample_table(fitted, other, threads=threads) == plain
    assert two_sample(columns["a"], other["a"], threads=3) == plain["a"]
    assert fitted["a"].memory_bytes >= 8 * 9_000
    assert fitted["a"].min == columns["a"].min()
    assert fitted["a"].max == columns["a"].max()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="float"):
        two_sample(1.0, [1.0])
    with pytest.raises(TypeError, match="str"):
        two_sample("ab", [1.0])
    with pytest.raises(inlay.InvalidArgumentError, match="threads must be at least 1: 0"):
        two_sample([1.0], [1.0], threads=0)
    with pytest.raises(inlay.InvalidArgumentError, match="'psi'"):
        two_sample([1.0], [1.0]).verdict_fields("psi", threshold=0.1)


def test_one_sd_of_five_thousandths_is_small_however_many_rows() -> None:
    rng = np.random.default_rng(16)
    found = two_sample(rng.normal(size=400_000), rng.normal(0.005, 1.0, size=400_000))
    assert found.verdict_fields("ks", threshold=0.02)["verdict"] == "no"
    moved = two_sample(rng.normal(size=400_000), rng.normal(0.1, 1.0, size=400_000))
    assert moved.verdict_fields("ks", threshold=0.02)["verdict"] == "yes"


def test_a_result_is_recorded_with_its_limits() -> None:
    obs = inlay.Observer()
    found = two_sample([1.0, 2.0, 3.0] * 50, [4.0, 5.0] * 50)
    assert isinstance(found, TwoSample)
    assert obs.verdict("price", **found.verdict_fields("ks", threshold=0.1, level=0.01))
    (row,) = obs.collect().verdicts.to_pylist()
    assert (row["verdict"], row["method"], row["scope"]) == ("yes", "ks", "process")
    assert (row["n"], row["n_reference"]) == (100, 150)
    assert "no replay" in row["reason"]
    assert found.to_dict()["nan_counts"] == [0, 0]
    assert "KS 1" in repr(found)
