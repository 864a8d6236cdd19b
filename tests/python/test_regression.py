"""Errors of predicted numbers, against numpy and scikit-learn."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inlay import _core
from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model import Regression

# Sums of a few thousand doubles, each rounded, against numpy's pairwise ones.
CLOSE = 1e-11
COUNTED = ("bad_label", "nan_score", "out_of_range", "bad_weight")


def batch(rows: int = 5000, seed: int = 1, dtype: Any = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.normal(3.0, 2.0, rows)
    return y.astype(dtype), (y + rng.normal(0.1, 0.7, rows)).astype(dtype)


def computed(y: Any, p: Any, weights: Any = None, **settings_: Any) -> dict[str, float | None]:
    quality = Regression(**settings_)
    quality.update(y, p, weights=weights)
    return {name: one.value for name, one in quality.compute().items()}


def expected(y: Any, p: Any, weights: Any = None) -> dict[str, float]:
    metrics = pytest.importorskip("sklearn.metrics")
    y, p = y.astype(np.float64), p.astype(np.float64)
    some = y != 0
    w = np.ones(len(y)) if weights is None else weights
    centred = np.sqrt(w)[:, None] * np.stack(
        [y - np.average(y, weights=w), p - np.average(p, weights=w)], axis=1
    )
    covariance = centred.T @ centred
    return {
        "bias": float(np.average(p - y, weights=w)),
        "mae": metrics.mean_absolute_error(y, p, sample_weight=weights),
        "mse": metrics.mean_squared_error(y, p, sample_weight=weights),
        "rmse": metrics.mean_squared_error(y, p, sample_weight=weights) ** 0.5,
        "max_error": metrics.max_error(y, p),
        "r2": metrics.r2_score(y, p, sample_weight=weights),
        "explained_variance": metrics.explained_variance_score(y, p, sample_weight=weights),
        "mape": metrics.mean_absolute_percentage_error(y[some], p[some], sample_weight=w[some]),
        "smape": float(
            np.average(
                np.divide(
                    2 * abs(p - y),
                    abs(y) + abs(p),
                    out=np.zeros(len(y)),
                    where=(abs(y) + abs(p)) > 0,
                ),
                weights=w,
            )
        ),
        "correlation": covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("rows", [2, 7, 2048, 5000])
def test_metrics_are_those_of_scikit_learn(rows: int, dtype: Any) -> None:
    y, p = batch(rows, dtype=dtype)
    found = computed(y, p)
    for name, value in expected(y, p).items():
        assert found[name] == pytest.approx(value, rel=CLOSE, abs=1e-12), name


@pytest.mark.parametrize("rows", [7, 5000])
def test_weighted_metrics_are_those_of_scikit_learn(rows: int) -> None:
    y, p = batch(rows)
    y[3] = 0.0
    weights = np.random.default_rng(2).exponential(size=rows)
    found = computed(y, p, weights)
    for name, value in expected(y, p, weights).items():
        assert found[name] == pytest.approx(value, rel=CLOSE, abs=1e-12), name


@pytest.mark.parametrize("weighted", [False, True])
def test_an_offset_costs_no_digits(weighted: bool) -> None:
    y, p = batch(20_000)
    weights = np.ones(len(y)) if weighted else None
    near, far = computed(y, p, weights), computed(y + 1e8, p + 1e8, weights)
    for name in ("bias", "mae", "rmse", "r2", "explained_variance", "correlation"):
        # Adding 1e8 rounds each value by up to 7e-9.
        assert far[name] == pytest.approx(near[name], rel=1e-7), name


def test_a_bias_of_1e8_keeps_the_spread_of_errors() -> None:
    y, p = batch(20_000)
    found, shifted = computed(y, p), computed(y, p - 1e8)
    assert shifted["explained_variance"] == pytest.approx(found["explained_variance"], rel=1e-6)
    assert shifted["bias"] == pytest.approx(-1e8, rel=1e-8)


def test_every_instruction_set_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import subprocess
    import sys

    code = (
        "import numpy as np; from inlay.model import Regression; q = Regression();"
        "r = np.random.default_rng(3); y = r.normal(size=5003).astype('f4');"
        "q.update(y, y + r.normal(size=5003).astype('f4')); print(q.to_bytes().hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "INLAY_FORCE_ISA": isa},
            capture_output=True,
            check=True,
        ).stdout
        for isa in ("scalar", "avx2", "")
    }
    assert len(found) == 1


def test_pinball_and_coverage_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, middle = batch(3000)
    quantiles = (0.1, 0.5, 0.9)
    p = middle[:, None] + np.array([-1.0, 0.0, 1.2])
    quality = Regression(quantiles=quantiles)
    quality.update(y, p)
    found = quality.compute()
    losses = []
    for column, q in enumerate(quantiles):
        losses.append(metrics.mean_pinball_loss(y, p[:, column], alpha=q))
        assert float(found[f"pinball@{q}"]) == pytest.approx(losses[-1], rel=CLOSE)
        assert float(found[f"coverage@{q}"]) == np.mean(y <= p[:, column])
    assert float(found["pinball"]) == pytest.approx(np.mean(losses), rel=CLOSE)
    assert float(found["coverage"]) == np.mean((y >= p[:, 0]) & (y <= p[:, 2]))
    assert float(found["crossing"]) == 0.0
    assert float(found["mae"]) == pytest.approx(np.abs(y - middle).mean(), rel=CLOSE)


def test_without_the_median_there_is_no_point_prediction() -> None:
    quality = Regression(quantiles=(0.9, 0.1))
    quality.update([1.0, 2.0], [[0.0, 3.0], [2.5, 1.5]])
    found = quality.compute()
    assert found["mae"].reason == "no_point_prediction"
    assert float(found["crossing"]) == 0.5
    assert quality.rows == 2


def test_quantiles_of_the_error_are_within_the_histograms_bound() -> None:
    y, p = batch(20_000)
    found = computed(y, p)
    for q in (50, 90, 95, 99):
        exact = np.quantile(np.abs(p - y), q / 100, method="inverted_cdf")
        assert found[f"absolute_error_p{q}"] == pytest.approx(exact, rel=0.0109)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    truth = {"bias": 0.5, "mse": 1.25, "rmse": 1.25**0.5}
    hits = dict.fromkeys(truth, 0)
    for _ in range(400):
        y = rng.normal(size=200)
        quality = Regression()
        quality.update(y, y + rng.normal(0.5, 1.0, 200))
        found = quality.compute()
        for name, value in truth.items():
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            hits[name] += low <= value <= high
    for name, held in hits.items():
        assert 0.90 <= held / 400 <= 0.99, name  # 95 % give or take 4 deviations


# ---- bad input ---------------------------------------------------------------------------------


def test_bad_rows_are_counted_apart_and_change_nothing() -> None:
    nan, inf = float("nan"), float("inf")
    y = np.array([1.0, nan, 2.0, 3.0, inf, 4.0, 5.0, 6.0, nan])
    p = np.array([1.5, 1.0, nan, inf, 1.0, 4.5, 5.5, 6.5, nan])
    w = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, nan, 2.0, 1.0])
    quality = Regression()
    quality.update(y, p, weights=w)
    assert quality.rejected == dict(zip(COUNTED, (3, 1, 1, 2), strict=True))
    assert quality.rows == 2
    clean = Regression()
    clean.update([1.0, 6.0], [1.5, 6.5], weights=[1.0, 2.0])
    assert quality.compute()["mae"] == clean.compute()["mae"]


def test_nulls_of_arrow_are_bad_labels_and_scores() -> None:
    quality = Regression()
    quality.update(pa.chunked_array([[1.0, None], [2.0]]), pa.array([1, 2, None], pa.int8()))
    assert (quality.rows, quality.rejected["bad_label"], quality.rejected["nan_score"]) == (1, 1, 1)


def test_zero_labels_have_no_relative_error() -> None:
    found = computed([0.0, 0.0, 2.0], [1.0, 0.0, 3.0])
    assert found["mape"] == 0.5
    assert found["smape"] == pytest.approx((2.0 + 0.0 + 0.4) / 3)
    quality = Regression()
    quality.update([0.0], [1.0])
    assert quality.compute()["mape"].reason == "zero_labels"


def test_what_cannot_be_computed_says_why() -> None:
    quality = Regression()
    assert {one.reason for one in quality.compute().values()} == {"no_rows"}
    quality.update([2.0], [3.0])
    assert quality.compute()["r2"].reason == "insufficient"
    assert quality.compute()["mae"].low is None
    quality.update([2.0], [4.0])
    found = quality.compute()
    assert found["r2"].reason == "zero_variance"
    with pytest.raises(InvalidArgumentError, match="zero_variance"):
        float(found["r2"])
    constant = Regression()
    constant.update([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 2.0])
    assert constant.compute()["correlation"].reason == "zero_variance"
    assert float(constant.compute()["r2"]) == pytest.approx(-0.2)


def test_overflow_is_undefined_and_not_silent() -> None:
    quality = Regression()
    quality.update([1e308, -1e308, 1.0], [-1e308, 1e308, 1.0])
    found = quality.compute()
    assert quality.rows == 3
    assert {found[name].reason for name in ("mse", "r2", "mae")} == {"overflow"}


def test_rows_of_weight_zero_count_as_rows() -> None:
    quality = Regression()
    quality.update([1.0, 2.0], [1.0, 3.0], weights=[0.0, 0.0])
    assert quality.rows == 2
    assert quality.compute()["mae"].reason == "no_rows"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda q: q.update([1.0, 2.0], [1.0]), InvalidArgumentError, "1 rows.*2"),
        (lambda q: q.update([1.0], [1.0], weights=[1.0, 2.0]), InvalidArgumentError, "weights.*2"),
        (lambda q: q.update(["a"], [1.0]), TypeError, "numbers"),
        (lambda q: q.update([1.0, 2.0], np.ones((1, 2))), InvalidArgumentError, r"\(1, 2\)"),
        (lambda q: q.merge(Regression(relative=False)), InvalidArgumentError, "without relative"),
        (lambda q: q.merge(3), TypeError, "int"),
        (lambda q: q.compute(confidence=1.5), InvalidArgumentError, "1.5"),
    ],
)
def test_what_makes_no_sense_is_refused_and_counts_nothing(
    change: Any, error: type[Exception], text: str
) -> None:
    quality = Regression()
    with pytest.raises(error, match=text):
        change(quality)
    assert quality.rows == 0


@pytest.mark.parametrize("quantiles", [(0.0,), (1.0,), (0.5, 0.5), (float("nan"),)])
def test_quantiles_that_are_none_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match="quantiles"):
        Regression(quantiles=quantiles)


# ---- segments ----------------------------------------------------------------------------------


def test_segments_are_states_of_their_own() -> None:
    y, p = batch(20_000)
    segments = np.random.default_rng(3).integers(0, 70, len(y))
    weights = np.random.default_rng(4).exponential(size=len(y))
    states = _core.RegressionStates()
    states.update(y, p, weights, segments)
    assert states.segments == 70
    for segment in (0, 13, 69):
        alone = _core.RegressionStates()
        alone.update(y[segments == segment], p[segments == segment], weights[segments == segment])
        found, right = states.figures(segment), alone.figures()
        assert found["rows"] == right["rows"]
        assert found["error_m2"] == pytest.approx(right["error_m2"], rel=CLOSE)
        assert states.to_bytes(segment)[:4] == b"inRS"


@pytest.mark.parametrize("segment", [-1, 65_536, 2**70])
def test_a_segment_out_of_range_is_refused(segment: int) -> None:
    states = _core.RegressionStates()
    with pytest.raises(InvalidArgumentError, match=str(segment)):
        states.update([1.0], [1.0], None, segment)
    with pytest.raises((InvalidArgumentError, OverflowError)):
        states.update([1.0, 2.0], [1.0, 2.0], None, [0, segment])
    assert states.segments == 0


def test_pairs_say_what_is_merged_into_what() -> None:
    mine, theirs = _core.RegressionStates(), _core.RegressionStates()
    theirs.update([1.0, 2.0], [1.0, 3.0], None, [0, 4])
    mine.merge(theirs, [(2, 4), (0, 0), (2, 0)])
    assert [mine.rows(i) for i in range(3)] == [1, 0, 2]
    mine.merge(theirs, [(0, 5), (1, 2)])  # they hold nothing
    assert [mine.rows(i) for i in range(3)] == [1, 0, 2]
    with pytest.raises(InvalidArgumentError, match="65536"):
        mine.merge(theirs, [(0, 65_536)])
    taken = mine.take()
    assert (mine.segments, taken.segments) == (0, 3)


def test_far_segment_holds_only_itself() -> None:
    near, far = _core.RegressionStates(), _core.RegressionStates()
    near.update([1.0, 2.0], [1.0, 3.0])
    far.update([1.0, 2.0], [1.0, 3.0], None, [65_535, 65_535])
    assert (far.segments, far.rows(0), far.rows(65_535)) == (65_536, 0, 2)
    assert far.to_bytes(65_535) == near.to_bytes()
    assert len(far.to_bytes()) < len(near.to_bytes()) + 65_540  # a byte for each that is not there
    assert _core.RegressionStates.from_bytes(far.to_bytes()).equals(far)


# ---- merging and bytes -------------------------------------------------------------------------

finite = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.integers(0, 60))
def test_merged_parts_are_the_whole(data: st.DataObject, rows: int) -> None:
    y = data.draw(arrays(np.float64, rows, elements=finite))
    p = data.draw(arrays(np.float64, rows, elements=finite))
    cut = data.draw(st.integers(0, rows))
    whole, first, second = Regression(), Regression(), Regression()
    whole.update(y, p)
    first.update(y[:cut], p[:cut])
    second.update(y[cut:], p[cut:])
    first.merge(second)
    a, b = first._native.figures(), whole._native.figures()
    assert a["rows"] == b["rows"]
    assert a["zero_labels"] == b["zero_labels"]
    assert a["max_absolute"] == b["max_absolute"]
    assert a["distribution"].to_bytes() == b["distribution"].to_bytes()
    scale = max(1.0, float(np.abs(y).max(initial=0)), float(np.abs(p).max(initial=0)))
    for name in ("label_m2", "error_m2", "absolute", "co_moment"):
        assert a[name] == pytest.approx(b[name], rel=1e-9, abs=1e-9 * scale**2), name


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(0, 40),
    quantiles=st.sampled_from([(), (0.5,), (0.1, 0.9)]),
    relative=st.booleans(),
    weighted=st.booleans(),
)
def test_bytes_give_the_state_back(
    data: st.DataObject, rows: int, quantiles: Any, relative: bool, weighted: bool
) -> None:
    anything = st.floats(width=32)
    shape = (rows, len(quantiles)) if quantiles else rows
    quality = Regression(quantiles=quantiles, relative=relative)
    quality.update(
        data.draw(arrays(np.float64, rows, elements=anything)),
        data.draw(arrays(np.float64, shape, elements=anything)),
        weights=data.draw(arrays(np.float64, rows, elements=anything)) if weighted else None,
    )
    again = Regression.from_bytes(quality.to_bytes())
    assert again == quality
    assert again.to_bytes() == quality.to_bytes()
    assert pickle.loads(pickle.dumps(quality)) == quality
    assert copy.deepcopy(quality) == quality
    for one in quality.compute().values():
        assert one.value is None or np.isfinite(one.value)


def test_bytes_of_others_are_refused() -> None:
    states = _core.RegressionStates()
    states.update([1.0, 2.0], [1.0, 2.0], None, [0, 1])
    with pytest.raises(SerializationError, match="several segments"):
        Regression.from_bytes(states.to_bytes())
    data = Regression().to_bytes()
    for bad in (b"", data[:-1], data + b"\0", b"inMC" + data[4:], data[:4] + b"\2" + data[5:]):
        with pytest.raises(SerializationError):
            Regression.from_bytes(bad)


def test_copies_are_independent_and_reset_forgets() -> None:
    quality = Regression()
    quality.update([1.0], [2.0])
    copied = quality.copy()
    quality.reset()
    assert (quality.rows, copied.rows) == (0, 1)
    assert quality == Regression()
    assert "rows=1" in repr(copied)
    assert "mae" in copied._repr_html_()
    assert copied.to_arrow().column("metric").to_pylist()[0] == "bias"


def test_an_object_merges_with_itself() -> None:
    quality = Regression()
    quality.update(*batch(3000))
    before = quality.compute()
    quality.merge(quality)
    assert quality.rows == 6000
    assert float(quality.compute()["r2"]) == pytest.approx(float(before["r2"]), rel=1e-12)


def test_threads_share_one_object() -> None:
    from concurrent.futures import ThreadPoolExecutor

    quality = Regression()
    y, p = batch(20_000, dtype=np.float32)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: quality.update(y, p), range(16)))
    assert quality.rows == 16 * 20_000


@pytest.mark.parametrize("quantiles", [(), (0.1, 0.9)])
def test_weights_beyond_a_double_are_undefined_and_not_silent(quantiles: Any) -> None:
    quality = Regression(quantiles=quantiles)
    y = np.array([1.0, 2.0])
    p = np.stack([y] * len(quantiles), axis=1) if quantiles else y
    quality.update(y, p, weights=[1e200, 1e308])
    assert {one.reason for one in quality.compute().values()} == {"overflow"}
