"""CBPE against its definition, another library's figures, labels that come later, and bad input."""

from __future__ import annotations

import copy
import json
import pickle
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from estimated_laws import binary, multiclass
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.model import CBPE, Estimate
from inlay.model.estimated.isotonic import isotonic, sorted_outcomes

OTHER = json.loads((Path(__file__).parents[1] / "data" / "estimated" / "nannyml.json").read_text())
NAMES = {"roc_auc": "macro_auroc", "accuracy": "accuracy"}


# ---- the calibration -----------------------------------------------------------------------------
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=80))
def test_isotonic_is_the_least_squares_fit(rows: list[tuple[int, bool]]) -> None:
    from sklearn.isotonic import IsotonicRegression

    x = np.array([each for each, _ in rows]) / 12
    y = np.array([each for _, each in rows], dtype=np.int64)
    fitted = isotonic(*sorted_outcomes(x, y))
    grid = np.linspace(-0.1, 1.1, 97)
    other = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    np.testing.assert_allclose(fitted(grid), other.predict(grid), atol=1e-12)
    assert fitted.rows.sum() == len(rows)
    assert fitted.positives.sum() == y.sum()
    assert (np.diff(fitted.positives / fitted.rows) > 0).all()


def test_isotonic_of_an_order_made_against_it() -> None:
    from sklearn.isotonic import IsotonicRegression

    # Shares that rise from score to score, and then a mass of zeros that pools them from the end,
    # one in each pass.
    steps = 200
    rising = [np.arange(steps) < k for k in range(1, steps)]
    outcomes = np.concatenate([*rising, np.zeros(steps * steps)]).astype(np.int64)
    scores = np.append(np.repeat(np.arange(1, steps), steps), np.full(steps * steps, steps))
    fitted = isotonic(scores / steps, outcomes)
    other = IsotonicRegression().fit(scores, outcomes)
    grid = np.arange(1, steps + 1)
    np.testing.assert_allclose(fitted(grid / steps), other.predict(grid), atol=1e-12)
    assert fitted.rows[-1] > steps * steps


# ---- figures -------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", OTHER["binary"], ids=lambda case: f"{case['law']}-{case['rows']}")
def test_binary_figures_are_those_of_nannyml(case: dict[str, Any]) -> None:
    scores, labels = binary(case["law"], case["reference_rows"], case["reference_seed"])
    chunk, _ = binary(case["law"], case["rows"], case["seed"])
    cbpe = CBPE(thresholds=[case["threshold"]], values=[[0, -1], [-5, 3]]).fit(labels, scores)
    found = cbpe.estimate(chunk)
    for name, value in case["values"].items():
        is_total = name.startswith(("true_", "false_")) or name == "value"
        tolerance = 1e-4 * (case["rows"] if is_total else 1)
        assert float(found[name]) == pytest.approx(value, abs=tolerance), name


@pytest.mark.parametrize("case", OTHER["multiclass"], ids=lambda case: str(case["rows"]))
def test_multiclass_figures_are_those_of_nannyml(case: dict[str, Any]) -> None:
    scores, labels = multiclass(case["reference_rows"], case["reference_seed"])
    chunk, _ = multiclass(case["rows"], case["seed"])
    cbpe = CBPE(task="multiclass", classes=3).fit(labels, scores)
    found = cbpe.estimate(chunk)
    counted = cbpe._of_reference().count(chunk, "probability")
    for name, value in case["values"].items():
        if name.startswith("true_"):
            at = "abc".index(name[5]), "abc".index(name[-1])
            assert counted.confusion[at] == pytest.approx(value, abs=1e-4 * case["rows"])
            continue
        ours = NAMES.get(name, f"macro_{name}")
        assert float(found[ours]) == pytest.approx(value, abs=2e-4), name


def test_figures_follow_from_the_calibrated_rows() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, labels = binary("rare", 4_000, 1)
    chunk, _ = binary("rare", 1_500, 2)
    cbpe = CBPE(thresholds=(0.1, 0.4), values=[[1, -2], [-3, 4]]).fit(labels, scores)
    p = isotonic(*sorted_outcomes(scores, labels))(chunk)
    found = cbpe.estimate(chunk)
    for threshold in (0.1, 0.4):
        positive = chunk >= threshold
        tp, fp = p[positive].sum(), (1 - p[positive]).sum()
        fn, tn = p[~positive].sum(), (1 - p[~positive]).sum()
        for name, value in {
            "accuracy": (tp + tn) / 1_500,
            "precision": tp / (tp + fp),
            "recall": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "npv": tn / (tn + fn),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "true_positives": tp,
            "true_negatives": tn,
            "value": tn - 2 * fp - 3 * fn + 4 * tp,
        }.items():
            assert float(found[f"{name}@{threshold}"]) == pytest.approx(value, rel=1e-9), name
    assert float(found.prevalence) == pytest.approx(p.mean(), rel=1e-9)
    twice = np.concatenate([chunk, chunk])
    weights, truth = np.concatenate([p, 1 - p]), np.repeat([1, 0], 1_500)
    auroc = roc_auc_score(truth, twice, sample_weight=weights)
    assert float(found.auroc) == pytest.approx(auroc, abs=1e-5)
    precision = average_precision_score(truth, twice, sample_weight=weights)
    assert float(found.average_precision) == pytest.approx(precision, abs=2e-3)


def test_a_score_at_the_threshold_is_positive() -> None:
    scores, labels = binary("coarse", 2_000, 3)
    found = CBPE(thresholds=(0.25,)).fit(labels, scores).estimate([0.25] * 5 + [0.24999] * 7)
    assert found.precision.n == 5
    assert found.npv.n == 7


def test_chunks_come_out_alike_however_they_are_cut() -> None:
    scores, labels = binary("over-confident", 3_000, 1)
    chunk, _ = binary("over-confident", 2_000, 2)
    cbpe = CBPE().fit(labels, scores)
    parts = [cbpe.copy() for _ in range(3)]
    for part, rows in zip(parts, np.split(chunk, [3, 700]), strict=True):
        part.update(rows.astype(np.float64))
    for part in parts:
        cbpe.merge(part)
    assert cbpe.rows == 2_000
    for name, one in cbpe.compute().items():
        assert float(one) == pytest.approx(float(cbpe.estimate(chunk)[name]), rel=1e-9)
    cbpe.reset()
    assert cbpe.rows == 0
    assert cbpe.compute().auroc.reason == "no_rows"


def test_many_threads_count_every_row() -> None:
    scores, labels = binary("over-confident", 2_000, 1)
    cbpe = CBPE().fit(labels, scores)
    chunk, _ = binary("over-confident", 400, 2)
    threads = [
        threading.Thread(target=lambda: [cbpe.update(chunk) for _ in range(10)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cbpe.rows == 16_000


# ---- intervals: where the figure of labels that come later lies ----------------------------------
REPEATS = 200
# Of 95 %: fewer of 200 by chance once in 10,000 figures.
LEAST = 0.88


def _holds(one: Estimate, value: float) -> bool:
    assert one.low is not None
    assert one.high is not None
    return one.low <= value <= one.high


def test_intervals_hold_the_realised_figures() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    held: dict[str, int] = {}
    rng = np.random.default_rng(11)
    for _ in range(REPEATS):
        p = rng.beta(2, 3, 4_000)
        cbpe = CBPE().fit(rng.random(4_000) < p, p)
        q = rng.beta(3, 3, 400)  # scores have moved, what they mean has not
        label, positive = rng.random(400) < q, q >= 0.5
        tp, tn = (positive & label).sum(), (~positive & ~label).sum()
        realised = {
            "accuracy": (tp + tn) / 400,
            "precision": tp / positive.sum(),
            "recall": tp / label.sum(),
            "specificity": tn / (~label).sum(),
            "f1": 2 * tp / (positive.sum() + label.sum()),
            "true_positives": tp,
            "prevalence": label.mean(),
            "auroc": roc_auc_score(label, q),
            "average_precision": average_precision_score(label, q),
        }
        found = cbpe.estimate(q)
        for name, value in realised.items():
            one = found[name]
            held[name] = held.get(name, 0) + int(_holds(one, value))
    rates = {name: count / REPEATS for name, count in held.items()}
    assert min(rates.values()) > LEAST, rates
    # Not by being wide: labels of the chunk alone would be held as often by a narrower one.
    assert max(rates[name] for name in ("accuracy", "recall", "f1", "true_positives")) < 0.995


def test_intervals_of_several_classes_hold_the_realised_figures() -> None:
    from sklearn.metrics import f1_score, precision_score, recall_score

    held: dict[str, int] = {}
    for seed in range(80):
        scores, labels = multiclass(4_000, 2 * seed, sharper=1.0)
        found = CBPE(task="multiclass", classes=3).fit(labels, scores)
        chunk, truth = multiclass(400, 2 * seed + 1, sharper=1.0)
        predicted = chunk.argmax(axis=1)
        realised = {
            "accuracy": (predicted == truth).mean(),
            "macro_precision": precision_score(truth, predicted, average="macro"),
            "macro_recall": recall_score(truth, predicted, average="macro"),
            "macro_f1": f1_score(truth, predicted, average="macro"),
            "recall[1]": recall_score(truth, predicted, labels=[1], average="macro"),
        }
        estimates = found.estimate(chunk)
        for name, value in realised.items():
            one = estimates[name]
            held[name] = held.get(name, 0) + int(_holds(one, value))
    assert min(held.values()) >= 67, held  # of 80; fewer by chance once in 10,000


def test_concept_drift_is_not_seen_and_that_is_said() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(2, 3, 10_000)
    cbpe = CBPE().fit(rng.random(10_000) < p, p)
    found = cbpe.estimate(p)  # labels are now drawn otherwise; nothing here can tell
    assert "no concept drift" in found.assumption
    assert "no concept drift" in repr(found)
    assert found.to_arrow()["assumption"].unique().to_pylist() == [cbpe.assumption]


# ---- what can be checked -------------------------------------------------------------------------
def test_checks_tell_a_calibrated_score_from_another() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(2, 3, 20_000)
    labels = rng.random(20_000) < p
    good, bad = CBPE().fit(labels, p).checks, CBPE().fit(labels, p**3).checks
    assert good.uncalibrated_error < 2 * good.error_by_chance
    assert bad.uncalibrated_error > 10 * bad.error_by_chance
    assert bad.calibration_error < 2.5 * bad.error_by_chance
    assert good.rows == bad.rows == 20_000


def test_scores_outside_the_reference_are_counted() -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0.2, 0.8, 2_000)
    cbpe = CBPE().fit(rng.random(2_000) < p, p)
    low, high = p.min(), p.max()
    chunk = [0.0, 0.1, np.nextafter(low, 0), low, 0.5, high, np.nextafter(high, 1), 1.0]
    outside = cbpe.estimate(chunk).outside_reference
    assert outside.value == 5 / 8
    assert outside.n == 8
    scores, labels = multiclass(2_000, 1)
    inner = scores[:, 0] < scores[:, 0].max()
    found = CBPE(task="multiclass", classes=3).fit(labels[inner], scores[inner]).estimate(scores)
    assert 0 < float(found.outside_reference) < 0.01


def test_figures_without_rows_of_their_kind_are_undefined() -> None:
    scores, labels = binary("coarse", 2_000, 3)
    cbpe = CBPE(thresholds=(0.5,)).fit(labels, scores)
    nothing = cbpe.estimate([])
    assert {one.reason for one in nothing.values() if one.value is None} == {"no_rows"}
    assert cbpe.estimate([0.4, 0.3]).precision.reason == "no_predicted_positives"
    assert cbpe.estimate([0.6, 0.7]).npv.reason == "no_predicted_negatives"
    sure = CBPE().fit([0] * 500 + [1] * 500, [0.1] * 500 + [0.9] * 500)
    low = sure.estimate([0.1] * 50)
    assert low.recall.reason == "no_positives"
    assert low.auroc.reason == "one_class"
    assert low.accuracy.value == 1.0
    assert not _holds(low.accuracy, 0.9)
    assert _holds(low.accuracy, 0.999)  # no certainty from 500 rows
    few = cbpe.estimate([0.0])  # an eighth of a positive is expected
    assert few.recall.reason == "insufficient"


# ---- input ---------------------------------------------------------------------------------------
def test_logits_are_probabilities_by_a_sigmoid() -> None:
    scores, labels = binary("over-confident", 3_000, 1)
    logits = np.log(scores / (1 - scores))
    found = CBPE(kind="logit").fit(labels, logits).estimate([*logits[:100], -800.0, 800.0, np.inf])
    assert found.left_out == {"out_of_range": 1}
    expected = CBPE().fit(labels, scores).estimate([*scores[:100], 0.0, 1.0])
    assert float(found.accuracy) == pytest.approx(float(expected.accuracy), abs=1e-6)
    q, y = multiclass(2_000, 1)
    by_logits = CBPE(task="multiclass", classes=3, kind="logit").fit(y, np.log(q) + 500.0)
    by_shares = CBPE(task="multiclass", classes=3).fit(y, q)
    assert float(by_logits.estimate(np.log(q)).accuracy) == pytest.approx(
        float(by_shares.estimate(q).accuracy), abs=1e-3
    )


def test_rows_that_cannot_count_are_named() -> None:
    scores, labels = binary("over-confident", 1_000, 1)
    dirty = np.concatenate([scores, [np.nan, 1.5, -0.1, np.inf, 0.5, 0.5]])
    cbpe = CBPE().fit(np.concatenate([labels, [0, 0, 0, 1, 2, np.nan]]), dirty)
    assert cbpe.checks.left_out == {"nan_score": 1, "out_of_range": 3, "bad_label": 2}
    assert cbpe.checks.rows == 1_000
    assert cbpe.reference_id == CBPE().fit(labels, scores).reference_id
    cbpe.update(dirty)
    cbpe.update([float("nan")])
    assert cbpe.compute().left_out == {"nan_score": 2, "out_of_range": 3}
    assert "nan_score 2" in repr(cbpe.compute())
    q, y = multiclass(1_000, 1)
    q[0, 1], q[1, 2] = np.nan, 1.5
    several = CBPE(task="multiclass", classes=3).fit(np.where(np.arange(1_000) == 2, 3, y), q)
    assert several.checks.left_out == {"nan_score": 1, "out_of_range": 1, "bad_label": 1}


@pytest.mark.parametrize(
    "kind", ["float32", "list", "arrow", "chunked", "pandas", "polars", "view"]
)
def test_scores_of_any_container(kind: str) -> None:
    scores, labels = binary("coarse", 500, 3)
    cbpe = CBPE().fit(labels.astype(bool).tolist(), scores)
    expected = cbpe.estimate(scores.astype(np.float32))
    given: Any = scores.astype(np.float32)
    if kind == "list":
        given = given.tolist()
    elif kind == "arrow":
        given = pa.array(given)
    elif kind == "chunked":
        given = pa.chunked_array([given[:100], given[100:]])
    elif kind == "pandas":
        given = pytest.importorskip("pandas").Series(given)
    elif kind == "polars":
        given = pytest.importorskip("polars").Series(given)
    elif kind == "view":
        given = np.repeat(given, 2)[::2]
        given.flags.writeable = False
    assert cbpe.estimate(given) == expected


def test_classes_by_name() -> None:
    q, y = multiclass(1_000, 1)
    names = np.array(["cat", "dog", "eel"])
    cbpe = CBPE(task="multiclass", classes=["cat", "dog", "eel"])
    by_name = cbpe.fit(names[y], q).estimate(q)
    for labels in (names[y].tolist(), pa.array(names[y]), y, y.astype(float)):
        assert cbpe.fit(labels, q).estimate(q) == by_name
    table = pa.table({"eel": q[:, 2], "cat": q[:, 0], "dog": q[:, 1]})
    assert cbpe.estimate(table) == by_name
    assert "recall[dog]" in by_name
    cbpe.fit([*names[y], "cow", None], np.concatenate([q, q[:2]]))
    assert cbpe.checks.left_out == {"bad_label": 2}


def test_values_of_several_classes() -> None:
    q, y = multiclass(2_000, 1)
    worth = [[1.0, -1.0, 0.0], [0.0, 2.0, -3.0], [0.5, 0.0, 1.0]]
    cbpe = CBPE(task="multiclass", classes=3, values=worth).fit(y, q)
    chunk = cbpe._of_reference().count(q, "probability")
    found = cbpe.estimate(q).value
    assert found.value == pytest.approx(float((chunk.confusion * np.array(worth)).sum()))
    assert _holds(found, float(found) - 10.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "ranking"}, "task must be one of"),
        ({"kind": "label"}, "kind must be one of"),
        ({"thresholds": []}, "thresholds must be"),
        ({"thresholds": [1.5]}, "thresholds must be"),
        ({"thresholds": [float("nan")]}, "thresholds must be"),
        ({"classes": 3}, "classes are those of"),
        ({"task": "multiclass"}, "classes of a multiclass task"),
        ({"task": "multiclass", "classes": "abc"}, "classes of a multiclass task"),
        ({"task": "multiclass", "classes": 1}, "classes must be at least 2"),
        ({"task": "multiclass", "classes": 257}, "classes must be 2 to 256"),
        ({"task": "multiclass", "classes": ["a", "a"]}, "each once"),
        ({"values": [[1, 2, 3]]}, "values must have the shape"),
        ({"values": [[1, float("inf")], [0, 0]]}, "values must be finite"),
        ({"confidence": 1.0}, "confidence must lie"),
        ({"name": ""}, "name must not be empty"),
        ({"attributes": {"threshold": "x"}}, "is set for each series"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(inlay.InvalidArgumentError, match=message):
        CBPE(**settings)


def test_input_that_does_not_go_together() -> None:
    scores, labels = binary("coarse", 500, 3)
    cbpe = CBPE()
    for use in (lambda: cbpe.estimate(scores), cbpe.compute, lambda: cbpe.checks):
        with pytest.raises(inlay.InvalidArgumentError, match="must be fitted"):
            use()
    with pytest.raises(inlay.InvalidArgumentError, match="500 and 499"):
        cbpe.fit(labels, scores[1:])
    with pytest.raises(inlay.InvalidArgumentError, match="10 rows of each class: 500 of 1"):
        cbpe.fit(np.ones(500), scores)
    with pytest.raises(inlay.InvalidArgumentError, match="positive class"):
        cbpe.fit(labels, np.stack([1 - scores, scores], axis=1))
    with pytest.raises(TypeError, match="real numbers"):
        cbpe.fit(labels, np.array(["a"] * 500))
    with pytest.raises(TypeError, match="real numbers"):
        cbpe.fit(labels, scores * 1j)
    q, y = multiclass(500, 1)
    several = CBPE(task="multiclass", classes=3)
    with pytest.raises(inlay.InvalidArgumentError, match="each of 3 classes"):
        several.fit(y, q[:, :2])
    with pytest.raises(inlay.InvalidArgumentError, match="of each class, '1': 0"):
        several.fit(np.where(y == 1, 0, y), q)


def test_chunks_of_other_references_do_not_merge() -> None:
    scores, labels = binary("coarse", 500, 3)
    one, other = CBPE().fit(labels, scores), CBPE().fit(1 - labels, 1 - scores)
    with pytest.raises(inlay.InvalidArgumentError, match="two references"):
        one.merge(other)
    with pytest.raises(TypeError, match="expected a CBPE"):
        one.merge(3)  # type: ignore[arg-type]
    cells = CBPE(thresholds=(0.1,)).fit(labels, scores)
    with pytest.raises(inlay.InvalidArgumentError, match="two references"):
        one.merge(cells)


# ---- bytes ---------------------------------------------------------------------------------------
def _fitted(*, several: bool) -> CBPE:
    if several:
        q, y = multiclass(600, 1)
        made = CBPE(task="multiclass", classes=["a", "b", "c"], attributes={"m": "1"}).fit(y, q)
        made.update(q[:50])
        return made
    scores, labels = binary("coarse", 600, 3)
    made = CBPE(thresholds=(0.2, 0.7), values=[[0, 1], [2, 3]], confidence=0.9).fit(labels, scores)
    made.update([0.1, 0.2, float("nan")])
    return made


@pytest.mark.parametrize("several", [False, True])
def test_bytes_bring_all_back(several: bool, tmp_path: Path) -> None:
    cbpe = _fitted(several=several)
    cbpe.save(tmp_path / "fit.inlay")
    again = CBPE.load(tmp_path / "fit.inlay")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.inlay"]
    assert again == cbpe
    assert again.to_bytes() == cbpe.to_bytes()
    assert again.reference_id == cbpe.reference_id
    assert again.checks == cbpe.checks
    assert again.compute() == cbpe.compute()
    assert again.compute().left_out == cbpe.compute().left_out
    for one in (pickle.loads(pickle.dumps(cbpe)), copy.deepcopy(cbpe), cbpe.copy()):
        assert one == cbpe
    again.merge(cbpe)
    assert again.rows == 2 * cbpe.rows
    assert again != cbpe
    assert CBPE.from_bytes(CBPE().to_bytes()) == CBPE()


@pytest.mark.parametrize("several", [False, True])
def test_bytes_that_nobody_wrote_are_refused(several: bool) -> None:
    data = _fitted(several=several).to_bytes()
    for bad in (
        b"",
        b"inDL" + data[4:],
        data[:40],
        data[:-1],
        data + b"\0",
        data[:4] + b"\2" + data[5:],
    ):
        with pytest.raises(inlay.SerializationError):
            CBPE.from_bytes(bad)
    rng = np.random.default_rng(1)
    for _ in range(150):  # damage that the CRC does not see, since it is made anew
        body = bytearray(data[:-4])
        body[int(rng.integers(5, min(len(body), 3_000)))] = int(rng.integers(256))
        bad = bytes(body) + struct.pack("<I", zlib.crc32(bytes(body)))
        try:
            made = CBPE.from_bytes(bad)
        except inlay.SerializationError:
            continue
        made.compute()  # what is taken works


def test_bytes_with_lengths_of_their_own_take_no_memory() -> None:
    head = json.dumps({"settings": {}, "checks": None, "arrays": [["<f8", 1 << 40]]}).encode()
    body = b"inCB\x01" + struct.pack("<I", len(head)) + head
    with pytest.raises(inlay.SerializationError, match="cut short"):
        CBPE.from_bytes(body + struct.pack("<I", zlib.crc32(body)))


# ---- rows of points ------------------------------------------------------------------------------
def test_a_probe_gives_estimates_of_each_window() -> None:
    scores, labels = binary("coarse", 600, 3)
    cbpe = CBPE(thresholds=(0.2, 0.7), name="click", attributes={"model": "7"}).fit(labels, scores)
    obs = inlay.Observer(resource={"service.name": "ranker"})
    obs.probe(cbpe)
    assert [row for row in obs.collect().points.to_pylist() if row["layer"] == "model"] == []
    cbpe.update([0.1, 0.3, 0.4, float("nan")])
    expected = cbpe.compute()
    rows = [row for row in obs.collect().points.to_pylist() if row["layer"] == "model"]
    assert cbpe.rows == 0
    by = {(row["metric"], json.loads(row["attrs"]).get("threshold")): row for row in rows}
    row = by["click.estimated.accuracy", "0.2"]
    one = expected["accuracy@0.2"]
    assert (row["kind"], row["form"], row["status"]) == ("estimate", "derived", "ok")
    assert (row["value"], row["min"], row["max"], row["count"]) == (one.value, one.low, one.high, 3)
    assert json.loads(row["attrs"]) == {
        "assumes": "no_concept_drift",
        "model": "7",
        "threshold": "0.2",
    }
    assert row["reference_id"] == cbpe.reference_id
    undefined = by["click.estimated.precision", "0.7"]
    assert (undefined["value"], undefined["status"]) == (None, "undefined")
    assert undefined["categories"] == ["no_predicted_positives"]
    observed = by["click.estimated.outside_reference", None]
    assert json.loads(observed["attrs"]) == {"model": "7"}
    rejected = by["click.estimated.rejected", None]
    assert (rejected["kind"], rejected["form"], rejected["value"]) == ("counter", "delta", 1.0)
    assert len({(row["series_id"], row["kind"]) for row in rows}) == len(rows)
    obs.stop()


def test_representations() -> None:
    cbpe = _fitted(several=False)
    assert repr(CBPE()) == "<inlay.model.CBPE, binary, without a reference>"
    assert "600 reference rows" in repr(cbpe)
    assert "2 rows in the open chunk" in repr(cbpe)
    assert "<table>" in cbpe.compute()._repr_html_()
    assert cbpe.to_arrow().num_rows == len(cbpe.compute())
    found = cbpe.compute()
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.assumption == found.assumption
    assert again.left_out == found.left_out


def test_bytes_of_the_first_version_are_read() -> None:
    data = (Path(__file__).parents[1] / "data" / "cbpe_v1.bin").read_bytes()
    cbpe = CBPE.from_bytes(data)
    assert cbpe.to_bytes() == data
    assert (cbpe.rows, cbpe.checks.rows, cbpe.thresholds) == (2, 600, (0.2, 0.7))
    assert float(cbpe.compute()["accuracy@0.2"]) == pytest.approx(0.6447696139476962, rel=1e-12)
