"""Judged answers, people's labels of them, and the rates that follow."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay.model import Binary, Generation, JudgedRate
from inlay.model.estimate import wilson
from inlay.model.text import rogan_gladen

if TYPE_CHECKING:
    from collections.abc import Iterator

JUDGE: dict[str, Any] = {
    "evaluator": "judge",
    "evaluator_version": "2",
    "range": (0.0, 1.0),
    "direction": "lower",
    "threshold": 0.5,
}


@pytest.fixture
def obs() -> Iterator[inlay.Observer]:
    observer = inlay.Observer({"service.name": "assistant"}, clock=inlay.ManualClock())
    yield observer
    observer.stop()


@pytest.fixture
def chat(obs: inlay.Observer) -> Generation:
    return obs.generation("chat")


def values_of(batch: inlay.Batch) -> dict[tuple[str, ...], Any]:
    found = {}
    for row in batch.points.to_pylist():
        if row["layer"] == "model":
            attrs = json.loads(row["attrs"])
            shown = [v for k, v in attrs.items() if k not in ("evaluator", "evaluator_version")]
            found[row["metric"].removeprefix("chat."), *shown] = (
                row["count"] if row["kind"] == "histogram" else row["value"]
            )
    return found


@pytest.mark.parametrize(
    ("direction", "score", "flagged"),
    [
        ("lower", 0.49, False),
        ("lower", 0.5, True),
        ("lower", 1.0, True),
        ("higher", 0.51, False),
        ("higher", 0.5, True),
        ("higher", 0.0, True),
    ],
)
def test_flags_lie_at_the_worse_side(
    chat: Generation, direction: str, score: float, flagged: bool
) -> None:
    assert chat.evaluation("x", score, **{**JUDGE, "direction": direction}) is flagged


def test_labels_go_before_the_threshold(chat: Generation) -> None:
    options = {**JUDGE, "flagged_labels": ("made_up", "wrong")}
    assert chat.evaluation("x", 0.1, label="wrong", **options) is True
    assert chat.evaluation("x", 0.9, label="right", **options) is False
    assert chat.evaluation("x", 0.9, **options) is True
    assert chat.evaluation("x", label="right", **options) is False
    assert chat.judged_rate("x").rate.n == 4


def test_without_threshold_nothing_is_decided(obs: inlay.Observer, chat: Generation) -> None:
    options = {**JUDGE, "threshold": None}
    assert chat.evaluation("x", 0.9, **options) is None
    rate = chat.judged_rate("x")
    assert (rate.rate.value, rate.rate.reason, rate.undecided) == (None, "no_rows", 1)
    values = values_of(obs.collect())
    assert values["evaluation.judged", "x", "undecided"] == 1.0
    assert ("evaluation.rate", "x") not in values


@pytest.mark.parametrize(
    ("score", "reason"),
    [(1.01, "out_of_range"), (-0.1, "out_of_range"), (math.nan, "nan"), (math.inf, "out_of_range")],
)
def test_scores_that_cannot_be_are_counted(
    obs: inlay.Observer, chat: Generation, score: float, reason: str
) -> None:
    assert chat.evaluation("x", score, **JUDGE) is None
    assert values_of(obs.collect()) == {("rejected", "score", reason): 1.0}
    assert chat.judged_rate("x").rate.reason == "no_rows"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"range": (1.0, 0.0)}, ValueError),
        ({"range": (0.0, math.inf)}, ValueError),
        ({"range": (math.nan, 1.0)}, ValueError),
        ({"range": 1.0}, TypeError),
        ({"direction": "up"}, ValueError),
        ({"threshold": 1.5}, ValueError),
        ({"threshold": math.nan}, ValueError),
        ({"evaluator": ""}, ValueError),
        ({"evaluator_version": 2}, TypeError),
        ({"label": 3}, TypeError),
    ],
)
def test_evaluators_that_are_none(
    chat: Generation, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        chat.evaluation("x", 0.5, **{**JUDGE, **change})


def test_an_evaluation_says_something(chat: Generation) -> None:
    with pytest.raises(ValueError, match="a score or a label"):
        chat.evaluation("x", **JUDGE)
    with pytest.raises(TypeError, match="score"):
        chat.evaluation("x", "0.5", **JUDGE)  # type: ignore[arg-type]


def test_an_evaluator_is_read_in_one_way(chat: Generation) -> None:
    chat.evaluation("x", 0.5, **JUDGE)
    for change in ({"range": (0, 2)}, {"direction": "higher"}, {"threshold": 0.4}):
        with pytest.raises(ValueError, match="another name or version"):
            chat.evaluation("x", 0.5, **{**JUDGE, **change})
    chat.evaluation("x", 0.5, **{**JUDGE, "range": (0, 2), "evaluator_version": "3"})
    with pytest.raises(ValueError, match="several evaluators fit"):
        chat.judged_rate("x")
    assert chat.judged_rate("x", evaluator_version="3").rate.n == 1
    with pytest.raises(ValueError, match="no evaluator fits"):
        chat.judged_rate("y")


def judged(chat: Generation, rng: np.random.Generator, n: int) -> tuple[Any, Any, Any]:
    human = rng.random(n) < 0.3
    scores = np.clip(rng.normal(np.where(human, 0.7, 0.3), 0.2), 0, 1)
    for i in range(n):
        chat.evaluation("hallucination", float(scores[i]), **JUDGE, response_id=i)
    return human, scores, scores >= 0.5


def test_rates_and_the_evaluators_worth(obs: inlay.Observer, chat: Generation) -> None:
    human, scores, flagged = judged(chat, np.random.default_rng(5), 400)
    chat.labelled("hallucination", range(100), human[:100])
    rate = chat.judged_rate("hallucination")
    h, f, s = human[:100], flagged[:100], scores[:100]
    tp, fn, tn, fp = (f & h).sum(), (~f & h).sum(), (~f & ~h).sum(), (f & ~h).sum()
    assert rate.rate == wilson(int(flagged.sum()), 400)
    assert rate.sensitivity == wilson(int(tp), int(tp + fn))
    assert rate.specificity == wilson(int(tn), int(tn + fp))
    assert rate.corrected == rogan_gladen(
        int(flagged.sum()),
        400,
        sensitivity=(int(tp), int(tp + fn)),
        specificity=(int(tn), int(tn + fp)),
    )
    assert rate.labelled == 100
    assert rate.corrected.low is not None
    assert rate.corrected.high is not None
    assert rate.corrected.low <= human.mean() <= rate.corrected.high
    metrics = chat.evaluator("hallucination")
    assert float(metrics.precision) == pytest.approx(tp / (tp + fp))
    assert float(metrics.recall) == pytest.approx(tp / (tp + fn))
    assert float(metrics.specificity) == pytest.approx(tn / (tn + fp))
    assert float(metrics.accuracy) == pytest.approx((tp + tn) / 100)
    assert float(metrics.f1) == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert float(metrics.prevalence) == pytest.approx(h.mean())
    assert float(metrics.brier) == pytest.approx(((s - h) ** 2).mean())
    bins = np.minimum((s * 10).astype(int), 9)
    gaps = [abs(s[bins == b].sum() - h[bins == b].sum()) for b in range(10)]
    assert float(metrics.ece) == pytest.approx(sum(gaps) / 100)
    values = values_of(obs.collect())
    assert values["evaluation.rate", "hallucination"] == rate.rate.value
    assert values["evaluation.corrected_rate", "hallucination"] == rate.corrected.value
    assert values["evaluation.judged", "hallucination", "flagged"] == flagged.sum()
    assert values["evaluation.labelled", "hallucination", "flagged", "clear"] == fn
    assert values["evaluation.score", "hallucination"] == 400


def test_a_rate_without_labels_is_not_corrected(obs: inlay.Observer, chat: Generation) -> None:
    judged(chat, np.random.default_rng(6), 20)
    rate = chat.judged_rate("hallucination")
    assert rate.corrected.reason == "no_positives"
    assert rate.rate.value is not None
    rows = {row["metric"]: row for row in obs.collect().points.to_pylist()}
    row = rows["chat.evaluation.corrected_rate"]
    assert (row["status"], row["value"], row["categories"]) == ("undefined", None, ["no_positives"])
    row = rows["chat.evaluation.rate"]
    assert (row["kind"], row["form"], row["count"]) == ("estimate", "derived", 20)
    assert (row["min"], row["max"]) == (rate.rate.low, rate.rate.high)
    assert json.loads(row["attrs"]) == {
        "evaluation": "hallucination",
        "evaluator": "judge",
        "evaluator_version": "2",
    }


def test_a_window_holds_its_own_judgements(obs: inlay.Observer, chat: Generation) -> None:
    chat.evaluation("x", 0.9, **JUDGE)
    assert values_of(obs.collect())["evaluation.rate", "x"] == 1.0
    chat.evaluation("x", 0.1, **JUDGE)
    assert values_of(obs.collect())["evaluation.rate", "x"] == 0.0
    assert ("evaluation.rate", "x") not in values_of(obs.collect())
    assert chat.judged_rate("x").rate.value == 0.5


def test_labels_may_come_first(obs: inlay.Observer, chat: Generation) -> None:
    chat.labelled("x", "a", True)
    assert chat.evaluation("x", 0.9, **JUDGE, response_id="a") is True
    assert chat.judged_rate("x").sensitivity == wilson(1, 1)
    other = {**JUDGE, "evaluator": "rule"}
    chat.evaluation("x", 0.1, **other, response_id="a")
    assert chat.judged_rate("x", evaluator="rule").sensitivity == wilson(0, 1)
    chat.labelled("x", "a", True)
    chat.labelled("x", "a", False)
    values = values_of(obs.collect())
    assert values["rejected", "labelled", "duplicate"] == 1.0
    assert values["rejected", "labelled", "conflicting"] == 1.0
    assert chat.judged_rate("x", evaluator="rule").labelled == 1


def test_labels_count_under_the_attributes_of_the_judgement(obs: inlay.Observer) -> None:
    chat = obs.generation("chat", attributes=("model",))
    chat.labelled("x", "early", False)
    chat.labelled("x", "early", False)
    chat.evaluation("x", 0.9, **JUDGE, response_id="early", model="a")
    chat.evaluation("x", 0.9, **JUDGE, response_id="late", model="b")
    chat.labelled("x", "late", True)
    chat.labelled("x", "late", False)
    values = values_of(obs.collect())
    assert values["evaluation.labelled", "x", "clear", "flagged", "a"] == 1.0
    assert values["evaluation.labelled", "x", "flagged", "flagged", "b"] == 1.0
    assert values["rejected", "labelled", "unknown", "duplicate"] == 1.0
    assert values["rejected", "labelled", "b", "conflicting"] == 1.0
    with pytest.raises(TypeError, match="attribute"):
        chat.evaluation("x", label="fine", **JUDGE, response_id="new")
    assert chat.judged_rate("x").rate.n == 2


def test_answers_are_forgotten_and_labels_that_met_none_counted(obs: inlay.Observer) -> None:
    chat = obs.generation("chat", remember=2)
    for i in range(3):
        chat.evaluation("x", 0.9, **JUDGE, response_id=i)
    chat.labelled("x", 0, True)  # forgotten: waits for a judgement, and drives out answer 1
    chat.labelled("x", 2, True)
    chat.labelled("x", [3, 4], [True, False])
    values = values_of(obs.collect())
    assert values["rejected", "labelled", "unmatched"] == 1.0
    assert chat.judged_rate("x").labelled == 1


@pytest.mark.parametrize(
    ("ids", "outcomes", "error"),
    [
        ([1, 2], [True], ValueError),
        (1, 2, TypeError),
        (1, None, TypeError),
        ([1.5], [True], TypeError),
        ([None], [True], TypeError),
    ],
)
def test_labels_that_are_none(
    chat: Generation, ids: Any, outcomes: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        chat.labelled("x", ids, outcomes)


def test_judgements_are_events(obs: inlay.Observer, chat: Generation) -> None:
    chat.evaluation("x", 0.25, label="fine", **JUDGE, response_id="r1")
    (event,) = obs.collect().events.to_pylist()
    assert (event["name"], event["layer"]) == ("chat.evaluation", "model")
    assert json.loads(event["attrs"]) == {
        "evaluation": "x",
        "evaluator": "judge",
        "evaluator_version": "2",
        "range": "0 1",
        "direction": "lower",
        "score": "0.25",
        "label": "fine",
        "judged": "clear",
        "response_id": "r1",
    }


def test_a_rate_shows_what_it_rests_on(chat: Generation) -> None:
    judged(chat, np.random.default_rng(5), 50)
    chat.evaluation("hallucination", label="no idea", **JUDGE)
    rate = chat.judged_rate("hallucination")
    assert isinstance(rate, JudgedRate)
    text = repr(rate)
    assert text.splitlines()[0] == "rate of 'hallucination' by judge 2"
    assert "n=50" in text
    assert "undefined: no_positives, 0 labelled" in text
    assert "undecided  1" in text
    table = rate.to_arrow()
    assert table["metric"].to_pylist() == ["rate", "corrected", "sensitivity", "specificity"]
    assert set(table["evaluator"].to_pylist()) == {"judge"}


def test_evaluators_are_bounded(chat: Generation) -> None:
    for i in range(256):
        chat.evaluation("x", 0.5, **{**JUDGE, "evaluator_version": str(i)})
    with pytest.raises(ValueError, match="256 evaluators"):
        chat.evaluation("x", 0.5, **{**JUDGE, "evaluator_version": "one more"})


# ---- the correction --------------------------------------------------------------------------
counts = st.integers(0, 200)


@given(counts, counts, counts, counts, counts, counts)
def test_a_corrected_rate_is_a_rate_or_has_a_reason(
    k: int, rest: int, tp: int, fn: int, tn: int, fp: int
) -> None:
    found = rogan_gladen(k, k + rest, sensitivity=(tp, tp + fn), specificity=(tn, tn + fp))
    assert found.n == k + rest
    if found.value is None:
        se = tp / (tp + fn) if tp + fn else 0
        sp = tn / (tn + fp) if tn + fp else 0
        assert found.reason in (
            "no_rows",
            "no_positives",
            "no_negatives",
            "uninformative_evaluator",
        )
        assert min(k + rest, tp + fn, tn + fp) == 0 or se + sp <= 1
        return
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_perfect_evaluator_leaves_the_rate() -> None:
    found = rogan_gladen(30, 100, sensitivity=(10**6, 10**6), specificity=(10**6, 10**6))
    assert found.value == pytest.approx(0.3)
    plain = wilson(30, 100)
    assert found.low == pytest.approx(plain.low, abs=0.02)
    assert found.high == pytest.approx(plain.high, abs=0.02)


@pytest.mark.parametrize(
    ("flagged", "n", "sensitivity", "specificity"),
    [
        (5, 4, (1, 1), (1, 1)),
        (1, 4, (2, 1), (1, 1)),
        (1, 4, (1, 1), (-1, 1)),
        (1, 4, (1, 0), (1, 1)),
    ],
)
def test_parts_beyond_their_whole_are_refused(
    flagged: int, n: int, sensitivity: tuple[int, int], specificity: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"part|proportion"):
        rogan_gladen(flagged, n, sensitivity=sensitivity, specificity=specificity)


@pytest.mark.parametrize(
    ("p", "se", "sp", "n", "positives", "negatives"),
    [(0.1, 0.9, 0.95, 1000, 50, 100), (0.3, 0.8, 0.9, 500, 60, 60), (0.5, 0.95, 0.9, 300, 30, 30)],
)
def test_the_interval_holds_its_confidence(
    p: float, se: float, sp: float, n: int, positives: int, negatives: int
) -> None:
    # 1,000 draws: a true coverage of 0.95 is below 0.925 once in 3,000.
    rng = np.random.default_rng(8)
    hits = 0
    for k, a, b in zip(
        rng.binomial(n, p * se + (1 - p) * (1 - sp), 1000),
        rng.binomial(positives, se, 1000),
        rng.binomial(negatives, sp, 1000),
        strict=True,
    ):
        found = rogan_gladen(
            int(k), n, sensitivity=(int(a), positives), specificity=(int(b), negatives)
        )
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= p <= found.high
    assert hits >= 925


def test_flags_and_scores_have_intervals_apart(obs: inlay.Observer, chat: Generation) -> None:
    human, scores, _ = judged(chat, np.random.default_rng(8), 200)
    chat.labelled("hallucination", range(200), human)
    metrics = chat.evaluator("hallucination")
    direct = Binary(bins=10)
    direct.update(human, scores)
    assert metrics.f1 == direct.compute().f1
    assert metrics.ece == direct.compute().ece
    assert metrics.f1.low is not None
    assert metrics.ece.low is not None
    chat.evaluation(
        "tone", label="rude", flagged_labels="rude", response_id=1, **{**JUDGE, "threshold": None}
    )
    chat.labelled("tone", 1, True)
    worth = chat.evaluator("tone")
    assert float(worth.accuracy) == 1.0
    assert (worth.ece.reason, worth.brier.reason) == ("no_scores", "no_scores")


def test_integers_of_arrays_are_ids(obs: inlay.Observer, chat: Generation) -> None:
    ids = np.arange(3)
    for one in ids:
        chat.evaluation("hallucination", 0.9, response_id=one, **JUDGE)
    chat.labelled("hallucination", ids, np.array([True, False, True]))
    chat.labelled("hallucination", ids[0], True)  # a second time
    assert chat.judged_rate("hallucination").labelled == 3


@pytest.mark.parametrize(
    ("name", "ids", "outcomes", "told"),
    [
        (5, "a", True, "name of an evaluation"),
        ("hallucination", ["a"], True, "outcomes of several"),
        ("hallucination", 1.5, True, "a response's id"),
        ("hallucination", None, True, "a response's id"),
        ("hallucination", "a", np.array([1, 0]), "an outcome must"),
    ],
)
def test_labels_of_another_class_are_refused(
    chat: Generation, name: Any, ids: Any, outcomes: Any, told: str
) -> None:
    with pytest.raises(TypeError, match=told):
        chat.labelled(name, ids, outcomes)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"threshold": "abc"}, "threshold must be a number"),
        ({"range": "01"}, "range must be"),
        ({"flagged_labels": [1]}, "flagged_labels must be str"),
    ],
)
def test_settings_of_another_class_are_refused(
    chat: Generation, setting: dict[str, Any], told: str
) -> None:
    with pytest.raises(TypeError, match=told):
        chat.evaluation("hallucination", 0.9, **{**JUDGE, **setting})
