"""Qualities of each task: what is written adds up, and comes to what the task's own class says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from measured import BEGAN, Measured

from inlay import InvalidArgumentError, SerializationError, _core
from inlay.model import Binary, Multiclass, Multilabel, Ranking, Regression
from inlay.model.quality.task import TASKS, task_of
from inlay.summary import ExpHistogram

RNG = np.random.default_rng(11)
ROWS = 600
TRUE = RNG.integers(0, 2, ROWS)
SCORE = np.clip(0.3 * TRUE + RNG.random(ROWS) * 0.7, 0, 1).astype(np.float32)
CLASS = RNG.integers(0, 4, ROWS)
SCORES = RNG.dirichlet(np.ones(4), ROWS).astype(np.float32)
NAMES = ["ask", "deny", "grant", "wait"]
VALUE = RNG.normal(100, 10, ROWS)
QUERY = np.arange(ROWS) // 6


def half(values: Any, second: bool) -> Any:
    array = np.asarray(values)
    return array[ROWS // 2 :] if second else array[: ROWS // 2]


CASES: list[tuple[str, dict[str, Any], Any, Any, dict[str, Any], Any]] = [
    ("binary", {"thresholds": (0.3, 0.6)}, TRUE, SCORE, {}, Binary(thresholds=(0.3, 0.6))),
    (
        "binary",
        {"kind": "logit"},
        TRUE,
        np.log(SCORE + 0.01),
        {},
        Binary(kind="logit", thresholds=(0.5,)),
    ),
    (
        "multiclass",
        {"classes": NAMES, "top_k": (2,)},
        np.array(NAMES)[CLASS],
        SCORES,
        {},
        Multiclass(classes=NAMES, top_k=(2,)),
    ),
    (
        "multiclass",
        {"classes": 4, "kind": "label"},
        CLASS,
        (CLASS + RNG.integers(0, 2, ROWS)) % 4,
        {},
        Multiclass(classes=4, kind="label"),
    ),
    (
        "multilabel",
        {"classes": ["sea", "sand", "[x]@"], "thresholds": (0.3, 0.6)},
        RNG.integers(0, 2, (ROWS, 3)),
        RNG.random((ROWS, 3)),
        {},
        Multilabel(labels=["sea", "sand", "[x]@"], thresholds=(0.3, 0.6)),
    ),
    ("regression", {}, VALUE, VALUE + RNG.normal(1, 3, ROWS), {}, Regression()),
    (
        "regression",
        {"quantiles": (0.1, 0.9)},
        VALUE,
        np.column_stack([VALUE - 9, VALUE + 9]) + RNG.normal(0, 9, (ROWS, 2)),
        {},
        Regression(quantiles=(0.1, 0.9)),
    ),
    (
        "ranking",
        {"k": (1, 3)},
        RNG.integers(0, 3, ROWS),
        RNG.random(ROWS),
        {"groups": QUERY},
        Ranking(k=(1, 3)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{list(case[1])}")
def test_figures_are_those_of_the_task(case: Any) -> None:
    task, options, y_true, y_score, more, accumulator = case
    m = Measured(task, attributes=("part",), **options)
    for second in (False, True):
        given = {name: half(value, second) for name, value in more.items()}
        m.quality.observed(half(y_true, second), half(y_score, second), part=second, **given)
        m.collect()
    accumulator = accumulator.copy()
    accumulator.update(y_true, y_score, **more)
    expected = accumulator.compute()
    found = m.quality.compute()
    assert set(found) == set(expected)
    for name, one in expected.items():
        assert found[name].n == one.n
        assert found[name].value == (None if one.value is None else pytest.approx(one.value))
    written = {
        (row["metric"], row["attrs"]): row
        for row in m.points
        if row["kind"] == "estimate" and "part" not in json.loads(row["attrs"])
    }
    assert len(written) == len(expected)
    for name, one in expected.items():
        metric, members = task_of(task, **options).series(name)
        row = written[f"click.{metric}", _core.canonical_json(members)]
        assert row["value"] == (None if one.value is None else pytest.approx(one.value))
        assert row["count"] == one.n
        assert row["categories"] == (None if one.reason is None else [one.reason])
        if one.value is not None and one.low is not None:
            assert (row["min"], row["max"]) == (pytest.approx(one.low), pytest.approx(one.high))


STATES = {
    "binary": _core.BinaryStates,
    "multiclass": _core.MulticlassStates,
    "multilabel": _core.MultilabelStates,
    "regression": _core.RegressionStates,
    "ranking": _core.RankingStates,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{list(case[1])}")
def test_written_states_add_up_to_the_whole(case: Any) -> None:
    task, options, y_true, y_score, more, accumulator = case
    m = Measured(task, **options)
    for second in (False, True):
        given = {name: half(value, second) for name, value in more.items()}
        m.quality.observed(half(y_true, second), half(y_score, second), **given)
        m.collect()
    states = [row for row in m.points if row["summary"] is not None]
    assert len(states) == 2
    assert {row["summary_type"] for row in states} == {f"{task}_inlay"}
    whole, other = (STATES[task].from_bytes(row["summary"]) for row in states)
    whole.merge(other)
    accumulator = accumulator.copy()
    accumulator.update(y_true, y_score, **more)
    rows = "queries" if task == "ranking" else "rows"
    mine, own = whole.figures(0), accumulator._native.figures(0)
    assert mine[rows] == own[rows] == sum(row["count"] for row in states)
    if task in ("binary", "multiclass"):
        names = ("confusions",) if task == "binary" else ("cell_rows", "cell_labels")
        assert [mine[name] for name in names] == [own[name] for name in names]


def test_confusion_of_classes_is_a_matrix() -> None:
    m = Measured("multiclass", classes=NAMES, kind="label")
    m.quality.observed(["ask", "ask", "wait", "grant"], ["ask", "deny", "wait", "ask"])
    (row,) = [row for row in m.collect() if row["kind"] == "confusion"]
    assert row["categories"] == NAMES
    assert np.reshape(row["counts"], (4, 4)).tolist() == [
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
    ]


def test_figures_of_a_class_have_it_in_their_attributes() -> None:
    m = Measured("multiclass", classes=NAMES, kind="label")
    m.quality.observed(["ask", "ask", "wait"], ["ask", "deny", "wait"])
    m.collect()
    assert m.figures("recall", **{"class": "ask"}) == {0: 0.5}
    assert m.figures("recall", **{"class": "deny"}) == {0: None}


def test_errors_of_numbers_are_a_histogram_too() -> None:
    m = Measured("regression")
    m.quality.observed([1.0, 2.0, 3.0], [1.5, 2.0, 1.0])
    rows = m.collect()
    (row,) = [row for row in rows if row["metric"] == "click.absolute_error"]
    assert ExpHistogram.from_row(row).count == 3
    assert row["kind"] == "histogram"
    (state,) = [row for row in rows if row["kind"] == "regression"]
    assert (state["count"], state["mean"], state["sum"]) == (
        3,
        pytest.approx(-0.5),
        pytest.approx(-1.5),
    )


def test_quantile_coverage_is_not_taken_for_that_of_labels() -> None:
    m = Measured("regression", quantiles=(0.1, 0.9))
    m.quality.observed([1.0, 5.0], [[0.0, 2.0], [0.0, 2.0]])
    m.collect()
    assert m.figures("quantile_coverage") == {0: 0.5}
    assert m.figures("coverage") == {}


def test_calibration_rows_hold_negatives_and_positives_of_each_bin() -> None:
    m = Measured(bins=4)
    m.quality.observed([0, 1, 1, 1], [0.1, 0.2, 0.9, 1.0])
    (row,) = [row for row in m.collect() if row["kind"] == "calibration"]
    assert row["bounds"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert row["counts"] == [1, 1, 0, 0, 0, 0, 0, 2]


def test_weights_count_in_figures_and_rows_in_counts() -> None:
    m = Measured()
    m.quality.observed([1, 0, 1], [0.9, 0.2, 0.1], weights=[3.0, 0.5, 0.5])
    rows = m.collect()
    assert m.counts() == {(0, "{}"): [1, 0, 1, 1]}
    assert m.figures("accuracy") == {0: pytest.approx(3.5 / 4.0)}
    assert [row for row in rows if row["kind"] == "calibration"] == []
    assert m.quality.observed([1], [0.9], weights=[-1.0]) == 1
    m.collect()
    assert m.rejected() == {"bad_weight": 1}


def test_labels_of_classes_and_numbers_are_joined() -> None:
    m = Measured("multiclass", classes=NAMES, kind="label")
    m.quality.predicted([1, 2, 3], ["ask", "wait", "other"])
    assert m.quality.labelled([1, 2, 3], ["ask", "deny", "ask"]) == 2
    m.collect()
    assert m.figures("accuracy") == {0: 0.5}
    assert m.rejected() == {"out_of_range": 1}
    m = Measured("regression")
    m.quality.predicted(["a", "b"], [1.0, 2.0])
    m.at(100)
    assert m.quality.labelled(["b", "a"], [4.0, 1.0]) == 2
    m.collect()
    assert m.figures("mae") == {0: 1.0}


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("multiclass", {"classes": 3}),
        ("multilabel", {"classes": 3}),
        ("regression", {"quantiles": (0.5, 0.9)}),
        ("ranking", {}),
    ],
)
def test_predictions_that_are_no_single_number_cannot_wait(task: str, options: Any) -> None:
    m = Measured(task, **options)
    with pytest.raises(InvalidArgumentError, match="use observed"):
        m.quality.predicted([1], [1])
    with pytest.raises(InvalidArgumentError, match="use observed"):
        m.quality.labelled([1], [1])


def test_a_refusal_says_which_settings_wait_and_they_do() -> None:
    m = Measured("multiclass", classes=3)
    scores = np.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]])
    with pytest.raises(InvalidArgumentError, match=r"kind='label' .*scores\.argmax\(axis=1\)"):
        m.quality.predicted([1, 2], scores)
    m.quality.close()
    m = Measured("multiclass", classes=3, kind="label")
    assert m.quality.predicted([1, 2], scores.argmax(axis=1)) == 2
    assert m.quality.labelled([1, 2], [1, 1]) == 2
    m.collect()
    assert m.figures("accuracy") == {0: 0.5}


def test_rows_of_several_panes_are_taken_apart_for_each_task() -> None:
    for task, options, y_true, y_score, more, _ in CASES:
        m = Measured(task, **options)
        times = BEGAN + np.repeat([0, 61], ROWS // 2)
        m.at(100)
        assert m.quality.observed(y_true, y_score, predicted_at=times, **more) == ROWS
        m.collect()
        panes = {row["start_time"] for row in m.points if row["summary"] is not None}
        assert len(panes) == 2


def test_states_of_other_settings_and_tasks_are_refused() -> None:
    given = {"multiclass": {"classes": 3}, "multilabel": {"classes": 3}}
    for name in TASKS:
        task = task_of(name, **given.get(name, {}))
        data = task.new().to_bytes()
        assert task.read(data).segments == 0
        for other in TASKS:
            if other != name:
                with pytest.raises(SerializationError):
                    task_of(other, **given.get(other, {})).read(data)
    with pytest.raises(SerializationError, match="thresholds"):
        task_of("binary").read(task_of("binary", thresholds=(0.7,)).new().to_bytes())
    with pytest.raises(SerializationError, match="classes"):
        task_of("multiclass", classes=3).read(task_of("multiclass", classes=4).new().to_bytes())


def test_settings_of_other_tasks_are_refused() -> None:
    for name, setting, value in (
        ("regression", "thresholds", (0.7,)),
        ("ranking", "classes", 3),
        ("binary", "k", (1,)),
        ("multiclass", "quantiles", (0.5,)),
    ):
        with pytest.raises(InvalidArgumentError, match=f"no setting {setting}"):
            Measured(name, **{setting: value})
    with pytest.raises(InvalidArgumentError, match="needs classes"):
        Measured("multiclass")
