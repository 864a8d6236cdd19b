"""Streams of generations: what a record comes to, what is refused, and who counts it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inlay
from inlay import _core
from inlay.model import BoundGeneration, Generation

if TYPE_CHECKING:
    from collections.abc import Iterator

PRICES = {
    "small": {"input": 0.5, "cached": 0.05, "output": 2.0, "reasoning": 3.0},
    "plain": {"input": 1.0, "output": 4.0},
}
WHOLE: dict[str, Any] = {
    "prompt_tokens": 900,
    "output_tokens": 257,
    "cached_tokens": 400,
    "reasoning_tokens": 100,
    "ttft": 0.25,
    "inter_token": np.full(256, 0.0125),
    "queue": 0.0625,
    "prefill": 0.125,
    "decode": 3.5,
    "e2e": 3.75,
    "finish_reason": "stop",
}


@pytest.fixture
def obs() -> Iterator[inlay.Observer]:
    observer = inlay.Observer({"service.name": "assistant"}, clock=inlay.ManualClock())
    yield observer
    observer.stop()


def rows_of(batch: inlay.Batch) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return rows of layer model by figure and the values of their attributes but model."""
    found = {}
    for row in batch.points.to_pylist():
        if row["layer"] != "model":
            continue
        attrs = json.loads(row["attrs"])
        attrs.pop("model", None)
        name, figure = row["metric"].split(".", 1)
        assert name == "chat"
        key = (figure, *attrs.values())
        assert key not in found, key
        found[key] = row
    return found


def rejected(batch: inlay.Batch) -> dict[tuple[str, str], float]:
    return {
        key[1:]: row["value"]
        for key, row in rows_of(batch).items()
        if key[0] == "rejected"  # field, reason
    }


def chat_of(observer: inlay.Observer, **options: Any) -> Generation:
    return observer.generation("chat", attributes=("model",), **options)


def bound(observer: inlay.Observer, **options: Any) -> BoundGeneration:
    return chat_of(observer, **options).bind(model="small")


# ---- what a record comes to ------------------------------------------------------------------
def test_every_field_has_its_row(obs: inlay.Observer) -> None:
    bound(obs, prices=PRICES).record(**WHOLE)
    rows = rows_of(obs.collect())
    counters = {key[0]: row["value"] for key, row in rows.items() if row["kind"] == "counter"}
    assert counters == {
        "prompt_tokens": 900.0,
        "output_tokens": 257.0,
        "cached_tokens": 400.0,
        "reasoning_tokens": 100.0,
        "requests": 1.0,
        "cost": pytest.approx((500 * 0.5 + 400 * 0.05 + 157 * 2.0 + 100 * 3.0) / 1e6, rel=1e-12),
    }
    histograms = {
        key[0]: (row["count"], row["sum"], row["unit"])
        for key, row in rows.items()
        if row["kind"] == "histogram"
    }
    assert histograms == {
        "prompt_length": (1, 900.0, "{token}"),
        "output_length": (1, 257.0, "{token}"),
        "time_to_first_token": (1, 0.25, "s"),
        "inter_token_latency": (256, 3.2, "s"),
        "queue_time": (1, 0.0625, "s"),
        "prefill_time": (1, 0.125, "s"),
        "decode_time": (1, 3.5, "s"),
        "request_duration": (1, 3.75, "s"),
        "time_per_output_token": (1, 3.5 / 256, "s"),
    }
    assert rows["requests", "stop"]["unit"] == "{request}"
    assert rows["cost",]["unit"] == "{USD}"


def test_bound_and_unbound_records_are_the_same(obs: inlay.Observer) -> None:
    chat = chat_of(obs, prices=PRICES)
    chat.bind(model="small").record(**WHOLE)
    first = rows_of(obs.collect())
    chat.record(**WHOLE, model="small")
    second = rows_of(obs.collect())
    assert set(first) == set(second)
    for key, row in first.items():
        for column in ("value", "count", "sum", "series_id", "pos_counts"):
            assert row[column] == second[key][column]


def test_nothing_given_is_a_request(obs: inlay.Observer) -> None:
    bound(obs).record()
    bound(obs).record(prompt_tokens=None, inter_token=None, finish_reason=None)
    rows = rows_of(obs.collect())
    assert {key: row["value"] for key, row in rows.items()} == {("requests", "unknown"): 2.0}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"output_tokens": 11, "ttft": 1.0, "e2e": 6.0, "decode": 9.0}, 0.5),
        ({"output_tokens": 11, "decode": 5.0, "inter_token": [0.1]}, 0.5),
        ({"inter_token": [0.1, 0.3]}, 0.2),
        ({"output_tokens": 1, "ttft": 1.0, "e2e": 6.0}, None),
        ({"output_tokens": 5, "e2e": 6.0}, None),
    ],
)
def test_time_per_output_token(
    obs: inlay.Observer, fields: dict[str, Any], expected: float | None
) -> None:
    if "inter_token" in fields:
        fields = {**fields, "inter_token": np.asarray(fields["inter_token"])}
    bound(obs).record(**fields)
    row = rows_of(obs.collect()).get(("time_per_output_token",))
    assert (row and row["sum"]) == (expected and pytest.approx(expected))


@pytest.mark.parametrize(
    "times",
    [
        np.array([0.5, 0.25, 0.125]),
        np.array([0.5, 0.25, 0.125], np.float32),
        pa.array([0.5, 0.25, 0.125]),
        np.array([[0.5, 9.0], [0.25, 9.0], [0.125, 9.0]])[:, 0],
        np.array([4, 2, 1]) / 8,
    ],
)
def test_inter_token_times_of_any_array(obs: inlay.Observer, times: Any) -> None:
    bound(obs).record(inter_token=times)
    row = rows_of(obs.collect())["inter_token_latency",]
    assert (row["count"], row["sum"], row["max"]) == (3, 0.875, 0.5)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=600))
def test_inter_token_times_are_kept_or_counted(times: list[float]) -> None:
    observer = inlay.Observer({"service.name": "assistant"})
    bound(observer).record(inter_token=np.array(times))
    batch = observer.collect()
    values = np.array(times)
    good = values[(values >= 0) & (values < np.inf)]
    row = rows_of(batch).get(("inter_token_latency",), {"count": 0})
    assert row["count"] == len(good)
    expected = {
        "nan": np.isnan(values).sum(),
        "negative": (values < 0).sum(),
        "infinite": (values == np.inf).sum(),
    }
    assert rejected(batch) == {("inter_token", why): n for why, n in expected.items() if n}
    observer.stop()


def test_nulls_among_inter_token_times_are_counted(obs: inlay.Observer) -> None:
    bound(obs).record(inter_token=pa.array([0.5, None, None]))
    batch = obs.collect()
    assert rows_of(batch)["inter_token_latency",]["count"] == 1
    assert rejected(batch) == {("inter_token", "null"): 2.0}


# ---- what cannot be --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "field", ["prompt_tokens", "output_tokens", "cached_tokens", "ttft", "e2e"]
)
@pytest.mark.parametrize(
    ("value", "reason"), [(-1, "negative"), (math.nan, "nan"), (math.inf, "infinite")]
)
def test_numbers_that_cannot_be_are_counted(
    obs: inlay.Observer, field: str, value: float, reason: str
) -> None:
    bound(obs).record(**{field: value}, queue=0.5)
    batch = obs.collect()
    assert rejected(batch) == {(field, reason): 1.0}
    kept = {key[0] for key in rows_of(batch)}
    assert kept == {"rejected", "requests", "queue_time"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"output_tokens": 1.5}, ("output_tokens", "not_whole")),
        ({"prompt_tokens": 10**400}, ("prompt_tokens", "infinite")),
        ({"prompt_tokens": 1e15}, ("prompt_tokens", "too_large")),
        ({"prompt_tokens": 5, "cached_tokens": 6}, ("cached_tokens", "over_prompt_tokens")),
        ({"output_tokens": 5, "reasoning_tokens": 6}, ("reasoning_tokens", "over_output_tokens")),
        ({"ttft": 2.0, "e2e": 1.0}, ("ttft", "over_e2e")),
        ({"cost": -1.0}, ("cost", "negative")),
    ],
)
def test_fields_that_do_not_go_together_are_counted(
    obs: inlay.Observer, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    bound(obs).record(**fields)
    assert rejected(obs.collect()) == {expected: 1.0}


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"prompt_tokens": "many"}, "prompt_tokens must be a number, got 'many'"),
        ({"ttft": b"1"}, "ttft must be a number"),
        ({"finish_reason": 3}, "finish_reason must be a str, got 3"),
        ({"inter_token": "fast"}, "got str"),
        ({"inter_token": np.array(["a"])}, "number"),
        ({"tokens": 3}, "a generation has no field 'tokens'"),
        ({"model": "small"}, "'model' was given to bind"),
    ],
)
def test_what_is_of_another_class_records_nothing(
    obs: inlay.Observer, fields: dict[str, Any], match: str
) -> None:
    handle = bound(obs)
    with pytest.raises(TypeError, match=match):
        handle.record(prompt_tokens=3, **fields) if "prompt_tokens" not in fields else (
            handle.record(output_tokens=3, **fields)
        )
    assert rows_of(obs.collect()) == {}


def test_positional_values_are_refused(obs: inlay.Observer) -> None:
    with pytest.raises(TypeError, match="by name, got 1"):
        bound(obs).record(3)  # type: ignore[call-arg,misc]


class Alike(str):
    """Text that is the same as no other, but in its letters."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def test_more_names_than_there_are_fields_are_refused(obs: inlay.Observer) -> None:
    names: dict[str, Any] = {Alike("cost"): 1.0 for _ in range(400)}
    with pytest.raises(TypeError, match="fields, got 400"):
        bound(obs).record(**names)


@pytest.mark.parametrize("attributes", [{}, {"model": 1.5}, {"model": "a", "route": "b"}])
def test_attributes_that_do_not_fit(obs: inlay.Observer, attributes: dict[str, Any]) -> None:
    chat = chat_of(obs)
    chat.record(model="a")
    obs.collect()
    with pytest.raises(TypeError, match="attribute"):
        chat.record(prompt_tokens=1, **attributes)
    assert rows_of(obs.collect()) == {}


def test_attribute_values_of_one_hash_are_different_series(obs: inlay.Observer) -> None:
    chat = chat_of(obs)
    for value in (1, True, "1", "True"):
        chat.record(prompt_tokens=1, model=value)
    rows = [r for r in obs.collect().points.to_pylist() if r["metric"] == "chat.prompt_tokens"]
    assert {r["attrs"]: r["value"] for r in rows} == {'{"model":"1"}': 2.0, '{"model":"True"}': 2.0}


def test_finish_reasons_beyond_some_share_a_series(obs: inlay.Observer) -> None:
    handle = bound(obs)
    for i in range(40):
        handle.record(finish_reason=f"r{i}")
    rows = rows_of(obs.collect())
    counts = {key[1]: row["value"] for key, row in rows.items() if key[0] == "requests"}
    assert len(counts) == 33
    assert counts["other"] == 8.0
    assert sum(counts.values()) == 40


# ---- cost ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "fields", "dollars"),
    [
        ("small", {"prompt_tokens": 100}, 100 * 0.5),
        ("plain", {"prompt_tokens": 100, "cached_tokens": 40, "output_tokens": 10}, 100 + 40),
        ("plain", {"output_tokens": 10, "reasoning_tokens": 4}, 40),
        ("unknown", {"prompt_tokens": 7, "cost": 25e-6}, 25),
        ("small", {"prompt_tokens": 7, "cost": 25e-6}, 25),
    ],
)
def test_cost(obs: inlay.Observer, model: str, fields: dict[str, Any], dollars: float) -> None:
    chat_of(obs, prices=PRICES).record(**fields, model=model)
    batch = obs.collect()
    assert rows_of(batch)["cost",]["value"] == pytest.approx(dollars / 1e6, rel=1e-12)
    assert rejected(batch) == {}


@pytest.mark.parametrize(
    ("model", "fields", "reasons"),
    [
        ("unknown", {"prompt_tokens": 7}, {("cost", "no_price")}),
        (
            "small",
            {"prompt_tokens": 7, "cached_tokens": 9},
            {("cost", "tokens"), ("cached_tokens", "over_prompt_tokens")},
        ),
        ("small", {"prompt_tokens": 7, "cost": math.nan}, {("cost", "nan")}),
    ],
)
def test_no_cost_is_made_up(
    obs: inlay.Observer, model: str, fields: dict[str, Any], reasons: set[tuple[str, str]]
) -> None:
    chat_of(obs, prices=PRICES).record(**fields, model=model)
    batch = obs.collect()
    assert ("cost",) not in rows_of(batch)
    assert set(rejected(batch)) == reasons


def test_one_price_for_all(obs: inlay.Observer) -> None:
    chat = obs.generation("chat", prices={"*": {"input": 1, "output": 1}}, currency="EUR")
    chat.record(prompt_tokens=5)
    row = rows_of(obs.collect())["cost",]
    assert (row["value"], row["unit"]) == (pytest.approx(5e-6), "{EUR}")


@pytest.mark.parametrize(
    ("prices", "error"),
    [
        ({"a": {"input": 1.0}}, ValueError),
        ({"a": {"input": 1.0, "output": -1.0}}, ValueError),
        ({"a": {"input": 1.0, "output": math.inf}}, ValueError),
        ({"a": {"input": 1.0, "output": 1.0, "image": 3.0}}, ValueError),
        ({"a": {"input": "1", "output": 1.0}}, TypeError),
        ({"a": 3.0}, TypeError),
        ({3: {"input": 1.0, "output": 1.0}}, TypeError),
        ([], TypeError),
    ],
)
def test_prices_that_are_none(obs: inlay.Observer, prices: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        obs.generation("chat", attributes=("model",), prices=prices or [1])


def test_prices_need_the_attribute_they_go_by(obs: inlay.Observer) -> None:
    with pytest.raises(ValueError, match="'model'"):
        obs.generation("chat", prices=PRICES)


# ---- tools, retrievals, agents, answers ------------------------------------------------------
def test_what_a_request_does(obs: inlay.Observer) -> None:
    chat = chat_of(obs)
    chat.retrieval(np.array([0.5, -0.25, np.nan]), model="a")
    chat.retrieval(hits=0, model="a")
    chat.tool("search", duration=0.5, model="a")
    chat.tool("search", ok=False, model="a")
    chat.tool("search", duration=-1.0, model="a")
    chat.agent(steps=4, duration=2.0, model="a")
    chat.agent(ok=False, model="a")
    batch = obs.collect()
    rows = rows_of(batch)
    score = rows["retrieval.score",]
    assert (score["count"], score["sum"], score["nan_count"]) == (2, 0.25, 1)
    assert (rows["retrieval.hits",]["count"], rows["retrieval.hits",]["sum"]) == (2, 3.0)
    assert rows["tool.calls", "ok", "search"]["value"] == 2.0
    assert rows["tool.calls", "error", "search"]["value"] == 1.0
    assert rows["tool.duration", "search"]["count"] == 1
    assert rows["agent.steps",]["sum"] == 4.0
    assert rows["agent.duration",]["sum"] == 2.0
    assert rows["agent.runs", "error"]["value"] == 1.0
    assert rejected(batch) == {("duration", "negative"): 1.0}
    with pytest.raises(ValueError, match="scores or hits"):
        chat.retrieval(model="a")
    with pytest.raises(TypeError, match="steps"):
        chat.agent(steps="4", model="a")  # type: ignore[arg-type]


def test_figures_of_an_answer(obs: inlay.Observer) -> None:
    chat = obs.generation("chat")
    chat.answer(
        "One two three four five. One two three four five.",
        context="He said: one two three four.",
        samples=["One two three."],
        log_probs=[-1.0, -3.0],
    )
    chat.answer("Yes.", context="no")
    chat.answer(log_probs=np.array([0.5, np.nan, -1.0]))
    batch = obs.collect()
    rows = rows_of(batch)
    assert rows["text.length",]["sum"] == 11.0
    assert rows["text.repetition",]["sum"] == pytest.approx(1 - 5 / 7)
    assert rows["text.overlap",]["sum"] == pytest.approx(4 / 8)
    assert rows["text.log_prob",]["sum"] == -2.0
    assert rows["text.perplexity",]["sum"] == pytest.approx(math.exp(2))
    assert rows["text.inconsistency",]["count"] == 1
    assert rejected(batch) == {
        ("repetition", "too_short"): 1.0,
        ("overlap", "too_short"): 1.0,
        ("log_probs", "not_log_probability"): 2.0,
    }


def events_of(batch: inlay.Batch) -> list[dict[str, Any]]:
    return [{"name": row["name"], **json.loads(row["attrs"])} for row in batch.events.to_pylist()]


def test_texts_are_not_stored_unless_asked(obs: inlay.Observer) -> None:
    secret = "the word is swordfish"
    chat = obs.generation("chat")
    chat.answer(secret, prompt=secret, context=secret, samples=[secret], response_id=7)
    judge = {"evaluator": "judge", "evaluator_version": "1", "range": (0, 1), "direction": "lower"}
    chat.evaluation("leak", 0.5, explanation=secret, **judge)  # type: ignore[arg-type]
    batch = obs.collect()
    for table in (batch.points, batch.events, batch.exemplars, batch.spans, batch.verdicts):
        assert "swordfish" not in json.dumps(table.to_pylist(), default=str)


def test_texts_are_stored_as_redacted(obs: inlay.Observer) -> None:
    def redact(text: str) -> str:
        if "fail" in text:
            raise ValueError(text)
        return text.replace("swordfish", "****")

    chat = obs.generation("chat", store_text=True, redact=redact)
    chat.answer("it is swordfish", prompt="what is it", response_id=7)
    chat.answer("fail swordfish", prompt="what is it")
    batch = obs.collect()
    assert events_of(batch) == [
        {
            "name": "chat.text",
            "answer": "it is ****",
            "prompt": "what is it",
            "response_id": "7",
        },
        {"name": "chat.text", "prompt": "what is it"},
    ]
    assert rejected(batch)["answer", "not_redacted"] == 1.0


def test_logits_share_the_name(obs: inlay.Observer) -> None:
    chat = obs.generation("chat")
    logits = chat.logits(vocabulary=4, attributes={"model": "small"})
    logits.update(np.zeros((3, 4), np.float32), [0, 1, 2])
    chat.record(output_tokens=3)
    rows = rows_of(obs.collect())
    assert rows["logits.entropy",]["count"] == 3
    assert rows["output_length",]["sum"] == 3.0


# ---- the observer ----------------------------------------------------------------------------
def test_the_same_name_is_the_same_stream(obs: inlay.Observer) -> None:
    chat = obs.generation("chat", attributes=["model"], prices=PRICES)
    assert obs.generation("chat", attributes=("model",), prices=PRICES) is chat
    assert repr(chat) == "<inlay.model.Generation 'chat' attributes=('model',)>"
    assert repr(chat.bind(model="a")) == "<inlay.model.BoundGeneration {'model': 'a'}>"
    assert chat.bind(model="a").attributes == {"model": "a"}
    with pytest.raises(ValueError, match=r"chat.*remember"):
        obs.generation("chat", attributes=("model",), prices=PRICES, remember=3)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"attributes": ("finish_reason",)}, ValueError),
        ({"attributes": ("prompt_tokens",)}, ValueError),
        ({"attributes": "model"}, TypeError),
        ({"semconv": "1.40"}, ValueError),
        ({"currency": ""}, ValueError),
        ({"currency": 3}, TypeError),
        ({"remember": 0}, ValueError),
        ({"redact": "all"}, TypeError),
    ],
)
def test_settings_that_are_none(
    obs: inlay.Observer, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        obs.generation("chat", **options)


def test_handles_nobody_wants_are_let_go() -> None:
    clock = inlay.ManualClock()
    observer = inlay.Observer({"service.name": "assistant"}, clock=clock)
    chat = chat_of(observer)
    chat.record(model="a")
    for _ in range(2):
        assert chat._young or chat._old
        clock.advance(400.0)
        chat.record(model="b")
        observer.collect()
    assert [key for key in (*chat._young, *chat._old)] == [("b",)]
    for i in range(3000):
        chat.record(model=str(i))
    assert len(chat._young) + len(chat._old) <= 2048
    observer.stop()


def test_threads_lose_nothing(obs: inlay.Observer) -> None:
    chat = chat_of(obs)

    def work(model: str) -> None:
        handle = chat.bind(model=model)
        for i in range(500):
            handle.record(prompt_tokens=2, inter_token=np.full(5, 0.1), finish_reason=f"r{i % 3}")
            chat.record(output_tokens=1, model=model)

    threads = [threading.Thread(target=work, args=(f"m{i % 2}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals: dict[str, float] = {}
    for row in obs.collect().points.to_pylist():
        if row["layer"] == "model":
            amount = row["value"] if row["kind"] == "counter" else row["count"]
            totals[row["metric"]] = totals.get(row["metric"], 0) + amount
    assert totals["chat.requests"] == 4000
    assert totals["chat.prompt_tokens"] == 4000
    assert totals["chat.output_tokens"] == 2000
    assert totals["chat.inter_token_latency"] == 10_000


def test_exemplars_lead_to_the_slowest_request(obs: inlay.Observer) -> None:
    trace = ["0" * 31 + "1", "0" * 15 + "1"]
    obs.core.set_exemplar_source(lambda: (trace[0], trace[1]))
    handle = bound(obs)
    for i in range(1, 100):
        trace[0] = f"{i:032x}"
        handle.record(e2e=1.0 if i != 57 else 9.0)
    batch = obs.collect()
    series = rows_of(batch)["request_duration",]["series_id"]
    found = {
        row["value"]: row["trace_id"]
        for row in batch.exemplars.to_pylist()
        if row["series_id"] == series
    }
    assert found[9.0] == f"{57:032x}"


def test_a_stream_made_before_install_counts_after_it() -> None:
    early = inlay.get_observer()
    chat = early.generation("early-chat", attributes=("model",))
    handle = chat.bind(model="a")
    handle.record(prompt_tokens=1)
    judge = {"evaluator": "judge", "evaluator_version": "1", "range": (0, 1), "direction": "lower"}
    chat.evaluation("leak", 0.5, threshold=0.5, model="a", **judge)  # type: ignore[arg-type]
    with inlay.Observer({"service.name": "assistant"}).install() as observer:
        handle.record(prompt_tokens=2)
        chat.record(prompt_tokens=3, model="a")
        chat.evaluation("leak", 0.5, threshold=0.5, model="a", **judge)  # type: ignore[arg-type]
        values = {
            row["metric"]: row["value"]
            for row in observer.collect().points.to_pylist()
            if row["layer"] == "model"
        }
        observer.uninstall()
    assert values["early-chat.prompt_tokens"] == 5.0
    assert values["early-chat.evaluation.rate"] == 1.0
    assert chat.judged_rate("leak").rate.n == 1


def test_streams_made_before_each_install_have_rates() -> None:
    judge = {"evaluator": "judge", "evaluator_version": "1", "range": (0, 1), "direction": "lower"}
    for _ in range(2):
        chat = inlay.get_observer().generation("again-chat")
        with inlay.Observer({"service.name": "assistant"}).install() as observer:
            chat.evaluation("leak", 0.5, threshold=0.5, **judge)  # type: ignore[arg-type]
            metrics = [row["metric"] for row in observer.collect().points.to_pylist()]
            observer.uninstall()
        assert "again-chat.evaluation.rate" in metrics


def test_a_disabled_observer_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_DISABLED", "1")
    observer = inlay.Observer()
    chat = chat_of(observer, prices=PRICES)
    assert observer.generation("chat", attributes=("model",), prices=PRICES) is chat
    chat.bind(model="a").record(**WHOLE)
    chat.record(prompt_tokens=-1, model="a")
    chat.tool("search", model="a")
    chat.answer("text", model="a")
    judge = {"evaluator": "judge", "evaluator_version": "1", "range": (0, 1), "direction": "lower"}
    chat.evaluation("leak", 0.9, threshold=0.5, model="a", **judge)  # type: ignore[arg-type]
    chat.labelled("leak", 3, True)
    assert chat.judged_rate("leak").rate.reason == "no_rows"
    assert observer.collect().points.num_rows == 0
    with pytest.raises(TypeError):
        chat.bind(model="a").record(prompt_tokens="x")  # type: ignore[arg-type]


def test_a_forked_child_judges_anew() -> None:
    script = """
import os, inlay
obs = inlay.Observer({"service.name": "assistant"}, callback_timeout=50)
chat = obs.generation("chat")
judge = dict(evaluator="j", evaluator_version="1", range=(0, 1), direction="lower", threshold=0.5)
chat.evaluation("leak", 0.9, **judge)
read, write = os.pipe()
if os.fork() == 0:
    try:
        chat.evaluation("leak", 0.1, **judge)
        chat.record(prompt_tokens=3)
        rows = {row["metric"]: row["value"] for row in obs.collect().points.to_pylist()}
        rate = chat.judged_rate("leak").rate
        os.write(write, f"{rate.value} {rate.n} {rows['chat.evaluation.rate']}".encode())
    finally:
        os._exit(0)
os.close(write)
os.wait()
rate = chat.judged_rate("leak").rate
print(os.read(read, 100).decode(), rate.value, rate.n)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["0.0", "1", "0.0", "1.0", "1"], done.stderr


def test_the_native_handle_refuses_other_series(obs: inlay.Observer) -> None:
    histogram = obs.histogram("h").bind()
    counter = obs.counter("c").bind()
    with pytest.raises(TypeError, match=r"9 inlay\.BoundHistogram are needed"):
        _core.bind_generation((), (), print, print, {}, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"5 inlay\.BoundCounter are needed"):
        _core.bind_generation((histogram,) * 9, (histogram,) * 5, print, print, {}, None)  # type: ignore[arg-type]
    handle = _core.bind_generation(
        (histogram,) * 9,
        (counter,) * 5,
        lambda _: None,
        print,
        {},
        None,  # type: ignore[arg-type,return-value]
    )
    with pytest.raises(TypeError, match="a BoundCounter is needed, got None"):
        handle.record()
    with pytest.raises(TypeError, match="cannot create"):
        BoundGeneration()


def test_counts_that_are_no_whole_numbers_are_left_out() -> None:
    obs = inlay.Observer({"service.name": "assistant"}, clock=inlay.ManualClock())
    stream = obs.generation("whole")
    stream.retrieval(hits=2.5)
    stream.agent(steps=1.5, duration=2.5)
    rows = {(row["metric"], row["attrs"]): row["value"] for row in obs.collect().points.to_pylist()}
    assert rows["whole.rejected", '{"field":"hits","reason":"not_whole"}'] == 1
    assert rows["whole.rejected", '{"field":"steps","reason":"not_whole"}'] == 1
    assert not [
        metric for metric, _ in rows if metric in ("whole.retrieval.hits", "whole.agent.steps")
    ]
    assert ("whole.agent.duration", "{}") in rows
    obs.stop()


def test_log_probabilities_of_another_class_are_refused() -> None:
    obs = inlay.Observer({"service.name": "assistant"}, clock=inlay.ManualClock())
    for wrong in (["a"], "abc", [[-0.1], [-0.2, -0.3]]):
        with pytest.raises(TypeError, match="log_probs must be numbers"):
            obs.generation("classes").answer("a b", log_probs=wrong)
    obs.stop()
