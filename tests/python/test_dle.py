"""DLE against its definition, another library's figures, labels that come later, and bad input."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from estimated_laws import regression

import inlay
from inlay.model import DLE
from inlay.model.estimated.loss_trees import fit_trees

pytest.importorskip("sklearn")

OTHER = json.loads((Path(__file__).parents[1] / "data" / "estimated" / "nannyml.json").read_text())
# Two regressions of the same losses, boosted by different libraries, differ by what each makes of
# the noise: where the reference has an eighth of its rows by 3 %, squared errors by twice as much.
APART = {"mae": 0.04, "rmse": 0.04, "mse": 0.08}


@pytest.fixture(scope="module")
def fitted() -> DLE:
    x, prediction, label = regression(4_000, 0.0, 1)
    return DLE(trees=20, name="price", attributes={"model": "7"}).fit(x, prediction, label)


@pytest.fixture(scope="module")
def large() -> DLE:
    case = OTHER["regression"][0]
    x, prediction, label = regression(case["reference_rows"], 0.0, case["reference_seed"])
    return DLE().fit(x, prediction, label)


@pytest.mark.parametrize("case", OTHER["regression"], ids=lambda case: f"from-{case['low']}")
def test_figures_are_near_those_of_nannyml(large: DLE, case: dict[str, Any]) -> None:
    x, prediction, label = regression(case["rows"], case["low"], case["seed"])
    found = large.estimate(x, prediction)
    for name, value in case["values"].items():
        assert float(found[name]) == pytest.approx(value, rel=APART[name]), name
    errors = np.abs(prediction - label)
    assert float(found.mae) == pytest.approx(errors.mean(), rel=0.04)


def test_trees_predict_as_the_library_that_fitted_them() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(3)
    x = rng.normal(size=(3_000, 4))
    x[rng.random(x.shape) < 0.2] = np.nan
    losses = np.abs(np.nan_to_num(x[:, 0])) + np.isnan(x[:, 1]) + rng.exponential(size=3_000)
    trees = fit_trees(x, losses, trees=15, threads=1, seed=4)
    other = HistGradientBoostingRegressor(
        max_iter=15, max_leaf_nodes=15, early_stopping=False, random_state=4
    )
    fresh = rng.normal(size=(5_000, 4)) * 3
    fresh[rng.random(fresh.shape) < 0.3] = np.nan
    with threadpool_limits(limits=1):
        expected = np.maximum(other.fit(x, losses).predict(fresh), 0.0)
    np.testing.assert_allclose(trees.predict(fresh), expected, rtol=1e-9, atol=1e-12)
    assert trees.problem(4) is None
    assert trees.problem(1) is not None


def test_intervals_hold_the_realised_losses(fitted: DLE) -> None:
    # One reference, whose own error is the same in all chunks: so of small chunks.
    held = {"mae": 0, "mse": 0, "rmse": 0}
    repeats = 200
    for seed in range(repeats):
        x, prediction, label = regression(200, 0.0, 100 + seed)
        errors = prediction - label
        found = fitted.estimate(x, prediction)
        realised = {"mae": np.abs(errors).mean(), "mse": (errors**2).mean()}
        realised["rmse"] = np.sqrt(realised["mse"])
        for name, value in realised.items():
            one = found[name]
            assert one.low is not None
            assert one.high is not None
            held[name] += int(one.low <= value <= one.high)
    assert min(held.values()) >= 0.88 * repeats, held
    assert held["mse"] == held["rmse"]
    assert held["mae"] <= 0.995 * repeats, held


def test_errors_that_grow_are_seen_and_intervals_with_them(fitted: DLE) -> None:
    near, far = (fitted.estimate(*regression(2_000, low, 9)[:2]) for low in (0.0, 0.6))
    assert float(far.mae) > 1.4 * float(near.mae)
    widths = [one.mae.high - one.mae.low for one in (near, far)]  # type: ignore[operator]
    assert widths[1] > widths[0]
    assert "no concept drift" in near.assumption


def test_checks_are_of_held_out_rows(fitted: DLE) -> None:
    checks = fitted.checks
    assert (checks.rows, checks.held_out_rows) == (4_000, 800)
    assert checks.absolute.r2 is not None
    assert 0.15 < checks.absolute.r2 < 0.5
    assert checks.absolute.estimated == pytest.approx(checks.absolute.observed, rel=0.1)
    rng = np.random.default_rng(2)
    noise = DLE(trees=5).fit(rng.normal(size=(500, 2)), np.zeros(500), rng.normal(size=500))
    assert noise.checks.absolute.r2 is not None
    assert noise.checks.absolute.r2 < 0.1  # features say nothing of the error
    right = DLE(trees=2).fit(rng.normal(size=(200, 1)), np.ones(200), np.ones(200))
    assert right.checks.absolute.r2 is None
    found = right.estimate(rng.normal(size=(10, 1)), np.ones(10))
    assert (found.mae.value, found.mae.low, found.mae.high) == (0.0, 0.0, 0.0)


def test_rows_that_cannot_count_are_named(fitted: DLE) -> None:
    x, prediction, _ = regression(100, 0.0, 3)
    x[0, 0], x[1, 1], prediction[2], prediction[3] = np.inf, np.nan, np.nan, -np.inf
    found = fitted.estimate(x, prediction)
    assert found.left_out == {"bad_prediction": 2, "infinite_feature": 1}
    assert found.mae.n == 97  # a NaN feature is a value of its own
    x, prediction, label = regression(300, 0.0, 3)
    label[:3] = np.nan, np.inf, -np.inf
    assert DLE(trees=2).fit(x, prediction, label).checks.left_out == {"bad_label": 3}


def test_rows_outside_the_reference_are_counted(fitted: DLE) -> None:
    x, prediction, _ = regression(10, 0.2, 3)
    x[:] = np.clip(x, 0.1, 0.9)
    prediction = 2 * x[:, 0]
    x[0, 2], prediction[1], x[2, 0] = 1.5, 9.0, -1.0
    assert fitted.estimate(x, prediction).outside_reference.value == 0.3


def test_chunks_merge(fitted: DLE) -> None:
    x, prediction, _ = regression(1_000, 0.0, 3)
    one, other = fitted.copy(), fitted.copy()
    one.update(x[:300], prediction[:300])
    other.update(x[300:], prediction[300:])
    one.merge(other)
    assert one.rows == 1_000
    for name, estimate in fitted.estimate(x, prediction).items():
        assert float(one.compute()[name]) == pytest.approx(float(estimate), rel=1e-12)
    one.reset()
    assert {each.reason for each in one.compute().values()} == {"no_rows"}
    x, prediction, label = regression(300, 0.0, 8)
    stranger = DLE(trees=2).fit(x, prediction, label)
    with pytest.raises(inlay.InvalidArgumentError, match="two references"):
        one.merge(stranger)


def test_features_of_tables_are_matched_by_name() -> None:
    x, prediction, label = regression(300, 0.0, 3)
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]})
    dle = DLE(trees=3).fit(table, prediction, label)
    expected = dle.estimate(table, prediction)
    assert dle.estimate(table.select(["c", "a", "b"]), prediction) == expected
    assert dle.estimate(table.to_pandas(), pa.array(prediction)) == expected
    assert DLE.from_bytes(dle.to_bytes()).estimate(table, prediction) == expected
    with pytest.raises(inlay.InvalidArgumentError, match="'c'"):
        dle.estimate(table.select(["a", "b"]), prediction)
    gaps = table.set_column(1, "b", pa.array([None] * 300, pa.float64()))
    assert dle.estimate(gaps, prediction).mae.n == 300
    with pytest.raises(TypeError):
        dle.estimate(table.set_column(1, "b", pa.array(["x"] * 300)), prediction)


def test_input_that_does_not_go_together(fitted: DLE) -> None:
    x, prediction, label = regression(300, 0.0, 3)
    with pytest.raises(inlay.InvalidArgumentError, match="must be fitted"):
        DLE().estimate(x, prediction)
    with pytest.raises(inlay.InvalidArgumentError, match="reference's 3 columns: 2"):
        fitted.estimate(x[:, :2], prediction)
    with pytest.raises(inlay.InvalidArgumentError, match="299 and 300"):
        fitted.estimate(x, prediction[1:])
    with pytest.raises(inlay.InvalidArgumentError, match="299 and 300"):
        DLE().fit(x, prediction, label[1:])
    with pytest.raises(inlay.InvalidArgumentError, match="100 rows with labels: 99"):
        DLE().fit(x[:99], prediction[:99], label[:99])
    with pytest.raises(inlay.InvalidArgumentError, match="too large to square"):
        DLE().fit(x, prediction, label * 1e200)
    with pytest.raises(inlay.InvalidArgumentError, match="trees must be at least 1"):
        DLE(trees=0)


def test_without_scikit_learn_the_extra_is_named(
    fitted: DLE, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    x, prediction, label = regression(300, 0.0, 3)
    with pytest.raises(ImportError, match=r"install inlay\[sklearn\]"):
        DLE().fit(x, prediction, label)
    again = DLE.from_bytes(fitted.to_bytes())  # what was fitted elsewhere works
    assert again.estimate(x, prediction) == fitted.estimate(x, prediction)


def test_bytes_bring_all_back(fitted: DLE, tmp_path: Path) -> None:
    x, prediction, _ = regression(50, 0.0, 3)
    dle = fitted.copy()
    prediction[0] = np.nan
    dle.update(x, prediction)
    dle.save(tmp_path / "fit.inlay")
    again = DLE.load(tmp_path / "fit.inlay")
    assert again == dle
    assert again.to_bytes() == dle.to_bytes()
    assert (again.checks, again.reference_id) == (dle.checks, dle.reference_id)
    assert again.compute() == dle.compute()
    assert pickle.loads(pickle.dumps(dle)) == dle
    assert again != fitted
    assert DLE.from_bytes(DLE().to_bytes()) == DLE()


def test_bytes_that_nobody_wrote_are_refused(fitted: DLE) -> None:
    x, prediction, _ = regression(50, 0.0, 3)
    dle = fitted.copy()
    dle.update(x, prediction)
    data = dle.to_bytes()
    for bad in (b"", b"inCB" + data[4:], data[:40], data[:-1], data + b"\0"):
        with pytest.raises(inlay.SerializationError):
            DLE.from_bytes(bad)
    rng = np.random.default_rng(1)
    for at in rng.integers(5, len(data) - 4, 200):  # damage that comes with a CRC of its own
        body = bytearray(data[:-4])
        body[int(at)] = int(rng.integers(256))
        try:
            made = DLE.from_bytes(bytes(body) + struct.pack("<I", zlib.crc32(bytes(body))))
        except inlay.SerializationError:
            continue
        made.estimate(x, prediction)  # what is taken works, and ends


def test_trees_that_lead_nowhere_are_refused(fitted: DLE) -> None:
    from dataclasses import replace

    trees = fitted._of_reference().trees[0]
    inner = int(np.flatnonzero(trees.left != np.arange(len(trees.left)))[3])

    def with_one(array: Any, value: Any) -> Any:
        changed = array.copy()
        changed[inner] = value
        return changed

    for change in (
        {"left": with_one(trees.left, 0)},  # upwards: it would never end
        {"right": with_one(trees.right, len(trees.right))},
        {"right": with_one(trees.right, int(trees.roots[-1]))},  # into another tree
        {"feature": with_one(trees.feature, 4)},
        {"feature": with_one(trees.feature, -1)},
        {"threshold": with_one(trees.threshold, np.nan)},
        {"value": with_one(trees.value, np.inf)},
        {"missing_left": with_one(trees.missing_left, 2)},
        {"roots": trees.roots[1:]},
        {"value": trees.value[1:]},
        {"base": float("nan")},
    ):
        assert replace(trees, **change).problem(4) is not None, change
    assert trees.problem(4) is None


def test_a_probe_gives_estimates_of_each_window(fitted: DLE) -> None:
    x, prediction, _ = regression(50, 0.0, 3)
    dle = fitted.copy()
    obs = inlay.Observer(resource={"service.name": "prices"})
    obs.probe(dle)
    dle.update(x, prediction)
    expected = dle.compute()
    rows = [row for row in obs.collect().points.to_pylist() if row["layer"] == "model"]
    by = {row["metric"]: row for row in rows}
    row = by["price.estimated.mae"]
    one = expected.mae
    assert (row["value"], row["min"], row["max"], row["count"]) == (
        one.value,
        one.low,
        one.high,
        50,
    )
    assert json.loads(row["attrs"]) == {"assumes": "no_concept_drift", "model": "7"}
    assert set(by) == {f"price.estimated.{name}" for name in expected}
    obs.stop()


def test_representations(fitted: DLE) -> None:
    assert repr(DLE()) == "<inlay.model.DLE without a reference>"
    assert "4000 reference rows, R² 0." in repr(fitted)


def test_bytes_of_the_first_version_are_read() -> None:
    data = (Path(__file__).parents[1] / "data" / "dle_v1.bin").read_bytes()
    dle = DLE.from_bytes(data)
    assert dle.to_bytes() == data
    found = dle.estimate([[0.1, 0.9, 0.9], [np.nan, 0.1, 0.1]], [0.2, 0.4])
    assert float(found.mae) == pytest.approx(0.38498120075682435, rel=1e-12)
