"""Rows of several yes-or-no labels, against scikit-learn and `Binary`."""

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
from inlay.model import Binary, Multilabel

COUNTED = ("bad_label", "nan_score", "out_of_range", "bad_weight")


def batch(rows: int = 3000, labels: int = 4, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (rows, labels))
    logits = rng.normal(size=(rows, labels)) + 2.0 * y - 1.0
    return y, 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["probability", "logit", "label"])
def test_figures_are_those_of_scikit_learn(kind: str, weighted: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, s = batch()
    p = (s >= 0.5).astype(int)
    w = np.random.default_rng(2).exponential(size=len(y)) if weighted else None
    given_scores = {"probability": s, "logit": np.log(s / (1 - s)), "label": p}[kind]
    quality = Multilabel(labels=4, kind=kind)
    for part in np.array_split(np.arange(len(y)), 3):
        quality.update(y[part], given_scores[part], weights=None if w is None else w[part])
    found = quality.compute()
    right = {
        "subset_accuracy": metrics.accuracy_score(y, p, sample_weight=w),
        "hamming_loss": metrics.hamming_loss(y, p, sample_weight=w),
    }
    for average in ("micro", "macro"):
        three = metrics.precision_recall_fscore_support(y, p, average=average, sample_weight=w)
        right |= {
            f"{average}_{name}": value
            for name, value in zip(("precision", "recall", "f1"), three, strict=False)
        }
    for name, value in right.items():
        one = found[name]
        assert float(one) == pytest.approx(value), name
        assert one.low is not None
        assert one.high is not None
        assert one.low <= value <= one.high
    if kind != "label":
        area = metrics.roc_auc_score(y, s, average="macro", sample_weight=w)
        assert float(found["macro_auroc"]) == pytest.approx(area, abs=1e-3)


def test_each_label_has_the_figures_of_binary() -> None:
    y, s = batch(500, 2)
    quality = Multilabel(labels=["sea", "sand"], thresholds=(0.3, 0.7))
    quality.update(y, s)
    alone = Binary(thresholds=(0.3, 0.7))
    alone.update(y[:, 1], s[:, 1])
    found, right = quality.compute(), alone.compute()
    for name in right:
        assert found[f"{name}[sand]"] == right[name]
    exact = ((s >= 0.7) == y).all(axis=1).mean()
    assert float(found["subset_accuracy@0.7"]) == pytest.approx(exact)


def test_a_bad_cell_leaves_the_other_cells_of_the_row() -> None:
    nan = float("nan")
    y = [[1, 0, None], [1, 1, 1], [0, 2, 0], [1, 0, 1], [0, 0, 0]]
    s = [[0.9, 0.1, 0.5], [0.9, nan, 0.8], [0.2, 0.2, 0.2], [0.7, 0.1, 1.5], [0.1, 0.1, 0.1]]
    quality = Multilabel(labels=3)
    quality.update(y, s)
    assert quality.rejected == dict(zip(COUNTED, (2, 1, 1, 0), strict=True))
    assert (quality.rows, quality.complete) == (5, 1)
    found = quality.compute()
    assert found["accuracy[0]"].n == 5
    assert found["accuracy[1]"].n == 3
    assert found["subset_accuracy"].n == 1


def test_a_row_of_bad_weight_is_counted_once() -> None:
    y, s = batch(3, 5)
    quality = Multilabel(labels=5)
    quality.update(y, s, weights=[1.0, -1.0, float("nan")])
    assert quality.rejected["bad_weight"] == 2
    assert quality.rows == 1


def test_a_label_without_positives_is_left_out_of_averages() -> None:
    y = np.array([[1, 0], [0, 0], [1, 0]])
    quality = Multilabel(labels=2)
    quality.update(y, y * 0.8 + 0.1)
    found = quality.compute()
    assert found["recall[1]"].reason == "no_positives"
    assert float(found["macro_recall"]) == 1.0
    assert {one.reason for one in Multilabel(labels=2).compute().values()} == {"no_rows"}


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda a: a.tolist(),
        pd.DataFrame,
        lambda a: pa.FixedSizeListArray.from_arrays(pa.array(a.ravel()), a.shape[1]),
        lambda a: pa.table({str(i): a[:, i] for i in range(a.shape[1])}),
        lambda a: a.astype(np.float32).astype(a.dtype),
    ],
    ids=["fortran", "lists", "frame", "arrow_lists", "table", "cast"],
)
def test_labels_and_scores_come_from_any_matrix(form: Any) -> None:
    y, s = batch(50)
    s = s.astype(np.float32).astype(np.float64)
    right, found = Multilabel(labels=4), Multilabel(labels=4)
    right.update(y, s)
    found.update(form(y), form(s))
    assert found == right


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda q: q.update(np.ones((1, 3)), np.ones((1, 2))), InvalidArgumentError, "y_true"),
        (lambda q: q.update(np.ones((2, 2)), np.ones((1, 2))), InvalidArgumentError, "rows"),
        (lambda q: q.update(np.ones(2), np.ones((1, 2))), InvalidArgumentError, r"\(2,\)"),
        (lambda q: q.update([[1, 0]], [[0.5, 0.5]], weights=[]), InvalidArgumentError, "weights"),
        (lambda q: q.merge(Multilabel(labels=3)), InvalidArgumentError, "3"),
        (lambda q: q.merge(Multilabel(labels=["a", "b"])), InvalidArgumentError, "differ"),
        (lambda q: q.merge(Binary()), TypeError, "Binary"),
        (lambda q: q.compute(confidence=2.0), InvalidArgumentError, "2.0"),
    ],
)
def test_what_makes_no_sense_is_refused_and_counts_nothing(
    change: Any, error: type[Exception], text: str
) -> None:
    quality = Multilabel(labels=2)
    with pytest.raises(error, match=text):
        change(quality)
    assert quality.rows == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"labels": 0},
        {"labels": 1025},
        {"labels": 2**40},
        {"labels": ["a", "a"]},
        {"labels": 2, "thresholds": (2.0,)},
        {"labels": 2, "kind": "odds"},
        {"labels": 2, "bins": 0},
    ],
)
def test_settings_out_of_range_are_refused(arguments: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        Multilabel(**arguments)


def test_segments_are_states_of_their_own() -> None:
    y, s = batch(5000, 3)
    segments = np.random.default_rng(3).integers(0, 20, len(y))
    weights = np.random.default_rng(4).exponential(size=len(y))
    states = _core.MultilabelStates(labels=3)
    states.update(y, s, weights, segments)
    for segment in (0, 7, 19):
        alone = _core.MultilabelStates(labels=3)
        part = segments == segment
        alone.update(y[part], s[part], weights[part])
        found, right = states.figures(segment), alone.figures()
        for name in ("rows", "complete", "exact", "weighted"):
            assert found[name] == right[name]
        assert found["exact_weight"] == pytest.approx(right["exact_weight"])
        for label in range(3):
            a, b = found["cells"].figures(label), right["cells"].figures(label)
            assert a["rows"] == b["rows"]
    with pytest.raises(InvalidArgumentError, match="21845"):
        states.update(y[:2], s[:2], None, np.array([0, 21_845]))
    assert states.rows(0) == int((segments == 0).sum())


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(0, 20),
    labels=st.integers(1, 5),
    weighted=st.booleans(),
)
def test_merged_parts_count_what_the_whole_counts(
    data: st.DataObject, rows: int, labels: int, weighted: bool
) -> None:
    y = data.draw(arrays(np.int64, (rows, labels), elements=st.integers(0, 2)))
    s = data.draw(arrays(np.float64, (rows, labels), elements=st.floats(-0.1, 1.0)))
    w = data.draw(arrays(np.float64, rows, elements=st.integers(-1, 4))) if weighted else None
    cut = data.draw(st.integers(0, rows))
    whole, first, second = (Multilabel(labels=labels, thresholds=(0.2, 0.5)) for _ in range(3))
    whole.update(y, s, weights=w)
    first.update(y[:cut], s[:cut], weights=None if w is None else w[:cut])
    second.update(y[cut:], s[cut:], weights=None if w is None else w[cut:])
    first.merge(second)
    assert first.rejected == whole.rejected
    a, b = first._native.figures(), whole._native.figures()
    for name in ("rows", "complete", "exact", "exact_weight", "weight"):
        assert a[name] == b[name]
    again = Multilabel.from_bytes(whole.to_bytes())
    assert again == whole
    assert again.to_bytes() == whole.to_bytes()


def test_names_stay_with_copies_and_pickles() -> None:
    quality = Multilabel(labels=["a", "b"])
    quality.update([[1, 0]], [[0.5, 0.25]])
    for other in (copy.copy(quality), quality.copy(), pickle.loads(pickle.dumps(quality))):
        assert other == quality
        assert other.labels == ("a", "b")
    quality.reset()
    assert quality == Multilabel(labels=["a", "b"])
    data = quality.to_bytes()
    for bad in (b"", data[:-1], data + b"\0", Binary().to_bytes()):
        with pytest.raises(SerializationError):
            Multilabel.from_bytes(bad)
    with pytest.raises(InvalidArgumentError, match="3"):
        Multilabel.from_bytes(data, labels=[1, 2, 3])
