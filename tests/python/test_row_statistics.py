"""Statistics of rows with many columns: against plain float64, scipy and scikit-learn."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay import _core
from inlay.detect import (
    PCAReconstruction,
    RowStatistic,
    domain_classifier,
    energy_distance,
    frechet,
    mahalanobis,
    mmd,
    sliced_wasserstein,
    two_sample,
)

# What `mmd` states: float32 kernels, float64 sums.
MMD_CLOSE = 1e-5


def sides(n: int, m: int, d: int, *, shift: float = 0.0, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng([seed, n, m, d])
    return rng.normal(size=(n, d)), rng.normal(shift, 1.0, size=(m, d))


def squared_distances(a: Any, b: Any) -> Any:
    return ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)


def plain_mmd(x: Any, y: Any, bandwidth: float, *, unbiased: bool) -> float:
    def kernel(a: Any, b: Any) -> Any:
        return np.exp(-squared_distances(a, b) / (2.0 * bandwidth**2))

    n, m = len(x), len(y)
    across = kernel(x, y).mean()
    if not unbiased:
        return float(kernel(x, x).mean() + kernel(y, y).mean() - 2.0 * across)
    of_x = (kernel(x, x).sum() - n) / (n * (n - 1))
    of_y = (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(of_x + of_y - 2.0 * across)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 3, 1), (40, 25, 3), (1_100, 60, 4), (30, 1_050, 2)])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_mmd_is_that_of_plain_float64(n: int, m: int, d: int, offset: float) -> None:
    x, y = sides(n, m, d, shift=0.4)
    for estimator in ("unbiased", "biased"):
        found = mmd(x + offset, y + offset, estimator=estimator, permutations=3)
        bandwidth = found.details["bandwidth"]
        assert isinstance(bandwidth, float)
        known = plain_mmd(x, y, bandwidth, unbiased=estimator == "unbiased")
        assert found.value == pytest.approx(known, abs=MMD_CLOSE)


def test_mmd_of_permutations_is_that_of_permuted_rows() -> None:
    from inlay.detect import kernel

    x, y = sides(30, 20, 3, shift=1.0)
    rows = np.concatenate([x, y])
    labels = kernel.split_labels(30, 20, 5, 4)
    assert (labels.sum(axis=0) == 30).all()
    sums = kernel.KernelSums(n=30, m=20, left_out=(0, 0), scale=1.0)
    pooled = kernel._pooled(x, y, np.zeros(3), math.sqrt(2.0))
    kernel._sum_tiles(sums, pooled, labels, lambda k: np.exp(k, out=k), 1.0)
    forms, within_x, within_y = sums.forms, sums.x_sums, sums.y_sums
    assert forms is not None
    for split in range(6):
        a, b = rows[labels[:, split]], rows[~labels[:, split]]
        assert forms[split] == pytest.approx(plain_mmd(a, b, 1.0, unbiased=False), abs=MMD_CLOSE)
        assert within_x[split] == pytest.approx(
            np.exp(-squared_distances(a, a) / 2.0).sum(), rel=1e-5
        )
        assert within_y[split] == pytest.approx(
            np.exp(-squared_distances(b, b) / 2.0).sum(), rel=1e-5
        )


def test_permutation_p_values_hold_their_level() -> None:
    # 200 tests of no change at 0.1: more than 34 alarms have a chance below 0.1 %.
    rng = np.random.default_rng(5)
    alarms = 0
    for number in range(200):
        rows = rng.normal(size=(30, 2))
        p_value = mmd(rows[:12], rows[12:], permutations=19, seed=number).p_value
        assert p_value is not None
        assert 0.05 - 1e-12 <= p_value <= 1.0
        alarms += p_value <= 0.1
    assert alarms <= 34


def test_a_change_in_one_column_of_many_is_found() -> None:
    x, y = sides(300, 200, 10)
    assert (mmd(x, y).p_value or 0.0) > 0.05
    y[:, 3] += 2.0
    for result in (mmd(x, y), energy_distance(x, y), mahalanobis(x, y)):
        assert result.p_value is not None
        assert result.p_value <= 0.01


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_energy_distance_of_one_column_is_that_of_two_sample(n: int, m: int, decimals: int) -> None:
    x, y = sides(n, m, 1, shift=0.5)
    x, y = np.round(x, decimals), np.round(y, decimals)
    found = energy_distance(x, y, permutations=0)
    known = two_sample(x[:, 0], y[:, 0]).energy
    assert known is not None
    if found.value is None:
        assert found.reason == "constant"
        assert known == 0.0
    else:
        assert found.p_value is None
        assert found.value**2 == pytest.approx(known**2, abs=2e-6)


def test_frechet_is_that_of_a_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg", reason="scipy takes the root of the product")
    x, y = sides(500, 400, 5, shift=0.3)
    y = y @ np.random.default_rng(2).normal(size=(5, 5))
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(cov_x @ cov_y).real
    apart = x.mean(axis=0) - y.mean(axis=0)
    known = apart @ apart + np.trace(cov_x + cov_y - 2.0 * root)
    assert frechet(x, y).value == pytest.approx(known, rel=1e-9)
    # Covariances without an inverse: more columns than rows.
    wide_x, wide_y = sides(10, 12, 40)
    value = frechet(wide_x, wide_y).value
    assert value is not None
    assert value > 0.0
    assert frechet(wide_x, wide_x).value == pytest.approx(0.0, abs=1e-6)


def test_mahalanobis_of_one_column_is_students_t() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy has the t test")
    x, y = sides(30, 40, 1, shift=0.4)
    known = stats.ttest_ind(x[:, 0], y[:, 0])
    found = mahalanobis(x, y)
    assert found.p_value == pytest.approx(known.pvalue, rel=1e-9)
    assert found.details["t_squared"] == pytest.approx(known.statistic**2, rel=1e-9)


def test_mahalanobis_does_not_depend_on_units() -> None:
    x, y = sides(60, 50, 4, shift=0.2)
    units = np.array([1e-9, 1.0, 1e6, 1e12])
    assert mahalanobis(x * units, y * units).value == pytest.approx(mahalanobis(x, y).value)


def test_mahalanobis_without_an_inverse_is_undefined_or_shrunk() -> None:
    x, y = sides(50, 40, 3)
    twice = (np.column_stack([x, x[:, 0]]), np.column_stack([y, y[:, 0]]))
    assert mahalanobis(*twice).reason == "singular"
    assert mahalanobis(np.zeros((9, 2)), np.ones((9, 2))).reason == "singular"
    wide = sides(10, 12, 40, shift=1.0)
    assert mahalanobis(*wide).reason == "insufficient"
    shrunk = mahalanobis(*wide, covariance="shrinkage")
    assert shrunk.value is not None
    assert shrunk.p_value is None
    weight = shrunk.details["shrinkage"]
    assert isinstance(weight, float)
    assert 0.0 < weight <= 1.0


def test_shrinkage_is_that_of_ledoit_and_wolf() -> None:
    covariance = pytest.importorskip("sklearn.covariance", reason="scikit-learn has the estimate")
    from inlay.detect.normal import mean_and_scatter, shrinkage

    rng = np.random.default_rng(3)
    rows = rng.normal(size=(80, 12)) * np.arange(1, 13)
    rows -= rows.mean(axis=0)
    mean, scatter = mean_and_scatter(rows)
    # scikit-learn divides by the rows and not by one less.
    fourth = float((((rows - mean) ** 2).sum(axis=1) ** 2).sum())
    found = shrinkage(len(rows), fourth, scatter / len(rows))
    assert found == pytest.approx(covariance.ledoit_wolf_shrinkage(rows), rel=1e-9)


def test_sliced_wasserstein_of_one_column_is_exact() -> None:
    x, y = sides(300, 200, 1, shift=0.5)
    plain = two_sample(x[:, 0], y[:, 0]).wasserstein
    assert sliced_wasserstein(x, y, p=1).value == pytest.approx(plain)
    equal_x, equal_y = sides(200, 200, 1, shift=0.5)
    known = math.sqrt(((np.sort(equal_x[:, 0]) - np.sort(equal_y[:, 0])) ** 2).mean())
    assert sliced_wasserstein(equal_x, equal_y, p=2).value == pytest.approx(known)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.integers(1, 7))
@settings(max_examples=50, deadline=None)
def test_quantile_distance_is_that_of_repeated_values(values: list[int], m: int) -> None:
    x = [float(v) for v in values]
    y = [float((3 * i) % 4) for i in range(m)]
    # Each value as often as the other side has values: samples of equal size, matched in order.
    long_x, long_y = np.sort(np.repeat(x, m)), np.sort(np.repeat(y, len(x)))
    for p in (1, 2):
        (found,) = _core.quantile_distances([x], [y], p=p)
        assert found == pytest.approx((np.abs(long_x - long_y) ** p).mean())


def test_sliced_wasserstein_of_a_shift_is_its_length_over_the_root_of_the_columns() -> None:
    x, _ = sides(200, 1, 6)
    result = sliced_wasserstein(x, x + 1.0, projections=400)
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 1.0 <= result.high
    assert sliced_wasserstein(x, x + 1.0, projections=400, threads=3) == result


def test_pca_finds_a_broken_relation() -> None:
    rng = np.random.default_rng(8)
    price = rng.normal(size=4_000)
    rows = np.column_stack([price, 2.0 * price + rng.normal(0.0, 0.1, 4_000), np.full(4_000, 7.0)])
    pca = PCAReconstruction(rows, components=0.9)
    assert pca.components == 1
    same = pca.compare(rows[:1_000])
    assert same.value is not None
    assert abs(same.value) < 0.2
    broken = np.column_stack([price, rng.permutation(rows[:, 1]), rows[:, 2]])
    moved = pca.compare(broken)
    assert moved.value is not None
    assert moved.value > 10.0
    assert moved.p_value is not None
    assert moved.p_value < 1e-10
    # A constant column that is no longer one is in the error.
    rows[:, 2] = 9.0
    assert pca.errors(rows)[:10] == pytest.approx(np.full(10, 2.0), abs=0.2)
    assert pca.compare(rows[:0]).reason == "empty"


def test_pca_errors_are_those_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn has a PCA")
    x, y = sides(100, 40, 5)
    x = x @ np.random.default_rng(4).normal(size=(5, 5))
    pca = PCAReconstruction(x, components=2, scale=False, seed=3)
    half = x[np.random.default_rng(3).permutation(100)[:50]]
    known = decomposition.PCA(n_components=2).fit(half)
    back = known.inverse_transform(known.transform(y))
    assert pca.errors(y) == pytest.approx(np.linalg.norm(y - back, axis=1), rel=1e-9)


def test_domain_classifier_tells_a_change_from_none() -> None:
    pytest.importorskip("sklearn", reason="the classifier is scikit-learn's")
    from sklearn.linear_model import LogisticRegression

    x, y = sides(200, 150, 3, seed=9)
    model = LogisticRegression()
    none = domain_classifier(x, y, classifier=model)
    assert none.p_value is not None
    assert none.p_value > 0.01
    some = domain_classifier(x, y + 1.0, classifier=model)
    assert some.value is not None
    assert some.value > 0.8
    assert some.low is not None
    assert some.low > 0.7
    assert some.p_value is not None
    assert some.p_value < 1e-10
    equal = domain_classifier(np.ones((40, 2)), np.ones((40, 2)), classifier=model)
    assert (equal.value, equal.p_value) == (0.5, 1.0)
    assert domain_classifier(x[:4], y).reason == "insufficient"


def test_domain_classifier_holds_its_level() -> None:
    pytest.importorskip("sklearn", reason="the classifier is scikit-learn's")
    from sklearn.naive_bayes import GaussianNB

    # 100 tests of no change at 0.1: more than 21 alarms have a chance below 0.1 %.
    rng = np.random.default_rng(6)
    alarms = 0
    for seed in range(100):
        x, y = rng.normal(size=(60, 3)), rng.normal(size=(50, 3))
        p_value = domain_classifier(x, y, classifier=GaussianNB(), folds=2, seed=seed).p_value
        assert p_value is not None
        alarms += p_value <= 0.1
    assert alarms <= 21


def test_auc_and_its_variance_without_a_change() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn has the AUC")
    from inlay.detect.domain import _area

    rng = np.random.default_rng(10)
    low, high = np.round(rng.normal(size=50), 1), np.round(rng.normal(0.5, 1.0, size=40), 1)
    area, _, _ = _area(low, high)
    known = metrics.roc_auc_score([0] * 50 + [1] * 40, np.concatenate([low, high]))
    assert area == pytest.approx(known)
    values = np.array([0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0])
    areas = []
    for _ in range(2_000):
        rng.shuffle(values)
        areas.append(_area(values[:3], values[3:])[0])
    _, _, variance = _area(values[:3], values[3:])
    assert np.var(areas) == pytest.approx(variance, rel=0.1)


def test_domain_classifier_without_scikit_learn_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = builtins.__import__

    def hidden(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", hidden)
    with pytest.raises(ImportError, match=r"inlay\[sklearn\]"):
        domain_classifier([[1.0]], [[2.0]])


def test_rows_with_gaps_are_left_out_and_counted() -> None:
    x, y = sides(40, 30, 2)
    plain = mahalanobis(x, y)
    gaps = np.concatenate([x, [[np.nan, 1.0], [np.inf, 1.0]]])
    found = mahalanobis(
        gaps,
        np.ma.masked_array(
            np.concatenate([y, [[5.0, 5.0]]]), mask=[[False] * 2] * 30 + [[True, False]]
        ),
    )
    assert found.value == plain.value
    assert found.left_out == (2, 1)
    assert mahalanobis(gaps, y).to_dict()["left_out"] == [2, 0]


def test_rows_come_as_tables_and_columns_of_lists() -> None:
    x, y = sides(20, 15, 3)
    plain = frechet(x, y).value
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 3)
    lists = pa.chunked_array([pa.array([*y[:5].tolist(), None]), pa.array(y[5:].tolist())])
    found = frechet(fixed, lists)
    assert (found.value, found.left_out) == (pytest.approx(plain), (0, 1))
    table = pa.table({name: x[:, i] for i, name in enumerate("abc")})
    assert frechet(table, y).value == pytest.approx(plain)
    polars = pytest.importorskip("polars", reason="the rest is of frames")
    pandas = pytest.importorskip("pandas", reason="the rest is of frames")
    assert frechet(polars.DataFrame(table), pandas.DataFrame(y)).value == pytest.approx(plain)
    ragged = pa.array([[1.0], [1.0, 2.0]])
    with pytest.raises(inlay.InvalidArgumentError, match=r"lists of one length: \[1, 2\]"):
        frechet(ragged, y)
    with pytest.raises(TypeError, match="string"):
        frechet({"a": ["x"]}, y)


@pytest.mark.parametrize("call", [mmd, energy_distance, frechet, mahalanobis, sliced_wasserstein])
def test_empty_and_unlike_sides(call: Any) -> None:
    x, y = sides(10, 8, 2)
    for pair in ((x[:0], y), (x, y[:0])):
        result = call(*pair)
        assert isinstance(result, RowStatistic)
        assert (result.value, result.reason) == (None, "empty")
        assert "undefined: empty" in repr(result)
    with pytest.raises(inlay.InvalidArgumentError, match="reference has 2 columns; current has 1"):
        call(x, y[:, :1])
    with pytest.raises(TypeError, match="complex"):
        call(x.astype(complex), y)
    with pytest.raises(inlay.InvalidArgumentError, match=r"\(2, 2, 2\)"):
        call(np.zeros((2, 2, 2)), y)


def test_constant_few_and_huge_rows_say_so() -> None:
    ones = np.ones((10, 2))
    assert mmd(ones, ones).reason == "constant"
    assert energy_distance(ones, ones).reason == "constant"
    assert mmd(ones[:1], ones).reason == "insufficient"
    assert frechet(ones[:1], ones).reason == "insufficient"
    huge = np.array([[1e300, 1.0], [-1e300, 2.0], [0.0, 3.0], [5.0, 4.0]])
    assert frechet(huge, ones).reason == "overflow"
    assert mahalanobis(huge, ones).reason == "overflow"
    assert sliced_wasserstein(huge, ones).reason == "overflow"
    far = mmd(huge, ones, permutations=9)
    assert far.value is not None
    assert math.isfinite(far.value)


def test_one_far_row_does_not_silence_mmd() -> None:
    x, y = sides(200, 200, 4, shift=1.0)
    y[0] = 1e30
    assert mmd(x, y, permutations=99).p_value == 0.01


def test_wrong_options_are_named() -> None:
    x, y = sides(5, 5, 2)
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (mmd, {"estimator": "linear"}, "'linear'"),
        (mmd, {"bandwidth": 0.0}, "bandwidth.*0.0"),
        (mmd, {"permutations": -1}, "-1"),
        (energy_distance, {"permutations": -2}, "-2"),
        (mahalanobis, {"covariance": "full"}, "'full'"),
        (sliced_wasserstein, {"projections": 0}, "projections.*0"),
        (sliced_wasserstein, {"p": 3}, "p must be 1 or 2: 3"),
        (sliced_wasserstein, {"threads": 0}, "threads.*0"),
    ]
    for call, options, said in wrong:
        with pytest.raises(inlay.InvalidArgumentError, match=said):
            call(x, y, **options)
    with pytest.raises(inlay.InvalidArgumentError, match="4 rows: 3"):
        PCAReconstruction(x[:3])
    with pytest.raises(inlay.InvalidArgumentError, match="2 columns that vary: 1"):
        PCAReconstruction(np.column_stack([x[:, 0], np.ones(5)]))
    for components in (2, 0, 1.5):
        with pytest.raises(inlay.InvalidArgumentError, match=f"components.*{components}"):
            PCAReconstruction(x, components=components)
    with pytest.raises(inlay.InvalidArgumentError, match=r"level.*2"):
        mmd(x, y).verdict_fields(threshold=0.1, level=2.0)
    with pytest.raises(inlay.InvalidArgumentError, match=r"threshold.*nan"):
        mmd(x, y).verdict_fields(threshold=math.nan)
    with pytest.raises(inlay.InvalidArgumentError, match=r"scope.*'node'"):
        mmd(x, y).verdict_fields(threshold=0.1, scope="node")


def test_a_result_is_recorded() -> None:
    x, y = sides(100, 100, 2, shift=2.0)
    obs = inlay.Observer()
    assert obs.verdict("embedding", **mmd(x, y).verdict_fields(threshold=0.01), layer="model")
    assert obs.verdict("embedding", **mmd(x[:0], y).verdict_fields(threshold=0.01))
    assert obs.verdict("embedding", **sliced_wasserstein(x, y).verdict_fields(threshold=50.0))
    rows = obs.collect().verdicts.to_pylist()
    assert sorted(row["verdict"] for row in rows) == ["no", "undefined", "yes"]
    assert {row["judge"] for row in rows} == {"rows"}


@pytest.mark.parametrize("package", ["pyarrow", "pandas", "polars", "mapping"])
def test_columns_of_tables_are_matched_by_name(package: str) -> None:
    rng = np.random.default_rng(21)
    a, b, c = rng.normal(size=(3, 300))
    columns = {"a": a, "b": 50.0 + 3.0 * b, "c": c}
    other = {name: columns[name][:200] + 0.01 for name in ("c", "a", "b")}

    def table(data: dict[str, Any]) -> Any:
        if package == "mapping":
            return data
        if package == "pyarrow":
            return pa.table(data)
        return pytest.importorskip(package).DataFrame(data)

    reference, current = table(columns), table(other)
    in_order = np.column_stack([other[name] for name in columns])
    plain = np.column_stack(list(columns.values()))
    assert mahalanobis(reference, current).value == mahalanobis(plain, in_order).value
    assert frechet(reference, in_order).value == frechet(plain, in_order).value  # without names
    pca = PCAReconstruction(reference, components=2)
    assert pca.compare(current).value == pca.compare(in_order).value
    embedding = inlay.Embedding.of(reference)
    shuffled, ordered = embedding.like(), embedding.like()
    shuffled.update(current)
    ordered.update(in_order)
    assert shuffled == ordered
    renamed = table({"a": other["a"], "b": other["b"], "z": other["c"]})
    for call in (
        lambda: mahalanobis(reference, renamed),
        lambda: pca.compare(renamed),
        lambda: embedding.update(renamed),
    ):
        with pytest.raises(inlay.InvalidArgumentError, match="lacks one: 'c'"):
            call()


def test_messages_name_the_argument_and_the_column() -> None:
    x = np.zeros((5, 2))
    with pytest.raises(inlay.InvalidArgumentError, match="seed must be at least 0: -1"):
        mmd(x, x, seed=-1)
    with pytest.raises(TypeError, match="permutations must be an integer: 'x'"):
        energy_distance(x, x, permutations="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="threads must be an integer: 'a'"):
        sliced_wasserstein(x, x, threads="a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="column 'name' of reference must hold real numbers"):
        frechet(pa.table({"x": [1.0], "name": ["a"]}), x)
    pytest.importorskip("sklearn")
    with pytest.raises(TypeError, match=r"classifier must have fit .*: 3"):
        domain_classifier(x, x, classifier=3)
