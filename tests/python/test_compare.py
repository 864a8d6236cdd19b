"""`inlay.compare`: effects, p-values and verdicts of columns, against independent computations."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import inlay
from inlay.drift.comparison.shift import cell_parts, effect_between, nearest_counts, range_p_value

N = 20_000


@pytest.fixture
def rng():
    return np.random.default_rng(20_260_501)


def plain_jsd(p, q):
    """The Jensen-Shannon divergence in bits, cell by cell."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        total += sum(x * math.log2(x / middle) / 2 for x in (a, b) if x)
    return total


def one(reference, current, **options):
    return inlay.compare({"x": reference}, {"x": current}, **options)["x"]


# ---- the effect ----------------------------------------------------------------------------------
counts = st.lists(st.integers(0, 10**6), min_size=2, max_size=12)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_effect_is_a_distance_within_its_interval(data):
    k = data.draw(st.integers(2, 12))
    sides = [
        data.draw(st.lists(st.integers(0, 10**6), min_size=k, max_size=k).filter(any))
        for _ in range(2)
    ]
    error = data.draw(st.sampled_from([0.0, 0.01, 0.2]))
    ordered = data.draw(st.booleans())
    effect = effect_between(*sides, level=0.05, error=error, ordered=ordered)
    assert 0.0 <= effect.low <= effect.value <= effect.high <= 1.0
    shares = [np.array(side) / sum(side) for side in sides]
    assert effect.value <= math.sqrt(plain_jsd(*shares)) + 1e-9  # chance only takes away
    back = effect_between(sides[1], sides[0], level=0.05)
    assert back.value == pytest.approx(effect_between(*sides, level=0.05).value, abs=1e-9)
    assert sum(cell_parts(*sides)) == pytest.approx(plain_jsd(*shares), abs=1e-9)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_nearest_counts_are_ones_that_the_error_allows(data):
    k = data.draw(st.integers(2, 8))
    mine, theirs = (
        data.draw(st.lists(st.integers(0, 1000), min_size=k, max_size=k).filter(any))
        for _ in range(2)
    )
    error = data.draw(st.floats(0.0, 0.5))
    near = nearest_counts(mine, theirs, error, ordered=True)
    assert near.min() >= 0.0
    assert near.sum() == pytest.approx(sum(theirs))
    found = np.cumsum(theirs) / sum(theirs)
    assert np.abs(np.cumsum(near) / sum(theirs) - found).max() <= error + 1e-9
    wanted = np.cumsum(mine) / sum(mine)
    nearer = np.abs(np.cumsum(near) / near.sum() - wanted)
    assert (nearer <= np.abs(found - wanted) + 1e-9).all()


@pytest.mark.parametrize(("n", "m"), [(10_000, 100_000), (10_000_000, 100_000), (3_000, 3_000)])
def test_the_effect_does_not_depend_on_the_sizes(rng, n, m):
    p = np.full(10, 0.1)
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    q = np.diff(np.concatenate(([0.0], stats.norm.cdf(edges - 0.1), [1.0])))
    found = [
        effect_between(rng.multinomial(m, p), rng.multinomial(n, q), level=0.05).value ** 2
        for _ in range(300)
    ]
    deviation = np.std(found) / math.sqrt(len(found))
    # Squares that chance makes negative count as 0, which raises the mean of the smallest samples.
    assert np.mean(found) == pytest.approx(plain_jsd(p, q), abs=4 * deviation + 0.02 * 0.042**2)


def test_the_interval_covers_the_true_distance(rng):
    # Each end may fail in 5 % of the cases; of 600 binomial cases 4 standard errors more is 53.
    p = np.array([0.5, 0.3, 0.2])
    q = np.array([0.45, 0.33, 0.22])
    true = math.sqrt(plain_jsd(p, q))
    too_high = too_low = 0
    for _ in range(600):
        effect = effect_between(rng.multinomial(4000, p), rng.multinomial(6000, q), level=0.05)
        too_high += effect.low > true
        too_low += effect.high < true
    assert too_high <= 53
    assert too_low <= 53


@pytest.mark.parametrize(("outside", "n", "m"), [(1, 10, 5), (3, 50, 20), (40, 1000, 100)])
def test_the_p_value_of_the_range_is_that_of_the_beta_binomial(outside, n, m):
    expected = stats.betabinom(n, 2, m - 1).sf(outside - 1)
    assert range_p_value(outside, n, m) == pytest.approx(expected, rel=1e-9)


# ---- verdicts ------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [10_000, 1_000_000])
def test_a_shift_of_a_tenth_of_a_deviation_is_drift_at_any_size(rng, n):
    column = one(rng.normal(size=100_000), rng.normal(0.1, size=n))
    assert column.verdict == "yes"
    assert column.aspect == "values"
    assert column.low <= 0.042 <= column.high
    assert column.reason.startswith("mean ")


def test_a_shift_of_five_thousandths_is_no_drift_in_a_million_rows(rng):
    column = one(rng.normal(size=1_000_000), rng.normal(0.005, size=1_000_000))
    assert column.verdict == "no"
    assert column.effect < 0.01


def test_samples_of_one_distribution_do_not_drift(rng):
    # 200 columns of four sizes, at a false discovery rate of 5 % with an effect that must be there.
    drifted = 0
    for n in (200, 1_000, 5_000, 20_000):
        tables = [
            {
                **{f"x{i}": rng.normal(size=n) for i in range(30)},
                **{f"c{i}": rng.choice(list("abcdefgh"), n) for i in range(20)},
            }
            for _ in range(2)
        ]
        drifted += len(inlay.compare(*tables).drifted)
    assert drifted <= 1


def test_distances_agree_with_numpy_and_scipy(rng):
    x, y = rng.normal(size=N), rng.normal(0.3, 1.2, size=N)
    reference = inlay.Profile.of({"x": x}, reference=True)
    column = inlay.compare(reference, {"x": y})["x"]
    edges = np.concatenate(([-np.inf], reference["x"].edges.edges, [np.inf]))
    # Upper bounds belong to their cells.
    mine, theirs = (np.histogram(-v, -edges[::-1])[0][::-1] for v in (x, y))
    assert [cell.reference for cell in column.cells] == mine.tolist()
    assert [cell.current for cell in column.cells] == theirs.tolist()
    p, q = mine / N, theirs / N
    distances = column.distances
    # Beyond the extremes the reference has nothing, so half a row more in each cell of both.
    assert mine[0] == mine[-1] == 0 < theirs[-1]
    a, b = ((side + 0.5) / (N + 6.0) for side in (mine, theirs))
    assert distances["psi"].value == pytest.approx(np.sum((b - a) * np.log(b / a)))
    assert distances["jensen_shannon"].value == pytest.approx(math.sqrt(plain_jsd(p, q)))
    assert distances["total_variation"].value == pytest.approx(np.abs(p - q).sum() / 2)
    assert distances["l_infinity"].value == pytest.approx(np.abs(p - q).max())
    chi2 = stats.chi2_contingency([mine, theirs], correction=False)
    assert distances["chi2"].value == pytest.approx(chi2.statistic)
    assert distances["chi2"].p_value == pytest.approx(chi2.pvalue)
    assert sum(cell.part for cell in column.cells) == pytest.approx(plain_jsd(p, q))
    for name, exact in (
        ("ks", stats.ks_2samp(x, y).statistic),
        ("wasserstein", stats.wasserstein_distance(x, y)),
    ):
        assert distances[name].low <= exact <= distances[name].high


def test_p_values_are_corrected_over_the_columns(rng):
    names = [f"x{i}" for i in range(6)]
    before = {name: rng.normal(size=N) for name in names}
    after = {name: rng.normal(0.02 * i, size=N) for i, name in enumerate(names)}
    found = inlay.compare(before, after)
    plain = [p for column in found for p in (a.p_value for a in column.aspects)]
    corrected = stats.false_discovery_control(plain, method="bh")
    by_aspect = iter(corrected)
    for column in found:
        mine = {aspect.name: next(by_aspect) for aspect in column.aspects}
        assert column.p_value == pytest.approx(mine[column.aspect])


def test_columns_come_by_contribution(rng):
    shifts = {"a": 0.1, "b": 0.9, "c": 0.0, "d": 0.4}
    before = {name: rng.normal(size=N) for name in shifts}
    after = {name: rng.normal(shift, size=N) for name, shift in shifts.items()}
    found = inlay.compare(before, after)
    assert [column.name for column in found] == ["b", "d", "a", "c"]
    assert found.drifted == ("b", "d", "a")
    assert sum(column.contribution for column in found) == pytest.approx(1.0)


# ---- wrong answers that others give --------------------------------------------------------------
def test_one_outlier_does_not_flatten_the_distances(rng):
    x, y = rng.normal(size=N), rng.normal(0.5, size=N)
    plain = one(x, y)
    with_outlier = one(x, np.append(y, 1e6))
    assert with_outlier.verdict == "yes"
    for name in ("psi", "jensen_shannon"):
        assert with_outlier.distances[name].value == pytest.approx(
            plain.distances[name].value, rel=0.01
        )
    assert one(np.append(x, 1e6), y).effect == pytest.approx(plain.effect, rel=0.01)


def test_one_nan_does_not_silence_the_distances(rng):
    x, y = rng.normal(size=N), rng.normal(0.5, size=N)
    column = one(x, np.append(y, np.nan))
    assert column.verdict == "yes"
    assert column.distances["ks"].value == pytest.approx(one(x, y).distances["ks"].value, abs=0.01)
    assert column.current["nan_count"] == 1


def test_the_error_of_sketches_is_no_drift(rng):
    # Both sides are sketches of a million rows: what they differ by is their error.
    for _ in range(3):
        sides = [inlay.Profile.of({"x": rng.normal(size=300_000)}) for _ in range(2)]
        column = inlay.compare(*sides)["x"]
        assert column.verdict == "no"
        assert column.low == 0.0


def test_a_shift_that_sketches_can_tell_is_drift(rng):
    sides = [inlay.Profile.of({"x": rng.normal(shift, size=200_000)}) for shift in (0.0, 0.3)]
    exact = one(rng.normal(size=200_000), rng.normal(0.3, size=200_000))
    column = inlay.compare(*sides)["x"]
    assert column.verdict == "yes"
    assert column.low < exact.low
    assert column.effect == pytest.approx(exact.effect, abs=0.03)


# ---- what of a column drifts ---------------------------------------------------------------------
def test_missing_values_are_an_aspect_of_their_own(rng):
    x = rng.normal(size=N)
    gaps = pa.array(x, mask=rng.random(N) < 0.2)
    column = one(x, gaps)
    assert (column.verdict, column.aspect) == ("yes", "missing")
    assert column.reason == f"missing 0 % → {100 * gaps.null_count / N:.1f} %"
    nans = x.copy()
    nans[: N // 4] = np.nan
    assert one(x, nans).reason == "missing 0 % → 25.0 %"


def test_a_constant_that_moves_is_found():
    column = one(np.full(N, 5.0), np.full(N, 3.0))
    assert (column.verdict, column.aspect) == ("yes", "values")
    assert column.reason == (
        "mean 5 → 3, most from < 5: 0 % → 100 %; 100 % of the values lie outside of 5"
    )
    assert one(np.full(N, 5.0), np.full(N, 5.0)).verdict == "no"
    assert one(np.zeros(N), np.where(np.arange(N) % 10, 0.0, -1.0)).outside == pytest.approx(
        0.1, abs=0.02
    )


def test_names_that_are_new_or_gone_are_named(rng):
    before = rng.choice(["phone", "desktop", "tablet"], N)
    after = rng.choice(["phone", "desktop", "watch", "glasses"], N, p=[0.4, 0.3, 0.2, 0.1])
    column = one(before, after)
    assert [entry.name for entry in column.new_names] == ["watch", "glasses"]
    assert column.new_names[0].low == (after == "watch").sum()
    assert column.vanished == ("tablet",)
    assert column.verdict == "yes"
    assert column.reason == f"share of 'tablet' {100 * (before == 'tablet').mean():.1f} % → 0 %"


def test_all_new_names_are_one_finding():
    column = one(["a", "b"] * 500, ["x", "y"] * 500)
    assert column.effect == pytest.approx(1.0, abs=0.01)
    assert column.reason == "share of other names 0 % → 100 %, new are 'x', 'y'"


def test_a_name_that_the_reference_counted_among_others_is_not_called_new(rng):
    many = [f"n{i}" for i in range(2_000)]
    before = ["a"] * 5_000 + many
    column = inlay.compare(inlay.Profile.of({"x": before}, top=16, reference=True), {"x": many})
    assert column["x"].new_names == ()


def test_exact_distances_are_those_of_all_rows(rng):
    x, y = rng.normal(size=5_000), rng.normal(0.2, size=7_000)
    estimated, found = one(x, y).distances, one(x, y, exact=True).distances
    ks, cvm = stats.ks_2samp(x, y), stats.cramervonmises_2samp(x, y)
    expected = {
        "ks": (ks.statistic, ks.pvalue),
        "cramer_von_mises": (cvm.statistic * 12_000 / (5_000 * 7_000), cvm.pvalue),
        "wasserstein": (stats.wasserstein_distance(x, y), None),
        "energy": (stats.energy_distance(x, y), None),
    }
    for name, (value, p_value) in expected.items():
        assert found[name].low == found[name].value == found[name].high
        assert found[name].value == pytest.approx(value, rel=1e-9)
        assert estimated[name].low <= found[name].value <= estimated[name].high
        if p_value is None:
            assert found[name].p_value is None
        else:
            # scipy's limit law of Cramer and von Mises has an error of 1e-9 in its tail.
            assert found[name].p_value == pytest.approx(p_value, rel=0.05, abs=1e-9)
    assert found["anderson_darling"] == estimated["anderson_darling"]
    assert found["psi"] == estimated["psi"]


def test_exact_distances_say_why_there_is_none():
    column = one([1.0, 2.0, math.inf] * 50, [1.0, 2.0, 3.0] * 50, exact=True)
    assert column.distances["ks"].value == pytest.approx(1 / 3)
    assert column.distances["wasserstein"].value is None
    assert column.distances["wasserstein"].reason == "infinite"


# ---- what it gives -------------------------------------------------------------------------------
def test_the_dictionary_is_json_and_the_rows_are_verdicts(rng):
    found = inlay.compare(
        {"x": rng.normal(size=N), "c": ["a", "b"] * (N // 2)},
        {"x": rng.normal(1, size=N), "c": ["a", "b"] * (N // 2)},
    )
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["verdict"] == "yes"
    assert said["drifted"] == ["x"]
    assert {column["name"] for column in said["columns"]} == {"x", "c"}
    rows = found.to_arrow(resource={"service.name": "ranker"}).to_pyarrow()
    assert rows.column_names == [column.name for column in inlay.points.VERDICTS]
    verdicts = rows.filter(pa.compute.equal(rows["method"], "compare")).to_pylist()
    assert {(row["attrs"], row["verdict"]) for row in verdicts} == {
        ('{"column":"x"}', "yes"),
        ('{"column":"c"}', "no"),
    }
    [x] = (row for row in verdicts if "x" in row["attrs"])
    assert x["effect"] == found["x"].effect
    assert sum(x["part_values"]) == pytest.approx(sum(cell.part for cell in found["x"].cells))
    assert x["n"] == x["n_reference"] == N
    methods = set(rows["method"].to_pylist())
    assert {"psi", "jensen_shannon", "ks", "wasserstein", "chi2"} <= methods
    ids = {row["series_id"] for row in verdicts}
    assert len(ids) == 2


def test_the_comparison_reads_like_a_collection_of_columns(rng):
    found = inlay.compare({"x": [1.0] * 50, "y": ["a"] * 50}, {"x": [1.0] * 50, "y": ["a"] * 50})
    assert len(found) == 2
    assert "x" in found
    assert [column.name for column in found] == ["x", "y"]
    with pytest.raises(KeyError, match="z"):
        found["z"]
    assert found
    assert found.verdict == "no"
    assert repr(found) == "<inlay.drift.Comparison of 50 rows with 50; no drift>"
