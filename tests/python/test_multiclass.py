"""A classifier of many classes, against numpy and scikit-learn."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inlay import _core
from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model import Multiclass

COUNTED = ("bad_label", "nan_score", "out_of_range", "bad_weight")


def softmax(logits: Any) -> Any:
    terms = np.exp(logits - logits.max(axis=1, keepdims=True))
    return terms / terms.sum(axis=1, keepdims=True)


def batch(rows: int = 3000, classes: int = 10, seed: int = 1) -> tuple[Any, Any]:
    """Return labels and logits that know something of them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), y] += 1.5
    return y, logits


def values(quality: Multiclass) -> dict[str, float | None]:
    return {name: one.value for name, one in quality.compute().items()}


# ---- against others ----------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 10, 40, 600])
def test_labels_come_to_what_scikit_learn_finds(classes: int, weighted: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, logits = batch(20_000, classes)
    p = logits.argmax(axis=1)
    w = np.random.default_rng(2).exponential(size=len(y)) if weighted else None
    quality = Multiclass(classes=classes, kind="label")
    quality.update(y, p, weights=w)
    found = values(quality)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, p, sample_weight=w))
    for average in ("micro", "macro", "weighted"):
        right = metrics.precision_recall_fscore_support(
            y, p, average=average, sample_weight=w, zero_division=0.0
        )
        for name, value in zip(("precision", "recall", "f1"), right, strict=False):
            assert found[f"{average}_{name}"] == pytest.approx(value), (average, name)
    assert found["kappa"] == pytest.approx(metrics.cohen_kappa_score(y, p, sample_weight=w))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(y, p, sample_weight=w))
    each = metrics.precision_recall_fscore_support(y, p, sample_weight=w)
    for column, name in enumerate(("precision", "recall", "f1")):
        for c in range(classes):
            assert found[f"{name}[{c}]"] == pytest.approx(each[column][c])


@pytest.mark.parametrize("kind", ["probability", "logit"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # Probabilities of float16 are rounded to 1e-3 of their size before anything is computed.
    [(np.float64, 1e-12), (np.float32, 1e-6), (np.float16, 2e-3)],
)
def test_scores_come_to_what_scikit_learn_finds(kind: str, dtype: Any, tolerance: float) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, logits = batch()
    p = softmax(logits)
    scores = (p if kind == "probability" else logits).astype(dtype)
    exact = scores.astype(np.float64) if kind == "probability" else softmax(scores.astype(float))
    quality = Multiclass(classes=10, kind=kind, top_k=(1, 2, 5))
    for part in np.array_split(np.arange(len(y)), 3):
        quality.update(y[part], scores[part])
    found = values(quality)
    chosen = exact[np.arange(len(y)), y]
    assert found["log_loss"] == pytest.approx(-np.log(chosen).mean(), rel=tolerance)
    one_hot = np.eye(10)[y]
    assert found["brier"] == pytest.approx(((exact - one_hot) ** 2).sum(axis=1).mean(), rel=1e-6)
    best = scores.argmax(axis=1)
    assert found["accuracy"] == metrics.accuracy_score(y, best)
    if dtype is not np.float16:  # has ties
        for k in (2, 5):
            right = metrics.top_k_accuracy_score(y, scores, k=k)
            assert found[f"accuracy@{k}"] == pytest.approx(right)
    top = exact.max(axis=1)
    bins = np.minimum((top * 15).astype(int), 14)
    gaps = [(top[bins == b] - (best == y)[bins == b]).sum() / len(y) for b in range(15)]
    assert found["ece"] == pytest.approx(np.abs(gaps).sum(), rel=tolerance)
    assert found["mean_confidence"] == pytest.approx(top.mean(), rel=tolerance)


@pytest.mark.parametrize("kind", ["probability", "logit"])
def test_weighted_scores_come_to_weighted_means(kind: str) -> None:
    y, logits = batch()
    p = softmax(logits)
    w = np.random.default_rng(4).exponential(size=len(y))
    quality = Multiclass(classes=10, kind=kind)
    quality.update(y, p if kind == "probability" else logits, weights=w)
    found = values(quality)
    chosen = p[np.arange(len(y)), y]
    rank = (p > chosen[:, None]).sum(axis=1)
    assert found["log_loss"] == pytest.approx(np.average(-np.log(chosen), weights=w))
    assert found["accuracy@5"] == pytest.approx(np.average(rank < 5, weights=w))
    assert found["accuracy"] == pytest.approx(np.average(rank < 1, weights=w))
    n = quality.compute()["accuracy"].n
    assert n == round(w.sum() ** 2 / (w**2).sum())


# ---- what goes wrong elsewhere -----------------------------------------------------------------


def test_one_nan_leaves_the_other_rows_as_they_are() -> None:
    y, logits = batch(10)
    p = softmax(logits)
    clean, spoilt = Multiclass(classes=10), Multiclass(classes=10)
    clean.update(y[1:], p[1:])
    p[0, 3] = np.nan
    spoilt.update(y, p)
    assert values(clean) == values(spoilt)
    assert spoilt.rejected["nan_score"] == 1


def test_a_probability_just_above_one_turns_nothing_into_logits() -> None:
    quality = Multiclass(classes=2)
    quality.update([0, 1], [[1.0000001, 0.0], [0.2, 0.8]])
    assert quality.rejected["out_of_range"] == 1
    assert float(quality.compute()["mean_confidence"]) == 0.8


def test_a_probability_of_exactly_one_is_in_the_last_bin() -> None:
    quality = Multiclass(classes=2)
    quality.update([0, 0], [[0.95, 0.05], [1.0, 0.0]])
    assert quality.reliability()["n"].to_pylist()[-1] == 2.0
    assert float(quality.compute()["ece"]) == pytest.approx(0.025)


def test_bins_are_closed_below_where_an_edge_is_a_double() -> None:
    for bins in (3, 10, 15, 49):
        quality = Multiclass(classes=3, bins=bins)
        edges = [i / bins for i in range(bins // 3 + 1, bins)]
        for edge in edges:
            rest = (1 - edge) / 2
            quality.update([0], np.array([[edge, rest, rest]]))
        n = quality.reliability()["n"].to_pylist()
        assert n[bins // 3 + 1 :] == [1.0] * len(edges), bins


def test_one_class_has_neither_kappa_nor_mcc() -> None:
    quality = Multiclass(classes=3, kind="label")
    assert {one.reason for one in quality.compute().values()} == {"no_rows"}
    quality.update([1, 1], [1, 1])
    found = quality.compute()
    assert {found[name].reason for name in ("kappa", "mcc")} == {"one_class"}
    assert found["precision[0]"].reason == "no_predicted_positives"
    assert found["recall[0]"].reason == "no_positives"
    assert float(found["macro_recall"]) == 1.0


def test_classes_without_rows_are_left_out_of_macro_averages() -> None:
    quality = Multiclass(classes=5, kind="label")
    quality.update([0, 0, 1, 1], [0, 1, 1, 1])
    found = values(quality)
    assert found["macro_recall"] == 0.75
    assert found["macro_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_certain_and_wrong_is_clipped_and_counted() -> None:
    quality = Multiclass(classes=2)
    quality.update([1], [[1.0, 0.0]])
    assert float(quality.compute()["log_loss"]) == pytest.approx(53 * np.log(2))
    assert quality.clipped == 1
    logits = Multiclass(classes=2, kind="logit")
    logits.update([1], [[1e300, -1e300]])
    assert float(logits.compute()["log_loss"]) == pytest.approx(53 * np.log(2))


def test_probabilities_that_do_not_sum_to_one_are_counted() -> None:
    quality = Multiclass(classes=2)
    quality.update([0, 1], [[0.5, 0.5], [0.6, 0.6]])
    assert (quality.rows, quality.unnormalised) == (2, 1)


def test_equal_scores_go_to_the_first_class() -> None:
    quality = Multiclass(classes=4, top_k=(1, 2))
    quality.update([0, 1, 3], np.full((3, 4), 0.25))
    found = values(quality)
    assert (found["accuracy"], found["accuracy@2"]) == (1 / 3, 2 / 3)


# ---- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        pa.array,
        pd.Series,
        pd.Categorical,
        lambda x: pa.array(x).dictionary_encode(),
    ],
)
def test_names_come_from_any_column(make: Any) -> None:
    quality = Multiclass(classes=["a", "b", "c"], kind="label")
    quality.update(make(["a", "b", "c", "b"]), make(["a", "c", "c", "b"]))
    table = quality.confusion().to_pydict()
    assert table["label"] == ["a", "b", "b", "c"]
    assert table["predicted"] == ["a", "b", "c", "c"]
    assert table["rows"] == [1, 1, 1, 1]
    assert float(quality.compute()["recall[b]"]) == 0.5


def test_names_may_be_integers_and_unknown_ones_are_counted() -> None:
    quality = Multiclass(classes=[200, 404, 500], kind="label")
    quality.update(np.array([200, 404, 999, 500]), np.array([200, 500, 200, 13]))
    assert quality.rows == 2
    assert quality.rejected == dict(zip(COUNTED, (1, 0, 1, 0), strict=True))
    named = Multiclass(classes=["a", "b"], kind="label")
    named.update(["a", None, "z", "b"], ["b", "a", "a", None])
    assert named.rejected == dict(zip(COUNTED, (2, 1, 0, 0), strict=True))
    named.update([None], [None])
    assert named.rejected["bad_label"] == 3


def test_scores_come_in_the_order_of_names() -> None:
    quality = Multiclass(classes=["no", "yes"])
    quality.update(["yes", "no"], pd.DataFrame({"no": [0.1, 0.4], "yes": [0.9, 0.6]}))
    assert float(quality.compute()["accuracy"]) == 0.5


# ---- sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda p: np.repeat(p, 2, axis=1)[:, ::2],
        lambda p: p.tolist(),
        pd.DataFrame,
        lambda p: pa.FixedSizeListArray.from_arrays(pa.array(p.ravel()), p.shape[1]),
        lambda p: pa.table({str(i): p[:, i] for i in range(p.shape[1])}),
    ],
    ids=["fortran", "strided", "lists", "frame", "arrow_lists", "table"],
)
def test_scores_come_from_any_matrix(form: Any) -> None:
    y, logits = batch(50, 4)
    p = softmax(logits)
    right, found = Multiclass(classes=4), Multiclass(classes=4)
    right.update(y, p)
    found.update(y, form(p))
    assert found == right


def test_a_null_row_of_arrow_is_a_nan_score() -> None:
    rows = pa.array([[0.5, 0.5], None, [0.1, 0.9]], pa.list_(pa.float32(), 2))
    quality = Multiclass(classes=2)
    quality.update([0, 1, 1], rows)
    assert (quality.rows, quality.rejected["nan_score"]) == (2, 1)


# ---- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["probability", "logit"])
def test_bad_rows_are_counted_apart(kind: str) -> None:
    y, logits = batch(9, 3)
    s = softmax(logits)
    s[1] = np.nan
    s[2, 0] = np.inf
    labels = y.astype(float)
    labels[3:7] = (np.nan, -1, 3, 0.5)
    w = np.ones(9)
    w[7] = -2.0
    quality = Multiclass(classes=3, kind=kind)
    quality.update(labels, s, weights=w)
    assert quality.rejected == dict(zip(COUNTED, (4, 1, 1, 1), strict=True))
    assert quality.rows == 2


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda q: q.update([0], np.ones((1, 4))), InvalidArgumentError, r"\(1, 4\)"),
        (lambda q: q.update([0, 1], np.ones((1, 3))), InvalidArgumentError, "3"),
        (lambda q: q.update([0], np.ones(3)), InvalidArgumentError, r"\(3,\)"),
        (lambda q: q.update([0], [[1.0, 0.0, 0.0], [1.0]]), InvalidArgumentError, "in each row"),
        (lambda q: q.update(["a"], np.ones((1, 3))), TypeError, "numbers"),
        (lambda q: q.update([0], np.ones((1, 3)), weights=[]), InvalidArgumentError, "weights"),
        (lambda q: q.merge(Multiclass(classes=4)), InvalidArgumentError, "4 classes"),
        (lambda q: q.merge(Multiclass(classes=["a", "b", "c"])), InvalidArgumentError, "differ"),
        (lambda q: q.merge(None), TypeError, "NoneType"),
        (lambda q: q.compute(confidence=0.0), InvalidArgumentError, "0.0"),
    ],
)
def test_what_makes_no_sense_is_refused_and_counts_nothing(
    change: Any, error: Any, text: str
) -> None:
    quality = Multiclass(classes=3)
    with pytest.raises(error, match=text):
        change(quality)
    assert quality.rows == 0


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"classes": 1}, InvalidArgumentError, "1"),
        ({"classes": 4097}, InvalidArgumentError, "4097"),
        ({"classes": 2**70}, InvalidArgumentError, "classes"),
        ({"classes": "abc"}, TypeError, "abc"),
        ({"classes": ["a", "a"]}, InvalidArgumentError, "'a'"),
        ({"classes": ["a", 1]}, TypeError, "texts"),
        ({"classes": 3, "top_k": (4,)}, InvalidArgumentError, "4"),
        ({"classes": 3, "top_k": (0,)}, InvalidArgumentError, "0"),
        ({"classes": 3, "top_k": (2, 2)}, InvalidArgumentError, "2"),
        ({"classes": 3, "bins": 1001}, InvalidArgumentError, "1001"),
        ({"classes": 3, "kind": "odds"}, InvalidArgumentError, "odds"),
    ],
)
def test_settings_out_of_range_are_refused(
    arguments: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Multiclass(**arguments)


# ---- segments, merging, bytes ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["label", "probability", "logit"])
def test_segments_are_states_of_their_own(kind: str) -> None:
    y, logits = batch(10_000, 7)
    scores = {"label": logits.argmax(axis=1), "probability": softmax(logits), "logit": logits}[kind]
    segments = np.random.default_rng(3).integers(0, 50, len(y)).astype(np.int16)
    weights = np.random.default_rng(4).exponential(size=len(y))
    states = _core.MulticlassStates(classes=7, kind=kind)
    states.update(y, scores, weights, segments)
    for segment in (0, 20, 49):
        alone = _core.MulticlassStates(classes=7, kind=kind)
        part = segments == segment
        alone.update(y[part], scores[part], weights[part])
        found, right = states.figures(segment), alone.figures()
        for name in ("rows", "cell_labels", "cell_predicted", "cell_rows", "cell_weights"):
            assert found[name] == right[name]
        if kind != "label":
            assert found["ranks"] == right["ranks"]
            assert found["log_loss"] == pytest.approx(right["log_loss"], rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(0, 50),
    classes=st.sampled_from([2, 5, 40, 600]),
    kind=st.sampled_from(["label", "probability", "logit"]),
    weighted=st.booleans(),
)
def test_merged_parts_count_what_the_whole_counts(
    data: st.DataObject, rows: int, classes: int, kind: str, weighted: bool
) -> None:
    y = data.draw(arrays(np.int64, rows, elements=st.integers(-1, classes)))
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    scores: Any = rng.normal(size=(rows, classes)).round(1)
    if kind == "label":
        scores = rng.integers(-1, classes + 1, rows)
    elif kind == "probability" and rows:
        scores = softmax(scores)
    w = data.draw(arrays(np.float64, rows, elements=st.integers(-1, 4))) if weighted else None
    cut = data.draw(st.integers(0, rows))
    whole, first, second = (Multiclass(classes=classes, kind=kind) for _ in range(3))
    whole.update(y, scores, weights=w)
    first.update(y[:cut], scores[:cut], weights=None if w is None else w[:cut])
    second.update(y[cut:], scores[cut:], weights=None if w is None else w[cut:])
    first.merge(second)
    assert first.rejected == whole.rejected
    a, b = first._native.figures(), whole._native.figures()
    exact = {"rows", "weighted", "cell_labels", "cell_predicted", "cell_rows", "cell_weights"}
    exact |= {"ranks", "rank_weights", "clipped", "unnormalised", "weight", "weight_squares"}
    for name in exact & a.keys():
        assert a[name] == b[name], name
    if kind != "label":
        assert [one[:2] for one in a["bins"]] == [one[:2] for one in b["bins"]]
        assert a["log_loss"] == pytest.approx(b["log_loss"], rel=1e-12, abs=1e-12)
    again = Multiclass.from_bytes(whole.to_bytes())
    assert again == whole
    assert again.to_bytes() == whole.to_bytes()
    for one in whole.compute().values():
        assert one.value is None or np.isfinite(one.value)
        if one.low is not None:
            assert one.low <= one.value <= one.high


def test_names_stay_with_copies_and_pickles() -> None:
    quality = Multiclass(classes=["a", "b"], kind="label")
    quality.update(["a"], ["b"])
    for other in (copy.copy(quality), quality.copy(), pickle.loads(pickle.dumps(quality))):
        assert other == quality
        assert other.classes == ("a", "b")
    assert Multiclass.from_bytes(quality.to_bytes(), classes=["a", "b"]) == quality
    with pytest.raises(InvalidArgumentError, match="3"):
        Multiclass.from_bytes(quality.to_bytes(), classes=["a", "b", "c"])


def test_bytes_of_other_tasks_are_refused() -> None:
    data = Multiclass(classes=3).to_bytes()
    for bad in (b"", data[:-1], data + b"\0", _core.RegressionStates().to_bytes()):
        with pytest.raises(SerializationError):
            Multiclass.from_bytes(bad)


def test_intervals_of_averages_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    shares = np.array([[0.3, 0.1, 0.02], [0.05, 0.2, 0.03], [0.05, 0.05, 0.2]])
    big = Multiclass(classes=3, kind="label")
    cells = np.repeat(np.arange(9), (shares * 100).round().astype(int).ravel())
    big.update(cells // 3, cells % 3)
    truth = values(big)
    names = ("macro_f1", "macro_precision", "macro_recall", "weighted_precision", "weighted_f1")
    names += ("kappa", "mcc", "accuracy")
    hits = dict.fromkeys(names, 0)
    for _ in range(400):
        drawn = rng.choice(9, size=300, p=shares.ravel())
        quality = Multiclass(classes=3, kind="label")
        quality.update(drawn // 3, drawn % 3)
        found = quality.compute(per_class=False)
        for name in names:
            hits[name] += found[name].low <= truth[name] <= found[name].high  # type: ignore[operator]
    for name, held in hits.items():
        assert 0.90 <= held / 400 <= 0.99, name  # 95 % give or take 4 deviations


def test_a_perfect_sample_does_not_prove_perfection() -> None:
    quality = Multiclass(classes=3, kind="label")
    quality.update([0, 1, 2] * 10, [0, 1, 2] * 10)
    found = quality.compute()
    for name in ("macro_f1", "kappa", "mcc"):
        assert float(found[name]) == 1.0
        assert found[name].low is not None
        assert found[name].low < 0.95


@pytest.mark.parametrize("kind", ["label", "probability"])
def test_weights_beyond_a_double_are_undefined_and_not_silent(kind: str) -> None:
    quality = Multiclass(classes=2, kind=kind)
    scores = [0, 1] if kind == "label" else [[0.5, 0.5], [0.1, 0.9]]
    quality.update([0, 1], scores, weights=[1e200, 1e308])
    assert {one.reason for one in quality.compute().values()} == {"overflow"}
